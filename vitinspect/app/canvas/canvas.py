"""The widget in the middle: panes, mouse and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.labels import GAP, HEADER, Labels, Pane, format_value, room_for_picture, value_at
from vitinspect.app.canvas.tools.tool import Spot, Tool
from vitinspect.app.geometry import View, fit, tiles
from vitinspect.app.ranges import range_of
from vitinspect.app.session import layers as layering
from vitinspect.app.session.results import Results, ShownMap, ShownMask
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import SMALL_SIZE
from vitinspect.app.widgets import tips

if TYPE_CHECKING:
    from vitinspect.app.canvas import painting

HANDLE = 8
"""How near to the swipe line, in pixels, it can be grabbed."""


class Canvas(QWidget):
    """Shows the picture and its maps. It asks the state for changes and knows no panel."""

    hovered = Signal(object)
    """The point of the picture under the cursor, (x, y), or None."""
    painted = Signal()
    space_tapped = Signal()
    """Space was pressed and nothing was dragged with it."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state, self.results = state, results
        self.view = View()
        self.hidden = False
        """While a key is held the overlay is not shown."""
        self.setObjectName("canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 200)
        self.setAccessibleName("Picture and heat maps")
        self._kept_composer: painting.Composer | None = None
        self._panes: list[Pane] = []
        self._labels = Labels(self)
        self._composed: dict[int, tuple[object, QImage]] = {}
        self._cursor: tuple[float, float] | None = None
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

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 520)

    @property
    def _composer(self) -> painting.Composer:
        # Loaded with the first picture, because numpy comes with it: an empty window is on the screen before.
        from vitinspect.app.canvas import painting

        if self._kept_composer is None:
            self._kept_composer = painting.Composer()
        return self._kept_composer

    # --- what is shown -------------------------------------------------------------------------------------------

    def shown_maps(self) -> list[ShownMap]:
        """The maps on the canvas now, from left to right."""
        maps = list(self.results.all_maps.values())
        if self.state.show == "image" or not maps:
            return []
        if self.state.layout == "grid":
            kept = self.results.kept_map()
            return maps if kept is None else [*maps, kept]
        if self.state.layout == "swipe":
            return [m for m in (self.first_map(), self.second_map()) if m is not None]
        active = self.active_map()
        return [active] if active is not None else []

    def active_map(self) -> ShownMap | None:
        return self.results.active_map(self.state.active)

    def first_map(self) -> ShownMap | None:
        """The left of the swipe: the map marked A, else the selected one."""
        marked = layering.marked(self.state.layers, "A")
        return (self.results.all_maps.get(marked.id) if marked is not None else None) or self.active_map()

    def second_map(self) -> ShownMap | None:
        """The right of the swipe: the map marked B, else the selected one beside A, else one kept, else the next."""
        first, active = self.first_map(), self.active_map()
        maps = self.results.all_maps
        chosen = maps.get(self.state.second)
        if chosen is not None and chosen is not first:
            return chosen
        if active is not first:
            return active
        kept = self.results.kept
        if kept is not None and self._fits(kept):
            return kept
        return next((m for m in maps.values() if m is not first), None)

    def _fits(self, shown: ShownMap) -> bool:
        picture = self.results.picture
        return picture is not None and shown.address.content == picture.content

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
        maps = self.shown_maps()
        if self.state.layout == "grid" and len(maps) > 1:
            boxes = tiles(len(maps), width, height, picture.size, HEADER, GAP, room_for_picture)
            return [
                Pane(QRect(int(x0), int(y0), int(x1 - x0), int(y1 - y0)), shown, number=self.number(shown))
                for shown, (x0, y0, x1, y1) in zip(maps, boxes, strict=True)
            ]
        pane = Pane(QRect(0, 0, width, height), maps[0] if maps else None)
        pane.number = self.number(pane.map) if pane.map is not None else 0
        if self.state.layout == "swipe" and len(maps) > 1:
            pane.second, pane.second_number = maps[1], self.number(maps[1])
        return [pane]

    def number(self, shown: ShownMap) -> int:
        """The place of its layer in the list; 0 for a map that was kept."""
        return self.state.number(shown.id) if shown is self.results.all_maps.get(shown.id) else 0

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
        self._composer.clear()
        self._composed.clear()
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
        painter.fillRect(self.rect(), QColor(theme.current().canvas))
        self._panes = self.panes()
        if self._panes:
            maps = [m for pane in self._panes for m in (pane.map, pane.second) if m is not None]
            self._composer.keep_only(maps)
            self._composed = {i: v for i, v in self._composed.items() if i < len(self._panes)}
            for i, pane in enumerate(self._panes):
                painter.drawImage(pane.picture.topLeft(), self._compose(i, pane))
                self._labels.paint(painter, pane, self.picture_rect(pane))
                self._paint_marks(painter, pane)
                if len(self._panes) > 1 and pane.map is self.active_map():
                    self._labels.selected(painter, pane)
        painter.end()
        self.painted.emit()

    def _compose(self, number: int, pane: Pane) -> QImage:
        """The picture with its map, kept until something about it changes: a moving cursor costs a copy."""
        picture = self.results.picture
        assert picture is not None
        ratio = self._ratio or self.devicePixelRatioF()
        levels = tuple(self.threshold_of(m) for m in (pane.map, pane.second) if m is not None)
        look = self.look(pane.map)
        looks = (look, self.look(pane.second))
        swipe = self.state.swipe if pane.second is not None else 0.0
        # The objects themselves, which are compared by identity and stay alive as long as the key does.
        masks = tuple(self.shown_masks())
        key = (pane.map, pane.second, pane.size, self.view, ratio, looks, levels, picture, swipe, masks)
        kept = self._composed.get(number)
        if kept is not None and kept[0] == key:
            return kept[1]
        base = self._composer.base(picture, self.view, pane.size, ratio, look)
        if look.show == "image" or (pane.map is None and not masks):
            return base
        image = base.copy()
        painter = QPainter(image)
        if pane.map is None:
            pass
        elif pane.second is None:
            self._paint_map(painter, pane.map, pane)
        else:
            at = self._swipe_at(pane)
            width, height = pane.size
            for shown, clip in (
                (pane.map, QRectF(0, 0, at, height)),
                (pane.second, QRectF(at, 0, width - at, height)),
            ):
                painter.save()
                painter.setClipRect(clip)
                self._paint_map(painter, shown, pane)
                painter.restore()
        self._paint_masks(painter, self.view, pane.size)
        painter.end()
        self._composed[number] = (key, image)
        return image

    def _paint_map(self, painter: QPainter, shown: ShownMap, pane: Pane) -> None:
        self._composer.paint_map(painter, shown, self.view, pane.size, self.look(shown), self.threshold_of(shown))

    def shown_masks(self) -> list[tuple[ShownMask, str]]:
        """The masks over the picture with their colours, the uppermost last; without a colour for the truth."""
        state, masks = self.state, self.results.masks
        return [
            (masks[layer.id], "" if layer.kind == layering.TRUTH else layering.mask_colour(state.layers, layer))
            for layer in reversed(state.layers)
            if layer.visible and layer.id in masks
        ]

    def _paint_masks(self, painter: QPainter, view: View, size: tuple[int, int]) -> None:
        from vitinspect.app.canvas import painting

        for mask, colour in self.shown_masks():
            painting.paint_mask_outline(painter, mask, colour, view, size)

    def _swipe_at(self, pane: Pane) -> float:
        """Where the line is: as a share of the part of the picture that is seen."""
        left, right = self._picture_edges(pane)
        return left + self.state.swipe * (right - left)

    def _picture_edges(self, pane: Pane) -> tuple[float, float]:
        picture = self.results.picture
        assert picture is not None
        scale = self.view.scale(pane.size, picture.size)
        left, _ = self.view.origin(pane.size, picture.size)
        return max(0.0, left), min(float(pane.size[0]), left + picture.size[1] * scale)

    def _paint_marks(self, painter: QPainter, pane: Pane) -> None:
        """What lies over the picture: the crop, the pinned patch, the patch under the cursor, the swipe line."""
        from vitinspect.app.canvas import painting

        picture, placed = self.results.picture, self.results.placed
        assert picture is not None
        painter.save()
        painter.setClipRect(pane.picture)
        painter.translate(pane.picture.topLeft())
        shown = pane.map
        if placed is None and shown is not None:
            placed = shown.placed
        if placed is not None and self.state.frame and not placed.sees_all and not self.hidden:
            box = painting.to_pane(placed.visible, self.view, pane.size, picture.size)
            painting.draw_box(painter, box.adjusted(0.75, 0.75, -0.75, -0.75), painting.FRAME, 1)
        card = self.results.card
        if placed is not None and card is not None:
            if (
                len(self.state.pinned) == 2
                and self.state.pinned[0] < card.grid[0]
                and (self.state.pinned[1] < card.grid[1])
            ):
                row, column = self.state.pinned
                cell = placed.cell_box(row, column, card.grid)
                painting.draw_box(
                    painter, painting.to_pane(cell, self.view, pane.size, picture.size), painting.ACCENT, 2
                )
            if self.results.painted is not None:
                self._composer.paint_region(painter, self.results, placed, self.view, pane.size)
            if self._cursor is not None:
                self._paint_cursor(painter, pane)
        if pane.second is not None and not self.hidden:
            at = self._swipe_at(pane)
            seen = self.picture_rect(pane).translated(-pane.picture.topLeft())
            for pen in (QPen(painting.EDGE, 3), QPen(QColor("white"), 1)):
                painter.setPen(pen)
                painter.drawLine(QPointF(at, seen.top()), QPointF(at, seen.bottom()))
            painter.setBrush(QColor("white"))
            middle = seen.center().y()
            painter.drawRoundedRect(QRectF(at - 3, middle - 16, 6, 32), 3, 3)
        painter.restore()

    def _paint_cursor(self, painter: QPainter, pane: Pane) -> None:
        from vitinspect.app.canvas import painting

        picture, card, placed = self.results.picture, self.results.card, self.results.placed
        assert picture is not None
        assert card is not None
        assert placed is not None
        assert self._cursor is not None
        x, y = self._cursor
        self.tool.paint(self, painter, pane, self._cursor)
        if not self.tool.marks_patch:
            return
        cell = placed.cell_at(x, y, card.grid)
        if cell is None:
            return
        box = painting.to_pane(placed.cell_box(*cell, card.grid), self.view, pane.size, picture.size)
        painting.draw_box(painter, box, QColor(255, 255, 255, 170))
        shown = pane.map
        at = self.view.to_pane(x, y, pane.size, picture.size)
        if shown is None or self.hidden or self.state.show == "image":
            return
        if pane.second is not None and at[0] > self._swipe_at(pane):
            shown = pane.second
        value = value_at(shown, x, y)
        if value is None:
            return
        text = f"{format_value(value)}   {shown.heat.percentile(value):.0f} %"
        font = theme.tabular(self.font())
        font.setPixelSize(SMALL_SIZE)
        metrics = QFontMetrics(font)
        width, height = metrics.horizontalAdvance(text) + 12, metrics.height() + 4
        # Beside the patch, and on its other side near the pane's edge.
        left = box.right() + 6 if box.right() + 6 + width < pane.size[0] else box.left() - 6 - width
        top = min(max(2.0, box.center().y() - height / 2), pane.size[1] - height - 2)
        label = QRectF(max(2.0, left), top, width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 190))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.drawRoundedRect(label, 3, 3)
        painter.setPen(QColor("white"))
        painter.setFont(font)
        painter.drawText(label, Qt.AlignmentFlag.AlignCenter, text)

    def view_image(self, scale: int = 1) -> QImage:
        """What the canvas shows, with so many pixels for each of the screen."""
        image = QImage(self.size() * scale, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(scale)
        self._ratio = float(scale)
        try:
            self.render(image)
        finally:
            self._ratio = 0.0
            self._composed.clear()
        return image

    def overlay_image(self, scale: int = 1) -> QImage | None:
        """The active map over the picture at the picture's own size or larger, as the canvas paints it."""
        from vitinspect.app.canvas import painting

        picture, shown = self.results.picture, self.active_map()
        if picture is None or shown is None:
            return None
        height, width = picture.size[0] * scale, picture.size[1] * scale
        view = View(float(scale))
        look = self.look(shown)
        composer = painting.Composer()
        image = composer.base(picture, view, (width, height), 1.0, look)
        painter = QPainter(image)
        if look.show != "image":
            composer.paint_map(painter, shown, view, (width, height), look, self.threshold_of(shown))
            self._paint_masks(painter, view, (width, height))
        painter.end()
        image.setText("Software", "vitinspect")
        image.setText("vitinspect:shows", shown.owner)
        return image

    # --- mouse ---------------------------------------------------------------------------------------------------

    def _pane_at(self, point: QPointF) -> Pane | None:
        return next((pane for pane in self.panes() if pane.box.contains(point.toPoint())), None)

    def picture_point(self, point: QPointF, pane: Pane | None = None) -> tuple[float, float] | None:
        """The point of the picture under a point of the widget, None beside it."""
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
        """Take another tool; a drag that goes on ends first."""
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
        return pane.second is not None and abs(point.x() - pane.picture.left() - self._swipe_at(pane)) <= HANDLE

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
        if pane.map is not None and self.state.layout == "grid":
            self.state.set(active=pane.map.id)

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
            # Held while dragging it moves the picture; pressed alone, it is a command when it comes up again.
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
        if pane is not None and header and pane.map is not None:
            shown = pane.map
            if pane.second is not None and point.x() > pane.box.center().x():
                shown = pane.second
            QToolTip.showText(self.mapToGlobal(point.toPoint()), tips.plain(shown.owner), self)

    def point_at(self, at: tuple[float, float] | None) -> None:
        """Show a point of the picture as if the cursor were there; None for nowhere."""
        if at != self._cursor:
            self._cursor = at
            self.update()

    def _set_cursor(self, at: tuple[float, float] | None) -> None:
        if at != self._cursor:
            self._cursor = at
            self.hovered.emit(at)
            self.update()
