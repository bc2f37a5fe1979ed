"""The run folder: a SQLite file with one row per image, method and score.

What is reported as done has been committed. Write-ahead logging lets the window or another process read while a run
writes, and survives a kill at any moment: an image is there with all its scores, or not at all.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from vitinspect.errors import DataError
from vitinspect.evaluation.plan import Plan

FILE = "results.sqlite"
FORMAT = 1
"""Raised whenever the tables change."""

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS images (
    image TEXT PRIMARY KEY, position INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    target TEXT NOT NULL, seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scores (
    image TEXT NOT NULL, method TEXT NOT NULL, annotator TEXT NOT NULL, score TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (image, method, annotator, score)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS curves (
    image TEXT NOT NULL, method TEXT NOT NULL, kind TEXT NOT NULL, places BLOB NOT NULL, points BLOB NOT NULL,
    PRIMARY KEY (image, method, kind)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pairs (
    image TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL, measure TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (image, first, second, measure)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Score:
    """One number."""

    method: str
    score: str
    value: float
    annotator: str = ""


@dataclass(frozen=True)
class StoredCurve:
    """One curve of one method on one image."""

    method: str
    kind: str
    places: np.ndarray
    points: np.ndarray


@dataclass(frozen=True)
class PairScore:
    """One number of two methods on one image."""

    first: str
    second: str
    measure: str
    value: float


@dataclass
class ImageResult:
    """Everything of one image, written in one transaction."""

    image: str
    position: int
    state: str = "done"
    """done; skipped (left out on purpose: low confidence); failed (it could not be used)."""
    reason: str = ""
    target: str = ""
    seconds: float = 0.0
    scores: list[Score] | None = None
    curves: list[StoredCurve] | None = None
    pairs: list[PairScore] | None = None


class Store:
    """One SQLite file of a run. The process that opens it for writing owns it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            # In this mode a commit survives the end of the process at once; only a power cut may cost the last ones.
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_TABLES)
        except (sqlite3.Error, OSError) as error:
            raise DataError(f"The run file {path} cannot be opened: {error}.") from error
        version = self.fact("format")
        if version is None:
            self.set_fact("format", str(FORMAT))
        elif version != str(FORMAT):
            raise DataError(f"{path} was written by another version of vitinspect (format {version}, not {FORMAT}).")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def fact(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # --- the plan ----------------------------------------------------------------------------------------------

    def claim(self, plan: Plan) -> None:
        """Make this the run of that plan, or refuse if it is another's."""
        stored = self.fact("plan")
        if stored is None:
            self.set_fact("plan", plan.to_json())
            self.set_fact("started", str(time.time()))
            return
        found = Plan.from_json(stored).differences(plan)
        if found:
            raise DataError(
                f"{self.path.parent} holds another run: {'; '.join(found)}. Give the same options to go on with it, or "
                "another folder with --out."
            )
        # The limit may have been moved.
        self.set_fact("plan", plan.to_json())

    @property
    def plan(self) -> Plan:
        stored = self.fact("plan")
        if stored is None:
            raise DataError(f"{self.path} holds no run.")
        return Plan.from_json(stored)

    # --- results -----------------------------------------------------------------------------------------------

    def add(self, result: ImageResult) -> None:
        """All of one image, or nothing of it."""
        self.add_all([result])

    def add_all(self, results: Iterable[ImageResult]) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for result in results:
                self._db.execute(
                    "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?)",
                    (result.image, result.position, result.state, result.reason, result.target, result.seconds),
                )
                self._db.executemany(
                    "INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)",
                    [(result.image, s.method, s.annotator, s.score, float(s.value)) for s in result.scores or ()],
                )
                self._db.executemany(
                    "INSERT OR REPLACE INTO pairs VALUES (?, ?, ?, ?, ?)",
                    [(result.image, p.first, p.second, p.measure, float(p.value)) for p in result.pairs or ()],
                )
                self._db.executemany(
                    "INSERT OR REPLACE INTO curves VALUES (?, ?, ?, ?, ?)",
                    [(result.image, c.method, c.kind, _blob(c.places), _blob(c.points)) for c in result.curves or ()],
                )
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise

    def finished(self) -> set[str]:
        """The images that are done, skipped or failed: those that need not be looked at again."""
        return {row[0] for row in self._db.execute("SELECT image FROM images")}

    def images(self) -> Iterator[ImageResult]:
        """What is known of each image, in the data set's order, without its scores."""
        rows = self._db.execute("SELECT image, position, state, reason, target, seconds FROM images ORDER BY position")
        for row in rows:
            yield ImageResult(*row)

    def scores(self) -> Iterator[tuple[str, str, str, str, float]]:
        """(image, method, annotator, score, value), in the data set's order."""
        yield from self._db.execute(
            "SELECT s.image, s.method, s.annotator, s.score, s.value FROM scores s JOIN images i ON i.image = s.image "
            "ORDER BY i.position, s.method, s.annotator, s.score"
        )

    def curves(self) -> Iterator[tuple[str, StoredCurve]]:
        for image, method, kind, places, points in self._db.execute(
            "SELECT image, method, kind, places, points FROM curves ORDER BY method, kind, image"
        ):
            yield image, StoredCurve(method, kind, _array(places), _array(points))

    def pairs(self) -> Iterator[tuple[str, PairScore]]:
        """Image and number, in the data set's order."""
        for image, first, second, measure, value in self._db.execute(
            "SELECT p.image, p.first, p.second, p.measure, p.value FROM pairs p JOIN images i ON i.image = p.image "
            "ORDER BY i.position, p.first, p.second, p.measure"
        ):
            yield image, PairScore(first, second, measure, value)

    def merge(self, other: Path) -> int:
        """Take over what another file of the same run holds; returns how many images that were new."""
        with Store(other) as source:
            known = self.finished()
            fresh = [result for result in source.images() if result.image not in known]
            wanted = {result.image: result for result in fresh}
            for result in fresh:
                result.scores, result.curves, result.pairs = [], [], []
            for image, method, annotator, score, value in source.scores():
                if image in wanted:
                    wanted[image].scores.append(Score(method, score, value, annotator))  # type: ignore[union-attr]
            for image, curve in source.curves():
                if image in wanted:
                    wanted[image].curves.append(curve)  # type: ignore[union-attr]
            for image, pair in source.pairs():
                if image in wanted:
                    wanted[image].pairs.append(pair)  # type: ignore[union-attr]
        self.add_all(fresh)
        return len(fresh)


def _blob(values: Any) -> bytes:
    return np.asarray(values, dtype="<f4").tobytes()


def _array(blob: bytes) -> np.ndarray:
    return np.frombuffer(blob, dtype="<f4").astype(np.float64)


def rank_file(folder: Path, rank: int) -> Path:
    """The file that one rank of several writes."""
    return folder / f"results-rank{rank}.sqlite"
