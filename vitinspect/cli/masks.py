"""``vitinspect masks import|export``: masks from other tools' files, and into them."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="import|export")
    bring = verbs.add_parser("import", help="a file or folder of masks as the masks of an annotator")
    bring.add_argument(
        "source", metavar="SOURCE", type=Path, help="labelme, COCO, CVAT, PNG, NumPy, or a folder of them"
    )
    bring.add_argument(
        "data", metavar="DATA", type=Path, help="the folder of pictures, or the one that has images/ in it"
    )
    bring.add_argument("--annotator", metavar="NAME", help="whose masks they are (default: what their names tell)")
    bring.add_argument("--label", metavar="NAME", help="only this label (default: all of them)")
    bring.add_argument(
        "--mask-coding",
        default="auto",
        metavar="CODING",
        help="what pixels mean: binary, palette, threshold=N, index=A,B, colours=#RRGGBB or background=N",
    )
    give = verbs.add_parser("export", help="the masks of a folder in the format of another tool")
    give.add_argument("data", metavar="DATA", type=Path, help="the folder that has masks/ in it")
    give.add_argument("--out", "-o", metavar="DIR", type=Path, required=True, help="where the files go")
    give.add_argument("--format", choices=("png", "npy", "labelme", "coco", "cvat"), default="png")
    give.add_argument("--annotator", action="append", metavar="NAME", help="only this one; may be given several times")
    give.add_argument(
        "--layout",
        choices=("annotator", "flat", "suffix"),
        default="annotator",
        help="ANNOTATOR/NAME, NAME, or NAME_ANNOTATOR (default: annotator)",
    )
    give.add_argument(
        "--coding", choices=("auto", "0/255", "0/1", "1-bit", "palette"), default="auto", help="of PNG files"
    )


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.annotation import exchange
    from vitinspect.cli.frame import ERROR, complain
    from vitinspect.names import shown

    if arguments.verb == "import":
        outcome = exchange.import_masks(
            arguments.source,
            arguments.data,
            annotator=arguments.annotator,
            label=arguments.label,
            coding=arguments.mask_coding,
        )
        where = arguments.data / "masks"
    else:
        outcome = exchange.export_masks(
            arguments.data,
            arguments.out,
            arguments.format,
            annotators=arguments.annotator,
            layout=arguments.layout,
            coding=arguments.coding,
        )
        where = arguments.out
    for problem in outcome.problems:
        complain(problem)
    if not outcome.written:
        raise DataError("No mask was written.")
    print(f"{len(outcome.written)} {'file' if len(outcome.written) == 1 else 'files'} in {shown(where)}")
    return ERROR if outcome.problems else 0
