"""Methods and models of other people, added without a change to vitinspect.

A plug-in comes in two ways, and no other:

- installed: a package with entry points in the groups ``vitinspect.methods`` (a module, or its tuple ``METHODS``) and
  ``vitinspect.models`` (a function that loads; the entry point's name is the prefix of its sources);
- named by the user: a file after ``--plugin``, or ``vi.load_plugin("file.py")``. No file is loaded unless it is named.

A plug-in that cannot be used is left out, with a sentence that names it; everything else goes on without it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from vitinspect.errors import DataError, VitInspectError

METHODS, MODELS = "vitinspect.methods", "vitinspect.models"
_TAKEN = ("demo", "timm", "hf-hub", "random", "http", "https", "file")
"""Prefixes of sources that are already in use."""


@dataclass(frozen=True)
class Broken:
    """A plug-in that was left out."""

    name: str
    reason: str

    def __str__(self) -> str:
        return f"The plug-in {self.name} is left out: {self.reason}"


@dataclass(frozen=True)
class Declared:
    """What a plug-in adds to the registry of methods."""

    plugin: str
    """The name that is shown: its package and entry point, or its file."""
    module: str
    infos: tuple[Any, ...]


def _warn(text: str) -> None:
    import warnings

    warnings.warn(text, stacklevel=4)


class Plugins:
    """The plug-ins that were loaded, and those that were left out."""

    def __init__(self) -> None:
        self.files: list[Path] = []
        """The files that the user named, in their order."""
        self.broken: list[Broken] = []
        self._from_files: list[Declared] = []
        self._loaders: dict[str, tuple[str, Callable[..., Any]]] = {}
        self._installed_models = False
        self.listeners: list[Callable[[], None]] = []
        """Called after a plug-in was added, so that lists of methods and models are built again."""
        self.report: Callable[[str], None] = _warn
        """How a broken plug-in is reported; the command line prints a line."""

    # --- adding -------------------------------------------------------------------------------------------------------

    def add_file(self, path: str | os.PathLike[str]) -> None:
        """Load a file that the user named. It must exist; if it is broken, it is left out and the error reported."""
        file = Path(path).expanduser().absolute()
        if not file.is_file():
            raise DataError(f"There is no plug-in {file}.")
        if file in self.files:
            return
        self.files.append(file)
        name = f"vitinspect_plugin_{hashlib.sha256(os.fsencode(file)).hexdigest()[:12]}"
        try:
            module = _import_file(name, file)
            declared = _methods_of(module)
            loaders = _models_of(module)
        except Exception as error:
            self.leave_out(file.name, error)
            return
        if not declared and not loaders:
            self.leave_out(file.name, DataError("it declares neither METHODS nor MODELS."))
            return
        if declared:
            self._from_files.append(Declared(file.name, module.__name__, declared))
        for prefix, load in loaders.items():
            self._add_loader(file.name, prefix, load)
        for call in self.listeners:
            call()

    def leave_out(self, name: str, error: Exception) -> None:
        """Record and report that a plug-in cannot be used."""
        text = str(error) if isinstance(error, VitInspectError) else f"{type(error).__name__}: {error}"
        broken = Broken(name, " ".join(text.split()))
        if broken not in self.broken:
            self.broken.append(broken)
            self.report(str(broken))

    def _add_loader(self, plugin: str, prefix: str, load: Callable[..., Any]) -> None:
        if prefix in _TAKEN or not prefix.replace("-", "_").isidentifier():
            self.leave_out(plugin, DataError(f"{prefix!r} cannot be used as a prefix for sources of models."))
        elif prefix in self._loaders:
            self.leave_out(plugin, DataError(f"{self._loaders[prefix][0]} already loads {prefix}:."))
        elif not callable(load):
            self.leave_out(plugin, DataError(f"{prefix} must be a function that loads a model, not {load!r}."))
        else:
            self._loaders[prefix] = (plugin, load)

    # --- asking -------------------------------------------------------------------------------------------------------

    def methods(self) -> Iterable[Declared]:
        """The declarations of all plug-ins: installed ones in the order of their names, then the named files."""
        for point in _entry_points(METHODS):
            name = _name_of(point)
            try:
                found = point.load()
                module = sys.modules[point.module]
                infos = found if isinstance(found, tuple | list) else getattr(found, "METHODS", None)
                if infos is None:
                    infos = (found,)
                yield Declared(name, module.__name__, tuple(infos))
            except Exception as error:
                self.leave_out(name, error)
        yield from self._from_files

    def loader(self, source: str) -> tuple[str, str, Callable[..., Any]] | None:
        """The plug-in, the rest of the source and the function for ``prefix:rest``; None if no plug-in has it."""
        prefix, colon, rest = source.partition(":")
        if not colon or prefix in _TAKEN:
            return None
        found = self._known_loaders().get(prefix)
        return None if found is None else (found[0], rest, found[1])

    def model_names(self) -> list[str]:
        """Sources that plug-ins list: the ``names`` of their loader, a list or a function, if it has them."""
        result = []
        for prefix, (plugin, load) in self._known_loaders().items():
            names = getattr(load, "names", ())
            try:
                result += [f"{prefix}:{name}" for name in (names() if callable(names) else names)]
            except Exception as error:
                self.leave_out(plugin, error)
        return result

    def _known_loaders(self) -> Mapping[str, tuple[str, Callable[..., Any]]]:
        if not self._installed_models:
            self._installed_models = True
            for point in _entry_points(MODELS):
                try:
                    self._add_loader(_name_of(point), point.name, point.load())
                except Exception as error:
                    self.leave_out(_name_of(point), error)
        return self._loaders


plugins = Plugins()
"""The plug-ins of this process."""


def load_plugin(path: str | os.PathLike[str]) -> None:
    """Add the methods and models of a file, as ``--plugin`` does on the command line."""
    plugins.add_file(path)


def _entry_points(group: str) -> list[metadata.EntryPoint]:
    return sorted(metadata.entry_points(group=group), key=lambda point: (point.name, point.value))


def _name_of(point: metadata.EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else point.module.partition(".")[0]
    return f"{package} ({point.name})"


def _import_file(name: str, file: Path) -> Any:
    specification = importlib.util.spec_from_file_location(name, file)
    if specification is None or specification.loader is None:
        raise DataError("it is not a Python file.")
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module  # for its dataclasses, and for "module:class"
    try:
        specification.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _methods_of(module: Any) -> tuple[Any, ...]:
    found = getattr(module, "METHODS", ())
    if not isinstance(found, tuple | list):
        raise DataError(f"its METHODS is of type {type(found).__name__}, not a tuple of MethodInfo.")
    return tuple(found)


def _models_of(module: Any) -> dict[str, Callable[..., Any]]:
    found = getattr(module, "MODELS", {})
    if not isinstance(found, dict):
        raise DataError(f"its MODELS is of type {type(found).__name__}, not a dictionary of prefix and function.")
    return dict(found)
