"""COCO's JSON: one file for many pictures.

Polygon parts are filled by pycocotools and joined, since COCO has no holes; run lengths count down the columns, as a
list or packed into a text. A crowd region (``iscrowd``: several objects in one) is foreground like any other.
Categories are found by their id, which may have gaps.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation import raster
from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.formats import run_lengths
from vitinspect.annotation.formats.shapes import Annotations, Picture, Shape, Size, sizes_differ
from vitinspect.errors import DataError
from vitinspect.version import __version__

FORMAT = "COCO"


def is_coco(document: Any) -> bool:
    return isinstance(document, dict) and all(isinstance(document.get(key), list) for key in ("images", "annotations"))


def compact(found: dict[str, Any]) -> dict[str, Any]:
    """An object of the file with its polygons as arrays, to be called for each object while the file is parsed.

    As lists, the coordinates of a large file are millions of objects; Python's garbage collector looks through all of
    them, again and again, and nothing else runs meanwhile.
    """
    parts = found.get("segmentation")
    if isinstance(parts, list) and parts:
        found["segmentation"] = _packed(parts) if isinstance(parts[0], int | float) else [_packed(p) for p in parts]
    return found


def _packed(numbers: Any) -> Any:
    """A list of numbers as an array; anything else as it is."""
    if isinstance(numbers, list):
        try:
            return array("d", numbers)
        except (TypeError, OverflowError):
            pass
    return numbers


def read(document: dict[str, Any], path: Path) -> Annotations:
    labels = _labels(document.get("categories", []), path)
    pictures: dict[Any, Picture] = {}
    for number, image in enumerate(document["images"], 1):
        if not isinstance(image, dict) or "id" not in image or not isinstance(image.get("file_name"), str):
            raise DataError(f"{path}: image {number} has no id or no file_name.")
        if _key(image["id"]) in pictures:
            raise DataError(f"{path}: two images have the id {image['id']!r}.")
        pictures[_key(image["id"])] = Picture(image["file_name"], _size(image, path))
    for number, annotation in enumerate(document["annotations"], 1):
        where = f"{path}, annotation {number}"
        if not isinstance(annotation, dict):
            raise DataError(f"{where} is not an object.")
        picture = pictures.get(_key(annotation.get("image_id")))
        if picture is None:
            raise DataError(
                f"{where} belongs to the image {annotation.get('image_id')!r}, which the file does not have."
            )
        category = annotation.get("category_id")
        label = labels.get(_key(category), f"category {category}")
        picture.shapes.append(_shape(annotation.get("segmentation"), label, f"{where} ({label})"))
    return Annotations(str(path), FORMAT, list(pictures.values()))


def _key(value: Any) -> str:
    return json.dumps(value, default=str)


def _labels(categories: Any, path: Path) -> dict[str, str]:
    labels: dict[str, str] = {}
    for category in categories if isinstance(categories, list) else []:
        if not isinstance(category, dict) or "id" not in category:
            raise DataError(f"{path}: a category has no id.")
        labels[_key(category["id"])] = str(category.get("name", f"category {category['id']}"))
    return labels


def _size(image: dict[str, Any], path: Path) -> Size | None:
    height, width = image.get("height"), image.get("width")
    if height is None and width is None:
        return None
    for value in (height, width):
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise DataError(f"{path}: the image {image['file_name']} has the size {width} × {height}.")
    return int(height), int(width)  # type: ignore[arg-type]


def _shape(segmentation: Any, label: str, where: str) -> Shape:
    return Shape(label, lambda size: _draw(segmentation, size, where))


def _draw(segmentation: Any, size: Size, where: str) -> NDArray[np.bool_]:
    if isinstance(segmentation, dict):
        return _from_runs(segmentation, size, where)
    if not isinstance(segmentation, list | array) or not segmentation:
        raise DataError(f"{where} has no segmentation, only a box or points; export masks or polygons.")
    # Some tools omit the outer list of a single polygon.
    polygons = [segmentation] if all(isinstance(v, int | float) for v in segmentation) else segmentation
    result = np.zeros(size, bool)
    for flat in polygons:
        if not isinstance(flat, list | array) or len(flat) % 2:
            raise DataError(f"{where}: a polygon must be a list of alternating x and y.")
        points = raster.checked_points(zip(flat[::2], flat[1::2], strict=True), 3, where)
        result |= raster.coco_polygon(points, size)
    return result


def _from_runs(segmentation: dict[str, Any], size: Size, where: str) -> NDArray[np.bool_]:
    stated, counts = segmentation.get("size"), segmentation.get("counts")
    if not (isinstance(stated, list | tuple) and len(stated) == 2 and all(isinstance(v, int) for v in stated)):
        raise DataError(f"{where}: its run lengths have no size.")
    if tuple(stated) != size:
        raise sizes_differ(where, (stated[0], stated[1]), "that it belongs to", size)
    if isinstance(counts, str):
        counts = run_lengths.unpack(counts, where)
    if not isinstance(counts, list):
        raise DataError(f"{where} has no run lengths.")
    return run_lengths.decode(counts, size[0], size[1], where, columns=True)


# --- writing ----------------------------------------------------------------------------------------------------


def write(
    masks: Mapping[str, Mapping[str, NDArray[np.uint8]]],
    sizes: Mapping[str, Size],
    before: Mapping[str, Any] | None = None,
) -> bytes:
    """A COCO file with a region for each label of each picture, as packed run lengths.

    ``before`` is a document to extend: its regions of the same picture and label are replaced, everything else is kept.
    Polygons are not written: COCO has no holes, and rasterising them does not give the pixels of the mask again.
    """
    document: dict[str, Any] = {"info": {"software": f"vitinspect {__version__}"}, "licenses": []}
    document.update(before or {})
    images = list(document.get("images", []))
    categories = list(document.get("categories", []))
    annotations = list(document.get("annotations", []))
    for name, labels in masks.items():
        image_id = _image_id(images, name, sizes[name])
        regions = {label: mask == 1 for label, mask in labels.items()}
        ignored = np.zeros(sizes[name], bool)
        for mask in labels.values():
            ignored |= mask == IGNORE
        if ignored.any() or any(c.get("name") == "ignore" for c in categories):
            regions["ignore"] = ignored
        for label, region in regions.items():
            category_id = _category_id(categories, label)
            annotations = [
                a for a in annotations if (a.get("image_id"), a.get("category_id")) != (image_id, category_id)
            ]
            if region.any():
                next_id = max((a["id"] for a in annotations if isinstance(a.get("id"), int)), default=0) + 1
                annotations.append(_annotation(region, next_id, image_id, category_id))
    document.update(images=images, annotations=annotations, categories=categories)
    return (json.dumps(document, ensure_ascii=False) + "\n").encode()


def _image_id(images: list[dict[str, Any]], name: str, size: Size) -> Any:
    for image in images:
        if image.get("file_name") == name:
            if (image.get("height"), image.get("width")) != size:
                raise sizes_differ(f"The mask of {name}", size, "of the COCO file", (image["height"], image["width"]))
            return image["id"]
    number = max((i["id"] for i in images if isinstance(i.get("id"), int)), default=0) + 1
    images.append({"id": number, "file_name": name, "height": size[0], "width": size[1]})
    return number


def _category_id(categories: list[dict[str, Any]], label: str) -> Any:
    for category in categories:
        if category.get("name") == label:
            return category["id"]
    number = max((c["id"] for c in categories if isinstance(c.get("id"), int)), default=0) + 1
    categories.append({"id": number, "name": label, "supercategory": ""})
    return number


def _annotation(region: NDArray[np.bool_], number: int, image_id: Any, category_id: Any) -> dict[str, Any]:
    rows, columns = np.nonzero(region.any(1))[0], np.nonzero(region.any(0))[0]
    left, top = int(columns[0]), int(rows[0])
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category_id,
        "segmentation": {
            "size": [int(region.shape[0]), int(region.shape[1])],
            "counts": run_lengths.pack(run_lengths.encode(region, columns=True)),
        },
        "area": int(region.sum()),
        "bbox": [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1],
        "iscrowd": 0,
    }
