"""Plots for reports, as PNG and SVG from one description. Pillow and a few lines of SVG: no plotting library.

A ``Drawing`` is a list of lines, boxes and texts in pixels, which is written in both formats.
"""

from __future__ import annotations

import html
import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vitinspect.names import shown
from vitinspect.scores.statistics import Mean

INK, FAINT, GRID = "#222222", "#666666", "#dddddd"
# Okabe & Ito's palette, which the colour-blind can distinguish.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#999999", "#7A6A00")
SCALE = 2
"""PNGs are drawn at twice the size, for high-resolution screens and print."""


@dataclass
class Drawing:
    """Lines, boxes and texts on white."""

    width: int
    height: int
    shapes: list[tuple[str, tuple]] = field(default_factory=list)

    def line(
        self, points: Sequence[tuple[float, float]], colour: str = INK, width: float = 1.0, dash: float = 0.0
    ) -> None:
        """``dash``: the length of a dash and of a gap; 0 for none."""
        self.shapes.append(("line", (list(points), colour, width, dash)))

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        self.shapes.append(("box", (left, top, right, bottom, colour)))

    def text(self, x: float, y: float, words: str, *, anchor: str = "lm", size: int = 12, colour: str = INK) -> None:
        """``anchor`` as in Pillow: l, m, r across and t, m, b down."""
        self.shapes.append(("text", (x, y, words, anchor, size, colour)))

    def to_svg(self) -> str:
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" font-family="DejaVu Sans, Arial, sans-serif">',
            f'<rect width="{self.width}" height="{self.height}" fill="white"/>',
        ]
        for kind, what in self.shapes:
            if kind == "line":
                points, colour, width, dash = what
                joined = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
                dashes = f' stroke-dasharray="{dash:g}"' if dash else ""
                parts.append(
                    f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
                )
            elif kind == "box":
                left, top, right, bottom, colour = what
                parts.append(
                    f'<rect x="{left:.2f}" y="{top:.2f}" width="{right - left:.2f}" height="{bottom - top:.2f}" '
                    f'fill="{colour}"/>'
                )
            else:
                x, y, words, anchor, size, colour = what
                across = {"l": "start", "m": "middle", "r": "end"}[anchor[0]]
                down = {"t": "hanging", "m": "central", "b": "auto"}[anchor[1]]
                parts.append(
                    f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size}" fill="{colour}" text-anchor="{across}" '
                    f'dominant-baseline="{down}">{html.escape(shown(words))}</text>'
                )
        return "\n".join([*parts, "</svg>"]) + "\n"

    def to_png(self) -> bytes:
        picture = Image.new("RGB", (self.width * SCALE, self.height * SCALE), "white")
        draw = ImageDraw.Draw(picture)
        for kind, what in self.shapes:
            if kind == "line":
                points, colour, width, dash = what
                scaled = [(x * SCALE, y * SCALE) for x, y in points]
                for piece in dashed(scaled, dash * SCALE) if dash else [scaled]:
                    draw.line(piece, fill=colour, width=max(1, round(width * SCALE)), joint="curve")
            elif kind == "box":
                left, top, right, bottom, colour = what
                draw.rectangle([left * SCALE, top * SCALE, right * SCALE, bottom * SCALE], fill=colour)
            else:
                x, y, words, anchor, size, colour = what
                draw.text((x * SCALE, y * SCALE), words, fill=colour, font=font(size * SCALE), anchor=anchor)
        stream = io.BytesIO()
        picture.save(stream, "PNG", optimize=True)
        return stream.getvalue()

    def files(self, stem: str) -> list[tuple[str, bytes]]:
        """Both files, by name."""
        return [(f"{stem}.png", self.to_png()), (f"{stem}.svg", self.to_svg().encode())]


