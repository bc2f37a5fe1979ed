"""The charts of the People workspace say in tool tips and signals what they paint."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtTest import QTest

from vitinspect.annotation.ceiling_figure import Point
from vitinspect.app.people.charts import BoxPlots, CeilingChart, _fitting


def test_a_click_on_a_maps_row_chooses_it_and_people_are_not_chosen(sized, qtbot):
    chart = sized(CeilingChart())
    points = [Point("LRP", 0.5, 0.4, 0.6, False), Point("ann", 0.8, 0.7, 0.9, True)]
    chart.set_points(points, "bars")
    assert [point.name for point in chart.points] == ["ann", "LRP"]
    assert chart.row_at(10).name == "ann"
    with qtbot.assertNotEmitted(chart.chosen, wait=20):
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(100, 10))
    row = next(y for y in range(chart.height()) if (p := chart.row_at(y)) and p.name == "LRP")
    with qtbot.waitSignal(chart.chosen) as emitted:
        QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(100, row + 5))
    assert emitted.args == ["LRP"]
    assert "ann 0.80, 0.70 to 0.90" in chart.accessibleDescription()
    assert not chart.grab().isNull()


def test_boxes_are_the_quartiles_of_what_is_known(sized):
    chart = sized(BoxPlots())
    values = [0.1, 0.5, 0.3, math.nan, 0.9]
    chart.set_values([("LRP", values), ("nothing", [math.nan])], "Dice")
    assert [name for name, _ in chart.boxes] == ["LRP"]
    assert chart.boxes[0][1] == pytest.approx(tuple(np.nanpercentile(values, [0, 25, 50, 75, 100])))
    assert not chart.grab().isNull()


def test_a_name_that_has_no_room_is_the_layers_number_and_not_cut(qapp):
    image = QImage(200, 40, QImage.Format.Format_RGB888)
    painter = QPainter(image)
    name = "Rollout × GradCAM × LRP × LeGrad"
    assert _fitting(painter, name, {name: "Layer 5"}, 90) == "Layer 5"
    assert _fitting(painter, name, {name: "Layer 5"}, 1000) == name
    assert _fitting(painter, name, {}, 90) != name
    painter.end()
