"""The human ceiling: how well a map agrees with people, compared with how well people agree with each other.

For each picture, every person has a mean Dice with the others (leave one out), and so does every map with the people.
Their means over pictures are compared, with bootstrap intervals over pictures and annotators. Two empty masks agree:
their Dice is 1 here, for people and for maps alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError, ParameterError
from vitinspect.scores.statistics import Mean

DRAWS = 2000
CONFIDENCE = 0.95
FEWEST_PICTURES = 5
"""With fewer pictures an interval is meaningless and not reported."""
MARGIN = 0.1
"""In Dice: a map agrees "as well as" people if the whole interval lies within this of zero; wider ones show nothing."""
_AT_ONCE = 2_000_000


def dice_of(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Dice over pixels that neither mask ignores (255); 1 for two empty masks."""
    known = (first != 255) & (second != 255)
    a, b = (first == 1) & known, (second == 1) & known
    total = int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * int(np.count_nonzero(a & b)) / total if total else 1.0


@dataclass(frozen=True)
class Ceiling:
    """Dice of people with people and of maps with people, for the pictures of a folder.

    All means are over the pictures that at least two people drew: on others people cannot be compared with each other.
    """

    annotators: tuple[str, ...]
    maps: tuple[str, ...]
    pictures: tuple[str, ...]
    people: NDArray[np.float64]
    """(pictures, annotators, annotators), NaN on the diagonal and where one of the two has no mask."""
    scores: NDArray[np.float64]
    """(maps, pictures, annotators), NaN where there is no mask."""
    seed: int = 0

    def __post_init__(self) -> None:
        count, size = len(self.annotators), len(self.pictures)
        if self.people.shape != (size, count, count) or self.scores.shape != (len(self.maps), size, count):
            raise DataError(
                f"{size} pictures, {count} annotators and {len(self.maps)} maps do not match scores of the shapes "
                f"{self.people.shape} and {self.scores.shape}."
            )

    @cached_property
    def compared(self) -> NDArray[np.bool_]:
        """The pictures that at least two people drew, as booleans."""
        return np.asarray(np.isfinite(self.people).any(axis=(1, 2)))

    @property
    def count(self) -> int:
        """The number of pictures in the means."""
        return int(self.compared.sum())

    @property
    def interval_of_annotators(self) -> bool:
        """Whether annotators are resampled too: with two, the only sample with both is always the same."""
        return len(self.annotators) > 2

    # --- per picture -------------------------------------------------------------------------------------------

    @cached_property
    def people_by_picture(self) -> NDArray[np.float64]:
        """(pictures,): the mean Dice of people with each other; NaN where fewer than two have masks."""
        return _mean(self.people.reshape(len(self.pictures), -1))

    @cached_property
    def persons_by_picture(self) -> NDArray[np.float64]:
        """(pictures, annotators): each person's mean Dice with the others."""
        return _mean(self.people)

    @cached_property
    def maps_by_picture(self) -> NDArray[np.float64]:
        """(maps, pictures): each map's mean Dice with the picture's annotators."""
        return _mean(self.scores)

    # --- for the folder ------------------------------------------------------------------------------------------

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(annotators, annotators): the mean Dice over the pictures that both drew."""
        return _mean(np.moveaxis(self.people, 0, 2))

    @cached_property
    def persons(self) -> tuple[Mean, ...]:
        """Each person's mean Dice with the others."""
        return tuple(
            self._interval(self.persons_by_picture[:, i], self._draws.persons[:, i])
            for i in range(len(self.annotators))
        )

    @cached_property
    def among_people(self) -> Mean:
        """The mean Dice of people with each other."""
        return self._interval(self.people_by_picture, self._draws.people)

    @cached_property
    def of_maps(self) -> tuple[Mean, ...]:
        """Each map's mean Dice with people."""
        return tuple(
            self._interval(np.where(self.compared, values, np.nan), self._draws.maps[:, i])
            for i, values in enumerate(self.maps_by_picture)
        )

    @cached_property
    def differences(self) -> tuple[Mean, ...]:
        """Each map's mean Dice with people, minus that of people with each other: on the same pictures, in the same
        samples."""
        return tuple(
            self._interval(values - self.people_by_picture, self._draws.maps[:, i] - self._draws.people)
            for i, values in enumerate(self.maps_by_picture)
        )

    def _interval(self, by_picture: NDArray[np.float64], drawn: NDArray[np.float64]) -> Mean:
        known = by_picture[np.isfinite(by_picture)]
        if not known.size:
            return Mean(float("nan"), float("nan"), float("nan"), 0)
        centre = float(known.mean())
        drawn = drawn[np.isfinite(drawn)]
        if known.size < 2 or not drawn.size:
            return Mean(centre, centre, centre, known.size)
        tail = (1 - CONFIDENCE) / 2 * 100
        low, high = np.percentile(drawn, [tail, 100 - tail])
        return Mean(centre, float(low), float(high), known.size)

    @cached_property
    def _draws(self) -> _Draws:
        return _draw_again(self.people[self.compared], self.scores[:, self.compared], self.seed)

    # --- in words ------------------------------------------------------------------------------------------------

    def sentence(self, name: str) -> str:
        """The conclusion that the numbers support about a map compared with people."""
        place = self._place(name)
        if not self.count:
            return (
                "No picture has masks of two people or more: how well people agree with each other is not known, "
                f"nor whether {name} agrees with them as well."
            )
        difference = self.differences[place]
        of = f"{counted(self.count, 'picture')}, {counted(len(self.annotators), 'annotator')}"
        value = signed(difference.value)
        if self.count < FEWEST_PICTURES:
            return (
                f"{name} differs from people's agreement with each other by {value} ({of}); these are too few "
                "pictures to say more."
            )
        interval = f"interval {signed(difference.low)} to {signed(difference.high)}"
        if not self.interval_of_annotators:
            interval += " over pictures alone"
        numbers = f"difference {value}, {interval}; {of}."
        if difference.high < 0:
            return f"{name} agrees with people less than people with each other: {numbers}"
        if difference.low > 0:
            return f"{name} agrees with people more than people with each other: {numbers}"
        if max(-difference.low, difference.high) <= MARGIN:
            return f"{name} agrees with people as well as people with each other: {numbers}"
        return f"Whether {name} agrees with people as well as people with each other is not shown: {numbers}"

    def picture_sentence(self, name: str, picture: str) -> str:
        """The same for one picture, for which there is no interval."""
        row = self.pictures.index(picture)
        drawn = int(np.isfinite(self.scores[0, row]).sum()) if self.maps else 0
        value = float(self.maps_by_picture[self._place(name), row])
        if not np.isfinite(value):
            return "Nobody has drawn a mask of this picture."
        if not self.compared[row]:
            return f"{name} has a Dice of {value:.2f} with the one person who drew this picture."
        difference = signed(value - float(self.people_by_picture[row]))
        return (
            f"On this picture {name} differs from the agreement of its {drawn} annotators by {difference}. One picture "
            "allows no conclusion about others."
        )

    def _place(self, name: str) -> int:
        if name not in self.maps:
            raise ParameterError(f"There is no map {name!r} among {', '.join(self.maps)}.")
        return self.maps.index(name)

    def to_dict(self) -> dict[str, Any]:
        """All numbers, ready for JSON; None where a number is not defined."""
        return {
            "annotators": {who: _numbers(mean) for who, mean in zip(self.annotators, self.persons, strict=True)},
            "people": _numbers(self.among_people),
            "maps": {
                name: {
                    **_numbers(self.of_maps[i]),
                    "difference": _numbers(self.differences[i]),
                    "sentence": self.sentence(name),
                }
                for i, name in enumerate(self.maps)
            },
            "pictures": {
                picture: {
                    "people": _number(self.people_by_picture[row]),
                    "annotators": {
                        who: _number(self.persons_by_picture[row, i]) for i, who in enumerate(self.annotators)
                    },
                    "maps": {name: _number(self.maps_by_picture[i, row]) for i, name in enumerate(self.maps)},
                }
                for row, picture in enumerate(self.pictures)
            },
            "draws": DRAWS,
            "confidence": CONFIDENCE,
            "seed": self.seed,
        }


