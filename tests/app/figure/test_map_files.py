"""A layer that was opened from a file is put into a cell, written, and found again by its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.figure.waiting import until
from vitinspect.app.figure import entries, sources
from vitinspect.app.figure.entries import Shown
from vitinspect.app.session.layers import Layer, file_layer
from vitinspect.app.session.recipe_view import composition, view_of
from vitinspect.errors import ParameterError
from vitinspect.figures import metadata
from vitinspect.figures.recipes import check_recipe, locate_maps


@pytest.fixture
def with_map(opened: Any, backend: Any, composed: Any, tmp_path: Path) -> Path:
    """The figure with a map of another tool in its second cell."""
    path = tmp_path / "other tool.npy"
    np.save(path, np.random.default_rng(0).random(backend.results.card.grid).astype(np.float32))
    backend.state.add_file(str(path), backend.state.image)
    figures = backend.figures
    source = next(one for one in sources.of_layers(figures.shown()) if "map_file" in one.values)
    assert figures.drop(source.title, dict(source.values), "a2") == ""
    composed()
    return path


def test_a_map_from_a_file_is_shown_in_a_cell_with_its_own_values(with_map: Path, backend: Any) -> None:
    cell = backend.figures.page.cells["a2"]
    assert cell.problem == ""
    assert np.array_equal(cell.values, np.load(with_map))
    assert cell.method_title == "other tool"
    assert backend.figures.page.cells["a3"].map_content == ""


def test_a_deleted_file_is_reported_in_its_cell(with_map: Path, backend: Any, composed: Any) -> None:
    backend.figures.change_cells("Map", "cell", {"map_file": str(with_map.with_name("gone.npy"))}, "a3")
    composed()
    assert "gone.npy" in backend.figures.page.problems["a3"]


def test_its_recipe_finds_the_map_again_and_opens_no_other(with_map: Path, backend: Any, tmp_path: Path) -> None:
    figures = backend.figures
    written = tmp_path / "figure.pdf"
    figures.export(str(written))
    until(lambda: figures.working is None)
    recipe = check_recipe(metadata.find(written), "figure.pdf")
    assert len(recipe["map_files"]) == 1
    view = view_of(recipe)
    assert view.composed
    assert not view.problems
    pictures = {name: Path(facts["path"]) for name, facts in recipe["images"].items()}
    maps = locate_maps(recipe, tmp_path, []).pictures
    spec, _ = composition(recipe, pictures, maps)
    assert spec.cell(0, 1).map_file == str(with_map)
    np.save(with_map, np.zeros((3, 3), np.float32))
    assert locate_maps(recipe, tmp_path, [tmp_path]).missing
    with pytest.raises(ParameterError, match="maps from files"):
        composition(recipe, pictures, {})


def test_a_map_of_one_picture_is_not_a_column_for_others_but_a_pattern_is() -> None:
    layers: tuple[Layer, ...] = (Layer("rollout", method="rollout"),)
    one = file_layer(layers, "/maps/a_cam.npy", "/p/a.png")
    each = file_layer((*layers, one), "/maps/{picture}_cam.npy")
    shown = Shown((*layers, one, each), "rollout", "/p/a.png", "demo")

    def maps(pictures: list[str]) -> list[str]:
        return [str(one["map_file"]) for one in entries.axis("layers", shown, pictures) if "map_file" in one]

    assert maps(["/p/a.png"]) == ["/maps/a_cam.npy", "/maps/{stem}_cam.npy"]
    assert maps(["/p/a.png", "/p/b.png"]) == ["/maps/{stem}_cam.npy"]


def test_a_dropped_method_replaces_a_map_from_a_file(with_map: Path, backend: Any) -> None:
    figures = backend.figures
    figures.drop("Rollout", {"show": "overlay", "method": "rollout"}, "a2")
    cell = figures.spec.cell(0, 1)
    assert (cell.method, cell.map_file) == ("rollout", "")
