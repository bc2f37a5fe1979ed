"""Putting a model into evaluation state for a computation, and restoring it afterwards, also after an exception.

Two computations on one model object wait for each other; on two objects they run side by side.
"""

from __future__ import annotations

import contextlib
import functools
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
"""Flags of modules that are changed during a computation, and the value that they must not have."""


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
        if id(module) in _held_models():  # already held by this thread: everything is as it should be
            yield module
            return
        changed, gradients = _unwanted_flags(module)
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
    """Without the caller's autocast, which would change the requested precision, and outside of inference mode, in
    which there are no gradients. The caller switches gradients on; float32 is computed in full precision."""
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


def _unwanted_flags(module: nn.Module) -> tuple[list[tuple[nn.Module, str, bool]], list[nn.Parameter]]:
    """The flags of submodules that must be changed, with their present value, and the parameters with gradients.

    Every call of the engine checks some hundred submodules, most of which have no such flag; ``modules()``, which
    builds a name for each, and ``getattr`` on each would take a twentieth of the time of a small model's passes.
    """
    changed: list[tuple[nn.Module, str, bool]] = []
    gradients: list[nn.Parameter] = []
    seen: set[int] = set()
    waiting = [module]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        flags = part.__dict__
        of_class = _class_flags(type(part))  # type: ignore[arg-type]
        for name, unwanted in _UNWANTED.items():
            if flags.get(name, of_class.get(name)) is unwanted:
                changed.append((part, name, unwanted))
        for parameter in flags["_parameters"].values():
            if parameter is not None and parameter.requires_grad:
                gradients.append(parameter)
        for child in flags["_modules"].values():
            if child is not None:
                waiting.append(child)
    return changed, gradients


@functools.cache
def _class_flags(kind: type) -> dict[str, object]:
    """The flags that a class sets for all its modules."""
    return {name: getattr(kind, name) for name in _UNWANTED if hasattr(kind, name)}
