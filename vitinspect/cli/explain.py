"""``vitinspect explain``: overlays and raw maps of pictures, as files."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.cli.common import (
    DEFAULT_OUTPUT,
    Failures,
    Found,
    add_image_arguments,
    add_mode_option,
    add_model_options,
    fraction,
    gather,
    load_chosen_model,
    percent,
)
from vitinspect.errors import MethodNotApplicable
from vitinspect.figures.colormaps import colormap_names, default_colormap
from vitinspect.names import shown, stored

if TYPE_CHECKING:
    from PIL import Image

    from vitinspect.explainers.engine import Explanation
    from vitinspect.explainers.registry import Method
    from vitinspect.files import OutputNames
    from vitinspect.maps import AttributionMap
    from vitinspect.models.vit import ViT

DEFAULT_METHODS = "rollout"
EPILOG = """\
For each picture and method two files are written to the output folder: the overlay NAME.METHOD.png, and the
raw values NAME.METHOD.npz (arrays `values` and `metadata`, a JSON text). Files that vitinspect did not write,
or wrote for another picture, are never overwritten: the new ones get another name.

examples:
  vitinspect explain cat.jpg
  vitinspect explain cat.jpg --methods "rollout(discard_ratio=0.9),lrp" --target "tabby - tiger cat"
  vitinspect explain photos --recursive --model vit_base_patch16_224 --out maps
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    add_image_arguments(parser)
    parser.add_argument(
        "--methods",
        default=DEFAULT_METHODS,
        metavar="LIST",
        help='such as "rollout,lrp(start_layer=1)", or all for each that the model allows '
        f"(default: {DEFAULT_METHODS}; `vitinspect methods` lists them)",
    )
    parser.add_argument(
        "--target",
        metavar="CLASS",
        help='a class by name, index or WordNet id, or "a - b"; without it, the predicted class',
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help=f"where to write (default: {DEFAULT_OUTPUT})"
    )
    parser.add_argument("--precision", choices=("float32", "float64", "bfloat16"), default="float32")
    add_mode_option(parser)
    add_model_options(parser)
    look = parser.add_argument_group("how the overlay looks")
    look.add_argument(
        "--colormap",
        choices=colormap_names(),
        help="default: inferno, and diverging for signed maps",
    )
    look.add_argument("--opacity", type=fraction, default=0.55, metavar="0..1", help="default: 0.55")
    look.add_argument(
        "--growing", action="store_true", help="opacity grows with the value: low values leave the picture clear"
    )
    look.add_argument("--patches", action="store_true", help="exact patches instead of a smooth map")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.files import OutputNames
    from vitinspect.images import open_image

    methods = None if arguments.methods.strip() == "all" else chosen_methods(arguments.methods)
    found = gather(arguments)
    model = load_chosen_model(arguments)
    if methods is None:
        methods = applicable_methods(model)
    else:
        check_methods(model, methods)
    names = OutputNames(arguments.out)
    failures = Failures(len(found))
    with progress_over(found) as progress:
        for position, one in enumerate(found):
            with failures.of(one.path):
                picture = open_image(one.path)
                explanation = explain_one(model, picture, methods, arguments, progress, position)
                write_results(names, one, picture, model, explanation, arguments)
    return failures.report()


def chosen_methods(text: str) -> list[Method]:
    from vitinspect.explainers.registry import parse_methods

    return list({method.key: method for method in parse_methods(text)}.values())


def applicable_methods(model: ViT) -> list[Method]:
    """Every method that the model allows; what it does not allow is said."""
    from vitinspect.cli.frame import complain
    from vitinspect.explainers.registry import make_method
    from vitinspect.explainers.registry import methods as known

    chosen = []
    for info in known():
        reason = model.why_not(info.id)
        if reason is None:
            chosen.append(make_method(info.id))
        else:
            complain(f"{info.id} is left out: {reason}")
    return chosen


def check_methods(model: ViT, methods: Sequence[Method]) -> None:
    """Refuse a method that does not apply before anything is computed or written."""
    for method in methods:
        reason = model.why_not(method)
        if reason is not None:
            raise MethodNotApplicable(method.key, reason)


class progress_over:  # noqa: N801 - used like a function
    """Progress in pictures where there are many, and in percent where there is one."""

    def __init__(self, found: Sequence[Found]) -> None:
        from vitinspect.progress import ProgressLine

        self.count = len(found)
        self.line = ProgressLine("explaining", unit="pictures" if self.count > 1 else "%")

    def __enter__(self) -> progress_over:
        self.line.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self.line.__exit__(*details)

    def within(self, position: int, done: int, total: int) -> None:
        if self.count > 1:
            self.line(position + (done >= total), self.count)
        else:
            self.line(round(100 * done / max(1, total)), 100)


def explain_one(
    model: ViT,
    picture: Image.Image,
    methods: Sequence[Method],
    arguments: argparse.Namespace,
    progress: progress_over,
    position: int,
) -> Explanation:
    from vitinspect.explainers.engine import explain

    return explain(
        model,
        picture,
        methods,
        arguments.target,
        arguments.precision,
        mode=arguments.mode,
        progress=lambda done, total: progress.within(position, done, total),
    )


def write_results(
    names: OutputNames,
    one: Found,
    picture: Image.Image,
    model: ViT,
    explanation: Explanation,
    arguments: argparse.Namespace,
    *,
    quiet: bool = False,
) -> None:
    """Write the overlay and the raw values of each map, and say what was written unless ``quiet``."""
    from vitinspect.files import npz_bytes, png_bytes, slug, with_ending, write_atomic

    endings = {key: f".{slug(key)}" for key in explanation}
    stem = names.stem(
        one.path, tuple(e + kind for e in endings.values() for kind in (".png", ".npz")), subfolder=one.below
    )
    about = describe(model, explanation, one.path, picture, arguments)
    for key, attribution in explanation.items():
        metadata = {**about, **describe_map(attribution, model)}
        painted = paint(picture, attribution, explanation, arguments)
        write_atomic(
            with_ending(stem, endings[key] + ".png"),
            png_bytes(painted, {"image": about["image"], "method": key, "model": model.name}),
        )
        write_atomic(with_ending(stem, endings[key] + ".npz"), npz_bytes({"values": attribution.values}, metadata))
        if not quiet:
            print(shown(with_ending(stem, endings[key] + ".png")))
    best = about.get("predicted")
    if best is not None and not quiet:
        print(f"  {shown(one.path.name)}: {shown(best['label'])} {percent(best['probability']).strip()}", flush=True)


def paint(
    picture: Image.Image, attribution: AttributionMap, explanation: Explanation, arguments: argparse.Namespace
) -> Image.Image:
    from vitinspect.figures.overlay import overlay

    assert explanation.placement is not None  # there is one for every picture that was opened
    return overlay(
        picture,
        attribution.values,
        explanation.placement,
        name=arguments.colormap or default_colormap(signed=attribution.signed),
        opacity=arguments.opacity,
        grows="growing" if arguments.growing else "uniform",
        smooth=not arguments.patches,
    )


def describe(
    model: ViT, explanation: Explanation, path: Path, picture: Image.Image, arguments: argparse.Namespace
) -> dict[str, Any]:
    """What holds for all maps of one picture."""
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
    """A target as JSON and for people: index and label, or those of both sides of a contrast."""
    if target is None:
        return None
    if isinstance(target, int):
        return {"index": target, "label": model.labels[target]}
    if isinstance(target, tuple):
        return {"contrast": [target_words(side, model) for side in target]}
    return {"text": getattr(target, "text", "")}