def ceiling_of(
    people: Mapping[str, Mapping[tuple[str, str], float]],
    maps: Mapping[str, Mapping[str, Mapping[str, float]]],
    annotators: Sequence[str],
    *,
    seed: int = 0,
) -> Ceiling:
    """``people``: picture to pair of annotators to Dice; ``maps``: map to picture to annotator to Dice."""
    pictures = tuple(people)
    place = {who: i for i, who in enumerate(annotators)}
    table = np.full((len(pictures), len(annotators), len(annotators)), np.nan)
    scores = np.full((len(maps), len(pictures), len(annotators)), np.nan)
    for row, picture in enumerate(pictures):
        for (first, second), value in people[picture].items():
            table[row, place[first], place[second]] = table[row, place[second], place[first]] = value
        for number, by_picture in enumerate(maps.values()):
            for who, value in by_picture.get(picture, {}).items():
                scores[number, row, place[who]] = value
    return Ceiling(tuple(annotators), tuple(maps), pictures, table, scores, seed)


# --- bootstrap ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Draws:
    people: NDArray[np.float64]
    """(draws,)"""
    persons: NDArray[np.float64]
    """(draws, annotators)"""
    maps: NDArray[np.float64]
    """(draws, maps)"""


def _draw_again(people: NDArray[np.float64], scores: NDArray[np.float64], seed: int) -> _Draws:
    """The means in bootstrap samples of pictures and annotators. A person who is drawn twice counts twice, but is not
    paired with themselves; samples with a single person are drawn again."""
    pictures, count = people.shape[0], people.shape[1]
    number = scores.shape[0]
    found = _Draws(np.full(DRAWS, np.nan), np.full((DRAWS, count), np.nan), np.full((DRAWS, number), np.nan))
    if pictures < 2:
        return found
    rng = np.random.default_rng(seed)
    weights = _counts(rng, DRAWS, pictures)
    drawn = _counts(rng, DRAWS, count)
    alone = np.flatnonzero((drawn > 0).sum(1) < 2)
    while alone.size:
        drawn[alone] = _counts(rng, alone.size, count)
        alone = alone[(drawn[alone] > 0).sum(1) < 2]
    known, values = np.isfinite(people), np.nan_to_num(people)
    of_map, there = np.nan_to_num(scores), np.isfinite(scores)
    step = max(1, _AT_ONCE // (pictures * count))
    for start in range(0, DRAWS, step):
        part = slice(start, start + step)
        c, w = drawn[part], weights[part]
        # (draws, pictures, annotators): the sum of a person's scores with the drawn annotators, and their number.
        sums = np.tensordot(c, values, axes=(1, 2))
        sizes = np.tensordot(c, known.astype(float), axes=(1, 2))
        found.persons[part] = _weighted(sums, sizes, w[:, :, None])
        pairs, pair_sizes = (sums * c[:, None, :]).sum(2), (sizes * c[:, None, :]).sum(2)
        found.people[part] = _weighted(pairs, pair_sizes, w)
        used = w * (pair_sizes > 0)
        for i in range(number):
            found.maps[part, i] = _weighted(c @ of_map[i].T, c @ there[i].T.astype(float), used)
    return found


def _counts(rng: np.random.Generator, draws: int, size: int) -> NDArray[np.float64]:
    """How often each of ``size`` items is drawn with replacement."""
    picked = rng.integers(0, size, (draws, size)) + np.arange(draws)[:, None] * size
    return np.bincount(picked.ravel(), minlength=draws * size).reshape(draws, size).astype(np.float64)


def _weighted(
    sums: NDArray[np.float64], sizes: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The weighted mean over pictures (axis 1) of the means within them; NaN where no picture has any."""
    means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)
    used = weights * (sizes > 0)
    total = used.sum(1)
    return np.divide((means * used).sum(1), total, out=np.full(total.shape, np.nan), where=total > 0)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over the last axis without NaN; NaN if all are."""
    known = np.isfinite(values)
    size = known.sum(-1)
    total = np.where(known, values, 0.0).sum(-1)
    return np.divide(total, size, out=np.full(size.shape, np.nan), where=size > 0)


# --- words -------------------------------------------------------------------------------------------------------


def signed(value: float) -> str:
    """Two decimals with a sign; a true minus for negative numbers."""
    text = f"{value:+.2f}"
    return "0.00" if text in ("+0.00", "-0.00") else text.replace("-", "\N{MINUS SIGN}")


def counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _numbers(mean: Mean) -> dict[str, float | int | None]:
    return {"dice": _number(mean.value), "low": _number(mean.low), "high": _number(mean.high), "pictures": mean.count}
