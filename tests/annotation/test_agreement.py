"""Agreement equals scikit-learn, SciPy and the definitions, and is defined where those are not."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.spatial.distance import cdist
from sklearn import metrics

import vitinspect as vi

RNG = np.random.default_rng(4)


def disc(size: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2


def people(size=(60, 80), count: int = 4, pictures: int = 3) -> dict[str, dict[str, np.ndarray]]:
    """Discs that scatter; the last annotator draws blobs."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for k in range(count):
        own = {}
        for i in range(pictures):
            centre = (30 + RNG.normal(0, 2), 40 + RNG.normal(0, 2))
            own[f"p{i}"] = disc(size, centre, 15 + RNG.normal(0, 2))
        found[f"a{k}"] = own
    for name in found["a0"]:
        found[f"a{count - 1}"][name] = ndimage.gaussian_filter(RNG.normal(size=size), 4) > 0.03
    return found


def outline(mask: np.ndarray) -> np.ndarray:
    return np.argwhere(mask & ~ndimage.binary_erosion(mask))


def box(*masks: np.ndarray) -> tuple[slice, slice]:
    union = np.logical_or.reduce(masks)
    return tuple(slice(int(w.min()), int(w.max()) + 1) for w in np.where(union))  # type: ignore[return-value]


def fleiss(ratings: np.ndarray) -> float:
    """(people, pixels) of 0 and 1, by the definition of 1971."""
    n = ratings.shape[0]
    table = np.stack([(ratings == k).sum(0) for k in (0, 1)], axis=1).astype(float)
    share = table.sum(0) / table.sum()
    agreeing = ((table**2).sum(1) - n) / (n * (n - 1))
    return float((agreeing.mean() - (share**2).sum()) / (1 - (share**2).sum()))


def alpha(ratings: np.ndarray) -> float:
    """(people, pixels) with NaN where missing; over all pairs of values of a pixel, one after the other."""
    observed, values = 0.0, []
    for column in ratings.T:
        known = column[~np.isnan(column)]
        if len(known) < 2:
            continue
        values += known.tolist()
        observed += sum(float(a != b) for a, b in itertools.permutations(known, 2)) / (len(known) - 1)
    n, ones = len(values), sum(values)
    expected = 2 * ones * (n - ones) / (n * (n - 1))
    return 1 - (observed / n) / expected


def pair_of(found: dict, first: str, second: str) -> dict:
    return next(p for p in found["pairs"] if (p["first"], p["second"]) == (first, second))


def test_pairs_equal_scikit_learn_and_scipy():
    masks = people()
    found = vi.agreement(masks, tolerance=2.0).to_dict()
    for a, b in itertools.combinations(masks, 2):
        pair = pair_of(found, a, b)
        for image in masks[a]:
            x, y = masks[a][image], masks[b][image]
            for region, (p, t) in {"frame": (x, y), "box": (x[box(x, y)], y[box(x, y)])}.items():
                own = pair["per_image"][image][region]
                assert own["dice"] == pytest.approx(metrics.f1_score(t.ravel(), p.ravel()))
                assert own["iou"] == pytest.approx(metrics.jaccard_score(t.ravel(), p.ravel()))
                assert own["kappa"] == pytest.approx(metrics.cohen_kappa_score(t.ravel(), p.ravel()))
                assert own["precision"] == pytest.approx(metrics.precision_score(t.ravel(), p.ravel()))
                assert own["recall"] == pytest.approx(metrics.recall_score(t.ravel(), p.ravel()))
                assert own["pixels"] == p.size
            distances = cdist(outline(x), outline(y))
            there, back = distances.min(1), distances.min(0)
            own = pair["per_image"][image]["frame"]
            assert own["hd95_pooled"] == pytest.approx(np.percentile(np.concatenate((there, back)), 95))
            assert own["hd95_max"] == pytest.approx(max(np.percentile(there, 95), np.percentile(back, 95)))
            near = (there <= 2).sum(), (back <= 2).sum()
            assert own["nsd"] == pytest.approx(sum(near) / (len(there) + len(back)))
            p, r = near[0] / len(there), near[1] / len(back)
            assert own["boundary_f1"] == pytest.approx(2 * p * r / (p + r) if p + r else 0.0)
        flat = [np.concatenate([masks[who][i].ravel() for i in masks[a]]) for who in (a, b)]
        assert pair["pooled"]["frame"]["kappa"] == pytest.approx(metrics.cohen_kappa_score(*flat))
        assert pair["pooled"]["frame"]["dice"] == pytest.approx(metrics.f1_score(flat[1], flat[0]))


