"""``vitinspect demo``: the bundled gallery with the bundled model, in the window or, without a display, as files."""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect import paths, system
from vitinspect.cli.common import DEFAULT_OUTPUT, add_model_options, at_least, load_chosen_model, percent, table
from vitinspect.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from vitinspect.explainers.engine import Explanation
    from vitinspect.explainers.registry import Method
    from vitinspect.models.vit import ViT

METHODS = ("rollout", "attention_gradcam", "lrp", "legrad", "centre")
"""The methods that are shown: a few different ones, and a baseline that does not use the model."""
SCREENSHOT = "window.png"
SCREENSHOT_PROGRAM = """\
import sys
try:
    from vitinspect.app.screenshot import write_screenshot
    write_screenshot(sys.argv[1], timeout=300)
except Exception as error:
    print(" ".join(str(error).split()) or type(error).__name__)
    sys.exit(1)
"""
"""Prints an error on stdout, since libraries may write to stderr after it."""
TABLE = "scores.csv"
HEADER = ("image", "class", "predicted", "probability", "method", "energy_inside", "pointing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--off-screen", action="store_true", help="write files even if a window could open")
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUTPUT / "demo",
        metavar="DIR",
        help=f"where to write files (default: {DEFAULT_OUTPUT / 'demo'})",
    )
    parser.add_argument(
        "--count", type=at_least(1), default=6, metavar="N", help="number of pictures of the gallery (default: 6)"
    )
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.resources import gallery_folder

    problem = system.display_problem()
    if problem is None and not arguments.off_screen:
        from vitinspect.cli.window import open_window

        arguments.folder, arguments.fresh = gallery_folder() / "images", True
        arguments.model = arguments.model or "demo"
        return open_window(arguments)
    if problem is not None and not arguments.off_screen:
        print(f"{problem} Files are written instead.", flush=True)
    return off_screen(arguments, gallery_folder())


def off_screen(arguments: argparse.Namespace, gallery: Path) -> int:
    """Overlays and scores of a few pictures, and a picture of the window."""
    from vitinspect.cli.common import Found
    from vitinspect.cli.explain import progress_over
    from vitinspect.cli.explained_files import write_results
    from vitinspect.explainers.engine import explain
    from vitinspect.files import OutputNames
    from vitinspect.images import open_image
    from vitinspect.output import OutputFolder

    OutputFolder(arguments.out).check([TABLE, SCREENSHOT])
    labels = read_labels(gallery)
    chosen = [Found(path, Path("overlays")) for path in spread(list(labels), arguments.count)]
    model = load_chosen_model(arguments)
    methods = shown_methods(model)
    names = OutputNames(arguments.out)
    rows: list[Row] = []
    with progress_over(chosen) as progress:
        for position, one in enumerate(chosen):
            picture = open_image(one.path)
            explanation = explain(model, picture, methods, mode="crop")
            write_results(names, one, picture, model, explanation, looks(), quiet=True)
            rows += scores_of(one.path, labels[one.path], picture, model, explanation)
            progress.within(position, 1, 1)
    print("\n".join(report(rows, [method.key for method in methods])))
    print()
    write_table(arguments.out / TABLE, rows)
    print(f"overlays and raw maps  {(arguments.out / 'overlays').absolute()}")
    print(f"score table            {(arguments.out / TABLE).absolute()}")
    window = take_screenshot(arguments.out / SCREENSHOT)
    print(f"picture of the window  {window}")
    print(f"Everything is in {arguments.out.absolute()}")
    return 0


def looks() -> argparse.Namespace:
    """The appearance of the demo's overlays, as arguments of ``explain``."""
    return argparse.Namespace(
        mode="crop", precision="float32", colormap=None, opacity=0.55, growing=False, patches=False, tiles=False
    )


def shown_methods(model: ViT) -> list[Method]:
    from vitinspect.explainers.registry import make_method
    from vitinspect.explainers.registry import methods as known

    return [make_method(name) for name in METHODS if name in known() and model.why_not(name) is None]


def read_labels(gallery: Path) -> dict[Path, str]:
    """The gallery's pictures and their classes."""
    try:
        text = (gallery / "labels.csv").read_text("utf-8")
    except OSError as error:
        raise DataError(f"The bundled gallery is incomplete ({error.strerror}: {error.filename}).") from error
    return {gallery / row["image"]: row["label"] for row in csv.DictReader(StringIO(text))}


def spread(items: Sequence[Path], count: int) -> list[Path]:
    """``count`` of ``items``, evenly from first to last."""
    if count >= len(items):
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


