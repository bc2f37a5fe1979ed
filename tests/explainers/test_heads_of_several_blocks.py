"""A head that reads several blocks: every method starts from what it reads; heads that read one are unchanged."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import timm
import torch

import vitinspect as vi
from tests.goldens import assert_close, error
from vitinspect.models.heads import attach
from vitinspect.models.recipes import Recipe

WIDTH, DEPTH, CLASSES = 24, 5, 4
CUTTING = ("multiplex",)
"""Its masks are cut at medians, so that a rounding may move a patch."""


def module(recipe: Recipe | None, weight: torch.Tensor | None = None) -> torch.nn.Module:
    torch.manual_seed(0)
    made = timm.create_model(
        "vit_small_patch14_reg4_dinov2", embed_dim=WIDTH, depth=DEPTH, num_heads=3, img_size=56, num_classes=CLASSES
    ).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.15 * torch.randn(parameter.shape))
    if recipe is not None:
        if weight is None:
            weight = torch.randn(CLASSES, recipe.vectors * WIDTH) * 0.3
        attach(made, weight, torch.randn(CLASSES) * 0.1, recipe, "test")
    return made


@functools.cache
def model(text: str) -> vi.ViT:
    return vi.wrap_model(module(Recipe.parse(text)).double(), name=text)


def picture() -> torch.Tensor:
    return torch.randn(3, 56, 56, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def explain(chosen: vi.ViT, method: str, target: int = 1) -> vi.AttributionMap:
    (found,) = vi.explain(chosen, picture(), [method], target, "float64", details=True).values()
    return found


def read_outs(text: str) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    trace, _ = record(model(text), picture()[None], lambda _: [0], Needs(attention=True))
    return trace.readout[0], {block: row[0] for block, row in trace.earlier_readouts.items()}


def test_each_vector_that_the_head_reads_has_the_same_share():
    last, earlier = read_outs("class:4+mean")
    assert sorted(earlier) == [1, 2, 3]
    for row in earlier.values():
        assert row[0] == pytest.approx(0.2)
        assert row.count_nonzero() == 1
    assert last[0] == pytest.approx(0.2)
    assert last[1:5].abs().sum() == 0
    assert last[5:].sum() == pytest.approx(0.2)
    assert last.sum() + sum(row.sum() for row in earlier.values()) == pytest.approx(1)


def test_registers_are_read_where_the_recipe_says_so():
    last, earlier = read_outs("class+registers")
    assert not earlier
    assert last[1:5].sum() == pytest.approx(0.5)


def test_every_method_runs_on_heads_of_several_blocks():
    chosen = model("class:4+mean")
    for method in [info.id for info in vi.methods()]:
        assert chosen.why_not(method) is None, method
        found = explain(chosen, method).values
        assert np.isfinite(found).all()


@pytest.mark.parametrize("text", ["class:4+mean", "class:3"])
def test_where_earlier_blocks_have_no_weight_methods_of_the_gradient_see_one_block_only(text):
    recipe = Recipe.parse(text)
    weight = torch.zeros(CLASSES, recipe.vectors * WIDTH)
    own = torch.randn(CLASSES, WIDTH, generator=torch.Generator().manual_seed(4))
    place = (recipe.blocks - 1) * WIDTH
    weight[:, place : place + WIDTH] = own
    several = vi.wrap_model(module(recipe, weight).double())
    single = vi.wrap_model(module(Recipe(), own).double())
    with torch.no_grad():
        single.module.head.bias.copy_(several.module.head.bias)
    methods = ["saliency", "input_x_gradient", "gradcam", "attnlrp", "reciprocam", "occlusion"]
    assert torch.allclose(several.logits(picture()[None]), single.logits(picture()[None]))
    for method in methods:
        a, b = (explain(each, method).values for each in (several, single))
        assert error(a / np.abs(a).max(), b / np.abs(b).max()) < 1e-9, method


def attentions(text: str) -> list[torch.Tensor]:
    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    trace, _ = record(model(text), picture()[None], lambda _: [0], Needs(attention=True))
    return [trace.attention(block)[0].mean(0) for block in range(DEPTH)]


def test_a_rollout_is_the_sum_of_the_rollouts_to_each_block_that_is_read():
    matrices = []
    for attention in attentions("class:4+mean"):
        matrix = attention + torch.eye(len(attention), dtype=attention.dtype)
        matrices.append(matrix / matrix.sum(-1, keepdim=True))
    last, earlier = read_outs("class:4+mean")
    total = torch.zeros_like(last)
    for block, row in {**earlier, DEPTH - 1: last}.items():
        for index in range(block, -1, -1):
            row = row @ matrices[index]
        total = total + row
    found = explain(model("class:4+mean"), "rollout").values
    assert_close(found.reshape(-1), total[5:].numpy(), 1e-12)


def test_raw_attention_of_an_earlier_block_starts_from_what_is_read_of_it():
    found = explain(model("class:4+mean"), "raw_attention(layer=2)").values
    expected = 0.2 * attentions("class:4+mean")[2][0, 5:]
    assert_close(found.reshape(-1), expected.numpy(), 1e-12)


@pytest.mark.parametrize("method", ["gmar", "gmarv2", "gmar(variant=comparison)"])
def test_the_recursion_of_gmar_ends_at_each_block_that_is_read(method):
    chosen = model("class:4+mean")
    found = explain(chosen, method)
    weights = torch.from_numpy(found.details["head_weights"])
    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    trace, _ = record(chosen, picture()[None], lambda _: [1], Needs(attention=True, attention_gradient=True))
    last, earlier = read_outs("class:4+mean")
    total = torch.zeros_like(last)
    for end, start in {**earlier, DEPTH - 1: last}.items():
        row = start
        for block in range(end + 1):
            attention, gradient = trace.attention(block)[0], trace.attention_gradient(block)[0]
            w = weights[block][:, None, None]
            if method == "gmar":
                row = row @ (w * attention).sum(0) + start
            elif method == "gmarv2":
                matrix = (w * (gradient * attention).clamp(min=0)).sum(0) + torch.eye(len(row), dtype=row.dtype)
                row = row @ (matrix / matrix.sum(-1, keepdim=True))
            else:
                matrix = (w * attention).mean(0) + torch.eye(len(row), dtype=row.dtype)
                row = row @ (matrix / matrix.sum(-1, keepdim=True))
        total = total + row
    assert_close(found.values.reshape(-1), total[5:].numpy(), 1e-9)


def test_relevance_enters_each_block_that_is_read_and_none_is_lost():
    from tests.explainers.lrp.walks import walk_told

    told = walk_told(model("class:4+mean"), picture()[None], [1])
    # Without a bias in the head the rule conserves what it gives out: the walk receives one part per block read.
    whole = [float(told.at(f"blocks.{block}.output", 21).sum()) for block in range(DEPTH)]
    assert all(np.isfinite(whole))
    assert len({round(value, 9) for value in whole[1:]}) > 1


@torch.no_grad()
def test_masked_copies_are_scored_as_the_whole_model_would():
    chosen = model("class:4+mean")
    x = picture()[None]
    found = explain(chosen, "multiplex")
    masks, confidences = found.details["masks"], found.details["confidences"]
    tokens = chosen.module._pos_embed(chosen.module.patch_embed(x))
    for index in range(0, len(masks), 11):
        kept = torch.from_numpy(masks[index].reshape(-1)).nonzero()[:, 0] + 5
        y = torch.cat([tokens[:, :5], tokens[:, kept]], 1)
        outputs = []
        for block in chosen.module.blocks:
            y = block(y)
            outputs.append(chosen.module.norm(y))
        features = torch.cat([*(o[:, 0] for o in outputs[-4:]), outputs[-1][:, 5:].mean(1)], 1)
        wanted = chosen.module.head(features).softmax(-1)[0, 1]
        assert float(confidences.reshape(-1)[index]) == pytest.approx(float(wanted), rel=1e-9)
