"""Fusing the chosen methods: mode, weights, and how far they agree."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QLabel, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.panels.section import Choice, Slide, form, quiet
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.explainers.registry import methods

MODES = (
    ("geometric", "Geometric mean"),
    ("product", "Product"),
    ("sqrt", "Square root of product"),
    ("arithmetic", "Arithmetic mean"),
    ("harmonic", "Harmonic mean"),
    ("min", "Minimum"),
    ("max", "Maximum"),
    ("rank", "Mean of ranks"),
)
NORMALISATIONS = (
    ("minmax", "Stretched to 0–1"),
    ("percentile", "Between percentiles"),
    ("rank", "Ranks"),
    ("none", "None (raw values)"),
)


class FusionPanel(QWidget):
    """A weight per chosen method; the fused map is one more map on the canvas."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.on = QCheckBox("Show the fused map")
        self.on.setToolTip("Fuse the maps of the chosen methods into one more map")
        self.on.toggled.connect(lambda on: state.set(fusion=on))
        self.mode = Choice(state, "fusion_mode", list(MODES), "How the maps are fused")
        self.scale = Choice(state, "fusion_normalise", list(NORMALISATIONS), "What is done to each map before fusing")
        self.note = quiet()
        self.weights: dict[str, tuple[QLabel, Slide]] = {}
        self._rows = form()
        self._rows.addRow("Mode", self.mode)
        self._rows.addRow("Each map", self.scale)
        self.matrix = AgreementMatrix(results)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.on)
        layout.addLayout(self._rows)
        layout.addWidget(self.note)
        layout.addWidget(self.matrix)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"fusion", "methods", "weights"}:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"fused_maps", "maps", "pending"}:
            self._follow_note()

    def _follow(self) -> None:
        state = self._state
        self.on.blockSignals(True)
        self.on.setChecked(state.fusion)
        self.on.blockSignals(False)
        for method_id in state.methods:
            if method_id not in self.weights:
                self._add_weight(method_id)
        for method_id, (_, slide) in self.weights.items():
            self._rows.setRowVisible(slide, method_id in state.methods)
            slide.set_value(state.weights.get(method_id, 1.0))
        self._follow_note()

    def _add_weight(self, method_id: str) -> None:
        info = methods()[method_id]
        slide = Slide(0, 1, 100, lambda v: f"{v:.2f}", f"Weight of {info.title}; 0 leaves it out", width=32)
        slide.moved.connect(lambda value: self._state.set(weights={**self._state.weights, method_id: round(value, 2)}))
        label = QLabel()
        room = label.fontMetrics()
        label.setText(room.elidedText(short_title(method_id), Qt.TextElideMode.ElideRight, 104))
        label.setToolTip(info.title)
        self.weights[method_id] = (label, slide)
        self._rows.addRow(label, slide)

    def _follow_note(self) -> None:
        count = len(self._results.maps)
        text = ""
        if self._state.fusion and self._results.fused is None:
            text = "Choose at least two methods." if count < 2 else "Give at least two methods a weight."
        self.note.setText(text)
        self.note.setVisible(bool(text))


class AgreementMatrix(QWidget):
    """Each pair once: the overlap of the masks above the diagonal, the rank correlation below."""

    CELL = 34

    def __init__(self, results: Results) -> None:
        super().__init__()
        self._results = results
        self.setFont(theme.tabular(self.font()))
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Agreement of the methods")
        self.hide()
        results.changed.connect(self._changed)

    def _changed(self, names: frozenset[str]) -> None:
        if "agreements" in names:
            self.setVisible(bool(self._results.agreements))
            self.updateGeometry()
            self.update()

    @property
    def ids(self) -> list[str]:
        found: dict[str, None] = {}
        for pair in self._results.agreements:
            found[pair.first] = found[pair.second] = None
        return list(found)

    @property
    def _cell(self) -> tuple[int, int]:
        count = max(1, len(self.ids))
        return min(44, max(22, (self.width() - 72) // count)), 22

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, 22 * (len(self.ids) + 1) + 36)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        small = self.font()
        small.setPixelSize(SMALL_SIZE)
        painter.setFont(small)
        metrics = QFontMetrics(small)
        ids, (width, height) = self.ids, self._cell
        pairs = {(p.first, p.second): p for p in self._results.agreements}
        painter.setPen(QColor(t.quiet))
        painter.drawText(
            QRect(0, 0, self.width(), height),
            Qt.AlignmentFlag.AlignVCenter,
            "Overlap (IoU) above, rank correlation below",
        )
        centre = Qt.AlignmentFlag.AlignCenter
        for i, row in enumerate(ids):
            top = height * (i + 1)
            name = short_title(row)
            painter.setPen(QColor(t.text))
            name = metrics.elidedText(name, Qt.TextElideMode.ElideRight, 68)
            painter.drawText(QRect(0, top, 70, height), Qt.AlignmentFlag.AlignVCenter, name)
            for j, column in enumerate(ids):
                box = QRect(72 + j * width, top, width - 2, height - 2)
                if i == j:
                    painter.fillRect(box, QColor(t.hover))
                    continue
                pair = pairs.get((row, column)) or pairs.get((column, row))
                if pair is None:
                    continue
                value = pair.iou if j > i else pair.spearman
                colour = QColor(t.accent)
                colour.setAlphaF(min(1.0, 0.08 + 0.5 * abs(value)))
                painter.fillRect(box, colour)
                painter.setPen(QColor(t.text))
                painter.drawText(box, centre, f"{value:.2f}".replace("-", "−"))
        painter.setPen(QColor(t.quiet))
        foot = QRect(0, height * (len(ids) + 1), self.width(), 34)
        painter.drawText(foot, int(Qt.AlignmentFlag.AlignTop) | Qt.TextFlag.TextWordWrap, self.footer())

    def footer(self, pair: Any = None) -> str:
        """Of the pair that is bound hardest: what must overlap, what would by chance, what does."""
        pairs = self._results.agreements
        if not pairs:
            return ""
        p = pair or max(pairs, key=lambda q: q.overlap_at_least)
        return (
            f"Overlap {100 * p.overlap_observed:.0f} % of the image; at least {100 * p.overlap_at_least:.0f} % "
            f"by size, {100 * p.overlap_by_chance:.0f} % by chance"
        )

    def mouseMoveEvent(self, event: object) -> None:  # noqa: N802
        ids, (width, height) = self.ids, self._cell
        column = int((event.position().x() - 72) // width)  # type: ignore[attr-defined]
        row = int(event.position().y() // height) - 1  # type: ignore[attr-defined]
        text = ""
        if 0 <= row < len(ids) and 0 <= column < len(ids) and row != column:
            wanted = {ids[row], ids[column]}
            pair = next((p for p in self._results.agreements if {p.first, p.second} == wanted), None)
            if pair is not None:
                maps = self._results.maps
                names = [maps[key].title for key in (pair.first, pair.second) if key in maps]
                text = f"{' and '.join(names)}\n{self.footer(pair)}\nIoU {pair.iou:.3f}, Spearman {pair.spearman:.3f}"
        self.setToolTip(text)


def short_title(method_id: str) -> str:
    """The short name of a method where it has one."""
    info = methods()[method_id]
    return info.short or info.title
