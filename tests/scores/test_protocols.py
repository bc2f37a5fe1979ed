"""The authors' protocols give the authors' numbers."""

from __future__ import annotations

import numpy as np
import pytest

from tests.goldens import arrays, facts, golden_model, golden_module, inputs_p, inputs_q, targets_p
from vitinspect.models.vit import wrap_model
from vitinspect.scores import protocols
from vitinspect.scores.curves import trapezoid

VITMIX_MAPS = ("LRP", "saliency", "LRP_rollout__sqrt", "LRP_saliency_rollout__sqrt")


@pytest.mark.parametrize("name", VITMIX_MAPS)
def test_vitmix_deletion_equals_the_goldens_for_all_three_rankings(name):
    golden, x = arrays("p1_vitmix"), inputs_p("p1", 0)
    for target in targets_p("p1", 0):
        start = f"i0_t{target}_"
        grid = golden.get(f"{start}single_{name}", golden.get(f"{start}fused_{name}"))
        ranked = {"mapup": golden[f"{start}up_{name}"], "otsumask": golden[f"{start}mask_{name}"], "tokengrid": grid}
        for kind, values in ranked.items():
            result = protocols.vitmix_deletion(golden_model("p1"), x, values, target)
            key = f"{start}deletion_{kind}_{name}"
            np.testing.assert_allclose(result.scores, golden[f"{key}_curve"], atol=5e-4, err_msg=key)
            assert result.auc == pytest.approx(float(golden[f"{key}_auc"]), abs=5e-4)


@pytest.mark.parametrize("name", ["p1", "p2", "p3"])
@pytest.mark.parametrize("fill", ["black", "mean"])
def test_multiplex_insertion_and_deletion_equal_the_goldens(name, fill):
    golden = arrays(f"{name}_mutex")
    checked = 0
    for index in (0, 1):
        for target in targets_p(name, index):
            start = f"i{index}_t{target}_"
            heat = golden.get(f"{start}heatmap_c0.01_s0_r0.5")
            if heat is None or f"{start}insertion_{fill}" not in golden:
                continue
            model, x = golden_model(name), inputs_p(name, index)
            insertion, deletion = protocols.multiplex_insertion_deletion(model, x, heat, target, fill)
            np.testing.assert_allclose(insertion.scores, golden[f"{start}insertion_{fill}"], atol=5e-4)
            np.testing.assert_allclose(deletion.scores, golden[f"{start}deletion_{fill}"], atol=5e-4)
            assert insertion.auc == pytest.approx(float(golden[f"{start}insertion_auc_{fill}"]), abs=0.05)
            assert deletion.auc == pytest.approx(float(golden[f"{start}deletion_auc_{fill}"]), abs=0.05)
            checked += 1
    assert checked


def samples(name):
    import torch

    golden = arrays(f"{name}_recipro_metrics")
    images = torch.cat([inputs_q(name, int(i)) for i in golden["image_index"]])
    return golden, images, [int(t) for t in golden["labels"]]


def test_reciprocam_drop_and_increase_equal_the_goldens():
    golden, x, labels = samples("q1")
    np.testing.assert_allclose(
        protocols.pil_bicubic(golden["drop_maps"][0], (64, 64)), golden["drop_upsampled_image0"], atol=1e-6
    )
    for name in ("drop", "dropreal"):
        result = protocols.reciprocam_drop(golden_model("q1"), x, golden[f"{name}_maps"], labels)
        np.testing.assert_allclose(result.full, golden[f"{name}_yc"], rtol=1e-3)
        np.testing.assert_allclose(result.kept, golden[f"{name}_oc"], rtol=1e-3)
        assert result.average_drop == pytest.approx(float(golden[f"{name}_avg_drop"]), rel=1e-3)
        assert result.average_increase == pytest.approx(float(golden[f"{name}_avg_increase"]), rel=1e-3)


