"""The import rules: layers, no circles, no Qt below the window, and no torch where it is not needed."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import networkx as nx
import pytest

import vitinspect

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "vitinspect"
QT = {"PySide6", "shiboken6", "pyqtgraph", "PyQt5", "PyQt6"}
HEAVY = {"torch", "torchvision", "timm"}

# These are needed before torch is loaded: by the window's first paint, by --help, by tools without a model.
LIGHT = [
    "vitinspect",
    "vitinspect.cli",
    "vitinspect.cli.demo",
    "vitinspect.cli.doctor",
    "vitinspect.cli.explain",
    "vitinspect.cli.window",
    "vitinspect.errors",
    "vitinspect.explainers.registry",
    "vitinspect.figures.colormaps",
    "vitinspect.figures.overlay",
    "vitinspect.files",
    "vitinspect.gallery",
    "vitinspect.gallery.writer",
    "vitinspect.images",
    "vitinspect.maps",
    "vitinspect.paths",
    "vitinspect.progress",
    "vitinspect.resources",
    "vitinspect.system",
]


def engine_files() -> Iterator[Path]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if PACKAGE / "app" not in path.parents:
            yield path


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_in(path: Path) -> set[str]:
    """The top names of everything that is imported anywhere in a file, inside of functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add((node.module or "").split(".")[0])
    return names


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh process has loaded after ``code``."""
    script = f"{code}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=variables)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_neither_torch_nor_qt_nor_numpy() -> None:
    assert not loaded_by("import vitinspect") & (QT | HEAVY | {"numpy", "PIL"})


@pytest.mark.parametrize("module", LIGHT)
def test_the_light_modules_load_neither_torch_nor_qt(module: str) -> None:
    assert not loaded_by(f"import {module}") & (QT | HEAVY)


def test_importing_the_package_is_quick() -> None:
    """Under 0.2 s in the best of several tries; a tenth of that is usual. The limit here is generous, because the
    machine may be busy with other things: what would break it is torch (seconds) or numpy and Pillow together."""
    code = "import time; t = time.perf_counter(); import vitinspect; print(time.perf_counter() - t)"
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables).stdout)
        for _ in range(5)
    ]
    assert min(times) < 0.2


def test_no_file_outside_of_the_app_imports_qt() -> None:
    for path in engine_files():
        assert not imported_in(path) & QT, path


def test_the_whole_engine_loads_without_qt() -> None:
    modules = [module_of(path) for path in engine_files() if path.name != "__main__.py"]
    assert len(modules) > 30
    loaded = loaded_by("import importlib\n" + "\n".join(f"importlib.import_module({m!r})" for m in modules))
    assert "torch" in loaded
    assert not loaded & QT


def test_every_public_name_is_there() -> None:
    for name in vitinspect.__all__:
        assert getattr(vitinspect, name) is not None, name
    assert set(vitinspect.__all__) <= set(dir(vitinspect))


def test_a_name_that_does_not_exist_is_an_ordinary_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'explian'"):
        vitinspect.explian  # noqa: B018


# --- layers and circles --------------------------------------------------------------------------------------


def modules() -> dict[str, Path]:
    return {module_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports_of(source: str, known: Collection[str], package: str = "") -> set[str]:
    """The modules of ours that a source imports at run time, inside of functions too; not those for types alone.

    ``package``: where its relative imports start.
    """
    found = set()
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in known else base for a in node.names}
        waiting.extend(ast.iter_child_nodes(node))
    return found & set(known)


@pytest.fixture(scope="module")
def graph() -> nx.DiGraph:
    """An arc from each module to each that it imports."""
    known = modules()
    arcs = nx.DiGraph()
    arcs.add_nodes_from(known)
    for name, path in known.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        arcs.add_edges_from((name, other) for other in imports_of(path.read_text("utf-8"), known, package) - {name})
    return arcs


def layers(package: str) -> dict[str, int]:
    """Each part of a package with its height, as docs/architecture.md lists them; the lowest is 0."""
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    block = text.split(f"```layers {package}\n")[1].split("```")[0]
    lines = block.strip().splitlines()
    return {member.strip(): len(lines) - at for at, line in enumerate(lines, 1) for member in line.split(",")}


def layer_member(module: str, package: str) -> str:
    return module.removeprefix(package).lstrip(".").partition(".")[0] or "__init__"


def test_imports_inside_of_functions_count_and_those_for_types_do_not() -> None:
    source = (
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import a.typed\nelse:\n    import a.real\n"
        "def work():\n    from a import inner, name\n    from .near import it\n"
    )
    known = {"a", "a.typed", "a.real", "a.inner", "b.near"}
    assert imports_of(source, known, "b") == known - {"a.typed"}


def test_no_modules_import_each_other_in_a_circle(graph: nx.DiGraph) -> None:
    assert [sorted(c) for c in nx.strongly_connected_components(graph) if len(c) > 1] == []


@pytest.mark.parametrize("package", ["vitinspect", "vitinspect.explainers"])
def test_no_module_imports_upward(graph: nx.DiGraph, package: str) -> None:
    height = layers(package)
    inside = [name for name in graph if name == package or name.startswith(package + ".")]
    if package != "vitinspect":
        inside.remove(package)
    missing = {layer_member(name, package) for name in inside} - set(height)
    assert not missing, f"give these a layer in docs/architecture.md: {sorted(missing)}"
    wrong = []
    for name, other in graph.subgraph(inside).edges:
        above, below = layer_member(name, package), layer_member(other, package)
        if above != below and height[above] <= height[below]:
            wrong.append(f"{name} imports {other}")
    assert wrong == []


def test_no_method_imports_another(graph: nx.DiGraph) -> None:
    package = "vitinspect.explainers.methods"
    modules = [name for name in graph if name.startswith(package + ".")]
    assert len(modules) > 10
    assert list(graph.subgraph(modules).edges) == []
