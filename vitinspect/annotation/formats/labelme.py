"""labelme's JSON: one file for one picture.

Polygons are filled as in labelme itself (Pillow's polygon, whole numbers at pixel centres). A ``mask`` shape is
a PNG for the box between its two points, both included; the box may lie between pixels (a mask that was moved) and
extend beyond the picture. labelme rotates pictures by their EXIF orientation, as ``images`` does, so points need no
rotation.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.annotation import raster, regions
from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.formats.shapes import IGNORE_LABELS, Annotations, Picture, Shape, Size, refused
from vitinspect.errors import DataError
from vitinspect.version import __version__

FORMAT = "labelme"
_LARGEST = 200_000_000


def is_labelme(document: Any) -> bool:
    return isinstance(document, dict) and isinstance(document.get("shapes"), list)


def read(document: dict[str, Any], path: Path) -> Annotations:
    height, width = document.get("imageHeight"), document.get("imageWidth")
    size = None
    if _is_count(height) and _is_count(width):
        size = (int(height), int(width))  # type: ignore[arg-type]
    elif height is not None or width is not None:
        raise DataError(f"{path}: its size {width} × {height} is not two whole numbers.")
    name = document.get("imagePath")
    picture = Picture(name if isinstance(name, str) and name else path.with_suffix("").name, size)
    for number, shape in enumerate(document["shapes"], 1):
        picture.shapes.append(_shape(shape, f"{path}, shape {number}"))
    return Annotations(str(path), FORMAT, [picture])


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _shape(shape: Any, where: str) -> Shape:
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise DataError(f"{where} has no label.")
    label, kind = shape["label"], shape.get("shape_type") or "polygon"
    where = f"{where} ({label})"
    points = shape.get("points")
    if kind in ("polygon", "oriented_rectangle"):
        return Shape(label, lambda size: raster.pillow_polygon(raster.checked_points(points, 3, where), size))
    if kind == "rectangle":
        return Shape(label, lambda size: raster.pillow_rectangle(_corners(points, where), size))
    if kind == "circle":
        return Shape(label, lambda size: raster.pillow_circle(_two(points, where), size))
    if kind == "mask":
        return Shape(label, lambda size: _mask_shape(shape.get("mask"), _two(points, where), size, where))
    if kind in ("line", "linestrip", "point", "points"):
        name = {"linestrip": "line strip"}.get(kind, kind)
        return refused(label, f"{where} is a {name}, which has no area: draw a polygon or a mask instead.")
    return refused(
        label,
        f"{where} is of the shape type {kind!r}, which is not supported; polygon, rectangle, circle and mask are.",
    )


def _two(points: Any, where: str) -> list[raster.Point]:
    found = raster.checked_points(points, 2, where)
    if len(found) != 2:
        raise DataError(f"{where}: it has {len(found)} points, but needs 2.")
    return found


def _corners(points: Any, where: str) -> list[raster.Point]:
    """Two opposite corners; some tools write all four."""
    found = raster.checked_points(points, 2, where)
    if len(found) not in (2, 4):
        raise DataError(f"{where}: a rectangle needs 2 or 4 points, but this one has {len(found)}.")
    return [(min(x for x, _ in found), min(y for _, y in found)), (max(x for x, _ in found), max(y for _, y in found))]


def _mask_shape(data: Any, points: list[raster.Point], size: Size, where: str) -> NDArray[np.bool_]:
    small = _decode(data, where)
    (x1, y1), (x2, y2) = points
    left, width = _first_and_count(min(x1, x2), max(x1, x2), small.shape[1])
    top, height = _first_and_count(min(y1, y2), max(y1, y2), small.shape[0])
    if (height, width) != small.shape:
        raise DataError(
            f"{where}: its mask is {small.shape[1]} × {small.shape[0]} pixels, but its box is {width} × {height}."
        )
    return raster.pasted(small, left, top, size)


def _first_and_count(low: float, high: float, wanted: int) -> tuple[int, int]:
    """The first pixel of a box between two pixels, both included, and how many it has.

    labelme truncates coordinates. If that does not give the mask's size, because one of the two is slightly below a
    whole number, they are rounded.
    """
    first, count = math.floor(low), math.floor(high) - math.floor(low) + 1
    if count != wanted and round(high - low) + 1 == wanted:
        return round(low), wanted
    return first, count


def _decode(data: Any, where: str) -> NDArray[np.bool_]:
    if not isinstance(data, str):
        raise DataError(f"{where} is a mask shape without a mask.")
    try:
        with Image.open(io.BytesIO(base64.b64decode(data, validate=False)), formats=("PNG",)) as image:
            if image.width * image.height > _LARGEST:
                raise DataError(f"{where}: its mask claims to have {image.width} × {image.height} pixels.")
            values = np.array(image)
    except (binascii.Error, OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{where}: its mask is not a readable PNG in base64.") from error
    return values.astype(bool) if values.ndim == 2 else np.asarray(values[..., :3].any(2), bool)


# --- writing ----------------------------------------------------------------------------------------------------


def write(
    masks: Mapping[str, NDArray[np.uint8]], size: Size, image: str, before: Mapping[str, Any] | None = None
) -> bytes:
    """A labelme file for one picture; the content of ``before`` is kept, except for shapes of these labels."""
    document: dict[str, Any] = {
        "version": "5.5.0",
        "flags": {},
        "shapes": [],
        "imagePath": image,
        "imageData": None,
        "imageHeight": size[0],
        "imageWidth": size[1],
        "software": f"vitinspect {__version__}",
    }
    kept: list[Any] = []
    if before is not None:
        document.update(before)
        kept = [s for s in before.get("shapes", []) if not _is_replaced(s, masks)]
    shapes = [shape for label, mask in masks.items() for shape in _written(label, mask == 1)]
    ignored = np.zeros(size, bool)
    for mask in masks.values():
        ignored |= mask == IGNORE
    document["shapes"] = kept + shapes + _written("ignore", ignored)
    return (json.dumps(document, ensure_ascii=False, indent=2) + "\n").encode()


def _is_replaced(shape: Any, masks: Mapping[str, Any]) -> bool:
    """Whether a shape is replaced: by a mask of its label, or because it is "ignore", which every mask defines."""
    label = shape.get("label") if isinstance(shape, dict) else None
    return isinstance(label, str) and (label in masks or label.strip().casefold() in IGNORE_LABELS)


def _written(label: str, mask: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """A polygon for each connected part that a polygon of pixel centres fills exactly; a mask shape for the others."""
    shapes = []
    for part in regions.parts(mask):
        rows, columns = np.nonzero(part.any(1))[0], np.nonzero(part.any(0))[0]
        box = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        shapes.append(
            _as_polygon(label, box, int(columns[0]), int(rows[0]))
            or _as_mask(label, box, int(columns[0]), int(rows[0]))
        )
    return shapes


def _as_polygon(label: str, box: NDArray[np.bool_], left: int, top: int) -> dict[str, Any] | None:
    points = regions.outline(box)
    if len(points) < 3 or not np.array_equal(raster.pillow_polygon(points, box.shape), box):
        return None
    return _record(label, "polygon", [[float(x + left), float(y + top)] for x, y in points])


def _as_mask(label: str, box: NDArray[np.bool_], left: int, top: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.fromarray(box.astype(np.uint8)).save(buffer, "PNG")
    bottom, right = top + box.shape[0] - 1, left + box.shape[1] - 1
    record = _record(label, "mask", [[float(left), float(top)], [float(right), float(bottom)]])
    record["mask"] = base64.b64encode(buffer.getvalue()).decode()
    return record


def _record(label: str, kind: str, points: list[list[float]]) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        "mask": None,
    }
