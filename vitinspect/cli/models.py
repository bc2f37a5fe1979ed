"""``vitinspect models``: list and search models."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("search", nargs="*", metavar="WORD", help="only models with all of these words")
    parser.add_argument("--all", action="store_true", help="also every timm name that can be loaded, one per line")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.cli.common import table
    from vitinspect.models.catalogue import catalogue
    from vitinspect.models.sources import list_models

    words = " ".join(arguments.search)
    entries = catalogue(words)
    names = list_models(words)
    if entries:
        head = ("SOURCE", "MODEL", "HEAD", "LICENCE", "NORMALISATION", "INPUT")
        rows = [(e.source, e.title, e.head, e.licence, e.normalisation, e.size) for e in entries]
        print("\n".join(table([head, *rows])))
    if arguments.all or words:
        known = {entry.source for entry in entries}
        rest = [name for name in names if name not in known]
        print("\n".join([""] * bool(entries and rest) + rest))
    else:
        print(
            f"\n{len(names)} more timm names can be loaded: `vitinspect models WORD` searches them, --all lists them."
        )
    return 0
