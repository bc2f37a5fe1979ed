"""The small maps of blocks and heads fill the room that they have, and a click finds each of them."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QImage

from vitinspect.app.panels.blocks import LEAST, HeadGrid


@pytest.fixture
def grid(qapp, qtbot):
    from PySide6.QtWidgets import QWidget

    place = QWidget()
    qtbot.addWidget(place)
    made = HeadGrid(None)  # the panel is asked by clicks alone
    made.setParent(place)
    made.show_maps([[QImage(14, 14, QImage.Format.Format_RGB32)] * 6] * 6)
    made.place = place
    return made


def sized(grid, width: int, height: int) -> None:
    grid.place.resize(width, height)
    grid.resize(width, height)


def boxes(grid) -> dict:
    return {(block, head): grid._box(block, head) for block in range(6) for head in range(6)}


def test_in_a_wide_place_the_blocks_stand_side_by_side_and_larger(grid) -> None:
    sized(grid, 1400, 300)
    wide = grid.cell
    assert wide > 80
    sized(grid, 400, 300)
    assert LEAST <= grid.cell < wide, "below each other there is room for less"


@pytest.mark.parametrize("size", [(1400, 300), (700, 300), (590, 157), (400, 300)])
def test_each_map_is_in_sight_or_scrolled_to_and_found_by_a_click(grid, size) -> None:
    sized(grid, *size)
    found = boxes(grid)
    for key, box in found.items():
        assert grid.cell_at(box.center()) == key
        assert box.right() < size[0]
        assert box.bottom() < max(size[1], grid.minimumSizeHint().height())
    every = list(found.values())
    assert not any(a.intersects(b) for i, a in enumerate(every) for b in every[:i])
    assert grid.cell_at(every[0].topLeft() - every[0].bottomRight()) is None