def test_all_together_equal_the_definitions():
    masks = people()
    found = vi.agreement(masks).to_dict()
    for image in ("p0", "p1"):
        every = [own[image] for own in masks.values()]
        for region in ("frame", "box"):
            cut = [m[box(*every)] if region == "box" else m for m in every]
            ratings = np.stack([m.ravel() for m in cut]).astype(float)
            assert found["images"][image]["fleiss"][region] == pytest.approx(fleiss(ratings))
            assert found["images"][image]["alpha"][region] == pytest.approx(alpha(ratings))
    ratings = np.stack([np.concatenate([m.ravel() for m in own.values()]) for own in masks.values()]).astype(float)
    assert found["fleiss"]["frame"] == pytest.approx(fleiss(ratings))
    assert found["alpha"]["frame"] == pytest.approx(alpha(ratings))


def test_alpha_copes_with_missing_annotators_and_ignored_pixels():
    masks = {who: {name: m.astype(np.uint8) for name, m in own.items()} for who, own in people().items()}
    del masks["a1"]["p1"]
    del masks["a2"]["p2"]
    masks["a0"]["p0"][:, :10] = 255
    masks["a3"]["p2"][20:25] = 255
    found = vi.agreement(masks).to_dict()
    rows = []
    for own in masks.values():
        parts = []
        for name in ("p0", "p1", "p2"):
            m = own.get(name)
            parts.append(np.full(60 * 80, np.nan) if m is None else np.where(m == 255, np.nan, m).ravel())
        rows.append(np.concatenate(parts))
    assert found["alpha"]["frame"] == pytest.approx(alpha(np.stack(rows)))
    assert pair_of(found, "a0", "a1")["images"] == 2
    both = (masks["a0"]["p0"] != 255).ravel()
    own = pair_of(found, "a0", "a1")["per_image"]["p0"]["frame"]
    assert own["pixels"] == both.sum()
    a, b = (masks[who]["p0"].ravel()[both] for who in ("a0", "a1"))
    assert own["kappa"] == pytest.approx(metrics.cohen_kappa_score(a, b))


def test_background_moves_chance_corrected_numbers_and_not_dice():
    """Five discs in a frame that grows."""
    centres = [(60, 60), (64, 60), (60, 66), (57, 62), (63, 65)]
    small, large = (
        vi.agreement({f"a{k}": {"p": disc((n, n), c, 20)} for k, c in enumerate(centres)}).to_dict() for n in (128, 512)
    )
    assert large["fleiss"]["frame"] > small["fleiss"]["frame"] + 0.01
    assert large["fleiss"]["box"] == pytest.approx(small["fleiss"]["box"])
    dice = [p["per_image"]["p"]["frame"]["dice"] for found in (small, large) for p in found["pairs"]]
    assert dice[:10] == pytest.approx(dice[10:])


EMPTY, FULL = np.zeros((12, 16), bool), np.ones((12, 16), bool)
LEFT, RIGHT = np.zeros((12, 16), bool), np.zeros((12, 16), bool)
LEFT[2:8, 1:5] = True
RIGHT[3:9, 9:15] = True


