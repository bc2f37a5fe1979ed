"""Train the bundled model: `python -m vitinspect.gallery.train`.

Training a Vision Transformer from scratch is slow. Four techniques make it fast enough for two CPU cores:

- Dense supervision ("All Tokens Matter: Token Labeling for Training Better Vision Transformers", Jiang et al.,
  2021): in addition to the class token's loss, every patch token predicts what its patch shows, known from the exact
  masks. The small head for this is dropped at the end.
- Most of the training uses a third of the patches (Liu et al., "Patchdropout", 2022; He et al., "Masked
autoencoders", 2021), preferably those of objects; the last part uses all of them.
- The patch embedding starts as a whitening of the training patches, not as noise.
- Scenes are painted once by all cores (`vitinspect.gallery.cache`) and used several times, with random shifts,
mirroring and brightness.

The run depends on its options alone: batches are drawn from (seed, step), and a run that was stopped and resumed
from its checkpoint gives the same weights as one that was not.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from vitinspect.errors import Cancelled
from vitinspect.progress import CancelToken, Progress, ProgressLine

from .accuracy import AccuracyReport, measure_accuracy
from .cache import SIDE, SceneCache, scene_cache
from .model import MEAN, STD, build_model, save_model
from .shapes import CLASSES

PATCH = 16
GRID = SIDE // PATCH
IGNORED = -100
MODEL_VERSION = "1"


@dataclass(frozen=True)
class TrainingPlan:
    """All settings that determine the weights."""

    seed: int = 1
    scenes: int = 24_000
    two_objects: float = 0.25
    steps: int = 1_100
    batch: int = 64
    keep: int = 64
    """Patches used per picture in the main part, of 196."""
    finish_steps: int = 180
    """The last steps, which use every patch."""
    finish_batch: int = 32
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warm_up: int = 80
    token_weight: float = 1.0
    model_args: dict[str, Any] = field(default_factory=dict)


@dataclass
class Batch:
    """Selected patches of some scenes, with the targets of the class token and the patch tokens."""

    patches: torch.Tensor
    """(B, K, 768), pixels of each patch in row, column, channel order, normalised."""
    places: torch.Tensor
    """(B, K) positions in the grid."""
    target: torch.Tensor
    """(B, classes), sums to 1."""
    shown: torch.Tensor
    """(B, K): 0 for background, class index + 1, or IGNORED."""


def _shifted(rng: np.random.Generator, mirror: bool) -> tuple[np.ndarray, np.ndarray]:
    """Row and column numbers that move a picture a few pixels (the border is repeated) and perhaps mirror it."""
    dy, dx = rng.integers(-8, 9, 2)
    rows = np.clip(np.arange(SIDE) + dy, 0, SIDE - 1)
    columns = np.clip(np.arange(SIDE) + dx, 0, SIDE - 1)
    return rows, columns[::-1] if mirror else columns


def draw_batch(cache: SceneCache, plan: TrainingPlan, step: int) -> Batch:
    """Batch number `step`: a function of the plan and the step, so that a resumed run uses the same ones."""
    finish = step >= plan.steps - plan.finish_steps
    size = plan.finish_batch if finish else plan.batch
    keep = GRID * GRID if finish else plan.keep
    count = len(cache.images)
    rng = np.random.default_rng((plan.seed, 7, step))
    first = step * plan.batch
    epoch, offset = divmod(first, count)
    order = np.random.default_rng((plan.seed, 8, epoch)).permutation(count)
    chosen = order[(offset + np.arange(size)) % count]
    images = np.empty((size, SIDE, SIDE, 3), np.uint8)
    shown = np.empty((size, SIDE, SIDE), np.uint8)
    target = np.zeros((size, len(CLASSES)), np.float32)
    for slot, index in enumerate(chosen):
        # A mirrored badge would be in the other corner, so scenes with a badge are not mirrored.
        rows, columns = _shifted(rng, mirror=bool(rng.random() < 0.5) and not cache.badge[index])
        images[slot] = cache.images[index][rows][:, columns]
        shown[slot] = cache.shown[index][rows][:, columns]
        present = [c for c in cache.classes[index] if c >= 0]
        target[slot, present] = 1.0 / len(present)
    shown = shown.reshape(size, GRID, PATCH, GRID, PATCH)
    share = (shown > 0).mean(axis=(2, 4)).reshape(size, -1)
    kind = shown.max(axis=(2, 4)).reshape(size, -1).astype(np.int64)
    # Patches that an object covers only slightly are ignored.
    kind[(share > 0.0) & (share < 0.25)] = IGNORED
    if keep < GRID * GRID:
        score = rng.random(share.shape) + 0.8 * (share > 0.1)
        places = np.sort(np.argsort(-score, axis=1, kind="stable")[:, :keep], axis=1)
    else:
        places = np.broadcast_to(np.arange(GRID * GRID), (size, GRID * GRID))
    tiles = images.reshape(size, GRID, PATCH, GRID, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    picked = tiles[np.arange(size)[:, None], places // GRID, places % GRID]
    pixels = torch.from_numpy(np.ascontiguousarray(picked)).float() / 255.0
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (size, 1, 1, 1, 1)).astype(np.float32))
    pixels = (pixels * gain).clamp(0.0, 1.0)
    pixels = (pixels - torch.tensor(MEAN)) / torch.tensor(STD)
    return Batch(
        pixels.flatten(2),
        torch.from_numpy(np.ascontiguousarray(places)),
        torch.from_numpy(target),
        torch.from_numpy(np.take_along_axis(kind, places, axis=1)),
    )


def forward(model: Any, token_head: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Class logits and patch logits of the patches that the batch holds; the same computation as timm's forward."""
    weight = model.patch_embed.proj.weight.permute(0, 2, 3, 1).flatten(1)
    tokens = functional.linear(batch.patches, weight, model.patch_embed.proj.bias)
    position = model.pos_embed[0]
    tokens = tokens + position[1:][batch.places]
    first = (model.cls_token + position[:1]).expand(len(tokens), -1, -1)
    tokens = model.norm(model.blocks(torch.cat((first, tokens), 1)))
    return model.head(tokens[:, 0]), token_head(tokens[:, 1:])


