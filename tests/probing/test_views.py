"""Feature views: scikit-learn's components, and properties that cosines, norms and distances must have."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

import vitinspect as vi
from vitinspect.errors import DataError, ParameterError


def some_tokens(seed=0, rows=6, columns=7, width=10):
    generator = np.random.default_rng(seed)
    return generator.normal(size=(rows, columns, width)) * np.linspace(5, 1, width) + 2


def test_colours_are_whitened_components_squashed_as_the_notebook_of_dinov3_does():
    tokens = some_tokens()
    places = PCA(3, whiten=True, svd_solver="full").fit_transform(tokens.reshape(-1, 10))
    wanted = torch.sigmoid(torch.from_numpy(places) * 2).numpy().reshape(6, 7, 3)
    found = vi.views.pca(tokens)
    same = [
        np.allclose(found[..., i], wanted[..., i]) or np.allclose(found[..., i], 1 - wanted[..., i]) for i in range(3)
    ]
    assert all(same)
    assert np.allclose(vi.views.pca(torch.from_numpy(tokens)), found)


def test_without_whitening_later_components_stay_weaker():
    tokens = some_tokens()
    plain = vi.views.basis(tokens, whiten=False)
    theirs = PCA(3, svd_solver="full").fit(tokens.reshape(-1, 10))
    assert np.allclose(plain.variances, theirs.explained_variance_)
    colours = vi.views.pca(tokens, whiten=False)
    assert colours.min() >= 0
    assert colours.max() <= 1
    assert colours[..., 0].std() > colours[..., 2].std()


def test_several_pictures_share_one_basis():
    a, b = some_tokens(0), some_tokens(1, rows=3)
    both = vi.views.pca([a, b])
    joined = vi.views.pca(np.concatenate([a.reshape(-1, 10), b.reshape(-1, 10)]))
    assert np.allclose(both[0].reshape(-1, 3), joined[:42])
    assert np.allclose(both[1].reshape(-1, 3), joined[42:])


def test_the_foreground_alone_makes_the_basis_and_the_rest_is_black():
    tokens = some_tokens()
    mask = np.zeros((6, 7), bool)
    mask[1:5, 2:6] = True
    found = vi.views.pca(tokens, foreground=mask)
    assert np.allclose(found[mask], vi.views.pca(tokens[mask]))
    assert not found[~mask].any()
    changed = tokens.copy()
    changed[~mask] *= 100
    assert np.allclose(vi.views.pca(changed, foreground=mask)[mask], found[mask])
    assert np.allclose(vi.views.pca(tokens, foreground=np.where(mask, 0.7, 0.2)), found)


def test_similarity_is_one_with_itself_and_does_not_know_lengths():
    tokens = some_tokens()
    found = vi.views.similarity(tokens, (2, 3))
    assert found.shape == (6, 7)
    assert found[2, 3] == pytest.approx(1)
    assert np.allclose(vi.views.similarity(3 * tokens, 0.1 * tokens[2, 3]), found)
    assert np.allclose(vi.views.similarity(tokens.reshape(42, 10), 17), found.reshape(-1))
    assert np.abs(found).max() <= 1 + 1e-12
    other = some_tokens(5)
    assert vi.views.similarity(tokens, other[0, 0])[1, 1] == pytest.approx(
        vi.views.similarity(other, tokens[1, 1])[0, 0]
    )


def test_norms_are_lengths_of_each_block_and_show_an_outlier():
    tokens = np.stack([some_tokens(0), some_tokens(1)])
    tokens[1, 4, 4] *= 50
    found = vi.views.norms(tokens)
    assert found.shape == (2, 6, 7)
    assert np.allclose(found**2, (tokens**2).sum(-1))
    assert np.unravel_index(found.argmax(), found.shape) == (1, 4, 4)


def test_attention_to_itself_is_at_no_distance_and_to_the_right_neighbour_at_a_patch_width():
    rows, columns = 3, 4
    assert np.allclose(vi.views.attention_distance(np.eye(12)[None, None], (3, 4), 16), 0)
    shift = np.zeros((12, 12))
    for r in range(rows):
        for c in range(columns):
            shift[r * columns + c, r * columns + min(c + 1, columns - 1)] = 1
    assert vi.views.attention_distance(shift, (3, 4), (8, 16)) == pytest.approx(16 * 9 / 12)


def test_even_attention_is_at_the_mean_distance_whatever_stands_before_the_patches():
    side, prefix = 5, 3
    places = np.stack(np.meshgrid(range(side), range(side), indexing="ij"), -1).reshape(-1, 2)
    mean = np.linalg.norm(places[:, None] - places[None], axis=-1).mean()
    even = np.full((2, 4, 28, 28), 1 / 28)
    found = vi.views.attention_distance(even, patch_size=14)
    assert found.shape == (2, 4)
    assert np.allclose(found, 14 * mean)
    kept = vi.views.attention_distance(even, patch_size=14, renormalise=False)
    assert np.allclose(kept, 14 * mean * 25 / (25 + prefix))


def test_tokens_of_a_model_are_those_that_its_head_reads():
    model = vi.load_model("demo", device="cpu")
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(1))
    found = vi.views.tokens(model, image)
    assert found.shape == (6, 14, 14, 192)
    mean = model.features(image[None], "mean")[0].numpy()
    assert np.allclose(found[-1].reshape(-1, 192).mean(0), mean, atol=1e-4)
    assert np.array_equal(vi.views.tokens(model, image, blocks=[-1, 0])[1], found[0])


def test_what_does_not_fit_is_refused_with_a_reason():
    tokens = some_tokens()
    with pytest.raises(DataError, match="more tokens"):
        vi.views.pca(tokens[:1, :2])
    with pytest.raises(DataError, match="value for each token"):
        vi.views.pca(tokens, foreground=np.ones((2, 2)))
    with pytest.raises(ParameterError, match="10 numbers"):
        vi.views.similarity(tokens, np.ones(4))
    with pytest.raises(ParameterError, match="no token"):
        vi.views.similarity(tokens, (9, 9))
    with pytest.raises(DataError, match="square"):
        vi.views.attention_distance(np.ones((3, 4)))
    with pytest.raises(DataError, match="NaN"):
        vi.views.norms([[np.nan]])
