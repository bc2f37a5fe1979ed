""" "Add layers": methods by family to search and check, presets at the left, what is chosen at the foot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import icons, rows
from vitinspect.app.widgets.chips import Chip, Chips
from vitinspect.app.widgets.method_rows import MethodRow, chosen_words
from vitinspect.app.widgets.picker_model import Index, PickerModel
from vitinspect.app.widgets.picker_table import PickerTable
from vitinspect.presets import LayerSpec, Preset

SIZE = QSize(880, 552)
SIDE = 192
ALL = "all"
FAST = 1.0
_KIND = int(Qt.ItemDataRole.UserRole) + 1
_COUNT = int(Qt.ItemDataRole.UserRole) + 2

RowsOf = Callable[[Sequence[LayerSpec]], list[MethodRow]]


@dataclass(frozen=True)
class OtherLayer:
    """Something else that can be added: "Map from a file". Choosing it closes the picker."""

    id: str
    title: str
    tip: str = ""


class MethodPicker(QFrame):
    """``added`` gives the maps that were checked, each one method or several fused."""

    added = Signal(tuple)
    preset_saved = Signal(str, tuple)
    preset_deleted = Signal(str)
    other_chosen = Signal(str)
    closed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "popup")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Add layers")
        self._everything: list[MethodRow] = []
        self._presets: tuple[Preset, ...] = ()
        self._rows_of: RowsOf = lambda layers: []
        self.model = PickerModel(self)
        self.table = PickerTable(self.model)
        self.side = _Side()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Name, paper or family")
        self.search.setAccessibleName("Search the methods")
        self.search.addAction(icons.icon("search"), QLineEdit.ActionPosition.LeadingPosition)
        self.search.installEventFilter(self)
        self.filters = Chips(
            [
                Chip("follows", "follows the class", "Only methods whose map depends on the class"),
                Chip("signed", "signed", "Only methods with evidence for and against"),
                Chip("fast", "under 1 s", "Only methods that take less than a second on this model"),
            ]
        )
        self.summary = rows.words()
        self.names = rows.words(kind="quiet")
        self.name_field = QLineEdit()
        self.name_field.setPlaceholderText("Name of the preset")
        self.name_field.setMaximumWidth(180)
        self.name_field.hide()
        self.save = rows.button("Save as preset", self._ask_name, tip="Save the checked methods under a name")
        self.cancel = rows.button("Cancel", self.close_picker, tip="Close without adding (Esc)")
        self.add = rows.button("Add layers", self._add, main=True, tip="Add what is checked (Enter)")
        self._build()
        self.search.textChanged.connect(lambda: self._show())
        self.filters.changed.connect(lambda *_: self._show())
        self.side.currentItemChanged.connect(lambda *_: self._side_changed())
        self.side.other_taken.connect(self._take_other)
        self.side.delete_wanted.connect(self.preset_deleted)
        self.model.checked_changed.connect(self._follow_checked)
        self.table.entered_row.connect(self._add)
        self.name_field.returnPressed.connect(self._save)
        self._follow_checked()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(12, 8, 8, 8)
        head.setSpacing(8)
        head.addWidget(rows.words("Add layers", "heading"))
        head.addWidget(self.search, 1)
        self.filters.setFixedWidth(self.filters.buttons["follows"].sizeHint().width() + 156)
        head.addWidget(self.filters, 0, Qt.AlignmentFlag.AlignVCenter)
        head.addWidget(rows.icon_button("cancel", "Close", self.close_picker, tip="Close without adding (Esc)"))
        middle = QHBoxLayout()
        middle.setContentsMargins(1, 0, 1, 0)
        middle.setSpacing(0)
        middle.addWidget(self.side)
        middle.addWidget(rows.upright_line())
        middle.addWidget(self.table, 1)
        foot = QHBoxLayout()
        foot.setContentsMargins(12, 8, 12, 8)
        foot.setSpacing(8)
        bold = theme.font(bold=True)
        self.summary.setFont(bold)
        foot.addWidget(self.summary)
        foot.addWidget(self.names, 1)
        foot.addWidget(self.name_field)
        for button in (self.save, self.cancel, self.add):
            foot.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(rows.line())
        column.addLayout(middle, 1)
        column.addWidget(rows.line())
        column.addLayout(foot)
        self.names.setMinimumWidth(0)

    # --- what it shows -------------------------------------------------------------------------------------------

    def set_methods(
        self,
        everything: Sequence[MethodRow],
        presets: Sequence[Preset],
        rows_of: RowsOf,
        *,
        others: Sequence[OtherLayer] = (),
        model_name: str = "",
    ) -> None:
        """``rows_of`` makes the rows of a preset's maps, with their times on the present model."""
        self._everything, self._presets, self._rows_of = list(everything), tuple(presets), rows_of
        self.model.time_title = f"Time on {model_name}" if model_name else "Time"
        self.side.fill(len(self._everything), self._presets, others)
        self._show()

    def open_at(self, rect: QRect) -> None:
        """Show it with nothing checked and the keyboard in the search field, inside of ``rect``."""
        self.search.clear()
        self.name_field.hide()
        self.side.setCurrentRow(0)
        self.model.set_checked(())
        size = SIZE.boundedTo(rect.size())
        self.setGeometry(QRect(rect.topLeft(), size))
        self._show()
        self.show()
        self.raise_()
        self.search.setFocus(Qt.FocusReason.PopupFocusReason)

    def close_picker(self) -> None:
        if self.isVisible():
            self.hide()
            self.closed.emit()

    def _base(self) -> list[MethodRow]:
        preset = self._preset()
        return self._everything if preset is None else self._rows_of(preset.layers)

    def _preset(self) -> Preset | None:
        wanted = self.side.chosen_id
        return next((preset for preset in self._presets if preset.id == wanted), None)

    def _show(self) -> None:
        text = self.search.text()
        follows, signed, fast = (bool(self.filters.value(name)) for name in ("follows", "signed", "fast"))
        kept = [
            row
            for row in self._base()
            if row.matches(text)
            and (row.follows or not follows)
            and (row.signed or not signed)
            and (not fast or (row.seconds is not None and row.seconds < FAST))
        ]
        self.model.set_rows(kept)

    def _take_other(self, chosen: str) -> None:
        self.side.setCurrentRow(0)
        self.close_picker()
        self.other_chosen.emit(chosen)

    def _side_changed(self) -> None:
        self._show()
        preset = self._preset()
        if preset is not None:
            # All maps of a preset are checked; single ones can be unchecked again.
            self.model.set_checked([row.layer for row in self._rows_of(preset.layers)])
        elif not self.model.checked:
            self._follow_checked()

    def _follow_checked(self) -> None:
        checked = self.model.checked
        summary, names = chosen_words(checked)
        self.summary.setText(summary + (":" if names else ""))
        metrics = self.names.fontMetrics()
        self.names.setToolTip("")
        room = max(120, self.names.width())
        shown = metrics.elidedText(names, Qt.TextElideMode.ElideMiddle, room)
        self.names.setText(shown)
        count = len(checked)
        self.add.setText(f"Add {count} layer{'s' if count != 1 else ''}" if count else "Add layers")
        self.add.setEnabled(bool(count))
        self.save.setEnabled(bool(count))

    # --- what a person does --------------------------------------------------------------------------------------

    def _add(self) -> None:
        checked = self.model.checked
        if not checked:
            row = self.model.method_at(self.table.currentIndex().row())
            checked = [row] if row is not None and not row.refusal else []
        if checked:
            self.close_picker()
            self.added.emit(tuple(row.layer for row in checked))

    def _ask_name(self) -> None:
        if self.name_field.isVisible():
            self._save()
            return
        self.name_field.clear()
        self.name_field.show()
        self.name_field.setFocus()

    def _save(self) -> None:
        name = self.name_field.text().strip()
        if name and self.model.checked:
            self.name_field.hide()
            self.preset_saved.emit(name, tuple(row.layer for row in self.model.checked))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            if self.name_field.isVisible():
                self.name_field.hide()
                self.search.setFocus()
            else:
                self.close_picker()
        elif event.text().isprintable() and event.text().strip() and not self.name_field.hasFocus():
            self.search.setFocus()
            self.search.insert(event.text())
        else:
            event.accept()  # nothing of what is typed here reaches the window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.search and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = event.key()
            if key in (Qt.Key.Key_Down, Qt.Key.Key_Up):
                self.table.step(1 if key == Qt.Key.Key_Down else -1)
                return True
            if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._add()
                return True
            if key == Qt.Key.Key_Space and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
                self.model.toggle(self.table.currentIndex().row())
                return True
        return super().eventFilter(watched, event)


