"""OpenCLIP's folders and bare files give what its own classes give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import pytest
import torch
from open_clip.model import CLIP, CustomTextCLIP
from safetensors.torch import save_file

import vitinspect as vi
from vitinspect.errors import ModelError, UnsupportedModelError

TEXT = {"context_length": 9, "vocab_size": 50, "width": 16, "heads": 2, "layers": 2}
OWN = {"image_size": 32, "layers": 2, "width": 32, "patch_size": 8, "head_width": 8}
IDS = torch.tensor([[5, 7, 49, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7, 8, 49]])

MODELS: dict[str, dict[str, Any]] = {
    "quick gelu": {"embed_dim": 12, "quick_gelu": True, "vision_cfg": OWN, "text_cfg": TEXT},
    "gelu, layer scale": {"embed_dim": 12, "vision_cfg": {**OWN, "ls_init_value": 0.1}, "text_cfg": TEXT},
    "average, no norm before": {
        "embed_dim": 12,
        "vision_cfg": {**OWN, "pool_type": "avg", "no_ln_pre": True},
        "text_cfg": TEXT,
    },
    "siglip": {
        "embed_dim": 192,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "vit_tiny_patch16_224", "timm_pool": "avg", "timm_proj": "none"
        },
        "text_cfg": {
            **TEXT, "no_causal_mask": True, "pool_type": "last", "proj_bias": True, "norm_kwargs": {"eps": 1e-6},
            "act_kwargs": {"approximate": "tanh"},
        },
    },
    "timm, projected": {
        "embed_dim": 12,
        "custom_text": True,
        "vision_cfg": {
            "timm_model_name": "vit_tiny_patch16_224", "timm_pool": "token", "timm_proj": "linear"
        },
        "text_cfg": TEXT,
    },
}  # fmt: skip


def theirs(name: str) -> Any:
    config = dict(MODELS[name])
    cls = CustomTextCLIP if config.pop("custom_text", False) else CLIP
    torch.manual_seed(0)
    model = cls(**config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape))
    return model.eval()


def saved(name: str, folder: Path, **changes: Any) -> Any:
    model = theirs(name)
    preprocess = {"mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2], "resize_mode": "squash", "interpolation": "bilinear"}
    config = {"model_cfg": {**MODELS[name], **changes}, "preprocess_cfg": preprocess}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    save_file(
        {k: v.contiguous().clone() for k, v in model.state_dict().items()}, folder / "open_clip_model.safetensors"
    )
    return model


def pictures(size: int = 32) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())


@torch.no_grad()
@pytest.mark.parametrize("name", MODELS)
def test_a_folder_gives_embeddings_and_similarities_of_openclip(name, tmp_path):
    original = saved(name, tmp_path)
    model = vi.load_model(tmp_path, device="cpu")
    x = pictures(model.input_size[0])
    close(model.image_embedding(x), original.encode_image(x))
    close(model.text_embedding(IDS), original.encode_text(IDS))
    images, texts = original.encode_image(x, normalize=True), original.encode_text(IDS, normalize=True)
    wanted = original.logit_scale.exp() * images @ texts.T + (original.logit_bias if name == "siglip" else 0)
    close(model.similarity(x, model.text_embedding(IDS)), wanted)
    assert model.preprocessing.mean == (0.5, 0.4, 0.3)
    assert model.preprocessing.crop_mode == "squash"
    assert not model.has_classifier
    assert model.text.sigmoid == (name == "siglip")


ARCH = "vit_base_patch32_clip_{}224(embed_dim=32, depth=2, num_heads=4, patch_size=8, img_size=32{})"


@torch.no_grad()
@pytest.mark.parametrize("name", ["quick gelu", "gelu, layer scale"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_bare_file_needs_its_architecture_which_tells_the_activation(name, suffix, tmp_path):
    original = theirs(name)
    path = tmp_path / f"clip{suffix}"
    if suffix == ".pt":
        torch.save({"state_dict": {f"module.{k}": v for k, v in original.state_dict().items()}}, path)
    else:
        save_file({k: v.contiguous().clone() for k, v in original.state_dict().items()}, path)
    with pytest.raises(ModelError) as caught:
        vi.load_model(path, device="cpu")
    assert "activation" in str(caught.value)
    assert "--arch" in str(caught.value)
    quick = "quickgelu_" if name == "quick gelu" else ""
    scaled = "" if name == "quick gelu" else ", init_values=0.1"
    model = vi.load_model(path, arch=ARCH.format(quick, scaled), device="cpu")
    close(model.image_embedding(pictures()), original.encode_image(pictures()))
    texts = original.encode_text(IDS)
    wanted = original.logit_scale.exp() * original.encode_image(pictures(), normalize=True)
    close(model.similarity(pictures(), texts), wanted @ torch.nn.functional.normalize(texts, dim=-1).T)
    assert model.text.tower is None
    assert not model.has_classifier


def test_every_method_that_follows_a_text_runs(tmp_path):
    saved("gelu, layer scale", tmp_path)
    model = vi.load_model(tmp_path, device="cpu")
    text = vi.TextEmbedding(model.text_embedding(IDS)[1])
    for method in ("legrad", "lrp", "gradcam", "multiplex"):
        assert vi.explain(model, pictures()[0], [method], text)[method].values.shape == (4, 4)


def test_arrays_without_a_place_and_missing_arrays_are_named(tmp_path):
    original = saved("quick gelu", tmp_path)
    state = {key: value.contiguous().clone() for key, value in original.state_dict().items()}
    path = tmp_path / "open_clip_model.safetensors"
    for key in ("adapter.weight", "visual.adapter.weight", "transformer.adapter.weight"):
        save_file({**state, key: torch.ones(2)}, path)
        with pytest.raises(ModelError, match=r"adapter\.weight"):
            vi.load_model(tmp_path, device="cpu")
    for key in ("visual.ln_pre.weight", "visual.proj", "ln_final.bias"):
        save_file({k: v for k, v in state.items() if k != key}, path)
        with pytest.raises(ModelError, match="missing"):
            vi.load_model(tmp_path, device="cpu")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"vision_cfg": {**OWN, "layers": 1e9}}, "layers"),
        ({"vision_cfg": {**OWN, "width": 10**9}}, "width"),
        ({"vision_cfg": {**OWN, "head_width": 7}}, "head_width"),
        ({"vision_cfg": {**OWN, "layers": [3, 4, 6, 3]}}, "ResNet"),
        ({"vision_cfg": {**OWN, "attentional_pool": True}}, "attentional_pool"),
        ({"vision_cfg": {"timm_model_name": "resnet18"}}, "ResNet"),
        ({"vision_cfg": [1]}, "vision_cfg"),
        ({"vision_cfg": {**OWN, "pool_type": [1]}}, "pool_type"),
        ({"vision_cfg": {**OWN, "mlp_ratio": "four"}}, "mlp_ratio"),
        ({"vision_cfg": {**OWN, "norm_kwargs": {"eps": None}}}, "eps"),
        ({"embed_dim": None}, "embed_dim"),
        ({"vision_cfg": {"timm_model_name": "vit_tiny_patch16_224(checkpoint_path='x')"}}, "no model named"),
        ({"text_cfg": {**TEXT, "vocab_size": 10**12}}, "vocab_size"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings, words, tmp_path):
    saved("quick gelu", tmp_path, **settings)
    with pytest.raises((ModelError, UnsupportedModelError)) as caught:
        vi.load_model(tmp_path, device="cpu")
    assert words in str(caught.value)


def test_a_text_tower_of_another_design_leaves_the_scale(tmp_path):
    saved("quick gelu", tmp_path, text_cfg={"hf_model_name": "roberta-base"})
    model = vi.load_model(tmp_path, device="cpu")
    assert model.text.tower is None
    assert model.similarity(pictures(), torch.randn(3, 12)).shape == (2, 3)
    assert any("not supported" in note for note in model.notes)
    assert open_clip.__version__
