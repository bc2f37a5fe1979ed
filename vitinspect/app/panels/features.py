"""The bottom tab Features: what the tokens of each block hold, block by block."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.labels import format_value
from vitinspect.app.compute.feature_views import FeatureView
from vitinspect.app.panels.blocks import LargeMap
from vitinspect.app.services.features import MOST_PICTURES, FeatureService
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.block_strip import BlockStrip
from vitinspect.app.widgets.fields import CheckBox
from vitinspect.app.widgets.head_distances import HeadDistances
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.names import shown

VIEWS = (
    Segment("colours", "Colours", tip="The first three principal components of the patch tokens as red, green, blue"),
    Segment("similarity", "Similarity", tip="The cosine of every patch token with that of one patch"),
    Segment("norms", "Norms", tip="The length of each patch token as it leaves the block; artefacts are far longer"),
    Segment("distance", "Attention distance", tip="How far each head attends, in pixels (Raghu et al. 2021)"),
)
FIGURES = 148


class FeaturesPanel(QWidget):
    """The view at the left, all blocks in the middle, the chosen one large at the right."""

    def __init__(self, state: State, results: Results, service: FeatureService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results, self._service = state, results, service
        self.views = Segments(VIEWS, name="View of the features")
        self.foreground = CheckBox("Inside the mask", tip="Components of the patches inside the selected layer's mask")
        self.keep = rows.button("Keep this picture", self._keep)
        self.drop = rows.button("This picture alone", lambda: state.set(feature_pictures=()))
        self.keep_patch = rows.button("Keep this patch", self._keep_patch)
        self.use_pinned = rows.button("Use pinned patch", lambda: state.set(feature_patch=(), feature_patch_of=""))
        self.component = Segments([Segment(i, str(i)) for i in (1, 2, 3)], name="Component of the layer")
        self.component_label = rows.words("Component", "quiet")
        self.add = rows.button("Add as layer", service.add_layer, tip="Add the large map as a layer")
        head = QHBoxLayout()
        head.setContentsMargins(8, 4, 8, 2)
        head.setSpacing(8)
        for widget in (self.views, self.foreground, self.keep, self.drop, self.keep_patch, self.use_pinned):
            head.addWidget(widget)
        head.addStretch(1)
        for end in (self.component_label, self.component, self.add):
            head.addWidget(end)
        self.about = rows.words("", "quiet", wrap=True)
        self.about.setContentsMargins(8, 0, 8, 0)
        self.strip = BlockStrip("Feature maps of all blocks")
        self.chart = HeadDistances()
        self.middle = QStackedLayout()
        self.middle.addWidget(self.strip)
        self.middle.addWidget(self._with_chart())
        self.large = LargeMap()
        self.large.setAccessibleName("The chosen block")
        self.figures = rows.words("", "quiet", wrap=True)
        self.figures.setFont(theme.tabular(self.figures.font()))
        self.figures.setFixedWidth(FIGURES)
        self.figures.setAlignment(Qt.AlignmentFlag.AlignTop)
        body = QHBoxLayout()
        body.setContentsMargins(8, 0, 8, 4)
        body.setSpacing(12)
        body.addLayout(self.middle, 1)
        body.addWidget(self.large, 0, Qt.AlignmentFlag.AlignTop)
        body.addWidget(self.figures)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(2)
        whole.addLayout(head)
        whole.addWidget(self.about)
        whole.addLayout(body, 1)
        self.views.chosen.connect(lambda view: state.set(feature_view=view))
        self.foreground.chosen.connect(lambda on: state.set(feature_foreground=on))
        self.component.chosen.connect(lambda number: state.set(feature_component=number))
        for blocks in (self.strip, self.small_strip, self.chart):
            blocks.chosen.connect(self._choose)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow()

    def _with_chart(self) -> QWidget:
        """The chart of the heads, with the blocks' maps beside it."""
        both = QWidget()
        line = QHBoxLayout(both)
        line.setContentsMargins(0, 0, 0, 0)
        line.setSpacing(12)
        self.small_strip = BlockStrip("Attention distance of all blocks")
        line.addWidget(self.chart, 1)
        line.addWidget(self.small_strip, 1)
        return both

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.large.set_height(self.height() - 62)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"features", "card", "picture", "model_state", "cuts"}:
            self._follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if any(name.startswith("feature_") for name in names) or names & {"colormap", "pinned", "image", "selected"}:
            self._follow()

    # --- what a person does --------------------------------------------------------------------------------------

    def _choose(self, block: int) -> None:
        last = block == self.strip.count - 1
        self._state.set(feature_block=-1 if last else block)

    def _keep(self) -> None:
        """Compute the components of the next pictures together with this one."""
        kept = self._state.feature_pictures
        if self._state.image and self._state.image not in kept:
            self._state.set(feature_pictures=(*kept, self._state.image)[-MOST_PICTURES:])

    def _keep_patch(self) -> None:
        """Keep comparing with this patch, also on the next pictures."""
        patch, other = self._service.patch
        if not other:
            self._state.set(feature_patch=patch, feature_patch_of=self._state.image)

    # --- what is shown -------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        state, results = self._state, self._results
        view = state.feature_view
        self.views.set_value(view)
        colours, similar = view == "colours", view == "similarity"
        held = len(state.feature_patch) == 2
        self.foreground.setVisible(colours)
        self.foreground.set_value(state.feature_foreground)
        self.foreground.setEnabled(state.feature_foreground or self._service.foreground() is not None)
        self.keep.setVisible(colours)
        self.keep.setEnabled(bool(state.image) and state.image not in state.feature_pictures)
        self.keep.setToolTip("Its patches and those of the next pictures are coloured by the same components")
        self.drop.setVisible(colours and bool(state.feature_pictures))
        self.keep_patch.setVisible(similar and not held)
        self.keep_patch.setToolTip("Compare the next pictures with it too")
        self.use_pinned.setVisible(similar and held)
        self.use_pinned.setToolTip("Compare with the patch that is pinned on the picture again")
        for widget in (self.component_label, self.component):
            widget.setVisible(colours)
        self.component.set_value(state.feature_component)
        self.middle.setCurrentIndex(1 if view == "distance" else 0)
        found: FeatureView | None = results.features
        there = found is not None and found.address.view == view
        self.add.setEnabled(there)
        if not there or found is None:
            waiting = results.model_state == READY and results.picture is not None
            self.about.setText("Reading the features …" if waiting else "Needs a picture and a model")
            if found is None:
                self._show([], None)
            return
        self._show_view(found)

    def _show_view(self, found: FeatureView) -> None:
        block = self._service.block_of(found)
        values = found.values
        images = [picture_of(one) for one in values]
        ranges = [_range(one) for one in values]
        self._show(images, found.heads, [f"Block {i + 1}: {text}" for i, text in enumerate(ranges)])
        for widget in (self.strip, self.small_strip, self.chart):
            widget.mark(block)
        self.large.show_map(images[block])
        self.about.setText(self._words(found))
        self.figures.setText("\n".join(self._figures(found, block)))

    def _show(self, images: list[QImage], heads: Any, about: list[str] | None = None) -> None:
        for strip in (self.strip, self.small_strip):
            strip.set_images(images, about or [])
        self.chart.set_values(heads)
        if not images:
            self.large.show_map(None)
            self.figures.setText("")

    def _words(self, found: FeatureView) -> str:
        """What is shown, in a sentence."""
        address, card = found.address, self._results.card
        model = card.name if card is not None else ""
        if address.view == "colours":
            many = len(address.pictures)
            of = f"this picture and {many} kept" if many else "this picture"
            mask = ", of the patches inside the mask alone" if address.foreground else ""
            return f"First three principal components of the patch tokens of {of}{mask}, in {model}; whitened."
        if address.view == "similarity":
            row, column = address.patch
            where = f" of {shown(os.path.basename(self._state.feature_patch_of))}" if address.patch_of else ""
            pin = (
                ""
                if address.patch_of or self._state.feature_patch or self._state.pinned
                else " Pin a patch (P) to compare with it."
            )
            return f"Cosine of each patch with the one in row {row + 1}, column {column + 1}{where}, in {model}.{pin}"
        if address.view == "norms":
            return f"Length of each patch token as it leaves the block, before the final norm, in {model}."
        return f"How far attention reaches from each patch, the mean of all heads, in {model}."

    def _figures(self, found: FeatureView, block: int) -> list[str]:
        values = found.values[block]
        lines = [f"Block {block + 1} of {len(found.values)}", _range(values)]
        if found.address.view == "norms":
            median = float(np.median(values))
            outliers = int((values > 2 * median).sum())
            lines.append(f"median {format_value(median)}")
            lines.append(f"{outliers} of {values.size} patches above twice that")
        if found.heads is not None:
            heads = found.heads[block]
            lines.append(f"heads {heads.min():.0f} to {heads.max():.0f} px, mean {heads.mean():.0f}")
        return [line for line in lines if line]


def _range(values: np.ndarray) -> str:
    if values.ndim == 3:
        return "red, green, blue: components 1, 2, 3"
    return f"{format_value(float(values.min()))} to {format_value(float(values.max()))}"


def picture_of(values: np.ndarray) -> QImage:
    """Colours as they are; other values in viridis, their own range stretched over it."""
    if values.ndim == 3:
        pixels = np.ascontiguousarray((values * 255 + 0.5).astype(np.uint8))
        height, width = pixels.shape[:2]
        return QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    from vitinspect.app import heat
    from vitinspect.app.canvas import painting
    from vitinspect.figures.overlay import ValueRange, levels

    image = painting.indexed(levels(values, ValueRange.of(values)))
    image.setColorTable(heat.table("viridis", signed=False, opacity=1.0, grows="uniform").tolist())
    return image