class _Side(QListWidget):
    """All methods, presets, saved ones, other layers."""

    delete_wanted = Signal(str)
    other_taken = Signal(str)
    """A click or Enter on another layer: the arrow keys only pass over it."""

    def __init__(self) -> None:
        super().__init__()
        self.itemClicked.connect(lambda _: self._take())
        self.setFixedWidth(SIDE)
        self.setAccessibleName("Presets")
        self.setItemDelegate(_SideDelegate(self))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def fill(self, count: int, presets: Sequence[Preset], others: Sequence[OtherLayer]) -> None:
        before = self.chosen_id
        self.blockSignals(True)
        self.clear()
        self._item(ALL, "All methods", "preset", count, "Every method by family")
        for preset in presets:
            if not preset.own:
                self._item(preset.id, preset.title, "preset", len(preset.layers), preset.about)
        saved = [preset for preset in presets if preset.own]
        if saved:
            self._heading("Saved")
            for preset in saved:
                self._item(preset.id, preset.title, "own", len(preset.layers), "Delete removes it")
        if others:
            self._heading("Other layers")
            for other in others:
                self._item(other.id, other.title, "other", 0, other.tip)
        row = next((i for i in range(self.count()) if self.item(i).data(Qt.ItemDataRole.UserRole) == before), 0)
        self.setCurrentRow(row)
        self.blockSignals(False)

    def _item(self, name: str, text: str, kind: str, count: int, tip: str) -> None:
        item = QListWidgetItem(text)
        item.setData(Qt.ItemDataRole.UserRole, name)
        item.setData(_KIND, kind)
        item.setData(_COUNT, count)
        item.setToolTip(tip)
        self.addItem(item)

    def _heading(self, text: str) -> None:
        item = QListWidgetItem(text)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setData(_KIND, "heading")
        self.addItem(item)

    def _take(self) -> None:
        if self.chosen_kind == "other":
            self.other_taken.emit(self.chosen_id)

    @property
    def chosen_id(self) -> str:
        item = self.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ALL

    @property
    def chosen_kind(self) -> str:
        item = self.currentItem()
        return str(item.data(_KIND)) if item is not None else "preset"

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Delete and self.chosen_kind == "own":
            self.delete_wanted.emit(self.currentItem().text())
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.chosen_kind == "other":
            self._take()
        elif event.text().isalnum():
            event.ignore()
        else:
            super().keyPressEvent(event)


class _SideDelegate(QStyledItemDelegate):
    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        return QSize(SIDE - 8, tokens.ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        t = theme.current()
        painter.save()
        heading = index.data(_KIND) == "heading"
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver) and not heading
        if chosen or hovered:
            painter.fillRect(option.rect, QColor(t.chosen if chosen else t.hover))
        if chosen:
            painter.fillRect(QRect(option.rect.topLeft(), QSize(3, option.rect.height())), QColor(t.accent))
        painter.setFont(theme.font(tokens.SMALL_SIZE if heading else tokens.TEXT_SIZE, bold=heading))
        painter.setPen(QPen(QColor(t.quiet if heading else t.text)))
        place = option.rect.adjusted(8, 0, -8, 0)
        painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), str(index.data()))
        if index.data(_COUNT):
            painter.setFont(theme.font(tokens.SMALL_SIZE))
            painter.setPen(QColor(t.on_chosen if chosen else t.quiet))
            right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            painter.drawText(place, right, str(index.data(_COUNT)))
        painter.restore()
