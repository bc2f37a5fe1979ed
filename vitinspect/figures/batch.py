"""Exporting layers of many pictures, one file for each, named by a pattern; a stopped export can be resumed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.errors import Cancelled, DataError, ParameterError, StorageFull, VitInspectError
from vitinspect.figures.cell_drawing import overlap
from vitinspect.figures.cells import FinishedCell, Sources, finish_cells, members
from vitinspect.figures.file_names import PATTERN, Names, check_pattern, file_name, numbered
from vitinspect.figures.layer_files import KINDS, Carried, FileKind, Page, single, write_layer
from vitinspect.figures.specification import from_dict
from vitinspect.files import SOFTWARE, write_atomic
from vitinspect.names import shown, stored
from vitinspect.output import OutputFolder, refuse_inside
from vitinspect.progress import CancelToken, Progress, check
from vitinspect.regular_files import read_regular

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

EXISTING = ("skip", "number", "replace")
"""What is done about an existing file: skip it, number the new one, or replace it if vitinspect wrote it."""
ABOVE = ("method", "target", "model", "scores")
"""What can be written above a picture, in this order."""
RECORD = ".vitinspect-batch.json"
_LARGEST_RECORD = 50_000_000


@dataclass(frozen=True)
class Batch:
    """What is written for each picture."""

    layers: tuple[Mapping[str, Any], ...]
    """Entries as a figure's specification has them: method, target, colours, threshold, ..."""
    files: tuple[FileKind, ...] = (FileKind("overlay", ".png"),)
    folder: Path = Path("vitinspect-output")
    pattern: str = PATTERN
    existing: str = "skip"
    page: Page = field(default_factory=Page)
    recipe: bool = True
    anonymous: bool = False
    above: tuple[str, ...] = ()
    """Of ``ABOVE``: what is written above each picture. Scores are those with the ``truth`` of a layer."""

    def __post_init__(self) -> None:
        check_pattern(self.pattern)
        if self.existing not in EXISTING:
            raise ParameterError(f"existing must be one of {', '.join(EXISTING)}, not {self.existing!r}.")
        if not self.layers or not self.files:
            raise ParameterError("A batch needs at least one layer and at least one kind of file.")
        names = {kind.id for kind in KINDS}
        if any(file.kind not in names for file in self.files):
            raise ParameterError(f"Kinds of files are {', '.join(sorted(names))}.")
        unknown = [one for one in self.above if one not in ABOVE]
        if unknown:
            raise ParameterError(f"Above a picture stand {', '.join(ABOVE)}, not {unknown[0]!r}.")
        if self.anonymous and "{stem}" in self.page.title:
            raise ParameterError("A title with the picture's name is not anonymous: leave {stem} out of it.")
        for entry in self.layers:
            from_dict({"rows": [{"image": "x"}], "columns": [dict(entry)]})
            members(str(entry.get("method", "")))

    @property
    def key(self) -> str:
        """Equal for batches that write the same files for a picture."""
        plain = dataclasses.asdict(self)
        plain["files"] = [str(one) for one in self.files]
        del plain["folder"], plain["existing"]
        return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:32]


@dataclass
class Outcome:
    """The result of a batch."""

    written: int = 0
    skipped: int = 0
    """Existing files that were skipped."""
    gone_on: int = 0
    """Pictures that an earlier run had finished."""
    failed: dict[str, str] = field(default_factory=dict)
    """Picture -> why nothing was written for it."""

    def __str__(self) -> str:
        parts = [f"{self.written} files written"]
        if self.skipped:
            parts.append(f"{self.skipped} existed already")
        if self.gone_on:
            parts.append(f"{self.gone_on} pictures were finished before")
        if self.failed:
            first, reason = next(iter(self.failed.items()))
            parts.append(f"{len(self.failed)} pictures failed ({os.path.basename(first)}: {reason})")
        return ", ".join(parts)


def names_of(
    batch: Batch, picture: Path, number: int, targets: Sequence[str], model: str = "", names: Names | None = None
) -> list[tuple[int, FileKind, str]]:
    """The files of one picture: layer, kind and name. ``targets`` are the classes of the layers in words."""
    names = names or Names()
    found = []
    for index, entry in enumerate(batch.layers):
        for kind in batch.files:
            method = str(entry["method"])
            values = {
                "stem": picture.stem,
                "folder": picture.parent.name,
                "method": method.replace(" + ", "+").replace(" [", "-").removesuffix("]"),
                "layer": str(entry.get("label") or method),
                "target": targets[index],
                "model": model,
                "kind": kind.kind,
                "number": f"{number:04d}",
                "ext": kind.ending,
            }
            name = file_name(batch.pattern, values)
            if len(batch.files) > 1 and "{kind}" not in batch.pattern and kind.kind != "overlay":
                stem, _, ending = name.rpartition(".")
                name = f"{stem}.{kind.kind}.{ending}"
            found.append((index, kind, names.free(name)))
    return found


