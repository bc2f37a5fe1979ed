"""Three ways to look at the layers: one over the picture, all as a stack of tilted planes, all side by side."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.painting import ACCENT
from vitinspect.app.geometry import tiles
from vitinspect.app.multiplex import geometry, painting
from vitinspect.app.multiplex.base import HEADER, LEGEND, NetworkView, header
from vitinspect.app.multiplex.geometry import Plane
from vitinspect.app.multiplex.model import Network
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.theme.tokens import AXIS_SIZE, SMALL_SIZE
from vitinspect.app.widgets.colour_bar import paint_flat
from vitinspect.app.widgets.numbers import number, whole

COLUMN = 260
"""Space beside the graph for the small picture and the legend."""
TITLE = 18
"""Space above the picture of a block for its title, in the view of all blocks."""
TIES = 12
"""Arcs of the chosen node that are drawn over the others, of each direction."""


class LayerView(NetworkView):
    """One block over the picture, with the picture and what the colours mean beside it."""

    name = "layer"
    marks_ties = True

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(networks, parent)
        self.setAccessibleName("Attention network of one block over the picture")

    zooms = True

    def column(self, width: int, height: int) -> QRectF | None:
        """Where the small picture and the legend are beside the graph; None where there is no space for them."""
        if width - COLUMN < 0.8 * height or width < 640:
            return None
        return QRectF(width - COLUMN + 8, HEADER, COLUMN - 16, height - HEADER)

    def box(self, width: int, height: int) -> QRectF:
        """Where the graph is."""
        if self.column(width, height) is not None:
            return QRectF(0, HEADER, width - COLUMN, height - HEADER)
        return QRectF(0, HEADER, width, height - HEADER - LEGEND)

    def fitted(self, network: Network, width: int, height: int) -> Plane:
        box = self.box(width, height)
        sides = (box.left(), box.top(), box.right(), box.bottom())
        return geometry.flat(network.layers.grid, sides, self._aspect(), network.prefix > 0)

    def _fitted(self, network: Network) -> Plane:
        return self.fitted(network, self.width(), self.height())

    def zoomed_area(self, network: Network, width: int, height: int) -> QRectF:
        plane = self.fitted(network, width, height)
        rows, columns = network.layers.grid
        return QRectF(plane.left, plane.top, plane.across[0] * columns, plane.down[1] * rows)

    def plane(self, network: Network, width: int, height: int) -> Plane:
        return self.enlarged(self.fitted(network, width, height), network, width, height)

    @property
    def caption(self) -> str:
        network = self.networks.network
        if network is None:
            return ""
        layer = self.networks.layer
        return f"{self._waiting}Block {layer + 1} of {network.depth}: {self._drawn(network, layer).words}"

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        layer = self.networks.layer
        plane = self.plane(network, width, height)
        drawn = self._drawn(network, layer)
        painter.save()
        painter.setClipRect(self.box(width, height))
        nodes = self._one(painter, network, layer, plane, drawn, self._dim, budget)
        if network.prefix:
            xy = plane(geometry.places(network.layers)[: network.prefix])
            painter.setPen(QColor(theme.current().canvas_quiet))
            font = painter.font()
            small = theme.tabular(self.font())
            small.setPixelSize(AXIS_SIZE)
            painter.setFont(small)
            for name, (x, y) in zip(network.layers.prefix_names, xy.tolist(), strict=True):
                box = QRectF(x - 60, y - 0.5 * plane.cell - 14, 120, 13)
                short = "cls" if name.startswith("class") else name.replace("register", "reg")
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), short)
            painter.setFont(font)
        painter.restore()
        left = max(8.0, self.fitted(network, width, height).left)
        header(painter, self.font(), self.caption, QRectF(left, 0, width - left - 8, HEADER))
        column = self.column(width, height)
        if column is None:
            self._legend(painter, nodes, left, height - LEGEND + 2, width - left - 8)
        else:
            self._beside(painter, network, nodes, column)

    def _beside(self, painter: QPainter, network: Network, nodes: painting.Nodes, column: QRectF) -> None:
        """The picture as it is, the pinned patch on it, and what lines and colours mean."""
        t = theme.current()
        picture, placed = self.networks.results.picture, self.networks.results.placed
        y = column.top() + 6
        if picture is not None and placed is not None:
            side = (column.left(), y, column.left() + 176, y + 176)
            small = geometry.flat(network.layers.grid, side, self._aspect(), False, margin=0)
            painting.draw_picture(painter, picture, placed, small, network.layers.grid, 0.0)
            pinned = self.networks.selected
            place = network.layers.position(pinned) if pinned is not None and pinned < network.nodes else None
            if place is not None:
                painting.draw_patch(painter, small, *place, ACCENT, 1.5)
            y += 176
        painter.setFont(theme.font(SMALL_SIZE))
        pinned = self.networks.selected
        if pinned is not None and pinned < network.nodes:
            painter.setPen(QColor(t.canvas_quiet))
            painter.drawText(QRectF(column.left(), y + 4, column.width(), 18), 0, f"Pinned: {network.name(pinned)}")
        y += 34
        for colour, text in self._line_words():
            painter.setPen(QPen(colour, 2))
            painter.drawLine(QPointF(column.left(), y + 8), QPointF(column.left() + 20, y + 8))
            painter.setPen(QColor(t.canvas_text))
            painter.drawText(QRectF(column.left() + 28, y, column.width() - 28, 18), 0, text)
            y += 20
        y += 14
        direction = "received" if self.state.network_direction == "in" else "given"
        what = "Node size" if nodes.communities else "Node colour and size"
        painter.setPen(QColor(t.canvas_text))
        painter.drawText(QRectF(column.left(), y, column.width(), 18), 0, f"{what}: attention {direction}")
        y += 20
        if not nodes.communities:
            bar = QRect(round(column.left()), round(y), 176, 26)
            paint_flat(painter, bar, "viridis", nodes.scale.low, nodes.scale.high)
            y += 34
        if len(nodes.above):
            painter.setPen(QColor(t.canvas_quiet))
            count = len(nodes.above)
            text = f"{count} node{'s' if count != 1 else ''} above, up to {number(nodes.scale.largest)} (white ring)"
            painter.drawText(QRectF(column.left(), y, column.width(), 34), int(Qt.TextFlag.TextWordWrap), text)

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        painter.save()
        painter.setClipRect(self.box(width, height))
        self._draw_marks(painter, network, width, height)
        painter.restore()

    def _draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        plane = self.plane(network, width, height)
        selected = self.networks.selected
        if selected is not None:
            self._node_marks(painter, network, self.networks.layer, plane, selected, TIES)
        if self.hover is not None and self.hover != selected and self.hover < network.nodes:
            ties = TIES if selected is None else 0
            self._node_marks(painter, network, self.networks.layer, plane, self.hover, ties)

    def node_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None or not self.box(self.width(), self.height()).contains(QPointF(x, y)):
            return None
        return geometry.node_at(self.plane(network, self.width(), self.height()), network.layers, x, y)


class StackView(NetworkView):
    """All layers from the first that takes part, as tilted planes; one node is followed through them."""

    name = "stack"
    marks_ties = True

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(networks, parent)
        self.setAccessibleName("All blocks as a stack of planes")
        self.setToolTip("Click a node to follow it; click the name of a block to see it alone.")

    zooms = True

    def zoomed_area(self, network: Network, width: int, height: int) -> QRectF:
        return QRectF(0, HEADER, width, height - HEADER - LEGEND)

    def planes(self, network: Network, width: int, height: int) -> list[Plane]:
        count = network.depth - self.networks.first_layer
        fitted = geometry.stacked(network.layers.grid, count, width, height - HEADER - LEGEND)
        lower = [replace(plane, top=plane.top + HEADER) for plane in fitted]
        return [self.enlarged(plane, network, width, height) for plane in lower]

    def each(self, network: Network) -> int:
        """Arcs per plane: all planes together have as many as one layer may."""
        count = network.depth - self.networks.first_layer
        return max(1, self.state.network_arcs // count)

    @property
    def caption(self) -> str:
        network = self.networks.network
        if network is None:
            return ""
        first = self.networks.first_layer
        shares = [self._drawn(network, layer, self.each(network)).share for layer in range(first, network.depth)]
        return (
            f"{self._waiting}Blocks {first + 1} to {network.depth}: the {whole(self.each(network))} strongest arcs "
            f"of each, {100 * min(shares):.1f} to {100 * max(shares):.1f} % of the weight"
        )

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        painter.save()
        painter.setClipRect(self.zoomed_area(network, width, height))
        first = self.networks.first_layer
        planes = self.planes(network, width, height)
        grid = network.layers.grid
        nodes = None
        seen = [self._seen(plane, network, width, height) for plane in planes]
        for i, plane in enumerate(planes):
            if not seen[i]:
                continue
            layer = first + i
            drawn = self._drawn(network, layer, self.each(network))
            painter.setOpacity(0.9)
            share = budget / sum(seen) if budget else 0
            nodes = self._one(painter, network, layer, plane, drawn, self._dim, share)
            painter.setOpacity(1.0)
            current = layer == self.networks.layer
            edge = QColor(theme.current().accent) if current else QColor(255, 255, 255, 60)
            painting.draw_outline(painter, plane, grid, edge, 1.5 if current else 1)
            painter.setPen(QColor(theme.current().canvas_text if current else theme.current().canvas_quiet))
            x, y = plane(np.array([0.0, grid[0]])).tolist()
            box = QRectF(x - 70, y - 15, 64, 15)
            painter.drawText(
                box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"block {layer + 1}"
            )
        painter.restore()
        header(painter, self.font(), self.caption, QRectF(8, 0, width - 16, HEADER))
        if nodes is None and planes:  # enlarged, with a gap between blocks in sight
            nodes = self._nodes(network, self.networks.first_layer, planes[0].cell)
        if nodes is not None:
            self._legend(painter, nodes, 8, height - LEGEND + 2, width - 16, several=True)

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        painter.save()
        painter.setClipRect(self.zoomed_area(network, width, height))
        for node, strong in ((self.hover, False), (self.networks.selected, True)):
            if node is not None and node < network.nodes:
                self._path(painter, network, node, strong, width, height)
        painter.restore()

    def _path(self, painter: QPainter, network: Network, node: int, strong: bool, width: int, height: int) -> None:
        """One node through all planes: a line, a disc for each centrality, and its strongest arcs."""
        first = self.networks.first_layer
        places = geometry.places(network.layers)
        planes = self.planes(network, width, height)
        points = np.array([plane(places[node]) for plane in planes])
        if strong:
            for i, plane in enumerate(planes):
                self._node_marks(painter, network, first + i, plane, node, 4)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        for colour, wide in ((QColor(0, 0, 0, 190), 4.0), (ACCENT, 2.0 if strong else 1.0)):
            painter.setPen(QPen(colour, wide))
            painting.draw_lines(painter, np.concatenate([points[:-1], points[1:]], -1))
        received, given = network.over_layers(node, self.networks.min_cut)
        values = (received if self.state.network_direction == "in" else given)[first:]
        top = max(float(values.max()), 1e-12)
        for point, value in zip(points, values, strict=True):
            painting.draw_ring(painter, point, 2.0 + 7.0 * float(np.sqrt(value / top)), ACCENT, 1.5)

    def node_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None or not self.zoomed_area(network, self.width(), self.height()).contains(QPointF(x, y)):
            return None
        # The upper planes lie over the lower ones.
        for plane in reversed(self.planes(network, self.width(), self.height())):
            node = geometry.node_at(plane, network.layers, x, y)
            if node is not None:
                return node
        return None

    def layer_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None:
            return None
        for i, plane in enumerate(self.planes(network, self.width(), self.height())):
            px, py = plane(np.array([0.0, network.layers.grid[0]])).tolist()
            if px - 70 <= x <= px and py - 17 <= y <= py + 2:
                return self.networks.first_layer + i
        return None


class MultiplesView(NetworkView):
    """A small network for each layer."""

    name = "multiples"
    MOST = 10_000
    """Arcs in all of them together."""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(networks, parent)
        self.setAccessibleName("A small network for each block")
        self.setToolTip("Click a block to see it alone")

    zooms = True

    def zoomed_area(self, network: Network, width: int, height: int) -> QRectF:
        return QRectF(0, HEADER, width, height - HEADER - LEGEND)

    def boxes(self, network: Network, width: int, height: int) -> list[tuple[int, Any]]:
        """(layer, box) of each at zoom 1."""
        first = self.networks.first_layer
        count = network.depth - first
        rows, columns = network.layers.grid
        shape = (round(100 * rows), round(100 * columns * self._aspect()))
        found = tiles(count, width - 8, height - HEADER - LEGEND, shape, 18, 8)
        return [(first + i, (x + 4, t + HEADER, r + 4, b + HEADER)) for i, (x, t, r, b) in enumerate(found)]

    def each(self, network: Network) -> int:
        return max(1, min(self.state.network_arcs, self.MOST // max(1, network.depth - self.networks.first_layer)))

    def _plane(self, network: Network, box: Any, width: int, height: int) -> Plane:
        """In a box of zoom 1, as the present zoom shows it."""
        left, top, right, bottom = box
        fitted = geometry.flat(
            network.layers.grid, (left, top + TITLE, right, bottom), self._aspect(), network.prefix > 0, margin=2
        )
        return self.enlarged(fitted, network, width, height)

    @property
    def caption(self) -> str:
        network = self.networks.network
        if network is None:
            return ""
        first, last = self.networks.first_layer + 1, network.depth
        return f"{self._waiting}Blocks {first} to {last}: up to {whole(self.each(network))} arcs of each"

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        t = theme.current()
        boxes = self.boxes(network, width, height)
        nodes = None
        painter.save()
        painter.setClipRect(self.zoomed_area(network, width, height))
        planes = [self._plane(network, box, width, height) for _, box in boxes]
        seen = [self._seen(plane, network, width, height) for plane in planes]
        for (layer, box), plane, is_seen in zip(boxes, planes, seen, strict=True):
            if not is_seen:
                continue
            drawn = self._drawn(network, layer, self.each(network))
            nodes = self._one(painter, network, layer, plane, drawn, self._dim, budget / sum(seen) if budget else 0)
            left, top, right, bottom = box
            # The title is not enlarged: it stays next to its picture.
            left, top, right, _ = self.enlarged_box((left, top + TITLE, right, bottom), network, width, height)
            share = f"{100 * drawn.share:.0f} % of the weight"
            text = f"Block {layer + 1}: {whole(len(drawn))} of {whole(drawn.remaining)} arcs, {share}"
            start = max(left + 2, plane.left)
            if right - start < 244:
                text = f"Block {layer + 1}: {share}"
            current = layer == self.networks.layer
            header(painter, self.font(), text, QRectF(start, top - TITLE, right - start, TITLE), small=True)
            if current:
                painting.draw_outline(painter, plane, network.layers.grid, QColor(t.accent), 2)
        painter.restore()
        header(painter, self.font(), self.caption, QRectF(8, 0, width - 16, HEADER))
        if nodes is None and planes:  # enlarged, with a gap between blocks in sight
            nodes = self._nodes(network, self.networks.first_layer, planes[0].cell)
        if nodes is not None:
            self._legend(painter, nodes, 8, height - LEGEND + 2, width - 16, several=True)

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        painter.save()
        painter.setClipRect(self.zoomed_area(network, width, height))
        for _, box in self.boxes(network, width, height):
            plane = self._plane(network, box, width, height)
            for node in dict.fromkeys((self.hover, self.networks.selected)):
                if node is None or node >= network.nodes:
                    continue
                place = network.layers.position(node)
                if place is not None:
                    painting.draw_patch(painter, plane, *place, ACCENT, 1.5)
        painter.restore()

    def node_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        width, height = self.width(), self.height()
        if network is None or not self.zoomed_area(network, width, height).contains(QPointF(x, y)):
            return None
        for _, box in self.boxes(network, width, height):
            node = geometry.node_at(self._plane(network, box, width, height), network.layers, x, y)
            if node is not None:
                return node
        return None

    def layer_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        width, height = self.width(), self.height()
        if network is None or not self.zoomed_area(network, width, height).contains(QPointF(x, y)):
            return None
        for layer, box in self.boxes(network, width, height):
            left, top, right, bottom = self.enlarged_box(box, network, width, height)
            if left <= x < right and top <= y < bottom:
                return layer
        return None
