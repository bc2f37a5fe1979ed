"""What the documents name exists: files, commands, verbs, decisions."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

import vitinspect
from vitinspect.cli.frame import VERBS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md", "docs/decisions/README.md")
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
TOPS = {"vitinspect", "tests", "docs", "scripts", "resources", "benchmarks", ".ci"}


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def code(name: str) -> list[str]:
    """The texts in backquotes, and the lines of blocks."""
    blocks = re.findall(r"```sh\n(.*?)```", text(name), re.DOTALL)
    outside = re.sub(r"```.*?```", "", text(name), flags=re.DOTALL)
    return re.findall(r"`([^`\n]+)`", outside) + [line for block in blocks for line in block.splitlines()]


PAGES = [*DOCUMENTS[:3], *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files(name: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text(name)):
        if "://" not in target:
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name} points to {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_of_the_checkout_that_are_named_exist(name: str) -> None:
    for word in code(name):
        path = word.rstrip("/")
        if "/" in path and path.split("/")[0] in TOPS and re.fullmatch(r"[\w./-]+", path):
            assert (ROOT / path).exists(), f"{name} names {path}"


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"])
def test_commands_that_are_named_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    verbs = {verb.name for verb in VERBS}
    for line in code(name):
        words = shlex.split(line.split("#")[0]) if line.count('"') % 2 == 0 else line.split()
        if words[:1] == ["make"] and len(words) > 1:
            assert words[1] in targets, f"{name}: {line}"
        elif words[:2] == ["python", "-m"] or words[:2] == [".venv/bin/python", "-m"]:
            assert importlib.util.find_spec(words[2]) is not None, f"{name}: {line}"
        elif words[:1] == ["vitinspect"] and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
            assert words[1] in verbs, f"{name}: {line}"


def test_every_package_is_in_the_overview() -> None:
    overview = text("docs/architecture.md")
    package = ROOT / "vitinspect"
    packages = [path.parent.relative_to(package).as_posix() for path in package.glob("*/__init__.py")]
    packages += [path.parent.relative_to(package).as_posix() for path in (package / "app").glob("*/__init__.py")]
    packages += [path.parent.relative_to(package).as_posix() for path in (package / "explainers").glob("*/__init__.py")]
    missing = [name for name in packages if f"`{name}/`" not in overview]
    assert not missing, f"docs/architecture.md does not mention {', '.join(missing)}"


def test_every_verb_is_in_the_readme_or_a_document() -> None:
    documents = [text("README.md"), *(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))]
    missing = [verb.name for verb in VERBS if not any(f"vitinspect {verb.name}" in page for page in documents)]
    assert not missing


def test_decisions_have_unique_numbers_and_are_in_the_index() -> None:
    numbers = [path.name[:4] for path in DECISIONS]
    twice = {number for number in numbers if numbers.count(number) > 1}
    assert not twice, f"Two decisions have the number {', '.join(sorted(twice))}."
    index = text("docs/decisions/README.md")
    for path in DECISIONS:
        number, title = re.match(r"# (\d+)\. (.+)", path.read_text("utf-8").splitlines()[0]).groups()  # type: ignore[union-attr]
        assert int(number) == int(path.name[:4]), f"{path.name} calls itself number {number}"
        assert f"| {number} | [{title}]({path.name}) |" in index, f"{path.name} is not in the index"


def test_the_fast_tests_exist_and_are_what_the_command_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import set_up

    listed = set_up.fast_tests()
    assert len(listed) > 10
    assert [name for name in listed if not (ROOT / name).exists()] == []
    started: list[list[str]] = []
    monkeypatch.setattr(set_up, "provide", lambda extras, testing: Path("python"))
    monkeypatch.setattr(set_up, "start", lambda command: started.append(list(command)))
    set_up.main(["test-fast", "-x"])
    (command,) = started
    assert command[:3] == ["python", "-m", "pytest"]
    assert command[-len(listed) - 1 :] == [*listed, "-x"]


def test_the_hooks_before_a_commit_are_what_the_ci_checks() -> None:
    hooks = text(".pre-commit-config.yaml")
    entries = re.findall(r"entry: \.venv/bin/python -m (.+)", hooks)
    checks = re.findall(r'\[("[^\]]+)\]', re.search(r"for check in \((.*)\):", text("scripts/set_up.py")).group(1))  # type: ignore[union-attr]
    expected = [" ".join(re.findall(r'"([^"]+)"', check)).removesuffix(" .") for check in checks]
    assert entries == expected


def test_the_citation_has_the_version_and_the_licence_of_the_package() -> None:
    citation = text("CITATION.cff")
    assert f"\nversion: {vitinspect.__version__}\n" in citation
    assert "\nlicense: MIT\n" in citation
