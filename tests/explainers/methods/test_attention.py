"""Attention methods equal their authors' numbers, and behave as their definitions say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.goldens import arrays, assert_close, golden_model, inputs_p, inputs_q, targets_p, targets_q

PRECISIONS = [("float64", "_f64", 1e-6), ("float32", "", 1e-4)]


@pytest.mark.parametrize(("precision", "suffix", "bound"), PRECISIONS)
@pytest.mark.parametrize(("name", "index"), [("p1", 0), ("p1", 1), ("p3", 0)])
def test_rollout_and_attention_gradcam_equal_the_goldens(name, index, precision, suffix, bound):
    golden = arrays(f"{name}_attention_baselines{suffix}")
    model, x = golden_model(name), inputs_p(name, index)
    for start in (0, 1, 3):
        result = vi.explain(model, x, [("rollout", {"start_layer": start})], precision=precision)
        assert_close(result["rollout"].values, golden[f"i{index}_rollout_s{start}"], bound, f"start {start}")
    for target in targets_p(name, index):
        values = vi.explain(model, x, ["attention_gradcam"], target, precision)["attention_gradcam"].values
        assert_close(values, golden[f"i{index}_t{target}_gradcam_attn_raw"], bound, f"target {target}")


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(("fusion", "ratio"), [(f, r) for f in ("mean", "max", "min") for r in (0.0, 0.5, 0.9)])
def test_vit_explain_rollout_equals_the_goldens_in_both_normalisations(fusion, ratio, index):
    golden = arrays("p1_vitexplain_f64")
    params = {"head_fusion": fusion, "discard_ratio": ratio}
    methods = [("rollout", {**params, "variant": "vit_explain"}), ("rollout", params)]
    result = vi.explain(golden_model("p1"), inputs_p("p1", index), methods, precision="float64")
    theirs, ours = result.values()
    name = f"i{index}_rollout_{fusion}_d{ratio}"
    assert_close(theirs.values, golden[f"{name}_raw"], 1e-6, name)
    assert_close(ours.values / ours.values.max(), golden[f"{name}_rownorm"], 1e-6, f"{name}_rownorm")


@pytest.mark.parametrize("ratio", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("name", ["p1", "p3"])
def test_gradient_rollout_equals_the_goldens_as_shipped_and_corrected(name, ratio):
    golden = arrays(f"{name}_vitexplain_f64")
    for target in targets_p(name, 0):
        for variant in ("authors", "corrected"):
            method = ("gradient_rollout", {"discard_ratio": ratio, "variant": variant})
            values = vi.explain(golden_model(name), inputs_p(name, 0), [method], target, "float64")[method].values
            key = f"i0_t{target}_gradrollout_{variant}_d{ratio}"
            assert_close(values / values.max(), golden[key], 1e-6, key)


@pytest.mark.parametrize("name", ["q1", "q3"])
@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-5), ("float32", 1e-4)])
def test_generic_attention_relevance_equals_the_goldens(name, precision, bound):
    golden = arrays(f"{name}_chefer_generic")["map"]
    for index, (place, target) in itertools.product((0, 1), enumerate(targets_q(name))):
        result = vi.explain(golden_model(name), inputs_q(name, index), ["attention_gradient"], target, precision)
        assert_close(result["attention_gradient"].values, golden[index, place], bound)


def test_rollout_skips_all_prefix_tokens():
    golden = arrays("q3_rollout")["standard_raw_residual"]
    for index in (0, 1):
        values = vi.explain(golden_model("q3"), inputs_q("q3", index), ["rollout"], precision="float64")
        assert_close(values["rollout"].values, golden[index], 1e-5)


def test_raw_attention_is_the_class_tokens_row_of_the_last_block():
    model, x = golden_model("p1"), inputs_p("p1", 0)
    golden = arrays("p1_attention_baselines_f64")
    values = vi.explain(model, x, ["raw_attention"], precision="float64")["raw_attention"].values
    assert values.shape == (8, 8)
    assert 0 < values.sum() < 1
    # Rollout over the last block alone is half of that row.
    alone = golden["i0_rollout_s3"]
    assert_close(values / 2, alone, 1e-9)


def test_attention_rebuilt_in_chunks_is_the_same_to_the_last_rows(monkeypatch):
    import vitinspect.explainers.trace as trace_module
    from vitinspect.explainers import attention_calls

    model, x = golden_model("p1"), inputs_p("p1", 0)
    methods = ["rollout", "gradient_rollout", "attention_gradcam", "attention_gradient", "raw_attention"]
    whole = vi.explain(model, x, methods, precision="float64")
    monkeypatch.setitem(attention_calls.CHUNK_BYTES, "cpu", 7 * 4 * 65 * 8)
    monkeypatch.setattr(trace_module, "CACHE_BYTES", 0)
    pieces = vi.explain(model, x, methods, precision="float64")
    for key in whole:
        assert_close(pieces[key].values, whole[key].values, 1e-12, key)


def test_average_pooling_reads_all_patches_evenly():
    model = golden_model("q4")
    result = vi.explain(model, inputs_q("q4", 0), ["raw_attention"], precision="float64")
    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    double = model.at_precision("float64")
    trace, _ = record(double, inputs_q("q4", 0).double(), lambda _: [0], Needs(attention=True))
    rows = trace.attention(model.depth - 1)[0].mean(0)[model.prefix_tokens :, model.prefix_tokens :]
    assert_close(result["raw_attention"].values.reshape(-1), rows.mean(0).numpy(), 1e-12)


@pytest.mark.parametrize("name", ["q1", "q3", "q4"])
def test_a_batch_gives_what_single_images_give(name):
    model = golden_model(name)
    images = [inputs_q(name, 0), inputs_q(name, 1)]
    methods = ["rollout", "gradient_rollout", "attention_gradcam", "attention_gradient"]
    targets = targets_q(name)
    together = vi.explain_batch(model, images, methods, targets, precision="float64")
    for image, target, both in zip(images, targets, together, strict=True):
        alone = vi.explain(model, image, methods, target, "float64")
        for key in methods:
            assert_close(both[key].values, alone[key].values, 1e-10, key)


def test_only_class_specific_maps_follow_the_target():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    methods = ["rollout", "raw_attention", "gradient_rollout", "attention_gradcam", "attention_gradient"]
    a, b = (vi.explain(model, x, methods, target) for target in targets_q("q1"))
    for key in methods:
        follows = not np.array_equal(a[key].values, b[key].values)
        assert follows == vi.methods()[key].class_specific, key
        assert (a[key].target is None) != vi.methods()[key].class_specific


def test_rebuilt_attention_and_gradient_are_those_of_unfused_attention():
    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    model = golden_model("q1").at_precision("float64")
    x = inputs_q("q1", 0).double()
    needs = Needs(attention=True, attention_gradient=True)
    trace, _ = record(model, x, lambda _: [3], needs)
    module = model.module
    kept = []
    handles = []
    for block in module.blocks:
        block.attn.fused_attn = False

        def hook(_, args, output):
            output.retain_grad()
            kept.append(output)

        # In evaluation mode dropout returns the very tensor that it was given.
        handles.append(block.attn.attn_drop.register_forward_hook(hook))
    try:
        module(x.clone().requires_grad_(True))[0, 3].backward()
    finally:
        for handle in handles:
            handle.remove()
        for block in module.blocks:
            block.attn.fused_attn = True
        module.zero_grad(set_to_none=True)
    for index, plain in enumerate(kept):
        assert torch.allclose(trace.attention(index), plain, atol=1e-12)
        assert torch.allclose(trace.attention_gradient(index), plain.grad, atol=1e-12)
