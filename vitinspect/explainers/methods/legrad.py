"""LeGrad, and the variant that the GMAR-Plus project uses."""

from __future__ import annotations

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

    from vitinspect.explainers.attention_calls import AttentionCall
    from vitinspect.explainers.engine import EarlyRun
    from vitinspect.explainers.trace import Chunk
    from vitinspect.models.vit import ViT


class LeGrad(Explainer):
    """LeGrad (Bousselham et al., ICCV 2025), as the official code does it on CLIP towers.

    For every block l from ``start_layer`` on: the tokens that leave it are pooled into one, the model's own head
    scores that (the target's logit; for a text the cosine), the gradient of this score with respect to the block's
    attention probabilities is taken *inside the block only*, and its positive part averaged over heads and query rows.
    The map is the sum over the blocks. Definition: docs/methods/legrad-gmar-reciprocam-attnlrp.md, section 1; golden
    tests: tests/explainers/methods/test_legrad.py.

    ``pooling``: ``all`` averages every token, prefix tokens included, whatever the model's own pooling is: what the
    official code does. ``patch`` averages the patches. ``cls`` takes the class token.

    The score of a pooled token z follows from the model: it is normalised by the final norm and replaces *every* token
    that the head reads, so that a distilled model averages both of its heads on it and a head on class token and mean
    reads it twice.

    Attention pooling (SigLIP and others) is a case of its own in the official code: the pooling head is applied to the
    tokens of each block, the gradient is taken with respect to the pooling head's attention, and its one query row is
    the map. Here ``all`` means the tokens that it reads in the model, ``patch`` the patches only, and there is no
    ``cls``. The official code leaves out the final norm before the pooling head; here the model's own order is kept.
    Its corrections by the empty prompt are not applied.

    Details: ``layers`` (L', rows, columns), one relevance per block used.
    """

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)
        need_block_index(self, model, "start_layer")
        if self.param("pooling") == "cls":
            if model.pooling == "map":
                raise self.refuse("a pooling head that reads the class token alone attends to no patch")
            if not model.has_class_token:
                raise self.refuse("the model has no class token; use pooling=all or pooling=patch")

    def needs(self, model: ViT) -> Needs:
        return Needs(tokens=True, graph=True)

    def before_backward(self, run: EarlyRun, logits: torch.Tensor) -> torch.Tensor:
        """(L', B, T): the relevance of every token, per block."""
        import torch

        from vitinspect.progress import check

        model, live = run.model, run.live
        first = self.param("start_layer") % model.depth
        layers = []
        for block in range(first, model.depth):
            check(run.cancel)
            tokens = live.tokens[block + 1]
            if model.pooling == "map":
                layers.append(self._of_pooling_head(run, tokens.detach()))
                continue
            calls = live.calls[block]
            if not calls:
                raise self.refuse(f"the attention of block {block} cannot be recorded")
            score = run.targets.score(score_pooled(model, self._pool(run, tokens))).sum()
            outputs = [call.output for call in calls]
            gradients = torch.autograd.grad(score, outputs, retain_graph=True)  # type: ignore[arg-type]
            layers.append(mean_positive_gradient(calls, gradients))
        return torch.stack(layers)

    def _pool(self, run: EarlyRun, tokens: torch.Tensor) -> torch.Tensor:
        pooling = self.param("pooling")
        if pooling == "cls":
            return tokens[:, 0]
        return tokens[:, run.model.prefix_tokens if pooling == "patch" else 0 :].mean(1)

    def _of_pooling_head(self, run: EarlyRun, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T): from the attention of the pooling head."""
        import torch

        from vitinspect.explainers.attention_calls import as_call
        from vitinspect.explainers.function_hooks import record_attention_calls

        model = run.model
        module: Any = model.module
        calls: list[AttentionCall] = []
        total = tokens.shape[1]
        features = module.norm(tokens.requires_grad_(True))
        patches_only = self.param("pooling") == "patch" or not model.pools_prefix
        with record_attention_calls(lambda output, *args, **kwargs: calls.append(as_call(output, *args, **kwargs))):
            pooled = module.attn_pool(features[:, model.prefix_tokens if patches_only else 0 :])
        score = run.targets.score(module.head(module.head_drop(module.fc_norm(pooled)))).sum()
        assert calls[0].output is not None
        gradients = torch.autograd.grad(score, [calls[0].output])
        relevance = mean_positive_gradient(calls[:1], gradients)
        return torch.nn.functional.pad(relevance, (total - relevance.shape[1], 0))

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        layers = run.to_grid(early.transpose(0, 1))
        return MapBatch(layers.sum(1), [{"layers": layers[i]} for i in range(run.batch)])


def score_pooled(model: ViT, pooled: torch.Tensor) -> torch.Tensor:
    """(B, C): the output of the model's head for one pooled token per image, (B, D), before the final norm.

    The token replaces every token: any pooling of equal tokens gives that token.
    """
    module: Any = model.module
    token = module.norm(pooled)
    return module.forward_head(token[:, None].expand(-1, model.read_blocks * (model.prefix_tokens + 1), -1))


def mean_positive_gradient(calls: list[AttentionCall], gradients: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """(B, T): per key, the positive part of the attention's gradient dA = dO v^T, averaged over heads and queries.

    Rebuilt in chunks of query rows and heads; dA as a whole is never in memory.
    """
    import torch

    from vitinspect.explainers.attention_calls import chunk_bytes, wide

    total, rows_of_heads = None, 0
    with torch.no_grad():
        for call, gradient in zip(calls, gradients, strict=True):
            keys = wide(call.v.detach()).transpose(-2, -1)
            gradient = wide(gradient)
            batch, heads, rows, _ = gradient.shape
            row_bytes = batch * heads * keys.shape[-1] * keys.element_size()
            step = max(1, min(rows, chunk_bytes(keys.device) // row_bytes))
            positive = keys.new_zeros(batch, heads, keys.shape[-1])
            for start in range(0, rows, step):
                positive += (gradient[:, :, start : start + step] @ keys).clamp_(min=0).sum(2)
            rows_of_heads += heads * rows
            total = positive.sum(1) if total is None else total + positive.sum(1)
    assert total is not None
    return total / rows_of_heads


class _LeGradSeed(Sweep):
    gradient = True

    def __init__(self, run: Run, times_attention: bool) -> None:
        self.prefix, self.times_attention = run.prefix, times_attention
        self.blocks: dict[int, list[torch.Tensor]] = {}

    def rows(self, chunk: Chunk) -> None:
        assert chunk.gradient is not None
        # Attention is positive, so that the positive part of the product is that of the gradient times attention.
        positive = chunk.positive_product_mean if self.times_attention else chunk.gradient.clamp(min=0).mean(1)
        self.blocks.setdefault(chunk.block, []).append(positive[..., self.prefix :].mean(-1))

    def layers(self) -> torch.Tensor:
        """(L, B, N), per query patch."""
        import torch

        rows = [torch.cat(self.blocks[block], dim=1) for block in sorted(self.blocks)]
        return torch.stack(rows)[..., self.prefix :]


class LeGradSeed(Explainer):
    """The method that the GMAR-Plus project calls LeGrad: docs/methods/legrad-gmar-reciprocam-attnlrp.md, section 1.3.

    One backward pass from the logit through the whole model; the positive gradient of each block's attention,
    averaged over heads and over keys, so that there is a value per *query* patch; the mean over blocks. Rows and
    columns of all prefix tokens are dropped. With class-token pooling the last block contributes zeros.
    variant=comparison multiplies that gradient with the attention first.

    Details: ``layers`` (L, rows, columns).
    """

    def check(self, model: ViT) -> None:
        need_recordable_attention(self, model)

    def needs(self, model: ViT) -> Needs:
        return Needs(attention=self.param("variant") == "comparison", attention_gradient=True)

    def sweep(self, run: Run) -> Sweep:
        return _LeGradSeed(run, self.param("variant") == "comparison")

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        layers = run.to_grid(sweep.layers().transpose(0, 1))
        return MapBatch(layers.mean(1), [{"layers": layers[i]} for i in range(run.batch)])


METHODS = (
    MethodInfo(
        id="legrad",
        title="LeGrad",
        summary="How much additional attention to a patch would raise the score that the head gives to each block's "
        "tokens: the positive gradient of attention, taken inside one block at a time and added up. The official "
        "code uses the last two blocks (start_layer=-2); the paper describes all (start_layer=0).",
        citation="Bousselham et al., LeGrad, ICCV 2025, arXiv:2404.03214",
        implementation="vitinspect.explainers.methods.legrad:LeGrad",
        cost="one forward and backward",
        parameters=(
            Parameter(
                "start_layer",
                "int",
                -2,
                "The first block that takes part; negative numbers count from the last.",
                minimum=-256,
                maximum=255,
            ),
            Parameter(
                "pooling",
                "choice",
                "all",
                "Which of a block's tokens are scored: all averages every token (the official code), patch the "
                "patches, cls takes the class token.",
                choices=("all", "patch", "cls"),
            ),
        ),
        group="attention",
    ),
    MethodInfo(
        id="legrad_seed",
        title="LeGrad (GMAR-Plus)",
        summary="What the GMAR-Plus project calls LeGrad: the positive gradient of attention through all later blocks, "
        "averaged over heads, keys and blocks, per query patch. Not the same method as the published LeGrad.",
        citation="The GMAR-Plus project's own; after Bousselham et al., LeGrad, ICCV 2025, arXiv:2404.03214",
        implementation="vitinspect.explainers.methods.legrad:LeGradSeed",
        cost="one forward and backward",
        parameters=(
            Parameter(
                "variant",
                "choice",
                "plus",
                "plus: the GMAR-Plus project, the gradient alone; comparison: the LeGrad and GMAR comparison before "
                "it, gradient times attention.",
                choices=("plus", "comparison"),
            ),
        ),
        group="attention",
    ),
)
