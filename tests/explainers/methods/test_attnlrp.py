"""AttnLRP equals its authors' numbers, conserves relevance without biases, and shares the forward pass."""

from __future__ import annotations

import copy
import functools
import itertools
import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import vitinspect as vi
from tests.explainers.families import FAMILIES, family, images
from tests.explainers.unusual_families import DIFFERENTIAL, UNUSUAL, unusual
from tests.goldens import arrays, assert_close, golden_model, golden_module, inputs_q, targets_q
from vitinspect.explainers.gamma_rule import conv_gamma, linear_gamma
from vitinspect.explainers.targets import Contrast

PRECISIONS = ["float64", "float32"]
PAIRS = list(itertools.product((0, 1), (0, 1)))


@functools.cache
def any_family(name: str) -> vi.ViT:
    return family(name) if name in FAMILIES else unusual(name)


def relevance(model, x, target=None, precision="float64", **params) -> np.ndarray:
    (found,) = vi.explain(model, x, [("attnlrp", params)], target, precision).values()
    return found.values


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("resolution", ["pixel", "grid"])
@pytest.mark.parametrize(("attention", "file"), [("cplrp", "torchvision"), ("attnlrp", "full")])
def test_the_plain_forms_equal_the_goldens(attention, file, resolution, precision):
    golden = arrays(f"q1_attnlrp_{file}")[f"{attention}_plain_{resolution}"]
    for index, place in PAIRS:
        params = {"attention": attention, "resolution": resolution}
        found = relevance(golden_model("q1"), inputs_q("q1", index), targets_q("q1")[place], precision, **params)
        assert_close(found, golden[index, place], 2e-4 if precision == "float32" else 1e-5)


SETTINGS = [
    *(("cplrp", "cplrp_gamma_grid", "gamma_settings", "grid", i) for i in range(12)),
    *(("cplrp", "cplrp_gamma_pixel", "cplrp_gamma_pixel_settings", "pixel", i) for i in range(3)),
    *(("attnlrp", "attnlrp_gamma_grid", "attnlrp_gamma_settings", "grid", i) for i in range(3)),
]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(("attention", "name", "settings", "resolution", "which"), SETTINGS)
def test_the_gamma_rule_equals_the_goldens(attention, name, settings, resolution, which, precision):
    file = arrays("q1_attnlrp_torchvision" if attention == "cplrp" else "q1_attnlrp_full")
    conv, linear = (round(float(value), 4) for value in file[settings][which])
    params = {"attention": attention, "conv_gamma": conv, "linear_gamma": linear, "resolution": resolution}
    # At a linear gamma of zero the rule divides by values near zero, and rounding in the reference shows.
    bound = 1e-3 if linear == 0 else 2e-4 if precision == "float32" else 1e-5
    for index, place in PAIRS:
        found = relevance(golden_model("q1"), inputs_q("q1", index), targets_q("q1")[place], precision, **params)
        assert_close(found, file[name][which, index, place], bound, f"conv {conv}, linear {linear}")


def test_the_first_gamma_setting_equals_the_golden_pixel_by_pixel():
    file = arrays("q1_attnlrp_full")
    conv, linear = (round(float(value), 4) for value in file["attnlrp_gamma_settings"][0])
    for index, place in PAIRS:
        params = {"conv_gamma": conv, "linear_gamma": linear, "resolution": "pixel"}
        found = relevance(golden_model("q1"), inputs_q("q1", index), targets_q("q1")[place], **params)
        assert_close(found, file["attnlrp_gamma_pixel_first"][index, place], 1e-5)


def textbook_gamma(gradient, x, weight, bias, gamma):
    """Section 4.4 of the definition, literally."""
    up, down = weight.clamp(min=0), weight.clamp(max=0)
    z = x @ weight.T + bias
    with_up, with_down = weight + gamma * up, weight + gamma * down
    positive, negative = x.clamp(min=0), x.clamp(max=0)

    def stabilised(t):
        return t + 1e-6 * torch.where(t < 0, -1.0, 1.0)

    above = positive @ with_up.T + negative @ with_down.T + bias + gamma * bias.clamp(min=0)
    below = positive @ with_down.T + negative @ with_up.T + bias + gamma * bias.clamp(max=0)
    a = torch.where(z > 0, gradient * z / stabilised(above), 0)
    c = torch.where(z < 0, gradient * z / stabilised(below), 0)
    received = positive * (a @ with_up + c @ with_down) + negative * (a @ with_down + c @ with_up)
    return received / (x + 1e-10 * torch.where(x < 0, -1.0, 1.0))


