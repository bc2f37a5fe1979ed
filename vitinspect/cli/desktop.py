"""``vitinspect desktop``: add vitinspect to the menu of a Linux desktop, or remove it."""

from __future__ import annotations

import argparse
import sys


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("install", "remove"), help="add vitinspect to your menu, or remove it")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect import desktop_entry
    from vitinspect.errors import DataError
    from vitinspect.names import shown

    if not sys.platform.startswith("linux"):
        raise DataError("The menu entry is for Linux desktops; on this system start the program from a terminal.")
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
