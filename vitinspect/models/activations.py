"""Activations by the names that the ``transformers`` library gives them in its configurations."""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.layers import get_act_layer
from torch import nn

from vitinspect.errors import ModelError
from vitinspect.models.labels import plain_text

ACTIVATIONS: dict[str, Any] = {
    "gelu": nn.GELU,
    "gelu_python": nn.GELU,
    "gelu_new": partial(nn.GELU, approximate="tanh"),
    "gelu_fast": partial(nn.GELU, approximate="tanh"),
    "gelu_pytorch_tanh": partial(nn.GELU, approximate="tanh"),
    "gelu_python_tanh": partial(nn.GELU, approximate="tanh"),
    "quick_gelu": get_act_layer("quick_gelu"),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
    "swish": nn.SiLU,
}


def activation_of(name: Any, where: str) -> Any:
    """The class of this activation, or a ModelError that lists those that are known."""
    if not isinstance(name, str) or name not in ACTIVATIONS:
        raise ModelError(
            f"{where} uses the activation {plain_text(str(name), 40)!r}, which is not supported; supported are"
            f" {', '.join(ACTIVATIONS)}."
        )
    return ACTIVATIONS[name]
