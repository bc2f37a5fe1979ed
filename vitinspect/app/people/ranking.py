"""The tab Ranking: every combination of the methods, what the choice among them is worth, and the winner as a layer."""

from __future__ import annotations

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QFileDialog, QFrame, QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from vitinspect.app.services.people import PeopleService
from vitinspect.app.theme import tokens
from vitinspect.app.widgets.rows import button, note, words


class RankingTab(QWidget):
    """Reads the service, and asks it to rank and to apply."""

    def __init__(self, people: PeopleService) -> None:
        super().__init__()
        self._people = people
        self.said = note("")
        self.rank = button("Rank fusions", people.rank, tip="Every combination of up to three of the layers' methods")
        self.apply = button("Apply the winner to the layers", people.apply_winner)
        self.export = button("Export", self._export, icon="export", tip="Markdown, LaTeX, HTML or CSV, by the ending")
        buttons = QHBoxLayout()
        buttons.setContentsMargins(8, 4, 8, 4)
        for part in (self.rank, self.apply, self.export):
            buttons.addWidget(part)
        buttons.addStretch(1)
        text = QVBoxLayout()
        text.addLayout(buttons)
        text.addWidget(self.said)
        text.addStretch(1)
        holder = QWidget()
        self.table = QGridLayout(holder)
        self.table.setContentsMargins(8, 0, 8, 0)
        self.table.setHorizontalSpacing(24)
        self.table.setVerticalSpacing(0)
        self.table.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidget(holder)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(text, 2)
        row.addWidget(area, 3)
        people.ranked.connect(self.follow)
        people.changed.connect(self._follow_buttons)
        self.follow()

    @Slot()
    def _follow_buttons(self) -> None:
        people = self._people
        self.rank.setEnabled(people.may_rank)
        for part in (self.apply, self.export):
            part.setVisible(people.ranking is not None)

    @Slot()
    def follow(self) -> None:
        from vitinspect.evaluation.ranking import sentences, table_of

        self._follow_buttons()
        while self.table.count():
            item = self.table.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        ranking = self._people.ranking
        if self._people.ranking_now:
            self.said.setText("The combinations are scored from the saved maps; no model runs.")
            return
        if ranking is None:
            self.said.setText("Nothing is ranked yet. It takes an evaluation with two methods or more.")
            return
        self.said.setText("\n".join(sentences(ranking)))
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

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the ranking", "ranking.md", "Tables (*.md *.tex *.html *.csv)"
        )
        if path:
            self._people.export_ranking(path)
