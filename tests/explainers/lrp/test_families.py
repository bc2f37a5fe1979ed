"""Relevance is conserved, layer by layer, through every family of models; the rules that the authors left open agree
with those they gave wherever two models are the same function in other words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import timm.models.vision_transformer as vt
import torch
from timm.models.eva import Eva
from torch import nn

import vitinspect as vi
from tests.explainers.lrp.walks import walk_told
from tests.goldens import assert_close
from tests.zoo import FAMILIES, SMALL, tiny_inputs, tiny_model, tiny_module
from vitinspect.errors import MethodNotApplicable


@pytest.mark.parametrize("family", FAMILIES)
def test_relevance_is_conserved_from_layer_to_layer(family):
    model = tiny_model(family)
    told = walk_told(model, tiny_inputs(), [2])
    prefix = model.prefix_tokens
    places = [place for place in told.places if place != "tokens_before_pos"]
    assert places[:2] == ["features", f"blocks.{model.depth - 1}.output"]
    assert places[-1] == "embedding"
    for place in places:
        relevance, _ = told.places[place]
        # The 1e-9 in the denominators takes and gives a little wherever an activation is close to zero.
        assert abs(relevance.sum() - 1) < 1e-6 * (1 + relevance.abs().sum()), place
    patches = told.at("tokens_before_pos", prefix + 16)[prefix:]
    assert abs(told.pixels.sum() - patches.sum()) < 1e-6 * (1 + patches.abs().sum())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_variant_gives_a_map_and_leaves_the_model_alone(family):
    model = tiny_model(family)
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    variants = ("transformer_attribution", "rollout", "last_layer", "second_layer", "last_layer_attn")
    result = vi.explain(model, tiny_inputs(), [("lrp", {"variant": v}) for v in variants], 2, "float64")
    for variant in variants:
        values = result["lrp", {"variant": variant}].values
        assert values.shape == (4, 4)
        assert values.min() >= 0, variant
        assert values.max() > 0, variant
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.module.modules())


# --- the same function in other words ------------------------------------------------------------------------


def same_map(first: nn.Module, second: nn.Module, size: tuple[int, int] = (32, 32), target: int = 2) -> None:
    inputs = tiny_inputs(size=size)
    methods = ["lrp", "lrp(variant=full)", "lrp(variant=rollout,rules=original)"]
    a, b = (vi.explain(vi.wrap_model(m), inputs, methods, target, "float64") for m in (first, second))
    assert_close(a.logits, b.logits, 1e-10, "logits")
    for method in methods:
        assert_close(a[method].values, b[method].values, 1e-6, method)


def copy_state(source: nn.Module, target: nn.Module, rename: Callable[[str], str] = str) -> nn.Module:
    target.load_state_dict({rename(k): v for k, v in source.state_dict().items()})
    return target.eval()


def test_layer_scale_is_part_of_the_projection_before_it():
    scaled = tiny_module("layer scale, registers", init_values=0.3).double()
    plain = FAMILIES["layer scale, registers"](init_values=None).double()
    plain.load_state_dict(scaled.state_dict(), strict=False)
    with torch.no_grad():
        for block, other in zip(plain.blocks, scaled.blocks, strict=True):
            for layer, scale in ((block.attn.proj, other.ls1), (block.mlp.fc2, other.ls2)):
                layer.weight.mul_(scale.gamma[:, None])
                layer.bias.mul_(scale.gamma)
    same_map(scaled, plain.eval())


def test_q_k_and_v_may_come_from_one_layer_or_from_three():
    options = {"use_rot_pos_emb": True, "attn_type": "rope", "global_pool": "token"}
    joint = Eva(**SMALL, **options)
    apart = Eva(**SMALL, **options, qkv_fused=False)
    torch.manual_seed(0)
    state = {k: torch.randn_like(v) * 0.2 for k, v in joint.state_dict().items()}
    joint.load_state_dict(state)
    for key in [k for k in state if ".qkv." in k]:
        for letter, part in zip("qkv", state.pop(key).chunk(3), strict=True):
            state[key.replace("qkv", f"{letter}_proj")] = part
    apart.load_state_dict(state)
    same_map(joint.eval(), apart.eval())


def test_heads_that_share_a_key_are_heads_with_equal_keys():
    options = {"use_rot_pos_emb": True, "attn_type": "rope", "qkv_fused": False}
    grouped = tiny_module("rotary, grouped heads, q and k normed", qk_norm=False, swiglu_mlp=False, init_values=None)
    full = Eva(**SMALL, **options)
    state = grouped.state_dict()
    for key in state:
        if ".k_proj." in key or ".v_proj." in key:
            state[key] = torch.cat([state[key]] * 3)
    full.load_state_dict(state)
    same_map(grouped, full.eval())


def test_one_parallel_thing_is_an_ordinary_block():
    things = tiny_module("parallel things", block_fn=partial(vt.ParallelThingsBlock, num_parallel=1), init_values=None)

    def rename(key: str) -> str:
        key = key.replace("attns.0.norm", "norm1").replace("attns.0.attn", "attn")
        return key.replace("ffns.0.norm", "norm2").replace("ffns.0.mlp", "mlp")

    same_map(things, copy_state(things, vt.VisionTransformer(**SMALL), rename))


def test_an_eva_without_rotation_is_a_plain_vision_transformer():
    eva = tiny_module("Eva", attn_type="rope", global_pool="token")
    same_map(eva, copy_state(eva, vt.VisionTransformer(**SMALL)))
    # Its own attention keeps the biases of q and v apart, and has none for k.
    own = tiny_module("Eva", global_pool="token")
    state = own.state_dict()
    for i in range(3):
        q, v = state.pop(f"blocks.{i}.attn.q_bias"), state.pop(f"blocks.{i}.attn.v_bias")
        state[f"blocks.{i}.attn.qkv.bias"] = torch.cat((q, torch.zeros_like(q), v))
    plain = vt.VisionTransformer(**SMALL)
    plain.load_state_dict(state)
    same_map(own, plain.eval())


def test_one_output_projection_does_what_two_do_where_its_halves_agree():
    """Parallel blocks with one projection for both branches apply the linear rule to both at once; that is another
    rule than two projections and a sum. Both conserve; they agree where one of the branches is silent."""
    joint = tiny_module("parallel, one projection out")
    apart = FAMILIES["parallel"](init_values=None)
    state = joint.state_dict()
    for i in range(3):
        weight, bias = state.pop(f"blocks.{i}.out_proj.weight"), state.pop(f"blocks.{i}.out_proj.bias")
        weight[:, 48:] = 0
        bias.zero_()
        state[f"blocks.{i}.attn_out_proj.weight"], state[f"blocks.{i}.attn_out_proj.bias"] = weight[:, :48], bias
        state[f"blocks.{i}.mlp_out_proj.weight"], state[f"blocks.{i}.mlp_out_proj.bias"] = weight[:, 48:], bias
    with torch.no_grad():
        for block in joint.blocks:
            block.out_proj.weight[:, 48:] = 0
            block.out_proj.bias.zero_()
    apart.load_state_dict(state)
    same_map(joint, apart.eval())


def test_a_head_may_be_a_sequence_of_layers():
    plain = tiny_module("average pooling")
    row = tiny_module("average pooling", fc_norm=False)
    row.norm = nn.Identity()
    row.head = nn.Sequential(plain.fc_norm, nn.Dropout(0.5), plain.head).eval()
    same_map(plain, row)


# --- what each reads -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("family", "rows"),
    [
        ("plain", slice(0, 1)),
        ("distilled", slice(0, 2)),
        ("average pooling, registers", slice(2, None)),
        ("average with the prefix", slice(0, None)),
        ("class token and mean", slice(0, None)),
        ("rotary, attention pooling, norm before (PE)", slice(0, None)),
    ],
)
def test_relevance_starts_where_the_head_reads(family, rows):
    model = tiny_model(family)
    told = walk_told(model, tiny_inputs(), [1])
    relevance, found = told.places["features"]
    tokens = model.prefix_tokens + 16
    assert found.indices(tokens) == rows.indices(tokens)
    assert (relevance.abs().sum(-1) > 0).all()


@pytest.mark.parametrize(
    "family", ["plain", "distilled", "attention pooling", "parallel things", "rotary, layer scale, registers (DINOv3)"]
)
def test_a_batch_gives_what_single_images_give(family):
    model, images = tiny_model(family), tiny_inputs(3)
    methods = ["lrp", "lrp(variant=full)", "lrp(variant=second_layer,ablation=true)"]
    targets = [0, "class 3 - class 1", 5]
    together = vi.explain_batch(model, list(images), methods, targets, "float64")
    for image, target, both in zip(images, targets, together, strict=True):
        alone = vi.explain(model, image, methods, target, "float64")
        for method in methods:
            assert_close(both[method].values, alone[method].values, 1e-8, method)


@pytest.mark.parametrize("family", ["any input size", "rotary, layer scale, registers (DINOv3)"])
def test_pictures_need_not_be_square(family):
    model, inputs = tiny_model(family), tiny_inputs(size=(32, 56))
    result = vi.explain(model, inputs, ["lrp", "lrp(variant=full)"], 3, "float64")
    assert result["lrp"].values.shape == (4, 7)
    assert result["lrp(variant=full)"].values.shape == (32, 56)
    assert result["lrp(variant=full)"].signed
    assert not result["lrp"].signed


def test_pixels_beside_the_grid_have_no_relevance():
    model = tiny_model("plain", img_size=37)
    values = vi.explain(model, tiny_inputs(size=(37, 37)), ["lrp(variant=full)"], 3)["lrp(variant=full)"].values
    assert values.shape == (37, 37)
    assert not values[32:].any()
    assert not values[:, 32:].any()
    assert (values[:32, :32] != 0).all()
    padded = tiny_model("any input size", dynamic_img_pad=True)
    values = vi.explain(padded, tiny_inputs(size=(29, 32)), ["lrp(variant=full)"], 3)["lrp(variant=full)"].values
    assert values.shape == (29, 32)
    assert (values != 0).all()


# --- what it cannot walk -------------------------------------------------------------------------------------


def test_models_without_rules_are_refused_by_name_and_reason():
    differential = vi.wrap_model(vt.VisionTransformer(**SMALL, attn_layer="diff"))
    with pytest.raises(MethodNotApplicable, match="subtracts one attention from another"):
        vi.explain(differential, tiny_inputs(), ["lrp"])
    strange = tiny_module("plain")
    strange.head = nn.Bilinear(48, 48, 7)
    assert "Bilinear" in (vi.wrap_model(strange).why_not("lrp") or "")
    stem = tiny_module("plain")
    stem.patch_embed.proj = nn.Sequential(nn.Conv2d(3, 48, 4, 4), nn.Conv2d(48, 48, 2, 2))
    model = vi.wrap_model(stem)
    assert "patches come from PatchEmbed" in (model.why_not("lrp(variant=full)") or "")
    assert model.why_not("lrp") is None
    # Attention alone can still be read where relevance has no way.
    assert vi.wrap_model(strange).why_not("lrp(variant=last_layer_attn)") is None
