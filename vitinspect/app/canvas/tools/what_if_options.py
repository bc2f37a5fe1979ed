"""The strip above the canvas while a what-if tool is selected."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from vitinspect.app.canvas.tools.what_if import WhatIf
from vitinspect.app.session.state import State
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import SliderField
from vitinspect.app.widgets.rows import button, words

FILLS = (("mean", "mean colour"), ("blur", "blurred"), ("black", "black"))


class WhatIfOptions(QWidget):
    def __init__(self, state: State, what_if: WhatIf) -> None:
        super().__init__()
        self._state = state
        self.size_field = SliderField(
            1,
            60,
            state.brush_size,
            whole=True,
            unit="%",
            name="Brush width",
            tip="Width of the brush, as a share of the picture's shorter side ([ and ])",
            width=48,
        )
        self.size_field.setFixedWidth(150)
        self.size_field.changed.connect(lambda value: state.set(brush_size=round(value)))
        self.fill = Choice(FILLS, name="Fill", tip="What replaces the removed pixels")
        self.fill.setFixedWidth(120)
        self.fill.set_value(state.brush_fill)
        self.fill.chosen.connect(lambda value: state.set(brush_fill=value))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 0, 8, 0)
        layout.setSpacing(8)
        for part in (words("Width", "quiet"), self.size_field, words("Fill", "quiet"), self.fill):
            layout.addWidget(part)
        for text, tip, call in (
            ("Hide inside", "Remove what is inside the outline of the selected map", lambda: what_if.hide(inside=True)),
            (
                "Hide outside",
                "Remove what is outside the outline of the selected map",
                lambda: what_if.hide(inside=False),
            ),
            ("Reset", "Restore the whole picture", what_if.reset),
        ):
            layout.addWidget(button(text, call, tip=tip))
        layout.addStretch(1)
        state.changed.connect(self._follow)

    def _follow(self, names: frozenset[str]) -> None:
        if "brush_size" in names:
            self.size_field.set_value(self._state.brush_size)
        if "brush_fill" in names:
            self.fill.set_value(self._state.brush_fill)
