"""Libra FullGrad+ is complete on every family, and follows its paper."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch
from torch import nn

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.explainers.unusual_families import DIFFERENTIAL, UNUSUAL, unusual
from tests.goldens import arrays, assert_close, golden_model, golden_module, inputs_q, targets_q
from vitinspect.explainers.targets import Contrast

ALL = [*FAMILIES, *UNUSUAL, *DIFFERENTIAL]


@functools.cache
def any_family(name: str) -> vi.ViT:
    return family(name) if name in FAMILIES else unusual(name)


def libragrad(model, x, target=None, precision="float64"):
    return vi.explain(model, x, ["libragrad"], target, precision, details=True)["libragrad"]


@pytest.mark.parametrize("name", ALL)
def test_each_blocks_inputs_and_the_biases_after_them_add_up_to_the_score(name):
    model, x = any_family(name), images(name)[0]
    found = libragrad(model, x, 1)
    assert found.details["score"] == pytest.approx(float(model.at_precision("float64").logits(x.double())[0, 1]))
    assert found.details["completeness_errors"].shape == (model.depth,)
    assert found.details["completeness_error"] < 1e-12
    assert libragrad(model, x, 1, "float32").details["completeness_error"] < 1e-5


@pytest.mark.parametrize("name", [name for name in ALL if not any_family(name).prefix_tokens])
def test_where_every_token_is_a_patch_the_map_of_the_first_block_holds_the_score(name):
    model, x = any_family(name), images(name)[0]
    for target in (0, 3):
        details = libragrad(model, x, target).details
        total = details["layers"][0].sum() + details["bias"].sum() + details["head_bias"]
        assert total == pytest.approx(float(model.at_precision("float64").logits(x.double())[0, target]), rel=1e-8)


def test_there_are_models_without_prefix_tokens_among_the_families():
    assert sum(not any_family(name).prefix_tokens for name in ALL) >= 2


def test_the_map_is_the_sum_over_blocks_and_biases():
    found = libragrad(golden_model("q3"), inputs_q("q3", 0), 1)
    assert_close(found.values, found.details["layers"].sum(0) + found.details["bias"], 1e-12)


class Pruned:
    """The network written out with constants where the paper has them, and every bias spread over its tokens."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.biases: list[torch.Tensor] = []
        self.inputs: list[torch.Tensor] = []

    def add(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        spread = bias.detach().expand(x.shape).clone().requires_grad_(True)
        self.biases.append(spread)
        return x + spread

    def linear(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return self.add(x @ layer.weight.T, layer.bias)

    def norm(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        deviation = (x.var(-1, correction=0, keepdim=True) + layer.eps).sqrt().detach()
        return self.add((x - x.mean(-1, keepdim=True)) / deviation * layer.weight, layer.bias)

    def attention(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        batch, total, width = x.shape
        qkv = self.linear(layer.qkv, x).reshape(batch, total, 3, layer.num_heads, -1).permute(2, 0, 3, 1, 4)
        probabilities = (qkv[0] @ qkv[1].transpose(-2, -1) * layer.scale).softmax(-1).detach()
        return self.linear(layer.proj, (probabilities @ qkv[2]).transpose(1, 2).reshape(batch, total, width))

    def mlp(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        hidden = self.linear(layer.fc1, x)
        if not hasattr(layer, "gate_last"):
            gate = (layer.act(hidden) / hidden).detach()
            return self.linear(layer.fc2, hidden * gate)
        gate, value = hidden.chunk(2, -1)
        gate = gate * gate.sigmoid().detach()
        product = (gate * value.detach() + gate.detach() * value) / 2
        return self.linear(layer.fc2, product)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        module = self.module
        x = module.norm_pre(module._pos_embed(module.patch_embed(x))).detach().requires_grad_(True)
        for block in module.blocks:
            self.inputs.append(x)
            x = x + self.attention(block.attn, self.norm(block.norm1, x))
            x = x + self.mlp(block.mlp, self.norm(block.norm2, x))
        return self.linear(module.head, self.norm(module.norm, x)[:, 0])

    def maps(self, x: torch.Tensor, target: int) -> tuple[np.ndarray, np.ndarray]:
        """Input times gradient of each block, (L, T), and what the biases contribute, (T,)."""
        score = self(x)[0, target]
        gradients = torch.autograd.grad(score, [*self.inputs, *self.biases], allow_unused=True)
        shares = [
            (tensor * gradient).sum(-1)[0].detach().numpy()
            for tensor, gradient in zip([*self.inputs, *self.biases], gradients, strict=True)
            if gradient is not None
        ]
        depth = len(self.inputs)
        return np.stack(shares[:depth]), np.sum([share for share in shares[depth:] if share.ndim], 0)


@pytest.mark.parametrize("name", ["class token", "not square", "CLIP tower", "packed SwiGLU"])
def test_it_is_the_network_of_the_paper_written_out(name):
    model, x = any_family(name), images(name)[0]
    found = libragrad(model, x, 2)
    module = copy.deepcopy(model.at_precision("float64").module).requires_grad_(False)
    layers, biases = Pruned(module).maps(x.double(), 2)
    prefix = model.prefix_tokens
    assert_close(found.details["layers"].reshape(len(layers), -1), layers[:, prefix:], 1e-10)
    assert_close(found.details["bias"].reshape(-1), biases[prefix:], 1e-10)


def test_an_unsupported_layer_is_reported_and_not_ignored():
    module = golden_module("q1")
    module.blocks[2].mlp.norm = nn.Softmax(-1)
    with pytest.raises(vi.MethodFailed, match="does not support"):
        libragrad(vi.wrap_model(module), inputs_q("q1", 0), 1)


@pytest.mark.parametrize("name", ["registers", "rotary", "attention pooling", "packed SwiGLU"])
def test_a_batch_gives_what_single_images_give(name):
    model, pictures = any_family(name), images(name)
    together = vi.explain_batch(model, pictures, ["libragrad"], [1, 3], "float64", details=True)
    for picture, target, both in zip(pictures, [1, 3], together, strict=True):
        alone = libragrad(model, picture, target)
        assert_close(both["libragrad"].values, alone.values, 1e-10)
        assert both["libragrad"].details["head_bias"] == pytest.approx(alone.details["head_bias"])


def test_a_contrast_is_the_difference_of_its_two_maps():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    a, b = targets_q("q1")
    difference = libragrad(model, x, a).values - libragrad(model, x, b).values
    assert_close(libragrad(model, x, Contrast(a, b)).values, difference, 1e-9)


def test_for_a_text_the_cosine_is_complete():
    model, x = golden_model("q2"), inputs_q("q2", 0)
    text = arrays("q2_inputs")["text_embeddings"][2].astype(np.float64)
    found = libragrad(model, x, vi.TextEmbedding(text))
    output = model.at_precision("float64").logits(x.double())[0].numpy()
    cosine = output @ text / np.linalg.norm(output) / np.linalg.norm(text)
    assert found.details["score"] == pytest.approx(cosine)
    assert found.details["completeness_error"] < 1e-12


def test_it_shares_the_forward_pass_with_other_rules_and_the_plain_gradient():
    module = golden_module("q1")
    forwards = []
    module.patch_embed.register_forward_hook(lambda *_: forwards.append(1))
    model, x = vi.wrap_model(module), inputs_q("q1", 0)
    methods = ["libragrad", "attnlrp", "attnlrp(attention=cplrp, linear_gamma=0.1)", "input_x_gradient", "legrad"]
    together = vi.explain(model, x, methods, 1)
    assert len(forwards) == 1
    for method in methods:
        assert_close(together[method].values, vi.explain(model, x, [method], 1)[method].values, 1e-5, method)
    assert not any(part._forward_hooks for part in module.blocks.modules())


def test_bfloat16_gives_a_map_like_that_of_float32():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    exact, rough = libragrad(model, x, 1, "float32").values, libragrad(model, x, 1, "bfloat16").values
    assert np.corrcoef(exact.ravel(), rough.ravel())[0, 1] > 0.95
