"""The mean attention distance of each head against its block, as Raghu et al. draw it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import tips
from vitinspect.app.widgets.curve_chart import upper_end

if TYPE_CHECKING:
    import numpy as np

LEFT, RIGHT, TOP, BOTTOM = 44, 12, 20, 34
DOT = 3.0


class HeadDistances(QWidget):
    """A dot for each head, a line through the blocks' means; a click chooses a block."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._values: np.ndarray | None = None
        self._mark = -1
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Mean attention distance of each head")

    def set_values(self, values: np.ndarray | None) -> None:
        """(blocks, heads), in pixels of the model's input."""
        self._values = values
        self.update()

    def mark(self, block: int) -> None:
        if block != self._mark:
            self._mark = block
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, 160)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(160, 100)

    @staticmethod
    def title(room: int) -> str:
        """What is plotted, in as many words as have room."""
        metrics = QFontMetrics(theme.font(tokens.SMALL_SIZE, bold=True))
        ways = (
            "Mean attention distance of each head, pixels",
            "Mean distance of each head, pixels",
            "Distance, pixels",
        )
        return next((way for way in ways if metrics.horizontalAdvance(way) <= room), ways[-1])

    @property
    def plot(self) -> QRect:
        return self.rect().adjusted(LEFT, TOP, -RIGHT, -BOTTOM)

    @property
    def _top(self) -> float:
        return upper_end(float(self._values.max())) if self._values is not None else 1.0

    def place(self, block: int, distance: float) -> QPointF:
        """Where a value is."""
        box, count = self.plot, 1 if self._values is None else len(self._values)
        x = box.left() + (block + 0.5) / count * box.width()
        return QPointF(x, box.bottom() + 1 - distance / self._top * box.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t, box = theme.current(), self.plot
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(theme.font(tokens.SMALL_SIZE, bold=True))
        painter.setPen(QColor(t.text))
        room = QRect(box.left(), 0, self.width() - box.left(), TOP - 2)
        painter.drawText(room, int(Qt.AlignmentFlag.AlignVCenter), self.title(room.width()))
        painter.fillRect(box, QColor(t.plot))
        if self._values is None:
            return
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        for share in (0.0, 0.5, 1.0):
            y = self.place(0, share * self._top).y()
            painter.setPen(QPen(QColor(t.line), 1))
            painter.drawLine(QPointF(box.left(), y), QPointF(box.right(), y))
            painter.setPen(QColor(t.quiet))
            where = QRectF(0, y - 8, LEFT - 6, 16)
            painter.drawText(
                where, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"{share * self._top:g}"
            )
        blocks = len(self._values)
        if 0 <= self._mark < blocks:
            width = box.width() / blocks
            painter.fillRect(QRectF(box.left() + self._mark * width, box.top(), width, box.height()), QColor(t.chosen))
        every = max(1, -(-blocks * 22 // max(1, box.width())))
        for block in range(blocks):
            if block % every == 0 or block == blocks - 1:
                x = self.place(block, 0).x()
                painter.setPen(QColor(t.quiet))
                painter.drawText(QRectF(x - 14, box.bottom() + 2, 28, 14), Qt.AlignmentFlag.AlignCenter, f"{block + 1}")
        painter.drawText(QRect(box.left(), box.bottom() + 16, box.width(), 16), Qt.AlignmentFlag.AlignCenter, "block")
        means = self._values.mean(1)
        painter.setPen(QPen(QColor(t.quiet), 1))
        painter.drawPolyline([self.place(i, float(mean)) for i, mean in enumerate(means)])
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(t.accent))
        for block, heads in enumerate(self._values):
            for distance in heads:
                painter.drawEllipse(self.place(block, float(distance)), DOT, DOT)

    def block_at(self, x: float) -> int | None:
        if self._values is None or not self.plot.width():
            return None
        block = int((x - self.plot.left()) / self.plot.width() * len(self._values))
        return block if 0 <= block < len(self._values) else None

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        block = self.block_at(event.position().x())
        if block is not None:
            self.chosen.emit(block)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and self._values is not None:
            block = self.block_at(event.pos().x())  # type: ignore[attr-defined]
            if block is not None:
                heads = ", ".join(f"{i}: {d:.0f}" for i, d in enumerate(self._values[block], 1))
                text = f"Block {block + 1}. Heads {heads} px"
                tips.show(event.globalPos(), text, self, self.rect())  # type: ignore[attr-defined]
                return True
        return super().event(event)
