"""The model is a guest: whatever a computation changes on it is put back, also after an exception.

Two computations on one model object wait for each other; on two objects they run side by side.
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Iterator

from torch import nn

_locks: weakref.WeakKeyDictionary[nn.Module, threading.RLock] = weakref.WeakKeyDictionary()
_locks_guard = threading.Lock()


def lock_of(module: nn.Module) -> threading.RLock:
    """The one lock of a model object."""
    with _locks_guard:
        if module not in _locks:
            _locks[module] = threading.RLock()
        return _locks[module]


@contextlib.contextmanager
def as_guest(module: nn.Module) -> Iterator[nn.Module]:
    """Hold the model, in evaluation mode, without parameter gradients, with fused attention.

    Parameters that require no gradient keep autograd from saving the inputs of every linear layer, and fused
    attention keeps the T x T matrices out of memory: the trace rebuilds what it needs of them. Checkpointing
    would run the forward pass, and so the hooks, twice. All flags return to what they were.
    """
    with lock_of(module):
        modes = [(m, m.training) for m in module.modules() if m.training]
        gradients = [p for p in module.parameters() if p.requires_grad]
        flags = [
            (m, name, value)
            for m in module.modules()
            for name, value in (
                ("fused_attn", getattr(m, "fused_attn", None)),
                ("grad_checkpointing", getattr(m, "grad_checkpointing", None)),
            )
            if (name == "fused_attn" and value is False) or (name == "grad_checkpointing" and value is True)
        ]
        try:
            for m, _ in modes:
                m.training = False
            for p in gradients:
                p.requires_grad_(False)
            for m, name, value in flags:
                setattr(m, name, not value)
            yield module
        finally:
            for m, mode in modes:
                m.training = mode
            for p in gradients:
                p.requires_grad_(True)
            for m, name, value in flags:
                setattr(m, name, value)
