"""The tab Scores: every statistic of the selected layer against each person and the consensus."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.app.services.people import PeopleService
from vitinspect.app.theme import tokens
from vitinspect.app.widgets.rows import scrolled, words
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.evaluation.among_people import STATISTICS
from vitinspect.names import shown

TIPS = {
    "dice": "1 for two empty masks, as among people",
    "f1": "0 for two empty masks, as in the tables of an evaluation",
    "pixel_accuracy": "The share of all pixels that are right",
    "pixel_accuracy_vitmix": "What the ViTmiX script calls pixel accuracy: the recall",
    "average_precision": "Average precision of the map, over all its thresholds",
    "best_iou": "The highest IoU of any threshold",
    "best_level": "The value of the map at which it is cut for the best IoU",
    "boundary_f1": "F1 of the outlines, within 0.75 % of the diagonal",
}


class ScoresTab(QWidget):
    """Reads the service."""

    def __init__(self, people: PeopleService) -> None:
        super().__init__()
        self._people = people
        self.of_picture = True
        self.title = words("", "quiet")
        self.scope = Segments(
            (
                Segment(True, "This picture", tip="The picture of the window alone"),
                Segment(False, "All pictures", tip="Means over the pictures that each person drew"),
            ),
            name="Which pictures",
        )
        self.scope.set_value(True)
        self.scope.chosen.connect(self._choose)
        holder = QWidget()
        self.table = QGridLayout(holder)
        self.table.setContentsMargins(8, 0, 8, 4)
        self.table.setHorizontalSpacing(20)
        self.table.setVerticalSpacing(0)
        self.table.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        area = scrolled(holder)
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 4)
        head.setSpacing(8)
        head.addWidget(self.scope)
        head.addWidget(self.title)
        head.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(area, 1)
        people.changed.connect(self.follow)
        people.picture_ready.connect(self.follow)
        self.follow()

    def _choose(self, of_picture: bool) -> None:
        self.of_picture = of_picture
        self.follow()

    def rows(self) -> Mapping[str, Mapping[str, float]]:
        """Annotator, or the way of the consensus, to the statistics that are shown."""
        found, chosen = self._people.found, self._people.chosen
        among = found.among if found is not None else None
        if among is None or chosen not in among.maps:
            return {}
        if not self.of_picture:
            return among.means(chosen)
        one = self._people.on_screen()
        return one.maps[chosen] if one is not None else {}

    @Slot()
    def follow(self) -> None:
        while self.table.count():
            item = self.table.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        rows = self.rows()
        if not rows:
            self.title.setText("No picture with masks is evaluated, or this one is not.")
            return
        self.title.setText(f"{self._people.chosen}, at its threshold, against each person and the consensus")
        heads = ["Against", *STATISTICS.values(), *([] if self.of_picture else ["Pictures"])]
        for column, head in enumerate(heads):
            label = self._cell(0, column, head, "note")
            label.setToolTip(TIPS.get(list(STATISTICS)[column - 1], "") if 0 < column <= len(STATISTICS) else "")
        for number, (who, values) in enumerate(rows.items(), 1):
            name = f"{who} (consensus)" if who == self._people.how else shown(who)
            cells = [f"{values[key]:.3g}" if key == "best_level" else f"{values[key]:.3f}" for key in STATISTICS]
            cells += [] if self.of_picture else [f"{values['pictures']:.0f}"]
            for column, text in enumerate((name, *cells)):
                self._cell(number, column, text)

    def _cell(self, row: int, column: int, text: str, kind: str = "") -> QWidget:
        label = words(text, kind)
        label.setFixedHeight(tokens.TABLE_ROW_HEIGHT)
        side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
        label.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        self.table.addWidget(label, row, column)
        return label
