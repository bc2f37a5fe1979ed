"""``vitinspect accuracy``: the accuracy of the bundled model on scenes that were not used in training."""

from __future__ import annotations

import argparse

from vitinspect.cli.common import add_model_options, at_least, load_chosen_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--count", type=at_least(1), default=2000, metavar="N", help="number of scenes (default: 2000)")
    parser.add_argument("--seed", type=at_least(0), default=7, metavar="S", help="seed of the scenes (default: 7)")
    parser.add_argument(
        "--processes", type=at_least(1), metavar="N", help="number of processes (default: one per core)"
    )
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.gallery.accuracy import measure_accuracy
    from vitinspect.progress import ProgressLine

    model = load_chosen_model(arguments)
    with ProgressLine("measuring", unit="scenes") as progress:
        report = measure_accuracy(
            model, arguments.count, arguments.seed, processes=arguments.processes, progress=progress
        )
    print(report)
    return 0
