"""The scatter of pictures says in signals what it paints."""

from __future__ import annotations

import math

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from vitinspect.app.widgets.scatter import Dot, Scatter


@pytest.fixture
def shown(qtbot):
    def show(widget, width=420, height=300):
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        return widget

    return show


def test_a_dot_of_the_scatter_opens_its_picture_and_nothing_else_does(shown, qtbot):
    chart = shown(Scatter())
    dots = [Dot("/a", "a", 0.2, 0.9), Dot("/b", "b", 0.8, 0.1), Dot("/c", "c", math.nan, 0.5)]
    chart.set_dots(dots, "People", "Map", "/a")
    assert [dot.id for dot in chart.dots] == ["/a", "/b"]
    place = chart.place(dots[1])
    with qtbot.waitSignal(chart.chosen) as emitted:
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=place.toPoint())
    assert emitted.args == ["/b"]
    with qtbot.assertNotEmitted(chart.chosen, wait=20):
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=chart.plot.center().toPoint())
    assert chart.place(dots[0]).x() < place.x()
    assert chart.place(dots[0]).y() < place.y()
    assert not chart.grab().isNull()
