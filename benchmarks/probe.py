"""How long a linear probe takes: `python -m benchmarks.probe [--rows 100000] [--width 768] [--classes 300]`.

The features are synthetic: each class has its centre, the variances of the axes fall by a power law as those of
backbones do, and a few axes have a hundred times the variance. Rows are kept in float16, as in the cache of
features.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
import torch

import vitinspect as vi


def features(rows: int, width: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.arange(1, width + 1).float().pow(-0.6)
    scales[:4] *= 10
    # The centres and the rotation are the same for every seed, so that another seed gives rows for validation.
    fixed = torch.Generator().manual_seed(1234)
    centres = 1.1 * torch.randn(classes, width, generator=fixed)
    rotation, _ = torch.linalg.qr(torch.randn(width, width, generator=fixed))
    labels = torch.randint(0, classes, (rows,), generator=generator)
    found = np.empty((rows, width), np.float16)
    for start in range(0, rows, 10000):
        some = labels[start : start + 10000]
        noise = torch.randn(len(some), width, generator=generator) * 3
        found[start : start + 10000] = (((0.6 * centres[some] + noise) * scales) @ rotation + 0.3).half().numpy()
    return found, labels.numpy()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--classes", type=int, default=300)
    parser.add_argument("--loss", choices=("ce", "bce"), default="ce")
    parser.add_argument("--single", type=float, default=0.1, help="C of the single fit")
    options = parser.parse_args()
    x, y = features(options.rows, options.width, options.classes)
    check = features(options.rows // 10, options.width, options.classes, seed=1)
    for grid in ([options.single], list(vi.probing.GRID)):
        began, worked = time.perf_counter(), time.process_time()
        probe = vi.probing.fit(x, y, validation=check, loss=options.loss, C=grid)
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        tried = [[t.C, round(t.validation or 0, 4), round(t.loss or 0, 4), t.steps, t.converged] for t in probe.grid]
        threads = torch.get_num_threads()
        times = {"seconds": round(seconds, 1), "processor_seconds": round(processor, 1), "threads": threads}
        print(json.dumps({"grid": len(grid), **times, "tried": tried}), flush=True)


if __name__ == "__main__":
    main()
