"""``vitinspect methods``: list the methods. Needs no torch."""

from __future__ import annotations

import argparse
import textwrap

from vitinspect.cli.common import table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="*", metavar="ID", help="methods to describe in full (default: a list of all)")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.explainers.registry import methods

    known = methods()
    if arguments.id:
        # All are looked up before the first is printed, so that a misspelt id prints only the error.
        for i, info in enumerate([known[name] for name in arguments.id]):
            print(("\n" if i else "") + wrapped(info.help()))
        return 0
    rows = [("METHOD", "COST", "SIGNED", "FOLLOWS TARGET", "TITLE")]
    rows += [(info.id, info.cost, yes(info.signed), yes(info.class_specific), info.title) for info in known]
    print("\n".join(table(rows)))
    views = [("FEATURE VIEW", "TITLE"), *((info.id, info.title) for info in known.views)]
    print("\n" + "\n".join(table(views)))
    print("\n`vitinspect methods ID` shows a method's parameters and paper.")
    return 0


def yes(value: bool) -> str:
    return "yes" if value else "no"


def wrapped(text: str, width: int = 100) -> str:
    """Text with long lines wrapped, and their continuations indented."""
    lines = []
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip()))
        lines.append(
            textwrap.fill(line, width, subsequent_indent=indent + "    ", break_on_hyphens=False)
            if line.strip()
            else ""
        )
    return "\n".join(lines)
