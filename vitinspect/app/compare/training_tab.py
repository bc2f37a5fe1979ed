"""Over training: the checkpoints of a run side by side, a slider over them, and two curves over the steps."""

from __future__ import annotations

import math
import os
from typing import Any

from PySide6.QtCore import QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.compare.run_row import RunRow
from vitinspect.app.geometry import View
from vitinspect.app.services.training import Step, TrainingRun
from vitinspect.app.session.compared import layer_of_b
from vitinspect.app.session.results import Results, ShownMap
from vitinspect.app.session.state import State
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.curve_chart import Curve, CurveChart
from vitinspect.evaluation.training_run import Checkpoint, axis_of, onset
from vitinspect.names import shown

THUMB, MOST_THUMB, BESIDE, LINE = 68, 256, 14, 14
CELL = THUMB + BESIDE
AROUND = 3 * LINE + 6
"""Above and below a thumbnail."""
HEIGHT = THUMB + AROUND
SCORES = (("iou", "IoU with the truth"), ("average_precision", "Average precision"))
SHORT = {"iou": "IoU", "average_precision": "AP"}


class TrainingTab(QWidget):
    """Reads the run; asks it to start, to stop, or to load a checkpoint into slot B."""

    def __init__(self, run: TrainingRun, state: State, results: Results, second: State) -> None:
        super().__init__()
        self._run, self._state, self._second = run, state, second
        self.folder = rows.button("Choose a folder…", self._choose_folder, tip="A folder with a run's checkpoints")
        self.score = Choice(SCORES, name="Score", tip="Of the map against the picture's mask")
        self.score.chosen.connect(lambda _: self.follow())
        self.strip = StepStrip(run, state, results)
        self.strip.chosen.connect(run.choose)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Step of slot B")
        self.slider.setPageStep(1)
        self.slider.valueChanged.connect(self._slid)
        self.chart = CurveChart("B over training", x_label="step")
        self.chart.setMinimumWidth(250)
        scroll = rows.scrolled(self.strip)
        scroll.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll, self._in_sight = scroll, -1
        self.head = RunRow(
            run,
            "Compute the steps",
            "The map and the prediction of each checkpoint",
            before=(self.folder,),
            after=(self.score,),
        )
        self.button, self.notice = self.head.button, self.head.notice
        self.notice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        left = QVBoxLayout()
        left.setSpacing(2)
        left.addWidget(scroll, 1)
        left.addWidget(self.slider)
        body = QHBoxLayout()
        body.setContentsMargins(8, 0, 8, 4)
        body.setSpacing(12)
        body.addLayout(left, 3)
        body.addWidget(self.chart, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.head)
        column.addLayout(body, 1)
        run.changed.connect(self.follow)
        second.changed.connect(lambda names: self.follow() if "model" in names else None)
        run.read_folder()
        self.follow()

    @property
    def current(self) -> int:
        """The checkpoint that slot B has; -1 where it has another model."""
        sources = [self._run.source_of(one) for one in self._run.checkpoints]
        return sources.index(self._second.model) if self._second.model in sources else -1

    def follow(self) -> None:
        run, every = self._run, self._run.checkpoints
        found = run.steps
        steps = [found.get(run.source_of(one)) for one in every]
        done, current = sum(step is not None for step in steps), self.current
        self.strip.set_steps(every, steps, current, run.target)
        if current != self._in_sight and current >= 0:
            cell = self.strip.cell(current)
            self._scroll.ensureVisible(cell.center().x(), 0, cell.width(), 0)
        self._in_sight = current
        self.slider.blockSignals(True)
        self.slider.setRange(0, max(0, len(every) - 1))
        self.slider.setValue(max(0, current))
        self.slider.blockSignals(False)
        self.slider.setEnabled(len(every) > 1)
        can = run.address() is not None
        self.head.follow(done, len(every), possible=can)
        self._follow_chart(every, steps, current)
        self.notice.setText(self._sentence(every, done, can))
        self.notice.setToolTip(self.notice.text())
        name = shown(os.path.basename(self._state.checkpoints.rstrip(os.sep)))
        self.folder.setText(name or "Choose a folder…")
        self.folder.setToolTip(f"Checkpoints in {shown(self._state.checkpoints)}" if name else "A run's checkpoints")

    def _sentence(self, every: tuple[Checkpoint, ...], done: int, can: bool) -> str:
        run = self._run
        if run.trouble:
            return run.trouble
        if not every:
            return "Choose a folder: its checkpoints become the steps of slot B."
        if not can:
            return f"{len(every)} checkpoints. They are compared by a method or a fusion, once there is a prediction."
        if not done:
            return f"{len(every)} checkpoints."
        if done < len(every):
            return f"{done} of {len(every)} computed."
        unit = _unit(axis_of(every))
        parts = [
            f"{curve.name} at {f'{at * unit:,.0f}'.replace(',', numbers.THIN)}"
            for curve in self.chart.curves
            if (at := onset(list(curve.x), list(curve.y))) is not None
        ]
        return f"{done} of {len(every)} computed." + (f" Half of its best: {', '.join(parts)}" if parts else "")

    def _follow_chart(self, every: tuple[Checkpoint, ...], steps: list[Step | None], current: int) -> None:
        axis, name = axis_of(every), self.score.value or "iou"
        unit = _unit(axis)
        axis = [x / unit for x in axis]
        self.chart.x_label = "step" if unit == 1 else "step, in thousands"
        known = [(x, step) for x, step in zip(axis, steps, strict=True) if step is not None and not step.problem]
        target = self._run.target
        label = next((s.card.label(target[0]) for _, s in known if s.card is not None and target), "")
        curves = []
        if known and target:
            share = [step.probability(target) for _, step in known]
            curves.append(Curve(1, f"p of {label}", [x for x, _ in known], share, 0))
        scored = [(x, float(getattr(s.overlap, name))) for x, s in known if s.overlap is not None]
        scored = [(x, y) for x, y in scored if math.isfinite(y)]
        if scored:
            curves.append(Curve(2, SHORT[name], [x for x, _ in scored], [y for _, y in scored], 2))
        self.score.setEnabled(bool(scored))
        self.chart.title = "B over training" if not curves else ", ".join(f"{c.number} {c.name}" for c in curves)
        self.chart.set_curves(curves)
        self.chart.set_mark(axis[current] if current >= 0 else None)

    def _slid(self, at: int) -> None:
        if 0 <= at < len(self._run.checkpoints):
            self._run.choose(self._run.checkpoints[at])

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(
            self.window(), "Choose the folder of a run's checkpoints", self._state.checkpoints
        )
        if folder:
            self._state.set(checkpoints=folder)
            self._run.read_folder()

    def refresh_theme(self) -> None:
        self.strip.forget()
        self.follow()


