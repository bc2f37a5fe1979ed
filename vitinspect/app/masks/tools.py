"""The tools that draw: each an object with press, move, release, keys and options. A new one is listed below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPointF, QRect, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPen, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QWidget

from vitinspect.app.canvas.tools.tool import Tool
from vitinspect.app.services.masks import MaskService
from vitinspect.app.widgets.fields import CheckBox, SliderField
from vitinspect.app.widgets.rows import words
from vitinspect.app.widgets.segments import Segment, Segments

if TYPE_CHECKING:
    from vitinspect.app.masks.view import MaskView

Point = tuple[float, float]
SMALLEST, LARGEST = 1, 4000
LIVE_PIXELS = 3_000_000
"""Pixels up to which a fill follows the mouse; larger pictures are filled when the button goes up."""


class Brushwork(QObject):
    """What the drawing tools share: size in pixels of the picture, draw or erase, smooth strokes, tolerance."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.size, self.erase, self.smooth, self.tolerance = 38.0, False, True, 24

    def set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
        self.size = min(max(self.size, SMALLEST), LARGEST)
        self.changed.emit()


class MaskTool(Tool):
    """A tool of the mask view. ``swap`` is the right button: draw becomes erase."""

    follows_cursor = False

    def __init__(self, masks: MaskService, work: Brushwork) -> None:
        self.masks, self.work = masks, work

    def cursor(self) -> Qt.CursorShape:
        return Qt.CursorShape.CrossCursor

    def value(self, swap: bool) -> int:
        """What is painted: the current label, or nothing."""
        return 0 if self.work.erase != swap else self.masks.label

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        """A button went down."""

    def move(self, view: MaskView, point: Point, modifiers: Any) -> None:  # type: ignore[override]
        """The mouse moved with the button down."""

    def release(self, view: MaskView, point: Point) -> None:  # type: ignore[override]
        """The button went up."""

    def double_click(self, view: MaskView) -> bool:
        return False

    def deselected(self, view: MaskView) -> None:
        """Another tool was selected."""

    def resize(self, steps: int) -> None:
        self.work.set(size=self.work.size * 1.15**steps if self.work.size > 7 else self.work.size + steps)

    def area(self, view: MaskView, point: Point) -> QRect:
        """What is to be repainted when the cursor is at a point."""
        reach = int(self.work.size * view.scale / 2) + 4
        at = view.to_screen(point).toPoint()
        return QRect(at.x() - reach, at.y() - reach, 2 * reach, 2 * reach)

    def key_pressed(self, view: MaskView, event: QKeyEvent) -> bool:  # type: ignore[override]
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            return False
        key = event.key()
        if key in (Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight):
            self.resize(1 if key == Qt.Key.Key_BracketRight else -1)
            return True
        if key == Qt.Key.Key_X:
            self.work.set(erase=not self.work.erase)
            return True
        return False

    def paint(self, view: MaskView, painter: QPainter, point: Point | None) -> None:  # type: ignore[override]
        """What is drawn over the picture and is not part of the mask."""

    def options(self) -> QWidget | None:
        return None


class MaskPan(MaskTool):
    id, title, tip, icon, key = "mask-pan", "Pan and zoom", "Drag moves the picture, the wheel zooms", "pan", "V"

    def cursor(self) -> Qt.CursorShape:
        return Qt.CursorShape.OpenHandCursor

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        self._last = view.to_screen(point)

    def move(self, view: MaskView, point: Point, modifiers: Any) -> None:  # type: ignore[override]
        at = view.to_screen(point)
        picture = view.results.picture
        if picture is not None:
            moved = at - self._last
            view._set_view(view.view.panned(moved.x(), moved.y(), view.pane, picture.size))
            self._last = at


