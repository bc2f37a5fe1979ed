"""Over the Compare workspace: a row for each slot, with the predictions of both aligned by rank."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.shell.context_bar import MOST, NARROW, ContextBar
from vitinspect.app.widgets.layer_delegate import mark_badge
from vitinspect.app.widgets.rows import upright_line, words

HEIGHT, ROW = 68, 32
_AGAINST = 112
WIDE = 1600


class CompareContext(QFrame):
    """Reads both slots, and asks each of them to change."""

    wants_model_file = Signal(str)
    """A or B."""
    wants_model_folder = Signal(str)
    wants_training = Signal()
    wants_texts_saved = Signal(str, str)
    """A or B, and the file for the embeddings of its texts."""
    done = Signal()

    def __init__(self, state: State, results: Results, second: SecondSlot) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._second = second
        self.rows = {"A": SlotRow("A", state, results), "B": SlotRow("B", second.state, second.results)}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 2)
        column.setSpacing(0)
        for slot, row in self.rows.items():
            row.done.connect(self.done)
            row.wants_model_file.connect(lambda slot=slot: self.wants_model_file.emit(slot))
            row.wants_model_folder.connect(lambda slot=slot: self.wants_model_folder.emit(slot))
            row.wants_training.connect(self.wants_training)
            row.wants_texts_saved.connect(lambda path, slot=slot: self.wants_texts_saved.emit(slot, path))
            column.addWidget(row)
        second.results.changed.connect(self._second_changed)

    @Slot(object)
    def _second_changed(self, names: frozenset[str]) -> None:
        if "head_choices" in names and self._second.results.head_choices:
            self.rows["B"].model.ask_head()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(1280, HEIGHT)


class SlotRow(ContextBar):
    """One slot in one line: what the context bar says in two."""

    def __init__(self, slot: str, state: State, results: Results) -> None:
        self.slot = slot
        super().__init__(state, results)
        self.setFixedHeight(ROW)
        self.setAccessibleName(f"Slot {slot}")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(8)
        self._against_part = QWidget()
        against = QHBoxLayout(self._against_part)
        against.setContentsMargins(0, 0, 0, 0)
        against.setSpacing(8)
        against.addWidget(words("against", "note"))
        against.addWidget(self.against)
        self.against.setFixedWidth(_AGAINST)
        self._model_part, self._texts_part = self.model, self.texts
        self.texts.setFixedWidth(116)
        self.runs_on.setFixedWidth(184)
        self.explain.setFixedWidth(132)
        row.addWidget(_Badge(self.slot))
        row.addWidget(self.model)
        row.addWidget(self.runs_on)
        row.addWidget(upright_line())
        row.addWidget(self._texts_part)
        row.addWidget(words("Explain", "note"))
        row.addWidget(self.explain)
        row.addWidget(self._against_part)
        row.addWidget(upright_line())
        # There is no second line, so why there is no prediction is written in the place of the bars.
        self.notice.hide()
        self.silence = words("", "note")
        row.addWidget(self.silence)
        row.addWidget(self.bars, 1)

    def _follow_bars(self) -> None:
        super()._follow_bars()
        there = bool(self.bars.bars)
        self.silence.setText("" if there else self._sentence())
        self.silence.setVisible(not there and not self._awaited())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.bars.most = MOST if self.width() >= WIDE else MOST - 1 if self.width() >= NARROW else MOST - 2
        self._show_against()

    def _follow_target(self) -> None:
        super()._follow_target()
        self._show_against()

    def _show_against(self) -> None:
        """Where there is space, and wherever something is set."""
        self._against_part.setVisible(self.width() >= WIDE or len(self._state.target) > 1)


class _Badge(QWidget):
    def __init__(self, letter: str) -> None:
        super().__init__()
        self._letter = letter
        self.setFixedSize(16, 16)
        self.setAccessibleName(f"Slot {letter}")

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        mark_badge(painter, QRect(0, 0, 16, 16), self._letter)
        painter.end()
