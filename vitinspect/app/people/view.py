"""The middle of the People workspace: the table of pictures, and the figures that follow from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vitinspect.annotation.ceiling_figure import Point, points_of, points_on
from vitinspect.app.people.charts import BoxPlots, CeilingChart
from vitinspect.app.people.table import GAP, MASKS, PEOPLE, PictureColumn, PictureRow, PictureTable
from vitinspect.app.services.people import PeopleService
from vitinspect.app.services.people_look import Found
from vitinspect.app.session.state import State
from vitinspect.app.widgets import numbers
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.curve_chart import Curve, CurveChart
from vitinspect.app.widgets.empty_state import EmptyState
from vitinspect.app.widgets.matrix import Matrix
from vitinspect.app.widgets.rows import button, heading, icon_button, line, scrolled, words
from vitinspect.app.widgets.scatter import Dot, Scatter
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.evaluation.people_report import interval_words
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.evaluation.among_people import OnPicture

SCORES = ("dice", "iou", "f1", "precision", "recall", "pixel_accuracy", "pixel_accuracy_vitmix", "average_precision",
          "best_iou", "boundary_f1")  # fmt: skip
"""The scores of maps that the table can show; for people with each other it is Dice."""
MEASURES = {
    "dice": "Dice",
    "iou": "IoU",
    "kappa": "Cohen's kappa",
    "precision": "Precision",
    "recall": "Recall",
    "hd95_pooled": "HD95, both ways (px)",
    "hd95_max": "HD95, larger way (px)",
    "nsd": "Surface Dice, 2 px",
    "boundary_f1": "Boundary F1, 2 px",
}
DISTANCES = ("hd95_pooled", "hd95_max")
LONG_NAME = 12
"""Letters of a map's name that fit above a column of numbers."""
MOST_MATRIX, MOST_CEILING = 170, 194
"""Pixels that the matrix and the figure of many people keep in a low window; they scroll there."""


