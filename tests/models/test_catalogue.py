"""Each model of the catalogue can be loaded, by its structure: untrained, narrower and with fewer blocks."""

from __future__ import annotations

import re

import pytest
import timm
import torch

import vitinspect as vi
from vitinspect.models import dinov3, from_transformers, image_text
from vitinspect.models.catalogue import catalogue
from vitinspect.models.sources import load_model

ENTRIES = catalogue()
BY_TIMM = [entry for entry in ENTRIES if "/" not in entry.source and entry.source != "demo"]
STRUCTURES = sorted({re.sub(r"_(tiny|small|large)_", "_base_", entry.architecture) for entry in BY_TIMM})
QUICK = {
    "rise": "rise(masks=4)",
    "integrated_gradients": "integrated_gradients(steps=2)",
    "smoothgrad": "smoothgrad(samples=2)",
}


def narrow(architecture: str, size: int) -> vi.ViT:
    torch.manual_seed(0)
    text = f"{architecture}(embed_dim=48, depth=2, num_heads=4)"
    model = load_model(text, random=True, num_classes=3, img_size=size, device="cpu")
    with torch.no_grad():
        for parameter in model.module.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return model


@pytest.mark.parametrize("architecture", STRUCTURES)
def test_each_structure_loads_and_predicts_and_every_method_that_applies_runs(architecture):
    patch = int(re.search(r"patch(\d+)", architecture)[1])
    for cells in (3, 4):
        size = cells * patch
        model = narrow(architecture, size)
        x = torch.randn(1, 3, size, size)
        assert model.grid == (cells, cells)
        assert model.input_size == (size, size)
        with torch.no_grad():
            tokens = model.module.forward_features(x)
        assert tokens.shape == (1, model.prefix_tokens + cells * cells, 48)
        assert torch.isfinite(model.logits(x)).all()
        supported = model.supported_methods()
        assert {"saliency", "rollout", "occlusion", "gradcam", "lrp"} <= set(supported)
    chosen = [QUICK.get(method, method) for method in supported if method not in ("multiplex", "scorecam")]
    for attribution in vi.explain(model, x[0], chosen, 1).values():
        assert attribution.values.shape in ((cells, cells), (size, size))


def test_each_name_exists_in_timm_with_trained_weights():
    for entry in BY_TIMM:
        config = timm.get_pretrained_cfg(entry.source)
        assert config is not None
        assert config.hf_hub_id or config.url, entry.source
        assert (config.num_classes > 0) == (not entry.head.startswith(("none", "embeddings"))) or "clip" in entry.source


def test_each_kind_of_the_transformers_library_is_read():
    kinds = {*from_transformers.MODEL_TYPES, *image_text.KINDS, dinov3.KIND}
    others = [entry for entry in ENTRIES if "/" in entry.source]
    assert others
    assert {entry.architecture for entry in others} <= kinds


def test_each_entry_says_source_head_licence_normalisation_and_input():
    assert ENTRIES[0].source == "demo"
    assert len({entry.source for entry in ENTRIES}) == len(ENTRIES)
    for entry in ENTRIES:
        assert all((entry.title, entry.head, entry.licence, entry.normalisation))
        assert entry.size.endswith("px")
    demo = load_model("demo", device="cpu")
    assert ENTRIES[0].input_size == demo.input_size
    assert ENTRIES[0].mean == demo.preprocessing.mean


def test_words_search_it():
    assert {entry.title for entry in catalogue("dinov3 s/16")} == {"DINOv3-S/16"}
    assert all("mae" in entry.source for entry in catalogue("mae"))
    assert catalogue("no such model") == []
