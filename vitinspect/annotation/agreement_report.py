"""The report of an agreement: Markdown, JSON, CSV, a drawn matrix, and a map of disagreement for each picture."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vitinspect.annotation.ceiling import counted
from vitinspect.figures.colormaps import colormap
from vitinspect.files import slug
from vitinspect.names import csv_cell, markdown, shown
from vitinspect.output import OutputFolder
from vitinspect.parallel import in_threads

if TYPE_CHECKING:
    from vitinspect.annotation.agreement import Agreement

MEASURES = {
    "dice": "Dice",
    "iou": "IoU",
    "kappa": "Cohen's kappa",
    "precision": "Precision",
    "recall": "Recall",
    "hd95_pooled": "HD95, both directions together (px)",
    "hd95_max": "HD95, larger direction (px)",
    "nsd": "Surface Dice",
    "boundary_f1": "Boundary F1",
    "nsd_spread": "Surface Dice at the people's spread",
    "boundary_f1_spread": "Boundary F1 at the people's spread",
}
_SHOWN = ("dice", "iou", "kappa", "hd95_pooled", "hd95_max", "nsd", "boundary_f1")
_LISTED = 20
"""The number of pictures that the report lists; the files contain all."""


def write_agreement(agreement: Agreement, folder: Path) -> list[Path]:
    """Write all files of the report into the folder; files of other programs are not replaced."""
    numbers = agreement.to_dict()
    files = {
        "agreement.md": _text(agreement, numbers).encode(),
        "agreement.json": (json.dumps(numbers, indent=2) + "\n").encode(),
        "pairs.csv": _table(numbers).encode(),
        "matrix.png": _png(draw_matrix(agreement.matrix("dice"), agreement.annotators)),
    }
    palette = colormap("inferno").tobytes()

    def painted(image: str) -> bytes:
        picture = Image.fromarray(agreement.disagreement_levels(image))
        picture.putpalette(palette)
        return _png(picture)

    for image, data in zip(agreement.ranked, in_threads(painted, agreement.ranked), strict=True):
        files[f"disagreement/{slug(image)}.png"] = data
    return OutputFolder(folder).write_all(files)


def _text(agreement: Agreement, numbers: dict[str, Any]) -> str:
    people, pictures = len(agreement.annotators), len(agreement.pictures)
    drawn = sum(len(p.people) for p in agreement.pictures.values())
    given = agreement.tolerance
    tolerance = f"{given} of the diagonal" if isinstance(given, str) else f"{given:g} pixels"
    lines = [
        "# Agreement among annotators",
        "",
        f"{counted(people, 'annotator')}, {counted(pictures, 'picture')}, {counted(drawn, 'mask')}. Outlines are "
        f"compared with a tolerance of {tolerance}; the people's own spread (the median of the 95 % distance of "
        "their outlines) is "
        f"{agreement.spread:.2f} pixels.",
        "",
        *(f"- {markdown(note)}" for note in agreement.notes),
        *([""] if agreement.notes else []),
        "Chance-corrected numbers depend on how much background the region holds, so each is given for the whole frame "
        "and for the box around the union.",
        "",
        "| All annotators | Frame | Box |",
        "|---|---:|---:|",
    ]
    for name, key in (("Fleiss' kappa", "fleiss"), ("Krippendorff's alpha (nominal)", "alpha")):
        lines.append(f"| {name} | {numbers[key]['frame']:.3f} | {numbers[key]['box']:.3f} |")
    lines += ["", "## Pairs", "", *_pair_table(numbers), "", "![Dice](matrix.png)", ""]
    if numbers["self_agreement"]:
        lines += ["## Self-agreement on repeated pictures", "", "| Annotator | Dice | Repeats |", "|---|---:|---:|"]
        lines += [
            f"| {markdown(who)} | {own['dice']:.3f} | {own['repeats']} |"
            for who, own in numbers["self_agreement"].items()
        ]
        lines.append("")
    lines += ["## Most disagreement", "", "| Picture | Annotators | 1 - mean Dice | Fleiss (frame, box) |"]
    lines.append("|---|---:|---:|---:|")
    for name in agreement.ranked[:_LISTED]:
        one = numbers["images"][name]
        lines.append(
            f"| {markdown(name)} | {len(one['annotators'])} | {one['disagreement']:.3f} | "
            f"{one['fleiss']['frame']:.3f}, {one['fleiss']['box']:.3f} |"
        )
    rest = len(agreement.ranked) - _LISTED
    lines += ["", f"{rest} more pictures are in agreement.json." if rest > 0 else "", ""]
    return "\n".join(lines)


def _pair_table(numbers: dict[str, Any]) -> list[str]:
    titles = [MEASURES[key] for key in _SHOWN if key != "kappa"]
    lines = [
        "Means over the pictures that both drew; kappa for frame and box. The others count no background: they are "
        "the same in both regions.",
        "",
        "| Pair | Pictures | Kappa (frame, box) | " + " | ".join(titles) + " |",
        "|---|---:|---:|" + "---:|" * len(titles),
    ]
    for pair in numbers["pairs"]:
        mean = pair["mean"]
        cells = [f"{mean['frame'][key]:.3f}" for key in _SHOWN if key != "kappa"]
        kappa = f"{mean['frame']['kappa']:.3f}, {mean['box']['kappa']:.3f}"
        names = f"{markdown(pair['first'])} & {markdown(pair['second'])}"
        lines.append(f"| {names} | {pair['images']} | {kappa} | " + " | ".join(cells) + " |")
    return lines


def _table(numbers: dict[str, Any]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["first", "second", "image", "region", "pixels", *MEASURES])
    for pair in numbers["pairs"]:
        rows = {**pair["per_image"], "(pooled)": pair["pooled"], "(mean)": pair["mean"]}
        for image, regions in rows.items():
            for region, found in regions.items():
                names = [csv_cell(text) for text in (pair["first"], pair["second"], image)]
                writer.writerow([*names, region, found["pixels"], *(repr(found[key]) for key in MEASURES)])
    return stream.getvalue()


def draw_matrix(values: NDArray[np.float64], names: tuple[str, ...], cell: int = 72) -> Image.Image:
    """The matrix of people as squares from dark (0) to light (1), each with its number."""
    left, top = 40 + 9 * max(len(shown(name)) for name in names), 56
    size = cell * len(names)
    picture = Image.new("RGB", (left + size + 24, top + size + 24), "white")
    draw = ImageDraw.Draw(picture)
    font = _font(15)
    table = colormap("viridis")
    for row, name in enumerate(names):
        middle = top + row * cell + cell / 2
        draw.text((left - 10, middle), shown(name), fill="#222222", font=font, anchor="rm")
        draw.text((left + row * cell + cell / 2, top - 12), shown(name), fill="#222222", font=font, anchor="ms")
        for column in range(len(names)):
            value = values[row, column]
            box = (left + column * cell, top + row * cell, left + (column + 1) * cell - 2, top + (row + 1) * cell - 2)
            centre = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            if not np.isfinite(value):
                draw.rectangle(box, fill="#eeeeee")
                draw.text(centre, "–", fill="#666666", font=font, anchor="mm")
                continue
            level = int(np.clip(round(255 * value), 0, 255))
            draw.rectangle(box, fill=tuple(int(v) for v in table[level]))
            draw.text(centre, f"{value:.2f}", fill="black" if level > 140 else "white", font=font, anchor="mm")
    return picture


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def _png(picture: Image.Image) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()
