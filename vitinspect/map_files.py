"""Maps that other tools wrote: NumPy arrays, float TIFF and grey PNG, as values over the model's input. Numpy only.

The size of a map says what it is: one value for each patch, for each pixel of the model's input, or for each pixel of
the picture. A map of any other size is refused, since nothing else says where its values lie.
"""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError, ImageError, VitInspectError
from vitinspect.files import read_metadata
from vitinspect.images import is_image_name, max_pixels, read_mask_pixels
from vitinspect.names import shown
from vitinspect.regular_files import read_regular

ARRAYS = (".npy", ".npz")
PICTURES = (".tif", ".tiff", ".png")
ENDINGS = (*ARRAYS, *PICTURES)
PICTURE = "{picture}"
"""In a path, the place of the picture's base name."""

Values = NDArray[np.floating[Any]]


class Placement(Protocol):
    """Where the model's input lies on the picture; ``models.placement`` and ``app.geometry`` each have it."""

    @property
    def input_size(self) -> tuple[int, int]: ...
    @property
    def original_size(self) -> tuple[int, int]: ...
    @property
    def box(self) -> tuple[float, float, float, float]: ...


@dataclass(frozen=True)
class Place:
    """Where the values of a tiled map lie on the picture."""

    input_size: tuple[int, int]
    original_size: tuple[int, int]
    box: tuple[float, float, float, float]
    model: str = ""
    """The model that made the map."""


@dataclass(frozen=True, eq=False)
class MapFile:
    """The values of a file, before it is known what they lie on."""

    path: str
    values: Values
    digest: str
    """The hash of the file's bytes."""
    place: Place | None = None
    """Where a tiled map lies, which has more patches than the model's input."""

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


@dataclass(frozen=True, eq=False)
class FittedMap:
    """The values as a map over the model's input."""

    values: Values
    resolution: Literal["patch", "pixel"]
    signed: bool
    """Whether there are values below zero."""
    from_picture: bool = False
    """Whether the file has a value for each pixel of the picture, which were brought to the model's input."""
    place: Place | None = None
    """Where it lies on the picture, if elsewhere than the model's input."""


# --- reading -----------------------------------------------------------------------------------------------------


def read_map_file(path: str | os.PathLike[str]) -> MapFile:
    """The values in a file: two-dimensional, finite, floating-point. Otherwise a ``DataError`` says what is wrong."""
    path = Path(path)
    name, ending = shown(path.name), path.suffix.casefold()
    if ending not in ENDINGS:
        raise DataError(f"{name} is not a map file: maps are read from {', '.join(ENDINGS)}.")
    try:
        data = read_regular(path)
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}.") from error
    values = _from_array(data, name, ending) if ending in ARRAYS else _from_picture(data, name)
    place = _place_of(path) if ending == ".npz" else None
    return MapFile(str(path), _checked(values, name), hashlib.sha256(data).hexdigest(), place)


def _place_of(path: Path) -> Place | None:
    """Where a tiled map lies, as vitinspect writes it beside the values; None for other maps."""
    try:
        about = read_metadata(path)
        if about.get("tiles") is not True:
            return None
        (height, width), (rows, columns) = about["input_size"], about["image_size"]
        left, top, right, bottom = (float(edge) for edge in about["box"])
    except (VitInspectError, KeyError, TypeError, ValueError, AttributeError):
        return None
    inside = -1 <= left < right <= columns + 1 and -1 <= top < bottom <= rows + 1
    sizes = all(isinstance(n, int) and 0 < n < 1 << 24 for n in (height, width, rows, columns))
    if not inside or not sizes:
        return None
    return Place((height, width), (rows, columns), (left, top, right, bottom), shown(str(about.get("model", "")))[:80])


def _from_array(data: bytes, name: str, ending: str) -> NDArray[Any]:
    try:
        if ending == ".npy":
            return _read_npy(io.BytesIO(data), len(data), name)
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {entry.filename.removesuffix(".npy"): entry for entry in archive.infolist()}
            chosen = _only_array(list(members), name)
            with archive.open(members[chosen]) as file:
                return _read_npy(file, members[chosen].file_size, name)
    except DataError:
        raise
    except Exception as error:  # a damaged archive fails in many ways
        raise DataError(f"{name} is not a readable NumPy file of numbers ({error}).") from error


def _only_array(names: list[str], name: str) -> str:
    """The array that is the map: the one called ``values`` (as ``vitinspect explain`` writes it), or the only one."""
    if "values" in names:
        return "values"
    others = [each for each in names if each != "metadata"]
    if len(others) != 1:
        raise DataError(
            f"{name} holds {len(others)} arrays ({', '.join(others[:5]) or 'none'}); the map must be the only one, or "
            "be called values."
        )
    return others[0]


def _read_npy(file: IO[bytes], size: int, name: str) -> NDArray[Any]:
    """The array, if its header claims no more values than the file holds."""
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, kind = read_header(file)
    if kind.hasobject or kind.kind not in "buif":
        raise DataError(f"{name} holds {kind}, not numbers.")
    count = 1
    for length in shape:
        count *= length
    if count > max_pixels() or count * kind.itemsize > size:
        raise DataError(
            f"{name} claims {' × '.join(map(str, shape))} values, which is more than it holds or than a map has."
        )
    data = file.read(count * kind.itemsize)
    if len(data) < count * kind.itemsize:
        raise DataError(f"{name} ends early: it claims {' × '.join(map(str, shape))} values.")
    array = np.frombuffer(data, kind, count)
    return array.reshape(shape[::-1]).T if by_columns else array.reshape(shape)


