"""The run folder: a SQLite file with one row per image, method and score.

An image is reported as done after it was committed. Write-ahead logging lets the window or another process read while a
run writes, and survives a kill at any moment: an image is stored with all its scores, or not at all. Each image has a
digest of its stored data, since SQLite has no checksums: changed numbers are detected and not reported.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from vitinspect.errors import DataError, ParameterError
from vitinspect.evaluation.database import create_or_recognise, readable_errors
from vitinspect.evaluation.plan import Plan

FILE = "results.sqlite"
FORMAT = 2
"""Increased whenever the tables change."""

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE images (
    image TEXT PRIMARY KEY, position INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    target TEXT NOT NULL, seconds REAL NOT NULL,
    sources TEXT NOT NULL, digest TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE scores (
    image TEXT NOT NULL, method TEXT NOT NULL, annotator TEXT NOT NULL, score TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (image, method, annotator, score)
) WITHOUT ROWID;
CREATE TABLE curves (
    image TEXT NOT NULL, method TEXT NOT NULL, kind TEXT NOT NULL, places BLOB NOT NULL, points BLOB NOT NULL,
    PRIMARY KEY (image, method, kind)
) WITHOUT ROWID;
CREATE TABLE pairs (
    image TEXT NOT NULL, first TEXT NOT NULL, second TEXT NOT NULL, measure TEXT NOT NULL, value REAL NOT NULL,
    PRIMARY KEY (image, first, second, measure)
) WITHOUT ROWID;
"""
_COLUMNS = "image, position, state, reason, target, seconds, sources"


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
    """All results of one image, written in one transaction."""

    image: str
    position: int
    state: str = "done"
    """done; skipped (left out on purpose: low confidence); failed (it could not be used)."""
    reason: str = ""
    target: str = ""
    seconds: float = 0.0
    sources: str = ""
    """The data that it was computed from, as returned by ``sources.stamp``."""
    scores: list[Score] | None = None
    curves: list[StoredCurve] | None = None
    pairs: list[PairScore] | None = None


