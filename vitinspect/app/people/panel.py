"""At the right of the People workspace: one picture with hits and misses, its numbers, the evaluation, the ranking."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QProgressBar,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.services.people import PeopleService
from vitinspect.app.session.state import State
from vitinspect.app.theme import tokens
from vitinspect.app.widgets.rows import button, heading, note, scrolled, words
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.figures.differences import FALSE_ALARM, HIT, MISS, Differences, paint
from vitinspect.names import shown

_SHOWN = (("dice", "Dice"), ("precision", "Precision"), ("recall", "Recall"), ("boundary_f1", "Bound. F1"))
_LARGER = 2


class DifferencesView(QWidget):
    """The picture as the model saw it, with hits, misses and false alarms."""

    def __init__(self) -> None:
        super().__init__()
        self.image: QImage | None = None
        self.of_people = False
        """Whether it shows where people differ, instead of where the map hits and misses."""
        self.setAccessibleName("Hits, misses and false alarms")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_differences(self, found: Differences | None) -> None:
        self.image = None
        if found is not None:
            pixels = found.disagreement_painted(_LARGER) if self.of_people else found.painted(_LARGER)
            height, width = pixels.shape[:2]
            self.image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(292, 260)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.current().canvas))
        if self.image is not None:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(0, 0, size.width(), size.height())
            place.moveCenter(self.rect().center())
            painter.drawImage(place, self.image)
        painter.end()


class _Swatch(QWidget):
    """What a colour with its hatching means."""

    def __init__(self, kind: int) -> None:
        super().__init__()
        import numpy as np

        grey = np.full((14, 14, 3), 128, np.uint8)
        pixels = paint(grey, np.full((14, 14), kind, np.uint8))
        self._image = QImage(pixels.tobytes(), 14, 14, 42, QImage.Format.Format_RGB888).copy()
        self.setFixedSize(14, 14)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.drawImage(self.rect(), self._image)
        painter.end()


class PeoplePanel(QFrame):
    """Reads the service, and asks it to start, stop and rank."""

    def __init__(self, people: PeopleService, state: State) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self._people, self._state = people, state
        self.title = heading("")
        self.picture = DifferencesView()
        self.what = Segments(
            (
                Segment(False, "Hits and misses", tip="Where the selected layer agrees with the people"),
                Segment(True, "Disagreement", tip="Where people differ: the brighter, the more pairs of them"),
            ),
            name="What is painted",
            fill=True,
        )
        self.what.set_value(False)
        self.what.chosen.connect(self._paint)
        self.scale = words("", "note")
        self.why = note("")
        self.numbers = QWidget()
        self._grid = QGridLayout(self.numbers)
        self._grid.setContentsMargins(8, 4, 8, 4)
        self._grid.setVerticalSpacing(0)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(4)
        self.done = words("", "quiet")
        self.begin = button("Start", people.start, icon="play", tip="Evaluate this folder with the layers on screen")
        self.halt = button("Cancel", people.stop, icon="stop", tip="End after the current picture; it can be continued")
        self.rank = button("Rank fusions", people.rank, tip="Which combination of these methods fits the masks best")
        self.copy = button("Copy as command", self._copy, icon="copy", tip="The command line that does the same")
        self.left_out = note("")
        self.include = button("Include them", lambda: people.set_everything(not people.everything))
        self._lay_out()
        people.changed.connect(self.follow)
        people.picture_ready.connect(self._follow_picture)
        people.ranking.changed.connect(self.follow)
        self.follow()
        self._follow_picture()

    def _lay_out(self) -> None:
        inside = QVBoxLayout()
        inside.setContentsMargins(0, 4, 0, 8)
        inside.setSpacing(0)
        inside.addWidget(self.title)
        inside.addLayout(_line(self.what))
        inside.addLayout(_line(self.picture))
        legend = []
        for kind, text in ((HIT, "hit"), (MISS, "miss"), (FALSE_ALARM, "false alarm")):
            legend += [_Swatch(kind), words(text, "note")]
        self.legend = QWidget()
        self.legend.setLayout(_line(*legend, stretch=True))
        inside.addWidget(self.legend)
        self.scale.setContentsMargins(8, 4, 8, 4)
        inside.addWidget(self.scale)
        inside.addWidget(self.why)
        inside.addWidget(self.numbers)
        inside.addWidget(heading("Evaluation of this folder"))
        inside.addLayout(_line(self.progress, self.done))
        inside.addLayout(_line(self.begin, self.halt, stretch=True))
        inside.addLayout(_line(self.rank, self.copy, stretch=True))
        inside.addWidget(self.left_out)
        inside.addLayout(_line(self.include, stretch=True))
        inside.addStretch(1)
        holder = QWidget()
        holder.setLayout(inside)
        area = scrolled(holder)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def _paint(self, of_people: bool) -> None:
        self.picture.of_people = of_people
        self._follow_picture()

    def _copy(self) -> None:
        settings = self._people.settings()
        if settings is not None:
            QGuiApplication.clipboard().setText(settings.command)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot()
    def follow(self) -> None:
        people, found = self._people, self._people.found
        running = people.process.running
        settings = people.settings()
        done, total = (found.done, found.total) if found is not None else (0, 0)
        self.progress.setRange(0, max(1, total))
        self.progress.setValue(done)
        if people.process.stopping:
            self.done.setText("cancelling")
        elif running and not total:
            self.done.setText("starting")
        elif found is None:
            self.done.setText("")
        else:
            self.done.setText(f"{done} of {total}" if total else "not started")
        self.begin.setText("Start" if not done else "Continue" if done < total else "Evaluate new pictures")
        self.begin.setEnabled(settings is not None and found is not None and not running)
        self.halt.setEnabled(running and not people.process.stopping)
        self.copy.setEnabled(settings is not None)
        self.rank.setEnabled(people.may_rank)
        left_out = found.gathered.left_out if found is not None else {}
        words_ = "; ".join(f"{count} left out: {reason}" for reason, count in left_out.items())
        self.left_out.setText(words_ + "." if words_ else "Masks that are not independent are included.")
        self.left_out.setVisible(bool(words_) or people.everything)
        self.include.setText("Leave them out" if people.everything else "Include them")
        self.include.setVisible(bool(words_) or people.everything)
        self._follow_picture()

    @Slot()
    def _follow_picture(self) -> None:
        people, one = self._people, self._people.on_screen()
        name = shown(Path(self._state.image).stem) if self._state.image else ""
        self.title.setText(name)
        self.picture.set_differences(people.detail)
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        among = people.found.among if people.found is not None else None
        chosen = people.chosen
        self.numbers.setVisible(one is not None and among is not None and chosen in one.maps)
        of_people = self.picture.of_people
        for part in (self.picture, self.what):
            part.setVisible(one is not None)
        self.legend.setVisible(one is not None and not of_people)
        self.scale.setVisible(one is not None and of_people)
        if of_people and one is not None:
            agreeing = list(one.people.values())
            mean = f"mean Dice {sum(agreeing) / len(agreeing):.2f}" if agreeing else "one person drew it"
            self.scale.setText(f"Bright: people differ. {len(one.annotators)} people, {mean}.")
        if one is None or among is None or chosen not in one.maps:
            self.why.setText(self._why_no_numbers() if name else "")
            return
        against = people.against if people.against in one.annotators else f"the consensus ({among.how})"
        self.why.setText(f"{chosen} against {shown(against)}")
        self._add(0, "Against", [title for _, title in _SHOWN], "note")
        for number, who in enumerate((*one.annotators, among.how), 1):
            values = one.maps[chosen][who]
            self._add(number, shown(who), [f"{values[key]:.2f}" for key, _ in _SHOWN])

    def _why_no_numbers(self) -> str:
        """The sentence in place of the numbers of a picture."""
        people = self._people
        if people.found is None:
            return "Reading the masks and the maps of the folder." if people.data is not None else ""
        if people.found.among is not None:
            return "This picture has no masks of people, or is not evaluated yet."
        if people.process.running:
            return "The evaluation is running: this picture is shown here as soon as it is done."
        return "This folder is not evaluated yet, so there are no maps to compare with people's masks."

    def _add(self, row: int, name: str, cells: list[str], kind: str = "") -> None:
        label = words(name, kind)
        label.setFixedHeight(tokens.TABLE_ROW_HEIGHT)
        self._grid.addWidget(label, row, 0)
        for column, text in enumerate(cells, 1):
            cell = words(text, kind)
            cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(cell, row, column)


def _line(*parts: QWidget, stretch: bool = False) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(8, 4, 8, 4)
    layout.setSpacing(8)
    for part in parts:
        layout.addWidget(part)
    if stretch:
        layout.addStretch(1)
    return layout
