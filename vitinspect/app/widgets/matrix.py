"""A small matrix of numbers with named rows and columns, coloured by value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import tips

CELL_HEIGHT, LEAST_HEIGHT = 28, 18
COLUMN = 52
MOST_WIDE = 132
PAD = 8


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}".replace("-", "−")


class Matrix(QWidget):
    """``cell_chosen`` for a click or Enter. The diagonal is empty; ``last`` is a further, named column."""

    cell_chosen = Signal(int, int)

    def __init__(self, *, show: Callable[[float], str] = _number, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._values: tuple[tuple[float, ...], ...] = ()
        self._shades: tuple[tuple[float, ...], ...] = ()
        self._last: tuple[str, tuple[float, ...]] = ("", ())
        self._tip: Callable[[int, int], str] = lambda i, j: ""
        self._show = show
        self._widest = 0
        self._current = (0, 1)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Agreement")

    def set_values(
        self,
        names: Sequence[str],
        values: Sequence[Sequence[float]],
        *,
        last: tuple[str, Sequence[float]] = ("", ()),
        shades: Sequence[Sequence[float]] | None = None,
        tip: Callable[[int, int], str] | None = None,
    ) -> None:
        """``values[i][j]`` says how ``names[i]`` agrees with ``names[j]``; not a number where that is unknown.

        ``shades``: what the cells' colours say, from 0 to 1, where it is not the values themselves.
        """
        if any(len(row) != len(names) for row in values) or len(values) != len(names):
            raise ValueError(f"{len(names)} names need as many rows and columns")
        self._names = tuple(names)
        self._values = tuple(tuple(row) for row in values)
        self._shades = self._values if shades is None else tuple(tuple(row) for row in shades)
        self._last = (last[0], tuple(last[1]))
        shown = {self._show(value) for row in self._values for value in row}
        self._widest = max((self._metrics().horizontalAdvance(text) for text in shown), default=0)
        self._tip = tip or (lambda i, j: f"{self._names[i]} and {self._names[j]}: {self._show(self._values[i][j])}")
        self.updateGeometry()
        self.update()

    # --- geometry ------------------------------------------------------------------------------------------------

    def _metrics(self) -> QFontMetrics:
        return QFontMetrics(theme.font(tokens.SMALL_SIZE))

    def _row_name(self) -> int:
        return PAD + max((self._metrics().horizontalAdvance(n) for n in self._names), default=0) + PAD

    def _least_column(self) -> int:
        """The widest word of a name fits, and so does the widest number."""
        words = [w for n in self._names for w in n.split(" ")]
        widest = max((self._metrics().horizontalAdvance(w) for w in words), default=0)
        return min(MOST_WIDE, max(widest, self._widest) + PAD)

    def _last_column(self, column: int) -> int:
        """The further column is wider than the others where its name needs it."""
        words = self._last[0].split(" ")
        widest = max(self._metrics().horizontalAdvance(w) for w in words)
        return max(column, min(MOST_WIDE, widest + PAD)) if self._last[0] else 0

    def _full_column(self) -> int:
        return max(COLUMN, self._least_column())

    def _column(self) -> int:
        """All columns are equally wide, and narrower where there is little space."""
        least, room = self._least_column(), self.width() - self._row_name() - PAD
        count = len(self._names)
        # The further column is as wide as the others, or as its name.
        shared = room // max(count + (1 if self._last[0] else 0), 1)
        there = min(shared, (room - self._last_column(0)) // max(count, 1))
        return max(least, min(self._full_column(), there))

    def _head(self) -> int:
        column = self._column()
        wide = [*((n, column) for n in self._names), (self._last[0], max(self._last_column(column), column))]
        tallest = max(self._box(name, width - 4).height() for name, width in wide)
        return tallest + 6

    def _box(self, name: str, width: int) -> QRect:
        return self._metrics().boundingRect(0, 0, width, 200, int(Qt.TextFlag.TextWordWrap), name)

    def _row(self) -> int:
        """All rows are equally high, and lower where there is little room."""
        shared = (self.height() - self._head() - 4) // max(len(self._names), 1)
        return max(LEAST_HEIGHT, min(CELL_HEIGHT, shared))

    def cell(self, i: int, j: int) -> QRect:
        column, row = self._column(), self._row()
        return QRect(self._row_name() + j * column, self._head() + i * row, column, row)

    def cell_at(self, point: QPoint) -> tuple[int, int] | None:
        count = len(self._names)
        return next(((i, j) for i in range(count) for j in range(count) if self.cell(i, j).contains(point)), None)

    def sizeHint(self) -> QSize:  # noqa: N802
        return self._size(self._full_column(), CELL_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self._size(self._least_column(), LEAST_HEIGHT)

    def _size(self, column: int, row: int) -> QSize:
        height = self._head() + len(self._names) * row + 4
        return QSize(self._row_name() + len(self._names) * column + self._last_column(column) + PAD, height)

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        count = len(self._names)
        small, bold = theme.font(tokens.SMALL_SIZE), theme.font(tokens.SMALL_SIZE, bold=True)
        centre = int(Qt.AlignmentFlag.AlignCenter)
        column = self._column()
        painter.setFont(small)
        for j, name in enumerate((*self._names, self._last[0])):
            wide = column if j < count else self._last_column(column)
            head = QRect(self._row_name() + j * column + 2, 0, wide - 4, self._head() - 3)
            painter.setPen(QColor(t.quiet))
            painter.drawText(
                head, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom | Qt.TextFlag.TextWordWrap), name
            )
        painter.fillRect(QRect(0, self._head() - 1, self._row_name() + count * column, 1), QColor(t.line))
        for i, name in enumerate(self._names):
            row = self.cell(i, 0)
            painter.setFont(small)
            painter.setPen(QColor(t.text))
            painter.drawText(
                QRect(PAD, row.top(), self._row_name() - PAD, row.height()), int(Qt.AlignmentFlag.AlignVCenter), name
            )
            for j in range(count):
                rect = self.cell(i, j)
                value = self._values[i][j]
                ground = QColor(t.window) if i == j else cell_colour(self._shades[i][j])
                painter.fillRect(rect, ground)
                if i != j:
                    painter.setPen(QColor(t.text))
                    painter.drawText(rect, centre, self._show(value))
            if i < len(self._last[1]):
                painter.setFont(bold)
                painter.setPen(QColor(t.text))
                rect = self.cell(i, count)
                rect.setWidth(self._last_column(column))
                painter.drawText(rect, centre, self._show(self._last[1][i]))
        if self.hasFocus() and count > 1:
            painter.setPen(QColor(t.accent))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.cell(*self._current).adjusted(0, 0, -1, -1))
        painter.end()

    # --- mouse and keyboard --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        found = self.cell_at(event.position().toPoint())
        if found is not None and found[0] != found[1] and event.button() == Qt.MouseButton.LeftButton:
            self._current = found
            self.cell_chosen.emit(*found)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        steps = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        step = steps.get(Qt.Key(event.key()))
        last = len(self._names) - 1
        if step is not None and last >= 0:
            i, j = self._current
            self._current = (min(max(0, i + step[0]), last), min(max(0, j + step[1]), last))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Space) and self._current[0] != self._current[1]:
            self.cell_chosen.emit(*self._current)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            found = self.cell_at(event.pos())
            if found is not None and found[0] != found[1]:
                tips.show(event.globalPos(), self._tip(*found), self, self.cell(*found))
                return True
        return super().event(event)


def cell_colour(value: float) -> QColor:
    """From the panel's colour at 0 to a blue on which text can be read at 1."""
    t = theme.current()
    if math.isnan(value):
        return QColor(t.panel)
    share = min(1.0, max(0.0, value))
    low, high = _GROUNDS[t.name]
    return QColor(*(round(a + (b - a) * share) for a, b in zip(low, high, strict=True)))


_GROUNDS = {"light": ((234, 242, 248), (116, 169, 203)), "dark": ((38, 49, 58), (57, 104, 138))}
