"""Completion: what a shell offers after the Tab key, tested in the shell itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.cli.completion import SHELLS
from vitinspect.cli.frame import VERBS

# A line as far as it is typed, and what has to be offered for its last word.
OFFERED = [
    ("vitinspect ex", {"explain", "export"}),
    ("vitinspect explain --meth", {"--methods"}),
    ("vitinspect doctor --r", {"--report"}),
    ("vitinspect doctor --meth", set()),
    ("vitinspect explain --mode s", {"squash"}),
    ("vitinspect completion ", set(SHELLS)),
    ("vitinspect --fr", {"--fresh"}),
    ("vitinspect masks ", {"import", "export"}),
    ("vitinspect masks export --format c", {"coco", "cvat"}),
    ("vitinspect masks export --prev", set()),  # of the other command of that name
    ("vitinspect export --prev", {"--preview"}),
    ("vitinspect table run --layout ", {"paper", "long"}),  # other values than those of `masks export`
    ("vitinspect compare --method gradient_r", {"gradient_rollout"}),
    ("vitinspect methods gradient_r", {"gradient_rollout"}),
]


@pytest.fixture
def script(capsys: pytest.CaptureFixture[str], tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    shell = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    assert main(["completion", shell]) == 0
    path = tmp_path / f"vitinspect.{shell}"
    path.write_text(capsys.readouterr().out, "utf-8")
    return path


def offered_by_bash(script: Path, line: str, words: list[str] | None = None) -> list[str]:
    words = words or line.split(" ")
    given = " ".join(f"'{word}'" for word in words)
    code = (
        f"source '{script}'; COMP_WORDS=({given}); COMP_CWORD={len(words) - 1}; _vitinspect; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    return answer(["bash", "--norc", "-c", code]).split()


def offered_by_fish(script: Path, line: str) -> list[str]:
    told = answer(["fish", "--no-config", "-c", f"cd {script.parent}; source '{script}'; complete -C '{line}'"])
    return [one.split("\t")[0] for one in told.splitlines()]


def answer(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("script", ["bash"], indirect=True)
@pytest.mark.parametrize(("line", "expected"), OFFERED)
def test_bash_offers_what_can_follow(script: Path, line: str, expected: set[str]) -> None:
    offered = offered_by_bash(script, line)
    assert set(offered) - {"--help", "--plugin", "--debug"} == expected


@pytest.mark.parametrize("script", ["fish"], indirect=True)
@pytest.mark.parametrize(("line", "expected"), OFFERED)
def test_fish_offers_what_can_follow(script: Path, line: str, expected: set[str]) -> None:
    offered = [one for one in offered_by_fish(script, line) if one != script.name]
    assert set(offered) == expected
    assert len(offered) == len(set(offered))


@pytest.mark.parametrize("script", ["bash"], indirect=True)
def test_bash_completes_all_commands_and_values_after_an_equals_sign(script: Path) -> None:
    assert set(offered_by_bash(script, "vitinspect ")) == {verb.name for verb in VERBS}
    # That is how bash cuts `--mode=s`.
    assert offered_by_bash(script, "", ["vitinspect", "explain", "--mode", "=", "s"]) == ["squash"]


@pytest.mark.parametrize("script", ["bash", "fish"], indirect=True)
def test_the_last_method_of_a_list_is_completed(script: Path) -> None:
    offered = offered_by_fish if script.suffix == ".fish" else offered_by_bash
    assert offered(script, "vitinspect explain --methods gradient_r") == ["gradient_rollout"]
    assert offered(script, "vitinspect explain --methods rollout,gradient_r") == ["rollout,gradient_rollout"]
    known = {f"lrp,{info.id}" for info in vi.methods()}
    assert set(offered(script, "vitinspect explain --methods lrp,")) >= known - {"lrp,lrp"}


TYPED_IN_ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "source {folder}/set-up.zsh"
zpty -r -m shell seen '*prompt>*'
for line in {lines}; do
  zpty -w -n shell "$line"$'\\t\\n'
  zpty -r -m shell seen '*ran:*:end*'
  print -r -- "$seen"
done
"""
SET_UP_OF_ZSH = """
autoload -Uz compinit && compinit -u -D
source {script}
vitinspect() {{ print -r -- "ran:${{(j:|:)@}}:end" }}
unsetopt zle_bracketed_paste beep
PS1='prompt'; PS1+='> '
"""


@pytest.mark.parametrize("script", ["zsh"], indirect=True)
def test_zsh_completes_what_is_typed(script: Path) -> None:
    """The Tab key and the return key are pressed in an interactive zsh with a terminal of its own."""
    typed = {
        "vitinspect expl": "explain",
        "vitinspect explain --mode s": "explain|--mode|squash",
        "vitinspect explain --mode=s": "explain|--mode=squash",
        "vitinspect masks im": "masks|import",
        "vitinspect explain --methods rollout,gradient_r": "explain|--methods|rollout,gradient_rollout",
        f"vitinspect {script.parent}/set-up": f"{script.parent}/set-up.zsh",
    }
    (script.parent / "set-up.zsh").write_text(SET_UP_OF_ZSH.format(script=script))
    lines = " ".join(f"'{line}'" for line in typed)
    told = answer(["zsh", "-f", "-c", TYPED_IN_ZSH.format(folder=script.parent, lines=lines)])
    ran = [line.split("ran:")[1].split(":end")[0] for line in told.splitlines() if "ran:" in line]
    assert ran == list(typed.values())


@pytest.mark.parametrize("script", SHELLS, indirect=True)
def test_the_shell_reads_the_script(script: Path) -> None:
    answer([script.suffix.removeprefix("."), "-n", str(script)])


@pytest.mark.parametrize("shell", SHELLS)
def test_it_contains_every_verb(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    text = capsys.readouterr().out
    assert [verb.name for verb in VERBS if verb.name not in text] == []
