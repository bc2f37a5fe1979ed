"""The page in the middle, with a ruler: zoom and pan, cells to select, to drop into and to frame an inset in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.figure.insets import Region
from vitinspect.app.figure.label_editor import LabelEditor
from vitinspect.app.figure.page_marks import RULER, paint_checkered, paint_marks, paint_ruler
from vitinspect.app.figure.sources import MIME, Source, unpacked
from vitinspect.app.services.figures import FigureService
from vitinspect.app.widgets.empty_state import EmptyState

if TYPE_CHECKING:
    from vitinspect.app.figure.scene_painting import ScenePainter
    from vitinspect.figures.layout import LabelBox, Page

MARGIN = 20
MOST, LEAST = 64.0, 0.1
INSET, SELECT = "figure-inset", "figure-select"


class PageView(QWidget):
    """Shows the page of the service; what a person does on it becomes an edit of the figure."""

    zoomed = Signal()
    dropped = Signal(object, str)
    """A ``Source`` that was dropped, and the place of a cell."""

    def __init__(self, figures: FigureService, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.figures = figures
        self.zoom = 0.0
        """Screen pixels to the point; 0 shows the whole page."""
        self._middle = (0.5, 0.5)
        """The point of the page (as shares) in the middle of the view."""
        self._painter: ScenePainter | None = None
        self._press: QPointF | None = None
        self._dragging = ""
        self._region: Region | None = None
        self._target = ""
        """The cell that something is dragged over."""
        self._space = False
        self.tool: Any = None
        self.editor: LabelEditor | None = None
        self.hovered = ""
        self.setObjectName("canvas")
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 160)
        self.setAccessibleName("The page of the figure")
        self.empty = EmptyState(parent=self)
        self.empty.hide()
        figures.page_made.connect(self._page_made)
        figures.changed.connect(self.update)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(640, 520)

    # --- geometry ------------------------------------------------------------------------------------------------

    @property
    def page(self) -> Page | None:
        return self.figures.page.page if self.figures.page is not None else None

    @property
    def scale(self) -> float:
        """Screen pixels to the point."""
        return self.zoom or self._fitting()

    @property
    def percent(self) -> float:
        """1 where a millimetre on the page is a millimetre on the screen."""
        return self.scale * 72 / max(1.0, float(self.logicalDpiX()))

    def _fitting(self) -> float:
        page = self.page
        if page is None:
            return 1.0
        wide = max(40, self.width() - 2 * MARGIN)
        high = max(40, self.height() - RULER - 2 * MARGIN)
        return min(wide / page.scene.width, high / page.scene.height)

    @property
    def origin(self) -> QPointF:
        """Where the page's corner is, on whole pixels."""
        page = self.page
        if page is None:
            return QPointF(MARGIN, RULER + MARGIN)
        scale = self.scale
        places = []
        for room, start, size, middle in (
            (self.width(), 0, page.scene.width * scale, self._middle[0]),
            (self.height() - RULER, RULER, page.scene.height * scale, self._middle[1]),
        ):
            fits = size <= room - 2 * MARGIN + 1
            places.append(start + (room - size) / 2 if fits else start + room / 2 - middle * size)
        return QPointF(round(places[0]), round(places[1]))

    def to_page(self, at: QPointF) -> tuple[float, float]:
        """A place on the screen in points on the page."""
        corner = self.origin
        return (at.x() - corner.x()) / self.scale, (at.y() - corner.y()) / self.scale

    def on_screen(self, box: tuple[float, float, float, float]) -> QRectF:
        corner, scale = self.origin, self.scale
        return QRectF(corner.x() + box[0] * scale, corner.y() + box[1] * scale, box[2] * scale, box[3] * scale)

    def cell_box(self, where: str) -> QRectF | None:
        """Where a cell is on the screen."""
        page = self.page
        found = next((c for c in page.cells if c.where == where), None) if page is not None else None
        return self.on_screen(found.box) if found is not None else None

    def fit(self) -> None:
        """The whole page."""
        self.zoom, self._middle = 0.0, (0.5, 0.5)
        self._moved()

    def actual(self) -> None:
        """As large as it will be on paper."""
        self.zoom = float(self.logicalDpiX()) / 72
        self._moved()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        page = self.page
        if page is None:
            return
        at = at or QPointF(self.width() / 2, (self.height() + RULER) / 2)
        x, y = self.to_page(at)
        self.zoom = min(MOST, max(LEAST, self.scale * factor))
        # The point under the cursor stays there.
        middle = QPointF(self.width() / 2, RULER + (self.height() - RULER) / 2)
        self._middle = (
            (x - (at.x() - middle.x()) / self.zoom) / page.scene.width,
            (y - (at.y() - middle.y()) / self.zoom) / page.scene.height,
        )
        self._hold()
        self._moved()

    def _pan(self, dx: float, dy: float) -> None:
        page = self.page
        if page is None:
            return
        scale = self.scale
        self._middle = (
            self._middle[0] - dx / (scale * page.scene.width),
            self._middle[1] - dy / (scale * page.scene.height),
        )
        self._hold()
        self._moved()

    def _hold(self) -> None:
        self._middle = (min(1.0, max(0.0, self._middle[0])), min(1.0, max(0.0, self._middle[1])))

    def _moved(self) -> None:
        if self.editor is not None:
            self.editor.done()
        self.update()
        self.zoomed.emit()

    # --- painting ------------------------------------------------------------------------------------------------

    @Slot()
    def _page_made(self) -> None:
        self.update()
        self.zoomed.emit()

    def refresh_theme(self) -> None:
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(t.canvas))
        made = self.figures.page
        if made is None:
            return
        scene = made.scene
        whole = self.on_screen((0.0, 0.0, scene.width, scene.height))
        if scene.background is None:
            paint_checkered(painter, whole)
        else:
            painter.fillRect(whole, QColor(*scene.background))
        if self._painter is None:
            from vitinspect.app.figure.scene_painting import ScenePainter

            self._painter = ScenePainter()
        self._painter.paint(painter, scene, self.scale, self.origin)
        target = self.cell_box(self._target) if self._target else None
        region = QRectF(*self._region.rectangle) if self._region is not None else None
        paint_marks(painter, self.cell_box(self.figures.selected), target, region)
        paint_ruler(painter, self.width(), scene.width, self.origin.x(), self.scale)
        painter.end()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self.empty.setGeometry(self.rect())
        self._moved()

    # --- mouse and keys ------------------------------------------------------------------------------------------

    def set_tool(self, tool: Any) -> None:
        self.tool = tool
        self._region = None
        self.setCursor(tool.cursor())
        self.update()

    @property
    def _frames(self) -> bool:
        return self.tool is not None and self.tool.id == INSET

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if self.editor is not None:
            self.editor.done()
        page = self.page
        if page is None:
            return
        at = event.position()
        cell = page.cell_at(*self.to_page(at))
        middle = event.button() == Qt.MouseButton.MiddleButton
        if middle or (event.button() == Qt.MouseButton.LeftButton and self._space):
            self._press, self._dragging = at, "pan"
            return
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if cell is not None:
            self.figures.select(cell.where)
        self._press = at
        if self._frames and cell is not None:
            self._dragging = "inset"
            self._region = Region(self.on_screen(cell.box), at, cell.where)
        else:
            self._dragging = "pan"

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at, page = event.position(), self.page
        if self._press is not None and self._dragging == "pan":
            self._pan(at.x() - self._press.x(), at.y() - self._press.y())
            self._press = at
        elif self._region is not None:
            self._region.drag(at)
            self.update()
        elif page is not None:
            cell, label = page.cell_at(*self.to_page(at)), page.label_at(*self.to_page(at))
            self.hovered = cell.where if cell is not None else ""
            self.setToolTip("Double-click to change the label" if label is not None else "")
            self.zoomed.emit()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        region, self._region = self._region, None
        self._press, self._dragging = None, ""
        if region is not None:
            shares = region.shares
            if shares is not None:
                self.figures.change_cells("Inset", "cell", {"inset": list(shares)}, region.where)
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        page = self.page
        label = page.label_at(*self.to_page(event.position())) if page is not None else None
        if label is not None and event.button() == Qt.MouseButton.LeftButton:
            self.edit_label(label)

    def edit_label(self, label: LabelBox) -> None:
        """Edit a label in its place."""
        box = self.on_screen(label.box)
        self.editor = LabelEditor(self, label, box)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self.hovered = ""
        self.zoomed.emit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        steps = event.angleDelta().y() / 120
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._pan(steps * 60, 0)
        elif steps:
            self.zoom_by(1.2**steps, event.position())

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        moves = {
            Qt.Key.Key_Left: (0, -1),
            Qt.Key.Key_Right: (0, 1),
            Qt.Key.Key_Up: (-1, 0),
            Qt.Key.Key_Down: (1, 0),
        }
        key = Qt.Key(event.key())
        if key in moves and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self._go(*moves[key])
        elif key == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = True
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(1.2)
        elif key == Qt.Key.Key_Minus:
            self.zoom_by(1 / 1.2)
        elif key == Qt.Key.Key_Escape and self._region is not None:
            self._region = None
            self.update()
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
        super().keyReleaseEvent(event)

    def _go(self, down: int, right: int) -> None:
        from vitinspect.figures.specification import place

        row, column = self.figures.place_of(self.figures.selected)
        spec = self.figures.spec
        row, column = min(max(row + down, 0), len(spec.rows) - 1), min(max(column + right, 0), len(spec.columns) - 1)
        self.figures.select(place(row, column))

    # --- what is dragged into a cell -----------------------------------------------------------------------------

    def _source(self, event: QDropEvent) -> Source | None:
        data = event.mimeData()
        return unpacked(bytes(data.data(MIME).data())) if data.hasFormat(MIME) else None

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        self._consider(event)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:  # noqa: N802
        self._consider(event)

    def _consider(self, event: QDragMoveEvent) -> None:
        if self._source(event) is None or self.page is None:
            event.ignore()  # files are for the window
            return
        cell = self.page.cell_at(*self.to_page(event.position()))
        self._target = cell.where if cell is not None else ""
        event.setDropAction(Qt.DropAction.CopyAction)
        event.setAccepted(cell is not None)
        self.update()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:  # noqa: N802
        self._target = ""
        self.update()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        source, where = self._source(event), self._target
        self._target = ""
        self.update()
        if source is None or not where:
            event.ignore()
            return
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.figures.select(where)
        self.dropped.emit(source, where)
