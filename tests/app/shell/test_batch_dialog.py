"""Exporting many pictures from the window."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.app.session.layer_cells import layer_entry, method_words, model_entry, target_words
from vitinspect.app.shell.batch_dialog import BatchDialog
from vitinspect.errors import ParameterError
from vitinspect.figures import metadata


@pytest.fixture
def dialog(shown, tmp_path, qtbot) -> BatchDialog:
    shown.actions_["export_batch"].trigger()
    made = shown.batch_dialog
    made.folder.setText(str(tmp_path / "out"))
    yield made
    made.close()


def wait(dialog, backend, qtbot) -> None:
    qtbot.waitUntil(lambda: not backend.batches.running, timeout=60_000)


def files_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_all_pictures_are_written_as_the_preview_says(dialog, backend, qtbot, tmp_path, pictures):
    said = dialog.preview.text().split("\n")
    assert said[0] == "picture-1_rollout.png"
    dialog.begin.click()
    assert not dialog.begin.isEnabled()
    wait(dialog, backend, qtbot)
    assert files_in(tmp_path / "out") == [f"picture-{n}_rollout.png" for n in range(1, 7)]
    assert "6 files written" in dialog.notice.text()
    for number in range(1, 7):
        with (
            Image.open(pictures / f"picture {number}.png") as source,
            Image.open(tmp_path / "out" / f"picture-{number}_rollout.png") as made,
        ):
            assert made.size == source.size


def test_title_method_and_model_are_written_above_each_picture(dialog, backend, qtbot, tmp_path):
    dialog.title.setText("Seen in {stem}")
    for name in ("method", "model"):
        dialog.above[name].click()
    assert not dialog.above["scores"].isEnabled(), "the pictures have no masks"
    dialog.formats["overlay"].set_value(".svg")
    dialog.follow()
    dialog.begin.click()
    wait(dialog, backend, qtbot)
    text = (tmp_path / "out" / "picture-2_rollout.svg").read_text()
    assert ">Seen in picture 2<" in text
    assert f" · {backend.results.card.name}<" in text
    dialog.anonymous.click()
    assert "not anonymous" in dialog.notice.text()
    dialog.kinds["overlay"].click()
    assert not dialog.title.isEnabled()


def test_four_layers_are_seen_without_scrolling(dialog, backend, qtbot):
    for method in ("rollout", "gradcam", "input_x_gradient", "raw_attention"):
        if len(dialog.layers) < 4:
            backend.state.add_map(method, {})
            dialog.refill()
    assert len(dialog.layers) == 4
    qtbot.wait(50)
    assert dialog._layer_list.verticalScrollBar().maximum() == 0


def test_raw_maps_are_those_of_the_window(dialog, backend, qtbot, tmp_path):
    dialog.pictures.set_value("shown")
    dialog.kinds["overlay"].click()
    dialog.kinds["raw"].click()
    dialog.begin.click()
    wait(dialog, backend, qtbot)
    values = np.load(tmp_path / "out" / "picture-1_rollout.npy")
    assert np.allclose(values, backend.results.maps["rollout"].values, rtol=1e-5)
    recipe = json.loads((tmp_path / "out" / "picture-1_rollout.json").read_text())["recipe"]
    assert recipe["figure"]["columns"][0]["method"] == "rollout"


def test_only_flagged_pictures_and_chosen_layers(dialog, shown, backend, qtbot, tmp_path, pictures):
    backend.notes.set(str(pictures / "picture 2.png"), flagged=True)
    backend.state.add_map("attention_gradient")
    backend.state.set(target=(2,))
    dialog.refill()
    dialog.pictures.set_value("flagged")
    dialog.layers["rollout"].click()
    dialog.follow()
    dialog.begin.click()
    wait(dialog, backend, qtbot)
    assert files_in(tmp_path / "out") == ["picture-2_attention_gradient_cat.png"]
    recipe = metadata.find(tmp_path / "out" / "picture-2_attention_gradient_cat.png")
    assert recipe["maps"]["a1"]["target"] == "cat"


def test_a_cancelled_export_continues(dialog, backend, qtbot, tmp_path):
    backend.batches.progressed.connect(lambda done, total: done == 2 and backend.batches.cancel())
    dialog.begin.click()
    wait(dialog, backend, qtbot)
    assert "Continue starts where it stopped" in dialog.notice.text()
    before = len(files_in(tmp_path / "out"))
    assert 2 <= before < 6
    dialog.follow()
    assert dialog.begin.text() == f"Continue after {before}"
    backend.batches.progressed.disconnect()
    backend.batches.progressed.connect(dialog._on_progress)
    dialog.begin.click()
    wait(dialog, backend, qtbot)
    assert len(files_in(tmp_path / "out")) == 6
    assert f"{before} pictures were finished before" in dialog.notice.text()


def test_the_window_answers_while_a_batch_is_written(dialog, backend, qtbot, settle):
    dialog.begin.click()
    backend.state.set(image=backend.listing.path_at(3))
    qtbot.waitUntil(
        lambda: backend.results.picture_path == backend.state.image and bool(backend.results.maps), timeout=30_000
    )
    wait(dialog, backend, qtbot)
    assert "6 files written" in dialog.notice.text() or "finished before" in dialog.notice.text()


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("pattern", "../{stem}.{ext}", "leads out"),
        ("pattern", "{stem}", "{ext}"),
        ("folder", "", "folder"),
    ],
)
def test_errors_are_shown_before_anything_is_written(dialog, tmp_path, field, text, words):
    getattr(dialog, field).setText(text)
    assert words in dialog.notice.text()
    assert not dialog.begin.isEnabled()


def test_the_folder_of_the_pictures_is_refused(dialog, pictures):
    dialog.folder.setText(str(pictures))
    assert "folder of the data" in dialog.notice.text()
    assert not dialog.begin.isEnabled()


def test_a_map_from_a_file_is_not_offered(dialog, backend, tmp_path):
    np.save(tmp_path / "map.npy", np.zeros((8, 8), np.float32))
    backend.state.add_file(str(tmp_path / "map.npy"), backend.state.image)
    dialog.refill()
    box = dialog.layers["file"]
    assert not box.isEnabled()
    assert box.toolTip()


def test_a_layer_is_described_as_a_specification_describes_it(backend):
    state = backend.state
    state.add_map("attention_gradient")
    state.add_fused(("rollout", "attention_gradient"))
    state.edit_layer("fused", fusion_mode="harmonic", shown_as="outline", threshold_mode="percentile")
    state.edit_layer("fused", threshold_value=70.0, smooth=False)
    fused = state.layer("fused")
    assert method_words(state.layers, fused) == "rollout + attention_gradient [harmonic]"
    entry = layer_entry(state.layers, fused)
    assert (entry["threshold"], entry["patches"], entry["weights"]) == ("percentile=70", True, [1.0, 1.0])
    state.add_file("/somewhere/map.npy")
    with pytest.raises(ParameterError):
        layer_entry(state.layers, state.selected_layer)


def test_a_class_is_given_by_its_name_where_only_one_class_has_it():
    labels = ["cat", "sea - lion", "7", "crane", "crane"]
    assert target_words((), labels) == ""
    assert target_words((0,), labels) == "cat"
    assert target_words((0, 3), labels) == "cat - 3"
    assert [target_words((i,), labels) for i in (1, 2, 4)] == ["1", "2", "4"]


def test_a_model_is_given_with_its_head_and_refused_where_that_is_not_possible():
    assert model_entry("w.pth --arch vit_tiny_patch16_224") == {"model": "w.pth", "arch": "vit_tiny_patch16_224"}
    assert model_entry("w.pth --head h.pth --head-name class+mean")["model"] == "w.pth with the head h.pth (class+mean)"
    for line in ("random:vit_tiny_patch16_224", "vit_tiny_patch16_224 --image-size 384"):
        with pytest.raises(ParameterError):
            model_entry(line)


def test_a_report_on_the_folder_is_written_from_the_menu(shown, backend, qtbot, tmp_path, monkeypatch):
    from vitinspect.app.shell.menus import file

    out = tmp_path / "report"
    monkeypatch.setattr(file.QFileDialog, "getSaveFileName", lambda *a, **k: (str(out), ""))
    backend.state.set(target=(1,))
    with qtbot.waitSignal(backend.reports.finished, timeout=60_000):
        shown.actions_["write_report"].trigger()
    text = (tmp_path / "report.html").read_text()
    assert text.count("<article") == 6
    assert "explained: bee" not in text, "rollout is the same for every class"
    assert "picture 4.png" in text