class Store:
    """One SQLite file of a run. The process that opens it for writing owns it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = create_or_recognise(path, f"{_TABLES} INSERT INTO facts VALUES ('format', '{FORMAT}');")
        try:
            version = self.fact("format")
            if version != str(FORMAT):
                found = "none" if version is None else version
                raise DataError(f"{path} was written by another version of vitinspect (format {found}, not {FORMAT}).")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
        with readable_errors(self.path):
            yield from self._db.execute(query, values)

    def _change(self, work: Callable[[], None]) -> None:
        """One transaction: all of it or nothing."""
        with readable_errors(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                work()
                self._db.execute("COMMIT")
            finally:
                # Some errors, such as a full disk, have already ended the transaction.
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def fact(self, name: str) -> str | None:
        for row in self._rows("SELECT value FROM facts WHERE name = ?", (name,)):
            return str(row[0])
        return None

    def set_fact(self, name: str, value: str) -> None:
        with readable_errors(self.path):
            self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # --- the plan ----------------------------------------------------------------------------------------------

    def claim(self, plan: Plan) -> None:
        """Store the plan of this run, or refuse if the run has another plan."""
        stored = self.fact("plan")
        if stored is None:
            if self.finished():
                raise DataError(f"{self.path} holds scores but not their plan, so the run cannot be resumed.")
            self.set_fact("plan", plan.to_json())
            self.set_fact("started", str(time.time()))
            return
        found = self.plan.differences(plan)
        if found:
            raise DataError(
                f"{self.path.parent} holds another run: {'; '.join(found)}. Give the same options to resume it, or "
                "another folder with --out."
            )
        # The limit may have changed.
        self.set_fact("plan", plan.to_json())

    def check(self, plan: Plan) -> None:
        """Refuse a plan with which this run cannot be resumed; nothing is written."""
        if self.fact("plan") is not None and (found := self.plan.differences(plan)):
            raise DataError(
                f"{self.path.parent} holds another run: {'; '.join(found)}. Give the same options to resume it, or "
                "another folder with --out."
            )

    @property
    def plan(self) -> Plan:
        stored = self.fact("plan")
        if stored is None:
            raise DataError(f"{self.path} holds no run.")
        return read_plan(stored, self.path)

    # --- results -----------------------------------------------------------------------------------------------

    def add(self, result: ImageResult) -> None:
        """Store all results of one image, or none."""
        self.add_all([result])

    def add_all(self, results: Iterable[ImageResult]) -> None:
        def work() -> None:
            for result in results:
                self._remove(result.image)
                self._db.execute(
                    "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(result.image, result.position, result.state, result.reason, result.target, result.seconds),
                        *(result.sources, _digest(result)),
                    ),
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

        self._change(work)

    def _remove(self, image: str) -> None:
        for name in ("images", "scores", "curves", "pairs"):
            self._db.execute(f"DELETE FROM {name} WHERE image = ?", (image,))

    def remove(self, images: Collection[str]) -> None:
        """Delete the results of these images, so that they are scored again."""

        def work() -> None:
            for image in images:
                self._remove(image)

        if images:
            self._change(work)

    def place(self, positions: dict[str, int]) -> None:
        """Update the positions in the data set of stored images."""

        def work() -> None:
            self._db.executemany(
                "UPDATE images SET position = ? WHERE image = ?", [(p, i) for i, p in positions.items()]
            )

        self._change(work)

    def damaged(self) -> list[str]:
        """The images whose numbers do not match their digest."""
        digests = list(self._rows("SELECT image, digest FROM images"))
        return [image for image, digest in digests if _digest(self._complete(image)) != digest]

    def _complete(self, image: str) -> ImageResult:
        """One image with all its scores and curves."""
        result = ImageResult(*next(self._rows(f"SELECT {_COLUMNS} FROM images WHERE image = ?", (image,))))
        scores = self._rows("SELECT method, score, value, annotator FROM scores WHERE image = ?", (image,))
        curves = self._rows("SELECT method, kind, places, points FROM curves WHERE image = ?", (image,))
        pairs = self._rows("SELECT first, second, measure, value FROM pairs WHERE image = ?", (image,))
        result.pairs = [PairScore(*pair) for pair in pairs]
        result.scores = [Score(*score) for score in scores]
        result.curves = [StoredCurve(m, k, _array(places), _array(points)) for m, k, places, points in curves]
        return result

    def sources(self) -> dict[str, str]:
        """The stamp of each image's data."""
        return {str(image): str(sources) for image, sources in self._rows("SELECT image, sources FROM images")}

    def finished(self) -> set[str]:
        """The images that are done, skipped or failed, which need not be evaluated again."""
        return {row[0] for row in self._rows("SELECT image FROM images")}

    def images(self) -> Iterator[ImageResult]:
        """The result of each image, in the data set's order, without its scores."""
        for row in self._rows(f"SELECT {_COLUMNS} FROM images ORDER BY position"):
            yield ImageResult(*row)

    def scores(self) -> Iterator[tuple[str, str, str, str, float]]:
        """(image, method, annotator, score, value), in the data set's order."""
        yield from self._rows(
            "SELECT s.image, s.method, s.annotator, s.score, s.value FROM scores s JOIN images i ON i.image = s.image "
            "ORDER BY i.position, s.method, s.annotator, s.score"
        )

    def curves(self) -> Iterator[tuple[str, StoredCurve]]:
        for image, method, kind, places, points in self._rows(
            "SELECT image, method, kind, places, points FROM curves ORDER BY method, kind, image"
        ):
            yield image, StoredCurve(method, kind, _array(places), _array(points))

    def pairs(self) -> Iterator[tuple[str, PairScore]]:
        """Image and number, in the data set's order."""
        for image, first, second, measure, value in self._rows(
            "SELECT p.image, p.first, p.second, p.measure, p.value FROM pairs p JOIN images i ON i.image = p.image "
            "ORDER BY i.position, p.first, p.second, p.measure"
        ):
            yield image, PairScore(first, second, measure, value)

    def merge(self, other: Path) -> int:
        """Copy the results of another file of the same run; returns the number of new images."""
        with Store(other) as source:
            left_out = self.finished() | set(source.damaged())
            fresh = [source._complete(image) for image in sorted(source.finished() - left_out)]
        self.add_all(fresh)
        return len(fresh)


def read_plan(text: str, path: Path) -> Plan:
    """A stored plan; ``path`` is the file, for errors."""
    try:
        return Plan.from_json(text)
    except (ValueError, TypeError, AttributeError, RecursionError, ParameterError) as error:
        raise DataError(f"The plan in {path} is damaged or of another version of vitinspect ({error}).") from error


def _digest(result: ImageResult) -> str:
    """The digest of all stored data of an image except its position in the data set, which may change."""
    facts = [result.image, result.state, result.reason, result.target, result.sources]
    scores = sorted((s.method, s.annotator, s.score, float(s.value).hex()) for s in result.scores or ())
    curves = sorted((c.method, c.kind, _blob(c.places).hex(), _blob(c.points).hex()) for c in result.curves or ())
    pairs = sorted((p.first, p.second, p.measure, float(p.value).hex()) for p in result.pairs or ())
    text = json.dumps([facts, scores, curves, pairs])
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _blob(values: Any) -> bytes:
    return np.asarray(values, dtype="<f4").tobytes()


def _array(blob: bytes) -> np.ndarray:
    return np.frombuffer(blob, dtype="<f4").astype(np.float64)


def rank_file(folder: Path, rank: int) -> Path:
    """The file that one rank of several writes."""
    return folder / f"results-rank{rank}.sqlite"


def shard_files(folder: Path) -> list[Path]:
    """The files of the shards that have begun."""
    return sorted(folder.glob("results-shard*of*.sqlite"))
