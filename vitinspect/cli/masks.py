"""``vitinspect masks import|export``: convert masks from and to the files of other tools."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="import|export")
    bring = verbs.add_parser("import", help="import a file or folder of masks as those of an annotator")
    bring.add_argument(
        "source", metavar="SOURCE", type=Path, help="labelme, COCO, CVAT, PNG, NumPy, or a folder of them"
    )
    bring.add_argument(
        "data", metavar="DATA", type=Path, help="the folder of pictures, or the one that contains images/"
    )
    bring.add_argument(
        "--annotator", metavar="NAME", help="the annotator of the masks (default: from their file names)"
    )
    bring.add_argument("--label", metavar="NAME", help="only this label (default: all labels)")
    bring.add_argument(
        "--mask-coding",
        default="auto",
        metavar="CODING",
        help="how pixels are read: binary, palette, threshold=N, index=A,B, colours=#RRGGBB or background=N",
    )
    give = verbs.add_parser("export", help="export the masks of a folder in the format of another tool")
    give.add_argument("data", metavar="DATA", type=Path, help="the folder that contains masks/")
    give.add_argument("--out", "-o", metavar="DIR", type=Path, required=True, help="the folder of the files")
    give.add_argument("--format", choices=("png", "npy", "labelme", "coco", "cvat"), default="png")
    give.add_argument(
        "--annotator", action="append", metavar="NAME", help="only this annotator; may be given several times"
    )
    give.add_argument(
        "--layout",
        choices=("annotator", "flat", "suffix"),
        default="annotator",
        help="names of the files: ANNOTATOR/NAME, NAME, or NAME_ANNOTATOR (default: annotator)",
    )
    give.add_argument(
        "--coding",
        choices=("auto", "0/255", "0/1", "1-bit", "palette"),
        default="auto",
        help="coding of PNG files (default: auto)",
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
