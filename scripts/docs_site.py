"""Builds the documentation site: ``python scripts/docs_site.py [--out FOLDER] [--pictures all|cheap|none]``.

Pages are the Markdown of ``docs/`` and what is generated here: a page for each method from its declaration, from
``docs/method-notes.toml`` and from ``docs/lessons.md``; the command line from its parsers; the Python names from their
docstrings. The site loads nothing from other hosts when it is read.
"""

from __future__ import annotations

import argparse
import html
import importlib
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

GUIDES = (
    ("What it is", "index.md"),
    ("Tutorial", "tutorial.md"),
    ("Install", "install.md"),
    ("From Python and notebooks", "python.md"),
)
HOW_TO = (
    ("Fill the ViTmiX table", "how-to/vitmix-table.md"),
    ("Annotate with five students", "how-to/five-students.md"),
    ("A figure for CVPR", "how-to/figure-for-cvpr.md"),
    ("Does my fine-tuned model use the background?", "how-to/background.md"),
    ("Explain a backbone without a classifier", "how-to/head-for-a-backbone.md"),
    ("Compare two checkpoints, or follow a training run", "how-to/compare-checkpoints.md"),
    ("Your own methods and models", "plugins.md"),
)
TOPICS = (
    ("Models", "models.md"),
    ("Evaluation", "evaluation.md"),
    ("Published protocols", "protocols.md"),
    ("Masks of people", "masks.md"),
    ("Agreement", "agreement.md"),
    ("Comparing two models", "compare.md"),
    ("Probes and views of features", "probing.md"),
    ("Figures", "figures.md"),
    ("The bundled world", "gallery.md"),
    ("What the methods show in it", "lessons.md"),
    ("What works on which model", "support.md"),
    ("Glossary", "glossary.md"),
)
PROJECT = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
NOTATION = (
    "*s* is the score that is explained, *x* what enters, *A* the attention of a block (a row is what one token "
    "attends to), *dA* the gradient of the score by it, *E* the mean over the index below it (*h*: heads), *r* the "
    "share with which the head reads each token, *I* the identity, and (…)<sup>+</sup> the positive part."
)
COSTLY = ("many passes", "several passes")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "vitinspect-output" / "site", help="folder for the site")
    parser.add_argument(
        "--pictures",
        choices=("all", "cheap", "none"),
        default="all",
        help="the methods for which an example is computed",
    )
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder) / "pages"
        shutil.copytree(ROOT / "docs", pages)
        navigation = write_pages(pages, chosen.pictures)
        settings = Path(folder) / "mkdocs.json"
        settings.write_text(json.dumps(configuration(pages, chosen.out.absolute(), navigation)), "utf-8")
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--clean", "-f", str(settings)]
        # mkdocs' remarks about other products are not for the reader of a build.
        variables = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
        done = subprocess.run(command, env=variables, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
        return 1
    search_without_a_server(chosen.out / "search")
    foreign = list(other_hosts(chosen.out))
    for line in foreign:
        print(f"loads from another host: {line}", file=sys.stderr)
    print(chosen.out)
    return 1 if foreign else 0


def search_without_a_server(folder: Path) -> None:
    index = (folder / "search_index.json").read_text("utf-8")
    (folder / "search_index.js").write_text(f"window.vitinspectSearch = {index};\n", "utf-8")
    shutil.copyfile(ROOT / "scripts" / "docs_search.js", folder / "main.js")


def configuration(pages: Path, out: Path, navigation: list[Any]) -> dict[str, Any]:
    return {
        "site_name": "vitinspect",
        "docs_dir": str(pages),
        "site_dir": str(out),
        "use_directory_urls": False,  # pages open from a folder, without a server
        "theme": {"name": "mkdocs", "highlightjs": False, "color_mode": "auto", "user_color_mode_toggle": True},
        "extra_css": ["site.css"],
        "plugins": ["search"],
        "markdown_extensions": ["tables", "fenced_code", "toc", "sane_lists"],
        "validation": {"links": {"anchors": "warn"}, "nav": {"omitted_files": "ignore"}},
        "nav": navigation,
    }


def write_pages(pages: Path, pictures: str) -> list[Any]:
    """Write the generated pages and correct the links that lead out of ``docs/``; returns the navigation."""
    methods = write_methods(pages, pictures)
    write(pages / "reference" / "command-line.md", command_line())
    write(pages / "reference" / "python.md", python_names())
    project = [name for name in PROJECT if (ROOT / name).exists()]
    for name in project:
        write(pages / "project" / name, (ROOT / name).read_text("utf-8"))
    for page in sorted(pages.rglob("*.md")):
        page.write_text(with_links(page, pages, project), "utf-8")
    decisions = sorted(path.relative_to(pages).as_posix() for path in (pages / "decisions").glob("0*.md"))
    definitions = sorted(path.relative_to(pages).as_posix() for path in (pages / "methods").glob("*.md"))

    def there(entries: Any) -> list[Any]:
        return [{title: name} for title, name in entries if (pages / name).exists()]

    listed = {name for _, name in (*GUIDES, *HOW_TO, *TOPICS)} | {"out-of-scope.md", "architecture.md", "releasing.md"}
    others = [(path.stem.replace("-", " ").capitalize(), path.name) for path in sorted(pages.glob("*.md"))]
    topics = [*TOPICS, *(entry for entry in others if entry[1] not in listed)]

    return [
        {"Start": there(GUIDES)},
        {"How to": there(HOW_TO)},
        {"Topics": there(topics)},
        {"Methods": [{"All methods": "method/index.md"}, *methods, {"Definitions": definitions}]},
        {"Reference": [{"Command line": "reference/command-line.md"}, {"Python": "reference/python.md"}]},
        {
            "Project": [
                *({Path(name).stem.capitalize(): f"project/{name}"} for name in project),
                {"Out of scope": "out-of-scope.md"},
                {"Releasing": "releasing.md"},
                {"Architecture": "architecture.md"},
                {"Decisions": ["decisions/README.md", *decisions]},
            ]
        },
    ]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def with_links(page: Path, pages: Path, project: list[str]) -> str:
    """The page's text, in which a link to a file that has no page is replaced by the file's name."""
    origin = page.relative_to(pages)
    source = ROOT / origin.name if origin.parts[0] == "project" else ROOT / "docs" / origin

    def target(match: re.Match[str]) -> str:
        words, link = match[1], match[2]
        if "://" in link or link.startswith(("#", "mailto:")):
            return match[0]
        name, _, anchor = link.partition("#")
        if (page.parent / name).exists():
            return match[0]
        meant = Path(os.path.normpath(source.parent / name))
        if meant.is_relative_to(ROOT / "docs"):
            found = pages / meant.relative_to(ROOT / "docs")
        elif meant.name in project and meant.parent == ROOT:
            found = pages / "project" / meant.name
        elif meant == ROOT / "README.md":
            found = pages / "index.md"
        else:
            return words
        to = os.path.relpath(found, page.parent).replace(os.sep, "/")
        return f"[{words}]({to}{'#' + anchor if anchor else ''})"

    text = page.read_text("utf-8").replace("<!-- not run -->\n", "")
    return re.sub(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)", target, text)


# --- methods --------------------------------------------------------------------------------------------------------


def write_methods(pages: Path, pictures: str) -> list[dict[str, str]]:
    import vitinspect as vi

    notes = tomllib.loads((ROOT / "docs" / "method-notes.toml").read_text("utf-8"))
    known = list(vi.methods())
    lacking = [info.id for info in known if info.id not in notes]
    if lacking:
        raise SystemExit(f"docs/method-notes.toml has no note on {', '.join(lacking)}.")
    lessons = read_lessons()
    families = read_support()
    drawn = draw(pages / "method", [i for i in known if wanted(i, pictures)]) if pictures != "none" else set()
    rows = ["| method | group | cost | follows the target | signed |", "|---|---|---|---|---|"]
    for info in known:
        write(
            pages / "method" / f"{info.id}.md",
            method_page(info, notes[info.id], lessons.get(info.id, []), families.get(info.id, ""), info.id in drawn),
        )
        rows.append(
            f"| [{info.title}]({info.id}.md) | {info.group} | {info.cost} | {yes(info.class_specific)} | "
            f"{yes(info.signed)} |"
        )
    head = "# Methods\n\nMade from the declarations of the methods.\n\n"
    write(pages / "method" / "index.md", head + "\n".join(rows) + "\n")
    return [{info.title: f"method/{info.id}.md"} for info in known]


def wanted(info: Any, pictures: str) -> bool:
    return pictures == "all" or (pictures == "cheap" and info.cost not in COSTLY)


def yes(value: bool) -> str:
    return "yes" if value else "no"


def typeset(formula: str) -> str:
    """HTML for a cell of a table, with the indices of ``A_h`` and ``E_{l,h}`` below the line."""
    text = re.sub(r"([|*])", r"\\\1", html.escape(formula, quote=False))
    text = re.sub(r"_(?:\{([^}]+)\}|([a-z]+|\w))", lambda found: f"<sub>{found[1] or found[2]}</sub>", text)
    return text.replace(")+", ")<sup>+</sup>")


def method_page(info: Any, note: dict[str, str], lessons: list[str], families: str, drawn: bool) -> str:
    from vitinspect.explainers.parameters import format_value

    lines = [f"# {info.title}", "", info.summary, ""]
    if drawn:
        lines += [f"![{info.title} of two classes of one picture]({info.id}.png)", ""]
        lines += ["The bundled model on a picture with two objects: the picture, the map of *gem*, the map of *leaf*."]
        if not info.class_specific:
            lines[-1] += " The two maps are the same, since this method does not depend on the target."
        lines.append("")
    lines += [
        "| | |",
        "|---|---|",
        f"| id | `{info.id}` |",
        f"| formula | {typeset(note['formula'])} |",
        f"| cost | {info.cost} |",
        f"| follows the target | {yes(info.class_specific)} |",
        f"| values below zero speak against the target | {yes(info.signed)} |",
        f"| models | {families} |",
        "",
        NOTATION,
        "",
        "## When it misleads",
        "",
        note["misleads"],
        "",
    ]
    if lessons:
        lines += ["Measured [in the bundled world](../lessons.md):", "", *(f"- {one}" for one in lessons), ""]
    if info.parameters:
        lines += ["## Parameters", "", "| name | default | values | meaning |", "|---|---|---|---|"]
        for one in info.parameters:
            help_ = one.help.replace("|", "\\|")
            lines.append(f"| `{one.name}` | {format_value(one.default)} | {one.describe()} | {help_} |")
        lines.append("")
    lines += ["## Use", "", "```sh", f"vitinspect explain IMAGE --methods {info.id}", "```", ""]
    lines += ["## Citation", "", info.citation, ""]
    if info.notice:
        lines += ["> " + info.notice, ""]
    return "\n".join(lines)


def read_lessons() -> dict[str, list[str]]:
    """What was measured for each method, from the tables of docs/lessons.md."""
    found: dict[str, list[str]] = {}
    for line in (ROOT / "docs" / "lessons.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.match(r"`(\w+)", cells[0])
        if name and len(cells) == 4:
            found.setdefault(name[1], []).append(
                f"with two objects, the highest point lies on the target in {cells[2]} of the maps, and on the other "
                f"object in {cells[3]}"
            )
        elif name and len(cells) == 3:
            found.setdefault(name[1], []).append(
                f"where a badge is the shortcut, {cells[1]} times as much of the map lies on it as by chance"
            )
    return found


def read_support() -> dict[str, str]:
    """In how many families of models each method works, from docs/support.md."""
    found = {}
    for line in (ROOT / "docs" / "support.md").read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        name = re.fullmatch(r"`(\w+)`", cells[0])
        if name and len(cells) > 10:
            works = sum(cell == "·" for cell in cells[1:])
            found[name[1]] = f"{works} of {len(cells) - 1} families of timm ([which](../support.md))"
    return found


def draw(folder: Path, infos: list[Any]) -> set[str]:
    """An example of each method: the picture, and the maps of both its objects."""
    import vitinspect as vi
    from vitinspect.figures.map_display import example_of_two_targets

    model = vi.load_model("demo")
    picture = ROOT / "resources" / "gallery" / "images" / "24-gem-leaf.png"
    folder.mkdir(parents=True, exist_ok=True)
    ids = [info.id for info in infos]
    both = [vi.explain(model, picture, ids, target=target) for target in ("gem", "leaf")]
    for name in ids:
        found = [next(one for one in result.values() if one.method == name) for result in both]
        (folder / f"{name}.png").write_bytes(example_of_two_targets(found))
    return set(ids)


# --- reference ------------------------------------------------------------------------------------------------------


def command_line() -> str:
    from vitinspect.cli.frame import GROUPS, WINDOW, parser_of

    os.environ["COLUMNS"] = "100"
    lines = ["# Command line", "", "Made from the parsers of the commands.", ""]
    lines += ["## vitinspect", "", "```", parser_of(WINDOW).format_help().rstrip(), "```", ""]
    for title, verbs in GROUPS:
        lines += [f"## {title}", ""]
        for verb in verbs:
            lines += [f"### vitinspect {verb.name}", "", "```", parser_of(verb).format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def python_names() -> str:
    import vitinspect

    lines = ["# Python", "", "The public names of `vitinspect`, made from their docstrings.", ""]
    for name, (module_name, attribute) in vitinspect._PUBLIC.items():
        module = importlib.import_module(module_name)
        value = module if attribute is None else getattr(module, attribute)
        lines += [f"## vi.{name}", ""]
        if inspect.isclass(value) or inspect.isfunction(value):
            lines += ["```python", f"{name}{signature(value)}", "```", ""]
        lines += [text_of(value), ""]
        if inspect.isclass(value) and not issubclass(value, Exception):
            for member, function in members(value):
                lines += [f"`.{member}{signature(function)}`", "", text_of(function), ""]
    return "\n".join(lines)


def signature(value: Any) -> str:
    try:
        text = str(inspect.signature(value))
    except (TypeError, ValueError):
        return "(...)"
    return re.sub(r"\bself, |\bself\b", "", text).replace("'", "")


def text_of(value: Any) -> str:
    """A docstring as Markdown: code between double backquotes, examples as code."""
    text = inspect.cleandoc(value.__doc__ or "")
    text = re.sub(r"((?:^>>> .*\n?|^\.\.\. .*\n?)+(?:^(?!>>>)\S.*\n?)*)", r"\n```\n\1\n```\n", text, flags=re.M)
    return re.sub(r"``([^`]+)``", r"`\1`", text)


def members(kind: type) -> Iterator[tuple[str, Any]]:
    for name, value in inspect.getmembers(kind, inspect.isfunction):
        if not name.startswith("_") and value.__doc__ and value.__module__.startswith("vitinspect"):
            yield name, value


# --- checks ---------------------------------------------------------------------------------------------------------


def other_hosts(site: Path) -> Iterator[str]:
    """What a browser would fetch from other hosts: scripts, styles, pictures, fonts. Links are not fetched."""
    fetched = re.compile(
        r"<(?:script|img|iframe|source)[^>]*\ssrc=[\"']?((?:https?:)?//[^\"'\s>]+)"
        r"|<link[^>]*rel=[\"']?(?:stylesheet|preload|preconnect|icon|shortcut icon)"
        r"[^>]*href=[\"']?((?:https?:)?//[^\"'\s>]+)"
        r"|url\([\"']?((?:https?:)?//[^\"')]+)|@import\s+[\"']((?:https?:)?//[^\"']+)"
    )
    for path in sorted(site.rglob("*")):
        if path.suffix in (".html", ".css"):
            for match in fetched.finditer(path.read_text("utf-8", "replace")):
                yield f"{path.relative_to(site)}: {next(group for group in match.groups() if group)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
