"""MUTEX: attention as a multilayer network of patches, and a map from masks made of its statistics.

The statistics are functions of arrays in ``vitinspect.attention_network``. Here they are computed from the trace
(adjacencies are streamed block by block, so that the T x T matrices of all blocks and heads are never in memory
together), and the masks are scored by the model (54 masked forward passes, of which equal ones are run once, and those
with all tokens not at all).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.attention_network import OPERATORS, centralities, cut, fuse_heads, heat_map, masks, statistics
from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, Sweep, need_recordable_attention
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.trace import Chunk
    from vitinspect.models.vit import ViT

CHUNK_TOKENS = 1000
"""The number of rows at which a CPU's matrix products are fastest; cancellation is checked between blocks."""
PADDING_WORTH = {"cpu": 0.25, "cuda": 16.0}
"""Sets are padded to join longer ones if that costs less than a separate call, which costs as much as so many sets."""


class _Layers(Sweep):
    """Fuses the heads of each block, row by row, and keeps what is needed of the whole matrix."""

    def __init__(self, run: Run, min_cut: float, first: int, keep: bool) -> None:
        self.run, self.min_cut, self.first, self.keep = run, min_cut, first, keep
        self.adjacency: dict[int, torch.Tensor] = {}
        self.strengths: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._whole: torch.Tensor | None = None

    def rows(self, chunk: Chunk) -> None:
        if chunk.block < self.first and not self.keep:
            return
        prefix = self.run.prefix
        skip = max(0, prefix - chunk.rows.start)
        attention = chunk.attention[:, :, skip:, prefix:]
        if attention.shape[2] == 0:
            return
        if self._whole is None:
            nodes = attention.shape[-1]
            self._whole = attention.new_empty(attention.shape[0], len(OPERATORS), nodes, nodes)
        start = chunk.rows.start + skip - prefix
        place = self._whole[:, :, start : start + attention.shape[2]]
        for index, operator in enumerate(OPERATORS):
            place[:, index] = fuse_heads(attention, operator)

    def block_done(self, block: int) -> None:
        if self._whole is None:
            return
        filtered = cut(self._whole, self.min_cut)
        if block >= self.first:
            self.strengths[block] = centralities(filtered)
        if self.keep:
            self.adjacency[block] = filtered.clone() if filtered is self._whole else filtered
            self._whole = None

    def centrality(self, direction: int) -> torch.Tensor:
        """(B, 3, L', N), from the first block that takes part to the last."""
        import torch

        return torch.stack([self.strengths[block][direction] for block in sorted(self.strengths)], dim=2)


class Multiplex(Explainer):
    """The MUTEX explainer; equal to ``tests/golden/p*_mutex*.npz``."""

    def check(self, model: ViT) -> None:
        from vitinspect.explainers.passes.truncated import why_not

        need_recordable_attention(self, model)
        reason = why_not(model)
        if reason:
            raise self.refuse(f"it scores the model with tokens dropped, and {reason}")
        if self.param("starting_layer") >= model.depth:
            from vitinspect.errors import ParameterError

            raise ParameterError(
                f"{self.method.id}: starting_layer={self.param('starting_layer')} leaves no block of {model.name}, "
                f"which has {model.depth}."
            )

    def needs(self, model: ViT) -> Needs:
        return Needs(attention=True, tokens=True)

    def sweep(self, run: Run) -> Sweep:
        return _Layers(run, self.param("min_cut"), self.param("starting_layer"), run.details)

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        with torch.no_grad():
            # (B, 3, 2, 9, N)
            values = torch.stack([statistics(sweep.centrality(direction)) for direction in (0, 1)], dim=2)
            kept = masks(values, self.param("token_ratio")).flatten(1, 3)
            confidences = score_masks(run, kept)
            maps = torch.stack([heat_map(kept[i], confidences[i]) for i in range(run.batch)])
            details = [_details(sweep, values, kept, confidences, i) for i in range(run.batch)] if run.details else None
            return MapBatch(run.to_grid(maps), details)


def _details(
    sweep: _Layers, values: torch.Tensor, kept: torch.Tensor, confidences: torch.Tensor, image: int
) -> dict[str, Any]:
    import torch

    return {
        "adjacency": torch.stack([sweep.adjacency[block][image] for block in sorted(sweep.adjacency)], dim=1),
        "centrality_in": sweep.centrality(0)[image],
        "centrality_out": sweep.centrality(1)[image],
        "statistics": values[image],
        "masks": kept[image],
        "confidences": confidences[image],
    }


# --- the masked forward passes -------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Group:
    """Sets that run together, padded to one length."""

    members: list[int]
    length: int
    padded: bool


def group_by_length(lengths: list[int], worth: float = PADDING_WORTH["cpu"]) -> list[_Group]:
    """Group sets of one length; a few shorter ones join the next longer group if padding them is cheap."""
    by_length: dict[int, list[int]] = {}
    for index, length in enumerate(lengths):
        by_length.setdefault(length, []).append(index)
    groups: list[_Group] = []
    waiting: list[int] = []
    waste = 0
    ordered = sorted(by_length)
    for place, length in enumerate(ordered):
        members = waiting + by_length[length]
        longer = ordered[place + 1] if place + 1 < len(ordered) else None
        if longer is not None and waste + len(members) * (longer - length) <= worth * longer:
            waste += len(members) * (longer - length)
            waiting = members
            continue
        groups.append(_Group(members, length, bool(waiting)))
        waiting, waste = [], 0
    return groups


