"""Faithfulness and sanity: curves end where they must, a perfect map beats its reverse, seeds hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import spsolve

import vitinspect as vi
from tests.goldens import golden_model, golden_module, inputs_q
from vitinspect.scores.curves import Curve, all_in_steps, equal_steps, score_curves, turns
from vitinspect.scores.fills import fill_image, impute

RNG = np.random.default_rng(0)


def map_of(values: np.ndarray) -> vi.AttributionMap:
    return vi.AttributionMap(values, "rollout", key="rollout")


def test_curves_start_at_the_picture_and_end_at_the_fill():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    target = int(model.logits(x).argmax())
    found = vi.scores.faithfulness(model, x, RNG.uniform(size=(8, 8)), steps=10, fill="mean")
    whole = float(model.logits(x)[0].softmax(-1)[target])
    empty = float(model.logits(fill_image(x, "mean"))[0].softmax(-1)[target])
    assert found.shares[0] == 0
    assert found.shares[-1] == 1
    assert found.deletion_curve[0] == pytest.approx(whole, abs=1e-5)
    assert found.deletion_curve[-1] == pytest.approx(empty, abs=1e-5)
    assert found.insertion_curve[0] == pytest.approx(empty, abs=1e-5)
    assert found.insertion_curve[-1] == pytest.approx(whole, abs=1e-5)


def test_the_symmetric_relevance_gain_changes_sign_with_the_map():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    values = RNG.permutation(64).reshape(8, 8).astype(float)
    options = {"metrics": ("srg",), "unit": "patch"}
    one = vi.scores.faithfulness(model, x, values, **options).srg
    other = vi.scores.faithfulness(model, x, -values, **options).srg
    assert one == pytest.approx(-other, abs=1e-6)


def test_removing_patches_by_their_true_effect_beats_removing_them_at_random():
    """On a model whose logit is a sum over patches the best order is known."""
    model, x = golden_model("q4"), inputs_q("q4", 0)
    target = int(model.logits(x).argmax())
    effects = np.zeros(64)
    whole = float(model.logits(x)[0, target])
    for patch in range(64):
        row, column = divmod(patch, 8)
        gone = x.clone()
        gone[..., row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = 0
        effects[patch] = whole - float(model.logits(gone)[0, target])
    options = {"metrics": ("srg",), "unit": "patch", "use": "logit", "steps": 16}
    best = vi.scores.faithfulness(model, x, effects.reshape(8, 8), **options).srg
    chance = [vi.scores.faithfulness(model, x, RNG.uniform(size=(8, 8)), **options).srg for _ in range(3)]
    assert best > max(chance)


def test_maps_scored_together_equal_maps_scored_alone():
    model, x = golden_model("q1"), inputs_q("q1", 1)
    maps = {name: RNG.uniform(size=(8, 8)) for name in "abc"}
    together = vi.scores.faithfulness(model, x, maps, steps=7, fill="blur", batch_size=5)
    for name, values in maps.items():
        alone = vi.scores.faithfulness(model, x, values, steps=7, fill="blur")
        np.testing.assert_allclose(together[name].deletion_curve, alone.deletion_curve, atol=1e-6)
        assert together[name].as_dict() == pytest.approx(alone.as_dict(), abs=1e-6)


def test_percentages_are_shares_of_the_picture():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    found = vi.scores.faithfulness(model, x, RNG.uniform(size=(8, 8)), percentages=[10, 50, 100], metrics=("deletion",))
    np.testing.assert_allclose(found.shares, [0, 0.1, 0.5, 1], atol=1e-3)


def test_a_map_of_ones_drops_nothing_and_adcc_is_between_zero_and_one():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    ramp = vi.explain(model, x, ["rollout"])["rollout"]
    found = vi.scores.faithfulness(model, x, ramp, metrics=("adcc",))
    assert 0 <= found.adcc <= 1
    assert 0 <= found.coherency <= 1
    assert found.complexity == pytest.approx(((ramp.values - ramp.values.min()) / np.ptp(ramp.values)).mean(), rel=1e-5)


@pytest.mark.parametrize("fill", ["black", "true_black", "blur", "mean", "noise"])
def test_adcc_uses_the_requested_fill_throughout(fill):
    """Written out: the map of the picture dimmed towards the fill, and the score of this same picture."""
    model, x = golden_model("q1"), inputs_q("q1", 0)
    target = int(model.logits(x).argmax())
    first = vi.explain(model, x, ["rollout"], target)["rollout"]
    found = vi.scores.faithfulness(model, x, first, target, metrics=("adcc",), fill=fill, seed=3)
    heat = (first.values - first.values.min()) / np.ptp(first.values)
    keep = torch.nn.functional.interpolate(torch.from_numpy(heat)[None, None], size=x.shape[-2:], mode="bilinear")
    dimmed = x * keep.float() + fill_image(x, fill, model.preprocessing, seed=3) * (1 - keep.float())
    second = vi.explain(model, dimmed, ["rollout"], target)["rollout"].values
    whole, kept = (float(model.logits(p)[0].softmax(-1)[target]) for p in (x, dimmed))
    drop = max(0.0, whole - kept) / whole
    coherency = (1 + np.corrcoef(heat.ravel(), second.ravel())[0, 1]) / 2
    expected = 3 / (1 / coherency + 1 / (1 - heat.mean()) + 1 / (1 - drop))
    assert found.average_drop == pytest.approx(drop, abs=1e-5)
    assert found.coherency == pytest.approx(coherency, abs=1e-5)
    assert found.adcc == pytest.approx(expected, abs=1e-5)


def counted_pictures(model, monkeypatch) -> list[int]:
    from vitinspect.explainers.passes.forward import Passes

    seen: list[int] = []
    forward = Passes.__call__

    def counting(self, batch):
        seen.append(len(batch))
        return forward(self, batch)

    monkeypatch.setattr(Passes, "__call__", counting)
    return seen


def test_lerf_is_the_insertion_curve_in_reverse_and_is_computed_once(monkeypatch):
    model, x = golden_model("q1"), inputs_q("q1", 0)
    values = RNG.uniform(size=(8, 8))
    seen = counted_pictures(model, monkeypatch)
    alone = vi.scores.faithfulness(model, x, values, steps=8, metrics=("srg",))
    srg_only = sum(seen)
    seen.clear()
    both = vi.scores.faithfulness(model, x, values, steps=8, metrics=("deletion", "insertion", "srg"))
    assert sum(seen) == 8 + 9 + 1
    assert srg_only == 9 + 8
    assert both.lerf_auc == both.insertion_auc
    assert both.lerf_auc == pytest.approx(alone.lerf_auc, abs=1e-6)
    assert both.srg == pytest.approx(alone.srg, abs=1e-6)


def test_no_picture_is_scored_twice(monkeypatch):
    """Equal curves share their scores, and steps that change nothing cost nothing."""
    from vitinspect.scores.curves import NEVER, Curve, score_curves

    model, x = golden_model("q1"), inputs_q("q1", 0)
    turn = np.full((64, 64), NEVER, np.int32)
    turn[:8, :8], turn[8:16, :8] = 0, 6
    fill = torch.zeros_like(x[0])
    curves = [Curve(x[0], fill, turn.copy(), 10, 1) for _ in range(3)] + [Curve(x[0], fill, turn.T.copy(), 10, 1)]
    seen = counted_pictures(model, monkeypatch)
    score_curves(model, curves)
    assert sum(seen) == 3 + 2
    np.testing.assert_array_equal(curves[0].scores, curves[2].scores)
    half, whole = x.clone(), x.clone()
    half[..., :8, :8] = 0
    whole[..., :16, :8] = 0
    expected = [float(model.logits(p)[0].softmax(-1)[1]) for p in (x, half, whole)]
    np.testing.assert_allclose(curves[0].scores, [expected[0]] + [expected[1]] * 6 + [expected[2]] * 4, atol=1e-6)
    assert not np.array_equal(curves[3].scores, curves[0].scores)


def test_where_the_steps_differ_lerf_has_its_own_curve():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    values = RNG.uniform(size=(8, 8))
    options = {"percentages": [5, 50], "metrics": ("insertion", "srg")}
    found = vi.scores.faithfulness(model, x, values, **options)
    alone = vi.scores.faithfulness(model, x, values, percentages=[5, 50], metrics=("srg",))
    assert found.lerf_auc == pytest.approx(alone.lerf_auc, abs=1e-6)
    assert abs(found.lerf_auc - found.insertion_auc) > 1e-4


def test_unknown_choices_are_refused():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    for wrong in ({"metrics": ("auc",)}, {"fill": "white"}, {"unit": "cell"}, {"percentages": [50, 10]}):
        with pytest.raises(vi.ParameterError):
            vi.scores.faithfulness(model, x, RNG.uniform(size=(8, 8)), **wrong)


def test_noise_follows_its_seed_and_true_black_is_black():
    model = golden_model("q1")
    x = inputs_q("q1", 0)
    a, b, c = (fill_image(x, "noise", seed=s) for s in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    black = fill_image(x, "true_black", model.preprocessing)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (model.preprocessing.mean, model.preprocessing.std))
    assert float((black * std + mean).abs().max()) < 1e-6


def exact_imputation(channel: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """The linear system of ROAD solved by a sparse direct solver."""
    height, width = channel.shape
    index = -np.ones((height, width), int)
    index[missing] = np.arange(missing.sum())
    matrix, right = sparse.lil_matrix((missing.sum(),) * 2), np.zeros(missing.sum())
    for (r, c), i in zip(np.argwhere(missing), index[missing], strict=True):
        for dr in (-1, 0, 1):
            for dc in (-1, 0, 1):
                rr, cc = r + dr, c + dc
                if (dr, dc) == (0, 0) or not (0 <= rr < height and 0 <= cc < width):
                    continue
                weight = 1 if dr and dc else 2
                matrix[i, i] += weight
                if missing[rr, cc]:
                    matrix[i, index[rr, cc]] -= weight
                else:
                    right[i] += weight * channel[rr, cc]
    result = channel.copy()
    result[missing] = spsolve(matrix.tocsr(), right)
    return result


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_imputation_solves_roads_linear_system(share):
    x = torch.from_numpy(RNG.normal(size=(2, 3, 20, 24)))
    missing = torch.from_numpy(RNG.uniform(size=(2, 20, 24)) < share)
    found = impute(x, missing, noise=0, tolerance=1e-10)
    for image in range(2):
        for channel in range(3):
            expected = exact_imputation(x[image, channel].numpy(), missing[image].numpy())
            np.testing.assert_allclose(found[image, channel].numpy(), expected, atol=1e-5)


def test_imputing_everything_gives_the_mean_colour_and_nothing_the_picture():
    x = torch.from_numpy(RNG.normal(size=(1, 3, 8, 8)))
    everything = impute(x, torch.ones(1, 8, 8, dtype=torch.bool))
    torch.testing.assert_close(everything, x.mean((2, 3), keepdim=True).expand_as(x))
    torch.testing.assert_close(impute(x, torch.zeros(1, 8, 8, dtype=torch.bool)), x)


def test_road_works_as_a_fill():
    found = vi.scores.faithfulness(
        golden_model("q1"), inputs_q("q1", 0), RNG.uniform(size=(8, 8)), fill="road", steps=4, metrics=("srg",)
    )
    assert np.isfinite(found.srg)


def test_steps_take_all_or_leave_the_remainder_as_their_names_say():
    assert sum(all_in_steps(103, 10)) == 103
    assert sum(equal_steps(103, 10)) == 100
    turn = turns(np.arange(103), equal_steps(103, 10), 103)
    assert (turn < 10).sum() == 100


def test_randomising_the_weights_destroys_a_map_that_depends_on_them_and_not_the_edges():
    module = golden_module("q1")
    before = [p.clone() for p in module.parameters()]
    model, x = vi.wrap_model(module), inputs_q("q1", 0)
    found = vi.scores.sanity(model, x, "attention_gradient", samples=2)
    assert found.layers[0] == "head"
    assert found.layers[-1] == "embedding"
    assert len(found.layers) == len(found.similarity)
    assert abs(found.similarity_at_end) < 0.6
    for a, b in zip(before, module.parameters(), strict=True):
        assert torch.equal(a, b)
    same = vi.scores.sanity(model, x, "attention_gradient", samples=2)
    assert same == found


def test_every_weight_is_randomised_once():
    from vitinspect.scores.perturbation import _stages

    for name in ("q1", "q3", "q4", "p2"):
        module = golden_module(name)
        taken = [id(t) for _, tensors in _stages(module) for t in tensors]
        assert sorted(taken) == sorted(id(p) for p in module.parameters())


def test_sensitivity_grows_with_the_noise():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    small, large = (vi.scores.sanity(model, x, "rollout", noise=n, samples=4).sensitivity_mean for n in (0.001, 0.1))
    assert 0 < small < large


def test_curves_of_one_picture_and_two_targets_have_each_their_own_start():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    turn = turns(np.arange(64 * 64), all_in_steps(64 * 64, 2), 64 * 64)
    curves = [Curve(x[0], torch.zeros_like(x[0]), turn, 2, target) for target in (1, 4, 1)]
    score_curves(model, curves)
    shares = model.logits(x)[0].softmax(-1)
    for curve in curves:
        assert curve.scores[0] == pytest.approx(float(shares[curve.target]), abs=1e-5)
    assert curves[0].scores[0] != pytest.approx(curves[1].scores[0], abs=1e-4)


def test_each_picture_of_a_batch_is_filled_with_its_own_mean():
    x = torch.stack([torch.full((3, 4, 4), 1.0), torch.arange(48.0).view(3, 4, 4)])
    for kind in ("mean", "mean_scalar"):
        together = fill_image(x, kind)
        for i in (0, 1):
            torch.testing.assert_close(together[i : i + 1], fill_image(x[i : i + 1], kind))
    torch.testing.assert_close(fill_image(x, "mean")[1, :, 0, 0], torch.tensor([7.5, 23.5, 39.5]))
    torch.testing.assert_close(fill_image(x, "mean_scalar")[1, :, 0, 0], torch.full((3,), 23.5))
