"""Folders in the layouts of the protocols' authors, and a tiny model, for tests that start from files on disk."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torchvision import transforms

import vitinspect as vi
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.report import write_report
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.store import FILE, Store

SIDE, PATCH = 64, 16
CLASSES = ["ant", "bee", "cat", "dog"]


@functools.cache
def tiny_model(side: int = SIDE, sharp: float = 1.0) -> vi.ViT:
    """Two blocks, patches of 16 pixels. ``sharp``: how much larger the head's weights are, so that it is sure."""
    torch.manual_seed(6)
    module = VisionTransformer(img_size=side, patch_size=PATCH, embed_dim=32, depth=2, num_heads=2, num_classes=4)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.normal_(0, 0.12)
        module.head.weight.mul_(sharp)
    return vi.wrap_model(module.eval(), labels=CLASSES, name="tiny", mean=(0.5,) * 3, std=(0.5,) * 3)


def photo(path: Path, seed: int, size: tuple[int, int]) -> Path:
    """A picture with structure at several scales, as JPEG or PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 11, 3), dtype=np.uint8)
    fine = rng.integers(0, 60, (size[1], size[0], 3), dtype=np.uint8)
    pixels = np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)).astype(int) + fine - 30
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=92)
    return path


def ellipse(size: tuple[int, int], seed: int) -> np.ndarray:
    """(H, W) booleans."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[1], : size[0]]
    cx, cy = rng.uniform(0.35, 0.65, 2) * size
    a, b = rng.uniform(0.15, 0.3, 2) * size
    return ((x - cx) / a) ** 2 + ((y - cy) / b) ** 2 < 1


VOC_PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0, *[7] * (3 * 251), 224, 224, 192]


def voc_folder(root: Path, count: int = 3) -> Path:
    """JPEGImages, palette masks with a void band of 255 around each object, and a split."""
    names = []
    for i in range(count):
        size = (100 + 23 * i, 75 + 11 * i)
        name = f"2007_{i:06d}"
        names.append(name)
        photo(root / "JPEGImages" / f"{name}.jpg", i, size)
        inside = ellipse(size, i)
        grown = inside.copy()
        for axis in (0, 1):
            for step in (-2, 2):
                grown |= np.roll(inside, step, axis)
        labels = np.where(inside, 1 + i % 3, np.where(grown, 255, 0)).astype(np.uint8)
        picture = Image.fromarray(labels).convert("P")
        picture.putdata(labels.ravel().tolist())
        picture.putpalette(VOC_PALETTE)
        (root / "SegmentationClass").mkdir(parents=True, exist_ok=True)
        picture.save(root / "SegmentationClass" / f"{name}.png")
    (root / "ImageSets" / "Segmentation").mkdir(parents=True)
    (root / "ImageSets" / "Segmentation" / "val.txt").write_text("\n".join(names) + "\n")
    return root


def results_of(plan: Plan, model: vi.ViT, folder: Path) -> tuple[dict, str]:
    """(image, method, annotator, score) to value, and the report."""
    summary = run(plan, model, folder)
    with Store(folder / FILE) as store:
        reasons = [i.reason for i in store.images() if i.state == "failed"]
        found = {(i, m, a, s): v for i, m, a, s, v in store.scores()}
    assert summary.failed == 0, reasons
    write_report(folder)
    return found, (folder / "report.md").read_text()


def squashed(picture: Image.Image, side: int = SIDE) -> torch.Tensor:
    """(1, 3, side, side): torchvision's Resize to a square, ToTensor, Normalize."""
    steps = [transforms.Resize((side, side)), transforms.ToTensor(), transforms.Normalize([0.5] * 3, [0.5] * 3)]
    return transforms.Compose(steps)(picture)[None]


def probability(model: vi.ViT, x: torch.Tensor, target: int) -> float:
    with torch.no_grad():
        return float(model.module(x).softmax(-1)[0, target])
