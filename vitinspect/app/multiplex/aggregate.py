"""How the map came about: 54 statistics, the mask that is cut from each, its confidence, and their sum."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.painting import ACCENT
from vitinspect.app.identity import Same
from vitinspect.app.multiplex import geometry, painting
from vitinspect.app.multiplex.model import Aggregate, cut_masks
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.theme.tokens import AXIS_SIZE, SMALL_SIZE
from vitinspect.app.widgets.colour_bar import paint_flat
from vitinspect.app.widgets.numbers import number

HEADER = 20
WORDS = 32
"""Space for two lines below the picture."""
BAR = 30
"""Space for the colour bar below the picture."""
LABELS = 52
"""Space at the left for the names of the rows."""
NAMES = ("entropy", "max", "min", "sum", "std", "sum / std", "median", "skewness", "kurtosis")
SHORT_NAMES = ("ent.", "max", "min", "sum", "std", "s/std", "med.", "skew", "kurt.")
"""Where the columns are narrow."""
OPERATORS = ("min", "max", "sum")
DIRECTIONS = ("in", "out")

Cell = tuple[int, int, int]
"""Operator, direction, statistic."""


class AggregateView(QWidget):
    """Rows are operators and directions, columns statistics. Each cell holds the map, its mask and its confidence."""

    hovered = Signal(object)
    name = "aggregate"

    def __init__(self, networks: Networks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.networks = networks
        self.chosen: Cell | None = None
        self._masks: tuple[Any, np.ndarray] | None = None
        self._images: dict[Any, Any] = {}
        self.hover: int | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(360, 300)
        self.setAccessibleName("Statistics, masks and confidences that make the map")
        self.setToolTip(
            "Left the statistic, right its mask (light: kept), below the confidence with only what it keeps.\n"
            "Click one to see its mask on the picture; click it again for the map."
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(620, 520)

    def refresh(self) -> None:
        self._images.clear()
        self.update()

    def set_hover(self, node: int | None) -> None:
        if node != self.hover:
            self.hover = node
            self.update()

    # --- what is shown -----------------------------------------------------------------------------------------------

    @property
    def found(self) -> Aggregate | None:
        return self.networks.aggregate

    def masks(self, found: Aggregate) -> np.ndarray:
        """As the present ``token_ratio`` cuts them: their confidences may still be in progress."""
        if self.networks.aggregate_is_current:
            return found.masks
        ratio = float(self.networks.parameter("token_ratio"))
        key = (Same(found), ratio)
        if self._masks is None or self._masks[0] != key:
            self._masks = (key, cut_masks(found.statistics, ratio))
        return self._masks[1]

    def choose(self, cell: Cell | None) -> None:
        self.chosen = None if cell == self.chosen else cell
        self.update()

    # --- where things are --------------------------------------------------------------------------------------------

    def picture_box(self, width: float, height: float) -> QRectF:
        """The picture with the map or a mask: below the table where the view is high, else at its right."""
        if width > 1.25 * height:
            # What the table leaves; its cells are limited by the height.
            side = min(height - HEADER, width - LABELS - 9 * self.cell_size(width, height)[0] - 16)
            return QRectF(width - side - 8, HEADER, side, height - HEADER - 4)
        table = self.cell_size(width, height)[1] * 6 + HEADER + 14
        return QRectF(4, table + 4, width - 8, max(40.0, height - table - 8))

    def _cells(self, width: float, height: float) -> tuple[float, float, bool]:
        """Width of a column, side of a square, and whether map and mask of a cell are one below the other."""
        if width > 1.25 * height:
            width -= min(height - HEADER, width * 0.36) + 8
            room = height - HEADER - 14
        else:
            room = (height - HEADER - 14) * 0.62
        wide = (width - LABELS - 4) / 9
        beside = max(8.0, min((wide - 6) / 2, room / 6 - 16))
        below = max(8.0, min(wide - 8, (room / 6 - 22) / 2))
        if below > beside:
            return min(wide, below + 12), below, True
        return min(wide, 2 * beside + 12), beside, False

    def cell_size(self, width: float, height: float) -> tuple[float, float]:
        """Width and height of a cell: two squares, and a line of figures."""
        wide, side, below = self._cells(width, height)
        return wide, 2 * side + 22 if below else side + 16

    def cell_box(self, cell: Cell, width: float, height: float) -> tuple[QRectF, QRectF]:
        """Where the map and the mask of a cell are."""
        wide, side, below = self._cells(width, height)
        row = 2 * cell[0] + cell[1]
        x, y = LABELS + cell[2] * wide, HEADER + 14 + row * self.cell_size(width, height)[1]
        second = QRectF(x, y + side + 2, side, side) if below else QRectF(x + side + 2, y, side, side)
        return QRectF(x, y, side, side), second

    def cell_at(self, x: float, y: float) -> Cell | None:
        for operator in range(3):
            for direction in range(2):
                for statistic in range(9):
                    cell = (operator, direction, statistic)
                    left, right = self.cell_box(cell, self.width(), self.height())
                    if left.united(right).adjusted(-1, -1, 1, 13).contains(QPointF(x, y)):
                        return cell
        return None

    # --- painting ----------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        self.render_to(painter, self.width(), self.height())
        painter.end()

    def render_to(self, painter: QPainter, width: int, height: int) -> None:
        t = theme.current()
        painter.fillRect(QRectF(0, 0, width, height), QColor(t.canvas))
        painter.setFont(self.font())
        found = self.found
        if found is None:
            text = self.networks.aggregate_error or self.networks.error
            painter.setPen(QColor(t.canvas_quiet))
            box = QRectF(24, 24, width - 48, height - 48)
            flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
            waiting = "Scoring the 54 masks …" if self.networks.results.picture is not None else "Choose a picture."
            painter.drawText(box, flags, text or waiting)
            return
        self._table(painter, found, width, height)
        self._picture(painter, found, self.picture_box(width, height))
        painter.setPen(QColor(t.canvas_text))
        caption = QFontMetrics(self.font()).elidedText(self.caption, Qt.TextElideMode.ElideRight, width - 16)
        painter.drawText(QRectF(8, 0, width - 16, HEADER), int(Qt.AlignmentFlag.AlignVCenter), caption)

    @property
    def caption(self) -> str:
        found = self.found
        if found is None:
            return ""
        card = self.networks.results.card
        target = card.target_text(found.target) if card is not None else ""
        if not self.networks.aggregate_is_current:
            return f"Masks of the new token_ratio; their confidence in “{target}” is being computed"
        within = number(found.difference, 1)
        return f"Map: mean confidence in “{target}” of the masks that keep a patch (the method's map within {within})"

    def _selected_patch(self) -> int | None:
        network = self.networks.network
        node = self.hover if self.hover is not None else self.networks.selected
        return None if network is None or node is None or node < network.prefix else node - network.prefix

    def _table(self, painter: QPainter, found: Aggregate, width: int, height: int) -> None:
        t = theme.current()
        font = theme.tabular(self.font())
        font.setPixelSize(AXIS_SIZE)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        masks = self.masks(found)
        current = self.networks.aggregate_is_current
        patch = self._selected_patch()
        on, off = QColor(t.canvas_text), QColor(58, 63, 70)
        top = float(found.confidences.max()) or 1.0
        for operator in range(3):
            for direction in range(2):
                first, _ = self.cell_box((operator, direction, 0), width, height)
                painter.setPen(QColor(t.canvas_text))
                text = f"{OPERATORS[operator]} {DIRECTIONS[direction]}"
                painter.drawText(
                    QRectF(6, first.top(), LABELS - 8, first.height()), int(Qt.AlignmentFlag.AlignVCenter), text
                )
                for statistic in range(9):
                    cell = (operator, direction, statistic)
                    left, right = self.cell_box(cell, width, height)
                    values = found.statistics[cell].reshape(found.grid)
                    painter.drawImage(
                        left, self._image(("map", Same(found), cell), lambda v=values: painting.heat_image(v))
                    )
                    mask = masks[cell]
                    key = ("mask", Same(masks), cell)
                    made = self._image(key, lambda m=mask: painting.mask_image(m.reshape(found.grid), on, off))
                    painter.drawImage(right, made)
                    held = patch is not None and bool(mask[patch])
                    if cell == self.chosen or held:
                        painter.setBrush(Qt.BrushStyle.NoBrush)
                        painter.setPen(QPen(ACCENT if held else QColor(t.accent), 3 if cell == self.chosen else 1.5))
                        painter.drawRect(right.adjusted(-1, -1, 1, 1))
                    value = float(found.confidences[cell])
                    bar = QRectF(left.left(), right.bottom() + 2, right.right() - left.left(), 12)
                    if current:
                        shade = QColor(t.accent)
                        shade.setAlpha(110)
                        painter.fillRect(QRectF(bar.left(), bar.top(), bar.width() * value / top, bar.height()), shade)
                    painter.setPen(QColor(t.canvas_text if current else t.canvas_quiet))
                    text = f"{100 * value:.1f} %" if current else "…"
                    painter.drawText(bar, int(Qt.AlignmentFlag.AlignCenter), text)
        painter.setPen(QColor(t.canvas_quiet))
        left, right = self.cell_box((0, 0, 0), width, height)
        roomy = max(metrics.horizontalAdvance(name) for name in NAMES) <= right.right() - left.left()
        for statistic, name in enumerate(NAMES if roomy else SHORT_NAMES):
            left, right = self.cell_box((0, 0, statistic), width, height)
            box = QRectF(left.left(), HEADER - 2, right.right() - left.left() + 4, 14)
            painter.drawText(
                box,
                int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter),
                metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(box.width())),
            )

    def _image(self, key: Any, make: Any) -> Any:
        if key not in self._images:
            if len(self._images) > 240:
                self._images.clear()
            self._images[key] = make()
        return self._images[key]

    def plane(self, box: QRectF) -> geometry.Plane | None:
        found = self.found
        if found is None:
            return None
        placed = self.networks.results.placed
        aspect = 1.0
        if placed is not None:
            left, top, right, bottom = placed.box
            aspect = ((right - left) / found.grid[1]) / max(1e-9, (bottom - top) / found.grid[0])
        inner = (box.left(), box.top(), box.right(), box.bottom() - WORDS - BAR)
        return geometry.flat(found.grid, inner, aspect, False)

    def _picture(self, painter: QPainter, found: Aggregate, box: QRectF) -> None:
        """The picture under the chosen mask, or under the sum of all."""
        plane = self.plane(box)
        if plane is None:
            return
        rows, columns = found.grid
        picture, placed = self.networks.results.picture, self.networks.results.placed
        if picture is not None and placed is not None:
            painting.draw_picture(painter, picture, placed, plane, found.grid, 0.0)
        corner, far = plane(np.array([[0.0, 0.0], [columns, rows]])).tolist()
        area = QRectF(QPointF(*corner), QPointF(*far))
        if self.chosen is not None:
            mask = self.masks(found)[self.chosen]
            dropped = painting.mask_image(~mask.reshape(found.grid), QColor(10, 12, 14, 215), QColor(0, 0, 0, 0))
            painter.drawImage(area, dropped.convertToFormat(dropped.Format.Format_ARGB32))
            operator, direction, statistic = self.chosen
            text = f"{NAMES[statistic]} of {DIRECTIONS[direction]}-degree, {OPERATORS[operator]} over heads: keeps "
            text += f"{int(mask.sum())} of {mask.size} patches"
            if self.networks.aggregate_is_current:
                text += f", confidence {100 * float(found.confidences[self.chosen]):.1f} %"
        else:
            painter.setOpacity(0.62)
            painter.drawImage(area, painting.heat_image(found.weighted_sum, "turbo"))
            painter.setOpacity(1.0)
            heat = found.weighted_sum
            text = "Sum of mask × confidence, divided by the number of masks that keep the patch"
            bar = QRect(round(area.left()), round(area.bottom()) + WORDS + 4, round(area.width()), BAR)
            paint_flat(painter, bar, "turbo", float(heat.min()), float(heat.max()))
        patch = self._selected_patch()
        if patch is not None and patch < rows * columns:
            painting.draw_patch(painter, plane, *divmod(patch, columns), ACCENT, 2)
            holding = found.holding(patch)
            value = float(found.weighted_sum.ravel()[patch])
            where = f"row {patch // columns + 1}, column {patch % columns + 1}"
            if self.chosen is not None:
                text += f"; {where} is {'kept' if holding[self.chosen] else 'dropped'}"
            else:
                text = f"{where}: kept by {int(holding.sum())} of 54 masks, whose mean confidence is {number(value)}"
        painter.setPen(QColor(theme.current().canvas_text))
        painter.setFont(theme.font(SMALL_SIZE))
        painter.drawText(
            QRectF(area.left(), area.bottom() + 3, area.width(), WORDS - 2), int(Qt.TextFlag.TextWordWrap), text
        )

    # --- mouse and keys ----------------------------------------------------------------------------------------------

    def node_at(self, x: float, y: float) -> int | None:
        """The node under a point of the picture or of any small map."""
        found, network = self.found, self.networks.network
        if found is None or network is None:
            return None
        rows, columns = found.grid
        plane = self.plane(self.picture_box(self.width(), self.height()))
        assert plane is not None
        across, down = plane.back(x, y)
        if 0 <= across < columns and 0 <= down < rows:
            return network.prefix + int(down) * columns + int(across)
        return None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        node = self.node_at(event.position().x(), event.position().y())
        if node != self.hover:
            self.set_hover(node)
            self.hovered.emit(node)

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        if self.hover is not None:
            self.set_hover(None)
            self.hovered.emit(None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() != Qt.MouseButton.LeftButton or self.found is None:
            return
        x, y = event.position().x(), event.position().y()
        cell = self.cell_at(x, y)
        if cell is not None:
            self.choose(cell)
            return
        node = self.node_at(x, y)
        if node is not None:
            self.networks.select(node)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        moves: dict[int, int] = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -9,
            Qt.Key.Key_Down: 9,
        }
        if event.key() not in moves or self.found is None or event.modifiers():
            super().keyPressEvent(event)
            return
        at = -1 if self.chosen is None else 18 * self.chosen[0] + 9 * self.chosen[1] + self.chosen[2]
        at = min(max(0, at + moves[event.key()]), 53)
        self.chosen = (at // 18, at // 9 % 2, at % 9)
        self.update()
