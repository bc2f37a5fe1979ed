"""The multiplex explainer equals its authors' numbers, step by step, and the plain way of running it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import vitinspect as vi
from benchmarks.plain import embed, plain_masked_forward, plain_multiplex
from tests.families import FAMILIES, family_input, family_model
from tests.goldens import arrays, assert_close, golden_model, inputs_p, targets_p
from vitinspect import attention_network
from vitinspect.errors import Cancelled, MethodNotApplicable, ParameterError
from vitinspect.explainers.attention_layers import attention_layers
from vitinspect.explainers.methods.multiplex import group_by_length
from vitinspect.progress import CancelToken

CUTS, RATIOS = ("0", "0.01", "0.1"), ("0.3", "0.5", "0.7")
STARTS = {"p1": (0,), "p2": (0,), "p3": (0, 2)}
SETTINGS = [
    (name, index, cut, start, ratio)
    for name in STARTS
    for index, cut, start, ratio in itertools.product((0, 1), CUTS, STARTS[name], RATIOS)
]


def run(name, index, cut="0.01", start=0, ratio="0.5", target=None, precision="float64", **more):
    params = {"min_cut": float(cut), "token_ratio": float(ratio), "starting_layer": start}
    model, x = golden_model(name), inputs_p(name, index)
    return vi.explain(model, x, [("multiplex", params)], target, precision, details=True, **more)["multiplex"]


def assert_close_with_nan(found, golden, bound, what=""):
    assert np.array_equal(np.isnan(found), np.isnan(golden)), f"{what}: other NaN"
    assert_close(np.nan_to_num(found), np.nan_to_num(golden), bound, what)


@pytest.mark.parametrize("name", ["p1", "p2"])
def test_adjacency_and_centralities_equal_the_goldens(name):
    # These arrays are of the float32 reference, so its rounding bounds the comparison.
    golden = arrays(f"{name}_mutex")
    details = run(name, 0).details
    for i, operator in enumerate(attention_network.OPERATORS):
        assert_close(details["adjacency"][i], golden[f"i0_adjacency_{operator}_c0.01"], 2e-5, operator)
        for direction in attention_network.DIRECTIONS:
            found = details[f"centrality_{direction}"][i]
            assert_close(found, golden[f"i0_centrality_{direction}_{operator}_c0.01_s0"], 2e-5, operator)


@pytest.mark.parametrize(("name", "index", "cut", "start", "ratio"), SETTINGS)
def test_statistics_masks_and_map_equal_the_goldens(name, index, cut, start, ratio):
    golden = arrays(f"{name}_mutex_f64")
    stable = arrays(f"{name}_mutex")[f"i{index}_maskstable_c{cut}_s{start}_r{ratio}"].astype(bool)
    setting = f"c{cut}_s{start}_r{ratio}"
    target = targets_p(name, index)[1]
    found = run(name, index, cut, start, ratio, target)
    statistics = golden[f"i{index}_metrics_c{cut}_s{start}"]
    for place, statistic in enumerate(attention_network.STATISTICS):
        assert_close_with_nan(found.details["statistics"][:, :, place], statistics[:, :, place], 1e-6, statistic)
    masks = golden[f"i{index}_masks_{setting}"].astype(bool)
    assert np.array_equal(found.details["masks"][stable], masks[stable])
    same = (found.details["masks"] == masks).all(1)
    confidences = golden[f"i{index}_t{target}_confidence_{setting}"]
    assert_close(found.details["confidences"][same], confidences[same], 1e-6, "confidences")
    if stable.all():
        assert_close(found.values, golden[f"i{index}_t{target}_heatmap_{setting}"], 1e-6, "map")


@pytest.mark.parametrize("name", ["p1", "p2", "p3"])
def test_the_authors_masks_give_the_authors_confidences_and_map(name):
    """For masks that rounding may flip: scored as they were saved."""
    golden = arrays(f"{name}_mutex_f64")
    model = golden_model(name).at_precision("float64")
    for index, cut, ratio in itertools.product((0, 1), CUTS, RATIOS):
        setting = f"c{cut}_s0_r{ratio}"
        masks = golden[f"i{index}_masks_{setting}"].astype(bool)
        for target in targets_p(name, index):
            confidences = golden[f"i{index}_t{target}_confidence_{setting}"]
            assert_close(score(model, inputs_p(name, index), masks, target), confidences, 1e-6, setting)
            values = attention_network.heat_map(masks, confidences).reshape(model.grid)
            assert_close(values, golden[f"i{index}_t{target}_heatmap_{setting}"], 1e-6, setting)


def score(model, x, masks, target):
    """Confidences of given masks (K, N) for one image."""
    from vitinspect.explainers.base import Needs, Run
    from vitinspect.explainers.methods.multiplex import score_masks
    from vitinspect.explainers.trace import record
    from vitinspect.models.evaluation_state import in_evaluation_state

    x = x.to(model.dtype)
    with in_evaluation_state(model.module), torch.no_grad():
        trace, targets = record(model, x, lambda _: [target] * len(x), Needs(tokens=True, attention=True))
        run = Run(model, x, targets, trace, model.grid)
        return score_masks(run, torch.as_tensor(masks)[None])[0].numpy()


@pytest.mark.parametrize("name", ["p1", "p2", "p3"])
def test_in_float32_stable_masks_and_their_confidences_equal_the_goldens(name):
    golden, double = arrays(f"{name}_mutex"), arrays(f"{name}_mutex_f64")
    target = targets_p(name, 0)[0]
    found = run(name, 0, target=target, precision="float32")
    stable = golden["i0_maskstable_c0.01_s0_r0.5"].astype(bool)
    masks = golden["i0_masks_c0.01_s0_r0.5"].astype(bool)
    assert np.array_equal(found.details["masks"][stable], masks[stable])
    confidences = double[f"i0_t{target}_confidence_c0.01_s0_r0.5"]
    assert_close(found.details["confidences"][stable], confidences[stable], 1e-4)
    assert found.values.dtype == np.float32


# The parallel blocks have no attention module of the kind that the plain way hooks.
PLAIN = [name for name in FAMILIES if not name.startswith("parallel")]


@pytest.mark.parametrize("name", PLAIN)
def test_every_kind_of_model_gives_what_the_plain_way_gives(name):
    model, target = family_model(name), 1
    x = family_input(model)
    found = vi.explain(model, x, ["multiplex"], target, "float64", details=True)["multiplex"]
    plain = plain_multiplex(model.module, x, target)
    for key in ("adjacency", "centrality_in", "centrality_out", "statistics"):
        # Third and fourth moments of three layers are constants plus rounding.
        upto = 7 if key == "statistics" else None
        ours, theirs = found.details[key], plain[key].numpy()
        # Without a class token the attention given sums to one in each layer: a sum over a spread that is rounding.
        bound = 1e-6 if key == "statistics" else 1e-9
        assert_close_with_nan(ours[:, :, :upto], theirs[:, :, :upto], bound, key)
    tokens, rope = embed(model.module, x)
    with torch.no_grad():
        for mask, confidence in zip(found.details["masks"], found.details["confidences"], strict=True):
            if not mask.any():
                continue  # has a test of its own below
            logits = plain_masked_forward(model.module, tokens, rope, torch.as_tensor(mask))
            assert confidence == pytest.approx(float(logits.softmax(-1)[0, target]), abs=1e-10)
    assert_close(
        found.values,
        attention_network.heat_map(found.details["masks"], found.details["confidences"]).reshape(model.grid),
        1e-12,
    )


@pytest.mark.parametrize("name", ["parallel_scaling", "parallel_things"])
def test_parallel_blocks_are_explained_too(name):
    model = family_model(name)
    found = vi.explain(model, family_input(model), ["multiplex"], 0, "float64", details=True)["multiplex"]
    heads = found.details["adjacency"]
    assert heads.shape == (3, 3, 16, 16)
    assert (found.values > 0).any()


def test_details_have_their_shapes_and_start_where_they_should():
    details = run("p3", 0, start=2).details
    assert {key: value.shape for key, value in details.items()} == {
        "adjacency": (3, 8, 36, 36),
        "centrality_in": (3, 6, 36),
        "centrality_out": (3, 6, 36),
        "statistics": (3, 2, 9, 36),
        "masks": (54, 36),
        "confidences": (54,),
    }
    whole = run("p3", 0).details
    assert_close(details["centrality_in"], whole["centrality_in"][:, 2:], 1e-12)


def test_without_details_no_adjacency_is_kept():
    result = vi.explain(golden_model("p1"), inputs_p("p1", 0), ["multiplex"], 1)["multiplex"]
    assert result.details == {}


def test_label_zero_is_a_class_like_any_other():
    zero, one = (run("p1", 0, target=target) for target in (0, 1))
    assert zero.target == 0
    assert np.array_equal(zero.details["masks"], one.details["masks"])
    assert not np.allclose(zero.details["confidences"], one.details["confidences"])
    plain = plain_multiplex(golden_model("p1").at_precision("float64").module, inputs_p("p1", 0).double(), 0)
    same = (plain["masks"].numpy() == zero.details["masks"]).all(1)
    assert_close(zero.details["confidences"][same], plain["confidences"].numpy()[same], 1e-9)


def test_a_mask_of_one_token_and_a_mask_of_none_have_confidences():
    model, x = golden_model("p1").at_precision("float64"), inputs_p("p1", 0).double()
    masks = np.zeros((3, 64), dtype=bool)
    masks[0, 17] = True
    masks[2] = True
    found = score(model, x, masks, 0)
    tokens, rope = embed(model.module, x)
    with torch.no_grad():
        plain = [plain_masked_forward(model.module, tokens, rope, torch.as_tensor(m)).softmax(-1)[0, 0] for m in masks]
    assert_close(found, np.array([float(p) for p in plain]), 1e-10)


def test_where_the_head_reads_patches_only_a_mask_of_none_has_no_confidence():
    model = family_model("average")
    masks = np.zeros((2, 16), dtype=bool)
    masks[1, 3] = True
    confidences = score(model, family_input(model), masks, 0)
    assert confidences[0] == 0
    assert confidences[1] > 0


def test_equal_masks_are_scored_once_and_full_masks_not_at_all(monkeypatch):
    from vitinspect.explainers.passes import truncated

    model, x = golden_model("p1").at_precision("float64"), inputs_p("p1", 0).double()
    rng = np.random.default_rng(0)
    masks = np.repeat(rng.random((3, 64)) < 0.5, 4, axis=0)
    masks[5:8] = True
    masks[4] = True
    counted = []
    original = truncated.logits_of_subsets

    def counting(model, shared, chosen, *rest):
        counted.append(len(chosen))
        return original(model, shared, chosen, *rest)

    monkeypatch.setattr(truncated, "logits_of_subsets", counting)
    found = score(model, x, masks, 2)
    assert sum(counted) == 2
    assert len(np.unique(found)) == 3
    assert found[4] == pytest.approx(float(model.logits(x).softmax(-1)[0, 2]), abs=1e-12)


def test_a_batch_gives_what_single_images_give():
    model = golden_model("p1")
    images, targets = [inputs_p("p1", 0), inputs_p("p1", 1)], [3, 0]
    together = vi.explain_batch(model, images, ["multiplex"], targets, precision="float64")
    for image, target, both in zip(images, targets, together, strict=True):
        alone = vi.explain(model, image, ["multiplex"], target, "float64")
        assert_close(both["multiplex"].values, alone["multiplex"].values, 1e-9)


def test_a_contrast_and_a_text_are_explained():
    contrast = run("p1", 0, target="class 3 - class 1")
    assert ((contrast.details["confidences"] > 0) & (contrast.details["confidences"] < 1)).all()
    text = run("p1", 0, target=vi.TextEmbedding(np.arange(10.0)))
    assert (np.abs(text.details["confidences"]) <= 1).all()


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_near_float32_where_the_masks_are_the_same(native, monkeypatch):
    """With the CPU's own bfloat16 instructions, and without, where the sums are taken in float32."""
    from vitinspect.explainers.passes import bfloat16

    monkeypatch.setattr(bfloat16, "cpu_has_bfloat16", lambda: native)
    half, single = (run("p1", 0, target=3, precision=precision) for precision in ("bfloat16", "float32"))
    same = (half.details["masks"] == single.details["masks"]).all(1)
    assert same.sum() > 10
    expected = single.details["confidences"][same]
    error = np.abs(half.details["confidences"][same] - expected).mean()
    module = golden_model("p1").at_precision("bfloat16").module
    tokens, rope = embed(module, inputs_p("p1", 0).bfloat16())
    with torch.no_grad():
        plain = [
            float(plain_masked_forward(module, tokens, rope, torch.as_tensor(mask)).float().softmax(-1)[0, 3])
            for mask in half.details["masks"][same]
        ]
    # The model's own rounding in bfloat16 is the measure.
    assert error < 1.5 * np.abs(np.array(plain) - expected).mean()
    assert np.corrcoef(half.values.ravel(), single.values.ravel())[0, 1] > 0.8


