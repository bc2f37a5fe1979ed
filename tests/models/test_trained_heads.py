"""Heads that vitinspect writes have a record, give the logits of their recipe, and fit their backbone only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.numpy import save as save_arrays

import vitinspect as vi
from tests.models.test_heads import ARCH, backbone, pictures, saved
from vitinspect.errors import ModelError
from vitinspect.models.trained_heads import (
    KEY,
    HeadRecord,
    backbone_fingerprint,
    head_bytes,
    positions_fingerprint,
)

CLASSES = ("ant", "bee", "cat")


def written(
    folder: Path, model: vi.ViT, recipe: str = "class:4+mean", **changes
) -> tuple[Path, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    width = model.features(pictures()[:1], recipe).shape[1]
    weight, bias = generator.normal(size=(3, width)).astype("f"), generator.normal(size=3).astype("f")
    known = {
        "classes": CLASSES,
        "recipe": recipe,
        "backbone": backbone_fingerprint(model.module),
        "positions": positions_fingerprint(model.module),
        "input_size": model.input_size,
        "mode": "crop",
        "model": "small",
        "loss": "ce",
        "C": 0.1,
    }
    path = folder / "head.safetensors"
    path.write_bytes(head_bytes(weight, bias, HeadRecord(**{**known, **changes})))
    return path, weight, bias


def load(source: Path, **options) -> vi.ViT:
    return vi.load_model(source, arch=ARCH, device="cpu", **options)


@pytest.mark.parametrize("recipe", ["class", "mean", "class+mean", "class:4+mean", "class:2"])
def test_backbone_and_head_give_the_logits_of_the_recipe_under_the_classes_names(recipe, tmp_path):
    source = saved(backbone(), tmp_path)
    plain = load(source)
    path, weight, bias = written(tmp_path, plain, recipe)
    model = load(source, head=path)
    wanted = plain.features(pictures(), recipe).numpy() @ weight.T + bias
    assert np.allclose(model.logits(pictures()).numpy(), wanted, atol=1e-4)
    assert model.labels == list(CLASSES)
    assert model.has_classifier
    assert any("head of vitinspect" in note for note in model.notes)
    assert not any("nothing in it proves" in note for note in model.notes)


def test_every_map_follows_the_recipe(tmp_path):
    source = saved(backbone(), tmp_path)
    path, _, _ = written(tmp_path, load(source))
    model = load(source, head=path)
    assert model.read_blocks == 4
    result = vi.explain(model, pictures()[0], ["rollout", "lrp"], target="bee")
    assert all(np.isfinite(one.values).all() and one.values.any() for one in result.maps.values())


def test_what_a_model_with_a_head_calls_its_source_loads_it_again(tmp_path):
    source = saved(backbone(), tmp_path)
    path, _, _ = written(tmp_path, load(source))
    first = load(source, head=path)
    again = load(first.source)  # type: ignore[arg-type]
    assert again.fingerprint == first.fingerprint
    assert again.source == first.source
    torch.save({"linear.weight": torch.zeros(3, 48), "linear.bias": torch.zeros(3)}, tmp_path / "other.pth")
    named = load(source, head=tmp_path / "other.pth", head_name="class+mean")
    assert load(named.source).fingerprint == named.fingerprint  # type: ignore[arg-type]


def test_another_backbone_is_refused(tmp_path):
    path, _, _ = written(tmp_path, load(saved(backbone(), tmp_path)))
    other = backbone()
    with torch.no_grad():
        other.blocks[2].mlp.fc1.weight[0, 0] += 1e-3
    (tmp_path / "other").mkdir()
    with pytest.raises(ModelError, match=r"another backbone \(small\)"):
        load(saved(other, tmp_path / "other"), head=path)
    moved = backbone()
    with torch.no_grad():
        moved.pos_embed[0, 1, 0] += 1e-3
    with pytest.raises(ModelError, match="another backbone"):
        load(saved(moved, tmp_path / "other"), head=path)


def test_another_input_size_is_allowed_and_reported(tmp_path):
    source = saved(backbone(), tmp_path)
    path, _, _ = written(tmp_path, load(source))
    model = load(source, head=path, img_size=42)
    assert any("70 x 70 pixels and is used on 42 x 42" in note for note in model.notes)


def test_how_pictures_were_fitted_is_reported_unless_it_is_the_default(tmp_path):
    source = saved(backbone(), tmp_path)
    path, _, _ = written(tmp_path, load(source), mode="squash")
    assert any("fitted by squash" in note for note in load(source, head=path).notes)
    path, _, _ = written(tmp_path, load(source))
    assert not any("fitted by" in note for note in load(source, head=path).notes)


def test_the_fingerprint_does_not_depend_on_the_head():
    with_head, without = backbone(num_classes=9), backbone()
    without.load_state_dict(with_head.state_dict(), strict=False)
    assert backbone_fingerprint(with_head) == backbone_fingerprint(without)


def test_a_head_replaces_an_embedding(tmp_path):
    """A tower that gives embeddings has classes with a head."""
    from vitinspect.models import heads
    from vitinspect.models.recipes import Recipe

    module = backbone()
    module.vitinspect_embedding = True
    heads.attach(module, torch.zeros(3, 24), torch.zeros(3), Recipe(), "head")
    assert vi.wrap_model(module).has_classifier


def test_damage_and_later_versions_are_reported(tmp_path):
    source = saved(backbone(), tmp_path)
    path, weight, bias = written(tmp_path, load(source))
    arrays = load_file(path)
    record = HeadRecord(CLASSES, "class", "x", "y", (70, 70), "crop", "small", "ce", 0.1).text()
    for metadata, content, said in [
        ({KEY: "{"}, arrays, "damaged"),
        ({KEY: record.replace('"version": 1', '"version": 2')}, arrays, "later version"),
        ({KEY: record.replace('"recipe": "class"', '"recipe": "tail"')}, arrays, "damaged"),
    ]:
        path.write_bytes(save_arrays(content, metadata=metadata))
        with pytest.raises(ModelError, match=said):
            load(source, head=path)
    path, _, _ = written(tmp_path, load(source))
    own = HeadRecord(
        CLASSES,
        "class:4+mean",
        backbone_fingerprint(load(source).module),
        positions_fingerprint(load(source).module),
        (70, 70),
        "crop",
        "small",
        "ce",
        0.1,
    ).text()
    for content, said in [
        ({"weight": weight}, "'weight' and 'bias' for 3"),
        ({"weight": weight[:2], "bias": bias[:2]}, "for 3 classes"),
        ({"weight": np.full_like(weight, np.nan), "bias": bias}, "finite"),
    ]:
        path.write_bytes(save_arrays(content, metadata={KEY: own}))
        with pytest.raises(ModelError, match=said):
            load(source, head=path)
