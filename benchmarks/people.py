"""How quickly people's masks are compared and fusions ranked: ``python -m benchmarks.people``.

Agreement of five annotators (all statistics, and STAPLE of each picture), ``vitinspect agree`` on the same masks as
files, a ranking of the 14 combinations of four methods from saved maps, and sorting the table of the People workspace.
``--pictures N`` uses fewer pictures; times grow in proportion. Processor time is of all threads and processes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

SIDE, PEOPLE = 1024, 5
METHODS = ("rollout", "legrad", "attention_gradcam", "saliency")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=500)
    parser.add_argument("--only", default="agreement,files,ranking,table")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    wanted = arguments.only.split(",")
    print("| what | processor, s | wall clock, s |\n|---|---:|---:|")
    if "table" in wanted:
        table()
    masks = drawn(arguments.pictures) if {"agreement", "files"} & set(wanted) else {}
    with tempfile.TemporaryDirectory() as folder:
        if "agreement" in wanted:
            agreement(masks, arguments.pictures)
        if "files" in wanted:
            files(masks, Path(folder))
        masks.clear()
        if "ranking" in wanted:
            ranking(arguments.pictures, Path(folder))
    return 0


@contextlib.contextmanager
def timed(what: str) -> Iterator[None]:
    """Prints a row: the times of this process and of the processes that it has waited for."""
    start, wall = sum(os.times()[:4]), time.perf_counter()
    yield
    print(f"| {what} | {sum(os.times()[:4]) - start:.1f} | {time.perf_counter() - wall:.1f} |", flush=True)


def drawn(pictures: int) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Irregular outlines, a little different for each annotator; a tenth to a third of the frame."""
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, NDArray[np.bool_]]] = {f"annotator {k}": {} for k in range(PEOPLE)}
    turn = np.linspace(0, 2 * np.pi, 720, endpoint=False)
    for number in range(pictures):
        row, column = rng.uniform(400, 620, 2)
        radius, waves, phases = rng.uniform(150, 330), rng.normal(0, 0.08, 6), rng.uniform(0, 6, 6)
        for own in found.values():
            limit = np.full(len(turn), radius * (1 + rng.normal(0, 0.03)))
            for k, (wave, phase) in enumerate(zip(waves, phases, strict=True)):
                limit += radius * (wave + rng.normal(0, 0.01)) * np.cos((k + 2) * turn + phase + rng.normal(0, 0.1))
            down, across = row + rng.normal(0, 8), column + rng.normal(0, 8)
            mask = Image.new("1", (SIDE, SIDE))
            corners = np.stack([across + limit * np.cos(turn), down + limit * np.sin(turn)], axis=1)
            ImageDraw.Draw(mask).polygon([tuple(corner) for corner in corners.tolist()], fill=1)
            own[f"{number}.png"] = np.array(mask)
    return found


def agreement(masks: dict[str, dict[str, NDArray[np.bool_]]], pictures: int) -> None:
    import vitinspect as vi

    with timed(f"agreement: {PEOPLE} annotators, {pictures} pictures of {SIDE} x {SIDE}, all statistics"):
        vi.agreement(masks).to_dict()
    with timed("STAPLE of each picture"):
        for name in next(iter(masks.values())):
            vi.consensus({who: own[name] for who, own in masks.items()}, how="staple")


def files(masks: dict[str, dict[str, NDArray[np.bool_]]], folder: Path) -> None:
    from vitinspect.cli import main as command

    for who, own in masks.items():
        (folder / "masks" / who).mkdir(parents=True)
        for name, mask in own.items():
            Image.fromarray(mask).save(folder / "masks" / who / name)
    with timed("`vitinspect agree --consensus staple` on them as PNG files, with report"):
        quietly(command, ["agree", str(folder / "masks"), "--out", str(folder / "agreement"), "--consensus", "staple"])


def ranking(pictures: int, folder: Path) -> None:
    """Saved maps of the bundled model; what is timed is the ranking alone."""
    import vitinspect as vi
    from vitinspect.cli import main as command
    from vitinspect.evaluation.plan import Plan, canonical_methods
    from vitinspect.evaluation.runner import open_plan_dataset, run

    rng = np.random.default_rng(0)
    data = folder / "data"
    (data / "images").mkdir(parents=True)
    (data / "masks").mkdir()
    y, x = np.mgrid[:224, :224]
    for number in range(pictures):
        row, column, radius = rng.uniform(60, 160), rng.uniform(60, 160), rng.uniform(25, 60)
        inside = (y - row) ** 2 + (x - column) ** 2 < radius**2
        noise = rng.integers(0, 120, (224, 224, 3), dtype=np.uint8)
        Image.fromarray(np.where(inside[..., None], 255 - noise, noise)).save(data / "images" / f"{number}.png")
        Image.fromarray(inside).save(data / "masks" / f"{number}.png")
    model = vi.load_model("demo")
    plan = Plan(
        data=str(data),
        model=model.source,
        fingerprint=model.fingerprint,
        methods=canonical_methods(",".join(METHODS)),
        scores=("overlap",),
        ways=(1,),
    )
    run(plan, model, folder / "run", dataset=open_plan_dataset(plan), save=("maps",))
    with timed(f"`vitinspect rank`: 14 combinations of {len(METHODS)} methods, saved maps of {pictures} pictures"):
        quietly(command, ["rank", str(folder / "run")])


def table() -> None:
    """Ten thousand pictures in the real window's table: a click on a header."""
    from PySide6.QtWidgets import QApplication

    from vitinspect.app.people.table import PictureColumn, PictureRow, PictureTable

    app = QApplication.instance() or QApplication(sys.argv[:1])
    rng = np.random.default_rng(0)
    names = ("people", "gap", *(f"map {k}" for k in range(6)), *(f"who {k}" for k in range(PEOPLE)), "masks")
    columns = [PictureColumn("name", "Picture"), *(PictureColumn(name, name) for name in names)]
    rows = []
    for number in range(10_000):
        values = dict(zip(names, rng.random(len(names)).tolist(), strict=True))
        rows.append(PictureRow(f"/{number}.png", f"picture {rng.integers(1e6)}", values, (0.5, 0.6)))
    widget = PictureTable()
    widget.resize(700, 800)
    widget.show()
    widget.set_rows(columns, rows, rows[5].id)
    app.processEvents()
    times = []
    for section in [*range(len(columns)), *range(len(columns))]:
        start = time.process_time()
        widget.horizontalHeader().sectionClicked.emit(section)
        app.processEvents()
        times.append(time.process_time() - start)
    print(f"| sorting 10,000 rows, median | {statistics.median(times):.3f} | |")
    print(f"| sorting 10,000 rows, longest | {max(times):.3f} | |", flush=True)


def quietly(command: Any, arguments: list[str]) -> None:
    said, complained = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
        code = command(arguments)
    if code:
        raise SystemExit(complained.getvalue())


if __name__ == "__main__":
    sys.exit(main())
