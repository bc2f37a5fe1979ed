"""Feature views as maps: components, similarity, norms, attention distance of one block.

They show what the tokens of a block hold, not why the model answers as it does: they are the same for every target and
are not in the list of methods. As maps they can be thresholded, fused and exported like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.errors import ParameterError
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
    import numpy as np
    import torch

    from vitinspect.explainers.trace import Chunk
    from vitinspect.models.vit import ViT

BLOCK = Parameter(
    "block", "int", -1, "The block whose tokens are shown; -1 is the last one.", minimum=-256, maximum=255
)


class _OfTokens(Explainer):
    """A map of the patch tokens that leave one block."""

    def check(self, model: ViT) -> None:
        need_block_index(self, model, "block", optional=False)

    def needs(self, model: ViT) -> Needs:
        return Needs(tokens=True)

    def patches(self, run: Run, norm: bool) -> np.ndarray:
        """(B, rows, columns, D): the patch tokens, after the model's final norm or as they leave the block."""
        tokens = run.trace.tokens[self.param("block") % run.model.depth + 1]
        if norm:
            tokens = run.model.module.norm(tokens)  # type: ignore[operator]
        rows, columns = run.grid
        kept = tokens[:, run.prefix :].reshape(run.batch, rows, columns, -1)
        return kept.detach().double().cpu().numpy()

    def handed(self, run: Run, maps: Any) -> MapBatch:
        import numpy as np
        import torch

        from vitinspect.explainers.pixels import map_dtype

        return MapBatch(torch.from_numpy(np.stack(list(maps))).to(map_dtype(run.inputs.dtype)))


class FeatureComponent(_OfTokens):
    """One principal component of a picture's patch tokens, from 0 to 1 as in the colours of ``vi.views.pca``."""

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        from vitinspect import token_views

        place, whiten = self.param("component") - 1, self.param("whiten")
        found: list[Any] = []
        for tokens in self.patches(run, norm=True):
            run.report(len(found), run.batch)
            components = token_views.basis(tokens, whiten=whiten, components=place + 1)
            found.append(components.colours(tokens)[..., place])
        return self.handed(run, found)


class PatchSimilarity(_OfTokens):
    """The cosine of each patch token with that of one patch."""

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        rows, columns = run.grid
        from vitinspect import token_views

        given = (self.param("row"), self.param("column"))
        row, column = (
            size // 2 if value is None else value for value, size in zip(given, (rows, columns), strict=True)
        )
        if row >= rows or column >= columns:
            raise ParameterError(
                f"{self.method.id}: there is no patch in row {row}, column {column}; the grid has {rows} x {columns}."
            )
        patches = self.patches(run, norm=True)
        return self.handed(run, (token_views.similarity(tokens, (row, column)) for tokens in patches))


class TokenNorm(_OfTokens):
    """The length of each patch token as it leaves the block, before the final norm."""

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        from vitinspect import token_views

        return self.handed(run, token_views.norms(self.patches(run, norm=False)))


class AttentionDistance(Explainer):
    """For each patch the mean distance, in pixels, at which one block attends from it (Raghu et al. 2021)."""

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)
        need_block_index(self, model, "block", optional=False)
        head = self.param("head")
        if head is not None and head > model.heads:
            raise ParameterError(f"{self.method.id}: there is no head {head}; {model.name} has {model.heads} heads.")

    def needs(self, model: ViT) -> Needs:
        return Needs(attention=True)

    def sweep(self, run: Run) -> Sweep:
        return _Distances(run, self.param("block") % run.model.depth, self.param("head"))

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        return MapBatch(run.to_grid(sweep.distances))


class _Distances(Sweep):
    def __init__(self, run: Run, block: int, head: int | None) -> None:
        import torch

        from vitinspect import token_views

        self._run, self._block, self._head = run, block, head
        like = run.trace.readout
        apart = token_views.patch_distances(run.grid, run.model.patch_size)
        self._apart = torch.from_numpy(apart).to(like.device, like.dtype)
        self.distances = torch.zeros_like(like)

    def rows(self, chunk: Chunk) -> None:
        if chunk.block != self._block:
            return
        prefix = self._run.prefix
        start, stop = max(chunk.rows.start, prefix), chunk.rows.stop
        if start >= stop:
            return
        heads = chunk.attention if self._head is None else chunk.attention[:, self._head - 1 : self._head]
        between: torch.Tensor = heads[:, :, start - chunk.rows.start :, prefix:].to(self._apart.dtype)
        weighed = (between * self._apart[start - prefix : stop - prefix]).sum(-1)
        self.distances[:, start:stop] = (weighed / between.sum(-1).clamp_min(1e-30)).mean(1)


_MODULE = "vitinspect.explainers.methods.feature_views"

VIEWS = (
    MethodInfo(
        id="feature_component",
        title="Feature component",
        summary="One principal component of the patch tokens of a block: a channel of the colours of the feature view.",
        citation="Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, TMLR 2024, "
        "arXiv:2304.07193",
        implementation=f"{_MODULE}:FeatureComponent",
        cost="one forward",
        parameters=(
            BLOCK,
            Parameter(
                "component", "int", 1, "Which component, the one with the largest variance first.", minimum=1, maximum=9
            ),
            Parameter("whiten", "bool", True, "Each component in units of its own deviation."),
        ),
        class_specific=False,
        group="features",
    ),
    MethodInfo(
        id="patch_similarity",
        title="Patch similarity",
        summary="The cosine of each patch token of a block with that of one patch.",
        citation="Siméoni et al., DINOv3, 2025, arXiv:2508.10104",
        implementation=f"{_MODULE}:PatchSimilarity",
        cost="one forward",
        parameters=(
            BLOCK,
            Parameter("row", "int", None, "Row of the patch from 0; none: the middle.", minimum=0, optional=True),
            Parameter("column", "int", None, "Column of the patch from 0; none: the middle.", minimum=0, optional=True),
        ),
        class_specific=False,
        group="features",
    ),
    MethodInfo(
        id="token_norm",
        title="Token norm",
        summary="The length of each patch token as it leaves a block. Tokens far longer than their neighbours are the"
        " artefacts that registers absorb.",
        citation="Darcet et al., Vision Transformers Need Registers, ICLR 2024, arXiv:2309.16588",
        implementation=f"{_MODULE}:TokenNorm",
        cost="one forward",
        parameters=(BLOCK,),
        class_specific=False,
        group="features",
    ),
    MethodInfo(
        id="attention_distance",
        title="Attention distance",
        summary="For each patch the mean distance, in pixels, at which a block attends from it.",
        citation="Raghu et al., Do Vision Transformers See Like Convolutional Neural Networks?, NeurIPS 2021, "
        "arXiv:2108.08810",
        implementation=f"{_MODULE}:AttentionDistance",
        cost="one forward",
        parameters=(
            BLOCK,
            Parameter("head", "int", None, "Head from 1; none: the mean of all.", minimum=1, optional=True),
        ),
        class_specific=False,
        group="features",
    ),
)
