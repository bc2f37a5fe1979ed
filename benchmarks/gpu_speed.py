"""How fast this device is, how much of its arithmetic is used, how much memory is used."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from benchmarks.gpu_tools import Setting, head, mib, row, seconds, synchronise

SINGLE_TRACE = (
    "raw_attention,rollout,gradient_rollout,attention_gradcam,attention_gradient,gmar(norm=l1),gmar,"
    "gradcam,gradcam_plus_plus,layercam,saliency,input_x_gradient"
)
PRECISIONS = ("float32", "bfloat16")


def machine(setting: Setting) -> bool:
    """The machine on which the numbers were measured."""
    import timm
    import torch

    from benchmarks.timing import machine as processor

    head("what", "value")
    if setting.cuda:
        properties = torch.cuda.get_device_properties(setting.device)
        row("GPU", f"{properties.name}, {mib(properties.total_memory)} MiB, {properties.multi_processor_count} SMs")
        row("driver", _driver())
        row("CUDA of torch", torch.version.cuda)
        row("TF32 in matrix products, in convolutions",
            f"{torch.backends.cuda.matmul.allow_tf32}, {torch.backends.cudnn.allow_tf32}")  # fmt: skip
    row("processor", f"{processor()}, {os.cpu_count()} cores")
    row("Python, torch, timm", f"{platform.python_version()}, {torch.__version__}, {timm.__version__}")
    for precision in PRECISIONS:
        row(
            f"limit in {precision}, by one large matrix product",
            f"{arithmetic_limit(setting, precision) / 1e12:.2f} Tflop/s",
        )
    return True


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout.split()
        if found:
            return found[0]
    return "unknown"


def arithmetic_limit(setting: Setting, precision: str) -> float:
    """Operations per second of a large matrix product, the upper limit for every method."""
    import torch

    size = 512 if setting.quick else 8192 if setting.cuda else 2048
    a, b = (torch.randn(size, size, device=setting.device, dtype=getattr(torch, precision)) for _ in "ab")
    return 2 * size**3 / seconds(setting, lambda: a @ b, rounds=3 if setting.quick else 10, warm_up=2)


def operations(work: Callable[[], object]) -> int:
    """The floating-point operations of all matrix products of a call."""
    from torch.utils._python_dispatch import TorchDispatchMode
    from torch.utils.flop_counter import flop_registry

    class Counter(TorchDispatchMode):
        """torch's own counter hooks every module, which fails with gradients of single tensors."""

        total = 0

        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            result = function(*args, **kwargs)
            formula = flop_registry.get(function._overloadpacket)
            if formula is not None:
                self.total += formula(*args, **kwargs, out_val=result)
            return result

    with Counter() as counter:
        work()
    return counter.total


def _model(name: str, setting: Setting, **changes: Any) -> Any:
    import timm
    import torch

    import vitinspect as vi

    if name == "demo":
        model = vi.load_model("demo", device=setting.device)
        for parameter in model.module.parameters():
            parameter.requires_grad_(False)
        return model
    torch.manual_seed(0)
    module = timm.create_model(name, **changes).eval()
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return vi.wrap_model(module.to(setting.device), device=None, name=name)


def engine(setting: Setting) -> bool:
    """Methods compared with a plain forward and backward pass."""
    import torch

    import vitinspect as vi

    names = ["demo"] if setting.quick else ["demo", "vit_base_patch16_224", "vit_large_patch16_384"]
    rows: dict[str, list[str]] = {
        "12 methods of one trace": SINGLE_TRACE.replace(",", " ").split(),
        "lrp": ["lrp"],
        "attnlrp": ["attnlrp"],
        "legrad, all blocks": ["legrad(start_layer=0)"],
        "multiplex": ["multiplex"],
        "reciprocam": ["reciprocam"],
    }
    if setting.quick:
        rows = {name: rows[name] for name in ("lrp", "reciprocam")}
    head("model", "precision", "what", "ms", "over plain", "share of the limit", numbers=3)
    for name in names:
        model = _model(name, setting)
        for precision in PRECISIONS[: 1 if setting.quick else 2]:
            limit = arithmetic_limit(setting, precision)
            half = model.at_precision(precision)
            x = torch.randn(1, 3, *model.input_size, device=setting.device)

            def plain(batch: Any, half: Any = half) -> None:
                inputs = batch.to(half.dtype).requires_grad_(True)
                half.module(inputs).float().max(-1).values.sum().backward()

            rounds = 2 if setting.quick else 5
            base = seconds(setting, lambda x=x, plain=plain: plain(x), rounds)
            flops = operations(lambda x=x, plain=plain: plain(x))
            row(name, precision, "plain forward and backward", f"{1000 * base:.1f}", "", _share(flops, base, limit))
            for title, methods in rows.items():

                def ours(methods: Any = methods, x: Any = x, model: Any = model, precision: str = precision) -> None:
                    vi.explain(model, x[0], methods, 1, precision)

                taken = seconds(setting, ours, rounds)
                share = _share(operations(ours), taken, limit)
                row(name, precision, title, f"{1000 * taken:.1f}", f"{taken / base:.2f}", share)
            if not setting.quick:
                _batch(setting, name, model, precision, limit, plain)
    print("\nShare: operations of all matrix products per second, divided by those of one large matrix product.")
    return True


