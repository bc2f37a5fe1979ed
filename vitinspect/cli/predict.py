"""``vitinspect predict``: the most probable classes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from vitinspect.cli.common import (
    Failures,
    Found,
    add_image_arguments,
    add_mode_option,
    add_model_options,
    at_least,
    gather,
    load_chosen_model,
    percent,
)
from vitinspect.cli.texts import add_text_options, chosen_texts
from vitinspect.names import shown, stored

if TYPE_CHECKING:
    from vitinspect.models.vit import Prediction, ViT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_image_arguments(parser)
    parser.add_argument("--top", type=at_least(1), default=5, metavar="N", help="number of classes (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one line of JSON per picture")
    add_mode_option(parser)
    add_text_options(parser)
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    found = gather(arguments)
    model = load_chosen_model(arguments)
    texts = chosen_texts(model, arguments)
    failures = Failures(len(found))
    for one in found:
        with failures.of(one.path):
            if texts is None:
                predictions = model.predict(one.path, top=arguments.top, mode=arguments.mode)
            else:
                from vitinspect.probing.texts import predict_texts

                predictions = predict_texts(model, one.path, texts, arguments.top, arguments.mode)
            write(one, predictions, model, arguments)
    return failures.report()


def write(one: Found, predictions: Sequence[Prediction], model: ViT, arguments: argparse.Namespace) -> None:
    if arguments.json:
        rows = [
            {"index": p.index, "label": p.label, "probability": p.probability, "logit": p.logit} for p in predictions
        ]
        document = {"image": stored(one.path), "model": model.name, "predictions": rows}
        print(json.dumps(document, ensure_ascii=False), flush=True)
    else:
        print(shown(one.path))
        for p in predictions:
            what = "text" if arguments.text or arguments.text_embeddings else "class"
            print(f"  {percent(p.probability)}  {shown(p.label)}  ({what} {p.index}, logit {p.logit:.3f})", flush=True)