class MaskBrush(MaskTool):
    id, title, icon, key = "mask-brush", "Brush", "brush", "B"
    tip = "Drag draws; the right button erases; Shift draws a straight line"
    follows_cursor = True
    erases = False

    def __init__(self, masks: MaskService, work: Brushwork) -> None:
        super().__init__(masks, work)
        self._end: tuple[Any, Point] | None = None
        """The document and the point at which the last stroke ended."""
        self._line: Point | None = None
        self._value = 1
        self._options: QWidget | None = None

    def value(self, swap: bool) -> int:
        return 0 if (self.work.erase or self.erases) != swap else self.masks.label

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        document = self.masks.document
        if document is None:
            return
        self._value = self.value(swap)
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            same = self._end is not None and self._end[0] is document
            self._line = self._end[1] if same and self._end is not None else point
            return
        self.masks.touched(document.begin(point, self.work.size, self._value, self.work.smooth))

    def move(self, view: MaskView, point: Point, modifiers: Any) -> None:  # type: ignore[override]
        document = self.masks.document
        if document is None:
            return
        if self._line is not None:
            view.update()
        else:
            self.masks.touched(document.move_to(point))

    def release(self, view: MaskView, point: Point) -> None:  # type: ignore[override]
        document = self.masks.document
        if document is None:
            return
        if self._line is not None:
            self.masks.touched(document.line(self._line, point, self.work.size, self._value))
            self._line = None
            view.update()
        else:
            self.masks.touched(document.end("erase" if self._value == 0 else "stroke"))
        self._end = (document, point)

    def key_pressed(self, view: MaskView, event: QKeyEvent) -> bool:  # type: ignore[override]
        document = self.masks.document
        if event.key() == Qt.Key.Key_Escape and document is not None and document.in_stroke:
            self.masks.touched(document.abandon())
            return True
        return super().key_pressed(view, event)

    def deselected(self, view: MaskView) -> None:
        if self.masks.document is not None and self.masks.document.in_stroke:
            self.masks.touched(self.masks.document.end())

    def paint(self, view: MaskView, painter: QPainter, point: Point | None) -> None:  # type: ignore[override]
        if point is None:
            return
        if self._line is not None:
            painter.setPen(QPen(QColor(255, 255, 255, 200), 1, Qt.PenStyle.DashLine))
            painter.drawLine(view.to_screen(self._line), view.to_screen(point))
        view.ring(painter, point, self.work.size)

    def options(self) -> QWidget | None:
        if self._options is None:
            self._options = BrushOptions(self.work, not self.erases)
        return self._options


class MaskEraser(MaskBrush):
    id, title, icon, key = "mask-eraser", "Eraser", "eraser", "E"
    tip = "Drag erases; the right button draws"
    erases = True


class _Outline(MaskTool):
    """Collects points, and fills what they enclose."""

    word = ""

    def __init__(self, masks: MaskService, work: Brushwork) -> None:
        super().__init__(masks, work)
        self.points: list[Point] = []
        self._value = 1
        self._options: QWidget | None = None

    def fill(self, view: MaskView) -> None:
        from vitinspect.annotation.strokes import polygon_mask

        document, points = self.masks.document, self.points
        self.points = []
        if document is not None and len(points) > 2:
            self.masks.touched(document.fill(polygon_mask(points, document.size), self._value, self.word))
        view.update()

    def deselected(self, view: MaskView) -> None:
        self.points = []
        view.update()

    def key_pressed(self, view: MaskView, event: QKeyEvent) -> bool:  # type: ignore[override]
        if event.key() == Qt.Key.Key_Escape and self.points:
            self.points = []
            return True
        return super().key_pressed(view, event)

    def paint(self, view: MaskView, painter: QPainter, point: Point | None) -> None:  # type: ignore[override]
        if not self.points:
            return
        line = QPolygonF([view.to_screen(p) for p in self.points])
        for colour, width in ((QColor(0, 0, 0, 190), 3.0), (QColor("white"), 1.4)):
            painter.setPen(QPen(colour, width))
            painter.drawPolyline(line)
            if point is not None and self.id == "mask-polygon":
                painter.drawLine(line.at(line.size() - 1), view.to_screen(point))
        painter.setBrush(QColor("white"))
        for corner in self.points if self.id == "mask-polygon" else ():
            painter.drawEllipse(view.to_screen(corner), 3, 3)

    def options(self) -> QWidget | None:
        if self._options is None:
            self._options = DrawErase(self.work)
        return self._options