def dashed(points: Sequence[tuple[float, float]], dash: float) -> list[list[tuple[float, float]]]:
    """A line as dashes with gaps of the same length."""
    pieces: list[list[tuple[float, float]]] = [[points[0]]]
    drawing, left = True, dash
    for (x, y), (to_x, to_y) in itertools.pairwise(points):
        length = float(np.hypot(to_x - x, to_y - y))
        done = 0.0
        while length - done > left:
            done += left
            turn = (x + (to_x - x) * done / length, y + (to_y - y) * done / length)
            if drawing:
                pieces[-1].append(turn)
            else:
                pieces.append([turn])
            drawing, left = not drawing, dash
        left -= length - done
        if drawing:
            pieces[-1].append((to_x, to_y))
    return [piece for piece in pieces if len(piece) > 1]


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def nice_ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers that cover the range."""
    span = high - low
    if span <= 0:
        return [low]
    raw = span / about
    power = 10 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= raw)
    first = np.floor(low / step) * step
    return [float(round(first + i * step, 10)) for i in range(int(np.ceil((high - first) / step - 1e-9)) + 1)]


def bar_chart(title: str, names: Sequence[str], means: Sequence[Mean], *, percent: bool = False) -> Drawing:
    """Horizontal bars with their intervals, in the order given."""
    factor = 100 if percent else 1
    left = 24 + max((len(name) for name in names), default=0) * 7
    row, top, bottom, right = 24, 48, 40, 80
    drawing = Drawing(left + 480 + right, top + row * len(names) + bottom)
    values = [m.low * factor for m in means] + [m.high * factor for m in means] + [0.0]
    ticks = nice_ticks(min(values), max(values))
    low, high = min(ticks), max(ticks) if max(ticks) > min(ticks) else min(ticks) + 1

    def across(value: float) -> float:
        return left + (value - low) / (high - low) * 480

    drawing.text(left, 20, title, size=14)
    base = top + row * len(names)
    for tick in ticks:
        drawing.line([(across(tick), top - 4), (across(tick), base)], GRID)
        drawing.text(across(tick), base + 8, f"{tick:g}", anchor="mt", colour=FAINT)
    for i, (name, mean) in enumerate(zip(names, means, strict=True)):
        middle = top + row * i + row / 2
        drawing.text(left - 8, middle, name, anchor="rm")
        ends = sorted((across(0), across(mean.value * factor)))
        drawing.box(ends[0], middle - 7, ends[1], middle + 7, COLOURS[0])
        low_end, high_end = across(mean.low * factor), across(mean.high * factor)
        drawing.line([(low_end, middle), (high_end, middle)], INK, 1.5)
        for end in (low_end, high_end):
            drawing.line([(end, middle - 4), (end, middle + 4)], INK, 1.5)
        drawing.text(max(high_end, ends[1]) + 6, middle, f"{mean.value * factor:.3g}", size=11, colour=FAINT)
    drawing.line([(across(0), top - 4), (across(0), base)], INK)
    return drawing


def curve_chart(title: str, across_title: str, curves: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Drawing:
    """Lines over 0..1 with a legend at the right; after eight colours the next eight lines are dashed."""
    width, height, left, top = 480, 320, 64, 48
    longest = max((len(name) for name, *_ in curves), default=0)
    drawing = Drawing(left + width + 64 + longest * 7, max(top + height + 56, top + 20 * len(curves) + 24))
    values = np.concatenate([points for *_, points in curves])
    ticks = nice_ticks(min(0.0, float(values.min())), float(values.max()))
    low, high = ticks[0], ticks[-1] if ticks[-1] > ticks[0] else ticks[0] + 1

    def place(x: float, y: float) -> tuple[float, float]:
        return left + x * width, top + height - (y - low) / (high - low) * height

    drawing.text(left, 20, title, size=14)
    for tick in ticks:
        drawing.line([place(0, tick), place(1, tick)], GRID)
        drawing.text(left - 8, place(0, tick)[1], f"{tick:g}", anchor="rm", colour=FAINT)
    for share in (0, 0.25, 0.5, 0.75, 1):
        drawing.text(place(share, low)[0], top + height + 8, f"{100 * share:g}", anchor="mt", colour=FAINT)
    drawing.text(left + width / 2, top + height + 32, across_title, anchor="mt", colour=FAINT)
    for i, (name, places, points) in enumerate(curves):
        colour, dash = COLOURS[i % len(COLOURS)], 4.0 * (i // len(COLOURS))
        drawing.line([place(float(x), float(y)) for x, y in zip(places, points, strict=True)], colour, 1.5, dash)
        y = top + 20 * i + 8
        drawing.line([(left + width + 16, y), (left + width + 40, y)], colour, 3, dash)
        drawing.text(left + width + 48, y, name)
    drawing.line([place(0, low), place(1, low)], INK)
    return drawing
