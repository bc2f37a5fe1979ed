"""Every layout is recognised by the folder's content, and read as its authors define it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from tests.evaluation.small import mask, masked_set, picture
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.index_lists import read_indices
from vitinspect.evaluation.mask_codings import MaskCoding


def test_images_beside_masks(tmp_path):
    found = open_dataset(masked_set(tmp_path))
    assert found.layout == "masks"
    assert [i.key for i in found.items] == [f"images/p{i}.png" for i in range(5)]
    assert found.items[1].label == "bee"
    assert found.annotators == ("",)
    assert set(np.unique(found.read_mask(found.items[0], ""))) == {0, 1}


@pytest.mark.parametrize("layout", ["folders", "names"])
def test_two_annotators_in_folders_or_in_names(tmp_path, layout):
    for i in range(3):
        picture(tmp_path / "images" / f"a_b{i}.jpg", i)
        for who in ("ann", "bob"):
            name = f"{who}/a_b{i}.png" if layout == "folders" else f"a_b{i}_{who}.png"
            mask(tmp_path / "masks" / name, i)
    found = open_dataset(tmp_path)
    assert found.annotators == ("ann", "bob")
    assert all(set(item.masks) == {"ann", "bob"} for item in found.items)
    assert len({path for item in found.items for path in item.masks.values()}) == 6


def voc(root, void: bool = True):
    for i in range(3):
        picture(root / "JPEGImages" / f"2007_{i:06d}.jpg", i)
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("2007_000000\n2007_000002\n")
    (root / "SegmentationClass").mkdir()
    for i in (0, 2):
        labels = np.zeros((48, 60), np.uint8)
        labels[5:20, 5:20], labels[25:40, 25:50] = 8, 12
        labels[5:20, 20] = 255
        image = Image.fromarray(labels, "P") if hasattr(Image, "fromarray") else None
        image.putpalette([v for k in range(256) for v in (k, 255 - k, (7 * k) % 256)])
        image.save(root / "SegmentationClass" / f"2007_{i:06d}.png")
    return root


@pytest.mark.parametrize("inside", ["", "VOC2012", "VOCdevkit/VOC2012"])
def test_a_voc_devkit_with_void_left_out_or_counted(tmp_path, inside):
    voc(tmp_path / inside)
    found = open_dataset(tmp_path)
    assert found.layout == "voc"
    assert [i.path.stem for i in found.items] == ["2007_000000", "2007_000002"]
    labels = found.read_mask(found.items[0], "")
    assert sorted(np.unique(labels)) == [0, 1, 255]
    assert (labels == 1).sum() == 15 * 15 + 15 * 25
    counted = open_dataset(tmp_path, voc_void_is_foreground=True)
    assert (counted.read_mask(counted.items[0], "") == 1).sum() == 15 * 16 + 15 * 25


def test_voc_per_class_has_one_item_for_each_class(tmp_path):
    found = open_dataset(voc(tmp_path), "voc-classes")
    assert [i.label for i in found.items] == ["cat", "dog"] * 2
    assert (found.read_mask(found.items[0], "") == 1).sum() == 15 * 15


def test_imagenet_s_codes_classes_in_two_channels(tmp_path):
    picture(tmp_path / "validation" / "n01" / "x.JPEG", 1)
    colours = np.zeros((48, 60, 3), np.uint8)
    colours[:10, :, 0], colours[:10, :, 1] = 5, 1
    colours[20:25, :, 0], colours[20:25, :, 1] = 1000 % 256, 1000 // 256
    path = tmp_path / "validation-segmentation" / "n01" / "x.png"
    path.parent.mkdir(parents=True)
    Image.fromarray(colours).save(path)
    found = open_dataset(tmp_path)
    assert found.layout == "imagenet-s"
    assert found.items[0].label == "n01"
    labels = found.read_mask(found.items[0], "")
    assert (labels[:10] == 1).all()
    assert (labels[20:25] == 255).all()
    assert not labels[30:].any()


def test_folders_of_classes_and_plain_folders(tmp_path):
    picture(tmp_path / "c" / "cat" / "1.png", 1)
    picture(tmp_path / "c" / "dog" / "deep" / "2.png", 2)
    found = open_dataset(tmp_path / "c")
    assert (found.layout, [i.label for i in found.items]) == ("classes", ["cat", "dog"])
    picture(tmp_path / "p" / "1.png", 1)
    assert open_dataset(tmp_path / "p").layout == "plain"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3\n7\n", [3, 7]),
        ("# chosen\n- 3\n- 7  # the dog\n", [3, 7]),
        ("imgs_idx: [3, 7]\n", [3, 7]),
        ("imgs_idx:\n  - 3\n  - p1\n", [3, "p1"]),
        ("'p1.png'\nimages/p2.png\n", ["p1.png", "images/p2.png"]),
    ],
)
def test_index_files_are_lines_or_yaml_lists(tmp_path, text, expected):
    path = tmp_path / "indices"
    path.write_text(text)
    assert read_indices(path) == expected


def test_indices_choose_by_number_or_name_and_say_what_is_missing(tmp_path):
    root = masked_set(tmp_path / "set")
    path = tmp_path / "indices.txt"
    path.write_text("4\np1\nimages/p0.png\n")
    assert [i.path.stem for i in open_dataset(root, indices=path).items] == ["p4", "p1", "p0"]
    assert len(open_dataset(root, indices=path, limit=2)) == 2
    path.write_text("99\n")
    with pytest.raises(vi.DataError, match="99"):
        open_dataset(root, indices=path)


@pytest.mark.parametrize(("top", "suffix"), [(1, "png"), (255, "png"), (255, "jpg")])
def test_masks_saved_in_common_ways(tmp_path, top, suffix):
    found = MaskCoding().read(mask(tmp_path / f"m.{suffix}", 5, top=top))
    assert found.dtype == np.uint8
    assert abs(int(found.sum()) - 500) <= 60
    assert set(np.unique(found)) == {0, 1}


def test_folders_that_are_not_a_data_set_are_refused_with_a_reason(tmp_path):
    with pytest.raises(vi.DataError, match="does not exist"):
        open_dataset(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(vi.DataError, match="no pictures"):
        open_dataset(tmp_path / "empty")
    with pytest.raises(vi.DataError, match="JPEGImages"):
        open_dataset(tmp_path / "empty", "voc")


def test_the_bundled_gallery_is_a_data_set_with_three_annotators():
    found = open_dataset("demo")
    assert len(found) >= 25
    assert set(found.annotators) >= {"generous", "tight", "sloppy"}
    assert all(item.label for item in found.items)


def test_annotators_may_hold_underscores_and_the_picture_decides_where_a_name_ends(tmp_path):
    for name in ("dog", "dog_2"):
        picture(tmp_path / "images" / f"{name}.jpg", 1)
    for name in ("dog_student_3", "dog_2_student_3", "dog_2", "student_4/dog_2"):
        mask(tmp_path / "masks" / f"{name}.png", 1)
    found = {item.path.stem: item.masks for item in open_dataset(tmp_path).items}
    assert {who: path.name for who, path in found["dog"].items()} == {"student_3": "dog_student_3.png"}
    assert set(found["dog_2"]) == {"", "student_3", "student_4"}
    assert found["dog_2"][""].name == "dog_2.png"


def test_masks_that_belong_to_no_picture_are_reported_by_name(tmp_path):
    masked_set(tmp_path, 2)
    for name in ("q9_student_1", "p0x"):
        mask(tmp_path / "masks" / f"{name}.png", 1)
    mask(tmp_path / "masks" / "p1.bmp", 1)
    (tmp_path / "masks" / "p1.npy").write_bytes(b"")
    found = open_dataset(tmp_path)
    notes = "\n".join(found.notes)
    for name in ("q9_student_1.png", "p0x.png", "p1.npy"):
        assert name in notes
    assert "is the same annotator's for this picture" in notes
    assert [len(item.masks) for item in found.items] == [1, 1]


def ilsvrc(root, numbers=(3, 5, 293)):
    for number in numbers:
        picture(root / f"ILSVRC2012_val_{number:08d}.JPEG", number)
    return root


def test_numbers_mean_file_numbers_where_pictures_carry_ilsvrcs_names(tmp_path):
    root = ilsvrc(tmp_path / "val")
    path = tmp_path / "imgs_idx.yaml"
    path.write_text("val_imgs_idx: [293, 3]\n")
    assert [i.path.stem[-4:] for i in open_dataset(root, indices=path).items] == ["0293", "0003"]
    path.write_text("[292]\n")
    assert [i.path.stem[-4:] for i in open_dataset(root, indices=path, index_base=0).items] == ["0293"]
    with pytest.raises(vi.DataError, match=r"file number 292.*--index-base"):
        open_dataset(root, indices=path)
    path.write_text("ILSVRC2012_val_00000005\n")
    assert len(open_dataset(root, indices=path)) == 1


def test_an_index_list_may_count_from_one(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    path = tmp_path / "list"
    path.write_text("1\n")
    assert [i.path.stem for i in open_dataset(root, indices=path).items] == ["p1"]
    assert [i.path.stem for i in open_dataset(root, indices=path, index_base=1).items] == ["p0"]
    path.write_text("0\n")
    with pytest.raises(vi.DataError, match="counted from 1"):
        open_dataset(root, indices=path, index_base=1)


def test_one_broken_mask_of_voc_classes_fails_that_item_and_the_others_are_listed(tmp_path):
    root = voc(tmp_path)
    (root / "SegmentationClass" / "2007_000000.png").write_bytes(b"broken")
    found = open_dataset(root, "voc-classes")
    assert [bool(item.problem) for item in found.items] == [True, False, False]
    assert "2007_000000.png" in found.items[0].problem
