"""One small picture for each block, in as many rows as it takes; a click chooses a block."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.widgets import tips

CAPTION, GAP, EDGE = 16, 6, 3
SMALLEST, LARGEST = 40, 320


class BlockStrip(QWidget):
    """The pictures are as large as the space allows: all are seen at once, from ``SMALLEST`` pixels on."""

    chosen = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._images: list[QImage] = []
        self._about: list[str] = []
        self._mark = -1
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def set_images(self, images: Sequence[QImage], about: Sequence[str] = ()) -> None:
        """``about`` says in a tool tip what each of them is."""
        self._images, self._about = list(images), list(about)
        self.update()

    def mark(self, block: int) -> None:
        if block != self._mark:
            self._mark = block
            self.update()

    @property
    def count(self) -> int:
        return len(self._images)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, 120)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(120, SMALLEST + CAPTION + 2 * EDGE)

    @property
    def layout_(self) -> tuple[int, QSize]:
        """How many are side by side, and the size of each."""
        if not self._images:
            return 1, QSize(SMALLEST, SMALLEST)
        first = self._images[0].size()
        tall = first.height() / max(1, first.width())
        best = (1, QSize(SMALLEST, SMALLEST), 0.0)
        for columns in range(1, len(self._images) + 1):
            rows = -(-len(self._images) // columns)
            width = (self.width() - 2 * EDGE + GAP) / columns - GAP
            height = (self.height() - 2 * EDGE + GAP) / rows - GAP - CAPTION
            side = min(width, height / tall, LARGEST)
            if side > best[2]:
                best = (columns, QSize(max(8, int(side)), max(8, int(side * tall))), side)
        return best[0], best[1]

    def box(self, block: int) -> QRect:
        """Where the picture of a block is."""
        columns, size = self.layout_
        row, column = divmod(block, columns)
        left = EDGE + column * (size.width() + GAP)
        top = EDGE + row * (size.height() + CAPTION + GAP)
        return QRect(QPoint(left, top), size)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        small = theme.tabular(self.font())
        small.setPixelSize(SMALL_SIZE)
        painter.setFont(small)
        for block, image in enumerate(self._images):
            box = self.box(block)
            painter.drawImage(box, image)
            chosen = block == self._mark
            if chosen:
                painter.setPen(QColor(t.accent))
                for grown in (1, 2):
                    painter.drawRect(box.adjusted(-grown, -grown, grown - 1, grown - 1))
            painter.setPen(QColor(t.text if chosen else t.quiet))
            wide = painter.fontMetrics().horizontalAdvance(f"block {len(self._images)}") <= box.width() + GAP
            caption = QRect(box.left() - GAP // 2, box.bottom() + 2, box.width() + GAP, CAPTION)
            text = f"block {block + 1}" if wide else f"{block + 1}"
            painter.drawText(caption, Qt.AlignmentFlag.AlignCenter, text)
        if self.hasFocus() and self._images:
            theme_pen = QColor(t.accent)
            painter.setPen(theme_pen)
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def block_at(self, point: QPoint) -> int | None:
        return next((i for i in range(self.count) if self.box(i).adjusted(0, 0, 0, CAPTION).contains(point)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        block = self.block_at(event.position().toPoint())
        if block is not None:
            self.chosen.emit(block)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self._images:
            super().keyPressEvent(event)
            return
        self.chosen.emit(min(max(self._mark + step, 0), self.count - 1))

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip:
            place = event.pos()  # type: ignore[attr-defined]
            block = self.block_at(place)
            if block is not None and block < len(self._about):
                tips.show(event.globalPos(), self._about[block], self, self.box(block))  # type: ignore[attr-defined]
                return True
        return super().event(event)
