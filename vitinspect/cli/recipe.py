"""``vitinspect recipe``: print the recipe in a figure."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a figure: PDF, SVG, PNG, TIFF or JPEG")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.cli.figure import print_recipe

    return print_recipe(arguments)
