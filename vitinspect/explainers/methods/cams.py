"""Class activation maps on the tokens of a block: Grad-CAM, Grad-CAM++, LayerCAM, Eigen-CAM, Score-CAM.

They follow the grad-cam package (Gildenblat) with the layer that it recommends for ViTs, the output of ``norm1`` in a
block, and return what that package computes before it clamps, rescales and resizes: ``tests/golden/*_gradcam.npz``.
The features are V (N, D), what the block's attention reads of each patch; Gr is the gradient of the score there. Prefix
tokens are left out.

Which tensor that is, by kind of block:

norm before attention    the output of ``norm1``; the gradient is that through queries, keys and values alone
parallel attention, MLP  the output of ``in_norm``, which both read
norm after attention,    the tokens that enter the block, since there is no separate norm before its attention; their
two attentions           gradient includes that of the residual stream. The same for blocks of unknown kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, need_block_index
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.models.vit import ViT

_GRADCAM_PLUS_PLUS_OFFSET = 1e-6
_STRETCH_OFFSET = 1e-8


def feature_layer(model: ViT, block: int) -> str | None:
    """The name of the module whose output the block's attention reads, or None if that is the block's own input."""
    index = block % model.depth
    module = model.blocks[index]
    if "Post" in type(module).__name__:
        return None
    for name in ("norm1", "in_norm"):
        if hasattr(module, name):
            return f"blocks.{index}.{name}"
    return None


class TokenCam(Explainer):
    """A method that reads the features of one block, and in most cases their gradient."""

    uses_gradient = True

    def check(self, model: ViT) -> None:
        need_block_index(self, model, "block")

    def needs(self, model: ViT) -> Needs:
        layer = feature_layer(model, self.param("block"))
        if layer is None:
            return Needs(tokens=True, token_gradients=self.uses_gradient)
        return Needs(output_gradients=(layer,)) if self.uses_gradient else Needs(outputs=(layer,))

    def features(self, run: Run) -> torch.Tensor:
        """V: (B, N, D)."""
        layer = feature_layer(run.model, self.param("block"))
        trace = run.trace
        tokens = trace.tokens[self.param("block") % run.model.depth] if layer is None else trace.outputs[layer]
        return self._patches(run, tokens)

    def gradients(self, run: Run) -> torch.Tensor:
        """Gr: (B, N, D)."""
        layer = feature_layer(run.model, self.param("block"))
        trace = run.trace
        if layer is None:
            return self._patches(run, trace.token_gradients[self.param("block") % run.model.depth])
        return self._patches(run, trace.output_gradients[layer])

    def _patches(self, run: Run, tokens: torch.Tensor) -> torch.Tensor:
        from vitinspect.explainers.pixels import map_dtype

        expected = run.prefix + run.grid[0] * run.grid[1]
        if tokens.dim() != 3 or tokens.shape[1] != expected:
            raise self.refuse(
                f"block {self.param('block')} of {run.model.name} reads a tensor of shape {tuple(tokens.shape)}, not "
                f"its {expected} tokens"
            )
        return tokens[:, run.prefix :].to(map_dtype(run.model.dtype))


class GradCam(TokenCam):
    """sum_d w_d V_d with w_d the mean over patches of Gr_d (Selvaraju et al. 2017)."""

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        weights = self.gradients(run).mean(1)
        return MapBatch(run.to_grid((self.features(run) @ weights[:, :, None])[..., 0]))


class GradCamPlusPlus(TokenCam):
    """Grad-CAM whose weights are sums of positive gradients, each scaled by a (Chattopadhay et al. 2018).

    a = Gr^2 / (2 Gr^2 + S_d Gr^3 + 1e-6), S_d the sum of V_d over patches; a = 0 where Gr = 0. Derived for features
    that are not negative; those of a ViT can be, so the denominator may change its sign and maps are often negative
    everywhere. Returned as the package returns it.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        features, gradients = self.features(run), self.gradients(run)
        squares = gradients.square()
        scales = squares / (
            2 * squares + features.sum(1, keepdim=True) * squares * gradients + _GRADCAM_PLUS_PLUS_OFFSET
        )
        # Only positive gradients are weighted, so a zero gradient needs no special case.
        weights = torch.where(gradients > 0, gradients * scales, 0.0).sum(1)
        return MapBatch(run.to_grid((features @ weights[:, :, None])[..., 0]))


class LayerCam(TokenCam):
    """sum_d [Gr_d]+ V_d at each patch (Jiang et al. 2021)."""

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        return MapBatch(run.to_grid((self.gradients(run).clamp(min=0) * self.features(run)).sum(-1)))


class EigenCam(TokenCam):
    """The features' projection on their first principal direction (Muhammad & Yeasin 2020); the same for every target.

    The sign of a singular vector is arbitrary, and the package uses that of its SVD. Here the value farthest from zero
    is positive, the correction of Seg-Eigen-CAM (Chung & Ying 2025): what differs most is taken as foreground.
    """

    uses_gradient = False

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        return MapBatch(run.to_grid(first_component(self.features(run))))


