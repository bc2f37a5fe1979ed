"""A scene as pixels: for PNG, TIFF, JPEG, and the window."""

from __future__ import annotations

import io
import itertools
import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitinspect.errors import ParameterError
from vitinspect.figures.fonts import font
from vitinspect.figures.resampling import resized
from vitinspect.figures.scene import Colour, ColourBar, Path, Picture, Scene, Text

MOST_PIXELS = 250_000_000
"""Of a page: an A0 poster at 300 dpi has 140 million."""
_FINE = 4
"""Lines are painted this many times larger and scaled down, which smooths them."""


def render(scene: Scene, dpi: float) -> Image.Image:
    """The page at a resolution: RGB, or RGBA if its background is transparent."""
    size = pixel_size(scene, dpi)
    if size[0] * size[1] > MOST_PIXELS:
        raise ParameterError(
            f"The page would be {size[0]:,} × {size[1]:,} pixels, more than {MOST_PIXELS // 1_000_000} million: choose "
            "a smaller width or resolution."
        )
    ground = (*scene.background, 255) if scene.background is not None else (0, 0, 0, 0)
    page = Image.new("RGBA", size, ground)
    scale = dpi / 72
    for element in scene.elements:
        if isinstance(element, Picture):
            _picture(page, element, scale)
        elif isinstance(element, Text):
            _text(page, element, scale)
        elif isinstance(element, Path):
            _path(page, element, scale)
        else:
            _bar(page, element, scale)
    return page if scene.background is None else page.convert("RGB")


def pixel_size(scene: Scene, dpi: float) -> tuple[int, int]:
    return max(1, round(scene.width * dpi / 72)), max(1, round(scene.height * dpi / 72))


def _edges(box: tuple[float, float, float, float], scale: float) -> tuple[int, int, int, int]:
    left, top, width, height = box
    x0, y0 = round(left * scale), round(top * scale)
    return x0, y0, max(round((left + width) * scale), x0 + 1), max(round((top + height) * scale), y0 + 1)


def _picture(page: Image.Image, element: Picture, scale: float) -> None:
    x0, y0, x1, y1 = _edges(element.box, scale)
    size = (x1 - x0, y1 - y0)
    source = Image.fromarray(np.ascontiguousarray(resized(element, size))).convert("RGBA")
    page.alpha_composite(source, (x0, y0)) if x0 >= 0 and y0 >= 0 else page.alpha_composite(
        source.crop((max(-x0, 0), max(-y0, 0), size[0], size[1])), (max(x0, 0), max(y0, 0))
    )


def _bar(page: Image.Image, element: ColourBar, scale: float) -> None:
    x0, y0, x1, y1 = _edges(element.box, scale)
    length = (y1 - y0) if element.upright else (x1 - x0)
    index = np.clip(np.floor((np.arange(length) + 0.5) / length * 256), 0, 255).astype(int)
    colours = element.colours[index[::-1] if element.upright else index, :3]
    line = colours[:, None, :] if element.upright else colours[None, :, :]
    pixels = np.broadcast_to(line, (y1 - y0, x1 - x0, 3))
    page.paste(Image.fromarray(np.ascontiguousarray(pixels)), (x0, y0))


@lru_cache(maxsize=64)
def _face(bold: bool, size: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(font(bold).path), size, layout_engine=ImageFont.Layout.BASIC)


def _text(page: Image.Image, element: Text, scale: float) -> None:
    face, size = _face(element.bold, element.size * scale), element.size * scale
    width = font(element.bold).width(element.text, size)
    start = {"start": 0.0, "middle": -width / 2, "end": -width}[element.anchor]
    x, y = element.at[0] * scale, element.at[1] * scale
    if not element.turn:
        draw = ImageDraw.Draw(page)
        _letters(draw, element.text, x + start, y, face, size, element.bold, (*element.colour, 255))
        return
    # Painted horizontally on a separate image, then rotated about the point on its base line.
    margin = math.ceil(width + 2 * size)
    sheet = Image.new("L", (2 * margin, 2 * margin), 0)
    _letters(ImageDraw.Draw(sheet), element.text, margin + start, margin, face, size, element.bold, 255)
    turned = sheet.rotate(element.turn, Image.Resampling.BICUBIC, center=(margin, margin))
    ink = Image.new("RGBA", turned.size, (*element.colour, 255))
    ink.putalpha(turned)
    left, top = round(x) - margin, round(y) - margin
    page.alpha_composite(ink.crop((max(-left, 0), max(-top, 0), *ink.size)), (max(left, 0), max(top, 0)))


