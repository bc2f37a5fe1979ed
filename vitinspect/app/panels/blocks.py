"""Attention of every block and head for one token, as a grid of small maps; a click enlarges one."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Slot
from PySide6.QtGui import QColor, QFontMetrics, QImage, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.canvas.labels import format_value
from vitinspect.app.panels.section import quiet
from vitinspect.app.session.results import READY, Results
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import SMALL_SIZE

LEFT, TOP, GAP = 44, 20, 4
SMALLEST, LARGEST = 96, 320
LEAST = 40
"""The side of a small map that can still be read."""


class BlocksPanel(QWidget):
    """Rows are blocks, columns are heads. Each small map is scaled on its own; the figures say its range."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.about = quiet(wrap=False)
        self.grid = HeadGrid(self)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.grid.setProperty("kind", "panel")
        self.grid.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        scroll.setWidget(self.grid)
        self.large = LargeMap()
        self.figures = quiet()
        self.figures.setFont(theme.tabular(self.figures.font()))
        self.figures.setFixedWidth(132)
        self.figures.setAlignment(Qt.AlignmentFlag.AlignTop)
        right = QHBoxLayout()
        right.setSpacing(8)
        right.addWidget(self.large, 0, Qt.AlignmentFlag.AlignTop)
        right.addWidget(self.figures)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(scroll, 1)
        row.addLayout(right)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 4)
        layout.setSpacing(4)
        layout.addWidget(self.about)
        layout.addLayout(row, 1)
        self.chosen = (0, 0)
        results.changed.connect(self._results_changed)
        state.changed.connect(self._state_changed)
        self._follow()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.large.set_height(self.height() - self.about.height() - 20)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"attention", "card", "picture", "model_state"}:
            self._follow()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "colormap" in names:
            self._follow()

    def choose(self, block: int, head: int) -> None:
        """Enlarge one."""
        self.chosen = (block, head)
        self._follow()

    def image(self, values: Any) -> QImage:
        """A small map in the colours of the state, its own range stretched over them."""
        from vitinspect.app import heat
        from vitinspect.app.canvas import painting
        from vitinspect.figures.overlay import ValueRange, levels

        # Attention has no sign: a diverging colour map would suggest a zero in its middle. Small maps side by side
        # are distinguished best in viridis.
        name = self._state.colormap
        name = "viridis" if name == "auto" or heat.is_centred(name) else name
        image = painting.indexed(levels(values, ValueRange.of(values)))
        image.setColorTable(heat.table(name, signed=False, opacity=1.0, grows="uniform").tolist())
        return image

    def _follow(self) -> None:
        found, card, picture = self._results.attention, self._results.card, self._results.picture
        if found is None or card is None or picture is None:
            waiting = self._results.model_state == READY and picture is not None
            self.about.setText("Reading the attention …" if waiting else "Needs a picture and a model")
            self.grid.show_maps([])
            self.large.show_map(None)
            self.figures.setText("")
            return
        blocks, heads = found.values.shape[:2]
        sentence = f"{self._token_text(found.token, card)} in {card.name}, {blocks} blocks × {heads} heads."
        if found.token < len(card.prefix_names):
            sentence += " Pin a patch (P) to see the attention of its token."
        self.about.setText(sentence)
        self.grid.show_maps([[self.image(found.values[b, h]) for h in range(heads)] for b in range(blocks)])
        block, head = min(self.chosen[0], blocks - 1), min(self.chosen[1], heads - 1)
        values = found.values[block, head]
        self.grid.mark((block, head))
        self.large.show_map(self.image(values))
        low, high = format_value(float(values.min())), format_value(float(values.max()))
        text = f"Block {block + 1}, head {head + 1}\n{low} to {high}"
        if card.prefix_names:
            several = f"the {len(card.prefix_names)} tokens before the patches"
            where = f"the {card.prefix_names[0]} token" if len(card.prefix_names) == 1 else several
            text += f"\n{100 * float(found.prefix[block, head]):.0f} % goes to {where}"
        self.figures.setText(text)

    @staticmethod
    def _token_text(token: int, card: Any) -> str:
        before = len(card.prefix_names)
        if token < before:
            return f"Attention of the {card.prefix_names[token]} token"
        row, column = divmod(token - before, card.grid[1])
        return f"Attention of the patch in row {row + 1}, column {column + 1}"


