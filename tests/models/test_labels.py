"""Classes have names, and a name is found by the typed part of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from vitinspect.models.labels import find, imagenet_labels, labels_from_config, labels_from_id2label


@pytest.mark.parametrize("num_classes", [1000, 11821, 21841, 21843])
def test_the_selections_of_imagenet_have_names(num_classes):
    labels = imagenet_labels(num_classes)
    assert labels is not None
    assert len(labels) == num_classes
    assert all(labels)


def test_imagenet_is_in_its_usual_order():
    labels = imagenet_labels(1000)
    assert labels is not None
    assert labels[0].startswith("tench")
    assert labels[243].startswith("bull mastiff")
    assert labels[999].startswith("toilet tissue")


def test_other_numbers_of_classes_have_no_names():
    assert imagenet_labels(7) is None
    assert imagenet_labels(0) is None


def test_a_models_own_names_take_precedence():
    module = SimpleNamespace(pretrained_cfg={"label_names": [f"thing {i}" for i in range(1000)]})
    labels = imagenet_labels(1000, module)
    assert labels is not None
    assert labels[5] == "thing 5"


def test_names_in_a_configuration_may_be_a_list_a_mapping_or_have_descriptions():
    assert labels_from_config({"label_names": ["a", "b"]}, 2) == ["a", "b"]
    assert labels_from_config({"label_names": {"1": "b", "0": "a"}}, 2) == ["a", "b"]
    described = {"label_names": ["n1", "n2"], "label_descriptions": {"n1": "cat"}}
    assert labels_from_config(described, 2) == ["cat", "n2"]
    assert labels_from_config({"label_names": ["a", "b"]}, 3) is None
    assert labels_from_config({}, 3) is None
    assert labels_from_config(None, 3) is None


def test_placeholders_are_not_names():
    assert labels_from_id2label({"0": "LABEL_0", "1": "LABEL_1"}, 2) is None
    assert labels_from_id2label({0: "cat", 1: "dog"}, 2) == ["cat", "dog"]
    assert labels_from_id2label({"0": "cat"}, 2) is None


LABELS = ["tabby, tabby cat", "Egyptian cat", "catamaran", "dog", "hot dog, hotdog", "bobcat", "big dog sled", "3"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("dog", ["dog", "big dog sled", "hot dog, hotdog"]),
        ("hotdog", ["hot dog, hotdog"]),
        ("cat", ["catamaran", "Egyptian cat", "tabby, tabby cat", "bobcat"]),
        ("TABBY CAT", ["tabby, tabby cat"]),
        ("cat egy", ["Egyptian cat"]),
        ("sled dog", ["big dog sled"]),
        ("zebra", []),
        ("3", ["dog", "3"]),
    ],
)
def test_the_likeliest_name_comes_first(query, expected):
    assert [LABELS[index] for index in find(LABELS, query)] == expected


def test_an_empty_query_finds_everything_up_to_the_limit():
    assert find(LABELS, " ") == list(range(len(LABELS)))
    assert find(LABELS, "", limit=2) == [0, 1]
    assert len(find(LABELS, "cat", limit=1)) == 1
