"""A grid of thumbnails that knows its geometry by arithmetic: a hundred thousand rows cost what the visible ones do."""

from __future__ import annotations

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QPainter, QPaintEvent, QPen, QRegion, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QWidget

from vitinspect.app import theme
from vitinspect.app.listing import PATH_ROLE, AnyIndex
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.thumbnails import SIZE, Broken, Thumbnails

PAD = 4
NAME = 20
CELL = QSize(SIZE + 2 * PAD, SIZE + NAME + 2 * PAD)


class ThumbnailGrid(QAbstractItemView):
    """Asks for the thumbnails of what is in sight, and for nothing else."""

    chosen = Signal(str)

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._thumbnails = thumbnails
        self.badges: dict[str, str] = {}
        """Path -> a short text in the corner of its thumbnail."""
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFrameShape(QAbstractItemView.Shape.NoFrame)
        self.setAccessibleName("Pictures in the folder")
        # Many thumbnails arriving at once are one repaint.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(30)
        self._soon.timeout.connect(self.viewport().update)
        thumbnails.arrived.connect(self._arrived)

    def _arrived(self, path: str) -> None:
        if not self._soon.isActive():
            self._soon.start()

    # --- geometry ------------------------------------------------------------------------------------------------

    @property
    def columns(self) -> int:
        return max(1, self.viewport().width() // CELL.width())

    @property
    def _left(self) -> int:
        """What is left over is shared by both sides."""
        return max(0, (self.viewport().width() - self.columns * CELL.width()) // 2)

    def _count(self) -> int:
        return self.model().rowCount() if self.model() is not None else 0

    def cell(self, row: int) -> QRect:
        """Where a row is, in the viewport."""
        line, column = divmod(row, self.columns)
        left = self._left + column * CELL.width()
        return QRect(QPoint(left, line * CELL.height() - self.verticalOffset()), CELL)

    def rows_in_sight(self) -> range:
        first = self.verticalOffset() // CELL.height() * self.columns
        last = (self.verticalOffset() + self.viewport().height()) // CELL.height() * self.columns + self.columns
        return range(first, min(last, self._count()))

    def visualRect(self, index: AnyIndex) -> QRect:  # noqa: N802
        return self.cell(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:  # noqa: N802
        column = (point.x() - self._left) // CELL.width()
        row = (point.y() + self.verticalOffset()) // CELL.height() * self.columns + column
        if not 0 <= column < self.columns or not 0 <= row < self._count():
            return QModelIndex()
        return self.model().index(row, 0)

    def scrollTo(self, index: AnyIndex, hint: object = QAbstractItemView.ScrollHint.EnsureVisible) -> None:  # noqa: N802
        if not index.isValid():
            return
        top = index.row() // self.columns * CELL.height()
        bar, height = self.verticalScrollBar(), self.viewport().height()
        if hint == QAbstractItemView.ScrollHint.PositionAtCenter:
            bar.setValue(top - (height - CELL.height()) // 2)
        elif top < bar.value():
            bar.setValue(top)
        elif top + CELL.height() > bar.value() + height:
            bar.setValue(top + CELL.height() - height)

    def horizontalOffset(self) -> int:  # noqa: N802
        return 0

    def verticalOffset(self) -> int:  # noqa: N802
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: AnyIndex) -> bool:  # noqa: N802
        return False

    def moveCursor(self, action: QAbstractItemView.CursorAction, modifiers: object) -> QModelIndex:  # noqa: N802
        count = self._count()
        if not count:
            return QModelIndex()
        row = max(0, self.currentIndex().row())
        page = max(1, self.viewport().height() // CELL.height()) * self.columns
        actions = QAbstractItemView.CursorAction
        step = {
            actions.MoveLeft: -1,
            actions.MovePrevious: -1,
            actions.MoveRight: 1,
            actions.MoveNext: 1,
            actions.MoveUp: -self.columns,
            actions.MoveDown: self.columns,
            actions.MovePageUp: -page,
            actions.MovePageDown: page,
            actions.MoveHome: -count,
            actions.MoveEnd: count,
        }[action]
        return self.model().index(min(count - 1, max(0, row + step)), 0)

    def setSelection(self, rect: QRect, flags: QItemSelectionModel.SelectionFlag) -> None:  # noqa: N802
        index = self.indexAt(rect.center() if rect.width() > 2 else rect.topLeft())
        selection = QItemSelection(index, index) if index.isValid() else QItemSelection()
        self.selectionModel().select(selection, flags)

    def visualRegionForSelection(self, selection: QItemSelection) -> QRegion:  # noqa: N802
        region = QRegion()
        for index in selection.indexes():
            region += self.visualRect(index)
        return region

    # --- following the model -------------------------------------------------------------------------------------

    def setModel(self, model: object) -> None:  # noqa: N802
        super().setModel(model)  # type: ignore[arg-type]
        model.modelReset.connect(self._resize)  # type: ignore[attr-defined]
        self._resize()

    def updateGeometries(self) -> None:  # noqa: N802
        self._resize()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        # The upper left picture stays where it is when the number of columns changes.
        first = self.rows_in_sight().start if self._count() else 0
        super().resizeEvent(event)
        self._resize()
        if self.currentIndex().isValid() and event.oldSize().width() != event.size().width():
            self.verticalScrollBar().setValue(first // self.columns * CELL.height())
            self.scrollTo(self.currentIndex())

    def _resize(self) -> None:
        lines = -(-self._count() // self.columns)
        bar, height = self.verticalScrollBar(), self.viewport().height()
        bar.setPageStep(height)
        bar.setSingleStep(CELL.height() // 3)
        bar.setRange(0, max(0, lines * CELL.height() - height))
        self.viewport().update()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        self.viewport().update()

    def currentChanged(self, current: AnyIndex, previous: AnyIndex) -> None:  # noqa: N802
        super().currentChanged(current, previous)
        self.viewport().update()
        if current.isValid():
            self.scrollTo(current)
            self.chosen.emit(current.data(PATH_ROLE))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space or event.text().isalnum():
            event.ignore()  # these mean the same everywhere in the window
            return
        super().keyPressEvent(event)

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), QColor(t.panel))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        model, current = self.model(), self.currentIndex().row()
        if model is None:
            return
        font = self.font()
        font.setPixelSize(SMALL_SIZE)
        painter.setFont(font)
        metrics = painter.fontMetrics()
        for row in self.rows_in_sight():
            index = model.index(row, 0)
            self._paint_cell(painter, self.cell(row), index, row == current, metrics)
        painter.end()

    def _paint_cell(self, painter: QPainter, cell: QRect, index: QModelIndex, current: bool, metrics: object) -> None:
        t = theme.current()
        path = index.data(PATH_ROLE)
        if current:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.accent))
            painter.drawRoundedRect(cell.adjusted(1, 1, -1, -1), 4, 4)
        frame = QRect(cell.left() + PAD, cell.top() + PAD, SIZE, SIZE)
        found = self._thumbnails.get(path)
        if isinstance(found, QImage):
            size = found.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
            if size.width() > found.width():
                size = found.size()
            spot = QRect(QPoint(0, 0), size)
            spot.moveCenter(frame.center())
            painter.drawImage(spot, found)
        else:
            painter.setPen(QPen(QColor(t.line), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(frame.adjusted(0, 0, -1, -1))
            if isinstance(found, Broken):
                painter.setPen(QColor(t.on_accent if current else t.quiet))
                painter.drawText(frame, int(Qt.AlignmentFlag.AlignCenter) | Qt.TextFlag.TextWordWrap, "cannot\nbe read")
        badge = self.badges.get(path)
        if badge:
            width = metrics.horizontalAdvance(badge) + 8  # type: ignore[attr-defined]
            label = QRect(frame.right() - width + 1, frame.top(), width, 16)
            painter.fillRect(label, QColor(0, 0, 0, 170))
            painter.setPen(QColor("white"))
            painter.drawText(label, Qt.AlignmentFlag.AlignCenter, badge)
        painter.setPen(QColor(t.on_accent if current else t.text))
        name = metrics.elidedText(index.data(), Qt.TextElideMode.ElideMiddle, SIZE)  # type: ignore[attr-defined]
        painter.drawText(
            QRect(cell.left() + PAD, frame.bottom() + 1, SIZE, NAME + PAD - 2), Qt.AlignmentFlag.AlignCenter, name
        )

    def viewportEvent(self, event: object) -> bool:  # noqa: N802
        from PySide6.QtCore import QEvent
        from PySide6.QtWidgets import QToolTip

        if event.type() == QEvent.Type.ToolTip:  # type: ignore[attr-defined]
            index = self.indexAt(event.pos())  # type: ignore[attr-defined]
            if index.isValid():
                path = index.data(PATH_ROLE)
                found = self._thumbnails.get(path)
                text = found.reason if isinstance(found, Broken) else path
                QToolTip.showText(event.globalPos(), text, self)  # type: ignore[attr-defined]
                return True
        return super().viewportEvent(event)  # type: ignore[arg-type]
