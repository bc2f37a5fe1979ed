"""The model in the context bar: its name, and the picker that opens below it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QCheckBox,
    QCompleter,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.services.models import short_source
from vitinspect.app.session.results import FAILED, LOADING, Results
from vitinspect.app.session.state import State
from vitinspect.app.shell.short_names import distinct_names
from vitinspect.app.theme.tokens import ROW_HEIGHT
from vitinspect.app.widgets import rows, tips
from vitinspect.app.widgets.choice import Choice, Opener
from vitinspect.errors import VitInspectError

WIDTH, MOST_RECENT = 440, 6


class ModelField(QWidget):
    """Says what the model is; a click opens the picker."""

    wants_file = Signal()
    wants_folder = Signal()
    wants_training = Signal()
    loaded = Signal()

    def __init__(self, state: State, results: Results) -> None:
        super().__init__()
        self._state, self._results = state, results
        self._details = True
        self._picker: ModelPicker | None = None
        self.button = Opener(self.open, name="Model")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        state.changed.connect(lambda names: self._follow() if "model" in names else None)
        results.changed.connect(
            lambda names: self._follow() if names & {"card", "model_state", "model_error"} else None
        )
        self._follow()

    @property
    def picker(self) -> ModelPicker:
        """Made when it is first opened."""
        if self._picker is None:
            made = ModelPicker(self._state, self._results, self)
            made.wants_file.connect(self.wants_file)
            made.wants_folder.connect(self.wants_folder)
            made.wants_training.connect(self.wants_training)
            made.loaded.connect(self.loaded)
            self._picker = made
        return self._picker

    def open(self) -> None:
        self.picker.open_at(self.button.mapToGlobal(QPoint(0, self.button.height() + 2)))

    def ask_head(self) -> None:
        """The model that was asked for needs a head's name: open the picker with what there is to choose from."""
        self.open()
        self.picker.ask_head(self._results.head_choices_of, self._results.head_choices)

    def show_details(self, shown: bool) -> None:
        if shown != self._details:
            self._details = shown
            self._follow()

    @property
    def about(self) -> str:
        """What the model is, in a few lines."""
        results, card = self._results, self._results.card
        if results.model_state == FAILED:
            return f"Not loaded. {results.model_error}"
        if results.model_state == LOADING:
            return "Loading …"
        if card is None:
            return ""
        rows_, columns = card.grid
        failed = (
            f"Not loaded. {results.model_error} The previous model is still in use.\n" if results.model_error else ""
        )
        notes = "".join(f"\n{note}" for note in card.notes)
        return (
            f"{failed}{card.name}\n{card.parameters / 1e6:.1f} M parameters, {card.depth} blocks, {card.heads} heads, "
            f"{rows_} × {columns} patches, {card.input_size[1]} × {card.input_size[0]} px, on {card.device}{notes}"
        )

    def _follow(self) -> None:
        state, card = self._state, self._results.card
        name = short_source(state.model)
        if card is not None and card.source == state.model and self._details:
            name = f"{name}  {card.depth} blocks, {card.grid[0]} × {card.grid[1]}"
        self.button.set_items([(state.model, name)])
        self.button.set_short(state.model, short_source(state.model))
        self.button.setToolTip(tips.plain(f"{state.model}\n{self.about}".strip()))


