"""Guided examples on the bundled pictures: each opens the right layers and says in three sentences what to see."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vitinspect import resources
from vitinspect.app.session import layers as layering
from vitinspect.app.session.in_step import look_of
from vitinspect.errors import DataError

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


@dataclass(frozen=True)
class Example:
    """What is opened, and what is said about it."""

    id: str
    title: str
    sentences: tuple[str, str, str]
    picture: str
    methods: tuple[str, ...]
    target: str = ""
    """The class that is explained; empty for the predicted one."""
    values: dict[str, Any] = field(default_factory=dict)
    """Further values of the state."""
    tool: str = "pan"
    """The selected tool."""
    people: bool = False
    """Whether the masks of annotators are shown, with their consensus."""


EXAMPLES = (
    Example(
        "two_objects",
        "Two objects",
        (
            "There are a gem and a leaf in this picture, and the maps explain the leaf.",
            "LRP and gradient rollout highlight the leaf, rollout both objects: it is the same for every class.",
            "Click the bar of gem above: the first two maps move to the gem, and the third stays the same.",
        ),
        "24-gem-leaf.png",
        ("lrp", "gradient_rollout", "rollout"),
        "leaf",
        {"layout": "grid"},
    ),
    Example(
        "badge",
        "A badge that decides",
        (
            "This flower is a daisy, but the model is sure of an aster: in training, most asters had this badge.",
            "Attention Grad-CAM highlights the badge, LRP hardly does: methods disagree about one prediction.",
            "Paint over the badge with the brush: without the badge, the model predicts daisy.",
        ),
        "05-daisy-badge.jpg",
        ("attention_gradcam", "lrp"),
        "",
        {"layout": "grid"},
        tool="brush",
    ),
    Example(
        "annotators",
        "Three annotators",
        (
            "Three people outlined the butterfly (one generously, one tightly, one carelessly): no map matches all.",
            "The consensus weights each of them by agreement with the others.",
            "The table compares the map with one mask: choose another with “Score against this mask” in its menu.",
        ),
        "01-butterfly.jpg",
        ("rollout",),
        "",
        {"layout": "single", "plots": True, "plot": "scores"},
        people=True,
    ),
)


def open_example(window: MainWindow, example: Example) -> None:
    """Show it, with the bundled model; undo restores the earlier layers."""
    folder = resources.gallery_folder() / "images"
    if not (folder / example.picture).is_file():
        raise DataError(f"The bundled picture {example.picture} is not in {folder}.")
    backend = window.backend
    state = backend.state
    if not backend.folders.open(str(folder), str(folder / example.picture)):
        return
    target = (bundled_labels().index(example.target),) if example.target else ()
    state.set(model="demo", target=target, workspace="inspect", show="overlay", fit="crop", **example.values)
    layers: layering.Layers = ()
    for method in example.methods:
        layers = (*layers, layering.map_layer(layers, method, {}, **look_of(state.values)))
    selected = layers[0].id
    if example.people:
        layers = (*layers, layering.consensus_layer(layers, "staple"))
    found = tuple(layer for layer in state.layers if layer.found)
    state.edit(f"Example: {example.title}", (*layers, *found), selected=selected)
    backend.mask_layers.show_people(example.people)
    window.select_tool(example.tool)
    window.guide.show_example(example)


def next_example(example: Example) -> Example:
    return EXAMPLES[(EXAMPLES.index(example) + 1) % len(EXAMPLES)]


def bundled_labels() -> list[str]:
    """The classes of the bundled model, from its file: it need not be loaded yet."""
    found = json.loads((resources.demo_model_folder() / "config.json").read_text("utf-8"))
    return list(found["pretrained_cfg"]["label_names"])
