"""Which mask is the truth of a target: by class, by annotator, and none where it shows something else."""

from __future__ import annotations

import pytest

from vitinspect.app.services.mask_files import MaskFile, MaskFinder, choose_truth, read_mask
from vitinspect.errors import DataError
from vitinspect.resources import gallery_folder

LABELS = ("butterfly", "aster", "tench, Tinca tinca")


def test_a_mask_of_another_class_is_not_the_targets():
    choice = choose_truth([MaskFile("masks/a.png", "butterfly")], "aster", LABELS)
    assert choice.mask is None
    assert "shows butterfly" in choice.rule
    assert "aster is explained" in choice.rule


def test_the_mask_of_the_targets_class_comes_first():
    masks = [MaskFile("masks/a.png", "butterfly"), MaskFile("masks-second/a.png", "aster")]
    choice = choose_truth(masks, "aster", LABELS)
    assert choice.mask is masks[1]
    assert "the mask of aster" in choice.rule


def test_a_class_is_found_by_any_of_its_names():
    assert choose_truth([MaskFile("m.png", "tinca tinca")], "tench, Tinca tinca", LABELS).mask is not None


def test_a_mask_without_a_given_class_is_used_and_the_rule_says_so():
    choice = choose_truth([MaskFile("masks/a.png")], "aster", LABELS)
    assert choice.path == "masks/a.png"
    assert "class is not given" in choice.rule


def test_a_class_that_the_model_does_not_have_counts_as_not_given():
    assert choose_truth([MaskFile("masks/a.png", "dog")], "aster", LABELS).mask is not None


def test_the_chosen_annotators_mask_is_taken():
    masks = [MaskFile("masks/anna/a.png", group="anna"), MaskFile("masks/ben/a.png", group="ben")]
    assert choose_truth(masks, "aster", LABELS).mask is masks[0]
    choice = choose_truth(masks, "aster", LABELS, "ben")
    assert choice.mask is masks[1]
    assert "annotator ben" in choice.rule


def test_a_folder_with_a_classs_name_is_a_mask_per_class():
    masks = [MaskFile("masks/aster/a.png", group="aster"), MaskFile("masks/butterfly/a.png", group="butterfly")]
    assert choose_truth(masks, "butterfly", LABELS).mask is masks[1]
    assert choose_truth(masks[:1], "butterfly", LABELS).mask is None


def test_a_missing_mask_is_reported():
    assert "no mask" in choose_truth([], "aster", LABELS).rule


def test_the_gallery_names_the_class_of_each_mask():
    found = MaskFinder().masks(str(gallery_folder() / "images" / "22-shell-butterfly.jpg"))
    assert {(mask.label, mask.group) for mask in found} >= {("shell", ""), ("butterfly", "second object")}
    for target in ("shell", "butterfly"):
        assert choose_truth(found, target, ("shell", "butterfly", "gem")).mask.label == target
    assert choose_truth(found, "gem", ("shell", "butterfly", "gem")).mask is None


def test_masks_of_annotators_are_found_in_folders_and_side_by_side(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    (masks / "anna").mkdir(parents=True)
    images.mkdir()
    for name in ("a_ben.png", "anna/a.png", "b.png", "a.txt"):
        (masks / name).write_bytes(b"")
    finder = MaskFinder()
    assert [mask.group for mask in finder.masks(str(images / "a.jpg"))] == ["anna", "ben"]
    assert [mask.group for mask in finder.masks(str(images / "b.jpg"))] == [""]
    assert finder.masks(str(images / "c.jpg")) == ()


@pytest.mark.parametrize("table", ["", "image\n", "image,label\na.png", '"'])
def test_a_damaged_table_of_labels_names_no_class(tmp_path, table):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    (masks / "a.png").write_bytes(b"")
    (tmp_path / "labels.csv").write_text(table)
    assert MaskFinder().masks(str(images / "a.png"))[0].label == ""


@pytest.fixture
def beside(tmp_path):
    """A picture with a shape of labelme beside it, and another tool's file of the same name's form."""
    import json

    from PIL import Image

    for name in ("a", "b"):
        Image.new("RGB", (12, 8)).save(tmp_path / f"{name}.png")
    square = {"label": "cat", "shape_type": "rectangle", "points": [[2, 1], [8, 5]], "flags": {}}
    document = {"version": "5", "shapes": [square], "imagePath": "a.png", "imageHeight": 8, "imageWidth": 12}
    (tmp_path / "a.json").write_text(json.dumps(document))
    (tmp_path / "b.json").write_text('{"camera": "none of ours"}')
    return tmp_path


def test_shapes_of_labelme_beside_a_picture_are_its_mask(beside):
    import vitinspect as vi

    (found,) = MaskFinder().masks(str(beside / "a.png"))
    assert (found.path, found.group) == (str(beside / "a.json"), "")
    values = read_mask(found, (8, 12))
    assert values.sum() > 0
    assert (values == vi.masks.load(beside / "a.json", image=beside / "a.png")).all()
    with pytest.raises(DataError, match="12 × 8"):
        read_mask(found, (9, 12))


def test_another_tools_file_of_that_name_is_ignored(beside):
    assert MaskFinder().masks(str(beside / "b.png")) == ()


def test_shapes_beside_another_mask_are_a_second_truth_without_an_annotator(beside):
    from PIL import Image

    from vitinspect.app.services.mask_layers import layer_of

    (beside / "masks").mkdir()
    Image.new("L", (12, 8), 255).save(beside / "masks" / "a.png")
    masks = MaskFinder().masks(str(beside / "a.png"))
    layers = [layer_of(mask, LABELS) for mask in masks]
    assert [(layer.id, layer.kind) for layer in layers] == [("truth", "truth"), ("truth labelme", "truth")]
