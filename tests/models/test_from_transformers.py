"""A folder saved by the transformers library gives the same logits without the library."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models.heads import ClassAndMeanVisionTransformer
from vitinspect.models.preprocess import prepare
from vitinspect.models.sources import load_model

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

SIZES = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 4, "image_size": 48, "patch_size": 8}
KINDS = {
    "vit": (transformers.ViTConfig, transformers.ViTForImageClassification),
    "deit": (transformers.DeiTConfig, transformers.DeiTForImageClassification),
    "deit+teacher": (transformers.DeiTConfig, transformers.DeiTForImageClassificationWithTeacher),
    "dinov2": (transformers.Dinov2Config, transformers.Dinov2ForImageClassification),
    "dinov2+registers": (
        transformers.Dinov2WithRegistersConfig,
        transformers.Dinov2WithRegistersForImageClassification,
    ),
}


def make(kind: str, seed: int = 0, **settings: Any) -> transformers.PreTrainedModel:
    """A real model of the library, with random weights of a size that makes every part count."""
    config_class, model_class = KINDS[kind]
    settings = {**SIZES, "num_labels": 7, **settings}
    if not kind.startswith("dinov2"):
        settings.setdefault("intermediate_size", 96)
    model = model_class(config_class(**settings)).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.2 if parameter.ndim > 1 else 0.3
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * spread)
            if "norm" in name and name.endswith("weight"):
                parameter.add_(1)
    return model


def compare(model: transformers.PreTrainedModel, folder: Path, size: tuple[int, int] | None = None, **call) -> Any:
    """Save, load and compare; gives the loaded model."""
    if not (folder / "config.json").exists():
        model.save_pretrained(folder)
    loaded = load_model(folder, device="cpu", img_size=size)
    inputs = torch.randn(3, 3, *loaded.input_size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(inputs, **call).logits
    difference = (loaded.logits(inputs) - expected).abs().max().item()
    assert expected.abs().max() > 0.5
    assert difference < 1e-4, difference
    return loaded


@pytest.mark.parametrize("kind", KINDS)
def test_the_logits_are_equal(kind, tmp_path):
    loaded = compare(make(kind), tmp_path)
    assert loaded.grid == (6, 6)
    assert loaded.num_classes == 7


@pytest.mark.parametrize("kind", KINDS)
def test_resampling_of_positions_is_reported_and_only_then(kind, tmp_path):
    make(kind).save_pretrained(tmp_path)
    assert not load_model(tmp_path, device="cpu").notes
    native = load_model(tmp_path, device="cpu").input_size[0]
    (note,) = load_model(tmp_path, device="cpu", img_size=2 * native).notes
    assert "from 6 x 6 to 12 x 12" in note
    assert ("smoothed where it shrinks" in note) == ("registers" in kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "settings",
    [
        {"layer_norm_eps": 0.05},
        {"qkv_bias": False},
        {"hidden_act": "gelu_new"},
        {"hidden_act": "quick_gelu"},
        {"hidden_size": 40, "num_attention_heads": 2, "patch_size": 16, "image_size": 96, "num_hidden_layers": 1},
    ],
    ids=lambda settings: ",".join(f"{k}={v}" for k, v in settings.items()),
)
def test_the_logits_are_equal_for_other_settings(kind, settings, tmp_path):
    compare(make(kind, **settings), tmp_path)


@pytest.mark.parametrize("hidden", [50, 97, 131])
def test_an_odd_width_of_the_mlp_is_met_exactly(hidden, tmp_path):
    compare(make("vit", intermediate_size=hidden), tmp_path)


@pytest.mark.parametrize("kind", ["dinov2", "dinov2+registers"])
def test_gated_mlps_and_layer_scale_are_equal(kind, tmp_path):
    compare(make(kind, use_swiglu_ffn=True, mlp_ratio=3), tmp_path)


@pytest.mark.parametrize("registers", [1, 6])
def test_the_number_of_registers_is_the_configs(registers, tmp_path):
    loaded = compare(make("dinov2+registers", num_register_tokens=registers), tmp_path)
    assert loaded.prefix_tokens == 1 + registers
    assert loaded.prefix_names[0] == "class"


@pytest.mark.parametrize("kind", ["vit", "deit", "deit+teacher"])
@pytest.mark.parametrize("size", [(64, 64), (32, 32), (48, 80)])
def test_positions_are_resampled_as_the_library_does_for_another_input_size(kind, size, tmp_path):
    compare(make(kind), tmp_path, size, interpolate_pos_encoding=True)


@pytest.mark.parametrize("kind", ["dinov2", "dinov2+registers"])
@pytest.mark.parametrize("size", [(64, 64), (32, 32), (48, 80)])
def test_dinov2_takes_any_size_by_itself(kind, size, tmp_path):
    compare(make(kind), tmp_path, size)


def test_a_model_of_a_size_that_is_no_square(tmp_path):
    loaded = compare(make("vit", image_size=(32, 64)), tmp_path)
    assert loaded.grid == (4, 8)


def test_what_the_heads_read_is_known(tmp_path):
    pooling, prefixes = {}, {}
    for kind in KINDS:
        loaded = compare(make(kind), tmp_path / kind)
        pooling[kind], prefixes[kind] = loaded.pooling, loaded.prefix_tokens
    assert pooling == {
        "vit": "token",
        "deit": "token",
        "deit+teacher": "distilled",
        "dinov2": "cls+mean",
        "dinov2+registers": "cls+mean",
    }
    assert load_model(tmp_path / "deit", device="cpu").prefix_names == ("class", "distillation")
    assert prefixes == {"vit": 1, "deit": 2, "deit+teacher": 2, "dinov2": 1, "dinov2+registers": 5}


@pytest.mark.parametrize("kind", ["vit", "dinov2+registers"])
def test_the_embedding_of_a_model_without_head_is_its_class_token(kind, tmp_path):
    classifier = make(kind)
    body = classifier.base_model
    body.config.architectures = [type(body).__name__]
    body.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, device="cpu")
    assert not loaded.has_classifier
    inputs = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = body(inputs).last_hidden_state[:, 0]
    assert (loaded.logits(inputs) - expected).abs().max() < 1e-4


def test_a_head_left_out_gives_the_embedding(tmp_path):
    model = make("dinov2")
    model.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, device="cpu", num_classes=0)
    inputs = torch.randn(1, 3, 48, 48)
    with torch.no_grad():
        expected = model.base_model(inputs).last_hidden_state[:, 0]
    assert loaded.outputs == 48
    assert (loaded.logits(inputs) - expected).abs().max() < 1e-4


# --- files -----------------------------------------------------------------------------------------------------


def test_the_names_of_version_5_are_understood_as_well_as_those_of_version_4(tmp_path):
    for kind in KINDS:
        model = make(kind, use_swiglu_ffn=True) if kind.startswith("dinov2") else make(kind)
        folder = tmp_path / kind
        model.save_pretrained(folder)
        saved = load_file(folder / "model.safetensors")
        assert any(".attention.attention.query." in key for key in saved), "version 4's names"
        live = {key: value.contiguous() for key, value in model.state_dict().items()}
        compare(model, folder)
        save_file(live, folder / "model.safetensors")
        compare(model, folder)


def test_weights_in_pickles_and_in_pieces_are_read(tmp_path):
    model = make("vit")
    model.save_pretrained(tmp_path / "whole")
    weights = load_file(tmp_path / "whole" / "model.safetensors")
    for name in ("pickle", "pieces", "pickled_pieces"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_bytes((tmp_path / "whole" / "config.json").read_bytes())
    torch.save(weights, tmp_path / "pickle" / "pytorch_model.bin")
    half = len(weights) // 2
    parts = [dict(list(weights.items())[:half]), dict(list(weights.items())[half:])]
    for folder, ending, save in (
        ("pieces", "safetensors", save_file),
        ("pickled_pieces", "bin", lambda part, path: torch.save(part, path)),
    ):
        index = {}
        stem = "model" if ending == "safetensors" else "pytorch_model"
        for number, part in enumerate(parts, 1):
            file = f"{stem}-0000{number}-of-00002.{ending}"
            save(part, tmp_path / folder / file)
            index.update(dict.fromkeys(part, file))
        index_file = tmp_path / folder / f"{stem}.{ending}.index.json"
        index_file.write_text(json.dumps({"metadata": {}, "weight_map": index}))
    for name in ("pickle", "pieces", "pickled_pieces"):
        compare(model, tmp_path / name)
    (tmp_path / "pieces" / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match="00002-of-00002"):
        load_model(tmp_path / "pieces", device="cpu")


def test_half_precision_is_used_as_single(tmp_path):
    model = make("vit")
    model.half().save_pretrained(tmp_path)
    model.float()
    loaded = compare(model, tmp_path)
    assert loaded.dtype == torch.float32


def test_the_classes_have_their_names(tmp_path):
    names = {i: f"beast {i}" for i in range(7)}
    make("vit", id2label=names, label2id={v: k for k, v in names.items()}).save_pretrained(tmp_path)
    loaded = load_model(tmp_path, device="cpu")
    assert loaded.labels == list(names.values())
    assert load_model(tmp_path, device="cpu", labels=list("abcdefg")).labels == list("abcdefg")


def test_placeholders_are_not_taken_for_names(tmp_path):
    make("vit").save_pretrained(tmp_path)
    assert not load_model(tmp_path, device="cpu").has_labels


def test_it_can_be_left_untrained_without_any_weights(tmp_path):
    make("dinov2").config.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["architectures"] = ["Dinov2ForImageClassification"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = load_model(tmp_path, device="cpu", random=True)
    assert isinstance(loaded.module, ClassAndMeanVisionTransformer)
    assert loaded.num_classes == 7
    assert "untrained" in loaded.source


def test_the_library_itself_is_not_needed(tmp_path):
    make("vit").save_pretrained(tmp_path)
    code = (
        "import sys; sys.modules['transformers'] = None\n"
        "from vitinspect.models.sources import load_model\n"
        f"print(load_model({str(tmp_path)!r}, device='cpu').num_classes)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.stdout.strip() == "7", result.stderr


# --- preparing pictures ------------------------------------------------------------------------------------------


def _processor(kind: str) -> Any:
    return {
        "vit": lambda: transformers.ViTImageProcessor(
            size={"height": 48, "width": 48}, image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.4], resample=2
        ),
        "deit": lambda: transformers.DeiTImageProcessor(
            size={"height": 56, "width": 56}, crop_size={"height": 48, "width": 48}, resample=3
        ),
        "dinov2": lambda: transformers.BitImageProcessor(
            size={"shortest_edge": 72},
            crop_size={"height": 64, "width": 64},
            image_mean=[0.485, 0.456, 0.406],
            image_std=[0.229, 0.224, 0.225],
        ),
    }[kind]()


@pytest.mark.parametrize("kind", ["vit", "deit", "dinov2"])
def test_pictures_are_prepared_as_the_librarys_processor_prepares_them(kind, tmp_path):
    make(kind).save_pretrained(tmp_path)
    processor = _processor(kind)
    processor.save_pretrained(tmp_path)
    loaded = load_model(tmp_path, device="cpu")
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize((200, 150), Image.BICUBIC)
    expected = processor(image, return_tensors="pt")["pixel_values"][0].float()
    got = prepare(image, loaded.preprocessing).tensor
    assert got.shape == expected.shape
    # The library resizes with torchvision, timm with Pillow: they differ by a grey level here and there.
    assert (got - expected).abs().max() < 3 / 255 / min(loaded.preprocessing.std)
    assert (got - expected).abs().mean() < 0.5 / 255 / min(loaded.preprocessing.std)


def test_dinov2_works_at_the_size_that_its_processor_makes(tmp_path):
    model = make("dinov2")
    model.save_pretrained(tmp_path)
    _processor("dinov2").save_pretrained(tmp_path)
    loaded = compare(model, tmp_path)
    assert loaded.input_size == (64, 64)
    assert loaded.grid == (8, 8)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"do_normalize": False}, {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}),
        ({"size": 48, "resample": 0}, {"interpolation": "nearest", "crop_mode": "squash"}),
        ({"size": {"shortest_edge": 60}, "do_center_crop": True, "crop_size": 48}, {"crop_mode": "center"}),
        ({"image_processor": {"image_mean": [0.1, 0.2, 0.3]}}, {"mean": (0.1, 0.2, 0.3)}),
    ],
)
def test_older_and_newer_ways_of_writing_the_settings_are_read(settings, expected, tmp_path):
    make("vit").save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    preprocessing = load_model(tmp_path, device="cpu").preprocessing
    assert {name: getattr(preprocessing, name) for name in expected} == expected
    assert preprocessing.input_size == (48, 48)


# --- refusals ----------------------------------------------------------------------------------------------------


def refusal(folder: Path, kind: type[ModelError] = ModelError) -> str:
    with pytest.raises(kind) as caught:
        load_model(folder, device="cpu")
    message = str(caught.value)
    assert str(folder) in message
    return message


@pytest.mark.parametrize(
    "model",
    [
        lambda: transformers.BertModel(
            transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
        ),
        lambda: transformers.ViTForMaskedImageModeling(
            transformers.ViTConfig(**SIZES, intermediate_size=64, encoder_stride=8)
        ),
        lambda: transformers.ResNetForImageClassification(
            transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1])
        ),
    ],
)
def test_another_kind_of_model_is_refused_by_its_name(model, tmp_path):
    instance = model()
    instance.save_pretrained(tmp_path)
    message = refusal(tmp_path, UnsupportedModelError)
    assert type(instance).__name__ in message
    assert "Supported are" in message


def test_weights_that_do_not_fit_the_configuration_are_listed(tmp_path):
    make("vit").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    assert "blocks.2." in refusal(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 5}))
    assert re.search(r"missing blocks\.3\.\S+, \S+, \S+ and \d+ more", refusal(tmp_path))
    (tmp_path / "config.json").write_text(json.dumps({**config, "hidden_size": 32}))
    assert "48" in refusal(tmp_path)


def test_impossible_configurations_are_refused(tmp_path):
    make("vit").save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for change, words in (
        ({"hidden_act": "magic"}, "magic"),
        ({"num_attention_heads": 5}, "no model can be built"),
        ({"num_channels": 4}, "channels"),
        ({"patch_size": "large"}, "patch_size"),
        ({"hidden_size": None}, "hidden_size must be a whole number"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        assert words in refusal(tmp_path)


def test_a_missing_or_damaged_file_is_named(tmp_path):
    make("vit").save_pretrained(tmp_path)
    weights = tmp_path / "model.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    assert "model.safetensors is truncated or damaged" in refusal(tmp_path)
    os.unlink(weights)
    assert "no weights" in refusal(tmp_path)
    (tmp_path / "config.json").write_text("{ not json")
    assert "config.json is damaged" in refusal(tmp_path)
