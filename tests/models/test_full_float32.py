"""While the engine computes, float32 has full precision; afterwards the process's flags are restored."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
import torch

import vitinspect as vi
from tests.zoo import tiny_inputs, tiny_model
from vitinspect.models.full_float32 import full_float32


@pytest.fixture(autouse=True)
def flags_of_somebody():
    """torch's default for convolutions, and a common setting for products."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = True
    torch.set_float32_matmul_precision("high")
    yield
    torch.backends.cudnn.allow_tf32 = before[0]
    torch.set_float32_matmul_precision(before[1])


def flags() -> tuple[bool, str, bool]:
    return torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32


ROUNDING, EXACT = (True, "high", True), (False, "highest", False)


def seen_during(model: vi.ViT, work) -> list[tuple[bool, str, bool]]:
    seen = []
    handle = model.module.patch_embed.proj.register_forward_hook(lambda *_: seen.append(flags()))
    try:
        work()
    finally:
        handle.remove()
    return seen


@pytest.mark.parametrize("method", ["rollout", "saliency", "lrp", "attnlrp", "rise(masks=4)", "occlusion"])
def test_a_method_runs_in_full_float32_and_leaves_the_flags_as_they_were(method):
    model = tiny_model("plain")
    seen = seen_during(model, lambda: vi.explain(model, tiny_inputs(), [method], 1))
    assert set(seen) == {EXACT}
    assert flags() == ROUNDING


def test_logits_features_and_predictions_are_computed_in_full_float32():
    model = tiny_model("plain")
    for work in (lambda: model.logits(tiny_inputs()), lambda: model.features(tiny_inputs(), "class+mean")):
        assert set(seen_during(model, work)) == {EXACT}
        assert flags() == ROUNDING


def test_the_flags_return_after_an_error():
    model = tiny_model("plain")

    def fail(*_):
        raise RuntimeError("stop")

    handle = model.module.blocks[1].register_forward_hook(fail)
    with pytest.raises(RuntimeError, match="stop"):
        vi.explain(model, tiny_inputs(), ["saliency"], 1)
    handle.remove()
    assert flags() == ROUNDING


def test_two_threads_do_not_change_the_flags_for_each_other():
    first_is_in, second_is_done = threading.Event(), threading.Event()
    seen = []

    def first() -> None:
        with full_float32():
            first_is_in.set()
            second_is_done.wait(10)
            seen.append(flags())

    thread = threading.Thread(target=first)
    thread.start()
    first_is_in.wait(10)
    with full_float32():
        seen.append(flags())
    seen.append(flags())
    second_is_done.set()
    thread.join()
    assert seen == [EXACT] * 3
    assert flags() == ROUNDING


def test_flags_set_by_the_newer_names_are_restored_too():
    code = """
import torch
from vitinspect.models.full_float32 import full_float32
if not hasattr(torch.backends.cudnn, "conv"):
    raise SystemExit(0)
torch.backends.cudnn.conv.fp32_precision = "tf32"
torch.backends.cudnn.rnn.fp32_precision = "ieee"
torch.backends.cuda.matmul.fp32_precision = "tf32"
read = lambda: (torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision)
before = read()
with full_float32():
    assert read()[0] != "tf32" and read()[1] != "tf32", read()
assert read() == before, read()
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
