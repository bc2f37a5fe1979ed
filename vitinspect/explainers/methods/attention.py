"""Methods that read attention and its gradient: raw attention, rollouts, attention Grad-CAM, generic relevance.

All of them start from the row with which the head reads the tokens (``Trace.readout``; the class token's row where
the head reads the class token) and multiply that vector from the last block to the first: a product of vectors with
matrices, never of matrices.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import (
    Explainer,
    MapBatch,
    Needs,
    Run,
    Sweep,
    need_block_index,
    need_recordable_attention,
)
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.trace import Chunk
    from vitinspect.models.vit import ViT

HEAD_FUSION = Parameter(
    "head_fusion",
    "choice",
    "mean",
    "How the heads of a block become one matrix.",
    choices=("mean", "max", "min"),
)
START_LAYER = Parameter("start_layer", "int", 0, "The first block that takes part.", minimum=0, maximum=255)
DISCARD_RATIO = Parameter(
    "discard_ratio",
    "float",
    0.0,
    "The share of each block's smallest entries that is set to zero.",
    minimum=0.0,
    maximum=1.0,
)


def fuse_heads(chunk: Chunk, how: str) -> torch.Tensor:
    """(B, R, T): one matrix out of a block's heads."""
    if how == "mean":
        return chunk.mean
    return chunk.attention.amax(1) if how == "max" else chunk.attention.amin(1)


def discard_smallest(fused: torch.Tensor, ratio: float, spare_first: bool) -> torch.Tensor:
    """Set the ``int(T*T*ratio)`` smallest entries of each (T, T) matrix to zero, as vit-explain does.

    No entry may be negative. With ``spare_first`` the entry from the class token to itself keeps its value, though it
    may be among the chosen.
    """
    import torch
    import torch.nn.functional as F

    batch, rows, columns = fused.shape
    count = int(rows * columns * ratio)
    if count == 0:
        return fused
    flat = fused.reshape(batch, -1)
    # A selection is much faster than the partial sort in topk, with the same result unless values tie at the limit.
    limits = kth_smallest(flat, count)[:, 0].tolist()
    if not any(limits):  # all that would be set to zero is zero
        return fused
    kept = torch.stack([F.threshold(entries, limit, 0.0) for entries, limit in zip(flat, limits, strict=True)])
    if any(
        limit > 0 and int(n) != rows * columns - count for limit, n in zip(limits, kept.count_nonzero(-1), strict=True)
    ):
        kept = flat.scatter(1, flat.topk(count, dim=-1, largest=False).indices, 0)
    if spare_first:
        kept[:, 0] = flat[:, 0]
    return kept.reshape(batch, rows, columns)


def kth_smallest(flat: torch.Tensor, count: int) -> torch.Tensor:
    """(B, 1): the same as ``kthvalue``. On a CPU, numpy's selection uses vector instructions and takes a tenth."""
    import numpy as np
    import torch

    if flat.device.type != "cpu" or flat.dtype not in (torch.float32, torch.float64):
        return flat.kthvalue(count, dim=-1, keepdim=True).values
    return torch.from_numpy(np.partition(flat.numpy(), count - 1, axis=-1)[:, count - 1 : count])


