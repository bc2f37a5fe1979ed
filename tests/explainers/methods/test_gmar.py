"""GMAR equals its authors' numbers, and on other families the matrices of its formula."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.goldens import arrays, assert_close, golden_model, golden_module, inputs_q, targets_q
from vitinspect.explainers.base import Needs
from vitinspect.explainers.trace import record

ALL = [f"{method}(norm={norm})" for method in ("gmar", "gmarv2") for norm in ("l1", "l2")]


@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-5), ("float32", 1e-4)])
@pytest.mark.parametrize("alpha", [1.0, 0.5])
def test_maps_and_head_weights_equal_the_goldens(alpha, precision, bound):
    golden = arrays("q1_gmar_seed")
    methods = {
        f"{method}_raw_{norm}_alpha{alpha}": (method, {"norm": norm, "alpha": alpha})
        for method in ("gmar", "gmarv2")
        for norm in ("l1", "l2")
    }
    for index, (place, target) in itertools.product((0, 1), enumerate(targets_q("q1"))):
        x = inputs_q("q1", index)
        result = vi.explain(golden_model("q1"), x, list(methods.values()), target, precision, details=True)
        for array, method in methods.items():
            assert_close(result[method].values, golden[array][index, place], bound, array)
            if method[0] == "gmar":
                weights = result[method].details["head_weights"]
                assert_close(weights, golden[f"gmar_head_weights_{method[1]['norm']}"][index, place], bound)


def test_the_defaults_are_the_authors():
    table = vi.methods()
    defaults = {p.name: p.default for p in table["gmar"].parameters}
    assert defaults == {"norm": "l2", "alpha": 1.0, "variant": "plus"}
    assert {p.name: p.default for p in table["gmarv2"].parameters} == {"norm": "l1", "alpha": 1.0}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_streamed_rows_are_those_of_the_whole_matrices(name, monkeypatch):
    import vitinspect.explainers.trace as trace_module
    from vitinspect.explainers import attention_calls

    model, x = family(name), images(name)[0]
    double = model.at_precision("float64")
    trace, _ = record(double, x.double(), lambda _: [2], Needs(attention=True, attention_gradient=True))
    tokens = trace.token_count
    eye = torch.eye(tokens, dtype=torch.float64)
    first, second = eye, eye
    for block in range(trace.depth):
        A, G = trace.attention(block)[0], trace.attention_gradient(block)[0]
        shares = G.square().sum((1, 2)).sqrt()
        first = first @ torch.einsum("h,hij->ij", shares / shares.sum(), A) + 0.7 * eye
        Q = G.clamp(min=0)
        shares = Q.sum((1, 2)) / Q.sum().clamp(min=1e-300)
        C = torch.einsum("h,hij->ij", shares, Q * A) + 0.7 * eye
        second = second @ (C / C.sum(-1, keepdim=True))
    patches = slice(model.prefix_tokens, None)
    # Chunks of three rows, rebuilt anew for each direction of the walk.
    monkeypatch.setitem(attention_calls.CHUNK_BYTES, "cpu", 3 * trace.heads * tokens * 8)
    monkeypatch.setattr(trace_module, "CACHE_BYTES", 0)
    found = vi.explain(model, x, ["gmar(alpha=0.7)", "gmarv2(alpha=0.7)"], 2, "float64")
    for key, matrix in (("gmar", first), ("gmarv2", second)):
        wanted = (trace.readout @ matrix)[0, patches].reshape(found[key].values.shape)
        assert_close(found[key].values, wanted.numpy(), 1e-11, key)


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_gives_what_single_images_give(name):
    model, both = family(name), images(name)
    together = vi.explain_batch(model, both, ALL, [1, 3], precision="float64")
    for image, target, maps in zip(both, [1, 3], together, strict=True):
        alone = vi.explain(model, image, ALL, target, "float64")
        for key in ALL:
            assert_close(maps[key].values, alone[key].values, 1e-10, key)


def test_the_maps_follow_the_target_and_head_weights_are_shares():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    a, b = (vi.explain(model, x, ALL, target, "float64", details=True) for target in targets_q("q1"))
    for key in ALL:
        assert not np.allclose(a[key].values, b[key].values, rtol=1e-3), key
        weights = a[key].details["head_weights"]
        assert weights.shape == (4, 4)
        assert np.allclose(weights.sum(-1), 1)


def test_a_block_without_any_gradient_passes_the_row_on():
    module = golden_module("q1")
    with torch.no_grad():
        # The output of the last attention is discarded, so it has no gradient.
        module.blocks[3].attn.proj.weight.zero_()
    model, x = vi.wrap_model(module), inputs_q("q1", 0)
    result = vi.explain(model, x, ["gmar", "gmarv2"], 0, "float64", details=True)
    for key in ("gmar", "gmarv2"):
        weights = result[key].details["head_weights"]
        assert np.allclose(weights[:3].sum(-1), 1)
        assert (weights[3] == 0).all()
    trace, _ = record(
        model.at_precision("float64"), x.double(), lambda _: [0], Needs(attention=True, attention_gradient=True)
    )
    row = trace.readout
    for block in range(3):
        A, Q = trace.attention(block)[0], trace.attention_gradient(block)[0].clamp(min=0)
        C = torch.einsum("h,hij->ij", Q.sum((1, 2)) / Q.sum(), Q * A) + torch.eye(65, dtype=torch.float64)
        row = row @ (C / C.sum(-1, keepdim=True))
    assert_close(result["gmarv2"].values.reshape(-1), row[0, 1:].numpy(), 1e-12)


def test_without_identity_the_second_version_still_gives_a_map():
    result = vi.explain(golden_model("q1"), inputs_q("q1", 0), ["gmarv2(alpha=0)"], 0, "float64")
    values = result["gmarv2"].values
    assert np.isfinite(values).all()
    # All rows sum to one, so the weight of the class token is distributed without loss.
    assert 0 < values.sum() <= 1 + 1e-12
