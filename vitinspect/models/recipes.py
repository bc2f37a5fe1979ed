"""What a linear head reads of a Vision Transformer: class tokens of some blocks, the mean of the patches, or both."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

PARTS = ("class", "registers", "mean")


@dataclass(frozen=True)
class Recipe:
    """The features that a head reads, concatenated in this order: class tokens, registers, the patches' mean.

    >>> Recipe.parse("class:4+mean")
    Recipe(blocks=4, class_token=True, registers=False, mean=True, norm=True)
    """

    blocks: int = 1
    """From how many of the last blocks class tokens are read, the earliest first. All else is of the last block."""
    class_token: bool = True
    registers: bool = False
    """The mean of the registers of the last block."""
    mean: bool = False
    """The mean of the patches of the last block."""
    norm: bool = True
    """Whether the model's final norm is applied to each block's tokens first."""

    def __post_init__(self) -> None:
        if not (self.class_token or self.registers or self.mean):
            raise ParameterError("A recipe of features must read the class token, the registers or the patches' mean.")
        if self.blocks < 1 or (self.blocks > 1 and not self.class_token):
            raise ParameterError(f"Class tokens of {self.blocks} blocks cannot be read.")

    @classmethod
    def parse(cls, text: str | Recipe) -> Recipe:
        """``class``, ``mean``, ``class+mean``, ``class:4+mean``, ``class+registers``; with ``raw:`` before the norm."""
        if isinstance(text, Recipe):
            return text
        plain = str(text).strip()
        norm = not plain.startswith("raw:")
        parts = plain.removeprefix("raw:").split("+")
        found: dict[str, int] = {}
        for part in parts:
            match = re.fullmatch(r"\s*(class|registers|mean)\s*(?::\s*(\d{1,3}))?\s*", part)
            if match is None or match[1] in found or (match[2] and match[1] != "class"):
                raise ParameterError(
                    f"{text!r} is not a recipe of features; write class, mean, class+mean, class:4+mean (the class"
                    " tokens of the last four blocks and the mean of the patches) or class+registers."
                )
            found[match[1]] = int(match[2] or 1)
        return cls(found.get("class", 1), "class" in found, "registers" in found, "mean" in found, norm)

    def __str__(self) -> str:
        parts = ["class" + (f":{self.blocks}" if self.blocks > 1 else "")] * self.class_token
        parts += ["registers"] * self.registers + ["mean"] * self.mean
        return ("" if self.norm else "raw:") + "+".join(parts)

    @property
    def vectors(self) -> int:
        """How many vectors of the model's width are concatenated."""
        return self.blocks * self.class_token + self.registers + self.mean

    @property
    def words(self) -> str:
        """The recipe in words."""
        many = "the class token" if self.blocks == 1 else f"the class tokens of the last {self.blocks} blocks"
        parts = [many] * self.class_token + ["the mean of the registers"] * self.registers
        parts += ["the mean of the patches"] * self.mean
        return " and ".join(parts) + ("" if self.norm else ", before the final norm")

    def of(self, tokens: torch.Tensor, prefix: int, registers: slice) -> torch.Tensor:
        """(B, vectors * D) from the read blocks' tokens, (B, blocks * T, D), the earliest block first."""
        batch, _, width = tokens.shape
        blocks = tokens.reshape(batch, self.blocks, -1, width)
        parts = [blocks[:, i, 0] for i in range(self.blocks)] if self.class_token else []
        if self.registers:
            parts.append(blocks[:, -1, registers].mean(1))
        if self.mean:
            parts.append(blocks[:, -1, prefix:].mean(1))
        return torch.cat(parts, dim=1)


def registers_of(module: nn.Module) -> slice:
    """The position of the registers among the prefix tokens."""
    first = sum(getattr(module, name, None) is not None for name in ("cls_token", "dist_token"))
    return slice(first, int(getattr(module, "num_prefix_tokens", 0)))


def last_blocks(module: Any, x: torch.Tensor, count: int) -> torch.Tensor:
    """(B, count * T, D): the output of the last ``count`` blocks, the earliest first, before the final norm."""
    found = module.forward_intermediates(
        x, indices=count, return_prefix_tokens=True, norm=False, output_fmt="NLC", intermediates_only=True
    )
    return torch.cat([torch.cat(pair[::-1], 1) if isinstance(pair, tuple) else pair for pair in found], dim=1)


def why_not(model: ViT, recipe: Recipe) -> str | None:
    """None if this model has the features of ``recipe``, otherwise the reason."""
    if recipe.class_token and not model.has_class_token:
        return "it has no class token"
    registers = registers_of(model.module)
    if recipe.registers and registers.stop <= registers.start:
        return "it has no registers"
    if recipe.blocks > model.depth:
        return f"it has {model.depth} blocks, not {recipe.blocks}"
    return None


def features(model: ViT, inputs: torch.Tensor, recipe: Recipe) -> torch.Tensor:
    """(B, vectors * D) for a batch that is on the model's device."""
    reason = why_not(model, recipe)
    if reason is not None:
        raise ParameterError(f"{model.name} does not have the features {recipe}: {reason}.")
    module: Any = model.module
    tokens = last_blocks(module, inputs, recipe.blocks)
    if recipe.norm:
        tokens = module.norm(tokens)
    return recipe.of(tokens, model.prefix_tokens, registers_of(module))
