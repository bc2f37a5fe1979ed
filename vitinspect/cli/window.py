"""``vitinspect [FOLDER]``: the window."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect import system
from vitinspect.cli.common import add_model_options, wishes
from vitinspect.errors import DataError, VitInspectError

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT


class NoWindow(VitInspectError):  # noqa: N818 - reads as a statement
    """No window can open here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        metavar="FOLDER",
        help="pictures to show, a session, or a figure whose view to restore (default: what was opened last, or the "
        "bundled gallery)",
    )
    parser.add_argument("--fresh", action="store_true", help="start as if for the first time")
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.folder is not None and not arguments.folder.exists():
        raise DataError(
            f"There is no folder and no command {str(arguments.folder)!r}; `vitinspect --help` lists the commands."
        )
    return open_window(arguments)


def open_window(arguments: argparse.Namespace) -> int:
    """Open the window, after checking that one can open; Qt itself would abort without an explanation."""
    problem = system.display_problem()
    if problem is not None:
        raise NoWindow(
            f"{problem} Without a window, `vitinspect demo --off-screen` and `vitinspect explain IMAGE` work; "
            "over SSH, `ssh -X` provides a display."
        )
    # Nothing that is made before the window is painted is garbage; ``run_window`` collects again from then on.
    gc.disable()
    try:
        try:
            from vitinspect.app.main import run as run_window
        except ImportError as error:
            if not mentions_qt(error):
                raise
            raise NoWindow(system.explain_qt_failure(str(error))) from error
        return run_window(
            None if arguments.folder is None else str(arguments.folder),
            arguments.model,
            arguments.fresh,
            device=arguments.device,
            loader=loader_for(arguments),
        )
    finally:
        gc.enable()


def loader_for(arguments: argparse.Namespace) -> Callable[..., ViT] | None:
    """How the window loads models if the options request more than a source; None for the default.

    The options hold for the model that was named, not for those that are chosen later.
    """
    asked = wishes(arguments)
    named = arguments.model or "demo"
    if not asked:
        return None

    def load(source: str, *, device: str) -> ViT:
        from vitinspect.models.sources import load_model

        return load_model(source, device=device, **(asked if source == named else {}))

    return load


def mentions_qt(error: ImportError) -> bool:
    """Whether an import failed because Qt or one of its libraries is missing, not because of a bug."""
    return ".so" in str(error) or (error.name or "").split(".")[0] in ("PySide6", "shiboken6")
