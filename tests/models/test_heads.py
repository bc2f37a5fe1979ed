"""Heads in separate files: every published layout gives the logits of its authors' formula, and none is guessed."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import torch.nn.functional as F
from torch import nn

import vitinspect as vi
from vitinspect.errors import ModelError, ParameterError
from vitinspect.models.recipes import Recipe

ARCH = "vit_small_patch14_dinov2(embed_dim=24, depth=5, num_heads=3, img_size=70)"
CLASSES, WIDTH = 7, 24


def backbone(seed: int = 0, name: str = "vit_small_patch14_dinov2", **changes: Any) -> nn.Module:
    torch.manual_seed(seed)
    arguments = {"embed_dim": WIDTH, "depth": 5, "num_heads": 3, "img_size": 70, "num_classes": 0, **changes}
    module = timm.create_model(name, **arguments).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    return module


def saved(module: nn.Module, folder: Path) -> Path:
    """As the authors publish it: with the mask token of the pre-training."""
    torch.save({**module.state_dict(), "mask_token": torch.zeros(1, WIDTH)}, folder / "backbone.pth")
    return folder / "backbone.pth"


def head(vectors: int, seed: int = 1) -> nn.Linear:
    torch.manual_seed(seed)
    return nn.Linear(vectors * WIDTH, CLASSES)


def written(content: Any, folder: Path, name: str) -> Path:
    torch.save(content, folder / name)
    return folder / name


def pictures(size: int = 70) -> torch.Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(5))


@torch.no_grad()
def blocks_of(module: Any, x: torch.Tensor) -> list[torch.Tensor]:
    """The final norm of what leaves each block, written out as the authors' ``get_intermediate_layers``."""
    x = module._pos_embed(module.patch_embed(x))
    found = []
    for block in module.blocks:
        x = block(x)
        found.append(module.norm(x))
    return found


@torch.no_grad()
def logits_of(module: nn.Module, linear: nn.Linear, x: torch.Tensor, reading: str) -> torch.Tensor:
    """The authors' formulas, one by one."""
    blocks, prefix = blocks_of(module, x), module.num_prefix_tokens
    tokens, mean = [block[:, 0] for block in blocks], blocks[-1][:, prefix:].mean(1)
    features = {
        "dinov2 linear": lambda: torch.cat([tokens[-1], mean], 1),
        "dinov2 linear4": lambda: torch.cat([*tokens[-4:], mean], 1),
        "dino": lambda: torch.cat(tokens[-4:], 1),
        "dino two": lambda: torch.cat(tokens[-2:], 1),
        "dino average": lambda: torch.cat([tokens[-1].unsqueeze(-1), mean.unsqueeze(-1)], -1).reshape(len(x), -1),
    }[reading]()
    return linear(features)


def load(folder: Path, module: nn.Module, path: Path, name: str | None = None, **options: Any) -> vi.ViT:
    options = {"arch": ARCH, **options}
    return vi.load_model(saved(module, folder), head=path, head_name=name, device="cpu", **options)


def agrees(model: vi.ViT, wanted: torch.Tensor, x: torch.Tensor) -> None:
    found = model.logits(x)
    assert found.shape == wanted.shape
    assert torch.allclose(found, wanted, atol=1e-5, rtol=1e-5)


# --- every layout ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "vectors", "reading"),
    [("dinov2_vits14_linear_head.pth", 2, "dinov2 linear"), ("dinov2_vits14_linear4_head.pth", 5, "dinov2 linear4")],
)
def test_the_published_heads_of_dinov2(name, vectors, reading, tmp_path):
    module, linear = backbone(), head(vectors)
    model = load(tmp_path, module, written(linear.state_dict(), tmp_path, name))
    agrees(model, logits_of(module, linear, pictures(), reading), pictures())
    assert model.num_classes == CLASSES
    assert any("DINOv2's linear head" in note for note in model.notes)


def test_registers_are_in_neither_part(tmp_path):
    module, linear = backbone(name="vit_small_patch14_reg4_dinov2"), head(5)
    path = written(linear.state_dict(), tmp_path, "dinov2_vits14_reg4_linear4_head.pth")
    model = load(tmp_path, module, path, arch=ARCH.replace("patch14", "patch14_reg4"))
    agrees(model, logits_of(module, linear, pictures(), "dinov2 linear4"), pictures())


NAMES = {
    "classifier_1_blocks_avgpool_True_lr_0_00100": (2, "dinov2 linear"),
    "classifier_4_blocks_avgpool_True_lr_0_00100": (5, "dinov2 linear4"),
    "classifier_4_blocks_avgpool_False_lr_0_01000": (4, "dino"),
}


