"""Libra FullGrad+: gradients times inputs and biases of all layers, on a backward pass that keeps the whole score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.errors import MethodFailed
from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run
from vitinspect.explainers.declaration import MethodInfo

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.engine import EarlyRun
    from vitinspect.explainers.modified_backward import BiasSums
    from vitinspect.models.vit import ViT

ALLOWED_ERROR = {"float64": 1e-6, "float32": 1e-2, "bfloat16": 0.5}
"""The completeness error up to which a map is returned. For a network of supported layers it is rounding (on small
models 1e-15, 1e-6 and two percent); an unsupported layer adds tens of percent."""


@dataclass
class _Parts:
    layers: torch.Tensor
    """(L, B, T): input times gradient of the tokens that enter each block."""
    biases: BiasSums
    score: torch.Tensor
    """(B,)"""


class LibraGrad(Explainer):
    """FullGrad+ on LibraGrad's pruned backward pass (Mehri, Baghshah & Pilehvar, CVPR 2025); docs/methods/libragrad.md.

    The value of a patch is

        sum over blocks l of  sum over channels of  x_l * dS/dx_l   +   sum over biases b of  b * dS/db

    taken at the patch's token: x_l is the token as it enters block l (position embedding included), and a bias
    counts at each token to which it is added, from the first block's first norm to the final norm. Biases that are
    added after pooling belong to no token and are in the details. S is the target's logit, the difference of two,
    or the cosine with a text. The derivative is that of the pruned backward pass (section 3.5 of the paper), in
    which the network is linear in its input and biases, so that each layer's inputs and all later biases add up
    to S exactly (FullGrad-completeness):

    - attention: the probabilities are constants, gradient flows through the values only;
    - LayerNorm: the standard deviation is a constant, the mean is not; RMS norm alike;
    - gated activations (GELU, quick GELU, SiLU): x times a gate that is a constant;
    - products of two branches (SwiGLU and other gated MLPs): half to each branch; but a sigmoid gate, which is not
      zero at zero, is a constant, also the gate on attention's output;
    - the length of the image's embedding, by which a cosine divides, is a constant;
    - attention pooling and differential attention: as attention. Maximum pooling: ordinary gradient.

    The score is counted once per block, so the values do not add up to it; each of ``layers``, together with the
    biases after it, does. The values of all tokens are computed, and those of prefix tokens left out.

    Details: ``layers`` (L, rows, columns) input times gradient per block; ``bias`` (rows, columns); ``head_bias``
    the contributions of biases that belong to no token; ``score``; ``completeness_errors`` (L,), per block the
    difference between the score and inputs plus later biases, relative to the largest of the sums of magnitudes and
    the score; ``completeness_error``, the largest of them. If the head reads several blocks, the sums are checked for
    those that contain all of the score. If the error is larger than rounding explains, the model has a layer that the
    pruned backward pass does not support, and an error is raised instead of returning a map.
    """

    def check(self, model: ViT) -> None:
        from vitinspect.explainers.modified_backward import need_switchable

        need_switchable(self, model)

    def needs(self, model: ViT) -> Needs:
        return Needs(tokens=True, graph=True, switches=("rules", "biases"))

    def before_backward(self, run: EarlyRun, logits: torch.Tensor) -> _Parts:
        import torch

        from vitinspect.explainers.attention_calls import wide
        from vitinspect.explainers.modified_backward import BiasSums, Rule, linear_score, need_switchable

        need_switchable(self, run.model, run.live)
        inputs = run.live.tokens[:-1]
        zeros = wide(inputs[0]).detach().new_zeros(inputs[0].shape[:2])
        biases = BiasSums([zeros.clone() for _ in range(run.model.depth + 1)], zeros[:, 0].clone())
        score = linear_score(run.targets, logits)
        with run.live.board.ruled_by(Rule(query_key=0, value=1, gates_flow=True), biases):
            gradients = torch.autograd.grad(score.sum(), inputs, retain_graph=True)
        layers = [(wide(x.detach()) * wide(g)).sum(-1) for x, g in zip(inputs, gradients, strict=True)]
        return _Parts(torch.stack(layers), biases, wide(score.detach()))

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        parts: _Parts = early
        # A token that the head reads directly passes no later block: sums over those do not hold all of the score.
        errors = completeness_errors(parts)[: run.model.depth - run.model.read_blocks + 2]
        worst = float(errors.max())
        allowed = ALLOWED_ERROR[str(run.model.dtype).removeprefix("torch.")]
        if worst > allowed:
            raise MethodFailed(
                self.method.key,
                f"its attributions miss the score by {worst:.2g} of their magnitude, where {allowed:g} is allowed. "
                f"{run.model.name} has a layer that the pruned backward pass does not support, or needs a higher "
                'precision (precision="float64").',
            )
        layers = run.to_grid(parts.layers.transpose(0, 1))
        biases = run.to_grid(torch.stack(parts.biases.tokens).sum(0))
        details = [
            {
                "layers": layers[i],
                "bias": biases[i],
                "head_bias": float(parts.biases.elsewhere[i]),
                "score": float(parts.score[i]),
                "completeness_errors": errors[:, i],
                "completeness_error": float(errors[:, i].max()),
            }
            for i in range(run.batch)
        ]
        return MapBatch(layers.sum(1) + biases, details)


def completeness_errors(parts: _Parts) -> torch.Tensor:
    """(L, B): how far each block's inputs and the biases from there on miss the score, relative to the magnitudes."""
    import torch

    per_block = torch.stack(parts.biases.tokens)
    later = per_block.sum(-1).flip(0).cumsum(0).flip(0)[:-1] + parts.biases.elsewhere
    magnitude = torch.maximum(parts.layers.abs().sum(-1), parts.score.abs())
    missing = (parts.layers.sum(-1) + later - parts.score).abs()
    return missing / magnitude.clamp(min=torch.finfo(magnitude.dtype).tiny)


METHODS = (
    MethodInfo(
        id="libragrad",
        title="Libra FullGrad+",
        short="LibraGrad",
        summary="Gradient times input of every block, and the contributions of all biases, from a backward pass in "
        "which attention, norms, activations and gates are pruned so that each layer's attributions add up to the "
        "score. The strongest gradient method of its paper's comparison.",
        citation="Mehri, Baghshah & Pilehvar, LibraGrad, CVPR 2025, arXiv:2411.16760",
        implementation="vitinspect.explainers.methods.libragrad:LibraGrad",
        cost="one forward and backward",
        signed=True,
        group="gradient",
    ),
)