def push(row: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:
    """(B, R) times (B, R, T)."""
    return (row[:, None].to(matrix.dtype) @ matrix)[:, 0]


class RowRollout(Sweep):
    """Multiplies the read-out row with one (B, T, T) matrix per block, from the last block to the first.

    A subclass computes a chunk of that matrix. If the whole matrix is needed (to discard its smallest entries, or for a
    normalisation over columns), its rows are collected first.
    """

    def __init__(self, run: Run, start_layer: int = 0, whole: bool = False) -> None:
        self.run = run
        self.start_layer = start_layer
        self.whole = whole
        self.row = run.trace.readout.clone()
        self._sum: torch.Tensor | None = None
        self._gathered: list[torch.Tensor] = []

    def fuse(self, chunk: Chunk) -> torch.Tensor:
        """(B, R, T): the matrix of this block, before anything is discarded or added."""
        raise TypeError(f"{type(self).__name__} must define fuse()")

    def propagate(self, fused: torch.Tensor, rows: slice) -> torch.Tensor:
        """(B, T): the row times these rows of the matrix; here row-normalised with the residual.

        The identity and the division are applied to the row instead of the matrix, which is T times larger.
        """
        shares = self.row[:, rows] / (fused.sum(-1) + 1)
        pushed = push(shares, fused)
        pushed[:, rows] += shares
        return pushed

    def finish(self, matrix: torch.Tensor) -> torch.Tensor:
        """The whole (B, T, T) matrix as the row is multiplied with it."""
        return matrix

    def rows(self, chunk: Chunk) -> None:
        if chunk.block < self.start_layer:
            return
        fused = self.fuse(chunk)
        if self.whole:
            self._gathered.append(fused)
            return
        self._add(fused, chunk.rows)

    def _add(self, fused: torch.Tensor, rows: slice) -> None:
        part = self.propagate(fused, rows)
        self._sum = part if self._sum is None else self._sum + part

    def block_done(self, block: int) -> None:
        if self.whole and self._gathered:
            import torch

            matrix = self.finish(torch.cat(self._gathered, dim=1))
            self._gathered = []
            self._add(matrix, slice(0, matrix.shape[1]))
        if self._sum is not None:
            self.row, self._sum = self._sum, None
        self.row = self.run.trace.add_readout(self.row, block)


class AttentionExplainer(Explainer):
    """A method whose map is the final row of its sweep."""

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)
        if "start_layer" in self.params and self.param("start_layer") >= model.depth:
            from vitinspect.errors import ParameterError

            raise ParameterError(
                f"{self.method.id}: start_layer={self.param('start_layer')} leaves no block of {model.name}, "
                f"which has {model.depth}."
            )

    def needs(self, model: ViT) -> Needs:
        return Needs(attention=True, attention_gradient=self.method.info.class_specific)

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        return MapBatch(run.to_grid(sweep.row))


# --- raw attention ---------------------------------------------------------------------------------------------


class _RawAttention(Sweep):
    def __init__(self, run: Run, layer: int, fusion: str) -> None:
        self.layer = layer % run.trace.depth
        self.fusion = fusion
        self.start = run.trace.earlier_readouts.get(self.layer, run.trace.readout)
        self.row: Any = 0

    def rows(self, chunk: Chunk) -> None:
        if chunk.block == self.layer:
            self.row = self.row + push(self.start[:, chunk.rows], fuse_heads(chunk, self.fusion))


class RawAttention(AttentionExplainer):
    """The attention row of the tokens that the head reads, in one block."""

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)
        need_block_index(self, model, "layer")

    def sweep(self, run: Run) -> Sweep:
        return _RawAttention(run, self.param("layer"), self.param("head_fusion"))


# --- rollout ---------------------------------------------------------------------------------------------------


class _Rollout(RowRollout):
    def __init__(self, run: Run, start_layer: int, fusion: str, discard: float, variant: str) -> None:
        super().__init__(run, start_layer, whole=discard > 0 or variant == "vit_explain")
        self.fusion, self.discard, self.authors = fusion, discard, variant == "vit_explain"
        # R = E_1 E_2 ... E_L: the row of the first block is multiplied with the matrices of the later ones.
        self.last_to_first = variant != "comparison"

    def fuse(self, chunk: Chunk) -> torch.Tensor:
        return fuse_heads(chunk, self.fusion)

    def finish(self, matrix: torch.Tensor) -> torch.Tensor:
        return discard_smallest(matrix, self.discard, spare_first=True)

    def propagate(self, fused: torch.Tensor, rows: slice) -> torch.Tensor:
        return push_with_quirk(self.row, fused) if self.authors else super().propagate(fused, rows)


def push_with_quirk(row: torch.Tensor, fused: torch.Tensor) -> torch.Tensor:
    """vit-explain's scaling of the whole (B, T, T) matrix: column j is divided by the sum of *row* j."""
    return (push(row, fused) + row) / (fused.sum(-1) + 1)


