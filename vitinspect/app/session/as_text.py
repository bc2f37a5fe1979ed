"""The present view as a command line and as Python: both run as they are and give the same maps. No Qt."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import list2cmdline
from typing import Any

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.session.layer_cells import (
    fused_maps,
    layer_entry,
    members_of,
    model_entry,
    target_words,
    threshold_words,
)
from vitinspect.app.session.layers import FUSED, MAP, Layer, Layers, title_in
from vitinspect.app.session.state import State
from vitinspect.errors import ParameterError
from vitinspect.names import shown

END = "END"


@dataclass(frozen=True)
class ViewInputs:
    """The part of a view that its maps depend on."""

    image: str
    model: str
    layers: Layers
    device: str = "auto"
    fit: str = "crop"
    precision: str = "float32"
    target: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()


def view_inputs(state: State, labels: Sequence[str]) -> ViewInputs:
    """The part of the window's state that its maps depend on."""
    return ViewInputs(
        *(state.image, state.model, state.layers, state.device, state.fit, state.precision, state.target),
        tuple(labels),
    )


def visible_maps(view: ViewInputs) -> list[Layer]:
    """The visible layers that methods make."""
    found = []
    for layer in view.layers:
        if layer.visible and layer.is_map:
            try:
                layer_entry(view.layers, layer)
            except ParameterError:
                continue
            found.append(layer)
    if not found:
        raise ParameterError("There is no visible layer that a method makes.")
    return found


# --- command line -------------------------------------------------------------------------------------------------


def view_command(view: ViewInputs) -> str:
    """One command for each visible layer, each on a line of its own."""
    return "\n".join(layer_command(view, layer) for layer in visible_maps(view))


def layer_command(view: ViewInputs, layer: Layer) -> str:
    """``vitinspect export`` for one layer: its overlay, its raw map, and its mask where it has one."""
    entry = layer_entry(view.layers, layer)
    words = ["vitinspect", "export", view.image, "--methods", entry["method"]]
    weights = entry.get("weights", [])
    if len(set(weights)) > 1:
        words += ["--weights", ",".join(repr(weight) for weight in weights)]
    if entry.get("normalisation", "minmax") != "minmax":
        words += ["--normalise", entry["normalisation"]]
    if view.target:
        words += ["--target", target_words(view.target, view.labels)]
    words += _model_options(view)
    if view.fit != "crop":
        words += ["--mode", view.fit]
    if view.precision != "float32":
        words += ["--precision", view.precision]
    if entry["colours"] != "auto":
        words += ["--colormap", entry["colours"]]
    if entry["opacity"] != 0.9:
        words += ["--opacity", repr(entry["opacity"])]
    words += ["--uniform"] * (not entry["by_value"]) + ["--patches"] * entry["patches"]
    if "range" in entry:
        words += ["--range", *(repr(end) for end in entry["range"])]
    if "threshold" in entry:
        words += ["--threshold", entry["threshold"]]
    words += ["--files", "overlay.png, raw.npy" + (", mask.png" if "threshold" in entry else "")]
    return shlex.join(words)


def _model_options(view: ViewInputs) -> list[str]:
    asked = ModelSource.parse(view.model)
    words = [] if asked.line == "demo" else ["--model", asked.source]
    for name in ("arch", "head", "head_name", "image_size"):
        if getattr(asked, name):
            words += ["--" + name.replace("_", "-"), getattr(asked, name)]
    words += ["--random"] * asked.random
    words += ["--no-recipe"] * bool(asked.random or asked.image_size)
    return words if view.device == "auto" else [*words, "--device", view.device]


@dataclass(frozen=True)
class FigureFile:
    """How a figure is written: to which file, where its maps are computed, and how much it records about its making."""

    out: str = "figure.pdf"
    device: str = "auto"
    anonymous: bool = False
    with_recipe: bool = True


def figure_command(spec: dict[str, Any], file: FigureFile | None = None, saved: str = "") -> str:
    """``vitinspect figure`` with the specification as its argument, or with the file that it was saved to."""
    file = file or FigureFile()
    check_models(spec)
    words = ["vitinspect", "figure", saved or "/dev/stdin", "--out", file.out]
    if file.device != "auto":
        words += ["--device", file.device]
    words += ["--anonymous"] * file.anonymous + ["--no-recipe"] * (not file.with_recipe)
    if saved:
        return list2cmdline(words) if os.name == "nt" else shlex.join(words)
    return f"{shlex.join(words)} <<'{END}'\n{specification_text(spec)}\n{END}"


