"""Which methods apply to a model. Models know no methods: the question is handed to whoever brings them.

``vitinspect/__init__.py`` says who that is, so that nothing here imports the explainers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class MethodSupport(Protocol):
    """What a module must offer to be asked; ``vitinspect.explainers.applicability`` does."""

    def why_not(self, model: Any, method: Any) -> str | None:
        """None if the method applies to the model, otherwise the sentence that says why it does not."""

    def supported_methods(self, model: Any) -> list[str]:
        """The ids of all methods that apply to the model."""


_source: Callable[[], MethodSupport] | None = None


def answered_by(source: Callable[[], MethodSupport]) -> None:
    """Name who answers. ``source`` is called when a model is first asked, and not before."""
    global _source
    _source = source


def method_support() -> MethodSupport:
    """Whoever answers."""
    if _source is None:
        raise RuntimeError("nobody has said which methods there are: call answered_by first")
    return _source()
