"""The tab Ranking: every combination of the methods, how reliable the choice of one is, and the winner as a layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.services.people import PeopleService
from vitinspect.app.theme import tokens
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox
from vitinspect.app.widgets.rows import button, note, scrolled, words
from vitinspect.evaluation.ranking import SCORES
from vitinspect.fusion import MODES
from vitinspect.maps import NORMALISATIONS


class RankingTab(QWidget):
    """Reads the service, and asks it to rank and to apply."""

    def __init__(self, people: PeopleService) -> None:
        super().__init__()
        self._people, self._ranking = people, people.ranking
        self.notice = note("")
        self.notice.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.score = Choice(
            [(key, column.title.removesuffix(" (%)")) for key, column in SCORES.items()],
            name="Score",
            tip="What the combinations are ranked by",
        )
        self.thresholds = QLineEdit()
        self.thresholds.setFixedHeight(tokens.FIELD_HEIGHT)
        self.thresholds.setAccessibleName("Thresholds")
        self.thresholds.setToolTip(
            "How maps are cut: otsu, mean, fixed=0.5, percentile=75, top_fraction=0.2, mean_std=1"
        )
        self.fuse = Choice(
            [*((mode, mode.replace("_", " ").capitalize()) for mode in MODES), (",".join(MODES), "All of them")],
            name="Fused by",
            tip="How maps are fused",
        )
        self.normalise = Choice(
            [(one, one.replace("_", " ")) for one in NORMALISATIONS],
            name="Normalisation",
            tip="What is done to each map before maps are fused",
        )
        self.weights = CheckBox("Weights", tip="Also with double weight for one of the methods")
        self.rank = button("Rank fusions", people.rank, tip="Every combination of up to three of the layers' methods")
        self.copy = button("Copy as command", self._copy, icon="copy", tip="The command line that does the same")
        self.apply = button("Apply the winner to the layers", self._ranking.apply_winner)
        self.export = button("Export", self._export, icon="export", tip="Markdown, LaTeX, HTML or CSV, by the ending")
        self._lay_out()
        for part, name in (
            (self.score, "score"),
            (self.fuse, "fuse"),
            (self.normalise, "normalisation"),
            (self.weights, "weights"),
        ):
            part.chosen.connect(lambda value, name=name: self._set(**{name: value}))
        self.thresholds.editingFinished.connect(lambda: self._set(thresholds=self.thresholds.text()))
        self._ranking.changed.connect(self.follow)
        people.changed.connect(self._follow_controls)
        self.follow()

    def _lay_out(self) -> None:
        fields = QHBoxLayout()
        fields.setContentsMargins(8, 4, 8, 4)
        fields.setSpacing(8)
        for caption, part, width in (
            ("Score", self.score, 124),
            ("Thresholds", self.thresholds, 112),
            ("Fused by", self.fuse, 100),
            ("Normalisation", self.normalise, 92),
        ):
            part.setFixedWidth(width)
            fields.addWidget(words(caption, "quiet"))
            fields.addWidget(part)
        fields.addWidget(self.weights)
        fields.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(8, 0, 8, 4)
        buttons.setSpacing(8)
        for one in (self.rank, self.apply, self.export, self.copy):
            buttons.addWidget(one)
        buttons.addStretch(1)
        text = QVBoxLayout()
        text.addWidget(self.notice)
        text.addStretch(1)
        left, holder = QWidget(), QWidget()
        left.setLayout(text)
        self.table = QGridLayout(holder)
        self.table.setContentsMargins(8, 0, 8, 0)
        self.table.setHorizontalSpacing(16)
        self.table.setVerticalSpacing(0)
        self.table.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(scrolled(left), 1)
        row.addWidget(scrolled(holder), 2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(fields)
        column.addLayout(buttons)
        column.addLayout(row, 1)

    def _set(self, **changes: Any) -> None:
        by = replace(self._ranking.by, **changes)
        if by != self._ranking.by:
            self._ranking.set_by(by)

    @Slot()
    def _follow_controls(self) -> None:
        by, ranking = self._ranking.by, self._ranking
        self.score.set_value(by.score)
        self.fuse.set_value(by.fuse)
        self.normalise.set_value(by.normalisation)
        self.weights.set_value(by.weights)
        if self.thresholds.text() != by.thresholds and not self.thresholds.hasFocus():
            self.thresholds.setText(by.thresholds)
        self.thresholds.setEnabled(by.score != "average_precision")
        self.rank.setEnabled(self._people.may_rank)
        self.copy.setEnabled(self._people.settings() is not None)
        for part in (self.apply, self.export):
            part.setEnabled(ranking.found is not None and not ranking.running)

    @Slot()
    def follow(self) -> None:
        from vitinspect.evaluation.ranking import sentences, table_of

        self._follow_controls()
        while self.table.count():
            item = self.table.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        ranking = self._ranking.found
        if self._ranking.running:
            self.notice.setText("The combinations are scored from the saved maps; no model runs.")
            return
        if ranking is None:
            self.notice.setText("Nothing is ranked yet: evaluate the folder with two methods or more.")
            return
        self.notice.setText("\n".join(sentences(ranking)))
        self.apply.setToolTip(ranking.candidates[ranking.winner].name)
        found = table_of(ranking)
        row = 0
        for title, lines in found.blocks:
            self._cell(row, 0, title, "note")
            for column, head in enumerate(found.columns, 1):
                self._cell(row, column, head.title, "note", right=True)
            for one in lines:
                row += 1
                self._cell(row, 0, one.heads[0])
                for column, cell in enumerate(one.cells, 1):
                    self._cell(row, column, f"{cell.text} {cell.interval}".strip(), right=True)
            row += 1

    def _cell(self, row: int, column: int, text: str, kind: str = "", *, right: bool = False) -> None:
        label = words(text, kind)
        label.setFixedHeight(tokens.TABLE_ROW_HEIGHT)
        side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
        label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self.table.addWidget(label, row, column)

    def _copy(self) -> None:
        settings = self._people.settings()
        if settings is not None:
            QGuiApplication.clipboard().setText(self._ranking.by.command(settings.folder))

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the ranking", "ranking.md", "Tables (*.md *.tex *.html *.csv)"
        )
        if path:
            self._ranking.export(path)
