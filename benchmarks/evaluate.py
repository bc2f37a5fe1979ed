"""How fast the evaluation is, compared with plain code, and how its time and memory grow with the number of images.

``python -m benchmarks.evaluate`` scores one image by the ViTmiX protocol (4 methods, 14 combinations, Otsu, overlap,
100 deletion steps each) with the bundled model, and compares this with plain code: each combination is explained
anew, each curve takes 101 single forward passes, masks are built pixel by pixel in numpy. ``--growth N`` evaluates up
to N generated pictures with a tiny model and prints seconds and memory per picture.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import vitinspect as vi
from benchmarks.timing import alternate, machine
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.plan import Plan, preset
from vitinspect.evaluation.reading import read_picture
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.work import Worker
from vitinspect.explainers.passes.forward import Passes
from vitinspect.fusion import Combination
from vitinspect.maps import minmax, resize
from vitinspect.scores.masks import overlap


def plain_deletion(model: vi.ViT, x: torch.Tensor, ranked: np.ndarray, target: int, steps: int) -> list[float]:
    """One forward pass per step; the pixels are set one after the other."""
    picture = x[0].numpy().copy()
    order = np.argsort(-ranked.reshape(-1).astype(float), kind="stable")
    portion = order.size // 100
    scores = []
    with torch.no_grad():
        for step in range(steps + 1):
            logits = model.module(torch.from_numpy(picture)[None])
            scores.append(float(logits.softmax(-1)[0, target]))
            for index in order[step * portion : (step + 1) * portion]:
                row, column = divmod(int(index), picture.shape[2])
                for channel in range(3):
                    picture[channel, row, column] = 0
    return scores


def plain_combination(model: vi.ViT, x: torch.Tensor, combination: Combination, truth: np.ndarray, steps: int) -> None:
    """A plain script's work for one row of its table: explain, fuse, threshold, score, delete."""
    maps = []
    for method in combination.methods:
        values = vi.explain(model, x[0], [method])[method.key].values.astype(float)
        maps.append(minmax(values) if method.id == "attention_gradcam" else values)
    fused = np.sqrt(np.prod(maps, axis=0)) if len(maps) > 1 else maps[0]
    up = resize(fused, (int(x.shape[2]), int(x.shape[3])))
    mask = vi.threshold(up, "otsu").mask
    overlap(mask, truth, up, ignore=255)
    target = int(model.logits(x).argmax())
    plain_deletion(model, x, mask, target, steps)


def one_image(rounds: int, plain_share: int) -> None:
    """``plain_share``: plain code is timed on this many of the 14 combinations and scaled up; it takes minutes."""
    model = vi.load_model("demo", device="cpu")
    dataset = open_dataset("demo")
    plan = preset("vitmix", "voc", data="demo", model="demo")
    item = next(item for item in dataset.items if item.masks)
    picture = read_picture(dataset, item, 0, model, plan)
    assert picture.tensor is not None
    x = picture.tensor[None]
    truth = next(iter(picture.masks.values()))
    worker = Worker(model, plan, dataset)
    chosen = worker.combinations[:: max(1, len(worker.combinations) // plain_share)][:plain_share]
    inside = 0.0
    call = Passes.__call__

    def timed_call(self: Passes, images: torch.Tensor) -> torch.Tensor:
        nonlocal inside
        start = time.perf_counter()
        result = call(self, images)
        inside += time.perf_counter() - start
        return result

    timings = alternate(
        {
            "plain": lambda: [plain_combination(model, x, c, truth, 100) for c in chosen],
            "ours": lambda: worker.evaluate(picture),
        },
        rounds=rounds,
        warm_up=0,
    )
    scale = len(worker.combinations) / len(chosen)
    Passes.__call__ = timed_call  # type: ignore[method-assign]
    try:
        start = time.perf_counter()
        worker.evaluate(picture)
        whole = time.perf_counter() - start
    finally:
        Passes.__call__ = call  # type: ignore[method-assign]
    plain, ours = timings["plain"].seconds * scale, timings["ours"].seconds
    print("| one image, ViTmiX protocol | seconds |\n|---|---:|")
    print(f"| plain way ({len(chosen)} of {len(worker.combinations)} combinations timed, scaled up) | {plain:.1f} |")
    print(f"| ours | {ours:.1f} |")
    print(f"\nRatio: {plain / ours:.1f} times faster. Share of our time in the model's forwards: {inside / whole:.0%}.")


def growth(count: int) -> None:
    """Seconds and memory as the number of pictures grows."""
    from tests.evaluation.small import picture, small_model

    torch.set_num_threads(1)
    model = small_model()
    print("| pictures | seconds | per picture, ms | peak memory, MB |\n|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for i in range(count):
            picture(root / "data" / f"{i}.png", i)
        done = 0
        while done < count:
            limit = min(count, max(1, count // 4) + done)
            plan = Plan(
                data=str(root / "data"), model="small", methods=("rollout",), scores=("deletion",), steps=4, limit=limit
            )
            start = time.perf_counter()
            summary = run(plan, model, root / "run")
            taken = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"| {limit} | {taken:.1f} | {1000 * taken / summary.fresh:.1f} | {peak:.0f} |", flush=True)
            done = limit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--plain-share", type=int, default=2, help="number of combinations on which plain code is timed"
    )
    parser.add_argument("--growth", type=int, metavar="N", help="evaluate up to N generated pictures instead")
    arguments = parser.parse_args()
    print(f"On {machine()}.\n")
    if arguments.growth:
        growth(arguments.growth)
    else:
        one_image(arguments.rounds, arguments.plain_share)


if __name__ == "__main__":
    main()
