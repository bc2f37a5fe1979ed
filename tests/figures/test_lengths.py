"""Lengths, and the table of venues that users can change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.lengths import VENUES, points, venue_width, venues, venues_file


def put(text: str) -> None:
    venues_file().parent.mkdir(parents=True, exist_ok=True)
    venues_file().write_text(text)


def test_the_bundled_venues_have_widths_sources_and_years(home: Path) -> None:
    assert venues() == VENUES
    assert venue_width("cvpr:2") == "6.875in"
    for venue in VENUES:
        assert venue.source
        assert venue.year >= 2024
        assert all(36 < points(width) < 1000 for width in venue.widths)


def test_own_venues_follow_the_others_or_replace_them(home: Path) -> None:
    own = [
        {"id": "tmlr", "title": "TMLR", "widths": ["6.5in"], "source": "style file", "year": 2025},
        {"id": "cvpr", "title": "CVPR", "widths": ["80mm", "170mm"], "year": 2030},
    ]
    put(json.dumps({"venues": own}))
    assert venue_width("tmlr") == "6.5in"
    assert venue_width("cvpr:2") == "170mm"
    assert [venue.id for venue in venues()] == [*(venue.id for venue in VENUES), "tmlr"]
    with pytest.raises(ParameterError, match="tmlr:1"):
        venue_width("unknown")


@pytest.mark.parametrize(
    "text",
    [
        "{",
        '{"venues": 3}',
        '{"venues": [3]}',
        '{"venues": [{"id": "../x", "widths": ["1in"]}]}',
        '{"venues": [{"id": "x", "widths": []}]}',
        '{"venues": [{"id": "x", "widths": ["wide"]}]}',
        '{"venues": [{"id": "x", "widths": ["1in"], "year": "soon"}]}',
    ],
)
def test_a_file_that_cannot_be_read_names_itself(home: Path, text: str) -> None:
    put(text)
    with pytest.raises(DataError, match=r"venues\.json"):
        venues()
