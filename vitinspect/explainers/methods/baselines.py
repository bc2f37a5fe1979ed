"""Maps that do not depend on the model: noise, the centre, the edges of the image.

A table of methods means little without them: objects are often in the centre and have many edges, so a map may
cover them for that reason alone.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

from vitinspect.explainers.base import Explainer, MapBatch, Run
from vitinspect.explainers.declaration import MethodInfo
from vitinspect.explainers.parameters import SEED, Parameter

if TYPE_CHECKING:
    import torch

LUMINANCE = (0.299, 0.587, 0.114)
"""ITU-R BT.601, on the values as they are stored."""


class RandomBaseline(Explainer):
    """Independent uniform values from 0 to 1 per patch, from the seed and the image's own pixels.

    Each image has its own noise; otherwise a data set's mean would be that of a single map. The same image with the
    same seed has the same noise, in any precision and in any batch.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import numpy as np
        import torch

        from vitinspect.explainers.pixels import map_dtype

        # Rounded to the coarsest precision of a run, so that all precisions see the same pixels.
        images = run.inputs.detach().to(torch.bfloat16).float().cpu().numpy()
        seeds = [(self.param("seed"), zlib.crc32(np.ascontiguousarray(image).tobytes())) for image in images]
        maps = np.stack([np.random.default_rng(seed).random(run.grid) for seed in seeds])
        return MapBatch(torch.from_numpy(maps).to(map_dtype(run.inputs.dtype)))


class CentreBaseline(Explainer):
    """A Gaussian around the centre; ``sigma`` is its standard deviation as a share of each side, 1 at the centre."""

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        import numpy as np
        import torch

        from vitinspect.explainers.pixels import map_dtype

        rows, columns = ((np.arange(count) + 0.5) / count - 0.5 for count in run.grid)
        squares = (rows[:, None] ** 2 + columns[None] ** 2) / self.param("sigma") ** 2
        values = torch.from_numpy(np.exp(-squares / 2)).to(map_dtype(run.inputs.dtype))
        return MapBatch(values.expand(run.batch, -1, -1))


class EdgesBaseline(Explainer):
    """The length of the Sobel gradient of the image's luminance; on the grid its mean over each patch.

    Luminance is taken after the normalisation is undone, from 0 (black) to 1 (white); the filter's weights sum to one
    on each side, so a step from black to white has length 1. The border is mirrored.
    """

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        from vitinspect.explainers.pixels import map_dtype, mean_over_patches

        inputs = run.inputs.to(map_dtype(run.inputs.dtype))
        known = run.model.preprocessing
        mean, std = (inputs.new_tensor(values).view(3, 1, 1) for values in (known.mean, known.std))
        pixels = sobel(inputs * std + mean)
        return MapBatch(mean_over_patches(run, pixels) if self.param("resolution") == "grid" else pixels)


def sobel(images: torch.Tensor) -> torch.Tensor:
    """(B, H, W): the length of the luminance gradient of (B, 3, H, W)."""
    import torch.nn.functional as F

    luminance = (images * images.new_tensor(LUMINANCE).view(3, 1, 1)).sum(1, keepdim=True)
    smooth = images.new_tensor([1.0, 2.0, 1.0]) / 4
    difference = images.new_tensor([-1.0, 0.0, 1.0])
    kernels = [difference[:, None] * smooth[None], smooth[:, None] * difference[None]]
    padded = F.pad(luminance, (1, 1, 1, 1), mode="reflect")
    down, right = (F.conv2d(padded, kernel[None, None])[:, 0] for kernel in kernels)
    return (down.square() + right.square()).sqrt()


METHODS = (
    MethodInfo(
        id="random",
        title="Random",
        summary="Noise, for comparison: the score of a method without any information. Each image has its own.",
        citation="A baseline; no paper",
        implementation="vitinspect.explainers.methods.baselines:RandomBaseline",
        cost="none",
        parameters=(SEED,),
        class_specific=False,
        group="baseline",
    ),
    MethodInfo(
        id="centre",
        title="Centre",
        summary="A Gaussian at the centre of the image, for comparison: photographers put the object there.",
        citation="A baseline; no paper",
        implementation="vitinspect.explainers.methods.baselines:CentreBaseline",
        cost="none",
        parameters=(
            Parameter(
                "sigma",
                "float",
                0.25,
                "Standard deviation as a share of each side.",
                minimum=0.01,
                maximum=10.0,
                logarithmic=True,
            ),
        ),
        class_specific=False,
        group="baseline",
    ),
    MethodInfo(
        id="edges",
        title="Edges",
        summary="The image's own edges (Sobel), for comparison: a map that looks like them may show nothing else.",
        citation="Sobel & Feldman, 1968; as a baseline in Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS "
        "2018, arXiv:1810.03292",
        implementation="vitinspect.explainers.methods.baselines:EdgesBaseline",
        cost="none",
        parameters=(
            Parameter(
                "resolution",
                "choice",
                "grid",
                "grid: the mean over each patch; pixel: one value per input pixel.",
                choices=("grid", "pixel"),
            ),
        ),
        class_specific=False,
        group="baseline",
    ),
)
