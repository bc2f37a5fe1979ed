"""What the views of layers share: a kept image of what is drawn, functions that draw parts, mouse and keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.painting import ACCENT
from vitinspect.app.identity import Same
from vitinspect.app.multiplex import geometry, painting, raster
from vitinspect.app.multiplex.geometry import Plane
from vitinspect.app.multiplex.model import Drawn, Network
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.theme.tokens import AXIS_SIZE, SMALL_SIZE

if TYPE_CHECKING:
    from vitinspect.app.session.state import State

HEADER = 22
LEGEND = 34
REST = 140
"""Milliseconds without a change after which arcs are drawn finely."""
_CLICK = 4
"""Pixels that the mouse may move between press and release of a click with the hand."""


class NetworkView(QWidget):
    """What the three share: drawing, mouse, keys, and a kept image of all that does not depend on the cursor."""

    hovered = Signal(object)
    """A node, or None."""
    stepped = Signal(int)
    """A key asks to go forward by so many blocks."""
    painted = Signal()
    name = ""

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        self.state: State = networks.state
        self.hover: int | None = None
        self._kept: tuple[Any, QImage] | None = None
        self._quick = True
        self._press: QPointF | None = None
        self._panning = False
        self._start: QPointF | None = None
        """Where the button was pressed, until the mouse is dragged away from there."""
        self.zoom, self.centre = 1.0, (0.5, 0.5)
        """How much larger than fitted, and the point in the middle as shares across and down the fitted picture."""
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
            Same(n.network),
            n.min_cut,
            n.first_layer,
            n.layer,
            s.network_arcs,
            s.network_direction,
            s.network_colour,
            Same(n.communities if s.network_colour == "communities" else None),
            Same(picture),
            placed,
            theme.current().name,
            n.is_current,
            s.network_brightness,
            self.zoom,
            self.centre,
            self.plain,
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
    def _dim(self) -> float:
        """By how much the picture below is darkened."""
        return 1.0 - float(self.state.network_brightness)

    @property
    def _waiting(self) -> str:
        """That the network of another choice is still shown."""
        return "" if self.networks.is_current else "Reading …  "

    marks_ties = False
    """Whether the arcs of the pinned node are drawn over the others."""

    @property
    def plain(self) -> bool:
        """Whether arcs are grey, so that those of the pinned node stand out."""
        network, node = self.networks.network, self.networks.selected
        return self.marks_ties and network is not None and node is not None and node < network.nodes

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
            cell = plane.cell * self.devicePixelRatioF()
            image = painting.arcs_image(grid, places, drawn, cell, budget, plain=self.plain)
            painting.draw_arcs_image(painter, image, plane, grid)
            if plane.cell > 12:
                painting.draw_heads(painter, xy, drawn, nodes.radius, min(6.0, plane.cell / 4), plain=self.plain)
        else:
            loop = 0.22 * plane.cell
            arrow = min(6.0, plane.cell / 4)
            painting.draw_arcs(painter, xy, drawn, radius=nodes.radius, loop=loop, arrow=arrow, plain=self.plain)
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

    def _line_words(self) -> tuple[tuple[QColor, str], ...]:
        """What the colours of the arcs mean."""
        if self.plain:
            return (
                (painting.FROM, "patches that attend to the pinned one"),
                (painting.TO, "patches that the pinned one attends to"),
                (painting.PLAIN, "the strongest others"),
            )
        return ((painting.FROM, "begins at the patch that attends"), (painting.TO, "ends at the patch it attends to"))

    def _legend(
        self, painter: QPainter, nodes: painting.Nodes, left: float, top: float, width: float, several: bool = False
    ) -> None:
        """What colours and sizes mean. ``several``: layers, each of which has its own scale."""
        t = theme.current()
        painter.save()
        font = theme.tabular(self.font())
        font.setPixelSize(SMALL_SIZE)
        painter.setFont(font)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        middle = top + 9
        metrics = QFontMetrics(font)
        x = left
        for colour, text in self._line_words():
            painter.setPen(QPen(colour, 2))
            painter.drawLine(QPointF(x, middle), QPointF(x + 20, middle))
            painter.setPen(QColor(t.canvas_quiet))
            painter.drawText(QPointF(x + 26, top + 13), text)
            x += 26 + metrics.horizontalAdvance(text) + 18
        direction = "received" if self.state.network_direction == "in" else "given"
        words = "each block has its own scale; ringed: above it" if several else nodes.scale.words
        if nodes.communities:
            text = f"colour: community; size: attention {direction}, {words}"
            x = left
        else:
            for i in range(48):
                painter.fillRect(QRectF(left + i, top + 20, 1.5, 8), painting.node_colour(i * 31 // 47, False))
            text = f"attention {direction}: {words}"
            x = left + 56
        painter.setPen(QColor(t.canvas_quiet))
        painter.drawText(
            QPointF(x, top + 28), metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(width - x + left))
        )
        painter.restore()

    # --- zoom ----------------------------------------------------------------------------------------------------

    zooms = False
    """Whether the view can be enlarged."""

    def zoomed_area(self, network: Network, width: int, height: int) -> QRectF:
        """Where the drawing of a view that ``zooms`` is at zoom 1; it is enlarged around the middle of this area."""
        raise NotImplementedError

    def enlarged(self, plane: Plane, network: Network, width: int, height: int) -> Plane:
        """A plane of zoom 1 as the present zoom shows it."""
        if self.zoom == 1.0:
            return plane
        area = self.zoomed_area(network, width, height)
        left = self._enlarge(plane.left, self.centre[0], area.left(), area.width())
        top = self._enlarge(plane.top, self.centre[1], area.top(), area.height())
        (a, b), (c, d) = plane.across, plane.down
        return Plane(left, top, (a * self.zoom, b * self.zoom), (c * self.zoom, d * self.zoom))

    def _enlarge(self, at: float, centre: float, start: float, length: float) -> float:
        return start + length / 2 + (at - start - centre * length) * self.zoom

    def enlarged_box(self, box: Any, network: Network, width: int, height: int) -> tuple[float, float, float, float]:
        """The same for left, top, right and bottom of a box."""
        area = self.zoomed_area(network, width, height)
        across = (self.centre[0], area.left(), area.width())
        down = (self.centre[1], area.top(), area.height())
        left, top, right, bottom = box
        return (
            self._enlarge(left, *across),
            self._enlarge(top, *down),
            self._enlarge(right, *across),
            self._enlarge(bottom, *down),
        )

    def _seen(self, plane: Plane, network: Network, width: int, height: int) -> bool:
        """Whether anything of a plane is in the view, with the arcs that bend out of it."""
        rows, columns = network.layers.grid
        more = raster.MARGIN
        corners = plane(np.array([(x, y) for x in (-more, columns + more) for y in (-more, rows + more)], float))
        (left, top), (right, bottom) = corners.min(0).tolist(), corners.max(0).tolist()
        return self.zoomed_area(network, width, height).intersects(QRectF(left, top, right - left, bottom - top))

    def _fitted(self, network: Network) -> Plane | None:
        """The only plane at zoom 1, of a view that has one."""
        return None

    def _patch_width(self, network: Network) -> float | None:
        """Pixels of the picture across a patch."""
        placed = self.networks.results.placed
        return None if placed is None else (placed.box[2] - placed.box[0]) / network.layers.grid[1]

    @property
    def scale(self) -> float | None:
        """Pixels of the screen for one of the picture; None where the view has more than one, or is not enlarged."""
        network = self.networks.network
        plane = None if network is None else self._fitted(network)
        patch = None if network is None else self._patch_width(network)
        if plane is None or patch is None:
            return None
        return float(plane.across[0] * self.zoom * self.devicePixelRatioF() / patch)

    def fit(self) -> None:
        self._set_zoom(1.0, (0.5, 0.5))

    def actual_size(self) -> None:
        """One pixel of the picture on one of the screen."""
        scale = self.scale
        if scale is not None:
            self._set_zoom(self.zoom / scale, self.centre)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """At the middle, or at a point of the widget."""
        network = self.networks.network
        if not self.zooms or network is None:
            return
        area = self.zoomed_area(network, self.width(), self.height())
        away = (at if at is not None else area.center()) - area.center()
        zoom = min(max(1.0, self.zoom * factor), 24.0)
        # The point stays where it is.
        moved = 1 / self.zoom - 1 / zoom
        x, y = self.centre
        self._set_zoom(zoom, (x + away.x() / area.width() * moved, y + away.y() / area.height() * moved))

    def pan_by(self, dx: float, dy: float) -> None:
        network = self.networks.network
        if self.zooms and network is not None and self.zoom > 1.0:
            area = self.zoomed_area(network, self.width(), self.height())
            x, y = self.centre
            self._set_zoom(self.zoom, (x - dx / (area.width() * self.zoom), y - dy / (area.height() * self.zoom)))

    def _set_zoom(self, zoom: float, centre: tuple[float, float]) -> None:
        if not self.zooms:
            return
        zoom = max(1.0, zoom)
        half = 0.5 / zoom
        held = (min(max(centre[0], half), 1 - half), min(max(centre[1], half), 1 - half))
        if (zoom, held) != (self.zoom, self.centre):
            self.zoom, self.centre = zoom, held
            self.refresh()

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
        if self._panning and self._press is not None:
            if self._start is not None and (event.position() - self._start).manhattanLength() > _CLICK:
                self._start = None
            moved = event.position() - self._press
            self._press = event.position()
            self.pan_by(moved.x(), moved.y())
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
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._press = self._start = event.position()
            middle = event.button() == Qt.MouseButton.MiddleButton
            self._panning = self.zooms and (middle or self.state.tool == "pan")
            if self._panning:
                self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        pressed, self._press = self._press, None
        panned, self._panning = self._panning, False
        self.setCursor(Qt.CursorShape.ArrowCursor)
        dragged = panned and self._start is None
        clicked = pressed is not None and not dragged and event.button() == Qt.MouseButton.LeftButton
        if clicked and self.networks.network is not None:
            self.click(event.position().x(), event.position().y(), pins=not panned)

    def click(self, x: float, y: float, pins: bool = True) -> None:
        """Show the block under a point alone, or pin the node there. ``pins``: not with the hand."""
        layer = self.layer_at(x, y)
        if layer is not None:
            self.state.set(network_layer=layer, network_view="layer")
            return
        node = self.node_at(x, y)
        if pins and node is not None:
            self.networks.select(node)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        steps = event.angleDelta().y() / 120
        if steps:
            self.zoom_by(1.25**steps, event.position())
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key = event.key()
        moves: dict[int, tuple[int, int]] = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        if key in moves and event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.move_selection(*moves[key])
        elif key == Qt.Key.Key_Up:
            self.stepped.emit(-1)
        elif key == Qt.Key.Key_Down:
            self.stepped.emit(1)
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


def header(painter: QPainter, font: Any, text: str, box: QRectF, small: bool = False) -> None:
    t = theme.current()
    font = theme.tabular(font)
    if small:
        font.setPixelSize(AXIS_SIZE)
    painter.save()
    painter.setFont(font)
    painter.setPen(QColor(t.canvas_quiet if small else t.canvas_text))
    elided = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, int(box.width()))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), elided)
    painter.restore()
