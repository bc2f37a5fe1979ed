"""Above the Masks workspace: who draws, which study, which label, blind or not, and the state of the picture."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.app.services.masks import MaskService
from vitinspect.app.widgets.choice import Choice, TypedChoice
from vitinspect.app.widgets.fields import CheckBox
from vitinspect.app.widgets.rows import button, upright_line, words
from vitinspect.names import shown

HEIGHT = 48


class MaskContext(QFrame):
    """Reads the service, and asks it to change."""

    next_wanted = Signal()
    """The mask is done: go on to the next picture."""
    done = Signal()
    """A field was filled in: the keyboard focus goes back to the picture."""

    def __init__(self, masks: MaskService) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._masks = masks
        self.annotator = TypedChoice(
            name="Annotator", hint="your name", tip="The person who draws; masks are written to a folder of this name"
        )
        line = self.annotator.lineEdit()
        assert line is not None
        self.annotator.activated.connect(lambda _: self._named())
        line.returnPressed.connect(self._named)
        self.study = words("", "quiet")
        self.progress = words("", "quiet")
        self.label = Choice((), name="Label", tip="The label that is drawn (1 to 9)")
        self.label.chosen.connect(masks.set_label)
        self.blind = CheckBox(
            "maps and other masks are hidden",
            tip="Hide maps, predictions and other people's masks; each mask records whether it was drawn blind",
        )
        self.blind.chosen.connect(masks.set_blind)
        self.nothing = button(
            "Nothing here  0",
            self._nothing,
            tip="Record that there is nothing to mark on this picture (0)",
        )
        self.ready = button("Done, next", self._done, tip="The mask is done; go to the next picture (Enter)", main=True)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(8)
        row.addWidget(_captioned("Annotator", self.annotator, 132))
        row.addWidget(_captioned("Progress", self.progress, 168))
        row.addWidget(upright_line())
        row.addWidget(_captioned("Label", self.label, 150))
        row.addWidget(upright_line())
        row.addWidget(_captioned("Blind mode", self.blind, 0))
        row.addStretch(1)
        row.addWidget(self.nothing)
        row.addWidget(self.ready)
        masks.opened.connect(self.follow)
        masks.status_changed.connect(self._follow_progress)
        self.follow()

    def _named(self) -> None:
        self._masks.set_annotator(self.annotator.currentText())
        self.done.emit()

    def _nothing(self) -> None:
        if self._masks.set_status("nothing"):
            self.next_wanted.emit()

    def _done(self) -> None:
        document = self._masks.document
        if document is None:
            return
        if document.status != "nothing":
            self._masks.set_status("done" if document.values.any() else "nothing")
        self.next_wanted.emit()

    @Slot()
    def follow(self) -> None:
        masks = self._masks
        names = [masks.annotator] if masks.annotator else []
        study = masks.study
        if study is not None:
            names += [name for name in study.annotators if name not in names]
        elif masks.current is not None:
            from vitinspect.annotation.store import annotators
            from vitinspect.app.services.open_masks import data_of

            names += [name for name in annotators(data_of(masks.current.image)) if name not in names]
        self.annotator.blockSignals(True)
        self.annotator.clear()
        self.annotator.addItems(names)
        self.annotator.setCurrentText(masks.annotator)
        self.annotator.blockSignals(False)
        self.label.set_items([(label.value, _numbered(label)) for label in masks.labels])
        self.label.set_value(masks.label)
        self.label.setEnabled(bool(masks.labels))
        self.blind.set_value(masks.blind)
        for part in (self.nothing, self.ready):
            part.setEnabled(masks.document is not None)
        self._follow_progress()

    @Slot()
    def _follow_progress(self) -> None:
        masks = self._masks
        self.label.set_value(masks.label)
        if not masks.active or not masks.annotator:
            self.progress.setText("")
            return
        done, total, left = masks.progress()
        study = masks.study
        name = f"{shown(study.name)}: " if study is not None and masks.turns() else ""
        minutes = f", {max(round(left / 60), 1)} min left" if left is not None and done < total else ""
        self.progress.setText(f"{name}{done} of {total}{minutes}")


def _numbered(label: Any) -> str:
    return f"{9 if label.value == 255 else label.value}  {shown(label.name)}"


def _captioned(caption: str, part: QWidget, width: int) -> QWidget:
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    part.setFixedHeight(24)
    label = words(caption, "note")
    label.setFixedHeight(16)
    layout.addWidget(label)
    layout.addWidget(part)
    if width:
        box.setFixedWidth(width)
    return box
