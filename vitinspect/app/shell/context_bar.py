"""Over every workspace: the model, where it runs, what is explained, and what it predicts."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app.session.results import FAILED, LOADING, READY, Results
from vitinspect.app.session.state import State
from vitinspect.app.shell.model_field import ModelField
from vitinspect.app.shell.text_field import TextField
from vitinspect.app.widgets.choice import Choice, Opener
from vitinspect.app.widgets.class_field import ClassField
from vitinspect.app.widgets.lateness import Lateness
from vitinspect.app.widgets.prediction_bars import RING, PredictionBar, PredictionBars
from vitinspect.app.widgets.rows import PropertyRow, upright_line, words

HEIGHT = 48
CAPTION, CAPTION_GAP = 17, 1
"""The height of the words above a field, and what lies between them."""
MOST = 5
NARROW, NARROWER = 1360, 1200
ROOMY = 1800
MODEL_ROOMY, MODEL_WIDE, MODEL_NARROW = 280, 196, 132
"""The model's field: in a large window, with its blocks and patches, and without them."""
FITS = (
    ("crop", "crop, as evaluated"),
    ("squash", "squash: whole picture, stretched"),
    ("pad", "pad: whole picture, with margins"),
)
PRECISIONS = (("float32", "float32"), ("bfloat16", "bfloat16"), ("float64", "float64"))


