"""The names of the colour maps, without numpy, for lists that must appear at once."""

from __future__ import annotations

DIVERGING = ("diverging",)
"""The colour maps whose middle means zero."""


def colormap_names() -> tuple[str, ...]:
    """All names, in the order in which lists show them."""
    return ("viridis", "inferno", "magma", "turbo", "jet", "grey", "diverging")


def default_colormap(*, signed: bool) -> str:
    """What a map is shown in unless its reader says otherwise."""
    return "diverging" if signed else "inferno"
