"""Every command with ``--model`` also has ``--head`` and ``--head-name``."""

from __future__ import annotations

import argparse
import importlib

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from vitinspect.cli import frame

ARCH = "vit_small_patch14_dinov2(embed_dim=24, depth=4, num_heads=3, img_size=70)"


@pytest.fixture
def backbone_and_head(tmp_path):
    torch.manual_seed(0)
    module = timm.create_model(
        "vit_small_patch14_dinov2", embed_dim=24, depth=4, num_heads=3, img_size=70, num_classes=0
    )
    torch.save(module.state_dict(), tmp_path / "backbone.pth")
    torch.save(
        {"state_dict": {"linear.weight": torch.randn(3, 48), "linear.bias": torch.randn(3)}}, tmp_path / "head.pth"
    )
    Image.fromarray(np.full((90, 90, 3), 120, np.uint8)).save(tmp_path / "p.png")
    return tmp_path


def test_a_backbone_and_a_head_predict_and_what_was_recognised_is_printed(backbone_and_head, run):
    folder = backbone_and_head
    asked = [
        "predict",
        folder / "p.png",
        "--model",
        folder / "backbone.pth",
        "--arch",
        ARCH,
        "--head",
        folder / "head.pth",
    ]
    refused = run(*asked)
    assert refused.returncode != 0
    assert "--head-name" in refused.stderr
    assert "Traceback" not in refused.stderr
    told = run(*asked, "--head-name", "interleaved", "--image-size", "42")
    assert told.returncode == 0, told.stderr
    assert "class 2" in told.stdout
    assert "nothing in it proves" in told.stderr
    assert "offset of 0.1 patches" in told.stderr


def test_every_verb_with_a_model_takes_a_head():
    with_models = []
    for verb in (*frame.VERBS, frame.WINDOW):
        parser = argparse.ArgumentParser()
        importlib.import_module(verb.module).add_arguments(parser)
        said = parser.format_help()
        assert ("--model SOURCE" in said) == ("--head-name NAME" in said), verb.name
        with_models += [verb.name] if "--model SOURCE" in said else []
    assert {"explain", "predict", "evaluate", "graph", "demo", ""} <= set(with_models)