def preview(batch: Batch, pictures: Sequence[Path], target: str = "class", model: str = "", most: int = 6) -> list[str]:
    """The first names, with the class if it is known."""
    from vitinspect.explainers.registry import methods

    shown, names = [], Names()
    for number, picture in enumerate(pictures[:most], 1):
        targets = []
        for entry in batch.layers:
            chosen, _ = members(str(entry["method"]))
            follows = any(methods()[one.id].class_specific for one in chosen)
            targets.append(str(entry.get("target") or target) if follows else "")
        shown += [name for _, _, name in names_of(batch, picture, number, targets, model, names)]
    return shown[:most]


def finished_before(batch: Batch) -> set[str]:
    """The pictures that an earlier, unfinished run of the same batch has finished."""
    try:
        path = batch.folder / RECORD
        if path.stat().st_size > _LARGEST_RECORD:
            return set()
        found = json.loads(read_regular(path))
        if found["vitinspect"] == "batch" and found["key"] == batch.key:
            return {str(one) for one in found["done"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return set()


def run_batch(
    batch: Batch,
    pictures: Sequence[Path],
    model: Callable[[], ViT],
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    on_file: Callable[[str], None] | None = None,
) -> Outcome:
    """Write the files of all pictures. A failing picture is recorded and does not stop the others. ``on_file`` is
    called with each name.

    Finished pictures are recorded in a file in the folder until all are done, so that a stopped run can be resumed.
    """
    for parent in {picture.parent for picture in pictures}:
        refuse_inside(batch.folder, parent)
    output, outcome, names = OutputFolder(batch.folder), Outcome(), Names()
    done = finished_before(batch)
    loaded: list[Any] = []

    def the_model(source: str, arch: str) -> Any:
        if not loaded:
            loaded.append(model())
        return loaded[0]

    for number, picture in enumerate(pictures, 1):
        check(cancel)
        if stored(os.path.abspath(picture)) in done:
            outcome.gone_on += 1
        else:
            try:
                _one(batch, picture, number, the_model, output, names, outcome, cancel, on_file)
            except (Cancelled, StorageFull):
                raise
            except (VitInspectError, OSError, ValueError, RuntimeError, MemoryError) as error:
                outcome.failed[str(picture)] = str(error)
            else:
                done.add(stored(os.path.abspath(picture)))
                _remember(batch, done)
        if progress is not None:
            progress(number, len(pictures))
    if not outcome.failed:
        (batch.folder / RECORD).unlink(missing_ok=True)
    return outcome


def _remember(batch: Batch, done: set[str]) -> None:
    document = {"vitinspect": "batch", "software": SOFTWARE, "key": batch.key, "done": sorted(done)}
    write_atomic(batch.folder / RECORD, json.dumps(document).encode())


def _one(
    batch: Batch,
    picture: Path,
    number: int,
    model: Callable[[str, str], Any],
    output: OutputFolder,
    names: Names,
    outcome: Outcome,
    cancel: CancelToken | None,
    on_file: Callable[[str], None] | None,
) -> None:
    columns = [{**entry, "image": str(picture)} for entry in batch.layers]
    spec = from_dict({"rows": [{}], "columns": columns})
    cells = list(finish_cells(spec, Sources(Path(), load_model=model), cancel=cancel).values())
    targets = [cell.target_words for cell in cells]
    files: dict[str, bytes] = {}
    for index, kind, name in names_of(batch, picture, number, targets, cells[0].model_name, names):
        check(cancel)
        wanted = _place(output, name, batch.existing)
        if wanted is None:
            outcome.skipped += 1
            continue
        for ending, data in _bytes(batch, columns[index], cells[index], kind).items():
            files[wanted if ending == kind.ending else wanted.removesuffix(kind.ending) + ending] = data
        outcome.written += 1
        if on_file is not None:
            on_file(wanted)
    if files:
        output.write_all(files)


def _bytes(batch: Batch, entry: Mapping[str, Any], cell: FinishedCell, kind: FileKind) -> dict[str, bytes]:
    height, width = cell.pixels.shape[:2]
    page = replace(
        batch.page,
        label=" · ".join(words for words in (_words(one, entry, cell) for one in ABOVE if one in batch.above) if words),
        title=batch.page.title.replace("{stem}", shown(Path(str(entry["image"])).stem)),
    )
    spec = single(entry, page, (height, width))
    return write_layer(spec, cell, kind, Carried(batch.recipe, batch.anonymous, Path.cwd()))


def _words(what: str, entry: Mapping[str, Any], cell: FinishedCell) -> str:
    """What is written above a picture; empty where there is nothing to say."""
    if what == "scores":
        if cell.truth is None or cell.values is None:
            return ""
        iou, f1 = overlap(cell)
        return f"IoU {iou:.3f}, F1 {f1:.3f}"
    found = {
        "method": str(entry.get("label") or cell.method_title),
        "target": cell.target_words,
        "model": cell.model_name,
    }
    return found[what]


def _place(output: OutputFolder, name: str, existing: str) -> str | None:
    """The path of a file; None for an existing one that is skipped."""
    path = output.path(name)
    if not os.path.lexists(path) or existing == "replace":
        return name
    if existing == "skip":
        return None
    for count in range(2, 10_000):
        candidate = numbered(name, count)
        if not os.path.lexists(output.path(candidate)):
            return candidate
    raise DataError(f"There is no free number for {name} in {output.folder}.")
