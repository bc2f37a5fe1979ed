"""Masks that wait packed are the masks that were packed."""

from __future__ import annotations

import numpy as np
import pytest

import vitinspect as vi
from vitinspect.annotation.packed import PackedMask


@pytest.mark.parametrize("values", [(0,), (1,), (255,), (0, 1), (0, 255), (0, 1, 255)])
def test_a_packed_mask_comes_back_as_it_was(values):
    mask = np.random.default_rng(0).choice(np.array(values, np.uint8), (13, 27))
    packed = PackedMask.of(mask)
    np.testing.assert_array_equal(np.asarray(packed), mask)
    assert np.asarray(packed).dtype == np.uint8
    assert packed.shape == mask.shape


def test_a_large_mask_takes_little_memory():
    mask = np.zeros((1000, 1000), np.uint8)
    mask[200:700, 300:900] = 1
    packed = PackedMask.of(mask)
    assert len(packed.marked) + len(packed.ignored) < mask.size // 100


def test_packed_masks_agree_as_the_arrays_do():
    rng = np.random.default_rng(1)
    masks = {who: {"a": rng.choice(np.array([0, 1, 255], np.uint8), (9, 8))} for who in "xyz"}
    packed = {who: {image: PackedMask.of(mask) for image, mask in own.items()} for who, own in masks.items()}
    assert vi.agreement(packed).to_dict() == vi.agreement(masks).to_dict()
    np.testing.assert_array_equal(vi.agreement(packed).disagreement_map("a"), vi.agreement(masks).disagreement_map("a"))