class MaskLasso(_Outline):
    id, title, icon, key = "mask-lasso", "Lasso", "lasso", "L"
    tip = "Drag around what belongs to the mask; the right button removes it"
    word = "lasso"

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        self.points, self._value = [point], self.value(swap)

    def move(self, view: MaskView, point: Point, modifiers: Any) -> None:  # type: ignore[override]
        if self.points:
            self.points.append(point)
            view.update()

    def release(self, view: MaskView, point: Point) -> None:  # type: ignore[override]
        self.fill(view)


class MaskPolygon(_Outline):
    id, title, icon, key = "mask-polygon", "Polygon", "polygon", "P"
    tip = "Click its corners; Backspace removes the last one, Enter or a double click closes it"
    word = "polygon"
    follows_cursor = True

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        if not self.points:
            self._value = self.value(swap)
        self.points.append(point)
        view.update()

    def area(self, view: MaskView, point: Point) -> QRect:
        return view.rect() if self.points else QRect()

    def double_click(self, view: MaskView) -> bool:
        self.fill(view)
        return True

    def key_pressed(self, view: MaskView, event: QKeyEvent) -> bool:  # type: ignore[override]
        if event.key() == Qt.Key.Key_Backspace and self.points:
            self.points.pop()
            return True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.points:
            self.fill(view)
            return True
        return super().key_pressed(view, event)


class MaskRectangle(_Outline):
    id, title, icon, key = "mask-rectangle", "Rectangle", "rectangle", "R"
    tip = "Drag from corner to corner; the right button removes it"

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        self.points, self._value = [point, point], self.value(swap)

    def move(self, view: MaskView, point: Point, modifiers: Any) -> None:  # type: ignore[override]
        if self.points:
            self.points[1] = point
            view.update()

    def release(self, view: MaskView, point: Point) -> None:  # type: ignore[override]
        from vitinspect.annotation.strokes import rectangle_mask

        document, points = self.masks.document, self.points
        self.points = []
        if document is not None and points:
            mask = rectangle_mask(points[0], points[1], document.size)
            self.masks.touched(document.fill(mask, self._value, "rectangle"))
        view.update()

    def paint(self, view: MaskView, painter: QPainter, point: Point | None) -> None:  # type: ignore[override]
        if len(self.points) == 2:
            corners = [view.to_screen(p) for p in self.points]
            painter.setBrush(Qt.BrushStyle.NoBrush)
            for colour, width in ((QColor(0, 0, 0, 190), 3.0), (QColor("white"), 1.4)):
                painter.setPen(QPen(colour, width))
                painter.drawRect(QRect(corners[0].toPoint(), corners[1].toPoint()).normalized())


