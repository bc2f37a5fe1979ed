"""A tiny model and tiny data sets, so that whole runs take a second."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi


@functools.cache
def small_model() -> vi.ViT:
    """Two blocks, 3x3 patches of 16 pixels, four classes."""
    torch.manual_seed(3)
    module = VisionTransformer(img_size=48, patch_size=16, embed_dim=32, depth=2, num_heads=2, num_classes=4)
    return vi.wrap_model(module.eval(), labels=["ant", "bee", "cat", "dog"], name="small")


def picture(path: Path, seed: int, size: tuple[int, int] = (60, 48)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size).save(path)
    return path


def mask(path: Path, seed: int, size: tuple[int, int] = (60, 48), top: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    left, up = np.random.default_rng(seed).integers(2, 20, 2)
    pixels = np.zeros((size[1], size[0]), np.uint8)
    pixels[up : up + 20, left : left + 25] = top
    Image.fromarray(pixels).save(path)
    return path


def masked_set(root: Path, count: int = 5) -> Path:
    for i in range(count):
        picture(root / "images" / f"p{i}.png", i)
        mask(root / "masks" / f"p{i}.png", i)
    lines = [f"images/p{i}.png,{['ant', 'bee', 'cat', 'dog'][i % 4]}" for i in range(count)]
    (root / "labels.csv").write_text("image,label\n" + "\n".join(lines) + "\n")
    return root
