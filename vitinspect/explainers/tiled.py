"""Maps of pictures much larger than the model's input: in overlapping tiles at full size, merged into one map.

Every tile explains the same target. Maps are merged on a grid of patches over the whole picture, each tile weighted by
a window that falls off towards its edges, so that no seams are visible. Memory holds the picture, one batch of tiles,
and two numbers for each patch and method; only the grid grows with the number of tiles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import ImageError, ParameterError
from vitinspect.explainers.engine import Explanation, choose_methods, explain_batch
from vitinspect.explainers.tile_layout import OVERLAP, tiling, window
from vitinspect.models.placement import Placement
from vitinspect.models.preprocess import prepare
from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from PIL import Image

    from vitinspect.models.vit import ViT

BATCH = 4


def explain_tiled(
    model: ViT,
    image: Any,
    methods: Any,
    target: Any = None,
    precision: str = "float32",
    *,
    scale: float = 1.0,
    overlap: float = OVERLAP,
    batch: int = BATCH,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    notify: Callable[[str], None] | None = None,
) -> Explanation:
    """Explain a large picture in tiles, and merge the maps into one over the whole picture.

    ``scale`` 1 shows the model the picture's own pixels; 0.5 halves them first. Tiles overlap by at least ``overlap``
    of their side. ``target`` is the same for all; by default it is what the model predicts for the whole picture,
    scaled to its input. Pixel maps are averaged over patches. The map of a method whose sum is fixed, such as a
    rollout, is comparable within a tile only. ``notify`` is called with a sentence about the tiles before they are
    computed.
    """
    picture = _opened(image)
    if batch < 1:
        raise ParameterError(f"A batch must have at least 1 tile, not {batch}.")
    chosen = choose_methods(methods)
    lay = tiling((picture.height, picture.width), model.input_size, model.patch_size, scale, overlap)
    if notify is not None:
        notify(f"{lay.words}; {min(batch, len(lay))} at a time.")
    whole = prepare(picture, model.preprocessing, "squash").tensor
    outputs = model.logits(whole[None])
    if target is None and model.has_classifier:
        target = model.predicted(outputs)[0]
    weights = window(lay.tile)
    total = np.zeros(lay.grid)
    sums = {method.key: np.zeros(lay.grid) for method in chosen}
    first: Explanation | None = None
    places = list(lay)
    for start in range(0, len(places), batch):
        check(cancel)
        part = places[start : start + batch]
        tensors = [_tile(picture, lay.box(*place), model) for place in part]
        found = explain_batch(model, tensors, chosen, [target] * len(part), precision, cancel=cancel)
        for (row, column), one in zip(part, found, strict=True):
            first = first or one
            where = (slice(row, row + lay.tile[0]), slice(column, column + lay.tile[1]))
            total[where] += weights
            for key, attribution in one.items():
                sums[key][where] += weights * _on_patches(attribution.values, lay.tile)
        if progress is not None:
            progress(start + len(part), len(places))
    assert first is not None
    size = (lay.grid[0] * model.patch_size[0], lay.grid[1] * model.patch_size[1])
    top, left = lay.start
    box = (left, top, left + lay.grid[1] * lay.cell[1], top + lay.grid[0] * lay.cell[0])
    maps = {}
    for key, summed in sums.items():
        like = first.maps[key]
        maps[key] = replace(like, values=(summed / total).astype(like.values.dtype), resolution="patch", origin=None)
    return replace(
        first,
        maps=maps,
        logits=outputs[0].float().cpu().numpy(),
        placement=Placement(size, lay.picture, box),
    )


def _opened(image: Any) -> Image.Image:
    from PIL import Image as Pillow

    from vitinspect.images import open_image

    if isinstance(image, Pillow.Image):
        return image if image.mode == "RGB" else image.convert("RGB")
    array = np.asarray(image) if hasattr(image, "__array__") else None
    if array is not None:
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
            raise ImageError("Tiles are cut from a picture: a path, a PIL image or an HxWx3 uint8 array.")
        return Pillow.fromarray(np.ascontiguousarray(array))
    return open_image(image)


def _tile(picture: Image.Image, box: tuple[float, float, float, float], model: ViT) -> Any:
    """A part of the picture as input of the model. At scale 1 on whole pixels nothing is resampled."""
    from PIL import Image as Pillow

    height, width = model.input_size
    left, top, right, bottom = (round(edge) for edge in box)
    if (right - left, bottom - top) == (width, height):
        part = picture.crop((left, top, right, bottom))
    else:
        part = picture.resize((width, height), Pillow.Resampling.BICUBIC, box=_inside(box, picture))
    return prepare(part, model.preprocessing, "squash").tensor


def _inside(box: tuple[float, float, float, float], picture: Image.Image) -> tuple[float, float, float, float]:
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(picture.width)), min(bottom, float(picture.height))


def _on_patches(values: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """A map on the tile's patches; a pixel map is averaged over each patch."""
    if values.shape == tile:
        return values
    rows, columns = tile
    height, width = values.shape[0] // rows, values.shape[1] // columns
    cut = values[: rows * height, : columns * width]
    return cut.reshape(rows, height, columns, width).mean((1, 3))
