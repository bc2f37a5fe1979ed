"""How maps are painted: colours, opacity, interpolation."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QVBoxLayout, QWidget

from vitinspect.app.panels.section import Choice, Slide, form
from vitinspect.app.session.state import State
from vitinspect.figures.names import colormap_names


class DisplayPanel(QWidget):
    """Nothing here runs a model: each change swaps a table of colours or a picture that is there already."""

    def __init__(self, state: State, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        names = [("auto", "Automatic (by sign)")] + [(n, n.capitalize()) for n in colormap_names()]
        self.colormap = Choice(state, "colormap", names, "Colour map; automatic takes a diverging one for signed maps")
        self.opacity = Slide(0, 1, 100, lambda v: f"{100 * v:.0f} %", "Opacity of the heat map")
        self.opacity.moved.connect(lambda value: state.set(opacity=value))
        self.grows = Choice(
            state,
            "grows",
            [("uniform", "The same everywhere"), ("growing", "Grows with the value")],
            "Whether low values are clear",
        )
        self.smooth = _check(state, "smooth", "Smooth", "Interpolate between patches, or show each as it is")
        self.frame = _check(state, "frame", "Frame of what the model sees", "Show the crop where there is one")
        rows = form()
        rows.addRow("Colours", self.colormap)
        rows.addRow("Opacity", self.opacity)
        rows.addRow("Opacity is", self.grows)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(rows)
        layout.addWidget(self.smooth)
        layout.addWidget(self.frame)
        state.changed.connect(self._state_changed)
        self.opacity.set_value(state.opacity)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "opacity" in names:
            self.opacity.set_value(self._state.opacity)


def _check(state: State, name: str, words: str, tip: str) -> QCheckBox:
    """A check box bound to one value of the state."""
    box = QCheckBox(words)
    box.setToolTip(tip)
    box.setChecked(getattr(state, name))
    box.toggled.connect(lambda on: state.set(**{name: on}))

    def follow(names: frozenset[str]) -> None:
        if name in names:
            box.setChecked(getattr(state, name))

    state.changed.connect(follow)
    return box


bound_check = _check
