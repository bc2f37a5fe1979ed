"""The data from which the scores of a run were computed: size, time and digest of each picture and each mask.

A resumed run compares them. Size and time are compared first; if the time differs, the digest of the bytes is
compared, so that a copied data set is still the same one.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vitinspect.evaluation.items import Dataset, Item
from vitinspect.evaluation.plan import Plan
from vitinspect.names import restored

_CHUNK = 1 << 20
SHOWN = 5
"""The number of names that are listed; further ones are counted."""


@dataclass(frozen=True)
class Changes:
    """The differences from the data that was scored, as keys of items."""

    changed: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()

    @property
    def invalid(self) -> tuple[str, ...]:
        """Items whose scores no longer match the data."""
        return self.changed + self.gone

    def words(self) -> str:
        """The differences by name, as a part of a sentence."""
        parts = []
        if self.changed:
            kind = "has another picture, mask or label" if len(self.changed) == 1 else "have others"
            parts.append(f"{len(self.changed)} {kind} ({_names(self.changed)})")
        if self.gone:
            parts.append(f"{len(self.gone)} {'is' if len(self.gone) == 1 else 'are'} gone ({_names(self.gone)})")
        if self.new:
            parts.append(f"{len(self.new)} {'is' if len(self.new) == 1 else 'are'} new ({_names(self.new)})")
        return "; ".join(parts)


def _names(keys: Sequence[str]) -> str:
    more = len(keys) - SHOWN
    return ", ".join(keys[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def stamp(item: Item, plan: Plan) -> str:
    """What determines an item's scores, as JSON to be stored with them."""
    found: dict[str, Any] = {name: _file_stamp(path) for name, path in _files(item, plan)}
    return json.dumps({**found, **_words(item, plan)}, sort_keys=True)


def same(stored: str, item: Item, plan: Plan) -> bool:
    """Whether the item is unchanged since ``stored`` was written."""
    try:
        before = json.loads(stored)
        files = dict(_files(item, plan))
        words = _words(item, plan)
        if set(before) != set(files) | set(words) or any(before[name] != words[name] for name in words):
            return False
        return all(_same_file(before[name], path) for name, path in files.items())
    except (ValueError, TypeError, KeyError, IndexError):
        return False


def compare(stored: Mapping[str, str], known: Iterable[str] | None, dataset: Dataset, plan: Plan) -> Changes:
    """``stored``: the stamps of what was scored; ``known``: all items of the data set when the run began, or None."""
    items = {item.key: item for item in dataset.items}
    changed = tuple(key for key, before in stored.items() if key in items and not same(before, items[key], plan))
    # Items beyond the limit of this call are not missing.
    gone = tuple(k for k in stored if k not in items and (plan.limit is None or not _exists(dataset.root, k)))
    new = () if known is None else tuple(key for key in items if key not in set(known))
    return Changes(changed, gone, new)


def _files(item: Item, plan: Plan) -> list[tuple[str, Path]]:
    masks = sorted(item.masks.items()) if "overlap" in plan.scores else []
    return [("picture", item.path), *((f"mask {annotator}", path) for annotator, path in masks)]


def _words(item: Item, plan: Plan) -> dict[str, str]:
    """Properties that are not files: the label if it is the target, and the item's problem."""
    words = {"problem": item.problem} if item.problem else {}
    return {**words, "label": item.label or ""} if plan.target == "label" else words


def _file_stamp(path: Path) -> list[Any] | None:
    try:
        status = os.stat(path)
        return [status.st_size, status.st_mtime_ns, _digest(path, status.st_size, status.st_mtime_ns)]
    except OSError:
        return None


def _same_file(before: list[Any] | None, path: Path) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return before is None
    if before is None or before[0] != status.st_size:
        return False
    return before[1] == status.st_mtime_ns or before[2] == _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=64)  # one file may hold the pictures or the masks of a whole data set
def _digest(path: Path, size: int, time: int) -> str:
    if not path.is_file():
        return ""  # reading a pipe would wait forever
    found = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _exists(root: Path, key: str) -> bool:
    path = root / restored(key)
    return path.exists() or path.with_name(path.name.rpartition("#")[0] or path.name).exists()
