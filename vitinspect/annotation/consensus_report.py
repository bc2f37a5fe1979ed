"""The consensus of every picture as masks, with its ties, and how reliable each annotator is by STAPLE."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vitinspect.annotation.ceiling import counted
from vitinspect.annotation.consensus import REGIONS, Consensus, combined
from vitinspect.annotation.formats import pixels
from vitinspect.names import csv_cell, markdown
from vitinspect.output import OutputFolder
from vitinspect.parallel import in_threads

if TYPE_CHECKING:
    from vitinspect.annotation.agreement import Agreement

_MEANS = {
    "majority": "what more than half of those who do not ignore the pixel mark; a tie is background",
    "union": "what anybody marks",
    "intersection": "what all who do not ignore the pixel mark",
    "staple": "what STAPLE finds at least as likely foreground as not",
}


@dataclass(frozen=True)
class _Found:
    """What is kept of one picture's consensus besides the mask."""

    image: str
    region: str
    foreground: int
    ties: int
    sensitivities: dict[str, float]
    specificities: dict[str, float]


def write_consensus(agreement: Agreement, how: str, region: str, folder: Path) -> list[Path]:
    """``consensus/NAME.png`` for each picture, as ``vi.masks.save`` writes masks; and ``consensus.md`` and ``.csv``.

    STAPLE is estimated in both regions, since it depends on how much background there is; the masks are of ``region``.
    """

    def work(image: str) -> tuple[bytes, list[_Found]]:
        masks, data, found = agreement.masks_of(image), b"", []
        for one in REGIONS if how == "staple" else (region,):
            made = combined(masks, how, region=one)
            found.append(_numbers(image, one, made))
            if one == region:
                data = pixels.write(made.mask, "png", "auto", folder / _name(image), "foreground")
        return data, found

    images = list(agreement.pictures)
    made = dict(zip(images, in_threads(work, images), strict=True))
    files = {_name(image): data for image, (data, _) in made.items()}
    rows = [row for _, found in made.values() for row in found]
    lines = ["# Consensus", "", f"{counted(len(agreement.pictures), 'picture')}: {_MEANS[how]}.", ""]
    lines += _of_staple(agreement, region, rows) if how == "staple" else _of_ties(how, rows)
    files["consensus.md"] = "\n".join([*lines, ""]).encode()
    files["consensus.csv"] = _table(how, rows).encode()
    return OutputFolder(folder).write_all(files)


def _name(image: str) -> str:
    return f"consensus/{Path(image).with_suffix('.png').as_posix()}"


def _numbers(image: str, region: str, found: Consensus) -> _Found:
    marked = int(np.count_nonzero(found.mask == 1))
    return _Found(image, region, marked, found.ties, found.sensitivities, found.specificities)


def _of_ties(how: str, rows: Sequence[_Found]) -> list[str]:
    if how != "majority":
        return []
    tied = [row for row in rows if row.ties]
    if not tied:
        return ["No pixel is marked by exactly half of those who do not ignore it."]
    pixels_tied = counted(sum(row.ties for row in tied), "pixel")
    return [f"Ties: {pixels_tied} in {counted(len(tied), 'picture')}; consensus.csv has them by picture."]


def _of_staple(agreement: Agreement, region: str, rows: Sequence[_Found]) -> list[str]:
    where = "the whole frame" if region == "frame" else "the box around the union"
    lines = [
        f"The masks are those of the estimate in {where}. The estimate depends on how much background there is, so "
        "what it says of people is given for the frame and for the box around the union; means over pictures.",
        "",
        "| Annotator | Pictures | Sensitivity (frame, box) | Specificity (frame, box) |",
        "|---|---:|---:|---:|",
    ]
    for who in agreement.annotators:
        own = {one: [row for row in rows if row.region == one and who in row.sensitivities] for one in REGIONS}
        if own["frame"]:
            kinds = [
                ", ".join(f"{np.mean([getattr(row, kind)[who] for row in own[one]]):.3f}" for one in REGIONS)
                for kind in ("sensitivities", "specificities")
            ]
            lines.append(f"| {markdown(who)} | {len(own['frame'])} | {' | '.join(kinds)} |")
    return lines


def _table(how: str, rows: Sequence[_Found]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    if how == "staple":
        writer.writerow(["image", "region", "foreground", "annotator", "sensitivity", "specificity"])
        for row in rows:
            for who, value in row.sensitivities.items():
                names = [csv_cell(row.image), row.region, row.foreground, csv_cell(who)]
                writer.writerow([*names, repr(value), repr(row.specificities[who])])
    else:
        writer.writerow(["image", "foreground", *(["ties"] if how == "majority" else [])])
        for row in rows:
            writer.writerow([csv_cell(row.image), row.foreground, *([row.ties] if how == "majority" else [])])
    return stream.getvalue()
