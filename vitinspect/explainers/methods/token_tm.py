"""TokenTM: attention weighted by how each block transforms its tokens.

Wu, Duan, Kang, Tang & Yan, "Token Transformation Matters: Towards Faithful Post-hoc Explanation for Vision
Transformer", CVPR 2024, arXiv:2403.14552. Attention says how much of a token is passed on, not how the token was
transformed. The paper measures that by the change of the token's length and by the correlation of its directions
before and after, starts with the tokens' lengths, and aggregates attention and transformation over all layers.

Written from the paper's description, without the authors' code or numbers. What is computed, exactly:

Transformation. A token x_j (row of the residual stream that enters a layer) that becomes z_j has the weight

    w_j = |z_j| / |x_j| * exp(cos(x_j, z_j)) / mean_k exp(cos(x_k, z_k)),     k over all tokens.

In attention each head h has its own: z^h_j is what head h adds to a token that attends to j alone, which is the value
of j times that head's part of the output projection, with everything linear or per token that follows in the model
(gate and norm inside attention, LayerScale, norm after the branch with its statistics at z_j), without biases
after the value. The sum over heads and tokens of A^h_ij z^h_j then is what attention adds to token i. In the MLP z_j
is what the MLP adds to token j.

Layers. With the gradient G^h of the score with respect to A^h, a block multiplies C from the left with

    U_attention = I + mean_h [G^h * A^h]+ diag(w^h),     then     U_mlp = I + diag(w_mlp);

both identities are the residual connections. C starts as the diagonal matrix of the lengths of the tokens that enter
the first block, and the map is the read-out of the head (``Trace.readout``; row 0 where it reads the class token)
times C, at the patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, Sweep, need_recordable_attention
from vitinspect.explainers.declaration import MethodInfo

if TYPE_CHECKING:
    import torch
    from torch import nn

    from vitinspect.explainers.trace import AttentionCall, Chunk
    from vitinspect.models.vit import ViT


@dataclass(frozen=True)
class _Branch:
    """One attention of a block, and the modules between it and the residual stream."""

    attention: Any
    before: Any
    """The norm before it, or None if attention reads the stream directly."""
    scale: torch.Tensor | None
    """LayerScale's weight."""
    after: Any
    """The norm after it."""


@dataclass(frozen=True)
class _Layout:
    branches: tuple[_Branch, ...]
    middle: str
    """The structure of a block, with the module whose input is the residual stream between attention and MLP."""


def layout_of(block: Any) -> _Layout | None:
    """The structure of a block, or None if it has no tokens between attention and MLP."""
    if hasattr(block, "attns") and hasattr(block, "ffns"):
        branches = tuple(_Branch(part.attn, part.norm, _gamma(part.ls), None) for part in block.attns)
        return _Layout(branches, "ffns.0")
    attention = getattr(block, "attn", None)
    if not hasattr(attention, "proj") or not hasattr(block, "norm1") or not hasattr(block, "mlp"):
        return None
    if "Post" in type(block).__name__:
        return _Layout((_Branch(attention, None, None, block.norm1),), "mlp")
    scale = getattr(block, "gamma_1", None)
    return _Layout((_Branch(attention, block.norm1, _gamma(getattr(block, "ls1", None), scale), None),), "norm2")


def _gamma(layer_scale: nn.Module | None, otherwise: torch.Tensor | None = None) -> torch.Tensor | None:
    return getattr(layer_scale, "gamma", otherwise)


def relation(lengths_before: torch.Tensor, lengths_after: torch.Tensor, products: torch.Tensor) -> torch.Tensor:
    """w over the last axis, from |x|, |z| and x.z. A token that is zero before or after has the cosine 0."""
    import torch

    both = lengths_before * lengths_after
    cosines = torch.where(both > 0, products / both.clamp(min=torch.finfo(both.dtype).tiny), 0.0)
    directions = cosines.exp()
    ratios = torch.where(lengths_before > 0, lengths_after / lengths_before, 0.0)
    return ratios * directions / directions.mean(-1, keepdim=True)


def attention_weights(branch: _Branch, call: AttentionCall, tokens: torch.Tensor) -> torch.Tensor:
    """w of all heads of one attention, (B, H, T).

    The heads' z (B, H, T, D) are never computed: their lengths and products with x follow from the values and from
    matrices of the width of a head.
    """
    dtype = tokens.dtype
    batch, heads, count, width = call.v.shape
    values = _passed_on(branch, call, tokens).reshape(batch, count, heads, width).transpose(1, 2)
    matrix = branch.attention.proj.weight.detach().to(dtype)
    if branch.scale is not None:
        matrix = branch.scale.detach().to(dtype)[:, None] * matrix
    divisor: Any = 1.0
    if branch.after is not None:
        matrix, divisor = _through_norm(branch.after, matrix, values.transpose(1, 2).flatten(2))
    per_head = matrix.reshape(matrix.shape[0], heads, width).permute(1, 2, 0)
    grams = per_head @ per_head.mT
    lengths = ((values @ grams) * values).sum(-1).clamp(min=0).sqrt() / divisor
    seen = (tokens @ matrix).reshape(batch, count, heads, width).transpose(1, 2)
    return relation(tokens.norm(dim=-1)[:, None], lengths, (seen * values).sum(-1) / divisor)


