"""Which methods apply to a model. Models do not import methods: another module answers the question for them.

``vitinspect/__init__.py`` names that module, so that nothing here imports the explainers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class MethodSupport(Protocol):
    """The functions that the answering module must have; it is ``vitinspect.explainers.applicability``."""

    def why_not(self, model: Any, method: Any) -> str | None:
        """None if the method applies to the model, otherwise the sentence that says why it does not."""

    def supported_methods(self, model: Any) -> list[str]:
        """The ids of all methods that apply to the model."""


_source: Callable[[], MethodSupport] | None = None


def answered_by(source: Callable[[], MethodSupport]) -> None:
    """Set the module that answers. ``source`` is called when a model is first asked, and not before."""
    global _source
    _source = source


def method_support() -> MethodSupport:
    """The module that answers."""
    if _source is None:
        raise RuntimeError("no module that knows the methods is set: call answered_by first")
    return _source()