def _unit(axis: list[float]) -> float:
    """Steps of a long run are counted in thousands, so that their numbers can be read."""
    return 1000.0 if max(axis, default=0.0) >= 10_000 else 1.0


class StepStrip(QWidget):
    """A cell for each checkpoint: its step, its map over the picture, what it predicts. Left and Right go along.

    The thumbnails are as large as the room allows that all of them share.
    """

    chosen = Signal(object)

    def __init__(self, run: TrainingRun, state: State, results: Results) -> None:
        super().__init__()
        self._run, self._state, self._results = run, state, results
        self.checkpoints: tuple[Checkpoint, ...] = ()
        self.steps: list[Step | None] = []
        self.current = -1
        self._target: tuple[int, ...] = ()
        self._images: dict[Any, QImage] = {}
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Checkpoints")

    def set_steps(
        self, checkpoints: tuple[Checkpoint, ...], steps: list[Step | None], current: int, target: tuple[int, ...]
    ) -> None:
        self.checkpoints, self.steps, self.current, self._target = checkpoints, steps, current, target
        self.setMinimumSize(CELL * len(checkpoints), HEIGHT)
        self._images = {key: image for key, image in self._images.items() if key[0] in steps}
        self.update()

    def forget(self) -> None:
        self._images.clear()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(CELL * max(1, len(self.checkpoints)), HEIGHT)

    @property
    def thumb(self) -> int:
        """Pixels of a thumbnail's side."""
        shared = self.width() // max(1, len(self.checkpoints)) - BESIDE
        return max(THUMB, min(shared, self.height() - AROUND, MOST_THUMB))

    def cell(self, at: int) -> QRect:
        thumb = self.thumb
        return QRect(at * (thumb + BESIDE), 0, thumb + BESIDE, thumb + AROUND)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t, thumb = theme.current(), self.thumb
        painter = QPainter(self)
        for at, (checkpoint, step) in enumerate(zip(self.checkpoints, self.steps, strict=True)):
            cell = self.cell(at)
            if not cell.intersects(event.rect()):
                continue
            now = at == self.current
            if now:
                painter.fillRect(cell, QColor(t.chosen))
            painter.setFont(theme.font(tokens.SMALL_SIZE, bold=now))
            painter.setPen(QColor(t.on_chosen if now else t.text))
            metrics = painter.fontMetrics()
            place = cell.adjusted(4, 0, -4, 0)
            centre = int(Qt.AlignmentFlag.AlignVCenter)

            def line(y: int, words: str, place: QRect = place, metrics: Any = metrics) -> None:
                words = metrics.elidedText(words, Qt.TextElideMode.ElideRight, place.width())
                painter.drawText(QRect(place.left(), y, place.width(), LINE), centre, words)  # noqa: B023

            line(cell.top(), checkpoint.title)
            box = QRect(place.left(), cell.top() + LINE + 1, thumb, thumb)
            image = self._image(step)
            if image is not None:
                painter.drawImage(box.topLeft(), image)
            else:
                painter.fillRect(box, QColor(t.canvas))
            if now:
                painter.setPen(QPen(QColor(t.accent), 2))
                painter.drawRect(box.adjusted(-1, -1, 0, 0))
            painter.setPen(QColor(t.on_error if step is not None and step.problem else t.on_chosen if now else t.text))
            below = box.bottom() + 3
            if step is None:
                continue
            line(below, "failed" if step.problem else step.label)
            if not step.problem and step.predicted is not None and step.predicted.predictions:
                line(below + LINE, numbers.percent(step.predicted.predictions[0].probability))
        painter.end()

    def _image(self, step: Step | None) -> QImage | None:
        """The map over the picture, as the layer is drawn."""
        picture = self._results.picture
        if step is None or step.mapped is None or step.predicted is None or step.card is None or picture is None:
            return None
        layer = layer_of_b(self._state.layers, self._state.selected)
        if layer is None:
            return None
        thumb = self.thumb
        key = (step, picture, layer.colormap, layer.opacity, layer.opacity_mode, layer.smooth, thumb)
        if key not in self._images:
            self._images = {other: image for other, image in self._images.items() if other[-1] == thumb}
            from vitinspect.app.canvas import painting

            map_ = ShownMap(
                layer.id, layer.title, step.mapped.address, step.mapped.values, step.mapped.signed,
                step.mapped.resolution, step.predicted.placed, step.card.grid, 0, "", step.card.name, "",
            )  # fmt: skip
            look = painting.Look(
                layer.colormap, layer.opacity, layer.opacity_mode, layer.smooth, ground=theme.current().canvas
            )
            composer = painting.Composer()
            image = composer.base(picture, View(), (thumb, thumb), self.devicePixelRatioF(), look).copy()
            painter = QPainter(image)
            composer.paint_map(painter, map_, View(), (thumb, thumb), look)
            painter.end()
            self._images[key] = image
        return self._images[key]

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at = int(event.position().x()) // self.cell(0).width()
        if 0 <= at < len(self.checkpoints):
            self.chosen.emit(self.checkpoints[at])

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is None or not self.checkpoints:
            super().keyPressEvent(event)
            return
        at = min(max(0, self.current + step), len(self.checkpoints) - 1)
        self.chosen.emit(self.checkpoints[at])
