"""ViT-ReciproCAM: the probability of the target when one block sees only one patch and its neighbours.

The copies of a block's tokens are masked around one patch each; ``passes.masked_block`` runs that block for all copies
using the masks' structure, and ``passes.truncated`` runs the rest of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.passes.masked_block import Masks
    from vitinspect.models.vit import ViT

CPU_CHUNK_BYTES = 8 << 20
"""The size of the MLP's hidden activations, which on a CPU should fit into its caches."""


class ReciproCam(Explainer):
    """ViT-ReciproCAM (Byun & Lee 2023); equal to ``tests/golden/q1_reciprocam.npz``."""

    def check(self, model: ViT) -> None:
        from vitinspect.errors import ParameterError

        block = self.block(model)
        if not 0 <= block < model.depth:
            raise ParameterError(
                f"{self.method.id}: block={self.param('block')} is not a block of {model.name}, which has blocks 0 to "
                f"{model.depth - 1}."
            )
        if getattr(model.blocks[block], "norm1", None) is None:
            kind = type(model.blocks[block]).__name__
            raise self.refuse(
                f"it masks the output of the norm before a block's attention, and a {kind} has no separate norm there"
            )

    def block(self, model: ViT) -> int:
        """The index of the block; -1 is read as -2, as the authors' code does."""
        block = self.param("block")
        block = -2 if block == -1 else block
        return block + model.depth if block < 0 else block

    def needs(self, model: ViT) -> Needs:
        return Needs(tokens=True)

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        from vitinspect.explainers.passes import bfloat16
        from vitinspect.explainers.passes.chunks import run_chunks
        from vitinspect.explainers.passes.masked_block import Masks
        from vitinspect.models.evaluation_state import in_evaluation_state

        model = bfloat16.without_emulation(run.model)
        device = run.inputs.device
        masks = Masks.around_each_patch(run.grid, run.prefix, self.param("gaussian"), self.param("cls_token"), device)
        count = len(masks.tokens)
        size = self._chunk_size(model, masks)
        wide = torch.float32 if run.trace.logits.dtype in (torch.bfloat16, torch.float16) else run.trace.logits.dtype
        logits = torch.empty(run.batch, count, run.trace.logits.shape[-1], dtype=wide, device=device)
        with torch.no_grad(), in_evaluation_state(model.module):
            for image in range(run.batch):
                score = self._scorer(run, model, image, masks)

                def work(chunk: slice, image: int = image, score: Any = score) -> None:
                    logits[image, chunk] = score(chunk).to(wide)

                size = run_chunks(
                    count,
                    size,
                    work,
                    report=lambda done, _, image=image: run.report(image * count + done, run.batch * count),  # type: ignore[misc]
                    cancel=run.cancel,
                )
            targets = [run.targets.one(image, count) for image in range(run.batch)]
            probabilities = torch.stack([t.probability(row) for t, row in zip(targets, logits, strict=True)])
            details = None
            if run.details:
                scores = [t.score(row) for t, row in zip(targets, logits, strict=True)]
                details = [
                    {"masked_probabilities": run.to_grid(p), "masked_scores": run.to_grid(s)}
                    for p, s in zip(probabilities, scores, strict=True)
                ]
        return MapBatch(run.to_grid(probabilities), details)

    def _chunk_size(self, model: ViT, masks: Masks) -> int:
        from vitinspect.explainers.passes.chunks import batch_size_for

        if model.device.type != "cpu":
            return batch_size_for(model, masks.total, 2)
        return max(2, CPU_CHUNK_BYTES // (4 * model.dim * masks.total * 4))

    def _scorer(self, run: Run, model: ViT, image: int, masks: Masks) -> Any:
        """A function from a chunk of the masked copies of one image to their logits."""
        from vitinspect.explainers.passes import block_parts, truncated
        from vitinspect.explainers.passes.masked_block import MaskedBlock

        block = self.block(model)
        if truncated.why_not(model):
            return _WholeModel(self, run, model, image, block, masks)
        tokens = run.trace.tokens[block][image].to(model.dtype)
        rope = block_parts.rotary_table(model, run.grid)
        parts = block_parts.parts_of(model.blocks[block])
        if parts is None or parts.before_mlp is None:
            masked: Any = _HookedBlock(model, block, tokens, rope, masks)
            rows_of = None
        else:
            masked = MaskedBlock(parts, tokens, block_parts.rope_of_block(model, rope, block), masks)
            rows_of = masked.rows
        total = masks.total
        earlier = truncated.read_before(model, block + 1, run.trace, image) if model.read_blocks > 1 else ()
        if block < model.depth - 1:
            return lambda chunk: truncated.logits_from(
                model, block + 1, masked(chunk), rope=rope, cancel=run.cancel, earlier=earlier
            )
        if model.read_blocks > 1:

            def several(chunk: slice) -> torch.Tensor:
                altered = masked(chunk)
                outputs = [*(tokens.expand(len(altered), -1, -1) for tokens in earlier), altered]
                return truncated.head_of_several_blocks(model, outputs)

            return several
        rows = truncated.rows_read(model, total)
        if rows_of is None or rows.stop > run.prefix:
            return lambda chunk: truncated.head(model, masked(chunk), slice(0, total), total)
        hidden = not self.param("cls_token")
        return lambda chunk: truncated.head(model, rows_of(chunk, rows, hidden), rows, total)


class _HookedBlock:
    """Any block, with the output of its first norm multiplied by the masks: one block call for a chunk of copies."""

    def __init__(self, model: ViT, block: int, tokens: torch.Tensor, rope: torch.Tensor | None, masks: Masks) -> None:
        self.model, self.block, self.tokens, self.rope, self.masks = model, block, tokens, rope, masks

    def __call__(self, chunk: slice) -> torch.Tensor:
        from vitinspect.explainers.function_hooks import for_this_thread
        from vitinspect.explainers.passes.truncated import call_block

        factors = self.masks.dense(chunk).to(self.tokens.dtype)[:, :, None]
        norm: Any = self.model.blocks[self.block].norm1
        handle = norm.register_forward_hook(for_this_thread(lambda _module, _args, output: output * factors))
        try:
            return call_block(self.model, self.block, self.tokens[None], self.rope)
        finally:
            handle.remove()


class _WholeModel:
    """A model whose blocks cannot be run separately: the whole model, one image up to the masked norm, then copies."""

    def __init__(self, explainer: ReciproCam, run: Run, model: ViT, image: int, block: int, masks: Masks) -> None:
        self.explainer, self.run, self.model, self.masks = explainer, run, model, masks
        self.inputs = run.inputs[image : image + 1].to(model.dtype)
        self.norm: Any = model.blocks[block].norm1

    def __call__(self, chunk: slice) -> torch.Tensor:
        from vitinspect.explainers.function_hooks import for_this_thread

        factors = self.masks.dense(chunk).to(self.inputs.dtype)[:, :, None]

        def mask(_module: Any, _args: Any, output: torch.Tensor) -> torch.Tensor:
            if output.dim() != 3 or output.shape[1] != self.masks.total:
                raise self.explainer.refuse(
                    f"the first norm of a block of {type(self.model.module).__name__} returns a tensor of shape "
                    f"{tuple(output.shape)}, not one row for each of the {self.masks.total} tokens"
                )
            return output * factors

        handle = self.norm.register_forward_hook(for_this_thread(mask))
        try:
            return self.model.module(self.inputs)
        finally:
            handle.remove()


METHODS = (
    MethodInfo(
        id="reciprocam",
        title="ViT-ReciproCAM",
        short="ReciproCAM",
        summary="For each patch, the probability of the target when one block's attention sees only that patch and "
        "its neighbours (and the tokens before the patches); the residual stream is not masked. No gradients. "
        "Values are probabilities; they often differ by a few percent only.",
        citation="Byun & Lee, ViT-ReciproCAM: Gradient and Attention-Free Visual Explanations for Vision Transformer, "
        "2023, arXiv:2310.02588",
        implementation="vitinspect.explainers.methods.reciprocam:ReciproCam",
        cost="several passes",
        parameters=(
            Parameter(
                "block",
                "int",
                -2,
                "The block whose attention input is masked; negative numbers count from the last. -1 is read as -2, as "
                "in the authors' code.",
                minimum=-256,
                maximum=255,
            ),
            Parameter(
                "gaussian", "bool", True, "Whether a patch's neighbours are seen too, weighted by a 3x3 Gaussian."
            ),
            Parameter(
                "cls_token",
                "bool",
                True,
                "Whether the tokens before the patches (class token, registers) are seen.",
            ),
        ),
        group="perturbation",
    ),
)
