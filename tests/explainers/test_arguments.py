"""Invalid arguments are refused with a sentence that names the parameter, and nothing is run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.goldens import golden_model, inputs_q
from vitinspect.explainers.targets import Contrast

MODEL = golden_model("q1")
X = inputs_q("q1", 0)


def named(value: Any) -> str:
    """The name of a case: the same in each process, which an address in memory is not."""
    return type(value).__name__ if type(value) is object else repr(value)


@pytest.mark.parametrize(
    "target",
    [2.7, True, False, math.inf, -math.inf, math.nan, 1e300, 10**400, 1 + 2j, b"3", object(), {}, {3}, [3, 4], (1, 2),
     np.array([1, 2]), np.float32(2.5), np.True_, torch.tensor(2.5), torch.tensor(True), torch.tensor([1, 2]),
     torch.empty((), device="meta"), Contrast(True, 2), Contrast(1, 2.5), Contrast(None, 2), -1, 10],
    ids=named,
)  # fmt: skip
def test_a_target_that_is_not_a_class(target: Any) -> None:
    with pytest.raises(vi.TargetError, match="target"):
        vi.explain(MODEL, X, "rollout", target)


@pytest.mark.parametrize("target", ["2.7", "inf", "", "10", "True"])
def test_a_text_that_names_no_class(target: str) -> None:
    with pytest.raises(vi.TargetError, match="class"):
        vi.explain(MODEL, X, "rollout", target)


@pytest.mark.parametrize(
    "target", [3, np.int64(3), np.uint8(3), torch.tensor(3), np.array(3), torch.tensor([3]), "3", 3.0, np.float32(3)]
)
def test_a_target_that_is_a_class_in_whatever_number_type(target: Any) -> None:
    found = vi.explain(MODEL, X, "rollout", target).target
    assert found == 3
    assert type(found) is int


@pytest.mark.parametrize("vector", ["a photo of a cat", None, [[1, "x"]], np.array([]), object(), np.full(10, np.nan)])
def test_a_text_embedding_that_is_not_a_vector(vector: Any) -> None:
    with pytest.raises(vi.TargetError, match="text embedding"):
        vi.explain(MODEL, X, "saliency", vi.TextEmbedding(vector))


@pytest.mark.parametrize("targets", [[1.5], np.array([0.5]), torch.tensor([True]), [[1]]])
def test_targets_of_a_batch_that_are_not_classes(targets: Any) -> None:
    with pytest.raises(vi.TargetError, match="target"):
        vi.explain_batch(MODEL, [X[0]], "rollout", targets)


@pytest.mark.parametrize("targets", [[1, 2], []])
def test_targets_of_a_batch_that_are_too_many_or_too_few(targets: Any) -> None:
    with pytest.raises(vi.ParameterError, match="targets were given for 1 images"):
        vi.explain_batch(MODEL, [X[0]], "rollout", targets)


@pytest.mark.parametrize(
    "methods",
    [None, 5, object(), True, [None], [["rollout"]], ("rollout", 5), [("rollout", None)], [], "", {}, b"rollout",
     np.zeros(2)],
    ids=named,
)  # fmt: skip
def test_values_that_are_not_methods(methods: Any) -> None:
    with pytest.raises(vi.ParameterError, match="method"):
        vi.explain(MODEL, X, methods)


@pytest.mark.parametrize("value", ["1e999", "-1e999", "nan", math.inf, 10**400, 1.5, True, [1], np.array([1, 2]),
                                   torch.zeros(2), 1j], ids=named)  # fmt: skip
def test_a_value_that_is_not_a_whole_number(value: Any) -> None:
    with pytest.raises(vi.ParameterError, match="start_layer must be a whole number"):
        vi.explain(MODEL, X, [("rollout", {"start_layer": value})])


def test_an_infinite_number_in_the_written_form() -> None:
    with pytest.raises(vi.ParameterError, match="start_layer must be a whole number"):
        vi.explain(MODEL, X, "rollout(start_layer=1e999)")
    with pytest.raises(vi.ParameterError, match="noise must be a number"):
        vi.explain(MODEL, X, "smoothgrad(noise=inf)")


def test_no_parameter_of_any_method_takes_what_is_not_finite() -> None:
    for info in vi.methods():
        for parameter in info.parameters:
            if parameter.type in ("int", "float"):
                for value in ("inf", "nan", -math.inf, 10**400):
                    with pytest.raises(vi.ParameterError, match=parameter.name):
                        parameter.validate(value, info.id)


@pytest.mark.parametrize(
    "image",
    [X.to_sparse(), torch.empty(3, 64, 64, device="meta"), X.to(torch.complex64), X.int(), X[0, 0],
     X.expand(2, -1, -1, -1), torch.nested.nested_tensor([X[0], X[0]]),
     torch.quantize_per_tensor(X[0], 0.1, 0, torch.qint8), None, 7, object(), {}, np.zeros((4, 4, 4, 3)),
     np.array("picture"), b""],
    ids=lambda image: type(image).__name__ + str(getattr(image, "dtype", "")),
)  # fmt: skip
def test_a_value_that_is_not_an_image(image: Any) -> None:
    with pytest.raises(vi.ImageError, match="[Ii]mage|[Ii]nput|[Pp]icture|tensor"):
        vi.explain(MODEL, image, "rollout")


@pytest.mark.parametrize("images", [None, 5, "folder/picture.png", torch.zeros(()), object()], ids=named)
def test_images_that_are_not_a_sequence(images: Any) -> None:
    with pytest.raises(vi.ImageError, match="images"):
        vi.explain_batch(MODEL, images, "rollout")


@pytest.mark.parametrize("precision", [None, "float16", 32, ["float32"], torch.float32, ""], ids=named)
def test_an_unknown_precision(precision: Any) -> None:
    with pytest.raises(vi.ParameterError, match="precision"):
        vi.explain(MODEL, X, "rollout", precision=precision)


@pytest.mark.parametrize("mode", [None, "stretch", 3, ["crop"]], ids=named)
def test_an_unknown_mode(mode: Any) -> None:
    for image in (X, np.zeros((64, 64, 3), np.uint8)):
        with pytest.raises(vi.VitInspectError, match="mode|fit"):
            vi.explain(MODEL, image, "rollout", mode=mode)


@pytest.mark.parametrize(
    "model", [None, "demo", MODEL.module, MODEL.module.head], ids=lambda model: type(model).__name__
)
def test_a_model_that_is_not_wrapped(model: Any) -> None:
    with pytest.raises(vi.ModelError, match=r"model.*load_model.*wrap_model"):
        vi.explain(model, X, "rollout")
