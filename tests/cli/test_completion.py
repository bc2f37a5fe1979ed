"""Completion: what a shell offers behind the tabulator key, asked in the shell itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from vitinspect.cli import main
from vitinspect.cli.completion import SHELLS
from vitinspect.cli.frame import VERBS


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    shell = request.param
    assert main(["completion", shell]) == 0
    path = tmp_path / f"vitinspect.{shell}"
    path.write_text(capsys.readouterr().out, "utf-8")
    return path


def offered(script: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words."""
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    line = " ".join(f"'{word}'" for word in words)
    code = (
        f"source '{script}'; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _vitinspect; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_completes_verbs_options_and_values(script: Path) -> None:
    assert offered(script, "vitinspect", "ex") == ["explain", "export"]
    assert set(offered(script, "vitinspect", "")) == {verb.name for verb in VERBS}
    assert "--methods" in offered(script, "vitinspect", "explain", "--m")
    assert "--methods" not in offered(script, "vitinspect", "doctor", "--")
    assert "--report" in offered(script, "vitinspect", "doctor", "--")
    assert offered(script, "vitinspect", "explain", "--mode", "s") == ["squash"]
    assert set(offered(script, "vitinspect", "completion", "")) >= set(SHELLS)
    assert "--fresh" in offered(script, "vitinspect", "--f")


@pytest.mark.parametrize("script", SHELLS, indirect=True)
def test_the_shell_reads_the_script(script: Path) -> None:
    shell = script.suffix.removeprefix(".")
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", SHELLS, indirect=True)
def test_every_verb_stands_in_it(script: Path) -> None:
    text = script.read_text("utf-8")
    assert [verb.name for verb in VERBS if verb.name not in text] == []


@pytest.mark.parametrize("script", ["fish"], indirect=True)
def test_quotes_in_help_do_not_end_a_word_of_fish(script: Path) -> None:
    for line in script.read_text("utf-8").splitlines()[1:]:
        assert line.replace("\\\\", "").replace("\\'", "").count("'") % 2 == 0, line
