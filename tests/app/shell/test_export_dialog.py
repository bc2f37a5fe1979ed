"""Exporting one picture from the window: what the files hold, and that they open this view again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication

from vitinspect.app.shell.export_dialog import ExportDialog
from vitinspect.figures import metadata
from vitinspect.figures.layer_files import KINDS


@pytest.fixture
def dialog(shown, backend, settle) -> ExportDialog:
    backend.state.set(fit="pad")
    settle()
    shown.actions_["export_picture"].trigger()
    made = shown.export_dialog
    settle()
    yield made
    made.close()


def choose(dialog, kind: str = "overlay", ending: str = ".png") -> None:
    dialog.kind.set_value(kind)
    dialog._kind_chosen()
    dialog.format.set_value(ending)
    dialog.follow()


def saved(dialog, path: Path) -> Path:
    dialog.save(str(path))
    assert path.is_file(), dialog.notice.text()
    return path


@pytest.mark.parametrize("ending", KINDS[0].endings)
def test_every_format_is_written_and_opens_this_view_again(dialog, shown, backend, settle, tmp_path, ending):
    state = backend.state
    state.add_map("attention_gradient")
    state.edit_layer(state.selected, opacity=0.35, smooth=False, shown_as="outline")
    state.set(target=(4,))
    settle()
    dialog.layer.set_value(state.selected)
    choose(dialog, ending=ending)
    path = saved(dialog, tmp_path / f"made{ending}")
    layers, image = state.layers, state.image
    state.set(layers=layers[:1], target=(), fit="crop", image=backend.listing.path_at(4))
    settle()
    shown.open_paths([str(path)])
    settle()
    assert (state.layers, state.image, state.target, state.fit) == (layers, image, (4,), "pad")
    assert not shown.message.messages


def test_at_its_own_pixels_the_file_is_what_the_canvas_paints(dialog, shown, backend, tmp_path):
    choose(dialog)
    dialog.frame.set_value(False)
    path = saved(dialog, tmp_path / "made.png")
    made = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert made.shape[:2] == backend.results.picture.size
    backend.state.set(frame=False, outline=False)
    image = shown.canvas.overlay_image(backend.results.maps["rollout"], 1)
    here = np.zeros_like(made)
    for y in range(made.shape[0]):
        for x in range(made.shape[1]):
            colour = image.pixelColor(x, y)
            here[y, x] = colour.red(), colour.green(), colour.blue()
    # The canvas enlarges the map on the model's input, the file on the picture: between patches they differ a little.
    apart = np.abs(made - here).max(2)
    assert np.percentile(apart, 50) <= 1
    assert np.percentile(apart, 95) <= 3


def test_a_width_in_millimetres_and_a_resolution_are_in_the_file(dialog, tmp_path):
    dialog.page.width_choice.set_value("other")
    dialog.page.width_text.setText("88mm")
    dialog.page.dpi.set_value(300)
    choose(dialog)
    with Image.open(saved(dialog, tmp_path / "made.png")) as made:
        assert made.width == round(88 / 25.4 * 300)
        assert made.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    dialog.page.width_text.setText("88 parsecs")
    dialog.follow()
    assert not dialog.export.isEnabled()
    assert "88mm" in dialog.notice.text()


def test_what_is_written_around_the_picture_is_text_in_an_svg(dialog, backend, tmp_path):
    dialog.title.setText("<b>A & B</b>")
    for name in ("method", "model"):
        dialog.above[name].set_value(True)
    dialog.page.bar.set_value(True)
    choose(dialog, ending=".svg")
    text = saved(dialog, tmp_path / "made.svg").read_text()
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in text
    assert "Attention rollout · tiny" in text
    recipe = metadata.find(tmp_path / "made.svg")
    high = recipe["maps"]["a1"]["range"][1]
    assert f">{high:.3g}<" in text


def test_a_transparent_heat_map_a_mask_and_raw_values(dialog, backend, tmp_path):
    size = backend.results.picture.size
    choose(dialog, "heat")
    with Image.open(saved(dialog, tmp_path / "heat.png")) as heat:
        assert heat.mode == "RGBA"
    choose(dialog, "mask")
    mask = np.asarray(Image.open(saved(dialog, tmp_path / "mask.png")))
    assert mask.shape == size
    assert set(np.unique(mask)) == {0, 255}
    values = backend.results.maps["rollout"].values
    choose(dialog, "raw", ".tiff")
    assert np.array_equal(np.asarray(Image.open(saved(dialog, tmp_path / "raw.tiff"))), values.astype(np.float32))
    choose(dialog, "raw", ".npy")
    assert np.array_equal(np.load(saved(dialog, tmp_path / "raw.npy")), values.astype(np.float32))
    assert json.loads((tmp_path / "raw.json").read_text())["recipe"]["view"]["fit"] == "pad"


def test_a_file_beside_the_export_replaces_none_that_vitinspect_did_not_write(dialog, tmp_path):
    (tmp_path / "raw.json").write_text('{"mine": 1}')
    choose(dialog, "raw", ".npy")
    dialog.save(str(tmp_path / "raw.npy"))
    assert "did not write" in dialog.notice.text()
    assert (tmp_path / "raw.json").read_text() == '{"mine": 1}'
    assert not (tmp_path / "raw.npy").exists()


def test_anonymous_files_name_nothing_of_the_person(dialog, backend, pictures, tmp_path):
    backend.state.edit_layer("rollout", name="for dr secretname")
    dialog.anonymous.set_value(True)
    for ending in (".png", ".svg", ".pdf", ".jpg", ".tiff"):
        choose(dialog, ending=ending)
        data = saved(dialog, tmp_path / f"made{ending}").read_bytes()
        for word in (str(pictures), "picture 1", "secretname"):
            assert word.encode() not in data
        assert metadata.find(tmp_path / f"made{ending}")["anonymous"]
    dialog.recipe.set_value(False)
    choose(dialog)
    assert metadata.find(saved(dialog, tmp_path / "without.png")) is None


def test_a_map_from_a_file_is_written_without_a_recipe_and_the_dialog_says_so(dialog, backend, settle, tmp_path):
    np.save(tmp_path / "map.npy", np.random.default_rng(0).random((8, 8)).astype(np.float32))
    backend.state.add_file(str(tmp_path / "map.npy"), backend.state.image)
    settle()
    dialog.refill()
    dialog.layer.set_value("file")
    choose(dialog)
    assert "No recipe" in dialog.notice.text()
    made = saved(dialog, tmp_path / "made.png")
    assert metadata.find(made) is None
    with Image.open(made) as painted:
        assert np.abs(np.asarray(painted).astype(int) - backend.results.picture.pixels).max() > 40
    for kind in ("heat", "mask", "raw"):
        choose(dialog, kind)
        saved(dialog, tmp_path / f"{kind}{dialog.format.value}")


def test_the_clipboard_has_the_picture_and_its_svg(dialog, backend):
    choose(dialog)
    dialog.copy.click()
    data = QApplication.clipboard().mimeData()
    assert data.hasImage()
    assert data.imageData().height() == backend.results.picture.size[0]
    assert b"<svg" in bytes(data.data("image/svg+xml"))
    QApplication.clipboard().clear()


def test_colours_are_those_of_the_range_that_the_layer_has(dialog, backend, settle, tmp_path):
    backend.state.edit_layer("rollout", range_mode="typed", low=-1.0, high=2.0)
    settle()
    choose(dialog)
    recipe = metadata.find(saved(dialog, tmp_path / "made.png"))
    assert recipe["figure"]["columns"][0]["range"] == [-1.0, 2.0]


def test_the_scale_of_opacity_belongs_to_the_colour_bar(dialog, tmp_path):
    assert not dialog.page.opacity.isEnabled()
    dialog.page.bar.click()
    assert dialog.page.opacity.isEnabled()
    dialog.page.opacity.click()
    choose(dialog)
    assert metadata.find(saved(dialog, tmp_path / "made.png"))["figure"]["opacity_scale"]
