"""Rows, columns and cells made from what the window shows, as a specification."""

from __future__ import annotations

import pytest

from vitinspect.app.figure import entries
from vitinspect.app.figure.entries import Shown
from vitinspect.app.session.layers import Layer, Member
from vitinspect.errors import ParameterError
from vitinspect.figures.specification import from_dict

LAYERS = (
    Layer("rollout", method="rollout", colormap="magma", opacity=0.5, smooth=False),
    Layer("lrp", method="lrp", parameters={"start_layer": 1}, name="Mine", shown_as="outline", threshold_mode="otsu"),
    Layer("fused", "fused", members=(Member("rollout", 0.5), Member("lrp", 1.0)), fusion_mode="arithmetic"),
    Layer("hidden", method="legrad", visible=False),
)


def shown(**changes):  # type: ignore[no-untyped-def]
    return Shown(**{"layers": LAYERS, "selected": "lrp", "image": "/a/p.png", "model": "demo", **changes})


def test_a_layer_becomes_a_cell_with_its_look() -> None:
    first = entries.layer_entry(LAYERS, LAYERS[0])
    assert first == {"method": "rollout", "colours": "magma", "opacity": 0.5, "patches": True}
    second = entries.layer_entry(LAYERS, LAYERS[1])
    assert second == {"method": "lrp(start_layer=1)", "label": "Mine", "threshold": "otsu"}
    third = entries.layer_entry(LAYERS, LAYERS[2])
    assert third["method"] == "rollout + lrp(start_layer=1) [arithmetic]"
    assert third["weights"] == [0.5, 1.0]


def test_a_layer_that_a_figure_cannot_hold_says_so() -> None:
    with pytest.raises(ParameterError):
        entries.layer_entry(LAYERS, Layer("drawn", "drawn"))


@pytest.mark.parametrize("rows", list(entries.AXES))
@pytest.mark.parametrize("columns", list(entries.AXES))
def test_every_pair_of_axes_makes_a_figure(rows: str, columns: str) -> None:
    window = shown(predicted=("leaf", "gem", "fish"), models=("demo", "w.pth --arch vit_tiny_patch16_224"))
    window = entries.replace(window, annotators={"ann": "{folder}/masks/ann/{stem}.png"})
    spec = entries.compose(window, rows, columns, ["/a/p.png", "/a/q.png"])
    assert (spec.rows_from, spec.columns_from) == (rows, columns)
    assert from_dict(spec.to_dict()) == spec
    for row in range(len(spec.rows)):
        for column in range(len(spec.columns)):
            cell = spec.cell(row, column)
            assert cell.image or cell.show == "empty"


def test_a_model_of_the_window_is_named_as_the_command_line_names_it() -> None:
    assert entries.model_entry("demo") == {"model": "demo"}
    assert entries.model_entry("w.pth --arch vit_tiny_patch16_224") == {
        "model": "w.pth",
        "arch": "vit_tiny_patch16_224",
    }
    assert entries.model_entry("w.pth --head h.pth") == {"model": "w.pth with the head h.pth"}


def grid():  # type: ignore[no-untyped-def]
    return entries.compose(shown(), "pictures", "layers", ["/a/p.png", "/a/q.png"])


@pytest.mark.parametrize("scope", ["cell", "row", "column"])
def test_a_change_applies_to_its_scope_and_nowhere_else(scope: str) -> None:
    before = grid()
    after = entries.changed(before, scope, 1, 2, {"opacity": 0.25})
    for row in range(2):
        for column in range(4):
            meant = {"cell": (row, column) == (1, 2), "row": row == 1, "column": column == 2}[scope]
            expected = 0.25 if meant else before.cell(row, column).opacity
            assert after.cell(row, column).opacity == expected, (row, column)


def test_a_row_is_changed_also_where_its_columns_set_the_same_value() -> None:
    after = entries.changed(grid(), "row", 0, 0, {"colours": "viridis"})
    assert [after.cell(0, c).colours for c in range(4)] == ["viridis"] * 4
    assert after.cell(1, 1).colours == "magma"


def test_a_dropped_layer_has_its_own_look_and_no_other() -> None:
    after = entries.dropped(grid(), 0, 1, {"show": "overlay", "method": "legrad"}, "/a/p.png")
    cell = after.cell(0, 1)
    assert (cell.method, cell.colours, cell.opacity, cell.patches) == ("legrad", "auto", 0.9, False)
    assert cell.image == "/a/p.png"
    assert after.cell(1, 1).method == "rollout"


def test_a_picture_that_is_dropped_keeps_the_map() -> None:
    after = entries.dropped(grid(), 0, 2, {"image": "/a/z.png"}, "/a/p.png")
    assert after.cell(0, 2).image == "/a/z.png"
    assert after.cell(0, 2).method == "lrp(start_layer=1)"


def test_free_cells_take_what_is_dropped_and_grow() -> None:
    spec = entries.compose(shown(), "free", "free", [])
    assert (len(spec.rows), len(spec.columns)) == (3, 3)
    spec = entries.resized(spec, "column", 1)
    spec = entries.dropped(spec, 2, 3, {"show": "overlay", "method": "rollout"}, "/a/p.png")
    assert spec.cell(2, 3).has_map
    spec = entries.resized(spec, "column", -1)
    assert not spec.cells
    with pytest.raises(ParameterError):
        entries.resized(from_dict({"rows": [{}]}), "row", -1)


def test_a_label_can_be_removed() -> None:
    spec = entries.labelled(grid(), "row", 1, "second")
    assert spec.rows[1]["label"] == "second"
    assert entries.labelled(spec, "row", 1, "").rows[1]["label"] == ""
