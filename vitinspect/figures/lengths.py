"""Parsing lengths (88mm, 3.25in), and the column widths of venues."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vitinspect.errors import DataError, ParameterError
from vitinspect.json_files import read_json
from vitinspect.paths import config_folder

_UNITS = {"mm": 72 / 25.4, "cm": 720 / 25.4, "in": 72.0, "inch": 72.0, "pt": 1.0, "px": 0.75}
_LARGEST = 72 * 200


def points(text: str | float, what: str = "A width") -> float:
    """A length in points; a plain number is millimetres."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*([a-z]*)\s*", str(text).casefold())
    unit = (found[2] or "mm") if found else ""
    try:
        value = float(found[1]) * _UNITS[unit] if found else math.nan
    except (ValueError, KeyError):
        value = math.nan
    if not 1 <= value <= _LARGEST:
        raise ParameterError(f"{what} must be a length such as 88mm, 3.25in or 250pt, not {text!r}.")
    return value


def millimetres(value: float) -> float:
    return value / 72 * 25.4


@dataclass(frozen=True)
class Venue:
    """The widths of a venue's columns, from its guidelines."""

    id: str
    title: str
    widths: tuple[str, ...]
    """The widths, that of a single column first."""
    source: str
    year: int


VENUES: tuple[Venue, ...] = (
    Venue("cvpr", "CVPR / ICCV", ("3.25in", "6.875in"), "author kit of CVPR", 2025),
    Venue("neurips", "NeurIPS / ICLR", ("5.5in",), "style files of NeurIPS and ICLR", 2025),
    Venue("icml", "ICML", ("3.25in", "6.75in"), "style file of ICML", 2025),
    Venue("eccv", "ECCV", ("4.8in",), "LNCS style, text width 122 mm", 2024),
    Venue("aaai", "AAAI", ("3.3in", "6.975in"), "author kit of AAAI", 2025),
    Venue("nature", "Nature", ("89mm", "183mm"), "guide for final artwork", 2025),
    Venue("a4", "A4 page", ("170mm",), "ISO 216 with margins of 20 mm", 2025),
    Venue("slide", "16:9 slide", ("254mm",), "10 inches, as slides are set up", 2025),
)


def venues_file() -> Path:
    """The file of the user's own venues."""
    return config_folder() / "venues.json"


def venues() -> tuple[Venue, ...]:
    """The table of venues, in which those of ``venues_file`` replace those of the same id, or are added at the end."""
    path = venues_file()
    given = read_json(path).get("venues", [])
    if not isinstance(given, list):
        raise DataError(f"{path}: venues must be a list of venues.")
    table = {venue.id: venue for venue in VENUES}
    for one in given:
        venue = _venue(one, path)
        table[venue.id] = venue
    return tuple(table.values())


def _venue(given: Any, path: Path) -> Venue:
    """A venue from a file, checked."""
    if not isinstance(given, dict) or not re.fullmatch(r"[a-z0-9_-]{1,40}", str(given.get("id", ""))):
        raise DataError(
            f"{path}: a venue needs an id of lower-case letters and digits, a title, widths, a source and a year."
        )
    name, widths, year = str(given["id"]), given.get("widths"), given.get("year", 0)
    if not isinstance(widths, list) or not 1 <= len(widths) <= 6 or not all(isinstance(w, str) for w in widths):
        raise DataError(f'{path}: the widths of {name} must be a list such as ["3.25in", "6.875in"], one column first.')
    if isinstance(year, bool) or not isinstance(year, int):
        raise DataError(f"{path}: the year of {name} must be a whole number.")
    for width in widths:
        try:
            points(width)
        except ParameterError as error:
            raise DataError(f"{path}: {name}: {error}") from None
    return Venue(name, str(given.get("title", name)), tuple(widths), str(given.get("source", "")), year)


def venue_width(text: str) -> str:
    """``cvpr`` or ``cvpr:2`` (two columns) as a length."""
    name, _, column = text.casefold().partition(":")
    table = venues()
    for venue in table:
        if venue.id == name:
            index = int(column) - 1 if column.isdigit() else 0
            if 0 <= index < len(venue.widths):
                return venue.widths[index]
    known = ", ".join(f"{v.id}:{i + 1}" for v in table for i in range(len(v.widths)))
    raise ParameterError(f"There is no venue {text!r}; the venues are {known}.")