@pytest.mark.parametrize("gamma", [0.0, 0.1, 100.0])
def test_three_products_equal_the_eight_of_the_definition(gamma):
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 9, 7).double(), torch.randn(5, 7).double(), torch.randn(5).double()
    x[0, 0, :3] = 0
    gradient = torch.randn(2, 9, 5).double()
    expected = textbook_gamma(gradient, x, weight, bias, gamma)
    found = linear_gamma(gradient, x, x @ weight.T + bias, weight, bias, gamma)
    assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


def test_the_gamma_rule_of_a_patch_convolution_is_that_of_its_linear_map():
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(3, 6, 4, stride=4).double().requires_grad_(False)
    x = torch.randn(2, 3, 8, 12).double()
    gradient = torch.randn(2, 6, 2, 3).double()
    rows = F.unfold(x, 4, stride=4).transpose(1, 2)
    flat = conv.weight.flatten(1)
    expected = linear_gamma(gradient.flatten(2).transpose(1, 2), rows, rows @ flat.T + conv.bias, flat, conv.bias, 0.25)
    expected = F.fold(expected.transpose(1, 2), (8, 12), 4, stride=4)
    assert torch.allclose(conv_gamma(gradient, x, conv(x), conv, 0.25), expected, atol=1e-12)


def without_biases(model: vi.ViT) -> vi.ViT:
    """The model without anything that is added to the tokens and does not come from the picture."""
    module = copy.deepcopy(model.module)
    added = ("bias", "pos_embed", "cls_token", "reg_token", "dist_token", "mlp_bias")
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if name.endswith(added):
                tensor.zero_()
    return vi.wrap_model(module, name=f"{model.name} without biases")


@pytest.mark.parametrize("name", [*FAMILIES, *UNUSUAL, *DIFFERENTIAL])
def test_where_nothing_is_added_the_pixels_of_cplrp_hold_the_whole_logit(name):
    model = without_biases(any_family(name))
    x = images(name)[0]
    output = model.at_precision("float64").logits(x.double())[0].numpy()
    found = relevance(model, x, 1, attention="cplrp", resolution="pixel")
    assert found.sum() == pytest.approx(output[1], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("name", [*FAMILIES, *UNUSUAL, *DIFFERENTIAL])
def test_every_family_gets_maps_that_follow_the_target_and_add_up_over_patches(name):
    model, x = any_family(name), images(name)[0]
    for params in ({}, {"attention": "cplrp"}, {"conv_gamma": 0.25, "linear_gamma": 0.05}):
        grid = relevance(model, x, 1, "float32", **params)
        pixels = relevance(model, x, 1, "float32", resolution="pixel", **params)
        assert grid.shape == model.grid_for(*x.shape[-2:])
        assert pixels.shape == tuple(x.shape[-2:])
        assert grid.sum() == pytest.approx(pixels.sum(), rel=1e-3, abs=1e-5)
        assert not np.allclose(grid, relevance(model, x, 2, "float32", **params))


@pytest.mark.parametrize("params", [{}, {"conv_gamma": 0.25, "linear_gamma": 0.1}], ids=["plain", "gamma"])
@pytest.mark.parametrize("name", ["registers", "rotary", "attention pooling"])
def test_a_batch_gives_what_single_images_give(name, params):
    model, pictures = any_family(name), images(name)
    together = vi.explain_batch(model, pictures, [("attnlrp", params)], [1, 3], "float64")
    for picture, target, both in zip(pictures, [1, 3], together, strict=True):
        alone = relevance(model, picture, target, **params)
        assert_close(next(iter(both.values())).values, alone, 1e-10)


def test_a_contrast_is_the_difference_of_its_two_maps():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    a, b = targets_q("q1")
    for params in ({}, {"attention": "cplrp", "conv_gamma": 0.25, "linear_gamma": 0.1}):
        difference = relevance(model, x, a, **params) - relevance(model, x, b, **params)
        assert_close(relevance(model, x, Contrast(a, b), **params), difference, 1e-9)


def test_a_text_is_the_sum_of_its_directions_over_the_length_of_the_embedding():
    model, x = golden_model("q2"), inputs_q("q2", 0)
    text = arrays("q2_inputs")["text_embeddings"][0].astype(np.float64)
    length = np.linalg.norm(model.at_precision("float64").logits(x.double()).numpy())
    parts = vi.explain_batch(model, [x] * model.outputs, ["attnlrp"], list(range(model.outputs)), "float64")
    expected = sum(t * part["attnlrp"].values for t, part in zip(text, parts, strict=True)) / length
    assert_close(relevance(model, x, vi.TextEmbedding(text)), expected / np.linalg.norm(text), 1e-9)


def test_other_methods_in_the_same_pass_neither_change_it_nor_are_changed():
    model, x = family("rotary"), images("rotary")[0]
    rules = ["attnlrp", "attnlrp(attention=cplrp)", "attnlrp(conv_gamma=0.25, linear_gamma=0.1)"]
    plain = ["saliency", "attention_gradient", "input_x_gradient"]
    together = vi.explain(model, x, [*rules, *plain], 1, "float64")
    for method in (*rules, *plain):
        assert_close(
            together[method].values, vi.explain(model, x, [method], 1, "float64")[method].values, 1e-10, method
        )


def test_all_rules_share_one_forward_pass():
    module = golden_module("q1")
    forwards = []
    module.patch_embed.register_forward_hook(lambda *_: forwards.append(1))
    vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["attnlrp", "attnlrp(attention=cplrp)", "saliency"])
    assert len(forwards) == 1


