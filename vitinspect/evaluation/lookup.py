"""Reading single scores from a run folder, without writing to it, for example to sort pictures by them."""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.evaluation.database import readable_errors
from vitinspect.evaluation.items import split_key
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.store import FILE, read_plan
from vitinspect.names import restored
from vitinspect.resources import gallery_folder

Column = tuple[str, str, str]
"""Method, annotator ("" for the only one), score."""


@dataclass(frozen=True)
class RunIndex:
    """The columns of a run, and where its pictures were."""

    folder: Path
    root: Path
    """The data set's folder; the run names its pictures relative to it."""
    columns: tuple[Column, ...] = field(repr=False)


def open_run(folder: Path) -> RunIndex:
    """Open a run folder for reading, also while the run is in progress."""
    rows, plan = _read(folder, "SELECT DISTINCT method, annotator, score FROM scores ORDER BY 1, 2, 3", ())
    if not rows:
        raise DataError(f"The run in {folder} holds no scores yet.")
    root = gallery_folder() if plan.data == "demo" and not Path("demo").exists() else Path(plan.data)
    return RunIndex(folder, root.absolute(), tuple((str(m), str(a), str(s)) for m, a, s in rows))


def values_of(run: RunIndex, column: Column) -> Callable[[str], float | None]:
    """A function from a picture's path to its score; None if it has none.

    Pictures are found by the paths of the run; if the data set was moved since, by their names, if a name occurs only
    once. A picture that is evaluated several times (once per class in it) gets the mean.
    """
    rows, _ = _read(
        run.folder, "SELECT image, value FROM scores WHERE method = ? AND annotator = ? AND score = ?", column
    )
    gathered: dict[str, list[float]] = defaultdict(list)
    for image, score in rows:
        gathered[split_key(str(image))[0]].append(float(score))
    by_path: dict[str, float] = {}
    by_name: dict[str, float | None] = {}
    for image, values in gathered.items():
        mean = sum(values) / len(values)
        image = restored(image)
        by_path[os.path.normpath(os.path.join(run.root, image))] = mean
        name = os.path.basename(image)
        by_name[name] = None if name in by_name else mean

    def value(path: str) -> float | None:
        path = os.path.abspath(path)
        return by_path[path] if path in by_path else by_name.get(os.path.basename(path))

    return value


def _read(folder: Path, query: str, values: tuple[str, ...]) -> tuple[list[tuple[str, ...]], Plan]:
    path = folder / FILE
    if not path.is_file():
        raise DataError(f"{folder} is not a run folder: there is no {FILE} in it.")
    # Read-only: folders of other users can be read, and a run is never disturbed.
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with readable_errors(path), closing(sqlite3.connect(uri, uri=True, timeout=10)) as database:
        facts = database.execute("SELECT value FROM facts WHERE name = 'plan'").fetchone()
        if facts is None:
            raise DataError(f"{path} holds no run.")
        return database.execute(query, values).fetchall(), read_plan(str(facts[0]), path)