def score_masks(run: Run, kept: torch.Tensor) -> torch.Tensor:
    """(B, K): the target's probability when only the kept patches (B, K, N), and all prefix tokens, are seen.

    Equal masks are run once. A mask that keeps every patch has the model's own probability; one that keeps none is run
    if the head reads a token before the patches, and otherwise has the confidence 0.
    """
    import torch

    from vitinspect.explainers.passes import bfloat16, block_parts
    from vitinspect.models.evaluation_state import in_evaluation_state

    model = bfloat16.without_emulation(run.model)
    unique, back = zip(*(torch.unique(one, dim=0, return_inverse=True) for one in kept), strict=True)
    total = sum(len(one) for one in unique)
    wide = torch.float32 if run.trace.logits.dtype in (torch.bfloat16, torch.float16) else run.trace.logits.dtype
    confidences = []
    done = 0
    with in_evaluation_state(model.module):
        rope = block_parts.rotary_table(model, run.grid)
        for image, subsets in enumerate(unique):
            logits = run.trace.logits[image].to(wide).repeat(len(subsets), 1)
            seen = _run_subsets(run, model, image, subsets, rope, logits, done, total)
            probability = run.targets.one(image, len(subsets)).probability(logits)
            confidences.append(probability.where(seen, probability.new_zeros(()))[back[image]])
            done += len(subsets)
            run.report(done, total)
    return torch.stack(confidences)


def _run_subsets(
    run: Run,
    model: ViT,
    image: int,
    subsets: torch.Tensor,
    rope: torch.Tensor | None,
    logits: torch.Tensor,
    before: int,
    total: int,
) -> torch.Tensor:
    """Write the logits of each subset of patches; return true for those of which the head reads any token."""
    import torch

    from vitinspect.explainers.passes import truncated
    from vitinspect.explainers.passes.chunks import batch_size_for, run_chunks

    prefix, patches = run.prefix, subsets.shape[1]
    counts = subsets.sum(1)
    seen = torch.ones_like(counts, dtype=torch.bool)
    if not reads_prefix(model):
        seen = counts > 0
    todo = ((counts < patches) & seen).nonzero()[:, 0]
    if len(todo) == 0:
        return seen
    shared = truncated.SharedFirstBlock(model, run.trace.tokens[0][image].to(model.dtype), rope)
    # The kept tokens first, in their order; the rest is cut off, or masked where sets are padded.
    order = (~subsets[todo]).to(torch.uint8).sort(dim=1, stable=True).indices + prefix
    first = torch.arange(prefix, device=order.device).expand(len(todo), prefix)
    order = torch.cat([first, order], dim=1)
    lengths = counts[todo] + prefix
    done = before
    worth = PADDING_WORTH.get(model.device.type, PADDING_WORTH["cpu"])
    for group in group_by_length(lengths.tolist(), worth):
        members = torch.tensor(group.members, device=order.device)

        def work(chunk: slice, group: _Group = group, members: torch.Tensor = members) -> None:
            rows = members[chunk]
            chosen = order[rows, : group.length]
            real = lengths[rows] if group.padded else None
            logits[todo[rows]] = truncated.logits_of_subsets(model, shared, chosen, real, run.cancel).to(logits.dtype)

        most = max(batch_size_for(model, group.length), CHUNK_TOKENS // group.length)
        # Chunks of one size: a short last one would be slow.
        size = -(-len(members) // -(-len(members) // most))
        start = done
        run_chunks(
            len(group.members),
            size,
            work,
            report=lambda d, _, start=start: run.report(start + d, total),  # type: ignore[misc]
            cancel=run.cancel,
        )
        done += len(group.members)
    return seen


def reads_prefix(model: ViT) -> bool:
    """Whether the head reads a token before the patches, so that a token remains if all patches are dropped."""
    if model.prefix_tokens == 0:
        return False
    if model.pooling == "recipe":
        recipe: Any = model.module.vitinspect_recipe
        return not recipe.mean
    return model.pooling in ("token", "distilled", "prr") or model.pools_prefix


METHODS = (
    MethodInfo(
        id="multiplex",
        title="Multiplex network (MUTEX)",
        short="Multiplex",
        summary="Each block's attention becomes a layer of a network of patches (heads fused by minimum, maximum and "
        "sum; arcs below min_cut times the layer's strongest are cut). Nine statistics over layers of the attention "
        "that each patch receives and gives make 54 masks, each scored by the model's confidence with only its "
        "patches, and the map is the mean confidence of the masks that hold a patch.",
        citation="Multiplex Network-Based Representation of Vision Transformers for Visual Explainability (MUTEX), the "
        "authors' published code",
        implementation="vitinspect.explainers.methods.multiplex:Multiplex",
        cost="many passes",
        parameters=(
            Parameter(
                "min_cut",
                "float",
                0.01,
                "Arcs below this share of their layer's strongest are cut.",
                minimum=0.0,
                maximum=1.0,
                logarithmic=True,
            ),
            Parameter(
                "token_ratio",
                "float",
                0.5,
                "The share of patches that each mask drops (those with the smallest values).",
                minimum=0.0,
                maximum=1.0,
            ),
            Parameter("starting_layer", "int", 0, "The first block that takes part.", minimum=0, maximum=255),
        ),
        group="network",
    ),
)
