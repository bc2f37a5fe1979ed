"""Presets as they are chosen in the picker, and a new name for a layer: by the keys, and wherever it is shown."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLineEdit

from vitinspect.app.shell.window import MainWindow
from vitinspect.presets import built_in


def choose(picker, title: str) -> None:
    row = next(i for i in range(picker.side.count()) if picker.side.item(i).text() == title)
    picker.side.setCurrentRow(row)


def beside(picker) -> list[str]:
    return [picker.side.item(i).text() for i in range(picker.side.count())]


@pytest.mark.parametrize("preset", built_in(), ids=lambda preset: preset.id)
def test_each_preset_puts_its_maps_on_the_picture(shown, backend, settle, preset) -> None:
    panel = shown.layers_panel
    panel.open_picker()
    choose(panel.picker, preset.title)
    assert [row.layer for row in panel.picker.model.checked] == [
        row.layer for row in panel.picker._base() if not row.refusal
    ]
    wanted = len(panel.picker.model.checked)
    assert wanted
    before = len(backend.state.layers)
    panel.picker.add.click()
    settle()
    added = backend.state.layers[before:]
    assert len([layer for layer in added if layer.visible]) == wanted
    assert not backend.results.refusals
    assert {layer.id for layer in added if layer.visible} <= set(backend.results.all_maps)
    shown.actions_["undo"].trigger()
    assert len(backend.state.layers) == before
    settle()


def test_an_own_preset_is_saved_in_the_picker_and_restored_after_a_restart(shown, backend, qtbot) -> None:
    panel = shown.layers_panel
    panel.open_picker()
    picker = panel.picker
    choose(picker, "Quick look")
    picker.save.click()
    qtbot.keyClicks(picker.name_field, "mine")
    qtbot.keyClick(picker.name_field, Qt.Key.Key_Return)
    assert "mine" in beside(picker)
    picker.close_picker()
    later = MainWindow(backend)
    try:
        later.layers_panel.open_picker()
        assert "mine" in beside(later.layers_panel.picker)
        choose(later.layers_panel.picker, "mine")
        assert [row.layer for row in later.layers_panel.picker.model.checked] == [("rollout",), ("lrp",), ("legrad",)]
        later.layers_panel.picker.close_picker()
    finally:
        later.close()
        later.deleteLater()


def type_name(panel, qtbot, name: str) -> None:
    field = panel.list.findChild(QLineEdit)
    assert field is not None
    field.selectAll()
    qtbot.keyClicks(field, name)
    qtbot.keyClick(field, Qt.Key.Key_Return)
    QApplication.processEvents()


@pytest.mark.parametrize("way", ["key", "menu"])
def test_a_new_name_is_shown_in_list_pane_and_table_and_is_undone(shown, backend, settle, qtbot, way) -> None:
    panel = shown.layers_panel
    backend.state.set(plots=True, selected="rollout")
    settle()
    first = shown.layers_panel.list.layers.rows[0].name
    if way == "key":
        shown.actions_["rename_layer"].trigger()
    else:
        next(a for a in panel.menu("rollout").actions() if a.text().startswith("Rename")).trigger()
    type_name(panel, qtbot, "my rollout")
    settle()
    table = shown.bottom_of("inspect").tab("scores")
    assert panel.list.layers.rows[0].name == "my rollout"
    assert panel.properties.head.name == "my rollout"
    assert [pane.map.title for pane in shown.canvas.panes()] == ["my rollout"]
    assert [row.name for row in table.table.scores.rows] == ["my rollout"]
    shown.actions_["undo"].trigger()
    settle()
    assert panel.list.layers.rows[0].name == first
    assert [pane.map.title for pane in shown.canvas.panes()] == [first]


def take(picker, qtbot, title: str) -> None:
    choose(picker, title)
    qtbot.keyClick(picker.side, Qt.Key.Key_Return)


def test_a_map_from_a_file_and_a_consensus_are_added_from_the_picker(
    shown, backend, pictures, qtbot, settle, monkeypatch, tmp_path
) -> None:
    import numpy as np
    from PIL import Image
    from PySide6.QtWidgets import QFileDialog

    panel = shown.layers_panel
    panel.open_picker()
    assert "Consensus of masks" not in beside(panel.picker), "there is one annotator at most"
    np.save(tmp_path / "heat.npy", np.eye(8))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([str(tmp_path / "heat.npy")], ""))
    take(panel.picker, qtbot, "Map from a file…")
    settle()
    assert [layer.title for layer in backend.state.layers if layer.kind == "file"] == ["heat.npy"]
    for name in ("ann", "ben"):
        folder = pictures.parent / "masks" / name
        folder.mkdir(parents=True)
        Image.new("L", (96, 64), 255).save(folder / "picture 1.png")
    shown.actions_["reload"].trigger()
    qtbot.waitUntil(lambda: sum(layer.kind == "annotator" for layer in backend.state.layers) == 2)
    settle()
    panel.open_picker()
    take(panel.picker, qtbot, "Consensus of masks")
    settle()
    assert [layer.group for layer in backend.state.layers if layer.kind == "consensus"] == ["majority"]
