"""Features of pictures, computed once: float16 in a memory-mapped file that all probes share.

The name of an entry is a fingerprint of everything that the features depend on: the backbone, its input, the recipe,
how pictures are fitted, and the pictures' paths, sizes and times. A second file has a byte for each row: to do, done or
not readable. It is written after the rows, so that a killed run can be resumed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from vitinspect.errors import DataError, ImageError, ParameterError, StorageFull
from vitinspect.files import SOFTWARE, write_atomic
from vitinspect.images import open_image
from vitinspect.locks import held
from vitinspect.models.recipes import Recipe, why_not
from vitinspect.models.trained_heads import backbone_fingerprint, positions_fingerprint
from vitinspect.names import stored
from vitinspect.paths import cache_folder
from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

TO_DO, DONE, UNREADABLE = 0, 1, 2
BATCH = 32


@dataclass(frozen=True)
class Features:
    """The features of some pictures in a file."""

    values: np.ndarray
    """(N, D) float16, in the file."""
    usable: np.ndarray
    """(N,): whether the picture could be read."""
    path: Path
    computed: int
    """The number of rows that this call computed; the others were cached."""
    problems: tuple[str, ...]
    """A sentence for each picture that could not be read now."""


def default_folder() -> Path:
    """The folder of features if no other is named."""
    return cache_folder() / "features"


def fingerprint(model: ViT, pictures: Sequence[Path], recipe: Recipe, mode: str) -> str:
    """The fingerprint of everything that the features depend on."""
    digest = hashlib.sha256()
    parts = (backbone_fingerprint(model.module), positions_fingerprint(model.module), str(model.dtype))
    digest.update(repr((parts, repr(model.preprocessing), str(recipe), mode)).encode())
    for path in pictures:
        try:
            found = os.stat(path)
            state = (found.st_size, found.st_mtime_ns)
        except OSError:
            state = (-1, -1)
        digest.update(repr((stored(path.absolute()), *state)).encode())
    return digest.hexdigest()[:32]


def features_of(
    model: ViT,
    pictures: Sequence[Path],
    recipe: str | Recipe = "class",
    *,
    mode: str = "crop",
    folder: Path | None = None,
    batch: int = BATCH,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Features:
    """The features of the pictures, read from the file or else computed and stored."""
    chosen = Recipe.parse(recipe)
    reason = why_not(model, chosen)
    if reason is not None:
        raise ParameterError(f"{model.name} does not have the features {chosen}: {reason}.")
    if not pictures:
        raise DataError("There is no picture to compute features of.")
    if batch < 1:
        raise ParameterError(f"A batch must have at least 1 picture, not {batch}.")
    stem = (folder or default_folder()) / fingerprint(model, pictures, chosen, mode)
    width = chosen.vectors * model.dim
    with held(stem.with_suffix(".lock"), "Another process is computing these features"):
        values, state = _open(stem, len(pictures), width, model, chosen, mode)
        # Unreadable pictures are tried again: the same file may be readable now.
        todo = np.flatnonzero(np.asarray(state) != DONE)
        problems: list[str] = []
        done = len(pictures) - len(todo)
        for rows, found in _computed(model, pictures, todo, chosen, mode, batch, problems, cancel):
            if not np.isfinite(found).all():
                raise DataError(
                    f"The features {chosen} of {model.name} are too large for float16, in which they are stored; use a"
                    " recipe after the final norm."
                )
            read = [row for row in rows if row >= 0]
            values[read] = found
            values.flush()
            state[read] = DONE
            state.flush()
            done += len(rows)
            if progress is not None:
                progress(done, len(pictures))
        bad = np.flatnonzero(np.asarray(state) != DONE)
        state[bad] = UNREADABLE
        state.flush()
        usable = np.asarray(state) == DONE
    return Features(np.asarray(values), usable, stem.with_suffix(".f16"), len(todo) - len(problems), tuple(problems))


def _open(stem: Path, count: int, width: int, model: ViT, recipe: Recipe, mode: str) -> tuple[np.memmap, np.memmap]:
    """The entry's two files: the existing ones if their sizes are right, new ones otherwise."""
    values, state = stem.with_suffix(".f16"), stem.with_suffix(".rows")
    try:
        whole = values.stat().st_size == 2 * count * width and state.stat().st_size == count
    except OSError:
        whole = False
    try:
        if not whole:
            about = {
                "software": SOFTWARE,
                "model": model.source,
                "recipe": str(recipe),
                "mode": mode,
                "input_size": list(model.input_size),
                "shape": [count, width],
                "dtype": "float16",
            }
            # The rows' states are deleted first: without them the other file is not used.
            state.unlink(missing_ok=True)
            _reserve(values, 2 * count * width)
            write_atomic(stem.with_suffix(".json"), (json.dumps(about, indent=1) + "\n").encode())
            write_atomic(state, bytes(count))
        return (
            np.memmap(values, np.float16, "r+", shape=(count, width)),
            np.memmap(state, np.uint8, "r+", shape=(count,)),
        )
    except OSError as error:
        raise DataError(f"{values} cannot be written: {error.strerror or error}.") from error


def _reserve(path: Path, size: int) -> None:
    """A file of this size with its disk space allocated: otherwise a full disk would end the process later."""
    with open(path, "wb") as file:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, size)
                return
            except OSError as error:
                if error.errno == 28:  # ENOSPC
                    file.truncate(0)
                    raise StorageFull(f"{path} cannot be written: {size} bytes are needed.") from error
        file.truncate(size)


def _computed(
    model: ViT,
    pictures: Sequence[Path],
    todo: np.ndarray,
    recipe: Recipe,
    mode: str,
    batch: int,
    problems: list[str],
    cancel: CancelToken | None,
) -> Iterator[tuple[list[int], np.ndarray]]:
    """Batches of rows (-1 for one that could not be read) with the features of those that could."""

    def prepared(row: int) -> torch.Tensor | str:
        try:
            return model.preprocess(open_image(pictures[row]), mode).tensor
        except (ImageError, OSError) as error:
            return f"{pictures[row]}: {error}"

    parts = [todo[start : start + batch].tolist() for start in range(0, len(todo), batch)]
    with ThreadPoolExecutor(2, thread_name_prefix="pictures") as pool:
        waiting = [[pool.submit(prepared, row) for row in part] for part in parts[:2]]
        try:
            for number, part in enumerate(parts):
                check(cancel)
                if number + 2 < len(parts):
                    waiting.append([pool.submit(prepared, row) for row in parts[number + 2]])
                opened = [future.result() for future in waiting[number]]
                waiting[number] = []
                problems += [one for one in opened if isinstance(one, str)]
                tensors = [one for one in opened if not isinstance(one, str)]
                rows = [row if not isinstance(one, str) else -1 for row, one in zip(part, opened, strict=True)]
                if tensors:
                    found = model.features(torch.stack(tensors), recipe).float().cpu().numpy().astype(np.float16)
                else:
                    found = np.empty((0, recipe.vectors * model.dim), np.float16)
                yield rows, found
        finally:
            pool.shutdown(cancel_futures=True)
