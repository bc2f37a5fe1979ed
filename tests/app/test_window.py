"""The window as a person uses it: keys, clicks, errors, closing."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton

from vitinspect.app.backend import Backend
from vitinspect.app.canvas.labels import format_value
from vitinspect.app.compute import map_cache
from vitinspect.app.compute.worker import Problem
from vitinspect.app.shell.menus import MENUS, every_action
from vitinspect.app.shell.window import MainWindow
from vitinspect.errors import ModelError


def wheel(widget, at, steps):
    event = QWheelEvent(
        QPointF(at),
        QPointF(widget.mapToGlobal(at)),
        QPoint(),
        QPoint(0, 120 * steps),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_the_first_map_appears_by_itself(shown, backend):
    assert list(backend.results.maps) == ["rollout"]
    assert backend.results.maps["rollout"].values.shape == (8, 8)
    assert backend.results.predictions[0].label
    assert "picture 1.png" in shown.windowTitle()


def test_space_goes_to_the_next_picture_and_its_map(shown, backend, qtbot, settle):
    shown.canvas.setFocus()
    qtbot.keyClick(shown.canvas, Qt.Key.Key_Space)
    settle()
    assert backend.state.image.endswith("picture 2.png")
    assert backend.results.picture.path == backend.state.image
    assert backend.results.maps["rollout"].image == "picture 2.png"


def test_arrows_home_and_end_walk_through_the_grid(shown, backend, qtbot, settle):
    grid = shown.browser.grid
    grid.setFocus()
    qtbot.keyClick(grid, Qt.Key.Key_End)
    assert backend.state.image.endswith("picture 6.png")
    qtbot.keyClick(grid, Qt.Key.Key_Left)
    assert backend.state.image.endswith("picture 5.png")
    qtbot.keyClick(grid, Qt.Key.Key_Home)
    assert backend.state.image.endswith("picture 1.png")
    settle()


def test_a_click_on_a_thumbnail_shows_it(shown, backend, qtbot, settle):
    grid = shown.browser.grid
    qtbot.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, pos=grid.cell(2).center())
    settle()
    assert backend.state.image.endswith("picture 3.png")
    assert backend.results.picture.size == (80, 80)


def test_zoom_stays_when_the_picture_changes(shown, backend, qtbot, settle):
    wheel(shown.canvas, shown.canvas.rect().center(), 4)
    scale = shown.canvas.view.zoom
    assert scale > 0
    shown.actions_["next"].trigger()
    settle()
    assert shown.canvas.view.zoom == pytest.approx(scale)


def test_the_wheel_zooms_at_the_cursor(shown):
    canvas = shown.canvas
    at = canvas.rect().center() + QPoint(60, 40)
    before = canvas.picture_point(QPointF(at))
    wheel(canvas, at, 3)
    assert canvas.picture_point(QPointF(at)) == pytest.approx(before, abs=0.05)


def test_a_double_click_fits_and_pins_nothing(shown, backend, qtbot):
    canvas = shown.canvas
    wheel(canvas, canvas.rect().center(), 5)
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    qtbot.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    assert canvas.view.zoom == 0
    assert backend.state.pinned == ()


def test_a_click_with_the_pin_pins_the_patch_under_it_and_escape_unpins_it(shown, backend, qtbot):
    canvas = shown.canvas
    qtbot.keyClick(canvas, Qt.Key.Key_P)
    cell = backend.results.placed.cell_box(3, 5, (8, 8))
    pane = canvas.panes()[0]
    x, y = canvas.view.to_pane(
        (cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2, pane.size, backend.results.picture.size
    )
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(round(x), round(y)) + pane.picture.topLeft())
    assert backend.state.pinned == (3, 5)
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert backend.state.pinned == ()


def test_the_readout_says_pixel_patch_token_and_value(shown, backend, qtbot):
    canvas = shown.canvas
    cell = backend.results.placed.cell_box(2, 1, (8, 8))
    pane = canvas.panes()[0]
    x, y = canvas.view.to_pane(
        (cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2, pane.size, backend.results.picture.size
    )
    qtbot.mouseMove(canvas, QPoint(round(x), round(y)) + pane.picture.topLeft())
    qtbot.waitUntil(lambda: "token 18" in shown.readout.place_text())  # 1 class token + 2 rows of 8 + 1
    assert "row 3 of 8, column 2 of 8" in shown.readout.place_text()
    ((title, value),) = shown.readout.values()
    assert title == "1"
    assert value.startswith(format_value(float(backend.results.maps["rollout"].values[2, 1])))


def test_the_readout_follows_a_cursor_that_the_network_moves(shown, backend):
    box = backend.results.placed.cell_box(2, 1, (8, 8))
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    shown.canvas.point_at(middle)
    assert "token 18" in shown.readout.place_text()
    shown.canvas.point_at(None)
    assert shown.readout.place_text() == ""
    assert shown.readout.values() == []


def test_holding_h_hides_the_overlay(shown, qtbot):
    canvas = shown.canvas
    with_map = canvas.grab().toImage()
    qtbot.keyPress(canvas, Qt.Key.Key_H)
    assert canvas.hidden
    assert canvas.grab().toImage() != with_map
    qtbot.keyRelease(canvas, Qt.Key.Key_H)
    assert not canvas.hidden


def test_adding_a_layer_computes_it_and_keeps_the_others(shown, backend, qtbot, settle):
    first = backend.results.maps["rollout"]
    shown.layers_panel.open_picker()
    qtbot.keyClicks(shown.layers_panel.picker.search, "raw attention")
    qtbot.keyClick(shown.layers_panel.picker.search, Qt.Key.Key_Return)
    settle()
    assert list(backend.results.maps) == ["rollout", "raw_attention"]
    assert backend.results.maps["rollout"] is first


def test_a_parameter_changes_only_its_own_method(shown, backend, settle):
    backend.state.choose("raw_attention", True)
    settle()
    other = backend.results.maps["raw_attention"]
    backend.state.set(selected="rollout")
    shown.layers_panel.properties.parameters.rows["start_layer"].field.setValue(1)
    settle()
    assert backend.results.maps["rollout"].key == "rollout(start_layer=1)"
    assert backend.results.maps["raw_attention"] is other


def test_a_click_on_a_prediction_explains_that_class(shown, backend, qtbot, settle):
    backend.state.choose("attention_gradcam", True)
    settle()
    second = backend.results.predictions[1]
    bars = shown.context.bars
    qtbot.mouseClick(bars, Qt.MouseButton.LeftButton, pos=bars.bar_rect(1).center())
    settle()
    assert backend.state.target == (second.index,)
    assert backend.results.maps["attention_gradcam"].target_text == second.label
    assert backend.results.maps["rollout"].target_text == ""


def test_a_class_can_be_typed_by_a_part_of_its_name_and_contrasted(shown, backend, qtbot, settle):
    bar = shown.context
    qtbot.keyClicks(bar.explain, "el")
    qtbot.keyClick(bar.explain, Qt.Key.Key_Return)
    assert backend.state.target == (4,)
    qtbot.keyClicks(bar.against, "bee")
    qtbot.keyClick(bar.against, Qt.Key.Key_Return)
    assert backend.state.target == (4, 1)
    settle()


def test_grid_and_swipe_show_several_maps(shown, backend, qtbot, settle):
    backend.state.set(methods=("rollout", "raw_attention", "attention_gradcam"))
    settle()
    qtbot.keyClick(shown.canvas, Qt.Key.Key_2)
    assert len(shown.canvas.panes()) == 3
    qtbot.keyClick(shown.canvas, Qt.Key.Key_3)
    (pane,) = shown.canvas.panes()
    assert (pane.map.id, pane.second.id) == ("rollout", "raw_attention")
    shown.canvas.grab()


def test_the_swipe_line_can_be_dragged(shown, backend, qtbot, settle):
    backend.state.set(methods=("rollout", "raw_attention"), layout="swipe")
    settle()
    canvas = shown.canvas
    pane = canvas.panes()[0]
    start = QPoint(pane.picture.left() + round(canvas.swipe_at(pane)), pane.picture.center().y())
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(canvas, start + QPoint(30, 0))
    qtbot.mouseMove(canvas, start + QPoint(60, 0))
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=start + QPoint(60, 0))
    assert backend.state.swipe > 0.55
    assert backend.state.pinned == ()


def test_opacity_is_seen_at_once_and_runs_no_model(shown, backend, qtbot):
    requests = []
    backend.worker.started.connect(lambda *a: requests.append(a))
    before = shown.canvas.grab().toImage()
    shown.layers_panel.properties.display.opacity.slider.setValue(50)
    assert shown.canvas.grab().toImage() != before
    qtbot.wait(50)
    assert requests == []


def test_the_filter_narrows_the_list(shown, backend, qtbot):
    qtbot.keyClicks(shown.browser.filter, "re 3")
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 1)
    assert backend.state.image.endswith("picture 1.png")
    assert shown.browser.count.text() == "1 of 6 pictures"


@pytest.fixture
def run_folder(pictures, tiny, tmp_path):
    """An evaluation run over the pictures that the browser shows."""
    from vitinspect.evaluation.plan import Plan
    from vitinspect.evaluation.store import FILE, ImageResult, Score, Store

    folder = tmp_path / "run"
    with Store(folder / FILE) as store:
        store.claim(Plan(data=str(pictures)))
        for i, iou in enumerate((0.2, 0.6, 0.4, 0.1, 0.5)):
            scores = [Score("rollout", "iou", iou), Score("rollout", "f1", 1 - iou)]
            store.add(ImageResult(f"picture {i + 1}.png", i, scores=scores))
    return folder


def shown_names(backend):
    return [os.path.basename(backend.listing.path_at(i)) for i in range(backend.listing.rowCount())]


def test_pictures_can_be_sorted_by_a_score_of_a_run(shown, backend, run_folder, qtbot, settle, monkeypatch):
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *arguments: str(run_folder))
    assert not shown.browser.column.isVisibleTo(shown)
    shown.actions_["sort_by_run"].trigger()
    qtbot.waitUntil(lambda: shown_names(backend)[0] == "picture 4.png", timeout=5000)
    assert shown_names(backend) == [f"picture {i}.png" for i in (4, 1, 3, 5, 2, 6)]
    settle()
    column = shown.browser.column
    assert column.isVisibleTo(shown)
    assert [column.itemText(i) for i in range(column.count())] == ["f1 · rollout", "iou · rollout"]
    assert column.currentText() == "iou · rollout"
    column.setCurrentIndex(0)
    column.activated.emit(0)
    qtbot.waitUntil(lambda: shown_names(backend)[0] == "picture 2.png", timeout=5000)
    backend.state.set(sort="name")
    qtbot.waitUntil(lambda: shown_names(backend)[0] == "picture 1.png", timeout=5000)


def test_a_folder_without_a_run_says_so_and_the_list_stays(shown, backend, tmp_path, qtbot):
    backend.state.set(run=str(tmp_path), sort="score")
    qtbot.waitUntil(lambda: shown.message.isVisible(), timeout=5000)
    assert "not a run folder" in shown.message.newest
    assert shown_names(backend)[0] == "picture 1.png"


def drop(window, *paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.dropEvent(
        QDropEvent(
            QPointF(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


def test_dropping_several_pictures_shows_those_alone(shown, backend, pictures, tmp_path, qtbot, settle):
    other = tmp_path / "elsewhere.png"
    other.write_bytes((pictures / "picture 3.png").read_bytes())
    drop(shown, pictures / "picture 5.png", other)
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 2, timeout=5000)
    settle()
    assert shown_names(backend) == ["elsewhere.png", "picture 5.png"]
    assert backend.results.picture.path == str(pictures / "picture 5.png")
    assert shown.browser.count.text() == "2 pictures"
    backend.state.set(image=str(other))
    settle()
    assert backend.results.maps
    drop(shown, pictures)
    qtbot.waitUntil(lambda: backend.listing.rowCount() == 6, timeout=5000)


def test_dropping_a_picture_shows_it_in_its_folder(window, backend, pictures, qtbot, settle):
    backend.coordinator.start()
    drop(window, pictures / "picture 4.png")
    settle()
    assert backend.state.folder == str(pictures)
    assert backend.results.picture.path.endswith("picture 4.png")


def test_a_broken_picture_says_so_and_the_next_one_shows(shown, backend, pictures, settle):
    (pictures / "picture 1b.png").write_bytes(b"\x89PNG nothing")
    backend.state.set(image=str(pictures / "picture 1b.png"))
    settle()
    assert backend.results.picture is None
    assert "picture 1b.png" in backend.results.picture_error
    shown.canvas.grab()
    backend.state.set(image=str(pictures / "picture 2.png"))
    settle()
    assert backend.results.maps


def test_a_folder_that_vanishes_leaves_a_message(shown, backend, pictures, qtbot):
    import shutil

    shutil.rmtree(pictures)
    qtbot.waitUntil(lambda: shown.message.isVisible(), timeout=5000)
    assert str(pictures) in shown.message.newest
    assert backend.results.picture is not None


def test_a_folder_that_does_not_exist_at_the_start_leaves_a_message(window, backend, tmp_path, qtbot):
    backend.state.set(folder=str(tmp_path / "nowhere"))
    backend.coordinator.start()
    qtbot.waitUntil(lambda: window.message.isVisible(), timeout=5000)
    assert "nowhere" in window.message.newest
    assert str(tmp_path / "nowhere") not in backend.state.recent_folders


def test_a_folder_that_does_not_exist_replaces_nothing(shown, backend, pictures, tmp_path, qtbot, settle):
    settle()
    before = backend.state.recent_folders
    assert str(pictures) in before
    shown.browser.type_folder()
    shown.browser.path.setText(str(tmp_path / "nowhere"))
    qtbot.keyClick(shown.browser.path, Qt.Key.Key_Return)
    settle()
    assert "nowhere" in shown.message.newest
    assert backend.state.folder == str(pictures)
    assert backend.state.recent_folders == before
    assert backend.listing.rowCount() == 6
    backend.folders.open(str(pictures.parent))
    settle()
    assert not shown.message.isVisible(), "an error goes when its cause is gone"


def test_the_working_model_stays_when_another_does_not_load(shown, backend, qtbot, settle, tiny):
    def failing(source, device="cpu"):
        if source == "bad":
            raise ModelError("bad is no model.")
        return tiny

    backend.models.loader = failing
    backend.state.set(model="bad")
    qtbot.waitUntil(lambda: shown.message.isVisible(), timeout=5000)
    assert shown.message.newest == "bad is no model."
    settle()
    assert "bad is no model." in shown.context.model.about
    assert backend.state.model == "demo"
    assert backend.results.card.source == "demo"
    shown.actions_["next"].trigger()
    settle()
    assert backend.results.maps["rollout"].image == "picture 2.png"
    assert shown.message.isVisible()
    backend.state.set(model="good")
    settle()
    assert backend.results.maps
    assert not shown.message.isVisible(), "an error goes when its cause is gone"


def test_a_method_that_fails_leaves_the_others(shown, backend, settle, monkeypatch):
    from vitinspect.explainers.methods import attention

    def explode(self, run, sweep=None, early=None):
        raise MemoryError

    monkeypatch.setattr(attention.RawAttention, "maps", explode)
    backend.state.set(methods=("raw_attention", "rollout", "attention_gradcam"))
    settle()
    assert set(backend.results.maps) == {"rollout", "attention_gradcam"}
    assert "memory" in backend.results.refusals["raw_attention"]
    row = next(row for row in shown.layers_panel.list.layers.rows if row.id == "raw_attention")
    assert (row.state, "memory" in row.reason) == ("refused", True)


def test_messages_have_details_and_a_copy_button(window, qtbot):
    window.message.show_problem(Problem("It broke.", "Traceback: here"))
    (line,) = window.message.lines.values()
    assert line.details is None
    line.expand.click()
    assert line.details.isVisible()
    next(button for button in line.findChildren(QPushButton) if button.text() == "Copy").click()
    assert "Traceback: here" in QApplication.clipboard().text()
    line.cross.click()
    assert not window.message.isVisible()


def test_an_exception_in_a_slot_becomes_a_message_and_a_line_in_the_log(window, log, qtbot):
    from vitinspect.app.logs import Hooks

    hooks = Hooks(window.message.show_problem)
    hooks.install()
    try:
        with qtbot.captureExceptions():
            try:
                raise ValueError("a slot broke")
            except ValueError as error:
                hooks._exception(type(error), error, error.__traceback__)
    finally:
        hooks.remove()
    assert "a slot broke" in window.message.newest
    assert "a slot broke" in log.read_text("utf-8")


def test_every_action_is_in_a_menu_with_a_tip(window):
    records = every_action()
    for record in records:
        assert any(record in menu.entries for menu in MENUS)
        assert window.actions_[record.id].toolTip()
    keys = [key for record in records for key in (*record.keys, *record.soft)]
    keys += [tool.key for tool in window.tools.values()]
    assert len(keys) == len(set(keys)), "a shortcut stands twice"


def test_the_palette_finds_and_runs_a_command(shown, backend, qtbot):
    shown.actions_["palette"].trigger()
    from vitinspect.app.shell.palette import Palette

    palette = shown.findChild(Palette)
    qtbot.keyClicks(palette.field, "grid maps")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert backend.state.layout == "grid"


def test_the_sheet_of_shortcuts_opens(shown, qtbot):
    shown.actions_["shortcuts"].trigger()
    from vitinspect.app.shell.shortcuts import ShortcutSheet

    sheet = shown.findChild(ShortcutSheet)
    assert sheet.isVisible()
    sheet.close()


def test_the_dialog_of_settings_sets_them(window, backend, qtbot):
    window.actions_["settings"].trigger()
    from vitinspect.app.settings import SETTINGS
    from vitinspect.app.shell.settings_dialog import SettingsDialog

    dialog = window.findChild(SettingsDialog)
    assert set(dialog.fields) == {setting.name for setting in SETTINGS}
    dialog.fields["map_memory"].setValue(64)
    dialog.close()
    assert json.loads(backend.settings.path.read_text())["map_memory"] == 64


def test_limits_apply_at_once(shown, backend, settle, home):
    for i in range(1, 5):
        backend.state.set(image=backend.state.image.replace(f"picture {i}.", f"picture {i + 1}."))
        settle()
    assert len(backend.coordinator.pictures) > 1
    assert len(backend.coordinator.memory) > 2
    assert list(map_cache.folder().rglob("*.*"))
    backend.coordinator.pictures.bound(1)
    assert len(backend.coordinator.pictures) == 1
    backend.settings.set("picture_memory", 64)
    assert backend.coordinator.pictures.most_bytes == 64 << 20
    backend.settings.set("map_memory", 16)
    assert backend.coordinator.memory.most_bytes == 16 << 20
    backend.settings.set("map_disk", 0)
    settle()
    assert not backend.coordinator.use_disk
    assert not [path for path in map_cache.folder().rglob("*.*") if path.is_file()]


def test_the_overlay_is_saved_at_the_size_of_the_picture(shown, backend):
    image = shown.canvas.overlay_image(shown.canvas.active_map())
    assert (image.height(), image.width()) == backend.results.picture.size


def test_the_overlay_is_where_the_model_looked(shown, backend):
    # The first picture is 96 x 64 and the model sees its middle square: left and right of it nothing is painted.
    image = shown.canvas.overlay_image(shown.canvas.active_map())
    pixels = backend.results.picture.pixels
    colour = image.pixelColor(2, 30)
    assert (colour.red(), colour.green(), colour.blue()) == tuple(int(v) for v in pixels[30, 2])
    inside = image.pixelColor(48, 30)
    assert (inside.red(), inside.green(), inside.blue()) != tuple(int(v) for v in pixels[30, 48])


def test_closing_saves_what_was_shown_and_the_next_window_has_it(window, backend, pictures, qtbot, settle, loader):
    backend.coordinator.start()
    backend.state.set(folder=str(pictures), layout="grid", methods=("raw_attention",), opacity=0.2)
    settle()
    window.close()
    from vitinspect.app.main import make_backend

    for fresh, wanted in ((False, ("raw_attention",)), (True, ("rollout",))):
        other, problems = make_backend(None, None, fresh, loader=loader)
        try:
            assert problems == []
            assert other.state.methods == wanted
            if not fresh:
                assert (other.state.layout, other.state.opacity) == ("grid", 0.2)
                assert other.state.image.endswith("picture 1.png")
        finally:
            assert other.close(5)
            other.deleteLater()


def test_closing_in_the_middle_of_everything_takes_less_than_two_seconds(window, backend, pictures, qtbot):
    backend.state.set(folder=str(pictures), methods=("rollout", "attention_gradcam", "integrated_gradients"))
    backend.coordinator.start()
    qtbot.waitUntil(lambda: backend.worker.busy, timeout=5000)
    start = time.monotonic()
    window.close()
    assert backend.close(1.6)
    assert time.monotonic() - start < 2


def test_a_map_that_was_computed_is_not_computed_again(shown, backend, settle):
    shown.actions_["next"].trigger()
    settle()
    requests = []
    backend.worker.started.connect(lambda *a: requests.append(a))
    shown.actions_["previous"].trigger()
    settle()
    assert backend.results.maps["rollout"].image == "picture 1.png"
    assert requests == []


def test_overlap_with_a_mask_stays_when_the_model_comes_after_the_maps(window, backend, pictures, qtbot, settle):
    images, masks = pictures.parent / "set" / "images", pictures.parent / "set" / "masks"
    masks.mkdir(parents=True)
    pictures.rename(images)
    mask = np.zeros((64, 96), np.uint8)
    mask[20:50, 30:70] = 255
    Image.fromarray(mask).save(masks / "picture 1.png")
    backend.state.set(folder=str(images), methods=("rollout",), plots=True)
    backend.coordinator.start()
    qtbot.waitUntil(lambda: "rollout" in backend.results.overlaps, timeout=30_000)
    settle()
    before = backend.results.overlaps["rollout"]
    assert 0 < before.iou < 1
    # What happens when maps were found on disk and the model is ready later.
    backend.results.update(card=replace(backend.results.card))
    settle()
    assert backend.results.overlaps["rollout"] == before


def test_a_folder_that_was_opened_before_is_shown_without_computing(shown, backend, settle, qtbot):
    first = backend.results.maps["rollout"].values
    settle()
    backend.maps.clear()
    requests = []
    backend.worker.started.connect(lambda *a: requests.append(a))
    backend.state.set(image=str(backend.listing.path_at(3)))
    settle()
    requests.clear()
    backend.maps.clear()
    backend.state.set(image=str(backend.listing.path_at(0)))
    settle()
    assert requests == []
    assert np.array_equal(backend.results.maps["rollout"].values, first)


def test_two_windows_can_follow_one_another(qapp, home, loader, pictures, qtbot):

    for _ in range(2):
        backend = Backend(loader=loader)
        window = MainWindow(backend)
        window.show()
        backend.state.set(folder=str(pictures))
        backend.coordinator.start()
        qtbot.waitUntil(lambda d=backend: bool(d.results.maps), timeout=30_000)
        window.close()
        assert backend.close(5)
        window.deleteLater()
        backend.deleteLater()
