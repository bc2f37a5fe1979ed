"""Two models on a folder: how much their maps agree, and how much their predictions.

``compare`` makes a row for each picture and keeps it in a journal, so that a stopped run can be resumed.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import DataError, VitInspectError, is_out_of_memory
from vitinspect.names import csv_cell, shown, stored
from vitinspect.progress import CancelToken
from vitinspect.regular_files import read_regular
from vitinspect.scores.two_maps import Placement, agreement, on_common_grid

if TYPE_CHECKING:
    from vitinspect.explainers.registry import Method
    from vitinspect.models.vit import ViT

MEASURES = {
    "spearman": "Rank correlation of the two maps (Spearman)",
    "pearson": "Correlation of the values of the two maps (Pearson)",
    "iou": "Overlap of the two masks at their thresholds (IoU)",
}
SAYS = (
    "Share of the probability that both models give to the same classes; 1 is the same answer with the same certainty"
)
_FINEST = 448
"""Maps are cut on a grid of at most this many pixels per side, as in the window."""


@dataclass(frozen=True)
class Fusion:
    """How the maps of several methods become one."""

    weights: tuple[float, ...]
    mode: str = "geometric"
    normalisation: str = "minmax"


@dataclass(frozen=True)
class Side:
    """The settings of one of the two models. ``target`` is None for the class that it predicts."""

    methods: tuple[Method, ...]
    """One, or those that are fused."""
    fusion: Fusion | None = None
    target: Any = None
    precision: str = "float32"
    fit: str = "crop"
    threshold: str = "otsu"
    options: Mapping[str, float] = field(default_factory=dict)

    @property
    def map(self) -> str:
        """The method with its parameters, or the methods with all that their fusion depends on, in one line."""
        keys = [method.key for method in self.methods]
        if self.fusion is None:
            return keys[0]
        parts = [f"{key} × {weight!r}" for key, weight in zip(keys, self.fusion.weights, strict=True)]
        return f"{' + '.join(parts)} [{self.fusion.mode}, {self.fusion.normalisation}]"

    def settings(self, fingerprint: str) -> dict[str, Any]:
        """Everything on which the rows depend, as plain data; with the fingerprint of the model."""
        return {
            "model": fingerprint,
            "method": self.map,
            "target": str(self.target),
            "precision": self.precision,
            "fit": self.fit,
            "threshold": [self.threshold, dict(self.options)],
        }


@dataclass(frozen=True)
class Row:
    """The result of one picture. The numbers are NaN if it could not be compared, and ``problem`` says why."""

    picture: str
    label_a: str = ""
    label_b: str = ""
    probability_a: float = math.nan
    probability_b: float = math.nan
    says: float = math.nan
    """The probability that both give to the same classes, by name; NaN if they have no class in common."""
    spearman: float = math.nan
    pearson: float = math.nan
    iou: float = math.nan
    problem: str = ""

    @property
    def same_answer(self) -> bool:
        """Whether both predict the same class."""
        return bool(self.label_a) and self.label_a == self.label_b

    def measure(self, name: str) -> float:
        """The agreement of the maps, by one of ``MEASURES``."""
        return float(getattr(self, name))


def ordered(rows: Iterable[Row], measure: str = "spearman") -> list[Row]:
    """First rows with the same prediction, the most different maps first; then other predictions; then failures."""

    def key(row: Row) -> tuple[bool, bool, float, str]:
        value = row.measure(measure)
        return bool(row.problem), not row.same_answer, math.inf if math.isnan(value) else value, row.picture

    return sorted(rows, key=key)


@dataclass(frozen=True)
class Summary:
    """The summary of a folder in a few numbers."""

    pictures: int
    failed: int
    same_answer: int
    means: dict[str, float]
    """The mean of each measure over the pictures that could be compared."""
    means_same: dict[str, float]
    """The same over the pictures with the same prediction."""

    def sentence(self) -> str:
        done = self.pictures - self.failed
        if not done:
            return "No picture could be compared."
        return (
            f"The same answer in {self.same_answer} of {done} pictures; Spearman {self.means['spearman']:.2f}, "
            f"IoU {self.means['iou']:.2f} on average"
            + (
                f", {self.means_same['spearman']:.2f} and {self.means_same['iou']:.2f} where the answer is the same."
                if self.same_answer
                else "."
            )
        )


def summary(rows: Sequence[Row]) -> Summary:
    good = [row for row in rows if not row.problem]
    same = [row for row in good if row.same_answer]

    def means(some: Sequence[Row]) -> dict[str, float]:
        return {name: float(np.mean([r.measure(name) for r in some])) if some else math.nan for name in MEASURES}

    return Summary(len(rows), len(rows) - len(good), len(same), means(good), means(same))


# --- one picture -------------------------------------------------------------------------------------------------


def compare_picture(path: str, models: tuple[ViT, ViT], sides: tuple[Side, Side]) -> Row:
    """The row of one picture under both models. A problem with the picture is recorded in the row; running out of
    memory is raised."""
    from vitinspect.images import open_image

    try:
        image = open_image(path)
        found = [_ask(model, side, image) for model, side in zip(models, sides, strict=True)]
        common = on_common_grid(found[0].map, found[1].map)
        agree = agreement(common, (found[0].level, found[1].level))
    except VitInspectError as error:
        return Row(path, problem=str(error))
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return Row(path, problem=f"{type(error).__name__}: {error}")
    first, second = found
    return Row(
        path,
        first.label,
        second.label,
        first.probability,
        second.probability,
        shared_probability(first.probabilities, models[0].labels, second.probabilities, models[1].labels),
        agree.spearman,
        agree.pearson,
        agree.iou,
    )


def shared_probability(
    first: np.ndarray, labels_first: Sequence[str], second: np.ndarray, labels_second: Sequence[str]
) -> float:
    """The sum, over the common classes, of the smaller of the two probabilities: 1 minus the total variation distance
    if both have the same classes. NaN if they have no class in common."""
    at = {label: i for i, label in enumerate(labels_second)}
    pairs = [(i, at[label]) for i, label in enumerate(labels_first) if label in at]
    if not pairs:
        return math.nan
    return float(sum(min(float(first[i]), float(second[j])) for i, j in pairs))


@dataclass(frozen=True, eq=False)
class _Asked:
    label: str
    probability: float
    probabilities: np.ndarray
    map: Placement
    level: float


def _ask(model: ViT, side: Side, image: Any) -> _Asked:
    from vitinspect.explainers.engine import explain
    from vitinspect.fusion import fuse
    from vitinspect.maps import resize
    from vitinspect.thresholds import threshold

    prepared = model.preprocess(image, side.fit)
    logits = model.at_precision(side.precision).logits(prepared.tensor[None])[0].double().cpu()
    probabilities = logits.softmax(-1).numpy()
    best = int(np.argmax(logits.numpy())) if model.has_classifier else -1
    target = side.target if side.target is not None else best if best >= 0 else None
    maps = explain(model, prepared.tensor, list(side.methods), target=target, precision=side.precision)
    members = [maps[method.key] for method in side.methods]
    how = side.fusion
    found = members[0] if how is None else fuse(members, how.mode, how.weights, normalisation=how.normalisation)
    place = prepared.placement
    left, top, right, bottom = (float(n) for n in place.box)
    height, width = place.original_size
    visible = max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))
    rows, columns = place.input_size
    shrink = min(1.0, _FINEST / max(rows, columns))
    size = max(1, round(rows * shrink)), max(1, round(columns * shrink))
    options: dict[str, Any] = dict(side.options)
    level = threshold(resize(np.asarray(found.values, np.float32), size), side.threshold, **options).level
    return _Asked(
        model.labels[best] if best >= 0 else "",
        float(probabilities[best]) if best >= 0 else math.nan,
        probabilities,
        Placement(found.values, (left, top, right, bottom), visible, found.signed),
        float(level),
    )


# --- a folder ----------------------------------------------------------------------------------------------------


def compare(
    pictures: Sequence[str],
    models: tuple[ViT, ViT],
    sides: tuple[Side, Side],
    journal: Journal,
    *,
    on_row: Callable[[Row], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: CancelToken | None = None,
) -> list[Row]:
    """A row for each picture, in order. Rows that are already in the journal are not computed again."""
    rows = []
    try:
        for done, path in enumerate(pictures):
            if cancel is not None:
                cancel.check()
            if progress is not None:
                progress(done, len(pictures))
            row = journal.find(path)
            if row is None:
                row = compare_picture(path, models, sides)
                journal.add(row)
            if on_row is not None:
                on_row(row)
            rows.append(row)
    finally:
        journal.close()
    if progress is not None:
        progress(len(pictures), len(pictures))
    return rows


class Journal:
    """Rows as they were computed, one line of JSON each, after a first line with the settings.

    Rows with other settings or of a file that has changed are not used. A line that a crash cut off is ignored.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = path, json.loads(json.dumps(settings))
        self._rows: dict[str, tuple[str, Row]] = {}
        self._file: io.TextIOWrapper | None = None
        if path is not None and path.is_file():
            self._read(path)

    def find(self, picture: str) -> Row | None:
        stamp, row = self._rows.get(picture, ("", None))
        return row if row is not None and stamp == _stamp(picture) else None

    @property
    def rows(self) -> list[Row]:
        """The rows of unchanged files."""
        return [row for picture in self._rows if (row := self.find(picture)) is not None]

    def add(self, row: Row) -> None:
        """Write a row at once."""
        stamp = _stamp(row.picture)
        self._rows[row.picture] = (stamp, row)
        if self.path is None:
            return
        if self._file is None:
            self._file = self._begun(self.path)
        line = {**asdict(row), "picture": stored(row.picture), "stamp": stamp}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begun(self, path: Path) -> io.TextIOWrapper:
        """The file, written again with the known rows, so that no cut-off line remains in it."""
        from vitinspect.files import write_atomic

        path.parent.mkdir(parents=True, exist_ok=True)
        known = [{**asdict(r), "picture": stored(r.picture), "stamp": s} for s, r in list(self._rows.values())[:-1]]
        lines = [{"vitinspect": "two models", "settings": self.settings}, *known]
        write_atomic(path, "".join(json.dumps(line) + "\n" for line in lines).encode())
        return path.open("a", encoding="utf-8")

    def _read(self, path: Path) -> None:
        from vitinspect.names import restored

        names, ours = {one.name for one in fields(Row)}, False
        for number, line in enumerate(read_regular(path).decode("utf-8", "replace").splitlines()):
            try:
                found = json.loads(line)
                if number == 0:
                    if found.get("settings") != self.settings:
                        break
                    ours = True
                    continue
                row = Row(**{key: value for key, value in found.items() if key in names and key != "picture"},
                          picture=restored(found["picture"]))  # fmt: skip
            except (ValueError, TypeError, KeyError, AttributeError):
                continue
            self._rows[row.picture] = (str(found.get("stamp")), row)
        if not ours:
            raise DataError(f"{path} is not a journal of this comparison, and is not changed.")