def test_out_of_memory_halves_the_chunk_and_the_numbers_stay(monkeypatch):
    from vitinspect.explainers.passes import truncated

    whole = run("p1", 0, target=3)
    sizes = []
    original = truncated.logits_of_subsets

    def small_memory(model, shared, chosen, *rest):
        sizes.append(len(chosen))
        if len(chosen) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(model, shared, chosen, *rest)

    monkeypatch.setattr(truncated, "logits_of_subsets", small_memory)
    pieces = run("p1", 0, target=3)
    assert max(sizes) > 5 > min(sizes)
    assert_close(pieces.values, whole.values, 1e-10)


def test_progress_runs_to_its_end_and_cancel_stops_it():
    told = []
    run("p1", 0, progress=lambda done, total: told.append(done / total))
    assert told == sorted(told)
    assert told[-1] == 1
    token = CancelToken()
    with pytest.raises(Cancelled):
        run("p1", 0, progress=lambda *_: token.cancel(), cancel=token)


def test_a_starting_layer_beyond_the_last_is_refused_in_words():
    with pytest.raises(ParameterError, match="starting_layer=4 leaves no block"):
        run("p1", 0, start=4)


def test_a_model_of_unknown_structure_is_refused_by_name():
    import timm

    module = timm.create_model("beit_base_patch16_224", img_size=32, patch_size=16, depth=1, embed_dim=24, num_heads=2)
    with pytest.raises(MethodNotApplicable, match="Beit"):
        vi.explain(vi.wrap_model(module), torch.zeros(3, 32, 32), ["multiplex"], 0)


