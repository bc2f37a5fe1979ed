"""A model held for a computation: in evaluation mode meanwhile, and as it was afterwards, also after an exception.

Two computations on one model object wait for each other; on two objects they run side by side.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator

import torch
from torch import nn

from vitinspect.models.full_float32 import full_float32

_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_guard = threading.Lock()
_held = threading.local()

_UNWANTED = {"training": True, "fused_attn": False, "grad_checkpointing": True}
"""Flags of modules that are turned for the length of a stay, and the value that they must not have."""


def lock_of(module: nn.Module) -> threading.RLock:
    """The one lock of a model object."""
    with _locks_guard:
        if module not in _locks:
            _locks[module] = threading.RLock()
        return _locks[module]


@contextlib.contextmanager
def in_evaluation_state(module: nn.Module) -> Iterator[nn.Module]:
    """Hold the model, in evaluation mode, without parameter gradients, with fused attention, in the engine's own modes.

    Parameters that require no gradient keep autograd from saving the inputs of every linear layer, and fused
    attention keeps the T x T matrices out of memory: the trace rebuilds what it needs of them. Checkpointing
    would run the forward pass, and so the hooks, twice. All flags return to what they were.
    """
    with lock_of(module), own_modes():
        if id(module) in _held_models():  # held further out by this thread: everything is as it should be
            yield module
            return
        changed: list[tuple[nn.Module, str, bool]] = []
        gradients: list[nn.Parameter] = []
        for part in _parts(module):
            flags = vars(part)
            for name, unwanted in _UNWANTED.items():
                if flags.get(name, getattr(type(part), name, None)) is unwanted:
                    changed.append((part, name, unwanted))
            gradients += [p for p in part._parameters.values() if p is not None and p.requires_grad]
        try:
            for part, name, value in changed:
                setattr(part, name, not value)
            for parameter in gradients:
                parameter.requires_grad_(False)
            _held_models().add(id(module))
            yield module
        finally:
            _held_models().discard(id(module))
            for part, name, value in changed:
                setattr(part, name, value)
            for parameter in gradients:
                parameter.requires_grad_(True)


@contextlib.contextmanager
def own_modes() -> Iterator[None]:
    """Without the caller's autocast, by which the precision would not be the one that was asked for, and outside of
    inference mode, in which there are no gradients. Gradients are on where the caller of this switches them on; float32
    is computed in all of its bits."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(full_float32())
        for device in ("cpu", "cuda", "mps"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if torch.is_inference_mode_enabled():
            gradients = torch.is_grad_enabled()
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.set_grad_enabled(gradients))
        yield


def _held_models() -> set[int]:
    """The models that this thread holds."""
    if not hasattr(_held, "models"):
        _held.models = set()
    return _held.models


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    """All modules of a model, each once. ``modules()`` makes a name for each, which takes ten times as long."""
    seen: set[int] = set()
    waiting = [module]
    while waiting:
        part = waiting.pop()
        if id(part) not in seen:
            seen.add(id(part))
            yield part
            waiting.extend(child for child in part._modules.values() if child is not None)
