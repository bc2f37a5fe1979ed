"""The names of the colour maps, without numpy, for lists that must appear at once."""

from __future__ import annotations

DIVERGING = ("diverging",)
"""The colour maps whose middle means zero."""

_NINE = {
    "viridis": "440154 472c7c 3b528b 2c728e 20908c 27ad81 5cc963 aadc32 fde725",
    "inferno": "000004 210c4a 57106e 8a236a bc3754 e35932 f98d0a f9c932 fcffa4",
    "magma": "000004 1d1047 50127b 832681 b73779 e65164 fb8761 fec287 fcfdbf",
    "turbo": "30123b 466be3 29bceb 32f298 a4fc3c ecd13a fb8122 d23105 7a0403",
    "jet": "000080 0000ff 0080ff 16ffe1 7dff7a e1ff16 ff9800 ff2200 800000",
    "grey": "000000 202020 404040 606060 808080 9f9f9f bfbfbf dfdfdf ffffff",
    "diverging": "08306b 1c5ba6 508fcb 9cc5e4 f7f6f6 f5b89c df7659 b82f33 67000d",
}


def colormap_names() -> tuple[str, ...]:
    """All names, in the order in which lists show them."""
    return ("viridis", "inferno", "magma", "turbo", "jet", "grey", "diverging")


def default_colormap(*, signed: bool) -> str:
    """The default colour map of a map."""
    return "diverging" if signed else "inferno"


def nine_colours(name: str) -> tuple[str, ...]:
    """Nine equally spaced colours of a colour map, as "#rrggbb", for a small picture of it."""
    return tuple(f"#{colour}" for colour in _NINE[name].split())
