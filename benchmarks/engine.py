"""How fast the engine is, compared with plain code and with other packages.

``python -m benchmarks.engine`` runs everything on the bundled model and on an untrained ViT-B/16 at 224 pixels, side by
side in one process, and prints a table of medians. ``--only`` chooses rows, ``--model`` a model, ``--device cuda`` a
GPU.
Rows whose package is not installed (extra ``bench``) are left out and named.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import sys
import types
import unittest.mock
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import vitinspect as vi
from benchmarks.plain import embed, plain_masked_forward, plain_reciprocam
from benchmarks.timing import alternate, machine

SINGLE_TRACE = [
    "raw_attention", "rollout", "gradient_rollout", "attention_gradcam", "attention_gradient", "gmar(norm=l1)", "gmar",
    "gradcam", "gradcam_plus_plus", "layercam", "saliency", "input_x_gradient",
]  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """One row: the others are compared with the first competitor."""

    name: str
    goal: str
    rounds: int
    competitors: dict[str, Callable[[], object]]


def frozen(model: vi.ViT) -> nn.Module:
    module = model.module
    for parameter in module.parameters():
        parameter.requires_grad_(False)
    return module


def plain_pass(module: nn.Module, x: torch.Tensor) -> Callable[[], object]:
    """A fused forward and a backward pass to the input: the least that a gradient method costs."""

    def run() -> None:
        inputs = x.clone().requires_grad_(True)
        logits = module(inputs)
        logits.max(-1).values.sum().backward()

    return run


@torch.no_grad()
def masked_forwards(module: nn.Module, x: torch.Tensor, masks: torch.Tensor) -> None:
    """Only the part in which the multiplex authors' code spends its time: the masks are given."""
    tokens, rope = embed(module, x)
    for mask in masks:
        plain_masked_forward(module, tokens, rope, mask)


def comparisons(model: vi.ViT, device: str) -> Iterator[Comparison]:
    """All rows for one model."""
    module = frozen(model)
    height, width = model.input_size
    torch.manual_seed(0)
    x = torch.randn(1, 3, height, width, device=device)
    target = int(model.logits(x).argmax())
    plain = {"plain forward + backward": plain_pass(module, x)}

    def ours(methods: list[str], precision: str = "float32") -> Callable[[], vi.Explanation]:
        return lambda: vi.explain(model, x[0], methods, target, precision)

    yield Comparison("12 single-trace methods", "at most 1.3", 9, {**plain, "ours": ours(SINGLE_TRACE)})
    yield Comparison("lrp", "at most 3", 7, {**plain, "ours": ours(["lrp"])})
    yield Comparison("attnlrp", "at most 2", 7, {**plain, "ours": ours(["attnlrp"])})
    yield Comparison("legrad, all blocks", "at most 2", 7, {**plain, "ours": ours(["legrad(start_layer=0)"])})
    half = model.at_precision("bfloat16")
    masks = torch.from_numpy(
        vi.explain(model, x[0], ["multiplex"], target, details=True)["multiplex"].details["masks"]
    ).to(device)
    yield Comparison(
        "multiplex",
        "at most 1/1.5 = 0.67 in float32, 1/4 = 0.25 in bfloat16 (1/8 = 0.125 on a GPU)",
        3,
        {
            "54 masked forwards, one by one": lambda: masked_forwards(module, x, masks),
            "ours, float32, all of the method": ours(["multiplex"]),
            "54 masked forwards in bfloat16": lambda: masked_forwards(half.module, x.bfloat16(), masks),
            "ours, bfloat16, all of the method": ours(["multiplex"], "bfloat16"),
        },
    )
    yield Comparison(
        "reciprocam",
        "at most 1/2 = 0.5",
        3,
        {"plain batch": lambda: plain_reciprocam(module, x, target, model.grid), "ours": ours(["reciprocam"])},
    )
    count = 32
    batch = torch.randn(count, 3, height, width, device=device)
    images = list(batch)
    yield Comparison(
        "explain_batch of 32: rollout, attention_gradient, saliency",
        "at most 1/0.9 = 1.11",
        3,
        {
            "plain batched forward + backward": plain_pass(module, batch),
            "ours": lambda: vi.explain_batch(
                model, images, ["rollout", "attention_gradient", "saliency"], [target] * count
            ),
        },
    )
    yield from package_rows(model, module, x, target, ours)