class ModelPicker(QFrame):
    """Recent models, a source that is typed, and the options that the command line has."""

    wants_file = Signal()
    wants_folder = Signal()
    wants_training = Signal()
    loaded = Signal()

    def __init__(self, state: State, results: Results, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setProperty("kind", "popup")
        self.setFixedWidth(WIDTH)
        self._state, self._results = state, results
        self.recent = QListWidget()
        self.recent.setAccessibleName("Recent models")
        self.recent.setProperty("kind", "rows")
        self.recent.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.recent.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.source = _field("Source", "a timm name, hf-hub:OWNER/NAME, a folder or a checkpoint")
        self.random = QCheckBox("Untrained weights")
        self.random.setToolTip("For checks: the architecture with random weights; nothing is downloaded")
        self.arch = _field("Architecture", "for a checkpoint that does not name it")
        self.head = _field("Head", "a file with a linear head")
        self.head_name = _field("Head name", "which head of that file, or class, mean, class+mean")
        self.heads = Choice(name="Heads of the file", tip="The heads in that file, or the ways in which it may be read")
        self.heads.chosen.connect(lambda name: self.head_name.setText(str(name)) if name else None)
        self.heads.hide()
        self.image_size = _field("Input size", "the model's own; or 384, 384x512")
        self.load = rows.button("Load", self._load_typed, main=True)
        self.about = rows.note()
        self.wrong = rows.note()
        self.wrong.setProperty("kind", "error")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 8)
        column.setSpacing(0)
        column.addWidget(rows.heading("Recent"))
        column.addWidget(self.recent)
        column.addWidget(self.about)
        column.addWidget(rows.heading("Load"))
        browse = rows.button("Browse…", self._choose_head, tip="Choose a file with a head")
        for label, *fields in (
            ("Source", self.source),
            ("", self.random),
            ("Architecture", self.arch),
            ("Head", self.head, browse),
            ("Head name", self.head_name),
            ("", self.heads),
            ("Input size", self.image_size),
        ):
            row = rows.PropertyRow(str(label), *fields)
            column.addWidget(row)
            if self.heads in fields:
                self._heads_row = row
        self._heads_row.hide()
        column.addWidget(self.wrong)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 6, 8, 0)
        foot.setSpacing(8)
        foot.addWidget(rows.button("Model file…", lambda: self._leave(self.wants_file.emit)))
        foot.addWidget(rows.button("Model folder…", lambda: self._leave(self.wants_folder.emit)))
        foot.addWidget(rows.button("Train a head…", lambda: self._leave(self.wants_training.emit)))
        foot.addStretch(1)
        foot.addWidget(self.load)
        column.addLayout(foot)
        self.recent.itemClicked.connect(self._take_recent)
        self.recent.itemActivated.connect(self._take_recent)
        for field in (self.source, self.arch, self.head, self.head_name, self.image_size):
            field.returnPressed.connect(self._load_typed)
        results.changed.connect(self._results_changed)
        self._complete()

    def open_at(self, place: QPoint) -> None:
        self._fill()
        self.adjustSize()
        self.move(place)
        self.show()
        self.source.setFocus()
        self.source.selectAll()

    def _fill(self) -> None:
        state = self._state
        self.recent.clear()
        lines = list(dict.fromkeys((state.model, "demo", *state.recent_models)))[:MOST_RECENT]
        for line, name in zip(lines, distinct_names(lines, short_source), strict=True):
            item = QListWidgetItem(name)
            item.setData(Qt.ItemDataRole.UserRole, line)
            item.setToolTip(tips.plain(line))
            item.setSizeHint(QSize(WIDTH - 4, ROW_HEIGHT))
            self.recent.addItem(item)
        self.recent.setCurrentRow(0)
        self.recent.setFixedHeight(self.recent.count() * ROW_HEIGHT)
        self._show_heads(())
        card = self._results.card
        notes = card.notes if card is not None and card.source == state.model else ()
        self.about.setText("\n".join(notes))
        self.about.setVisible(bool(notes))
        self.set_source(state.model)

    def ask_head(self, line: str, choices: tuple[str, ...]) -> None:
        """Show a model that needs one of these for its head."""
        self.set_source(line)
        self._show_heads(choices)
        self._say("The file has several heads, or does not say what its head reads: choose one.")
        self.heads.setFocus()
        self.adjustSize()

    def _show_heads(self, choices: tuple[str, ...]) -> None:
        self.heads.set_items([("", f"{len(choices)} to choose from"), *((name, name) for name in choices)])
        self.heads.set_value("")
        self.heads.setVisible(bool(choices))
        self._heads_row.setVisible(bool(choices))

    def set_source(self, line: str) -> None:
        """Show a line in the fields."""
        try:
            asked = ModelSource.parse(line)
        except VitInspectError as error:
            asked = ModelSource(line)
            self._say(str(error))
        else:
            self._say("")
        self.source.setText(asked.source)
        self.random.setChecked(asked.random)
        self.arch.setText(asked.arch)
        self.head.setText(asked.head)
        self.head_name.setText(asked.head_name)
        self.image_size.setText(asked.image_size)

    @property
    def asked(self) -> ModelSource:
        """What the fields say; options may also be typed after the source, as on the command line."""
        typed = ModelSource.parse(self.source.text())
        return ModelSource(
            typed.source,
            typed.random or self.random.isChecked(),
            self.arch.text().strip() or typed.arch,
            self.head.text().strip() or typed.head,
            self.head_name.text().strip() or typed.head_name,
            self.image_size.text().strip() or typed.image_size,
        )

    def _load_typed(self) -> None:
        popup = self.source.completer().popup() if self.source.completer() else None
        if popup is not None and popup.isVisible():
            return  # Enter first accepts a name from the list
        try:
            asked = self.asked
            _ = asked.load_options
        except VitInspectError as error:
            self._say(str(error))
            return
        if asked.source:
            self._take(asked.line)

    def _take_recent(self, item: QListWidgetItem) -> None:
        self._take(str(item.data(Qt.ItemDataRole.UserRole)))

    def _take(self, line: str) -> None:
        self.hide()
        if line != self._state.model:
            self._state.set(model=line, target=())
        self.loaded.emit()

    def _leave(self, call: Callable[[], object]) -> None:
        self.hide()
        call()

    def _choose_head(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self.window(), "Choose a head", "", "Heads (*.pth *.pt *.safetensors);;All files (*)"
        )
        if path:
            self.head.setText(path)

    def _say(self, text: str) -> None:
        self.wrong.setText(text)
        self.wrong.setVisible(bool(text))

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "model_names" in names:
            self._complete()

    def _complete(self) -> None:
        """timm's names, completed by any part of them."""
        for field in (self.source, self.arch):
            completer = QCompleter(list(self._results.model_names), field)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            field.setCompleter(completer)


def _field(name: str, hint: str) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    made.setToolTip(hint[0].upper() + hint[1:])
    return made