class StoppedError(Exception):
    pass


def hooks_of(module: torch.nn.Module) -> int:
    return sum(len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules())


def test_nothing_stays_after_an_exception_in_the_middle():
    module = golden_module("q1")
    linear, attention = F.linear, F.scaled_dot_product_attention

    def explode(*_):
        raise StoppedError

    handle = module.blocks[2].mlp.register_forward_hook(explode)
    with pytest.raises(StoppedError):
        vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["attnlrp(conv_gamma=0.25, linear_gamma=0.1)"])
    handle.remove()
    assert hooks_of(module) == 0
    assert F.linear is linear
    assert F.scaled_dot_product_attention is attention


def test_a_cancel_takes_effect_in_the_middle_of_the_backward_pass():
    module = golden_module("q1")
    token = vi.CancelToken()
    reached = []

    def cancel_on_the_way_back(_, __, output):
        output.register_hook(lambda gradient: token.cancel())

    def see(_, __, output):
        output.register_hook(lambda gradient: reached.append(1))

    handles = [
        module.blocks[2].register_forward_hook(cancel_on_the_way_back),
        module.blocks[0].register_forward_hook(see),
    ]
    with pytest.raises(vi.Cancelled):
        vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["attnlrp"], cancel=token)
    for handle in handles:
        handle.remove()
    assert not reached
    assert hooks_of(module) == 0


def test_another_thread_runs_its_own_model_undisturbed():
    module, other = golden_module("q1"), golden_module("q3")
    x = inputs_q("q3", 0)
    found = []

    def gradient():
        y = x.clone().requires_grad_(True)
        found.append(torch.autograd.grad(other(y)[0, 0], y)[0])

    def meanwhile(*_):
        thread = threading.Thread(target=gradient)
        thread.start()
        thread.join()

    gradient()
    handle = module.blocks[1].register_forward_hook(meanwhile)
    vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["attnlrp(attention=cplrp, linear_gamma=0.1)"])
    handle.remove()
    assert len(found) == 2
    assert torch.equal(found[0], found[1])


def test_bfloat16_gives_a_map_like_that_of_float32():
    x = inputs_q("q1", 0)
    exact = relevance(golden_model("q1"), x, 1, "float32", conv_gamma=0.25, linear_gamma=0.1)
    rough = relevance(golden_model("q1"), x, 1, "bfloat16", conv_gamma=0.25, linear_gamma=0.1)
    assert np.corrcoef(exact.ravel(), rough.ravel())[0, 1] > 0.9


def test_a_block_with_its_own_attention_function_is_refused_by_name():
    module = golden_module("q1")
    own = torch.nn.Identity()
    module.blocks[2] = own
    reason = vi.wrap_model(module).why_not("attnlrp")
    assert reason is not None
    assert "block 2 (Identity)" in reason


@pytest.mark.parametrize("params", [{"conv_gamma": -1}, {"linear_gamma": "much"}, {"attention": "none"}])
def test_parameters_out_of_range_are_refused(params):
    with pytest.raises(vi.ParameterError):
        vi.explain(golden_model("q1"), inputs_q("q1", 0), [("attnlrp", params)])


def test_its_help_mentions_patents_and_the_weak_plain_form():
    text = vi.methods()["attnlrp"].help()
    assert "patents" in text
    assert "weak" in text
