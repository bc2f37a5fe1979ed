"""``vitinspect study init|show``: which annotators draw which pictures, in which order."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import at_least, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="init|show")
    init = verbs.add_parser("init", help="write study.json into a folder of pictures")
    init.add_argument("folder", metavar="FOLDER", type=Path)
    init.add_argument("--annotators", nargs="+", required=True, metavar="NAME", help="the annotators")
    init.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="seed of the orders (default: 0)")
    init.add_argument(
        "--repeat",
        type=at_least(0),
        default=0,
        metavar="N",
        help="number of pictures that are drawn twice, for self-agreement",
    )
    init.add_argument("--not-blind", action="store_true", help="annotators may see maps, predictions and other masks")
    init.add_argument("--instruction", default="", metavar="TEXT", help="a text shown once before the first picture")
    init.add_argument(
        "--labels", nargs="+", default=["foreground"], metavar="NAME", help="the labels to draw, up to nine"
    )
    init.add_argument("--name", default="", help="name of the study (default: the folder's)")
    show = verbs.add_parser("show", help="show the annotators' progress, or the order of one of them")
    show.add_argument("folder", metavar="FOLDER", type=Path)
    show.add_argument("--order", metavar="NAME", help="list the pictures in this annotator's order")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.annotation.study import FILE, init_study, progress, read_study
    from vitinspect.errors import DataError
    from vitinspect.names import shown

    if arguments.verb == "init":
        study = init_study(
            arguments.folder,
            arguments.annotators,
            seed=arguments.seed,
            repeat=arguments.repeat,
            blind=not arguments.not_blind,
            instruction=arguments.instruction,
            labels=arguments.labels,
            name=arguments.name,
        )
        print(f"{shown(arguments.folder / FILE)}: {len(study.images)} pictures, {study.repeat} of them twice")
        return 0
    found = read_study(arguments.folder)
    if found is None:
        raise DataError(f"{arguments.folder} has no {FILE}; `vitinspect study init` writes one.")
    if arguments.order:
        for turn in found.order(arguments.order):
            print(shown(turn.image) + ("  (again)" if turn.repeated else ""))
        return 0
    rows = [("annotator", "done", "of", "minutes")]
    for name in found.annotators:
        state = progress(arguments.folder, found, name)
        rows.append((shown(name), str(state.done), str(state.total), f"{state.seconds / 60:.1f}"))
    for line in table(rows, right=(1, 2, 3)):
        print(line)
    return 0
