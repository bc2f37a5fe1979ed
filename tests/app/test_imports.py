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
        # A package is imported with each of its modules, which says nothing about what a module needs.
        graph[name] = {other for other in imported_by(path, known) if not name.startswith(f"{other}.")} - {name}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"These import each other in a circle: {' -> '.join(error.args[1])}")


def test_nothing_that_is_painted_is_kept_by_the_id_of_an_object() -> None:
    """``id(thing)`` is used again once the thing is deleted; ``identity.Same`` keeps the thing."""
    for room in PAINTS:
        for path in sorted((APP / room).rglob("*.py")):
            assert not re.search(r"(?<![\w.])id\(", path.read_text("utf-8")), path


HEAVY = {"torch", "timm", "torchvision"}
WITH_TORCH = ("compute/", "torchload.py", "multiplex/computing.py", "live.py")
"""What runs in the worker, after torch was loaded there, and what a Python session calls that has a model already."""


def loads_torch() -> set[str]:
    """The modules of vitinspect that load torch as soon as they are imported."""
    package = APP.parent
    every = {
        ".".join(("vitinspect", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    at_once = {name: _at_module_level(path) for name, path in every.items()}
    heavy = {name for name, found in at_once.items() if {f.split(".")[0] for f in found} & HEAVY}
    while True:
        more = {name for name, found in at_once.items() if found & heavy} - heavy
        if not more:
            return heavy
        heavy |= more


def _at_module_level(path: Path) -> set[str]:
    """What importing a module imports; ``import a.b.c`` imports ``a`` and ``a.b`` too."""
    found: set[str] = set()
    left: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            left.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        left.extend(ast.iter_child_nodes(node))
    return found | {name.rpartition(".")[0] for name in found if "." in name}


def test_only_the_worker_loads_torch() -> None:
    """A thread of the pool, or the window's own, would hold Python's lock while torch's libraries are read."""
    heavy = loads_torch()
    assert "vitinspect.models.preprocess" in heavy
    wrong = []
    for path in sorted(APP.rglob("*.py")):
        if path.relative_to(APP).as_posix().startswith(WITH_TORCH):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = set()
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            wrong += [f"{path.relative_to(APP)}:{node.lineno} {name}" for name in names if name in heavy | HEAVY]
    assert not wrong, "\n".join(sorted(wrong))