@pytest.mark.parametrize(
    ("first", "second", "dice", "kappa", "hd95"),
    [
        (EMPTY, EMPTY, 1.0, 1.0, 0.0),
        (FULL, FULL, 1.0, 1.0, 0.0),
        (LEFT, LEFT, 1.0, 1.0, 0.0),
        (EMPTY, LEFT, 0.0, 0.0, 20.0),
        (EMPTY, FULL, 0.0, 0.0, 20.0),
    ],
)
def test_degenerate_masks_have_defined_values(first, second, dice, kappa, hd95):
    found = vi.agreement({"a": {"p": first}, "b": {"p": second}}).to_dict()
    text = json.dumps(found)
    assert "NaN" not in text
    assert "Infinity" not in text
    own = pair_of(found, "a", "b")["per_image"]["p"]["frame"]
    assert (own["dice"], own["iou"], own["kappa"]) == (dice, dice, kappa)
    assert (own["hd95_pooled"], own["hd95_max"]) == (hd95, hd95)
    assert (own["nsd"], own["boundary_f1"]) == (dice, dice)
    assert 0 <= own["precision"] <= 1
    assert 0 <= own["recall"] <= 1
    if dice == 1:
        assert found["fleiss"]["frame"] == found["alpha"]["frame"] == 1


def test_nothing_in_common_is_below_chance():
    found = vi.agreement({"a": {"p": LEFT}, "b": {"p": RIGHT}}).to_dict()
    own = pair_of(found, "a", "b")["per_image"]["p"]
    assert own["frame"]["dice"] == 0
    assert own["frame"]["kappa"] < 0
    assert own["box"]["kappa"] < own["frame"]["kappa"]


def test_a_single_annotator_agrees_with_nobody_and_is_no_error():
    found = vi.agreement({"a": {"p": LEFT, "q": EMPTY}})
    numbers = found.to_dict()
    assert numbers["pairs"] == []
    assert numbers["fleiss"] == numbers["alpha"] == {"frame": 1.0, "box": 1.0}
    assert numbers["images"]["p"]["disagreement"] == 0


def test_repeated_pictures_tell_how_people_agree_with_themselves():
    again = np.roll(LEFT, 1, axis=0)
    found = vi.agreement({"a": {"p": [LEFT, again], "q": RIGHT}, "b": {"p": LEFT}}).to_dict()
    assert found["self_agreement"] == {"a": {"dice": pytest.approx(2 * 20 / 48), "repeats": 1}}
    assert pair_of(found, "a", "b")["per_image"]["p"]["frame"]["dice"] == 1


def test_255_is_foreground_only_where_no_mask_holds_a_1():
    white = {who: {"p": m.astype(np.uint8) * 255} for who, m in (("a", LEFT), ("b", LEFT))}
    assert vi.agreement(white).to_dict()["pairs"][0]["per_image"]["p"]["frame"]["dice"] == 1
    band = LEFT.astype(np.uint8)
    band[0] = 255
    only_band = np.zeros((12, 16), np.uint8)
    only_band[0] = 255
    own = vi.agreement({"a": {"p": band}, "b": {"p": only_band}}).to_dict()["pairs"][0]["per_image"]["p"]["frame"]
    assert own["pixels"] == 11 * 16
    assert own["dice"] == 0


def test_booleans_say_nothing_of_what_255_is_in_other_masks():
    """A map's mask beside one out of a picture file: the 255 of the file is no "ignore"."""
    first = np.zeros((12, 12), bool)
    first[2:8, 2:8] = True
    second = np.zeros((12, 12), np.uint8)
    second[3:9, 3:9] = 255
    found = vi.agreement({"map": {"a": first}, "ann": {"a": second}}).to_dict()["pairs"][0]["pooled"]["frame"]
    assert found["pixels"] == 144
    assert found["dice"] == pytest.approx(2 * 25 / 72)
    assert vi.consensus({"map": first, "ann": second}, how="union").sum() == 36 + 36 - 25