def _from_picture(data: bytes, name: str) -> NDArray[Any]:
    try:
        found = read_mask_pixels(io.BytesIO(data))
    except ImageError as error:
        raise DataError(f"{name} cannot be read as a map: {error}") from error
    if found.kind in ("colour", "palette"):
        raise DataError(f"{name} is a colour picture; a map has one value per place: grey, or floating point.")
    return found.values


def _checked(values: NDArray[Any], name: str) -> Values:
    shape = values.shape
    plain = values.reshape([length for length in shape if length != 1]) if values.ndim > 2 else values
    if plain.ndim != 2 or not plain.size:
        text = " × ".join(map(str, shape)) or "one number"
        raise DataError(f"{name} has the shape {text}; a map has rows and columns.")
    kind = np.float64 if plain.dtype == np.float64 else np.float32
    numbers: Values = np.ascontiguousarray(plain).astype(kind)
    if not np.isfinite(numbers).all():
        raise DataError(f"{name} holds a NaN or an infinity; a map must have a finite number at each place.")
    return numbers


# --- which pixels the values belong to ---------------------------------------------------------------------------


def fit(found: MapFile, grid: tuple[int, int], placement: Placement) -> FittedMap:
    """The map over the model's input, by its size; a ``DataError`` with the possible sizes if it fits none."""
    values = found.values
    signed = bool(values.min() < 0)
    if found.place is not None and found.place.original_size == tuple(placement.original_size):
        return FittedMap(values, "patch", signed, place=found.place)
    if values.shape == tuple(grid):
        return FittedMap(values, "patch", signed)
    if values.shape == tuple(placement.input_size):
        return FittedMap(values, "pixel", signed)
    if values.shape == tuple(placement.original_size):
        return FittedMap(_on_input(values, placement, signed), "pixel", signed, from_picture=True)
    raise DataError(
        f"{shown(found.name)} has {_size(values.shape)} values (rows × columns), which fits neither the patch grid "
        f"({_size(grid)}) nor the pixels of the model's input ({_size(placement.input_size)}) or of the picture "
        f"({_size(placement.original_size)})."
    )


def _size(size: tuple[int, ...]) -> str:
    return " × ".join(str(length) for length in size)


def _on_input(values: Values, placement: Placement, signed: bool) -> Values:
    """Values of the picture's pixels on those of the model's input. Padding gets the lowest value, or 0 where there
    are values below zero."""
    left, top, right, bottom = placement.box
    rows, columns = placement.input_size
    down, seen_down = _weights(values.shape[0], top, bottom, rows)
    across, seen_across = _weights(values.shape[1], left, right, columns)
    made = down @ values.astype(np.float64) @ across.T
    made[~(seen_down[:, None] & seen_across[None, :])] = 0.0 if signed else float(values.min())
    return made.astype(values.dtype, copy=False)


def _weights(pixels: int, start: float, stop: float, cells: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(cells, pixels): each cell as a mean of the pixels below it, or between two where cells are finer; and which
    cells have their middle on the picture."""
    step = (stop - start) / cells
    middles = start + (np.arange(cells) + 0.5) * step
    if step > 1:
        edges = np.arange(pixels)
        low, high = middles - step / 2, middles + step / 2
        weights = np.minimum(high[:, None], edges + 1.0) - np.maximum(low[:, None], edges)
        weights = np.clip(weights, 0.0, None)
    else:
        at = np.clip(middles - 0.5, 0, pixels - 1)
        weights = np.clip(1 - np.abs(at[:, None] - np.arange(pixels)), 0.0, None)
    total = weights.sum(axis=1, keepdims=True)
    return weights / np.where(total > 0, total, 1.0), (middles > 0) & (middles < pixels)


# --- the maps of many pictures -----------------------------------------------------------------------------------


def pattern_of(map_path: str, image: str) -> str:
    """The path with ``{picture}`` in place of the picture's base name; empty where the map is not named after it.

    >>> pattern_of("/maps/cat_cam.npy", "/images/cat.jpg")
    '/maps/{picture}_cam.npy'
    """
    folder, name = os.path.split(map_path)
    stem, ending = os.path.splitext(name)
    picture = _stem(image)
    if not picture or PICTURE in map_path or picture not in stem:
        return ""
    before, _, after = stem.rpartition(picture) if not stem.startswith(picture) else stem.partition(picture)
    if before[-1:].isalnum() or after[:1].isalnum():
        return ""  # "1" is a part of "10": the map is not named after it
    return os.path.join(folder, f"{before}{PICTURE}{after}{ending}")


def map_of(pattern: str, image: str) -> str:
    """The path of a picture's map, by the pattern of another picture's map; the file need not exist."""
    return pattern.replace(PICTURE, _stem(image))


def _stem(image: str) -> str:
    return os.path.splitext(os.path.basename(image))[0]


def pictures_with_maps(pattern: str, images: list[str]) -> list[str]:
    """The pictures for which the pattern gives an existing map. The folder is read once."""
    folder = os.path.dirname(pattern)
    try:
        with os.scandir(folder) as entries:
            there = {entry.name for entry in entries}
    except OSError:
        return []
    return [image for image in images if os.path.basename(map_of(pattern, image)) in there]


def is_map_name(path: str, image: str) -> bool:
    """Whether a file dropped on ``image`` is to be opened as its map: an array always; a PNG or TIFF, which may be
    a picture too, where it is named after the picture and lies elsewhere."""
    ending = os.path.splitext(path)[1].casefold()
    if ending in ARRAYS:
        return True
    if ending not in PICTURES or not is_image_name(os.path.basename(path)):
        return False
    elsewhere = os.path.dirname(os.path.abspath(path)) != os.path.dirname(os.path.abspath(image))
    return bool(image) and elsewhere and bool(pattern_of(path, image))