class Rollout(AttentionExplainer):
    """Attention rollout (Abnar & Zuidema 2020)."""

    def sweep(self, run: Run) -> Sweep:
        return _Rollout(
            run,
            self.param("start_layer"),
            self.param("head_fusion"),
            self.param("discard_ratio"),
            self.param("variant"),
        )


# --- gradient rollout ------------------------------------------------------------------------------------------


class _GradientRollout(RowRollout):
    gradient = True

    def __init__(self, run: Run, discard: float) -> None:
        super().__init__(run, whole=discard > 0)
        self.discard = discard

    def fuse(self, chunk: Chunk) -> torch.Tensor:
        return chunk.product_mean.clamp(min=0)

    def finish(self, matrix: torch.Tensor) -> torch.Tensor:
        return discard_smallest(matrix, self.discard, spare_first=False)


class GradientRollout(AttentionExplainer):
    """Rollout weighted with the gradient of attention."""

    def sweep(self, run: Run) -> Sweep | None:
        if self.param("variant") == "corrected":
            return _GradientRollout(run, self.param("discard_ratio"))
        return None

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        if sweep is not None:
            return super().maps(run, sweep)
        return MapBatch(run.to_grid(self._authors_row(run)))

    def _authors_row(self, run: Run) -> torch.Tensor:
        """The row as the script computes it: block l is weighted with the pre-softmax gradient of block L-1-l (its
        hooks are called in reverse order), and columns are scaled by row sums."""
        trace = run.trace
        row = trace.readout
        for block in reversed(range(trace.depth)):
            run.report(trace.depth - 1 - block, trace.depth)
            mirrored = trace.depth - 1 - block
            attention, gradient = trace.attention(mirrored), trace.attention_gradient(mirrored)
            weighted = attention * gradient
            scores = weighted - attention * weighted.sum(-1, keepdim=True)
            fused = (trace.attention(block) * scores).mean(1).clamp(min=0)
            fused = discard_smallest(fused, self.param("discard_ratio"), spare_first=False)
            row = trace.add_readout(push_with_quirk(row, fused), block)
        return row


# --- attention Grad-CAM ----------------------------------------------------------------------------------------


class _AttentionGradCam(Sweep):
    gradient = True

    def __init__(self, run: Run) -> None:
        self.run = run
        self.weights: Any = 0
        self.rows_of_heads: Any = 0

    def rows(self, chunk: Chunk) -> None:
        if chunk.block != self.run.trace.depth - 1:
            return
        assert chunk.gradient is not None
        patches = slice(self.run.prefix, None)
        # (B, 1, 1, R) @ (B, H, R, N): the rows that the head reads, weighted by their shares.
        reading = self.run.trace.readout[:, None, None, chunk.rows].to(chunk.attention.dtype)
        self.weights = self.weights + (reading @ chunk.gradient[..., patches])[:, :, 0].mean(-1, keepdim=True)
        self.rows_of_heads = self.rows_of_heads + (reading @ chunk.attention[..., patches])[:, :, 0]

    @property
    def row(self) -> torch.Tensor:
        return (self.weights * self.rows_of_heads).mean(1).clamp(min=0)


class AttentionGradCam(AttentionExplainer):
    """Grad-CAM with the heads of the last block as channels: the "GradCAM" of ViTmiX and of Chefer et al."""

    def sweep(self, run: Run) -> Sweep:
        return _AttentionGradCam(run)


# --- generic attention relevance -------------------------------------------------------------------------------


class _AttentionGradient(RowRollout):
    gradient = True

    def __init__(self, run: Run) -> None:
        super().__init__(run)

    def fuse(self, chunk: Chunk) -> torch.Tensor:
        return chunk.positive_product_mean

    def propagate(self, fused: torch.Tensor, rows: slice) -> torch.Tensor:
        return push(self.row[:, rows], fused)

    def block_done(self, block: int) -> None:
        if self._sum is not None:
            self.row = self.row + self._sum
            self._sum = None


