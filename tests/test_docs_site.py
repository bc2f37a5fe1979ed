"""The documentation site builds without a warning, loads nothing from other hosts, and its commands work."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.cli.frame import VERBS

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "docs_site.py"
BLOCK = re.compile(r"(<!-- not run -->\n)?([ ]*)```sh\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip("mkdocs is not installed")
    out = tmp_path_factory.mktemp("documentation") / "site"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--out", str(out), "--pictures", "none"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


def test_every_method_has_a_page_and_every_verb_its_options(site: Path) -> None:
    for info in vi.methods():
        page = (site / "method" / f"{info.id}.html").read_text("utf-8")
        for part in ("When it misleads", "formula", "Citation", "families of timm", "in the bundled world"):
            assert part in page, (info.id, part)
    reference = (site / "reference" / "command-line.html").read_text("utf-8")
    assert [verb.name for verb in VERBS if f"vitinspect {verb.name} [-h]" not in reference] == []
    python = (site / "reference" / "python.html").read_text("utf-8")
    assert [name for name in vi._PUBLIC if f">vi.{name}<" not in python] == []


def test_no_page_is_fetched_in_part_from_another_host(site: Path, tmp_path: Path) -> None:
    specification = importlib.util.spec_from_file_location("docs_site_of_the_test", SCRIPT)
    assert specification is not None
    assert specification.loader is not None
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    assert list(script.other_hosts(site)) == []
    (tmp_path / "a.html").write_text('<script src="https://elsewhere.example/x.js"></script>')
    (tmp_path / "b.css").write_text("@font-face { src: url(//elsewhere.example/f.woff) }")
    assert len(list(script.other_hosts(tmp_path))) == 2


@pytest.mark.parametrize(("typed", "page"), [("rollout", "method/rollout.html"), ("compl", "install.html")])
def test_the_search_works_where_pages_are_opened_from_a_folder(
    site: Path, typed: str, page: str, tmp_path: Path
) -> None:
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed")
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
        "--virtual-time-budget=9000",
    ]
    done = subprocess.run(
        [browser, *options, f"--user-data-dir={tmp_path}", "--dump-dom", f"{(site / 'index.html').as_uri()}?q={typed}"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    _, _, results = done.stdout.partition('id="mkdocs-search-results"')
    assert re.search(rf'<article><h3><a href="[^"]*{re.escape(page)}[^"]*">', results), results[:500]


def test_links_between_pages_lead_somewhere(site: Path) -> None:
    missing = []
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)', page.read_text("utf-8")):
            outside = "://" in link or link.startswith(("mailto:", "data:", "javascript:"))
            if not outside and not (page.parent / link).exists() and not (site / link.lstrip("/")).exists():
                missing.append(f"{page.relative_to(site)}: {link}")
    assert missing == []


def test_pictures_of_the_window_are_states_of_the_screenshots() -> None:
    from tests.screenshots import states

    known = states()
    for page in (ROOT / "docs").rglob("*.md"):
        for name in re.findall(r"images/([\w-]+)-(?:light|dark)-\d+x\d+\.png", page.read_text("utf-8")):
            assert name in known, f"{page.name} shows {name}, which tests/screenshots.py does not make"


def commands(page: Path) -> list[str]:
    found = []
    for skipped, indent, block in BLOCK.findall(page.read_text("utf-8")):
        if not skipped:
            found += [line.removeprefix(indent) for line in re.sub(r"\\\n\s*", "", block).splitlines()]
    return [line for line in found if line.startswith("vitinspect ") and line != "vitinspect demo"]


HOW_TO = [ROOT / "docs" / "tutorial.md", ROOT / "docs" / "plugins.md", *sorted((ROOT / "docs" / "how-to").glob("*.md"))]


@pytest.mark.usefixtures("plugins_of_this_test")
@pytest.mark.parametrize("page", HOW_TO, ids=lambda page: page.stem)
def test_the_commands_of_a_how_to_work(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "resources" / "gallery", tmp_path / "resources" / "gallery")
    (tmp_path / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    todo = commands(page)
    assert todo
    for command in todo:
        assert main(shlex.split(command)[1:]) == 0, command


def test_the_specification_of_the_figure_can_be_read() -> None:
    from vitinspect.figures.specification import read_specification

    text = (ROOT / "docs" / "how-to" / "figure-for-cvpr.md").read_text("utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert len(read_specification(block).columns) == 3