def _batch(setting: Setting, name: str, model: Any, precision: str, limit: float, plain: Any) -> None:
    import torch

    import vitinspect as vi

    count = 32
    batch = torch.randn(count, 3, *model.input_size, device=setting.device)
    base = seconds(setting, lambda: plain(batch), 3)
    methods = ["rollout", "attention_gradient", "saliency"]

    def ours() -> None:
        vi.explain_batch(model, list(batch), methods, [1] * count, precision)

    taken = seconds(setting, ours, 3)
    title = f"{count} pictures at once: {', '.join(methods)}"
    row(name, precision, title, f"{1000 * taken:.0f}", f"{taken / base:.2f}", _share(operations(ours), taken, limit))


def _share(flops: float, taken: float, limit: float) -> str:
    return f"{flops / taken / limit:.0%}"


def evaluation(setting: Setting) -> bool:
    """One picture of the bundled gallery by the ViTmiX protocol: 14 combinations, 14 deletion curves of 101 points."""
    from vitinspect.evaluation.datasets import open_dataset
    from vitinspect.evaluation.plan import Plan, preset
    from vitinspect.evaluation.reading import read_picture
    from vitinspect.evaluation.work import Worker

    dataset = open_dataset("demo")
    item = next(item for item in dataset.items if item.masks)
    head("model", "scores in", "what", "seconds per picture", "share of the limit", numbers=2)
    good = True
    for name in ["demo"] if setting.quick else ["demo", "vit_base_patch16_224"]:
        model = _model(name, setting)
        for precision in PRECISIONS[: 1 if setting.quick else 2]:
            if setting.quick:
                what, plan = (
                    "2 methods, 4 steps",
                    Plan("demo", methods=("rollout", "saliency"), scores=("deletion",), steps=4),
                )
            else:
                protocol = preset("vitmix", "voc", data="demo", model="demo", score_precision=precision)
                # An untrained model never reaches the protocol's confidence, so its pictures would be skipped.
                what, plan = "ViTmiX", replace(protocol, min_confidence=0.0)
            picture = read_picture(dataset, item, 0, model, plan)
            worker = Worker(model, plan, dataset)
            results: list[Any] = []

            def work(worker: Any = worker, picture: Any = picture, results: list[Any] = results) -> None:
                results.append(worker.evaluate(picture))

            taken = seconds(setting, work, 1)
            flops = operations(work)
            failed = [result.reason or result.state for result in results if result.state != "done"]
            if failed:
                good = False
                row(name, precision, what, f"**{failed[0]}**", "")
                continue
            row(name, precision, what, f"{taken:.2f}", _share(flops, taken, arithmetic_limit(setting, precision)))
    return good


def memory(setting: Setting) -> bool:
    """Peaks above the memory in use once the model is loaded; counted by the GPU's allocator, and not on a CPU."""
    import torch

    import vitinspect as vi

    cases = [("vit_base_patch14_dinov2", 518), ("vit_base_patch16_224", 1024)]
    if setting.quick:
        cases = [("vit_tiny_patch16_224", 96)]
    what = {
        "plain": None,
        "12 methods of one trace": SINGLE_TRACE,
        "lrp": "lrp",
        "attnlrp": "attnlrp",
        "legrad": "legrad(start_layer=0)",
    }
    head("model", "what", "peak, MiB", "over plain", "seconds", numbers=3)
    for name, size in cases:
        model = _model(name, setting, img_size=size, num_classes=10)
        x = torch.randn(1, 3, size, size, device=setting.device)
        plain_peak = 0.0
        for title, methods in what.items():

            def work(methods: str | None = methods, model: Any = model, x: Any = x) -> None:
                if methods is None:
                    inputs = x.clone().requires_grad_(True)
                    model.module(inputs)[0, 0].backward()
                else:
                    vi.explain(model, x[0], methods, 0)

            before = 0
            if setting.cuda:
                torch.cuda.empty_cache()
                synchronise(setting)
                before = torch.cuda.memory_allocated(setting.device)
                torch.cuda.reset_peak_memory_stats(setting.device)
            taken = seconds(setting, work, 1, warm_up=0)
            peak = torch.cuda.max_memory_allocated(setting.device) - before if setting.cuda else 0
            plain_peak = plain_peak or peak
            over = f"{peak / plain_peak:.2f}" if plain_peak else ""
            row(f"{name} at {size} px", title, mib(peak) if setting.cuda else "not counted", over, f"{taken:.2f}")
    return True
