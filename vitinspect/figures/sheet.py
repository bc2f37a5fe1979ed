"""A contact sheet: pictures in rows, each with a title above and lines of numbers below. Pillow only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

PAPER, INK, FAINT = (255, 255, 255), (24, 24, 24), (96, 96, 96)
_TEXT, _LINE, _GAP = 13, 17, 10


@dataclass(frozen=True)
class Tile:
    """One picture of a sheet."""

    picture: Image.Image
    title: str
    lines: tuple[str, ...] = ()
    colours: tuple[tuple[int, int, int], ...] = ()
    """Colours of small squares before the lines, as a legend."""


def contact_sheet(title: str, tiles: Sequence[Tile], *, columns: int = 4, width: int = 240) -> Image.Image:
    """All tiles, ``columns`` in a row, each picture at most ``width`` pixels wide, in rows of the highest picture."""
    font = ImageFont.load_default(_TEXT)
    pictures = [_within(tile.picture, width) for tile in tiles]
    columns = max(1, min(columns, len(tiles)))
    rows = [range(start, min(start + columns, len(tiles))) for start in range(0, len(tiles), columns)]
    heights = [
        2 * _LINE + max(pictures[i].height for i in row) + _LINE * max(len(tiles[i].lines) for i in row) for row in rows
    ]
    total = (columns * (width + _GAP) + _GAP, 2 * _LINE + sum(height + _GAP for height in heights) + _GAP)
    sheet = Image.new("RGB", total, PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((_GAP, _GAP), _cut(title, total[0] - 2 * _GAP, font), fill=INK, font=font)
    top = 2 * _LINE
    for row, height in zip(rows, heights, strict=True):
        tallest = max(pictures[i].height for i in row)
        for place, i in enumerate(row):
            left = _GAP + place * (width + _GAP)
            draw.text((left, top), _cut(tiles[i].title, width, font), fill=INK, font=font)
            sheet.paste(pictures[i], (left, top + _LINE + 4))
            for number, line in enumerate(tiles[i].lines):
                y = top + _LINE + 8 + tallest + number * _LINE
                start = left
                if number < len(tiles[i].colours):
                    draw.rectangle((left, y + 3, left + 9, y + 12), fill=tiles[i].colours[number], outline=INK)
                    start += 15
                draw.text((start, y), _cut(line, width - (start - left), font), fill=FAINT, font=font)
        top += height + _GAP
    return sheet


def _within(picture: Image.Image, width: int) -> Image.Image:
    shown = picture.convert("RGB")
    scale = min(width / shown.width, width / shown.height)
    size = (max(1, round(shown.width * scale)), max(1, round(shown.height * scale)))
    return shown.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.NEAREST)


def _cut(text: str, width: float, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> str:
    """The text, cut to the width."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