def settings_of(fingerprints: tuple[str, str], sides: tuple[Side, Side]) -> dict[str, Any]:
    """The settings that identify a journal."""
    return {name: side.settings(model) for name, model, side in zip("ab", fingerprints, sides, strict=True)}


def journal_name(settings: Mapping[str, Any]) -> str:
    """A file name that is different for other settings."""
    text = json.dumps(settings, sort_keys=True)
    return f"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}.jsonl"


def _stamp(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return "missing"
    return f"{status.st_size}:{status.st_mtime_ns}"


def as_csv(rows: Iterable[Row]) -> str:
    """The rows as a table, in the given order."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        values = [getattr(row, name) for name in _COLUMNS]
        writer.writerow([_cell(value) for value in values])
    return text.getvalue()


_COLUMNS = (
    *("picture", "label_a", "probability_a", "label_b", "probability_b", "same_answer", "says"),
    *("spearman", "pearson", "iou", "problem"),
)


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return csv_cell(shown(str(value)))


def lines_of(rows: Sequence[Row], most: int) -> Iterator[tuple[str, ...]]:
    """The first rows as text, for a terminal."""
    for row in rows[:most]:
        yield (
            shown(Path(row.picture).name),
            shown(row.label_a),
            shown(row.label_b),
            "" if math.isnan(row.spearman) else f"{row.spearman:.2f}",
            "" if math.isnan(row.iou) else f"{row.iou:.2f}",
        )
