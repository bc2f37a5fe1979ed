"""Texts of image-text models: the library's own logits from token ids, saved once and used without the tower."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers as library
from PIL import Image

import vitinspect as vi
from tests.models.test_image_text import SIZES, VISION, clip, drawn
from vitinspect.cli import main
from vitinspect.errors import DataError, ParameterError
from vitinspect.probing import texts as module
from vitinspect.probing.texts import canonical, embed_texts, predict_texts, read_texts, tokens_of

IDS = {
    "a cat": [5, 7, 49, 0, 0],
    "a dog": [5, 8, 49, 0, 0],
    "photo of a cat": [3, 5, 7, 49, 0],
    "photo of a dog": [3, 5, 8, 49, 0],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("clip")
    clip().save_pretrained(place / "model")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)).save(place / "p.png")
    (place / "ids.json").write_text(json.dumps(IDS))
    return place


@pytest.fixture(scope="module")
def model(folder):
    return vi.load_model(folder / "model", device="cpu")


@torch.no_grad()
def test_probabilities_of_texts_are_the_librarys(folder, model):
    texts = embed_texts(model, ["a cat", "a dog"], token_ids=IDS)
    found = predict_texts(model, folder / "p.png", texts)
    inputs = model.preprocess(vi.open_image(folder / "p.png")).tensor[None]
    ids = torch.tensor([IDS["a cat"], IDS["a dog"]])
    loaded = library.CLIPModel.from_pretrained(folder / "model").eval()
    theirs = loaded(input_ids=ids, pixel_values=inputs).logits_per_image[0]
    assert {p.label: p.logit for p in found} == pytest.approx(
        dict(zip(["a cat", "a dog"], theirs.tolist(), strict=True)), rel=1e-4
    )
    assert {p.label: p.probability for p in found} == pytest.approx(
        dict(zip(["a cat", "a dog"], theirs.softmax(-1).tolist(), strict=True)), rel=1e-3
    )


def test_several_templates_give_the_mean_direction(model):
    both = embed_texts(model, ["a cat"], ["{}", "photo of {}"], token_ids=IDS).vectors[0]
    rows = [model.text_embedding([IDS[name]])[0].numpy() for name in ("a cat", "photo of a cat")]
    mean = sum(row / np.linalg.norm(row) for row in rows)
    assert np.allclose(both, mean / np.linalg.norm(mean), atol=1e-5)


def test_siglips_texts_have_independent_probabilities(tmp_path):
    text = {**SIZES, "vocab_size": 50, "max_position_embeddings": 5}
    theirs = drawn(library.SiglipModel(library.SiglipConfig(vision_config=VISION, text_config=text)))
    theirs.save_pretrained(tmp_path)
    model = vi.load_model(tmp_path, device="cpu")
    texts = embed_texts(model, ["a cat", "a dog"], token_ids=IDS)
    found = predict_texts(model, torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(0)), texts)
    for one in found:
        assert one.probability == pytest.approx(1 / (1 + np.exp(-one.logit)))
    assert canonical("A Photo_of  a Cat!") == "a photo of a cat"


def test_saved_embeddings_need_no_tower_and_fit_their_model_alone(folder, model, tmp_path):
    texts = embed_texts(model, ["a cat", "a dog"], token_ids=IDS)
    (tmp_path / "t.npz").write_bytes(texts.npz())
    read = read_texts(tmp_path / "t.npz", model)
    assert read.names == texts.names
    assert np.array_equal(read.vectors, texts.vectors)
    with pytest.raises(DataError, match="another model"):
        read_texts(tmp_path / "t.npz", vi.load_model("demo", device="cpu"))
    (tmp_path / "t.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="is not a file of text embeddings"):
        read_texts(tmp_path / "t.npz", model)


def test_a_model_of_clips_vocabulary_is_read_by_its_tokenizer(model, monkeypatch):
    from dataclasses import replace

    pytest.importorskip("open_clip")
    tower = model.text.tower
    monkeypatch.setattr(tower, "settings", replace(tower.settings, vocabulary=49408))
    assert tokens_of(model, ["a cat"])[0].tolist() == [49406, 320, 2368, 49407, 0, 0, 0, 0, 0]


def test_missing_inputs_are_named(model):
    with pytest.raises(ParameterError, match="no text tower"):
        embed_texts(vi.load_model("demo", device="cpu"), ["a cat"])
    with pytest.raises(ParameterError, match="No token ids are given for 'a cow'"):
        embed_texts(model, ["a cow"], token_ids=IDS)
    with pytest.raises(ParameterError, match="once"):
        embed_texts(model, ["a cat"], ["photo"], token_ids=IDS)
    with pytest.raises(ParameterError, match="Token ids or saved embeddings"):
        module.tokens_of(model, ["a cat"])


def command(*words) -> int:
    return main([str(word) for word in words])


def test_predict_and_explain_take_texts(folder, tmp_path, capsys):
    model = ("--model", folder / "model", "--device", "cpu")
    saving = ("--token-ids", folder / "ids.json", "--save-text-embeddings", tmp_path / "t.npz")
    two = ("--text", "a cat", "--text", "a dog")
    assert command("predict", folder / "p.png", *two, *saving, *model, "--json") == 0
    first = json.loads(capsys.readouterr().out)
    assert {row["label"] for row in first["predictions"]} == {"a cat", "a dog"}
    saved = ("--text-embeddings", tmp_path / "t.npz")
    assert command("predict", folder / "p.png", *saved, *model, "--json") == 0
    assert json.loads(capsys.readouterr().out)["predictions"] == first["predictions"]
    out = tmp_path / "maps"
    assert command("explain", folder / "p.png", *saved, *model, "--methods", "legrad", "--out", out) == 0
    maps = [np.load(path)["values"] for path in sorted(out.glob("*.npz"))]
    assert len(maps) == 2
    assert not np.allclose(*maps)
    contrast = tmp_path / "contrast"
    against = ("--text", "a cat", "--against", "a dog", "--methods", "legrad")
    assert command("explain", folder / "p.png", *saved, *model, *against, "--out", contrast) == 0
    about = json.loads(str(np.load(next(contrast.glob("*.npz")))["metadata"]))
    assert about["target"] == {"text": "a cat - a dog"}


def test_texts_and_classes_together_are_refused(folder, tmp_path, capsys):
    model = ("--model", folder / "model", "--device", "cpu", "--token-ids", folder / "ids.json")
    assert command("explain", folder / "p.png", *model, "--text", "a cat", "--target", "3", "--out", tmp_path) != 0
    assert "--text and --target" in capsys.readouterr().err
    assert command("predict", folder / "p.png", *model) != 0
    assert "no text" in capsys.readouterr().err