def specification_text(spec: dict[str, Any]) -> str:
    """A specification as a file holds it."""
    return json.dumps(spec, indent=1, ensure_ascii=True)


def check_models(spec: dict[str, Any]) -> None:
    """A ``ParameterError`` for a figure with a model that only the window can make."""
    entries = (spec.get("defaults", {}), *spec["rows"], *spec.get("columns", ()), *spec.get("cells", {}).values())
    for model in {str(entry["model"]) for entry in entries if entry.get("model")}:
        model_entry(model)


# --- Python -------------------------------------------------------------------------------------------------------


def view_python(view: ViewInputs) -> str:
    """A script with the maps of all visible layers in ``maps``, by their titles."""
    return _script(view, visible_maps(view))


def layer_python(view: ViewInputs, layer: Layer) -> str:
    """The same of one layer."""
    layer_entry(view.layers, layer)
    return _script(view, [layer])


def _script(view: ViewInputs, layers: Sequence[Layer]) -> str:
    asked = ModelSource.parse(view.model)
    load_options = "".join(f", {name}={value!r}" for name, value in asked.load_options.items())
    device = "" if view.device == "auto" else f", device={view.device!r}"
    keys: dict[str, None] = {}
    for layer in layers:
        keys |= dict.fromkeys(one.as_method().key for one in _methods(view.layers, layer))
    options = "".join(
        f", {name}={value!r}"
        for name, value, plain in (("mode", view.fit, "crop"), ("precision", view.precision, "float32"))
        if value != plain
    )
    lines = [
        "import vitinspect as vi",
        "",
        f"model = vi.load_model({asked.source!r}{load_options}{device})",
        f"methods = {list(keys)!r}",
        f"result = vi.explain(model, {view.image!r}, methods, target={_target(view)}{options})",
        "maps = {",
    ]
    names = _names(view.layers, layers)
    for layer, name in zip(layers, names, strict=True):
        lines.append(f"    {name!r}: {_map(view.layers, layer)},")
    lines.append("}")
    cut = [(layer, name) for layer, name in zip(layers, names, strict=True) if layer.shown_as]
    if cut:
        lines.append("masks = {")
        lines += [f"    {name!r}: {_mask(layer, name)}," for layer, name in cut]
        lines.append("}")
    return "\n".join(lines) + "\n"


def _methods(layers: Layers, layer: Layer) -> list[Layer]:
    return [layer] if layer.kind == MAP else fused_maps(layers, layer)


def _target(view: ViewInputs) -> str:
    if not view.target:
        return "None"
    if len(view.target) == 2:
        return f"vi.Contrast({view.target[0]}, {view.target[1]})"
    return repr(view.target[0])


def _map(layers: Layers, layer: Layer) -> str:
    if layer.kind != FUSED:
        return f"result[{layer.as_method().key!r}]"
    keys = ", ".join(f"result[{one.as_method().key!r}]" for one in fused_maps(layers, layer))
    weights = [member.weight for member in members_of(layer)]
    return f"vi.fuse([{keys}], {layer.fusion_mode!r}, {weights!r}, normalisation={layer.normalisation!r})"


def _mask(layer: Layer, name: str) -> str:
    from vitinspect.thresholds import parse_threshold

    mode, options = parse_threshold(threshold_words(layer))
    given = "".join(f", {key}={value!r}" for key, value in options.items())
    return f"vi.threshold(maps[{name!r}], {mode!r}{given}, size=result.placement.input_size).mask"


def _names(layers: Layers, chosen: Sequence[Layer]) -> list[str]:
    """Titles, with their numbers where two layers have the same one."""
    titles = [shown(title_in(layers, layer)) for layer in chosen]
    return [title if titles.count(title) == 1 else f"{number} {title}" for number, title in enumerate(titles, 1)]


def figure_python(spec: dict[str, Any], file: FigureFile | None = None) -> str:
    """A script that writes a figure."""
    file = file or FigureFile()
    check_models(spec)
    options = "".join(
        f", {name}={getattr(file, name)!r}"
        for name in ("device", "anonymous", "with_recipe")
        if getattr(file, name) != getattr(FigureFile, name)
    )
    return f'''from pathlib import Path

from vitinspect.cli.figure import make
from vitinspect.figures.specification import read_specification

spec = read_specification(r"""{specification_text(spec)}""")
make(spec, Path({file.out!r}), folder=Path(){options})
'''