class MaskFill(MaskTool):
    id, title, icon, key = "mask-fill", "Fill by colour", "fill", "G"
    tip = "Click fills what has a similar colour and is connected; drag sideways to change the tolerance"

    def __init__(self, masks: MaskService, work: Brushwork) -> None:
        super().__init__(masks, work)
        self._seed: Point | None = None
        self._start = 0.0
        self._first = 24
        self._value = 1
        self._options: QWidget | None = None

    def press(self, view: MaskView, point: Point, modifiers: Any, swap: bool) -> None:  # type: ignore[override]
        self._seed, self._value, self._first = point, self.value(swap), self.work.tolerance
        self._start = view.to_screen(point).x()
        self._try(view)

    def move(self, view: MaskView, point: Point, modifiers: Any) -> None:  # type: ignore[override]
        if self._seed is None:
            return
        tolerance = round(min(max(self._first + (view.to_screen(point).x() - self._start) / 3, 0), 255))
        if tolerance != self.work.tolerance:
            self.work.set(tolerance=tolerance)
            self._try(view)

    def _try(self, view: MaskView) -> None:
        document = self.masks.document
        if document is None or document.values.size > LIVE_PIXELS:
            return
        document.abandon()
        self._paint(commit=False)
        view.update()

    def _paint(self, *, commit: bool) -> None:
        from vitinspect.annotation.strokes import similar_colour

        document, seed, picture = self.masks.document, self._seed, self.masks._results.picture
        if document is None or seed is None or picture is None:
            return
        mask = similar_colour(picture.pixels, int(seed[1]), int(seed[0]), self.work.tolerance)
        if commit:
            self.masks.touched(document.fill(mask, self._value, "fill"))
        else:
            document.preview(mask, self._value)

    def release(self, view: MaskView, point: Point) -> None:  # type: ignore[override]
        document = self.masks.document
        if document is not None and self._seed is not None:
            document.abandon()
            self._paint(commit=True)
        self._seed = None
        view.update()

    def deselected(self, view: MaskView) -> None:
        if self._seed is not None and self.masks.document is not None:
            self.masks.document.abandon()
            self._seed = None
            view.update()

    def paint(self, view: MaskView, painter: QPainter, point: Point | None) -> None:  # type: ignore[override]
        if self._seed is not None and point is not None:
            painter.setPen(QColor("white"))
            painter.drawText(view.to_screen(point) + QPointF(12, -8), f"tolerance {self.work.tolerance}")

    def options(self) -> QWidget | None:
        if self._options is None:
            self._options = FillOptions(self.work)
        return self._options


MASK_TOOLS: tuple[type[MaskTool], ...] = (
    MaskPan,
    MaskBrush,
    MaskEraser,
    MaskLasso,
    MaskPolygon,
    MaskRectangle,
    MaskFill,
)


def make_mask_tools(masks: MaskService) -> dict[str, MaskTool]:
    """Every drawing tool by its id."""
    work = Brushwork()
    return {kind.id: kind(masks, work) for kind in MASK_TOOLS}


# --- options ----------------------------------------------------------------------------------------------------


def _row(*parts: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout()
    layout.setContentsMargins(8, 0, 8, 0)
    layout.setSpacing(8)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return layout


class DrawErase(QWidget):
    """Draw or erase, and the reminder that the right button swaps."""

    def __init__(self, work: Brushwork) -> None:
        super().__init__()
        self.setLayout(_row(_draw_erase(work, self), words("X or right button swaps", "quiet")))


def _draw_erase(work: Brushwork, parent: QWidget) -> Segments:
    segments = Segments((Segment(False, "Draw"), Segment(True, "Erase")), name="Draw or erase")
    segments.set_value(work.erase)
    segments.chosen.connect(lambda erase: work.set(erase=erase))
    work.changed.connect(lambda: segments.set_value(work.erase))
    return segments


class BrushOptions(QWidget):
    def __init__(self, work: Brushwork, erasable: bool) -> None:
        super().__init__()
        self.size_field = SliderField(
            SMALLEST,
            LARGEST,
            work.size,
            logarithmic=True,
            whole=True,
            unit="px",
            name="Size",
            tip="[ and ], Alt + wheel",
        )
        self.size_field.setFixedWidth(180)
        self.size_field.changed.connect(lambda value: work.set(size=value))
        work.changed.connect(lambda: self.size_field.set_value(work.size))
        smooth = CheckBox("Smooth strokes")
        smooth.set_value(work.smooth)
        smooth.chosen.connect(lambda on: work.set(smooth=on))
        parts: list[QWidget] = [words("Size", "quiet"), self.size_field]
        if erasable:
            parts += [_draw_erase(work, self), words("X or right button swaps", "quiet")]
        self.setLayout(_row(*parts, smooth))


class FillOptions(QWidget):
    def __init__(self, work: Brushwork) -> None:
        super().__init__()
        tolerance = SliderField(0, 255, work.tolerance, whole=True, name="Tolerance", tip="How far a colour may differ")
        tolerance.setFixedWidth(170)
        tolerance.changed.connect(lambda value: work.set(tolerance=round(value)))
        work.changed.connect(lambda: tolerance.set_value(work.tolerance))
        self.setLayout(_row(words("Tolerance", "quiet"), tolerance, _draw_erase(work, self)))
