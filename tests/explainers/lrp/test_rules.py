"""The rules of relevance propagation, each tested separately."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from vitinspect.explainers.lrp.rules import add, clone, linear, pixels, safe_quotient


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_the_safe_quotient_gives_nothing_at_zero_and_is_finite_everywhere():
    below = torch.tensor([2.0, 0.0, -0.0, -1e-9, 1e-9, -3.0], dtype=torch.float64)
    found = safe_quotient(torch.full((6,), 4.0, dtype=torch.float64), below)
    expected = torch.tensor([4 / (2 + 1e-9), 0, 0, 4e9, 2e9, 4 / (-3 + 1e-9)], dtype=torch.float64)
    assert torch.allclose(found, expected, rtol=1e-12)


def four_products(x: torch.Tensor, weight: torch.Tensor, relevance: torch.Tensor) -> torch.Tensor:
    """The linear rule as its definition writes it."""
    x_up, x_down, up, down = x.clamp(min=0), x.clamp(max=0), weight.clamp(min=0), weight.clamp(max=0)
    share = safe_quotient(relevance, x_up @ up.T + x_down @ down.T)
    return x_up * (share @ up) + x_down * (share @ down)


@pytest.mark.parametrize("known", [True, False])
def test_three_products_make_the_linear_rule(known):
    x, weight, relevance = normal(2, 5, 24), normal(9, 24, seed=1), normal(2, 2, 5, 9, seed=2)
    found = linear(x, weight, relevance, F.linear(x, weight) if known else None)
    assert torch.allclose(found, four_products(x, weight, relevance), rtol=1e-9, atol=1e-12)
    assert torch.allclose(found.sum((-2, -1)), relevance.sum((-2, -1)), rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_outputs_without_positive_contributions_receive_and_give_nothing(dtype):
    x, weight = normal(1, 4, 8).abs().to(dtype), normal(3, 8, seed=1).to(dtype)
    weight[1] = -weight[1].abs()
    x[0, 2] = 0
    relevance = torch.ones(1, 1, 4, 3, dtype=dtype)
    found = linear(x, weight, relevance)
    assert found[0, 0, 2].abs().max() == 0
    # Two of the three outputs conserve their relevance; the third must not amplify rounding noise.
    rest = found[0, 0, [0, 1, 3]].sum(-1)
    assert torch.allclose(rest, torch.full_like(rest, 2), rtol=1e-4)


def test_under_the_original_rules_both_signs_receive_all_relevance():
    x, weight, relevance = normal(1, 5, 24), normal(9, 24, seed=1), normal(1, 1, 5, 9, seed=2).abs()
    found = linear(x, weight, relevance, rules="original")
    assert torch.allclose(found.sum(), 2 * relevance.sum(), rtol=1e-6)


def test_a_sum_gives_each_side_the_share_of_its_total():
    a, b, relevance = normal(1, 4, 6), normal(1, 4, 6, seed=1), normal(1, 1, 4, 6, seed=2)
    to_a, to_b = add(relevance, a + b, [a, b])
    plain_a, plain_b = a * safe_quotient(relevance, a + b), b * safe_quotient(relevance, a + b)
    share = plain_a.sum().abs() / (plain_a.sum().abs() + plain_b.sum().abs())
    assert torch.allclose(to_a.sum(), share * relevance.sum())
    assert torch.allclose(to_a.sum() + to_b.sum(), relevance.sum())
    assert torch.allclose(to_a / to_a.sum(), plain_a / plain_a.sum())
    assert torch.equal(add(relevance, a + b, [a, b], "original")[1], plain_b)


def test_three_summands_share_as_two_do():
    parts = [normal(1, 4, 6, seed=i) for i in range(3)]
    relevance = normal(1, 1, 4, 6, seed=7)
    whole = torch.stack(parts).sum(0)
    received = add(relevance, whole, parts)
    assert torch.allclose(torch.stack(received).sum(), relevance.sum())
    silent = add(relevance, parts[0] + parts[1], [parts[0], parts[1], torch.zeros_like(parts[0])])
    for found, expected in zip(silent, add(relevance, parts[0] + parts[1], parts[:2]), strict=False):
        assert torch.allclose(found, expected)


def test_the_sums_of_one_image_do_not_mix_with_those_of_another():
    a, b, relevance = normal(2, 4, 6), normal(2, 4, 6, seed=1), normal(1, 2, 4, 6, seed=2)
    together = add(relevance, a + b, [a, b])
    for i in range(2):
        alone = add(relevance[:, i : i + 1], (a + b)[i : i + 1], [a[i : i + 1], b[i : i + 1]])
        assert torch.allclose(together[0][:, i], alone[0][:, 0])


def test_a_copied_tensor_receives_what_its_copies_receive():
    x, relevance = normal(1, 4, 6), normal(1, 1, 4, 6, seed=1)
    x[0, 0, 0] = 0
    found = clone(x, relevance)
    assert found[0, 0, 0, 0] == 0
    assert torch.allclose(found[..., 1:, :], relevance[..., 1:, :], rtol=1e-5)


def test_pixels_receive_what_their_patches_have():
    x, weight, relevance = normal(2, 3, 8, 12), normal(5, 3, 4, 4, seed=1), normal(1, 2, 5, 2, 3, seed=2)
    low, high = x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True)
    found = pixels(x, low, high, weight, relevance, (4, 4))
    assert found.shape == (1, 2, 8, 12)
    per_patch = found.unfold(2, 4, 4).unfold(3, 4, 4).sum((-2, -1))
    assert torch.allclose(per_patch, relevance.sum(2), rtol=1e-6)
