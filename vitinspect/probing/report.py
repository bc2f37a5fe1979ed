"""Reporting a probe: its measures as text, and the confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Iterator

from vitinspect.evaluation.plots import FAINT, INK, Drawing
from vitinspect.probing.linear import LinearProbe
from vitinspect.probing.measures import Measures

_NAMED = 60
"""The number of classes up to which the picture shows their names."""


def lines(title: str, found: Measures) -> Iterator[str]:
    """A few lines on one split."""
    yield f"{title}: {found.count} pictures"
    yield f"  top-1 {found.top1:.2%}, top-5 {found.top5:.2%}, mean of the classes {found.balanced:.2%}"
    yield f"  calibration error {found.calibration_error:.3f}, -log p {found.loss:.3f}"
    if found.imbalance:
        yield f"  {found.imbalance}"


def grid_rows(probe: LinearProbe) -> Iterator[tuple[str, str, str, str]]:
    """The grid of C as rows of a table."""
    yield "C", "validation", "-log p", "steps"
    for one in probe.grid:
        yield (
            f"{one.C:g}" + (" *" if one.C == probe.C else ""),
            "" if one.validation is None else f"{one.validation:.2%}",
            "" if one.loss is None else f"{one.loss:.4f}",
            f"{one.steps}" + ("" if one.converged else ", not converged"),
        )


def class_rows(found: Measures) -> Iterator[tuple[str, str, str]]:
    """Each class as a row of a table, the worst first."""
    yield "class", "pictures", "right"
    known = [(share, name) for name, share in found.per_class.items() if share == share]
    for share, name in sorted(known):
        yield name, str(found.per_class_count[name]), f"{share:.1%}"


def confusion_picture(found: Measures, title: str) -> Drawing:
    """Rows are the true classes, columns the predicted ones; cells are darker the larger their share of the row."""
    names = list(found.per_class)
    count = len(names)
    cell = max(3, min(28, 720 // count))
    left = 20 + (min(180, 7 * max(len(name) for name in names)) if count <= _NAMED else 20)
    side = cell * count
    drawing = Drawing(left + side + 30, 60 + side + (20 if count <= _NAMED else 30))
    drawing.text(left, 18, title, size=14)
    drawing.text(left, 38, "rows: true class; columns: predicted class, in the same order", colour=FAINT, size=11)
    top = 56
    sizes = found.confusion.sum(1)
    for row, name in enumerate(names):
        if count <= _NAMED:
            drawing.text(left - 6, top + (row + 0.5) * cell, name[:24], anchor="rm", size=min(11, cell))
        for column in found.confusion[row].nonzero()[0].tolist():
            share = found.confusion[row, column] / sizes[row]
            dark = (0, 84, 147) if row == column else (190, 60, 0)
            shade = "#" + "".join(f"{round(255 + share * (part - 255)):02x}" for part in dark)
            x, y = left + column * cell, top + row * cell
            drawing.box(x, y, x + cell, y + cell, shade)
            if cell >= 22:
                ink = "#ffffff" if share > 0.5 else INK
                middle = (x + cell / 2, y + cell / 2)
                drawing.text(*middle, str(int(found.confusion[row, column])), anchor="mm", size=10, colour=ink)
    for corner in (((left, top), (left + side, top)), ((left, top), (left, top + side))):
        drawing.line(list(corner), FAINT)
    drawing.line([(left + side, top), (left + side, top + side), (left, top + side)], FAINT)
    return drawing
