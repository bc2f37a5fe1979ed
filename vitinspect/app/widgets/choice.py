"""A field that opens a list of choices, and one that shows colour maps with their colours."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QComboBox, QSizePolicy, QStyle, QStyleOptionComboBox, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import FIELD_HEIGHT
from vitinspect.app.widgets import icons, swatches
from vitinspect.app.widgets.layer_rows import Swatch

_DETAIL = int(Qt.ItemDataRole.UserRole) + 1
_SWATCH = int(Qt.ItemDataRole.UserRole) + 2
_SHORT = int(Qt.ItemDataRole.UserRole) + 3
_ARROW = 20


class Choice(QComboBox):
    """One of several values. ``chosen`` is emitted when a person picks one; ``set_value`` emits nothing."""

    chosen = Signal(object)

    def __init__(
        self, items: Sequence[tuple[Any, str]] = (), *, name: str = "", tip: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(FIELD_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name or tip)
        self.setToolTip(tip)
        self.setMaxVisibleItems(16)
        self.fixed = False
        """Drawn as chosen: a value that a person has fixed."""
        self.leading_icon = ""
        self.set_items(items)
        self.activated.connect(lambda row: self.chosen.emit(self.itemData(row)))

    def set_items(self, items: Sequence[tuple[Any, str]]) -> None:
        """Replace the (value, words); the value stays if it is still among them."""
        before = self.value
        self.blockSignals(True)
        self.clear()
        for value, words in items:
            self.addItem(words, value)
        row = self._row_of(before)
        self.setCurrentIndex(row if row >= 0 else 0 if items else -1)
        self.blockSignals(False)

    def set_detail(self, value: Any, text: str) -> None:
        """Text in a weaker colour after the words of an item."""
        row = self._row_of(value)
        if row >= 0:
            self.setItemData(row, text, _DETAIL)
            self.update()

    def set_short(self, value: Any, text: str) -> None:
        """Fewer words for an item, where all of them do not fit in the closed field; the list shows them all."""
        row = self._row_of(value)
        if row >= 0:
            self.setItemData(row, text, _SHORT)

    @property
    def value(self) -> Any:
        return self.currentData()

    def set_value(self, value: Any) -> None:
        row = self._row_of(value)
        if row == self.currentIndex():
            return
        self.blockSignals(True)
        self.setCurrentIndex(row)
        self.blockSignals(False)
        self.update()

    def _row_of(self, value: Any) -> int:
        return next((row for row in range(self.count()) if self.itemData(row) == value), -1)

    # The wheel scrolls what is around the field; it must not change a value that was under the cursor by chance.
    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def showPopup(self) -> None:  # noqa: N802
        self.view().setMinimumWidth(min(480, self.view().sizeHintForColumn(0) + 16))
        super().showPopup()

    def sizeHint(self) -> QSize:  # noqa: N802
        metrics = self.fontMetrics()
        widest = max((metrics.horizontalAdvance(self.itemText(i)) for i in range(self.count())), default=40)
        return QSize(widest + self._before_text() + _ARROW + 10, FIELD_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(min(self.sizeHint().width(), 96), FIELD_HEIGHT)

    def _before_text(self) -> int:
        return 6 + (22 if self.leading_icon else 0)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        on = self.isEnabled()
        ground = t.chosen if self.fixed else t.hover if hovered and on else t.field if on else t.panel
        edge = t.accent if self.fixed or self.hasFocus() else t.border if on else t.line
        painter.setPen(QPen(QColor(edge), 1))
        painter.setBrush(QColor(ground))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        words = t.on_chosen if self.fixed else t.text if on else t.quiet
        middle = self.height() // 2
        icons.paint(painter, "chevron-down", t.quiet if on else t.border, QPoint(self.width() - 13, middle))
        left = 6
        if self.leading_icon:
            icons.paint(painter, self.leading_icon, words if self.fixed else t.quiet, QPoint(left + 8, middle))
            left += 22
        swatch = self.itemData(self.currentIndex(), _SWATCH)
        if swatch is not None:
            size = swatches.SIZE
            swatches.paint(painter, QRect(QPoint(left, middle - size.height() // 2), size), swatch)
            left += size.width() + 6
        self._paint_text(painter, QRect(left, 0, self.width() - left - _ARROW, self.height()), words)
        painter.end()

    def _paint_text(self, painter: QPainter, rect: QRect, colour: str) -> None:
        font = self.font()
        font.setBold(self.fixed)
        painter.setFont(font)
        painter.setPen(QColor(colour))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        text = self.currentText()
        if painter.fontMetrics().horizontalAdvance(text) > rect.width():
            short = self.itemData(self.currentIndex(), _SHORT) or text
            text = painter.fontMetrics().elidedText(short, Qt.TextElideMode.ElideRight, rect.width())
        painter.drawText(rect, flags, text)
        detail = self.itemData(self.currentIndex(), _DETAIL)
        used = painter.fontMetrics().horizontalAdvance(text + " ")
        if detail and used < rect.width():
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(QColor(theme.current().quiet))
            if painter.fontMetrics().horizontalAdvance(detail) <= rect.width() - used:
                painter.drawText(rect.adjusted(used, 0, 0, 0), flags, detail)


class TypedChoice(Choice):
    """A field to type into, with what was typed before in its list."""

    def __init__(self, *, name: str, hint: str = "", tip: str = "") -> None:
        super().__init__(name=name, tip=tip)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        line = self.lineEdit()
        assert line is not None
        line.setPlaceholderText(hint)
        line.setFrame(False)
        line.setStyleSheet("border: 0; background: transparent; padding: 0; min-height: 0;")

    def _paint_text(self, painter: QPainter, rect: QRect, colour: str) -> None:
        pass  # the line edit does


class Opener(Choice):
    """Looks like a field with choices and opens something else than a list."""

    def __init__(self, call: Callable[[], object], *, name: str, tip: str = "") -> None:
        super().__init__(name=name, tip=tip)
        self._call = call

    def showPopup(self) -> None:  # noqa: N802
        self._call()


class ColourMapChoice(Choice):
    """Colour maps, each with its colours; what "auto" stands for depends on whether the map is signed."""

    def __init__(self, names: Sequence[str], *, tip: str = "", parent: QWidget | None = None) -> None:
        super().__init__(
            [(n, "automatic" if n == "auto" else n) for n in names], name="Colours", tip=tip, parent=parent
        )
        self._signed: bool | None = None
        self.setIconSize(swatches.SIZE)
        self.set_signed(False)

    def set_signed(self, signed: bool) -> None:
        if signed == self._signed:
            return  # drawing the swatches again would be noticed while a slider moves
        self._signed = signed
        for row in range(self.count()):
            swatch = Swatch("colormap", swatches.named(self.itemData(row), signed=signed))
            self.setItemData(row, swatch, _SWATCH)
            self.setItemIcon(row, swatches.icon(swatch))
        self.update()

    def _before_text(self) -> int:
        return super()._before_text() + swatches.SIZE.width() + 6
