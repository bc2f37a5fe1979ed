"""Gradient methods equal their authors' numbers and captum's, and keep the properties that define them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.goldens import arrays, assert_close, golden_model, inputs_p, inputs_q, targets_p, targets_q
from vitinspect.explainers.passes import chunks
from vitinspect.explainers.targets import Contrast

PRECISIONS = [("float64", 1e-6), ("float32", 1e-4)]
QUICK = ["saliency", "saliency(resolution=grid)", "input_x_gradient", "input_x_gradient(resolution=grid)"]
SLOW = ["integrated_gradients(steps=6)", "smoothgrad(samples=4)"]


@pytest.mark.parametrize(("precision", "suffix", "bound"), [("float64", "_f64", 1e-6), ("float32", "", 1e-4)])
@pytest.mark.parametrize(("name", "index"), [("p1", 0), ("p1", 1), ("p3", 0)])
def test_saliency_equals_the_goldens(name, index, precision, suffix, bound):
    golden = arrays(f"{name}_saliency{suffix}")
    for target in targets_p(name, index):
        result = vi.explain(golden_model(name), inputs_p(name, index), QUICK[:2], target, precision)
        for key, resolution in zip(QUICK, ("pixel", "grid"), strict=False):
            wanted = golden.get(f"i{index}_t{target}_saliency_{resolution}")
            if wanted is not None:
                assert_close(result[key].values, wanted, bound, f"{resolution} {target}")
                assert result[key].resolution == ("patch" if resolution == "grid" else "pixel")


@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-5), ("float32", 1e-4)])
@pytest.mark.parametrize("name", ["q1", "q3", "q4"])
def test_input_x_gradient_and_integrated_gradients_equal_the_goldens(name, precision, bound):
    golden = arrays(f"{name}_captum")
    methods = {
        "ixg_grid": "input_x_gradient(resolution=grid)",
        "ig50_grid": "integrated_gradients(resolution=grid)",
        "ixg_pixel": "input_x_gradient",
        "ig50_pixel": "integrated_gradients",
    }
    for index, (place, target) in itertools.product((0, 1), enumerate(targets_q(name))):
        present = {array: method for array, method in methods.items() if array in golden}
        x = inputs_q(name, index)
        result = vi.explain(golden_model(name), x, list(present.values()), target, precision, details=True)
        for array, method in present.items():
            assert_close(result[method].values, golden[array][index, place], bound, array)
        details = result["integrated_gradients(resolution=grid)"].details
        assert abs(details["convergence_delta"] - golden["ig50_convergence_delta"][index, place]) < 2e-3
        assert abs(details["baseline_score"] - golden["logits_zero_baseline"][target]) < 1e-4


@pytest.mark.parametrize("name", ["registers", "attention pooling", "rotary", "not square"])
def test_the_gradient_methods_are_captums(name):
    from captum.attr import InputXGradient, IntegratedGradients, Saliency

    model, x = family(name), images(name)[0]
    keys = ["saliency", "input_x_gradient", "integrated_gradients(steps=20)"]
    result = vi.explain(model, x, keys, 2, "float64")
    module, given = model.at_precision("float64").module, x.double()
    theirs = [
        Saliency(module).attribute(given.clone().requires_grad_(True), target=2, abs=True).amax(1),
        InputXGradient(module).attribute(given.clone().requires_grad_(True), target=2).sum(1),
        IntegratedGradients(module).attribute(given, target=2, n_steps=20).sum(1),
    ]
    for key, wanted in zip(keys, theirs, strict=True):
        assert_close(
            result[key].values, wanted[0].detach().numpy(), 1e-7, key
        )  # captum holds its step sizes in float32


@pytest.mark.parametrize("target", [1, Contrast(0, 3)])
def test_integrated_gradients_are_complete(target):
    model, x = family("class token"), images("class token")[0]
    method = "integrated_gradients(steps=300)"
    result = vi.explain(model, x, [method], target, "float64", details=True)[method]
    zero = model.logits(torch.zeros_like(x))[0].double()
    here = model.logits(x)[0].double()
    a, b = (target, None) if isinstance(target, int) else target
    change = (here[a] - zero[a]) - (here[b] - zero[b] if b is not None else 0)
    assert abs(result.values.sum() - float(change)) < 1e-4
    assert abs(result.details["convergence_delta"]) < 1e-5


def test_smoothgrad_is_the_saliency_of_the_mean_gradient_over_its_noisy_copies():
    model, x = family("class token").at_precision("float64"), images("class token")[0].double()
    found = vi.explain(model, x, ["smoothgrad(samples=3, noise=0.2, seed=5)"], 1, "float64")
    deviation = 0.2 * (x.max() - x.min())
    total = torch.zeros_like(x)
    for copy in range(3):
        noise = np.random.default_rng((5, copy)).standard_normal((3, 32, 32), dtype=np.float32)
        noisy = (x + deviation * torch.from_numpy(noise).double()).requires_grad_(True)
        total += torch.autograd.grad(model.module(noisy)[0, 1], noisy)[0]
    assert_close(next(found.values()).values, (total / 3).abs().amax(1)[0].numpy(), 1e-12)


def test_smoothgrad_without_noise_is_saliency():
    result = vi.explain(golden_model("q1"), inputs_q("q1", 0), ["saliency", "smoothgrad(samples=2, noise=0)"])
    plain, smooth = (map_.values for map_ in result.values())
    assert_close(smooth, plain, 1e-5)


def test_smoothgrad_follows_its_seed_and_nothing_else(monkeypatch):
    model, both = family("class token"), images("class token")
    first = vi.explain(model, both[0], ["smoothgrad(samples=5)"], 1)["smoothgrad"].values
    other = vi.explain(model, both[0], ["smoothgrad(samples=5, seed=1)"], 1)["smoothgrad"].values
    monkeypatch.setattr(chunks, "CPU_SMALLEST", 3)
    monkeypatch.setattr(chunks, "CPU_LARGEST", 3)
    again = vi.explain_batch(model, both[::-1], ["smoothgrad(samples=5)"], 1)[1]["smoothgrad"].values
    assert_close(again, first, 1e-5)
    assert np.abs(other - first).max() > 0.01 * np.abs(first).max()


@pytest.mark.parametrize("name", FAMILIES)
def test_a_batch_gives_what_single_images_give_on_every_family(name):
    model, both = family(name), images(name)
    methods = QUICK + SLOW
    together = vi.explain_batch(model, both, methods, [1, 3], precision="float64")
    for image, target, map_of in zip(both, [1, 3], together, strict=True):
        alone = vi.explain(model, image, methods, target, "float64")
        for key in methods:
            assert_close(map_of[key].values, alone[key].values, 1e-9, key)
            expected = (image.shape[-2] // 8, image.shape[-1] // 8) if "grid" in key else tuple(image.shape[-2:])
            assert map_of[key].values.shape == expected


def test_all_gradient_maps_follow_the_target():
    model, x = family("registers"), images("registers")[0]
    a, b = (vi.explain(model, x, QUICK + SLOW, target) for target in (0, 1))
    for key in QUICK + SLOW:
        assert not np.allclose(a[key].values, b[key].values), key


def test_the_map_of_a_contrast_is_the_difference_of_two_maps():
    model, x = family("rotary"), images("rotary")[0]
    methods = ["input_x_gradient", "integrated_gradients(steps=6)"]
    both, a, b = (vi.explain(model, x, methods, target, "float64") for target in (Contrast(0, 3), 0, 3))
    for key in methods:
        assert_close(both[key].values, a[key].values - b[key].values, 1e-9, key)


def test_a_text_can_be_the_target():
    model, x = golden_model("q2"), inputs_q("q2", 0)
    text = vi.TextEmbedding(arrays("q2_inputs")["text_embeddings"][0])
    method = "integrated_gradients(steps=200)"
    result = vi.explain(model, x, [*QUICK, *SLOW, method], text, "float64", details=True)
    with torch.no_grad():
        embedding = model.module(x)[0].double()
    cosine = float(embedding @ torch.from_numpy(text.unit()) / embedding.norm())
    details = result[method].details
    assert abs(result[method].values.sum() - (cosine - details["baseline_score"])) < 1e-3
    assert all(np.abs(map_.values).max() > 0 for map_ in result.values())


def test_bfloat16_gives_nearly_the_same_maps():
    model, x = family("registers"), images("registers")[0]
    methods = QUICK + SLOW
    coarse, fine = (vi.explain(model, x, methods, 1, precision) for precision in ("bfloat16", "float32"))
    for key in methods:
        assert coarse[key].values.dtype == np.float32
        assert np.corrcoef(coarse[key].values.ravel(), fine[key].values.ravel())[0, 1] > 0.99, key


def test_a_grid_on_padded_inputs_leaves_the_padding_out_of_the_mean():
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    module = VisionTransformer(
        img_size=32, patch_size=8, embed_dim=24, depth=2, num_heads=3, dynamic_img_size=True, dynamic_img_pad=True
    )
    x = torch.randn(1, 3, 28, 21)
    result = vi.explain(vi.wrap_model(module), x, QUICK[2:], 0, "float64")
    pixels, grid = (map_.values for map_ in result.values())
    assert grid.shape == (4, 3)
    assert np.isclose(grid[3, 2], pixels[24:, 16:].mean())
    assert np.isclose(grid[0, 0], pixels[:8, :8].mean())


def test_running_out_of_memory_halves_the_chunks_and_changes_nothing(monkeypatch):
    model, x = family("class token"), images("class token")[0]
    method = "integrated_gradients(steps=9)"
    plain = vi.explain(model, x, [method], 1, "float64")[method].values
    module = model.at_precision("float64").module
    sizes = []

    def refuse_large(_, args):
        sizes.append(len(args[0]))
        if len(args[0]) > 2:
            raise torch.OutOfMemoryError("out of memory")

    handle = module.patch_embed.register_forward_pre_hook(refuse_large)
    try:
        again = vi.explain(model, x, [method], 1, "float64")[method].values
    finally:
        handle.remove()
    assert max(sizes) > 2
    assert_close(again, plain, 1e-12)


def test_progress_counts_up_and_a_cancel_stops_between_chunks():
    model, x = family("class token"), images("class token")[0]
    token, seen = vi.CancelToken(), []

    def progress(done, total):
        seen.append((done, total))
        if len(seen) == 2:
            token.cancel()

    with pytest.raises(vi.errors.Cancelled):
        vi.explain(model, x, ["integrated_gradients(steps=900)"], 1, progress=progress, cancel=token)
    assert seen[0] < seen[1]
    assert len(seen) == 2


def test_saliency_on_the_grid_reads_the_four_central_pixels_of_a_patch():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    result = vi.explain(model, x, QUICK[:2], 0, "float64")
    pixels, grid = (torch.from_numpy(map_.values) for map_ in result.values())
    centre = F.avg_pool2d(pixels[None, None, 3:-3, 3:-3], 2, stride=8)[0, 0]
    assert_close(grid.numpy(), centre.numpy(), 1e-12)