class ContextBar(QFrame):
    """Reads the state and the results, and asks the state to change."""

    wants_model_file = Signal()
    wants_model_folder = Signal()
    wants_training = Signal()
    wants_texts_saved = Signal(str)
    """The file that the embeddings of the texts are written to."""
    done = Signal()
    """A typed value was accepted: the keyboard focus goes back to the picture."""

    def __init__(self, state: State, results: Results) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._state, self._results = state, results
        self._lateness = Lateness(self)
        self._lateness.became_late.connect(self._follow_bars)
        self.model = ModelField(state, results)
        self.runs_on = RunsOn(state, results)
        self.texts = TextField(state, results)
        self.explain = ClassField(name="Explain", empty="predicted")
        self.against = ClassField(name="Against", empty="nothing")
        self.bars = PredictionBars(MOST)
        self.notice = words("", "note")
        self.notice.setTextFormat(Qt.TextFormat.RichText)
        self.notice.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._lay_out()
        self._connect()
        self._follow_labels()
        self._follow_target()

    def _lay_out(self) -> None:
        self._against_part = _captioned("Against", self.against, 104)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(8)
        self._model_part = _captioned("Model", self.model, MODEL_WIDE)
        row.addWidget(self._model_part)
        row.addWidget(_captioned("Runs on, precision, input", self.runs_on, 176))
        row.addWidget(upright_line())
        self._texts_part = _captioned("Texts", self.texts, 116)
        row.addWidget(self._texts_part)
        row.addWidget(_captioned("Explain", self.explain, 132))
        row.addWidget(self._against_part)
        row.addWidget(upright_line())
        row.addWidget(_Predictions(self.notice, self.bars), 1)

    def _connect(self) -> None:
        state, results = self._state, self._results
        self.explain.chosen.connect(lambda index: self._retarget())
        self.explain.cleared.connect(self._explain_predicted)
        self.against.chosen.connect(lambda index: self._retarget())
        self.against.cleared.connect(self._retarget)
        for field in (self.explain, self.against):
            field.chosen.connect(lambda index: self.done.emit())
        self.model.loaded.connect(self.done)
        self.texts.used.connect(self.done)
        self.texts.wants_saved.connect(self.wants_texts_saved)
        self.bars.explain_wanted.connect(self.explain_class)
        self.bars.against_wanted.connect(self.take_against)
        self.model.wants_file.connect(self.wants_model_file)
        self.model.wants_folder.connect(self.wants_model_folder)
        self.model.wants_training.connect(self.wants_training)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    # --- the target ----------------------------------------------------------------------------------------------

    def _retarget(self) -> None:
        a, b = self.explain.index, self.against.index
        if a is None and b is not None and self._results.predictions:
            # "Against" alone: what speaks for the predicted class rather than for that one.
            a = self._results.predictions[0].index
        self._state.set(target=() if a is None else (a,) if b is None or b == a else (a, b))
        self._follow_target()

    def _explain_predicted(self) -> None:
        self._state.set(target=())
        self._follow_target()

    def explain_class(self, index: int) -> None:
        """Fix a class as the target; the fixed one goes back to the predicted class."""
        target = self._state.target
        against = target[1:] if target[1:] != (index,) else ()
        self._state.set(target=() if target[:1] == (index,) else (index, *against))

    def take_against(self, index: int) -> None:
        """Contrast the explained class with this one; choosing the current one again ends the contrast."""
        explained = self._results.target[:1] or tuple(p.index for p in self._results.predictions[:1])
        if not explained or explained == (index,):
            return
        self._state.set(target=explained if self._state.target[1:] == (index,) else (*explained, index))

    def _follow_labels(self) -> None:
        card = self._results.card
        labels = card.labels if card is not None and (card.has_classifier or not card.takes_texts) else ()
        self._texts_part.setVisible(card is not None and card.takes_texts)
        self.explain.set_classes(labels)
        self.against.set_classes(labels)

    def _follow_target(self) -> None:
        target = self._state.target
        self.explain.set_class(target[0] if target else None)
        self.against.set_class(target[1] if len(target) > 1 else None)
        # The line above the bars names it in full.
        self.explain.set_empty("predicted")
        self._follow_bars()

    def _follow_bars(self) -> None:
        results = self._results
        probed, card = results.probed, results.card
        after = probed.probabilities if probed is not None else None
        shown = [(p.index, p.label, p.probability) for p in results.predictions[:MOST]]
        if results.probabilities is not None and card is not None:
            # The explained class has a bar also where it is not among the first ones.
            own = [i for i in results.target if i not in [s[0] for s in shown] and i < len(results.probabilities)]
            # Second, so that it is among those that fit.
            shown[1:1] = [(i, card.label(i), float(results.probabilities[i])) for i in own]
        bars = [
            PredictionBar(index, label, share, float(after[index]) if after is not None else None)
            for index, label, share in shown
        ]
        target = results.target
        awaited = self._awaited()
        self._lateness.follow(awaited)
        self.bars.set_bars(
            bars,
            target[0] if target else None,
            target[1] if len(target) > 1 else None,
            awaited=bool(awaited) and awaited[0] not in self._lateness,
        )
        self.notice.setText(self._sentence())

    def _awaited(self) -> list[str]:
        """The content of the picture whose prediction is awaited."""
        results = self._results
        comes = results.model_state == READY and results.card is not None and results.card.has_classifier
        if not comes or results.predictions or results.picture is None or "prediction" in results.stopped:
            return []
        return [results.picture.content]

    def _sentence(self) -> str:
        """What is predicted and what is explained, in one line."""
        from html import escape

        results, card = self._results, self._results.card
        if results.model_state == LOADING:
            return "The model is being loaded"
        if results.model_state == FAILED:
            return "There is no model"
        if card is not None and not card.has_classifier:
            return "No texts yet" if card.takes_texts else "This model has no classifier"
        if not results.predictions or card is None:
            awaited = self._awaited()
            return "Predicted" if awaited and awaited[0] not in self._lateness else "No prediction yet"
        sentence = f"Predicted <b>{escape(results.predictions[0].label)}</b>"
        if self._state.target:
            words_of = " rather than ".join(f"<b>{escape(card.label(i))}</b>" for i in self._state.target)
            sentence += f"; maps explain {words_of}"
        return sentence

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "target" in names:
            self._follow_target()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "card" in names:
            self._follow_labels()
        if names & {"card", "predictions", "target", "model_state"}:
            self._follow_target()
        elif names & {"picture", "probed", "painted", "probabilities", "stopped"}:
            self._follow_bars()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        wide = self.width() >= NARROW
        self.bars.most = MOST if wide else MOST - 1
        self._model_part.setFixedWidth(MODEL_ROOMY if self.width() >= ROOMY else MODEL_WIDE if wide else MODEL_NARROW)
        self.model.show_details(wide)
        self._against_part.setVisible(self.width() >= NARROWER)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(1280, HEIGHT)


