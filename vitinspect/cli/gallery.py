"""``vitinspect gallery``: scenes of the bundled world, with exact masks."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import at_least, fraction


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="an empty or new folder")
    parser.add_argument("--count", type=at_least(1), required=True, metavar="N", help="number of scenes")
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="S", help="seed of the scenes (default: 0)")
    parser.add_argument(
        "--size", type=at_least(32), default=224, metavar="PIXELS", help="height and width (default: 224)"
    )
    parser.add_argument("--annotators", action="store_true", help="also write masks of three simulated annotators")
    parser.add_argument(
        "--two-objects",
        type=fraction,
        default=0.2,
        metavar="0..1",
        help="share of scenes with two class objects (default: 0.2)",
    )
    parser.add_argument(
        "--badge",
        choices=("train", "always", "never"),
        default="train",
        help="the badge in the corner: as in training, on every scene, or on none (default: train)",
    )
    parser.add_argument(
        "--format", choices=("png", "jpg", "webp"), default="png", help="format of the pictures (default: png)"
    )
    parser.add_argument(
        "--processes", type=at_least(1), metavar="N", help="number of processes (default: one per core)"
    )


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.gallery.writer import write_gallery
    from vitinspect.progress import ProgressLine

    with ProgressLine("painting", unit="scenes") as progress:
        labels = write_gallery(
            arguments.out,
            arguments.count,
            arguments.seed,
            size=arguments.size,
            annotators=arguments.annotators,
            two_objects=arguments.two_objects,
            badge=arguments.badge,
            format=arguments.format,
            processes=arguments.processes,
            progress=progress,
        )
    print(labels)
    return 0
