"""Rollout, GMAR and LeGrad as the comparison of the three computes them, against whole matrices in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.goldens import arrays, assert_close, golden_model, inputs_q, targets_q
from vitinspect.explainers.base import Needs
from vitinspect.explainers.trace import record


def attention_and_gradients(index: int, target: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Per block (heads, tokens, tokens) twice, in float64."""
    double = golden_model("q1").at_precision("float64")
    needs = Needs(attention=True, attention_gradient=True)
    trace, _ = record(double, inputs_q("q1", index).double(), lambda _: [target], needs)
    return [(trace.attention(b)[0], trace.attention_gradient(b)[0]) for b in range(trace.depth)]


def to_grid(row: torch.Tensor) -> np.ndarray:
    return row[1:].reshape(8, 8).numpy()


@pytest.mark.parametrize("index", [0, 1])
def test_its_rollout_multiplies_on_the_other_side(index):
    found = vi.explain(golden_model("q1"), inputs_q("q1", index), ["rollout(variant=comparison)", "rollout"])
    assert_close(found["rollout(variant=comparison)"].values, arrays("q1_rollout")["seed_raw_residual"][index], 1e-4)
    assert_close(found["rollout"].values, arrays("q1_rollout")["standard_raw_residual"][index], 1e-4)
    pair = [m.values.ravel() for m in found.values()]
    assert np.corrcoef(*pair)[0, 1] < 0.8


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_its_gmar_averages_the_weighted_heads_and_scales_rows(norm):
    for target in targets_q("q1"):
        rollout = torch.eye(65, dtype=torch.float64)
        for attention, gradient in attention_and_gradients(0, target):
            size = gradient.abs().sum((1, 2)) if norm == "l1" else gradient.square().sum((1, 2)).sqrt()
            matrix = (attention * (size / size.sum())[:, None, None]).mean(0) + 0.6 * torch.eye(65, dtype=torch.float64)
            rollout = rollout @ (matrix / matrix.sum(-1, keepdim=True))
        method = f"gmar(norm={norm},alpha=0.6,variant=comparison)"
        found = vi.explain(golden_model("q1"), inputs_q("q1", 0), [method], target, "float64")
        assert_close(next(iter(found.values())).values, to_grid(rollout[0]), 1e-9)


def test_its_legrad_is_gradient_times_attention():
    for target in targets_q("q1"):
        blocks = [
            (gradient.clamp(min=0) * attention).mean(0)[1:, 1:].mean(-1)
            for attention, gradient in attention_and_gradients(1, target)
        ]
        expected = torch.stack(blocks).mean(0).reshape(8, 8).numpy()
        found = vi.explain(
            golden_model("q1"), inputs_q("q1", 1), ["legrad_seed(variant=comparison)"], target, "float64"
        )
        assert_close(next(iter(found.values())).values, expected, 1e-9)
