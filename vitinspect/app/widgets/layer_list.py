"""The list of layers: what is clicked, dragged and typed in it becomes a signal."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPoint, QRect, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.widgets.layer_delegate import NAME, LayerDelegate, parts
from vitinspect.app.widgets.layer_model import MIME, Index, LayerModel
from vitinspect.app.widgets.layer_rows import HIDDEN, REFUSED, LayerRow

NOTHING = "No layer yet. Add (A) opens the list of methods."


class LayerList(QListView):
    """Rows of layers, the uppermost first."""

    selected = Signal(str)
    """Another layer is selected; the empty string where there is none."""
    eye_toggled = Signal(str)
    solo_wanted = Signal(str)
    mark_wanted = Signal(str, str)
    """A layer and A, B or "", which removes the mark."""
    delete_wanted = Signal(str)
    duplicate_wanted = Signal(str)
    renamed = Signal(str, str)
    ordered = Signal(tuple)
    """All ids in the order that a person wants."""
    menu_wanted = Signal(str, QPoint)
    """A layer (or the empty string below the last) and a place on the screen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._setting = False
        self.layers = LayerModel(self)
        self.rows = LayerDelegate(self)
        self.setModel(self.layers)
        self.setItemDelegate(self.rows)
        self.setAccessibleName("Layers")
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(False)
        self.setMouseTracking(True)
        self.viewport().setMouseTracking(True)
        self._drop_row = -1
        self._pressed_part = False
        self.layers.renamed.connect(self.renamed)

    # --- what is shown -------------------------------------------------------------------------------------------

    def set_layers(self, rows: Sequence[LayerRow], selected: str = "") -> None:
        """Show these, without a signal."""
        self._setting = True
        try:
            self.layers.set_rows(rows)
            self.select(selected)
        finally:
            self._setting = False

    def select(self, layer: str) -> None:
        """Select a layer without a signal."""
        index = self.layers.index_of(layer)
        before, self._setting = self._setting, True
        try:
            if index != self.currentIndex():
                if index.isValid():
                    self.setCurrentIndex(index)
                else:
                    self.selectionModel().setCurrentIndex(QModelIndex(), QItemSelectionModel.SelectionFlag.Clear)
        finally:
            self._setting = before

    @property
    def selected_layer(self) -> str:
        row = self.layers.row_at(self.currentIndex())
        return row.id if row is not None else ""

    def currentChanged(self, current: Index, previous: Index) -> None:  # noqa: N802
        super().currentChanged(current, previous)
        if not self._setting:
            row = self.layers.row_at(current)
            self.selected.emit(row.id if row is not None else "")

    # --- mouse ---------------------------------------------------------------------------------------------------

    def part_at(self, point: QPoint) -> tuple[LayerRow | None, str]:
        """The row at a point of the viewport, and eye, A, B or nothing."""
        index = self.indexAt(point)
        row = self.layers.row_at(index)
        if row is None:
            return None, ""
        places = parts(self.rows.whole_row(self.visualRect(index)), row, hovered=True)
        return row, places.at(point, can_mark=row.can_mark)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.RightButton:
            # The menu is about the row below the cursor, and what can be done with the selected one.
            self._pressed_part = False
            event.accept()
            return
        row, part = self.part_at(event.position().toPoint())
        self._pressed_part = bool(row is not None and part and event.button() == Qt.MouseButton.LeftButton)
        if row is None or not self._pressed_part:
            super().mousePressEvent(event)
            return
        event.accept()
        if part == "eye":
            self._eye(row, solo=bool(event.modifiers() & Qt.KeyboardModifier.AltModifier))
        else:
            self._mark(row, part)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        _, part = self.part_at(event.position().toPoint())
        if part != self.rows.part_below:
            self.rows.part_below = part
            self.viewport().update()
        if not self._pressed_part:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        pressed, self._pressed_part = self._pressed_part, False
        if not pressed:
            super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        _, part = self.part_at(event.position().toPoint())
        index = self.indexAt(event.position().toPoint())
        if part:
            self.mousePressEvent(event)  # two quick clicks on the eye are two clicks
        elif index.isValid() and index.flags() & Qt.ItemFlag.ItemIsEditable:
            self.edit(index)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self.rows.part_below = ""
        super().leaveEvent(event)

    def _eye(self, row: LayerRow, *, solo: bool = False) -> None:
        if row.state in (REFUSED, HIDDEN):
            self.select_and_emit(row.id)
        elif solo:
            self.solo_wanted.emit(row.id)
        else:
            self.eye_toggled.emit(row.id)

    def _mark(self, row: LayerRow, letter: str) -> None:
        if row.can_mark:
            self.mark_wanted.emit(row.id, "" if row.mark == letter else letter)

    def select_and_emit(self, layer: str) -> None:
        index = self.layers.index_of(layer)
        if index.isValid():
            self.setCurrentIndex(index)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        row = self.layers.row_at(index)
        place = self.visualRect(index).bottomLeft() + QPoint(NAME, 0) if by_key else event.pos()
        self.menu_wanted.emit(row.id if row is not None else "", self.viewport().mapToGlobal(place))

    # --- keyboard ------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        row = self.layers.row_at(self.currentIndex())
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        plain = modifiers == Qt.KeyboardModifier.NoModifier
        if row is not None:
            if key == Qt.Key.Key_Space and plain:
                return self._eye(row)
            if key == Qt.Key.Key_Space and modifiers == Qt.KeyboardModifier.AltModifier:
                return self._eye(row, solo=True)
            if key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and plain:
                return self.delete_wanted.emit(row.id)
            if key == Qt.Key.Key_D and modifiers == Qt.KeyboardModifier.ControlModifier:
                return self.duplicate_wanted.emit(row.id)
            if key in (Qt.Key.Key_A, Qt.Key.Key_B) and modifiers == Qt.KeyboardModifier.ShiftModifier:
                return self._mark(row, "A" if key == Qt.Key.Key_A else "B")
            if key in (Qt.Key.Key_Up, Qt.Key.Key_Down) and modifiers == Qt.KeyboardModifier.AltModifier:
                return self._move(row, -1 if key == Qt.Key.Key_Up else 1)
        if event.text().isalnum() and plain:
            event.ignore()  # letters mean the same everywhere in the window
            return None
        return super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802
        """Letters are shortcuts of the window."""

    def _move(self, row: LayerRow, step: int) -> None:
        at = self.currentIndex().row()
        if 0 <= at + step < len(self.layers.rows):
            self.ordered.emit(self.layers.order_after_drop(row.id, at + step + (1 if step > 0 else 0)))

    # --- drag and drop -------------------------------------------------------------------------------------------

    def drop_row(self, point: QPoint) -> int:
        """The row before which something dropped here would be inserted."""
        index = self.indexAt(point)
        if not index.isValid():
            return len(self.layers.rows) if point.y() > 0 else 0
        return index.row() + (1 if point.y() > self.visualRect(index).center().y() else 0)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        self._consider(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        self._consider(event)

    def _consider(self, event: QDragMoveEvent) -> None:
        if event.mimeData().hasFormat(MIME):
            self._drop_row = self.drop_row(event.position().toPoint())
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.viewport().update()
        else:
            event.ignore()  # files are for the window

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        self._drop_row = -1
        self.viewport().update()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        self._drop_row = -1
        self.viewport().update()
        if not event.mimeData().hasFormat(MIME):
            event.ignore()
            return
        layer = bytes(event.mimeData().data(MIME).data()).decode().split("\n")[0]
        order = self.layers.order_after_drop(layer, self.drop_row(event.position().toPoint()))
        # The view would remove the dragged row after a move; the order is changed by the owner of the layers.
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        if order != tuple(row.id for row in self.layers.rows):
            self.ordered.emit(order)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        if not self.layers.rows:
            painter = QPainter(self.viewport())
            painter.setFont(theme.font(SMALL_SIZE))
            painter.setPen(QColor(theme.current().quiet))
            box = self.viewport().rect().adjusted(8, 4, -8, -4)
            flags = int(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextWordWrap)
            painter.drawText(box, flags, NOTHING)
            painter.end()
        if self._drop_row < 0:
            return
        count = len(self.layers.rows)
        last = self.visualRect(self.layers.index(count - 1, 0)) if count else QRect()
        y = self.visualRect(self.layers.index(self._drop_row, 0)).top() if self._drop_row < count else last.bottom() + 1
        painter = QPainter(self.viewport())
        painter.fillRect(QRect(0, max(0, y - 1), self.viewport().width(), 2), QColor(theme.current().accent))
        painter.end()
