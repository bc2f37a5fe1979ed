"""Checks for a publisher's requirements, before a figure is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vitinspect.figures.cells import FinishedCell
from vitinspect.figures.lengths import millimetres
from vitinspect.figures.ranges import colours_of
from vitinspect.figures.read_pdf import fonts_in
from vitinspect.figures.scene import Scene

SMALLEST_TEXT = 5.0
LOWEST_DPI = 200.0
UNSAFE = ("jet", "turbo")
"""Colour maps whose order is not visible to the colour-blind."""


@dataclass(frozen=True)
class Finding:
    """One line of the check list: what is checked, its value, and whether it is acceptable."""

    what: str
    value: str
    good: bool


def check(
    scene: Scene,
    cells: Mapping[str, FinishedCell],
    lossy: bool = False,
    size: int | None = None,
    pdf: bytes | None = None,
) -> list[Finding]:
    """The check list for a page; with the bytes of its PDF, also for what is read back from them."""
    findings = [
        Finding("Size", f"{millimetres(scene.width):.1f} × {millimetres(scene.height):.1f} mm", True),
    ]
    texts = [text.size for text in scene.texts]
    if texts:
        smallest = min(texts)
        value = f"{smallest:.1f} pt ({SMALLEST_TEXT:g} needed)"
        findings.append(Finding("Smallest text", value, smallest >= SMALLEST_TEXT - 1e-6))
    if scene.pictures:
        lowest = (
            min(picture.dpi for picture in scene.pictures if not picture.sharp)
            if any(not picture.sharp for picture in scene.pictures)
            else min(picture.dpi for picture in scene.pictures)
        )
        findings.append(Finding("Lowest resolution", f"{lowest:.0f} dpi", lowest >= LOWEST_DPI))
    used = sorted({colours_of(c.cell, c.signed) for c in cells.values() if c.values is not None})
    if used:
        findings.append(
            Finding("Colour map safe for the colour-blind", ", ".join(used), not any(name in UNSAFE for name in used))
        )
    if pdf is not None:
        findings.append(check_fonts(pdf))
    findings.append(Finding("Pictures stored without loss", "no" if lossy else "yes", not lossy))
    if size is not None:
        findings.append(Finding("File size", f"{size / 1e6:.1f} MB", size < 10_000_000))
    return findings


def check_fonts(pdf: bytes) -> Finding:
    """Whether the fonts of a written PDF are embedded."""
    fonts = fonts_in(pdf)
    missing = [one.name for one in fonts if not one.embedded]
    return Finding("Fonts embedded", f"not {', '.join(missing)}" if missing else str(len(fonts)), not missing)