def _passed_on(branch: _Branch, call: AttentionCall, tokens: torch.Tensor) -> torch.Tensor:
    """(B, T, H * d): the heads' concatenated values, after the norm and the gate inside attention, if there are any."""
    import torch

    attention, dtype = branch.attention, tokens.dtype
    values = call.v.transpose(1, 2).flatten(2)
    norm = getattr(attention, "norm", None)
    if norm is not None and not isinstance(norm, torch.nn.Identity):
        bias = getattr(norm, "bias", None)
        values = norm(values) - (0 if bias is None else bias)
    if getattr(attention, "gate", None) is not None:
        read = tokens.to(call.v.dtype)
        values = values * attention.gate(read if branch.before is None else branch.before(read)).sigmoid()
    return values.to(dtype)


def _through_norm(norm: Any, matrix: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A norm after the projection: its linear part is multiplied into the matrix, its divisor (B, 1, T) is at z_j."""
    import torch

    whole = values @ matrix.T
    if isinstance(norm, torch.nn.LayerNorm):
        matrix = matrix - matrix.mean(0, keepdim=True)
        whole = whole - whole.mean(-1, keepdim=True)
    weight = getattr(norm, "weight", None)
    if weight is not None:
        matrix = weight.detach().to(matrix.dtype)[:, None] * matrix
    divisor = (whole.square().mean(-1) + float(getattr(norm, "eps", 0.0) or 0.0)).sqrt()
    return matrix, divisor[:, None]


class _TransformedRollout(Sweep):
    gradient = True

    def __init__(self, run: Run) -> None:
        self.run = run
        self.row = run.trace.readout
        self.weights: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._sum: Any = None

    def _tokens(self, block: int) -> torch.Tensor:
        return self.run.trace.tokens[block].to(self.row.dtype)

    def _enter(self, block: int) -> None:
        """From the end of a block to its middle: through the MLP."""
        import torch

        layout = layout_of(self.run.model.blocks[block])
        assert layout is not None
        before, middle = self._tokens(block), self.run.trace.inputs[middle_name(block, layout)].to(self.row.dtype)
        added = self._tokens(block + 1) - middle
        of_mlp = relation(middle.norm(dim=-1), added.norm(dim=-1), (middle * added).sum(-1))
        calls = self.run.trace.calls[block]
        heads = [attention_weights(b, call, before) for b, call in zip(layout.branches, calls, strict=True)]
        self.weights[block] = (torch.cat(heads, dim=1), of_mlp)
        self.row = self.row * (1 + of_mlp)
        self._sum = 0

    def rows(self, chunk: Chunk) -> None:
        if self._sum is None:
            self._enter(chunk.block)
        positive = chunk.product.relu_()
        # (B, 1, 1, R) @ (B, H, R, T): the row through each head, weighted afterwards.
        self._sum = self._sum + (self.row[:, None, None, chunk.rows].to(positive.dtype) @ positive)[:, :, 0]

    def block_done(self, block: int) -> None:
        row = self.row + (self._sum * self.weights[block][0]).mean(1)
        self.row = self.run.trace.add_readout(row, block)
        self._sum = None


def middle_name(block: int, layout: _Layout) -> str:
    return f"blocks.{block}.{layout.middle}"


class TokenTM(Explainer):
    """Attention, gradient and token transformation through all blocks; defined in the module's docstring."""

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)
        for block in model.blocks:
            if layout_of(block) is None:
                raise self.refuse(
                    f"in a {type(block).__name__} attention and MLP do not follow one another, so the tokens between "
                    "them, whose transformation it measures, do not exist"
                )

    def needs(self, model: ViT) -> Needs:
        layouts = [layout_of(block) for block in model.blocks]
        middles = [middle_name(i, layout) for i, layout in enumerate(layouts) if layout is not None]
        return Needs(attention=True, attention_gradient=True, tokens=True, inputs=tuple(middles))

    def sweep(self, run: Run) -> Sweep:
        return _TransformedRollout(run)

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        row = sweep.row * run.trace.tokens[0].to(sweep.row.dtype).norm(dim=-1)
        blocks = range(run.trace.depth)
        of_attention = torch.stack([sweep.weights[block][0].mean(1) for block in blocks], dim=1)
        of_mlp = torch.stack([sweep.weights[block][1] for block in blocks], dim=1)
        details = [{"transformation": torch.stack([of_attention[i], of_mlp[i]], dim=1)} for i in range(run.batch)]
        return MapBatch(run.to_grid(row), details)


METHODS = (
    MethodInfo(
        id="token_tm",
        title="TokenTM",
        summary="Positive gradient times attention of every block, weighted by how much attention and MLP change each "
        "token's length and direction. Written from the paper, without its authors' numbers.",
        citation="Wu et al., Token Transformation Matters, CVPR 2024, arXiv:2403.14552",
        implementation="vitinspect.explainers.methods.token_tm:TokenTM",
        cost="one forward and backward",
        group="attention",
    ),
)
