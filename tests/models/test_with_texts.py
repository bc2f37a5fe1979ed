"""Texts as the classes of an image-text model: predictions and targets are those of the texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
import transformers as library

import vitinspect as vi
from tests.models.test_image_text import IDS, TEXT, VISION, clip, drawn, load, pictures
from vitinspect.errors import ParameterError, TargetError
from vitinspect.models.with_texts import with_texts, without_texts


@dataclass
class Texts:
    names: tuple[str, ...]
    vectors: np.ndarray


def texts_of(model: Any) -> Texts:
    vectors = torch.nn.functional.normalize(model.text_embedding(IDS), dim=-1).numpy()
    return Texts(("a cat", "a dog"), vectors)


@pytest.fixture(params=["clip", "siglip"])
def both(request, tmp_path):
    """The library's model, ours with texts, and whether each text is a yes or no of its own."""
    if request.param == "clip":
        theirs = clip()
    else:
        theirs = drawn(library.SiglipModel(library.SiglipConfig(vision_config=VISION, text_config=TEXT)))
    model = load(theirs, tmp_path)
    return theirs, with_texts(model, texts_of(model)), request.param == "siglip"


def test_answers_are_the_zero_shot_logits_of_the_library(both):
    theirs, model, sigmoid = both
    logits, probabilities = model.answers(pictures())
    with torch.no_grad():
        wanted = theirs(input_ids=IDS, pixel_values=pictures()).logits_per_image.double()
    assert torch.allclose(logits, wanted, atol=1e-4 * float(wanted.abs().max()))
    assert torch.allclose(probabilities, wanted.sigmoid() if sigmoid else wanted.softmax(-1), atol=1e-4)
    assert model.predicted(model.logits(pictures())) == wanted.argmax(-1).tolist()
    best = model.predict(pictures()[0])
    assert {one.label for one in best} == {"a cat", "a dog"}
    assert best[0].index == int(wanted[0].argmax())


def test_a_target_is_the_embedding_of_its_text(both):
    _, model, _ = both
    plain, x = without_texts(model), pictures()[0]
    vectors = model.texts.vectors
    for target, vector in (
        (1, vectors[1]),
        ("a dog", vectors[1]),
        ("a cat - a dog", vectors[0] - vectors[1]),
        (None, vectors[model.predicted(model.logits(x[None]))[0]]),
    ):
        found = vi.explain(model, x, ["legrad"], target)["legrad"]
        wanted = vi.explain(plain, x, ["legrad"], vi.TextEmbedding(vector))["legrad"]
        assert np.allclose(found.values, wanted.values)
        assert found.target == vi.TextEmbedding(vector)
    with pytest.raises(TargetError, match="classes 0 to 1"):
        vi.explain(model, x, ["legrad"], 2)


def test_precision_and_fingerprint_depend_on_the_texts(both):
    _, model, _ = both
    exact = model.at_precision("float64")
    assert exact.labels == ["a cat", "a dog"]
    assert exact.dtype == torch.float64
    other = with_texts(model, Texts(("x", "a dog"), model.texts.vectors))
    assert len({model.fingerprint, other.fingerprint, model.plain.fingerprint}) == 3
    assert not without_texts(model).has_classifier
    assert other.plain is model.plain, "texts take the place of texts"


def test_embeddings_that_do_not_fit_and_other_models_are_refused(both):
    _, model, _ = both
    with pytest.raises(ParameterError, match="numbers"):
        with_texts(model, Texts(("a",), np.ones((1, 5), np.float32)))
    demo = vi.load_model("demo", device="cpu")
    with pytest.raises(ParameterError, match="not an image-text model"):
        with_texts(demo, Texts(("a",), np.ones((1, demo.outputs), np.float32)))
