"""The classes of pictures, from the files of data sets."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi
from tests.evaluation.small import masked_set, picture, small_model
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.label_files import read_labels
from vitinspect.explainers.targets import resolve


@pytest.fixture(scope="module")
def imagenet():
    torch.manual_seed(0)
    module = VisionTransformer(img_size=32, patch_size=16, embed_dim=16, depth=1, num_heads=2, num_classes=1000)
    from vitinspect.models.labels import imagenet_labels

    return vi.wrap_model(module.eval(), labels=imagenet_labels(1000), name="thousand")


def test_wordnet_ids_are_the_classes_of_imagenet(imagenet):
    assert imagenet.labels[imagenet.find_label("n02123045")].startswith("tabby")
    assert resolve("n01440764", imagenet) == 0
    # Two classes are called crane: the id tells the bird from the machine.
    assert imagenet.find_label("n02012849") == 134
    assert imagenet.find_label("n03126707") == 517
    assert imagenet.find_label("n99999999") is None
    with pytest.raises(vi.TargetError, match="n99999999"):
        resolve("n99999999", imagenet)


def test_a_model_with_its_own_classes_finds_an_id_by_its_names():
    model = small_model()
    assert model.find_label("n02206856") == model.labels.index("bee")
    assert model.find_label("n02123045") is None


def test_class_folders_may_have_underscores(imagenet):
    assert imagenet.find_label("tiger_cat") == imagenet.find_label("tiger cat") == 282


def ilsvrc(root):
    for number in (1, 2, 4):
        picture(root / f"ILSVRC2012_val_{number:08d}.JPEG", number)
    return root


def test_a_devkits_ground_truth_goes_by_the_number_in_the_name(tmp_path):
    ilsvrc(tmp_path)
    (tmp_path / "ILSVRC2012_validation_ground_truth.txt").write_text("490\n361\n171\n2\n")
    (tmp_path / "map_clsloc.txt").write_text("n02100735 2 English_setter\nn01751748 490 sea_snake\nn01 361 x\n")
    assert [item.label for item in open_dataset(tmp_path).items] == ["n01751748", "n01", "n02100735"]


def element(kind: int, data: bytes) -> bytes:
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def matrix(kind: int, shape: tuple[int, ...], name: str, *contents: bytes) -> bytes:
    head = element(6, struct.pack("<II", kind, 0)) + element(5, struct.pack(f"<{len(shape)}i", *shape))
    return element(14, head + element(1, name.encode()) + b"".join(contents))


def meta_mat(path, ids) -> None:
    """A MATLAB 5 file as the devkit's: one compressed array of structs."""
    fields = ("ILSVRC2012_ID", "WNID", "words")
    cells = []
    for number, wnid in ids.items():
        text = np.frombuffer(wnid.encode("utf-16-le"), np.uint8).tobytes()
        # A number below 256 is stored in a small element, as MATLAB does.
        cells.append(matrix(6, (1, 1), "", struct.pack("<HHHxx", 4, 2, number)))
        cells.append(matrix(4, (1, len(wnid)), "", element(4, text)))
        cells.append(matrix(4, (1, 1), "", element(1, b"x")))
    names = b"".join(field.encode().ljust(32, b"\0") for field in fields)
    whole = matrix(2, (len(ids), 1), "synsets", struct.pack("<HHi", 5, 4, 32), element(1, names), *cells)
    packed = zlib.compress(whole)
    path.write_bytes(b"MATLAB 5.0".ljust(124) + b"\x00\x01IM" + struct.pack("<II", 15, len(packed)) + packed)


def test_a_devkit_beside_the_pictures_is_found_and_its_meta_file_read(tmp_path):
    ilsvrc(tmp_path / "val")
    data = tmp_path / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n1\n2\n")
    with pytest.raises(vi.DataError, match=r"meta\.mat"):
        open_dataset(tmp_path / "val")
    meta_mat(data / "meta.mat", {1: "n02119789", 2: "n02100735"})
    assert [i.label for i in open_dataset(tmp_path / "val").items] == ["n02100735", "n02119789", "n02100735"]


def test_two_columns_and_labels_csv_by_path_name_or_stem(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    (root / "labels.csv").unlink()
    assert [i.label for i in open_dataset(root).items] == [None] * 3
    other = tmp_path / "classes.txt"
    other.write_text("p0.png 2\nimages/p1.png tiger cat\np2 n02123045\n")
    assert [i.label for i in open_dataset(root, labels=other).items] == ["2", "tiger cat", "n02123045"]
    other.write_text("p0.png 2\np0.png 3\n")
    with pytest.raises(vi.DataError, match="two labels: 2 and 3"):
        open_dataset(root, labels=other)
    other.write_text("p0.png\n")
    with pytest.raises(vi.DataError, match="Line 1"):
        open_dataset(root, labels=other)


def test_a_picture_with_a_number_sign_in_its_name_has_its_label(tmp_path):
    picture(tmp_path / "images" / "a#b.png", 1)
    picture(tmp_path / "images" / "a.png", 2)
    (tmp_path / "labels.csv").write_text("image,label\nimages/a#b.png,bee\nimages/a.png,ant\n")
    labels = read_labels(tmp_path / "labels.csv")
    assert labels("images/a#b.png") == "bee"
    assert labels("images/a.png") == "ant"
    # An item may stand for one class of a picture: it has the picture's label.
    assert labels("images/a#b.png#cat") == "bee"
    assert {item.path.name: item.label for item in open_dataset(tmp_path).items} == {"a#b.png": "bee", "a.png": "ant"}
