"""Named sets of maps: those that come with vitinspect, and the user's own in one JSON file. No Qt, no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from vitinspect import paths
from vitinspect.errors import DataError, ParameterError
from vitinspect.explainers.registry import make_method, methods
from vitinspect.regular_files import read_regular

LayerSpec = tuple[str, ...]
"""One method as it is written on the command line, or several whose maps are fused by the geometric mean."""

VITMIX = ("lrp", "saliency(resolution=grid)", "rollout", "attention_gradcam")


@dataclass(frozen=True)
class Preset:
    """A named set of maps."""

    id: str
    title: str
    about: str
    layers: tuple[LayerSpec, ...]
    own: bool = False
    """Saved by the user."""


def built_in() -> tuple[Preset, ...]:
    """Those that come with vitinspect."""
    return (
        Preset(
            "quick",
            "Quick look",
            "Three families from one forward and one backward pass: attention, relevance, gradient of attention.",
            (("rollout",), ("lrp",), ("legrad",)),
        ),
        Preset(
            "vitmix",
            "ViTmiX's four",
            "The four methods that ViTmiX combines: LRP, saliency, rollout, Grad-CAM on attention.",
            tuple((spec,) for spec in VITMIX),
        ),
        Preset(
            "vitmix_combinations",
            "ViTmiX, 14 combinations",
            "The four methods, their six pairs and their four triples.",
            tuple(group for ways in (1, 2, 3) for group in combinations(VITMIX, ways)),
        ),
        Preset(
            "families",
            "One per family",
            "The best known method of each family.",
            (("rollout",), ("lrp",), ("input_x_gradient",), ("gradcam",), ("multiplex",), ("reciprocam",)),
        ),
        Preset(
            "projects",
            "One per project",
            "What each of the projects that vitinspect unites is known for: ViTmiX (LRP × Rollout), MUTEX, GMAR, "
            "ViT-ReciproCAM, LRP by Chefer et al.",
            (("lrp", "rollout"), ("multiplex",), ("gmar",), ("reciprocam",), ("lrp",)),
        ),
        Preset(
            "cheap",
            "All cheap ones",
            "Every method that needs at most one forward and one backward pass.",
            tuple((info.id,) for info in methods() if info.cost in ("one forward", "one forward and backward")),
        ),
    )


def presets_file() -> Path:
    return paths.config_folder() / "presets.json"


def read_own(path: Path | None = None) -> tuple[tuple[Preset, ...], list[str]]:
    """The saved presets, and a sentence for each that can no longer be used."""
    path = path or presets_file()
    try:
        found = json.loads(read_regular(path))
    except FileNotFoundError:
        return (), []
    except (OSError, ValueError, RecursionError) as error:
        return (), [f"The saved presets in {path} cannot be read: {error}"]
    if not isinstance(found, dict):
        return (), [f"The saved presets in {path} are not a JSON object."]
    good, problems = [], []
    for name, layers in found.items():
        try:
            good.append(own(name, layers))
        except (ParameterError, DataError) as error:
            problems.append(f"The preset {name!r} was left out: {error}")
    return tuple(good), problems


def write_own(presets: Sequence[Preset], path: Path | None = None) -> None:
    """Save the user's presets, all of them or none."""
    from vitinspect.files import write_atomic

    content = {preset.title: [list(layer) for layer in preset.layers] for preset in presets}
    target = path or presets_file()
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(target, json.dumps(content, ensure_ascii=False, indent=1).encode())


def own(name: str, layers: Any) -> Preset:
    """A preset of the user's, checked against the methods that exist."""
    if not name.strip():
        raise DataError("A preset needs a name.")
    if not isinstance(layers, list | tuple) or not layers:
        raise DataError("A preset needs at least one map.")
    checked = []
    for layer in layers:
        specs = (layer,) if isinstance(layer, str) else tuple(layer)
        if not specs or not all(isinstance(spec, str) for spec in specs):
            raise DataError(f"{layer!r} is neither a method nor a list of methods.")
        checked.append(tuple(make_method(spec).key for spec in specs))
    return Preset(f"own:{name.strip()}", name.strip(), "Saved by you.", tuple(checked), own=True)
