"""What may import what: the engine knows nothing of Qt, and nothing waits for torch that does not need it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vitinspect

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "vitinspect"
QT = {"PySide6", "shiboken6", "pyqtgraph", "PyQt5", "PyQt6"}
HEAVY = {"torch", "torchvision", "timm"}

# These are wanted before torch is there: by the window's first paint, by --help, by tools without a model.
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


def test_no_file_outside_of_the_app_imports_qt_or_the_app_at_its_top() -> None:
    for path in engine_files():
        assert not imported_in(path) & QT, path
        tree = ast.parse(path.read_text("utf-8"))
        tops = [node for node in tree.body if isinstance(node, ast.ImportFrom | ast.Import)]
        for node in tops:
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert not any(name.startswith("vitinspect.app") for name in names), path


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
