"""Cheaper passes equal the model, forward and backward, on every family."""

from __future__ import annotations

import pytest
import torch

import vitinspect as vi
from tests.families import FAMILIES, family_input, family_model
from tests.goldens import golden_module
from vitinspect.explainers.passes.forward import Passes


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_and_input_gradients_are_the_models(name):
    model = family_model(name)
    x = family_input(model, 3)
    with Passes(model).held() as passes:
        assert passes.in_parts
        inputs = x.clone().requires_grad_(True)
        logits = passes(inputs)
        gradient = torch.autograd.grad(logits[:, 2].sum(), inputs)[0]
    plain = x.clone().requires_grad_(True)
    wanted = model.module(plain)
    assert torch.allclose(logits, wanted, atol=1e-11)
    assert torch.allclose(gradient, torch.autograd.grad(wanted[:, 2].sum(), plain)[0], atol=1e-11)


def test_a_class_with_its_own_forward_is_called_as_a_whole():
    module = golden_module("q1")

    class Doubled(type(module)):
        def forward_features(self, x, **kwargs):
            return 2 * super().forward_features(x, **kwargs)

    module.__class__ = Doubled
    model = vi.wrap_model(module)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad(), Passes(model).held() as passes:
        assert not passes.in_parts
        assert torch.equal(passes(x), module(x))