class RunsOn(QWidget):
    """Device, precision and input fit in one field, which opens the three."""

    def __init__(self, state: State, results: Results) -> None:
        super().__init__()
        self._state, self._results = state, results
        self.button = Opener(
            self.open,
            name="Runs on, precision, input",
            tip="Where the model runs, its number format, how pictures are fitted",
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        self.popup = QFrame(self, Qt.WindowType.Popup)
        self.popup.setProperty("kind", "popup")
        self.device = Choice([("auto", "automatic"), ("cpu", "CPU")], name="Runs on", tip="Where the model runs")
        self.precision = Choice(PRECISIONS, name="Precision", tip="Number format of the computations")
        self.fit = Choice(FITS, name="Input", tip="How a picture is fitted into the model's input")
        inside = QVBoxLayout(self.popup)
        inside.setContentsMargins(0, 4, 0, 4)
        inside.setSpacing(0)
        for label, name, choice in (
            ("Runs on", "device", self.device),
            ("Precision", "precision", self.precision),
            ("Input", "fit", self.fit),
        ):
            inside.addWidget(PropertyRow(label, choice))
            choice.chosen.connect(lambda value, name=name: state.set(**{name: value}))
        self.popup.setFixedWidth(280)
        state.changed.connect(lambda names: self._follow() if names & {"device", "precision", "fit"} else None)
        results.changed.connect(lambda names: self._follow() if names & {"card", "devices"} else None)
        self._follow()

    def open(self) -> None:
        self.popup.move(self.button.mapToGlobal(QPoint(0, self.button.height() + 2)))
        self.popup.show()

    def _follow(self) -> None:
        state, card = self._state, self._results.card
        known = dict.fromkeys(("auto", "cpu", *self._results.devices, state.device))
        found = self._results.devices
        self.device.set_items(
            [
                (d, "automatic" if d == "auto" else d if d == "cpu" or d in found else f"{d} (not available)")
                for d in known
            ]
        )
        self.device.set_value(state.device)
        self.precision.set_value(state.precision)
        self.fit.set_value(state.fit)
        device = card.device if card is not None else "automatic" if state.device == "auto" else state.device
        side = f" {card.input_size[0]}" if card is not None else ""
        self.button.set_items([("", f"{device}, {state.precision}, {state.fit}{side}")])


class _Predictions(QWidget):
    """The bars with their sentence above, in line with the other fields and their captions."""

    def __init__(self, notice: QWidget, bars: PredictionBars) -> None:
        super().__init__()
        self._notice, self._bars = notice, bars
        for part in (notice, bars):
            part.setParent(self)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._notice.setGeometry(RING, 0, max(0, self.width() - RING), CAPTION)
        # The bars include space for their focus ring, which reaches under the sentence.
        self._bars.setGeometry(0, CAPTION + CAPTION_GAP - RING, self.width(), self._bars.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self._bars.minimumSizeHint()


def _captioned(caption: str, field: QWidget, width: int) -> QWidget:
    """A field with its caption above it."""
    box = QWidget()
    box.setFixedWidth(width)
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(CAPTION_GAP)
    label = words(caption, "note")
    label.setFixedHeight(CAPTION)
    label.setBuddy(field)
    layout.addWidget(label)
    layout.addWidget(field)
    layout.addStretch(1)
    return box
