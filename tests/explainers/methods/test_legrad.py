"""LeGrad equals its authors' numbers, and follows its definition where there are none."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.explainers.unusual_families import DIFFERENTIAL, UNUSUAL, unusual
from tests.goldens import arrays, assert_close, golden_model, golden_module, inputs_q, targets_q
from vitinspect.explainers.targets import Contrast
from vitinspect.models.evaluation_state import in_evaluation_state

PRECISIONS = [("float64", 1e-5), ("float32", 1e-4)]


@functools.cache
def any_family(name: str) -> vi.ViT:
    return family(name) if name in FAMILIES else unusual(name)


def legrad(model, x, target=None, precision="float64", method="legrad", **params):
    (found,) = vi.explain(model, x, [(method, params)], target, precision, details=True).values()
    return found


@pytest.mark.parametrize(("precision", "bound"), PRECISIONS)
@pytest.mark.parametrize(
    ("name", "pooling"),
    [(n, p) for n in ("q1", "q3", "q4") for p in ("all", "patch", "cls") if (n, p) != ("q4", "cls")],
)
def test_on_classifiers_it_equals_the_goldens(name, pooling, precision, bound):
    golden = arrays(f"{name}_legrad_classifier")
    for index in (0, 1):
        for place, target in enumerate(targets_q(name)):
            x = inputs_q(name, index)
            found = legrad(golden_model(name), x, target, precision, start_layer=0, pooling=pooling)
            assert_close(found.details["layers"], golden[f"layers_pool_{pooling}"][index, place], bound)
            assert_close(found.values, golden[f"sum_pool_{pooling}"][index, place], bound)


@pytest.mark.parametrize(("precision", "bound"), PRECISIONS)
@pytest.mark.parametrize(("start", "name"), [(-2, "default"), (0, "all")])
def test_on_a_clip_tower_with_texts_it_equals_the_official_code(start, name, precision, bound):
    golden = arrays("q2_legrad_clip")
    texts = [vi.TextEmbedding(text) for text in arrays("q2_inputs")["text_embeddings"]]
    for index in (0, 1):
        for place, text in enumerate(texts):
            params = {} if name == "default" else {"start_layer": start}
            found = legrad(golden_model("q2"), inputs_q("q2", index), text, precision, **params)
            assert_close(found.details["layers"], golden[f"layers_{name}"][index, place], bound)
            assert_close(found.values, golden[f"sum_{name}"][index, place], bound)


@pytest.mark.parametrize(("precision", "bound"), PRECISIONS)
def test_the_comparison_projects_variant_equals_its_goldens(precision, bound):
    golden = arrays("q1_legrad_seed")
    for index in (0, 1):
        for place, target in enumerate(targets_q("q1")):
            found = legrad(golden_model("q1"), inputs_q("q1", index), target, precision, "legrad_seed")
            assert_close(found.values, golden["mean_raw"][index, place], bound)
            assert_close(found.details["layers"], golden["layers"][index, place], bound)


def written_out(model: vi.ViT, x: torch.Tensor, target: int, pooling: str) -> np.ndarray:
    """LeGrad by its definition, with explicit attention: (L, T). One block after the other, each cut off from the
    earlier ones."""
    double = model.at_precision("float64")
    module = copy.deepcopy(double.module)
    inputs: list[tuple] = []
    handles = [
        block.register_forward_pre_hook(lambda _, args, kwargs: inputs.append((args, kwargs)), with_kwargs=True)
        for block in module.blocks
    ]
    with torch.no_grad():
        module(x.double())
    for handle in handles:
        handle.remove()
    layers = []
    for block, (args, kwargs) in zip(module.blocks, inputs, strict=True):
        attentions: list[torch.Tensor] = []
        hooks = []
        for part in block.modules():
            if hasattr(part, "fused_attn"):
                part.fused_attn = False
            if hasattr(part, "attn_drop"):
                # In evaluation mode dropout returns the very tensor that it was given.
                hooks.append(part.attn_drop.register_forward_hook(lambda _, __, out, to=attentions: to.append(out)))
        tokens = block(args[0].clone().requires_grad_(True), *args[1:], **kwargs)
        for hook in hooks:
            hook.remove()
        prefix = module.num_prefix_tokens
        pooled = {"all": tokens, "patch": tokens[:, prefix:], "cls": tokens[:, :1]}[pooling].mean(1)
        z = module.fc_norm(module.norm(pooled)) if hasattr(module, "fc_norm") else module.norm(pooled)
        heads = [head for head in (module.head, getattr(module, "head_dist", None)) if head is not None]
        score = sum(head(z)[0, target] for head in heads) / len(heads)
        gradients = torch.cat(torch.autograd.grad(score, attentions), dim=1)
        layers.append(gradients.clamp(min=0).mean((0, 1, 2)).numpy())
    return np.stack(layers)


PLAIN_HEADS = [
    name
    for name in (*FAMILIES, *UNUSUAL)
    if "attention pooling" not in name and name not in ("class and mean head", "refined pooling")
]


@pytest.mark.parametrize("name", PLAIN_HEADS)
@pytest.mark.parametrize("pooling", ["all", "patch", "cls"])
def test_on_every_family_it_is_the_positive_gradient_of_attention_inside_each_block(name, pooling):
    model, x = any_family(name), images(name)[0]
    if pooling == "cls" and not model.has_class_token:
        assert model.why_not("legrad(pooling=cls)") is not None
        return
    expected = written_out(model, x, 2, pooling)[:, model.prefix_tokens :]
    found = legrad(model, x, 2, start_layer=0, pooling=pooling)
    assert_close(found.details["layers"].reshape(expected.shape), expected, 1e-9)
    assert_close(found.values.reshape(-1), expected.sum(0), 1e-9)


@pytest.mark.parametrize("name", ["class and mean head", "refined pooling"])
def test_heads_that_read_several_tokens_read_the_pooled_token_in_the_place_of_each(name):
    model, x = unusual(name), images(name)[0]
    found = legrad(model, x, 2, start_layer=-1)
    module = model.at_precision("float64").module
    assert np.isfinite(found.values).all()
    assert found.values.max() > 0
    with in_evaluation_state(module), torch.no_grad():
        token = torch.randn(1, model.dim).double()
        whole = torch.cat([token, token], 1) if name == "class and mean head" else module.attn_pool.post_norm(token)
        from vitinspect.explainers.methods.legrad import score_pooled

        assert torch.allclose(score_pooled(model.at_precision("float64"), token), module.head(_normed(module, whole)))


def _normed(module, whole):
    halves = [module.norm(half) for half in whole.split(module.embed_dim, 1)]
    return torch.cat(halves, 1)


@pytest.mark.parametrize("pooling", ["all", "patch"])
@pytest.mark.parametrize(
    "name", ["attention pooling", "attention pooling with a class token", "attention pooling over registers"]
)
def test_with_attention_pooling_it_is_the_gradient_of_the_pooling_heads_attention(name, pooling):
    model, x = any_family(name), images(name)[0]
    module = copy.deepcopy(model.at_precision("float64").module)
    outputs: list[torch.Tensor] = []
    handles = [block.register_forward_hook(lambda _, __, out: outputs.append(out)) for block in module.blocks]
    with torch.no_grad():
        module(x.double())
    for handle in handles:
        handle.remove()
    prefix = model.prefix_tokens
    reads_prefix = pooling == "all" and model.pools_prefix
    layers = []
    for tokens in outputs:
        pool = module.attn_pool
        read = module.norm(tokens)[:, 0 if reads_prefix else prefix :]
        keys, values = pool.kv(read).reshape(1, -1, 2, pool.num_heads, pool.head_dim).permute(2, 0, 3, 1, 4)
        query = pool.q(pool.latent).reshape(1, 1, pool.num_heads, pool.head_dim).transpose(1, 2)
        attention = (query * pool.scale @ keys.transpose(-2, -1)).softmax(-1).detach().requires_grad_(True)
        pooled = pool.proj((attention @ values).transpose(1, 2).reshape(1, 1, -1))
        pooled = (pooled + pool.mlp(pool.norm(pooled)))[:, 0]
        (gradient,) = torch.autograd.grad(module.head(module.fc_norm(pooled))[0, 2], attention)
        positive = gradient.clamp(min=0).mean(1)[0, 0]
        layers.append(positive[prefix if reads_prefix else 0 :].detach().numpy())
    found = legrad(model, x, 2, start_layer=0, pooling=pooling)
    assert_close(found.details["layers"].reshape(len(layers), -1), np.stack(layers), 1e-9)


def test_with_attention_pooling_the_class_token_alone_is_refused():
    reason = family("attention pooling").why_not("legrad(pooling=cls)")
    assert reason is not None
    assert "no patch" in reason


def test_the_start_layer_counts_from_either_end_and_leaves_out_the_earlier_blocks():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    everything = legrad(model, x, 1, start_layer=0).details["layers"]
    for start in (-4, -1, 0, 2, 3):
        found = legrad(model, x, 1, start_layer=start)
        assert_close(found.details["layers"], everything[start:], 1e-12)
        assert_close(found.values, everything[start:].sum(0), 1e-12)
    for start in (-5, 4):
        with pytest.raises(vi.ParameterError, match="blocks 0 to 3"):
            legrad(model, x, 1, start_layer=start)


def test_it_is_the_same_in_chunks_of_single_rows(monkeypatch):
    from vitinspect.explainers import attention_calls

    model, x = golden_model("q3"), inputs_q("q3", 0)
    whole = [legrad(model, x, 1, method=method).values for method in ("legrad", "legrad_seed")]
    monkeypatch.setitem(attention_calls.CHUNK_BYTES, "cpu", 1)
    pieces = [legrad(model, x, 1, method=method).values for method in ("legrad", "legrad_seed")]
    for a, b in zip(whole, pieces, strict=True):
        assert_close(b, a, 1e-12)


@pytest.mark.parametrize("method", ["legrad", "legrad(start_layer=0, pooling=patch)", "legrad_seed"])
@pytest.mark.parametrize("name", ["registers", "rotary", "attention pooling", "not square"])
def test_a_batch_gives_what_single_images_give(name, method):
    model, pictures = any_family(name), images(name)
    together = vi.explain_batch(model, pictures, [method], [1, 3], "float64")
    for picture, target, both in zip(pictures, [1, 3], together, strict=True):
        alone = vi.explain(model, picture, [method], target, "float64")
        assert_close(both[method].values, alone[method].values, 1e-10)


def test_several_texts_in_one_batch_are_kept_apart():
    x = inputs_q("q2", 0)
    texts = [vi.TextEmbedding(text) for text in arrays("q2_inputs")["text_embeddings"]]
    together = vi.explain_batch(golden_model("q2"), [x] * 5, ["legrad(start_layer=0)"], texts, "float64")
    golden = arrays("q2_legrad_clip")["sum_all"][0]
    for found, expected in zip(together, golden, strict=True):
        assert_close(found["legrad"].values, expected, 1e-5)


def test_a_contrast_is_neither_of_its_classes():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    a, b = targets_q("q1")
    maps = [legrad(model, x, target).values for target in (a, b, Contrast(a, b), Contrast(b, a))]
    for i, first in enumerate(maps):
        for second in maps[i + 1 :]:
            assert not np.allclose(first, second)


def test_it_shares_the_forward_pass_and_changes_no_other_method():
    module = golden_module("q1")
    forwards = []
    module.patch_embed.register_forward_hook(lambda *_: forwards.append(1))
    model, x = vi.wrap_model(module), inputs_q("q1", 0)
    methods = ["legrad", "legrad(start_layer=0, pooling=cls)", "saliency", "attnlrp(attention=cplrp)"]
    together = vi.explain(model, x, methods, 1)
    assert len(forwards) == 1
    for method in methods:
        assert_close(together[method].values, vi.explain(model, x, [method], 1)[method].values, 1e-6)


@pytest.mark.parametrize("name", DIFFERENTIAL)
def test_differential_attention_is_refused_by_name(name):
    for method in ("legrad", "legrad_seed"):
        reason = unusual(name).why_not(method)
        assert reason is not None
        assert "Diff" in reason
