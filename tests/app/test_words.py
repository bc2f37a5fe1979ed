"""Texts of window and commands, and names of the window, have no word that the glossary replaces."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import vitinspect.app

APP = Path(vitinspect.app.__file__).parent
GLOSSARY = APP.parent.parent / "docs" / "glossary.md"


def replaced(heading: str) -> list[str]:
    """The left column of the table below a heading of the glossary."""
    section = GLOSSARY.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    assert rows
    assert all(len(row) == 2 and row[1].strip() for row in rows)
    return [word.strip() for row in rows for word in row[0].split(", ")]


def texts(source: str) -> Iterator[tuple[int, str]]:
    """The strings of a module that are neither docstrings nor messages for the log."""
    tree = ast.parse(source)
    silent = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            silent.add(id(node.value))
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log."):
            silent.update(id(part) for part in ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.lineno, node.value


def names(source: str) -> Iterator[tuple[int, str]]:
    """The names that a module gives: of functions, classes, arguments, variables and attributes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def modules(folder: Path = APP) -> list[tuple[str, str]]:
    """Name and source of each module in a folder, by default of the window."""
    return [(path.relative_to(folder).as_posix(), path.read_text("utf-8")) for path in sorted(folder.rglob("*.py"))]


def test_the_words_of_a_module_are_found_and_its_docstrings_are_not():
    found = dict(texts('"""A rater."""\nsay(f"{count} raters in hand")\n_log.info("a rater")\n'))
    assert list(found.values()) == [" raters in hand"]


def test_the_names_that_a_module_gives_are_found_and_those_that_it_uses_are_not():
    source = "class A:\n    def b(self, c):\n        self.d = e.f(c)\n        for g in c:\n            h = g\n"
    assert sorted(name for _, name in names(source)) == ["A", "b", "c", "d", "g", "h", "self"]


def test_no_text_of_window_and_commands_has_a_word_that_the_glossary_replaces():
    words = replaced("Words that are not used on screen")
    assert "in hand" in words
    pattern = re.compile(r"(?<!\w)(" + "|".join(re.escape(word) for word in words) + r")(?!\w)", re.IGNORECASE)
    wrong = [
        f"{name}:{line}: {text!r}"
        for name, source in modules(APP.parent)
        for line, text in texts(source)
        if pattern.search(text)
    ]
    assert not wrong, "\n".join(["docs/glossary.md says what to write instead.", *wrong])


def test_no_name_of_the_window_has_a_word_that_the_glossary_replaces():
    words = replaced("Words that are not used in names")
    assert "told" in words
    pattern = re.compile("_(" + "|".join(words) + ")_")
    wrong = [
        f"{name}:{line}: {given}"
        for name, source in modules()
        for line, given in names(source)
        if pattern.search(f"_{given.lower()}_")
    ]
    assert not wrong, "\n".join(["docs/glossary.md says what to write instead.", *wrong])


def test_sizes_are_written_with_a_true_times_sign():
    wrong = [
        f"{name}:{line}: {text!r}"
        for name, source in modules()
        for line, text in texts(source)
        if re.search(r"\d x \d|^ x $", text)
    ]
    assert not wrong, "\n".join(wrong)