# --- the steps as functions of arrays ------------------------------------------------------------------------


def test_the_cut_keeps_an_arc_that_is_exactly_at_the_limit():
    layer = np.array([[1.0, 0.1], [0.099, 0.5]])
    assert np.array_equal(attention_network.cut(layer, 0.1), [[1.0, 0.1], [0.0, 0.5]])
    assert np.array_equal(attention_network.cut(layer, 0.0), layer)


def test_each_layer_is_cut_by_its_own_maximum():
    layers = np.stack([np.array([[1.0, 0.2], [0.3, 0.4]]), np.array([[0.1, 0.02], [0.03, 0.04]])])
    kept = attention_network.cut(layers, 0.25) > 0
    assert np.array_equal(kept[0], kept[1])


def test_in_strength_is_what_a_node_receives_and_out_strength_what_it_gives():
    received, given = attention_network.centralities(np.array([[0.0, 3.0], [1.0, 0.0]]))
    assert received.tolist() == [1.0, 3.0]
    assert given.tolist() == [3.0, 1.0]


def test_the_nine_statistics_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    centrality = np.random.default_rng(0).random((7, 5))
    found = dict(zip(attention_network.STATISTICS, attention_network.statistics(centrality), strict=True))
    expected = {
        "coherence": stats.entropy(centrality, axis=0),
        "max": centrality.max(0),
        "min": centrality.min(0),
        "sum": centrality.sum(0),
        "std": centrality.std(0, ddof=1),
        "sum_over_std": centrality.sum(0) / (centrality.std(0, ddof=1) + 1e-8),
        "median": np.median(centrality, axis=0),
        "skew": stats.skew(centrality),
        "kurtosis": stats.kurtosis(centrality),
    }
    for name, values in expected.items():
        assert_close(found[name], values, 1e-12, name)


