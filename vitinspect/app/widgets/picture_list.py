"""The pictures of a folder: as a list with what is known about each, as a grid, or as a film strip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
    Slot,
)
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFontMetrics,
    QHelpEvent,
    QImage,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import icons, tips
from vitinspect.app.widgets.picture_cells import FILM, FILM_THUMB, GRID, LARGEST, LIST, MODES, SMALLEST, Cells
from vitinspect.app.widgets.wrapping import wrapped

Index = QModelIndex | QPersistentModelIndex
PATH_ROLE = int(Qt.ItemDataRole.UserRole)


@dataclass(frozen=True)
class PictureInfo:
    """What is shown beside a picture's name. ``icons`` are names: masks, flag, star, note."""

    detail: str = ""
    icons: tuple[str, ...] = ()
    badge: str = ""
    tip: str = ""


@dataclass(frozen=True)
class Unreadable:
    """In place of a thumbnail."""

    reason: str


Thumbnail = QImage | Unreadable | None


class PictureList(QAbstractItemView):
    """Asks for the thumbnails of what is in sight, and for nothing else."""

    chosen = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(
        self,
        thumbnail: Callable[[str], Thumbnail],
        info: Callable[[str], PictureInfo] = lambda path: PictureInfo(),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._thumbnail, self._info = thumbnail, info
        self._mode, self._thumb = LIST, 48
        self._follows_model = False
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setFrameShape(QAbstractItemView.Shape.NoFrame)
        self.setAccessibleName("Pictures")
        self.setMouseTracking(True)
        self._hovered = -1
        self._turned = 0
        # Many thumbnails arriving at once are one repaint.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(30)
        self._soon.timeout.connect(self.viewport().update)
        self._set_scroll_bars()

    # --- what it shows -------------------------------------------------------------------------------------------

    @property
    def mode(self) -> str:
        return self._mode

    def set_mode(self, mode: str) -> None:
        """List, grid or film; the current picture stays in sight."""
        if mode not in MODES:
            raise ValueError(f"{mode!r} is not one of {', '.join(MODES)}")
        self._mode = mode
        self._set_scroll_bars()
        self._resize()
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex(), QAbstractItemView.ScrollHint.PositionAtCenter)

    @property
    def thumb(self) -> int:
        """The side of a thumbnail in list and grid."""
        return self._thumb

    def set_thumb(self, side: int) -> None:
        self._thumb = min(LARGEST, max(SMALLEST, side))
        self._resize()
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def _set_scroll_bars(self) -> None:
        never, always = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAlwaysOn
        self.setVerticalScrollBarPolicy(never if self._mode == FILM else always)
        self.setHorizontalScrollBarPolicy(never)
        if self._mode == FILM:
            self.verticalScrollBar().setValue(0)
        else:
            self.horizontalScrollBar().setValue(0)

    @Slot()
    def refresh(self) -> None:
        """A thumbnail arrived, or something became known about a picture."""
        if not self._soon.isActive():
            self._soon.start()

    def stop(self) -> None:
        self._soon.stop()

    # --- geometry ------------------------------------------------------------------------------------------------

    @property
    def cells(self) -> Cells:
        size = self.viewport().size()
        return Cells(self._mode, self._thumb, size.width(), size.height(), self._count())

    @property
    def _offset(self) -> int:
        return self.horizontalOffset() if self._mode == FILM else self.verticalOffset()

    def _count(self) -> int:
        return self.model().rowCount() if self.model() is not None else 0

    def cell(self, row: int) -> QRect:
        """Where a row is, in the viewport."""
        cells = self.cells
        return QRect(QPoint(*cells.corner(row, self._offset)), QSize(*cells.cell))

    def rows_in_sight(self) -> range:
        return self.cells.in_sight(self._offset)

    def visualRect(self, index: Index) -> QRect:  # noqa: N802
        return self.cell(index.row()) if index.isValid() else QRect()

    def indexAt(self, point: QPoint) -> QModelIndex:  # noqa: N802
        row = self.cells.at(point.x(), point.y(), self._offset)
        return self.model().index(row, 0) if row >= 0 else QModelIndex()

    def scrollTo(  # noqa: N802
        self, index: Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        if not index.isValid():
            return
        centre = hint == QAbstractItemView.ScrollHint.PositionAtCenter
        wanted = self.cells.offset_for(index.row(), self._offset, centre=centre)
        (self.horizontalScrollBar() if self._mode == FILM else self.verticalScrollBar()).setValue(wanted)

    def page(self, step: int) -> None:
        """Scroll the film strip by what is seen, for the arrows at its ends."""
        cells = self.cells
        if self._mode == FILM:
            bar, by = self.horizontalScrollBar(), max(1, cells.page - 1) * cells.cell[0]
        else:
            bar, by = self.verticalScrollBar(), max(1, cells.seen - cells.cell[0])
        bar.setValue(bar.value() + step * by)

    def horizontalOffset(self) -> int:  # noqa: N802
        return self.horizontalScrollBar().value()

    def verticalOffset(self) -> int:  # noqa: N802
        return self.verticalScrollBar().value()

    def isIndexHidden(self, index: Index) -> bool:  # noqa: N802
        return False

    def moveCursor(  # noqa: N802
        self, action: QAbstractItemView.CursorAction, modifiers: Qt.KeyboardModifier
    ) -> QModelIndex:
        count = self._count()
        if not count:
            return QModelIndex()
        cells, row = self.cells, max(0, self.currentIndex().row())
        actions = QAbstractItemView.CursorAction
        down = 1 if self._mode == FILM else cells.columns
        step = {
            actions.MoveLeft: -1,
            actions.MovePrevious: -1,
            actions.MoveRight: 1,
            actions.MoveNext: 1,
            actions.MoveUp: -down,
            actions.MoveDown: down,
            actions.MovePageUp: -cells.page,
            actions.MovePageDown: cells.page,
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

    def setModel(self, model: QAbstractItemModel | None) -> None:  # noqa: N802
        super().setModel(model)
        if model is not None:
            model.modelReset.connect(self._resize)
        self._resize()

    def updateGeometries(self) -> None:  # noqa: N802
        self._resize()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._resize()
        if self.currentIndex().isValid() and event.oldSize() != event.size():
            self.scrollTo(self.currentIndex())

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(216, 400) if self._mode != FILM else QSize(400, self.cells.cell[1])

    def _resize(self) -> None:
        cells = self.cells
        size = cells.cell[0] if cells.sideways else cells.cell[1]
        for bar, used in ((self.horizontalScrollBar(), cells.sideways), (self.verticalScrollBar(), not cells.sideways)):
            bar.setPageStep(cells.seen)
            bar.setSingleStep(max(1, size // 3))
            bar.setRange(0, max(0, cells.length - cells.seen) if used else 0)
            bar.setEnabled(bar.maximum() > 0)  # the room stays, without a handle that moves nothing
        self.viewport().update()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802
        self.viewport().update()

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802
        super().currentChanged(current, previous)
        self.viewport().update()
        if current.isValid():
            self.scrollTo(current)
            self.chosen.emit(current.data(PATH_ROLE))

    # --- mouse and keyboard --------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space or event.text().isalnum():
            event.ignore()  # these mean the same everywhere in the window
            return
        super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self._mode != FILM:
            super().wheelEvent(event)
            return
        delta = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta()
        # By whole pictures; what a touch pad moves by less is kept for the next time.
        self._turned += delta.x() or delta.y()
        size = self.cells.cell[0]
        steps = int(self._turned / size)
        self._turned -= steps * size
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - steps * size)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        index = self.indexAt(event.pos())
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            index = self.currentIndex()
        self.menu_wanted.emit(index.data(PATH_ROLE) if index.isValid() else "", event.globalPos())

    def viewportEvent(self, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            index = self.indexAt(event.pos())
            if index.isValid():
                tips.show(event.globalPos(), self.tip_of(index.data(PATH_ROLE)), self, self.visualRect(index))
                return True
        elif event.type() in (QEvent.Type.MouseMove, QEvent.Type.Leave):
            row = -1
            if event.type() == QEvent.Type.MouseMove:
                row = self.indexAt(event.position().toPoint()).row()  # type: ignore[attr-defined]
            if row != self._hovered:
                self._hovered = row
                self.viewport().update()
        return super().viewportEvent(event)

    def tip_of(self, path: str) -> str:
        """The whole path, what is known about the picture, or why it cannot be read."""
        found, info = self._thumbnail(path), self._info(path)
        reason = found.reason if isinstance(found, Unreadable) else ""
        return "\n".join(part for part in (path, info.detail, info.tip, reason) if part)

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), QColor(theme.current().panel))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        model = self.model()
        if model is None:
            painter.end()
            return
        current = self.currentIndex().row()
        for row in self.rows_in_sight():
            index = model.index(row, 0)
            self._paint(painter, self.cell(row), index, chosen=row == current, hovered=row == self._hovered)
        painter.end()

    def _paint(self, painter: QPainter, cell: QRect, index: QModelIndex, *, chosen: bool, hovered: bool) -> None:
        t = theme.current()
        path = index.data(PATH_ROLE)
        painter.save()
        if self._mode == FILM:
            frame = QRect(cell.left(), cell.top() + (cell.height() - FILM_THUMB) // 2, FILM_THUMB, FILM_THUMB)
            self._paint_thumbnail(painter, frame, path)
            if chosen or hovered:
                painter.setPen(QPen(QColor(t.accent if chosen else t.border), 2))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(frame).adjusted(-2, -2, 2, 2))
            painter.restore()
            return
        if chosen or hovered:
            painter.fillRect(cell, QColor(t.chosen if chosen else t.hover))
        if self._mode == LIST:
            if chosen:
                painter.fillRect(QRect(cell.topLeft(), QSize(3, cell.height())), QColor(t.accent))
            frame = QRect(cell.left() + 8, cell.top() + 4, self._thumb, self._thumb)
            self._paint_thumbnail(painter, frame, path)
            self._paint_words(painter, cell.adjusted(16 + self._thumb, 0, -8, 0), index, path, chosen=chosen)
        else:
            frame = QRect(cell.left() + 8, cell.top() + 4, self._thumb, self._thumb)
            self._paint_thumbnail(painter, frame, path)
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            painter.setPen(QColor(t.on_chosen if chosen else t.text))
            below = QRect(cell.left() + 4, frame.bottom() + 3, cell.width() - 8, 30)
            name, flags = _two_lines(painter.fontMetrics(), str(index.data()), below.width())
            painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop) | flags, name)
        painter.restore()

    def _paint_thumbnail(self, painter: QPainter, frame: QRect, path: str) -> None:
        t = theme.current()
        found = self._thumbnail(path)
        if isinstance(found, QImage) and not found.isNull():
            if self._mode == GRID:
                size = found.size().scaled(frame.size(), Qt.AspectRatioMode.KeepAspectRatio)
                spot = QRect(QPoint(0, 0), size)
                spot.moveCenter(frame.center())
                painter.drawImage(spot, found)
            else:
                side = min(found.width(), found.height())
                part = QRect((found.width() - side) // 2, (found.height() - side) // 2, side, side)
                painter.drawImage(frame, found, part)
        else:
            painter.setPen(QPen(QColor(t.line), 1))
            painter.setBrush(QColor(t.window))
            painter.drawRect(frame.adjusted(0, 0, -1, -1))
            if isinstance(found, Unreadable):
                icons.paint(painter, "warning", t.on_error, frame.center())
        badge = self._info(path).badge
        if badge and self._mode == GRID:
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            width = painter.fontMetrics().horizontalAdvance(badge) + 8
            label = QRect(frame.right() - width + 1, frame.top(), width, 16)
            painter.fillRect(label, QColor(0, 0, 0, 180))
            painter.setPen(QColor("white"))
            painter.drawText(label, int(Qt.AlignmentFlag.AlignCenter), badge)

    def _paint_words(self, painter: QPainter, place: QRect, index: QModelIndex, path: str, *, chosen: bool) -> None:
        t = theme.current()
        info = self._info(path)
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        metrics = painter.fontMetrics()
        text, flags = _two_lines(metrics, str(index.data()), place.width())
        name_height = 14 if flags == int(Qt.TextFlag.TextSingleLine) else 28
        second = bool(info.detail or info.icons)
        top = place.top() + (place.height() - name_height - (16 if second else 0)) // 2
        painter.setPen(QColor(t.text))
        painter.drawText(
            QRect(place.left(), top, place.width(), name_height),
            int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter) | flags,
            text,
        )
        if not second:
            return
        line = QRect(place.left(), top + name_height, place.width(), 16)
        colour = t.on_chosen if chosen else t.quiet
        painter.setPen(QColor(colour))
        room = line.width() - 18 * len(info.icons)
        detail = metrics.elidedText(info.detail, Qt.TextElideMode.ElideRight, room)
        painter.drawText(line, int(Qt.AlignmentFlag.AlignVCenter), detail)
        x = line.left() + metrics.horizontalAdvance(detail) + (6 if detail else 0)
        for name in info.icons:
            icons.paint(painter, name, colour, QPoint(x + 6, line.center().y() + 1), 12)
            x += 18


def _two_lines(metrics: QFontMetrics, name: str, width: int) -> tuple[str, int]:
    """A name of at most two lines. Of a longer one the middle is left out, since names differ at both ends."""
    shown, flags, lines = wrapped(name, metrics, width)
    if lines <= 2:
        return shown, flags
    room = 2 * width - 3 * metrics.averageCharWidth()
    return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, room), int(Qt.TextFlag.TextWrapAnywhere)