def evaluation_file(layout: str) -> tuple[dict[str, Any], dict[str, nn.Linear]]:
    linears = {name: head(vectors, i) for i, (name, (vectors, _)) in enumerate(NAMES.items())}
    state = {
        f"classifiers_dict.{n}.linear.{k}": v for n, linear in linears.items() for k, v in linear.state_dict().items()
    }
    if layout == "dinov2":
        return {"model": state, "optimizer": {"state": {}}, "iteration": 12}, linears
    if layout == "dinov2, parallel":
        return {"model": {f"module.{key}": value for key, value in state.items()}}, linears
    if layout == "dinov3":
        return {"linear_classifiers": {f"module.{key}": value for key, value in state.items()}}, linears
    return {"linear_classifiers": {"module": {"classifiers_dict": _nested(linears)}}, "iteration": 3}, linears


def _nested(linears: dict[str, nn.Linear]) -> dict[str, Any]:
    return {name: {"linear": dict(linear.state_dict())} for name, linear in linears.items()}


@pytest.mark.parametrize("layout", ["dinov2", "dinov2, parallel", "dinov3", "dinov3, nested"])
def test_evaluation_files_hold_many_heads_of_which_one_is_named(layout, tmp_path):
    module = backbone()
    content, linears = evaluation_file(layout)
    path = written(content, tmp_path, "eval.pth")
    for name, (_, reading) in NAMES.items():
        agrees(load(tmp_path, module, path, name), logits_of(module, linears[name], pictures(), reading), pictures())
    with pytest.raises(ModelError) as caught:
        load(tmp_path, module, path)
    assert all(name in str(caught.value) for name in NAMES)
    assert "--head-name" in str(caught.value)
    with pytest.raises(ModelError, match="none named 'other'"):
        load(tmp_path, module, path, "other")


@pytest.mark.parametrize(
    ("vectors", "reading", "name"),
    [
        (4, "dino", None),
        (4, "dino", "class:4"),
        (2, "dino average", "interleaved"),
        (2, "dinov2 linear", "class+mean"),
        (2, "dino two", "class:2"),
    ],
)
def test_eval_linear_files_of_dino(vectors, reading, name, tmp_path):
    module, linear = backbone(), head(vectors)
    state = {f"module.linear.{key}": value for key, value in linear.state_dict().items()}
    path = written({"epoch": 99, "state_dict": state, "optimizer": {}, "best_acc": 77.0}, tmp_path, "linear.pth.tar")
    agrees(load(tmp_path, module, path, name), logits_of(module, linear, pictures(), reading), pictures())


@pytest.mark.parametrize("pooling", ["token", "avg"])
def test_a_linear_probe_of_mae_is_a_batch_norm_and_a_linear_layer_folded_into_one(pooling, tmp_path):
    torch.manual_seed(0)
    module = timm.create_model("vit_tiny_patch16_224", embed_dim=24, depth=2, num_heads=3, global_pool=pooling).eval()
    norm, linear = nn.BatchNorm1d(WIDTH, affine=False, eps=1e-6), nn.Linear(WIDTH, CLASSES)
    norm.running_mean.normal_()
    norm.running_var.uniform_(1e-6, 2)
    norm.running_var[:3] = 0
    module.head = nn.Sequential(norm, linear).eval()
    torch.save({"model": module.state_dict(), "optimizer": {}, "epoch": 89}, tmp_path / "linprobe.pth")
    model = vi.load_model(
        tmp_path / "linprobe.pth", arch="vit_tiny_patch16_224(embed_dim=24, depth=2, num_heads=3)", device="cpu"
    )
    with torch.no_grad():
        wanted = module(pictures(224))
    assert torch.allclose(model.logits(pictures(224)), wanted, rtol=1e-4, atol=1e-3 * float(wanted.abs().max()))
    assert isinstance(model.module.head, nn.Linear)
    assert any("linear probe of MAE" in note for note in model.notes)


@pytest.mark.parametrize("key", ["weight", "linear.weight", "module.linear.weight"])
def test_an_ambiguous_width_needs_a_named_reading(key, tmp_path):
    state = {key: head(2).weight.data, key.replace("weight", "bias"): head(2).bias.data}
    path = written({"state_dict": state} if "module" in key else state, tmp_path, "some.pth")
    with pytest.raises(ModelError) as caught:
        load(tmp_path, backbone(), path)
    for reading in ("class+mean", "interleaved", "class:2", "--head-name"):
        assert reading in str(caught.value)


