"""How much memory the engine takes, compared with a plain fused forward and backward pass.

``python -m benchmarks.memory`` runs each contender in its own process and prints the peak above the memory that the
process had once the model was built: on a CPU of the resident set, with ``--device cuda`` of the allocator.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

SINGLE_TRACE = (
    "raw_attention,rollout,gradient_rollout,attention_gradcam,attention_gradient,gmar(norm=l1),gmar,"
    "gradcam,gradcam_plus_plus,layercam,saliency,input_x_gradient"
)
CONTENDERS = {
    "plain": None,
    "single-trace set": SINGLE_TRACE,
    "lrp": "lrp",
    "attnlrp": "attnlrp",
    "legrad": "legrad(start_layer=0)",
}
CASES = {
    "vit_base_patch14_dinov2 at 518 px": ("vit_base_patch14_dinov2", 518),
    "vit_base_patch16_224 at 1024 px": ("vit_base_patch16_224", 1024),
}


class Peak:
    """The highest resident set while it is watched. The kernel's own peak also counts what was freed before."""

    def __init__(self) -> None:
        self.highest = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    @staticmethod
    def now() -> int:
        try:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return pages * resource.getpagesize()

    def _watch(self) -> None:
        while not self._stop.wait(0.005):
            self.highest = max(self.highest, self.now())

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def child(name: str, size: int, methods: str | None, device: str) -> None:
    import timm
    import torch

    import vitinspect as vi

    torch.manual_seed(0)
    module = timm.create_model(name, img_size=size, num_classes=10).eval().to(device)
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    model = vi.wrap_model(module, device=None)
    x = torch.randn(1, 3, size, size, device=device)
    cuda = device.startswith("cuda")
    before = torch.cuda.memory_allocated() if cuda else Peak.now()
    start = time.perf_counter()
    with Peak() as peak:
        if methods is None:
            inputs = x.clone().requires_grad_(True)
            module(inputs)[0, 0].backward()
        else:
            vi.explain(model, x[0], methods, 0)
    highest = torch.cuda.max_memory_allocated() if cuda else peak.highest
    print(json.dumps({"mib": (highest - before) / 2**20, "seconds": time.perf_counter() - start}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--only", help="only contenders whose name contains this text; plain always runs")
    arguments = parser.parse_args()
    if arguments.child:
        name, size, methods = arguments.child
        child(name, int(size), methods or None, arguments.device)
        return
    print("| model | what | peak, MiB | over plain | seconds |\n|---|---|---:|---:|---:|")
    for case in arguments.case or CASES:
        name, size = CASES[case]
        plain = 0.0
        for contender, methods in CONTENDERS.items():
            if arguments.only and contender != "plain" and arguments.only not in contender:
                continue
            command = [sys.executable, "-m", "benchmarks.memory", "--device", arguments.device, "--child"]
            ended = subprocess.run(
                [*command, name, str(size), methods or ""], capture_output=True, text=True, check=True
            )
            found = json.loads(ended.stdout.strip().splitlines()[-1])
            plain = plain or found["mib"]
            print(
                f"| {case} | {contender} | {found['mib']:.0f} | {found['mib'] / plain:.2f} | {found['seconds']:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
