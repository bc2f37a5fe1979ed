"""Methods that hide parts of the image and measure the score: occlusion and RISE.

Each runs the model many times, in chunks that fit memory. Nothing random depends on the chunks, the batch, the device
or the precision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from vitinspect.errors import ParameterError
from vitinspect.explainers.base import Explainer, MapBatch, Run
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import SEED, Parameter

if TYPE_CHECKING:
    import numpy as np
    import torch

    from vitinspect.explainers.targets import Targets
    from vitinspect.models.vit import ViT

BLUR_SHARE = 8
"""The blur has a standard deviation of an eighth of the shorter side, so that no shape of an object remains."""


def filling(run: Run, kind: str) -> torch.Tensor:
    """(B or 1, 3, H or 1, W or 1): what replaces hidden pixels, in normalised values."""
    import torch

    like = run.inputs[:1, :, :1, :1]
    if kind == "mean":
        return torch.zeros_like(like)
    if kind == "blur":
        return _blurred(run.inputs)
    grey = {"black": 0.0, "grey": 0.5, "white": 1.0}[kind]
    means, deviations = run.model.preprocessing.mean, run.model.preprocessing.std
    values = [(grey - mean) / deviation for mean, deviation in zip(means, deviations, strict=True)]
    return like.new_tensor(values).view(1, 3, 1, 1)


def _blurred(inputs: torch.Tensor) -> torch.Tensor:
    import torch

    from vitinspect.explainers.pixels import map_dtype

    images = inputs.to(map_dtype(inputs.dtype))
    for axis in (-2, -1):
        length = images.shape[axis]
        places = torch.arange(length, device=images.device, dtype=images.dtype)
        sigma = min(inputs.shape[-2:]) / BLUR_SHARE
        kernel = (-((places[:, None] - places[None]) ** 2) / (2 * sigma**2)).exp()
        # At the border the kernel is cut and renormalised, so that the border does not get darker.
        kernel = kernel / kernel.sum(-1, keepdim=True)
        images = kernel @ images if axis == -2 else images @ kernel.T
    return images.to(inputs.dtype)


def scores_of(run: Run, kind: str) -> Callable[[Targets, torch.Tensor], torch.Tensor]:
    """The function from logits to a number: the score of the targets, or their probability."""
    if kind == "probability":
        return lambda targets, logits: targets.probability(logits)
    return lambda targets, logits: targets.score(logits)


def perturbed_scores(
    run: Run, variants: int, variant: Callable[[list[int], list[int]], torch.Tensor], kind: str
) -> torch.Tensor:
    """(B, variants): the score of each variant of each image.

    ``variant(rows, indices)`` gives the variants with these indices of the images in these rows, (n, 3, H, W).
    """
    import torch

    from vitinspect.explainers.passes.chunks import forward_batch_size, run_chunks
    from vitinspect.explainers.passes.forward import Passes
    from vitinspect.explainers.pixels import map_dtype
    from vitinspect.explainers.targets import Targets

    passes = Passes(run.model, run.cancel)
    score = scores_of(run, kind)
    wide = map_dtype(run.model.dtype)
    scores = torch.zeros(run.batch * variants, dtype=wide, device=run.inputs.device)

    def work(chunk: slice) -> None:
        places = range(chunk.start, chunk.stop)
        rows, indices = [i // variants for i in places], [i % variants for i in places]
        logits = passes(variant(rows, indices))
        scores[chunk] = score(Targets([run.targets[row] for row in rows]), logits.to(wide))

    with torch.no_grad(), passes.held():
        size = forward_batch_size(run.model, run)
        run_chunks(len(scores), size, work, report=run.report, cancel=run.cancel)
    return scores.reshape(run.batch, variants)


class Occlusion(Explainer):
    """How much the score falls when a window of patches is hidden (Zeiler & Fergus 2014).

    A window of ``size`` x ``size`` patches moves over the grid in steps of ``stride``; the last window of a row or
    column may be cut by the border. A patch's value is the mean decrease over the windows that hide it, as in captum's
    ``Occlusion`` with windows of whole patches.
    """

    def check(self, model: ViT) -> None:
        if self.param("stride") > self.param("size"):
            raise ParameterError(
                f"occlusion: with stride={self.param('stride')} and size={self.param('size')} the windows leave out "
                "patches, which would get no value. The stride must not be larger than the size."
            )

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        from vitinspect.explainers.pixels import map_dtype, patch_pixels

        height, width = run.inputs.shape[-2:]
        rows, columns = run.grid
        cell = patch_pixels(run.model, run.grid, (int(height), int(width)))
        windows = hiding_windows(rows, columns, self.param("size"), self.param("stride"))
        hidden = torch.from_numpy(windows).to(run.inputs.device)
        fill = filling(run, self.param("baseline")).expand(run.batch, -1, height, width)

        def variant(images: list[int], indices: list[int]) -> torch.Tensor:
            mask = hidden[indices].repeat_interleave(cell[0], 1).repeat_interleave(cell[1], 2)
            return torch.where(mask[:, None, :height, :width], fill[images], run.inputs[images])

        wide = map_dtype(run.model.dtype)
        whole = scores_of(run, self.param("score"))(run.targets, run.trace.logits.to(wide))
        falls = whole[:, None] - perturbed_scores(run, len(windows), variant, self.param("score"))
        weights = hidden.flatten(1).to(wide)
        return MapBatch((falls @ weights / weights.sum(0)).reshape(run.batch, rows, columns))


def hiding_windows(rows: int, columns: int, size: int, stride: int) -> np.ndarray:
    """(K, rows, columns) booleans: the patches that each window hides. Together they extend to all four borders."""
    import numpy as np

    def starts(length: int) -> range:
        return range(0, max(0, length - size) + stride, stride) if length > size else range(1)

    windows = []
    for top in starts(rows):
        for left in starts(columns):
            window = np.zeros((rows, columns), dtype=bool)
            window[top : top + size, left : left + size] = True
            windows.append(window)
    return np.stack(windows)


class Rise(Explainer):
    """The mean of random soft masks, each weighted with the score of the image seen through it (Petsiuk et al. 2018).

    A mask is a coarse grid of ``cells`` x ``cells`` numbers, one with probability ``p`` and zero otherwise, enlarged
    bilinearly to a little more than the image and cropped at a random offset. What it hides becomes the mean colour.
    The map is sum_i score_i M_i / (masks * p), the paper's Monte-Carlo estimate of the score expected while a pixel is
    seen. All images get the same masks.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import torch

        from vitinspect.explainers.pixels import map_dtype, summing_dtype

        height, width = (int(side) for side in run.inputs.shape[-2:])
        count, p = self.param("masks"), self.param("p")
        wide = map_dtype(run.model.dtype)
        masks = RandomMasks(count, self.param("cells"), p, self.param("seed"), (height, width))

        def variant(rows: list[int], indices: list[int]) -> torch.Tensor:
            return run.inputs[rows] * masks.some(indices, run.inputs.device, wide)[:, None]

        scores = perturbed_scores(run, count, variant, self.param("score"))
        # The masks are computed for each chunk and not kept: all together would be larger than the model.
        summing = summing_dtype(run.inputs.device)
        total = torch.zeros(run.batch, height * width, dtype=summing, device=run.inputs.device)
        for start in range(0, count, _MASKS_AT_ONCE):
            indices = list(range(start, min(start + _MASKS_AT_ONCE, count)))
            shown = masks.some(indices, run.inputs.device, wide).flatten(1).to(summing)
            total += scores[:, indices].to(summing) @ shown
            run.report(count * run.batch, count * run.batch)
        return MapBatch((total / (count * p)).to(wide).reshape(run.batch, height, width))