class HeadGrid(QWidget):
    """Paints the small maps."""

    def __init__(self, panel: BlocksPanel) -> None:
        super().__init__()
        self._panel = panel
        self._maps: list[list[QImage]] = []
        self._marked = (-1, -1)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName("Attention of all blocks and heads")
        self.setToolTip("Click to enlarge")

    def show_maps(self, maps: list[list[QImage]]) -> None:
        self._maps = maps
        self.updateGeometry()
        self.update()

    def mark(self, cell: tuple[int, int]) -> None:
        self._marked = cell
        self.update()

    @property
    def _plan(self) -> tuple[int, int]:
        """The side of a small map, and how many blocks are below each other; those that follow are beside them."""
        if not self._maps:
            return 48, 1
        count, heads = len(self._maps), max(1, len(self._maps[0]))
        area = self.parentWidget()
        height = (area.height() if area is not None else 0) - TOP

        def side(rows: int) -> int:
            columns = -(-count // rows)
            return min((self.width() // columns - LEFT) // heads, height // rows) - GAP

        rows = max(range(count, 0, -1), key=side)
        # All blocks at once where they are large enough to be read, else as wide as there is room, to be scrolled.
        if side(rows) >= LEAST:
            return side(rows), rows
        return max(28, min((self.width() - LEFT) // heads - GAP, 64)), count

    @property
    def cell(self) -> int:
        return self._plan[0]

    def sizeHint(self) -> QSize:  # noqa: N802
        cell, rows = self._plan
        return QSize(LEFT + 12 * 32, TOP + rows * (cell + GAP))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        columns = len(self._maps[0]) if self._maps else 1
        cell, rows = self._plan
        return QSize(LEFT + columns * (28 + GAP), TOP + rows * (cell + GAP))

    def resizeEvent(self, event: object) -> None:  # noqa: N802
        self.updateGeometry()

    def _box(self, block: int, head: int) -> QRect:
        cell, rows = self._plan
        column, row = divmod(block, rows)
        left = column * (LEFT + len(self._maps[0]) * (cell + GAP)) + LEFT
        return QRect(left + head * (cell + GAP), TOP + row * (cell + GAP), cell, cell)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        small = theme.tabular(self.font())
        small.setPixelSize(SMALL_SIZE)
        painter.setFont(small)
        painter.setPen(QColor(t.quiet))
        for first_block in range(0, len(self._maps), self._plan[1]):
            for head in range(len(self._maps[0])):
                box = self._box(first_block, head)
                wide = QFontMetrics(small).horizontalAdvance("head 00") < box.width()
                label = f"head {head + 1}" if wide else f"{head + 1}"
                painter.drawText(QRect(box.left(), 0, box.width(), TOP), Qt.AlignmentFlag.AlignCenter, label)
        for block, row in enumerate(self._maps):
            first = self._box(block, 0)
            painter.setPen(QColor(t.quiet))
            name = QRect(first.left() - LEFT, first.top(), LEFT, first.height())
            painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, f"block {block + 1}")
            for head, image in enumerate(row):
                box = self._box(block, head)
                if box.intersects(event.rect()):
                    painter.drawImage(box, image)
                    if (block, head) == self._marked:
                        painter.setPen(QColor(t.accent))
                        painter.drawRect(box.adjusted(-2, -2, 1, 1))
                        painter.drawRect(box.adjusted(-1, -1, 0, 0))

    def cell_at(self, point: QPoint) -> tuple[int, int] | None:
        cell, rows = self._plan
        if not self._maps or point.y() < TOP:
            return None
        column, inside = divmod(point.x(), LEFT + len(self._maps[0]) * (cell + GAP))
        row, head = (point.y() - TOP) // (cell + GAP), (inside - LEFT) // (cell + GAP)
        block = column * rows + row
        if 0 <= row < rows and 0 <= block < len(self._maps) and 0 <= head < len(self._maps[block]):
            return block, head
        return None

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        cell = self.cell_at(event.position().toPoint())
        if cell is not None:
            self._panel.choose(*cell)


class LargeMap(QWidget):
    """One map, large, patch by patch."""

    def __init__(self) -> None:
        super().__init__()
        self._image: QImage | None = None
        self.setFixedSize(SMALLEST, SMALLEST)
        self.setAccessibleName("The chosen head")

    def set_height(self, height: int) -> None:
        """Make it as large as the panel is high."""
        side = min(max(SMALLEST, height), LARGEST)
        self.setFixedSize(side, side)

    def show_map(self, image: QImage | None) -> None:
        self._image = image
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        if self._image is None:
            return
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        painter.drawImage(QRect(QPoint(0, 0), size), self._image)
