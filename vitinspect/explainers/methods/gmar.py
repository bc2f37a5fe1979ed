"""GMAR and GMARv2: rollout in which heads are weighted by the size of their gradient.

Jo, Jang & Park, "GMAR: Gradient-Driven Multi-Head Attention Rollout", arXiv:2504.19414. The formulas here are those of
the GMAR-Plus project, whose numbers ``tests/golden/q1_gmar_seed.npz`` holds. Two things in them are unusual and kept:
new blocks are multiplied on the *right*, so that the row of the first block is multiplied with the matrices of the
later ones, and GMAR adds the identity *after* each product, so that rows are not normalised.

Instead of row 0 of the result (the authors' models read the class token), the read-out of the model's head is
taken (``Trace.readout``), both in the starting row and in the identity's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, Sweep, need_recordable_attention
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.trace import Chunk
    from vitinspect.models.vit import ViT

_SMALLEST_TOTAL = 1e-12
"""The authors' stabiliser for a block without any gradient."""


def _sizes(gradient: torch.Tensor, norm: str) -> torch.Tensor:
    """(B, H): a chunk's contribution to the sum of magnitudes (l1) or of squares (l2) of each head's gradient."""
    import torch

    if norm == "l1":
        return torch.linalg.vector_norm(gradient, ord=1, dim=(-2, -1))
    return torch.linalg.vector_norm(gradient, ord=2, dim=(-2, -1)).square()


def _shares(sizes: torch.Tensor, norm: str) -> torch.Tensor:
    """(B, H): the head weights; they sum to one, or are zero if there is no gradient at all."""
    norms = sizes.sqrt() if norm == "l2" else sizes
    return norms / norms.sum(-1, keepdim=True).clamp(min=_SMALLEST_TOTAL)


class _HeadwiseRollout(Sweep):
    """r_l = r_{l-1} B^l + alpha r_0 with B^l = sum_k w_k A_k, streamed over chunks of rows.

    The weights of a block are known only after its last row, so the row is multiplied with each head on its own; the
    products are mixed when the block is complete.
    """

    last_to_first = False
    gradient = True

    def __init__(self, run: Run, norm: str, alpha: float, before: bool) -> None:
        self.norm, self.alpha, self.before = norm, alpha, before
        self.starts = starts_of(run)
        self._current = [start for _, start in self.starts]
        self._finished: Any = 0
        self.weights: list[torch.Tensor] = []
        self._sizes: Any = 0
        self._products: list[Any] = [0] * len(self.starts)

    @property
    def row(self) -> torch.Tensor:
        return self._finished

    def rows(self, chunk: Chunk) -> None:
        assert chunk.gradient is not None
        self._sizes = self._sizes + _sizes(chunk.gradient, self.norm)
        for i, current in enumerate(self._current):
            row = current[:, None, None, chunk.rows].to(chunk.attention.dtype)
            self._products[i] = self._products[i] + (row @ chunk.attention)[:, :, 0]

    def block_done(self, block: int) -> None:
        weights = _shares(self._sizes, self.norm)
        self.weights.append(weights)
        for i, (last, start) in enumerate(self.starts):
            self._current[i] = self._next(weights, self._products[i], self._current[i], start)
            if block == last:
                self._finished = self._finished + self._current[i]
        self._sizes, self._products = 0, [0] * len(self.starts)

    def _next(
        self, weights: torch.Tensor, products: torch.Tensor, row: torch.Tensor, start: torch.Tensor
    ) -> torch.Tensor:
        mixed = (weights[:, :, None] * products).sum(1)
        if not self.before:
            return mixed + self.alpha * start.to(mixed.dtype)
        # Their weighted heads are averaged instead of added up, so that a row sums to the weights' mean.
        heads = weights.shape[1]
        total = weights.sum(1, keepdim=True) / heads + self.alpha
        return (mixed / heads + self.alpha * row.to(mixed.dtype)) / total.clamp(min=_SMALLEST_TOTAL)


def starts_of(run: Run) -> list[tuple[int, torch.Tensor]]:
    """The start rows of the recursion, each with the block after which the head reads its result.

    There is one row for each block that the head reads: the tokens that it reads of a block passed through that block
    and the blocks before it.
    """
    trace = run.trace
    return [*sorted(trace.earlier_readouts.items()), (trace.depth - 1, trace.readout)]


class _PositiveSizes(Sweep):
    """The head weights of GMARv2, from the positive part of the gradient."""

    gradient = True

    def __init__(self, run: Run, norm: str) -> None:
        self.norm = norm
        self._sizes: list[Any] = [0] * run.trace.depth

    def rows(self, chunk: Chunk) -> None:
        assert chunk.gradient is not None
        self._sizes[chunk.block] = self._sizes[chunk.block] + _sizes(chunk.gradient.clamp(min=0), self.norm)

    @property
    def weights(self) -> list[torch.Tensor]:
        return [_shares(sizes, self.norm) for sizes in self._sizes]