def _letters(
    draw: ImageDraw.ImageDraw,
    text: str,
    x: float,
    y: float,
    face: ImageFont.FreeTypeFont,
    size: float,
    bold: bool,
    ink: int | tuple[int, ...],
) -> None:
    """Paint letter by letter, at the same widths as the other writers."""
    widths = font(bold)
    for letter in text:
        draw.text((x, y), letter, fill=ink, font=face, anchor="ls")
        x += widths.width(letter, size)


def _path(page: Image.Image, element: Path, scale: float) -> None:
    points = [np.asarray(line, float) * scale for line in element.lines if len(line)]
    if not points:
        return
    reach = element.width * scale / 2 + 2
    everything = np.concatenate(points)
    left, top = (np.floor(everything.min(0) - reach)).astype(int)
    right, bottom = (np.ceil(everything.max(0) + reach)).astype(int)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, page.width), min(bottom, page.height)
    if right <= left or bottom <= top:
        return
    shifted = [(line - (left, top)) * _FINE for line in points]
    size = ((right - left) * _FINE, (bottom - top) * _FINE)
    if element.fill is not None and element.closed:
        sheet = Image.new("L", size, 0)
        for line in shifted:
            ImageDraw.Draw(sheet).polygon([tuple(p) for p in line], fill=255)
        _ink(page, sheet, element.fill, (left, top))
    if element.stroke is not None and element.width > 0:
        sheet = Image.new("L", size, 0)
        draw = ImageDraw.Draw(sheet)
        width = max(1, round(element.width * scale * _FINE))
        dash = [d * scale * _FINE for d in element.dash]
        for line in shifted:
            closed = np.concatenate([line, line[:1]]) if element.closed else line
            for piece in _dashes(closed, dash) if dash else [closed]:
                draw.line([tuple(p) for p in piece], fill=255, width=width, joint="curve")
                if element.closed and not dash:
                    _corner(draw, closed[0], width)
        _ink(page, sheet, element.stroke, (left, top))


def _corner(draw: ImageDraw.ImageDraw, at: NDArray[np.float64], width: int) -> None:
    half = width / 2
    draw.rectangle([at[0] - half, at[1] - half, at[0] + half - 1, at[1] + half - 1], fill=255)


def _dashes(line: NDArray[np.float64], dash: list[float]) -> list[NDArray[np.float64]]:
    """The pieces of a dashed line that are drawn, by alternating lengths of dashes and gaps."""
    pieces, current, on, index, left = [], [line[0]], True, 0, dash[0]
    for start, stop in itertools.pairwise(line):
        length = float(np.hypot(*(stop - start)))
        place = 0.0
        while length - place > left:
            place += left
            at = start + (stop - start) * (place / length)
            if on:
                pieces.append(np.array([*current, at]))
            current, on, index = [at], not on, index + 1
            left = max(dash[index % len(dash)], 1e-6)
        left -= length - place
        current.append(stop)
    if on and len(current) > 1:
        pieces.append(np.array(current))
    return pieces


def _ink(page: Image.Image, sheet: Image.Image, colour: Colour, at: tuple[int, int]) -> None:
    small = sheet.resize((sheet.width // _FINE, sheet.height // _FINE), Image.Resampling.BOX)
    ink = Image.new("RGBA", small.size, (*colour, 255))
    ink.putalpha(small)
    page.alpha_composite(ink, at)


def encode(page: Image.Image, kind: str, dpi: float) -> bytes:
    """PNG, TIFF or JPEG with the resolution in the file; recipes are added by ``metadata``."""
    buffer = io.BytesIO()
    resolution = (dpi, dpi)
    if kind == "png":
        page.save(buffer, "PNG", dpi=resolution)
    elif kind == "tiff":
        page.save(buffer, "TIFF", compression="tiff_adobe_deflate", dpi=resolution)
    else:
        flat = page
        if page.mode == "RGBA":
            flat = Image.new("RGB", page.size, (255, 255, 255))
            flat.paste(page, mask=page.getchannel("A"))
        flat.save(buffer, "JPEG", quality=95, subsampling=0, dpi=(round(dpi), round(dpi)))
    return buffer.getvalue()
