"""What is copied as a command or as Python runs as it is, and gives the maps that the window shows."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vitinspect as vi
from vitinspect.app.session.as_text import (
    FigureFile,
    figure_command,
    figure_python,
    layer_command,
    layer_python,
    view_command,
    view_inputs,
    view_python,
)
from vitinspect.app.session.state import State
from vitinspect.errors import ParameterError
from vitinspect.figures import metadata
from vitinspect.resources import gallery_folder

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model():
    return vi.load_model("demo", device="cpu")


@pytest.fixture
def state(tmp_path: Path) -> State:
    """Three layers on a picture whose name needs quoting: a method, one with parameters, and their weighted fusion."""
    picture = tmp_path / "data" / 'it\'s a $picture; "here".png'
    picture.parent.mkdir()
    picture.write_bytes((gallery_folder() / "images" / "24-gem-leaf.png").read_bytes())
    made = State()
    made.set(image=str(picture), fit="pad", device="cpu")
    made.add_map("rollout", {"start_layer": 1})
    first = made.selected
    made.add_map("attention_gradient")
    second = made.selected
    made.add_fused((first, second))
    fused = made.selected
    made.edit_layer(fused, fusion_mode="arithmetic", normalisation="rank", name="Both of them")
    from vitinspect.app.session import layers as layering

    made.edit("Weight", layering.set_weight(made.layers, fused, second, 0.25))
    made.edit_layer(fused, shown_as="outline", threshold_mode="percentile", threshold_value=80.0, smooth=False)
    return made


def run_shell(text: str, folder: Path) -> None:
    """As a shell runs it, with the program of this checkout."""
    folder.mkdir(exist_ok=True)
    program = folder / "bin" / "vitinspect"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vitinspect "$@"\n')
    program.chmod(0o755)
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join([str(CHECKOUT), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(["sh", "-e", "-c", text], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def run_python(text: str) -> dict:
    space: dict = {}
    exec(compile(text, "copied", "exec"), space)
    return space


def expected(state: State, model) -> dict[str, np.ndarray]:
    """The maps as the engine gives them when it is asked directly."""
    target = vi.Contrast(*state.target) if len(state.target) == 2 else (state.target[0] if state.target else None)
    keys = ["rollout", "rollout(start_layer=1)", "attention_gradient"]
    result = vi.explain(model, state.image, keys, target=target, mode="pad")
    fused = vi.fuse([result[keys[1]], result[keys[2]]], "arithmetic", [1.0, 0.25], normalisation="rank")
    return {**{key: result[key].values for key in keys}, "Both of them": fused.values}


@pytest.mark.parametrize("target", [(), (4,), (4, 1)])
def test_python_of_the_view_gives_the_maps_and_masks(state, model, target) -> None:
    state.set(target=target)
    wanted = expected(state, model)
    space = run_python(view_python(view_inputs(state, model.labels)))
    found = list(space["maps"].values())
    assert len(found) == 4
    for value, values in zip(found, wanted.values(), strict=True):
        assert np.allclose(np.asarray(value.values), values, rtol=1e-4, atol=1e-7)
    mask = space["masks"]["Both of them"]
    assert mask.shape == tuple(model.preprocessing.input_size)
    assert mask.mean() == pytest.approx(0.2, abs=0.01)


def test_python_of_a_fused_layer_computes_it_alone(state, model) -> None:
    fused = state.selected_layer
    space = run_python(layer_python(view_inputs(state, model.labels), fused))
    assert list(space["maps"]) == ["Both of them"]
    assert np.allclose(
        space["maps"]["Both of them"].values, expected(state, model)["Both of them"], rtol=1e-4, atol=1e-7
    )
    assert "rollout" in space["methods"][0]
    assert len(space["methods"]) == 2


def test_commands_of_the_view_write_the_maps(state, model, tmp_path) -> None:
    state.set(target=(4,))
    text = view_command(view_inputs(state, model.labels))
    assert len(text.split("\n")) == 4
    run_shell(text, tmp_path / "run")
    written = {p.name: np.load(p) for p in (tmp_path / "run" / "vitinspect-output").glob("*.npy")}
    assert len(written) == 4
    wanted = list(expected(state, model).values())
    for values in written.values():
        assert any(v.shape == values.shape and np.allclose(v, values, rtol=1e-4, atol=1e-6) for v in wanted)


def test_the_command_of_a_layer_contains_its_whole_look(state, model) -> None:
    state.edit_layer(state.selected, colormap="viridis", opacity=0.4, opacity_mode="uniform", range_mode="typed")
    state.edit_layer(state.selected, low=0.1, high=0.9)
    state.set(precision="float64", model="w.pth --arch vit_tiny_patch16_224 --head h.pth", target=(2,))
    words = shlex.split(layer_command(view_inputs(state, ["a", "b", "a - b"]), state.selected_layer))
    for option, value in {
        "--methods": "rollout(start_layer=1) + attention_gradient [arithmetic]",
        "--weights": "1.0,0.25",
        "--normalise": "rank",
        "--target": "2",
        "--model": "w.pth",
        "--arch": "vit_tiny_patch16_224",
        "--head": "h.pth",
        "--mode": "pad",
        "--precision": "float64",
        "--colormap": "viridis",
        "--opacity": "0.4",
        "--range": "0.1",
        "--threshold": "percentile=80",
        "--device": "cpu",
    }.items():
        assert words[words.index(option) + 1] == value
    assert {"--uniform", "--patches"} <= set(words)


def test_a_figure_as_command_and_as_python(tmp_path, state) -> None:
    spec = {
        "rows": [{"image": state.image, "target": "leaf", "label": 'it\'s "one" $row `x` \\n ü'}],
        "columns": [{"show": "picture"}, {"method": "rollout"}],
        "width": "60mm",
        "dpi": 72,
    }
    run_shell(figure_command(spec, FigureFile("made by shell.png")), tmp_path / "run")
    recipe = metadata.find(tmp_path / "run" / "made by shell.png")
    assert recipe is not None
    assert recipe["figure"]["rows"][0]["label"] == spec["rows"][0]["label"]
    out = tmp_path / "by python.png"
    run_python(figure_python(spec, FigureFile(str(out))))
    again = metadata.find(out)
    assert again is not None
    assert again["maps"]["a2"]["range"] == pytest.approx(recipe["maps"]["a2"]["range"], rel=1e-4)
    assert json.dumps(again["figure"]) == json.dumps(recipe["figure"])


def test_a_figure_is_copied_with_its_file_device_and_recipe() -> None:
    spec = {"rows": [{"image": "a.png"}]}
    words = shlex.split(figure_command(spec, FigureFile("a b.svg", "cpu", anonymous=True), "my spec.json"))
    assert words == ["vitinspect", "figure", "my spec.json", "--out", "a b.svg", "--device", "cpu", "--anonymous"]
    assert "--no-recipe" in figure_command(spec, FigureFile(with_recipe=False))
    assert (
        figure_python(spec, FigureFile("a.svg", "cpu", with_recipe=False))
        .rstrip()
        .endswith("make(spec, Path('a.svg'), folder=Path(), device='cpu', with_recipe=False)")
    )


@pytest.mark.parametrize("model", ["random:demo", "demo --image-size 336"])
def test_a_figure_of_a_model_that_a_specification_cannot_name_is_refused(model) -> None:
    spec = {"rows": [{"image": "a.png"}], "cells": {"a1": {"model": model}}}
    for copied in (figure_command, figure_python):
        with pytest.raises(ParameterError):
            copied(spec)


def test_a_layer_that_no_method_makes_is_refused_in_words(state) -> None:
    state.add_file("/somewhere/map.npy", state.image)
    with pytest.raises(ParameterError):
        layer_python(view_inputs(state, ()), state.selected_layer)
    text = view_python(view_inputs(state, ()))
    assert "somewhere" not in text
    for layer in state.layers[:-1]:
        state.edit_layer(layer.id, visible=False)
    with pytest.raises(ParameterError, match="no visible layer"):
        view_command(view_inputs(state, ()))
