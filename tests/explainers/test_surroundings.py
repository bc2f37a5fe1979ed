"""Nothing around a call changes its maps: other threads that use the model, autocast, modes without gradients."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.families import family_input, family_model
from tests.goldens import golden_model, inputs_q

CHEAP = ["rollout", "lrp", "lrp(variant=full)", "attnlrp", "libragrad", "legrad", "gradcam", "multiplex", "reciprocam"]


def maps_of(model: vi.ViT, x: torch.Tensor, methods: list[str]) -> dict[str, np.ndarray]:
    return {key: one.values for key, one in vi.explain(model, x, methods, 1).items()}


@contextlib.contextmanager
def another_thread_runs(work: Callable[[], object], place: torch.nn.Module) -> Iterator[None]:
    """Each time ``place`` returns in this thread, another thread does all of ``work`` before it continues."""
    here = threading.get_ident()
    times = []

    def hook(*_: object) -> None:
        if threading.get_ident() == here:
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
            times.append(1)

    handle = place.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()
    assert times


def applicable(model: vi.ViT) -> list[str]:
    return [name for name in model.supported_methods() if vi.methods()[name].cost != "many passes"]


@pytest.mark.parametrize("family", ["plain", "registers", "eva_rope", "refining_pool", "post_norm", "maximum"])
def test_calls_of_other_threads_on_the_callers_module_are_not_recorded(family: str) -> None:
    model = family_model(family).at_precision("float32")
    x = family_input(model, 2).float()
    methods = applicable(model)
    if model.why_not("lrp(variant=full)") is None:
        methods.append("lrp(variant=full)")
    quiet = maps_of(model, x[:1], methods)
    for place in (model.blocks[0].attn, model.blocks[1].mlp):
        with another_thread_runs(lambda: model.module(x[1:]), place):
            disturbed = maps_of(model, x[:1], methods)
        for key, values in quiet.items():
            np.testing.assert_array_equal(disturbed[key], values, err_msg=key)


@pytest.mark.parametrize("family", ["plain", "post_norm"])
def test_changes_that_a_method_makes_do_not_affect_calls_of_other_threads(family: str) -> None:
    model = family_model(family).at_precision("float32")
    x = family_input(model, 2).float()
    answers: list[torch.Tensor] = []
    expected = model.logits(x[1:])

    def ask() -> None:
        answers.append(model.module(x[1:]).detach())

    asked = x[1:].clone().requires_grad_(True)
    kinds: list[str] = []

    def ask_with_gradient() -> None:
        seen: list[object] = [model.module(asked).grad_fn]
        while seen:
            if (node := seen.pop()) is not None:
                kinds.append(type(node).__name__)
                seen.extend(following for following, _ in node.next_functions)  # type: ignore[attr-defined]

    with another_thread_runs(ask, model.blocks[0]):
        vi.explain(model, x[:1], ["reciprocam", "attnlrp"], 1)
    with another_thread_runs(ask_with_gradient, model.blocks[0]):
        vi.explain(model, x[:1], ["attnlrp", "libragrad"], 1)
    for answer in answers:
        torch.testing.assert_close(answer, expected)
    assert kinds
    assert not [kind for kind in kinds if "Switch" in kind]


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_maps_of_float32_do_not_change_under_autocast(kind: torch.dtype) -> None:
    model, x = golden_model("q1"), inputs_q("q1", 0)
    methods = [*CHEAP, "occlusion", "rise(masks=20)", "integrated_gradients(steps=4)", "smoothgrad(samples=4)"]
    plain, logits, best = maps_of(model, x, methods), model.logits(x), model.predict(np.zeros((40, 40, 3), np.uint8))
    with torch.autocast("cpu", kind):
        under = maps_of(model, x, methods)
        assert torch.equal(model.logits(x), logits)
        assert model.predict(np.zeros((40, 40, 3), np.uint8)) == best
        assert torch.is_autocast_enabled("cpu")
        assert torch.get_autocast_dtype("cpu") is kind
    for key, values in plain.items():
        np.testing.assert_array_equal(under[key], values, err_msg=key)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_maps_are_made_where_gradients_are_off(mode: type) -> None:
    model, x = golden_model("q1"), inputs_q("q1", 0)
    plain = maps_of(model, x, CHEAP)
    with mode():
        under = maps_of(model, x + 0, CHEAP)
        assert not torch.is_grad_enabled()
    for key, values in plain.items():
        np.testing.assert_array_equal(under[key], values, err_msg=key)
