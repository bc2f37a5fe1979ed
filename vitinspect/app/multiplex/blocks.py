"""The blocks one below the other, as a slider: a click, the wheel or a drag chooses one."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import SMALL_SIZE

WIDTH = 64
TOP, BELOW = 40, 44


class BlockSlider(QWidget):
    """Counted from 1 on the screen."""

    chosen = Signal(int)
    """The index of a block, from 0."""

    def __init__(self) -> None:
        super().__init__()
        self.count, self.block = 0, 0
        self.setFixedWidth(WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName("Block")
        self.setToolTip("The block whose network is shown (PgUp, PgDn)")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_block(self, block: int, depth: int) -> None:
        if (block, depth) != (self.block, self.count):
            self.block, self.count = block, depth
            self.setAccessibleDescription(f"block {block + 1} of {depth}")
            self.update()

    @property
    def step(self) -> float:
        return min(40.0, max(6.0, (self.height() - TOP - BELOW) / max(1, self.count)))

    def block_at(self, y: float) -> int:
        return min(max(0, int((y - TOP) // self.step)), max(0, self.count - 1))

    def centre(self, block: int) -> float:
        return TOP + (block + 0.5) * self.step

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(WIDTH, 300)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.canvas))
        painter.setPen(QColor(t.canvas_text))
        painter.setFont(theme.font(SMALL_SIZE, bold=True))
        painter.drawText(QRect(12, 8, WIDTH - 12, 20), int(Qt.AlignmentFlag.AlignVCenter), "Block")
        if self.count:
            painter.fillRect(
                20,
                round(self.centre(0)),
                1,
                round(self.centre(self.count - 1) - self.centre(0)) or 1,
                QColor(t.canvas_line),
            )
        every = max(1, round(14 / self.step))
        for block in range(self.count):
            y = round(self.centre(block))
            current = block == self.block
            side = 14 if current else 7
            colour = QColor(theme.DARK.accent if current else t.canvas_quiet)
            painter.fillRect(QRect(20 - side // 2, y - side // 2, side, side), colour)
            if current or block % every == 0:
                painter.setPen(QColor(t.canvas_text if current else t.canvas_quiet))
                painter.setFont(theme.font(SMALL_SIZE, bold=current))
                painter.drawText(QRect(36, y - 9, 28, 18), int(Qt.AlignmentFlag.AlignVCenter), str(block + 1))
        painter.setPen(QColor(t.canvas_quiet))
        painter.setFont(theme.font(SMALL_SIZE))
        end = round(TOP + self.count * self.step) + 6
        painter.drawText(QRect(8, end, WIDTH - 8, 34), int(Qt.AlignmentFlag.AlignTop), "PgUp,\nPgDn")

    def _choose(self, block: int) -> None:
        if self.count and block != self.block:
            self.chosen.emit(block)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._choose(self.block_at(event.position().y()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._choose(self.block_at(event.position().y()))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        steps = event.angleDelta().y()
        if steps:
            self._choose(min(max(0, self.block + (-1 if steps > 0 else 1)), self.count - 1))
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        steps: dict[int, int] = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        if event.key() in steps:
            self._choose(min(max(0, self.block + steps[event.key()]), self.count - 1))
        else:
            super().keyPressEvent(event)
