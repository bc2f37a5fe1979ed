"""Labelled pictures for probes: folders of classes, data sets of ``evaluate``, tables of paths and labels."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.regular_files import read_text


@dataclass(frozen=True)
class Labelled:
    """Pictures with their classes' names, in a fixed order."""

    where: Path
    paths: tuple[Path, ...]
    labels: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.paths)


def labelled_pictures(where: Path) -> Labelled:
    """The pictures in a folder (a folder for each class, also named by WordNet ids, or any data set with labels), or in
    a CSV with the columns path and label; paths are relative to the table's folder."""
    if where.is_file():
        return _table(where)
    dataset = open_dataset(where, check_masks=False)
    kept = [item for item in dataset.items if item.label is not None]
    if not kept:
        raise DataError(
            f"{where} has no labels: expected a folder for each class, a labels.csv, or a CSV of path and label."
        )
    left = len(dataset.items) - len(kept)
    notes = (f"{left} pictures of {where} have no label and are left out.",) if left else ()
    return Labelled(where, tuple(i.path for i in kept), tuple(str(i.label) for i in kept), notes)


def _table(path: Path) -> Labelled:
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The table {path} cannot be read: {error}.") from error
    rows = csv.DictReader(text.splitlines(), skipinitialspace=True)
    columns = rows.fieldnames or []
    name = next((one for one in ("path", "image", "file") if one in columns), None)
    if name is None or "label" not in columns:
        raise DataError(f"{path} must have the columns path and label; it has {', '.join(columns) or 'none'}.")
    paths, labels = [], []
    for number, row in enumerate(rows, 2):
        picture, label = (row[name] or "").strip(), (row["label"] or "").strip()
        if not picture or not label:
            raise DataError(f"Line {number} of {path} must have a path and a label.")
        paths.append(path.parent / picture)
        labels.append(label)
    if not paths:
        raise DataError(f"{path} has no rows.")
    return Labelled(path, tuple(paths), tuple(labels))