def test_a_backbone_with_rotary_positions_takes_heads_too(tmp_path):
    torch.manual_seed(0)
    name = "vit_small_patch16_dinov3"
    module = timm.create_model(name, embed_dim=24, depth=5, num_heads=3, img_size=64, num_classes=0).eval()
    torch.save(module.state_dict(), tmp_path / "b.pth")
    linear = head(5)
    path = written(linear.state_dict(), tmp_path, "dinov3_linear4_head.pth")
    arch = f"{name}(embed_dim=24, depth=5, num_heads=3, img_size=64)"
    model = vi.load_model(tmp_path / "b.pth", arch=arch, head=path, device="cpu")
    tokens = module.forward_intermediates(
        pictures(64), indices=4, norm=True, output_fmt="NLC", return_prefix_tokens=True, intermediates_only=True
    )
    features = torch.cat([*(prefix[:, 0] for _, prefix in tokens), tokens[-1][0].mean(1)], 1)
    agrees(model, linear(features).detach(), pictures(64))


# --- resampled positions ---------------------------------------------------------------------------------------


@torch.no_grad()
def with_authors_positions(module: Any, side: int, registers: bool) -> nn.Module:
    """``interpolate_pos_encoding`` of DINOv2's repository, applied once."""
    table = module.pos_embed if registers else module.pos_embed[:, 1:]
    old = math.isqrt(table.shape[1])
    square = table.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    how: dict[str, Any] = (
        {"size": (side, side), "antialias": True} if registers else {"scale_factor": ((side + 0.1) / old,) * 2}
    )
    new = F.interpolate(square, mode="bicubic", **how).permute(0, 2, 3, 1).reshape(1, side * side, -1)
    first = [] if registers else [module.pos_embed[:, :1].clone()]
    module.set_input_size(img_size=(side * 14, side * 14))
    module.pos_embed.copy_(torch.cat([*first, new], 1))
    return module


@pytest.mark.parametrize("registers", [False, True])
def test_positions_of_dinov2_are_resampled_as_its_authors_do_and_reported(registers, tmp_path):
    name = "vit_small_patch14_reg4_dinov2" if registers else "vit_small_patch14_dinov2"
    module, linear = backbone(name=name), head(5)
    path = written(linear.state_dict(), tmp_path, "x_linear4_head.pth")
    arch = ARCH.replace("vit_small_patch14_dinov2", name)
    model = load(tmp_path, module, path, arch=arch, img_size=42)
    wanted = logits_of(with_authors_positions(module, 3, registers), linear, pictures(42), "dinov2 linear4")
    agrees(model, wanted, pictures(42))
    said = "smoothed where it shrinks" if registers else "offset of 0.1 patches"
    assert any(said in note and "from 5 x 5 to 3 x 3" in note for note in model.notes)


@pytest.mark.parametrize("whole", [True, False])
def test_positions_of_dino_are_resampled_as_its_authors_do_if_its_head_or_name_shows_it(whole, tmp_path):
    torch.manual_seed(0)
    arguments = {"embed_dim": WIDTH, "depth": 2, "num_heads": 3, "img_size": 80, "num_classes": 0}
    module = timm.create_model("vit_small_patch16_224", **arguments).eval()
    torch.nn.init.normal_(module.pos_embed)
    state, arch = dict(module.state_dict()), "vit_small_patch16_224{}(embed_dim=24, depth=2, num_heads=3)"
    path = tmp_path / "dino.pth"
    if whole:  # as training saves it: the student and its teacher, each with the projection that training needs
        network = {f"module.backbone.{key}": value for key, value in state.items()}
        network |= {
            "module.head.mlp.0.weight": torch.ones(2, WIDTH),
            "module.head.last_layer.weight_v": torch.ones(2, 2),
        }
        torch.save({"student": network, "teacher": network, "epoch": 99}, path)
    else:
        torch.save(state, path)
    model = vi.load_model(path, arch=arch.format("" if whole else ".dino"), img_size=48, device="cpu")
    table = module.pos_embed.detach()
    square = table[:, 1:].reshape(1, 5, 5, -1).permute(0, 3, 1, 2)
    new = F.interpolate(square, scale_factor=(3.1 / 5, 3.1 / 5), mode="bicubic").permute(0, 2, 3, 1).reshape(1, 9, -1)
    assert torch.allclose(model.module.pos_embed, torch.cat([table[:, :1], new], 1), atol=1e-6)
    assert any("offset of 0.1 patches" in note for note in model.notes)


# --- refusals, warnings --------------------------------------------------------------------------------------------


