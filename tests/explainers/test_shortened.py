"""If no method reads the last block, the trace computes only those of its tokens that the head reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.families import FAMILIES, family_input, family_model
from vitinspect.explainers.trace import _Recording

METHODS = ["saliency", "input_x_gradient", "attnlrp", "attnlrp(attention=attnlrp)"]
SHORT = ("plain", "registers", "distilled", "eva_rope_class", "norms_and_gates")


@pytest.fixture
def shortened(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often a trace left out the rest of the last block."""
    times: list[int] = []
    own = _Recording.run_shortened

    def run(self: Any, images: torch.Tensor) -> torch.Tensor:
        times.append(1)
        return own(self, images)

    monkeypatch.setattr(_Recording, "run_shortened", run)
    return times


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_are_those_of_the_whole_model(family: str, shortened: list[int]) -> None:
    model, x = family_model(family), family_input(family_model(family), 2)
    methods = [method for method in METHODS if model.why_not(method) is None]
    short = vi.explain_batch(model, x, methods, 1, "float64")
    assert shortened or family not in SHORT
    before = len(shortened)
    handle = model.blocks[-1].register_forward_hook(lambda *_: None)
    whole = vi.explain_batch(model, x, methods, 1, "float64")
    handle.remove()
    assert len(shortened) == before
    for one, other in zip(short, whole, strict=True):
        np.testing.assert_allclose(one.logits, other.logits, rtol=1e-10, atol=1e-12)
        for key in methods:
            size = np.abs(other[key].values).max()
            np.testing.assert_allclose(one[key].values, other[key].values, atol=1e-9 * size, err_msg=key)


@pytest.mark.parametrize("method", ["rollout", "lrp", "legrad", "libragrad", "gmar", "attnlrp(linear_gamma=0.1)"])
def test_methods_that_look_into_the_last_block_get_all_of_it(method: str, shortened: list[int]) -> None:
    model = family_model("plain")
    vi.explain(model, family_input(model, 1), [method, "saliency"], 1, "float64")
    assert shortened == []


def test_hooks_of_the_caller_are_called(shortened: list[int]) -> None:
    model, seen = family_model("plain"), []
    for part in (model.module, model.blocks[-1], model.blocks[-1].attn, model.blocks[-1].attn.qkv):
        handle = part.register_forward_hook(lambda *_: seen.append(1))
        vi.explain(model, family_input(model, 1), "saliency", 1, "float64")
        handle.remove()
    assert len(seen) == 4
    assert shortened == []
