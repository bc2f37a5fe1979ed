"""``vitinspect agree``: how well people's masks agree, and their consensus."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from vitinspect.annotation.consensus import REGIONS, WAYS

    parser.add_argument(
        "masks",
        nargs="+",
        type=Path,
        metavar="MASKS",
        help="folders of masks: one for each annotator, one with a folder for each, files NAME_ANNOTATOR.png, or a "
        "folder of pictures with masks/ beside them",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the folder of the masks' pictures")
    parser.add_argument("--out", "-o", type=Path, required=True, metavar="DIR", help="the folder of the report")
    parser.add_argument(
        "--tolerance",
        default="2",
        metavar="N",
        help="tolerance of the outlines: in pixels, or as 0.75%% of the diagonal (default: 2)",
    )
    parser.add_argument("--mask-coding", default="auto", metavar="C", help="how masks are read (default: auto)")
    parser.add_argument(
        "--all",
        action="store_true",
        help="also use masks that are unfinished, that started from a map, or that were not drawn blind",
    )
    parser.add_argument("--consensus", choices=WAYS, help="also write a consensus mask for each picture, of this kind")
    parser.add_argument("--region", choices=REGIONS, default="frame", help="of STAPLE's masks (default: frame)")
    parser.add_argument(
        "--maps",
        type=Path,
        metavar="RUN",
        help="a run folder with saved maps (`vitinspect evaluate --save maps`): also compare them with the people",
    )


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.annotation.agreement import agreement_of_files
    from vitinspect.annotation.ceiling import counted
    from vitinspect.annotation.consensus_report import write_consensus
    from vitinspect.annotation.gather import gather
    from vitinspect.cli.frame import complain
    from vitinspect.names import shown
    from vitinspect.progress import ProgressLine

    with ProgressLine("reading masks", unit="masks") as line:
        found = gather(
            arguments.masks,
            arguments.images,
            coding=arguments.mask_coding,
            everything=arguments.all,
            processes=None,
            progress=line,
        )
    for note in found.notes:
        complain(note)
    result = agreement_of_files(found.masks, arguments.tolerance)
    result.notes = found.notes
    files = result.report(arguments.out)
    if arguments.consensus:
        files += write_consensus(result, arguments.consensus, arguments.region, arguments.out)
    said: list[str] = []
    if arguments.maps is not None:
        written, said = write_maps(found.masks, arguments.maps, arguments.consensus or "majority", arguments.out)
        files += written
    people, pictures = len(result.annotators), len(result.pictures)
    print(f"{counted(people, 'annotator')}, {counted(pictures, 'picture')}.")
    for name, values in (("Fleiss' kappa", result.fleiss), ("Krippendorff's alpha", result.alpha)):
        print(f"{name}: {values['frame']:.3f} in the frame, {values['box']:.3f} in the box around the union")
    for sentence in said:
        print(sentence)
    print(f"{shown(arguments.out / 'agreement.md')} and {len(files) - 1} more files")
    return 0


def write_maps(masks: dict[str, dict[str, Any]], folder: Path, how: str, out: Path) -> tuple[list[Path], list[str]]:
    """Compare the maps of a run with people; the files and a sentence on each map."""
    from vitinspect.evaluation.among_people import SavedMaps, among_people
    from vitinspect.evaluation.people_report import write_people_report
    from vitinspect.progress import ProgressLine

    with ProgressLine("comparing maps", unit="pictures") as line:
        found = among_people(SavedMaps(folder, masks), how=how, processes=None, progress=line)
    ceiling = found.ceiling()
    return write_people_report(found, out), [ceiling.sentence(name) for name in found.maps]