def whiten_patches(model: Any, cache: SceneCache, seed: int) -> None:
    """Start the patch embedding as the leading principal components of the scenes' patches, of unit variance."""
    rng = np.random.default_rng((seed, 9))
    rows = []
    for index in rng.choice(len(cache.images), min(400, len(cache.images)), replace=False):
        tiles = cache.images[index].reshape(GRID, PATCH, GRID, PATCH, 3).transpose(0, 2, 1, 3, 4)
        rows.append(tiles.reshape(GRID * GRID, -1)[rng.choice(GRID * GRID, 60, replace=False)])
    pixels = (np.concatenate(rows).astype(np.float64) / 255.0 - MEAN[0]) / STD[0]
    centre = pixels.mean(0)
    spread, axes = np.linalg.eigh(np.cov((pixels - centre).T))
    width = model.patch_embed.proj.weight.shape[0]
    spread, axes = spread[::-1][:width], axes[:, ::-1][:, :width]
    # The smallest components are mostly noise; the floor keeps them from being scaled up to the size of the others.
    weight = (axes / np.sqrt(spread + 0.02)).T
    with torch.no_grad():
        model.patch_embed.proj.bias.copy_(torch.from_numpy(-weight @ centre))
        square = torch.from_numpy(weight.reshape(width, PATCH, PATCH, 3)).permute(0, 3, 1, 2)
        model.patch_embed.proj.weight.copy_(square)


def place_positions(model: Any) -> None:
    """Start the position embedding as two-dimensional waves, half as large as the patches' values."""
    width = model.pos_embed.shape[-1] // 4
    rates = torch.exp(-torch.arange(width) / width * np.log(100.0))
    y, x = torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")
    waves = [wave(axis.flatten()[:, None] * rates) for axis in (y, x) for wave in (torch.sin, torch.cos)]
    with torch.no_grad():
        model.pos_embed.zero_()
        model.pos_embed[0, 1:] = 0.5 * torch.cat(waves, 1)


def bfloat16_helps(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 in hardware; elsewhere it is slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return any(f" {name}" in flags for name in ("amx_bf16", "avx512_bf16", "bf16"))


def learning_rate(plan: TrainingPlan, step: int) -> float:
    """Linear warm-up, then a half cosine down to zero."""
    if step < plan.warm_up:
        return plan.learning_rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))


def _optimizer(model: torch.nn.Module, head: torch.nn.Module, plan: TrainingPlan) -> torch.optim.Optimizer:
    matrices: list[torch.nn.Parameter] = []
    others: list[torch.nn.Parameter] = []
    for name, parameter in [*model.named_parameters(), *head.named_parameters()]:
        (matrices if parameter.ndim > 1 and "pos_embed" not in name and "cls_token" not in name else others).append(
            parameter
        )
    groups = [{"params": matrices, "weight_decay": plan.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.98))


