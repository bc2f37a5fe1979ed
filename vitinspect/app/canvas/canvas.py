"""The widget in the middle: panes, mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.labels import GAP, HEADER, Labels, Pane, room_for_picture
from vitinspect.app.canvas.missing import Missing
from vitinspect.app.canvas.pane_painting import PanePainter
from vitinspect.app.canvas.slots import Slots
from vitinspect.app.canvas.tools.tool import Spot, Tool
from vitinspect.app.geometry import Placed, View, fit, tiles
from vitinspect.app.ranges import range_of
from vitinspect.app.session import layers as layering
from vitinspect.app.session.results import ModelCard, Results, ShownMap, ShownMask
from vitinspect.app.session.state import State
from vitinspect.app.widgets import tips
from vitinspect.app.widgets.lateness import Lateness

if TYPE_CHECKING:
    from vitinspect.app.canvas import painting

HANDLE = 8
"""How near to the swipe line, in pixels, it can be grabbed."""


class Canvas(QWidget):
    """Shows the picture and its maps. It changes nothing but the state, and depends on no panel."""

    hovered = Signal(object)
    """The point of the picture under the cursor, (x, y), or None."""
    painted = Signal()
    space_tapped = Signal()
    """Space was pressed and nothing was dragged with it."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state, self.results = state, results
        self._slots = Slots(state, results)
        self.view = View()
        self.hidden = False
        """While a key is held the overlay is not shown."""
        self.setObjectName("canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 200)
        self.setAccessibleName("Picture and heat maps")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self._kept_composer: painting.Composer | None = None
        self.labels = self._make_labels()
        self._painter = PanePainter(self)
        self.lateness = Lateness(self)
        """Which maps have been awaited for so long that their panes say so."""
        self.lateness.became_late.connect(self.update)
        self.cursor_at: tuple[float, float] | None = None
        self.tool = Tool()
        """What the mouse does; see ``set_tool``."""
        self._press: QPointF | None = None
        self._dragging = ""
        """What the mouse is doing while a button is down: "swipe", "pan" or "tool"."""
        self._pressed_pane: Pane | None = None
        self._ratio = 0.0
        """Pixels for each of the screen while an image is made; 0 for those of the screen."""
        self._space = False
        """Held: a drag moves the picture, whatever the tool is."""
        self._used_space = False
        self._last_shape: tuple[int, int] | None = None
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)

    @property
    def pixel_ratio(self) -> float:
        """Pixels of what is painted for each of the screen's."""
        return self._ratio or self.devicePixelRatioF()

    shows_what_if = True
    """Whether what was painted out is shown over the picture."""

    def _make_labels(self) -> Labels:
        return Labels(self)

    def input_of(self, pane: Pane) -> tuple[Placed | None, ModelCard | None]:
        """Where the input of the pane's model lies on the picture, and what that model is."""
        return self.results.placed, self.results.card

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 520)

    @property
    def composer(self) -> painting.Composer:
        # Imported with the first picture, because it imports numpy: the empty window is shown before that.
        from vitinspect.app.canvas import painting

        if self._kept_composer is None:
            self._kept_composer = painting.Composer()
        return self._kept_composer

    # --- what is shown -------------------------------------------------------------------------------------------

    @property
    def missing(self) -> dict[str, Missing]:
        """Layer id -> the placeholder in its pane, for the visible maps that are missing."""
        return self._slots.missing

    def slots(self) -> list[ShownMap | Missing]:
        """What the panes hold, from left to right: maps, and placeholders for the missing ones."""
        return self._slots.shown()

    def shown_maps(self) -> list[ShownMap]:
        """The maps on the canvas now, from left to right."""
        return [slot for slot in self.slots() if isinstance(slot, ShownMap)]

    def active_map(self) -> ShownMap | None:
        return self.results.active_map(self.state.active)

    def _fits(self, shown: ShownMap) -> bool:
        return self._slots.fits(shown)

    def look(self, shown: ShownMap | None = None) -> painting.Look:
        """How a map is painted: as its layer says."""
        from vitinspect.app.canvas import painting

        state = self.state
        layer = state.layer(shown.id) if shown is not None else None
        return painting.Look(
            colormap=layer.colormap if layer is not None else state.colormap,
            opacity=layer.opacity if layer is not None else state.opacity,
            grows=layer.opacity_mode if layer is not None else state.grows,
            smooth=layer.smooth if layer is not None else state.smooth,
            show="image" if self.hidden else state.show,
            frame=state.frame,
            ground=theme.current().canvas,
            ends=self.range_of(shown) if shown is not None else None,
        )

    def range_of(self, shown: ShownMap) -> tuple[float, float]:
        """The raw values at the ends of a map's colour bar."""
        return range_of(shown, self.state.layer(shown.id), self.state.layers, self.results.all_maps)

    def panes(self) -> list[Pane]:
        """Where each pane is."""
        picture = self.results.picture
        if picture is None:
            return []
        width, height = self.width(), self.height()
        slots = self.slots()
        if self.state.layout == "grid" and len(slots) > 1:
            boxes = tiles(len(slots), width, height, picture.size, HEADER, GAP, room_for_picture)
            chosen = self._slots.active()
            panes = []
            for slot, (x0, y0, x1, y1) in zip(slots, boxes, strict=True):
                pane = self._pane(QRect(int(x0), int(y0), int(x1 - x0), int(y1 - y0)), slot)
                pane.in_grid, pane.selected = True, chosen is not None and chosen.id == slot.id
                panes.append(pane)
            return panes
        pane = self._pane(QRect(0, 0, width, height), slots[0] if slots else None)
        if self.state.layout == "swipe" and len(slots) > 1:
            right = self._pane(pane.box, slots[1])
            pane.second, pane.second_missing, pane.second_number = right.map, right.missing, right.number
        return [pane]

    def _pane(self, box: QRect, slot: ShownMap | Missing | None) -> Pane:
        if isinstance(slot, Missing):
            return Pane(box, missing=slot, number=self.number(slot))
        return Pane(box, slot, number=self.number(slot) if slot is not None else 0)

    def number(self, slot: ShownMap | Missing) -> int:
        """The number of its layer in the list; 0 for a map that was kept."""
        own = isinstance(slot, Missing) or slot is self.results.all_maps.get(slot.id)
        return self.state.number(slot.id) if own else 0

    def name_of(self, shown: ShownMap) -> str:
        """In the status bar: the number of its layer, else its short name."""
        return str(self.number(shown) or shown.short)

    def place_words(self, x: float, y: float) -> str | None:
        """Where a point lies for several models at once; None where there is one."""
        return None

    def picture_rect(self, pane: Pane) -> QRect:
        """What is seen of the picture in a pane, on the canvas."""
        picture = self.results.picture
        area = pane.picture
        if picture is None:
            return area
        left, top = self.view.origin(pane.size, picture.size)
        scale = self.view.scale(pane.size, picture.size)
        whole = QRectF(area.left() + left, area.top() + top, picture.size[1] * scale, picture.size[0] * scale)
        return whole.toAlignedRect().intersected(area)

    # --- changes -------------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        self.update()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "picture" in names and self.results.picture is not None:
            shape = self.results.picture.size
            if self._last_shape is not None and self.view.zoom:
                # The same part of the next picture, as large on the screen as before.
                ratio = max(self._last_shape) / max(shape)
                self.view = View(self.view.zoom * ratio, self.view.x, self.view.y).held(self._pane_size(), shape)
            self._last_shape = shape
        self.update()

    def threshold_of(self, shown: ShownMap) -> tuple[str, float] | None:
        """How the threshold of a map is shown, and the raw value where it lies; None where it is not shown."""
        cut = self.results.cuts.get(shown.id)
        layer = self.state.layer(shown.id)
        shown_as = layer.shown_as if layer is not None else "outline" if self.state.outline else ""
        return (shown_as, cut.level) if cut is not None and shown_as else None

    def hide_overlay(self, hidden: bool) -> None:
        if hidden != self.hidden:
            self.hidden = hidden
            self.update()

    def refresh_theme(self) -> None:
        self.composer.clear()
        self._painter.clear()
        self.update()

    # --- zoom ----------------------------------------------------------------------------------------------------

    def _pane_size(self) -> tuple[int, int]:
        panes = self.panes()
        return panes[0].size if panes else (max(1, self.width()), max(1, self.height() - HEADER))

    def fit(self) -> None:
        self._set_view(View())

    def actual_size(self) -> None:
        """One pixel of the picture on one of the screen."""
        if self.results.picture is not None:
            view = View(1.0 / self.devicePixelRatioF(), self.view.x, self.view.y)
            self._set_view(view.held(self._pane_size(), self.results.picture.size))

    def zoom_by(self, factor: float) -> None:
        """Zoom at the middle."""
        if self.results.picture is not None:
            pane = self._pane_size()
            self._set_view(self.view.zoomed(factor, pane[0] / 2, pane[1] / 2, pane, self.results.picture.size))

    def show_view(self, view: View) -> None:
        """This part of the picture, at this size."""
        self._set_view(view)

    def _set_view(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self.update()

    @property
    def scale(self) -> float:
        """Screen pixels per pixel of the picture."""
        picture = self.results.picture
        return self.view.scale(self._pane_size(), picture.size) if picture is not None else 1.0

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        panes = self.panes()
        self.lateness.follow([self._wait_key(missing) for pane in panes for missing in pane.all_missing])
        if panes:
            self.composer.keep_only([shown for pane in panes for shown in pane.maps])
            painter.drawImage(0, 0, self._painter.still(panes))
            for pane in panes:
                self._painter.paint_over(painter, pane)
        else:
            painter.fillRect(self.rect(), QColor(theme.current().canvas))
        painter.end()
        self.painted.emit()

    def _wait_key(self, missing: Missing) -> tuple[str, str]:
        """What is waited for: the map of a layer, for one picture."""
        picture = self.results.picture
        return picture.content if picture is not None else "", missing.id

    def empty_parts(self, pane: Pane) -> list[tuple[Missing, QRect]]:
        """The parts of the picture whose maps are missing, where the pane is to say so."""
        seen = self.picture_rect(pane)
        left, right = QRect(seen), QRect(seen)
        if pane.is_split:
            at = pane.picture.left() + round(self.swipe_at(pane))
            left.setRight(at - 1)
            right.setLeft(at)
        parts = [(pane.missing, left), (pane.second_missing, right)]
        return [
            (missing, part)
            for missing, part in parts
            if missing is not None and (missing.reason or self._wait_key(missing) in self.lateness)
        ]

    def shown_masks(self) -> list[tuple[ShownMask, str]]:
        """The masks over the picture with their colours, the uppermost last; without a colour for the truth."""
        state, masks = self.state, self.results.masks
        return [
            (masks[layer.id], "" if layer.kind == layering.TRUTH else layering.mask_colour(state.layers, layer))
            for layer in reversed(state.layers)
            if layer.visible and layer.id in masks
        ]

    def paint_masks(self, painter: QPainter, view: View, size: tuple[int, int]) -> None:
        from vitinspect.app.canvas import painting

        for mask, colour in self.shown_masks():
            painting.paint_mask_outline(painter, mask, colour, view, size)

    def swipe_at(self, pane: Pane) -> float:
        """Where the line is: as a share of the part of the picture that is seen."""
        left, right = self._picture_edges(pane)
        return left + self.state.swipe * (right - left)

    def _picture_edges(self, pane: Pane) -> tuple[float, float]:
        picture = self.results.picture
        assert picture is not None
        scale = self.view.scale(pane.size, picture.size)
        left, _ = self.view.origin(pane.size, picture.size)
        return max(0.0, left), min(float(pane.size[0]), left + picture.size[1] * scale)

    def view_image(self, scale: int = 1, ground: str = "") -> QImage:
        """What the canvas shows, at a multiple of the screen's pixels, on a white, black or transparent background."""
        from vitinspect.app.canvas.painting import image_format

        with theme.on_ground(ground) as t:
            image = QImage(self.size() * scale, image_format(QColor(t.canvas)))
            image.setDevicePixelRatio(scale)
            image.fill(QColor(t.canvas))
            self._ratio = float(scale)
            try:
                # Without the window's own background, which would show through a transparent one.
                self.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
            finally:
                self._ratio = 0.0
                self._painter.clear()
        return image

    def overlay_image(self, shown: ShownMap, scale: int = 1, ground: str = "") -> QImage:
        """A map over the picture at the picture's own size or larger, as the canvas paints it."""
        from vitinspect.app.canvas.images import overlay_image

        return overlay_image(self, shown, scale, ground)

    # --- mouse ---------------------------------------------------------------------------------------------------

    def _pane_at(self, point: QPointF) -> Pane | None:
        return next((pane for pane in self.panes() if pane.box.contains(point.toPoint())), None)

    def picture_point(self, point: QPointF, pane: Pane | None = None) -> tuple[float, float] | None:
        """The point of the picture under a point of the widget, None outside of the picture."""
        pane = pane or self._pane_at(point)
        picture = self.results.picture
        if pane is None or picture is None or not pane.picture.contains(point.toPoint()):
            return None
        inside = point - QPointF(pane.picture.topLeft())
        x, y = self.view.to_picture(inside.x(), inside.y(), pane.size, picture.size)
        return (x, y) if 0 <= x < picture.size[1] and 0 <= y < picture.size[0] else None

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        pane = self._pane_at(event.position())
        picture = self.results.picture
        steps = event.angleDelta().y() / 120 or event.pixelDelta().y() / 40
        if pane is None or picture is None or not steps:
            event.ignore()
            return
        inside = event.position() - QPointF(pane.picture.topLeft())
        view = self.view.zoomed(1.25**steps, inside.x(), inside.y(), pane.size, picture.size)
        if view.zoom <= fit(pane.size, picture.size) * 1.001 and steps < 0:
            view = View()  # all the way out is "fit", and stays so when the window changes its size
        self._set_view(view)
        self._hover(event.position())
        event.accept()

    def set_tool(self, tool: Tool) -> None:
        """Switch to another tool, after ending a drag that is in progress."""
        self._end_drag()
        self.tool = tool
        self._show_cursor(None)
        self.update()

    def _spot(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> Spot | None:
        pane = self._pressed_pane or self._pane_at(point)
        if pane is None:
            return None
        return Spot(point.x(), point.y(), self.picture_point(point, pane), pane, modifiers)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton) or self._dragging:
            return
        pane = self._pane_at(event.position())
        event.accept()
        if pane is None:
            return
        self._press, self._pressed_pane = event.position(), pane
        if event.button() == Qt.MouseButton.MiddleButton or self._space:
            self._dragging, self._used_space = "pan", True
        elif self._near_line(event.position(), pane):
            self._dragging = "swipe"
        else:
            self._dragging = "tool"
            spot = self._spot(event.position(), event.modifiers())
            if spot is not None:
                self.tool.press(self, spot)
        self._show_cursor(pane)

    def _near_line(self, point: QPointF, pane: Pane) -> bool:
        return pane.is_split and abs(point.x() - pane.picture.left() - self.swipe_at(pane)) <= HANDLE

    def _show_cursor(self, pane: Pane | None, point: QPointF | None = None) -> None:
        if self._dragging == "pan" or self._space:
            shape = Qt.CursorShape.ClosedHandCursor if self._dragging else Qt.CursorShape.OpenHandCursor
        elif self._dragging == "swipe" or (pane is not None and point is not None and self._near_line(point, pane)):
            shape = Qt.CursorShape.SplitHCursor
        else:
            shape = self.tool.cursor()
        self.setCursor(shape)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._dragging:
            self._drag(event.position(), event.modifiers())
        self._show_cursor(self._pane_at(event.position()), event.position())
        self._hover(event.position())

    def _drag(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        pane, press = self._pressed_pane, self._press
        if pane is None or press is None or self.results.picture is None:
            return
        if self._dragging == "swipe":
            left, right = self._picture_edges(pane)
            self.state.set(swipe=(point.x() - pane.picture.left() - left) / max(1.0, right - left))
        elif self._dragging == "pan":
            self.pan_by(point.x() - press.x(), point.y() - press.y())
            self._press = point
        else:
            spot = self._spot(point, modifiers)
            if spot is not None:
                self.tool.move(self, spot)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._press = event.position()
            self._end_drag(event.modifiers())
            self._show_cursor(self._pane_at(event.position()), event.position())

    def _end_drag(self, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        if self._dragging == "tool" and self._press is not None:
            spot = self._spot(self._press, modifiers)
            if spot is not None:
                self.tool.release(self, spot)
        self._press = self._pressed_pane = None
        self._dragging = ""

    # --- what tools ask for --------------------------------------------------------------------------------------

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by pixels of the screen; one that is fitted stays where it is."""
        picture = self.results.picture
        if picture is not None and self.view.zoom:
            self._set_view(self.view.panned(dx, dy, self._pane_size(), picture.size))

    def select_pane(self, pane: Pane) -> None:
        """Select the map of a pane of the grid."""
        layer = pane.map.id if pane.map is not None else pane.missing.id if pane.missing is not None else ""
        if layer and self.state.layout == "grid":
            self.state.set(active=layer)

    def on_screen(self, pane: Pane, point: tuple[float, float]) -> tuple[tuple[float, float], float, int]:
        """Where a point of the picture is in the pane, pixels of the screen per pixel of the picture, and the
        picture's shorter side."""
        picture = self.results.picture
        assert picture is not None
        at = self.view.to_pane(*point, pane.size, picture.size)
        return at, self.view.scale(pane.size, picture.size), min(picture.size)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            if self.tool.fits_on_double_click:
                self.fit()
            else:
                self.mousePressEvent(event)

    # --- keys ----------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and not event.modifiers():
            # Held during a drag, it moves the picture; pressed and released without one, it is a command.
            if not event.isAutoRepeat():
                self._space, self._used_space = True, False
                self._show_cursor(None)
        elif not self.tool.key_pressed(self, event):
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() != Qt.Key.Key_Space or event.isAutoRepeat() or not self._space:
            super().keyReleaseEvent(event)
            return
        self._space = False
        self._show_cursor(None)
        if not self._used_space:
            self.space_tapped.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self._space = False
        super().focusOutEvent(event)

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        self._set_cursor(None)

    def _hover(self, point: QPointF) -> None:
        self._set_cursor(self.picture_point(point))
        pane = self._pane_at(point)
        header = pane is not None and not pane.picture.contains(point.toPoint())
        if pane is None or not header:
            return
        shown = pane.second if pane.is_split and point.x() > pane.box.center().x() else pane.map
        if shown is not None:
            QToolTip.showText(self.mapToGlobal(point.toPoint()), tips.plain(shown.owner), self)

    def point_at(self, at: tuple[float, float] | None) -> None:
        """Show a point of the picture as if the cursor were there; None for nowhere."""
        if at != self.cursor_at:
            self.cursor_at = at
            self.update()

    def _set_cursor(self, at: tuple[float, float] | None) -> None:
        if at != self.cursor_at:
            self.cursor_at = at
            self.hovered.emit(at)
            self.update()
