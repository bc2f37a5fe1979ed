"""AttnLRP and CP-LRP: layer-wise relevance propagation as a gradient times input with modified layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run
from vitinspect.explainers.declaration import LRP_NOTICE, MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.engine import EarlyRun
    from vitinspect.explainers.modified_backward import Rule
    from vitinspect.models.vit import ViT


class AttnLrp(Explainer):
    """AttnLRP (Achtibat et al. 2024) in the gradient-times-input form of Arras et al. (2025).

    Relevance is x * g, where g starts as 1 at the target's logit (the weights of a contrast; for a text, its unit
    vector over the output's length) and is propagated by the rules of
    docs/methods/legrad-gmar-reciprocam-attnlrp.md, section 4. Golden tests against the ``lxt`` library:
    tests/explainers/methods/test_attnlrp.py.

    Where the authors give no rule for a layer that timm's models have:

    - LayerScale, pooling, rotary positions: ordinary gradient (they are linear).
    - RMS norm, norms of queries and keys, norms inside attention and after a branch: as LayerNorm.
    - SiLU, quick GELU and other activations with f(0) = 0: as GELU. ReLU: ordinary gradient, which is the same.
    - Gated MLPs: half to either branch, as ``lxt`` does in language models; under ``cplrp`` the gate is a constant,
    as in ``lxt``. Sigmoid gates, also on attention's output: always a constant, since a sigmoid is not zero at
    zero and the rule for activations would divide by zero.
    - Attention pooling: like all attention. Differential attention: each of the two, like all attention.
    - Gamma: biases that a module adds outside of the linear map get no share. Under ``cplrp`` the
      linear maps of attention, the pooling head's too, keep the ordinary gradient, as in the authors' example.
    """

    def check(self, model: ViT) -> None:
        from vitinspect.explainers.modified_backward import need_switchable

        need_switchable(self, model)

    def needs(self, model: ViT) -> Needs:
        gamma = self.param("conv_gamma") is not None or self.param("linear_gamma") is not None
        return Needs(graph=True, switches=("rules", "gamma") if gamma else ("rules",))

    @property
    def rule(self) -> Rule:
        """The rule of the backward pass."""
        from vitinspect.explainers.modified_backward import Rule

        full = self.param("attention") == "attnlrp"
        return Rule(
            query_key=1 / 4 if full else 0,
            value=1 / 2 if full else 1,
            gates_flow=full,
            conv_gamma=self.param("conv_gamma"),
            linear_gamma=self.param("linear_gamma"),
            gamma_in_attention=full,
            stabiliser=1e-10,
        )

    def before_backward(self, run: EarlyRun, logits: torch.Tensor) -> torch.Tensor:
        """(B, H, W): the relevance of the pixels."""
        import torch

        from vitinspect.explainers.modified_backward import linear_score, need_switchable

        need_switchable(self, run.model, run.live)
        score = linear_score(run.targets, logits).sum()
        with run.live.board.ruled_by(self.rule):
            (gradient,) = torch.autograd.grad(score, [run.live.inputs], retain_graph=True)
        return (run.inputs * gradient).sum(1)

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        if self.param("resolution") == "pixel":
            return MapBatch(early)
        from vitinspect.explainers.pixels import sum_over_patches

        return MapBatch(sum_over_patches(run, early))


METHODS = (
    MethodInfo(
        id="attnlrp",
        title="AttnLRP",
        summary="Layer-wise relevance propagation with rules for attention and normalisation, as a gradient times "
        "input in which those layers are modified. The plain form, without gamma, is weak on Vision Transformers: "
        "its maps are noisy. The authors search both gammas, conv_gamma in 0.1, 0.25, 100 and linear_gamma in 0, "
        "0.01, 0.05, 0.1, 1.",
        citation="Achtibat et al., AttnLRP, ICML 2024, arXiv:2402.05602; in the form of Arras et al. 2025, "
        "arXiv:2502.15886",
        implementation="vitinspect.explainers.methods.attnlrp:AttnLrp",
        cost="one forward and backward",
        parameters=(
            Parameter(
                "attention",
                "choice",
                "attnlrp",
                "attnlrp: relevance flows through the softmax and the values; cplrp: attention is a constant, "
                "relevance flows through the values only (what the authors' example for Vision Transformers does).",
                choices=("attnlrp", "cplrp"),
            ),
            Parameter(
                "conv_gamma",
                "float",
                None,
                "The gamma of the patch embedding's convolution; none: the plain rule.",
                minimum=0,
                maximum=1e6,
                optional=True,
                logarithmic=True,
            ),
            Parameter(
                "linear_gamma",
                "float",
                None,
                "The gamma of the linear layers (under cplrp without those of attention); none: the plain rule; 0 is "
                "the epsilon rule.",
                minimum=0,
                maximum=1e6,
                optional=True,
                logarithmic=True,
            ),
            Parameter(
                "resolution",
                "choice",
                "grid",
                "grid: the sum over each patch's pixels; pixel: one value per pixel.",
                choices=("grid", "pixel"),
            ),
        ),
        signed=True,
        group="relevance",
        notice=LRP_NOTICE,
    ),
)
