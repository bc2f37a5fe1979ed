"""Parsing the method of a cell: one method with its parameters, or several that are fused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vitinspect.errors import ParameterError
from vitinspect.fusion import parse_maps

if TYPE_CHECKING:
    from vitinspect.explainers.registry import Method


def members(method: str) -> tuple[list[Method], str]:
    """The methods of a cell, and the fusion mode, which is empty for a single method."""
    asked = parse_maps(method)
    if len(asked) != 1:
        raise ParameterError(f"A cell shows one map, not {len(asked)}: {method!r}.")
    return list(asked[0].methods), asked[0].mode


def title(methods: list[Method], mode: str) -> str:
    """The label of a column for a method, or for several that are fused."""
    from vitinspect.fusion import short_names

    names = short_names(methods)
    words = " + ".join(names[method.key] for method in methods)
    return words if mode in ("", "geometric") else f"{words} [{mode}]"
