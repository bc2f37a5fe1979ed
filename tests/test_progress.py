"""Progress bars: on terminals, in notebooks, in pipes."""

from __future__ import annotations

import io

import pytest

from vitinspect.progress import ProgressLine, shown_progress


class Notebook(io.StringIO):
    """As the stream that a kernel of Jupyter puts in the place of stderr."""

    def isatty(self) -> bool:
        return False


Notebook.__module__ = "ipykernel.iostream"


def test_in_a_notebook_the_bar_is_one_output_that_changes() -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    try:
        stream = Notebook()
        with capture_output() as captured, ProgressLine("maps <b>", stream=stream) as line:
            line.TERMINAL_INTERVAL = 0.0
            for done in range(4):
                line(done, 3)
    finally:
        InteractiveShell.clear_instance()
    assert stream.getvalue() == ""  # a notebook keeps each line of stderr, on red
    shown = captured._outputs
    assert len(shown) == 4
    assert [one["update"] for one in shown] == [False, True, True, True]
    assert len({one["transient"]["display_id"] for one in shown}) == 1
    assert '<progress value="3" max="3"' in shown[-1]["data"]["text/html"]
    assert "maps &lt;b&gt;" in shown[-1]["data"]["text/html"]
    assert "3/3" in shown[-1]["data"]["text/plain"]


def test_true_is_a_bar_in_per_cent(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress(True, "explaining") as report:
        assert report is not None
        report(500, 1000)
        report(1000, 1000)
    assert "explaining  100 %  took" in capsys.readouterr().err


def test_a_callable_is_used_as_it_is_and_false_is_none() -> None:
    def own(done: int, total: int) -> None:
        pass

    with shown_progress(own) as report:
        assert report is own
    with shown_progress(False) as report:
        assert report is None
