"""Workspaces: each has the parts that are declared for it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QToolButton

from vitinspect.app.session.state import State
from vitinspect.app.shell.workspaces import WORKSPACES, workspace


def test_each_workspace_has_a_tab_a_key_a_view_and_its_tools(shown, backend, qtbot):
    tabs = shown.top.tabs
    assert [tabs.tabText(i) for i in range(tabs.count())] == [w.title for w in WORKSPACES]
    for number, declared in enumerate(WORKSPACES, 1):
        qtbot.keyClick(shown, getattr(Qt.Key, f"Key_{number}"), Qt.KeyboardModifier.ControlModifier)
        assert backend.state.workspace == declared.id
        assert shown.workspace_view.isVisible()
        assert {i for i in declared.tools if i} <= set(shown.strip.buttons)
        assert shown.strip.tool == declared.first_tool
        bar = shown.bottom.bar
        assert [bar.tabText(i) for i in range(bar.count())] == [tab.title for tab in declared.tabs]


def test_every_tab_of_every_workspace_can_be_opened(shown, backend, settle):
    for declared in WORKSPACES:
        backend.state.set(workspace=declared.id, plots=True)
        for tab in declared.tabs:
            shown.open_tab(tab.id)
            assert shown.bottom.tab(tab.id).isVisible(), tab.title
    settle()


def test_the_tool_of_a_workspace_is_selected_again_when_it_is_shown_again(shown, backend):
    shown.select_tool("brush")
    backend.state.set(workspace="network")
    assert backend.state.tool == "pin"
    backend.state.set(workspace="inspect")
    assert backend.state.tool == "brush"
    assert shown.options.isVisible()


def test_the_segments_at_the_right_set_the_view(shown, backend, qtbot):
    segments = shown.top.segments["layout"]
    qtbot.mouseClick(segments.buttons["grid"], Qt.MouseButton.LeftButton)
    assert backend.state.layout == "grid"
    backend.state.set(layout="swipe")
    assert segments.value == "swipe"


def test_a_workspace_that_another_version_saved_is_the_first_one_here(shown, backend):
    assert workspace("of another version") is WORKSPACES[0]
    backend.state.set(workspace="of another version")
    assert shown.workspace_view is shown.canvas


@pytest.mark.parametrize("key", ["PgDown", "PgUp"])
def test_page_keys_step_through_the_blocks_of_the_network(shown, backend, qtbot, key):
    backend.state.set(workspace="network")
    qtbot.waitUntil(lambda: backend.networks.network is not None, timeout=30_000)
    backend.state.set(network_layer=0 if key == "PgDown" else 1)
    shown.focus_view()
    qtbot.keyClick(shown.network_panel.view, Qt.Key.Key_PageDown if key == "PgDown" else Qt.Key.Key_PageUp)
    assert backend.state.network_layer == (1 if key == "PgDown" else 0)


def test_what_a_view_of_the_network_ignores_is_disabled(shown, backend, settle):
    backend.state.set(workspace="network")
    fit, export = (next(b for b in shown.top.findChildren(QToolButton) if _is(b, name)) for name in ("Fit", "Export"))
    views = (("layer", True), ("stack", True), ("aggregate", False), ("multiples", True), ("measures", False))
    for view, zooms in (*views, views[0]):
        backend.state.set(network_view=view)
        assert (fit.isEnabled(), shown.actions_["zoom_in"].isEnabled()) == (zooms, zooms), view
        assert shown.strip.buttons["pan"].isEnabled() == zooms, view
        assert shown.actions_["actual"].isEnabled() == (view == "layer"), "several pictures have no actual size"
        assert shown.strip.buttons["pin"].isEnabled()
        assert export.isEnabled()
    backend.state.set(network_view="stack", workspace="inspect")
    assert shown.actions_["fit"].isEnabled(), "the canvas zooms whatever the network shows"
    settle()


def _is(button, name):
    return button.accessibleName() == name and button.isVisible()


@pytest.mark.parametrize("workspace_id", [w.id for w in WORKSPACES])
def test_tabs_keep_their_places_and_have_room_for_bold_words(shown, backend, workspace_id):
    bars = [shown.top.tabs]
    backend.state.set(workspace=workspace_id, plots=False)
    bars.append(shown.bottom.bar)
    before = [[bar.tabRect(i) for i in range(bar.count())] for bar in bars]
    backend.state.set(plots=True)
    for bar, places in zip(bars, before, strict=True):
        bold = QFont(bar.font())
        bold.setBold(True)
        for i in range(bar.count()):
            assert bar.tabRect(i) == places[i]
            assert bar.tabRect(i).width() >= QFontMetrics(bold).horizontalAdvance(bar.tabText(i)) + 20, bar.tabText(i)
    first = [shown.top.tabs.tabRect(i) for i in range(shown.top.tabs.count())]
    backend.state.set(workspace="inspect")
    assert [shown.top.tabs.tabRect(i) for i in range(shown.top.tabs.count())] == first


def test_each_workspace_keeps_its_tabs_open_or_collapsed(shown, backend):
    backend.state.set(workspace="network")
    shown.open_tab("patch")
    backend.state.set(workspace="inspect")
    assert not backend.state.plots, "what is open in Network says nothing about Inspect"
    assert not shown.bottom.is_open
    backend.state.set(workspace="network")
    assert shown.bottom.is_open
    backend.state.set(workspace="masks", plots=True)
    assert shown.bottom.is_open
    saved = backend.state.to_json()
    shown.bottom.collapsed.emit()
    backend.state.set(workspace="network")
    backend.state.set(workspace="masks")
    assert not shown.bottom.is_open
    later = State()
    assert later.restore(saved) == []
    later.set(workspace="network")
    assert later.plots
    later.set(workspace="inspect")
    assert not later.plots
