"""All widgets on one sheet: ``python -m tests.app.widgets.gallery FOLDER`` writes it light and dark."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QRect
from PySide6.QtGui import QColor, QImage, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.agreement_view import AgreeingLayer, AgreementView, Pair
from vitinspect.app.widgets.breadcrumb import Breadcrumb
from vitinspect.app.widgets.chips import Chip, Chips
from vitinspect.app.widgets.choice import Choice, ColourMapChoice
from vitinspect.app.widgets.class_field import ClassField
from vitinspect.app.widgets.colour_bar import ColourBar, paint_upright
from vitinspect.app.widgets.curve_chart import Curve, CurveChart
from vitinspect.app.widgets.empty_state import EmptyState
from vitinspect.app.widgets.fields import CheckBox, NumberField, SliderField
from vitinspect.app.widgets.histogram import Histogram
from vitinspect.app.widgets.layer_list import LayerList
from vitinspect.app.widgets.layer_rows import LayerRow, Swatch
from vitinspect.app.widgets.matrix import Matrix
from vitinspect.app.widgets.messages import Message, Messages
from vitinspect.app.widgets.method_picker import MethodPicker, OtherLayer
from vitinspect.app.widgets.method_rows import method_rows, rows_of
from vitinspect.app.widgets.picture_list import PATH_ROLE, PictureInfo, PictureList
from vitinspect.app.widgets.prediction_bars import PredictionBar, PredictionBars
from vitinspect.app.widgets.properties.display import DisplayForm, DisplayValues
from vitinspect.app.widgets.properties.fusion import FusionForm, Member
from vitinspect.app.widgets.properties.parameters import ParameterForm
from vitinspect.app.widgets.properties.threshold import ThresholdForm, ThresholdValues
from vitinspect.app.widgets.score_table import ScoreColumn, ScoreRow, ScoreTable
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.app.widgets.status_progress import RunningWork
from vitinspect.app.widgets.tool_strip import Tool, ToolOptions, ToolStrip, labelled
from vitinspect.explainers.costs import ModelSize
from vitinspect.explainers.registry import methods
from vitinspect.presets import built_in, own
from vitinspect.resources import gallery_folder


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


def predictions() -> QWidget:
    """Bars as they are, and with a what-if edit."""
    page, column = _page(640)
    names = ["gem", "leaf", "butterfly", "daisy", "shell"]
    for after in (None, (0.912, 0.041, 0.029, 0.006, 0.004)):
        bars = PredictionBars()
        bars.set_bars(
            [
                PredictionBar(i, name, p, after[i] if after else None)
                for i, (name, p) in enumerate(zip(names, (0.855, 0.097, 0.023, 0.008, 0.006), strict=True))
            ],
            explained=1,
            against=2 if after else None,
        )
        column.addWidget(bars)
    messages = Messages()
    messages.show_message(
        Message("head", "This head has no fingerprint: nothing proves that it belongs to this model.")
    )
    messages.show_message(
        Message("disk", "The disk is full: DR’s mask of 02-aster-badge is kept in memory.", "error", "Try again", "why")
    )
    column.addWidget(messages)
    work = RunningWork()
    work.set_work("Integrated gradients", number=6, done=31, total=50, seconds_left=4)
    column.addWidget(work)
    options = ToolOptions()
    options.set_options(
        "Brush",
        [
            labelled("Size", SliderField(1, 200, 38, whole=True, unit="px")),
            Segments([Segment(1, "Draw"), Segment(2, "Erase")]),
            CheckBox("Smooth strokes"),
        ],
    )
    column.addWidget(options)
    line = QHBoxLayout()
    strip = ToolStrip(
        [
            Tool("pan", "Pan and zoom", "pan", "V"),
            Tool("pin", "Pin a patch", "pin", "P"),
            Tool("brush", "What-if brush", "brush", "B", 1),
            Tool("eraser", "What-if eraser", "eraser", "E", 1),
            Tool("undo", "Undo", "undo", "Ctrl+Z", 2, acts=True),
        ]
    )
    strip.set_tool("pan")
    line.addWidget(strip)
    empty = EmptyState()
    empty.say(
        "Drop a folder, a picture or a figure here",
        "or choose one of these",
        ("Open folder", lambda: None),
        ("Gallery", lambda: None),
        icon="open",
    )
    empty.setFixedHeight(200)
    line.addWidget(empty)
    column.addLayout(line)
    return page


def charts() -> QWidget:
    """Histogram, colour bars and the matrix."""
    page, column = _page(420)
    histogram = Histogram()
    histogram.set_counts([3000 / (i + 1) for i in range(60)], 6.8e-7, 0.013)
    histogram.set_level(0.00257)
    column.addWidget(histogram)
    for name, low, high, signed in (("inferno", 0.0, 0.013, False), ("diverging", -0.86, 0.86, True)):
        bar = ColourBar()
        bar.set_range(name, low, high, signed=signed)
        column.addWidget(bar)
    column.addWidget(_Upright())
    matrix = Matrix()
    matrix.set_values(
        ["1\u00a0LRP × Rollout", "2\u00a0AttnLRP", "3\u00a0LRP", "4\u00a0Rollout"],
        [
            [float("nan"), 0.72, 0.82, 0.38],
            [0.72, float("nan"), 0.86, 0.13],
            [0.82, 0.86, float("nan"), 0.88],
            [0.38, 0.13, 0.88, float("nan")],
        ],
        last=("Others", [0.82, 0.81, 0.86, 0.87]),
    )
    column.addWidget(matrix)
    return page


class _Upright(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(160)

    def paintEvent(self, event: object) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.current().canvas))
        paint_upright(painter, QRect(8, 8, 60, 144), "inferno", 0, 0.013)
        paint_upright(painter, QRect(108, 8, 60, 144), "diverging", -0.86, 0.86, signed=True)
        paint_upright(painter, QRect(208, 8, 60, 144), "viridis", 0, 0.0268)
        painter.end()


def picker() -> QWidget:
    """The picker of methods with two checked."""
    model = ModelSize((14, 14), 6, 192)
    measured = {"rollout": 0.02, "lrp": 0.14, "raw_attention": 0.01}
    refusals = {"reciprocam": "ViT-ReciproCAM: the blocks of this model cannot be run one by one"}
    made = MethodPicker()
    made.resize(880, 552)
    made.set_methods(
        method_rows(model, measured=measured, refusals=refusals, shown=["rollout", "lrp"]),
        (*built_in(), own("paper figure 3", [["rollout"], ["lrp", "rollout"]])),
        lambda layers: rows_of(layers, model, measured=measured, refusals=refusals),
        others=[
            OtherLayer("fused", "Fused map"),
            OtherLayer("map", "Map from a file"),
            OtherLayer("mask", "Mask from a file"),
        ],
        model_name="demo",
    )
    made.model.set_checked([("libragrad",), ("gradcam",)])
    return made


def browser() -> QWidget:
    """Path, filters and pictures as list, grid and film strip."""
    page, column = _page(440)
    crumbs = Breadcrumb()
    crumbs.set_folder("/data/gallery/images", ["/data/other"])
    column.addWidget(crumbs)
    chips = Chips(
        [
            Chip("masked", "has mask"),
            Chip("class", "predicted", choices=(("gem", "gem"),)),
            Chip("flagged", "flagged"),
        ]
    )
    chips.set_value("masked", True)
    chips.setContentsMargins(8, 4, 8, 4)
    column.addWidget(chips)
    target = ClassField()
    target.set_classes(["gem", "leaf"])
    target.set_class(1)
    follows = ClassField(empty="predicted: gem")
    follows.set_classes(["gem", "leaf"])
    column.addWidget(rows.PropertyRow("Explain", target))
    column.addWidget(rows.PropertyRow("Explain", follows))
    folder = gallery_folder() / "images"
    paths = sorted(str(p) for p in folder.iterdir() if p.suffix in (".png", ".jpg"))
    images = {path: QImage(path) for path in paths}
    model = QStandardItemModel(page)
    for path in paths:
        item = QStandardItem(Path(path).stem)
        item.setData(path, PATH_ROLE)
        model.appendRow(item)
    for mode, height in (("list", 250), ("grid", 200), ("film", 72)):
        pictures = PictureList(images.get, lambda path: PictureInfo("gem 85.5 %", ("masks", "star", "note")))
        pictures.setModel(model)
        pictures.set_mode(mode)
        pictures.setFixedHeight(height)
        pictures.setCurrentIndex(model.index(2, 0))
        column.addWidget(pictures)
    return page


def properties() -> QWidget:
    """The forms of a method's layer, and of a fused one."""
    page, column = _page()
    parameters = ParameterForm()
    parameters.set_parameters(methods()["lrp"].parameters, {"start_layer": 1}, depth=6)
    column.addWidget(parameters)
    fusion = FusionForm()
    fusion.set_members(
        [Member("3", 3, "LRP start_layer 1"), Member("4", 4, "Rollout", 0.5)], [Member("5", 5, "LeGrad")]
    )
    sentence = "Their masks overlap by 0.14 (IoU); their sizes allow 0 to 0.15. Their ranks correlate by 0.73."
    fusion.set_values("geometric", "minmax", sentence)
    column.addWidget(fusion)
    display = DisplayForm()
    display.set_values(DisplayValues("inferno", False, "automatic", 6.8e-7, 0.013))
    column.addWidget(display)
    threshold = ThresholdForm()
    counts = [3000 / (i + 1) for i in range(60)]
    threshold.set_values(ThresholdValues("otsu", 0, 0.00257, 0.02, "outline", counts, 6.8e-7, 0.013))
    column.addWidget(threshold)
    return page


