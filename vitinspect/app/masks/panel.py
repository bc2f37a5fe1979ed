"""At the right of the Masks workspace: labels, how the mask is shown, what can be done to it, facts about it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QInputDialog,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from vitinspect.annotation.operations import COMBINATIONS, OPERATIONS
from vitinspect.app import theme
from vitinspect.app.masks.view import OTHERS, MaskView
from vitinspect.app.services.masks import MaskService
from vitinspect.app.widgets import swatches
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox, SliderField
from vitinspect.app.widgets.numbers import percent, whole
from vitinspect.app.widgets.rows import PropertyRow, button, heading, line, note, words
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.annotation.journal import Recovered


class MaskPanel(QFrame):
    """Rebuilt when the labels or the other annotators change; numbers are updated in place."""

    def __init__(self, masks: MaskService, view: MaskView) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self._masks, self._view = masks, view
        self._rows: dict[int, LabelRow] = {}
        self._facts: dict[str, Any] = {}
        self._inside = QVBoxLayout()
        self._inside.setContentsMargins(0, 4, 0, 8)
        self._inside.setSpacing(0)
        holder = QWidget()
        holder.setProperty("kind", "panel")
        holder.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        holder.setLayout(self._inside)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        # Areas are counted over the whole picture, so only once, shortly after the last stroke.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(60)
        self._soon.timeout.connect(self.follow)
        masks.opened.connect(self.rebuild)
        masks.status_changed.connect(self._later)
        self.rebuild()

    @Slot()
    def _later(self) -> None:
        if self.isVisible():
            self._soon.start()

    @Slot()
    def rebuild(self) -> None:
        """All rows."""
        while self._inside.count():
            item = self._inside.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._rows, self._facts = {}, {}
        for found in self._masks.recovered:
            self._inside.addWidget(RecoveredRow(self._masks, found, self.rebuild))
        if self._masks.document is None:
            self._inside.addWidget(
                note(
                    "Choose a picture and enter the annotator's name. Masks are written to masks/NAME beside it; those "
                    "of the bundled pictures are kept in your data folder."
                )
            )
            self._inside.addStretch(1)
            return
        self._add_labels()
        self._add_others()
        self._add_display()
        self._add_changes()
        self._add_facts()
        study = self._masks.study
        if study is not None and study.instruction:
            self._inside.addWidget(heading("Instruction"))
            self._inside.addWidget(note(study.instruction))
        self._inside.addStretch(1)
        self.follow()

    def _add_labels(self) -> None:
        self._inside.addWidget(heading("Labels"))
        for label in self._masks.labels:
            row = LabelRow(label.value, 9 if label.value == 255 else label.value, label.name, label.colour)
            row.chosen.connect(self._masks.set_label)
            self._rows[label.value] = row
            self._inside.addWidget(row)
        add = button("Add a label…", self._ask_label, icon="add", tip="Another class that can be drawn; up to nine")
        self._inside.addWidget(_indented(add))

    def _ask_label(self) -> None:
        name, accepted = QInputDialog.getText(self, "Add a label", "Name of the label:")
        if accepted and name.strip():
            self._masks.add_label(name.strip())

    def _add_others(self) -> None:
        current = self._masks.current
        self._inside.addWidget(heading("Other masks"))
        if self._masks.blind:
            self._inside.addWidget(note("Maps, predictions and the masks of others are hidden by blind mode."))
            return
        if current is None or not current.others:
            self._inside.addWidget(note("Nobody else has drawn a mask of this picture."))
            return
        for number, name in enumerate(current.others):
            check = CheckBox(shown(name), tip="Show the outline of this mask")
            check.set_value(name not in self._view.hidden_others)
            check.chosen.connect(partial(self._show_other, name))
            self._inside.addWidget(_indented(check, ColourBox(OTHERS[number % len(OTHERS)])))

    def _show_other(self, name: str, on: bool) -> None:
        (self._view.hidden_others.discard if on else self._view.hidden_others.add)(name)
        self._view.update()

    def _add_display(self) -> None:
        view = self._view
        self._inside.addWidget(heading("Display"))
        shape = Segments((Segment(True, "Fill and outline"), Segment(False, "Outline")), name="Shown as", fill=True)
        shape.set_value(view.filled)
        shape.chosen.connect(self._fill)
        self._inside.addWidget(PropertyRow("Shown as", shape))
        opacity = SliderField(0.0, 1.0, view.opacity, percent=True, name="Opacity")
        opacity.changed.connect(self._set_opacity)
        self._inside.addWidget(PropertyRow("Opacity", opacity))

    def _fill(self, filled: bool) -> None:
        self._view.filled = filled
        self._view.update()

    def _set_opacity(self, value: float) -> None:
        self._view.opacity = value
        self._view.update()

    def _add_changes(self) -> None:
        masks = self._masks
        self._inside.addWidget(heading("Change"))
        grid = QGridLayout()
        grid.setContentsMargins(8, 0, 8, 2)
        grid.setSpacing(4)
        for index, operation in enumerate(OPERATIONS):
            made = button(operation.title, partial(masks.operate, operation.id))
            made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            grid.addWidget(made, index // 3, index % 3)
        holder = QWidget()
        holder.setLayout(grid)
        self._inside.addWidget(holder)
        if masks.has_map:
            start = button(
                "Fill from the map",
                masks.start_from_map,
                tip="Start from the part of the selected map above its threshold; the mask records this",
            )
            self._inside.addWidget(_indented(start))
        current = masks.current
        if current is not None and current.others and not masks.blind:
            how = Choice([(o.id, o.title) for o in COMBINATIONS], name="Combine")
            whose = Choice([(name, shown(name)) for name in current.others], name="With the mask of")
            act = button("Apply", lambda: masks.operate(how.value, whose.value))
            self._inside.addWidget(PropertyRow("Combine", how))
            self._inside.addWidget(PropertyRow("With", whose, act))

    def _add_facts(self) -> None:
        self._inside.addWidget(line())
        self._inside.addWidget(heading("This mask"))
        for name in ("State", "Started from", "Drawn blind", "Time", "Area", "Written"):
            value = words("", "")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            value.setWordWrap(True)
            self._facts[name] = value
            self._inside.addWidget(PropertyRow(name, value))

    @Slot()
    def follow(self) -> None:
        """The numbers."""
        masks = self._masks
        one = masks.current
        if one is None or not self._facts:
            return
        document = one.document
        total = document.values.size
        areas = {value: document.area(value) for value in self._rows}
        for value, row in self._rows.items():
            row.follow(value == masks.label, percent(areas[value] / total))
        from vitinspect.annotation.document import STATUS_WORDS

        origin = document.origin
        minutes, seconds = divmod(round(document.seconds_spent()), 60)
        written = "not yet"
        if one.written_at:
            written = f"{max(round(time.time() - one.written_at), 0)} s ago" if not one.dirty else "changed since"
        texts = {
            "State": STATUS_WORDS[document.status] + (", repeated" if masks.repeated and not masks.blind else ""),
            "Started from": origin.started_from,
            "Drawn blind": "yes" if origin.blind else "no",
            "Time": f"{minutes} min {seconds} s" if minutes else f"{seconds} s",
            "Area": f"{whole(sum(n for v, n in areas.items() if v != 255))} of {whole(total)} px",
            "Written": written,
        }
        for name, text in texts.items():
            self._facts[name].setText(text)


class LabelRow(QWidget):
    """Key, colour, name and area of a label; a click makes it the one that is drawn."""

    chosen = Signal(int)

    def __init__(self, value: int, key: int, name: str, colour: str) -> None:
        super().__init__()
        self._value, self._colour = value, colour
        self.current = False
        self.setFixedHeight(28)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._name = words(shown(name) + ("  not scored" if value == 255 else ""))
        self._share = words("", "quiet")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(8)
        layout.addWidget(words(str(key), "quiet"))
        layout.addSpacing(20)
        layout.addWidget(self._name, 1)
        layout.addWidget(self._share)
        self.setAccessibleName(f"Label {name}")

    def follow(self, current: bool, share: str) -> None:
        self._share.setText(share)
        if current != self.current:
            self.current = current
            font = self._name.font()
            font.setBold(current)
            self._name.setFont(font)
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, 28)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        if self.current:
            painter.fillRect(self.rect(), QColor(theme.current().chosen))
        box = self.rect().adjusted(26, 8, 0, 0)
        box.setSize(QSize(12, 12))
        painter.fillRect(box, QColor(self._colour))
        painter.setPen(QColor(theme.current().border))
        painter.drawRect(box)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.chosen.emit(self._value)


class RecoveredRow(QWidget):
    """Strokes that were not saved when the window crashed."""

    def __init__(self, masks: MaskService, found: Recovered, rebuild: Any) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(
            words(f"{found.title}: {found.steps} strokes were not saved when the window closed.", "warning", wrap=True)
        )
        row = QHBoxLayout()
        for text, act in (("Restore", masks.restore), ("Discard", masks.discard)):
            row.addWidget(button(text, partial(self._settle, act, found, rebuild)))
        row.addStretch(1)
        layout.addLayout(row)

    @staticmethod
    def _settle(act: Any, found: Recovered, rebuild: Any) -> None:
        act(found)
        rebuild()


class ColourBox(QWidget):
    """The colour in which a mask's outline is drawn."""

    def __init__(self, colour: str) -> None:
        super().__init__()
        self._swatch = swatches.Swatch("mask", colour)
        self.setFixedSize(swatches.SIZE)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        swatches.paint(QPainter(self), self.rect(), self._swatch)


def _indented(*parts: QWidget) -> QWidget:
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(8, 2, 8, 2)
    layout.setSpacing(8)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return holder
