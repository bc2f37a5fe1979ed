"""The raw values at the two ends of a layer's colour bar. Plain numbers, no Qt, no numpy."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from vitinspect.app.session.layers import Layer

if TYPE_CHECKING:
    from vitinspect.app.session.results import ShownMap

Range = tuple[float, float]


def range_of(shown: ShownMap, layer: Layer | None, layers: Iterable[Layer], maps: Mapping[str, ShownMap]) -> Range:
    """The ends for a map of ``layer``; zero stays in the middle of a signed one.

    ``typed``: the layer's own two numbers. ``layers``: from the lowest to the highest value of the maps that are shown
    and share it. ``pictures``: the widest that this layer had, which it keeps; this picture's values always fit.
    """
    own = automatic(shown)
    if layer is None or layer.range_mode == "automatic":
        return own
    if layer.range_mode == "layers":
        sharing = [maps[one.id] for one in layers if one.range_mode == "layers" and one.id in maps]
        together = wider(own, *(automatic(one) for one in sharing))
        return centred(together) if shown.signed or any(one.signed for one in sharing) else together
    kept = (layer.low, layer.high)
    if layer.range_mode == "pictures":
        kept = wider(own, kept)
    return centred(kept) if shown.signed else kept


def automatic(shown: ShownMap) -> Range:
    """The lowest and the highest value of the map itself."""
    return float(shown.heat.range.low), float(shown.heat.range.high)


def wider(*ranges: Range) -> Range:
    """The smallest range that contains all of them."""
    return min(low for low, _ in ranges), max(high for _, high in ranges)


def centred(ends: Range) -> Range:
    """As far below zero as above it."""
    most = max(abs(ends[0]), abs(ends[1]))
    return -most, most
