"""The context menus of picture, thumbnail, layer and score row: opened by the mouse, and what they do."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu


def opened(target, point: QPoint) -> QMenu:
    """The menu that a right click opens there."""
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, point, target.mapToGlobal(point))
    QApplication.sendEvent(target, event)
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    return menu


def choose(menu: QMenu, text: str) -> None:
    action = next(a for a in menu.actions() if a.text().split("\t")[0] == text)
    assert action.isEnabled()
    menu.close()
    action.trigger()
    QApplication.processEvents()


def right_clicked(target, point: QPoint) -> QMenu:
    """The menu after the press and the release that come with it."""
    QTest.mousePress(target, Qt.MouseButton.RightButton, pos=point)
    menu = opened(target, point)
    QTest.mouseRelease(target, Qt.MouseButton.RightButton, pos=point)
    return menu


@pytest.fixture
def scored(shown, backend, settle):
    backend.state.set(plots=True, methods=("rollout", "attention_gradcam"), layout="grid")
    settle()
    return shown


def test_the_picture(scored, backend) -> None:
    canvas = scored.canvas
    before = canvas.scale
    choose(opened(canvas, QPoint(canvas.width() // 4, canvas.height() // 2)), "Actual size")
    assert canvas.scale != before
    choose(opened(canvas, QPoint(canvas.width() // 4, canvas.height() // 2)), "Fit")
    assert canvas.scale == pytest.approx(before)


def test_a_thumbnail(scored, backend, pictures) -> None:
    grid = scored.browser.grid
    place = grid.visualRect(grid.model().index(1, 0)).center()
    choose(opened(grid.viewport(), place), "Flag")
    path = backend.listing.path_at(1)
    assert backend.notes.of(path).flagged
    menu = opened(grid.viewport(), place)
    assert next(a for a in menu.actions() if a.text() == "Flag").isChecked()
    choose(menu, "Copy path")
    assert QGuiApplication.clipboard().text() == path
    assert sorted(p.name for p in pictures.iterdir()) == [f"picture {i}.png" for i in range(1, 7)]


def test_a_layer_is_fused_with_the_selected_one_by_a_right_click(scored, backend, settle) -> None:
    backend.state.set(selected="rollout")
    layers = scored.layers_panel.list
    place = layers.visualRect(layers.layers.index_of("attention_gradcam")).center()
    choose(right_clicked(layers.viewport(), place), "Fuse with selected")
    fused = backend.state.selected_layer
    assert list(fused.weights) == ["rollout", "attention_gradcam"]
    settle()


def test_export_of_a_layer_opens_the_dialog_for_that_layer(scored, backend) -> None:
    backend.state.set(selected="rollout")
    layers = scored.layers_panel.list
    for asked in ("rollout", "attention_gradcam", "rollout"):
        place = layers.visualRect(layers.layers.index_of(asked)).center()
        choose(right_clicked(layers.viewport(), place), "Export…")
        assert scored.export_dialog.isVisible()
        assert scored.export_dialog.layer.value == asked
        scored.export_dialog.close()


def test_a_layer(scored, backend) -> None:
    layers = scored.layers_panel.list
    place = layers.visualRect(layers.layers.index_of("attention_gradcam")).center()
    choose(opened(layers.viewport(), place), "Solo")
    assert [layer.id for layer in backend.state.layers if layer.visible] == ["attention_gradcam"]
    choose(opened(layers.viewport(), place), "Delete")
    assert [layer.id for layer in backend.state.layers] == ["rollout"]


def test_a_row_of_the_scores(scored, backend) -> None:
    backend.state.set(selected="rollout")
    table = scored.bottom_of("inspect").tab("scores").table
    place = table.visualRect(table.model().index(1, 0)).center()
    choose(opened(table.viewport(), place), "Select layer")
    assert backend.state.selected == "attention_gradcam"
    choose(opened(table.viewport(), place), "Copy table as CSV")
    lines = QGuiApplication.clipboard().text().splitlines()
    assert len(lines) == 3