def first_component(features: torch.Tensor) -> torch.Tensor:
    """(B, N): rows of (B, N, D), minus their mean, projected on the direction in which they vary most."""
    import torch

    # The smaller Gram matrix in float64 costs a tenth of a singular value decomposition, exact to float32 precision.
    centred = (features - features.mean(1, keepdim=True)).cpu().double()
    patches, width = centred.shape[1:]
    if patches <= width:
        values, vectors = torch.linalg.eigh(centred @ centred.mT)
        component = vectors[..., -1] * values[:, -1:].clamp(min=0).sqrt()
    else:
        component = (centred @ torch.linalg.eigh(centred.mT @ centred)[1][..., -1:])[..., 0]
    farthest = component.gather(1, component.abs().argmax(1, keepdim=True))
    return (component * torch.where(farthest < 0, -1.0, 1.0)).to(features.device, features.dtype)


class ScoreCam(TokenCam):
    """sum_d w_d V_d with w the softmax of the scores of the image seen through each feature (Wang et al. 2020).

    Feature d is resized to the input (bilinear, corners aligned), stretched to 0..1 and multiplied into the
    normalised image; the score of the result (the logit, not its probability) is that of the feature. One pass per
    feature.
    """

    uses_gradient = False

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch
        import torch.nn.functional as F

        from vitinspect.explainers.passes.chunks import forward_batch_size, run_chunks
        from vitinspect.explainers.passes.forward import Passes
        from vitinspect.explainers.targets import Targets

        passes = Passes(run.model, run.cancel)
        features = self.features(run)
        width = features.shape[-1]
        maps = run.to_grid(features.mT).flatten(0, 1)
        scores = torch.zeros(run.batch * width, dtype=features.dtype, device=features.device)

        def work(chunk: slice) -> None:
            rows = [place // width for place in range(chunk.start, chunk.stop)]
            seen = F.interpolate(maps[chunk, None], run.inputs.shape[-2:], mode="bilinear", align_corners=True)
            low, high = seen.amin((-2, -1), keepdim=True), seen.amax((-2, -1), keepdim=True)
            masked = run.inputs[rows] * ((seen - low) / (high - low + _STRETCH_OFFSET))
            logits = passes(masked)
            scores[chunk] = Targets([run.targets[row] for row in rows]).score(logits).to(scores.dtype)

        with torch.no_grad(), passes.held():
            size = forward_batch_size(run.model, run)
            run_chunks(len(scores), size, work, report=run.report, cancel=run.cancel)
        weights = scores.reshape(run.batch, width, 1).softmax(1)
        return MapBatch(run.to_grid((features @ weights)[..., 0]))


_BLOCK = Parameter(
    "block",
    "int",
    -1,
    "The block whose features are read; negative numbers count from the last.",
    minimum=-256,
    maximum=255,
)
_BEFORE = (
    "Values are those before the usual clamping at zero: negative ones are evidence against the target or mean nothing."
)

METHODS = (
    MethodInfo(
        id="gradcam",
        title="Grad-CAM (features)",
        summary="The features that the last block's attention reads, weighted with their mean gradient. " + _BEFORE,
        citation="Selvaraju et al., Grad-CAM, ICCV 2017, arXiv:1610.02391",
        implementation="vitinspect.explainers.methods.cams:GradCam",
        cost="one forward and backward",
        parameters=(_BLOCK,),
        signed=True,
        group="class activation",
    ),
    MethodInfo(
        id="gradcam_plus_plus",
        title="Grad-CAM++",
        summary="Grad-CAM with weights that sum positive gradients over patches. Designed for features that are never "
        "negative; on a ViT the map is often negative everywhere. " + _BEFORE,
        citation="Chattopadhay et al., Grad-CAM++, WACV 2018, arXiv:1710.11063",
        implementation="vitinspect.explainers.methods.cams:GradCamPlusPlus",
        cost="one forward and backward",
        parameters=(_BLOCK,),
        signed=True,
        group="class activation",
    ),
    MethodInfo(
        id="layercam",
        title="LayerCAM",
        summary="Positive gradient times feature at each patch, added up over the features. " + _BEFORE,
        citation="Jiang et al., LayerCAM, IEEE Transactions on Image Processing 2021",
        implementation="vitinspect.explainers.methods.cams:LayerCam",
        cost="one forward and backward",
        parameters=(_BLOCK,),
        signed=True,
        group="class activation",
    ),
    MethodInfo(
        id="eigencam",
        title="Eigen-CAM",
        summary="The patches along the direction in which the last block's features vary most. The side that deviates "
        "more is positive; the method itself does not define the sign.",
        citation="Muhammad & Yeasin, Eigen-CAM, IJCNN 2020, arXiv:2008.00299; sign as in Chung & Ying, Seg-Eigen-CAM, "
        "Applied Sciences 2025",
        implementation="vitinspect.explainers.methods.cams:EigenCam",
        cost="one forward",
        parameters=(_BLOCK,),
        class_specific=False,
        group="class activation",
    ),
    MethodInfo(
        id="scorecam",
        title="Score-CAM",
        summary="Grad-CAM without gradients: each feature's weight is the score of the image seen through it. One "
        "pass per feature. " + _BEFORE,
        citation="Wang et al., Score-CAM, CVPR Workshops 2020, arXiv:1910.01279",
        implementation="vitinspect.explainers.methods.cams:ScoreCam",
        cost="many passes",
        parameters=(_BLOCK,),
        signed=True,
        group="class activation",
    ),
)