def package_rows(
    model: vi.ViT,
    module: nn.Module,
    x: torch.Tensor,
    target: int,
    ours: Callable[[list[str]], Callable[[], vi.Explanation]],
) -> Iterator[Comparison]:
    """The same method by other packages in common use."""
    if importlib.util.find_spec("captum"):
        from captum.attr import InputXGradient, IntegratedGradients

        ixg, ig = InputXGradient(module), IntegratedGradients(module)
        fresh = lambda: x.clone().requires_grad_(True)  # noqa: E731
        yield Comparison(
            "input_x_gradient against captum", "at most 1", 7,
            {"captum": lambda: ixg.attribute(fresh(), target=target), "ours": ours(["input_x_gradient"])},
        )  # fmt: skip
        yield Comparison(
            "integrated_gradients, 50 steps, against captum", "at most 1", 3,
            {
                "captum": lambda: ig.attribute(x, target=target, n_steps=50, internal_batch_size=8),
                "ours": ours(["integrated_gradients"]),
            },
        )  # fmt: skip
    else:
        print("captum is not installed: its rows are left out")
    if importlib.util.find_spec("pytorch_grad_cam"):
        from pytorch_grad_cam import EigenCAM, GradCAM, LayerCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

        rows, columns = model.grid

        def reshape(tokens: torch.Tensor) -> torch.Tensor:
            patches = tokens[:, model.prefix_tokens :]
            return patches.reshape(len(tokens), rows, columns, -1).permute(0, 3, 1, 2)

        for cls, name in ((GradCAM, "gradcam"), (LayerCAM, "layercam"), (EigenCAM, "eigencam")):

            def theirs(cls: type = cls) -> object:
                with cls(model=module, target_layers=[module.blocks[-1].norm1], reshape_transform=reshape) as cam:
                    # The gradients of its layers need a graph, and the parameters here require no gradient.
                    return cam(input_tensor=x.clone().requires_grad_(True), targets=[ClassifierOutputTarget(target)])

            yield Comparison(f"{name} against grad-cam", "at most 1", 5, {"grad-cam": theirs, "ours": ours([name])})
    else:
        print("grad-cam is not installed: its rows are left out")
    if importlib.util.find_spec("lxt"):
        theirs, mine = with_lxt(module, x, target), ours(["attnlrp(attention=attnlrp,resolution=pixel)"])
        difference = np.abs(next(iter(mine().values())).values - theirs().detach().numpy(force=True)).max()
        yield Comparison(
            f"attnlrp against lxt (largest difference {difference / theirs().abs().max():.0e})", "at most 1", 7,
            {"lxt": theirs, "ours": mine},
        )  # fmt: skip
    else:
        print("lxt is not installed: its row is left out")


def with_lxt(module: nn.Module, x: torch.Tensor, target: int) -> Callable[[], torch.Tensor]:
    """AttnLRP by lxt's own patches, applied to timm's classes during a call and removed afterwards."""
    # lxt imports every model of transformers that it knows, and transformers 5 lacks some of them.
    stand_in = types.ModuleType("lxt.efficient.models")
    stand_in.get_default_map = None  # type: ignore[attr-defined]
    sys.modules.setdefault("lxt.efficient.models", stand_in)
    from lxt.efficient import patches

    norm, activation, attention = type(module.norm), type(module.blocks[0].mlp.act), F.scaled_dot_product_attention
    patched = patches.wrap_attention_forward(lambda _, *args, **kwargs: attention(*args, **kwargs))
    exchanged = [
        (norm, "forward", patches.layer_norm_forward),
        (activation, "original_forward", activation.forward),
        (activation, "forward", patches.non_linear_forward),
        (F, "scaled_dot_product_attention", lambda *args, **kwargs: patched(None, *args, **kwargs)),
    ]

    def run() -> torch.Tensor:
        with contextlib.ExitStack() as stack:
            for owner, name, new in exchanged:
                stack.enter_context(unittest.mock.patch.object(owner, name, new, create=True))
            inputs = x.clone().requires_grad_(True)
            module(inputs)[0, target].backward()
            return (inputs * inputs.grad).sum(1)[0]

    return run


def models(names: list[str], device: str) -> Iterator[vi.ViT]:
    for name in names:
        if name == "demo":
            yield vi.load_model("demo", device=device)
        else:
            import timm

            torch.manual_seed(0)
            yield vi.wrap_model(timm.create_model(name).eval(), device=device, name=f"{name}, untrained")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", action="append", help="demo or a timm name (default: the two models of the table)")
    parser.add_argument("--only", help="only rows whose name contains this text")
    parser.add_argument(
        "--without", default="\0", help="rows and competitors whose name contains this text are left out"
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, help="counted rounds of each row")
    arguments = parser.parse_args()
    print(f"On {machine()}.\n")
    for model in models(arguments.model or ["demo", "vit_base_patch16_224"], arguments.device):
        print(f"### {model.name}\n")
        print("| what | against | ours, seconds | ratio (quartiles) | goal |")
        print("|---|---|---:|---:|---|")
        for row in comparisons(model, arguments.device):
            if arguments.only and arguments.only not in row.name:
                continue
            if arguments.without in row.name:
                continue
            competitors = {name: run for name, run in row.competitors.items() if arguments.without not in name}
            timings = list(alternate(competitors, rounds=arguments.rounds or row.rounds, warm_up=1).values())
            first, *others = timings
            for timing in others:
                label = row.name if len(others) == 1 else f"{row.name}: {timing.name}"
                print(
                    f"| {label} | {first.name}, {first.seconds:.3f} s | {timing.seconds:.3f} | "
                    f"{timing.ratio:.2f} ({timing.low:.2f} to {timing.high:.2f}) | {row.goal} |",
                    flush=True,
                )
        print()


if __name__ == "__main__":
    main()
