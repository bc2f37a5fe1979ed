"""Mistakes between a picture and the model's input."""

from __future__ import annotations

from scripts.mutants.mutant import Mutant

_TESTS = ("tests/models/test_preprocess.py",)


def _in_preprocess(mistake: str, old: str, new: str) -> Mutant:
    return Mutant(mistake, "vitinspect/models/preprocess.py", old, new, _TESTS)


def _in_placement(mistake: str, old: str, new: str) -> Mutant:
    return Mutant(mistake, "vitinspect/models/placement.py", old, new, _TESTS)


def _in_sampling(mistake: str, old: str, new: str) -> Mutant:
    return Mutant(mistake, "vitinspect/maps.py", old, new, (*_TESTS, "tests/test_maps.py"))


MUTANTS = (
    _in_placement(
        "a point of the input is scaled by the height where it should be by the width",
        "return left + x * ((right - left) / width), top + y * ((bottom - top) / height)",
        "return left + x * ((right - left) / height), top + y * ((bottom - top) / width)",
    ),
    _in_placement(
        "a point of the picture forgets where the box begins",
        "return (x - left) * (width / (right - left)), (y - top) * (height / (bottom - top))",
        "return x * (width / (right - left)), y * (height / (bottom - top))",
    ),
    _in_placement(
        "padding counts as picture",
        "return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))",
        "return left, top, right, bottom",
    ),
    _in_placement(
        "cells are judged by their corner and not by their middle",
        "x = (np.arange(columns) + 0.5) * (self.input_size[1] / columns)",
        "x = np.arange(columns) * (self.input_size[1] / columns)",
    ),
    _in_placement(
        "a map lies half a pixel beside the picture",
        "    middles = np.arange(pixels) + 0.5\n",
        "    middles = np.arange(pixels) + 0.0\n",
    ),
    _in_placement(
        "a map lies half a cell beside the picture",
        "(middles[chosen] - start) * (cells / (stop - start)) - 0.5",
        "(middles[chosen] - start) * (cells / (stop - start))",
    ),
    _in_placement(
        "a mask is read half a pixel beside",
        "self.input_to_original(np.arange(width) + 0.5, np.arange(height) + 0.5)",
        "self.input_to_original(np.arange(width) + 1.0, np.arange(height) + 1.0)",
    ),
    _in_placement(
        "a mask keeps the last column in the padding",
        "inside_x = (columns >= 0) & (columns < mask.shape[1])",
        "inside_x = columns < mask.shape[1]",
    ),
    _in_sampling(
        "bilinear weights are the wrong way round",
        "between *= t.astype(np.float32).reshape(shape)",
        "between *= (1 - t).astype(np.float32).reshape(shape)",
    ),
    _in_sampling(
        "bicubic takes another cubic",
        "1: ((-1.5 * t + 2.0) * t + 0.5) * t,",
        "1: ((-1.5 * t + 1.5) * t + 1.0) * t,",
    ),
    _in_preprocess(
        "padding is black and not the mean colour",
        "_resize_and_cut(picture, resized, size, preprocessing.interpolation, _mean_colour(preprocessing))",
        "_resize_and_cut(picture, resized, size, preprocessing.interpolation, 0)",
    ),
    _in_preprocess(
        "the shorter side is rounded and not truncated",
        "longer = int(scaled[0] * long / short)",
        "longer = math.ceil(scaled[0] * long / short)",
    ),
    _in_preprocess(
        "the share of the crop is forgotten",
        "math.floor(size[0] / preprocessing.crop_pct),",
        "math.floor(size[0] / 1.0),",
    ),
    _in_preprocess(
        "a picture is fitted around the input instead of into it",
        "ratio = max(ratios) if longest else min(ratios)",
        "ratio = min(ratios) if longest else max(ratios)",
    ),
    _in_preprocess(
        "crops of odd size sit a pixel beside",
        "else round((have - want) / 2.0))",
        "else (have - want) // 2 + 1)",
    ),
    _in_preprocess(
        "the deviation multiplies instead of dividing",
        "return tensor.sub_(mean).div_(std)",
        "return tensor.sub_(mean).mul_(std)",
    ),
    _in_preprocess(
        "pixels back from a tensor are cut off and not rounded",
        "pixels = ((values * std + mean) * 255).round().clamp(0, 255)",
        "pixels = ((values * std + mean) * 255).floor().clamp(0, 255)",
    ),
)
