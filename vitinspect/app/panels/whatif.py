"""What if a region were not there: the brush, and the probabilities before and after."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.panels.display import bound_check
from vitinspect.app.panels.section import Choice, Slide, form, quiet
from vitinspect.app.services.extras import Extras
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

ROW = 22


class WhatIfPanel(QWidget):
    """Brush and bars."""

    def __init__(self, state: State, results: Results, extras: Extras, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        tip = "Drag over the picture to paint a region out (B)"
        self.on = bound_check(state, "brushing", "Brush on the picture", tip)
        self.fill = Choice(
            state,
            "brush_fill",
            [("mean", "Mean colour"), ("blur", "Blur"), ("black", "Black")],
            "What stands where it was painted",
        )
        self.width_slider = Slide(
            1, 60, 59, lambda v: f"{v:.0f} %", "Width of the brush, of the picture's shorter side"
        )
        self.width_slider.moved.connect(lambda value: state.set(brush_size=round(value)))
        self.width_slider.set_value(state.brush_size)
        self.reset = QPushButton("Reset")
        self.reset.setToolTip("The picture as it is (X)")
        self.reset.clicked.connect(extras.reset_brush)
        self.bars = Changes(results)
        self.note = quiet("Paint over the picture to see the probabilities change.")
        rows = form()
        rows.addRow("Fill", self.fill)
        rows.addRow("Brush", self.width_slider)
        first = QHBoxLayout()
        first.addWidget(self.on, 1)
        first.addWidget(self.reset)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addLayout(rows)
        layout.addWidget(self.note)
        layout.addWidget(self.bars)
        self._results = results
        results.changed.connect(self._changed)
        state.changed.connect(
            lambda names: self.width_slider.set_value(state.brush_size) if "brush_size" in names else None
        )
        self._follow()

    @Slot(object)
    def _changed(self, names: frozenset[str]) -> None:
        if names & {"probed", "painted", "predictions"}:
            self._follow()

    def _follow(self) -> None:
        self.reset.setEnabled(self._results.painted is not None)
        self.bars.setVisible(self._results.probed is not None)
        self.note.setVisible(self._results.probed is None)
        self.bars.update()


class Changes(QWidget):
    """The classes that matter before or after, each with its two probabilities."""

    def __init__(self, results: Results) -> None:
        super().__init__()
        self._results = results
        self.setFont(theme.tabular(self.font()))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Probabilities before and after")

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, 6 * ROW)

    def rows(self) -> list[tuple[str, float, float]]:
        """Label, probability before, probability after: the top classes of both, best before first."""
        results = self._results
        if results.probed is None or results.probabilities is None or results.card is None:
            return []
        before, after = results.probabilities, results.probed.probabilities
        first = sorted(range(len(before)), key=lambda i: -before[i])[:3]
        second = sorted(range(len(after)), key=lambda i: -after[i])[:3]
        chosen = list(dict.fromkeys([*results.target, *first, *second]))[:5]
        return [(results.card.label(i), float(before[i]), float(after[i])) for i in chosen]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        metrics = QFontMetrics(self.font())
        figures = metrics.horizontalAdvance("100.0 → 100.0 %") + 4
        painter.setPen(QColor(t.quiet))
        painter.drawText(QRect(0, 0, self.width(), ROW), int(Qt.AlignmentFlag.AlignVCenter), "Before → painted")
        for i, (label, before, after) in enumerate(self.rows(), 1):
            area = QRect(0, i * ROW, self.width(), ROW)
            room = self.width() - figures
            quiet_bar, bar = QColor(t.quiet), QColor(t.accent)
            quiet_bar.setAlpha(60)
            bar.setAlpha(130)
            painter.fillRect(QRect(0, area.top() + 2, max(1, round(room * before)), ROW - 4), quiet_bar)
            painter.fillRect(QRect(0, area.top() + 7, max(1, round(room * after)), ROW - 14), bar)
            painter.setPen(QColor(t.text))
            name = metrics.elidedText(label, Qt.TextElideMode.ElideRight, room - 8)
            painter.drawText(area.adjusted(6, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), name)
            painter.drawText(
                area,
                int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight),
                f"{100 * before:.1f} → {100 * after:.1f} %",
            )
