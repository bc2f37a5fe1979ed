"""The region that is dragged in a cell, to be shown larger in its corner."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF

SMALLEST = 6.0
"""Pixels on the screen: less is a click."""


class Region:
    """A rectangle within the box of a cell on the screen."""

    def __init__(self, box: QRectF, at: QPointF, where: str) -> None:
        self._box, self.where = box, where
        self._start = self._end = self._held(at)

    def _held(self, at: QPointF) -> QPointF:
        box = self._box
        return QPointF(min(max(at.x(), box.left()), box.right()), min(max(at.y(), box.top()), box.bottom()))

    def drag(self, at: QPointF) -> None:
        self._end = self._held(at)

    @property
    def rectangle(self) -> tuple[float, float, float, float]:
        """Left, top, width, height on the screen."""
        left, top = min(self._start.x(), self._end.x()), min(self._start.y(), self._end.y())
        return left, top, abs(self._start.x() - self._end.x()), abs(self._start.y() - self._end.y())

    @property
    def shares(self) -> tuple[float, float, float, float] | None:
        """Left, top, width, height as shares of the cell, to four digits; None for a mere click."""
        left, top, wide, high = self.rectangle
        box = self._box
        if wide < SMALLEST or high < SMALLEST:
            return None
        x, y = round((left - box.left()) / box.width(), 4), round((top - box.top()) / box.height(), 4)
        return x, y, min(round(wide / box.width(), 4), 1 - x), min(round(high / box.height(), 4), 1 - y)
