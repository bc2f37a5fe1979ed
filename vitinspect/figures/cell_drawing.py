"""One cell of a figure: its picture with the map, outlines, the frame of the model's input, an inset, scores.

Slow results, the painted pixels and the outlines, are kept in a ``Kept`` for the next layout of the page, so that
typing a label or changing the spacing does not paint them again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.contours import chains, isoline, patch_outline
from vitinspect.figures.fonts import broken, text_width
from vitinspect.figures.overlay import ValueRange, levels, place, rgba_table, sees_all
from vitinspect.figures.overlay import blend as laid_over
from vitinspect.figures.ranges import colours_of
from vitinspect.figures.resampling import on_whole_pixels
from vitinspect.figures.scene import BLACK, WHITE, Box, Colour, Path, Picture, Scene, Text, rectangle
from vitinspect.figures.specification import FigureSpec
from vitinspect.maps import resize
from vitinspect.thresholds import parse_threshold, threshold

_MOST_PIXELS = 4_000_000
_CONTOUR = 256
_VEIL = 0.6
"""How much a picture is faded to white while its map is computed."""
_MISSING: Colour = (236, 238, 240)
_PROBLEM: Colour = (179, 38, 30)
FRAME: Colour = (255, 214, 10)

Line = NDArray[np.float64]


class Kept:
    """Painted parts of a page, by their inputs. ``turn_over`` deletes those that the page did not use."""

    def __init__(self) -> None:
        self._old: dict[object, Any] = {}
        self._new: dict[object, Any] = {}

    def get(self, key: object, make: Callable[[], Any]) -> Any:
        if key not in self._new:
            self._new[key] = self._old[key] if key in self._old else make()
        return self._new[key]

    def turn_over(self) -> None:
        self._old, self._new = self._new, {}


def cell_picture(finished: FinishedCell, value_range: ValueRange | None) -> NDArray[np.uint8]:
    """The pixels of a cell: the picture, the map over it, or the map alone.

    At the picture's own resolution; small pictures with exact patches are enlarged by whole numbers, so that the
    patches have sharp edges in every viewer.
    """
    cell, pixels = finished.cell, finished.pixels
    if finished.values is None or finished.placement is None or value_range is None:
        return pixels
    factor = _factor(pixels) if cell.patches else 1
    heat = place(finished.values, finished.placement, smooth=not cell.patches)
    if factor > 1:
        heat = np.repeat(np.repeat(heat, factor, 0), factor, 1)
        size = (pixels.shape[1] * factor, pixels.shape[0] * factor)
        pixels = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.BICUBIC))
    name = colours_of(cell, finished.signed)
    level, visible = levels(heat, value_range), ~np.isnan(heat)
    if cell.show == "map":
        table = rgba_table(name, opacity=1.0, grows="uniform")
        return laid_over(np.full_like(pixels, 255), level, table, visible)
    table = rgba_table(name, opacity=cell.opacity, grows="growing" if cell.by_value else "uniform")
    return laid_over(np.ascontiguousarray(pixels), level, table, visible)


def _factor(pixels: NDArray[np.uint8]) -> int:
    """Odd, so that the pixel in the middle of each block is one of the picture's own."""
    height, width = pixels.shape[:2]
    return 3 if 9 * height * width <= _MOST_PIXELS else 1


