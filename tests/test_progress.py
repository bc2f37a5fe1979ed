"""Progress bars: on terminals, in notebooks, in pipes."""

from __future__ import annotations

import io
import itertools

import pytest

from vitinspect.progress import ProgressLine, shown_progress


class Notebook(io.StringIO):
    """As the stream that a kernel of Jupyter puts in the place of stderr."""

    def isatty(self) -> bool:
        return False


Notebook.__module__ = "ipykernel.iostream"


def test_in_a_notebook_the_bar_stays_in_its_line_without_codes_of_terminals() -> None:
    stream = Notebook()
    with ProgressLine("maps", stream=stream) as line:
        line.TERMINAL_INTERVAL = 0.0
        for done in range(4):
            line(done, 3)
    text = stream.getvalue()
    assert "\x1b" not in text
    assert text.count("\n") == 1
    assert text.endswith("\n")
    pieces = text.rstrip("\n").split("\r")[1:]
    assert len(pieces) == 4
    assert all(len(later) >= len(earlier) for earlier, later in itertools.pairwise(pieces))


def test_true_is_a_bar_in_per_cent(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress(True, "explaining") as report:
        assert report is not None
        report(500, 1000)
        report(1000, 1000)
    assert "explaining  100/100 %" in capsys.readouterr().err


def test_a_callable_stays_what_it_is_and_false_is_none() -> None:
    def own(done: int, total: int) -> None:
        pass

    with shown_progress(own) as report:
        assert report is own
    with shown_progress(False) as report:
        assert report is None
