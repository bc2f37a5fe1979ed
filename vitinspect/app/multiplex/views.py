"""Three ways to look at the layers: one over the picture, all as a stack of tilted planes, all side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.painting import ACCENT
from vitinspect.app.geometry import tiles
from vitinspect.app.multiplex import geometry, painting, raster
from vitinspect.app.multiplex.geometry import Plane
from vitinspect.app.multiplex.model import Drawn, Network
from vitinspect.app.multiplex.networks import Networks

if TYPE_CHECKING:
    from vitinspect.app.state import State

HEADER = 22
LEGEND = 34
TIES = 12
"""Arcs of the chosen node that are drawn over the others, of each direction."""
REST = 140
"""Milliseconds without a change until arcs are drawn finely."""


class NetworkView(QWidget):
    """What the three share: what is drawn, the mouse, the keys, and an image kept of all that hovering leaves alone."""

    hovered = Signal(object)
    """A node, or None."""
    stepped = Signal(int)
    """The wheel or a key asks for so many layers further."""
    painted = Signal()
    name = ""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        self.state: State = networks.state
        self.hover: int | None = None
        self._kept: tuple[Any, QImage] | None = None
        self._quick = True
        self._wheel = 0
        self._press: QPointF | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 160)
        # Arcs are drawn coarsely while something moves, and finely when it rests.
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST)
        self._rest.timeout.connect(self._refine)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(420, 380)

    # --- what is drawn -----------------------------------------------------------------------------------------------

    def key(self) -> tuple[Any, ...]:
        """All that the kept image depends on, but for its size."""
        n, s = self.networks, self.state
        picture, placed = n.results.picture, n.results.placed
        return (
            id(n.network),
            n.min_cut,
            n.first_layer,
            n.layer,
            s.network_arcs,
            s.network_direction,
            s.network_colour,
            id(n.communities) if s.network_colour == "communities" else 0,
            id(picture),
            placed,
            theme.current().name,
            n.is_current,
        )

    def refresh(self) -> None:
        """Something changed: draw quickly now and finely when it rests."""
        self._quick = True
        if self.isVisible():
            self._rest.start()
            self.networks.drawing_until = time.monotonic() + 2 * REST / 1000
        self.update()

    def _refine(self) -> None:
        self._quick = False
        self._kept = None
        self.update()

    @property
    def resting(self) -> bool:
        return not self._rest.isActive()

    def hideEvent(self, event: object) -> None:  # noqa: N802
        self._rest.stop()
        self._kept = None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        network = self.networks.network
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(theme.current().canvas))
        if network is None:
            self._say(painter)
        else:
            ratio = self.devicePixelRatioF()
            key = (*self.key(), self.width(), self.height(), ratio)
            if self._kept is None or self._kept[0] != key:
                image = QImage(
                    round(self.width() * ratio), round(self.height() * ratio), QImage.Format.Format_ARGB32_Premultiplied
                )
                image.setDevicePixelRatio(ratio)
                image.fill(QColor(theme.current().canvas))
                under = QPainter(image)
                under.setFont(self.font())
                self.draw(under, network, self.width(), self.height(), raster.QUICK if self._quick else raster.FINE)
                under.end()
                self._kept = (key, image)
            painter.drawImage(0, 0, self._kept[1])
            self.draw_marks(painter, network, self.width(), self.height())
        painter.end()
        self.painted.emit()

    def _say(self, painter: QPainter) -> None:
        results = self.networks.results
        text = self.networks.error
        if not text and results.picture is None:
            text = "Choose a picture to see its attention network."
        elif not text and results.model_state == "failed":
            text = "There is no model."
        painter.setPen(QColor(theme.current().canvas_quiet))
        area = self.rect().adjusted(24, 24, -24, -24)
        flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
        painter.drawText(area, flags, text or "Reading the attention …")

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        """Everything but what follows the cursor. ``budget`` 0: for a file, with lines instead of an image."""

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        """The chosen node and the one under the cursor."""

    def render_to(self, painter: QPainter, width: int, height: int) -> None:
        """The whole view for a file."""
        network = self.networks.network
        painter.fillRect(QRectF(0, 0, width, height), QColor(theme.current().canvas))
        painter.setFont(self.font())
        if network is not None:
            self.draw(painter, network, width, height)
            self.draw_marks(painter, network, width, height)

    @property
    def caption(self) -> str:
        return ""

    @property
    def _waiting(self) -> str:
        """That the network of another choice is still shown."""
        return "" if self.networks.is_current else "Reading …  "

    # --- parts -------------------------------------------------------------------------------------------------------

    def _drawn(self, network: Network, layer: int, most: int | None = None) -> Drawn:
        return network.drawn(layer, self.networks.min_cut, self.state.network_arcs if most is None else most)

    def _nodes(self, network: Network, layer: int, cell: float) -> painting.Nodes:
        values = network.centrality(layer, self.networks.min_cut, self.state.network_direction)
        communities = None
        if self.state.network_colour == "communities":
            communities = self.networks.communities.get(layer)
        return painting.Nodes.of(values, cell, communities)

    def _aspect(self) -> float:
        placed, network = self.networks.results.placed, self.networks.network
        if placed is None or network is None:
            return 1.0
        rows, columns = network.layers.grid
        left, top, right, bottom = placed.box
        return ((right - left) / columns) / max(1e-9, (bottom - top) / rows)

    def _one(
        self, painter: QPainter, network: Network, layer: int, plane: Plane, drawn: Drawn, dim: float, budget: float
    ) -> painting.Nodes:
        """One layer in one plane."""
        grid = network.layers.grid
        picture, placed = self.networks.results.picture, self.networks.results.placed
        if picture is not None and placed is not None:
            painting.draw_picture(painter, picture, placed, plane, grid, dim)
        places = geometry.places(network.layers)
        xy = plane(places)
        nodes = self._nodes(network, layer, plane.cell)
        if budget:
            image = painting.arcs_image(grid, places, drawn, plane.cell * self.devicePixelRatioF(), budget)
            painting.draw_arcs_image(painter, image, plane, grid)
            if plane.cell > 12:
                painting.draw_heads(painter, xy, drawn, nodes.radius, min(6.0, plane.cell / 4))
        else:
            loop = 0.22 * plane.cell
            painting.draw_arcs(painter, xy, drawn, radius=nodes.radius, loop=loop, arrow=min(6.0, plane.cell / 4))
        painting.draw_nodes(painter, xy, nodes, vector=not budget)
        return nodes

    def _node_marks(self, painter: QPainter, network: Network, layer: int, plane: Plane, node: int, ties: int) -> None:
        """A node with its patch framed and its strongest arcs."""
        xy = plane(geometry.places(network.layers))
        place = network.layers.position(node)
        if ties:
            received, given = network.ties(node, layer, self.networks.min_cut)
            strongest = max((float(t.weights[0]) for t in (received, given) if len(t.weights)), default=1.0)
            here = np.full(ties, node)
            for found, inward in ((received, True), (given, False)):
                others, weights = found.nodes[:ties], found.weights[:ties]
                if not len(others):
                    continue
                mine = here[: len(others)]
                pair = (others, mine) if inward else (mine, others)
                lines = geometry.arcs(xy, *pair, 12, loop=0.25 * plane.cell)
                colour = QColor(painting.FROM if inward else painting.TO)
                painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
                for i in range(len(others)):
                    colour.setAlphaF(0.35 + 0.65 * float(weights[i]) / strongest)
                    painter.setPen(QPen(colour, 1.0 + 1.5 * float(weights[i]) / strongest))
                    painting.draw_lines(painter, lines[:, i])
                    painting.draw_lines(painter, geometry.heads(lines[:, i : i + 1], 6).reshape(-1, 4))
        if place is not None:
            painting.draw_patch(painter, plane, *place, ACCENT, 2)
        else:
            painting.draw_ring(painter, xy[node], 0.45 * plane.cell)

    def _legend(
        self, painter: QPainter, nodes: painting.Nodes, left: float, top: float, width: float, several: bool = False
    ) -> None:
        """What colours and sizes mean. ``several``: layers, each of which has its own scale."""
        t = theme.current()
        painter.save()
        font = theme.tabular(self.font())
        font.setPointSizeF(font.pointSizeF() * 0.9)
        painter.setFont(font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        middle = top + 9
        painter.setPen(QPen(painting.FROM, 2))
        painter.drawLine(QPointF(left, middle), QPointF(left + 13, middle))
        painter.setPen(QPen(painting.TO, 2))
        painter.drawLine(QPointF(left + 13, middle), QPointF(left + 26, middle))
        painter.setPen(QColor(t.canvas_quiet))
        painter.drawText(QPointF(left + 32, top + 13), "arcs run from blue to yellow")
        direction = "received" if self.state.network_direction == "in" else "given"
        words = "each layer on its own scale, ringed: beyond it" if several else nodes.scale.words
        if nodes.communities:
            text = f"colour: community; size: attention {direction}, {words}"
            x = left
        else:
            for i in range(48):
                painter.fillRect(QRectF(left + i, top + 20, 1.5, 8), painting.node_colour(i * 31 // 47, False))
            text = f"attention {direction}: {words}"
            x = left + 56
        metrics = QFontMetrics(font)
        painter.drawText(
            QPointF(x, top + 28), metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(width - x + left))
        )
        painter.restore()

    # --- mouse and keys ----------------------------------------------------------------------------------------------

    def node_at(self, x: float, y: float) -> int | None:
        """The node under a point of the widget."""

    def layer_at(self, x: float, y: float) -> int | None:
        """The layer whose picture or label is under a point; None where a click is for a node alone."""
        return None

    def set_hover(self, node: int | None) -> None:
        if node != self.hover:
            self.hover = node
            self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.networks.network is None:
            return
        node = self.node_at(event.position().x(), event.position().y())
        if node != self.hover:
            self.set_hover(node)
            self.hovered.emit(node)

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        if self.hover is not None:
            self.set_hover(None)
            self.hovered.emit(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._press = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        pressed, self._press = self._press, None
        if pressed is not None and self.networks.network is not None and event.button() == Qt.MouseButton.LeftButton:
            self.click(event.position().x(), event.position().y())

    def click(self, x: float, y: float) -> None:
        node = self.node_at(x, y)
        if node is not None:
            self.networks.select(node)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        self._wheel += event.angleDelta().y()
        steps = int(self._wheel / 120)
        if steps:
            self._wheel -= 120 * steps
            self.stepped.emit(steps)
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key = event.key()
        moves = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        if key in moves and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.move_selection(*moves[key])
        elif key in (Qt.Key.Key_Up, Qt.Key.Key_Plus):
            self.stepped.emit(1)
        elif key in (Qt.Key.Key_Down, Qt.Key.Key_Minus):
            self.stepped.emit(-1)
        else:
            super().keyPressEvent(event)

    def move_selection(self, down: int, across: int) -> None:
        """Select the next patch in a direction; the middle one where none is."""
        network = self.networks.network
        if network is None:
            return
        rows, columns = network.layers.grid
        pinned = self.state.pinned
        if len(pinned) == 2:
            place = min(max(pinned[0] + down, 0), rows - 1), min(max(pinned[1] + across, 0), columns - 1)
        else:
            place = rows // 2, columns // 2
        self.state.set(pinned=place)


class LayerView(NetworkView):
    """One layer over the picture."""

    name = "layer"

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(networks, parent)
        self.setAccessibleName("Attention network of one layer over the picture")
        self.setToolTip("Wheel: next layer. Click: pin a patch. Shift and arrows: the next patch.")

    def plane(self, network: Network, width: int, height: int) -> Plane:
        box = (0, HEADER, width, height - LEGEND)
        return geometry.flat(network.layers.grid, box, self._aspect(), network.prefix > 0)

    @property
    def caption(self) -> str:
        network = self.networks.network
        if network is None:
            return ""
        layer = self.networks.layer
        return f"{self._waiting}Layer {layer} of {network.depth - 1}: {self._drawn(network, layer).words}"

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        layer = self.networks.layer
        plane = self.plane(network, width, height)
        drawn = self._drawn(network, layer)
        nodes = self._one(painter, network, layer, plane, drawn, 0.55, budget)
        if network.prefix:
            xy = plane(geometry.places(network.layers)[: network.prefix])
            painter.setPen(QColor(theme.current().canvas_quiet))
            font = painter.font()
            small = theme.tabular(self.font())
            small.setPointSizeF(small.pointSizeF() * 0.8)
            painter.setFont(small)
            for name, (x, y) in zip(network.layers.prefix_names, xy.tolist(), strict=True):
                box = QRectF(x - 60, y - 0.5 * plane.cell - 14, 120, 13)
                short = "cls" if name.startswith("class") else name.replace("register", "reg")
                painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter), short)
            painter.setFont(font)
        _header(painter, self.font(), self.caption, QRectF(8, 0, width - 16, HEADER))
        self._legend(painter, nodes, 8, height - LEGEND + 2, width - 16)

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        plane = self.plane(network, width, height)
        selected = self.networks.selected
        if selected is not None:
            self._node_marks(painter, network, self.networks.layer, plane, selected, TIES)
        if self.hover is not None and self.hover != selected and self.hover < network.nodes:
            ties = TIES if selected is None else 0
            self._node_marks(painter, network, self.networks.layer, plane, self.hover, ties)

    def node_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None:
            return None
        return geometry.node_at(self.plane(network, self.width(), self.height()), network.layers, x, y)


class StackView(NetworkView):
    """All layers from the first that takes part, as tilted planes; one node is followed through them."""

    name = "stack"

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(networks, parent)
        self.setAccessibleName("All layers as a stack of planes")
        self.setToolTip("Click a node to follow it; click the name of a layer to see it alone.")

    def planes(self, network: Network, width: int, height: int) -> list[Plane]:
        count = network.depth - self.networks.first_layer
        return geometry.stacked(network.layers.grid, count, width, height - HEADER - LEGEND)

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
            f"{self._waiting}Layers {first} to {network.depth - 1}: the {self.each(network)} strongest arcs of each, "
            f"{100 * min(shares):.1f} to {100 * max(shares):.1f} % of the weight"
        )

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        painter.save()
        painter.translate(0, HEADER)
        first = self.networks.first_layer
        planes = self.planes(network, width, height)
        grid = network.layers.grid
        nodes = None
        for i, plane in enumerate(planes):
            layer = first + i
            drawn = self._drawn(network, layer, self.each(network))
            painter.setOpacity(0.9)
            share = budget / len(planes) if budget else 0
            nodes = self._one(painter, network, layer, plane, drawn, 0.6, share)
            painter.setOpacity(1.0)
            current = layer == self.networks.layer
            edge = QColor(theme.current().accent) if current else QColor(255, 255, 255, 60)
            painting.draw_outline(painter, plane, grid, edge, 1.5 if current else 1)
            painter.setPen(QColor(theme.current().canvas_text if current else theme.current().canvas_quiet))
            x, y = plane(np.array([0.0, grid[0]])).tolist()
            box = QRectF(x - 70, y - 15, 64, 15)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"layer {layer}")
        painter.restore()
        _header(painter, self.font(), self.caption, QRectF(8, 0, width - 16, HEADER))
        if nodes is not None:
            self._legend(painter, nodes, 8, height - LEGEND + 2, width - 16, several=True)

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        painter.save()
        painter.translate(0, HEADER)
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
        if network is None:
            return None
        # The upper planes lie over the lower ones.
        for plane in reversed(self.planes(network, self.width(), self.height())):
            node = geometry.node_at(plane, network.layers, x, y - HEADER)
            if node is not None:
                return node
        return None

    def layer_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None:
            return None
        for i, plane in enumerate(self.planes(network, self.width(), self.height())):
            px, py = plane(np.array([0.0, network.layers.grid[0]])).tolist()
            if px - 70 <= x <= px and py - 17 <= y - HEADER <= py + 2:
                return self.networks.first_layer + i
        return None

    def click(self, x: float, y: float) -> None:
        layer = self.layer_at(x, y)
        if layer is not None:
            self.state.set(network_layer=layer, network_view="layer")
        else:
            super().click(x, y)


class MultiplesView(NetworkView):
    """A small network for each layer."""

    name = "multiples"
    MOST = 10_000
    """Arcs in all of them together."""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(networks, parent)
        self.setAccessibleName("A small network for each layer")
        self.setToolTip("Click to enlarge a layer")

    def boxes(self, network: Network, width: int, height: int) -> list[tuple[int, Any]]:
        """(layer, box) of each."""
        first = self.networks.first_layer
        count = network.depth - first
        rows, columns = network.layers.grid
        shape = (round(100 * rows), round(100 * columns * self._aspect()))
        found = tiles(count, width - 8, height - HEADER - LEGEND, shape, 18, 8)
        return [(first + i, (x + 4, t + HEADER, r + 4, b + HEADER)) for i, (x, t, r, b) in enumerate(found)]

    def each(self, network: Network) -> int:
        return max(1, min(self.state.network_arcs, self.MOST // max(1, network.depth - self.networks.first_layer)))

    def _plane(self, network: Network, box: Any) -> Plane:
        left, top, right, bottom = box
        return geometry.flat(
            network.layers.grid, (left, top + 18, right, bottom), self._aspect(), network.prefix > 0, margin=2
        )

    @property
    def caption(self) -> str:
        network = self.networks.network
        if network is None:
            return ""
        return f"{self._waiting}Layers {self.networks.first_layer} to {network.depth - 1}: up to {self.each(network)} arcs of each"

    def draw(self, painter: QPainter, network: Network, width: int, height: int, budget: float = 0) -> None:
        t = theme.current()
        boxes = self.boxes(network, width, height)
        nodes = None
        for layer, box in boxes:
            plane = self._plane(network, box)
            drawn = self._drawn(network, layer, self.each(network))
            nodes = self._one(painter, network, layer, plane, drawn, 0.6, budget / len(boxes) if budget else 0)
            left, top, right, _ = box
            text = f"{layer}  ·  {len(drawn)} of {drawn.remaining} arcs  ·  {100 * drawn.share:.0f} %"
            if right - left < 150:
                text = f"{layer}  ·  {100 * drawn.share:.0f} %"
            current = layer == self.networks.layer
            _header(painter, self.font(), text, QRectF(left + 2, top, right - left, 18), small=True)
            if current:
                painting.draw_outline(painter, plane, network.layers.grid, QColor(t.accent), 2)
        _header(painter, self.font(), self.caption, QRectF(8, 0, width - 16, HEADER))
        if nodes is not None:
            self._legend(painter, nodes, 8, height - LEGEND + 2, width - 16, several=True)

    def draw_marks(self, painter: QPainter, network: Network, width: int, height: int) -> None:
        for _, box in self.boxes(network, width, height):
            plane = self._plane(network, box)
            for node in dict.fromkeys((self.hover, self.networks.selected)):
                if node is None or node >= network.nodes:
                    continue
                place = network.layers.position(node)
                if place is not None:
                    painting.draw_patch(painter, plane, *place, ACCENT, 1.5)

    def node_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None:
            return None
        for _, box in self.boxes(network, self.width(), self.height()):
            node = geometry.node_at(self._plane(network, box), network.layers, x, y)
            if node is not None:
                return node
        return None

    def layer_at(self, x: float, y: float) -> int | None:
        network = self.networks.network
        if network is None:
            return None
        for layer, (left, top, right, bottom) in self.boxes(network, self.width(), self.height()):
            if left <= x < right and top <= y < bottom:
                return layer
        return None

    def click(self, x: float, y: float) -> None:
        layer = self.layer_at(x, y)
        if layer is not None:
            self.state.set(network_layer=layer, network_view="layer")


def _header(painter: QPainter, font: Any, text: str, box: QRectF, small: bool = False) -> None:
    t = theme.current()
    font = theme.tabular(font)
    if small:
        font.setPointSizeF(font.pointSizeF() * 0.85)
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(t.canvas_quiet if small else t.canvas_text))
    elided = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), elided)
    painter.restore()