def test_the_median_of_an_even_number_of_layers_is_the_lower_middle_one():
    centrality = np.array([[4.0], [1.0], [3.0], [2.0]])
    assert attention_network.statistics(centrality)[attention_network.STATISTICS.index("median"), 0] == 2.0


def test_a_node_without_arcs_has_no_coherence_and_a_constant_one_no_skewness():
    centrality = np.array([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0]])
    found = dict(zip(attention_network.STATISTICS, attention_network.statistics(centrality), strict=True))
    assert found["coherence"].tolist() == [0.0, pytest.approx(np.log(3))]
    assert np.isnan(found["skew"]).all()
    assert np.isnan(found["kurtosis"]).all()
    assert found["std"].tolist() == [0.0, 0.0]


def test_one_layer_alone_has_no_spread(recwarn):
    found = dict(zip(attention_network.STATISTICS, attention_network.statistics(np.array([[1.0, 2.0]])), strict=True))
    assert np.isnan(found["std"]).all()
    assert found["sum"].tolist() == [1.0, 2.0]
    assert not recwarn.list


def test_a_mask_drops_the_smallest_share_and_keeps_ties():
    values = np.array([5.0, 1.0, 3.0, 3.0, 2.0, 4.0])
    assert attention_network.masks(values, 0.5).tolist() == [True, False, True, True, False, True]
    assert attention_network.masks(values, 1.0).tolist() == [True, False, False, False, False, False]
    assert attention_network.masks(values, 0.0).all()


