"""``vitinspect predict``: the most probable classes."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vitinspect.cli.common import (
    add_image_arguments,
    add_mode_option,
    add_model_options,
    at_least,
    gather,
    load_chosen_model,
    percent,
    report_failures,
)
from vitinspect.errors import ImageError, VitInspectError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_image_arguments(parser)
    parser.add_argument("--top", type=at_least(1), default=5, metavar="N", help="how many classes (default: 5)")
    parser.add_argument("--json", action="store_true", help="one JSON object per picture and line")
    add_mode_option(parser)
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.cli.frame import complain, sentence

    found = gather(arguments)
    model = load_chosen_model(arguments)
    failures: list[tuple[Path, VitInspectError]] = []
    for one in found:
        try:
            predictions = model.predict(one.path, top=arguments.top, mode=arguments.mode)
        except ImageError as error:
            failures.append((one.path, error))
            complain(sentence(error))
            continue
        if arguments.json:
            rows = [
                {"index": p.index, "label": p.label, "probability": p.probability, "logit": p.logit}
                for p in predictions
            ]
            document = {"image": str(one.path), "model": model.name, "predictions": rows}
            print(json.dumps(document, ensure_ascii=False), flush=True)
        else:
            print(one.path)
            for p in predictions:
                print(f"  {percent(p.probability)}  {p.label}  (class {p.index}, logit {p.logit:.3f})", flush=True)
    report_failures(failures, len(found))
    return 2 if failures else 0
