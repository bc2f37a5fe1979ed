"""CVAT for images 1.1: XML with polygons, boxes, ellipses and masks of many pictures.

Polygons and boxes are filled by pycocotools, as in CVAT's own exports; an ellipse has the pixels whose centre is
inside; a mask's run lengths count along the rows of its box.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation import raster
from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.formats import run_lengths
from vitinspect.annotation.formats.shapes import Annotations, Picture, Shape, Size, refused
from vitinspect.errors import DataError

FORMAT = "CVAT for images"
_WITHOUT_AREA = {"polyline": "a polyline", "points": "a set of points", "cuboid": "a cuboid", "skeleton": "a skeleton"}
_FARTHEST = 200_000_000


def is_cvat(root: ElementTree.Element) -> bool:
    return root.tag == "annotations" and (root.find("image") is not None or root.find("version") is not None)


def read(root: ElementTree.Element, path: Path) -> Annotations:
    if root.find("track") is not None:
        raise DataError(f"{path} is CVAT for video: export the task as CVAT for images 1.1 instead.")
    pictures = []
    for number, image in enumerate(root.iter("image"), 1):
        name = image.get("name")
        if not name:
            raise DataError(f"{path}: image {number} has no name.")
        where = f"{path}, {name}"
        width, height = _count(image, "width", where), _count(image, "height", where)
        picture = Picture(name, (height, width))
        for place, element in enumerate(image, 1):
            if element.tag in ("tag", "attribute"):
                continue
            picture.shapes.append(_shape(element, f"{where}, shape {place}"))
        pictures.append(picture)
    return Annotations(str(path), FORMAT, pictures)


def _shape(element: ElementTree.Element, where: str) -> Shape:
    label = element.get("label")
    if label is None:
        raise DataError(f"{where} has no label.")
    where = f"{where} ({label})"
    if element.tag == "polygon":
        return Shape(label, lambda size: raster.coco_polygon(_points(element, where), size))
    if element.tag == "box":
        return Shape(label, lambda size: _box(element, where, size))
    if element.tag == "ellipse":
        return Shape(label, lambda size: _ellipse(element, where, size))
    if element.tag == "mask":
        return Shape(label, lambda size: _mask(element, where, size))
    if element.tag in _WITHOUT_AREA:
        return refused(label, f"{where} is {_WITHOUT_AREA[element.tag]}, which has no area: draw a polygon or a mask.")
    return refused(label, f"{where} is a <{element.tag}>, which is not supported; polygon, box, ellipse and mask are.")


def _points(element: ElementTree.Element, where: str) -> list[raster.Point]:
    text = element.get("points", "")
    pairs = [tuple(point.split(",")) for point in text.split(";") if point.strip()]
    return raster.checked_points(pairs, 3, where)


def _box(element: ElementTree.Element, where: str, size: Size) -> NDArray[np.bool_]:
    left, top, right, bottom = (_number(element, key, where) for key in ("xtl", "ytl", "xbr", "ybr"))
    corners = raster.turned_box(left, top, right, bottom, _number(element, "rotation", where, 0.0))
    return raster.coco_polygon(corners, size)


def _ellipse(element: ElementTree.Element, where: str, size: Size) -> NDArray[np.bool_]:
    x, y, across, up = (_number(element, key, where) for key in ("cx", "cy", "rx", "ry"))
    return raster.ellipse((x, y), (across, up), _number(element, "rotation", where, 0.0), size)


def _mask(element: ElementTree.Element, where: str, size: Size) -> NDArray[np.bool_]:
    left, top, width, height = (round(_number(element, key, where)) for key in ("left", "top", "width", "height"))
    text = element.get("rle", "")
    if not re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", text):
        raise DataError(f"{where}: its rle is not a list of whole numbers.")
    if width <= 0 or height <= 0 or width * height > _FARTHEST:
        raise DataError(f"{where}: its box is {width} × {height} pixels.")
    small = run_lengths.decode([int(v) for v in text.split(",")], height, width, where, columns=False)
    return raster.pasted(small, left, top, size)


def _number(element: ElementTree.Element, key: str, where: str, default: float | None = None) -> float:
    text = element.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        raise DataError(f"{where}: {key} is {text!r}, not a number.") from None
    if not abs(value) <= raster.FARTHEST:
        raise DataError(f"{where}: {key} is {text}, beyond {raster.FARTHEST:,.0f}.")
    return value


def _count(element: ElementTree.Element, key: str, where: str) -> int:
    value = _number(element, key, where)
    if value < 1 or value != int(value):
        raise DataError(f"{where}: its {key} is {element.get(key)}.")
    return int(value)


# --- writing ----------------------------------------------------------------------------------------------------


def write(masks: Mapping[str, Mapping[str, NDArray[np.uint8]]], sizes: Mapping[str, Size]) -> bytes:
    """A file with a mask for each label of each picture; ignored pixels have the label "ignore"."""
    root = ElementTree.Element("annotations")
    ElementTree.SubElement(root, "version").text = "1.1"
    for number, (name, labels) in enumerate(masks.items()):
        height, width = sizes[name]
        image = ElementTree.SubElement(root, "image", id=str(number), name=name, width=str(width), height=str(height))
        ignored = np.zeros((height, width), bool)
        for label, mask in labels.items():
            _write_mask(image, label, mask == 1)
            ignored |= mask == IGNORE
        _write_mask(image, "ignore", ignored)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n"


def _write_mask(image: ElementTree.Element, label: str, mask: NDArray[np.bool_]) -> None:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    if not len(rows):
        return
    left, top = int(columns[0]), int(rows[0])
    box = mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
    ElementTree.SubElement(
        image,
        "mask",
        label=label,
        source="manual",
        occluded="0",
        rle=", ".join(map(str, run_lengths.encode(box, columns=False))),
        left=str(left),
        top=str(top),
        width=str(box.shape[1]),
        height=str(box.shape[0]),
        z_order="0",
    )
