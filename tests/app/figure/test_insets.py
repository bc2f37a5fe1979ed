"""The region that is dragged in a cell."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF

from vitinspect.app.figure.insets import Region

BOX = QRectF(100, 50, 200, 100)


def test_a_region_is_in_shares_of_its_cell_whichever_way_it_is_dragged() -> None:
    region = Region(BOX, QPointF(250, 125), "a1")
    region.drag(QPointF(150, 75))
    assert region.shares == pytest.approx((0.25, 0.25, 0.5, 0.5))


def test_a_region_stays_in_its_cell() -> None:
    region = Region(BOX, QPointF(200, 100), "a1")
    region.drag(QPointF(9999, 9999))
    left, top, wide, high = region.shares or (0, 0, 0, 0)
    assert left + wide <= 1
    assert top + high <= 1


def test_a_click_frames_nothing() -> None:
    region = Region(BOX, QPointF(200, 100), "a1")
    region.drag(QPointF(202, 101))
    assert region.shares is None
