"""``vitinspect models``: what can be named as a model."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("search", nargs="*", metavar="WORD", help="show the names that have all of these words")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.models.sources import list_models

    names = list_models(" ".join(arguments.search))
    print("\n".join(names))
    return 0
