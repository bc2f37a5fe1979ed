"""A map compared with people: the means against loops, the intervals against a plain bootstrap, and the sentences."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from vitinspect.annotation.ceiling import Ceiling, ceiling_of, dice_of
from vitinspect.annotation.ceiling_figure import band_of, ceiling_figure, points_of, points_on, span_of
from vitinspect.errors import DataError, ParameterError

WHO = ("ann", "ben", "cem", "dee")


def drawn(pictures: int = 12, people: float = 0.8, maps: float = 0.6, *, gaps: bool = False, seed: int = 1) -> Ceiling:
    """Dice around two means; with gaps some people have no mask of some pictures."""
    rng = np.random.default_rng(seed)
    there = {(p, who): not gaps or rng.random() > 0.3 for p in range(pictures) for who in WHO}
    pairs: dict[str, dict[tuple[str, str], float]] = {}
    scores: dict[str, dict[str, float]] = {}
    for p in range(pictures):
        name = f"p{p}"
        pairs[name] = {
            (a, b): float(np.clip(people + rng.normal(0, 0.04), 0, 1))
            for a, b in itertools.combinations(WHO, 2)
            if there[p, a] and there[p, b]
        }
        scores[name] = {who: float(np.clip(maps + rng.normal(0, 0.04), 0, 1)) for who in WHO if there[p, who]}
    return ceiling_of(pairs, {"LRP": scores}, WHO)


def test_dice_counts_what_both_know_and_two_empty_masks_agree():
    first = np.array([[1, 1, 0, 255]], np.uint8)
    second = np.array([[1, 0, 0, 1]], np.uint8)
    assert dice_of(first, second) == pytest.approx(2 / 3)
    nothing = np.zeros((1, 4), np.uint8)
    assert dice_of(nothing, nothing) == 1.0
    assert dice_of(nothing, second) == 0.0


@pytest.mark.parametrize("gaps", [False, True])
def test_the_means_leave_one_out_as_a_loop_does(gaps: bool):
    found = drawn(gaps=gaps)
    for i in range(len(WHO)):
        by_picture = [np.nanmean(rows[i]) for rows in found.people if np.isfinite(rows[i]).any()]
        assert found.persons[i].value == pytest.approx(np.mean(by_picture))
    people, maps, differences = [], [], []
    for rows, scores in zip(found.people, found.scores[0], strict=True):
        if np.isfinite(rows).any():
            people.append(np.nanmean(rows[np.triu_indices(len(WHO), 1)]))
            maps.append(np.nanmean(scores))
            differences.append(maps[-1] - people[-1])
    assert found.among_people.value == pytest.approx(np.mean(people))
    assert found.of_maps[0].value == pytest.approx(np.mean(maps))
    assert found.differences[0].value == pytest.approx(np.mean(differences))
    assert found.count == len(people)


def test_the_interval_is_that_of_a_plain_bootstrap_over_pictures_and_annotators():
    found = drawn(gaps=True)
    rng = np.random.default_rng(99)
    plain = []
    while len(plain) < 1500:
        pictures = rng.integers(0, len(found.pictures), len(found.pictures))
        people = rng.integers(0, len(WHO), len(WHO))
        if len(set(people.tolist())) < 2:
            continue
        by_picture = []
        for p in pictures:
            pairs = [
                found.people[p, a, b]
                for a, b in itertools.permutations(people, 2)
                if a != b and np.isfinite(found.people[p, a, b])
            ]
            if pairs:
                scores = [found.scores[0, p, a] for a in people if np.isfinite(found.scores[0, p, a])]
                by_picture.append(np.mean(scores) - np.mean(pairs))
        if by_picture:
            plain.append(np.mean(by_picture))
    low, high = np.percentile(plain, [2.5, 97.5])
    assert found.differences[0].low == pytest.approx(low, abs=0.006)
    assert found.differences[0].high == pytest.approx(high, abs=0.006)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another():
    assert drawn().differences == drawn().differences
    other = drawn()
    moved = Ceiling(other.annotators, other.maps, other.pictures, other.people, other.scores, seed=5)
    assert moved.differences[0].low != other.differences[0].low


@pytest.mark.parametrize(
    ("maps", "words"),
    [(0.5, "less than"), (0.79, "as well as people with each other: difference"), (0.95, "more than")],
)
def test_the_sentence_says_what_the_interval_shows(maps: float, words: str):
    said = drawn(maps=maps, seed=3).sentence("LRP")
    assert words in said
    assert said.startswith("LRP agrees with people")
    assert said.endswith("12 pictures, 4 annotators.")


def test_a_wide_interval_around_zero_shows_nothing():
    found = drawn(maps=0.8)
    rng = np.random.default_rng(0)
    scores = found.scores + rng.choice([-0.4, 0.2], size=(1, 12, 1))
    wide = Ceiling(found.annotators, found.maps, found.pictures, found.people, scores)
    assert wide.differences[0].low < -0.1
    assert wide.differences[0].high > 0
    assert "is not shown" in wide.sentence("LRP")


def test_few_pictures_and_few_people_allow_fewer_conclusions():
    assert "too few" in drawn(pictures=3).sentence("LRP")
    pair = ceiling_of(
        {f"p{i}": {("ann", "ben"): 0.8} for i in range(6)},
        {"LRP": {f"p{i}": {"ann": 0.4, "ben": 0.3} for i in range(6)}},
        ("ann", "ben"),
    )
    assert "interval −0.45 to −0.45 over pictures alone" in pair.sentence("LRP")
    alone = ceiling_of({"p0": {}}, {"LRP": {"p0": {"ann": 0.4}}}, ("ann",))
    assert "is not known" in alone.sentence("LRP")
    assert alone.to_dict()["people"]["dice"] is None
    assert alone.to_dict()["pictures"]["p0"]["maps"]["LRP"] == 0.4
    assert "one person" in alone.picture_sentence("LRP", "p0")
    with pytest.raises(ParameterError, match="no map"):
        alone.sentence("Rollout")


def test_pictures_of_one_person_are_not_compared():
    both = {"p0": {("ann", "ben"): 0.8}, "p1": {}}
    found = ceiling_of(both, {"LRP": {"p0": {"ann": 0.5, "ben": 0.5}, "p1": {"ann": 0.0}}}, ("ann", "ben"))
    assert found.count == 1
    assert found.of_maps[0].value == 0.5
    assert found.differences[0].value == pytest.approx(-0.3)


def test_scores_of_another_shape_are_refused():
    with pytest.raises(DataError, match="do not match scores"):
        Ceiling(("ann",), (), ("p0",), np.zeros((1, 2, 2)), np.zeros((0, 1, 1)))


def test_the_figure_names_every_person_with_their_value_and_has_the_sentence():
    found = drawn()
    points = points_of(found, "LRP")
    scene = ceiling_figure(points, found.sentence("LRP"), "bars: 95 % interval")
    texts = [text.text for text in scene.texts]
    assert [text for text in texts if text in (*WHO, "LRP")] == [*WHO, "LRP"]
    for point in points:
        assert f"{point.value:.2f}" in texts
        assert point.low <= point.value <= point.high
    assert found.sentence("LRP") in " ".join(texts)
    low, high = span_of(points)
    assert 0 <= low < min(p.low for p in points)
    assert max(p.high for p in points) <= high <= 1
    band = band_of(points)
    assert band == (min(p.value for p in points if p.person), max(p.value for p in points if p.person))


def test_on_one_picture_the_bars_reach_from_the_lowest_to_the_highest():
    found = drawn(gaps=True)
    row = next(i for i, rows in enumerate(found.people) if np.isfinite(rows).any())
    points = {point.name: point for point in points_on(found, found.pictures[row], "LRP")}
    known = found.scores[0, row][np.isfinite(found.scores[0, row])]
    assert (points["LRP"].low, points["LRP"].high) == (known.min(), known.max())
    assert points["LRP"].chosen
    assert not points["LRP"].person
