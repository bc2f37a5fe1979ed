"""The panel: views, controls, the inspector of a node, and exports."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.compute.thread_pool import CHORES, Background, Job
from vitinspect.app.compute.worker import problem_of
from vitinspect.app.multiplex import export
from vitinspect.app.multiplex.aggregate import AggregateView
from vitinspect.app.multiplex.blocks import BlockSlider
from vitinspect.app.multiplex.controls import Controls
from vitinspect.app.multiplex.inspector import Inspector
from vitinspect.app.multiplex.measures import MeasuresView
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.multiplex.views import LayerView, MultiplesView, StackView
from vitinspect.app.widgets.rows import button, heading

_REDRAWS = frozenset(
    {
        *("network_layer", "network_arcs", "network_brightness", "network_direction", "network_colour", "parameters"),
        *("network_operator", "network_view", "network_prefix"),
    }
)


class Properties(QWidget):
    """The controls with a heading, and what can be made of the network."""

    def __init__(self, controls: Controls, *buttons: QWidget) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(heading("Attention network"))
        layout.addWidget(controls)
        row = QHBoxLayout()
        row.setContentsMargins(8, 4, 8, 4)
        row.setSpacing(8)
        for way_out in buttons:
            row.addWidget(way_out)
        row.addStretch(1)
        layout.addLayout(row)
        layout.addStretch(1)


class NetworkPanel(QWidget):
    """Reads the state and the networks, and asks them to change."""

    hovered = Signal(object)
    """Row and column of the patch under the cursor, or None."""
    reported = Signal(str)
    """A sentence for the status bar."""
    menu: QMenu
    properties: Properties
    inspector: Inspector

    def __init__(self, networks: Networks, background: Background, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks, self.background = networks, background
        self.setMinimumWidth(320)
        self.state = networks.state
        self.menu = QMenu(self)
        for ending, words in export.PICTURES.items():
            self.menu.addAction(f"Picture as {words}…", partial(self.ask_picture, ending))
        self.menu.addSeparator()
        self.menu.addAction("This block as a graph…", partial(self.ask_graph, True))
        self.menu.addAction("All blocks as a graph…", partial(self.ask_graph, False))
        self.controls = Controls(networks)
        add = button(
            "Add as layer",
            self.add_layer,
            icon="add",
            tip="The map of the method Multiplex network, with these parameters",
        )
        save = button("Export graph", icon="export", tip="This block or all of them, for other programs")
        save.clicked.connect(lambda: self.menu.popup(save.mapToGlobal(QPoint(0, save.height()))))
        self.properties = Properties(self.controls, add, save)
        """For the panel at the right of the window."""
        self.layer_view, self.stack_view = LayerView(networks), StackView(networks)
        self.multiples_view, self.aggregate_view = MultiplesView(networks), AggregateView(networks)
        self.measures_view = MeasuresView(networks)
        self.inspector = Inspector(networks)
        """For the tabs below the view."""
        self.stack = QStackedWidget()
        self.views: dict[str, Any] = {}
        for view in (
            self.layer_view,
            self.stack_view,
            self.multiples_view,
            self.aggregate_view,
            self.measures_view,
        ):
            self.views[view.name] = view
            self.stack.addWidget(view)
        for view in (self.layer_view, self.stack_view, self.multiples_view):
            view.hovered.connect(self._hovered)
            view.stepped.connect(self.step)
        self.aggregate_view.hovered.connect(self._hovered)
        self.blocks = BlockSlider()
        self.blocks.chosen.connect(lambda block: self.state.set(network_layer=block))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.blocks)
        layout.addWidget(self.stack, 1)
        self.state.changed.connect(self._state_changed)
        networks.changed.connect(self._networks_changed)
        networks.results.changed.connect(self._results_changed)
        self._follow_view()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(460, 720)

    @property
    def view(self) -> Any:
        """The one that is shown."""
        return self.views[self.state.network_view]

    # --- following ---------------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "network_view" in names:
            self._follow_view()
        if self.state.workspace != "network":
            return
        if names & _REDRAWS:
            self._redraw()
        elif names & {"pinned"}:
            self._marks()
        elif "workspace" in names:
            self._redraw()

    @Slot(object)
    def _networks_changed(self, names: frozenset[str]) -> None:
        if names == {"selected"}:
            self._marks()
        else:
            self._redraw()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if self.state.workspace == "network" and names & {"picture", "placed", "card", "model_state", "target"}:
            self._redraw()

    def _follow_view(self) -> None:
        name = self.state.network_view
        self.stack.setCurrentWidget(self.views[name])
        self.setFocusProxy(self.views[name])
        self.blocks.setVisible(name in ("layer", "stack"))
        self.controls.show_view(name)

    def _redraw(self) -> None:
        self.view.refresh()
        self.controls.follow()
        network = self.networks.network
        self.blocks.show_block(self.networks.layer, network.depth if network is not None else 0)
        self.inspector.follow(getattr(self.view, "hover", None))

    def _marks(self) -> None:
        """The selection moved; what is drawn below it is kept."""
        self.view.update()
        self.inspector.follow(getattr(self.view, "hover", None))

    # --- zoom, of the views that have one --------------------------------------------------------------------------

    @property
    def scale(self) -> float | None:
        """Of the view that is shown, where it has one."""
        scale: float | None = getattr(self.view, "scale", None)
        return scale

    def fit(self) -> None:
        self._zoom("fit")

    def actual_size(self) -> None:
        self._zoom("actual_size")

    def zoom_by(self, factor: float) -> None:
        self._zoom("zoom_by", factor)

    def _zoom(self, what: str, *arguments: float) -> None:
        call = getattr(self.view, what, None)
        if call is not None:
            call(*arguments)

    def refresh_theme(self) -> None:
        self._redraw()

    def step(self, by: int) -> None:
        """Go forward by so many layers."""
        network = self.networks.network
        if network is not None:
            self.state.set(network_layer=min(max(0, self.networks.layer + by), network.depth - 1))

    def add_layer(self) -> None:
        """The method's map as a layer of the picture."""
        added = self.state.add_map("multiplex")
        self.reported.emit(f"Added as layer {self.state.number(added)}")

    # --- hovering ----------------------------------------------------------------------------------------------------

    def _hovered(self, node: int | None) -> None:
        self.inspector.follow(node)
        network = self.networks.network
        place = None if network is None or node is None else network.layers.position(node)
        self.hovered.emit(place)

    def hover_patch(self, place: tuple[int, int] | None) -> None:
        """A patch of the main canvas is under the cursor: show its node here."""
        network = self.networks.network
        if self.state.workspace != "network" or network is None or not hasattr(self.view, "set_hover"):
            return
        node = None if place is None else network.node_of(*place)
        if node != self.view.hover:
            self.view.set_hover(node)
            self.inspector.follow(node)

    # --- exports -----------------------------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """What the picture shows, for the files."""
        results, networks = self.networks.results, self.networks
        parts = [os.path.basename(self.state.image), results.card.name if results.card is not None else ""]
        if networks.network is not None:
            parts.append(f"heads: {networks.network.layers.operator}")
        parts += [f"min_cut {networks.min_cut:g}", self.view.caption]
        return " · ".join(part for part in parts if part)

    def _suggest(self, kind: str, ending: str) -> str:
        stem = os.path.splitext(os.path.basename(self.state.image))[0] or "network"
        return f"{stem}_{kind}{ending}"

    def ask_picture(self, ending: str) -> None:
        kind = f"{export.PICTURES[ending]} (*{ending})"
        name = self._suggest(f"network_{self.state.network_view}", ending)
        path, _ = QFileDialog.getSaveFileName(self, "Save the picture", name, kind)
        if path:
            self.save_picture(path if path.lower().endswith(ending) else path + ending)

    def save_picture(self, path: str) -> None:
        self.reported.emit(f"Saved {export.save_picture(self.view, path, self.title)}")

    def ask_graph(self, one: bool) -> None:
        from vitinspect.graphs import FORMATS

        kinds = ";;".join(f"{words} (*{ending})" for ending, words in FORMATS.items())
        layer = f"block{self.networks.layer + 1}" if one else "blocks"
        path, kind = QFileDialog.getSaveFileName(self, "Save the network", self._suggest(layer, ".graphml"), kinds)
        if path:
            if os.path.splitext(path)[1].lower() not in FORMATS:
                path += kind.rsplit("*", 1)[-1].rstrip(")") or ".graphml"
            self.save_graph(path, one)

    def save_graph(self, path: str, one: bool) -> None:
        """In the background: many arcs take seconds."""
        networks = self.networks
        if networks.network is None:
            return
        work = partial(
            export.save_graph,
            networks.network,
            path,
            networks.min_cut,
            networks.first_layer,
            networks.layer if one else None,
        )

        def done(result: Any, error: BaseException | None) -> None:
            if error is not None:
                networks.problems.report("network file", problem_of(error, "writing the network"))
            else:
                networks.problems.solved("network file")
                self.reported.emit(f"Saved {result}")

        self.reported.emit(f"Writing {path} …")
        self.background.submit(CHORES, Job(lambda cancel: work(), done))
