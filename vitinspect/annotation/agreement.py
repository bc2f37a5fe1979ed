"""How well people agree: pairs of them, all of them, per picture and over all pictures.

Overlap (Dice, IoU, precision, recall), chance-corrected numbers (Cohen's and Fleiss' kappa, Krippendorff's alpha) and
outlines (95 % Hausdorff distance, normalised surface Dice, boundary F1). Chance-corrected numbers depend on how much
background there is: each is given for the whole frame and for the box around the union. Their values for empty and
equal masks are defined in ``docs/agreement.md``; none is ever NaN.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.annotation import reliability
from vitinspect.annotation.coding import IGNORE
from vitinspect.annotation.outline_distances import Distances, boundary_f1, pair_distances, surface_dice
from vitinspect.annotation.patterns import (
    Box,
    Mask,
    Patterns,
    Runs,
    around,
    box_of,
    coded,
    joined,
    patterns_and_runs,
    patterns_of,
    same_size,
)
from vitinspect.errors import DataError, ParameterError
from vitinspect.parallel import in_threads

REGIONS = ("frame", "box")
Counts = tuple[int, int, int, int]
"""True positives, false positives, false negatives, true negatives of the first mask against the second."""


@dataclass
class PairOnPicture:
    """Two annotators on one picture."""

    frame: Counts
    box: Counts
    """In the box around the union of the two."""
    distances: Distances
    tolerance: float
    """In pixels."""

    def to_dict(self, spread: float) -> dict[str, Any]:
        outlines = self._outlines(spread)
        return {
            "frame": {**overlap_of(self.frame), **outlines},
            "box": {**overlap_of(self.box), **outlines},
        }

    def _outlines(self, spread: float) -> dict[str, float]:
        both, directed = self.distances.hd95
        near = self.distances.within(self.tolerance)
        wide = self.distances.within(spread)
        equal = self.distances.equal
        return {
            "hd95_pooled": both,
            "hd95_max": directed,
            "nsd": surface_dice(near, equal),
            "boundary_f1": boundary_f1(near, equal),
            "nsd_spread": surface_dice(wide, equal),
            "boundary_f1_spread": boundary_f1(wide, equal),
        }


@dataclass
class Picture:
    """All annotators of one picture."""

    people: tuple[str, ...]
    frame: Patterns
    box: Patterns | None
    """In the box around everything that any annotator marks; None if nothing is marked."""
    pairs: dict[tuple[str, str], PairOnPicture] = field(default_factory=dict)
    repeats: dict[str, list[float]] = field(default_factory=dict)
    """Annotator to the Dice of each pair of their own masks, if they drew the picture more than once."""

    def group(self) -> dict[str, dict[str, float]]:
        """Fleiss' kappa and Krippendorff's alpha by region."""
        return {
            "fleiss": {"frame": reliability.fleiss_kappa(self.frame), "box": _in_box(self, reliability.fleiss_kappa)},
            "alpha": {
                "frame": reliability.krippendorff_alpha(self.frame),
                "box": _in_box(self, reliability.krippendorff_alpha),
            },
        }

    @property
    def disagreement(self) -> float:
        """One minus the mean Dice of the pairs; 0 if there is only one annotator."""
        found = [reliability.dice(*pair.frame[:3]) for pair in self.pairs.values()]
        return 1 - float(np.mean(found)) if found else 0.0


def _in_box(picture: Picture, statistic: Any) -> float:
    return 1.0 if picture.box is None else float(statistic(picture.box))


def overlap_of(counts: Counts) -> dict[str, float]:
    """The numbers that follow from four counts, and their number of pixels."""
    tp, fp, fn, tn = counts
    return {
        "dice": reliability.dice(tp, fp, fn),
        "iou": reliability.iou(tp, fp, fn),
        "kappa": reliability.cohen_kappa(tp, fp, fn, tn),
        "precision": reliability.precision(tp, fp, fn),
        "recall": reliability.recall(tp, fp, fn),
        "pixels": tp + fp + fn + tn,
    }


@dataclass
class Agreement:
    """The result; ``to_dict`` returns the numbers, ``report`` writes a folder with a report."""

    annotators: tuple[str, ...]
    pictures: dict[str, Picture]
    tolerance: float | str
    spread: float
    """The people's own spread in pixels: the median over pairs and pictures of the 95 % distance of their outlines."""
    masks: Mapping[str, Mapping[str, Any]] = field(repr=False, default_factory=dict)
    """Annotator to picture to mask, an array or one that waits to be one."""
    notes: tuple[str, ...] = ()
    """Sentences for the report on masks that were left out."""

    # --- group -------------------------------------------------------------------------------------------------

    @property
    def fleiss(self) -> dict[str, float]:
        """Fleiss' kappa over the pixels of all pictures, by region."""
        return self._over_all(reliability.fleiss_kappa)

    @property
    def alpha(self) -> dict[str, float]:
        """Krippendorff's alpha over the pixels of all pictures, by region; annotators may be missing."""
        return self._over_all(reliability.krippendorff_alpha)

    def _over_all(self, statistic: Any) -> dict[str, float]:
        found = {}
        for region in REGIONS:
            parts = [_padded(p, getattr(p, region), self.annotators) for p in self.pictures.values()]
            usable = [part for part in parts if part is not None]
            found[region] = float(statistic(joined(usable))) if usable else 1.0
        return found

    @property
    def ranked(self) -> list[str]:
        """The pictures, those with the most disagreement first."""
        return sorted(self.pictures, key=lambda name: (-self.pictures[name].disagreement, name))

    def masks_of(self, image: str) -> dict[str, Mask]:
        """The mask of everybody who drew this picture."""
        return {who: np.asarray(self.masks[who][image]) for who in self.pictures[image].people}

    def disagreement_map(self, image: str) -> NDArray[np.float64]:
        """(H, W): for each pixel the share of pairs of people that differ; 0 where fewer than two did not ignore it."""
        return disagreement(list(self.masks_of(image).values()))

    def disagreement_levels(self, image: str) -> NDArray[np.uint8]:
        """The same as levels from 0 to 255, for pictures."""
        masks = list(self.masks_of(image).values())
        share, runs = _disagreement(masks)
        return runs.painted((share * 255).round().astype(np.uint8), masks[0].shape)

    def matrix(self, measure: str = "dice", region: str = "frame") -> NDArray[np.float64]:
        """(people, people): the mean over pictures of a measure of each pair; 1 on the diagonal, NaN for pairs without
        a common picture. Precision and recall are those of the row's mask against the column's."""
        size = len(self.annotators)
        found = np.full((size, size), np.nan)
        np.fill_diagonal(found, 0.0 if measure.startswith("hd95") else 1.0)
        other = {"precision": "recall", "recall": "precision"}.get(measure, measure)
        for pair in self.pairs():
            a, b = self.annotators.index(pair["first"]), self.annotators.index(pair["second"])
            found[a, b] = pair["mean"][region][measure]
            found[b, a] = pair["mean"][region][other]
        return found

    # --- pairs -------------------------------------------------------------------------------------------------

    def pairs(self) -> list[dict[str, Any]]:
        """For each pair of people with a common picture: per picture, the mean over pictures, and pooled."""
        return self._pairs

    @cached_property
    def _pairs(self) -> list[dict[str, Any]]:
        result = []
        for first, second in itertools.combinations(self.annotators, 2):
            shared = {name: p.pairs[first, second] for name, p in self.pictures.items() if (first, second) in p.pairs}
            if not shared:
                continue
            per_picture = {name: pair.to_dict(self.spread) for name, pair in shared.items()}
            result.append(
                {
                    "first": first,
                    "second": second,
                    "images": len(shared),
                    "pooled": self._pooled(list(shared.values())),
                    "mean": {region: _means([p[region] for p in per_picture.values()]) for region in REGIONS},
                    "per_image": per_picture,
                }
            )
        return result

    def _pooled(self, pairs: list[PairOnPicture]) -> dict[str, dict[str, float]]:
        """Pooled numbers, from sums over all pictures; distances are those of the points of all outlines together,
        where the diagonal is used for a picture without an outline on one side."""
        gathered = _pooled_distances([p.distances for p in pairs])
        near = _summed([p.distances.within(p.tolerance) for p in pairs])
        wide = _summed([p.distances.within(self.spread) for p in pairs])
        equal = all(p.distances.equal for p in pairs)
        both, directed = gathered
        outlines = {
            "hd95_pooled": both,
            "hd95_max": directed,
            "nsd": surface_dice(near, equal),
            "boundary_f1": boundary_f1(near, equal),
            "nsd_spread": surface_dice(wide, equal),
            "boundary_f1_spread": boundary_f1(wide, equal),
        }
        sums = {region: _summed([getattr(p, region) for p in pairs]) for region in REGIONS}
        return {region: {**overlap_of(sums[region]), **outlines} for region in REGIONS}

    def self_agreement(self) -> dict[str, dict[str, float]]:
        """Annotator to the mean Dice with themselves on repeated pictures, and the number of repeats."""
        found: dict[str, list[float]] = {}
        for picture in self.pictures.values():
            for who, values in picture.repeats.items():
                found.setdefault(who, []).extend(values)
        return {who: {"dice": float(np.mean(v)), "repeats": len(v)} for who, v in sorted(found.items())}

    # --- output ------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON."""
        return {
            "annotators": list(self.annotators),
            "images": {
                name: {
                    "annotators": list(p.people),
                    "disagreement": p.disagreement,
                    **p.group(),
                }
                for name, p in self.pictures.items()
            },
            "tolerance": self.tolerance,
            "spread_tolerance": self.spread,
            "pairs": self.pairs(),
            "fleiss": self.fleiss,
            "alpha": self.alpha,
            "self_agreement": self.self_agreement(),
            "notes": list(self.notes),
            "most_disagreement_first": self.ranked,
        }

    def report(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write a report, the numbers as JSON and CSV, the drawn matrix and the maps of disagreement to a folder."""
        from vitinspect.annotation.agreement_report import write_agreement

        return write_agreement(self, Path(path))


def agreement(masks: Mapping[str, Mapping[str, Any]], tolerance: float | str = 2.0) -> Agreement:
    """How well people agree. ``masks``: ``{annotator: {image: mask}}``; annotators may lack pictures.

    A mask is an array of booleans, or of 0, 1 and 255 for "ignore" (where all masks hold only 0 and 255, 255 is
    foreground). A list of masks is a picture that was drawn several times: the first is compared with the others', and
    all of them for the annotator's agreement with themselves. ``tolerance`` of the outlines: pixels, or text such as
    ``"0.75%"`` of each picture's diagonal.
    """
    if not masks:
        raise DataError("There are no masks to compare.")
    return _compared(masks, coded(_flat(masks)), tolerance)


def agreement_of_files(masks: Mapping[str, Mapping[str, Any]], tolerance: float | str = 2.0) -> Agreement:
    """The same of masks that are known to hold 0, 1, and 255 for "ignore": those that were read from files."""
    if not masks:
        raise DataError("There are no masks to compare.")
    return _compared(masks, _flat(masks), tolerance)


def _flat(masks: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str, int], Any]:
    return {(who, image, k): one for who, own in masks.items() for image, m in own.items() for k, one in _several(m)}


def _compared(
    masks: Mapping[str, Mapping[str, Any]], flat: Mapping[tuple[str, str, int], Any], tolerance: float | str
) -> Agreement:
    wanted = _tolerance(tolerance)
    first: dict[str, dict[str, Any]] = {who: {} for who in masks}
    repeats: dict[tuple[str, str], list[Any]] = {}
    for (who, image, k), mask in flat.items():
        if k == 0:
            first[who][image] = mask
        repeats.setdefault((who, image), []).append(mask)
    images = list(dict.fromkeys(image for own in masks.values() for image in own))

    def work(image: str) -> Picture:
        people = {who: np.asarray(own[image]) for who, own in first.items() if image in own}
        picture = _picture(people, image, wanted)
        picture.repeats = {
            who: [_dice(a, b) for a, b in itertools.combinations(map(np.asarray, repeats[who, image]), 2)]
            for who in people
            if len(repeats[who, image]) > 1
        }
        return picture

    pictures = dict(zip(images, in_threads(work, images), strict=True))
    said = str(tolerance).strip() if wanted[1] else wanted[0]
    return Agreement(tuple(masks), pictures, said, _spread(pictures), first)


def disagreement(masks: Sequence[Mask]) -> NDArray[np.float64]:
    """For each pixel the share of pairs of these masks that differ; 0 where fewer than two people did not ignore it."""
    share, runs = _disagreement(masks)
    return runs.painted(share, masks[0].shape)


def _disagreement(masks: Sequence[Mask]) -> tuple[NDArray[np.float64], Runs]:
    patterns, runs = patterns_and_runs(masks)
    known = patterns.known.sum(1)
    marks = (patterns.marked & patterns.known).sum(1)
    pairs = known * (known - 1) / 2
    return np.divide(marks * (known - marks), pairs, out=np.zeros(len(marks)), where=pairs > 0), runs


def _several(mask: Any) -> list[tuple[int, Any]]:
    """The drawings of a mask that was drawn once or several times, with their numbers."""
    if isinstance(mask, list | tuple) and mask and np.ndim(mask[0]) == 2:
        return list(enumerate(mask))
    return [(0, mask)]


def _tolerance(tolerance: float | str) -> tuple[float, bool]:
    """The number, and whether it is a fraction of the diagonal."""
    text = str(tolerance).strip()
    try:
        value, relative = (float(text[:-1]) / 100, True) if text.endswith("%") else (float(text), False)
    except ValueError:
        raise ParameterError(
            f"A tolerance must be a number of pixels or a percentage such as 0.75%, not {text!r}."
        ) from None
    if not value >= 0 or not np.isfinite(value):
        raise ParameterError(f"A tolerance must be at least 0, not {text}.")
    return value, relative


def _picture(masks: Mapping[str, Mask], image: str, tolerance: tuple[float, bool]) -> Picture:
    size = same_size(masks, image)
    arrays = list(masks.values())
    frame, runs = patterns_and_runs(arrays)
    boxes = [box_of([a[runs.crop]]) for a in arrays]
    ignoring = [bool((~frame.known[:, k]).any()) for k in range(len(arrays))]
    box = around(boxes)
    inside = None
    if box[0].stop:
        inside = patterns_of([a[runs.crop][box] for a in arrays]) if any(ignoring) else frame.within(_area(box))
    result = Picture(tuple(masks), frame, inside)
    if len(arrays) < 2:
        return result
    reach = tolerance[0] * float(np.hypot(*size)) if tolerance[1] else tolerance[0]
    distances = pair_distances(arrays)
    known = [array[runs.crop] != IGNORE for array in arrays] if any(ignoring) else []
    for a, b in itertools.combinations(range(len(arrays)), 2):
        both = around([boxes[a], boxes[b]])
        counts = frame.pair(a, b)
        union = sum(counts[:3])
        in_box: Counts = (0, 0, 0, 0)
        if union:
            seen = _seen(known[a], known[b], both) if ignoring[a] or ignoring[b] else _area(both)
            in_box = (*counts[:3], seen - union)
        names = result.people[a], result.people[b]
        result.pairs[names] = PairOnPicture(counts, in_box, distances[a, b], reach)
    return result


def _seen(first: NDArray[np.bool_], second: NDArray[np.bool_], box: Box) -> int:
    """How many pixels of a box both know."""
    return int(np.count_nonzero(first[box] & second[box]))


def _area(box: Box) -> int:
    return int((box[0].stop - box[0].start) * (box[1].stop - box[1].start))


def _padded(picture: Picture, patterns: Patterns | None, everybody: tuple[str, ...]) -> Patterns | None:
    """The patterns with a column for every annotator; those who did not draw the picture ignore everything."""
    if patterns is None:
        return None
    shape = (len(patterns.counts), len(everybody))
    marked, known = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    for k, who in enumerate(picture.people):
        place = everybody.index(who)
        marked[:, place], known[:, place] = patterns.marked[:, k], patterns.known[:, k]
    return Patterns(marked, known, patterns.counts)


def _dice(a: Mask, b: Mask) -> float:
    return reliability.dice(*patterns_of([a, b]).pair(0, 1)[:3])


def _spread(pictures: Mapping[str, Picture]) -> float:
    found = [pair.distances.hd95[0] for p in pictures.values() for pair in p.pairs.values()]
    return float(np.median(found)) if found else 0.0


def _pooled_distances(distances: list[Distances]) -> tuple[float, float]:
    there, back = [], []
    for one in distances:
        if one.comparable:
            there.append(np.sqrt(one.there))
            back.append(np.sqrt(one.back))
        elif not one.equal:
            # As many points as the one outline has pixels, all at the largest possible distance.
            count = max(len(one.there), len(one.back), 1)
            there.append(np.full(count, one.diagonal))
            back.append(np.full(count, one.diagonal))
    if not there:
        return 0.0, 0.0
    a, b = np.concatenate(there), np.concatenate(back)
    directed = max(float(np.percentile(d, 95)) for d in (a, b))
    return float(np.percentile(np.concatenate((a, b)), 95)), directed


def _summed(rows: list[Counts]) -> Counts:
    a, b, c, d = (sum(column) for column in zip(*rows, strict=True))
    return a, b, c, d


def _means(rows: list[dict[str, float]]) -> dict[str, float]:
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
