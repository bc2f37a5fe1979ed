"""Everything that the package imports is declared, not only installed as a dependency of another package."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
IMPORTED_AS = {"pillow": "PIL", "PySide6-Essentials": "PySide6", "open_clip_torch": "open_clip"}
"""Where a project's name is not that of its module."""

ASKED_FOR = {"transformers", "h5py", "IPython", "matplotlib", "pandas"}
"""Used where somebody has them, for models and files of theirs; a sentence asks for them where they are missing."""


def imported() -> dict[str, str]:
    """The top names of all modules that are imported from elsewhere, each with a file that does."""
    found: dict[str, str] = {}
    for path in sorted((ROOT / "vitinspect").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for name in names:
                found.setdefault(name.partition(".")[0], str(path.relative_to(ROOT)))
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names and name != "vitinspect"}


def declared(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    names = [re.match(r"[\w.-]+", line) for line in lines]
    return {IMPORTED_AS.get(name[0], name[0]) for name in names if name}


def test_every_imported_package_is_declared() -> None:
    found = imported()
    assert {"torch", "safetensors", "huggingface_hub"} <= set(found)
    missing = {name: path for name, path in found.items() if name not in declared("text") | ASKED_FOR}
    assert missing == {}


def test_every_declared_package_is_imported() -> None:
    assert declared() - set(imported()) == set()
