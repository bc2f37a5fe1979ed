"""A figure that is opened restores the view that made it, and names what is missing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from vitinspect.app.session import layers as layering
from vitinspect.app.session.recipe_view import composition, target_of, view_block, view_of
from vitinspect.app.shell import opening_figures
from vitinspect.app.shell.opening_figures import CHANGED, FILE, MODEL, PARTS, PICTURE, WEIGHTS, is_here
from vitinspect.errors import ParameterError, TargetError
from vitinspect.figures import metadata
from vitinspect.figures.cells import Sources, finish_cells
from vitinspect.figures.exporting import FORMATS, format_of
from vitinspect.figures.layout import compose
from vitinspect.figures.recipes import make_recipe
from vitinspect.figures.specification import from_dict

METHOD = "attention_gradient"
FUSED = "rollout + attention_gradient [arithmetic]"


def write(tiny, folder: Path, path: Path, *, image="picture 3.png", change=None, anonymous=False, **defaults) -> Path:
    """A figure of one picture: the picture, a method, and a fusion."""
    spec = from_dict(
        {
            "rows": [{"image": image, "target": "dog"}],
            "columns": [
                {"show": "picture"},
                {"method": METHOD, "threshold": "percentile=80", "colours": "viridis", "opacity": 0.5},
                {"method": FUSED, "weights": [1.0, 0.5], "patches": True},
            ],
            "defaults": {"fit": "pad", **defaults},
            "width": "88mm",
            "dpi": 72,
        }
    )
    cells = finish_cells(spec, Sources(folder, load_model=lambda source, arch: tiny))
    scene = compose(spec, cells)
    recipe = make_recipe(spec, cells, scene, folder=folder, anonymous=anonymous)
    if change is not None:
        recipe = change(recipe)
    path.write_bytes(format_of(path).write(scene, 72, recipe))
    return path


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A folder that is not the one that is open."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for number in (1, 2):
        pixels = np.random.default_rng(number).integers(0, 255, (72, 72, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"thing {number}.png")
    return folder


def drop(window, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    window.dropEvent(event)


def message_of(window, cause: str) -> str:
    return next((m.text for m in window.message.messages if m.cause == cause), "")


def press(window, cause: str) -> None:
    window.message.lines[cause].action.click()


@pytest.mark.parametrize("kind", [one.endings[0] for one in FORMATS])
def test_a_dropped_figure_restores_picture_target_and_layers(shown, backend, settle, tiny, elsewhere, tmp_path, kind):
    figure = write(tiny, elsewhere, tmp_path / f"figure{kind}", image="thing 1.png")
    drop(shown, figure)
    settle()
    state = backend.state
    assert state.image == str(elsewhere / "thing 1.png")
    assert state.target == (3,)
    assert state.fit == "pad"
    gradient = next(layer for layer in state.layers if layer.method == METHOD)
    assert (gradient.colormap, gradient.opacity, gradient.shown_as) == ("viridis", 0.5, "outline")
    assert (gradient.threshold_mode, gradient.threshold_value) == ("percentile", 80)
    fused = next(layer for layer in state.layers if layer.kind == layering.FUSED)
    assert fused.fusion_mode == "arithmetic"
    assert list(fused.weights.values()) == [1.0, 0.5]
    assert not fused.smooth
    rollout = next(layer for layer in state.layers if layer.method == "rollout")
    assert not rollout.visible, "a member alone was no cell of the figure"
    assert not shown.message.messages
    # What is shown is what the figure shows.
    recipe = metadata.find(figure)
    here = backend.results.maps[gradient.id].values
    assert recipe["maps"]["a2"]["range"] == pytest.approx([float(here.min()), float(here.max())], rel=1e-4)


def test_opening_a_figure_is_one_step_that_can_be_undone(shown, backend, settle, tiny, elsewhere, tmp_path):
    before = backend.state.layers
    shown.figures.open(str(write(tiny, elsewhere, tmp_path / "f.pdf", image="thing 1.png")))
    settle()
    assert backend.state.layers != before
    backend.state.undo()
    assert backend.state.layers == before


def test_a_moved_picture_is_found_beside_the_figure(shown, backend, settle, tiny, elsewhere, tmp_path):
    figure = write(tiny, elsewhere, tmp_path / "f.svg", image="thing 1.png")
    moved = tmp_path / "moved"
    moved.mkdir()
    shutil.move(elsewhere / "thing 1.png", moved / "renamed.png")
    shutil.move(figure, moved / "f.svg")
    drop(shown, moved / "f.svg")
    settle()
    assert backend.state.image == str(moved / "renamed.png")


def test_a_missing_picture_is_named_and_can_be_located(shown, backend, settle, tiny, elsewhere, tmp_path, monkeypatch):
    (tmp_path / "figures").mkdir()
    figure = write(tiny, elsewhere, tmp_path / "figures" / "f.png", image="thing 1.png")
    hidden = tmp_path / "deep" / "hidden"
    hidden.parent.mkdir()
    shutil.move(elsewhere, hidden)
    before = backend.state.image
    drop(shown, figure)
    settle()
    assert "thing 1.png" in message_of(shown, PICTURE)
    assert backend.state.image == before, "the last good view stays"
    monkeypatch.setattr(
        opening_figures.QFileDialog, "getOpenFileName", lambda *a, **k: (str(hidden / "thing 2.png"), "")
    )
    press(shown, PICTURE)
    settle()
    assert "other pixels" in message_of(shown, CHANGED)
    assert backend.state.image == before
    monkeypatch.setattr(
        opening_figures.QFileDialog, "getOpenFileName", lambda *a, **k: (str(hidden / "thing 1.png"), "")
    )
    shown.figures.find_picture()
    settle()
    shown.message.clear(CHANGED)
    assert backend.state.image == str(hidden / "thing 1.png")
    assert backend.state.target == (3,)


def test_a_changed_picture_is_opened_when_the_person_agrees(shown, backend, settle, tiny, elsewhere, tmp_path):
    figure = write(tiny, elsewhere, tmp_path / "f.png", image="thing 1.png")
    Image.new("RGB", (72, 72), "teal").save(elsewhere / "thing 1.png")
    drop(shown, figure)
    settle()
    assert message_of(shown, CHANGED)
    press(shown, CHANGED)
    settle()
    assert backend.state.image == str(elsewhere / "thing 1.png")
    assert not message_of(shown, CHANGED)


def test_other_weights_are_named_and_the_class_is_restored(shown, backend, settle, tiny, elsewhere, tmp_path):
    def other(recipe):
        recipe["models"]["demo"]["fingerprint"] = "0123456789abcdef" * 4
        return recipe

    drop(shown, write(tiny, elsewhere, tmp_path / "f.png", image="thing 1.png", change=other))
    settle()
    assert "0123456789ab" in message_of(shown, WEIGHTS)
    assert backend.state.target == (3,)


def test_a_model_that_may_need_a_download_is_asked_about(shown, backend, settle, tiny, elsewhere, tmp_path):
    def other(recipe):
        recipe["models"]["demo"]["fingerprint"] = "f" * 64
        recipe = json.loads(json.dumps(recipe).replace('"demo"', '"hf-hub:somebody/something"'))
        recipe["figure"].setdefault("defaults", {})["model"] = "hf-hub:somebody/something"
        return recipe

    drop(shown, write(tiny, elsewhere, tmp_path / "f.png", image="thing 1.png", change=other))
    settle()
    assert "hf-hub:somebody/something" in message_of(shown, MODEL)
    assert backend.state.model == "demo", "nothing is fetched because of a stranger's file"
    assert backend.state.image == str(elsewhere / "thing 1.png")
    press(shown, MODEL)
    settle()
    assert backend.state.model == "hf-hub:somebody/something"


def test_another_version_is_named(shown, settle, tiny, elsewhere, tmp_path):
    def older(recipe):
        return {**recipe, "software": "vitinspect 0.0.9"}

    drop(shown, write(tiny, elsewhere, tmp_path / "f.png", image="thing 1.png", change=older))
    settle()
    assert "vitinspect 0.0.9" in message_of(shown, PARTS)


def test_a_class_that_the_model_lacks_is_named(shown, backend, settle, tiny, elsewhere, tmp_path):
    def renamed(recipe):
        recipe["figure"]["rows"][0]["target"] = "griffin"
        return recipe

    drop(shown, write(tiny, elsewhere, tmp_path / "f.png", image="thing 1.png", change=renamed))
    settle()
    assert "griffin" in message_of(shown, PARTS)
    assert backend.state.image == str(elsewhere / "thing 1.png")


def test_an_anonymous_figure_finds_its_picture_by_what_is_in_it(shown, backend, settle, tiny, pictures, tmp_path):
    figure = write(tiny, pictures, tmp_path / "f.png", anonymous=True)
    drop(shown, figure)
    settle()
    assert backend.state.image == str(pictures / "picture 3.png")
    assert backend.state.target == (3,)


HOSTILE = {
    "another schema": lambda recipe: {**recipe, "schema": 99},
    "no schema": lambda recipe: {**recipe, "schema": "1"},
    "pictures that are a text": lambda recipe: {**recipe, "images": "all"},
    "a picture without content": lambda recipe: {**recipe, "images": {"x.png": 3}},
    "a figure that is none": lambda recipe: {**recipe, "figure": {"rows": 3}},
    "too many cells": lambda recipe: {**recipe, "figure": {"rows": [{}] * 500, "columns": [{}] * 500}},
    "another kind": lambda recipe: {**recipe, "kind": "session"},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_recipe_is_refused_with_one_sentence_and_changes_nothing(
    shown, backend, settle, tiny, elsewhere, tmp_path, name
):
    figure = write(tiny, elsewhere, tmp_path / "f.svg", image="thing 1.png", change=HOSTILE[name])
    before = backend.state.to_json()
    drop(shown, figure)
    settle()
    assert message_of(shown, FILE)
    assert "unexpected" not in message_of(shown, FILE)
    assert backend.state.to_json() == before


def test_a_damaged_or_foreign_file_is_refused_with_one_sentence(shown, backend, settle, tiny, elsewhere, tmp_path):
    figure = write(tiny, elsewhere, tmp_path / "f.svg", image="thing 1.png")
    data = figure.read_bytes()
    (tmp_path / "cut.svg").write_bytes(data[: data.index(b"</vitinspect")])
    (tmp_path / "foreign.pdf").write_bytes(b"%PDF-1.4 nothing of ours")
    for name, words in (("cut.svg", "cut short"), ("foreign.pdf", "no recipe")):
        drop(shown, tmp_path / name)
        settle()
        assert words in message_of(shown, FILE)


def test_a_recipe_opens_no_file_but_its_pictures(tiny, elsewhere, tmp_path):
    """A layer with the path of a map or a mask would read files that somebody else names."""
    view = {
        "layers": [
            {"id": "file", "kind": "file", "path": "/etc/passwd.npy"},
            {"id": "rollout", "kind": "map", "method": "rollout"},
            {"id": "who", "kind": "annotator", "path": "/somewhere/mask.png"},
        ],
        "target": [1],
    }
    figure = write(tiny, elsewhere, tmp_path / "f.svg", image="thing 1.png", change=lambda r: {**r, "view": view})
    found = view_of(metadata.find(figure))
    assert [layer.id for layer in found.layers] == ["rollout"]
    assert found.target == (1,)


def test_a_view_is_kept_whole_and_names_no_file(shown, backend, tiny, elsewhere, tmp_path):
    state = backend.state
    state.add_map("rollout", {"start_layer": 1})
    state.edit_layer(state.selected, opacity=0.25, name="my own words")
    state.add_file(str(tmp_path / "secret" / "map.npy"), state.image)
    block = view_block(state)
    text = json.dumps(block)
    assert "secret" not in text
    assert "my own words" not in text
    figure = write(tiny, elsewhere, tmp_path / "f.svg", image="thing 1.png", change=lambda r: {**r, "view": block})
    found = view_of(metadata.find(figure))
    assert [(layer.method, layer.opacity) for layer in found.layers][-1] == ("rollout", 0.25)
    assert dict(found.layers[-1].parameters) == {"start_layer": 1}


def test_models_of_other_computers_are_not_here(tmp_path):
    assert is_here("demo")
    assert not is_here("vit_base_patch16_224")
    assert not is_here("//server/share/weights.pth")
    assert not is_here("\\\\server\\share\\weights.pth")
    weights = tmp_path / "weights.pth"
    assert not is_here(str(weights))
    weights.touch()
    assert is_here(f"{weights} --arch vit_tiny_patch16_224")


def test_a_class_in_words_is_found_as_the_command_line_finds_it():
    labels = ["ant", "tabby, tabby cat", "Sea - Lion", "dog"]
    assert target_of("Tabby Cat", labels, "m") == (1,)
    assert target_of("Sea - Lion", labels, "m") == (2,)
    assert target_of("dog - sea - lion", labels, "m") == (3, 2)
    assert target_of("2", labels, "m") == (2,)
    with pytest.raises(TargetError, match="griffin"):
        target_of("griffin", labels, "m")


def test_a_picture_without_a_recipe_is_a_picture(shown, backend, settle, elsewhere):
    drop(shown, elsewhere / "thing 2.png")
    settle()
    assert backend.state.image == str(elsewhere / "thing 2.png")
    assert not shown.message.messages


def composed(tiny, folder: Path, path: Path, *, model="demo", **page) -> Path:
    spec = from_dict(
        {
            "rows": [{"image": "thing 1.png"}, {"image": "thing 2.png"}],
            "columns": [{"show": "picture"}, {"method": "rollout"}, {"method": METHOD, "target": "cat"}],
            "defaults": {"model": model},
            "width": "60mm",
            "dpi": 72,
            **page,
        }
    )
    cells = finish_cells(spec, Sources(folder, load_model=lambda source, arch: tiny))
    scene = compose(spec, cells)
    path.write_bytes(format_of(path).write(scene, 72, make_recipe(spec, cells, scene, folder=folder)))
    return path


def test_a_composed_figure_opens_in_its_workspace(shown, backend, settle, tiny, elsewhere, tmp_path):
    drop(shown, composed(tiny, elsewhere, tmp_path / "f.pdf"))
    settle()
    assert backend.state.workspace == "figure"
    rows = backend.state.figure["rows"]
    assert [row["image"] for row in rows] == [str(elsewhere / "thing 1.png"), str(elsewhere / "thing 2.png")]
    assert backend.state.figure["width"] == "60mm"
    assert not shown.message.messages
    opened = backend.state.figure
    shown.history.undo()
    assert backend.state.figure != opened


def test_a_composed_figure_whose_model_may_need_a_download_is_not_composed(
    shown, backend, settle, tiny, elsewhere, tmp_path
):
    drop(shown, composed(tiny, elsewhere, tmp_path / "f.pdf", model="hf-hub:somebody/something"))
    settle()
    assert not backend.state.figure
    assert "hf-hub:somebody/something may have to be downloaded" in message_of(shown, PARTS)
    assert backend.state.image == str(elsewhere / "thing 1.png")


def test_a_composition_reads_no_table_and_no_mask_because_of_a_recipe(tmp_path):
    figure = {"rows": [{"image": "a.png", "truth": "/x/mask.png"}], "columns": [{"method": "rollout"}]}
    spec, models = composition({"figure": figure}, {"a.png": tmp_path / "a.png"})
    assert (spec.cell(0, 0).truth, models) == ("", ("demo",))
    figure["columns"].append({"show": "table", "file": "/x/results.csv"})
    with pytest.raises(ParameterError, match="table"):
        composition({"figure": figure}, {"a.png": tmp_path / "a.png"})


def test_a_composed_figure_without_one_of_its_pictures_shows_the_first(
    shown, backend, settle, tiny, elsewhere, tmp_path
):
    figure = composed(tiny, elsewhere, tmp_path / "f.pdf")
    (elsewhere / "thing 2.png").unlink()
    drop(shown, figure)
    settle()
    assert not backend.state.figure
    assert "thing 2.png" in message_of(shown, PARTS)
    assert backend.state.image == str(elsewhere / "thing 1.png")
