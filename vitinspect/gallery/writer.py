"""Write a set of scenes to disk in a common layout: pictures, masks of the same names, one table.

OUT/
  images/00007-gear.png        the pictures
  masks/00007-gear.png         the exact mask of the object that the label names (0 and 255)
  masks/generous/ tight/ sloppy/   on request: the same object as drawn by three simulated annotators
  masks-second/                the other class object, if there are two
  masks-badge/                 the badge, if there is one
  labels.csv                   image,label
  objects.csv                  every object with its place and size, distractors and badges too
  gallery.json                 how the set was made; marks the folder as written by vitinspect
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vitinspect.errors import DataError, ImageError
from vitinspect.files import write_atomic
from vitinspect.images import open_mask
from vitinspect.output import OutputFolder
from vitinspect.parallel import run_jobs
from vitinspect.progress import CancelToken, Progress
from vitinspect.version import __version__

from .annotators import ANNOTATORS
from .scene import BadgeRule, Mask, Scene, has_two_objects, make_scene

RECIPE = "gallery.json"
FORMATS = {"png": "PNG", "jpg": "JPEG", "webp": "WEBP"}
_CHUNK = 8


@dataclass(frozen=True)
class Recipe:
    """The settings that determine every file of a set."""

    count: int
    seed: int
    size: tuple[int, int]
    annotators: bool
    two_objects: float
    badge: BadgeRule
    format: str


def write_gallery(
    out: Path | str,
    count: int,
    seed: int = 0,
    *,
    size: tuple[int, int] | int = 224,
    annotators: bool = False,
    two_objects: float = 0.2,
    badge: BadgeRule = "train",
    format: str = "png",  # noqa: A002 - the word that people look for
    processes: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Path:
    """Write `count` scenes of the world `seed` to `out` and return the path of `labels.csv`.

    `size` is (height, width) or one number, `two_objects` the share of scenes with a second class object. A folder
    that holds anything else is refused; an unfinished set of the same recipe is completed. Every file is written
    completely or not at all, the tables last.
    """
    height, width = (size, size) if isinstance(size, int) else size
    recipe = Recipe(count, seed, (height, width), annotators, float(two_objects), badge, format)
    _check(recipe)
    folder = Path(out)
    _claim(folder, recipe)
    starts = range(0, count, _CHUNK)
    jobs = [(str(folder), recipe, start, min(start + _CHUNK, count)) for start in starts]
    sizes = [job[3] - job[2] for job in jobs]
    rows: dict[int, list[_Row]] = {}
    for number, result in run_jobs(
        _write_scenes, jobs, sizes=sizes, processes=processes, progress=progress, cancel=cancel
    ):
        rows[number] = result
    ordered = [row for number in sorted(rows) for row in rows[number]]
    objects = [line for row in ordered for line in row.objects]
    tables = {
        "objects.csv": table(("image", "object", "label", "x", "y", "radius"), objects),
        "labels.csv": table(("image", "label"), [(row.image, row.label) for row in ordered]),
    }
    return OutputFolder(folder).write_all(tables)[-1]


def _check(recipe: Recipe) -> None:
    if recipe.count < 1:
        raise DataError(f"A gallery must have at least one scene, not {recipe.count}.")
    if recipe.seed < 0:
        raise DataError(f"A seed must be a whole number from 0 on, not {recipe.seed}.")
    if min(recipe.size) < 32:
        raise DataError(f"Scenes must be at least 32 pixels high and wide, not {recipe.size[0]} x {recipe.size[1]}.")
    if not 0.0 <= recipe.two_objects <= 1.0:
        raise DataError(f"The share of scenes with two objects must be between 0 and 1, not {recipe.two_objects}.")
    if recipe.badge not in ("train", "always", "never"):
        raise DataError(f"The badge must be 'train' (as in training), 'always' or 'never', not {recipe.badge!r}.")
    if recipe.format not in FORMATS:
        raise DataError(f"Scenes are written as {', '.join(FORMATS)}, not as {recipe.format!r}.")


def _claim(folder: Path, recipe: Recipe) -> None:
    """Mark the folder as written by vitinspect, or refuse it."""
    document: dict[str, Any] = {"software": f"vitinspect {__version__}", "recipe": asdict(recipe)}
    document = json.loads(json.dumps(document))
    mark = folder / RECIPE
    if folder.exists() and not folder.is_dir():
        raise DataError(f"{folder} is a file; the scenes need a folder.")
    if mark.is_file():
        try:
            found = json.loads(mark.read_text(encoding="utf-8"))["recipe"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{mark} cannot be read ({error}). Choose another folder.") from error
        if found != document["recipe"]:
            raise DataError(
                f"{folder} holds another set of scenes ({_summary(found)}). Choose another folder, or delete it."
            )
        ours = OutputFolder(folder)
        ours.check(["objects.csv", "labels.csv"])
        for name in ("images", "masks", "masks-second", "masks-badge", *(f"masks/{person}" for person in ANNOTATORS)):
            ours.path(f"{name}/picture")  # no link leads out of the folder
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder} is not empty and was not written by this command. Choose another folder.")
    write_atomic(mark, (json.dumps(document, indent=2) + "\n").encode())


def _summary(recipe: Any) -> str:
    if not isinstance(recipe, dict):
        return "of an unknown kind"
    return ", ".join(f"{name} {value}" for name, value in recipe.items())


@dataclass(frozen=True)
class _Row:
    image: str
    label: str
    objects: list[tuple[str, int, str, str, str, str]]


def _write_scenes(job: tuple[str, Recipe, int, int]) -> list[_Row]:
    folder, recipe, start, stop = job
    return [_write_scene(Path(folder), recipe, index) for index in range(start, stop)]


def _write_scene(folder: Path, recipe: Recipe, index: int) -> _Row:
    two = has_two_objects(recipe.seed, index, recipe.two_objects)
    scene = make_scene(recipe.seed, index, recipe.size, objects=2 if two else 1, badge=recipe.badge)
    digits = max(4, len(str(recipe.count - 1)))
    name = f"{index:0{digits}d}-{scene.label}"
    # The picture is written last: if it exists, so do the scene's other files.
    image = folder / "images" / f"{name}.{recipe.format}"
    if not image.exists():
        masks = {"masks": scene.mask}
        if recipe.annotators:
            masks |= {f"masks/{person}": scene.annotators_mask(person) for person in ANNOTATORS}
        if two:
            masks["masks-second"] = scene.objects[1].mask
        if scene.badge is not None:
            masks["masks-badge"] = scene.badge
        paths = {folder / place / f"{name}.png": mask for place, mask in masks.items()}
        for path, mask in paths.items():
            _refuse_changed(path, mask)
        for path, mask in paths.items():
            write_atomic(path, mask_png(mask))
        write_atomic(image, _picture_bytes(scene, recipe.format))
    return _Row(f"images/{image.name}", scene.label, object_rows(f"images/{image.name}", scene))


def _refuse_changed(path: Path, mask: Mask) -> None:
    """Refuse to replace a mask that was changed; a mask without its picture must be an unchanged one of this set."""
    if not path.exists():
        return
    try:
        found = open_mask(path)
    except ImageError:
        found = None
    if found is None or not np.array_equal(found, mask.astype(np.uint8) * 255):
        raise DataError(
            f"{path} was changed since vitinspect wrote it and is not replaced. Move it, or choose another folder."
        )


def _picture_bytes(scene: Scene, format: str) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    options: dict[str, Any] = {} if format == "png" else {"quality": 92}
    Image.fromarray(scene.image).save(buffer, FORMATS[format], **options)
    return buffer.getvalue()


def mask_png(mask: Mask) -> bytes:
    """A mask as a grey PNG of 0 and 255."""
    buffer = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * np.uint8(255)).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def object_rows(image: str, scene: Scene) -> list[tuple[str, int, str, str, str, str]]:
    """The rows of `objects.csv` for a scene: class, place and size in pixels."""
    rows = [
        (image, number, thing.label or "distractor", *(f"{value:.1f}" for value in (*thing.centre, thing.radius)))
        for number, thing in enumerate(scene.objects, 1)
    ]
    if scene.badge is not None:
        ys, xs = np.nonzero(scene.badge)
        place = (xs.mean() + 0.5, ys.mean() + 0.5, float(np.sqrt(len(xs)) / 2))
        rows.append((image, len(rows) + 1, "badge", *(f"{value:.1f}" for value in place)))
    return rows  # type: ignore[return-value]


def table(header: tuple[str, ...], rows: list[Any]) -> bytes:
    """A CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()
