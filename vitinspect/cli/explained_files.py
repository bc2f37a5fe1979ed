"""The files of ``vitinspect explain``: the overlay, the raw values, and the mask of each map."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.cli.common import Found, percent
from vitinspect.figures.colormaps import default_colormap
from vitinspect.names import shown, stored
from vitinspect.thresholds import ThresholdedMap, threshold

if TYPE_CHECKING:
    from PIL import Image

    from vitinspect.explainers.engine import Explanation
    from vitinspect.files import OutputNames
    from vitinspect.maps import AttributionMap
    from vitinspect.models.vit import ViT


def write_results(
    names: OutputNames,
    one: Found,
    picture: Image.Image,
    model: ViT,
    explanation: Explanation,
    arguments: argparse.Namespace,
    *,
    quiet: bool = False,
    cutting: tuple[str, dict[str, float]] | None = None,
    target: str = "",
) -> None:
    """Write the overlay and the raw values of each map, and its mask if it is cut, and print what was written unless
    ``quiet``. ``target`` is part of the names if there are several."""
    from vitinspect.files import npz_bytes, png_bytes, slug, with_ending, write_atomic

    endings = {key: f".{slug(key.replace(' + ', '+'))}" for key in explanation}
    if target:
        endings = {
            k: f"{e}.{slug(target)}" if explanation.maps[k].target is not None else e for k, e in endings.items()
        }
    kinds = (".png", ".npz", *((".mask.png",) if cutting else ()))
    stem = names.stem(one.path, tuple(e + kind for e in endings.values() for kind in kinds), subfolder=one.below)
    about = describe(model, explanation, one.path, picture, arguments)
    for key, attribution in explanation.items():
        metadata = {**about, **describe_map(attribution, model)}
        texts = {"image": about["image"], "method": key, "model": model.name}
        cut = None if cutting is None else cut_map(attribution, explanation, *cutting)
        painted = paint(picture, attribution, explanation, arguments, cut)
        write_atomic(with_ending(stem, endings[key] + ".png"), png_bytes(painted, texts))
        if cut is not None and cutting is not None:
            metadata["threshold"] = {
                "mode": cutting[0],
                **cutting[1],
                "level": cut.level,
                "level_minmax": cut.level_minmax,
            }
            texts["threshold"] = f"{cutting[0]} at {cut.level_minmax:.4f} of the range"
            mask = mask_picture(cut, explanation)
            write_atomic(with_ending(stem, endings[key] + ".mask.png"), png_bytes(mask, texts))
        write_atomic(with_ending(stem, endings[key] + ".npz"), npz_bytes({"values": attribution.values}, metadata))
        if not quiet:
            print(shown(with_ending(stem, endings[key] + ".png")))
    best = about.get("predicted")
    if best is not None and not quiet:
        print(f"  {shown(one.path.name)}: {shown(best['label'])} {percent(best['probability']).strip()}", flush=True)


def cut_map(
    attribution: AttributionMap, explanation: Explanation, mode: str, options: dict[str, Any]
) -> ThresholdedMap:
    """The map cut at the model's input size, as `evaluate` cuts it."""
    assert explanation.placement is not None
    return threshold(attribution, mode, size=explanation.placement.input_size, **options)


def mask_on_picture(cut: ThresholdedMap, explanation: Explanation) -> Any:
    """The mask on the picture's pixels; parts that the model did not see are background."""
    import numpy as np

    assert explanation.placement is not None
    return explanation.placement.map_to_original(cut.mask.astype(np.float32), "nearest", 0.0) > 0.5


def mask_picture(cut: ThresholdedMap, explanation: Explanation) -> Image.Image:
    import numpy as np
    from PIL import Image

    return Image.fromarray(mask_on_picture(cut, explanation).astype(np.uint8) * 255)


def paint(
    picture: Image.Image,
    attribution: AttributionMap,
    explanation: Explanation,
    arguments: argparse.Namespace,
    cut: ThresholdedMap | None = None,
) -> Image.Image:
    """The overlay of the map, with the outline of its mask if it is cut, or of the mask itself."""
    import numpy as np
    from PIL import Image

    from vitinspect.figures.overlay import ValueRange, draw_outline, overlay

    assert explanation.placement is not None  # there is one for every picture that was opened
    applied = cut is not None and arguments.apply_threshold
    painted = overlay(
        picture,
        cut.mask.astype(np.float32) if applied and cut is not None else attribution.values,
        explanation.placement,
        name=arguments.colormap or default_colormap(signed=attribution.signed and not applied),
        opacity=arguments.opacity,
        grows="growing" if arguments.growing else "uniform",
        smooth=not (arguments.patches or applied),
        value_range=ValueRange(0.0, 1.0) if applied else None,
    )
    if cut is None or applied:
        return painted
    return Image.fromarray(draw_outline(np.asarray(painted), mask_on_picture(cut, explanation)))


def describe(
    model: ViT, explanation: Explanation, path: Path, picture: Image.Image, arguments: argparse.Namespace
) -> dict[str, Any]:
    """The metadata that all maps of one picture share."""
    import numpy as np

    placement = explanation.placement
    assert placement is not None
    about: dict[str, Any] = {
        "image": stored(path.absolute()),
        "image_size": [picture.height, picture.width],
        "model": model.name,
        "source": model.source,
        "fingerprint": model.fingerprint,
        "mode": arguments.mode,
        "precision": arguments.precision,
        "input_size": list(placement.input_size),
        "box": list(placement.box),
        **({"tiles": True} if arguments.tiles else {}),
    }
    if model.has_classifier:
        logits = explanation.logits.astype(np.float64)
        shares = np.exp(logits - logits.max())
        best = int(logits.argmax())
        about["predicted"] = {
            "index": best,
            "label": model.labels[best],
            "probability": float(shares[best] / shares.sum()),
        }
    return about


def describe_map(attribution: AttributionMap, model: ViT) -> dict[str, Any]:
    return {
        "method": attribution.method,
        "params": dict(attribution.params),
        "key": attribution.key,
        "target": target_words(attribution.target, model),
        "signed": attribution.signed,
        "resolution": attribution.resolution,
    }


def target_words(target: Any, model: ViT) -> Any:
    """A target as JSON: index and label, or those of both classes of a contrast."""
    if target is None:
        return None
    if isinstance(target, int):
        return {"index": target, "label": model.labels[target]}
    if isinstance(target, tuple):
        return {"contrast": [target_words(side, model) for side in target]}
    return {"text": getattr(target, "text", "")}
