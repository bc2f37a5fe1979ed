"""Export many pictures: which pictures, layers and files, their names, and progress."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.compute.worker import Problem
from vitinspect.app.session.layer_cells import layer_entry, model_entry, target_words
from vitinspect.app.session.layers import title_in
from vitinspect.app.shell.page_fields import PageFields
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox
from vitinspect.errors import ParameterError, VitInspectError

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow
    from vitinspect.figures.batch import Batch, Outcome

TALLEST_LIST = 150
_ABOVE = (("method", "Method"), ("target", "Target"), ("model", "Model"), ("scores", "Scores"))
_EXISTING = (
    ("skip", "Keep it"),
    ("number", "Number the new one"),
    ("replace", "Replace it if vitinspect wrote it"),
)


class BatchDialog(QDialog):
    """Not modal; closing it while files are written stops nothing."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setWindowTitle("Export many pictures")
        self._window = window
        self._service = window.backend.batches
        self.pictures = Choice(name="Pictures")
        self.layers: dict[str, CheckBox] = {}
        self._layer_box = QVBoxLayout()
        self.kinds: dict[str, CheckBox] = {}
        self.formats: dict[str, Choice] = {}
        self.folder = QLineEdit(str(Path.cwd() / "vitinspect-output"))
        self.folder.setAccessibleName("Folder")
        self.pattern = QLineEdit()
        self.pattern.setAccessibleName("Names")
        self.preview = rows.words("", "quiet", wrap=True)
        self.existing = Choice(_EXISTING, name="If a file exists")
        self.page = PageFields()
        self.title = QLineEdit()
        self.title.setAccessibleName("Title")
        self.title.setPlaceholderText("none")
        self.title.setToolTip("Written above everything; {stem} is the picture's name")
        self.above = {name: CheckBox(title) for name, title in _ABOVE}
        self.recipe = CheckBox(
            "Recipe inside", tip="Record in each file how it was made, so that its view can be opened again"
        )
        self.anonymous = CheckBox("Anonymous", tip="No paths and names of pictures in the files")
        self.progress = QProgressBar()
        self.notice = rows.words("", "quiet", wrap=True)
        self.begin = rows.button("Export", self._begin, main=True)
        self.cancel = rows.button("Cancel", self._service.cancel)
        self._build()
        for signal in (self.folder.textChanged, self.pattern.textChanged, self.title.textChanged, self.page.changed):
            signal.connect(lambda *_: self.follow())
        for choice in (self.pictures, self.existing):
            choice.chosen.connect(lambda *_: self.follow())
        for box in (*self.above.values(), self.recipe, self.anonymous):
            box.chosen.connect(lambda *_: self.follow())
        self._service.progressed.connect(self._on_progress)
        self._service.finished.connect(self._on_finished)
        self._service.failed.connect(self._on_failed)
        self._service.stopped.connect(self._on_stopped)
        window.backend.state.changed.connect(self._state_changed)
        window.backend.results.changed.connect(self._results_changed)
        self.refill()

    # --- made ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        from vitinspect.figures.file_names import FIELDS, PATTERN
        from vitinspect.figures.layer_files import KINDS

        self.pattern.setText(PATTERN)
        self.pattern.setToolTip("\n".join(f"{{{name}}}: {words}" for name, words in FIELDS.items()))
        self.recipe.set_value(True)
        grid = QGridLayout()
        grid.setVerticalSpacing(4)
        for row, kind in enumerate(KINDS):
            box = CheckBox(kind.title)
            box.set_value(row == 0)
            box.chosen.connect(lambda *_: self.follow())
            choice = Choice([(ending, ending[1:].upper()) for ending in kind.endings], name=f"Format: {kind.title}")
            choice.setFixedWidth(88)
            choice.chosen.connect(lambda *_: self.follow())
            self.kinds[kind.id], self.formats[kind.id] = box, choice
            grid.addWidget(box, row, 0)
            grid.addWidget(choice, row, 1)
        grid.setColumnStretch(0, 1)
        inside = QWidget()
        inside.setLayout(self._layer_box)
        self._layer_box.setContentsMargins(0, 2, 6, 2)
        self._layer_box.setSpacing(2)
        scroll = QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setMinimumHeight(84)
        scroll.setMaximumHeight(TALLEST_LIST)
        self._layer_list = scroll
        folder = QHBoxLayout()
        folder.setSpacing(8)
        folder.addWidget(self.folder, 1)
        folder.addWidget(rows.button("Choose…", self._choose_folder))
        marks = QHBoxLayout()
        marks.setSpacing(16)
        marks.addWidget(self.recipe)
        marks.addWidget(self.anonymous)
        marks.addStretch(1)
        above = QHBoxLayout()
        above.setSpacing(16)
        for box in self.above.values():
            above.addWidget(box)
        above.addStretch(1)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Pictures", self.pictures)
        form.addRow("Layers", scroll)
        form.addRow("Files", grid)
        form.addRow("Page", self.page)
        form.addRow("Title", self.title)
        form.addRow("Above it", above)
        form.addRow("", marks)
        form.addRow("Folder", folder)
        form.addRow("Names", self.pattern)
        form.addRow("", self.preview)
        form.addRow("If a file exists", self.existing)
        buttons = QHBoxLayout()
        buttons.addWidget(self.notice, 1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.begin)
        buttons.addWidget(rows.button("Close", self.close))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addWidget(self.progress)
        layout.addLayout(buttons)
        self.preview.setMinimumHeight(52)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.notice.setMinimumHeight(34)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        self.progress.setRange(0, 1)
        self.resize(560, 736)

    # --- following -----------------------------------------------------------------------------------------------

    def refill(self) -> None:
        """List the pictures and layers that exist now."""
        listing, notes = self._window.backend.listing, self._window.backend.notes
        flagged = sum(notes.of(path).flagged for path in listing.paths)
        count = len(listing.paths)
        self.pictures.set_items(
            [
                ("list", f"All {count} pictures in the list" if count != 1 else "The picture in the list"),
                ("flagged", f"The {flagged} flagged pictures"),
                ("shown", "The picture that is shown"),
            ]
        )
        layers = self._window.backend.state.layers
        chosen = {layer_id for layer_id, box in self.layers.items() if box.isChecked()}
        before = set(self.layers)
        while (item := self._layer_box.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.layers = {}
        for layer in layers:
            if not layer.is_map:
                continue
            box = CheckBox(title_in(layers, layer).replace("&", "&&"))
            try:
                layer_entry(layers, layer)
                box.set_value(layer.id in chosen if layer.id in before else layer.visible)
            except ParameterError as error:
                box.setEnabled(False)
                box.setToolTip(str(error))
            box.chosen.connect(lambda *_: self.follow())
            self.layers[layer.id] = box
            self._layer_box.addWidget(box)
            box.ensurePolished()
        self._layer_box.addStretch(1)
        rows = sum(box.sizeHint().height() + self._layer_box.spacing() for box in self.layers.values())
        needed = rows + 2 * (self._layer_list.frameWidth() + self._layer_box.contentsMargins().top())
        self._layer_list.setMinimumHeight(min(TALLEST_LIST, max(84, needed)))
        self.follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if not self.isVisible():
            return
        if names & {"layers"}:
            self.refill()
        elif names & {"target", "model", "fit", "precision", "image"}:
            self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if self.isVisible():
            if names & {"folder_size"}:
                self.refill()
            elif names & {"card", "model_state"}:
                self.follow()

    def chosen_pictures(self) -> list[Path]:
        backend = self._window.backend
        if self.pictures.value == "shown":
            return [Path(backend.state.image)] if backend.state.image else []
        paths = list(backend.listing.paths)
        if self.pictures.value == "flagged":
            paths = [path for path in paths if backend.notes.of(path).flagged]
        return [Path(path) for path in paths]

    def batch(self) -> Batch:
        """What the fields say; an error of ours for what cannot be."""
        from vitinspect.figures.batch import Batch
        from vitinspect.figures.layer_files import FileKind

        state, card = self._window.backend.state, self._window.backend.results.card
        layers = state.layers
        common = {
            **model_entry(state.model),
            "fit": state.fit,
            "precision": state.precision,
            "target": target_words(state.target, card.labels if card is not None else ()),
            "frame": state.frame,
        }
        if self.above["scores"].isChecked() and self.above["scores"].isEnabled():
            common["truth"] = self._window.backend.figures.truth
        entries = []
        for layer in layers:
            if layer.id in self.layers and self.layers[layer.id].isChecked():
                entry = {**layer_entry(layers, layer), **common}
                entries.append({**entry, "label": layer.name} if layer.name else entry)
        if not entries:
            raise ParameterError("Choose a layer.")
        files = tuple(
            FileKind(kind, str(self.formats[kind].value)) for kind, box in self.kinds.items() if box.isChecked()
        )
        if not files:
            raise ParameterError("Choose at least one kind of file.")
        if not self.folder.text().strip():
            raise ParameterError("Choose a folder.")
        return Batch(
            tuple(entries),
            files,
            Path(os.path.abspath(os.path.expanduser(self.folder.text().strip()))),
            self.pattern.text(),
            str(self.existing.value),
            self.page.page(title=self.title.text().strip()),
            self.recipe.isChecked(),
            self.anonymous.isChecked(),
            tuple(name for name, box in self.above.items() if box.isChecked() and box.isEnabled()),
        )

    def follow(self) -> None:
        """Show the file names, and whether the export can start."""
        from vitinspect.figures.batch import finished_before, preview
        from vitinspect.output import refuse_inside

        running = self._service.running
        for kind, choice in self.formats.items():
            choice.setEnabled(self.kinds[kind].isChecked())
        self.anonymous.setEnabled(self.recipe.isChecked())
        overlay, truth = self.kinds["overlay"].isChecked(), self._window.backend.figures.truth
        for name, field in (("", self.title), *self.above.items()):
            field.setEnabled(overlay and (name != "scores" or bool(truth)))
        self.above["scores"].setToolTip("" if truth else "The picture that is shown has no true mask in a file")
        pictures, resumed, problem, names = self.chosen_pictures(), 0, "", []
        card = self._window.backend.results.card
        try:
            batch = self.batch()
            if not pictures:
                raise ParameterError("There are no such pictures: choose others.")
            known = self._window.backend.results.known_classes
            target = known.get(str(pictures[0]), "class")
            names = preview(batch, pictures, target, card.name if card is not None else "", most=3)
            for parent in {picture.parent for picture in pictures}:
                refuse_inside(batch.folder, parent)
            resumed = len(finished_before(batch))
        except VitInspectError as error:
            problem = str(error)
        self.preview.setText("\n".join(names))
        self.begin.setText(f"Continue after {resumed}" if resumed else "Export")
        ready = card is not None and not problem and not running
        self.begin.setEnabled(ready)
        self.cancel.setEnabled(running)
        if not running:
            self._say(problem, error=bool(problem))

    def _say(self, text: str, *, error: bool = False) -> None:
        self.notice.setText(text)
        self.notice.setProperty("kind", "error" if error else "quiet")
        self.notice.style().unpolish(self.notice)
        self.notice.style().polish(self.notice)

    # --- running -------------------------------------------------------------------------------------------------

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder for the exported files", self.folder.text())
        if folder:
            self.folder.setText(folder)

    def _begin(self) -> None:
        pictures = self.chosen_pictures()
        try:
            self._service.begin(self.batch(), pictures)
        except VitInspectError as error:
            self._say(str(error), error=True)
            return
        self.progress.setRange(0, len(pictures))
        self.progress.setValue(0)
        self.follow()
        self._say(f"0 of {len(pictures)} pictures")

    @Slot(int, int)
    def _on_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self._say(f"{done} of {total} pictures")

    @Slot(object)
    def _on_finished(self, outcome: Outcome) -> None:
        self.follow()
        self._say(f"{outcome}.", error=bool(outcome.failed))
        self._window.status.say(f"Export: {outcome}")

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self.follow()
        self._say(problem.message, error=True)
        if not self.isVisible():
            self._window.message.show_problem(problem)

    @Slot()
    def _on_stopped(self) -> None:
        self.follow()
        self._say("Cancelled. Continue starts where it stopped.")

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        event.accept()

    def showEvent(self, event: Any) -> None:  # noqa: N802
        super().showEvent(event)
        self.refill()


def open_batch(window: MainWindow) -> None:
    """The dialog of the window, as it was left."""
    if window.batch_dialog is None:
        window.batch_dialog = BatchDialog(window)
    window.batch_dialog.show()
    window.batch_dialog.raise_()
    window.batch_dialog.activateWindow()