class PeopleView(QFrame):
    """Reads the service; asks the state for another picture or layer. ``thumbnail`` gives a picture by its path."""

    def __init__(self, people: PeopleService, state: State, thumbnail: Callable[[str], Any]) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self._people, self._state = people, state
        self.score = "dice"
        self.of_picture = False
        self.table = PictureTable()
        self.table.chosen.connect(lambda picture: state.set(image=picture))
        self.table.selection_changed.connect(self._selected)
        self.export = icon_button(
            "export", "Export the table", self._export, tip="The selected pictures, or all that are shown, as CSV"
        )
        self.title = words("Pictures", "section")
        self.counted = words("", "quiet")
        self.counted.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("filter by name")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Filter pictures by name")
        self.filter.setMaximumWidth(150)
        self.filter.textChanged.connect(self._filter)
        self.ceiling = CeilingChart()
        self.ceiling.chosen.connect(self._choose_map)
        self.scope = Segments(
            (
                Segment(False, "All pictures", tip="Means over the pictures that two people or more drew"),
                Segment(True, "This picture", tip="The picture of the window alone"),
            ),
            name="Which pictures",
        )
        self.scope.set_value(False)
        self.scope.chosen.connect(self._scope)
        self.sentence = words("", wrap=True)
        self.sentence.setContentsMargins(8, 4, 8, 8)
        self.sentence.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.evaluate = button("Evaluate this folder", people.start, main=True)
        self.matrix = Matrix()
        self.measure = Choice(
            list(MEASURES.items()), name="Measure of agreement", tip="The measure that the matrix shows for each pair"
        )
        self.region = Choice(
            (("frame", "Frame"), ("box", "Box")),
            name="Region",
            tip="The whole frame, or the box around what the two mark: kappa depends on how much background there is",
        )
        for choice in (self.measure, self.region):
            choice.chosen.connect(lambda _: self._show_agreement())
        self.reliability = words("", "note", wrap=True)
        self.reliability.setContentsMargins(8, 0, 8, 4)
        self.scatter = Scatter(thumbnail)
        self.scatter.chosen.connect(lambda picture: state.set(image=picture))
        self.boxes = BoxPlots()
        self.curves = CurveChart("Dice over all thresholds", x_label="level, % of the map's range", y_label="Dice")
        self.across, self.up = Choice((), name="Across"), Choice((), name="Up")
        for choice in (self.across, self.up):
            choice.chosen.connect(lambda _: self._show_scatter())
        self.figures = Segments(
            (
                Segment("scatter", "Scatter", tip="Two columns against each other; a click opens the picture"),
                Segment("boxes", "Boxes", tip="The scores of each map over the pictures"),
                Segment("curves", "Curve", tip="Mean Dice over all thresholds"),
            ),
            name="Figure",
        )
        self.figures.set_value("scatter")
        self.figures.chosen.connect(self._choose_figure)
        self._stack = QStackedWidget()
        self._lay_out()
        people.changed.connect(self.follow)
        state.changed.connect(self._state_changed)
        self.follow()

    def _lay_out(self) -> None:
        self.empty = EmptyState(on_canvas=False)
        left = QWidget()
        column = _column(left)
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 4)
        head.setSpacing(8)
        head.addWidget(self.title)
        head.addWidget(self.counted, 1)
        head.addWidget(self.filter)
        head.addWidget(self.export)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        self.legend = words("", "note", wrap=True)
        self.legend.setContentsMargins(8, 4, 8, 4)
        column.addWidget(line())
        column.addWidget(self.legend)

        middle = QWidget()
        column = _column(middle)
        head = QHBoxLayout()
        head.setContentsMargins(0, 4, 8, 0)
        self.above = heading("")
        head.addWidget(self.above)
        head.addStretch(1)
        head.addWidget(self.scope)
        column.addLayout(head)
        self.ceiling_area = scrolled(self.ceiling)
        column.addWidget(self.ceiling_area, 3)
        column.addWidget(self.sentence)
        self.begin = QWidget()
        begin = QHBoxLayout(self.begin)
        begin.setContentsMargins(8, 0, 8, 8)
        begin.addWidget(self.evaluate)
        begin.addStretch(1)
        column.addWidget(self.begin)
        column.addWidget(line())
        below = self.below = _Beside(self._arrange)
        agreement = QWidget()
        inside = _column(agreement)
        ways = QHBoxLayout()
        ways.setContentsMargins(0, 4, 8, 4)
        ways.setSpacing(8)
        self.measure.setMaximumWidth(200)
        self.region.setMaximumWidth(72)
        ways.addWidget(heading("Agreement"))
        ways.addWidget(self.measure, 2)
        ways.addWidget(self.region, 1)
        ways.addStretch(0)
        inside.addLayout(ways)
        inside.addWidget(self.reliability)
        self.matrix_area = scrolled(self.matrix)
        inside.addWidget(self.matrix_area, 1)
        below.addWidget(agreement)
        pictures = self.pictures = QWidget()
        inside = _column(pictures)
        bar = QHBoxLayout()
        bar.setContentsMargins(8, 4, 8, 2)
        bar.addWidget(self.figures)
        bar.addStretch(1)
        inside.addLayout(bar)
        self.chart = QStackedWidget()
        scatter = QWidget()
        plot = _column(scatter)
        axes = QHBoxLayout()
        axes.setContentsMargins(8, 0, 8, 2)
        axes.setSpacing(8)
        axes.addWidget(self.across, 1)
        axes.addWidget(words("by", "quiet"))
        axes.addWidget(self.up, 1)
        plot.addLayout(axes)
        plot.addWidget(self.scatter, 1)
        self._charts = {"scatter": scatter, "boxes": self.boxes, "curves": self.curves}
        for chart in self._charts.values():
            self.chart.addWidget(chart)
        inside.addWidget(self.chart, 1)
        below.addWidget(pictures)
        below.setStretchFactor(0, 1)
        below.setStretchFactor(1, 1)
        below.setChildrenCollapsible(False)
        column.addWidget(below, 2)

        self.split = QSplitter(Qt.Orientation.Horizontal)
        self.split.addWidget(left)
        self.split.addWidget(middle)
        self.split.setChildrenCollapsible(False)
        self.split.setStretchFactor(0, 1)
        self.split.setStretchFactor(1, 1)
        self.split.setSizes([4700, 5300])
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.split)
        _column(self).addWidget(self._stack)
        self.setFocusProxy(self.table)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and names & {"image", "selected"}:
            self.follow()

    def set_score(self, score: str) -> None:
        self.score = score
        self.follow()

    @Slot()
    def follow(self) -> None:
        found = self._people.found
        of_maps = found is not None and found.among is not None
        for part in (self.scope, self.legend, self.pictures):
            part.setVisible(of_maps)
        if found is None or found.among is None or found.ceiling is None:
            self._without_maps(found)
            return
        self.begin.hide()
        self.above.setText("Map among the people")
        self._stack.setCurrentWidget(self.split)
        columns, rows = self._rows(found)
        self.table.set_rows(columns, rows, self._state.image)
        count = len(rows)
        self._count()
        self.legend.setText(f"● people with each other   ■ {self._people.chosen} with people; Dice")
        self._show_ceiling()
        self._show_agreement()
        axes = {column.id: column for column in columns if column.id != "name"}
        for choice, wanted in ((self.across, PEOPLE), (self.up, f"map {self._people.chosen}")):
            before = choice.value
            choice.set_items([(column.id, column.title) for column in axes.values()])
            for column in axes.values():
                choice.set_short(column.id, column.head or column.title)
            choice.set_value(before if before in axes else wanted)
        self._show_scatter()
        statistic = _title(self.score)
        self.boxes.set_values(
            [(name, [self._score(one, name) for one in found.among.pictures]) for name in found.among.maps],
            f"{statistic} with people over {count} pictures",
            self._heads(),
        )
        against = self._people.against or found.among.how
        self.curves.set_curves(
            [
                Curve(place + 1, name, np.linspace(0, 100, len(curve)).tolist(), curve.tolist(), place)
                for place, name in enumerate(found.among.maps)
                if len(curve := found.among.curve(name, against))
            ]
        )

    def _without_maps(self, found: Found | None) -> None:
        """How well people agree with each other, and what is needed to compare maps with them."""
        people = found.agreement.ceiling if found is not None else None
        self._say_why(found)
        self.above.setText("People with each other")
        if found is None or people is None:
            self._stack.setCurrentWidget(self.empty)
            return
        columns = [
            PictureColumn("name", "Picture"),
            PictureColumn(PEOPLE, "People", "Mean Dice of people with each other"),
            PictureColumn(MASKS, "Masks", "How many people drew the picture"),
        ]
        rows = []
        for number, image in enumerate(people.pictures):
            path = found.path_of(image)
            drawn = sum(image in own for own in found.gathered.masks.values())
            values = {PEOPLE: float(people.people_by_picture[number]), MASKS: float(drawn)}
            rows.append(PictureRow(str(path), shown(path.stem), values))
        self.table.set_rows(columns, rows, self._state.image)
        self._count()
        self._set_points(points_of(people), interval_words(people))
        self.sentence.setText(" ".join(text for text in (self.empty.sentence.text(), self.empty.hint.text()) if text))
        self.begin.setVisible(self._people.settings() is not None and not self._people.process.running)
        self._show_agreement()
        self._stack.setCurrentWidget(self.split)

    def _say_why(self, found: Found | None) -> None:
        people = self._people
        settings = people.settings()
        if people.data is None:
            self.empty.say("Open a folder of pictures with people's masks.")
        elif found is None or people.process.running:
            self.empty.say(
                "The evaluation is running: its results appear here picture by picture."
                if people.process.running
                else "Reading the masks and the maps of the folder."
            )
        elif not found.gathered.masks:
            self.empty.say(
                "There are no masks of people in this folder.",
                f"Draw them in the Masks workspace; they belong in masks/NAME of {shown(people.data)}.",
                *(
                    (("Include the masks left out", lambda: people.set_everything(True)),)
                    if found.gathered.left_out
                    else ()
                ),
            )
        elif settings is None:
            self.empty.say(people.why_not or "The model is not loaded yet.")
        else:
            who = len(found.gathered.masks)
            people_ = "1 person" if who == 1 else f"{who} people"
            self.empty.say(
                f"{people_} drew masks here. An evaluation compares the layers with them.",
                "It computes the layers' maps for every picture of the folder, and can be cancelled and continued.",
                ("Evaluate this folder", people.start),
            )

    # --- the table ---------------------------------------------------------------------------------------------------

    def _score(self, one: OnPicture, name: str) -> float:
        """A map's score on a picture: its mean over the people, or with the one that was chosen."""
        values = one.maps[name]
        who = self._people.against
        if who:
            return values[who][self.score] if who in values else math.nan
        return float(np.mean([values[person][self.score] for person in one.annotators]))

    def _rows(self, found: Found) -> tuple[list[PictureColumn], list[PictureRow]]:
        assert found.among is not None
        assert found.ceiling is not None
        chosen = self._people.chosen
        statistic, heads = _title(self.score), self._heads()
        with_whom = self._people.against or "people"
        columns = [
            PictureColumn("name", "Picture"),
            PictureColumn(PEOPLE, "People", "Mean Dice of people with each other"),
            PictureColumn(GAP, "Gap", f"Dice of people with each other minus that of {chosen} with people"),
            *(
                PictureColumn(
                    f"map {name}",
                    name,
                    f"{statistic} of {name} with {with_whom}",
                    heads.get(name, ""),
                    0 if name == chosen else 1,
                )
                for name in found.among.maps
            ),
            *(
                PictureColumn(f"who {who}", shown(who), f"{statistic} of {chosen} with {shown(who)}", rank=3)
                for who in found.among.annotators
            ),
            PictureColumn(MASKS, "Masks", "How many people drew the picture", rank=2),
        ]
        rows = []
        place = found.among.maps.index(chosen) if chosen in found.among.maps else 0
        for number, one in enumerate(found.among.pictures):
            people = float(found.ceiling.people_by_picture[number])
            own = float(found.ceiling.maps_by_picture[place, number])
            values = {PEOPLE: people, GAP: people - own, MASKS: float(len(one.annotators))}
            values |= {f"map {name}": self._score(one, name) for name in found.among.maps}
            if chosen in one.maps:
                values |= {f"who {who}": one.maps[chosen][who][self.score] for who in one.annotators}
            rows.append(PictureRow(str(one.path), shown(one.path.stem), values, (people, own)))
        return columns, rows

    def _heads(self) -> dict[str, str]:
        """Instead of a long name, where there is little room, the layer's number, which the list of layers shows."""
        pairs = zip(self._people.layers(), self._people.candidates(), strict=True)
        return {one.name: f"Layer {self._state.number(layer.id)}" for layer, one in pairs if len(one.name) > LONG_NAME}

    @Slot(str)
    def _filter(self, text: str) -> None:
        self.table.set_filter(text)
        self._count()
        self._show_scatter()

    def _count(self) -> None:
        """How many pictures there are; of several selected ones, their means."""
        found, chosen = self._people.found, self.table.chosen_rows()
        among = found.among if found is not None else None
        if len(chosen) > 1:
            column = f"map {self._people.chosen}"
            people, own = (_mean_of(row.values.get(key, math.nan) for row in chosen) for key in (PEOPLE, column))
            map_ = f", {self._people.chosen} {own}" if among is not None else ""
            self.counted.setText(f"{len(chosen)} selected: people {people}{map_}")
            return
        count, shown_ = len(self.table.pictures.every), len(self.table.pictures.rows)
        waiting = among.waiting if among is not None else 0
        of = f"{shown_} of {count}" if shown_ < count else f"{count}"
        self.counted.setText(f"{of} with masks" + (f", {waiting} not evaluated yet" if waiting else ""))

    @Slot()
    def _selected(self) -> None:
        self._count()
        self._show_scatter()

    def _export(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Export the table of pictures", "pictures.csv", "Table (*.csv)")
        if path:
            self._people.write(path, self.table.as_csv())

    # --- the figures -------------------------------------------------------------------------------------------------

    def _scope(self, value: bool) -> None:
        self.of_picture = value
        self._show_ceiling()

    def _show_ceiling(self) -> None:
        found, chosen = self._people.found, self._people.chosen
        if found is None or found.ceiling is None or chosen not in found.ceiling.maps:
            return
        one = self._people.on_screen()
        if self.of_picture and one is None:
            self._set_points((), "")
            self.sentence.setText("The picture of the window has no masks, or is not evaluated yet.")
        elif self.of_picture and one is not None:
            self._set_points(points_on(found.ceiling, one.image, chosen), "bars: from the lowest to the highest")
            self.sentence.setText(found.ceiling.picture_sentence(chosen, one.image))
        else:
            self._set_points(points_of(found.ceiling, chosen), interval_words(found.ceiling))
            self.sentence.setText(found.ceiling.sentence(chosen))

    def _set_points(self, points: Sequence[Point], bars: str) -> None:
        self.ceiling.set_points(points, bars, self._heads())
        area = self.ceiling_area
        area.setMinimumHeight(min(self.ceiling.minimumSizeHint().height(), MOST_CEILING))
        area.setMaximumHeight(self.ceiling.maximumHeight())

    def _choose_map(self, name: str) -> None:
        for layer, candidate in zip(self._people.layers(), self._people.candidates(), strict=True):
            if candidate.name == name:
                self._state.set(selected=layer.id)

    def _show_agreement(self) -> None:
        found = self._people.found
        if found is None:
            return
        agreement = found.agreement
        measure, region = self.measure.value, self.region.value
        self.region.setVisible(measure == "kappa")
        if not agreement.matrices:
            self.matrix.set_values((), ())
            self.reliability.setText(agreement.trouble)
            return
        values = agreement.matrices[measure, region]
        others = np.where(np.eye(len(values), dtype=bool), np.nan, values)
        means = [float(np.nanmean(row)) if np.isfinite(row).any() else math.nan for row in others]
        shades = values
        if measure in DISTANCES:  # the nearer, the darker
            shades = 1 - values / max(float(np.nanmax(others, initial=0.0)), 1e-9)
        names = [shown(who) for who in agreement.annotators]
        self.matrix.set_values(names, values.tolist(), last=("Others", means), shades=shades.tolist())
        self.matrix_area.setMinimumHeight(min(self.matrix.minimumSizeHint().height(), MOST_MATRIX))
        left_out = sum(found.gathered.left_out.values())
        coefficients = [
            f"{name} {of['frame']:.2f} (box {of['box']:.2f})".replace("-", "\N{MINUS SIGN}")
            for name, of in (("Fleiss' kappa", agreement.fleiss), ("Krippendorff's alpha", agreement.alpha))
        ]
        of = "1 picture" if agreement.pictures == 1 else f"{agreement.pictures} pictures"
        note = {"precision": " Of the row's mask, how much the column's has too.",
                "recall": " Of the column's mask, how much the row's has too."}.get(measure, "")  # fmt: skip
        self.reliability.setText(
            f"{', '.join(coefficients)}. Mean over {of} that two people or more drew.{note}"
            + (f" {left_out} masks left out." if left_out else "")
        )
        self._arrange()

    def _arrange(self) -> None:
        """The matrix gets the width that it needs, as long as enough is left for the chart beside it."""
        room = self.below.width()
        wide = max(160, min(self.matrix.sizeHint().width() + 16, room - 190))
        self.below.setSizes([wide, max(room - wide, 1)])
        # A splitter asks for the height of one line; the lines that it takes in this width are in sight too.
        self.reliability.setMinimumHeight(max(0, self.reliability.heightForWidth(wide)))

    def _choose_figure(self, which: str) -> None:
        self.chart.setCurrentWidget(self._charts[which])

    def _show_scatter(self) -> None:
        x, y = self.across.value, self.up.value
        dots = [
            Dot(row.id, row.name, row.values.get(x, math.nan), row.values.get(y, math.nan))
            for row in self.table.pictures.rows
        ]
        names = {column.id: column.head or column.title for column in self.table.pictures.columns}
        current, chosen = self._state.image, {row.id for row in self.table.chosen_rows()}
        self.scatter.set_dots(dots, names.get(x, ""), names.get(y, ""), current, chosen)


class _Beside(QSplitter):
    """Divides its width again whenever it changes."""

    def __init__(self, arrange: Callable[[], None]) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._arrange = arrange

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._arrange()


def _mean_of(values: Iterable[float]) -> str:
    known = [value for value in values if not math.isnan(value)]
    return f"{np.mean(known):.2f}" if known else numbers.NONE


def _title(score: str) -> str:
    from vitinspect.evaluation.among_people import STATISTICS

    return STATISTICS[score]


def _column(part: QWidget) -> QVBoxLayout:
    layout = QVBoxLayout(part)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    return layout
