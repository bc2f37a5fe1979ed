"""Scores of single pictures, read from a run folder."""

from __future__ import annotations

import pytest

from vitinspect.errors import DataError
from vitinspect.evaluation.lookup import open_run, values_of
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.store import FILE, ImageResult, Score, Store


@pytest.fixture
def run(tmp_path):
    data, folder = tmp_path / "data", tmp_path / "run"
    with Store(folder / FILE) as store:
        store.claim(Plan(data=str(data)))
        store.add(
            ImageResult("images/a.png", 0, scores=[Score("lrp", "iou", 0.25, "ann"), Score("lrp", "iou", 1, "bo")])
        )
        store.add(ImageResult("images/b.png#cat", 1, scores=[Score("lrp", "iou", 0.5, "ann")]))
        store.add(ImageResult("images/b.png#dog", 2, scores=[Score("lrp", "iou", 0.75, "ann")]))
        store.add(ImageResult("one/same.png", 3, scores=[Score("lrp", "iou", 0.1, "ann")]))
        store.add(ImageResult("two/same.png", 4, scores=[Score("lrp", "iou", 0.2, "ann")]))
        yield open_run(folder), data


def test_columns_are_listed_while_the_run_is_open_for_writing(run):
    index, data = run
    assert index.columns == (("lrp", "ann", "iou"), ("lrp", "bo", "iou"))
    assert index.root == data


def test_pictures_are_found_by_their_path_and_several_items_are_averaged(run):
    index, data = run
    value = values_of(index, ("lrp", "ann", "iou"))
    assert value(str(data / "images" / "a.png")) == 0.25
    assert value(str(data / "images" / "b.png")) == 0.625
    assert value(str(data / "images" / "c.png")) is None
    assert values_of(index, ("lrp", "bo", "iou"))(str(data / "images" / "a.png")) == 1


def test_a_data_set_that_moved_is_found_by_names_that_occur_once(run, tmp_path):
    value = values_of(run[0], ("lrp", "ann", "iou"))
    assert value(str(tmp_path / "moved" / "a.png")) == 0.25
    assert value(str(tmp_path / "moved" / "same.png")) is None


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataError, match=str(tmp_path)):
        open_run(tmp_path)
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(DataError, match="is damaged"):
        open_run(tmp_path)