class AttentionGradient(AttentionExplainer):
    """Generic attention explainability (Chefer, Gur & Wolf, ICCV 2021), the self-attention case."""

    def sweep(self, run: Run) -> Sweep:
        return _AttentionGradient(run)


METHODS = (
    MethodInfo(
        id="raw_attention",
        title="Raw attention",
        summary="The attention that the tokens which the head reads pay to the patches, in one block. Shows where "
        "one block attends, not what the prediction is based on.",
        citation="Vaswani et al., Attention Is All You Need, NeurIPS 2017, arXiv:1706.03762",
        implementation="vitinspect.explainers.methods.attention:RawAttention",
        cost="one forward",
        parameters=(
            Parameter(
                "layer",
                "int",
                -1,
                "The block; negative numbers count from the last.",
                minimum=-256,
                maximum=255,
            ),
            HEAD_FUSION,
        ),
        class_specific=False,
        group="attention",
    ),
    MethodInfo(
        id="rollout",
        title="Attention rollout",
        summary="The product of all blocks' attention with the residual connection mixed in half and half. "
        "variant=vit_explain is that project's own scaling (column j divided by the sum of row j), which differs from "
        "the paper's as soon as rows do not sum to one. variant=comparison multiplies the blocks in the other order, "
        "which gives another map.",
        citation="Abnar & Zuidema, Quantifying Attention Flow in Transformers, ACL 2020, arXiv:2005.00928",
        implementation="vitinspect.explainers.methods.attention:Rollout",
        cost="one forward",
        parameters=(
            START_LAYER,
            HEAD_FUSION,
            DISCARD_RATIO,
            Parameter(
                "variant",
                "choice",
                "standard",
                "standard: the paper's; vit_explain: that script's scaling; comparison: blocks multiplied from the "
                "first to the last, as the LeGrad and GMAR comparison and GMAR-Plus do.",
                choices=("standard", "vit_explain", "comparison"),
            ),
        ),
        class_specific=False,
        short="Rollout",
        group="attention",
    ),
    MethodInfo(
        id="gradient_rollout",
        title="Gradient attention rollout",
        summary="Rollout in which each block's attention is weighted with its gradient and clamped at zero. "
        "variant=authors is the vit-explain script as shipped: gradients before the softmax, of the block mirrored in "
        "depth, columns divided by row sums.",
        citation="Gildenblat, Exploring Explainability for Vision Transformers, 2020",
        implementation="vitinspect.explainers.methods.attention:GradientRollout",
        cost="one forward and backward",
        parameters=(
            replace(DISCARD_RATIO, default=0.9),
            Parameter(
                "variant",
                "choice",
                "corrected",
                "corrected: own block, gradient of the probabilities, rows normalised; authors: the script's own.",
                choices=("corrected", "authors"),
            ),
        ),
        short="Gradient rollout",
        group="attention",
    ),
    MethodInfo(
        id="attention_gradcam",
        title="Attention Grad-CAM",
        summary="The heads of the last block, weighted with the mean gradient of their attention to the patches. "
        "What ViTmiX calls GradCAM.",
        citation="Selvaraju et al., Grad-CAM, ICCV 2017, arXiv:1610.02391; on attention by Chefer, Gur & Wolf, "
        "CVPR 2021, arXiv:2012.09838",
        implementation="vitinspect.explainers.methods.attention:AttentionGradCam",
        cost="one forward and backward",
        short="GradCAM",
        group="attention",
    ),
    MethodInfo(
        id="attention_gradient",
        title="Generic attention relevance",
        summary="Positive gradient times attention of every block, added up along the residual connection.",
        citation="Chefer, Gur & Wolf, Generic Attention-model Explainability, ICCV 2021, arXiv:2103.15679",
        implementation="vitinspect.explainers.methods.attention:AttentionGradient",
        cost="one forward and backward",
        short="Attention relevance",
        group="attention",
    ),
)
