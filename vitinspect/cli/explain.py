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
    applicable_methods,
    at_least,
    fraction,
    gather,
    load_chosen_model,
    targets_of,
    threshold_of,
)
from vitinspect.cli.explained_files import write_results
from vitinspect.cli.figure import add_recipe_options
from vitinspect.cli.texts import add_text_options, chosen_texts, text_targets
from vitinspect.errors import MethodNotApplicable, ParameterError
from vitinspect.figures.colormaps import colormap_names
from vitinspect.fusion import MODES as FUSION_MODES
from vitinspect.fusion import AskedMap, fuse, parse_maps
from vitinspect.maps import NORMALISATIONS
from vitinspect.thresholds import MODES as THRESHOLD_MODES

if TYPE_CHECKING:
    from PIL import Image

    from vitinspect.explainers.engine import Explanation
    from vitinspect.explainers.registry import Method
    from vitinspect.models.vit import ViT

DEFAULT_METHODS = "rollout"
EPILOG = """\
For each picture and method two files are written to the output folder: the overlay NAME.METHOD.png, and the
raw values NAME.METHOD.npz (arrays `values` and `metadata`, a JSON text); with --threshold also the mask
NAME.METHOD.mask.png. With several targets each has its own files, NAME.METHOD.TARGET.png. Files that vitinspect
did not write, or wrote for another picture, are never overwritten: the new ones get other names.

examples:
  vitinspect explain cat.jpg
  vitinspect explain cat.jpg --methods "rollout(discard_ratio=0.9),lrp" --target "tabby - tiger cat"
  vitinspect explain cat.jpg --methods "lrp + rollout [geometric], lrp" --threshold otsu
  vitinspect explain cat.jpg --methods lrp,rollout --fuse geometric --top 5
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
        help='such as "rollout,lrp(start_layer=1)", with fusions as "lrp + rollout [geometric]", or all for every '
        "method that applies to the model "
        f"(default: {DEFAULT_METHODS}; `vitinspect methods` lists them)",
    )
    parser.add_argument(
        "--fuse",
        choices=FUSION_MODES,
        help="also fuse all methods into one map; for fusions in --methods, the mode if none is named",
    )
    parser.add_argument(
        "--normalise",
        choices=NORMALISATIONS,
        default="minmax",
        help="normalisation of maps before fusion (default: minmax)",
    )
    parser.add_argument(
        "--target",
        action="append",
        metavar="CLASS",
        help='a class by name, index or WordNet id, or "a - b"; may be repeated (default: the predicted class)',
    )
    parser.add_argument("--top", type=at_least(1), metavar="N", help="explain the N most probable classes")
    parser.add_argument(
        "--threshold",
        metavar="MODE[=X]",
        help=f"also write masks, cut by {', '.join(THRESHOLD_MODES)}; with a number if it takes one, as in fixed=0.5; "
        "their outline is drawn on the overlay",
    )
    parser.add_argument(
        "--apply-threshold",
        "--apply_threshold",
        action="store_true",
        help="show the mask instead of the map on the overlay (default threshold: otsu), as the scripts of Chefer et "
        "al. do",
    )
    parser.add_argument(
        "--out", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help=f"where to write (default: {DEFAULT_OUTPUT})"
    )
    parser.add_argument(
        "--precision",
        choices=("float32", "float64", "bfloat16"),
        default="float32",
        help="precision of the maps; bfloat16 has three digits, too few for small differences of a score and so for "
        "the maps of reciprocam and occlusion (default: float32)",
    )
    add_mode_option(parser)
    tiles = parser.add_argument_group("pictures much larger than the model's input")
    tiles.add_argument(
        "--tiles",
        action="store_true",
        help="explain the picture in overlapping tiles at full size, all for one target, and merge the maps; only the "
        "picture and a few tiles are in memory",
    )
    tiles.add_argument(
        "--tile-scale",
        type=above_zero,
        default=1.0,
        metavar="X",
        help="input pixels per picture pixel; 0.5 halves the picture first (default: 1)",
    )
    tiles.add_argument(
        "--tile-overlap",
        type=fraction,
        default=0.25,
        metavar="0..1",
        help="overlap of tiles as a fraction of their side (default: 0.25)",
    )
    add_text_options(parser, contrasts=True)
    add_model_options(parser)
    look = parser.add_argument_group("how the overlay looks")
    look.add_argument(
        "--colormap",
        choices=colormap_names(),
        help="colour map (default: inferno, and diverging for signed maps)",
    )
    look.add_argument("--opacity", type=fraction, default=0.55, metavar="0..1", help="default: 0.55")
    look.add_argument("--growing", action="store_true", help="opacity by value: low values leave the picture visible")
    look.add_argument("--patches", action="store_true", help="exact patches instead of a smooth map")
    figure = parser.add_argument_group("a figure for a paper, instead of files for each map")
    figure.add_argument(
        "--figure",
        type=Path,
        metavar="FILE",
        help="one row: the picture, then each map with its colour bar; .pdf, .svg, .png, .tiff or .jpg",
    )
    figure.add_argument(
        "--width",
        metavar="LENGTH",
        default="174.6mm",
        help="width of the figure, such as 88mm or 3.25in (default: 174.6mm)",
    )
    figure.add_argument(
        "--dpi", type=int, default=300, metavar="N", help="resolution of PNG, TIFF and JPEG (default: 300)"
    )
    add_recipe_options(figure)


def run(arguments: argparse.Namespace) -> int:
    if arguments.figure is not None:
        from vitinspect.cli.explained_figure import write_figure

        return write_figure(arguments)
    from vitinspect.files import OutputNames
    from vitinspect.images import open_image

    asked = None if arguments.methods.strip() == "all" else parse_maps(arguments.methods, arguments.fuse)
    cutting = cutting_of(arguments)
    if arguments.top and arguments.target:
        raise ParameterError("--top and --target both say what is explained; give one of them.")
    found = gather(arguments)
    model = load_chosen_model(arguments)
    texts = chosen_texts(model, arguments)
    if texts is not None and (arguments.top or arguments.target):
        raise ParameterError("--text and --target or --top both say what is explained; give one of them.")
    if asked is None:
        asked = [AskedMap((method,)) for method in applicable_methods(model)]
    methods = list({method.key: method for one in asked for method in one.methods}.values())
    check_methods(model, methods)
    names = OutputNames(arguments.out)
    failures = Failures(len(found))
    with progress_over(found) as progress:
        for position, one in enumerate(found):
            with failures.of(one.path):
                picture = open_image(one.path)
                wanted = text_targets(texts, arguments.against) if texts else targets_of(model, picture, arguments)
                for number, target in enumerate(wanted):
                    explanation = explain_one(
                        model, picture, methods, target, arguments, progress, position + number / len(wanted)
                    )
                    explanation = with_fusions(explanation, asked, arguments.normalise)
                    if len(wanted) > 1:
                        explanation = only_new(explanation, first=number == 0)
                    several = target_name(target, model) if len(wanted) > 1 else ""
                    write_results(names, one, picture, model, explanation, arguments, cutting=cutting, target=several)
    return failures.report()


def target_name(target: Any, model: ViT) -> str:
    """A target as a part of a file name; a class has its index too, since labels may be equal."""
    from vitinspect.explainers.targets import TextEmbedding, resolve

    if isinstance(target, TextEmbedding):
        return target.text
    definite = resolve(target, model)
    if isinstance(definite, int):
        return f"{definite}-{model.labels[definite].split(',')[0]}"
    return str(target)


def with_fusions(explanation: Explanation, asked: Sequence[AskedMap], normalise: str) -> Explanation:
    """The requested maps in order: single ones and fusions."""
    from dataclasses import replace

    maps = {}
    for one in asked:
        members = [explanation.maps[method.key] for method in one.methods]
        maps[one.key] = fuse(members, one.mode, normalisation=normalise) if one.mode else members[0]
    return replace(explanation, maps=maps)


def only_new(explanation: Explanation, *, first: bool) -> Explanation:
    """The explanation without maps that are the same for every target, unless it is the first."""
    from dataclasses import replace

    maps = {key: m for key, m in explanation.items() if first or m.target is not None}
    return replace(explanation, maps=maps)


def cutting_of(arguments: argparse.Namespace) -> tuple[str, dict[str, float]] | None:
    """The mode of the threshold and its number; None if no masks are requested."""
    if arguments.threshold is None and not arguments.apply_threshold:
        return None
    mode, options = threshold_of(arguments.threshold or "otsu")
    if mode not in THRESHOLD_MODES:
        raise ParameterError(f"A threshold must be one of {', '.join(THRESHOLD_MODES)}, not {mode!r}.")
    return mode, dict(options or ())


def check_methods(model: ViT, methods: Sequence[Method]) -> None:
    """Refuse a method that does not apply before anything is computed or written."""
    for method in methods:
        reason = model.why_not(method)
        if reason is not None:
            raise MethodNotApplicable(method.key, reason)


def above_zero(text: str) -> float:
    """A type for argparse."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return value


