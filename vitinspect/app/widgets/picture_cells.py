"""Where pictures are in a list, a grid or a film strip: arithmetic, so that only those in sight cost time."""

from __future__ import annotations

from dataclasses import dataclass

LIST, GRID, FILM = "list", "grid", "film"
MODES = (LIST, GRID, FILM)
FILM_HEIGHT = 72
FILM_THUMB = 56
SMALLEST, LARGEST = 32, 192
_PAD = 4
_NAMES = 32
"""Two lines of a name below a picture of the grid."""


def film_width(room: int) -> int:
    """The width of a film strip that shows whole pictures only: as many as fit, and one at least."""
    cell = FILM_THUMB + _PAD
    return _PAD + max(1, (room - _PAD) // cell) * cell


@dataclass(frozen=True)
class Cells:
    """``thumb`` is the side of a thumbnail, ``width`` and ``height`` are those of what is seen."""

    mode: str
    thumb: int
    width: int
    height: int
    count: int

    @property
    def sideways(self) -> bool:
        """Whether it scrolls to the right."""
        return self.mode == FILM

    @property
    def cell(self) -> tuple[int, int]:
        """Width and height of one cell."""
        if self.mode == LIST:
            return self.width, self.thumb + 2 * _PAD
        if self.mode == FILM:
            return FILM_THUMB + _PAD, FILM_HEIGHT
        return self.thumb + 4 * _PAD, self.thumb + 3 * _PAD + _NAMES

    @property
    def columns(self) -> int:
        return max(1, self.width // self.cell[0]) if self.mode == GRID else 1

    @property
    def _left(self) -> int:
        """The left margin of a grid, whose spare width is shared by both sides."""
        return max(0, (self.width - self.columns * self.cell[0]) // 2) if self.mode == GRID else 0

    @property
    def length(self) -> int:
        """How long the whole is along the scroll bar."""
        if self.sideways:
            return self.count * self.cell[0] + _PAD
        return -(-self.count // self.columns) * self.cell[1]

    @property
    def seen(self) -> int:
        return self.width if self.sideways else self.height

    @property
    def page(self) -> int:
        """How many a page key moves by."""
        if self.sideways:
            return max(1, self.width // self.cell[0])
        return max(1, self.height // self.cell[1]) * self.columns

    def corner(self, row: int, offset: int) -> tuple[int, int]:
        """The upper left corner of a picture, scrolled by ``offset``."""
        if self.sideways:
            return _PAD + row * self.cell[0] - offset, 0
        line, column = divmod(row, self.columns)
        return self._left + column * self.cell[0], line * self.cell[1] - offset

    def at(self, x: int, y: int, offset: int) -> int:
        """The row at a point; -1 for none."""
        if self.sideways:
            row = (x + offset - _PAD) // self.cell[0]
        else:
            column = (x - self._left) // self.cell[0]
            if not 0 <= column < self.columns:
                return -1
            row = (y + offset) // self.cell[1] * self.columns + column
        return row if 0 <= row < self.count else -1

    def in_sight(self, offset: int) -> range:
        size = self.cell[0] if self.sideways else self.cell[1]
        first = max(0, offset - _PAD) // size * self.columns
        last = ((offset + self.seen) // size + 1) * self.columns
        return range(min(first, self.count), min(last, self.count))

    def offset_for(self, row: int, offset: int, *, centre: bool = False) -> int:
        """The scrolling that brings a row into sight, moved as little as possible."""
        size = self.cell[0] if self.sideways else self.cell[1]
        start = row // self.columns * size
        if centre:
            wanted = start - (self.seen - size) // 2
            if self.sideways:
                wanted = round(wanted / size) * size
        elif start < offset:
            wanted = start
        elif start + size > offset + self.seen:
            wanted = start + size - self.seen + (_PAD if self.sideways else 0)
        else:
            wanted = offset
        return min(max(0, wanted), max(0, self.length - self.seen))
