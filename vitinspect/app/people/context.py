"""Above the People workspace: which layer, how it is cut, with whom it is compared, by which score."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.annotation.consensus import WAYS
from vitinspect.app.people.view import SCORES, PeopleView
from vitinspect.app.services.people import PeopleService
from vitinspect.app.session.state import State
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.rows import upright_line, words
from vitinspect.evaluation.among_people import STATISTICS
from vitinspect.names import shown
from vitinspect.thresholds import MODES

HEIGHT = 48


class PeopleContext(QFrame):
    """Reads the service; what is chosen here goes to it, to the state, or to the view."""

    def __init__(self, people: PeopleService, state: State, view: PeopleView) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._people, self._state = people, state
        self.layer = Choice((), name="Layer", tip="The layer that is compared with the people")
        self.layer.chosen.connect(lambda layer: state.set(selected=layer))
        self.cutting = Choice(
            [(mode, mode.replace("_", " ").capitalize()) for mode in MODES],
            name="Threshold",
            tip="How the layer is cut into a mask; its level is set in the layer's properties",
        )
        self.cutting.chosen.connect(self._cut)
        self.against = Choice(
            (), name="Against", tip="The annotator, or the consensus, with whom the layer is compared"
        )
        self.against.chosen.connect(people.set_against)
        self.how = Choice([(how, how.capitalize().replace("Staple", "STAPLE")) for how in WAYS], name="Consensus")
        self.how.set_value(people.how)
        self.how.chosen.connect(people.set_how)
        self.score = Choice(
            [(key, STATISTICS[key]) for key in SCORES], name="Score", tip="What the table shows of maps"
        )
        self.score.chosen.connect(view.set_score)
        self.run = words("", "quiet")
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 2, 8, 2)
        row.setSpacing(8)
        row.addWidget(_captioned("Layer", self.layer, 260))
        row.addWidget(_captioned("Threshold", self.cutting, 112))
        row.addWidget(upright_line())
        row.addWidget(_captioned("Against", self.against, 140))
        row.addWidget(_captioned("Consensus", self.how, 112))
        row.addWidget(_captioned("Score", self.score, 112))
        row.addStretch(1)
        row.addWidget(self.run)
        people.changed.connect(self.follow)
        state.changed.connect(self._state_changed)
        self.follow()

    def _cut(self, mode: str) -> None:
        from vitinspect.app.services.derived_maps import CUTS

        layer = self._chosen()
        if layer:
            self._state.edit_layer(layer, "threshold", threshold_mode=mode, threshold_value=CUTS[mode][4])

    def _chosen(self) -> str:
        layers = [layer.id for layer in self._people.layers()]
        return self._state.selected if self._state.selected in layers else layers[0] if layers else ""

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and names & {"layers", "selected"}:
            self.follow()

    @Slot()
    def follow(self) -> None:
        people, state = self._people, self._state
        layers, candidates = people.layers(), people.candidates()
        self.layer.set_items(
            [(one.id, f"{state.number(one.id)}  {c.name}") for one, c in zip(layers, candidates, strict=True)]
        )
        chosen = self._chosen()
        self.layer.set_value(chosen)
        layer = state.layer(chosen)
        for part in (self.layer, self.cutting):
            part.setEnabled(layer is not None)
        if layer is not None:
            self.cutting.set_value(layer.threshold_mode)
        annotators = sorted(people.found.gathered.masks) if people.found is not None else []
        count = {0: "no annotator yet", 1: "1 annotator"}.get(len(annotators), f"{len(annotators)} annotators")
        self.against.setEnabled(bool(annotators))
        self.against.set_items([("", count), *((who, shown(who)) for who in annotators)])
        self.against.set_value(people.against if people.against in annotators else "")
        settings = people.settings()
        self.run.setText(settings.folder.name if settings is not None and settings.folder.is_dir() else "")


def _captioned(caption: str, part: QWidget, width: int) -> QWidget:
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    label = words(caption, "note")
    label.setFixedHeight(16)
    layout.addWidget(label)
    layout.addWidget(part)
    box.setFixedWidth(width)
    return box
