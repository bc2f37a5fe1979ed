"""The modules of the window import each other in one direction."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "vitinspect" / "app"
PAINTS = ("canvas", "multiplex", "panels", "widgets", "network")


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(APP.rglob("*.py")):
        name = ".".join(("vitinspect", "app", *path.relative_to(APP).with_suffix("").parts))
        found[name.removesuffix(".__init__")] = path
    return found


def imported_by(path: Path, known: dict[str, Path]) -> set[str]:
    """What a module imports, also inside functions, but for what only type checkers read."""
    found: set[str] = set()
    left: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            left.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        left.extend(ast.iter_child_nodes(node))
    return found & set(known)


def test_no_two_modules_of_the_window_import_each_other() -> None:
    known = modules()
    assert len(known) > 40
    graph = {}
    for name, path in known.items():
        # A package is imported with each of its modules, which says nothing about who needs whom.
        graph[name] = {other for other in imported_by(path, known) if not name.startswith(f"{other}.")} - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These import each other in a circle: {' -> '.join(error.args[1])}")


def test_nothing_that_is_painted_is_kept_by_the_number_of_an_object() -> None:
    """``id(thing)`` is given again when the thing is gone; ``identity.Same`` holds it."""
    for room in PAINTS:
        for path in sorted((APP / room).rglob("*.py")):
            assert not re.search(r"(?<![\w.])id\(", path.read_text("utf-8")), path
