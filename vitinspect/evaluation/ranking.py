"""Which fusion agrees best with people's masks, and how much of its lead is due to choosing the best.

Every candidate (a set of methods with its mode, weights and threshold) is scored from the raw maps that a run has
saved: no model runs again. The ranking gives each candidate's own mean, and the score of the procedure "take the best
on the others" on pictures and by annotators that were not used for the choice (``scores.choosing``).
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vitinspect.annotation.gather import notes_of, why_left_out
from vitinspect.errors import DataError, ParameterError
from vitinspect.evaluation.captions import settings_of
from vitinspect.evaluation.items import Dataset, Item
from vitinspect.evaluation.saving import Saver
from vitinspect.evaluation.stacked import Cell, Line, PaperTable
from vitinspect.evaluation.store import FILE, Store
from vitinspect.evaluation.tables import Column, Results
from vitinspect.files import read_metadata
from vitinspect.fusion import fuse, short_names
from vitinspect.maps import AttributionMap, resize
from vitinspect.models.placement import Placement
from vitinspect.parallel import run_jobs
from vitinspect.progress import CancelToken, Progress
from vitinspect.scores import choosing
from vitinspect.scores.masks import average_precision, ratio
from vitinspect.scores.statistics import Mean
from vitinspect.thresholds import parse_threshold, threshold

SCORES = {
    "iou": Column("iou", "IoU (%)", percent=True),
    "f1": Column("f1", "F1 (%)", percent=True),
    "precision": Column("precision", "Precision (%)", percent=True),
    "recall": Column("recall", "Pixel accuracy (recall) (%)", percent=True),
    "pixel_accuracy": Column("pixel_accuracy", "Pixel accuracy (%)", percent=True),
    "average_precision": Column("average_precision", "AP (%)", percent=True),
}
CHUNK = 25
CHOSEN = Column("chosen", "Chosen on other pictures (%)", percent=True)

Cutting = tuple[str, tuple[tuple[str, float], ...]]
"""A threshold's mode and its numbers."""


@dataclass(frozen=True)
class Candidate:
    """One way to compute a mask from the methods' maps."""

    name: str
    keys: tuple[str, ...]
    mode: str
    weights: tuple[float, ...]
    cutting: Cutting
    normalisation: str = "minmax"
    """The default normalisation of maps before they are fused."""

    @property
    def ways(self) -> int:
        return len(self.keys)


def candidates(
    methods: Sequence[Any],
    *,
    ways: Sequence[int] = (1, 2, 3),
    modes: Sequence[str] = ("geometric",),
    cuttings: Sequence[Cutting] = (("otsu", ()),),
    weighted: bool = False,
) -> list[Candidate]:
    """Every combination of the methods, in each mode and at each threshold; ``weighted``: also with one of its methods
    counting double. The simplest come first, and win ties."""
    names = short_names(methods)
    found = []
    for way in sorted(set(ways)):
        for group in itertools.combinations(methods, way):
            for mode in modes if way > 1 else modes[:1]:
                for weights in _weights(way) if weighted else [(1.0,) * way]:
                    for cutting in cuttings:
                        extras = [mode] if len(modes) > 1 and way > 1 else []
                        extras += [":".join(f"{w:g}" for w in weights)] if len(set(weights)) > 1 else []
                        extras += [_cutting_words(cutting)] if len(cuttings) > 1 else []
                        name = " + ".join(names[m.key] for m in group) + (f" ({', '.join(extras)})" if extras else "")
                        found.append(Candidate(name, tuple(m.key for m in group), mode, weights, cutting))
    if len(found) < 2:
        raise ParameterError("There is nothing to rank: name at least two methods.")
    return found


def cuttings_of(text: str) -> list[Cutting]:
    """``otsu,fixed=0.5`` as modes with their numbers."""
    read = [parse_threshold(part) for part in text.split(",") if part.strip()]
    if not read:
        raise ParameterError("A ranking needs a threshold, such as otsu or fixed=0.5.")
    return [(mode, tuple(options.items())) for mode, options in read]


def _weights(way: int) -> list[tuple[float, ...]]:
    doubled = [tuple(2.0 if i == j else 1.0 for j in range(way)) for i in range(way)] if way > 1 else []
    return [(1.0,) * way, *doubled]


def _cutting_words(cutting: Cutting) -> str:
    return " ".join([cutting[0].replace("_", " "), *(f"{value:g}" for _, value in cutting[1])])


# --- scores ----------------------------------------------------------------------------------------------------------


