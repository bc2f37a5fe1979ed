"""``vitinspect export``: layers of many pictures as files, named by a pattern; a stopped export can be resumed."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import (
    DEFAULT_OUTPUT,
    add_image_arguments,
    add_mode_option,
    add_model_options,
    gather,
    load_chosen_model,
)
from vitinspect.cli.figure import add_recipe_options
from vitinspect.figures.names import colormap_names

EXISTING = ("skip", "number", "replace")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_image_arguments(parser)
    parser.add_argument(
        "--methods", default="rollout", metavar="LIST", help='layers, such as "rollout, lrp + rollout [geometric]"'
    )
    parser.add_argument(
        "--target", metavar="CLASS", default="", help="a class by name or index (default: the predicted one)"
    )
    parser.add_argument("--weights", metavar="LIST", help="weights of a fusion's members, such as 1,0.5")
    parser.add_argument(
        "--normalise",
        choices=("none", "minmax", "percentile", "rank"),
        default="minmax",
        help="normalisation of maps before fusion (default: minmax)",
    )
    parser.add_argument(
        "--files",
        default="overlay.png",
        metavar="LIST",
        help="overlay (.png .tiff .jpg .svg .pdf), heat (.png .tiff), mask.png, raw (.npy .npz .tiff .png); "
        'for example "overlay.pdf, raw.npz" (default: overlay.png)',
    )
    parser.add_argument("--out", "-o", type=Path, default=DEFAULT_OUTPUT, metavar="DIR", help="the folder of the files")
    parser.add_argument(
        "--names",
        default="{stem}_{method}_{target}.{ext}",
        metavar="PATTERN",
        help="pattern of names, with {stem} {method} {layer} {target} {model} {kind} {number} {folder} {ext}; "
        "/ makes folders (default: {stem}_{method}_{target}.{ext})",
    )
    parser.add_argument(
        "--existing",
        choices=EXISTING,
        default="skip",
        help="existing files: skip them, give the new one a number, or replace those that vitinspect wrote "
        "(default: skip)",
    )
    parser.add_argument("--preview", action="store_true", help="print the first names and write nothing")
    page = parser.add_argument_group("page")
    page.add_argument(
        "--width",
        default="",
        metavar="LENGTH",
        help="width, such as 88mm or 3.25in (default: the picture's own pixels)",
    )
    page.add_argument("--dpi", type=int, default=96, metavar="N", help="resolution of PNG, TIFF and JPEG (default: 96)")
    page.add_argument("--background", choices=("white", "black", "transparent"), default="white")
    page.add_argument("--colour-bar", action="store_true", help="add a colour bar with the raw range")
    page.add_argument("--opacity-scale", action="store_true", help="how opaque each colour is, below the colour bar")
    page.add_argument("--title", default="", metavar="TEXT", help="above everything; {stem} is the picture's name")
    page.add_argument(
        "--above",
        default="",
        metavar="LIST",
        help='what is written above the picture, of method, target, model, scores; as "method, scores"',
    )
    page.add_argument("--no-frame", action="store_true", help="no line around what the model sees of the picture")
    look = parser.add_argument_group("look")
    look.add_argument("--colormap", choices=("auto", *colormap_names()), default="auto")
    look.add_argument("--opacity", type=float, default=0.9, metavar="SHARE")
    look.add_argument("--uniform", action="store_true", help="constant opacity instead of opacity by value")
    look.add_argument("--patches", action="store_true", help="exact patches instead of a smooth map")
    look.add_argument(
        "--range", type=float, nargs=2, metavar=("LOW", "HIGH"), help="raw values at the ends of the colours"
    )
    look.add_argument(
        "--threshold", metavar="WHERE", default="", help="otsu, fixed=0.5, ...: for an outline, and for masks"
    )
    look.add_argument(
        "--truth",
        metavar="PATH",
        default="",
        help="the masks that scores are with, drawn dashed; {folder} and {stem} are those of the picture",
    )
    look.add_argument("--precision", choices=("float32", "float64", "bfloat16"), default="float32")
    add_mode_option(parser)
    add_recipe_options(parser)
    add_model_options(parser)


def named_model(arguments: argparse.Namespace) -> str:
    """The model with its head, as a recipe names it."""
    from vitinspect.errors import ParameterError

    if (arguments.random or arguments.image_size) and not arguments.no_recipe:
        option = "--random" if arguments.random else "--image-size"
        raise ParameterError(f"A recipe cannot store {option}, so it could not be replayed; add --no-recipe.")
    name = str(arguments.model or "demo")
    if arguments.head:
        name += f" with the head {arguments.head}" + (f" ({arguments.head_name})" if arguments.head_name else "")
    return name


def weights_of(text: str) -> list[float]:
    """``1,0.5`` as numbers."""
    from vitinspect.errors import ParameterError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise ParameterError(f"--weights takes numbers separated by commas, such as 1,0.5; not {text!r}.") from None


def _absolute(pattern: str) -> str:
    """The path of masks as it is seen from the present folder."""
    return str(Path.cwd() / pattern) if pattern and not pattern.startswith("{folder}") else pattern


def _above(arguments: argparse.Namespace) -> tuple[str, ...]:
    from vitinspect.errors import ParameterError

    found = tuple(part.strip() for part in arguments.above.split(",") if part.strip())
    if "scores" in found and not arguments.truth:
        raise ParameterError("Scores are with masks: say with --truth where they are.")
    if arguments.opacity_scale and not arguments.colour_bar:
        raise ParameterError("The scale of opacity stands below the colour bar: add --colour-bar.")
    return found


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.cli.frame import ERROR, complain
    from vitinspect.figures.batch import Batch, preview, run_batch
    from vitinspect.figures.layer_files import FileKind, Page
    from vitinspect.fusion import parse_maps
    from vitinspect.names import shown
    from vitinspect.progress import ProgressLine

    look = {
        "target": arguments.target,
        "fit": arguments.mode,
        "precision": arguments.precision,
        "colours": arguments.colormap,
        "opacity": arguments.opacity,
        "by_value": not arguments.uniform,
        "patches": arguments.patches,
        "threshold": arguments.threshold,
        "truth": _absolute(arguments.truth),
        "frame": not arguments.no_frame,
        "model": named_model(arguments),
        "normalisation": arguments.normalise,
        **({"arch": arguments.arch} if arguments.arch else {}),
        **({"range": arguments.range} if arguments.range else {}),
        **({"weights": weights_of(arguments.weights)} if arguments.weights else {}),
    }
    batch = Batch(
        tuple({**look, "method": one.key} for one in parse_maps(arguments.methods)),
        tuple(FileKind.parse(part) for part in arguments.files.split(",") if part.strip()),
        arguments.out,
        arguments.names,
        arguments.existing,
        Page(
            arguments.width,
            arguments.dpi,
            background=arguments.background,
            colour_bar=arguments.colour_bar,
            opacity_scale=arguments.opacity_scale,
            title=arguments.title,
        ),
        not arguments.no_recipe,
        arguments.anonymous,
        _above(arguments),
    )
    pictures = [found.path for found in gather(arguments)]
    if arguments.preview:
        for name in preview(batch, pictures):
            print(shown(name))
        return 0
    with ProgressLine("exporting", unit="pictures") as progress:
        outcome = run_batch(batch, pictures, lambda: load_chosen_model(arguments), progress)
    print(f"{shown(arguments.out)}: {outcome.written} files written")
    for words, count in (("existed already", outcome.skipped), ("pictures were finished before", outcome.gone_on)):
        if count:
            print(f"  {count} {words}")
    for picture, reason in outcome.failed.items():
        complain(f"{shown(picture)}: {reason}")
    return ERROR if outcome.failed else 0
