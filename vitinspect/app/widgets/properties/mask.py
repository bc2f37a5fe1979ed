"""What is known about a mask, how a consensus is made, and whether maps are scored against it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.properties.choices import CONSENSUS_WAYS


class MaskForm(QWidget):
    """``way_chosen`` for a consensus; ``scoring_wanted`` when the button is pressed."""

    way_chosen = Signal(str)
    scoring_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.about = rows.note()
        self.way = Choice(CONSENSUS_WAYS, name="Made by", tip="How one mask is made of those of several annotators")
        self.scoring = rows.button("Score against this mask", self.scoring_wanted.emit)
        self.scoring.setCheckable(True)
        self._way_row = rows.PropertyRow("Made by", self.way)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 8)
        column.setSpacing(0)
        column.addWidget(rows.heading("Mask"))
        column.addWidget(self.about)
        column.addWidget(self._way_row)
        line = QHBoxLayout()
        line.setContentsMargins(8, 4, 8, 0)
        line.addWidget(self.scoring)
        line.addStretch(1)
        column.addLayout(line)
        self.way.chosen.connect(lambda value: self.way_chosen.emit(value))

    def set_values(self, about: str, way: str, *, scored: bool, chosen: bool, there: bool) -> None:
        """Show these, without a signal. ``way`` is empty for a mask that is not a consensus."""
        self.about.setText(about)
        self._way_row.setVisible(bool(way))
        if way:
            self.way.set_value(way)
        self.scoring.setEnabled(there)
        self.scoring.setChecked(chosen)
        self.scoring.setText("Scored against this mask" if scored or chosen else "Score against this mask")
