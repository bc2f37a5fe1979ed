"""A report as one HTML file: no network access, no external scripts, and all names are escaped."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from PIL import Image

from vitinspect.files import SOFTWARE
from vitinspect.names import readable, shown

LARGEST = 58_000_000
"""The maximum size of a report in bytes; pictures are compressed to fit."""
_STEPS = ((480, 85), (400, 83), (320, 80), (280, 78), (240, 75), (200, 72), (160, 68), (128, 62), (96, 55))
"""Longest side and quality of a JPEG, the largest first."""
OUTLINES = ((64, 200, 255), (255, 120, 220), (120, 255, 120), (255, 160, 60), (200, 160, 255))
"""The colours of people's masks; ``html_page.css`` has the same."""
_TEXTS = 6000
"""The approximate maximum size of a picture's texts in bytes."""


@dataclass(frozen=True)
class ShownScore:
    """One number of a map, as it is shown and as it is sorted by."""

    title: str
    text: str
    value: float


@dataclass(frozen=True, eq=False)
class Drawing:
    """A picture of the report with its text."""

    title: str
    picture: Image.Image
    scores: tuple[ShownScore, ...] = ()
    legend: tuple[str, ...] = ()
    """Whose outlines are drawn on it, in the order of ``OUTLINES``."""


@dataclass(frozen=True, eq=False)
class Entry:
    """Everything that the report shows of one picture."""

    name: str
    drawings: tuple[Drawing, ...] = ()
    predictions: tuple[tuple[str, float], ...] = ()
    """Classes with their probabilities, the best first."""
    target: str = ""
    label: str = ""
    """Its true class, if known."""
    note: str = ""
    flagged: bool = False
    starred: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Summary:
    """A table above the pictures: a row for each map, a column for each score."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    best: Mapping[int, int] = field(default_factory=dict)
    """Column -> its best row."""


def write_page(
    title: str,
    facts: Sequence[str],
    entries: Iterable[Entry],
    count: int,
    each: int,
    summary: Callable[[], Summary] = Summary,
) -> bytes:
    """The whole file. The size of drawings follows from ``count``, the number of pictures, with ``each`` drawings.

    Each entry is compressed before the next one is requested; ``summary`` is called after all entries.
    """
    room = max(1500, int((LARGEST / max(count, 1) - _TEXTS) * 0.74 / max(each, 1)))
    parts: list[str] = []
    orders: dict[str, str] = {}
    classes: dict[str, None] = {}
    flags = 0
    for position, entry in enumerate(entries):
        parts.append(_article(entry, position, room, orders))
        if entry.predictions:
            classes.setdefault(shown(entry.predictions[0][0]), None)
        flags += entry.flagged
    style, script = _beside("css"), _beside("js")
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f'<meta name="generator" content="{_text(SOFTWARE)}">',
        '<link rel="icon" href="data:,">',
        f"<title>{_text(title)}</title>\n<style>{style}</style>\n</head>\n<body>",
        f"<header><h1>{_text(title)}</h1>",
        *(f'<p class="facts">{_text(fact)}</p>' for fact in facts),
        _table(summary()),
        "</header>",
        _controls(orders, sorted(classes, key=str.casefold), flags),
        '<main id="pictures">',
    ]
    tail = ["</main>", f"<script>{script}</script>", "</body>\n</html>\n"]
    return "\n".join([*head, *parts, *tail]).encode()


def _text(text: str) -> str:
    """Any text on one line, escaped."""
    return escape(shown(text))


def _beside(ending: str) -> str:
    return Path(__file__).with_suffix(f".{ending}").read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _controls(orders: Mapping[str, str], classes: Sequence[str], flags: int) -> str:
    options = [("position", "In folder order"), ("name", "By name"), *orders.items()]
    parts = [
        '<form id="controls" hidden>',
        '<label>Find <input id="words" type="search" autocomplete="off"></label>',
        f'<label>Sort <select id="order">{_options(options)}</select></label>',
        '<label><input id="down" type="checkbox"> highest first</label>',
        f'<label>Predicted <select id="class">{_options([("", "any class"), *((f"={c}", c) for c in classes)])}'
        "</select></label>",
        '<label><input id="flagged" type="checkbox"> flagged only</label>' if flags else "",
        '<label>Size <input id="size" type="range" min="96" max="480" step="4" value="220"></label>',
        f'<label>Colours <select id="theme">'
        f"{_options([('', 'like the system'), ('light', 'light'), ('dark', 'dark')])}</select></label>",
        '<output id="count"></output>',
        "</form>",
    ]
    return "\n".join(part for part in parts if part)


def _options(options: Iterable[tuple[str, str]]) -> str:
    return "".join(f'<option value="{_text(value)}">{_text(words)}</option>' for value, words in options)


def _table(summary: Summary) -> str:
    if not summary.rows:
        return ""
    head = "".join(f'<th scope="col">{_text(column)}</th>' for column in ("Map", *summary.columns))
    rows = []
    for number, (name, values) in enumerate(summary.rows):
        cells = "".join(
            f'<td class="best">{_text(v)}</td>' if summary.best.get(c) == number else f"<td>{_text(v)}</td>"
            for c, v in enumerate(values)
        )
        rows.append(f"<tr><td>{_text(name)}</td>{cells}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{"".join(rows)}</tbody></table></div>'


def _article(entry: Entry, position: int, room: int, orders: dict[str, str]) -> str:
    best = entry.predictions[0] if entry.predictions else ("", 0.0)
    data = {"position": str(position), "name": shown(entry.name), "class": shown(best[0])}
    searched = [entry.name, entry.target, entry.label, entry.note, *(label for label, _ in entry.predictions)]
    data["words"] = readable(" ".join(searched))
    if entry.flagged:
        data["flagged"] = ""
    if entry.predictions:
        data["probability"] = f"{best[1]:.6g}"
        orders.setdefault("probability", "By probability")
    for drawing in entry.drawings:
        for score in drawing.scores:
            words = f"By {score.title}: {drawing.title}"
            key = next((known for known, said in orders.items() if said == words), f"score{len(orders)}")
            orders[key] = words
            data[key] = f"{score.value:.9g}"
    attributes = "".join(f' data-{key}="{escape(value)}"' for key, value in data.items())
    figures = "".join(_figure(drawing, room) for drawing in entry.drawings)
    about = f'<div class="about">{_about(entry)}</div>'
    return f'<article{attributes}>\n{about}\n<div class="pictures">{figures}</div></article>'


def _about(entry: Entry) -> str:
    marks = "".join(
        f' <span class="mark" title="{words}">{sign}</span>'
        for on, sign, words in ((entry.flagged, "⚑", "flagged"), (entry.starred, "★", "starred"))
        if on
    )
    parts = [f"<h2>{_text(entry.name)}{marks}</h2>"]
    facts = [f"{what}: {words}" for what, words in (("explained", entry.target), ("true", entry.label)) if words]
    if facts:
        parts += [f'<div class="quiet">{_text(fact)}</div>' for fact in facts]
    if entry.predictions:
        rows = "".join(
            f"<li><span>{_text(label)}</span><span>{100 * share:.1f} %</span></li>"
            for label, share in entry.predictions
        )
        parts.append(f'<ol class="predictions">{rows}</ol>')
    if entry.note:
        parts.append(f'<div class="note">{escape(_lines(entry.note))}</div>')
    if entry.problem:
        parts.append(f'<div class="problem">{_text(entry.problem)}</div>')
    return "".join(parts)


def _lines(text: str) -> str:
    return "\n".join(readable(line) for line in text.splitlines())


def _figure(drawing: Drawing, room: int) -> str:
    data, size = small_jpeg(drawing.picture, room)
    numbers = ", ".join(f"{score.title} {score.text}" for score in drawing.scores)
    legend = "".join(
        f'<br><i class="c{number % len(OUTLINES)}"></i> {_text(who)}' for number, who in enumerate(drawing.legend)
    )
    words = f"<b>{_text(drawing.title)}</b>" + (f"<br>{_text(numbers)}" if numbers else "") + legend
    return (
        f'<figure><img alt="{_text(drawing.title)}" width="{size[0]}" height="{size[1]}" loading="lazy" '
        f'src="data:image/jpeg;base64,{base64.b64encode(data).decode()}"><figcaption>{words}</figcaption></figure>'
    )


def small_jpeg(picture: Image.Image, room: int) -> tuple[bytes, tuple[int, int]]:
    """The picture as a JPEG of at most ``room`` bytes if possible, and its size."""
    plain = picture.convert("RGB")
    data, made = b"", plain
    for side, quality in _STEPS:
        made = plain.copy()
        made.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
        buffer = io.BytesIO()
        made.save(buffer, "JPEG", quality=quality)
        data = buffer.getvalue()
        if len(data) <= room:
            break
    return data, made.size
