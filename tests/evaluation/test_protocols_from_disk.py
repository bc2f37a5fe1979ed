"""The other protocols against their authors' steps, from the files on disk to the numbers, with their libraries."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from sklearn.metrics import auc, average_precision_score, f1_score
from torchvision import transforms
from torchvision.transforms.functional import gaussian_blur

try:
    from transformers import ViTImageProcessorPil as ViTImageProcessor
except ImportError:  # before version 5 Pillow was the only way
    from transformers import ViTImageProcessor

import vitinspect as vi
from tests.evaluation.on_disk import (
    CLASSES,
    PATCH,
    SIDE,
    ellipse,
    photo,
    probability,
    results_of,
    squashed,
    tiny_model,
)
from vitinspect.evaluation.plan import preset
from vitinspect.evaluation.reading import prepare_picture

GRID = SIDE // PATCH


def masked_folder(root: Path, count: int = 2) -> Path:
    """Pictures of several shapes, full-size masks with soft edges, labels."""
    (root / "masks").mkdir(parents=True)
    lines = ["image,label"]
    for i in range(count):
        size = (110 + 31 * i, 83 - 9 * i)
        photo(root / "images" / f"p{i}.png", 40 + i, size)
        soft = Image.fromarray((ellipse((size[0] // 3, size[1] // 3), 40 + i) * 255).astype(np.uint8))
        soft.resize(size, Image.Resampling.BICUBIC).save(root / "masks" / f"p{i}.png")
        lines.append(f"p{i}.png,{CLASSES[(i + 1) % 4]}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root


def pictures(root: Path) -> list[tuple[str, Image.Image]]:
    return [(p.name, Image.open(p).convert("RGB")) for p in sorted((root / "images").iterdir())]


def predicted(model: vi.ViT, x: torch.Tensor) -> int:
    with torch.no_grad():
        return int(model.module(x).argmax())


# --- multiplex ----------------------------------------------------------------------------------------------


def test_multiplex_squashes_as_the_image_processor_of_both_families(tmp_path):
    model = tiny_model()
    plan = preset("multiplex", data=str(tmp_path), model="tiny")
    size = {"height": SIDE, "width": SIDE}
    for mean, std in (([0.5] * 3, [0.5] * 3), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])):
        processor = ViTImageProcessor(size=size, image_mean=mean, image_std=std)
        family = vi.wrap_model(model.module, mean=tuple(mean), std=tuple(std))
        picture = Image.open(photo(tmp_path / "a.png", 7, (131, 77)))
        expected = processor(images=picture, return_tensors="pt")["pixel_values"][0]
        found = prepare_picture(picture, family, plan).tensor
        torch.testing.assert_close(found, expected, atol=2e-6, rtol=0)


def test_multiplex_curves_from_the_file(tmp_path):
    root, model = masked_folder(tmp_path / "set", 1), tiny_model()
    found, _ = results_of(preset("multiplex", data=str(root), model="tiny"), model, tmp_path / "run")
    name, picture = pictures(root)[0]
    x = ViTImageProcessor(size={"height": SIDE, "width": SIDE})(images=picture, return_tensors="pt")["pixel_values"]
    target = predicted(model, x)
    heat = torch.from_numpy(vi.explain(model, x, ["multiplex"], target)["multiplex"].values).float()
    large = F.interpolate(heat[None, None], size=(SIDE, SIDE), mode="nearest")[0, 0].numpy()
    order = np.argsort(large.ravel(), kind="stable")
    percent = [1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]
    fills = {
        "black": torch.zeros_like(x),
        "mean": torch.ones_like(x) * x.mean(),
        "blur": gaussian_blur(x, [15, 15], [7.0, 7.0]),
    }
    for fill, gone in fills.items():
        curves: dict[str, list[float]] = {"insertion": [], "deletion": []}
        for p in percent:
            top = torch.zeros(SIDE * SIDE, dtype=torch.bool)
            top[torch.from_numpy(order[-int(p / 100 * SIDE * SIDE) :].copy())] = True
            top = top.reshape(SIDE, SIDE)
            curves["insertion"].append(probability(model, torch.where(top, x, gone), target))
            curves["deletion"].append(probability(model, torch.where(top, gone, x), target))
        image = f"images/{name}"
        areas = {kind: found[image, "Multiplex", "", f"{kind}_auc_{fill}"] for kind in curves}
        assert areas["insertion"] == pytest.approx(auc(percent, curves["insertion"]), abs=1e-3)
        assert areas["deletion"] == pytest.approx(auc([0, *percent], [0, *curves["deletion"]]), abs=1e-3)


# --- ReciproCAM ---------------------------------------------------------------------------------------------


def test_reciprocam_resizes_to_256_whatever_the_shape_and_crops(tmp_path):
    model = vi.wrap_model(tiny_model(224).module, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    steps = transforms.Compose(
        [
            transforms.Resize([256, 256]),
            transforms.CenterCrop((224, 224)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
        ]
    )
    picture = Image.open(photo(tmp_path / "a.png", 9, (300, 170)))
    found = prepare_picture(picture, model, preset("reciprocam", data=str(tmp_path), model="tiny"))
    torch.testing.assert_close(found.tensor, steps(picture), atol=1e-6, rtol=0)


def test_reciprocam_explains_the_label_and_visits_cells_as_the_authors_and_all_of_them(tmp_path):
    root, model = masked_folder(tmp_path / "set", 1), tiny_model()
    found, report = results_of(preset("reciprocam", data=str(root), model="tiny"), model, tmp_path / "run")
    name, picture = pictures(root)[0]
    resized = picture.resize((73, 73), Image.Resampling.BILINEAR)
    x = squashed(transforms.CenterCrop((SIDE, SIDE))(resized))
    label = CLASSES.index("bee")
    cam = vi.explain(model, x, ["reciprocam"], label)["reciprocam"].values
    cam = (cam - cam.min()) / (cam.max() - cam.min())
    whole, mean = probability(model, x, label), x.mean((2, 3), keepdim=True)

    def areas(boxes: list[tuple[int, int, int, int]]) -> dict[str, float]:
        kept, brought = torch.ones_like(x), torch.zeros_like(x)
        gone, back = [whole], []
        for top, bottom, left, right in boxes:
            kept[:, :, top:bottom, left:right], brought[:, :, top:bottom, left:right] = 0, 1
            gone.append(probability(model, x * kept, label))
            back.append(probability(model, mean * kept + x * brought, label))
        places = np.arange(len(gone))
        return {
            "deletion_auc": 100 * auc(places, gone) / len(gone),
            "insertion_auc": 100 * auc(places, [*back, whole]) / len(gone),
        }

    order = np.argsort(-cam.ravel(), kind="stable")
    wide = SIDE // 32
    authors = [divmod(int(i), wide) for i in order[: wide * wide]]
    boxes = [(r * 32, min((r + 1) * 32, SIDE - 1) + 1, c * 32, min((c + 1) * 32, SIDE - 1) + 1) for r, c in authors]
    own = [divmod(int(i), GRID) for i in order]
    cells = [(r * PATCH, (r + 1) * PATCH, c * PATCH, (c + 1) * PATCH) for r, c in own]
    image = f"images/{name}"
    for suffix, expected in (("", areas(boxes)), ("_all_cells", areas(cells))):
        for score, value in expected.items():
            assert found[image, "ReciproCAM", "", score + suffix] == pytest.approx(value, abs=1e-3)
    product = x * torch.from_numpy(np.array(Image.fromarray(cam.astype(np.float32)).resize((SIDE, SIDE), 3)))
    drop = max(0.0, whole - probability(model, product, label)) / whole
    assert found[image, "ReciproCAM", "", "average_drop"] == pytest.approx(100 * drop, abs=1e-3)
    assert "| Explained | the picture's label |" in report
    assert "Deletion AUC, all cells (%)" in report


def test_reciprocam_without_labels_says_what_to_do(tmp_path):
    photo(tmp_path / "set" / "a.png", 1, (80, 60))
    from vitinspect.evaluation.runner import run
    from vitinspect.evaluation.store import FILE, Store

    run(preset("reciprocam", data=str(tmp_path / "set"), model="tiny"), tiny_model(), tmp_path / "run")
    with Store(tmp_path / "run" / FILE) as store:
        assert "--target predicted" in next(store.images()).reason


# --- GMAR ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["gmar-plus", "comparison"])
def test_gmar_brings_the_full_size_mask_to_the_grid(tmp_path, variant):
    root, model = masked_folder(tmp_path / "set"), tiny_model()
    plan = preset("gmar", variant, data=str(root), model="tiny")
    found, report = results_of(plan, model, tmp_path / "run")
    processor = ViTImageProcessor(size={"height": SIDE, "width": SIDE})
    printed = (tmp_path / "run" / "as-printed.txt").read_text()
    for name, picture in pictures(root):
        x = processor(images=picture, return_tensors="pt")["pixel_values"]
        maps = vi.explain(model, x, plan.methods, predicted(model, x))
        mask = Image.open(root / "masks" / name).convert("L")
        small = mask.resize((GRID, GRID), Image.NEAREST) if variant == "gmar-plus" else mask.resize((GRID, GRID))
        truth = np.array(small) > 127
        for combination in plan.combinations():
            heat = maps[combination.keys[0]].values.astype(np.float32)
            for _ in range(2 if variant == "gmar-plus" else 1):
                heat = (heat - heat.min()) / (heat.max() - heat.min() + 1e-8)
            predicted_mask = heat > 0.5
            union = (predicted_mask | truth).sum()
            expected = {
                "pixel_accuracy": (predicted_mask == truth).mean(),
                "iou": (predicted_mask & truth).sum() / union if union else 0.0,
                "average_precision": average_precision_score(truth.ravel(), heat.ravel()),
            }
            key = (f"images/{name}", combination.name, "")
            for score, value in expected.items():
                assert found[(*key, score)] == pytest.approx(value, abs=1e-6), (key, score)
            p, i, a = expected.values()
            assert f"images/{name} PixelAcc: {p:.4f} | IoU: {i:.4f} | AP: {a:.4f}" in printed
    assert ("average_drop" in {key[3] for key in found}) == (variant == "gmar-plus")
    assert f"## Protocol: gmar, {variant}" in report
    means = re.findall(r"Mean IoU: (\d\.\d{4})", printed)
    assert len(means) == 4


def test_the_two_readings_of_a_mask_differ(tmp_path):
    from vitinspect.evaluation.protocol_truth import read_truth

    Image.fromarray((ellipse((97, 61), 2) * 255).astype(np.uint8)).save(tmp_path / "m.png")
    near, smooth = (read_truth(tmp_path / "m.png", "gmar", v, (10, 10)) for v in ("gmar-plus", "comparison"))
    assert (near != smooth).any()


def test_masks_of_zero_and_one_are_empty_for_these_scripts_and_the_report_says_so(tmp_path):
    root, model = masked_folder(tmp_path / "set", 2), tiny_model()
    ones = np.asarray(Image.open(root / "masks" / "p0.png")) // 128
    Image.fromarray(ones.astype(np.uint8)).save(root / "masks" / "p0.png")
    _, report = results_of(preset("gmar", data=str(root), model="tiny"), model, tmp_path / "run")
    assert "1 of 2 masks are empty as this protocol reads them" in report


# --- Chefer, Gur & Wolf -------------------------------------------------------------------------------------


def segmentation_file(path: Path, count: int = 2) -> Path:
    """As MATLAB 7.3 saves the cell arrays: references to transposed arrays."""
    kind = h5py.special_dtype(ref=h5py.Reference)
    with h5py.File(path, "w") as file:
        value, refs = file.create_group("value"), file.create_group("#refs#")
        images = value.create_dataset("img", (count, 1), dtype=kind)
        truths = value.create_dataset("gt", (count, 1), dtype=kind)
        for i in range(count):
            size = (90 + 12 * i, 71)
            picture = np.asarray(Image.open(photo(path.parent / f"{i}.png", 60 + i, size)))
            mask = ellipse(size, 60 + i).astype(np.uint8)
            refs[f"i{i}"], refs[f"m{i}"] = picture.transpose(2, 1, 0), mask.T
            cell = refs.create_dataset(f"c{i}", (1, 1), dtype=kind)
            cell[0, 0] = refs[f"m{i}"].ref
            images[i, 0], truths[i, 0] = refs[f"i{i}"].ref, refs[f"c{i}"].ref
    return path


def test_imagenet_segmentation_is_read_from_its_file_and_scored_as_by_its_script(tmp_path):
    path, model = segmentation_file(tmp_path / "gtsegs.mat"), tiny_model()
    plan = preset("segmentation", data=str(path), model="tiny", methods=("rollout(start_layer=1)", "raw_attention"))
    _, report = results_of(plan, model, tmp_path / "run")
    row = next(line for line in report.splitlines() if line.startswith("| Rollout |"))
    head = next(line for line in report.splitlines() if line.startswith("| Method |"))
    shown = dict(zip([c.strip(" ↑↓") for c in head.split("|")], [c.strip(" *") for c in row.split("|")], strict=True))
    inter, union, correct, labelled = np.zeros(2), np.zeros(2), 0, 0
    precisions, rows = [], []
    with h5py.File(path) as file:
        for i in range(2):
            stored = np.array(file[file["/value/img"][i, 0]]).transpose(2, 1, 0)
            truth = np.array(file[file[file["/value/gt"][i, 0]][0, 0]]).transpose(1, 0)
            x = squashed(Image.fromarray(stored).convert("RGB"))
            target = np.array(transforms.Resize((SIDE, SIDE), Image.NEAREST)(Image.fromarray(truth))).astype(int)
            values = vi.explain(model, x, plan.methods)["rollout(start_layer=1)"].values
            heat = F.interpolate(torch.from_numpy(values).float()[None, None], scale_factor=PATCH, mode="bilinear")
            heat = ((heat - heat.min()) / (heat.max() - heat.min()))[0, 0]
            found = (heat > heat.mean()).numpy().astype(int)
            for k in range(2):
                inter[k] += ((found == k) & (target == k)).sum()
                union[k] += ((found == k) | (target == k)).sum()
            correct, labelled = correct + (found == target).sum(), labelled + target.size
            both = np.stack([1 - heat.numpy(), heat.numpy()]).ravel()
            precisions.append(average_precision_score(np.stack([target == 0, target == 1]).ravel(), both))
            rows += [f1_score(t, p, zero_division=0) for t, p in zip(target, found, strict=True)]
    expected = {
        "Pixel accuracy over the data set (%)": correct / labelled,
        "mIoU over the data set (%)": (inter / union).mean(),
        "mAP (%)": np.mean(precisions),
        "mF1 over rows (%)": np.mean(rows),
    }
    for title, value in expected.items():
        assert float(shown[title]) == pytest.approx(100 * value, abs=0.006), title


def test_positive_and_negative_perturbation_over_0_to_90_percent(tmp_path):
    root, model = masked_folder(tmp_path / "set"), tiny_model(sharp=4.0)
    plan = preset("segmentation", data=str(root), model="tiny", methods=("rollout(start_layer=1)", "raw_attention"))
    found, report = results_of(plan, model, tmp_path / "run")
    shares = [i / 10 for i in range(10)]
    for i, (name, picture) in enumerate(pictures(root)):
        data = transforms.Compose([transforms.Resize((SIDE, SIDE)), transforms.ToTensor()])(picture)
        x, label = (data[None] - 0.5) / 0.5, (i + 1) % 4
        values = vi.explain(model, x, plan.methods, predicted(model, x))["rollout(start_layer=1)"].values
        heat = F.interpolate(torch.from_numpy(values).float()[None, None], scale_factor=PATCH, mode="bilinear")
        for sign, name_of in ((1, "positive"), (-1, "negative")):
            order = np.argsort(-sign * heat.double().numpy().ravel(), kind="stable")
            hits = []
            for share in shares:
                pixels = data.reshape(3, -1).clone()
                pixels[:, torch.from_numpy(order[: int(SIDE * SIDE * share)].copy())] = 0
                hits.append(float(predicted(model, (pixels.reshape(data.shape)[None] - 0.5) / 0.5) == label))
            key = (f"images/{name}", "Rollout", "", f"{name_of}_perturbation_auc")
            assert found[key] == pytest.approx(100 * auc(shares, hits), abs=1e-4)
    assert "Positive perturbation AUC (%)" in report
    assert (tmp_path / "run" / "curve-positive_perturbation.png").exists()


def test_a_file_that_is_not_a_segmentation_set_is_refused_with_a_reason(tmp_path):
    from vitinspect.evaluation.datasets import open_dataset

    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    with pytest.raises(vi.DataError, match="HDF5"):
        open_dataset(tmp_path / "x.mat")
    with h5py.File(tmp_path / "y.mat", "w") as file:
        file["other"] = 1
    with pytest.raises(vi.DataError, match="value/img"):
        open_dataset(tmp_path / "y.mat")
