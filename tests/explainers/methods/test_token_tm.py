"""TokenTM follows its docstring. There are no authors' numbers: the definition is checked term by term."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.layers import Attention
from timm.models.eva import Eva
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi
from tests.explainers.families import FAMILIES, SMALL, family, images
from tests.goldens import assert_close, golden_model, golden_module, inputs_q, targets_q
from vitinspect.explainers.base import Needs
from vitinspect.explainers.methods.token_tm import attention_weights, layout_of, relation
from vitinspect.explainers.trace import record


class GatedAttention(Attention):
    """With the gate on, which timm's constructors of whole models do not offer."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, gated=True, **kwargs)


WORKS = [name for name in FAMILIES if name != "attention beside MLP"]


def weights_of(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The definition of w, written down once more."""
    directions = F.cosine_similarity(x, z, dim=-1).exp()
    return z.norm(dim=-1) / x.norm(dim=-1) * directions / directions.mean(-1, keepdim=True)


def test_the_streamed_row_is_that_of_the_whole_matrices():
    model, x = golden_model("q3").at_precision("float64"), inputs_q("q3", 0).double()
    target = targets_q("q3")[0]
    needs = Needs(
        attention=True, attention_gradient=True, tokens=True, inputs=tuple(f"blocks.{i}.norm2" for i in range(4))
    )
    trace, _ = record(model, x, lambda _: [target], needs)
    eye = torch.eye(trace.token_count, dtype=torch.float64)
    C = torch.diag(trace.tokens[0][0].norm(dim=-1))
    for index, block in enumerate(model.blocks):
        before, middle, after = (
            trace.tokens[index][0],
            trace.inputs[f"blocks.{index}.norm2"][0],
            trace.tokens[index + 1][0],
        )
        W = block.ls1.gamma[:, None] * block.attn.proj.weight
        heads = []
        for head, v in enumerate(trace.calls[index][0].v[0]):
            width = v.shape[-1]
            z = v @ W[:, head * width : (head + 1) * width].T
            positive = (trace.attention(index)[0, head] * trace.attention_gradient(index)[0, head]).clamp(min=0)
            heads.append(positive @ torch.diag(weights_of(before, z)))
        C = (eye + torch.stack(heads).mean(0)) @ C
        C = (eye + torch.diag(weights_of(middle, after - middle))) @ C
    found = vi.explain(model, x, ["token_tm"], target, "float64")["token_tm"].values
    assert_close(found.reshape(-1), C[0, model.prefix_tokens :].detach().numpy(), 1e-11)


@pytest.mark.parametrize(
    "build",
    [
        lambda: VisionTransformer(**{**SMALL, "num_heads": 1}, init_values=0.5),
        lambda: VisionTransformer(**{**SMALL, "num_heads": 1}, scale_attn_norm=True),
        lambda: Eva(**{**SMALL, "num_heads": 1}, scale_attn_inner=True, init_values=0.5),
        lambda: VisionTransformer(**{**SMALL, "num_heads": 1}, attn_layer=GatedAttention, scale_attn_norm=True),
    ],
)
def test_a_token_is_transformed_into_what_attention_gives_one_that_attends_to_it_alone(build, monkeypatch):
    torch.manual_seed(4)
    module = build().eval().double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    model = vi.wrap_model(module)
    trace, _ = record(model, x, lambda _: [0], Needs(attention=True, tokens=True))
    block, tokens = module.blocks[1], trace.tokens[1]
    (branch,) = layout_of(block).branches
    found = attention_weights(branch, trace.calls[1][0], tokens)[0, 0]
    # With the values instead of the output of attention, each token attends to itself alone.
    middle = {}
    block.norm2.register_forward_pre_hook(lambda _, args: middle.update(x=args[0]))
    with torch.no_grad():
        monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **_: v)
        block(tokens)
        own = middle["x"]
        monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **_: torch.zeros_like(v))
        block(tokens)
    assert torch.allclose(found, weights_of(tokens[0], (own - middle["x"])[0]), atol=1e-10)


def test_the_measure_is_one_for_tokens_that_stay_as_they_are():
    x = torch.randn(2, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    lengths = x.norm(dim=-1)
    same = relation(lengths, lengths, (x * x).sum(-1))
    assert torch.allclose(same, torch.ones_like(same))
    longer = relation(lengths, 3 * lengths, 3 * (x * x).sum(-1))
    assert torch.allclose(longer, 3 * torch.ones_like(same))
    assert (relation(lengths, torch.zeros_like(lengths), torch.zeros_like(lengths)) == 0).all()


def test_a_token_that_keeps_its_direction_weighs_more_than_one_that_is_reversed():
    ones = torch.ones(1, 2, dtype=torch.float64)
    kept, turned = relation(ones, ones, torch.tensor([[1.0, -1.0]], dtype=torch.float64))[0]
    assert torch.isclose(kept / turned, torch.tensor(np.exp(2.0)))
    assert torch.isclose((kept + turned) / 2, torch.tensor(1.0, dtype=torch.float64))


def test_blocks_that_change_nothing_leave_only_the_tokens_that_the_head_reads():
    module = golden_module("q1")
    with torch.no_grad():
        for block in module.blocks:
            for linear in (block.attn.proj, block.mlp.fc2):
                linear.weight.zero_()
                linear.bias.zero_()
    values = vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["token_tm"], 0)["token_tm"].values
    assert (values == 0).all()


def test_transformations_are_given_as_details_and_the_map_is_not_negative():
    result = vi.explain(golden_model("q1"), inputs_q("q1", 0), ["token_tm"], 0, details=True)["token_tm"]
    assert result.details["transformation"].shape == (4, 2, 65)
    assert (result.details["transformation"] > 0).all()
    assert (result.values >= 0).all()


@pytest.mark.parametrize("name", WORKS)
def test_a_batch_gives_what_single_images_give_and_the_target_matters(name):
    model, both = family(name), images(name)
    together = vi.explain_batch(model, both, ["token_tm"], [1, 3], precision="float64")
    for image, target, maps in zip(both, [1, 3], together, strict=True):
        alone = vi.explain(model, image, ["token_tm"], target, "float64")["token_tm"].values
        other = vi.explain(model, image, ["token_tm"], 0, "float64")["token_tm"].values
        assert_close(maps["token_tm"].values, alone, 1e-9)
        assert not np.allclose(alone, other, rtol=1e-4)
        assert alone.max() > 0


def test_blocks_without_tokens_between_attention_and_mlp_are_refused_by_name():
    reason = family("attention beside MLP").why_not("token_tm")
    assert reason is not None
    assert "ParallelScalingBlock" in reason
    with pytest.raises(vi.errors.MethodNotApplicable, match="token_tm"):
        vi.explain(family("attention beside MLP"), images("class token")[0], ["token_tm"], 0)