class _Gmar(Explainer):
    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)

    def needs(self, model: ViT) -> Needs:
        return Needs(attention=True, attention_gradient=True)

    @staticmethod
    def result(run: Run, row: torch.Tensor, weights: list[torch.Tensor]) -> MapBatch:
        """The map, and the head weights (L, H) of each image in its details."""
        import torch

        stacked = torch.stack(weights, dim=1)
        return MapBatch(run.to_grid(row), [{"head_weights": stacked[i]} for i in range(run.batch)])


class Gmar(_Gmar):
    """R_l = R_{l-1} (sum_k w_k A_k) + alpha I, with w_k the head's share of the block's gradient (L1 or L2).

    variant=comparison: R_l = R_{l-1} C_l, C_l = mean_k(w_k A_k) + alpha I with rows scaled to sum one.
    """

    def sweep(self, run: Run) -> Sweep:
        return _HeadwiseRollout(
            run, self.param("norm"), self.param("alpha"), before=self.param("variant") == "comparison"
        )

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        return self.result(run, sweep.row, sweep.weights)


class GmarV2(_Gmar):
    """R_l = R_{l-1} C^l, C^l = sum_k w_k (Q_k * A_k) + alpha I with rows scaled to sum one, Q the positive gradient.

    A block in which no gradient is positive has Q = 0, hence C^l = I whatever its weights are: it passes the row on
    unchanged, and its head weights are returned as zeros. The authors' code divides zero by zero there. With alpha = 0
    single rows without a positive product are treated the same way: the limit of alpha towards zero.
    """

    def sweep(self, run: Run) -> Sweep:
        return _PositiveSizes(run, self.param("norm"))

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        # The rows' divisors need the weights, so this walks over the blocks once more, with the weights known.
        import torch

        alpha, weights, starts = self.param("alpha"), sweep.weights, starts_of(run)
        rows = [start for _, start in starts]
        finished: Any = 0
        with torch.no_grad():
            for block in range(run.trace.depth):
                run.report(block, run.trace.depth)
                results: list[Any] = [0] * len(rows)
                for chunk in run.trace.attention_rows(block, gradient=True):
                    mixed = (chunk.product.relu_() * weights[block][:, :, None, None]).sum(1)
                    total = mixed.sum(-1) + alpha
                    dead = total == 0
                    for i, row in enumerate(rows):
                        part = row[:, chunk.rows].to(mixed.dtype)
                        scaled = torch.where(dead, 0.0, part / total)
                        results[i] = results[i] + (scaled[:, None] @ mixed)[:, 0]
                        results[i][:, chunk.rows] += torch.where(dead, part, alpha * scaled)
                rows = results
                finished = sum((row for row, (last, _) in zip(rows, starts, strict=True) if last == block), finished)
        return self.result(run, finished, weights)


def _norm(default: str) -> Parameter:
    return Parameter(
        "norm",
        "choice",
        default,
        "The size of a head's gradient: the sum of magnitudes (l1) or the root of the sum of squares (l2).",
        choices=("l1", "l2"),
    )


_CITATION = "Jo, Jang & Park, GMAR: Gradient-Driven Multi-Head Attention Rollout, 2025, arXiv:2504.19414"

METHODS = (
    MethodInfo(
        id="gmar",
        title="GMAR",
        summary="Rollout whose heads are weighted by how large their gradient is, in either direction. Blocks are "
        "multiplied from the first to the last, as the GMAR-Plus project does.",
        citation=_CITATION,
        implementation="vitinspect.explainers.methods.gmar:Gmar",
        cost="one forward and backward",
        parameters=(
            _norm("l2"),
            Parameter(
                "alpha",
                "float",
                1.0,
                "How much of the identity is added after each block.",
                minimum=0.0,
                maximum=10.0,
            ),
            Parameter(
                "variant",
                "choice",
                "plus",
                "plus: the GMAR-Plus project, identity added after each product; comparison: the LeGrad and GMAR "
                "comparison before it, identity added to the mean of the weighted heads, rows normalised.",
                choices=("plus", "comparison"),
            ),
        ),
        group="attention",
        named_by=("norm",),
    ),
    MethodInfo(
        id="gmarv2",
        title="GMAR v2",
        summary="GMAR over positive gradient times attention instead of attention alone, with the identity mixed in "
        "before the rows are normalised. The variant of the GMAR-Plus project; a block without any positive gradient "
        "passes the row on unchanged.",
        citation=_CITATION,
        implementation="vitinspect.explainers.methods.gmar:GmarV2",
        cost="one forward and backward",
        parameters=(
            _norm("l1"),
            Parameter(
                "alpha",
                "float",
                1.0,
                "How much of the identity is mixed into each block.",
                minimum=0.0,
                maximum=10.0,
            ),
        ),
        group="attention",
        named_by=("norm",),
    ),
)
