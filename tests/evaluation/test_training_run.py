"""The checkpoints of a folder in order, and the onset of a score."""

from __future__ import annotations

import math

import pytest

from vitinspect.errors import DataError
from vitinspect.evaluation.training_run import Checkpoint, axis_of, checkpoints_in, onset, step_of


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("step-2000.safetensors", 2000),
        ("vit_tiny_patch16_epoch_003.pth", 3),
        ("checkpoint-500", 500),
        ("20k.pt", 20_000),
        ("model.5M.ckpt", 5_000_000),
        ("last.pt", None),
    ],
)
def test_the_last_number_in_a_name_is_the_step(name, step):
    assert step_of(name) == step


def test_checkpoints_come_by_their_number_and_not_by_their_name(tmp_path):
    for name in ("step-10.pt", "step-9.safetensors", "best.pt", "notes.txt", ".step-1.pt"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "checkpoint-100").mkdir()
    (tmp_path / "checkpoint-100" / "config.json").write_text("{}")
    (tmp_path / "logs-7").mkdir()
    found = checkpoints_in(tmp_path)
    assert [one.step for one in found] == [9, 10, 100, None]
    assert [one.title for one in found] == ["step 9", "step 10", "step 100", "best"]
    assert axis_of(found) == [0, 1, 2, 3]
    assert axis_of(found[:3]) == [9, 10, 100]


def test_a_folder_without_checkpoints_is_refused_with_what_is_expected(tmp_path):
    with pytest.raises(DataError, match="no checkpoints"):
        checkpoints_in(tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        checkpoints_in(tmp_path / "nowhere")


def test_the_onset_is_where_half_of_the_best_is_reached():
    assert onset([0, 10, 20, 30], [0.0, 0.2, 0.5, 0.8]) == 20
    assert onset([0, 10], [math.nan, 0.4]) == 10
    assert onset([0, 10], [0.0, 0.0]) is None
    assert onset([], []) is None
    assert Checkpoint("/run/a.pt", None).title == "a"
