"""The scatter of pictures says in signals what it paints."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest

from vitinspect.app.widgets.scatter import Dot, Scatter


def test_a_dot_of_the_scatter_opens_its_picture_and_nothing_else_does(sized, qtbot):
    chart = sized(Scatter())
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


def test_hovering_over_a_dot_tells_its_name_and_both_numbers_with_what_they_are(sized):
    chart = sized(Scatter())
    dot = Dot("/a", "fish & <chips>", 0.2, -0.9)
    chart.set_dots([dot], "People", "Layer 4")
    assert "fish &amp; &lt;chips&gt;<br>People 0.20<br>Layer 4 −0.90" in chart.tip(dot)
    assert "<img" not in chart.tip(dot)


def test_the_picture_is_asked_for_as_soon_as_the_mouse_is_over_its_dot(sized):
    asked = []
    chart = sized(Scatter(asked.append))
    dots = [Dot("/a", "a", 0.2, 0.9), Dot("/b", "b", 0.8, 0.1)]
    chart.set_dots(dots, "People", "Map")
    QTest.mouseMove(chart, chart.plot.center().toPoint())
    assert asked == []
    QTest.mouseMove(chart, chart.place(dots[1]).toPoint())
    assert set(asked) == {"/b"}, "it is there when the tool tip comes"


def test_hovering_over_a_dot_shows_its_picture_once_it_is_there(sized):
    pictures = {"/a": QImage(40, 30, QImage.Format.Format_RGB888)}
    pictures["/a"].fill(Qt.GlobalColor.red)
    chart = sized(Scatter(pictures.get))
    there, missing = Dot("/a", "a", 0.2, 0.9), Dot("/b", "b", 0.3, 0.8)
    chart.set_dots([there, missing], "People", "Map")
    assert '<img src="data:image/png;base64,' in chart.tip(there)
    assert "<img" not in chart.tip(missing)
