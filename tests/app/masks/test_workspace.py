"""The Masks workspace, driven by mouse and keys as a person does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea, QWidget

import vitinspect as vi
from vitinspect.annotation.store import AnnotatorFolder
from vitinspect.annotation.study import init_study
from vitinspect.app.masks.painting import colour_number, colour_table, painted, sampled


@pytest.fixture
def drawing(shown, backend, qtbot):
    """The window in the Masks workspace, on a picture of 120 x 60, drawn on by "ben"."""
    backend.state.set(workspace="masks")
    backend.masks.set_annotator("ben")
    path = str(Path(backend.state.folder) / "picture 4.png")
    backend.state.set(image=path)
    qtbot.waitUntil(lambda: backend.masks.document is not None and backend.masks.document.size == (60, 120))
    shown.workspace_view.setFocus()
    return shown


def at(view, x, y):
    return view.to_screen((x, y)).toPoint()


def drag(view, *points, button=Qt.MouseButton.LeftButton, modifier=Qt.KeyboardModifier.NoModifier):
    spots = [at(view, *point) for point in points]
    QTest.mousePress(view, button, modifier, spots[0])
    for spot in spots[1:]:
        QTest.mouseMove(view, spot)
        _moved(view, spot, button, modifier)
    QTest.mouseRelease(view, button, modifier, spots[-1])


def _moved(view, spot, button, modifier):
    # QTest.mouseMove says nothing of the buttons.
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    where = QPointF(spot)
    event = QMouseEvent(
        QEvent.Type.MouseMove, where, view.mapToGlobal(where), Qt.MouseButton.NoButton, button, modifier
    )
    QApplication.sendEvent(view, event)


def mask_of(backend):
    return backend.masks.document.values


def test_a_stroke_is_drawn_undone_and_written_when_the_picture_is_left(drawing, backend, qtbot, pictures):
    view = drawing.workspace_view
    view.tool.work.set(size=10, smooth=False)
    drag(view, (20, 20), (60, 20), (60, 40))
    drawn = mask_of(backend).copy()
    assert drawn[20, 20:60].all()
    assert drawn[20:40, 60].all()
    assert 400 < drawn.sum() < 900
    drag(view, (60, 20), (60, 20), button=Qt.MouseButton.RightButton)
    assert not mask_of(backend)[20, 60]
    drawing.actions_["undo"].trigger()
    assert np.array_equal(mask_of(backend), drawn)
    backend.state.set(image=str(pictures / "picture 1.png"))
    written = pictures / "masks" / "ben" / "picture 4.png"
    qtbot.waitUntil(lambda: written.is_file() and not any(one.writing for one in backend.masks._open.values()))
    assert np.array_equal(vi.masks.load(written), drawn)
    backend.state.set(image=str(pictures / "picture 4.png"))
    qtbot.waitUntil(lambda: backend.masks.document is not None and backend.masks.document.size == (60, 120))
    drawing.actions_["undo"].trigger()  # undo is still there
    assert not mask_of(backend).any()


def test_drawing_goes_on_while_zoomed_and_moved(drawing, backend):
    view = drawing.workspace_view
    view.tool.work.set(size=4, smooth=False)
    view.zoom_by(6.0)
    QTest.keyPress(view, Qt.Key.Key_Space)
    before = view.view
    drag(view, (60, 30), (56, 28))
    QTest.keyRelease(view, Qt.Key.Key_Space)
    assert view.view != before
    assert not mask_of(backend).any()
    drag(view, (58, 30), (62, 30))
    rows, columns = np.nonzero(mask_of(backend))
    assert (columns.min(), columns.max()) == (56, 63)
    assert (rows.min(), rows.max()) == (28, 31)


def test_shift_draws_a_straight_line_from_the_last_end(drawing, backend):
    view = drawing.workspace_view
    view.tool.work.set(size=2, smooth=False)
    drag(view, (10, 10), (12, 10))
    drag(view, (50, 40), (50, 40), modifier=Qt.KeyboardModifier.ShiftModifier)
    assert mask_of(backend)[25, 31]  # on the line between


def test_polygon_rectangle_lasso_and_fill(drawing, backend):
    view = drawing.workspace_view
    drawing.select_tool("mask-rectangle")
    drag(view, (5.5, 5.5), (14.5, 9.5))
    assert mask_of(backend).sum() == 50
    drawing.select_tool("mask-polygon")
    for corner in ((30, 10), (50, 10), (50, 30), (99, 50)):
        QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(view, *corner))
    QTest.keyClick(view, Qt.Key.Key_Backspace)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert mask_of(backend)[15, 45]
    assert not mask_of(backend)[25, 32]
    assert not mask_of(backend)[40, 70]
    drawing.select_tool("mask-lasso")
    drag(view, (70, 10), (90, 10), (90, 30), (70, 30), (70, 11))
    assert mask_of(backend)[20, 80]
    drawing.select_tool("mask-fill")
    view.tool.work.set(tolerance=255)
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at(view, 3, 50))
    assert mask_of(backend).all()
    for _ in range(4):
        drawing.actions_["undo"].trigger()
    assert not mask_of(backend).any()


def test_keys_select_labels_and_tools_and_record_that_nothing_is_here(drawing, backend, qtbot):
    view, masks = drawing.workspace_view, backend.masks
    masks.add_label("badge")
    drawing.select_tool("mask-rectangle")
    QTest.keyClick(view, Qt.Key.Key_2)
    drag(view, (5.5, 5.5), (9.5, 9.5))
    QTest.keyClick(view, Qt.Key.Key_9)
    drag(view, (20.5, 5.5), (24.5, 9.5))
    assert sorted(np.unique(mask_of(backend))) == [0, 2, 255]
    QTest.keyClick(view, Qt.Key.Key_0)
    assert masks.document.status == "begun"
    assert "masks" in backend.problems.current
    masks.operate("clear")
    masks.set_label(2)
    masks.operate("clear")
    masks.set_label(255)
    masks.operate("clear")
    QTest.keyClick(view, Qt.Key.Key_0)
    assert masks.document.status == "nothing"
    assert "masks" not in backend.problems.current
    QTest.keyClick(view, Qt.Key.Key_P)
    assert view.tool.id == "mask-polygon"


def test_blind_mode_hides_the_masks_of_others_and_is_recorded_in_each_mask(drawing, backend, pictures, qtbot):
    other = AnnotatorFolder(pictures, "anna").mask_path(pictures / "picture 4.png")
    vi.masks.save(np.ones((60, 120), bool), other)
    backend.masks.set_blind(True)
    backend.masks.reopen()
    view = drawing.workspace_view
    assert backend.masks.current.others == {}
    assert not backend.masks.has_map
    view.tool.work.set(size=10)
    drag(view, (20, 20), (60, 20))
    backend.masks.set_status("done")
    backend.masks.write_all()
    qtbot.waitUntil(lambda: not backend.masks.current.dirty)
    sidecar = AnnotatorFolder(pictures, "ben").sidecar(pictures / "picture 4.png")
    assert (sidecar.status, sidecar.origin.started_from) == ("done", "blank")


def test_a_mask_that_starts_from_a_map_records_it(drawing, backend, settle):
    settle()
    assert backend.masks.has_map
    backend.masks.start_from_map()
    assert mask_of(backend).any()
    assert backend.masks.document.origin.started_from.startswith("map ")
    assert not backend.masks.document.origin.independent


def test_a_file_that_was_changed_elsewhere_is_not_overwritten(drawing, backend, pictures, qtbot, monkeypatch):
    from vitinspect.app.shell.workspaces import masks as workspace

    monkeypatch.setattr(workspace, "_ask", lambda window, one: None)
    view, path = drawing.workspace_view, pictures / "masks" / "ben" / "picture 4.png"
    view.tool.work.set(size=10)
    drag(view, (20, 20), (60, 20))
    mine = mask_of(backend).copy()
    path.parent.mkdir(parents=True)
    Image.fromarray(np.full((60, 120), 255, np.uint8)).save(path)
    asked = []
    backend.masks.conflict.connect(asked.append)
    backend.masks.write_all()
    qtbot.waitUntil(lambda: bool(asked))
    assert (vi.masks.load(path) == 1).all()
    assert np.array_equal(mask_of(backend), mine)
    backend.masks.resolve(asked[0], "both")
    qtbot.waitUntil(lambda: not backend.masks.current.dirty)
    assert np.array_equal(vi.masks.load(path), mine)
    assert (vi.masks.load(path.with_name("picture 4 (other 1).png")) == 1).all()
    assert "masks" not in backend.problems.current


def test_work_is_kept_until_the_folder_can_be_written(drawing, backend, pictures, qtbot):
    (pictures / "masks").write_text("in the way")
    drag(drawing.workspace_view, (20, 20), (60, 20))
    backend.masks.write_all()
    qtbot.waitUntil(lambda: "masks" in backend.problems.current)
    assert "recovery" in backend.problems.current["masks"].message
    assert backend.masks.current.dirty
    assert backend.masks.current.journal.path.is_file()
    (pictures / "masks").unlink()
    backend.masks.write_all()
    qtbot.waitUntil(lambda: not backend.masks.current.dirty)
    assert "masks" not in backend.problems.current
    assert not backend.masks.current.journal.path.exists()


def test_strokes_of_a_crashed_window_are_offered_and_restored(drawing, backend, pictures, qtbot):
    drag(drawing.workspace_view, (20, 20), (60, 20))
    drawn = mask_of(backend).copy()
    one = backend.masks.current
    data = one.journal.path.read_bytes()
    backend.masks.close()
    for path in ((pictures / "masks" / "ben" / "picture 4.png"), one.folder.sidecar_path(one.image)):
        path.unlink()
    one.journal.path.write_bytes(data)  # as if the process had been killed
    backend.masks._open.clear()
    backend.masks._current = None
    backend.masks.active = False
    backend.masks.activate(True)
    assert [found.title for found in backend.masks.recovered] == ["picture 4.png by ben"]
    assert not mask_of(backend).any()
    backend.masks.restore(backend.masks.recovered[0])
    assert np.array_equal(mask_of(backend), drawn)
    assert backend.masks.recovered == []
    assert not one.journal.path.exists()


def test_done_continues_in_the_order_of_the_study(shown, backend, pictures, qtbot):
    study = init_study(pictures, ["ben"], seed=5, repeat=2, instruction="Mark it.")
    backend.state.set(workspace="masks")
    backend.masks.set_annotator("ben")
    qtbot.waitUntil(lambda: backend.masks.document is not None)
    assert backend.masks.blind
    order = study.order("ben")
    backend.state.set(image=str(pictures / order[0].image))
    seen = []
    context = shown.contexts["masks"]
    for _ in order:
        qtbot.waitUntil(lambda: backend.masks.document is not None and backend.masks.document.status == "none")
        seen.append((os.path.basename(backend.state.image), backend.masks.repeated))
        QTest.mouseClick(context.nothing, Qt.MouseButton.LeftButton)
        qtbot.wait(20)
    assert seen == [(turn.image, turn.repeated) for turn in order]
    backend.masks.write_all()
    qtbot.waitUntil(lambda: not any(one.dirty or one.writing for one in backend.masks._open.values()))
    assert len(list((pictures / "repeats" / "ben").glob("*.png"))) == 2
    assert backend.masks.progress()[:2] == (8, 8)


def test_the_list_of_pictures_shows_how_far_each_mask_is(drawing, backend, pictures):
    path = str(pictures / "picture 4.png")
    assert drawing.facts.of(path).detail == "not yet"
    drag(drawing.workspace_view, (20, 20), (60, 20))
    assert drawing.facts.of(path).detail.startswith("begun")
    backend.masks.set_status("done")
    assert drawing.facts.of(path).detail.startswith("done")
    backend.state.set(workspace="inspect")
    assert not drawing.facts.of(path).detail.startswith("done")


def test_the_model_and_its_predictions_are_not_above_the_drawing(drawing, backend):
    assert not drawing.context.isVisible()
    assert drawing.contexts["masks"].isVisible()
    backend.state.set(workspace="inspect")
    assert drawing.context.isVisible()
    assert not drawing.contexts["masks"].isVisible()


# --- painting ---------------------------------------------------------------------------------------------------


def test_what_a_screen_pixel_shows_is_the_pixel_below_its_middle():
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert sampled(values, 1, 2, 2.0, 10, 9)[2:8:2, 1:9:2].tolist() == values.tolist()
    assert not sampled(values, 1, 2, 2.0, 10, 9)[:2].any()
    assert sampled(values, -2, 0, 1.0, 3, 3).tolist() == [[2, 3, 0], [6, 7, 0], [10, 11, 0]]
    assert not sampled(values, 50, 50, 1.0, 3, 3).any()


def test_an_outline_is_in_the_labels_colour_on_a_black_edge():
    labels = np.zeros((9, 9), np.uint8)
    labels[3:6, 3:6] = 1
    picture = painted(labels, colour_table({1: "#ff0000"}, 0.5), {1: "#ff0000"})
    assert picture[4, 4] == colour_number("#ff0000", 0.5)
    assert picture[3, 4] == 0xFFFF0000
    assert picture[2, 4] == 0xFF000000
    assert picture[0, 0] == 0


def test_a_click_beside_the_picture_fills_nothing_but_a_brush_at_its_edge_draws(drawing, backend):
    view = drawing.workspace_view
    drawing.select_tool("mask-fill")
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(1, 1))
    assert not mask_of(backend).any()
    drawing.select_tool("mask-brush")
    view.tool.work.set(size=30)
    drag(view, (-5, 30), (-5, 30))
    assert mask_of(backend)[30, :9].all()
    assert not mask_of(backend)[30, 11:].any()


def test_the_list_can_show_only_pictures_of_one_status(drawing, backend, pictures, qtbot):
    drag(drawing.workspace_view, (20, 20), (60, 20))
    assert list(drawing.browser.chips.buttons) == ["status"]
    drawing.browser.chips.changed.emit("status", "begun")
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 1)
    assert backend.listing.path_at(0) == str(pictures / "picture 4.png")
    backend.state.set(workspace="inspect")
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 6)
    assert "status" not in drawing.browser.chips.buttons


def test_masks_are_imported_from_other_tools_and_exported_to_them(drawing, backend, pictures, tmp_path, qtbot):
    from vitinspect.app.masks.exchange_menu import CAUSE, exchange_menu, export_to, import_from

    mask = np.zeros((60, 120), np.uint8)
    mask[10:20, 30:50] = 1
    vi.masks.save(mask, tmp_path / "a.json", image=pictures / "picture 4.png", format="coco")
    import_from(drawing, tmp_path / "a.json")
    qtbot.waitUntil(lambda: backend.masks.document is not None and backend.masks.document.values.any())
    assert np.array_equal(mask_of(backend), mask)
    export_to(drawing, tmp_path / "out", "cvat")
    qtbot.waitUntil(lambda: (tmp_path / "out" / "ben.xml").is_file())
    assert np.array_equal(vi.masks.load_all(tmp_path / "out" / "ben.xml")["picture 4.png"]["foreground"], mask)
    import_from(drawing, tmp_path / "a.json")  # there already: said, and left as it is
    qtbot.waitUntil(lambda: CAUSE in backend.problems.current)
    menu = exchange_menu(drawing)
    assert len([a for a in menu.actions() if not a.isSeparator()]) == 7
    menu.deleteLater()


def test_an_unfinished_mask_whose_maps_were_seen_is_not_blind(drawing, backend, pictures):
    backend.masks.set_blind(True)
    backend.state.set(image=str(pictures / "picture 4.png"))
    backend.masks._open.clear()
    backend.masks.reopen()
    assert backend.masks.document.origin.blind
    drag(drawing.workspace_view, (20, 20), (60, 20))
    backend.state.set(workspace="inspect")
    backend.state.set(workspace="masks")
    assert not backend.masks.document.origin.blind


def test_keys_that_no_tool_has_go_to_the_window(drawing, backend, pictures, qtbot):
    view = drawing.workspace_view
    QTest.keyClick(view, Qt.Key.Key_J)
    assert view.tool.id == "mask-brush"
    QTest.keyClick(view, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: backend.state.image == str(pictures / "picture 5.png"))


def test_undo_is_offered_beside_the_tools(drawing, backend):
    drag(drawing.workspace_view, (20, 20), (60, 20))
    assert drawing.strip.buttons["undo"].isEnabled()
    QTest.mouseClick(drawing.strip.buttons["undo"], Qt.MouseButton.LeftButton)
    assert not mask_of(backend).any()


def test_the_options_of_a_tool_are_hidden_with_its_workspace(drawing, backend):
    assert drawing.options.isVisible()
    backend.state.set(workspace="people")
    assert not drawing.options.isVisible()
    backend.state.set(workspace="masks")
    assert drawing.options.isVisible()


def test_nothing_in_the_right_panel_is_cut_where_others_have_drawn(drawing, backend, qtbot, pictures):
    for name in ("generous", "someone with a long name"):
        path = pictures / "masks" / name / "picture 4.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((60, 120), 255, np.uint8)).save(path)
    backend.state.set(image=str(pictures / "picture 1.png"))
    backend.state.set(image=str(pictures / "picture 4.png"))
    qtbot.waitUntil(lambda: backend.masks.current is not None and len(backend.masks.current.others) == 2)
    drawing.resize(1280, 800)
    panel = drawing.properties.part("masks")
    area = panel.findChild(QScrollArea)
    rows = [part for part in area.widget().findChildren(QWidget) if part.parent() is area.widget()]
    wanted = max(row.minimumSizeHint().width() for row in rows)
    assert wanted <= area.viewport().width()


def test_the_status_bar_says_how_large_the_picture_is_drawn(drawing, backend, qtbot):
    qtbot.waitUntil(lambda: drawing.status.zoom.text() == f"{100 * drawing.workspace_view.scale:.0f} %")
    drawing.workspace_view.zoom_by(2)
    assert drawing.status.zoom.text() == f"{100 * drawing.workspace_view.scale:.0f} %"
    drawing.workspace_view.fit()


def test_drawing_on_a_bundled_picture_does_not_change_the_bundled_files(
    shown, backend, pictures, tmp_path, monkeypatch, qtbot, settle
):
    from vitinspect import paths, resources

    gallery = tmp_path / "program" / "gallery"
    (gallery / "masks").mkdir(parents=True)
    pictures.rename(gallery / "images")
    monkeypatch.setattr(resources, "gallery_folder", lambda: gallery)
    before = sorted(path.name for path in gallery.rglob("*"))
    backend.state.set(folder=str(gallery / "images"), image=str(gallery / "images" / "picture 4.png"))
    settle()
    backend.state.set(workspace="masks")
    backend.masks.set_annotator("ben")
    qtbot.waitUntil(lambda: backend.masks.document is not None)
    shown.workspace_view.tool.work.set(size=10, smooth=False)
    drag(shown.workspace_view, (20, 20), (60, 20))
    kept = paths.data_folder() / "gallery" / "masks" / "ben" / "picture 4.png"
    assert "bundled files stay" in shown.bottom.summary.text()
    assert "gallery/masks/ben/picture 4.png" in shown.bottom.summary.text()
    backend.state.set(workspace="inspect")
    qtbot.waitUntil(lambda: kept.is_file())
    settle()
    assert sorted(path.name for path in gallery.rglob("*")) == before
    assert vi.masks.load(kept).any()
    qtbot.waitUntil(lambda: any(layer.group == "ben" for layer in backend.state.layers))
    assert backend.state.folder == str(gallery / "images"), "the pictures are shown from where they came"


def test_the_row_below_says_where_the_mask_is_kept(drawing):
    assert drawing.bottom.summary.text() == "Kept in masks/ben/picture 4.png"


@pytest.mark.parametrize("width", [1280, 2560])
def test_no_entry_of_the_keys_is_cut(drawing, backend, qtbot, width):
    from PySide6.QtWidgets import QLabel

    drawing.resize(width, 800)
    drawing.open_tab("mask-keys")
    qtbot.waitUntil(lambda: drawing.frame.width() == width)
    qtbot.wait(10)
    table = drawing.bottom.tab("mask-keys")
    labels = [label for label in table.findChildren(QLabel) if label.text()]
    assert len(labels) > 20
    for label in labels:
        assert label.height() >= label.heightForWidth(label.width()), label.text()