@dataclass
class Ranking:
    """All candidates with their scores, and the scores of the procedures of choosing among them."""

    candidates: list[Candidate]
    scores: np.ndarray
    """(candidates, pictures, annotators)"""
    pictures: list[str]
    annotators: list[str]
    score: str
    run: Results
    normalisation: str = "minmax"
    seed: int = 0
    means: list[Mean] = field(default_factory=list)
    left_out_masks: dict[str, int] = field(default_factory=dict)
    """Reason to number of masks that are left out."""

    def __post_init__(self) -> None:
        self.means = choosing.own_means(self.scores, self.seed)
        self.winner = choosing.winner(self.scores)
        self.left_out = choosing.on_other_pictures(self.scores, seed=self.seed)
        self.nested = choosing.by_other_people(self.scores, seed=self.seed) if len(self.annotators) > 1 else None
        fewest = min(c.ways for c in self.candidates)
        self.plain = [i for i, c in enumerate(self.candidates) if c.ways == fewest]
        several = len(self.plain) < len(self.candidates)
        self.lead = choosing.lead(self.scores, self.plain, seed=self.seed) if several else None

    @property
    def column(self) -> Column:
        return SCORES[self.score]


def rank(
    folder: Path,
    dataset: Dataset,
    chosen: Sequence[Candidate],
    *,
    score: str = "iou",
    normalisation: str = "minmax",
    everything: bool = False,
    processes: int | None = 1,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Ranking:
    """Score the candidates on the annotated pictures of a run from its saved maps; with ``processes`` None on all cores
    (spawned: a script then needs ``if __name__ == "__main__"``). Masks that are not finished, that started from a map
    or were not drawn blind are left out unless ``everything`` is set."""
    if score not in SCORES:
        raise ParameterError(f"A ranking must be by one of {', '.join(SCORES)}, not {score!r}.")
    with Store(folder / FILE) as store:
        run = Results(store)
    done = {image.image for image in run.images if image.state == "done"}
    items = [item for item in dataset.items if item.key in done]
    left_out: dict[str, int] = {}
    if not everything:
        items, left_out = independent(items)
    items = [item for item in items if item.masks]
    if not items:
        why = "".join(f" {note}" for note in notes_of(left_out))
        raise DataError(f"{folder} holds no picture with a mask that was evaluated.{why}")
    annotators = sorted({who for item in items for who in item.masks})
    saver = Saver(folder, ("maps",), run.plan, dataset)
    rows = {row.combination.keys[0]: row.name for row in saver.rows if row.combination.ways == 1}
    missing = {key for candidate in chosen for key in candidate.keys} - set(rows)
    if missing:
        raise DataError(f"{folder} has no maps of {', '.join(sorted(missing))}; it has {', '.join(rows)}.")
    work = _Work(
        tuple(chosen), tuple(annotators), replace(dataset, items=()), run.plan.fingerprint, normalisation, score
    )
    parts = []
    for item in items:
        files = saver.files(item)
        parts.append((item, {key: files["maps", name] for key, name in rows.items()}))
    # Starting a process takes about as long as processing a hundred pictures.
    size = CHUNK if len(parts) >= 4 * CHUNK else len(parts)
    chunks = [parts[start : start + size] for start in range(0, len(parts), size)]
    sizes = [len(chunk) for chunk in chunks]
    values = np.full((len(chosen), len(items), len(annotators)), np.nan)
    for number, found in run_jobs(work, chunks, sizes=sizes, processes=processes, progress=progress, cancel=cancel):
        values[:, number * size : number * size + sizes[number]] = found
    pictures = [item.key for item in items]
    return Ranking(
        list(chosen), values, pictures, annotators, score, run, normalisation, run.plan.seed, left_out_masks=left_out
    )


def independent(items: Sequence[Item]) -> tuple[list[Item], dict[str, int]]:
    """The pictures with the masks that no map has influenced, and the number of other masks by reason."""
    found, left_out = [], Counter[str]()
    for item in items:
        kept = {}
        for who, path in item.masks.items():
            reason = why_left_out(path)
            if reason:
                left_out[reason] += 1
            else:
                kept[who] = path
        found.append(replace(item, masks=kept))
    return found, dict(left_out)


@dataclass(frozen=True)
class _Work:
    """Scores some pictures, in this process or another."""

    chosen: tuple[Candidate, ...]
    annotators: tuple[str, ...]
    dataset: Dataset
    fingerprint: str
    normalisation: str
    score: str

    def __call__(self, parts: Sequence[tuple[Item, Mapping[str, Path]]]) -> np.ndarray:
        values = np.full((len(self.chosen), len(parts), len(self.annotators)), np.nan)
        for place, (item, files) in enumerate(parts):
            maps = {key: read_saved_map(path, self.fingerprint) for key, path in files.items()}
            about = read_metadata(next(iter(files.values())))
            truths = {who: _truth(self.dataset, item, who, about) for who in item.masks}
            found = _predictions(self.chosen, maps, about["input_size"], self.normalisation, self.score)
            for number, prediction in enumerate(found):
                for who, truth in truths.items():
                    values[number, place, self.annotators.index(who)] = _scored(prediction, truth, self.score)
        return values


def read_saved_map(path: Path, fingerprint: str) -> AttributionMap:
    about = read_metadata(path)
    if about.get("fingerprint") != fingerprint:
        raise DataError(f"{path} is missing or of another model; `vitinspect evaluate --save maps` writes it.")
    with np.load(path, allow_pickle=False) as archive:
        values = archive["values"]
    return AttributionMap(
        values, about["method"], key=about["key"], signed=about["signed"], resolution=about["resolution"]
    )


def _truth(dataset: Dataset, item: Item, annotator: str, about: Mapping[str, Any]) -> np.ndarray:
    """The mask on the model's input: 255 where it is padded."""
    mask = dataset.read_mask(item, annotator)
    placement = Placement(tuple(about["input_size"]), mask.shape[:2], tuple(about["box"]))
    return np.where(placement.valid_mask(), placement.mask_to_input(mask), 255)


def _predictions(
    chosen: Iterable[Candidate],
    maps: Mapping[str, AttributionMap],
    size: Sequence[int],
    normalisation: str,
    score: str,
) -> Iterator[np.ndarray]:
    """The mask of each candidate, or its map if the score needs no threshold. Maps are enlarged once for all their
    thresholds."""
    last: tuple[Any, np.ndarray] | None = None
    for candidate in chosen:
        members = [maps[key] for key in candidate.keys]
        address = (candidate.keys, candidate.mode, candidate.weights)
        if last is None or last[0] != address:
            fused = (
                members[0]
                if len(members) == 1
                else fuse(members, candidate.mode, candidate.weights, normalisation=normalisation)
            )
            last = address, resize(fused.values.astype(np.float64), (int(size[0]), int(size[1])))
        if score == "average_precision":
            yield last[1]
        else:
            options: dict[str, Any] = dict(candidate.cutting[1])
            yield threshold(last[1], candidate.cutting[0], **options).mask


def _scored(prediction: np.ndarray, truth: np.ndarray, score: str) -> float:
    valid, real = truth != 255, truth == 1
    if score == "average_precision":
        return average_precision(prediction, truth, ignore=255)
    predicted = prediction & valid
    both, found, there = (int(np.count_nonzero(a)) for a in (predicted & real, predicted, real))
    if score == "iou":
        return ratio(both, found + there - both)
    if score == "f1":
        return ratio(2 * both, found + there)
    if score == "precision":
        return ratio(both, found)
    if score == "recall":
        return ratio(both, there)
    whole = int(np.count_nonzero(valid))
    return ratio(whole - found - there + 2 * both, whole)


# --- sentences -------------------------------------------------------------------------------------------------------


def sentences(ranking: Ranking) -> list[str]:
    """The conclusions that the ranking supports, as sentences."""
    column, best = ranking.column, ranking.candidates[ranking.winner]
    what = column.title.removesuffix(" (%)")
    count = len(ranking.pictures)
    found = [
        f"{best.name} is the best of {len(ranking.candidates)} candidates on these {count} pictures: {what} "
        f"{_shown(column, ranking.means[ranking.winner])}. The best of many is partly best by chance."
    ]
    found += notes_of(ranking.left_out_masks)
    if ranking.left_out is None:
        found.append("With one picture it is not known how well the choice works on others.")
        return found
    found.append(
        f"The number to quote is that of the procedure, each picture scored with the candidate that is best on all "
        f"others: {_shown(column, ranking.left_out.mean)}."
    )
    picks = sorted(zip(ranking.left_out.picks, ranking.candidates, strict=True), key=lambda pair: -pair[0])
    chosen = ", ".join(f"{c.name} ({100 * share:.0f} %)" for share, c in picks[:4] if share > 0)
    found.append(f"Chosen were {chosen}.")
    if ranking.nested is not None:
        found.append(
            "Chosen by the other people on the other pictures (nested): " + _shown(column, ranking.nested.mean) + "."
        )
    if ranking.lead is not None:
        found.append(_lead_words(ranking))
    return found


def _lead_words(ranking: Ranking) -> str:
    assert ranking.lead is not None
    column, lead = ranking.column, ranking.lead
    single = max(ranking.plain, key=lambda i: ranking.means[i].value)
    start = (
        f"Over {ranking.candidates[single].name}, the best single method, the winner leads by {column.shown(lead.own)}"
    )
    honest = _shown(column, lead.honest)
    if lead.own <= 0:
        return "No fusion is better than the best single method."
    verdict = (
        "the interval contains zero, so these pictures do not show that a fusion is better"
        if lead.honest.low <= 0
        else "the interval is above zero"
    )
    by_choice = column.shown(lead.by_choice)
    share = f"So {by_choice}" if float(by_choice) > 0 else "None"
    return (
        f"{start}; chosen on the other pictures, fusions lead single methods by {honest}. {share} of the lead is "
        f"due to choosing the best; {verdict}."
    )


def _shown(column: Column, mean: Mean) -> str:
    if not mean.low < mean.high:
        return column.shown(mean.value)
    return f"{column.shown(mean.value)} [{column.shown(mean.low)}, {column.shown(mean.high)}]"


def table_of(ranking: Ranking, *, decimals: int | None = None) -> PaperTable:
    """The candidates, best first, and the procedures below; for the writers of ``table_formats``."""
    column = ranking.column
    order = sorted(range(len(ranking.candidates)), key=lambda i: (-ranking.means[i].value, i))
    best = column.shown(ranking.means[ranking.winner].value, decimals)
    lines = []
    for i in order:
        share = ranking.left_out.picks[i] if ranking.left_out is not None else None
        cells = (
            _cell(column, ranking.means[i], decimals, best),
            Cell() if share is None else Cell(CHOSEN.shown(share, 0), mean=Mean(share, share, share, 1)),
        )
        lines.append(Line((ranking.candidates[i].name,), cells))
    procedures = []
    for title, found in (("Best on the other pictures", ranking.left_out), ("... by the other people", ranking.nested)):
        if found is not None:
            procedures.append(Line((title,), (_cell(column, found.mean, decimals, ""), Cell(""))))
    blocks: tuple[tuple[str, tuple[Line, ...]], ...] = (("Own means", tuple(lines)),)
    if procedures:
        blocks += (("Chosen, then scored on other pictures", tuple(procedures)),)
    return PaperTable(("Method",), (), (column, CHOSEN), blocks, " ".join([*sentences(ranking), _source(ranking)]))


def _source(ranking: Ranking) -> str:
    """The source of the numbers, in words."""
    plan, people = ranking.run.plan, [who for who in ranking.annotators if who]
    settings = settings_of(plan)
    count = int(np.count_nonzero(~np.isnan(ranking.scores[0])))
    kept = "; ".join(f"{name}: {settings[name]}" for name in ("fit", "target", "masks") if name in settings)
    who = f" by {len(people)} annotators" if len(people) > 1 else ""
    return (
        f"Model: {Path(plan.model).name} (weights {plan.fingerprint}). Data: {Path(plan.data).name}, "
        f"{len(ranking.pictures)} images with {count} masks{who}. Settings: {kept}; maps before fusion: "
        f"{ranking.normalisation}. In brackets: bootstrap 95 % intervals over images."
    )


def _cell(column: Column, mean: Mean, decimals: int | None, best: str) -> Cell:
    interval = ""
    if mean.low < mean.high:
        interval = f"[{column.shown(mean.low, decimals)}, {column.shown(mean.high, decimals)}]"
    text = column.shown(mean.value, decimals)
    return Cell(text, interval, text == best, False, mean)


def as_json(ranking: Ranking) -> str:
    """The whole ranking, for other programs, with the winner's settings as a layer of the window needs them."""

    def mean(value: Mean) -> dict[str, float]:
        return {"mean": value.value, "low": value.low, "high": value.high}

    document = {
        "score": ranking.score,
        "pictures": ranking.pictures,
        "masks_left_out": ranking.left_out_masks,
        "annotators": ranking.annotators,
        "winner": asdict(ranking.candidates[ranking.winner]),
        "candidates": [{**asdict(c), **mean(m)} for c, m in zip(ranking.candidates, ranking.means, strict=True)],
        "left_out": None if ranking.left_out is None else mean(ranking.left_out.mean),
        "nested": None if ranking.nested is None else mean(ranking.nested.mean),
        "lead": None
        if ranking.lead is None
        else {"own": ranking.lead.own, "by_choice": ranking.lead.by_choice, "honest": mean(ranking.lead.honest)},
        "sentences": sentences(ranking),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
