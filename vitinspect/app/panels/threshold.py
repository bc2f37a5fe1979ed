"""Where a map is cut into a mask: a mode, a slider, and the histogram with a line that can be dragged."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.labels import format_value
from vitinspect.app.panels.display import bound_check
from vitinspect.app.panels.section import Choice, Slide, form, quiet
from vitinspect.app.services.derived_maps import CUTS
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import SMALL_SIZE

MODES = (
    ("otsu", "Otsu"),
    ("fixed", "Level of the range"),
    ("percentile", "Percentile"),
    ("top_fraction", "Top share of the image"),
    ("mean", "Mean"),
    ("mean_std", "Mean + k · std"),
)
STEPS = 200


class ThresholdPanel(QWidget):
    """All of it concerns every map shown; figures and histogram are those of the active one."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.outline = bound_check(
            state, "outline", "Outline on the picture", "Draw the rim of what is above the level"
        )
        self.mode = Choice(state, "threshold_mode", list(MODES), "How the level is found")
        self.slide = Slide(0, 1, STEPS, self._show_value, "The level")
        self.slide.moved.connect(lambda value: state.set(threshold_value=value))
        self.histogram = Histogram()
        self.histogram.dragged.connect(self._dragged)
        self.figures = quiet()
        self.figures.setFont(theme.tabular(self.figures.font()))
        rows = form()
        rows.addRow("Level by", self.mode)
        rows.addRow("Value", self.slide)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.outline)
        layout.addLayout(rows)
        layout.addWidget(self.histogram)
        layout.addWidget(self.figures)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow_mode()

    def _show_value(self, value: float) -> str:
        mode = self._state.threshold_mode
        if mode == "percentile":
            return f"{value:.0f} %"
        return f"{100 * value:.0f} %" if mode == "top_fraction" else f"{value:.2f}"

    def _active(self) -> ShownMap | None:
        return self._results.active_map(self._state.active)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "threshold_mode" in names:
            _, _, low, high, begin = CUTS[self._state.threshold_mode]
            if not low <= self._state.threshold_value <= high or "threshold_value" not in names:
                self._state.set(threshold_value=begin)
            self._follow_mode()
        if "threshold_value" in names:
            self.slide.set_value(self._state.threshold_value)
        if "active" in names:
            self._follow_map()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"cuts", "maps", "fused_maps", "shown_layers"}:
            self._follow_map()

    def _follow_mode(self) -> None:
        name, _, low, high, _ = CUTS[self._state.threshold_mode]
        self.slide.set_range(low, high)
        self.slide.set_value(self._state.threshold_value)
        self.slide.setEnabled(bool(name))

    def _follow_map(self) -> None:
        shown = self._active()
        cut = self._results.cuts.get(shown.id) if shown is not None else None
        self.histogram.show_map(shown, cut.level if cut is not None else None)
        if shown is None or cut is None:
            self.figures.setText("No map yet")
        else:
            self.figures.setText(
                f"{shown.title}: {100 * cut.share:.1f} % of what the model sees lies above {format_value(cut.level)}"
            )

    def _dragged(self, level: float) -> None:
        """The line was dragged to a raw value: that is a level of the range."""
        shown = self._active()
        if shown is None:
            return
        low, high = float(shown.heat.fine.min()), float(shown.heat.fine.max())
        share = (level - low) / (high - low) if high > low else 0.0
        self._state.set(threshold_mode="fixed", threshold_value=min(1.0, max(0.0, share)), outline=True)


class Histogram(QWidget):
    """How often each value is in the map, and a line at the level."""

    dragged = Signal(float)
    BINS = 96

    def __init__(self) -> None:
        super().__init__()
        self._shown: ShownMap | None = None
        self._counts: list[float] = []
        self._low = self._high = 0.0
        self._level: float | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self.setToolTip("How often each value is in the map; drag to move the level")
        self.setAccessibleName("Histogram of the map")

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, 88)

    def show_map(self, shown: ShownMap | None, level: float | None) -> None:
        if shown is not self._shown:
            self._shown = shown
            self._count()
        self._level = level
        self.update()

    def _count(self) -> None:
        self._counts = []
        if self._shown is None:
            return
        import numpy as np

        fine = self._shown.heat.fine
        self._low, self._high = float(fine.min()), float(fine.max())
        if not self._high > self._low:
            return
        # All bins have one width, so that no search is needed to find a value's bin.
        bins = ((fine - self._low) * (self.BINS / (self._high - self._low))).astype(np.intp)
        counts = np.bincount(np.minimum(bins, self.BINS - 1).reshape(-1), minlength=self.BINS)
        # Square roots, so that the few high values, which matter most, are seen beside the many low ones.
        roots = np.sqrt(counts)
        self._counts = (roots / roots.max()).tolist()

    def _x(self, value: float) -> float:
        return (value - self._low) / (self._high - self._low) * (self.width() - 1)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        plot = QRectF(0, 0, self.width(), self.height() - 18)
        painter.fillRect(plot, QColor(t.panel))
        small = theme.tabular(self.font())
        small.setPixelSize(SMALL_SIZE)
        painter.setFont(small)
        foot = QRectF(0, plot.bottom() + 2, self.width(), 16)
        if not self._counts:
            painter.setPen(QColor(t.quiet))
            text = "All values of this map are the same" if self._shown is not None else ""
            painter.drawText(plot, Qt.AlignmentFlag.AlignCenter, text)
            return
        level = self._level if self._level is not None else float("inf")
        width = self.width() / len(self._counts)
        for i, share in enumerate(self._counts):
            middle = self._low + (i + 0.5) / len(self._counts) * (self._high - self._low)
            bar = QRectF(i * width, plot.bottom() - share * (plot.height() - 4), width, share * (plot.height() - 4))
            painter.fillRect(bar, QColor(t.accent if middle > level else t.quiet))
        painter.setPen(QColor(t.quiet))
        painter.drawText(foot, Qt.AlignmentFlag.AlignLeft, format_value(self._low))
        painter.drawText(foot, Qt.AlignmentFlag.AlignRight, format_value(self._high))
        if self._level is not None:
            x = min(max(self._x(self._level), 0.5), self.width() - 1.5)
            painter.setPen(QPen(QColor(t.text), 1.5))
            painter.drawLine(QPointF(x, 0), QPointF(x, plot.bottom()))
            painter.drawText(foot, Qt.AlignmentFlag.AlignHCenter, format_value(self._level))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._drag(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event)

    def _drag(self, event: QMouseEvent) -> None:
        if self._counts:
            share = min(1.0, max(0.0, event.position().x() / max(1, self.width() - 1)))
            self.dragged.emit(self._low + share * (self._high - self._low))
