"""Methods stay on the model's device, tested without one: fake tensors have a device and no numbers.

Operations on fake tensors raise where two devices meet, and numpy refuses what is not on the CPU, as on a real GPU. The
device is called ``lazy``, because torch's builds for CUDA run no backward pass without a driver. Where numbers leave
the device, ones are read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DynamicOutputShapeException, FakeTensor, FakeTensorMode

import vitinspect as vi
from tests.zoo import FAMILIES
from vitinspect.errors import MethodFailed
from vitinspect.explainers.passes import chunks

DEVICE = "lazy:0"
KINDS = (
    "distilled", "class token and mean",
    "Eva, rotary, SwiGLU, normed (EVA-02)", "rotary, layer scale, registers (DINOv3)",
)  # fmt: skip
ENDS = {
    # Their shapes follow from numbers: what comes after that is seen on a real device alone.
    "multiplex": DynamicOutputShapeException,
    "reciprocam": DynamicOutputShapeException,
    # Checks its own sum, which ones do not give.
    "libragrad": MethodFailed,
}
SHORT = {
    "rise": "rise(masks=20)",
    "integrated_gradients": "integrated_gradients(steps=2)",
    "smoothgrad": "smoothgrad(samples=2)",
}
_KINDS_OF_NUMBERS = {torch.float64: np.float64, torch.int64: np.int64, torch.int32: np.int32, torch.bool: np.bool_}


def _ones(tensor: torch.Tensor) -> np.ndarray:
    return np.ones(tuple(tensor.shape), _KINDS_OF_NUMBERS.get(tensor.dtype, np.float32))


def _to_numpy(tensor: torch.Tensor, **options: Any) -> np.ndarray:
    if tensor.device.type != "cpu" and not options.get("force"):
        raise TypeError(f"can't convert {tensor.device} device type tensor to numpy. Use Tensor.cpu() first.")
    return _ones(tensor)


@contextlib.contextmanager
def fake_device() -> Iterator[None]:
    """Inside, new tensors are fake, and one may be made on ``DEVICE``."""
    readers = {
        "numpy": _to_numpy,
        "tolist": lambda tensor: _ones(tensor).tolist(),
        "item": lambda tensor: _ones(tensor).item(),
        "__bool__": lambda tensor: bool(_ones(tensor).item()),
        "__float__": lambda tensor: float(_ones(tensor).item()),
        "__int__": lambda tensor: int(_ones(tensor).item()),
        "__index__": lambda tensor: int(_ones(tensor).item()),
    }
    with contextlib.ExitStack() as stack:
        for name, reader in readers.items():
            own = getattr(torch.Tensor, name)

            def read(tensor: Any, *args: Any, reader: Any = reader, own: Any = own, **kwargs: Any) -> Any:
                return (
                    reader(tensor, *args, **kwargs) if isinstance(tensor, FakeTensor) else own(tensor, *args, **kwargs)
                )

            stack.enter_context(mock.patch.object(torch.Tensor, name, read))
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_keeps_to_the_device_of_the_model(kind):
    with fake_device():
        with torch.device(DEVICE):
            module = FAMILIES[kind](depth=2).eval()
        model = vi.wrap_model(module, device=None, name=kind)
        supported = model.supported_methods()
        found = vi.explain(model, torch.zeros(3, 32, 32), [SHORT.get(m, m) for m in supported if m not in ENDS], 2)
        assert {attribution.values.shape for attribution in found.values()} == {(4, 4), (32, 32)}
        for method in ENDS.keys() & set(supported):
            with pytest.raises(ENDS[method]):
                vi.explain(model, torch.zeros(3, 32, 32), [method], 2)


def test_a_method_that_mixes_devices_is_detected(monkeypatch):
    from vitinspect.explainers.methods.gradients import Saliency

    own = Saliency.maps

    def mixing(self: Saliency, run: Any, *rest: Any) -> Any:
        run.inputs + torch.zeros(3, 32, 32)
        return own(self, run, *rest)

    monkeypatch.setattr(Saliency, "maps", mixing)
    with fake_device():
        with torch.device(DEVICE):
            module = FAMILIES["plain"]().eval()
        model = vi.wrap_model(module, device=None)
        with pytest.raises(RuntimeError, match="same device"):
            vi.explain(model, torch.zeros(3, 32, 32), ["saliency"], 2)


def test_on_cuda_chunks_begin_with_what_fits_a_part_of_the_free_memory(monkeypatch):
    model = mock.Mock(dim=768, depth=12, device=torch.device("cuda:0"), dtype=torch.float32)
    for free, tokens, wanted in (
        (80 * 2**30, 197, 114),
        (80 * 2**30, 50, chunks.GPU_LARGEST),
        (80 * 2**30, 4097, chunks.GPU_SMALLEST),
        (100 * 2**20, 197, 2),
        (0, 197, 1),
    ):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _device, free=free: (free, 80 * 2**30))
        assert chunks.batch_size_for(model, tokens) == wanted


@pytest.mark.parametrize("cancellable", [True, False])
def test_a_gpu_is_waited_for_after_each_chunk_where_somebody_may_cancel(cancellable, monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: mock.Mock(synchronize=lambda: waited.append(1)))
    chunks.run_chunks(6, 2, lambda _: None, cancel=vi.CancelToken() if cancellable else None)
    assert len(waited) == (3 if cancellable else 0)
