"""Position embeddings on another grid, resampled as the model's authors do it.

DINO and DINOv2 without registers pass a scale to bicubic interpolation that is 0.1 patches too large, without
antialiasing; DINOv2 with registers passes the size, with antialiasing when it shrinks, as timm does. The table of
DINOv2 has 37 x 37 positions and its heads were evaluated on 16 x 16, so the choice always matters: with the wrong one,
class tokens differ by several per cent from the authors'.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F

from vitinspect.models import building

TIMM, OFFSET = "timm", "offset"
"""The two ways of resampling, by name."""

WORDS = {
    TIMM: "bicubic to the grid's size, smoothed where it shrinks",
    OFFSET: "bicubic with DINO's offset of 0.1 patches, not smoothed",
}


def way_of(arch: str, keys: Any, *, dino: bool = False) -> str:
    """The way of resampling for an architecture's name and the names in its checkpoint; ``dino``: its projection head
    is in the file too."""
    tag = arch.partition("(")[0].casefold()
    if "reg_token" in keys or "register_tokens" in keys or "storage_tokens" in keys or "_reg4_" in tag:
        return TIMM
    if dino or "dinov2" in tag or tag.endswith(".dino"):
        return OFFSET
    official = "mask_token" in keys and "blocks.0.ls1.gamma" in keys and "pos_embed" in keys
    return OFFSET if official else TIMM


def resize(module: Any, size: tuple[int, int], way: str = TIMM) -> str | None:
    """Change the input's size in place. A sentence says how the positions were resampled; None if they were not."""
    before: tuple[int, int] | None = getattr(module.patch_embed, "grid_size", None)
    table = getattr(module, "pos_embed", None)
    building.check_resize(module, size)
    if before is not None and tuple(module.patch_embed.img_size) == size:
        return None
    own = _offset_table(module, table, size) if way == OFFSET and table is not None and before is not None else None
    building.resize(module, size)
    after = getattr(module.patch_embed, "grid_size", None)
    if table is None or before is None or after is None or tuple(before) == tuple(after):
        return None
    if own is not None:
        with torch.no_grad():
            module.pos_embed.copy_(own)
    return (
        f"Position embeddings: resampled from {before[0]} x {before[1]} to {after[0]} x {after[1]} patches,"
        f" {WORDS[way if own is not None else TIMM]}."
    )


def _offset_table(module: Any, table: torch.Tensor, size: tuple[int, int]) -> torch.Tensor | None:
    """DINO's ``interpolate_pos_encoding`` (Caron et al. 2021); None where its table is not square."""
    prefix = 0 if getattr(module, "no_embed_class", False) else int(module.num_prefix_tokens)
    first, patches = table[:, :prefix].float(), table[:, prefix:].float()
    side = math.isqrt(patches.shape[1])
    if side * side != patches.shape[1]:
        return None
    patch = module.patch_embed.patch_size
    rows, columns = size[0] // patch[0], size[1] // patch[1]
    square = patches.reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = ((rows + 0.1) / side, (columns + 0.1) / side)
    new = F.interpolate(square, scale_factor=scale, mode="bicubic")
    if tuple(new.shape[-2:]) != (rows, columns):
        return None
    return torch.cat([first, new.permute(0, 2, 3, 1).flatten(1, 2)], dim=1).to(table.dtype)
