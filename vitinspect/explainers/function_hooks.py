"""Hooks for one thread only, on functions of ``torch.nn.functional`` and on modules that other threads may call too.

The function's attribute is replaced, because a dispatch mode would miss the calls inside ``nn.MultiheadAttention``.
Calls of other threads are not changed; the last user of a function restores the original.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

Wrapper = Callable[..., torch.Tensor]
"""Called as ``wrapper(original, *args, **kwargs)`` in place of the function; returns its output."""
Recorder = Callable[..., None]
"""Called as ``recorder(output, *args, **kwargs)`` after the function."""

_guard = threading.Lock()


class _HookedFunction:
    """One function of ``torch.nn.functional`` with its recorder and wrapper, per thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.users = 0
        self.original: Callable[..., torch.Tensor] | None = None
        self.local = threading.local()

    def call(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        original = self.original or getattr(F, self.name)
        wrapper = getattr(self.local, "wrapper", None)
        output = original(*args, **kwargs) if wrapper is None else wrapper(original, *args, **kwargs)
        recorder = getattr(self.local, "recorder", None)
        if recorder is not None:
            recorder(output, *args, **kwargs)
        return output

    @contextlib.contextmanager
    def use(self, role: str, hook: Callable[..., Any]) -> Iterator[None]:
        with _guard:
            if self.users == 0:
                self.original = getattr(F, self.name)
                setattr(F, self.name, self.call)
            self.users += 1
        before = getattr(self.local, role, None)
        setattr(self.local, role, hook)
        try:
            yield
        finally:
            setattr(self.local, role, before)
            with _guard:
                self.users -= 1
                if self.users == 0:
                    setattr(F, self.name, self.original)
                    self.original = None


_attention = _HookedFunction("scaled_dot_product_attention")
_linear = _HookedFunction("linear")


def record_attention_calls(recorder: Recorder) -> contextlib.AbstractContextManager[None]:
    """Pass each fused attention call of *this thread*, with its output, to ``recorder`` until the block ends."""
    return _attention.use("recorder", recorder)


def wrap_attention_calls(wrapper: Wrapper) -> contextlib.AbstractContextManager[None]:
    """Have ``wrapper`` make each fused attention call of *this thread*. Recorders get the call's own arguments."""
    return _attention.use("wrapper", wrapper)


def wrap_linear_calls(wrapper: Wrapper) -> contextlib.AbstractContextManager[None]:
    """Have ``wrapper`` make each linear map of *this thread*, of ``nn.Linear`` and of modules that use the function."""
    return _linear.use("wrapper", wrapper)


_Hook = TypeVar("_Hook", bound=Callable[..., Any])


def for_this_thread(hook: _Hook) -> _Hook:
    """A hook for a module that changes and records nothing when another thread calls the module."""
    own = threading.get_ident()

    def called(*args: Any, **kwargs: Any) -> Any:
        return hook(*args, **kwargs) if threading.get_ident() == own else None

    return called  # type: ignore[return-value]
