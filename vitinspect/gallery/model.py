"""The bundled model's folder: building the network, writing it, reading it back.

The folder follows timm's own layout (`config.json` beside `model.safetensors`), so that timm's `local-dir:` names
and any other reader of timm folders open it. Weights are stored as float16 and used as float32.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from vitinspect.files import write_atomic

from .shapes import CLASSES

ARCHITECTURE = "vit_tiny_patch16_224"
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)
MODEL_ARGS: dict[str, Any] = {"img_size": 224, "embed_dim": 192, "depth": 6, "num_heads": 6}


def build_model(num_classes: int = len(CLASSES), **model_args: Any) -> torch.nn.Module:
    """The bundled model's network with fresh weights; `model_args` override its sizes."""
    import timm

    return timm.create_model(ARCHITECTURE, pretrained=False, num_classes=num_classes, **{**MODEL_ARGS, **model_args})


def to_input(images: NDArray[np.uint8]) -> torch.Tensor:
    """Pictures (N, H, W, 3) as the model's input (N, 3, H, W)."""
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255.0
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return (pixels - mean) / std


def save_model(folder: Path, model: torch.nn.Module, training: dict[str, Any], version: str) -> None:
    """Write `model.safetensors` (float16) and `config.json`; each appears whole or not at all."""
    from safetensors.torch import save

    config = {
        "architecture": ARCHITECTURE,
        "num_classes": len(CLASSES),
        "num_features": model.num_features,
        "global_pool": "token",
        "model_args": MODEL_ARGS,
        "pretrained_cfg": {
            "input_size": [3, 224, 224],
            "fixed_input_size": True,
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": "center",
            "mean": list(MEAN),
            "std": list(STD),
            "num_classes": len(CLASSES),
            "pool_size": None,
            "first_conv": "patch_embed.proj",
            "classifier": "head",
            "label_names": list(CLASSES),
        },
        "version": version,
        "training": training,
    }
    weights = {name: value.detach().half().cpu().contiguous() for name, value in model.state_dict().items()}
    write_atomic(folder / "model.safetensors", save(weights, metadata={"format": "pt"}))
    write_atomic(folder / "config.json", (json.dumps(config, indent=2) + "\n").encode())


def load_bundled(folder: Path) -> torch.nn.Module:
    """Read a folder that `save_model` wrote, in evaluation mode and float32."""
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    model = build_model(config["num_classes"], **config["model_args"])
    model.load_state_dict({name: value.float() for name, value in load_file(folder / "model.safetensors").items()})
    return model.eval()