class progress_over:  # noqa: N801 - used like a function
    """Progress in pictures if there are several, and in percent for a single one."""

    def __init__(self, found: Sequence[Found]) -> None:
        from vitinspect.progress import ProgressLine

        self.count = len(found)
        self.line = ProgressLine("explaining", unit="pictures" if self.count > 1 else "%")

    def __enter__(self) -> progress_over:
        self.line.__enter__()
        return self

    def __exit__(self, *details: object) -> None:
        self.line.__exit__(*details)

    def within(self, position: float, done: int, total: int) -> None:
        if self.count > 1:
            self.line(int(position) + (done >= total), self.count)
        else:
            self.line(round(100 * done / max(1, total)), 100)


def explain_one(
    model: ViT,
    picture: Image.Image,
    methods: Sequence[Method],
    target: Any,
    arguments: argparse.Namespace,
    progress: progress_over,
    position: float,
) -> Explanation:
    from vitinspect.explainers.engine import explain

    if arguments.tiles:
        from vitinspect.cli.frame import complain
        from vitinspect.explainers.tiled import explain_tiled

        return explain_tiled(
            model,
            picture,
            methods,
            target,
            arguments.precision,
            scale=arguments.tile_scale,
            overlap=arguments.tile_overlap,
            progress=lambda done, total: progress.within(position, done, total),
            notify=complain,
        )
    return explain(
        model,
        picture,
        methods,
        target,
        arguments.precision,
        mode=arguments.mode,
        progress=lambda done, total: progress.within(position, done, total),
    )
