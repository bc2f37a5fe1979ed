"""How far the layers agree: a matrix with named columns, and how far masks of their sizes would by chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from vitinspect.app.widgets import numbers, rows
from vitinspect.app.widgets.matrix import Matrix

WORDS = 280


@dataclass(frozen=True)
class AgreeingLayer:
    """A layer with its place in the list."""

    id: str
    number: int
    name: str

    @property
    def label(self) -> str:
        return f"{self.number}\u00a0{self.name}"


@dataclass(frozen=True)
class Pair:
    """Two layers on one picture; overlaps are shares of the whole picture."""

    first: str
    second: str
    spearman: float
    iou: float
    at_least: float
    """What masks of these sizes must overlap, wherever they lie: the pigeonhole bound."""
    by_chance: float
    observed: float


def in_words(first: str, second: str, pair: Pair) -> str:
    """The pigeonhole numbers of a pair as two sentences."""
    least = (
        f"Masks of these sizes overlap on at least {numbers.percent(pair.at_least)} of the picture wherever they lie"
        if pair.at_least > 0
        else "Masks of these sizes need not overlap at all"
    )
    return (
        f"{first} and {second}: the masks overlap on {numbers.percent(pair.observed)} of the picture "
        f"(IoU {pair.iou:.2f}). {least}, and on {numbers.percent(pair.by_chance)} by chance. "
        f"The ranks of the values correlate by {numbers.number(pair.spearman, 2)} (Spearman)."
    )


class AgreementView(QWidget):
    """A click on a cell describes its pair in words and asks to show the two layers."""

    pair_chosen = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layers: tuple[AgreeingLayer, ...] = ()
        self._pairs: dict[frozenset[str], Pair] = {}
        self._shown: frozenset[str] = frozenset()
        self.matrix = Matrix()
        self.words = rows.words(wrap=True)
        self.words.setFixedWidth(WORDS)
        inside = QWidget()
        inside.setProperty("kind", "panel")
        column = QVBoxLayout(inside)
        column.setContentsMargins(8, 4, 8, 4)
        column.setSpacing(4)
        column.addWidget(self.matrix)
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setWidget(inside)
        caption = rows.note("Above the diagonal: overlap of the masks (IoU). Below: rank correlation of the values.")
        caption.setFixedWidth(WORDS)
        caption.setContentsMargins(0, 0, 0, 0)
        side = QVBoxLayout()
        side.setContentsMargins(8, 8, 8, 8)
        side.setSpacing(8)
        side.addWidget(self.words)
        side.addWidget(caption)
        side.addStretch(1)
        self._there = QWidget()
        line = QHBoxLayout(self._there)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(8)
        line.addWidget(self.area, 100)
        line.addLayout(side)
        line.addStretch(1)
        self.matrix.cell_chosen.connect(self._chosen)
        self.empty = rows.note("At least two shown maps are needed to compare them.")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(self.empty)
        whole.addWidget(self._there, 1)
        self._follow()

    def set_agreement(self, layers: Sequence[AgreeingLayer], pairs: Sequence[Pair]) -> None:
        self._layers = tuple(layers)
        self._pairs = {frozenset((pair.first, pair.second)): pair for pair in pairs}
        if self._shown not in self._pairs:
            # Begin with the pair whose sizes force the most overlap, since its overlap says least.
            first = max(pairs, key=lambda p: (p.at_least, p.by_chance), default=None)
            self._shown = frozenset((first.first, first.second)) if first is not None else frozenset()
        self._follow()

    def _follow(self) -> None:
        there = len(self._layers) > 1 and bool(self._pairs)
        self.empty.setVisible(not there)
        self._there.setVisible(there)
        names = [layer.label for layer in self._layers]
        values = [
            [self._value(a.id, b.id, "iou" if j > i else "spearman") for j, b in enumerate(self._layers)]
            for i, a in enumerate(self._layers)
        ]
        self.matrix.set_values(names, values, tip=self._tip)
        # The words are beside the matrix, however wide the window is.
        self.area.setMaximumWidth(self.matrix.sizeHint().width() + 32)
        pair = self._pairs.get(self._shown)
        self.words.setText(self._words(pair) if pair is not None else "")

    def _value(self, first: str, second: str, name: str) -> float:
        pair = self._pairs.get(frozenset((first, second)))
        return float(getattr(pair, name)) if pair is not None and first != second else nan

    def _name(self, layer: str) -> str:
        return next((a.label for a in self._layers if a.id == layer), layer)

    def _words(self, pair: Pair) -> str:
        return in_words(self._name(pair.first), self._name(pair.second), pair)

    def _tip(self, i: int, j: int) -> str:
        pair = self._pairs.get(frozenset((self._layers[i].id, self._layers[j].id)))
        return self._words(pair) if pair is not None else ""

    def _chosen(self, i: int, j: int) -> None:
        first, second = self._layers[i].id, self._layers[j].id
        if frozenset((first, second)) in self._pairs:
            self._shown = frozenset((first, second))
            self._follow()
            self.pair_chosen.emit(first, second)
