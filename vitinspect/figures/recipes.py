"""Recipes: a record inside a figure of how it was made, sufficient to make it again.

A recipe is untrusted data. Its size is limited, it is checked like a specification, and nothing in it is executed,
written to, or downloaded without the user's consent.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vitinspect.errors import DataError, ImageError, ParameterError, VitInspectError
from vitinspect.figures.cells import FinishedCell, digest, is_marked, truth_path
from vitinspect.figures.map_cells import map_name, map_names
from vitinspect.figures.scene import Scene
from vitinspect.figures.specification import FigureSpec, from_dict
from vitinspect.figures.write_raster import render
from vitinspect.images import is_image_name, list_images, open_image, open_mask, read_size
from vitinspect.map_files import ENDINGS
from vitinspect.names import restored, stored
from vitinspect.progress import CancelToken
from vitinspect.progress import check as check_cancelled
from vitinspect.regular_files import read_regular
from vitinspect.version import __version__

SCHEMA = 1
"""The schema of written recipes. It increases if older recipes would be misread, not for new entries."""
Step = Callable[[dict[str, Any]], dict[str, Any]]
STEPS: dict[int, Step] = {}
"""Schema -> the function that converts a recipe of it to the next schema."""
_MOST_IMAGES = 1000
_PIXELS_DPI = 100
"""The resolution at which the pixels of a figure are compared."""
MOST_SEARCHED = 20_000
_LARGEST_MAP = 1 << 30
"""Bytes."""


def make_recipe(
    spec: FigureSpec,
    cells: Mapping[str, FinishedCell],
    scene: Scene,
    *,
    anonymous: bool = False,
    folder: Path | None = None,
) -> dict[str, Any]:
    """The recipe of a figure. ``anonymous`` leaves out paths and names of pictures and models."""
    document = spec.to_dict()
    images: dict[str, dict[str, Any]] = {}
    models: dict[str, dict[str, Any]] = {}
    maps: dict[str, dict[str, Any]] = {}
    map_files: dict[str, dict[str, Any]] = {}
    masks: dict[str, dict[str, Any]] = {}
    for where, finished in cells.items():
        cell = finished.cell
        if not cell.image or not finished.content:
            continue
        height, width = (round(side * finished.finer) for side in finished.pixels.shape[:2])
        images[cell.image] = {"content": finished.content, "size": [width, height]}
        if folder is not None and not anonymous:
            images[cell.image]["path"] = stored(os.path.abspath(folder / cell.image))
        if finished.fingerprint:
            models[cell.model] = {"fingerprint": finished.fingerprint}
            if not anonymous:
                models[cell.model]["name"] = finished.model_name
        if finished.truth is not None and cell.truth:
            name = truth_path(cell, Path(cell.image))
            masks[stored(name)] = {"content": _mask_digest(finished.truth)}
            if folder is not None and not anonymous:
                masks[stored(name)]["path"] = stored(os.path.abspath(folder / name))
        if finished.map_content:
            name = map_name(cell)
            map_files[stored(name)] = {"content": finished.map_content}
            if folder is not None and not anonymous:
                map_files[stored(name)]["path"] = stored(os.path.abspath(folder / name))
        if finished.values is not None:
            maps[where] = {
                "range": [float(finished.values.min()), float(finished.values.max())],
                "target": finished.target_words,
            }
    recipe: dict[str, Any] = {
        "vitinspect": "recipe",
        "schema": SCHEMA,
        "kind": "figure",
        "software": f"vitinspect {__version__}",
        "versions": versions(),
        "figure": document,
        "images": {stored(name): value for name, value in images.items()},
        "models": models,
        "maps": maps,
        "pixels": pixels_digest(scene),
    }
    if map_files:
        recipe["map_files"] = map_files
    if masks and not anonymous:  # an anonymous recipe has no masks
        recipe["masks"] = masks
    return _anonymous(recipe) if anonymous else recipe


def versions() -> dict[str, str]:
    """The versions of what affects the numbers; only of packages that are already loaded."""
    import sys

    found = {"python": platform.python_version(), "numpy": np.__version__, "processor": platform.machine()}
    for name in ("torch", "timm", "PIL"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = str(getattr(module, "__version__", ""))
    torch = sys.modules.get("torch")
    if torch is not None:
        found["threads"] = str(torch.get_num_threads())
    return found


def pixels_digest(scene: Scene) -> str:
    """The hash of the page painted at 100 dpi, independent of the file's format."""
    page = render(scene, _PIXELS_DPI)
    return hashlib.sha256(f"{page.mode}{page.size}".encode() + page.tobytes()).hexdigest()


