"""The classes of pictures, from common files: ``labels.csv``, two columns of text, and the ground truth of an ILSVRC
devkit.

A label is a class's name, its index, or a WordNet id such as n02123045, by which the model finds the class.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from vitinspect.errors import DataError
from vitinspect.evaluation.index_lists import ilsvrc_number
from vitinspect.evaluation.items import split_key
from vitinspect.evaluation.matlab import read_struct
from vitinspect.regular_files import read_text

Labels = Callable[[str], str | None]
"""From an item's key to its label."""

_GROUND_TRUTH = "*ground_truth*.txt"


def no_labels(key: str) -> None:
    """The labels if there is no file of labels."""


def find_labels(folder: Path) -> Labels:
    """The labels in a data set's folder: labels.csv, or an ILSVRC ground truth, also in a devkit beside it."""
    table = folder / "labels.csv"
    if table.is_file():
        return read_labels(table)
    places = [folder, folder / "data"]
    for above in (folder, folder.parent):
        places += [found / "data" for found in sorted(above.glob("ILSVRC*devkit*"))]
    for place in places:
        files = sorted(place.glob(_GROUND_TRUTH)) if place.is_dir() else []
        validation = [path for path in files if "val" in path.name] or files
        if validation:
            return read_labels(validation[0])
    return no_labels


def read_labels(path: Path) -> Labels:
    """The labels in a file: CSV with the columns image and label; a name and a label per line; or one number per line,
    which is a devkit's ground truth and belongs to the file of that number."""
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The labels {path} cannot be read: {error}.") from error
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"The labels {path} are empty.")
    if path.suffix.lower() == ".csv":
        return _by_name(_csv_rows(path, lines), path)
    if all(re.fullmatch(r"\s*\d+\s*", line) for line in lines):
        return _by_number(path, [int(line) for line in lines])
    return _by_name(_two_columns(path, lines), path)


def _csv_rows(path: Path, lines: list[str]) -> Iterator[tuple[str, str]]:
    rows = csv.DictReader(lines, skipinitialspace=True)
    names = rows.fieldnames or []
    if not {"image", "label"} <= set(names):
        raise DataError(f"{path} must have the columns image and label; it has {', '.join(names)}.")
    for row in rows:
        if row["image"] and row["label"]:
            yield row["image"].strip(), row["label"].strip()


def _two_columns(path: Path, lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines, 1):
        parts = line.split(None, 1)
        if len(parts) != 2:
            raise DataError(f"Line {number} of {path} must be a picture's name and its label, not {line.strip()!r}.")
        yield parts[0], parts[1].strip()


def _by_name(rows: Iterator[tuple[str, str]], path: Path) -> Labels:
    known: dict[str, str] = {}
    for name, label in rows:
        if known.setdefault(name, label) != label:
            raise DataError(f"{path} gives {name} two labels: {known[name]} and {label}.")

    def label_of(key: str) -> str | None:
        path = PurePosixPath(split_key(key)[0])
        inside = PurePosixPath(*path.parts[1:]) if len(path.parts) > 1 else path
        for text in (str(path), str(inside), path.name, str(path.with_suffix("")), path.stem):
            if text in known:
                return known[text]
        return None

    return label_of


def _by_number(path: Path, classes: list[int]) -> Labels:
    ids = _devkit_ids(path)

    def label_of(key: str) -> str | None:
        number = ilsvrc_number(key)
        if number is None or not 1 <= number <= len(classes):
            return None
        code = classes[number - 1]
        if code not in ids:
            raise DataError(f"Line {number} of {path} is {code}, but the devkit has no class of that number.")
        return ids[code]

    return label_of


def _devkit_ids(path: Path) -> dict[int, str]:
    """The devkit's own class numbers to WordNet ids: their order is not that of models' outputs."""
    table = path.parent / "map_clsloc.txt"
    if table.is_file():
        rows = (line.split() for line in table.read_text(encoding="utf-8").splitlines())
        return {int(row[1]): row[0] for row in rows if len(row) >= 2 and row[1].isdigit()}
    meta = path.parent / "meta.mat"
    if meta.is_file():
        columns = read_struct(meta, "synsets", ("ILSVRC2012_ID", "WNID"))
        return {int(k): str(v) for k, v in zip(columns["ILSVRC2012_ID"], columns["WNID"], strict=True)}
    raise DataError(
        f"{path} holds the devkit's own class numbers, which are not those of a model's outputs. The devkit's "
        "meta.mat (or map_clsloc.txt), which assigns them, must be in the same folder."
    )
