"""``vitinspect explain --figure``: one figure of all maps, without a specification."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from vitinspect.cli.common import applicable_methods, gather, load_chosen_model, targets_of
from vitinspect.cli.figure import make
from vitinspect.errors import ParameterError


def write_figure(arguments: argparse.Namespace) -> int:
    """A row for each picture and target: the picture, then each map with its colour bar."""
    from vitinspect.figures.cells import Sources
    from vitinspect.figures.specification import from_dict
    from vitinspect.fusion import parse_maps
    from vitinspect.images import open_image

    if arguments.text or arguments.text_embeddings:
        raise ParameterError("A figure explains classes; maps of texts are written without --figure.")
    if (arguments.random or arguments.image_size) and not arguments.no_recipe:
        option = "--random" if arguments.random else "--image-size"
        raise ParameterError(f"A recipe cannot store {option}, so it could not be replayed; add --no-recipe.")
    found = gather(arguments)
    model = load_chosen_model(arguments)
    if arguments.methods.strip() == "all":
        keys = [method.key for method in applicable_methods(model)]
    else:
        keys = [one.key for one in parse_maps(arguments.methods, arguments.fuse)]
    rows: list[dict[str, Any]] = []
    for one in found:
        targets = targets_of(model, open_image(one.path), arguments)
        rows += [{"image": str(one.path), "target": _target(target, model)} for target in targets]
    defaults: dict[str, Any] = {
        "model": model.source if arguments.head else arguments.model or "demo",
        "fit": arguments.mode,
        "precision": arguments.precision,
        "normalisation": arguments.normalise,
        "patches": arguments.patches,
        "colours": arguments.colormap or "auto",
        "threshold": arguments.threshold or "",
    }
    if arguments.arch:
        defaults["arch"] = arguments.arch
    spec = from_dict(
        {
            "rows": rows,
            "columns": [{"show": "picture"}, *({"method": key} for key in keys)],
            "defaults": defaults,
            "width": arguments.width,
            "dpi": arguments.dpi,
        }
    )
    make(
        spec,
        arguments.figure,
        folder=Path(),
        anonymous=arguments.anonymous,
        with_recipe=not arguments.no_recipe,
        sources=Sources(Path(), load_model=lambda source, arch: model),
    )
    return 0


def _target(target: Any, model: Any) -> str:
    if target is None:
        return ""
    return str(model.labels[target]) if isinstance(target, int) and model.has_labels else str(target)