def test_a_head_of_another_width_is_refused(tmp_path):
    for columns, words in (
        (25, "not a multiple"),
        (3 * WIDTH, "no reading is known"),
        (6 * WIDTH, "no reading is known"),
    ):
        path = written({"weight": torch.zeros(3, columns), "bias": torch.zeros(3)}, tmp_path, "h.pth")
        with pytest.raises(ModelError, match=words):
            load(tmp_path, backbone(), path)
    path = written(head(4).state_dict(), tmp_path, "x_linear_head.pth")
    with pytest.raises(ModelError, match="belongs to another"):
        load(tmp_path, backbone(), path)


def test_files_that_hold_no_head_say_what_was_expected(tmp_path):
    good = head(2).state_dict()
    for content, words in (
        ({"epoch": 3}, "no arrays"),
        ({"bias": torch.zeros(3)}, "bias"),
        ({"weight": torch.zeros(3), "bias": torch.zeros(3)}, "no linear head"),
        ({**good, "other": torch.zeros(2)}, "other"),
        ({"weight": good["weight"], "bias": torch.zeros(9)}, "no linear head"),
        ({"weight": good["weight"] * float("nan"), "bias": good["bias"]}, "not finite"),
        ({"weight": good["weight"].to(torch.int64), "bias": good["bias"]}, "whole numbers"),
    ):
        path = written(content, tmp_path, "x_linear_head.pth")
        with pytest.raises(ModelError) as caught:
            load(tmp_path, backbone(), path)
        assert words in str(caught.value)
        assert str(path) in str(caught.value)


def test_a_head_whose_name_states_another_reading_is_refused(tmp_path):
    path = written(head(2).state_dict(), tmp_path, "x_linear_head.pth")
    with pytest.raises(ModelError, match="states that it reads"):
        load(tmp_path, backbone(), path, "class:2")


def test_a_warning_says_that_nothing_proves_that_a_head_belongs(tmp_path, caplog):
    path = written(head(2).state_dict(), tmp_path, "x_linear_head.pth")
    with caplog.at_level(logging.WARNING):
        model = load(tmp_path, backbone(), path)
    assert "nothing in it proves" in caplog.text
    assert any("nothing in it proves" in note for note in model.notes)
    assert str(path) in model.source


def test_a_named_head_without_a_file_is_refused():
    with pytest.raises(ModelError, match="no file with heads"):
        vi.load_model("demo", head_name="linear", device="cpu")


def test_two_heads_of_one_matrix_and_different_readings_are_different_models(tmp_path):
    path = written(head(2).state_dict(), tmp_path, "some.pth")
    a, b = (load(tmp_path, backbone(), path, name).fingerprint for name in ("class+mean", "class:2"))
    assert a != b


# --- features ----------------------------------------------------------------------------------------------------


def test_features_are_what_a_head_of_the_recipe_reads(tmp_path):
    module = backbone(name="vit_small_patch14_reg4_dinov2")
    model = vi.wrap_model(module, name="backbone")
    blocks = blocks_of(module, pictures())
    for recipe, wanted in (
        ("class", blocks[-1][:, 0]),
        ("mean", blocks[-1][:, 5:].mean(1)),
        ("class+mean", torch.cat([blocks[-1][:, 0], blocks[-1][:, 5:].mean(1)], 1)),
        ("class+registers", torch.cat([blocks[-1][:, 0], blocks[-1][:, 1:5].mean(1)], 1)),
        (Recipe(blocks=2, mean=True), torch.cat([blocks[-2][:, 0], blocks[-1][:, 0], blocks[-1][:, 5:].mean(1)], 1)),
    ):
        assert torch.allclose(model.features(pictures(), recipe), wanted, atol=1e-5)
    assert not torch.allclose(model.features(pictures(), "raw:class"), blocks[-1][:, 0], atol=1e-2)


def test_a_recipe_is_read_from_its_own_words():
    for recipe in (
        Recipe(),
        Recipe(4, mean=True),
        Recipe(class_token=False, mean=True),
        Recipe(registers=True, norm=False),
    ):
        assert Recipe.parse(str(recipe)) == recipe


@pytest.mark.parametrize("text", ["", "cls", "mean:2", "class+class", "class:0", "class:x", "4"])
def test_texts_that_are_not_recipes_are_refused(text):
    with pytest.raises(ParameterError):
        Recipe.parse(text)


def test_features_that_a_model_does_not_have_are_refused():
    model = vi.wrap_model(backbone())
    for recipe, words in (("class:6", "5 blocks"), ("registers", "no registers")):
        with pytest.raises(ParameterError, match=words):
            model.features(pictures(), recipe)
