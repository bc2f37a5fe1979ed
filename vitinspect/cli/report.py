"""``vitinspect report``: one HTML file on a folder or a run, with maps, scores, masks and notes."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import add_mode_option, add_model_options, at_least, load_chosen_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", type=Path, metavar="FOLDER_OR_RUN", help="a folder of pictures, or the run folder of an evaluation"
    )
    parser.add_argument("--out", "-o", type=Path, default=Path("report.html"), metavar="FILE", help="(report.html)")
    parser.add_argument(
        "--methods",
        default="rollout",
        metavar="LIST",
        help='for a folder: its maps, such as "rollout, lrp + rollout [geometric]"',
    )
    parser.add_argument(
        "--target", default="", metavar="CLASS", help="for a folder: a class to explain (default: the predicted one)"
    )
    parser.add_argument(
        "--threshold", default="otsu", metavar="WHERE", help="for a folder: threshold of maps (default: otsu)"
    )
    parser.add_argument("--recursive", "-r", action="store_true", help="for a folder: include subfolders")
    parser.add_argument("--limit", type=at_least(1), metavar="N", help="only the first N pictures")
    parser.add_argument("--no-maps", action="store_true", help="for a run: do not compute maps that it has not saved")
    add_mode_option(parser)
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.errors import DataError
    from vitinspect.evaluation.html_pictures import Asked, folder_report, is_run, run_report
    from vitinspect.names import shown
    from vitinspect.output import check_result, write_result
    from vitinspect.progress import ProgressLine

    if not arguments.folder.is_dir():
        raise DataError(f"{arguments.folder} is not a folder.")
    check_result(arguments.out)
    with ProgressLine("reporting", unit="pictures") as progress:
        if is_run(arguments.folder):
            if not arguments.model:
                arguments.model = run_model(arguments.folder)
            model = None if arguments.no_maps else (lambda: load_chosen_model(arguments))
            data = run_report(arguments.folder, model, limit=arguments.limit, progress=progress)
        else:
            asked = Asked(arguments.methods, arguments.target, arguments.threshold, arguments.mode)
            data = folder_report(
                arguments.folder,
                load_chosen_model(arguments),
                asked,
                recursive=arguments.recursive,
                limit=arguments.limit,
                progress=progress,
            )
    path = write_result(arguments.out, data)
    print(f"{shown(path)}: {len(data) / 1e6:.1f} MB")
    return 0


def run_model(folder: Path) -> str:
    """The model of a run."""
    from vitinspect.evaluation.store import FILE, Store

    with Store(folder / FILE) as store:
        return store.plan.model
