"""From finished cells to a scene: where each picture, label, colour bar and outline stands on the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.colormaps import DIVERGING, colormap
from vitinspect.figures.contours import chains, isoline, patch_outline
from vitinspect.figures.fonts import text_width
from vitinspect.figures.lengths import points
from vitinspect.figures.names import default_colormap
from vitinspect.figures.overlay import ValueRange, format_value, levels, place, rgba_table, sees_all
from vitinspect.figures.overlay import blend as laid_over
from vitinspect.figures.scene import BLACK, WHITE, ColourBar, Path, Picture, Scene, Text, rectangle
from vitinspect.figures.specification import BACKGROUNDS, Cell, FigureSpec
from vitinspect.figures.specification import place as place_of
from vitinspect.maps import resize
from vitinspect.thresholds import parse_threshold, threshold

_BAR = 5.0
"""The height of a lying colour bar."""
_GAP = 2.5
_MOST_PIXELS = 4_000_000
_CONTOUR = 256


@dataclass(frozen=True)
class CellBox:
    """Where a cell's picture stands, for the window: hit areas and the frame of the selected one."""

    where: str
    box: tuple[float, float, float, float]


def compose(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> Scene:
    """The whole page."""
    return compose_with_boxes(spec, cells)[0]


def compose_with_boxes(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> tuple[Scene, list[CellBox]]:
    width, size = points(spec.width), spec.font_size
    spacing = 0.0 if spec.spacing.startswith("0") and points_or_zero(spec.spacing) == 0 else points(spec.spacing)
    background = BACKGROUNDS[spec.background]
    ink = WHITE if background == BLACK else BLACK
    row_labels = [_row_label(spec, cells, row) for row in range(len(spec.rows))]
    column_labels = [_column_label(spec, cells, column) for column in range(len(spec.columns))]
    left = (size * 1.5 if any(row_labels) else 0.0) + (size * 1.2 if spec.panel_letters else 0.0)
    top = size * 1.5 if any(column_labels) else 0.0
    if spec.title:
        top += size * 1.7
    count = len(spec.columns)
    wide = (width - left - spacing * (count - 1)) / count
    if wide < 10:
        raise_too_narrow(width, count)
    ranges = shared_ranges(spec, cells)
    bars_below = spec.colour_bars and any(c.values is not None for c in cells.values())
    per_cell = bars_below and spec.ranges in ("cell", "row")
    scene = Scene(width, 0.0, background=background, title=spec.title)
    boxes: list[CellBox] = []
    y = top
    if spec.title:
        scene.add(Text(spec.title, (left + (width - left) / 2, size * 1.2), size * 1.1, "middle", True, ink))
    for column, label in enumerate(column_labels):
        if label:
            _fitted(
                scene, label, (left + column * (wide + spacing) + wide / 2, y - size * 0.5), size, wide + spacing, ink
            )
    for row in range(len(spec.rows)):
        high = max(_height(cells[place_of(row, column)], wide) for column in range(count))
        if row_labels[row]:
            at = (left - size * 0.5, y + high / 2)
            _fitted(scene, row_labels[row], at, size, high, ink, turn=90.0)
        if spec.panel_letters:
            scene.add(Text(chr(97 + row % 26), (0.0, y + size * 0.9), size, "start", True, ink))
        for column in range(count):
            where = place_of(row, column)
            box = (left + column * (wide + spacing), y, wide, _height(cells[where], wide))
            boxes.append(CellBox(where, box))
            _cell(scene, cells[where], box, ranges.get(where), spec, ink)
        y += high
        if per_cell:
            for column in range(count):
                where = place_of(row, column)
                if cells[where].values is not None:
                    x = left + column * (wide + spacing)
                    _bar(scene, cells[where].cell, cells[where].signed, ranges[where], x, y + _GAP, wide, size, ink)
            y += _GAP + _BAR + size * 1.3
        if row + 1 < len(spec.rows):
            y += spacing
    if bars_below and not per_cell:
        y = _shared_bars(scene, spec, cells, ranges, left, wide, spacing, y, ink)
    scene.height = y + 1.0
    return scene, boxes


def points_or_zero(text: str) -> float:
    digits = text.rstrip("mcinpthx ")
    return float(digits) if digits.replace(".", "", 1).isdigit() else -1.0


def raise_too_narrow(width: float, count: int) -> None:
    from vitinspect.errors import ParameterError

    raise ParameterError(f"{count} columns do not fit into {width / 72 * 25.4:.0f} mm: each would be under 4 mm wide.")


def _row_label(spec: FigureSpec, cells: Mapping[str, FinishedCell], row: int) -> str:
    given = spec.rows[row].get("label")
    if given is not None:
        return str(given)
    if len(spec.rows) == 1:
        return ""
    found = {cells[place_of(row, c)].target_words for c in range(len(spec.columns))} - {""}
    return found.pop() if len(found) == 1 else ""


def _column_label(spec: FigureSpec, cells: Mapping[str, FinishedCell], column: int) -> str:
    given = spec.columns[column].get("label")
    if given is not None:
        return str(given)
    first = cells[place_of(0, column)]
    if first.values is None:
        return "Picture"
    titles = {cells[place_of(r, column)].method_title for r in range(len(spec.rows))}
    return first.method_title if len(titles) == 1 else ""


def _fitted(
    scene: Scene,
    text: str,
    at: tuple[float, float],
    size: float,
    room: float,
    ink: tuple[int, int, int],
    turn: float = 0.0,
) -> None:
    """A label as large as fits into its room, at least 5 points."""
    wide = text_width(text, size)
    scene.add(
        Text(text, at, size if wide <= room else max(size * room / wide, min(5.0, size)), "middle", False, ink, turn)
    )


def _height(finished: FinishedCell, wide: float) -> float:
    height, width = finished.pixels.shape[:2]
    return wide * height / width


# --- ranges -----------------------------------------------------------------------------------------------------


def shared_ranges(spec: FigureSpec, cells: Mapping[str, FinishedCell]) -> dict[str, ValueRange]:
    """The raw values at the ends of each cell's colours: its own, or those that a row, column or the figure share."""
    own: dict[str, ValueRange] = {}
    for where, finished in cells.items():
        if finished.values is not None:
            if finished.cell.range:
                own[where] = ValueRange(*finished.cell.range)
            else:
                own[where] = ValueRange.of(finished.values, centred=_is_centred(finished))
    groups: dict[object, list[str]] = {}
    for row in range(len(spec.rows)):
        for column in range(len(spec.columns)):
            where = place_of(row, column)
            if where in own:
                key: object = {"cell": where, "row": row, "column": column, "figure": 0}[spec.ranges]
                groups.setdefault(key, []).append(where)
    shared = {}
    for places in groups.values():
        joint = ValueRange(min(own[w].low for w in places), max(own[w].high for w in places))
        for where in places:
            shared[where] = own[where] if spec.ranges == "cell" or cells[where].cell.range else joint
    return shared


def _is_centred(finished: FinishedCell) -> bool:
    return colours_of(finished.cell, finished.signed) in DIVERGING


def colours_of(cell: Cell, signed: bool) -> str:
    return default_colormap(signed=signed) if cell.colours == "auto" else cell.colours


# --- one cell ---------------------------------------------------------------------------------------------------


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
    height, width = pixels.shape[:2]
    return max(1, min(4, 1200 // max(height, width), int((_MOST_PIXELS / (height * width)) ** 0.5)))


def _cell(
    scene: Scene,
    finished: FinishedCell,
    box: tuple[float, float, float, float],
    value_range: ValueRange | None,
    spec: FigureSpec,
    ink: tuple[int, int, int],
) -> None:
    painted = cell_picture(finished, value_range)
    scene.add(Picture(painted, box, sharp=finished.cell.patches and finished.values is not None))
    height, width = finished.pixels.shape[:2]
    across, down = box[2] / width, box[3] / height
    if finished.truth is not None:
        lines = _on_page(chains(isoline(_small(finished.truth), 0.5)), _small(finished.truth).shape, box)
        _outline(scene, lines, dash=(2.2, 1.6))
    if finished.values is not None and finished.placement is not None:
        if finished.cell.threshold:
            _outline(scene, _threshold_lines(finished, box))
        if finished.cell.frame and not sees_all(finished.placement):
            left, top, right, bottom = finished.placement.visible_box
            seen = (box[0] + left * across, box[1] + top * down, (right - left) * across, (bottom - top) * down)
            scene.add(rectangle(seen, BLACK, 1.2), rectangle(seen, (255, 214, 10), 0.6))
    if finished.cell.inset:
        _inset(scene, painted, finished.cell, box)
    if spec.scores and finished.truth is not None and finished.values is not None:
        _scores(scene, finished, box, spec.font_size)


def _small(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    height, width = mask.shape
    shrink = min(1.0, _CONTOUR / max(height, width))
    if shrink == 1.0:
        return mask.astype(np.float32)
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    return np.asarray(Image.fromarray(mask.astype(np.float32)).resize(size, Image.Resampling.BOX), np.float32)


def _threshold_lines(finished: FinishedCell, box: tuple[float, float, float, float]) -> list[list[tuple[float, float]]]:
    assert finished.values is not None
    assert finished.placement is not None
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
    left, top, right, bottom = finished.placement.box
    picture_height, picture_width = finished.pixels.shape[:2]
    seen = (
        box[0] + left * box[2] / picture_width,
        box[1] + top * box[3] / picture_height,
        (right - left) * box[2] / picture_width,
        (bottom - top) * box[3] / picture_height,
    )
    return _on_page(chains(pieces), grid, seen)


def _on_page(
    lines: list[NDArray[np.float64]], grid: tuple[int, ...], box: tuple[float, float, float, float]
) -> list[list[tuple[float, float]]]:
    across, down = box[2] / grid[1], box[3] / grid[0]
    return [[(box[0] + x * across, box[1] + y * down) for x, y in line.tolist()] for line in lines]


def _outline(scene: Scene, lines: list[list[tuple[float, float]]], dash: tuple[float, ...] = ()) -> None:
    """White on a black edge, which shows on every picture."""
    if lines:
        scene.add(Path(lines, BLACK, 1.4, dash=()), Path(lines, WHITE, 0.7, dash=dash))


def _inset(scene: Scene, painted: NDArray[np.uint8], cell: Cell, box: tuple[float, float, float, float]) -> None:
    """A part of the picture at two fifths of its width, in the corner that is farthest from it."""
    height, width = painted.shape[:2]
    left, top, wide, high = cell.inset
    rows = slice(int(top * height), max(int((top + high) * height), int(top * height) + 1))
    columns = slice(int(left * width), max(int((left + wide) * width), int(left * width) + 1))
    part = np.ascontiguousarray(painted[rows, columns])
    scene.add(rectangle((box[0] + left * box[2], box[1] + top * box[3], wide * box[2], high * box[3]), WHITE, 0.8))
    size = min(0.4 * box[2], 0.4 * box[3] * part.shape[1] / part.shape[0])
    tall = size * part.shape[0] / part.shape[1]
    x = box[0] if left + wide / 2 > 0.5 else box[0] + box[2] - size
    y = box[1] if top + high / 2 > 0.5 else box[1] + box[3] - tall
    scene.add(Picture(part, (x, y, size, tall), cell.patches), rectangle((x, y, size, tall), WHITE, 0.8))


def _scores(scene: Scene, finished: FinishedCell, box: tuple[float, float, float, float], size: float) -> None:
    """IoU and F1 of the thresholded map with the truth, on the picture's pixels that the model saw."""
    assert finished.values is not None
    assert finished.placement is not None
    assert finished.truth is not None
    mode, options = parse_threshold(finished.cell.threshold or "otsu")
    truth = finished.placement.mask_to_input(finished.truth)
    mask = threshold(finished.values, mode, size=finished.placement.input_size, **options).mask
    both, either = int((mask & truth).sum()), int((mask | truth).sum())
    total = int(mask.sum()) + int(truth.sum())
    words = f"IoU {both / either if either else 1:.3f}  F1 {2 * both / total if total else 1:.3f}"
    small = min(size * 0.85, size * box[2] / max(text_width(words, size), 1e-6) * 0.95)
    at = (box[0] + box[2] - 2, box[1] + box[3] - 2)
    wide = text_width(words, small)
    scene.add(rectangle((at[0] - wide - 2, at[1] - small, wide + 4, small + 2), None, 0, WHITE))
    scene.add(Text(words, (at[0], at[1] - small * 0.15), small, "end"))


# --- colour bars ------------------------------------------------------------------------------------------------


def _bar(
    scene: Scene,
    cell: Cell,
    signed: bool,
    value_range: ValueRange,
    x: float,
    y: float,
    wide: float,
    size: float,
    ink: tuple[int, int, int],
) -> None:
    """A lying colour bar with the raw values at its ends, and at zero where that lies between them."""
    name, small = colours_of(cell, signed), size * 0.85
    scene.add(ColourBar(colormap(name), (x, y, wide, _BAR), upright=False))
    low, high = _number(value_range.low), _number(value_range.high)
    room = wide - text_width(low + "  " + high, small)
    if room < 0:
        small = max(small * wide / max(text_width(low + "  " + high, small), 1e-6), min(5.0, size))
    base = y + _BAR + small
    scene.add(Text(low, (x, base), small, "start", False, ink), Text(high, (x + wide, base), small, "end", False, ink))
    if value_range.low < 0 < value_range.high and room > text_width(" 0 ", small) * 2:
        at = x + wide * -value_range.low / (value_range.high - value_range.low)
        scene.add(Text("0", (at, base), small, "middle", False, ink))


def _number(value: float) -> str:
    return format_value(value).replace("-", "−")


def _shared_bars(
    scene: Scene,
    spec: FigureSpec,
    cells: Mapping[str, FinishedCell],
    ranges: Mapping[str, ValueRange],
    left: float,
    wide: float,
    spacing: float,
    y: float,
    ink: tuple[int, int, int],
) -> float:
    """One bar under each column, or one under the figure."""
    if spec.ranges == "column":
        for column in range(len(spec.columns)):
            places = [place_of(row, column) for row in range(len(spec.rows))]
            first = next((cells[w] for w in places if w in ranges), None)
            if first is not None:
                value_range = ranges[next(w for w in places if w in ranges)]
                x = left + column * (wide + spacing)
                _bar(scene, first.cell, first.signed, value_range, x, y + _GAP, wide, spec.font_size, ink)
    else:
        where = next(iter(ranges))
        total = wide * len(spec.columns) + spacing * (len(spec.columns) - 1)
        length = min(total, max(wide, total / 2))
        x = left + (total - length) / 2
        _bar(scene, cells[where].cell, cells[where].signed, ranges[where], x, y + _GAP, length, spec.font_size, ink)
    return y + _GAP + _BAR + spec.font_size * 1.3
