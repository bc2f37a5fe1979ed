"""What happens on this device when memory is exhausted, on a cancel, and when two models run at once."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

from benchmarks.gpu_tools import Setting, head, mib, row

MANY_PASSES = ("reciprocam", "occlusion", "multiplex", "rise", "scorecam", "integrated_gradients")


def _model(name: str, setting: Setting, **changes: Any) -> Any:
    import timm
    import torch

    import vitinspect as vi

    torch.manual_seed(0)
    module = timm.create_model(name, num_classes=10, **changes).eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return vi.wrap_model(module.to(setting.device), device=None, name=name)


def _large(setting: Setting) -> Any:
    if setting.quick:
        return _model("vit_tiny_patch16_224", setting, img_size=64, depth=2)
    return _model("vit_base_patch16_224", setting, img_size=384)


def _input(model: Any, seed: int = 1) -> Any:
    import torch

    return torch.randn(3, *model.input_size, generator=torch.Generator().manual_seed(seed)).to(model.device)


@contextlib.contextmanager
def _little_memory(setting: Setting, model: Any, spare: float) -> Iterator[None]:
    """On a GPU the allocator's limit, ``spare`` bytes above what is allocated; elsewhere no batch above two fits."""
    import torch

    if setting.cuda:
        torch.cuda.empty_cache()
        held = torch.cuda.memory_reserved(setting.device)
        total = torch.cuda.get_device_properties(setting.device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, (held + spare) / total), setting.device)
        try:
            yield
        finally:
            torch.cuda.set_per_process_memory_fraction(1.0, setting.device)
        return

    def refuse(_module: Any, arguments: tuple[Any, ...]) -> None:
        if len(arguments[0]) > 2:
            raise RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate many bytes.")

    handles = [block.register_forward_pre_hook(refuse) for block in model.blocks]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def out_of_memory(setting: Setting) -> bool:
    """Methods of many passes under a real limit: chunks are halved, and the map stays the same."""
    import vitinspect as vi
    from tests.goldens import error
    from vitinspect.explainers.passes import chunks

    model = _large(setting)
    x = _input(model)
    methods = MANY_PASSES[:2] if setting.quick else MANY_PASSES
    spare = (1200, 400) if setting.cuda else (0,)
    head("method", "MiB to spare", "halved, times", "difference from the unlimited map", "seconds", numbers=4)
    good, halved_ever = True, 0
    for method in methods:
        whole = vi.explain(model, x, [method], 1)[method].values
        for megabytes in spare:
            count = 0
            release = chunks.release_memory

            def counted(release: Any = release) -> None:
                nonlocal count
                count += 1
                release()

            start = time.perf_counter()
            try:
                with (
                    _little_memory(setting, model, megabytes * 2**20),
                    mock.patch.object(chunks, "release_memory", counted),
                ):
                    found = vi.explain(model, x, [method], 1)[method].values
            except vi.VitInspectError as refused:
                row(method, megabytes or "-", count, f"refused: {refused}", f"{time.perf_counter() - start:.1f}")
                continue
            off = error(found, whole)
            holds = off <= (0.2 if method == "multiplex" else 1e-3)
            good = good and holds
            halved_ever += count
            shown = f"{off:.1e}" if holds else f"**{off:.1e}**"
            row(method, megabytes or "-", count, shown, f"{time.perf_counter() - start:.1f}")
    if not halved_ever:
        print("\n**No batch was halved**: the limit was not reached.")
    again = vi.explain(model, x, [methods[0]], 1)[methods[0]].values
    print(f"\nAfter the limit was removed: {'runs' if np.isfinite(again).all() else '**not finite**'}.")
    return good and halved_ever > 0


def cancel(setting: Setting) -> bool:
    """A cancel from another thread: how soon it takes effect, how much memory it leaves behind."""
    import torch

    import vitinspect as vi

    model = _large(setting)
    x = _input(model)
    # The first matrix products of a thread, and of its backward passes, allocate a workspace of some megabytes for
    # good.
    vi.explain(model, x, ["rollout", "saliency", "rise(masks=8)", "integrated_gradients(steps=2)"], 1)
    gc.collect()
    before = torch.cuda.memory_allocated(setting.device) if setting.cuda else 0
    head("method", "cancelled after, s", "stopped after, ms", "MiB left behind", numbers=3)
    good = True
    for method in ("rise(masks=100000)", "integrated_gradients(steps=1000)", "smoothgrad(samples=1000)"):
        token = vi.CancelToken()
        wait = 0.05 if setting.quick else 0.5
        asked: list[float] = []

        def ask(token: Any = token, asked: list[float] = asked, wait: float = wait) -> None:
            time.sleep(wait)
            asked.append(time.perf_counter())
            token.cancel()

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            vi.explain(model, x, [method], 1, cancel=token)
            heard = "ended before it was cancelled"
        except vi.Cancelled:
            late = 1000 * (time.perf_counter() - asked[0])
            heard = f"{late:.0f}"
            good = good and (setting.quick or late < 1000)
        thread.join()
        gc.collect()
        left = torch.cuda.memory_allocated(setting.device) - before if setting.cuda else 0
        good = good and left < 2**20
        row(f"`{method}`", wait, heard, mib(left))
    again = vi.explain(model, x, ["rollout", "saliency"], 1)
    return good and all(np.isfinite(found.values).all() for found in again.values())


def two_models(setting: Setting) -> bool:
    """Two models, then one model, used by two threads at once: the numbers of one after the other."""
    import vitinspect as vi
    from tests.goldens import error

    a = vi.load_model("demo", device=setting.device)
    b = _model("vit_small_patch16_224", setting, depth=2 if setting.quick else 12)
    methods = ["rollout", "lrp", "saliency", "gradcam", "reciprocam"][: 3 if setting.quick else 5]
    head("used at once", "rounds", "largest difference from one after the other", numbers=2)
    good = True
    for title, pair in (("two models", (a, b)), ("one model", (b, b))):
        inputs = [_input(model, seed) for seed, model in enumerate(pair)]
        alone = [vi.explain(model, x, methods, 1) for model, x in zip(pair, inputs, strict=True)]
        rounds = 1 if setting.quick else 5
        worst, problems = _at_once(pair, inputs, methods, rounds, alone, error)
        holds = worst <= 1e-4 and not problems
        good = good and holds
        row(title, rounds, problems[0] if problems else f"{worst:.1e}" if holds else f"**{worst:.1e}**")
    return good


def _at_once(
    pair: Any, inputs: Any, methods: list[str], rounds: int, alone: Any, error: Any
) -> tuple[float, list[str]]:
    import vitinspect as vi

    worst, problems = [0.0], []
    begin = threading.Barrier(2)

    def ask(place: int) -> None:
        try:
            for _ in range(rounds):
                begin.wait(60)
                found = vi.explain(pair[place], inputs[place], methods, 1)
                worst.extend(error(found[m].values, alone[place][m].values) for m in methods)
        except Exception as failed:
            problems.append(f"{type(failed).__name__}: {failed}")
            begin.abort()

    threads = [threading.Thread(target=ask, args=(place,)) for place in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return max(worst), problems
