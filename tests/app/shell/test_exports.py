"""What is saved from the window."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from PIL import Image

from vitinspect.app.shell.exports import EXPORTS, ask, save
from vitinspect.errors import DataError


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


BY_ID = {export.id: export for export in EXPORTS}


@pytest.mark.parametrize("scale", [1, 3])
def test_view_and_overlay_are_as_large_as_was_asked_for(shown, backend, tmp_path, scale):
    save(shown, BY_ID["view"], str(tmp_path / "view.png"), scale)
    save(shown, BY_ID["overlay"], str(tmp_path / "overlay.png"), scale)
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


def test_the_table_of_scores_is_a_table(shown, backend, tmp_path, settle):
    backend.state.set(plots=True, plot="scores")
    save(shown, BY_ID["scores"], str(tmp_path / "scores.csv"))
    rows = list(csv.reader(io.StringIO((tmp_path / "scores.csv").read_text())))
    assert rows[0][:2] == ["number", "layer"]
    assert rows[1][0] == "1"


def test_measures_that_are_not_there_are_asked_for_in_words(shown, tmp_path):
    with pytest.raises(DataError, match="open the view Measures"):
        save(shown, BY_ID["measures"], str(tmp_path / "measures.csv"))
    assert not (tmp_path / "measures.csv").exists()


def test_each_export_stands_in_the_file_menu_and_asks_where_to(shown, tmp_path, monkeypatch):
    from PySide6.QtWidgets import QFileDialog

    target = tmp_path / "chosen"
    asked = []

    def answer(parent, title, name, kinds):
        asked.append((name, kinds))
        return str(target), kinds.split(";;")[-1]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    for export in EXPORTS:
        assert shown.actions_[f"save_{export.id}"].text() == export.title
    ask(shown, BY_ID["overlay"])
    assert asked[0][0].endswith("_overlay.png")
    height, width = shown.backend.results.picture.size
    assert size_of(f"{target}.png") == (4 * width, 4 * height)
