"""Figures that were saved by name, one file each in the user's data folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from vitinspect import paths
from vitinspect.errors import DataError, ParameterError, VitInspectError
from vitinspect.figures.lengths import millimetres, points
from vitinspect.figures.specification import FigureSpec, from_dict
from vitinspect.json_files import read_json

VERSION = 1
MOST = 500


@dataclass(frozen=True)
class SavedLayout:
    """One of them."""

    name: str
    path: Path
    detail: str
    """Rows by columns and the width, for the list."""


def folder() -> Path:
    return paths.data_folder() / "figures"


class FigureLayouts(QObject):
    """Lists, saves, opens and deletes."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.damaged: list[str] = []
        """Sentences about files that could not be read when they were last listed."""

    def all(self) -> list[SavedLayout]:
        """Sorted by name. A damaged file is left out, and named in ``damaged``."""
        found = []
        self.damaged = []
        for path in sorted(folder().glob("*.json"))[:MOST] if folder().is_dir() else ():
            try:
                name, spec = _read(path)
            except VitInspectError as error:
                self.damaged.append(str(error))
                continue
            detail = f"{len(spec.rows)} × {len(spec.columns)}, {millimetres(points(spec.width)):.4g} mm"
            found.append(SavedLayout(name, path, detail))
        return sorted(found, key=lambda one: one.name.casefold())

    def of_pictures_in(self, directory: str) -> dict[str, FigureSpec]:
        """By name, those whose pictures are all in a directory or below it; what a session of it keeps."""
        if not directory:
            return {}
        found = {one.name: self.open(one.name) for one in self.all()}
        return {
            name: spec
            for name, spec in found.items()
            if (images := _images(spec)) and all(Path(one).is_relative_to(directory) for one in images)
        }

    def add(self, name: str, spec: FigureSpec) -> bool:
        """Save a layout unless one of that name holds the same; under a name with a number where it holds another
        figure."""
        there = self.find(name)
        if there is not None and _read(there.path)[1] == spec:
            return False
        self.save(self.free_name(" ".join(name.split())), spec)
        return True

    def find(self, name: str) -> SavedLayout | None:
        return next((one for one in self.all() if one.name == name), None)

    def free_name(self, wanted: str) -> str:
        """``wanted``, with a number behind it where that name exists."""
        taken = {one.name for one in self.all()}
        if wanted not in taken:
            return wanted
        return next(f"{wanted} {i}" for i in range(2, len(taken) + 3) if f"{wanted} {i}" not in taken)

    def save(self, name: str, spec: FigureSpec) -> SavedLayout:
        """Save under a name; a layout of the same name is replaced."""
        from vitinspect.files import write_atomic

        name = " ".join(name.split())
        if not name:
            raise ParameterError("A layout needs a name.")
        path = _path_of(name)
        paths.ensure(folder())
        body = {"vitinspect": "figure layout", "version": VERSION, "name": name, "figure": spec.to_dict()}
        write_atomic(path, (json.dumps(body, indent=1) + "\n").encode())
        self.changed.emit()
        return SavedLayout(name, path, "")

    def open(self, name: str) -> FigureSpec:
        found = self.find(name)
        if found is None:
            raise DataError(f"There is no layout {name!r}.")
        return _read(found.path)[1]

    def delete(self, name: str) -> FigureSpec:
        """Delete a layout. Returns its figure, so that it can be restored."""
        spec = self.open(name)
        found = self.find(name)
        assert found is not None
        found.path.unlink(missing_ok=True)
        self.changed.emit()
        return spec

    def rename(self, name: str, new: str) -> None:
        """Give a layout a name that no other one has."""
        new = " ".join(new.split())
        if not new or new == name:
            return
        if self.find(new) is not None:
            raise ParameterError(f"There is a layout {new!r} already.")
        spec = self.delete(name)
        self.save(new, spec)


def _images(spec: FigureSpec) -> list[str]:
    cells = [spec.cell(row, column) for row in range(len(spec.rows)) for column in range(len(spec.columns))]
    return [cell.image for cell in cells if cell.image]


def _path_of(name: str) -> Path:
    from vitinspect.files import short_hash, slug

    return folder() / f"{slug(name)}-{short_hash(name)}.json"


def _read(path: Path) -> tuple[str, FigureSpec]:
    found = read_json(path)
    if found.get("vitinspect") != "figure layout" or found.get("version") != VERSION:
        raise DataError(f"{path} is not a figure layout that this version of vitinspect can read.")
    return str(found.get("name", path.stem)), from_dict(found.get("figure"), str(path))