def _anonymous(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe with pictures numbered, and models without public names named after their fingerprint."""
    renamed = {name: f"picture-{number}" for number, name in enumerate(recipe["images"], 1)}
    recipe["images"] = {renamed[name]: value for name, value in recipe["images"].items()}
    sources = {}
    for source, facts in recipe["models"].items():
        public = source == "demo" or not (
            " with the head " in source
            or os.sep in source
            or source.startswith(("hf-hub:", "."))
            or Path(source).exists()
        )
        sources[source] = source if public else f"model-{facts['fingerprint'][:12]}"
    recipe["models"] = {sources[source]: value for source, value in recipe["models"].items()}
    figure = recipe["figure"]
    entries = [*figure.get("rows", []), *figure.get("columns", []), figure.get("defaults", {})]
    entries += list(figure.get("cells", {}).values())
    before = map_names(from_dict(figure)) if "map_files" in recipe else {}
    for number, entry in enumerate((one for one in entries if one.get("map_file")), 1):
        entry["map_file"] = f"map-{number}" + ("-{stem}" if "{" in entry["map_file"] else "")
    for entry in entries:
        if "image" in entry:
            entry["image"] = renamed.get(stored(entry["image"]), "picture")
        if "model" in entry:
            entry["model"] = sources.get(entry["model"], "model")
        entry.pop("truth", None)
        entry.pop("file", None)
    if before:
        after = map_names(from_dict(figure))
        files = {after[where]: recipe["map_files"].get(stored(name)) for where, name in before.items()}
        recipe["map_files"] = {name: facts for name, facts in files.items() if facts}
    recipe["versions"].pop("processor", None)
    recipe["anonymous"] = True
    return recipe


# --- reading a recipe -------------------------------------------------------------------------------------------


def migrate(found: dict[str, Any], name: str, steps: Mapping[int, Step] | None = None, newest: int = SCHEMA) -> Any:
    """Convert a recipe of an older schema to the newest; one of a newer schema is refused by its number."""
    steps = STEPS if steps is None else steps
    schema = found.get("schema")
    if isinstance(schema, bool) or not isinstance(schema, int) or schema < 1:
        raise DataError(f"{name} is a recipe of schema {schema!r}, which does not exist.")
    if schema > newest:
        raise DataError(
            f"{name} is a recipe of schema {schema}, of a newer vitinspect ({str(found.get('software'))[:80]}); "
            f"this one reads up to schema {newest}."
        )
    while schema < newest:
        found = {**steps[schema](found), "schema": schema + 1}
        schema += 1
    return found


def check_recipe(found: Any, name: str) -> dict[str, Any]:
    """A checked recipe in the newest schema, also from an older one; ``DataError`` for anything else."""
    if not isinstance(found, dict) or found.get("vitinspect") != "recipe":
        raise DataError(f"{name} is not a recipe of vitinspect.")
    found = migrate(found, name)
    if found.get("kind") != "figure":
        raise DataError(f"{name} is a recipe for {found.get('kind')!r}, which this version of vitinspect cannot make.")
    for key in ("images", "models", "figure"):
        if not isinstance(found.get(key), dict):
            raise DataError(f"{name}: the recipe has no {key}.")
    for key, fact in (("images", "content"), ("models", "fingerprint")):
        for entry in found[key].values():
            if not isinstance(entry, dict) or not isinstance(entry.get(fact), str):
                raise DataError(f"{name}: one of the recipe's {key} has no {fact}.")
    files = found.get("map_files", {})
    if not isinstance(files, dict) or len(files) > _MOST_IMAGES:
        raise DataError(f"{name}: the recipe's map_files are no table of the files of a figure.")
    if not all(isinstance(one, dict) and isinstance(one.get("content"), str) for one in files.values()):
        raise DataError(f"{name}: one of the recipe's map_files has no content.")
    if len(found["images"]) > _MOST_IMAGES:
        raise DataError(f"{name} names {len(found['images'])} pictures, more than a figure has.")
    try:
        from_dict(found["figure"], name)
    except ParameterError as error:
        raise DataError(str(error)) from None
    return found


@dataclass
class Located:
    """The pictures of a recipe, or its maps from files, as files here; ``missing`` and ``changed`` by their names."""

    pictures: dict[str, Path] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


def locate_pictures(
    recipe: Mapping[str, Any], beside: Path, folders: list[Path], cancel: CancelToken | None = None
) -> Located:
    """Find each picture: at the recipe's path, beside the figure, or by its content in the given folders.

    Files are only read; the path in a recipe is used only if the picture there has the recorded content.
    """
    result = Located()
    by_content: dict[str, Path] | None = None
    sizes = {tuple(facts["size"]) for facts in recipe["images"].values() if _is_size(facts.get("size"))}
    for name, facts in recipe["images"].items():
        check_cancelled(cancel)
        wanted, told = facts["content"], facts.get("path")
        candidates = [beside / restored(name), *(folder / Path(restored(name)).name for folder in folders)]
        if isinstance(told, str):
            candidates.insert(0, Path(restored(told)))
        other: Path | None = None
        for path in dict.fromkeys(one for one in candidates if _is_local(one)):
            content = _content(path)
            if content is not None and content == wanted:
                result.pictures[name] = path
                break
            if content is not None and other is None:
                other = path
        else:
            if by_content is None:
                by_content = _search(folders, sizes, cancel)
            if wanted in by_content:
                result.pictures[name] = by_content[wanted]
            elif other is not None:
                result.pictures[name] = other
                result.changed.append(name)
            else:
                result.missing.append(name)
    return result


def locate_maps(
    recipe: Mapping[str, Any], beside: Path, folders: list[Path], cancel: CancelToken | None = None
) -> Located:
    """The same for maps from files, which count only if their bytes are those that the recipe was made with: no other
    file of a map is read because of a recipe."""
    result = Located()
    by_content: dict[str, Path] | None = None
    for name in map_names(from_dict(recipe["figure"])).values():
        check_cancelled(cancel)
        facts = recipe.get("map_files", {}).get(stored(name), {})
        wanted, told = facts.get("content"), facts.get("path")
        candidates = [beside / name, *(folder / Path(name).name for folder in folders)]
        if isinstance(told, str):
            candidates.insert(0, Path(restored(told)))
        path = next((one for one in candidates if _is_local(one) and _map_content(one) == wanted), None)
        if path is None:
            if by_content is None:
                by_content = _search_maps(folders, cancel)
            path = by_content.get(str(wanted))
        if path is None:
            result.missing.append(name)
        else:
            result.pictures[name] = path
    return result


def locate_masks(recipe: Mapping[str, Any], beside: Path, folders: list[Path]) -> Located:
    """The masks of the figure's cells, where they were, beside the figure or in the folders; ``changed`` are others of
    that name, which count only if the person says so."""
    result = Located()
    spec = from_dict(recipe["figure"])
    known = recipe.get("masks")
    for row in range(len(spec.rows)):
        for column in range(len(spec.columns)):
            cell = spec.cell(row, column)
            name = truth_path(cell, Path(cell.image))
            if not cell.truth or not cell.has_picture or name in (*result.pictures, *result.missing):
                continue
            facts = known.get(stored(name)) if isinstance(known, dict) else None
            facts = facts if isinstance(facts, dict) else {}
            told = facts.get("path")
            candidates = [beside / name, *(folder / Path(name).name for folder in folders)]
            if isinstance(told, str):
                candidates.insert(0, Path(restored(told)))
            found = {one: _mask_content(one) for one in candidates if _is_local(one)}
            same = [one for one, content in found.items() if content is not None and content == facts.get("content")]
            other = [one for one, content in found.items() if content is not None]
            if same or other:
                result.pictures[name] = (same or other)[0]
            if not same:
                (result.changed if other else result.missing).append(name)
    return result


def _mask_content(path: Path) -> str | None:
    try:
        return _mask_digest(is_marked(open_mask(path))) if path.is_file() else None
    except (VitInspectError, OSError, ValueError):
        return None


def _mask_digest(mask: np.ndarray) -> str:
    head = f"{mask.shape[0]}x{mask.shape[1]}\n".encode()
    return hashlib.sha256(head + np.packbits(np.asarray(mask, bool)).tobytes()).hexdigest()


def _map_content(path: Path) -> str | None:
    try:
        if path.suffix.casefold() not in ENDINGS or path.stat().st_size > _LARGEST_MAP:
            return None
        return hashlib.sha256(read_regular(path)).hexdigest()
    except (OSError, ValueError):
        return None


def _search_maps(folders: list[Path], cancel: CancelToken | None) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in folders:
        paths = sorted(one for one in folder.rglob("*") if one.suffix.casefold() in ENDINGS) if folder.is_dir() else []
        for path in paths[:MOST_SEARCHED]:
            check_cancelled(cancel)
            content = _map_content(path)
            if content is not None:
                found.setdefault(content, path)
    return found


def has_content(path: Path, recipe: Mapping[str, Any], name: str) -> bool:
    """Whether a picture has the content that a recipe records for this name."""
    return _content(path) == recipe["images"][name]["content"]


def _is_local(path: Path) -> bool:
    """Whether a path is local: Windows would connect to any machine that an untrusted recipe names."""
    return not str(path).startswith(("\\\\", "//"))


def _is_size(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(n, int) for n in value)


def _content(path: Path) -> str | None:
    try:
        if not is_image_name(path.name) or not path.is_file():
            return None
        return digest(np.asarray(open_image(path)))
    except (ImageError, OSError, ValueError):
        return None


def _search(folders: list[Path], sizes: set[tuple[Any, ...]], cancel: CancelToken | None) -> dict[str, Path]:
    """The pictures of certain sizes in some folders, by their content."""
    found: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            for path in list_images(folder, recursive=True)[:MOST_SEARCHED]:
                check_cancelled(cancel)
                content = _content(path) if _may_be(path, sizes) else None
                if content is not None:
                    found.setdefault(content, path)
    return found


def _may_be(path: Path, sizes: set[tuple[Any, ...]]) -> bool:
    """Whether a picture has one of the sizes, which is faster to read than its content."""
    try:
        return not sizes or read_size(path) in sizes
    except (ImageError, OSError, ValueError):
        return False


@dataclass(frozen=True)
class Difference:
    """A difference from the recipe."""

    what: str
    recipe: str
    here: str

    def __str__(self) -> str:
        return f"{self.what}: {self.recipe} in the recipe, {self.here} here"


def compare(recipe: Mapping[str, Any], again: Mapping[str, Any]) -> list[Difference]:
    """The differences between a recipe and that of the figure made again."""
    found = []
    for name, facts in recipe["images"].items():
        here = again["images"].get(name, {}).get("content", "")
        if facts.get("content") != here:
            found.append(Difference(f"picture {name}", str(facts.get("content"))[:12], here[:12]))
    for name, facts in recipe.get("map_files", {}).items():
        here = again.get("map_files", {}).get(name, {}).get("content", "")
        if facts.get("content") != here:
            found.append(Difference(f"map {name}", str(facts.get("content"))[:12], here[:12]))
    for source, facts in recipe["models"].items():
        here = again["models"].get(source, {}).get("fingerprint", "")
        if facts.get("fingerprint") != here:
            found.append(Difference(f"weights of {source}", str(facts.get("fingerprint"))[:12], here[:12]))
    if recipe.get("software") != again["software"]:
        found.append(Difference("software", str(recipe.get("software")), again["software"]))
    given = recipe.get("versions")
    for name, version in again["versions"].items():
        before = given.get(name) if isinstance(given, dict) else None
        if before is not None and before != version:
            found.append(Difference(name, str(before), version))
    if recipe.get("pixels") != again["pixels"]:
        found.append(Difference("pixels at 100 dpi", str(recipe.get("pixels"))[:12], again["pixels"][:12]))
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def largest_range_change(recipe: Mapping[str, Any], again: Mapping[str, Any]) -> float:
    """The largest difference of the maps' raw ranges from those of the recipe, as a fraction of the range."""
    worst = 0.0
    maps = recipe.get("maps")
    for where, facts in (maps if isinstance(maps, dict) else {}).items():
        here = again["maps"].get(where, {}).get("range")
        there = facts.get("range") if isinstance(facts, dict) else None
        if not here or not isinstance(there, list) or len(there) != 2 or not all(_is_number(one) for one in there):
            continue
        span = max(abs(there[1] - there[0]), 1e-30)
        worst = max(worst, abs(here[0] - there[0]) / span, abs(here[1] - there[1]) / span)
    return worst
