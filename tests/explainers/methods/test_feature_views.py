"""Feature views as maps: the numbers of ``vi.views``, found by name and in no list of methods."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch

import vitinspect as vi
from vitinspect.errors import MethodNotApplicable, ParameterError
from vitinspect.explainers.base import Needs
from vitinspect.explainers.trace import record

IDS = ("feature_component", "patch_similarity", "token_norm", "attention_distance")


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    module = timm.create_model(
        "vit_small_patch14_reg4_dinov2", img_size=(56, 70), embed_dim=24, depth=3, num_heads=3, num_classes=0
    )
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return vi.wrap_model(module.eval())


@pytest.fixture(scope="module")
def image():
    return torch.randn(3, 56, 70, generator=torch.Generator().manual_seed(1))


def one(model, image, method):
    found = vi.explain(model, image, [method], precision="float64")[method]
    assert found.values.shape == (4, 5)
    assert found.target is None
    return found.values


@pytest.mark.parametrize("block", [0, -1])
def test_maps_of_tokens_are_those_of_the_views(model, image, block):
    exact = model.at_precision("float64")
    normed, raw = (vi.views.tokens(exact, image.double(), [block], norm=norm)[0] for norm in (True, False))
    for component in (1, 3):
        found = one(model, image, f"feature_component(block={block}, component={component})")
        assert np.allclose(found, vi.views.pca(normed)[..., component - 1], atol=1e-6)
    found = one(model, image, f"patch_similarity(block={block}, row=3, column=1)")
    assert np.allclose(found, vi.views.similarity(normed, (3, 1)), atol=1e-6)
    assert found[3, 1] == pytest.approx(1)
    assert np.allclose(one(model, image, f"patch_similarity(block={block})"), vi.views.similarity(normed, (2, 2)))
    assert np.allclose(one(model, image, f"token_norm(block={block})"), vi.views.norms(raw))


def test_the_mean_of_the_distances_is_that_of_the_heads(model, image):
    exact = model.at_precision("float64")
    trace, _ = record(exact, image[None].double(), lambda logits: None, Needs(attention=True))
    heads = vi.views.attention_distance(trace.attention(1)[0], (4, 5), 14)
    for head, wanted in enumerate(heads, 1):
        assert one(model, image, f"attention_distance(block=1, head={head})").mean() == pytest.approx(wanted)
    assert one(model, image, "attention_distance(block=1)").mean() == pytest.approx(heads.mean())


def test_they_are_found_by_name_and_are_in_no_list():
    known = vi.methods()
    assert tuple(info.id for info in known.views) == IDS
    for name in IDS:
        assert name in known
        assert known[name].id == name
        assert name not in known.ids
        assert name not in [info.id for info in known]


def test_blocks_patches_and_heads_that_do_not_exist_are_refused(model, image):
    for method, words in (
        ("token_norm(block=3)", "blocks 0 to 2"),
        ("patch_similarity(row=4, column=0)", "grid has 4 x 5"),
        ("attention_distance(head=4)", "3 heads"),
    ):
        with pytest.raises(ParameterError, match=words):
            vi.explain(model, image, [method])


def test_a_model_without_one_softmax_a_head_has_no_attention_distance():
    module = timm.create_model("vit_dlittle_patch16_reg1_gap_256", img_size=32, embed_dim=32, depth=1, num_heads=2)
    model = vi.wrap_model(module.eval())
    with pytest.raises(MethodNotApplicable, match="subtracts"):
        vi.explain(model, torch.zeros(3, 32, 32), ["attention_distance"])
