"""Texts as classes of an image-text model, in the context bar: how many there are, and the list that opens below."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPoint, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import rows, tips
from vitinspect.app.widgets.choice import Opener

WIDTH = 420
SAVED = "Embeddings of texts (*.npz);;All files (*)"


class TextField(QWidget):
    """The texts belong to the line of the model: the state, recent models and caches know it with them."""

    used = Signal()
    wants_saved = Signal(str)

    def __init__(self, state: State, results: Results) -> None:
        super().__init__()
        self._state, self._results = state, results
        self.button = Opener(self.open, name="Texts", tip="Texts that are the classes of this model")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        self.popup = QFrame(self, Qt.WindowType.Popup)
        self.popup.setProperty("kind", "popup")
        self.popup.setFixedWidth(WIDTH)
        self.texts = _lines("Texts", "one on each line: a cat")
        self.templates = _lines("Templates", "one on each line, {} for the text: a photo of a {}")
        self.templates.setFixedHeight(64)
        self.token_ids = QLineEdit()
        self.token_ids.setAccessibleName("Token ids")
        self.token_ids.setPlaceholderText("a JSON file, where there is no tokenizer")
        self.token_ids.setToolTip("A JSON object from each prompt to its token ids")
        self.note = rows.note()
        self.use = rows.button("Use these texts", self._use, main=True)
        self.save = rows.button(
            "Save…", self._save, tip="Save the embeddings, so that the text tower is not needed again"
        )
        self.load = rows.button("Open…", self._load, tip="Use saved embeddings of texts")
        column = QVBoxLayout(self.popup)
        column.setContentsMargins(0, 4, 0, 8)
        column.setSpacing(0)
        browse = rows.button("…", self._choose_ids, tip="Choose a file")
        for title, part in (
            ("Texts", self.texts),
            ("Templates; the embeddings of several are averaged", self.templates),
        ):
            column.addWidget(rows.heading(title))
            column.addWidget(_padded(part))
        column.addWidget(rows.PropertyRow("Token ids", self.token_ids, browse))
        column.addWidget(self.note)
        foot = QHBoxLayout()
        foot.setContentsMargins(8, 6, 8, 0)
        foot.setSpacing(8)
        foot.addWidget(self.load)
        foot.addWidget(self.save)
        foot.addStretch(1)
        foot.addWidget(self.use)
        column.addLayout(foot)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow()

    @property
    def asked(self) -> ModelSource:
        """The model with the texts in the fields."""
        line = ModelSource.parse(self._state.model).without_texts
        return replace(
            line,
            text=tuple(dict.fromkeys(_of(self.texts))),
            template=tuple(_of(self.templates)),
            token_ids=self.token_ids.text().strip(),
        )

    def open(self) -> None:
        """The list, below the field."""
        there = ModelSource.parse(self._state.model)
        names = there.text
        card = self._results.card
        if there.text_embeddings and card is not None and card.has_classifier:
            names = card.labels
        self.texts.setPlainText("\n".join(names))
        self.templates.setPlainText("\n".join(there.template))
        self.token_ids.setText(there.token_ids)
        self.save.setEnabled(there.has_texts)
        self._say(f"Embeddings of {there.text_embeddings}" if there.text_embeddings else "")
        self.popup.move(self.button.mapToGlobal(QPoint(0, self.button.height() + 2)))
        self.popup.adjustSize()
        self.popup.show()
        self.texts.setFocus()

    def _use(self) -> None:
        asked = self.asked
        if not asked.text:
            self._say("Enter at least one text, each on its own line.")
            return
        wrong = next((one for one in asked.template if one.count("{}") != 1), None)
        if wrong is not None:
            self._say(f"A template contains {{}} once, in the place of the text; {wrong} does not.")
            return
        self._take(asked)

    def _take(self, asked: ModelSource) -> None:
        self.popup.hide()
        if asked.line != self._state.model:
            self._state.set(model=asked.line, target=())
        self.used.emit()

    def _load(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.window(), "Open embeddings of texts", "", SAVED)
        if path:
            self._take(replace(ModelSource.parse(self._state.model).without_texts, text_embeddings=path))

    def _save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.window(), "Save the embeddings of the texts", "texts.npz", SAVED)
        if path:
            self.wants_saved.emit(path if path.endswith(".npz") else f"{path}.npz")

    def _choose_ids(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.window(), "Token ids", "", "JSON (*.json);;All files (*)")
        if path:
            self.token_ids.setText(path)

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    # --- what is shown -------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "model" in names:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "card" in names:
            self._follow()

    def _follow(self) -> None:
        card = self._results.card
        names = card.labels if card is not None and card.takes_texts and card.has_classifier else ()
        words = "none" if not names else names[0] if len(names) == 1 else f"{len(names)} texts"
        self.button.set_items([("", words)])
        about = "\n".join(names[:20]) + ("\n…" if len(names) > 20 else "")
        self.button.setToolTip(tips.plain(about or "Texts that are the classes of this model"))


def _lines(name: str, hint: str) -> QPlainTextEdit:
    made = QPlainTextEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    made.setTabChangesFocus(True)
    made.setFixedHeight(112)
    return made


def _of(edit: QPlainTextEdit) -> list[str]:
    return [line.strip() for line in edit.toPlainText().splitlines() if line.strip()]


def _padded(widget: QWidget) -> QWidget:
    box = QWidget()
    line = QHBoxLayout(box)
    line.setContentsMargins(8, 0, 8, 4)
    line.addWidget(widget)
    return box
