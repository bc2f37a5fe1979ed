"""The window says what a researcher would say: none of the words that the glossary replaces is in a text of it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import vitinspect.app

ROOM = Path(vitinspect.app.__file__).parent
GLOSSARY = ROOM.parent.parent / "docs" / "glossary.md"


def replaced() -> list[str]:
    """The left column of the glossary's second table."""
    table = GLOSSARY.read_text("utf-8").partition("## Words that are not used on screen")[2]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")][2:]
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


def test_the_words_of_a_module_are_found_and_its_docstrings_are_not():
    found = dict(texts('"""A rater."""\nsay(f"{count} raters in hand")\n_log.info("a rater")\n'))
    assert list(found.values()) == [" raters in hand"]


def test_no_text_of_the_window_has_a_word_that_the_glossary_replaces():
    words = replaced()
    assert "in hand" in words
    pattern = re.compile(r"(?<!\w)(" + "|".join(re.escape(word) for word in words) + r")(?!\w)", re.IGNORECASE)
    wrong = [
        f"{path.relative_to(ROOM)}:{line}: {text!r}"
        for path in sorted(ROOM.rglob("*.py"))
        for line, text in texts(path.read_text("utf-8"))
        if pattern.search(text)
    ]
    assert not wrong, "\n".join(["docs/glossary.md says what to write instead.", *wrong])