def scores() -> QWidget:
    """The bottom tabs Scores and Agreement."""
    page, column = _page(840)
    columns = (
        ScoreColumn("deletion", "Deletion", higher=False),
        ScoreColumn("insertion", "Insertion"),
        ScoreColumn("iou", "IoU"),
        ScoreColumn("f1", "F1"),
        ScoreColumn("ap", "AP"),
        ScoreColumn("boundary", "Boundary F1"),
    )
    table = ScoreTable()
    values = [(0.004, 0.214, 0.689, 0.816, 0.911, 0.405), (0.001, 0.852, 0.665, 0.798, 0.915, 0.296)]
    values += [(0.003, 0.219, 0.39, 0.562, 0.854, 0.103), (0.005, 0.148, 0.281, 0.439, 0.367, 0.302)]
    names = ["LRP × Rollout", "AttnLRP", "LRP", "Rollout"]
    table.set_scores(
        columns,
        [
            ScoreRow(str(i), i + 1, name, dict(zip([c.id for c in columns], row, strict=True)), i)
            for i, (name, row) in enumerate(zip(names, values, strict=True))
        ],
        "2",
    )
    line = QHBoxLayout()
    line.addWidget(table, 3)
    xs = list(range(101))
    for title, label in (("Deletion", "% removed"), ("Insertion", "% shown")):
        chart = CurveChart(title, x_label=label, y_label="probability of leaf")
        chart.set_curves(
            [
                Curve(i + 1, name, xs, [math.exp(-x / (8 + 9 * i)) * 0.097 for x in xs], i, i == 2)
                for i, name in enumerate(names)
            ]
        )
        line.addWidget(chart, 1)
    column.addLayout(line)
    agreement = AgreementView()
    agreement.set_agreement(
        [AgreeingLayer(str(i), i + 1, name) for i, name in enumerate(names)],
        [
            Pair(str(i), str(j), 0.9 - 0.2 * j, 0.1 + 0.1 * (i + j), 0.0, 0.02, 0.03)
            for i in range(4)
            for j in range(i + 1, 4)
        ],
    )
    agreement.setFixedHeight(190)
    column.addWidget(agreement)
    return page


PARTS: dict[str, Callable[[], QWidget]] = {
    "scores": scores,
    "properties": properties,
    "browser": browser,
    "picker": picker,
    "controls": controls,
    "layers": layers,
    "predictions": predictions,
    "charts": charts,
}


def _page(width: int = 320) -> tuple[QWidget, QVBoxLayout]:
    page = QWidget()
    page.setProperty("kind", "panel")
    page.setFixedWidth(width)
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
