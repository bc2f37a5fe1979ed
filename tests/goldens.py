"""The golden numbers: small seeded models, their inputs, and the results of the methods' authors' own code.

``tests/golden/README.md`` says where they come from, ``docs/methods/`` what each array is.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi

FOLDER = Path(__file__).parent / "golden"


@functools.cache
def facts(name: str) -> dict:
    return json.loads((FOLDER / f"{name}.json").read_text())


def golden_module(name: str) -> torch.nn.Module:
    """A fresh timm module with the golden weights."""
    known = facts(name)
    kwargs = dict(known["kwargs"])
    if known.get("norm_eps") is not None:
        kwargs["norm_layer"] = functools.partial(torch.nn.LayerNorm, eps=known["norm_eps"])
    if kwargs.get("act_layer") == "quick_gelu":
        kwargs["act_layer"] = "quick_gelu"
    cls = VisionTransformerDistilled if "Distilled" in known.get("timm_class", "") else VisionTransformer
    module = cls(**kwargs)
    module.load_state_dict(load_file(FOLDER / f"{name}.safetensors"), strict=True)
    return module.eval()


@functools.cache
def golden_model(name: str) -> vi.ViT:
    return vi.wrap_model(golden_module(name), name=name)


@functools.cache
def arrays(file: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{file}.npz") as data:
        return {key: data[key] for key in data.files}


def inputs_p(name: str, index: int) -> torch.Tensor:
    """Input of a p model, (1, 3, S, S)."""
    return torch.from_numpy(arrays(f"{name}_inputs")[f"i{index}_x"])


def targets_p(name: str, index: int) -> list[int]:
    return [int(t) for t in arrays(f"{name}_inputs")[f"i{index}_targets"]]


def inputs_q(name: str, index: int) -> torch.Tensor:
    """Input of a q model, (1, 3, S, S)."""
    return torch.from_numpy(arrays(f"{name}_inputs")[f"image{index}"])


def targets_q(name: str) -> list[int]:
    return [int(t) for t in arrays(f"{name}_inputs")["targets"]]


def error(found: np.ndarray, golden: np.ndarray) -> float:
    """The largest difference over the largest magnitude of the golden array."""
    found, golden = np.asarray(found, dtype=np.float64), np.asarray(golden, dtype=np.float64)
    assert found.shape == golden.shape, f"{found.shape} against {golden.shape}"
    scale = np.abs(golden).max()
    return float(np.abs(found - golden).max() / (scale if scale > 0 else 1.0))


def assert_close(found: np.ndarray, golden: np.ndarray, bound: float, what: str = "") -> None:
    off = error(found, golden)
    assert off <= bound, f"{what}: off by {off:.2e} of the largest value, allowed {bound:.0e}"
