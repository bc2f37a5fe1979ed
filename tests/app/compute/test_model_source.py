"""A model's source and its options in one line, as on the command line."""

from __future__ import annotations

import pytest

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.errors import ModelError


@pytest.mark.parametrize(
    "line",
    [
        "demo",
        "random:vit_tiny_patch16_224",
        "/my models/bare.pth --arch 'vit_tiny_patch16_224(depth=6)' --head '/my heads/head.pth' --head-name class+mean",
        "hf-hub:owner/name --image-size 384x512",
    ],
)
def test_a_line_that_was_read_is_written_again(line):
    assert ModelSource.parse(line).line == line


def test_the_options_are_those_of_the_command_line():
    found = ModelSource.parse("/my models/bare.pth --arch=vit_tiny_patch16_224 --head /h.pth --image-size 384")
    assert found.source == "/my models/bare.pth"
    assert found.load_options == {"arch": "vit_tiny_patch16_224", "head": "/h.pth", "img_size": (384, 384)}
    assert found.short == "bare.pth + h.pth"
    assert ModelSource.parse("random:vit").load_options == {"random": True}


@pytest.mark.parametrize(
    "line", ["a.pth --arch", "a.pth --arch x --colour y", "a.pth --arch 'x", "a.pth --arch --head"]
)
def test_an_unknown_option_is_refused(line):
    with pytest.raises(ModelError):
        ModelSource.parse(line)


def test_a_size_that_cannot_be_read_is_refused():
    with pytest.raises(ModelError, match="384x512"):
        _ = ModelSource.parse("a --image-size wide").load_options


def test_a_bare_checkpoint_is_loaded_with_its_architecture_and_a_head(tmp_path):
    import timm
    import torch

    from vitinspect.app.compute.model_loading import load_from_sources

    module = timm.create_model("vit_tiny_patch16_224", depth=2, num_classes=0)
    torch.save(module.state_dict(), tmp_path / "bare.pth")
    torch.save({"weight": torch.randn(5, 192), "bias": torch.zeros(5)}, tmp_path / "head.pth")
    line = f"{tmp_path}/bare.pth --arch 'vit_tiny_patch16_224(depth=2)' --head {tmp_path}/head.pth --head-name class"
    model = load_from_sources(line, "cpu")
    assert model.depth == 2
    assert model.has_classifier
    assert "head" in model.name
