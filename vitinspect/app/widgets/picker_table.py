"""The table of the picker: rows of 22 and headings, painted as the design shows them."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
)

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets.fields import paint_box
from vitinspect.app.widgets.picker_model import NAME, NEEDS, PAPER, ROW, TARGET, TIME, Heading, Index, PickerModel

HEADING_HEIGHT = 26
LEFT = 8
WIDTHS = {PAPER: 156, NEEDS: 92, TARGET: 104, TIME: 96}


class PickerDelegate(QStyledItemDelegate):
    """Paints one cell; the row below the mouse is marked as a whole by the table."""

    def __init__(self, model: PickerModel, view: QTableView) -> None:
        super().__init__(view)
        self._model = model

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t = theme.current()
        entry = index.data(ROW)
        painter.save()
        if isinstance(entry, Heading):
            if index.column() == NAME:
                painter.setFont(theme.font(tokens.SMALL_SIZE, bold=True))
                painter.setPen(QColor(t.quiet))
                place = option.rect.adjusted(LEFT, 0, 200, -4)
                painter.drawText(place, int(Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignLeft), entry.text)
            painter.restore()
            return
        checked = self._model.is_checked(entry)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        if checked or chosen:
            painter.fillRect(option.rect, QColor(t.chosen if checked else t.hover))
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        refused = bool(entry.refusal)
        if index.column() == NAME:
            self._paint_name(painter, option.rect, index, checked=checked, refused=refused)
        elif refused:
            if index.column() == PAPER:
                painter.setPen(QColor(t.on_error))
                place = option.rect.adjusted(5, 0, sum(WIDTHS.values()) - WIDTHS[PAPER], 0)
                text = painter.fontMetrics().elidedText(entry.refusal, Qt.TextElideMode.ElideRight, place.width() - 8)
                painter.setClipping(False)
                painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), text)
        else:
            painter.setPen(QColor(t.quiet if index.column() == PAPER else t.text))
            side = Qt.AlignmentFlag.AlignRight if index.column() == TIME else Qt.AlignmentFlag.AlignLeft
            painter.drawText(
                option.rect.adjusted(5, 0, -8 if index.column() == TIME else -2, 0),
                int(side | Qt.AlignmentFlag.AlignVCenter),
                str(index.data()),
            )
        painter.restore()

    def _paint_name(self, painter: QPainter, rect: QRect, index: Index, *, checked: bool, refused: bool) -> None:
        t = theme.current()
        entry = index.data(ROW)
        box = QRect(rect.left() + LEFT, rect.top() + (rect.height() - 14) // 2, 14, 14)
        paint_box(painter, box, checked, enabled=not refused)
        place = rect.adjusted(LEFT + 22, 0, -4, 0)
        painter.setPen(QColor(t.quiet if refused else t.text))
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), entry.title)
        if entry.shown:
            used = painter.fontMetrics().horizontalAdvance(entry.title + " ")
            painter.setPen(QColor(t.quiet))
            painter.drawText(place.adjusted(used, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), "shown")


class PickerTable(QTableView):
    """A click or Space checks a row; Enter is handled by the owner of the table."""

    entered_row = Signal()

    def __init__(self, model: PickerModel) -> None:
        super().__init__()
        self._picker = model
        self.setModel(model)
        self.setItemDelegate(PickerDelegate(model, self))
        self.setShowGrid(False)
        self.setAccessibleName("Methods")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(tokens.TABLE_ROW_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(tokens.TABLE_ROW_HEIGHT)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionsClickable(False)
        header.setFixedHeight(tokens.TABLE_ROW_HEIGHT)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        for column, width in WIDTHS.items():
            self.setColumnWidth(column, width)
        model.modelReset.connect(self._model_reset)
        self._model_reset()

    def _model_reset(self) -> None:
        for at, entry in enumerate(self._picker.entries):
            heading = isinstance(entry, Heading)
            self.setRowHeight(at, HEADING_HEIGHT if heading else tokens.TABLE_ROW_HEIGHT)
        first = self._picker.next_method(-1, 1)
        if first >= 0:
            self.setCurrentIndex(self._picker.index(first, 0))
        self.scrollToTop()

    def step(self, step: int) -> None:
        """Go to the next method, over headings."""
        at = self._picker.next_method(self.currentIndex().row(), step)
        if at >= 0:
            self.setCurrentIndex(self._picker.index(at, 0))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        super().mousePressEvent(event)
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self._picker.toggle(index.row())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space:
            self._picker.toggle(self.currentIndex().row())
        elif event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up):
            self.step(1 if event.key() == Qt.Key.Key_Down else -1)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.entered_row.emit()
        elif event.text().isalnum():
            event.ignore()
        else:
            super().keyPressEvent(event)
