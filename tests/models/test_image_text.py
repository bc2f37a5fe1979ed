"""CLIP, SigLIP, SigLIP 2, MAE and DINOv3 saved by the transformers library give what its own classes give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as library
from safetensors.torch import load_file, save_file

import vitinspect as vi
from vitinspect.errors import ModelError, ParameterError

SIZES = {"hidden_size": 24, "intermediate_size": 40, "num_hidden_layers": 2, "num_attention_heads": 3}
VISION = {**SIZES, "image_size": 32, "patch_size": 8}
TEXT = {**SIZES, "vocab_size": 50, "max_position_embeddings": 9, "eos_token_id": 49}
BOUND = 1e-5


def drawn(model: torch.nn.Module) -> Any:
    """With weights that are not trivial, also those that the library starts at zero or one."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return model.eval()


def pictures(size: int = 32) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(3))


IDS = torch.tensor([[5, 7, 49, 0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6, 7, 8, 49]])


def close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    assert found.shape == wanted.shape
    assert float((found - wanted).abs().max()) <= BOUND * float(wanted.abs().max())


def load(model: Any, folder: Path, **options: Any) -> vi.ViT:
    model.save_pretrained(folder)
    return vi.load_model(folder, device="cpu", **options)


def clip(end: int = 49) -> Any:
    text = {**TEXT, "eos_token_id": end}
    return drawn(library.CLIPModel(library.CLIPConfig(vision_config=VISION, text_config=text, projection_dim=12)))


# --- image towers ------------------------------------------------------------------------------------------------


@torch.no_grad()
def test_clips_image_tower_ends_with_its_projection(tmp_path):
    theirs = clip()
    model = load(theirs, tmp_path)
    wanted = theirs.visual_projection(theirs.vision_model(pictures()).pooler_output)
    close(model.image_embedding(pictures()), wanted)
    close(model.logits(pictures()), wanted)
    assert not model.has_classifier
    assert model.preprocessing.mean[0] == pytest.approx(0.48145466)


@torch.no_grad()
@pytest.mark.parametrize("projection", [False, True])
def test_clips_image_tower_alone(projection, tmp_path):
    config = library.CLIPVisionConfig(**VISION, projection_dim=12)
    cls = library.CLIPVisionModelWithProjection if projection else library.CLIPVisionModel
    theirs = drawn(cls(config))
    output = theirs(pictures())
    wanted = output.image_embeds if projection else output.pooler_output
    close(load(theirs, tmp_path).image_embedding(pictures()), wanted)


@torch.no_grad()
def test_clips_classifier_averages_patches_without_the_final_norm(tmp_path):
    config = library.CLIPConfig(vision_config=VISION, text_config=TEXT, num_labels=5)
    theirs = drawn(library.CLIPForImageClassification(config))
    model = load(theirs, tmp_path)
    close(model.logits(pictures()), theirs(pictures()).logits)
    assert model.num_classes == 5
    assert model.pooling == "avg"


@torch.no_grad()
def test_siglips_image_towers(tmp_path):
    theirs = drawn(library.SiglipVisionModel(library.SiglipVisionConfig(**VISION)))
    close(load(theirs, tmp_path / "a").image_embedding(pictures()), theirs(pictures()).pooler_output)
    config = library.SiglipConfig(vision_config=VISION, text_config=TEXT, num_labels=5)
    theirs = drawn(library.SiglipForImageClassification(config))
    close(load(theirs, tmp_path / "b").logits(pictures()), theirs(pictures()).logits)


@torch.no_grad()
def test_maes_encoder_leaves_its_decoder_behind(tmp_path):
    config = library.ViTMAEConfig(
        **VISION,
        mask_ratio=0.0,
        decoder_hidden_size=16,
        decoder_num_attention_heads=2,
        decoder_num_hidden_layers=1,
        decoder_intermediate_size=32,
    )
    theirs = drawn(library.ViTMAEForPreTraining(config))
    # The library shuffles patches even where none is masked; the class token does not mind.
    close(load(theirs, tmp_path).image_embedding(pictures()), theirs.vit(pictures()).last_hidden_state[:, 0])


@torch.no_grad()
@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("size", [32, 48])
def test_dinov3_with_its_rotary_positions(gated, size, tmp_path):
    config = library.DINOv3ViTConfig(
        **VISION, num_register_tokens=2, use_gated_mlp=gated, hidden_act="silu" if gated else "gelu"
    )
    theirs = drawn(library.DINOv3ViTModel(config))
    model = load(theirs, tmp_path, img_size=size)
    output = theirs(pictures(size))
    close(model.image_embedding(pictures(size)), output.pooler_output)
    close(model.features(pictures(size), "mean"), output.last_hidden_state[:, 3:].mean(1))
    assert model.prefix_names == ("class", "register 1", "register 2")


# --- text, similarity --------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("end", [49, 2])
def test_clips_texts_and_similarities(end, tmp_path):
    theirs = clip(end)
    model = load(theirs, tmp_path)
    texts = model.text_embedding(IDS)
    close(texts, theirs.text_projection(theirs.text_model(IDS).pooler_output))
    close(model.similarity(pictures(), texts), theirs(input_ids=IDS, pixel_values=pictures()).logits_per_image)
    assert not model.text.sigmoid


@torch.no_grad()
def test_siglips_texts_and_similarities_with_scale_and_bias(tmp_path):
    theirs = drawn(library.SiglipModel(library.SiglipConfig(vision_config=VISION, text_config=TEXT)))
    model = load(theirs, tmp_path)
    output = theirs(input_ids=IDS, pixel_values=pictures())
    texts = model.text_embedding(IDS)
    close(model.similarity(pictures(), texts), output.logits_per_image)
    close(torch.nn.functional.normalize(texts, dim=-1), output.text_embeds)
    assert model.text.sigmoid
    assert model.preprocessing.crop_mode == "squash"


