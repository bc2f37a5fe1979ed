"""Pictures as the colour-blind see them."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.figures.colormaps import colormap
from vitinspect.figures.colour_blindness import KINDS, seen_with


@pytest.mark.parametrize("kind", KINDS)
def test_grey_stays_grey(kind: str) -> None:
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    assert np.abs(seen_with(grey, kind).astype(int) - grey).max() <= 1


def test_without_red_or_green_cones_red_and_green_of_one_brightness_are_alike() -> None:
    pair = np.array([[[200, 60, 40], [106, 106, 40]]], np.uint8)
    distance = np.abs(np.diff(pair.astype(int), axis=1)).sum()
    seen = seen_with(pair, "deutan")
    assert np.abs(np.diff(seen.astype(int), axis=1)).sum() < distance / 2


def test_inferno_keeps_its_order_for_everybody_and_jet_does_not() -> None:
    weights = np.array([0.2126, 0.7152, 0.0722])

    def falls(name: str, kind: str) -> float:
        steps = np.diff(seen_with(colormap(name)[None], kind)[0][::8] @ weights)
        return float(-steps[steps < 0].sum())

    for kind in KINDS:
        assert falls("inferno", kind) < 4
        assert falls("jet", kind) > 60


def test_opacity_stays() -> None:
    clear = np.dstack([np.full((2, 2, 3), 90, np.uint8), np.full((2, 2), 17, np.uint8)])
    assert (seen_with(clear, "tritan")[..., 3] == 17).all()