@pytest.mark.parametrize("name", ["q1", "q3"])
def test_reciprocam_curves_equal_the_goldens(name):
    golden, x, labels = samples(name)
    areas = []
    for i, label in enumerate(labels):
        deletion, insertion = protocols.reciprocam_auc(golden_model(name), x[i : i + 1], golden["auc_maps"][i], label)
        np.testing.assert_allclose(deletion.scores, golden["auc_curves"][i, 0], rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(insertion.scores, golden["auc_curves"][i, 1], rtol=1e-3, atol=1e-6)
        assert deletion.auc == pytest.approx(float(golden["auc_per_sample_dauc"][i]), rel=1e-3)
        assert insertion.auc == pytest.approx(float(golden["auc_per_sample_iauc"][i]), rel=1e-3)
        areas.append((deletion.auc, insertion.auc))
    means = np.mean(areas, axis=0) * 100
    np.testing.assert_allclose(means, [golden["auc_dauc"], golden["auc_iauc"]], rtol=1e-3)


def test_adcc_equals_the_goldens():
    golden, x, labels = samples("q5")
    for name in ("adcc", "adccreal"):
        given = iter([golden[f"{name}_maps_first"], golden[f"{name}_maps_second"]])
        result = protocols.reciprocam_adcc(golden_model("q5"), x, labels, lambda *_, given=given: next(given))
        found = [result.drop, result.increase, result.coherency, result.complexity, result.adcc]
        np.testing.assert_allclose(found, golden[f"{name}_values"], rtol=1e-3)
    np.testing.assert_allclose(
        protocols.adcc_of(
            protocols.DropResult(golden["adcc_yc"], golden["adcc_oc"]),
            golden["adcc_maps_first"],
            golden["adcc_maps_second"],
        ).coherency_per_sample,
        golden["adcc_coherency_per_sample"],
        rtol=1e-4,
    )


def gmar_model():
    known = facts("q1")
    return wrap_model(golden_module("q1"), mean=known["mean"], std=known["std"]).at_precision("float64")


def test_gmar_fidelity_equals_the_goldens():
    golden, model = arrays("q1_seed_metrics"), gmar_model()
    for index in (0, 1):
        x = inputs_q("q1", index).double()
        for place, target in enumerate(golden["class_idx"][index].tolist()):
            heat = golden["heatmap"][index].astype(np.float64)
            for suffix, patchwise in (("", True), ("_bilinear", False)):
                found = protocols.gmar_fidelity(model, x, heat, target, patchwise=patchwise)
                expected = golden[f"avg_drop_increase{suffix}_f64"][index, place]
                np.testing.assert_allclose(
                    [found.drop, found.increase, found.logit, found.logit_kept], expected, rtol=1e-3, atol=1e-6
                )
                if patchwise:
                    np.testing.assert_allclose(
                        [found.gain, found.probability, found.probability_kept],
                        golden["avg_gain_f64"][index, place],
                        rtol=1e-3,
                        atol=1e-6,
                    )


@pytest.mark.parametrize(
    ("mode", "steps", "patchwise"),
    [("onepatchperstep", 64, True), ("steps100_patchwise", 100, True), ("steps100_bilinear", 100, False)],
)
def test_gmar_insertion_and_deletion_equal_the_goldens(mode, steps, patchwise):
    golden, model = arrays("q1_seed_metrics"), gmar_model()
    for index in (0, 1):
        x = inputs_q("q1", index).double()
        heat = golden["heatmap"][index].astype(np.float64)
        order = golden.get(f"order_{mode}")
        for place, target in enumerate(golden["class_idx"][index].tolist()):
            insertion, deletion = protocols.gmar_insertion_deletion(
                model, x, heat, target, steps=steps, patchwise=patchwise, order=None if order is None else order[index]
            )
            # Column 1 is the degenerate case that depends on signs.
            bound = {"rel": 1e-3} if place == 0 else {"abs": 0.02}
            assert insertion.auc == pytest.approx(float(golden[f"insertion_auc_{mode}_f64"][index, place]), **bound)
            assert deletion.auc == pytest.approx(float(golden[f"deletion_auc_{mode}_f64"][index, place]), **bound)
            if mode == "onepatchperstep" and place == 0:
                found = np.stack([insertion.scores, deletion.scores])
                np.testing.assert_allclose(found, golden["logit_curves_onepatchperstep"][index], rtol=1e-3, atol=1e-4)


def test_perturbation_accuracy_moves_with_what_is_removed():
    """With a map of what the model reads, the class is lost sooner than with its reverse."""
    import vitinspect as vi

    model, x = golden_model("q1"), inputs_q("q1", 0)
    target = int(model.logits(x).argmax())
    gradient = vi.explain(model, x, ["rollout"])["rollout"].values
    from vitinspect.maps import resize

    heat = resize(gradient, (64, 64))
    result = protocols.chefer_perturbation(model, x, heat, target)
    assert result.positive.shape == result.negative.shape == (10,)
    assert result.positive[0] == result.negative[0] == 1
    flipped = protocols.chefer_perturbation(model, x, -heat, target)
    np.testing.assert_array_equal(result.positive, flipped.negative)
    curves = protocols.chefer_perturbation_curves(x, heat, target, model.preprocessing)
    assert [round(float((c.turn < 9).mean()), 1) for c in curves] == [0.9, 0.9]


def test_the_trapezoid_is_that_of_numpy():
    values = np.random.default_rng(0).uniform(size=17)
    assert trapezoid(values) == pytest.approx(np.trapezoid(values, np.linspace(0, 1, 17)))