_MASKS_AT_ONCE = 64


class RandomMasks:
    """RISE's masks, each a function of the seed and its index alone."""

    def __init__(self, count: int, cells: int, p: float, seed: int, size: tuple[int, int]) -> None:
        import numpy as np

        self.grids = (np.random.default_rng((seed, 0)).random((count, cells, cells)) < p).astype(np.float32)
        self.size = size
        self.cell = tuple(-(-side // cells) for side in size)
        self.offsets = np.random.default_rng((seed, 1)).integers(0, self.cell, (count, 2))

    def some(self, indices: list[int], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """(n, H, W), from 0 to 1."""
        import torch
        import torch.nn.functional as F

        height, width = self.size
        grids = torch.from_numpy(self.grids[indices]).to(device, dtype)
        # One cell larger than the image on each side, so that every offset leaves a complete crop.
        size = [(grids.shape[-1] + 1) * cell for cell in self.cell]
        large = F.interpolate(grids[:, None], size, mode="bilinear", align_corners=False)[:, 0]
        cuts = [
            mask[top : top + height, left : left + width]
            for mask, (top, left) in zip(large, self.offsets[indices].tolist(), strict=True)
        ]
        return torch.stack(cuts)


def _score(default: str) -> Parameter:
    return Parameter(
        "score",
        "choice",
        default,
        "What is measured: the logit of the target, or its probability. A probability near one hardly changes.",
        choices=("logit", "probability"),
    )


METHODS = (
    MethodInfo(
        id="occlusion",
        title="Occlusion",
        summary="How much the score falls when a window of patches is covered. One pass per window.",
        citation="Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, arXiv:1311.2901",
        implementation="vitinspect.explainers.methods.perturbation:Occlusion",
        cost="many passes",
        parameters=(
            Parameter("size", "int", 2, "Side of the window in patches.", minimum=1, maximum=64),
            Parameter("stride", "int", 1, "Step of the window in patches.", minimum=1, maximum=64),
            Parameter(
                "baseline",
                "choice",
                "mean",
                "What covers the window: the data set's mean colour, black, grey, white, or the image itself, heavily "
                "blurred.",
                choices=("mean", "black", "grey", "white", "blur"),
            ),
            _score("logit"),
        ),
        signed=True,
        group="perturbation",
    ),
    MethodInfo(
        id="rise",
        title="RISE",
        summary="The mean of random soft masks, each weighted with the score of the image seen through it. One pass "
        "per mask; more masks, less noise.",
        citation="Petsiuk, Das & Saenko, RISE, BMVC 2018, arXiv:1806.07421",
        implementation="vitinspect.explainers.methods.perturbation:Rise",
        cost="many passes",
        parameters=(
            Parameter(
                "masks",
                "int",
                1000,
                "Random masks; the paper uses 4000 to 8000.",
                minimum=1,
                maximum=100000,
                logarithmic=True,
            ),
            Parameter("cells", "int", 7, "Cells of a mask per side, before it is enlarged.", minimum=2, maximum=64),
            Parameter("p", "float", 0.5, "The share of cells that is shown.", minimum=0.01, maximum=1.0),
            SEED,
            _score("probability"),
        ),
        group="perturbation",
    ),
)
