"""What is saved from the window."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from vitinspect.app.shell.exports import EXPORTS, How, save
from vitinspect.app.shell.save_dialog import SaveDialog
from vitinspect.errors import DataError


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


BY_ID = {export.id: export for export in EXPORTS}


@pytest.mark.parametrize("scale", [1, 3])
def test_view_and_overlay_are_as_large_as_was_asked_for(shown, backend, tmp_path, scale):
    save(shown, BY_ID["view"], str(tmp_path / "view.png"), How(scale))
    save(shown, BY_ID["overlay"], str(tmp_path / "overlay.png"), How(scale))
    size = shown.canvas.size()
    assert size_of(tmp_path / "view.png") == (size.width() * scale, size.height() * scale)
    height, width = backend.results.picture.size
    with Image.open(tmp_path / "overlay.png") as overlay:
        assert overlay.size == (width * scale, height * scale)
        assert "rollout" in overlay.text["vitinspect:shows"]


def test_a_larger_view_shows_the_same_and_leaves_the_canvas_as_it_was(shown):
    before = shown.canvas.grab().toImage()
    large = shown.canvas.view_image(2)
    assert shown.canvas.grab().toImage() == before
    assert large.size() == before.size() * 2
    middle = before.rect().center()
    there, here = large.pixelColor(middle * 2), before.pixelColor(middle)
    assert abs(there.red() - here.red()) + abs(there.green() - here.green()) + abs(there.blue() - here.blue()) < 40


def test_the_raw_map_holds_the_values_themselves(shown, backend, tmp_path):
    save(shown, BY_ID["raw_map"], str(tmp_path / "map.npy"))
    assert np.array_equal(np.load(tmp_path / "map.npy"), backend.results.maps["rollout"].values)


def test_the_mask_has_the_size_of_the_picture_and_the_share_of_the_cut(shown, backend, tmp_path):
    save(shown, BY_ID["mask"], str(tmp_path / "mask.png"))
    mask = np.asarray(Image.open(tmp_path / "mask.png"))
    assert mask.shape == backend.results.picture.size
    assert set(np.unique(mask)) <= {0, 255}
    placed, cut = backend.results.placed, backend.results.cuts["rollout"]
    left, top, right, bottom = placed.visible
    inside = mask[round(top) : round(bottom), round(left) : round(right)]
    assert (inside > 0).mean() == pytest.approx(cut.share, abs=0.03)
    outside = mask.copy()
    outside[round(top) : round(bottom), round(left) : round(right)] = 0
    assert not outside.any(), "the crop is all that the model saw"


def test_the_raw_map_is_read_back_as_a_map_of_the_picture(shown, backend, tmp_path, settle):
    save(shown, BY_ID["raw_map"], str(tmp_path / "map.npy"))
    values = backend.results.maps["rollout"].values
    layer = backend.state.add_file(str(tmp_path / "map.npy"), backend.state.image)
    settle()
    assert np.array_equal(backend.results.file_maps[layer].values, values)
    assert backend.results.file_maps[layer].placed == backend.results.placed


def test_only_the_selected_layer_is_saved(shown, backend, tmp_path, settle):
    backend.state.set(methods=("rollout", "raw_attention"), selected="raw_attention")
    settle()
    save(shown, BY_ID["raw_map"], str(tmp_path / "map.npy"))
    assert np.array_equal(np.load(tmp_path / "map.npy"), backend.results.maps["raw_attention"].values)
    kept = backend.results.maps
    backend.results.update(maps={"rollout": kept["rollout"]})
    for name in ("raw_map", "overlay", "mask"):
        with pytest.raises(DataError, match="has not been computed"):
            save(shown, BY_ID[name], str(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


@pytest.fixture
def with_truth(shown, backend, pictures, settle):
    """A mask beside the picture, selected."""
    height, width = backend.results.picture.size
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, 3:] = 255
    (pictures.parent / "masks").mkdir()
    Image.fromarray(mask).save(pictures.parent / "masks" / backend.state.image.rpartition("/")[2])
    backend.coordinator.reload_picture()
    backend.mask_layers.follow()
    settle()
    layer = next(layer for layer in backend.state.layers if layer.kind == "truth")
    backend.state.set(selected=layer.id)
    return mask


def test_a_selected_mask_is_saved_as_it_is(shown, with_truth, tmp_path):
    save(shown, BY_ID["mask"], str(tmp_path / "mask.png"))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), with_truth)


@pytest.mark.parametrize(("ground", "corner"), [("white", (255, 255, 255, 255)), ("black", (0, 0, 0, 255))])
def test_the_view_is_on_the_chosen_background(shown, backend, tmp_path, ground, corner):
    save(shown, BY_ID["view"], str(tmp_path / "view.png"), How(2, ground))
    with Image.open(tmp_path / "view.png") as view:
        pixels = np.asarray(view.convert("RGBA"))
    assert tuple(pixels[-1, -1]) == corner
    words = np.abs(pixels[:40, 40:400, :3].astype(int) - corner[0]).max()
    assert words > 120, "the title can be read on it"


def test_on_a_transparent_background_only_what_is_painted_is_opaque(shown, backend, tmp_path):
    save(shown, BY_ID["view"], str(tmp_path / "view.png"), How(1, "transparent"))
    with Image.open(tmp_path / "view.png") as view:
        assert view.mode == "RGBA"
        pixels = np.asarray(view)
    seen = shown.canvas.picture_rect(shown.canvas.panes()[0])
    assert pixels[-1, -1, 3] == 0
    assert (pixels[seen.top() + 2 : seen.bottom() - 2, seen.left() + 2 : seen.right() - 2, 3] == 255).all()
    ink = pixels[: seen.top(), :, 3]
    assert ink.max() == 255
    assert pixels[: seen.top()][ink == 255][:, :3].max(axis=1).min() < 80, "dark words"


def test_the_map_alone_is_transparent_where_the_model_saw_nothing(shown, backend, tmp_path):
    backend.state.set(show="heat")
    save(shown, BY_ID["overlay"], str(tmp_path / "overlay.png"), How(1, "transparent"))
    with Image.open(tmp_path / "overlay.png") as overlay:
        alpha = np.asarray(overlay)[..., 3]
    left, top, right, bottom = (round(v) for v in backend.results.placed.visible)
    assert (alpha[top + 1 : bottom - 1, left + 1 : right - 1] == 255).all()
    assert (alpha > 0).sum() <= (bottom - top + 2) * (right - left + 2)
    assert (alpha == 0).any()


def test_the_view_of_another_workspace_can_be_larger_too(shown, backend, tmp_path, settle):
    backend.state.set(workspace="network")
    settle()
    save(shown, BY_ID["view"], str(tmp_path / "view.png"), How(3))
    view = shown.workspace_view
    assert size_of(tmp_path / "view.png") == (3 * view.width(), 3 * view.height())
    backend.state.set(workspace="inspect")
    settle()


def test_a_picture_that_would_be_too_large_is_refused_before_it_is_made(shown, backend, tmp_path, monkeypatch):
    monkeypatch.setattr("vitinspect.app.shell.exports.LARGEST", 30_000)
    with pytest.raises(DataError, match="smaller scale"):
        save(shown, BY_ID["overlay"], str(tmp_path / "overlay.png"), How(4))


def rows_of(path):
    return list(csv.DictReader(io.StringIO(path.read_text())))


def test_the_table_of_scores_says_what_its_numbers_belong_to(shown, backend, tmp_path, settle, qtbot):
    backend.state.set(plots=True, plot="scores", score_steps=4)
    shown.bottom.tab("scores").compute.click()
    qtbot.waitUntil(lambda: bool(backend.results.curves), timeout=30_000)
    save(shown, BY_ID["scores"], str(tmp_path / "scores.csv"))
    (row,) = rows_of(tmp_path / "scores.csv")
    assert (row["number"], row["layer"]) == ("1", "Attention rollout")
    assert (row["picture"], row["model"]) == (backend.state.image.rpartition("/")[2], "tiny")
    assert row["target"] == backend.results.predictions[0].label
    assert float(row["deletion"]) == backend.results.curves["rollout"].deletion_auc


def test_scores_are_up_to_date_also_while_their_tab_is_closed(shown, backend, tmp_path, settle):
    backend.state.set(plots=True, plot="scores")
    settle()
    backend.state.set(plots=False)
    backend.state.set(methods=("raw_attention", "attention_gradcam"))
    settle()
    save(shown, BY_ID["scores"], str(tmp_path / "scores.csv"))
    assert [row["number"] for row in rows_of(tmp_path / "scores.csv")] == ["1", "2"]


def test_the_measures_are_those_of_the_view(shown, backend, tmp_path, qtbot, settle):
    backend.state.set(workspace="network", network_view="measures")
    networks = backend.networks
    qtbot.waitUntil(lambda: len(networks.measures) == 2 and networks.measuring is None, timeout=60_000)
    save(shown, BY_ID["measures"], str(tmp_path / "measures.csv"))
    rows = rows_of(tmp_path / "measures.csv")
    assert [row["block"] for row in rows] == ["1", "2"]
    for row, measured in zip(rows, networks.measures, strict=True):
        assert int(row["arcs"]) == measured.arcs
        assert float(row["density"]) == measured.density
        assert float(row["min_cut"]) == networks.min_cut
    backend.state.set(workspace="inspect", network_view="layer")
    settle()


def test_for_missing_measures_the_dialog_says_how_to_get_them(shown, tmp_path):
    with pytest.raises(DataError, match="open the view Measures"):
        save(shown, BY_ID["measures"], str(tmp_path / "measures.csv"))
    assert not (tmp_path / "measures.csv").exists()


@pytest.fixture
def dialog(shown, qtbot):
    shown.actions_["save"].trigger()
    (made,) = shown.findChildren(SaveDialog)
    yield made
    made.close()


def test_the_dialog_offers_every_export_and_says_what_will_be_in_the_file(dialog, shown, backend):
    assert [dialog.what.itemData(i) for i in range(dialog.what.count())] == [export.id for export in EXPORTS]
    said = {}
    for export in EXPORTS:
        dialog.what.set_value(export.id)
        dialog.what.chosen.emit(export.id)
        said[export.id] = dialog.about.text()
    height, width = backend.results.picture.size
    assert f"{width} × {height} pixels" in said["overlay"]
    assert said["raw_map"] == "1 Attention rollout: 8 × 8 values, patches"
    assert "open the view Measures" in said["measures"]
    assert not dialog.save.isEnabled()
    assert not dialog.scale.isEnabled()


def test_the_dialog_opens_as_it_was_left(dialog, shown, backend):
    dialog.what.chosen.emit("overlay")
    dialog.scale.chosen.emit(3)
    dialog.ground.chosen.emit("transparent")
    again = SaveDialog(shown)
    assert (again.what.value, again.scale.value, again.ground.value) == ("overlay", 3, "transparent")
    again.close()


def test_the_dialog_saves_what_was_chosen(shown, backend, tmp_path, monkeypatch):
    from PySide6.QtWidgets import QFileDialog

    asked = []

    def answer(parent, title, name, kinds):
        asked.append((name, kinds))
        return str(tmp_path / "chosen"), kinds

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    backend.state.set(save_what="overlay", save_scale=4)
    dialog = SaveDialog(shown)
    dialog.save.click()
    assert asked[0][0].endswith("_overlay.png")
    height, width = backend.results.picture.size
    assert size_of(tmp_path / "chosen.png") == (4 * width, 4 * height)
