"""``vitinspect compare``: compare the maps and the predictions of two models on pictures."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import (
    add_image_arguments,
    add_mode_option,
    add_model_options,
    gather,
    load_chosen_model,
    table,
)

FIRST = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_image_arguments(parser)
    parser.add_argument(
        "--model-b",
        "-b",
        required=True,
        metavar="SOURCE",
        help="the second model, with its options in the same text: 'demo --image-size 336'",
    )
    parser.add_argument(
        "--method",
        default="rollout",
        metavar="METHOD",
        help="of both models: a method, or a fusion as 'lrp + rollout [geometric]' (default: rollout)",
    )
    parser.add_argument("--method-b", metavar="METHOD", help="another method for the second model")
    parser.add_argument("--target", metavar="CLASS", help="a class for both models (default: the predicted one)")
    parser.add_argument(
        "--threshold",
        default="otsu",
        metavar="MODE",
        help="the threshold at which maps are cut into masks: otsu, percentile=90, ...",
    )
    parser.add_argument("--precision", choices=("float32", "bfloat16", "float64"), default="float32")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="DIR", help="the folder of the results")
    add_mode_option(parser)
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.app.compute.model_source import ModelSource
    from vitinspect.cli.frame import ERROR, complain
    from vitinspect.evaluation.two_models import (
        Fusion,
        Journal,
        Side,
        as_csv,
        compare,
        journal_name,
        lines_of,
        ordered,
        settings_of,
        summary,
    )
    from vitinspect.fusion import parse_maps
    from vitinspect.models.sources import load_model
    from vitinspect.names import shown
    from vitinspect.output import OutputFolder, refuse_inside
    from vitinspect.progress import ProgressLine
    from vitinspect.thresholds import parse_threshold

    mode, options = parse_threshold(arguments.threshold)
    pictures = gather(arguments)
    for folder in {one.path.parent for one in pictures}:
        refuse_inside(arguments.out, folder)
    out = OutputFolder(arguments.out)
    out.check(["pictures.csv"])
    asked = ModelSource.parse(arguments.model_b)
    second = load_model(asked.source, device=arguments.device or "auto", **asked.load_options)
    models = load_chosen_model(arguments), second

    def side(method: str) -> Side:
        asked = parse_maps(method)[0]
        fusion = Fusion((1.0,) * len(asked.methods), asked.mode) if asked.mode else None
        return Side(asked.methods, fusion, arguments.target, arguments.precision, arguments.mode, mode, options)

    sides = side(arguments.method), side(arguments.method_b or arguments.method)
    for model, one in zip(models, sides, strict=True):
        for method in one.methods:
            method.explainer().check(model)
    settings = settings_of((models[0].fingerprint, models[1].fingerprint), sides)
    journal = Journal(arguments.out / journal_name(settings), settings)
    with ProgressLine("comparing", unit="pictures") as line:
        paths = [str(one.path.absolute()) for one in pictures]
        rows = ordered(compare(paths, models, sides, journal, progress=line))
    (written,) = out.write_all({"pictures.csv": as_csv(rows).encode()})
    for row in rows:
        if row.problem:
            complain(f"{shown(Path(row.picture).name)}: {row.problem}")
    print(summary(rows).sentence())
    head = ("picture", "A", "B", "Spearman", "IoU")
    for text in table([head, *lines_of(rows, FIRST)], right=(3, 4)):
        print(text)
    print(f"{shown(written)} has all of them, first those with the same prediction but different maps")
    return ERROR if all(row.problem for row in rows) else 0
