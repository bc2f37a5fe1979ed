"""The picture that is drawn on: zoom and pan, the mask over it, and the mouse for the current tool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.geometry import View
from vitinspect.app.services.masks import MaskService
from vitinspect.app.session.results import Results

if TYPE_CHECKING:
    from vitinspect.annotation.strokes import Rectangle
    from vitinspect.app.masks.tools import MaskTool

OTHERS = ("#F2A33A", "#8E7BE8", "#E8699A", "#6FB0FA", "#C7D84B")


class MaskView(QWidget):
    """Shows one picture and one mask document; a tool draws."""

    hovered = Signal(object)
    """The point of the picture under the cursor, (x, y), or None."""
    zoomed = Signal()

    def __init__(self, masks: MaskService, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.masks, self.results = masks, results
        self.view = View()
        self.opacity = 0.38
        self.filled = True
        self.hidden_others: set[str] = set()
        self.tool: MaskTool | None = None
        self._composer: Any = None
        self._cursor: tuple[float, float] | None = None
        self._dragging = ""
        self._press = QPointF()
        self._space = False
        self.setObjectName("canvas")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 200)
        self.setAccessibleName("Picture and the mask that is drawn")
        masks.opened.connect(self.update)
        masks.painted.connect(self._painted)
        results.changed.connect(self._results_changed)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 520)

    # --- geometry ------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.zoomed.emit()  # a fitted picture changes its size with the view

    @property
    def pane(self) -> tuple[int, int]:
        return max(1, self.width()), max(1, self.height())

    @property
    def scale(self) -> float:
        picture = self.results.picture
        return self.view.scale(self.pane, picture.size) if picture is not None else 1.0

    def to_picture(self, at: QPointF) -> tuple[float, float]:
        picture = self.results.picture
        size = picture.size if picture is not None else (1, 1)
        return self.view.to_picture(at.x(), at.y(), self.pane, size)

    def to_screen(self, point: tuple[float, float]) -> QPointF:
        picture = self.results.picture
        size = picture.size if picture is not None else (1, 1)
        return QPointF(*self.view.to_pane(point[0], point[1], self.pane, size))

    def fit(self) -> None:
        self._set_view(View())

    def actual_size(self) -> None:
        picture = self.results.picture
        if picture is not None:
            self._set_view(View(1.0 / self.devicePixelRatioF(), self.view.x, self.view.y).held(self.pane, picture.size))

    def zoom_by(self, factor: float) -> None:
        picture = self.results.picture
        if picture is not None:
            width, height = self.pane
            self._set_view(self.view.zoomed(factor, width / 2, height / 2, self.pane, picture.size))

    def _set_view(self, view: View) -> None:
        if view != self.view:
            self.view = view
            self.zoomed.emit()
            self.update()

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if "picture" in names:
            self.view = View()
            self.zoomed.emit()
            self.update()

    @Slot(object)
    def _painted(self, rectangle: Rectangle) -> None:
        corner = self.to_screen((rectangle.left, rectangle.top))
        opposite = self.to_screen((rectangle.right, rectangle.bottom))
        self.update(QRectF(corner, opposite).toAlignedRect().adjusted(-3, -3, 3, 3))

    def set_tool(self, tool: MaskTool) -> None:
        if self.tool is not None and self.tool is not tool:
            self.tool.deselected(self)
        self.tool = tool
        self.setCursor(tool.cursor())
        self.update()

    def refresh_theme(self) -> None:
        if self._composer is not None:
            self._composer.clear()
        self.update()

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        ground = theme.current().canvas
        picture = self.results.picture
        if picture is None:
            painter.fillRect(self.rect(), QColor(ground))
            self._say(painter, "Open a folder of pictures to draw masks")
            return
        from vitinspect.app.canvas.painting import Composer, Look

        if self._composer is None:
            self._composer = Composer()
        base = self._composer.base(
            picture, self.view, self.pane, self.devicePixelRatioF(), Look(show="image", ground=ground)
        )
        dirty = event.rect()
        ratio = self.devicePixelRatioF()
        part = QRectF(dirty.x() * ratio, dirty.y() * ratio, dirty.width() * ratio, dirty.height() * ratio)
        painter.drawImage(QRectF(dirty), base, part)
        if self.masks.document is None:
            self._say(
                painter,
                "Enter the annotator's name above" if not self.masks.annotator else "This mask cannot be opened",
            )
            return
        self._paint_mask(painter, dirty)
        if self.tool is not None:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self.tool.paint(self, painter, self._cursor)

    def _say(self, painter: QPainter, text: str) -> None:
        painter.setPen(QColor(theme.current().canvas_text))
        box = self.rect().adjusted(20, 0, -20, 0)
        painter.fillRect(QRect(0, self.height() // 2 - 20, self.width(), 40), QColor(0, 0, 0, 130))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, text)

    def _paint_mask(self, painter: QPainter, dirty: QRect) -> None:
        from vitinspect.app.masks.painting import colour_table, painted, sampled

        current = self.masks.current
        picture = self.results.picture
        assert current is not None
        assert picture is not None
        ratio = self.devicePixelRatioF()
        left, top = self.view.origin(self.pane, picture.size)
        # One pixel more on each side, so that outlines continue over the edge of what is painted.
        x0, y0 = int(dirty.left() * ratio) - 1, int(dirty.top() * ratio) - 1
        width, height = int(dirty.width() * ratio) + 2, int(dirty.height() * ratio) + 2
        where = (left * ratio - x0, top * ratio - y0, self.scale * ratio, width, height)
        colours = {label.value: label.colour for label in current.document.labels}
        layers = []
        if not self.masks.blind:
            for number, (name, mask) in enumerate(current.others.items()):
                if name not in self.hidden_others:
                    one = {1: OTHERS[number % len(OTHERS)]}
                    layers.append(painted(sampled(mask, *where), colour_table({}, 0.0), one, hatched=-1))
        fill = colour_table(colours, self.opacity if self.filled else 0.0)
        layers.append(painted(sampled(current.document.values, *where), fill, colours))
        for colours_of in layers:
            image = QImage(colours_of.data, width, height, 4 * width, QImage.Format.Format_ARGB32_Premultiplied)
            inner = QRectF(x0 / ratio, y0 / ratio, width / ratio, height / ratio)
            painter.save()
            painter.setClipRect(dirty)
            painter.drawImage(inner, image)
            painter.restore()

    def ring(self, painter: QPainter, point: tuple[float, float], diameter: float) -> None:
        """How large the brush is."""
        centre, radius = self.to_screen(point), max(diameter * self.scale / 2, 1.5)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(0, 0, 0, 190), 3.0), (QColor("white"), 1.2)):
            painter.setPen(QPen(colour, width))
            painter.drawEllipse(centre, radius, radius)

    # --- mouse ---------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self._press = event.position()
        if event.button() == Qt.MouseButton.MiddleButton or self._space or self._pans(event):
            self._dragging = "pan"
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton) and self._ready():
            assert self.tool is not None
            self._dragging = "tool"
            swap = event.button() == Qt.MouseButton.RightButton
            self.tool.press(self, self.to_picture(event.position()), event.modifiers(), swap)

    def _pans(self, event: QMouseEvent) -> bool:
        return self.tool is None or self.tool.id == "pan"

    def _ready(self) -> bool:
        return self.tool is not None and self.masks.document is not None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        before, self._cursor = self._cursor, self.to_picture(event.position())
        picture = self.results.picture
        if self._dragging == "pan" and picture is not None:
            moved = event.position() - self._press
            self._press = event.position()
            self._set_view(self.view.panned(moved.x(), moved.y(), self.pane, picture.size))
        elif self._dragging == "tool" and self.tool is not None:
            self.tool.move(self, self._cursor, event.modifiers())
        if self.tool is not None and self.tool.follows_cursor:
            for point in (before, self._cursor):
                if point is not None:
                    self.update(self.tool.area(self, point))
        self.hovered.emit(self._cursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        dragging, self._dragging = self._dragging, ""
        if dragging == "tool" and self.tool is not None:
            self.tool.release(self, self.to_picture(event.position()))
        if dragging == "pan" and self.tool is not None:
            self.setCursor(Qt.CursorShape.OpenHandCursor if self._space else self.tool.cursor())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self._ready() and self.tool is not None and self.tool.double_click(self):
            return
        self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        turned = event.angleDelta().y() or event.angleDelta().x()  # with Alt, Qt turns the wheel sideways
        picture = self.results.picture
        if not turned or picture is None:
            return
        if event.modifiers() & Qt.KeyboardModifier.AltModifier and self.tool is not None:
            self.tool.resize(1 if turned > 0 else -1)
            self.update()
        else:
            at = event.position()
            self._set_view(self.view.zoomed(1.0015**turned, at.x(), at.y(), self.pane, picture.size))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._cursor = None
        self.hovered.emit(None)
        self.update()

    # --- keys ----------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key, masks = event.key(), self.masks
        plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key == Qt.Key.Key_Space and plain:
            if not event.isAutoRepeat():
                self._space = True
                self.setCursor(Qt.CursorShape.OpenHandCursor)
        elif self.tool is not None and self._ready() and self.tool.key_pressed(self, event):
            self.update()
        elif plain and Qt.Key.Key_1 <= key <= Qt.Key.Key_9 and masks.document is not None:
            number = key - Qt.Key.Key_0
            last = number > len(masks.document.labels) and number == 9
            masks.set_label(255 if last else number)
        elif plain and key == Qt.Key.Key_0 and masks.document is not None:
            masks.set_status("nothing")
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            if self.tool is not None:
                self.setCursor(self.tool.cursor())
        super().keyReleaseEvent(event)

    # --- undo, for the Edit menu -----------------------------------------------------------------------------------

    def undo(self) -> bool:
        return self.masks.undo()

    def redo(self) -> bool:
        return self.masks.redo()
