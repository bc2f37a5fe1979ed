"""The ViTmiX protocol against its script's steps, from files on disk to numbers: torchvision, OpenCV, loops."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import auc
from torchvision import transforms

import vitinspect as vi
from tests.evaluation.on_disk import (
    PATCH,
    SIDE,
    ellipse,
    photo,
    probability,
    results_of,
    squashed,
    tiny_model,
    voc_folder,
)
from vitinspect.evaluation.plan import preset

SINGLES = {"rollout": "Rollout", "attention_gradcam": "GradCAM"}
GRID = SIDE // PATCH


def maps_of(model: vi.ViT, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Row to (1, 1, grid, grid): the two methods, the root of their product, the product."""
    target = int(model.module(x).argmax())
    found = vi.explain(model, x, list(SINGLES), target)
    rollout, cam = (torch.from_numpy(found[m].values).float().reshape(1, 1, GRID, GRID) for m in SINGLES)
    cam = (cam - cam.min()) / (cam.max() - cam.min())
    return {
        "Rollout": rollout,
        "GradCAM": cam,
        "Rollout + GradCAM": torch.sqrt(rollout * cam),
        "Rollout + GradCAM (multiply)": rollout * cam,
    }


def otsu_mask(attribution: torch.Tensor) -> np.ndarray:
    up = F.interpolate(attribution, scale_factor=PATCH, mode="bilinear").reshape(SIDE, SIDE).numpy()
    up = (up - up.min()) / (up.max() - up.min() + 1e-8)
    mask = cv2.threshold((up * 255).astype(np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1]
    return (mask == 255).astype(np.uint8)


def deletion(model: vi.ViT, x: torch.Tensor, ranked: np.ndarray) -> float:
    """Pixel by pixel, as their loop; a stable sort in place of the unstable one."""
    target = int(model.module(x).argmax())
    order = np.argsort(-ranked.astype(np.float64).reshape(-1), kind="stable")
    picture, step = x.clone(), SIDE * SIDE // 100
    curve = [probability(model, x, target)]
    for k in range(100):
        for index in order[k * step : (k + 1) * step]:
            picture[0, :, index // SIDE, index % SIDE] = 0
        curve.append(probability(model, picture, target))
    return float(auc(np.linspace(0, 1, 101), curve))


def metrics(mask: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    both = int(np.logical_and(mask, truth).sum())
    union = int(np.logical_or(mask, truth).sum())
    return {
        "iou": both / union if union else 0,
        "f1": 2 * both / (int(mask.sum()) + int(truth.sum())),
        "pixel_accuracy_vitmix": both / int(truth.sum()),
    }


def check(found: dict, image: str, annotator: str, row: str, expected: dict[str, float]) -> None:
    for score, value in expected.items():
        key = (image, row, "" if score == "deletion_auc_vitmix" else annotator, score)
        assert found[key] == pytest.approx(value, abs=2e-5), key


def test_pascal_voc_is_squashed_void_is_foreground_and_the_mask_is_deleted(tmp_path):
    root, model = voc_folder(tmp_path / "voc"), tiny_model(sharp=6.0)
    plan = preset("vitmix", data=str(root), model="tiny", methods=tuple(SINGLES))
    assert plan.variant == "voc"
    found, report = results_of(plan, model, tmp_path / "run")
    kept = 0
    for path in sorted((root / "JPEGImages").iterdir()):
        x = squashed(Image.open(path).convert("RGB"))
        sure = max(probability(model, x, k) for k in range(4))
        image = f"JPEGImages/{path.stem}"
        assert (any(key[0] == image for key in found)) == (sure >= 0.8)
        if sure < 0.8:
            continue
        kept += 1
        target = Image.open(root / "SegmentationClass" / f"{path.stem}.png")
        truth = (np.array(transforms.Resize((SIDE, SIDE))(target)) > 0).astype(np.uint8)
        for row, attribution in maps_of(model, x).items():
            mask = otsu_mask(attribution)
            numbers = {**metrics(mask, truth), "deletion_auc_vitmix": deletion(model, x, mask)}
            check(found, image, "", row, numbers)
    assert 0 < kept < 3
    assert "void counts as foreground" in report
    assert "below 0.8 are skipped" in report
    assert "no longer that of the protocol" not in report


def students_folder(root: Path) -> dict[str, list[str]]:
    """Pictures, and masks of some students: grey with soft edges, a palette, colours, and other sizes."""
    people = {"n01_a": ["ana", "student_2"], "n01_b": ["ana"], "n02_c": ["ana", "student_2"]}
    for i, (name, drawn) in enumerate(people.items()):
        size = (90 + 17 * i, 70 + 5 * i)
        photo(root / "images" / f"{name}.png", 20 + i, size)
        (root / "masks").mkdir(exist_ok=True)
        for k, who in enumerate(drawn):
            inside = ellipse(size, 50 + 7 * i + k)
            grey = Image.fromarray((inside * 255).astype(np.uint8))
            if k == 1:
                # A student who saved at another size, with soft edges.
                grey = grey.resize((size[0] * 2, size[1] * 2), Image.Resampling.BICUBIC)
            if i == 2 and k == 0:
                grey = Image.merge("RGB", [grey, Image.new("L", size), Image.new("L", size)])
            grey.save(root / "masks" / f"{name}_{who}.png")
    return people


def test_students_masks_are_opencvs_and_the_token_grid_is_deleted(tmp_path):
    people, model = students_folder(tmp_path / "set"), tiny_model(sharp=8.0)
    plan = preset("vitmix", data=str(tmp_path / "set"), model="tiny", methods=tuple(SINGLES))
    assert plan.variant == "imagenet"
    found, report = results_of(plan, model, tmp_path / "run")
    pooled = defaultdict(list)
    for name, drawn in people.items():
        read = cv2.cvtColor(cv2.imread(str(tmp_path / "set" / "images" / f"{name}.png")), cv2.COLOR_BGR2RGB)
        x = squashed(Image.fromarray(read))
        for row, attribution in maps_of(model, x).items():
            area = deletion(model, x, attribution.numpy())
            for who in drawn:
                grey = cv2.imread(str(tmp_path / "set" / "masks" / f"{name}_{who}.png"), cv2.IMREAD_GRAYSCALE)
                truth = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0
                numbers = {**metrics(otsu_mask(attribution), truth), "deletion_auc_vitmix": area}
                check(found, f"images/{name}.png", who, row, numbers)
                pooled[row].append(numbers)
    assert "masks of all annotators" in report.lower()
    table = report[report.lower().index("masks of all annotators") :]
    for row, numbers in pooled.items():
        line = next(line for line in table.splitlines() if line.startswith(f"| {row} |"))
        cells = [cell.strip().strip("*").split(" ")[0].strip("*") for cell in line.strip("|").split("|")[1:]]
        means = [np.mean([n[s] for n in numbers]) for s in ("iou", "f1", "pixel_accuracy_vitmix")]
        assert [float(c) for c in cells[:3]] == pytest.approx([100 * m for m in means], abs=0.011)
        assert float(cells[3]) == pytest.approx(np.mean([n["deletion_auc_vitmix"] for n in numbers]), abs=6e-4)


def test_medical_masks_are_resized_with_antialiasing_before_the_cut(tmp_path):
    size, model = (120, 90), tiny_model()
    photo(tmp_path / "set" / "images" / "IMD002.png", 3, size)
    inside = ellipse(size, 3)
    (tmp_path / "set" / "masks").mkdir()
    Image.fromarray(inside).save(tmp_path / "set" / "masks" / "IMD002.png")
    plan = preset("vitmix", "medical", data=str(tmp_path / "set"), model="tiny", methods=tuple(SINGLES))
    found, _ = results_of(plan, model, tmp_path / "run")
    x = squashed(Image.open(tmp_path / "set" / "images" / "IMD002.png").convert("RGB"))
    mask = Image.open(tmp_path / "set" / "masks" / "IMD002.png").convert("L")
    truth = np.array(transforms.Resize((SIDE, SIDE))(mask)) > 0
    for row, attribution in maps_of(model, x).items():
        cut = otsu_mask(attribution)
        numbers = {**metrics(cut, truth), "deletion_auc_vitmix": deletion(model, x, cut)}
        check(found, "images/IMD002.png", "", row, numbers)


@pytest.mark.parametrize("size", [(37, 61), (224, 224), (500, 333), (13, 29)])
def test_opencvs_nearest_is_followed_to_the_pixel(size):
    from vitinspect.evaluation.protocol_truth import truth_of

    values = (np.random.default_rng(1).uniform(size=size) > 0.6).astype(np.uint8) * 255
    for rows, columns in ((64, 64), (224, 224), (96, 160)):
        expected = cv2.resize(values, (columns, rows), interpolation=cv2.INTER_NEAREST) > 0
        found = truth_of(Image.fromarray(values), "vitmix", "imagenet", (rows, columns))
        np.testing.assert_array_equal(found, expected)
