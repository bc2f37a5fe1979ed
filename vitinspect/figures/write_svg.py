"""A scene as SVG: text stays text, lines and colour bars stay vectors, pictures are embedded PNGs.

Qt's own writer splits texts, drops clipping and marks pictures so that browsers blur them; this writer is smaller than
code that would correct its output.
"""

from __future__ import annotations

import base64
import io
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from vitinspect.figures.fonts import FAMILY
from vitinspect.figures.resampling import as_stored, grows, on_page
from vitinspect.figures.scene import Colour, ColourBar, Path, Picture, Scene, Text

METADATA_MARK = "<!--metadata-->"
"""The place where ``metadata`` inserts the recipe."""

_STOPS = 64
_ASIDE = 0.0008
"""Points by which a picture stands to the left of its place and above it. Browsers find the place of a pixel in
sixteenths and round it down: of a picture a millionth of a pixel to the right, each would take a sixteenth of its
neighbour."""


def write_svg(scene: Scene, *, dpi: float | None = None) -> bytes:
    """The page in millimetres, with a coordinate system in points; pictures as ``write_pdf`` has them."""
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>\n',
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"',
        f' width="{_number(scene.width / 72 * 25.4)}mm" height="{_number(scene.height / 72 * 25.4)}mm"',
        f' viewBox="0 0 {_number(scene.width)} {_number(scene.height)}">\n',
    ]
    if scene.title:
        parts.append(f"<title>{escape(_legal(scene.title))}</title>\n")
    parts.append(METADATA_MARK + "\n")
    if scene.background is not None:
        parts.append(f'<rect width="100%" height="100%" fill="{_colour(scene.background)}"/>\n')
    for number, element in enumerate(scene.elements):
        if isinstance(element, Picture):
            parts.append(_picture(element, dpi))
        elif isinstance(element, Text):
            parts.append(_text(element))
        elif isinstance(element, Path):
            parts.append(_path(element))
        else:
            parts.append(_bar(element, f"bar{number}"))
    parts.append("</svg>\n")
    return "".join(parts).encode("utf-8")


def _number(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _colour(colour: Colour) -> str:
    return "#" + "".join(f"{int(v):02x}" for v in colour)


def _legal(text: str) -> str:
    """The text without characters that XML does not allow."""
    return "".join(character if _is_legal(character) else "\ufffd" for character in text)


def _is_legal(character: str) -> bool:
    code = ord(character)
    return character in "\t\n" or (code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code not in (0xFFFE, 0xFFFF))


def _picture(element: Picture, dpi: float | None) -> str:
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(as_stored(element, dpi))).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    x, y, width, height = element.box
    x, y = x - _ASIDE, y - _ASIDE
    # Both spellings: browsers support "pixelated", older renderers "optimizeSpeed".
    sharp = element.sharp and (dpi is None or grows(element, on_page(element, dpi)))
    how = ' style="image-rendering:optimizeSpeed;image-rendering:pixelated"' if sharp else ""
    return (
        f'<image x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
        f' preserveAspectRatio="none"{how} xlink:href="data:image/png;base64,{data}"/>\n'
    )


def _text(element: Text) -> str:
    x, y = element.at
    anchor = "" if element.anchor == "start" else f' text-anchor="{element.anchor}"'
    weight = ' font-weight="bold"' if element.bold else ""
    turn = f' transform="rotate({_number(-element.turn)} {_number(x)} {_number(y)})"' if element.turn else ""
    family = quoteattr(f"{FAMILY}, Verdana, sans-serif")
    return (
        f'<text x="{_number(x)}" y="{_number(y)}" font-family={family} font-size="{_number(element.size)}"'
        f' fill="{_colour(element.colour)}"{anchor}{weight}{turn} xml:space="preserve">'
        f"{escape(_legal(element.text))}</text>\n"
    )


def _path(element: Path) -> str:
    data = []
    for line in element.lines:
        steps = [f"{_number(x)} {_number(y)}" for x, y in line]
        if steps:
            data.append("M" + "L".join(steps) + ("Z" if element.closed else ""))
    if not data:
        return ""
    fill = _colour(element.fill) if element.fill is not None else "none"
    stroke = "none"
    more = ""
    if element.stroke is not None and element.width > 0:
        stroke = _colour(element.stroke)
        more = f' stroke-width="{_number(element.width)}" stroke-linejoin="round"'
        if element.dash:
            more += f' stroke-dasharray="{" ".join(_number(d) for d in element.dash)}"'
    return f'<path d="{"".join(data)}" fill="{fill}" stroke="{stroke}"{more}/>\n'


def _bar(element: ColourBar, name: str) -> str:
    x, y, width, height = element.box
    ends = 'x1="0" y1="1" x2="0" y2="0"' if element.upright else 'x1="0" y1="0" x2="1" y2="0"'
    stops = []
    for step in range(_STOPS + 1):
        colour = element.colours[round(step * 255 / _STOPS), :3]
        stops.append(f'<stop offset="{_number(step / _STOPS)}" stop-color="{_colour(tuple(colour))}"/>')
    return (
        f'<linearGradient id="{name}" {ends}>{"".join(stops)}</linearGradient>\n'
        f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
        f' fill="url(#{name})"/>\n'
    )
