"""The dialog that trains a head: missing fields are named, results are shown, and the head can be used."""

from __future__ import annotations

import json
import sys

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.shell.probe_dialog import ProbeDialog

WRITES = """
import json, sys
out = sys.argv[1]
measured = {
    "count": 4, "top1": 0.75, "top5": 1.0, "balanced": 0.7, "calibration_error": 0.1, "loss": 0.5,
    "per_class": {"ant": 0.5, "bee": 1.0}, "per_class_count": {"ant": 2, "bee": 2}, "reliability": [[0.9, 0.75, 4]],
}
grid = [{"C": 1.0, "validation": 0.75, "loss": 0.5, "steps": 9, "converged": True}]
json.dump({"loss": "ce", "C": 1.0, "grid": grid, "measured": {"test": measured}}, open(f"{out}.json", "w"))
"""


def opened(shown) -> ProbeDialog:
    shown.actions_["train_head"].trigger()
    (dialog,) = shown.findChildren(ProbeDialog)
    return dialog


def test_missing_fields_are_named_and_nothing_is_started(shown, backend):
    dialog = opened(shown)
    dialog.start.click()
    assert "pictures to train on" in dialog.notice.text()
    dialog.train.setText("train")
    dialog.start.click()
    assert "where the head is saved" in dialog.notice.text()
    assert not backend.probes.running
    assert dialog.right.isHidden()
    dialog.close()


def test_a_trained_head_is_shown_and_used(shown, backend, qtbot, tmp_path):
    dialog = opened(shown)
    dialog.train.setText("train")
    dialog.out.setText(str(tmp_path / "head"))
    assert dialog.task.out.endswith("head.safetensors")
    backend.probes.process.program = (sys.executable, "-c", WRITES, str(tmp_path / "head"))
    room = dialog.screen().availableGeometry()
    dialog.move(room.right() - dialog.width(), room.top() + 20)
    dialog.start.click()
    assert not dialog.start.isEnabled()
    qtbot.waitUntil(lambda: not backend.probes.running, timeout=20_000)
    assert not dialog.right.isHidden()
    seen = dialog.frameGeometry()
    assert seen.left() == max(room.left(), room.right() + 1 - seen.width()), "the wider dialog stays on the screen"
    table = dialog.results.accuracy
    assert [table.item(0, i).text() for i in range(4)] == ["test", "4", "75.00%", "100.00%"]
    assert [dialog.results.classes.item(i, 0).text() for i in range(2)] == ["ant", "bee"], "the worst first"
    assert dialog.results.grid.item(0, 0).text() == "1, chosen"
    assert list(dialog.results.calibration.curves[0].x) == [90.0]
    assert not dialog.results.isTabVisible(4), "nothing was compared"
    before = backend.state.model
    backend.models.load = lambda **_: None  # the file that the script wrote is no head
    dialog.use.click()
    assert ModelSource.parse(backend.state.model).head == str(tmp_path / "head.safetensors")
    assert dialog.model.text() == "demo", "the backbone, without the head that was made for it"
    backend.state.set(model=before)
    dialog.close()


def test_relative_paths_are_those_of_the_folder_where_the_window_was_started(shown, tmp_path, monkeypatch):
    """A head that is chosen among the recent models must be found from another folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    dialog = opened(shown)
    dialog.train.setText("scenes")
    dialog.val.setText("")
    dialog.out.setText("~/head")
    dialog.compare.setText("one.safetensors; two.pth=NAME")
    task = dialog.task
    assert (task.train, task.val) == (str(tmp_path / "scenes"), "")
    assert task.out == str(tmp_path / "me" / "head.safetensors")
    assert task.compare == (str(tmp_path / "one.safetensors"), f"{tmp_path / 'two.pth'}=NAME")
    dialog.close()


def test_only_what_the_backbone_has_can_be_read(shown, backend, qtbot):
    dialog = opened(shown)
    offered = {dialog.features.itemData(i) for i in range(dialog.features.count())}
    assert offered == {"class", "mean", "class+mean"}, "two blocks, no registers"
    assert json.loads(backend.state.to_json())["model"] == dialog._state.model
    dialog.close()
