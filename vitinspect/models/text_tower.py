"""The text tower of an image-text model: from token ids to an embedding. CLIP, OpenCLIP and SigLIP share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from vitinspect.errors import ParameterError


@dataclass(frozen=True)
class TextSettings:
    """The sizes of a text tower and how it ends."""

    vocabulary: int
    length: int
    """The maximum number of tokens of a text."""
    width: int
    depth: int
    heads: int
    hidden: int
    outputs: int
    activation: Any
    epsilon: float
    causal: bool
    """Whether a token attends only to itself and those before it."""
    pooling: str
    """``largest``: the token with the largest id; ``end``: the first end token; ``last``: the last token."""
    end: int = 0
    projection: str = "matrix"
    """``matrix``, ``linear`` (with a bias) or ``none``."""


class _Block(nn.Module):
    def __init__(self, settings: TextSettings) -> None:
        super().__init__()
        width = settings.width
        self.heads = settings.heads
        self.norm1 = nn.LayerNorm(width, eps=settings.epsilon)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width, eps=settings.epsilon)
        self.fc1 = nn.Linear(width, settings.hidden)
        self.act = settings.activation()
        self.fc2 = nn.Linear(settings.hidden, width)

    def forward(self, x: torch.Tensor, causal: bool) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).reshape(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.fc2(self.act(self.fc1(self.norm2(x))))


class TextTower(nn.Module):
    """Token ids (B, length) to embeddings (B, outputs), not normalised."""

    def __init__(self, settings: TextSettings) -> None:
        super().__init__()
        self.settings = settings
        self.tokens = nn.Embedding(settings.vocabulary, settings.width)
        self.positions = nn.Parameter(torch.empty(settings.length, settings.width))
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.depth))
        self.norm = nn.LayerNorm(settings.width, eps=settings.epsilon)
        if settings.projection != "none":
            self.projection = nn.Linear(settings.width, settings.outputs, bias=settings.projection == "linear")
        nn.init.normal_(self.positions, std=0.01)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        settings = self.settings
        x = self.tokens(ids) + self.positions[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, settings.causal)
        x = self.norm(x)
        if settings.pooling == "last":
            place = torch.full_like(ids[:, 0], ids.shape[1] - 1)
        elif settings.pooling == "end":
            place = (ids == settings.end).int().argmax(-1)
        else:
            place = ids.argmax(-1)
        x = x[torch.arange(len(x), device=x.device), place]
        return self.projection(x) if settings.projection != "none" else x

    def check_ids(self, ids: Any) -> torch.Tensor:
        """(B, length) whole numbers on this tower's device; one text may be a single row."""
        tensor = torch.as_tensor(ids)
        if (
            tensor.is_floating_point()
            or tensor.is_complex()
            or tensor.dtype == torch.bool
            or tensor.dim() not in (1, 2)
        ):
            raise ParameterError("Token ids must be whole numbers, one row for each text.")
        tensor = tensor[None] if tensor.dim() == 1 else tensor
        if not 1 <= tensor.shape[1] <= self.settings.length:
            raise ParameterError(f"A text has 1 to {self.settings.length} tokens here, not {tensor.shape[1]}.")
        if tensor.numel() and (int(tensor.min()) < 0 or int(tensor.max()) >= self.settings.vocabulary):
            raise ParameterError(f"Token ids must be between 0 and {self.settings.vocabulary - 1}.")
        return tensor.long().to(self.positions.device)


@dataclass(frozen=True)
class TextSide:
    """What an image-text model has in addition to its image tower."""

    tower: TextTower | None
    scale: float
    """The factor for cosines; the exponential of the stored logarithm is already taken."""
    bias: float = 0.0
    """SigLIP's bias, added to all logits."""
    sigmoid: bool = False
    """Whether each text has an independent probability (SigLIP) instead of a share of one softmax."""
