"""Which method works on which of timm's Vision Transformers, found by running them.

Every configuration of timm's VisionTransformer and Eva classes is built at reduced depth and width with random
weights. Configurations that differ in size alone count as one family. On one member of each family every method is run
and its map checked. ``python -m tests.support_matrix --write docs/support.md`` prints the table into the docs.
"""

from __future__ import annotations

import argparse
import inspect
import logging
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch

import vitinspect as vi

CHEAP = {
    "occlusion": "occlusion",
    "rise": "rise(masks=8)",
    "smoothgrad": "smoothgrad(samples=2)",
    "integrated_gradients": "integrated_gradients(steps=3)",
}
"""Settings that make slow methods fast; only whether they work is tested."""

GRID = 3
HEADS, HEAD_DIM, DEPTH = 2, 16, 2
SIZE_ARGUMENTS = {"embed_dim", "depth", "num_heads", "img_size", "patch_size", "num_classes", "init_values"}


def configuration_names() -> dict[str, type]:
    """All of timm's architectures whose class is VisionTransformer, its distilled form, or Eva."""
    from timm.models import deit, eva, vision_transformer

    found: dict[str, type] = {}
    for name in timm.list_models():
        entry = timm.model_entrypoint(name)
        module = inspect.getmodule(entry)
        if module is eva:
            found[name] = eva.Eva
        elif module in (vision_transformer, deit):
            distilled = "distilled" in name
            found[name] = deit.VisionTransformerDistilled if distilled else vision_transformer.VisionTransformer
    return found


def build_small(name: str) -> torch.nn.Module:
    """The architecture with two narrow blocks and a grid of 3x3 patches."""
    patch = int(re.search(r"patch(\d+)", name)[1]) if "patch" in name else 16
    known = timm.get_pretrained_cfg(name, allow_unregistered=True)
    small: dict[str, Any] = {"depth": DEPTH, "embed_dim": HEADS * HEAD_DIM, "num_heads": HEADS}
    small["num_classes"] = 0 if known is not None and known.num_classes == 0 else 5
    torch.manual_seed(0)
    try:
        return timm.create_model(name, img_size=GRID * patch, **small).eval()
    except AssertionError as error:
        if "num_kv_heads" not in str(error):
            raise
        # Grouped queries in some blocks only: a sequence of the depth's length.
        return timm.create_model(name, img_size=GRID * patch, **small, num_kv_heads=[HEADS, 1]).eval()


def signature(module: torch.nn.Module) -> tuple[str, ...]:
    """What of the structure can matter to a method: module classes and what is there, not sizes."""
    block = module.blocks[0]
    parts = sorted({f"{path.split('.', 2)[-1]}:{type(m).__name__}" for path, m in block.named_modules() if path})
    top = [f"{n}:{type(m).__name__}" for n, m in module.named_children() if n != "blocks"]
    facts = [
        type(module).__name__,
        type(block).__name__,
        str(getattr(module, "global_pool", "")),
        f"prefix={getattr(module, 'num_prefix_tokens', 0)}",
        f"class={getattr(module, 'cls_token', None) is not None}",
        f"gamma={getattr(block, 'gamma_1', None) is not None}",
        f"rope={type(getattr(module, 'rope', None)).__name__}",
        f"gate={getattr(getattr(block, 'attn', None), 'gate', None) is not None}",
        f"outputs={getattr(module, 'num_classes', 0) > 0}",
    ]
    return (*facts, *top, *parts)


@dataclass
class Family:
    """Architectures that differ in size alone, and what each method said on one of them."""

    names: list[str]
    outcome: dict[str, str]
    """Method id to "works" or the sentence that says why not."""


def try_methods(module: torch.nn.Module) -> dict[str, str]:
    """Run every method on a small random image; "works", the refusal, or "FAILED: ..."."""
    model = vi.wrap_model(module, name=type(module).__name__)
    torch.manual_seed(1)
    size = model.module.patch_embed.img_size
    x = torch.randn(3, *size)
    target: Any = 1 if model.has_classifier else vi.TextEmbedding(np.random.default_rng(0).normal(size=model.outputs))
    outcome = {}
    for info in vi.methods():
        try:
            result = vi.explain(model, x, [CHEAP.get(info.id, info.id)], target)
        except vi.MethodNotApplicable as refusal:
            outcome[info.id] = refusal.reason
        except Exception as error:
            outcome[info.id] = f"FAILED: {type(error).__name__}: {error}"
        else:
            values = next(iter(result.values())).values
            good = values.shape in ((GRID, GRID), tuple(size)) and np.isfinite(values).all()
            outcome[info.id] = "works" if good else f"FAILED: shape {values.shape}"
    return outcome


def families(run: bool = True) -> tuple[list[Family], dict[str, str]]:
    """All families, and the architectures that could not be built small (with the reason)."""
    logging.disable(logging.WARNING)
    grouped: dict[tuple[str, ...], list[str]] = defaultdict(list)
    unbuilt: dict[str, str] = {}
    members: dict[tuple[str, ...], torch.nn.Module] = {}
    for name in configuration_names():
        try:
            module = build_small(name)
        except Exception as error:
            unbuilt[name] = f"{type(error).__name__}: {error}"
            continue
        key = signature(module)
        grouped[key].append(name)
        members.setdefault(key, module)
    found = [Family(names, try_methods(members[key]) if run else {}) for key, names in grouped.items()]
    return sorted(found, key=lambda f: -len(f.names)), unbuilt


def as_markdown(found: list[Family], unbuilt: dict[str, str]) -> str:
    """The table for the docs."""
    ids = vi.methods().ids
    total = sum(len(f.names) for f in found)
    lines = [
        "# What works on which model",
        "",
        f"Made by `python -m tests.support_matrix --write docs/support.md` with timm {timm.__version__}: {total} "
        f"architectures of timm's VisionTransformer and Eva classes, in {len(found)} families that differ in more than "
        "size. Each family was built small with random weights, and every method was run on it.",
        "",
        "A number in the table points to the sentence below it; a dot means that the method works.",
        "",
    ]
    reasons: dict[str, int] = {}
    columns = [f"F{i + 1}" for i in range(len(found))]
    lines += ["| method | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)]
    for method in ids:
        cells = []
        for family in found:
            said = family.outcome[method]
            cells.append("·" if said == "works" else str(reasons.setdefault(said, len(reasons) + 1)))
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    lines += ["", "## Why not", ""]
    lines += [f"{number}. {reason}" for reason, number in reasons.items()] or ["Every method works on every family."]
    lines += ["", "## The families", ""]
    lines += [f"- **F{i + 1}** ({len(f.names)}): " + ", ".join(f"`{n}`" for n in f.names) for i, f in enumerate(found)]
    if unbuilt:
        lines += ["", "## Not built small", "", "These could not be shrunk, and so were not tried:", ""]
        lines += [f"- `{name}`: {reason}" for name, reason in unbuilt.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", type=Path, help="the file to print the table into")
    arguments = parser.parse_args()
    found, unbuilt = families()
    text = as_markdown(found, unbuilt)
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
