"""Labelled pictures from folders of classes, tables, and data sets with a file of labels."""

from __future__ import annotations

import pytest
from PIL import Image

from vitinspect.errors import DataError
from vitinspect.probing.pictures import labelled_pictures


@pytest.fixture
def folder(tmp_path):
    for name in ("n02123045/a.png", "n02123045/b.png", "dog/deep/c.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    return tmp_path


def test_folders_are_classes_whether_names_or_wordnet_ids(folder):
    found = labelled_pictures(folder)
    assert [(p.name, label) for p, label in zip(found.paths, found.labels, strict=True)] == [
        ("c.png", "dog"),
        ("a.png", "n02123045"),
        ("b.png", "n02123045"),
    ]


def test_a_table_of_paths_and_labels_counts_from_its_own_folder(folder):
    (folder / "t.csv").write_text("path,label\ndog/deep/c.png,dog\nn02123045/a.png,cat\n")
    found = labelled_pictures(folder / "t.csv")
    assert found.paths == (folder / "dog/deep/c.png", folder / "n02123045/a.png")
    assert found.labels == ("dog", "cat")


def test_pictures_with_a_file_of_labels(tmp_path):
    for name in ("a", "b", "c"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("image,label\na.png,cat\nb.png,dog\n")
    found = labelled_pictures(tmp_path)
    assert found.labels == ("cat", "dog")
    assert "1 pictures" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [("a,b\n1,2\n", "columns path and label"), ("path,label\nx,\n", "Line 2"), ("path,label\n", "rows")],
)
def test_a_wrong_table_is_refused_with_a_reason(text, said, tmp_path):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(DataError, match=said):
        labelled_pictures(tmp_path / "t.csv")


def test_a_folder_without_labels_is_refused_with_a_reason(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match="no labels"):
        labelled_pictures(tmp_path)
