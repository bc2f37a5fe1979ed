"""The commands of the README work, and its files exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from vitinspect.cli import main

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("vitinspect ")
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all commands, which a reader types one after the other: the later ones read what the earlier wrote."""
    made = tmp_path_factory.mktemp("reader")
    (made / "resources").symlink_to(ROOT / "resources", target_is_directory=True)
    return made


@pytest.fixture
def like_the_checkout(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which the README's relative paths hold, and which may be written to."""
    monkeypatch.chdir(folder)
    return folder


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_works(command: str, like_the_checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(shlex.split(command)[1:])
    # The doctor may find something on the machine that runs this; it says so with 1.
    assert code in ((0, 1) if command == "vitinspect doctor" else (0,)), capsys.readouterr().err
    assert capsys.readouterr().out


def test_the_python_example_works(like_the_checkout: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert names["result"]["rollout"].values.shape == (14, 14)  # type: ignore[index]


def test_every_file_that_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in target:
            assert (ROOT / target).exists(), target
