"""Lists of the pictures to use: by name, by position in the data set, or by the number in ILSVRC's file names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from vitinspect.errors import DataError
from vitinspect.regular_files import read_text

if TYPE_CHECKING:
    from vitinspect.evaluation.items import Item

_ILSVRC = re.compile(r"ILSVRC\d{4}_(?:val|test)_(\d{8})", re.IGNORECASE)


def ilsvrc_number(name: str) -> int | None:
    """293 of ``ILSVRC2012_val_00000293.JPEG``; None for every other name."""
    found = _ILSVRC.match(PurePosixPath(name).name)
    return int(found[1]) if found else None


def read_indices(path: str | os.PathLike[str]) -> list[int | str]:
    """Indices or names: one per line, or a YAML list (``- 3``, ``[3, 7]``, also under a key), with # comments.

    Such files hold plain lists only, so no YAML library is needed.
    """
    try:
        text = read_text(path, "utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"The index file {path} cannot be read: {error}.") from error
    found: list[int | str] = []
    for raw in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if not line or re.fullmatch(r"[\w.-]+:", line) or line in ("---", "[", "]"):
            continue
        line = re.sub(r"^[\w.-]+:\s*(?=\[)", "", line)
        line = line.removeprefix("- ").strip().strip("[],")
        for part in line.split(",") if "," in line else [line]:
            entry = part.strip().strip("[]").strip("\"'")
            if entry:
                found.append(int(entry) if re.fullmatch(r"\d+", entry) else entry)
    if not found:
        raise DataError(f"The index file {path} names nothing.")
    return found


def choose(
    items: Sequence[Item], wanted: Iterable[int | str], path: str | os.PathLike[str], base: int | None = None
) -> list[Item]:
    """The items that a list names, in its order.

    ``base`` is what the list counts from. Without it: if all pictures have ILSVRC's names, a number is the number in
    the name, from 1; otherwise a number that is a file's name means that file, and others are positions from 0.
    """
    numbered = {ilsvrc_number(item.key): item for item in items}
    if None in numbered or not numbered:
        numbered = {}
    by_name: dict[str, Item] = {}
    for item in items:
        name = PurePosixPath(item.key)
        for text in (item.key, name.name, name.stem):
            by_name.setdefault(text, item)
    start = base if base is not None else 1 if numbered else 0
    result: dict[str, Item] = {}
    for entry in wanted:
        found = None
        if isinstance(entry, str) or (base is None and not numbered):
            found = by_name.get(str(entry))
        if found is None and isinstance(entry, int):
            place = entry - start
            if numbered:
                found = numbered.get(place + 1)
            elif 0 <= place < len(items):
                found = items[place]
        if found is None:
            raise DataError(_missing(path, entry, len(items), start, bool(numbered)))
        result[found.key] = found
    return list(result.values())


def _missing(path: str | os.PathLike[str], entry: int | str, count: int, start: int, numbered: bool) -> str:
    if isinstance(entry, str):
        return f"{path} names {entry!r}, but none of the data set's {count} pictures has that name."
    counted = f"counted from {start} (`--index-base` changes that)"
    if numbered:
        return f"{path} names the ILSVRC file number {entry}, {counted}, but none of the {count} pictures has it."
    return f"{path} names {entry!r}, {counted}, but the data set has {count} pictures and none with that name."
