"""Where the parts are: the view gets the space that others free, and nothing is cut off."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

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
    shown.resize(1280, 800)
    qtbot.waitUntil(lambda: shown.film.isVisible())
    strip = shown.film.strip
    qtbot.mouseClick(strip.viewport(), Qt.MouseButton.LeftButton, pos=strip.cell(2).center())
    settle()
    assert backend.state.image.endswith("picture 3.png")
    assert strip.currentIndex().row() == 2


def test_tabs_below_open_collapse_and_keep_their_row(shown, backend, qtbot):
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


def test_what_is_dragged_or_toggled_is_kept_at_once(shown, backend):
    """A window that crashes later has the same arrangement in the next start."""
    backend.window_layout = {}
    shown.frame.level.setSizes([300, 800, 340])
    shown.frame._dragged()
    assert backend.window_layout == shown._layout()
    shown.actions_["browser"].trigger()
    assert backend.window_layout["frame"] == shown.frame.to_json()
    assert backend.window_layout["frame"]["left"] is shown.frame.left_wanted


def drag(splitter, handle, by):
    """Drag a border of the frame with the mouse."""
    grip = splitter.handle(handle)
    start = grip.rect().center()
    QTest.mousePress(grip, Qt.MouseButton.LeftButton, pos=start)
    move = QMouseEvent(
        QMouseEvent.Type.MouseMove,
        QPointF(start + by),
        QPointF(grip.mapToGlobal(start + by)),
        Qt.MouseButton.LeftButton,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(grip, move)
    QTest.mouseRelease(grip, Qt.MouseButton.LeftButton, pos=start)


def sizes(window):
    QApplication.processEvents()
    return window.lefts.width(), window.properties.width(), window.bottom.height()


def test_each_workspace_keeps_the_sizes_that_were_dragged_in_it(wide, backend):
    from vitinspect.app.shell.window import MainWindow

    wide.resize(1680, 1000)
    asked = {"inspect": (40, 60, 70), "network": (80, 20, 30)}
    kept = {}
    for workspace, (left, right, bottom) in asked.items():
        backend.state.set(workspace=workspace, plots=True)
        before = sizes(wide)
        drag(wide.frame.level, 1, QPoint(left, 0))
        drag(wide.frame.level, 2, QPoint(-right, 0))
        drag(wide.frame.upright, 1, QPoint(0, -bottom))
        kept[workspace] = sizes(wide)
        for now, then, by in zip(kept[workspace], before, (left, right, bottom), strict=True):
            assert abs(now - then - by) < 4, workspace
    for workspace in (*asked, *asked):
        backend.state.set(workspace=workspace)
        assert sizes(wide) == kept[workspace], workspace

    backend.window_layout = wide._layout()
    second = MainWindow(backend)
    second.resize(1680, 1000)
    second.show()
    for workspace in asked:
        backend.state.set(workspace=workspace)
        assert sizes(second) == kept[workspace], workspace
    second.close()
    second.deleteLater()


def test_the_sizes_of_an_older_file_hold_for_every_workspace_until_one_is_dragged(wide, backend):
    wide.resize(1680, 1000)
    wide.frame.restore({"left": True, "right": True, "list": None, "widths": [260, 380, 250]})
    for workspace in ("inspect", "network"):
        backend.state.set(workspace=workspace, plots=True)
        assert sizes(wide) == (260, 380, 250), workspace
    drag(wide.frame.level, 2, QPoint(-20, 0))
    dragged = sizes(wide)
    assert dragged[1] > 390
    backend.state.set(workspace="inspect")
    assert sizes(wide) == (260, 380, 250)
    wide.frame.restore(wide.frame.to_json())
    assert sizes(wide) == (260, 380, 250)
    backend.state.set(workspace="network")
    assert sizes(wide) == dragged


def test_a_damaged_or_older_arrangement_is_ignored(shown):
    before = shown.frame.to_json()
    for found in (
        None,
        3,
        {"widths": [1]},
        {"widths": ["a", 2, 3]},
        {"widths": {"inspect": [1], "network": 7}},
        {"list": "yes"},
    ):
        shown.frame.restore(found)
    assert shown.frame.to_json() == before
