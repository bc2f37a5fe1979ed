"""Layer-wise relevance propagation for Vision Transformers (Chefer, Gur & Wolf 2021).

The relevance of the target is propagated back through every layer of the model, down to the attention of the lowest
requested block. Weighted with its gradient, clamped and rolled out it is the map (``transformer_attribution``);
the other variants are the authors' own baselines. Definition: ``docs/methods/lrp-mix-multiplex.md``, section 1; what
the authors left open: ``docs/methods/lrp-rules.md``. Equal to ``tests/golden/*_chefer*.npz``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.errors import ParameterError
from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, need_recordable_attention
from vitinspect.explainers.declaration import LRP_NOTICE, MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    from vitinspect.explainers.lrp.plan import Plan
    from vitinspect.models.vit import ViT

VARIANTS = ("transformer_attribution", "rollout", "full", "last_layer", "last_layer_attn", "second_layer")


class Lrp(Explainer):
    """Transformer attribution and the authors' baselines."""

    # --- what it needs ---------------------------------------------------------------------------------------

    @property
    def variant(self) -> str:
        return self.param("variant")

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)
        start, depth = self.param("start_layer"), model.depth
        if self.variant in ("transformer_attribution", "rollout") and start >= depth:
            raise ParameterError(
                f"{self.method.id}: start_layer={start} leaves no block of {model.name}, which has {depth}."
            )
        if self.variant == "second_layer" and depth < 2:
            raise self.refuse("it has one block, so there is no second layer")
        if self.variant != "last_layer_attn":
            self.way(model)

    def way(self, model: ViT) -> tuple[Plan, Needs]:
        """The plan of propagation through this model, and what must be recorded for it."""
        from vitinspect.explainers.lrp.embedding import pixel_needs
        from vitinspect.explainers.lrp.heads import head_needs
        from vitinspect.explainers.lrp.plan import NoRule, plan_of

        try:
            plan = plan_of(model)
            needs = plan.needs() | head_needs(model)
            if self.variant == "full":
                needs |= pixel_needs(model)
        except NoRule as reason:
            raise self.refuse(str(reason)) from None
        return plan, needs

    def lowest(self, model: ViT) -> int:
        """The lowest block whose attention contributes to the map."""
        if self.variant in ("last_layer", "last_layer_attn"):
            return model.depth - 1
        if self.variant == "second_layer":
            return 1
        return 0 if self.variant == "full" else self.param("start_layer")

    @property
    def signed(self) -> bool:
        return self.variant == "full"

    @property
    def weighted(self) -> bool:
        """Whether relevance is multiplied with the gradient of attention."""
        layer = self.variant in ("last_layer", "second_layer")
        return self.variant == "transformer_attribution" or (layer and self.param("ablation"))

    def needs(self, model: ViT) -> Needs:
        if self.variant == "last_layer_attn":
            return Needs(attention=True)
        _, needs = self.way(model)
        return needs | Needs(attention_gradient=self.weighted)

    # --- the map ---------------------------------------------------------------------------------------------

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        with torch.no_grad():
            return self._maps(run)

    def _maps(self, run: Run) -> MapBatch:
        from vitinspect.explainers.lrp.attention_relevance import AttentionRelevance, attention_of_read_out
        from vitinspect.explainers.lrp.rules import net_relevance
        from vitinspect.explainers.lrp.walk import Walk

        if self.variant == "last_layer_attn":
            return MapBatch(run.to_grid(attention_of_read_out(run)))
        plan, _ = self.way(run.model)
        rolls = self.variant in ("transformer_attribution", "rollout")
        lowest = self.lowest(run.model)
        # The map of one layer needs that layer only; a rollout needs all from its start layer on.
        blocks = range(lowest, run.model.depth if rolls else lowest + 1)
        relevance = AttentionRelevance(run, range(0) if self.variant == "full" else blocks, self.weighted, rolls)
        walk = Walk(run, plan, relevance, self.param("rules"))
        if self.variant == "full":
            values = net_relevance(walk.to_pixels())
        else:
            # The details contain all blocks, also those that the map does not use.
            walk.to_attention_of(0 if run.details else lowest)
            values = run.to_grid(relevance.row)
        return MapBatch(values, relevance.details(run.batch))


METHODS = (
    MethodInfo(
        id="lrp",
        title="LRP (Chefer et al.)",
        short="LRP",
        summary="Relevance is propagated back from the target through every layer. In each block the relevance of "
        "attention is weighted with its gradient, clamped at zero and averaged over heads, and the blocks are rolled "
        "out. The other variants are the authors' own baselines; full gives signed relevance per pixel.",
        citation="Chefer, Gur & Wolf, Transformer Interpretability Beyond Attention Visualization, CVPR 2021, "
        "arXiv:2012.09838",
        implementation="vitinspect.explainers.methods.lrp:Lrp",
        cost="one forward and backward",
        parameters=(
            Parameter(
                "variant",
                "choice",
                "transformer_attribution",
                "transformer_attribution: gradient times relevance, rolled out; rollout: relevance alone, rolled out; "
                "full: down to the pixels, signed; last_layer, second_layer: relevance of one block's attention; "
                "last_layer_attn: the attention itself.",
                choices=VARIANTS,
            ),
            Parameter(
                "start_layer",
                "int",
                0,
                "The first block that takes part in a rollout. The authors evaluate with 1.",
                minimum=0,
                maximum=255,
            ),
            Parameter(
                "ablation",
                "bool",
                False,
                "Weight last_layer and second_layer with the gradient. Other variants are not affected.",
            ),
            Parameter(
                "rules",
                "choice",
                "chefer",
                "chefer: the method's own; original: the authors' baseline, which normalises positive and negative "
                "contributions separately and grows without bound.",
                choices=("chefer", "original"),
            ),
        ),
        group="relevance",
        notice=LRP_NOTICE,
    ),
)