def _save(path: Path, state: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    torch.save(state, beside)
    os.replace(beside, path)


def train(
    plan: TrainingPlan,
    cache: SceneCache,
    *,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    stop_after: int | None = None,
    report_every: int = 50,
    report: Callable[[str], None] | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> torch.nn.Module:
    """Train by `plan` and return the model without its training-only head.

    Resumes from `checkpoint` when that was written under the same plan. `stop_after` ends early after so many steps
    in total, leaving a checkpoint to resume from.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(plan.seed)
    model: Any = build_model(**plan.model_args).to(device)
    token_head = torch.nn.Linear(model.embed_dim, len(CLASSES) + 1).to(device)
    whiten_patches(model, cache, plan.seed)
    place_positions(model)
    optimizer = _optimizer(model, token_head, plan)
    start = 0
    if checkpoint is not None and checkpoint.is_file():
        state = torch.load(checkpoint, map_location=device, weights_only=True)
        if state["plan"] == asdict(plan):
            model.load_state_dict(state["model"])
            token_head.load_state_dict(state["head"])
            optimizer.load_state_dict(state["optimizer"])
            start = state["step"]
            if report is not None:
                report(f"resuming from step {start}")
    half = bfloat16_helps(device)
    model.train()
    sums = np.zeros(4)
    last = time.monotonic()
    end = plan.steps if stop_after is None else min(plan.steps, stop_after)

    def keep_state(step: int) -> None:
        if checkpoint is not None:
            _save(
                checkpoint,
                {
                    "plan": asdict(plan),
                    "step": step,
                    "model": model.state_dict(),
                    "head": token_head.state_dict(),
                    "optimizer": optimizer.state_dict(),
                },
            )

    for step in range(start, end):
        if cancel is not None and cancel.cancelled:
            keep_state(step)
            cancel.check()
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(plan, step)
        batch = draw_batch(cache, plan, step)
        batch = Batch(*(getattr(batch, name).to(device) for name in ("patches", "places", "target", "shown")))
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            logits, token_logits = forward(model, token_head, batch)
        class_loss = functional.cross_entropy(logits.float(), batch.target)
        token_loss = functional.cross_entropy(
            token_logits.float().flatten(0, 1), batch.shown.flatten(), ignore_index=IGNORED
        )
        loss = class_loss + plan.token_weight * token_loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([*model.parameters(), *token_head.parameters()], 1.0)
        optimizer.step()
        right = batch.target.gather(1, logits.argmax(1, keepdim=True)).gt(0).float().mean()
        sums += (class_loss.item(), token_loss.item(), right.item(), 1.0)
        if progress is not None:
            progress(step + 1, plan.steps)
        if (step + 1) % report_every == 0:
            mean = sums / sums[3]
            pace = sums[3] / (time.monotonic() - last)
            if report is not None:
                report(
                    f"step {step + 1}: class loss {mean[0]:.3f}, patch loss {mean[1]:.3f}, "
                    f"right {mean[2]:.1%}, {pace:.2f} steps/s"
                )
            sums[:] = 0
            last = time.monotonic()
        if (step + 1) % checkpoint_every == 0 or step + 1 == end:
            keep_state(step + 1)
    return model.eval()


def write_trained(out: Path, model: torch.nn.Module, plan: TrainingPlan, *, count: int, seed: int) -> AccuracyReport:
    """Write the model's folder, measure it (float16 as stored) on fresh scenes, and record the results."""
    facts: dict[str, Any] = {"plan": asdict(plan), "torch": torch.__version__}
    save_model(out, model, facts, MODEL_VERSION)
    with ProgressLine("measuring", unit="scenes") as line:
        report = measure_accuracy(out, count, seed, progress=line)
    save_model(out, model, {**facts, "accuracy": report.as_dict()}, MODEL_VERSION)
    return report


def _parser() -> argparse.ArgumentParser:
    plan = TrainingPlan()
    parser = argparse.ArgumentParser(
        prog="python -m vitinspect.gallery.train",
        description="Train the bundled model from scratch, measure it on fresh scenes, and write its folder.",
    )
    parser.add_argument("--out", type=Path, default=Path("demo-model"), help="folder to write (default %(default)s)")
    parser.add_argument(
        "--work",
        type=Path,
        default=Path("demo-model-work"),
        help="folder of the painted scenes (5 GB) and of the checkpoint to resume from (default %(default)s)",
    )
    parser.add_argument("--seed", type=int, default=plan.seed, help="default %(default)s, the bundled model's")
    parser.add_argument("--scenes", type=int, default=plan.scenes, help="scenes to paint (default %(default)s)")
    parser.add_argument("--steps", type=int, default=plan.steps, help="training steps (default %(default)s)")
    parser.add_argument(
        "--finish-steps", type=int, default=plan.finish_steps, help="of these, with every patch (default %(default)s)"
    )
    parser.add_argument("--batch", type=int, default=plan.batch, help="scenes per step (default %(default)s)")
    parser.add_argument(
        "--accuracy-count", type=int, default=2000, help="fresh scenes to measure (default %(default)s)"
    )
    parser.add_argument("--accuracy-seed", type=int, default=7, help="their seed (default %(default)s)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    plan = TrainingPlan(
        seed=options.seed,
        scenes=options.scenes,
        steps=options.steps,
        finish_steps=options.finish_steps,
        batch=options.batch,
    )
    cancel = CancelToken()
    # Ctrl-C finishes the current step, saves a checkpoint and stops; the same command resumes from there.
    before = signal.signal(signal.SIGINT, lambda *_: cancel.cancel())
    try:
        with ProgressLine("painting", unit="scenes") as line:
            cache = scene_cache(
                options.work / "scenes", plan.scenes, plan.seed, plan.two_objects, progress=line, cancel=cancel
            )
        with ProgressLine("training", unit="steps") as line:
            model = train(plan, cache, checkpoint=options.work / "checkpoint.pt", progress=line, cancel=cancel)
    except Cancelled:
        print(f"stopped; the same command resumes from {options.work}", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGINT, before)
    print(write_trained(options.out, model, plan, count=options.accuracy_count, seed=options.accuracy_seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