@dataclass(frozen=True)
class Row:
    """The scores of one map against its object."""

    image: str
    label: str
    predicted: str
    probability: float
    method: str
    energy_inside: float
    """The share of the map's positive values that lies on the object."""
    pointing: float
    """1 if its highest value lies on the object, else 0; a fraction if several values are highest."""


def scores_of(path: Path, label: str, picture: Image.Image, model: ViT, explanation: Explanation) -> list[Row]:
    import numpy as np

    from vitinspect.figures.overlay import place
    from vitinspect.images import open_mask

    mask_path = path.parent.parent / "masks" / f"{path.stem}.png"
    mask = open_mask(mask_path) > 0
    if mask.shape != (picture.height, picture.width):
        raise DataError(f"{mask_path} does not have the size of its picture.")
    logits = explanation.logits.astype(np.float64)
    shares = np.exp(logits - logits.max())
    best = int(logits.argmax())
    assert explanation.placement is not None
    rows = []
    for key, attribution in explanation.items():
        inside, hit = overlap(place(attribution.values, explanation.placement), mask)
        rows.append(Row(path.name, label, model.labels[best], float(shares[best] / shares.sum()), key, inside, hit))
    return rows


def overlap(heat: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Energy inside of ``mask`` and the pointing game, over the part that the model saw."""
    import numpy as np

    from vitinspect.scores.masks import energy_inside, pointing_game

    seen, values = ~np.isnan(heat), np.nan_to_num(heat)
    return energy_inside(values, mask, seen), pointing_game(values, mask, seen)


def report(rows: Sequence[Row], methods: Sequence[str]) -> list[str]:
    """The score table as text: a line for each picture, and the means."""
    by_image: dict[str, list[Row]] = {}
    for row in rows:
        by_image.setdefault(row.image, []).append(row)
    lines: list[Sequence[str]] = [("picture", "class", "predicted", "probability", *methods)]
    for image, of_image in by_image.items():
        first = of_image[0]
        cells = {r.method: f"{100 * r.energy_inside:.0f} % {'hit ' if r.pointing > 0.5 else 'miss'}" for r in of_image}
        lines.append(
            (image, first.label, first.predicted, percent(first.probability).strip(), *(cells[m] for m in methods))
        )
    means = [mean_of(rows, method) for method in methods]
    lines.append(("mean", "", "", "", *means))
    return [
        "Share of each map that lies on the object, and whether its peak does:",
        "",
        *table(lines, right=range(3, 4 + len(methods))),
    ]


def mean_of(rows: Sequence[Row], method: str) -> str:
    of_method = [row for row in rows if row.method == method]
    inside = sum(row.energy_inside for row in of_method) / len(of_method)
    hits = sum(row.pointing > 0.5 for row in of_method)
    return f"{100 * inside:.0f} % {hits}/{len(of_method)}"


def write_table(path: Path, rows: Sequence[Row]) -> None:
    from vitinspect.output import write_result

    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for row in rows:
        writer.writerow(
            (
                row.image,
                row.label,
                row.predicted,
                f"{row.probability:.4f}",
                row.method,
                f"{row.energy_inside:.4f}",
                f"{row.pointing:g}",
            )
        )
    write_result(path, text.getvalue().encode())


def take_screenshot(path: Path) -> str:
    """Open the window off screen in another process and save its picture; returns its path, or why there is none.

    In another process, because Qt ends its process if it finds no platform.
    """
    from PIL import Image

    from vitinspect.files import png_bytes
    from vitinspect.output import write_result

    with tempfile.TemporaryDirectory() as folder:
        fresh = Path(folder) / path.name
        # A separate home folder, so that this window does not leave its state for the next one.
        variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen", paths.HOME_VARIABLE: folder}
        done = subprocess.run(
            [sys.executable, "-c", SCREENSHOT_PROGRAM, str(fresh)],
            capture_output=True,
            text=True,
            errors="replace",
            env=variables,
        )
        if done.returncode != 0 or not fresh.is_file():
            said = done.stdout.strip() or done.stderr.strip()
            lines = said.splitlines() or [f"exit code {done.returncode}"]
            about_qt = any(word in lines[-1] for word in (".so", "PySide6"))
            return f"none: {system.explain_qt_failure(lines[-1]) if about_qt else lines[-1]}"
        with Image.open(fresh) as picture:
            data = png_bytes(picture, {})
    try:
        write_result(path, data)
    except DataError as error:
        return f"none: {error}"
    return str(path.absolute())