@torch.no_grad()
@pytest.mark.parametrize("side", [4, 6])
def test_siglip2_of_native_resolution_on_a_square(side, tmp_path):
    config = library.Siglip2Config(vision_config={**VISION, "num_patches": 16}, text_config=TEXT)
    theirs = drawn(library.Siglip2Model(config))
    model = load(theirs, tmp_path, img_size=8 * side)
    x = pictures(8 * side)
    rows = x.reshape(2, 3, side, 8, side, 8).permute(0, 2, 4, 3, 5, 1).reshape(2, side * side, -1)
    output = theirs(
        input_ids=IDS,
        pixel_values=rows,
        pixel_attention_mask=torch.ones(2, side * side, dtype=torch.long),
        spatial_shapes=torch.tensor([[side, side]] * 2),
    )
    close(model.similarity(x, model.text_embedding(IDS)), output.logits_per_image)


@torch.no_grad()
def test_at_another_size_positions_are_resampled_as_the_library_does_and_reported(tmp_path):
    theirs = clip()
    model = load(theirs, tmp_path, img_size=48)
    output = theirs.vision_model(pictures(48), interpolate_pos_encoding=True).pooler_output
    close(model.image_embedding(pictures(48)), theirs.visual_projection(output))
    assert any("from 4 x 4 to 6 x 6" in note for note in model.notes)


def test_a_text_is_a_target_of_every_method_that_follows_one(tmp_path):
    model = load(clip(), tmp_path)
    text = vi.TextEmbedding(model.text_embedding(IDS)[0])
    for method in ("legrad", "gradcam", "lrp", "saliency", "reciprocam", "attention_gradient"):
        assert model.why_not(method) is None, method
        assert vi.explain(model, pictures()[0], [method], text)[method].values.size


# --- versions, refusals ------------------------------------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("prefix", ["", "vision_model.", "model.vision_model.", "clip.vision_model."])
def test_prefixes_of_other_versions_and_tables_of_indices_do_not_matter(prefix, tmp_path):
    theirs = drawn(library.CLIPVisionModel(library.CLIPVisionConfig(**VISION)))
    theirs.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    state = {f"{prefix}{key}": value for key, value in load_file(path).items()}
    state[f"{prefix}embeddings.position_ids"] = torch.arange(17)[None]
    save_file(state, path)
    close(vi.load_model(tmp_path, device="cpu").image_embedding(pictures()), theirs(pictures()).pooler_output)


def test_arrays_without_a_place_and_places_without_arrays_are_named(tmp_path):
    clip().save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    good = load_file(path)

    def refusal(state: dict[str, torch.Tensor]) -> str:
        save_file(state, path)
        with pytest.raises(ModelError) as caught:
            vi.load_model(tmp_path, device="cpu")
        assert str(path) in str(caught.value)
        return str(caught.value)

    extra = torch.ones(2)
    assert "adapter.weight" in refusal({**good, "adapter.weight": extra})
    assert "adapter.weight" in refusal({**good, "vision_model.adapter.weight": extra})
    assert "adapter.weight" in refusal({**good, "text_model.adapter.weight": extra})
    for key in ("vision_model.pre_layrnorm.weight", "text_model.final_layer_norm.bias", "text_projection.weight"):
        assert "missing" in refusal({k: v for k, v in good.items() if k != key})


def test_impossible_settings_are_refused_with_their_name(tmp_path):
    clip().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    for tower, change in (
        ("vision_config", {"num_hidden_layers": 1e9}),
        ("vision_config", {"hidden_size": 10**9}),
        ("vision_config", {"hidden_act": "magic"}),
        ("text_config", {"vocab_size": 10**12}),
        ("text_config", {"num_hidden_layers": -1}),
        ("text_config", {"num_attention_heads": 7}),
    ):
        changed = {**config, tower: {**config[tower], **change}}
        (tmp_path / "config.json").write_text(json.dumps(changed))
        with pytest.raises(ModelError) as caught:
            vi.load_model(tmp_path, device="cpu")
        assert str(tmp_path) in str(caught.value)
    (tmp_path / "config.json").write_text(json.dumps({**config, "text_config": [1]}))
    with pytest.raises(ModelError, match="text_config"):
        vi.load_model(tmp_path, device="cpu")


def test_ids_and_embeddings_that_cannot_be_are_refused(tmp_path):
    model = load(clip(), tmp_path)
    for ids in (
        torch.zeros(1, 3),
        torch.full((1, 3), 50),
        torch.full((1, 3), -1),
        torch.zeros(1, 10, dtype=torch.long),
    ):
        with pytest.raises(ParameterError):
            model.text_embedding(ids)
    for texts in (torch.zeros(2, 11), torch.zeros(2, 12, dtype=torch.long)):
        with pytest.raises(ParameterError):
            model.similarity(pictures(), texts)
    demo = vi.load_model("demo", device="cpu")
    for ask in (lambda: demo.text_embedding(IDS), lambda: demo.similarity(pictures(224), torch.zeros(1, 192))):
        with pytest.raises(ParameterError):
            ask()


def test_a_classifiers_image_embedding_is_what_enters_its_last_layer():
    model = vi.load_model("demo", device="cpu")
    x = pictures(224)
    with torch.no_grad():
        close(model.module.head(model.image_embedding(x)), model.logits(x))
