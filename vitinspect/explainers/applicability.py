"""Which methods apply to a model, and why the others do not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.errors import MethodNotApplicable
from vitinspect.explainers.registry import make_method, methods

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT


def why_not(model: ViT, method: Any) -> str | None:
    """None if the method applies to this model, otherwise the sentence that says why it does not."""
    try:
        make_method(method).explainer().check(model)
    except MethodNotApplicable as error:
        return error.reason
    return None


def supported_methods(model: ViT) -> list[str]:
    """The ids of all methods that apply to this model."""
    return [info.id for info in methods() if why_not(model, info.id) is None]
