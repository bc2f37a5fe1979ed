"""All widgets on one sheet: ``python -m tests.app.widgets.gallery FOLDER`` writes it light and dark."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice, ColourMapChoice
from vitinspect.app.widgets.fields import CheckBox, NumberField, SliderField
from vitinspect.app.widgets.layer_list import LayerList
from vitinspect.app.widgets.layer_rows import LayerRow, Swatch
from vitinspect.app.widgets.segments import Segment, Segments


def controls() -> QWidget:
    """Fields, buttons and the rows of the properties."""
    page, column = _page()
    column.addWidget(rows.heading("Parameters"))
    column.addWidget(rows.PropertyRow("variant", Choice([(1, "transformer_attribution"), (2, "full")])))
    start = NumberField(0, 5, 1, whole=True)
    start.setFixedWidth(56)
    column.addWidget(rows.PropertyRow("start_layer", start, note="from block 2 of 6", stretch=False))
    wrong = NumberField(0, 5, 1, whole=True)
    wrong.setFixedWidth(56)
    column.addWidget(rows.PropertyRow("starting_layer", wrong, stretch=False))
    wrong.lineEdit().setText("7")
    wrong.validate("7", 1)
    column.addWidget(rows.heading("Display"))
    column.addWidget(rows.PropertyRow("Colours", ColourMapChoice(["auto", "inferno", "viridis"])))
    low, high = NumberField(value=6.8e-7), NumberField(value=0.0130)
    low.setFixedWidth(54)
    high.setFixedWidth(54)
    column.addWidget(rows.PropertyRow("Range", Choice([(1, "automatic"), (2, "typed")]), low, high))
    column.addWidget(rows.PropertyRow("Opacity", SliderField(0, 1, 0.9, percent=True)))
    column.addWidget(rows.PropertyRow("Drawn", Segments([Segment(1, "Smooth"), Segment(2, "Patches")], fill=True)))
    box = CheckBox("Show class token")
    box.set_value(True)
    column.addWidget(rows.PropertyRow("", box))
    column.addWidget(rows.PropertyRow("", CheckBox("Outlines")))
    column.addWidget(rows.note("starting_layer and token_ratio belong to the method Multiplex network."))
    line = QHBoxLayout()
    line.setContentsMargins(8, 4, 8, 4)
    pressed = rows.button("Pressed")
    pressed.setCheckable(True)
    pressed.setChecked(True)
    off = rows.button("Disabled")
    off.setEnabled(False)
    for part in (rows.button("Normal", icon="add"), pressed, off, rows.button("Main", main=True)):
        line.addWidget(part)
    line.addWidget(rows.icon_button("delete", "Delete"))
    line.addStretch(1)
    column.addLayout(line)
    views = Segments([Segment(1, "Single", "single"), Segment(2, "Grid", "grid"), Segment(3, "Swipe", "swipe")])
    views.set_value(2)
    short = Segments([Segment(1, "Single", "single"), Segment(2, "Grid", "grid"), Segment(3, "Swipe", "swipe")])
    short.show_words(False)
    line = QHBoxLayout()
    line.setContentsMargins(8, 4, 8, 4)
    line.addWidget(views)
    line.addWidget(short)
    line.addStretch(1)
    column.addLayout(line)
    fixed = Choice([(1, "leaf")])
    fixed.fixed, fixed.leading_icon = True, "lock"
    column.addWidget(rows.PropertyRow("Explain", fixed))
    return page


LAYERS = (
    LayerRow("1", "LRP × Rollout", "fused", 1, seconds=0.01),
    LayerRow("2", "AttnLRP", "", 2, swatch=Swatch("colormap", "diverging"), seconds=0.21),
    LayerRow("3", "LRP", "start_layer 1", 3, seconds=0.14, mark="A"),
    LayerRow("4", "Rollout", "", 4, seconds=0.02, mark="B"),
    LayerRow("5", "LeGrad", "", 5, swatch=Swatch("colormap", "viridis"), shown=False, state="cached"),
    LayerRow(
        "6", "Integrated gradients", "", 6, swatch=Swatch("colormap", "diverging"), state="running", progress=0.62
    ),
    LayerRow("7", "Occlusion", "size 32", 7, state="waiting"),
    LayerRow("8", "LRP", "start_layer 2, variant last_layer_attn, rules original", 8, seconds=0.14),
    LayerRow(
        "9",
        "heat_leaf.npy",
        "",
        9,
        swatch=Swatch("missing"),
        state="refused",
        reason="16 × 16 fits neither grid nor pixels",
    ),
    LayerRow("t", "Truth: leaf", "masks-second", swatch=Swatch("truth"), note="4.1 %", can_mark=False),
    LayerRow("m", "DR: foreground", swatch=Swatch("mask", "#35d0ba"), note="21.2 %"),
    LayerRow("i", "DR: ignore", swatch=Swatch("ignored"), note="empty"),
    LayerRow(
        "h", "4 maps, 3 masks", swatch=Swatch("ignored"), state="hidden", note="hidden by blind mode", can_mark=False
    ),
)


def layers() -> QWidget:
    """The layer list, the third row selected."""
    made = LayerList()
    made.setFixedWidth(320)
    made.set_layers(LAYERS, "3")
    made.setFixedHeight(430)
    return made


PARTS: dict[str, Callable[[], QWidget]] = {"controls": controls, "layers": layers}


def _page() -> tuple[QWidget, QVBoxLayout]:
    page = QWidget()
    page.setProperty("kind", "panel")
    page.setFixedWidth(320)
    column = QVBoxLayout(page)
    column.setContentsMargins(0, 0, 0, 8)
    column.setSpacing(0)
    return page, column


def sheet() -> QWidget:
    """Every part beside the others."""
    whole = QWidget()
    line = QHBoxLayout(whole)
    line.setContentsMargins(16, 16, 16, 16)
    line.setSpacing(16)
    for part in PARTS.values():
        column = QVBoxLayout()
        column.addWidget(part())
        column.addStretch(1)
        line.addLayout(column)
    return whole


def main(folder: str) -> None:
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name in ("light", "dark"):
        theme.apply(app, name)
        for part, make in PARTS.items():
            widget = make()
            widget.show()
            for _ in range(3):
                app.processEvents()
            widget.grab().save(str(Path(folder) / f"{part}-{name}.png"))
            widget.close()
            widget.deleteLater()


if __name__ == "__main__":
    main(sys.argv[1])
