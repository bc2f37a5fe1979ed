"""Operations on a whole mask, as functions over arrays: declared once for menus, buttons and keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation import regions

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Operation:
    """Changes one mask, alone or with another one of the same size."""

    id: str
    title: str
    apply: Callable[..., Mask]
    needs_other: bool = False


def invert(mask: Mask) -> Mask:
    return ~mask


def grow(mask: Mask, pixels: int = 1) -> Mask:
    return regions.grow(mask, pixels)


def shrink(mask: Mask, pixels: int = 1) -> Mask:
    return regions.shrink(mask, pixels)


def clear(mask: Mask) -> Mask:
    return np.zeros_like(mask)


def union(mask: Mask, other: Mask) -> Mask:
    return mask | other


def subtract(mask: Mask, other: Mask) -> Mask:
    return mask & ~other


def intersect(mask: Mask, other: Mask) -> Mask:
    return mask & other


def replace(mask: Mask, other: Mask) -> Mask:
    return other.copy()


OPERATIONS: tuple[Operation, ...] = (
    Operation("grow", "Grow 1 px", grow),
    Operation("shrink", "Shrink 1 px", shrink),
    Operation("fill_holes", "Fill holes", regions.fill_holes),
    Operation("keep_largest", "Keep largest", regions.keep_largest),
    Operation("invert", "Invert", invert),
    Operation("clear", "Clear", clear),
)
COMBINATIONS: tuple[Operation, ...] = (
    Operation("union", "Add", union, True),
    Operation("subtract", "Subtract", subtract, True),
    Operation("intersect", "Keep what both have", intersect, True),
    Operation("replace", "Replace by", replace, True),
)
