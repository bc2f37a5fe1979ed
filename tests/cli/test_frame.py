"""What every command shares: verbs, help, one-line errors, exit codes, pipes, Ctrl-C."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import vitinspect
from vitinspect.cli import frame, main
from vitinspect.errors import Cancelled, ModelError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Body = Callable[[argparse.Namespace], int]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Body], None]:
    """``verb(function)`` puts a command ``act`` in place that does ``function``."""

    def install(body: Body) -> None:
        module = SimpleNamespace(add_arguments=lambda parser: None, run=body)
        monkeypatch.setitem(sys.modules, "vitinspect.cli.act_for_tests", module)  # type: ignore[arg-type]
        monkeypatch.setattr(frame, "VERBS", (frame.Verb("act", "vitinspect.cli.act_for_tests", "act"),))

    return install


def failing(error: BaseException) -> Body:
    def body(_: argparse.Namespace) -> int:
        raise error

    return body


def test_the_version_is_the_packages(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"vitinspect {vitinspect.__version__}")


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    for known in frame.VERBS:
        assert f"  {known.name} " in text
        assert known.summary in text


@pytest.mark.parametrize("name", [known.name for known in frame.VERBS])
def test_every_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: vitinspect {name}")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["explain", "--help"], ["methods"], ["doctor", "-h"]])
def test_help_and_lists_load_neither_torch_nor_qt(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom vitinspect.cli import main\n"
        f"code = main({arguments!r})\n"
        "heavy = {'torch', 'timm', 'PySide6', 'pyqtgraph', 'torchvision'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_an_error_is_one_line_on_stderr_and_exit_code_2(
    verb: Callable[[Body], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(failing(ModelError("The model\n  'x' was not found.")))
    assert main(["act"]) == 2
    assert capsys.readouterr() == ("", "vitinspect: The model 'x' was not found.\n")


def test_debug_shows_the_traceback_before_that_line(
    verb: Callable[[Body], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(failing(ModelError("No.")))
    assert main(["act", "--debug"]) == 2
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith("vitinspect: No.\n")
    assert main(["--debug", "act"]) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (KeyError("x"), ["unexpected KeyError", "mistake in vitinspect", "--debug"]),
        (PermissionError(13, "Permission denied", "/out"), ["Permission denied", "/out"]),
        (MemoryError(), ["not enough memory"]),
    ],
)
def test_other_exceptions_end_in_one_line_too(
    error: Exception, words: list[str], verb: Callable[[Body], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(failing(error))
    assert main(["act"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    for word in words:
        assert word in err


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), Cancelled()])
def test_a_stop_is_exit_code_130(
    stop: BaseException, verb: Callable[[Body], None], capsys: pytest.CaptureFixture[str]
) -> None:
    verb(failing(stop))
    assert main(["act"]) == 130
    assert capsys.readouterr().err == "vitinspect: stopped.\n"


def test_a_wrong_command_line_is_one_line_that_names_the_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["predict", "--top", "none", "x.png"]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "--top" in err
    assert "vitinspect predict --help" in err


def test_a_misspelt_command_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explian", "x.png"]) == 2
    assert "vitinspect explain" in capsys.readouterr().err


def test_a_folder_with_the_name_of_a_misspelt_command_is_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "galery").mkdir()
    monkeypatch.chdir(tmp_path)
    frame.refuse_misspelt_verb("galery", ["gallery"])


def test_a_missing_folder_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["nowhere-at-all"]) == 2
    assert "'nowhere-at-all'" in capsys.readouterr().err


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere there always is a display")
def test_the_window_without_a_display_is_one_sentence_and_no_traceback(run: Run) -> None:
    done = run(DISPLAY=None, WAYLAND_DISPLAY=None, QT_QPA_PLATFORM=None)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no display" in done.stderr
    assert "demo --off-screen" in done.stderr


def test_the_window_gets_what_the_command_line_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from vitinspect import system

    calls = []

    def run_window(*positional: object, **named: object) -> int:
        calls.append((positional, named))
        return 5

    monkeypatch.setattr(system, "display_problem", lambda: None)
    monkeypatch.setitem(sys.modules, "vitinspect.app.main", SimpleNamespace(run=run_window))  # type: ignore[arg-type]
    assert main([str(tmp_path), "--model", "vit_tiny_patch16_224", "--device", "cpu", "--fresh"]) == 5
    assert main([]) == 5
    assert main(["--model", "demo"]) == 5, "the name of a model is no misspelt command"
    assert calls == [
        ((str(tmp_path), "vit_tiny_patch16_224", True), {"device": "cpu", "loader": None}),
        ((None, None, False), {"device": None, "loader": None}),
        ((None, "demo", False), {"device": None, "loader": None}),
    ]


def test_options_of_a_model_hold_for_that_model_in_the_window(monkeypatch: pytest.MonkeyPatch) -> None:
    from vitinspect.cli.window import loader_for
    from vitinspect.models import sources

    monkeypatch.setattr(sources, "load_model", lambda source, **asked: (source, asked))
    arguments = argparse.Namespace(
        model="x.pth", arch="vit_tiny_patch16_224", random=False, image_size=None, head=None, head_name=None
    )
    load = loader_for(arguments)
    assert load is not None
    assert load("x.pth", device="cpu") == ("x.pth", {"device": "cpu", "arch": "vit_tiny_patch16_224"})
    assert load("demo", device="cpu") == ("demo", {"device": "cpu"})


def test_a_missing_library_of_qt_is_one_sentence_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from vitinspect import system

    class Loader:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "vitinspect.app.main":
                raise ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(system, "display_problem", lambda: None)
    monkeypatch.setattr(system, "missing_libraries", lambda _: {"libEGL.so.1": "libegl1"})
    monkeypatch.delitem(sys.modules, "vitinspect.app.main", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Loader(), *sys.meta_path])
    assert main([]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "sudo apt-get install libegl1" in err


def test_a_closed_pipe_is_not_reported_as_an_error(tmp_path: Path) -> None:
    """``vitinspect methods | head -n 1`` as a shell does it, with more to print than a pipe holds."""
    code = textwrap.dedent("""
        import sys, types
        from vitinspect.cli import frame, main
        def body(_):
            for _ in range(20_000):
                print("a line that fills the pipe")
            return 0
        sys.modules["act"] = types.SimpleNamespace(add_arguments=lambda parser: None, run=body)
        frame.VERBS = (frame.Verb("act", "act", "act"),)
        sys.exit(main(["act"]))
    """)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "a line that fills the pipe\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 141


@pytest.mark.skipif(os.name == "nt", reason="signals are those of other systems")
def test_ctrl_c_stops_the_real_program_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "vitinspect", "gallery", "--count", "100000", "--out", str(tmp_path / "set")]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # Where the tests run in the background, the shell has them ignore SIGINT, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        images = tmp_path / "set" / "images"
        until(lambda: images.is_dir() and any(images.iterdir()))
        # To the whole group, as a terminal does.
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.splitlines()[-1] == "vitinspect: stopped."
    assert out == ""


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_no_character_stops_the_program_on_a_console_that_lacks_it(encoding: str) -> None:
    code = "from vitinspect.cli import frame; import sys; frame.speak_utf8(sys.stdout); print('Käfer █ 日本')"
    variables = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=variables)
    assert done.returncode == 0, done.stderr
    assert b"fer" in done.stdout


def test_into_a_pipe_it_writes_utf8_whatever_the_locale() -> None:
    code = "from vitinspect.cli import frame; import sys; frame.speak_utf8(sys.stdout); print('K\\u00e4fer')"
    variables = {name: value for name, value in os.environ.items() if name not in ("PYTHONIOENCODING", "PYTHONUTF8")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**variables, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    )
    assert done.stdout.decode("utf-8").strip() == "Käfer"


@pytest.mark.parametrize(("given", "used"), [(None, "1"), ("3", "3")])
def test_numpys_small_products_are_made_by_one_thread_unless_it_is_asked_for_more(given: str | None, used: str) -> None:
    """It counts only if it is set before numpy is loaded."""
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"PYTHONPATH": str(Path(vitinspect.__file__).parents[1])}
    environment |= {"OPENBLAS_NUM_THREADS": given} if given else {}
    code = "import os, sys, vitinspect.cli; print('numpy' in sys.modules, os.environ.get('OPENBLAS_NUM_THREADS'))"
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", used]
