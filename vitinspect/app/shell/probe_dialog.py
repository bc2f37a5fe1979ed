"""The dialog that trains a linear head: the options of ``vitinspect probe``, progress and results."""

from __future__ import annotations

import os
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.services.models import short_source
from vitinspect.app.services.probes import ProbeService, ProbeTask, TrainedHead
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox
from vitinspect.app.widgets.probe_results import ProbeResults
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.errors import VitInspectError

FORM_WIDTH = 400
RECIPES = (
    ("class", "the class token"),
    ("mean", "the mean of the patches"),
    ("class+mean", "class token and mean"),
    ("class:4+mean", "class tokens of 4 blocks and mean"),
    ("class+registers", "class token and mean of the registers"),
)
LOSSES = (
    Segment("ce", "Cross-entropy", tip="Multinomial logistic regression: one of all classes"),
    Segment("bce", "Binary cross-entropy", tip="Logistic regression for each class: yes or no"),
    Segment("both", "Both", tip="Two heads; their accuracies and their maps are compared"),
)
HEADS = "Heads (*.pth *.pt *.safetensors);;All files (*)"


class ProbeDialog(QDialog):
    """Not modal: the training continues while the window is used, even if this is closed."""

    def __init__(self, state: State, results: Results, service: ProbeService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Train a head")
        self._state, self._results, self._service = state, results, service
        self.model = rows.words("", "")
        self.train = _path("Pictures to train on", "a folder for each class, or a CSV")
        self.val = _path("Pictures to choose C by", "a fifth of the others")
        self.test = _path("Pictures to measure on", "none")
        self.features = Choice(RECIPES, name="What the head reads")
        self.loss = Segments(LOSSES, name="What is trained", fill=True)
        self.C = _path("C", "0.0001 to 1000 in powers of ten")
        self.C.setToolTip("Weights of the data against the penalty, tried one after the other: 0.01, 0.1, 1")
        self.knn = CheckBox("Also k nearest neighbours", tip="10, 20, 100 and 200 of them, as a quick check")
        self.compare = _path("Heads to compare with", "files of heads of the same backbone")
        self.compare.setToolTip("Separate several by a semicolon. One of many heads in a file: FILE=NAME")
        self.maps = _path("Methods whose maps are scored", "lrp")
        self.out = _path("Save as", "a .safetensors file")
        self.start = rows.button("Train", self._start, main=True)
        self.cancel = rows.button("Cancel", service.cancel, tip="Features that were computed are kept")
        self.copy = rows.button("Copy as command", self._copy, tip="Copy the command that does the same")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.notice = rows.note()
        self.results = ProbeResults()
        self.use = rows.button(
            "Use this head", self._use, tip="Load backbone and head; it is among the recent models too"
        )
        self._build()
        service.changed.connect(self._follow)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow_model()
        self._follow()

    def _build(self) -> None:
        form = QVBoxLayout()
        form.setContentsMargins(0, 4, 0, 8)
        form.setSpacing(0)
        tip = "Choose a folder, or type the path of a CSV with the columns path and label"
        folders = [rows.button("…", partial(self._choose_data, field), tip=tip) for field in self._data]
        parts: list[QWidget] = [
            rows.heading("Data"),
            rows.PropertyRow("Train on", self.train, folders[0]),
            rows.PropertyRow("Choose by", self.val, folders[1]),
            rows.PropertyRow("Test on", self.test, folders[2]),
            rows.heading("Head"),
            rows.PropertyRow("Backbone", self.model),
            rows.PropertyRow("Reads", self.features),
            rows.PropertyRow("Trained as", self.loss),
            rows.PropertyRow("C", self.C),
            rows.PropertyRow("", self.knn),
            rows.PropertyRow("Save as", self.out, rows.button("…", self._choose_out, tip="Choose a file")),
            rows.heading("Compared with"),
            rows.PropertyRow("Other heads", self.compare, rows.button("…", self._choose_heads, tip="Choose files")),
            rows.PropertyRow("Maps of", self.maps),
        ]
        for part in parts:
            form.addWidget(part)
        form.addStretch(1)
        form.addWidget(self.notice)
        form.addWidget(_padded(self.bar))
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 4, 8, 0)
        foot.setSpacing(8)
        foot.addWidget(self.copy)
        foot.addStretch(1)
        foot.addWidget(self.cancel)
        foot.addWidget(self.start)
        form.addLayout(foot)
        left = QWidget()
        left.setFixedWidth(FORM_WIDTH)
        left.setLayout(form)
        end = QHBoxLayout()
        end.setContentsMargins(8, 8, 8, 8)
        end.addStretch(1)
        end.addWidget(self.use)
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(self.results, 1)
        right.addLayout(end)
        self.right = QWidget()
        self.right.setLayout(right)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(8, 0, 0, 0)
        whole.setSpacing(8)
        whole.addWidget(left)
        whole.addWidget(rows.upright_line())
        whole.addWidget(self.right, 1)
        self.resize(1040, 560)

    @property
    def _data(self) -> tuple[QLineEdit, ...]:
        return self.train, self.val, self.test

    # --- what a person does --------------------------------------------------------------------------------------

    @property
    def task(self) -> ProbeTask:
        """What the fields say."""
        out = _absolute(self.out.text())
        return ProbeTask(
            model=self._state.model,
            train=_absolute(self.train.text()),
            val=_absolute(self.val.text()),
            test=_absolute(self.test.text()),
            out=out if not out or out.endswith(".safetensors") else f"{out}.safetensors",
            features=str(self.features.value),
            loss=str(self.loss.value),
            C=self.C.text().strip(),
            knn=self.knn.isChecked(),
            compare=tuple(_absolute(part) for part in self.compare.text().split(";") if part.strip()),
            maps=self.maps.text().strip(),
            fit=self._state.fit,
            device=self._state.device,
        )

    def _start(self) -> None:
        task = self.task
        for text, field, words in (
            (task.train, self.train, "Choose pictures to train on."),
            (task.out, self.out, "Choose where the head is saved."),
        ):
            if not text:
                self.notice.setText(words)
                field.setFocus()
                return
        self._service.start(task)

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.task.command)
        self.notice.setText("The command is on the clipboard.")

    def _choose_data(self, field: QLineEdit) -> None:
        start = field.text() or self.train.text() or self._state.folder
        folder = QFileDialog.getExistingDirectory(self, "A folder with a folder of pictures for each class", start)
        if folder:
            field.setText(folder)

    def _choose_out(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the head as", self.out.text(), "Heads (*.safetensors)")
        if path:
            self.out.setText(path)

    def _choose_heads(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(self, "Heads of the same backbone", "", HEADS)
        if paths:
            self.compare.setText("; ".join([*filter(None, [self.compare.text().strip()]), *paths]))

    @property
    def _shown_head(self) -> TrainedHead | None:
        heads = {head.loss: head for head in self._service.heads}
        return heads.get(str(self.results.which.value)) or next(iter(heads.values()), None)

    def _use(self) -> None:
        head = self._shown_head
        if head is not None:
            self._service.use(head)

    # --- what is shown -------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "model" in names:
            self._follow_model()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "card" in names:
            self._follow_model()

    def _follow_model(self) -> None:
        card = self._results.card
        self.model.setText(_backbone(self._state.model))
        prefixes = card.prefix_names if card is not None else ("class",)
        possible = [
            (value, text)
            for value, text in RECIPES
            if ("class" not in value or "class" in prefixes)
            and ("registers" not in value or any("register" in name for name in prefixes))
            and (":4" not in value or card is None or card.depth >= 4)
        ]
        self.features.set_items(possible)

    @Slot()
    def _follow(self) -> None:
        service = self._service
        running = service.running
        self.start.setEnabled(not running)
        self.start.setText("Continue" if service.stopped and not running else "Train")
        self.cancel.setEnabled(running and not service.process.stopping)
        self.bar.setVisible(running)
        self.bar.setRange(0, service.total)
        self.bar.setValue(service.done)
        self.notice.setProperty("kind", "error" if service.trouble else "note")
        self.notice.style().unpolish(self.notice)
        self.notice.style().polish(self.notice)
        self.notice.setText(self._words())
        heads = {head.loss: (head.about, head.confusion) for head in service.heads}
        self.right.setVisible(bool(heads))
        self.use.setEnabled(bool(heads))
        self.results.set_heads(heads, service.compared)
        self.setMinimumSize(1000 if heads else FORM_WIDTH + 24, 560)
        if not heads:
            self.resize(FORM_WIDTH + 24, self.height())
        elif self.isVisible():
            self._stay_on_screen()

    def _stay_on_screen(self) -> None:
        """Move the dialog, which the results have widened, to where all of it can be seen."""
        room, frame = self.screen().availableGeometry(), self.frameGeometry()
        left = max(room.left(), min(frame.left(), room.right() + 1 - frame.width()))
        top = max(room.top(), min(frame.top(), room.bottom() + 1 - frame.height()))
        if (left, top) != (frame.left(), frame.top()):
            self.move(left, top)

    def _words(self) -> str:
        service = self._service
        if service.trouble:
            return service.trouble
        if service.running:
            if service.process.stopping:
                return "Cancelling: it ends after the current pictures"
            doing = service.doing[:1].upper() + service.doing[1:]
            return f"{doing}: {service.done} of {service.total}" if service.total else f"{doing} …"
        if service.heads:
            name = os.path.basename(service.heads[0].path)
            more = f" and {os.path.basename(service.heads[1].path)}" if len(service.heads) > 1 else ""
            return f"{name}{more} can be chosen among the recent models."
        if service.stopped:
            return "Cancelled. Features that were computed are kept; Continue starts where it stopped."
        return "The backbone stays as it is. Its features are computed once, kept, and shared by all heads."


def _path(name: str, hint: str) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    made.setToolTip(f"{name}: {hint}")
    made.setClearButtonEnabled(True)
    return made


def _absolute(text: str) -> str:
    """A path that is still right when the window is started in another folder; nothing for no path."""
    return os.path.abspath(os.path.expanduser(text.strip())) if text.strip() else ""


def _padded(widget: QWidget) -> QWidget:
    box = QWidget()
    line = QHBoxLayout(box)
    line.setContentsMargins(8, 2, 8, 4)
    line.addWidget(widget)
    return box


def _backbone(model: str) -> str:
    """The model that gets a head, in few words."""
    try:
        return short_source(ModelSource.parse(model).backbone.line)
    except VitInspectError:
        return short_source(model)


def open_dialog(window: QWidget, state: State, results: Results, service: ProbeService) -> ProbeDialog:
    """The one dialog of a window."""
    found = window.findChild(ProbeDialog)
    dialog = found if isinstance(found, ProbeDialog) else ProbeDialog(state, results, service, window)
    dialog.show()
    dialog.raise_()
    dialog.activateWindow()
    dialog.setFocus(Qt.FocusReason.OtherFocusReason)
    return dialog
