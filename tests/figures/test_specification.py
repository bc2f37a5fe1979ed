"""Specifications: how defaults, rows, columns and cells are combined, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from vitinspect.errors import ParameterError
from vitinspect.figures.lengths import VENUES, millimetres, points, venue_width
from vitinspect.figures.specification import from_dict, read_specification


def test_a_cell_is_what_figure_row_column_and_itself_say() -> None:
    spec = from_dict(
        {
            "defaults": {"colours": "inferno", "target": "leaf"},
            "rows": [{"image": "a.png"}, {"image": "b.png", "target": "gem"}],
            "columns": [{"show": "picture"}, {"method": "rollout"}],
            "cells": {"b2": {"method": "lrp", "opacity": 1}},
        }
    )
    assert not spec.cell(0, 0).has_map
    assert (spec.cell(0, 1).image, spec.cell(0, 1).method, spec.cell(0, 1).target) == ("a.png", "rollout", "leaf")
    assert (spec.cell(1, 1).method, spec.cell(1, 1).target, spec.cell(1, 1).opacity) == ("lrp", "gem", 1.0)
    assert from_dict(spec.to_dict()) == spec


def test_toml_is_read_too() -> None:
    spec = read_specification('width = "88mm"\n[[rows]]\nimage = "a.png"\n[[columns]]\nmethod = "rollout"\n')
    assert spec.cell(0, 0).method == "rollout"
    assert spec.width == "88mm"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rows": []}, "at least one"),
        ({"rows": [{"picture": "a"}]}, "no entry 'picture'"),
        ({"rows": [{"opacity": 7}]}, "between 0 and 1"),
        ({"rows": [{"image": 3}]}, "must be a text"),
        ({"rows": [{"range": [2, 1]}]}, "lower"),
        ({"rows": [{"inset": [0.9, 0, 0.5, 0.5]}]}, "from 0 to 1"),
        ({"rows": [{}] * 40, "columns": [{}] * 40}, "1600 cells"),
        ({"cells": {"z9": {}}}, "no cell 'z9'"),
        ({"ranges": "all"}, "ranges"),
        ({"dpi": 1e9}, "dpi"),
        ({"width": "wide"}, "width"),
        ({"width": "1e9mm"}, "width"),
        ({"venue": "nips"}, "venue"),
        ({"script": "x"}, "'script'"),
        ({"version": 99}, "version"),
        ({"font_size": 500}, "font_size"),
        ({"title": "A" * 3_000_000}, "title has 3,000,000 characters"),
        ({"rows": [{"label": "A" * 6000}]}, "label has 6,000"),
        ({"cells": {"a1": {"show": "text", "text": "A" * 6000}}}, "text has 6,000"),
    ],
)
def test_invalid_specifications_are_refused_by_name(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        from_dict({"rows": [{"image": "a"}], "columns": [{"method": "rollout"}], **change})


@pytest.mark.parametrize("text", ["{", "[1]", "{" * 100_000, "rows = 3", '{"vitinspect": "recipe"}'])
def test_damaged_text_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ParameterError):
        read_specification(text)


def test_lengths_have_units() -> None:
    assert millimetres(points("88mm")) == pytest.approx(88)
    assert points("3.25in") == 234
    assert millimetres(points("89")) == pytest.approx(89)
    assert venue_width("cvpr:2") == "6.875in"
    assert all(points(width) > 0 for venue in VENUES for width in venue.widths)