def draw_cell(
    scene: Scene, finished: FinishedCell, box: Box, value_range: ValueRange | None, spec: FigureSpec, kept: Kept
) -> None:
    """Everything within the box of a cell."""
    if finished.problem:
        _say(scene, finished.problem, box, spec.font_size)
        return
    if finished.drawing is not None:
        ink: Colour = WHITE if spec.background == "black" else BLACK
        finished.drawing.draw(scene, box, spec.font_size, ink)
        return
    if not finished.cell.has_picture:
        if finished.waiting:
            scene.add(rectangle(box, None, 0, _MISSING))
        return
    if finished.waiting:
        _wait(scene, finished, box, kept)
        return
    look = (value_range, finished.cell.show)
    painted = kept.get((finished, look, "pixels"), lambda: cell_picture(finished, value_range))
    sharp = finished.cell.patches and finished.values is not None
    finer = finished.finer * finished.pixels.shape[1] / painted.shape[1]
    scene.add(Picture(painted, box, sharp, finer))
    if finished.truth is not None:
        _outline(scene, kept.get((finished, "truth"), lambda: _truth_lines(finished)), box, dash=(2.2, 1.6))
    if finished.values is not None and finished.placement is not None:
        if finished.cell.threshold:
            _outline(scene, kept.get((finished, "threshold"), lambda: _threshold_lines(finished)), box)
        if finished.cell.frame and not sees_all(finished.placement):
            left, top, right, bottom = _shares(finished.placement.visible_box, finished.placement.original_size)
            seen = _within(box, (left, top, right - left, bottom - top))
            scene.add(rectangle(seen, BLACK, 1.2), rectangle(seen, FRAME, 0.6))
    if finished.cell.inset:
        _inset(scene, Picture(painted, box, sharp, finer), finished.cell.inset, spec.dpi)
    if spec.scores and finished.truth is not None and finished.values is not None:
        words = kept.get((finished, "scores"), lambda: _scores(finished))
        _write_scores(scene, words, box, spec.font_size)


def _wait(scene: Scene, finished: FinishedCell, box: Box, kept: Kept) -> None:
    """The faded picture until its map is computed; an empty box until the picture is read."""
    if finished.pixels.strides[0] == 0:  # a placeholder of this size
        scene.add(rectangle(box, None, 0, _MISSING))
        return

    def pale() -> NDArray[np.uint8]:
        return (finished.pixels * (1 - _VEIL) + 255 * _VEIL).astype(np.uint8)

    scene.add(Picture(kept.get((finished, "veil"), pale), box))


def _say(scene: Scene, sentence: str, box: Box, size: float) -> None:
    """Write why there is nothing to show, on as many lines as needed."""
    scene.add(rectangle(box, _PROBLEM, 0.5, (252, 232, 230)))
    small = min(size, 7.0)
    for number, line in enumerate(broken(sentence, box[2] - 6, small)):
        y = box[1] + 3 + small * (0.9 + 1.25 * number)
        if y > box[1] + box[3]:
            break
        scene.add(Text(line, (box[0] + 3, y), small, colour=_PROBLEM))


# --- outlines, in fractions of the picture's width and height -----------------------------------------------------


def _truth_lines(finished: FinishedCell) -> list[Line]:
    assert finished.truth is not None
    small = _small(finished.truth)
    return _scaled(chains(isoline(small, 0.5)), small.shape, (0.0, 0.0, 1.0, 1.0))


