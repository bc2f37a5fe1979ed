"""Class activation maps equal the grad-cam package, in golden numbers and run directly."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.goldens import arrays, assert_close, error, golden_model, inputs_q, targets_q
from vitinspect.explainers.methods.cams import feature_layer, first_component
from vitinspect.explainers.targets import Contrast

GOLDEN_NAMES = {
    "gradcam": "gradcam_raw",
    "gradcam_plus_plus": "gradcampp_raw",
    "layercam": "layercam_raw",
    "eigencam": "eigencam_raw",
    "scorecam": "scorecam_raw",
}
ALL = list(GOLDEN_NAMES)


def up_to_sign(found: np.ndarray, golden: np.ndarray) -> float:
    return min(error(found, golden), error(found, -golden))


@pytest.mark.parametrize("name", ["q1", "q3", "q4"])
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_raw_maps_equal_the_goldens(name, precision):
    golden = arrays(f"{name}_gradcam")
    for index, (place, target) in itertools.product((0, 1), enumerate(targets_q(name))):
        result = vi.explain(golden_model(name), inputs_q(name, index), ALL, target, precision)
        for method, array in GOLDEN_NAMES.items():
            bound = 2e-4 if method == "gradcam_plus_plus" else 1e-4 if precision == "float32" else 1e-5
            wanted = golden[array][index, place]
            if method == "eigencam":
                assert up_to_sign(result[method].values, wanted) <= bound
            else:
                assert_close(result[method].values, wanted, bound, method)


@pytest.mark.parametrize("block", [-1, 1])
@pytest.mark.parametrize(
    "name", ["class token", "registers", "average pooling", "attention pooling", "distilled", "rotary", "not square"]
)
def test_the_final_maps_are_those_of_the_grad_cam_package(name, block):
    import pytorch_grad_cam as package
    from pytorch_grad_cam.utils.image import scale_cam_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    model, x = family(name), images(name)[0]
    rows, columns = model.grid_for(*x.shape[-2:])

    def as_image(tokens):
        return tokens[:, model.prefix_tokens :].mT.reshape(len(tokens), -1, rows, columns)

    layer = model.module.get_submodule(feature_layer(model, block))
    theirs = {
        "gradcam": package.GradCAM,
        "gradcam_plus_plus": package.GradCAMPlusPlus,
        "layercam": package.LayerCAM,
        "scorecam": package.ScoreCAM,
    }
    ours = vi.explain(model, x, [(method, {"block": block}) for method in theirs], 2)
    for method, attribution in zip(theirs, ours.values(), strict=True):
        with theirs[method](model.module, [layer], reshape_transform=as_image) as cam:
            wanted = cam(x, [ClassifierOutputTarget(2)])[0]
        clamped = np.maximum(attribution.values, 0)[None]
        final = scale_cam_image(np.maximum(scale_cam_image(clamped, (x.shape[-1], x.shape[-2])), 0))[0]
        assert np.abs(final - wanted).max() < 1e-4, method


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_gives_what_single_images_give_on_every_family(name):
    model, both = family(name), images(name)
    together = vi.explain_batch(model, both, ALL, [1, 3], precision="float64")
    for image, target, maps in zip(both, [1, 3], together, strict=True):
        alone = vi.explain(model, image, ALL, target, "float64")
        for key in ALL:
            assert_close(maps[key].values, alone[key].values, 1e-8, key)
            assert np.abs(maps[key].values).max() > 0, key


def test_all_but_eigencam_follow_the_target():
    model, x = family("registers"), images("registers")[0]
    a, b = (vi.explain(model, x, ALL, target, "float64") for target in (0, 1))
    for key in ALL:
        follows = not np.allclose(a[key].values, b[key].values)
        assert follows == (key != "eigencam") == vi.methods()[key].class_specific, key


@pytest.mark.parametrize("shape", [(20, 8), (8, 20)])
def test_the_first_component_is_that_of_the_svd_with_the_largest_deviation_positive(shape):
    generator = torch.Generator().manual_seed(3)
    features = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    features[:, 4] += 5
    for row, found in zip(features, first_component(features), strict=True):
        centred = row - row.mean(0)
        direction = torch.linalg.svd(centred)[2][0]
        assert up_to_sign(found.numpy(), (centred @ direction).numpy()) < 1e-10
        assert found.argmax() == found.abs().argmax() == 4
    assert (first_component(torch.ones(1, 6, 4)) == 0).all()


def test_another_block_gives_another_map_and_a_missing_one_is_refused():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    result = vi.explain(model, x, ["gradcam", "gradcam(block=3)", "gradcam(block=1)"], 0, "float64")
    last, same, other = (map_.values for map_ in result.values())
    assert np.array_equal(last, same)
    assert not np.allclose(last, other)
    with pytest.raises(vi.errors.ParameterError, match="blocks 0 to 3"):
        vi.explain(model, x, ["gradcam(block=4)"], 0)


def test_blocks_without_a_norm_before_attention_are_read_at_their_input():
    model, x = family("norm after the branch"), images("norm after the branch")[0]
    assert feature_layer(model, -1) is None
    found = vi.explain(model, x, ["layercam(block=1)"], 2, "float64")["layercam"].values
    module = model.at_precision("float64").module
    caught = []
    handle = module.blocks[1].register_forward_pre_hook(lambda _, args: caught.append(args[0]))
    try:
        score = module(x.double().requires_grad_(True))[0, 2]
        gradient = torch.autograd.grad(score, caught[0])[0]
    finally:
        handle.remove()
    wanted = (gradient.clamp(min=0) * caught[0])[0, 1:].sum(-1).reshape(4, 4)
    assert_close(found, wanted.detach().numpy(), 1e-12)


def test_the_grad_cam_of_a_contrast_is_the_difference_of_two():
    model, x = family("rotary"), images("rotary")[0]
    both, a, b = (vi.explain(model, x, ["gradcam"], t, "float64")["gradcam"].values for t in (Contrast(0, 3), 0, 3))
    assert_close(both, a - b, 1e-9)


def test_a_text_can_be_the_target():
    text = vi.TextEmbedding(arrays("q2_inputs")["text_embeddings"][0])
    other = vi.TextEmbedding(arrays("q2_inputs")["text_embeddings"][1])
    a, b = (vi.explain(golden_model("q2"), inputs_q("q2", 0), ALL, t, "float64") for t in (text, other))
    for key in ALL:
        assert np.allclose(a[key].values, b[key].values) == (key == "eigencam"), key


def test_bfloat16_gives_nearly_the_same_maps():
    model, x = family("registers"), images("registers")[0]
    coarse, fine = (vi.explain(model, x, ALL, 1, precision) for precision in ("bfloat16", "float32"))
    for key in ALL:
        assert np.corrcoef(coarse[key].values.ravel(), fine[key].values.ravel())[0, 1] > 0.99, key


def test_scorecam_runs_one_pass_per_feature_in_chunks_and_stops_when_cancelled():
    model, x = family("class token"), images("class token")[0]
    token, seen = vi.CancelToken(), []

    def progress(done, total):
        seen.append(done)
        token.cancel()

    with pytest.raises(vi.errors.Cancelled):
        vi.explain(model, x, ["scorecam"], 1, progress=progress, cancel=token)
    assert len(seen) == 1