def test_a_tolerance_may_be_a_share_of_the_diagonal_and_the_peoples_own_spread_is_found():
    masks = people(size=(60, 80), pictures=2)
    by_share = vi.agreement(masks, tolerance="2%").to_dict()
    by_pixels = vi.agreement(masks, tolerance=2.0).to_dict()
    assert (
        by_share["pairs"][0]["per_image"]["p0"]["frame"]["nsd"]
        == by_pixels["pairs"][0]["per_image"]["p0"]["frame"]["nsd"]
    )
    every = [p["per_image"][i]["frame"]["hd95_pooled"] for p in by_pixels["pairs"] for i in ("p0", "p1")]
    assert by_pixels["spread_tolerance"] == pytest.approx(np.median(every))
    spread = vi.agreement(masks, tolerance=by_pixels["spread_tolerance"]).to_dict()
    for given, own in zip(spread["pairs"], by_pixels["pairs"], strict=True):
        assert own["mean"]["frame"]["nsd_spread"] == pytest.approx(given["mean"]["frame"]["nsd"])
    for wrong in ("much", -1, "x%"):
        with pytest.raises(vi.ParameterError, match="tolerance"):
            vi.agreement(masks, tolerance=wrong)


def test_the_pictures_with_the_most_disagreement_come_first_and_are_mapped():
    masks = {
        "a": {"same": LEFT, "other": LEFT},
        "b": {"same": LEFT, "other": RIGHT},
        "c": {"same": LEFT, "other": LEFT},
    }
    found = vi.agreement(masks)
    assert found.ranked == ["other", "same"]
    values = found.disagreement_map("other")
    assert values[RIGHT].tolist() == pytest.approx([2 / 3] * int(RIGHT.sum()))
    assert values[~(LEFT | RIGHT)].max() == 0
    assert found.disagreement_map("same").max() == 0


def test_the_matrix_is_of_rows_against_columns():
    found = vi.agreement({"a": {"p": LEFT}, "b": {"p": LEFT | RIGHT}, "c": {"q": LEFT}})
    matrix = found.matrix("precision")
    assert matrix[0, 1] == 1
    assert matrix[1, 0] == pytest.approx(LEFT.sum() / (LEFT | RIGHT).sum())
    assert np.isnan(matrix[0, 2])
    assert found.matrix("dice")[0, 1] == found.matrix("dice")[1, 0]


def test_the_report_is_a_folder_of_text_numbers_and_pictures(tmp_path):
    files = {p.relative_to(tmp_path).as_posix() for p in vi.agreement(people()).report(tmp_path)}
    assert {"agreement.md", "agreement.json", "pairs.csv", "matrix.png"} <= files
    assert sum(name.startswith("disagreement/") for name in files) == 3
    text = (tmp_path / "agreement.md").read_text()
    for word in ("Fleiss", "Krippendorff", "box", "Surface Dice", "Most disagreement", "spread"):
        assert word in text
    assert json.loads((tmp_path / "agreement.json").read_text())["annotators"] == ["a0", "a1", "a2", "a3"]
    lines = (tmp_path / "pairs.csv").read_text().splitlines()
    assert len(lines) == 1 + 6 * (3 + 2) * 2


def test_masks_that_do_not_match_are_refused_with_a_reason():
    with pytest.raises(vi.DataError, match=r"p differ in size: 16x12 by a and 9x8 by b"):
        vi.agreement({"a": {"p": LEFT}, "b": {"p": np.zeros((8, 9), bool)}})
    with pytest.raises(vi.DataError, match="other values"):
        vi.agreement({"a": {"p": LEFT * 0.5}})
    with pytest.raises(vi.DataError, match="other values"):
        vi.agreement({"a": {"p": LEFT.astype(np.uint8) * 3}})
    with pytest.raises(vi.DataError, match="no masks"):
        vi.agreement({})


def test_masks_that_pillow_opened_with_one_bit_a_pixel_are_foreground_not_ignored():
    """Their booleans are bytes of 0 and 255 in memory."""
    opened = np.array(Image.fromarray(LEFT))
    assert opened.view(np.uint8).max() == 255
    own = vi.agreement({"a": {"p": opened}, "b": {"p": LEFT}}).to_dict()["pairs"][0]["per_image"]["p"]["frame"]
    assert (own["dice"], own["pixels"]) == (1.0, LEFT.size)
    np.testing.assert_array_equal(vi.consensus({"a": opened, "b": opened}), LEFT.astype(np.uint8))
