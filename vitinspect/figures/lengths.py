"""Lengths as people write them (88mm, 3.25in), and the widths that venues ask for."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from vitinspect.errors import ParameterError

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
        raise ParameterError(f"{what} is like 88mm, 3.25in or 250pt, not {text!r}.")
    return value


def millimetres(value: float) -> float:
    return value / 72 * 25.4


@dataclass(frozen=True)
class Venue:
    """The widths of a venue's columns, as its guidelines give them."""

    id: str
    title: str
    widths: tuple[str, ...]
    """One column first."""
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


def venues() -> tuple[Venue, ...]:
    """The table, in which a person's own file takes the place of entries or adds some."""
    return VENUES


def venue_width(text: str) -> str:
    """``cvpr`` or ``cvpr:2`` (two columns) as a length."""
    name, _, column = text.casefold().partition(":")
    for venue in VENUES:
        if venue.id == name:
            index = int(column) - 1 if column.isdigit() else 0
            if 0 <= index < len(venue.widths):
                return venue.widths[index]
    known = ", ".join(f"{v.id}:{i + 1}" for v in VENUES for i in range(len(v.widths)))
    raise ParameterError(f"There is no venue {text!r}; there are {known}.")
