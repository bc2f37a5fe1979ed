"""``vitinspect desktop``: into the menu of a Linux desktop, and out of it."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what", choices=("install", "remove"), help="put vitinspect into your menu, or take it out again"
    )


def run(arguments: argparse.Namespace) -> int:
    from vitinspect import desktop_entry
    from vitinspect.errors import DataError
    from vitinspect.names import shown

    if not sys.platform.startswith("linux"):
        raise DataError("The menu entry is for Linux desktops; here the program is started from a terminal.")
    if arguments.what == "install":
        for path in desktop_entry.install():
            print(shown(path))
        return 0
    gone = desktop_entry.remove()
    for path in gone:
        print(f"removed {shown(path)}")
    if not gone:
        print("There is no menu entry of vitinspect.")
    return 0
