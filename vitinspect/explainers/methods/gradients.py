"""Methods that read the gradient of the score with respect to the input: saliency, input times gradient, integrated
gradients, SmoothGrad.

The first two come from the shared trace. The other two run the model again, on many inputs per image, in chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import SEED, Parameter

if TYPE_CHECKING:
    import torch

    from vitinspect.models.vit import ViT


def _resolution(grid: str) -> Parameter:
    return Parameter(
        "resolution",
        "choice",
        "pixel",
        f"pixel: one value per input pixel; grid: one per patch, {grid}.",
        choices=("pixel", "grid"),
    )


class _InputGradient(Explainer):
    def needs(self, model: ViT) -> Needs:
        return Needs(input_gradient=True)

    @staticmethod
    def gradient(run: Run) -> torch.Tensor:
        from vitinspect.explainers.pixels import map_dtype

        assert run.trace.input_gradient is not None
        return run.trace.input_gradient.to(map_dtype(run.model.dtype))


class Saliency(_InputGradient):
    """Largest absolute gradient over the channels (Simonyan et al. 2014).

    On the grid as ViTmiX resizes it: bilinear, without antialiasing, so that of each patch with an even side only the
    four central pixels count. Equal to ``tests/golden/*_saliency*.npz``.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        return MapBatch(as_saliency(run, self.gradient(run), self.param("resolution")))


def as_saliency(run: Run, gradient: torch.Tensor, resolution: str) -> torch.Tensor:
    """(B, 3, H, W) to a map: the largest magnitude over the channels, on the grid resized as described above."""
    from vitinspect.explainers.pixels import resized_to_patches

    pixels = gradient.abs().amax(1)
    return resized_to_patches(run, pixels) if resolution == "grid" else pixels


class InputXGradient(_InputGradient):
    """Input times gradient, summed over the channels with its sign (Shrikumar et al. 2016).

    Equal to captum's ``InputXGradient``; on the grid the mean over each patch. ``tests/golden/*_captum.npz``, ``ixg``.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        gradient = self.gradient(run)
        return MapBatch(_signed_map(run, run.inputs.to(gradient.dtype) * gradient, self.param("resolution")))


def _signed_map(run: Run, attribution: torch.Tensor, resolution: str) -> torch.Tensor:
    """(B, 3, H, W) to a map: the sum over the channels, on the grid its mean over each patch."""
    from vitinspect.explainers.pixels import mean_over_patches

    pixels = attribution.sum(1)
    return mean_over_patches(run, pixels) if resolution == "grid" else pixels


def sum_of_gradients(
    run: Run, steps: int, variant: Callable[[list[int], list[int]], torch.Tensor], weights: Sequence[float]
) -> torch.Tensor:
    """(B, 3, H, W): for each image the weighted sum of the input gradients at ``steps`` variants of it.

    ``variant(rows, indices)`` gives the variants with these indices of the images in these rows, (n, 3, H, W). Images
    and variants go through the model in chunks that mix them, and are summed in float64, so that the result depends
    neither on the batch nor on the size of a chunk.
    """
    import torch

    from vitinspect.explainers.passes.chunks import gradient_batch_size, run_chunks
    from vitinspect.explainers.passes.forward import Passes
    from vitinspect.explainers.pixels import map_dtype, summing_dtype
    from vitinspect.explainers.targets import Targets

    passes = Passes(run.model, run.cancel)
    summing = summing_dtype(run.inputs.device)
    total = torch.zeros(run.inputs.shape, dtype=summing, device=run.inputs.device)
    factors = torch.tensor(list(weights), dtype=summing, device=run.inputs.device)

    def work(chunk: slice) -> None:
        places = range(chunk.start, chunk.stop)
        rows, indices = [i // steps for i in places], [i % steps for i in places]
        inputs = variant(rows, indices)
        with torch.enable_grad():
            inputs.requires_grad_(True)
            score = Targets([run.targets[row] for row in rows]).score(passes(inputs))
            gradient = torch.autograd.grad(score.sum(), inputs)[0]
        weighted = gradient.to(summing) * factors[indices, None, None, None]
        total.index_add_(0, torch.tensor(rows, device=total.device), weighted)

    with passes.held():
        size = gradient_batch_size(run.model, run)
        run_chunks(run.batch * steps, size, work, report=run.report, cancel=run.cancel)
    return total.to(map_dtype(run.model.dtype))


class IntegratedGradients(Explainer):
    """The input times its mean gradient on the straight path from zero (Sundararajan et al. 2017).

    Zero is the baseline after normalisation, which is the data set's mean colour, not black. The integral is taken by
    Gauss-Legendre quadrature with ``steps`` nodes, as captum does by default. The completeness error of the map, its
    sum minus the change of the score, is in ``details`` as ``convergence_delta``, the score of the baseline as
    ``baseline_score``. ``tests/golden/*_captum.npz``, ``ig50``.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import numpy as np
        import torch

        from vitinspect.explainers.pixels import map_dtype

        steps = self.param("steps")
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        alphas = torch.tensor((1 + nodes) / 2, dtype=map_dtype(run.model.dtype), device=run.inputs.device)

        def variant(rows: list[int], indices: list[int]) -> torch.Tensor:
            return run.inputs[rows] * alphas[indices, None, None, None]

        mean = sum_of_gradients(run, steps, variant, (weights / 2).tolist())
        attribution = run.inputs.to(mean.dtype) * mean
        values = _signed_map(run, attribution, self.param("resolution"))
        if not run.details:
            return MapBatch(values)
        with torch.no_grad():
            baseline = run.model.module(torch.zeros_like(run.inputs))
            nothing = run.targets.score(baseline).to(mean.dtype)
            everything = run.targets.score(run.trace.logits).to(mean.dtype)
        delta = attribution.sum((1, 2, 3)) - (everything - nothing)
        return MapBatch(
            values,
            [{"convergence_delta": float(delta[i]), "baseline_score": float(nothing[i])} for i in range(run.batch)],
        )


class SmoothGrad(Explainer):
    """Saliency of the mean gradient over noisy copies of the input (Smilkov et al. 2017).

    The standard deviation of the noise is ``noise`` times the range (largest minus smallest value) of the normalised
    input. The gradients are averaged with their signs, then the largest magnitude over the channels is taken. The
    noise of copy k depends on the seed and on k alone: not on the chunk, the batch, the device or the precision, and
    it is the same for every image.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import numpy as np
        import torch

        from vitinspect.explainers.pixels import map_dtype

        samples, seed = self.param("samples"), self.param("seed")
        wide = map_dtype(run.model.dtype)
        flat = run.inputs.flatten(1).to(wide)
        deviation = (flat.amax(1) - flat.amin(1)) * self.param("noise")
        shape = tuple(run.inputs.shape[1:])

        def variant(rows: list[int], indices: list[int]) -> torch.Tensor:
            noise = np.stack(
                [np.random.default_rng((seed, index)).standard_normal(shape, dtype=np.float32) for index in indices]
            )
            drawn = torch.from_numpy(noise).to(run.inputs.device, wide)
            return run.inputs[rows] + drawn * deviation[rows, None, None, None]

        mean = sum_of_gradients(run, samples, variant, [1 / samples] * samples)
        return MapBatch(as_saliency(run, mean, self.param("resolution")))


_FOUR_PIXELS = "resized bilinearly without antialiasing: the four central pixels of an even patch"

METHODS = (
    MethodInfo(
        id="saliency",
        title="Saliency",
        summary="How strongly the score reacts to each pixel: the largest absolute gradient over the three channels.",
        citation="Simonyan, Vedaldi & Zisserman, Deep Inside Convolutional Networks, ICLR Workshop 2014, "
        "arXiv:1312.6034",
        implementation="vitinspect.explainers.methods.gradients:Saliency",
        cost="one forward and backward",
        parameters=(_resolution(_FOUR_PIXELS),),
        group="gradient",
    ),
    MethodInfo(
        id="input_x_gradient",
        title="Input times gradient",
        short="Input × gradient",
        summary="The gradient of each pixel times its value, summed over the channels: the pixel's contribution in a "
        "linear model of the score, measured from the data set's mean colour.",
        citation="Shrikumar et al., Not Just a Black Box, 2016, arXiv:1605.01713",
        implementation="vitinspect.explainers.methods.gradients:InputXGradient",
        cost="one forward and backward",
        parameters=(_resolution("their mean"),),
        signed=True,
        group="gradient",
    ),
    MethodInfo(
        id="integrated_gradients",
        title="Integrated gradients",
        short="Int. gradients",
        summary="Input times the mean gradient on the path from the mean colour to the image. The map's pixels add up "
        "to the change of the score along that path.",
        citation="Sundararajan, Taly & Yan, Axiomatic Attribution for Deep Networks, ICML 2017, arXiv:1703.01365",
        implementation="vitinspect.explainers.methods.gradients:IntegratedGradients",
        cost="many passes",
        parameters=(
            Parameter(
                "steps",
                "int",
                50,
                "Points on the path at which the gradient is taken (Gauss-Legendre nodes).",
                minimum=1,
                maximum=1000,
                logarithmic=True,
            ),
            _resolution("their mean"),
        ),
        signed=True,
        group="gradient",
    ),
    MethodInfo(
        id="smoothgrad",
        title="SmoothGrad",
        summary="Saliency of the gradient averaged over noisy copies of the image, which removes much of the "
        "pixel noise.",
        citation="Smilkov et al., SmoothGrad: Removing Noise by Adding Noise, 2017, arXiv:1706.03825",
        implementation="vitinspect.explainers.methods.gradients:SmoothGrad",
        cost="many passes",
        parameters=(
            Parameter("samples", "int", 50, "Noisy copies.", minimum=1, maximum=1000, logarithmic=True),
            Parameter(
                "noise",
                "float",
                0.15,
                "Standard deviation of the noise as a share of the input's range.",
                minimum=0.0,
                maximum=1.0,
            ),
            SEED,
            _resolution(_FOUR_PIXELS),
        ),
        group="gradient",
    ),
)
