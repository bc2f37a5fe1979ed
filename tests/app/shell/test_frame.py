"""Where the parts are: the view gets the space that others free, and nothing is cut off."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint

from vitinspect.app.shell.frame import LEFT, RIGHT, WIDE_RIGHT


@pytest.fixture
def wide(shown, qtbot):
    shown.resize(1440, 900)
    qtbot.waitUntil(lambda: shown.frame.width() == 1440)
    return shown


def widths(window):
    return window.browser.width(), window.properties.width()


def test_hiding_a_part_gives_its_space_to_the_view(wide, backend, qtbot):
    left, right = widths(wide)
    assert (left, right) == (LEFT, RIGHT)
    canvas = wide.canvas.width()
    for action in ("network", "controls", "controls", "inspect"):
        wide.actions_[action].trigger()
    assert widths(wide) == (left, right)
    assert wide.canvas.width() == canvas
    wide.actions_["browser"].trigger()
    assert wide.properties.width() == right
    assert wide.canvas.width() > canvas + left - 8
    wide.actions_["browser"].trigger()
    assert widths(wide) == (left, right)


@pytest.mark.parametrize("size", [(1280, 800), (1440, 900), (2560, 1440)])
@pytest.mark.parametrize("workspace", ["inspect", "network"])
def test_nothing_is_cut_at_the_edges(shown, backend, qtbot, size, workspace):
    backend.state.set(workspace=workspace, plots=True)
    shown.resize(*size)
    qtbot.waitUntil(lambda: (shown.width(), shown.height()) == size)
    for part in (shown.context, shown.strip, shown.workspace_view, shown.bottom, shown.properties):
        assert part.isVisible()
        corner = part.mapTo(shown, QPoint(part.width(), part.height()))
        assert corner.x() <= size[0]
        assert corner.y() <= size[1]
    assert shown.workspace_view.width() > 500
    assert shown.workspace_view.height() > 300


def test_a_narrow_window_has_a_film_strip_and_a_wide_one_a_list(shown, qtbot):
    shown.resize(1280, 800)
    qtbot.waitUntil(lambda: shown.film.isVisible())
    assert not shown.browser.isVisible()
    shown.resize(1440, 900)
    qtbot.waitUntil(lambda: shown.browser.isVisible())
    assert not shown.film.isVisible()
    shown.resize(2560, 1440)
    qtbot.waitUntil(lambda: shown.properties.width() == WIDE_RIGHT)


def test_the_network_has_a_film_strip_up_to_wider_windows(shown, backend, qtbot):
    for width, in_network in ((1440, False), (1680, True)):
        shown.resize(width, 900)
        qtbot.waitUntil(lambda width=width: shown.frame.width() == width)
        backend.state.set(workspace="network")
        assert (shown.browser.isVisible(), shown.film.isVisible()) == (in_network, not in_network), width
        backend.state.set(workspace="inspect")
        assert (shown.browser.isVisible(), shown.film.isVisible()) == (True, False), width


def test_finding_a_picture_by_name_shows_the_list(shown, qtbot):
    shown.resize(1280, 800)
    shown.actions_["find"].trigger()
    assert shown.browser.isVisible()
    assert not shown.film.isVisible()


def test_a_click_in_the_film_strip_shows_that_picture(shown, backend, qtbot, settle):
    from PySide6.QtCore import Qt

    shown.resize(1280, 800)
    qtbot.waitUntil(lambda: shown.film.isVisible())
    strip = shown.film.strip
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=strip.cell(2).center())
    settle()
    assert backend.state.image.endswith("picture 3.png")
    assert strip.currentIndex().row() == 2


def test_tabs_below_open_collapse_and_keep_their_row(shown, backend, qtbot):
    from PySide6.QtCore import Qt

    from vitinspect.app.shell.bottom import LEAST, ROW

    bottom = shown.bottom
    assert bottom.height() == ROW
    bar = bottom.bar
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(1).center())
    assert (backend.state.plots, backend.state.plot) == (True, "layers")
    qtbot.waitUntil(lambda: bottom.height() >= LEAST)
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=bar.tabRect(1).center())
    assert not backend.state.plots
    qtbot.waitUntil(lambda: bottom.height() == ROW)


def test_the_arrangement_is_restored_in_the_next_window(shown, backend, qtbot):
    from vitinspect.app.shell.window import MainWindow

    shown.resize(1440, 900)
    shown.frame.level.setSizes([300, 800, 340])
    shown.frame._dragged()
    shown.actions_["browser"].trigger()
    backend.window_layout = shown._layout()
    second = MainWindow(backend)
    second.resize(1440, 900)
    second.show()
    assert not second.browser.isVisible()
    second.actions_["browser"].trigger()
    qtbot.waitUntil(lambda: abs(second.browser.width() - 300) < 3)
    second.close()
    second.deleteLater()


def test_a_damaged_or_older_arrangement_is_ignored(shown):
    before = shown.frame.to_json()
    for found in (None, 3, {"widths": [1]}, {"widths": ["a", 2, 3]}, {"list": "yes"}):
        shown.frame.restore(found)
    assert shown.frame.to_json() == before