def test_nan_never_stays_in_a_mask():
    values = np.array([np.nan, 1.0, 2.0, np.nan])
    assert attention_network.masks(values, 0.5).tolist() == [False, False, True, False]
    assert not attention_network.masks(values, 0.9).any()


def test_a_mask_that_keeps_nothing_leaves_the_map_alone():
    kept = np.array([[True, False], [True, True], [False, False]])
    assert np.allclose(attention_network.heat_map(kept, np.array([0.2, 0.6, np.nan])), [0.4, 0.6])


def test_arrays_come_back_as_they_were_given():
    assert isinstance(attention_network.cut(torch.eye(2), 0.5), torch.Tensor)
    assert isinstance(attention_network.cut(np.eye(2), 0.5), np.ndarray)
    assert attention_network.statistics(np.ones((3, 2), dtype=np.float32)).dtype == np.float32


def test_the_layers_of_a_picture_are_the_uncut_adjacencies():
    model, x = golden_model("p1"), inputs_p("p1", 0)
    uncut = run("p1", 0, cut="0").details["adjacency"]
    for i, operator in enumerate(attention_network.OPERATORS):
        layers = attention_layers(model, x, operator=operator, precision="float64")
        assert_close(layers.weights, uncut[i], 1e-12, operator)
        assert layers.prefix_names == ()
        assert layers.position(9) == (1, 1)
    heads = [attention_layers(model, x, operator=f"head {h}", prefix=True, precision="float64") for h in range(4)]
    assert heads[0].prefix_names == ("class",)
    assert heads[0].position(0) is None
    assert heads[0].position(10) == (1, 1)
    assert_close(sum(h.weights for h in heads)[:, 1:, 1:], uncut[2], 1e-12)
    assert np.allclose(heads[1].weights.sum(-1), 1)


def test_a_head_that_does_not_exist_and_an_unknown_operator_are_named():
    model, x = golden_model("p1"), inputs_p("p1", 0)
    with pytest.raises(ParameterError, match="heads 0 to 3, not 4"):
        attention_layers(model, x, operator="head 4")
    with pytest.raises(ParameterError, match="min, max, sum"):
        attention_layers(model, x, operator="mean")


def test_a_few_shorter_sets_join_longer_ones_only_where_padding_is_cheap():
    lengths = [100] * 40 + [98, 99] + [50] * 3 + [197]
    groups = group_by_length(lengths)
    assert sorted(i for group in groups for i in group.members) == list(range(len(lengths)))
    assert [(group.length, len(group.members), group.padded) for group in groups] == [
        (50, 3, False),
        (100, 42, True),
        (197, 1, False),
    ]
    # Where a call costs more than the work in it, as on a GPU, more is padded.
    assert [group.length for group in group_by_length(lengths, 16)] == [100, 197]
