"""Layouts saved by name: as they were, under any name, and not lost when another one is damaged."""

from __future__ import annotations

import pytest

from vitinspect.app.services.figure_layouts import FigureLayouts, folder
from vitinspect.errors import ParameterError
from vitinspect.figures.specification import from_dict

SPEC = from_dict({"rows": [{"image": "a.png"}], "columns": [{"method": "rollout"}, {"show": "picture"}], "dpi": 150})


def test_a_layout_is_opened_as_it_was_saved(qapp, home):
    layouts = FigureLayouts()
    for name in ("Teaser, one picture", "teaser, one picture", "../../etc", "Ä / ö", "x" * 300):
        layouts.save(name, SPEC)
    assert len(layouts.all()) == 5
    assert all(one.path.parent == folder() for one in layouts.all())
    assert layouts.open("../../etc") == SPEC
    assert layouts.find("Ä / ö").detail == "1 × 2, 174.6 mm"


def test_a_damaged_file_is_left_out_and_reported(qapp, home):
    layouts = FigureLayouts()
    layouts.save("good", SPEC)
    (folder() / "bad.json").write_text("{")
    (folder() / "other.json").write_text('{"vitinspect": "figure layout", "version": 99}')
    assert [one.name for one in layouts.all()] == ["good"]
    assert len(layouts.damaged) == 2


def test_renaming_replaces_no_other_layout(qapp, home):
    layouts = FigureLayouts()
    layouts.save("one", SPEC)
    layouts.save("two", SPEC)
    with pytest.raises(ParameterError):
        layouts.rename("one", "two")
    layouts.rename("one", "three")
    assert [one.name for one in layouts.all()] == ["three", "two"]
    assert layouts.delete("three") == SPEC