def _small(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    height, width = mask.shape
    shrink = min(1.0, _CONTOUR / max(height, width))
    if shrink == 1.0:
        return mask.astype(np.float32)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    return np.asarray(Image.fromarray(mask.astype(np.float32)).resize(size, Image.Resampling.BOX), np.float32)


def _threshold_lines(finished: FinishedCell) -> list[Line]:
    assert finished.placement is not None
    assert finished.values is not None
    mode, options = parse_threshold(finished.cell.threshold)
    height, width = finished.placement.input_size
    shrink = min(1.0, 448 / max(height, width))
    fine = resize(finished.values, (max(1, round(height * shrink)), max(1, round(width * shrink))))
    level = threshold(fine, mode, **options).level
    if finished.cell.patches:
        pieces, grid = patch_outline(finished.values, level), finished.values.shape
    else:
        shrink = min(1.0, _CONTOUR / max(height, width))
        coarse = resize(finished.values, (max(1, round(height * shrink)), max(1, round(width * shrink))))
        pieces, grid = isoline(coarse, level), coarse.shape
    return _scaled(chains(pieces), grid, _shares(finished.placement.box, finished.placement.original_size))


def _shares(box: Box, size: tuple[int, int]) -> Box:
    """Left, top, right, bottom in pixels of a picture of (height, width), as fractions of it."""
    height, width = size
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _scaled(lines: list[Line], grid: tuple[int, ...], box: Box) -> list[Line]:
    """Lines on a grid, as fractions of the picture; ``box``: left, top, right, bottom of the grid on it."""
    left, top, right, bottom = box
    step = np.array([(right - left) / grid[1], (bottom - top) / grid[0]])
    return [np.asarray(line, float) * step + (left, top) for line in lines]


def _within(box: Box, shares: Box) -> Box:
    """A part of a box, given as fractions of it: left, top, width, height."""
    return box[0] + shares[0] * box[2], box[1] + shares[1] * box[3], shares[2] * box[2], shares[3] * box[3]


def _outline(scene: Scene, lines: list[Line], box: Box, dash: tuple[float, ...] = ()) -> None:
    """Draw lines in white with a black edge, visible on every picture."""
    if lines:
        on_page = [[(x, y) for x, y in (line * (box[2], box[3]) + (box[0], box[1])).tolist()] for line in lines]
        scene.add(Path(on_page, BLACK, 1.4, dash=()), Path(on_page, WHITE, 0.7, dash=dash))


# --- inset and scores ---------------------------------------------------------------------------------------------


def _inset(scene: Scene, whole: Picture, shares: tuple[float, ...], dpi: float) -> None:
    """Draw an enlarged part of the picture at two fifths of its width, in the corner farthest from that part."""
    box, (height, width) = whole.box, whole.pixels.shape[:2]
    left, top, wide, high = shares
    rows = slice(int(top * height), max(int((top + high) * height), int(top * height) + 1))
    columns = slice(int(left * width), max(int((left + wide) * width), int(left * width) + 1))
    part = np.ascontiguousarray(whole.pixels[rows, columns])
    scene.add(rectangle(_within(box, (left, top, wide, high)), WHITE, 0.8))
    size = min(0.4 * box[2], 0.4 * box[3] * part.shape[1] / part.shape[0])
    tall = size * part.shape[0] / part.shape[1]
    x = box[0] if left + wide / 2 > 0.5 else box[0] + box[2] - size
    y = box[1] if top + high / 2 > 0.5 else box[1] + box[3] - tall
    where = on_whole_pixels((x, y, size, tall), dpi)
    scene.add(Picture(part, where, whole.sharp, whole.finer), rectangle(where, WHITE, 0.8))


def _scores(finished: FinishedCell) -> str:
    """IoU and F1 of the thresholded map with the truth, on the picture's pixels that the model saw."""
    both = finished.overlap if finished.overlap is not None else overlap(finished)
    return f"IoU {both[0]:.3f}  F1 {both[1]:.3f}"


def overlap(finished: FinishedCell) -> tuple[float, float]:
    """IoU and F1."""
    assert finished.values is not None
    assert finished.placement is not None
    assert finished.truth is not None
    mode, options = parse_threshold(finished.cell.threshold or "otsu")
    truth = finished.placement.mask_to_input(finished.truth)
    mask = threshold(finished.values, mode, size=finished.placement.input_size, **options).mask
    both, either = int((mask & truth).sum()), int((mask | truth).sum())
    total = int(mask.sum()) + int(truth.sum())
    return (both / either if either else 1.0), (2 * both / total if total else 1.0)


def _write_scores(scene: Scene, words: str, box: Box, size: float) -> None:
    small = min(size * 0.85, size * box[2] / max(text_width(words, size), 1e-6) * 0.95)
    at = (box[0] + box[2] - 2, box[1] + box[3] - 2)
    wide = text_width(words, small)
    scene.add(rectangle((at[0] - wide - 2, at[1] - small, wide + 4, small + 2), None, 0, WHITE))
    scene.add(Text(words, (at[0], at[1] - small * 0.15), small, "end"))
