"""Lack of memory is recognised for every allocator, and one method that needs too much does not stop the others."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.goldens import golden_model, inputs_q
from vitinspect.errors import NotEnoughMemory, is_out_of_memory
from vitinspect.explainers.methods.attention import Rollout
from vitinspect.explainers.methods.lrp import Lrp
from vitinspect.explainers.passes import chunks, forward

WORDS = [
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    ),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("std::bad_alloc"),
    RuntimeError("MPS backend out of memory (MPS allocated: 18.05 GiB, other allocations: 92.00 KiB)."),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("could not create a memory object: failed to allocate"),
    torch.OutOfMemoryError("Tried to allocate 2.00 GiB."),
    MemoryError("std::bad_alloc"),
    MemoryError(),
    NotEnoughMemory("There is not enough memory."),
]


def assert_same_map(found: np.ndarray, expected: np.ndarray) -> None:
    """To a few roundings of float32: a trace for one method leaves out what only the others read."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6 * float(np.abs(expected).max()))


@pytest.mark.parametrize("error", WORDS, ids=str)
def test_every_allocators_words_are_known(error: Exception) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes do not match"), ValueError("out of memory"), OSError("disk full")]
)
def test_other_errors_are_not_mistaken_for_lack_of_memory(error: Exception) -> None:
    assert not is_out_of_memory(error)


@pytest.mark.parametrize("error", WORDS[:-1], ids=str)
def test_the_chunk_halves_and_the_map_is_the_same(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = golden_model("q1"), inputs_q("q1", 0)
    expected = vi.explain(model, x, ["rise(masks=16)"], 1)["rise(masks=16)"].values
    call, sizes = forward.Passes.__call__, []

    def small(self: forward.Passes, images: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        if len(images) > 3:
            raise error
        return call(self, images)

    monkeypatch.setattr(forward.Passes, "__call__", small)
    monkeypatch.setattr(chunks, "CPU_SMALLEST", 16)
    found = vi.explain(model, x, ["rise(masks=16)"], 1)["rise(masks=16)"].values
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert sizes == [16, 8, 4, 2, 2, 2, 2, 2, 2, 2, 2]


def greedy(*_: object, **__: object) -> None:
    raise RuntimeError("std::bad_alloc")


def test_the_other_methods_are_computed_and_the_one_that_failed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = golden_model("q1"), inputs_q("q1", 0)
    expected = vi.explain(model, x, ["gradcam", "rise(masks=10)"], 1)
    monkeypatch.setattr(Lrp, "maps", greedy)
    arrived: dict[str, np.ndarray] = {}
    progress: list[tuple[int, int]] = []
    with pytest.raises(NotEnoughMemory, match=r"^lrp: there is not enough memory.*bfloat16") as caught:
        vi.explain(
            model,
            x,
            ["gradcam", "lrp", "rise(masks=10)"],
            1,
            on_map=lambda one: arrived.update({one.key: one.values}),
            progress=lambda done, total: progress.append((done, total)),
        )
    assert list(arrived) == ["gradcam", "rise(masks=10)"]
    assert progress[-1][0] == progress[-1][1]
    (explanation,) = caught.value.explanations
    assert list(explanation) == ["gradcam", "rise(masks=10)"]
    for key in explanation:
        assert_same_map(explanation[key].values, expected[key].values)
        assert_same_map(arrived[key], expected[key].values)


def test_where_the_shared_trace_does_not_fit_each_method_gets_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    model, x = golden_model("q1"), inputs_q("q1", 0)
    methods = ["rollout", "saliency", "attention_gradient"]
    expected = vi.explain(model, x, methods, 1)
    calls: list[int] = []

    def at_first(module: torch.nn.Module, *_: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise MemoryError

    handle = model.module.blocks[1].register_forward_hook(at_first)
    found = vi.explain(model, x, methods, 1)
    handle.remove()
    assert len(calls) == 4
    assert list(found) == methods
    for key in methods:
        assert_same_map(found[key].values, expected[key].values)
    monkeypatch.setattr(Rollout, "sweep", greedy)
    with pytest.raises(NotEnoughMemory, match="^rollout: ") as caught:
        vi.explain(model, x, methods, 1)
    assert list(caught.value.explanations[0]) == ["saliency", "attention_gradient"]


def test_a_single_method_that_does_not_fit_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lrp, "maps", greedy)
    with pytest.raises(vi.VitInspectError, match="^lrp: there is not enough memory") as caught:
        vi.explain(golden_model("q1"), inputs_q("q1", 0), "lrp", 1)
    assert isinstance(caught.value, NotEnoughMemory)
    assert caught.value.explanations == []
