"""Faithfulness: whether the prediction depends on what the map highlights. Our own definitions, in batched passes.

Every choice that affects the numbers is a named parameter: what is removed (pixels or whole patches), in how many
steps, what replaces it, and what is read from the model. Published protocols are in ``protocols.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from vitinspect.errors import ParameterError
from vitinspect.maps import AttributionMap, minmax, resize, values_of
from vitinspect.progress import CancelToken, Progress
from vitinspect.scores.curves import (
    NEVER,
    Curve,
    all_in_steps,
    descending,
    score_curves,
    score_pictures,
    shares_to_sizes,
    trapezoid,
    turns,
)
from vitinspect.scores.fills import FILLS, fill_image
from vitinspect.scores.pairs import spearman

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.targets import TargetLike
    from vitinspect.models.vit import ViT

METRICS = ("deletion", "insertion", "srg", "drop", "adcc")


@dataclass
class Faithfulness:
    """The measurements of one map; those that were not requested are None."""

    shares: np.ndarray = field(default_factory=lambda: np.empty(0))
    """The share of the picture that is removed (or inserted) at each point of the curves."""
    deletion_curve: np.ndarray | None = None
    insertion_curve: np.ndarray | None = None
    deletion_auc: float | None = None
    """Most relevant first (MoRF). Lower is better."""
    insertion_auc: float | None = None
    """Higher is better."""
    lerf_auc: float | None = None
    """Deletion with the least relevant first. Higher is better. In equal steps this is the insertion curve in reverse:
    the same pictures, and exactly the same area."""
    srg: float | None = None
    """Symmetric relevance gain: LeRF minus MoRF, in which the fill's own effect largely cancels."""
    average_drop: float | None = None
    """The share of the score that is lost when the picture is dimmed by the map."""
    average_increase: float | None = None
    """1 if the dimmed picture scores higher than the original."""
    average_gain: float | None = None
    """The share of the missing probability that dimming gains."""
    coherency: float | None = None
    """(1 + Pearson's r) / 2 of the map and the map of the dimmed picture."""
    complexity: float | None = None
    """The mean of the map stretched to 0..1."""
    adcc: float | None = None
    """The harmonic mean of coherency, 1 - complexity and 1 - average drop (Poppi et al. 2021)."""

    def as_dict(self) -> dict[str, float]:
        """The numbers, without the curves."""
        return {name: value for name, value in vars(self).items() if isinstance(value, int | float)}


def faithfulness(
    model: ViT,
    image: Any,
    maps: Any,
    target: Any = None,
    *,
    metrics: Sequence[str] = ("deletion", "insertion", "srg", "drop"),
    steps: int | None = None,
    percentages: Sequence[float] | None = None,
    fill: str = "black",
    unit: str = "pixel",
    use: str = "probability",
    seed: int = 0,
    mode: str = "crop",
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Any:
    """Measure one map, or several by name, on one image; all of them share one queue of masked pictures.

    ``steps``: portions in which everything is removed (by default 100 for pixels, one patch at a time for patches), or
    ``percentages`` of the picture. ``fill``: black (zero in normalised space), true_black, mean, mean_scalar, blur,
    noise (seeded), or road (noisy linear imputation). ``unit``: pixel (the map is upsampled bilinearly) or patch.
    ``use``: probability, logit or score.
    """
    from vitinspect.explainers.targets import resolve
    from vitinspect.models.inputs import as_batch

    unknown = [m for m in metrics if m not in METRICS]
    if unknown:
        raise ParameterError(f"There is no metric {unknown[0]!r}; the metrics are {', '.join(METRICS)}.")
    if fill not in (*FILLS, "road"):
        raise ParameterError(f"A fill must be one of {', '.join((*FILLS, 'road'))}, not {fill!r}.")
    if unit not in ("pixel", "patch"):
        raise ParameterError(f"The unit must be pixel or patch, not {unit!r}.")
    single = isinstance(maps, AttributionMap | np.ndarray)
    named: Mapping[str, Any] = {"": maps} if single else maps
    x, _ = as_batch(model, [image], mode=mode)
    x = x.to(model.device, model.dtype)
    wanted = resolve(target, model, model.predicted(model.logits(x))[0])
    assert wanted is not None
    plan = _Plan(model, x, wanted, steps, percentages, fill, unit, seed)
    results = {name: Faithfulness(shares=plan.shares) for name in named}
    curves: list[tuple[str, str, Curve]] = []
    kinds = {kind for kind in ("deletion", "insertion") if kind in metrics}
    shared = plan.symmetric and "insertion" in kinds and "srg" in metrics
    if "srg" in metrics:
        kinds |= {"deletion"} if shared else {"deletion", "lerf"}
    for name, attribution in named.items():
        order = plan.order(values_of(attribution))
        for kind in ("deletion", "insertion", "lerf"):
            if kind in kinds:
                curves.append((name, kind, plan.curve(order, kind)))
    score_curves(model, [c for *_, c in curves], use=use, batch_size=batch_size, progress=progress, cancel=cancel)
    for name, kind, curve in curves:
        area = trapezoid(curve.scores, plan.shares)
        _note(results[name], kind, curve.scores, area)
        if shared and kind == "insertion":
            _note(results[name], "lerf", curve.scores[::-1], area)
    if "drop" in metrics or "adcc" in metrics:
        for name, attribution in named.items():
            dimming = plan.fill_picture()
            _drop(results[name], model, x, attribution, wanted, dimming)
            if "adcc" in metrics:
                _adcc(results[name], model, x, attribution, wanted, dimming)
    return results[""] if single else results


class _Plan:
    """What all curves of one image share."""

    def __init__(
        self,
        model: ViT,
        x: torch.Tensor,
        target: TargetLike,
        steps: int | None,
        percentages: Sequence[float] | None,
        fill: str,
        unit: str,
        seed: int,
    ) -> None:
        self.model, self.x, self.target, self.unit = model, x, target, unit
        self.size = (int(x.shape[-2]), int(x.shape[-1]))
        self.grid = model.grid_for(*self.size)
        places = self.grid if unit == "patch" else self.size
        self.count = places[0] * places[1]
        if percentages is not None:
            if steps is not None:
                raise ParameterError("Give steps or percentages, not both.")
            shares = [p / 100 for p in percentages]
            if not shares or shares != sorted(shares) or shares[0] < 0 or shares[-1] > 1:
                raise ParameterError("Percentages must increase from 0 to 100.")
            self.sizes = shares_to_sizes(shares, self.count)
        else:
            wanted = steps if steps is not None else (self.count if unit == "patch" else 100)
            if wanted < 1:
                raise ParameterError(f"A curve must have at least one step, not {steps}.")
            self.sizes = all_in_steps(self.count, min(wanted, self.count))
        self.shares = np.concatenate(([0.0], np.cumsum(self.sizes) / self.count))
        self.symmetric = self.sizes == self.sizes[::-1] and sum(self.sizes) == self.count
        """Whether removing the least relevant first gives the pictures of insertion, in reverse."""
        self.imputes = fill == "road"
        self._fill = None if self.imputes else fill_image(x, fill, model.preprocessing, seed=seed)[0]

    def fill_picture(self) -> torch.Tensor:
        """The fill as a picture; with imputation, which has none, the mean colour."""
        return fill_image(self.x, "black")[0] if self._fill is None else self._fill

    def order(self, values: np.ndarray) -> np.ndarray:
        if self.unit == "pixel":
            return descending(resize(values, self.size))
        if values.shape != self.grid:
            rows, columns = self.grid
            resized = resize(values, self.size) if values.shape != self.size else values
            height, width = self.size[0] // rows, self.size[1] // columns
            cut = resized[: rows * height, : columns * width]
            values = cut.reshape(rows, height, columns, width).mean((1, 3))
        return descending(values)

    def curve(self, order: np.ndarray, kind: str) -> Curve:
        turn = turns(order[::-1] if kind == "lerf" else order, self.sizes, self.count)
        if self.unit == "patch":
            turn = self._to_pixels(turn)
        return Curve(self.x[0], self._fill, turn, len(self.sizes), self.target, insertion=kind == "insertion")

    def _to_pixels(self, turn: np.ndarray) -> np.ndarray:
        rows, columns = self.grid
        height, width = self.model.patch_size
        pixels = turn.reshape(rows, columns).repeat(height, 0).repeat(width, 1)
        result = np.full(self.size, NEVER, dtype=np.int32)
        inside = pixels[: self.size[0], : self.size[1]]
        result[: inside.shape[0], : inside.shape[1]] = inside
        return result


def _note(result: Faithfulness, kind: str, scores: np.ndarray, area: float) -> None:
    if kind == "deletion":
        result.deletion_curve, result.deletion_auc = scores, area
    elif kind == "insertion":
        result.insertion_curve, result.insertion_auc = scores, area
    else:
        result.lerf_auc = area
    if result.lerf_auc is not None and result.deletion_auc is not None:
        result.srg = result.lerf_auc - result.deletion_auc


def _dimmed(x: torch.Tensor, values: np.ndarray, fill: torch.Tensor) -> torch.Tensor:
    size = (int(x.shape[-2]), int(x.shape[-1]))
    keep = x.new_tensor(resize(minmax(values), size))
    return x * keep + fill * (1 - keep)


def _drop(
    result: Faithfulness, model: ViT, x: torch.Tensor, attribution: Any, target: TargetLike, fill: torch.Tensor
) -> None:
    import torch

    values = values_of(attribution)
    both = torch.cat([x, _dimmed(x, values, fill)])
    (whole, kept), _ = score_pictures(model, 2, lambda rows: both[rows], [target] * 2)
    result.average_drop = max(0.0, whole - kept) / whole if whole > 0 else 0.0
    result.average_increase = float(kept > whole)
    result.average_gain = max(0.0, kept - whole) / (1 - whole) if whole < 1 else 0.0


def _adcc(
    result: Faithfulness, model: ViT, x: torch.Tensor, attribution: Any, target: TargetLike, fill: torch.Tensor
) -> None:
    """The parts of ADCC that need the map of the dimmed picture, with the same fill as for its drop."""
    from vitinspect.explainers.engine import explain

    if not isinstance(attribution, AttributionMap) or not attribution.key:
        raise ParameterError("ADCC explains the dimmed picture again, so it needs maps that state their method.")
    first = minmax(values_of(attribution))
    dimmed = _dimmed(x, first, fill)
    again = explain(model, dimmed, [attribution.key], target)[attribution.key]
    second = minmax(again.values)
    a, b = first.reshape(-1) - first.mean(), second.reshape(-1) - second.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    result.coherency = (1 + (float((a * b).sum()) / scale if scale > 0 else 0.0)) / 2
    result.complexity = float(first.mean())
    assert result.average_drop is not None
    parts = (result.coherency, 1 - result.complexity, 1 - result.average_drop)
    result.adcc = 3 / sum(1 / p for p in parts) if min(parts) > 0 else 0.0


# --- sanity ----------------------------------------------------------------------------------------------------


@dataclass
class Sanity:
    """Whether a map depends on the weights, and how sensitive it is to noise."""

    layers: list[str] = field(default_factory=list)
    """What was randomised, from the head down; each includes all before it."""
    similarity: list[float] = field(default_factory=list)
    """Spearman's correlation with the original map (of absolute values for signed maps). It should fall to 0."""
    sensitivity_mean: float = 0.0
    """Mean relative change of the map under small noise on the input."""
    sensitivity_max: float = 0.0

    @property
    def similarity_at_end(self) -> float:
        return self.similarity[-1] if self.similarity else 1.0


def sanity(
    model: ViT,
    image: Any,
    method: Any,
    target: Any = None,
    *,
    noise: float = 0.02,
    samples: int = 8,
    seed: int = 0,
    mode: str = "crop",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> Sanity:
    """Cascading weight randomisation and sensitivity to noise of one method on one image.

    The cascade (Adebayo et al., NeurIPS 2018, arXiv:1810.03292) replaces the weights from the head down to the patch
    embedding, each tensor by normal noise of its own mean and spread, and compares maps. A method whose map stays the
    same does not explain the model. Sensitivity (Yeh et al., NeurIPS 2019, arXiv:1901.09392) adds uniform noise of
    ``noise`` times the input's range, ``samples`` times. Both follow ``seed``.
    """
    import copy

    import torch

    from vitinspect.explainers.engine import explain, explain_batch
    from vitinspect.explainers.registry import make_method
    from vitinspect.explainers.targets import resolve
    from vitinspect.models.inputs import as_batch
    from vitinspect.models.vit import wrap_model

    chosen = make_method(method)
    x, _ = as_batch(model, [image], mode=mode)
    x = x.to(model.device)
    wanted = resolve(target, model, model.predicted(model.logits(x))[0])
    original = explain(model, x, [chosen], wanted)[chosen.key].values
    reference = np.abs(original) if chosen.info.signed else original
    module = copy.deepcopy(model.module)
    generator = torch.Generator().manual_seed(seed)
    result = Sanity()
    stages = _stages(module)
    for number, (name, tensors) in enumerate(stages):
        if cancel is not None:
            cancel.check()
        with torch.no_grad():
            for tensor in tensors:
                drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
                spread = float(tensor.double().std()) if tensor.numel() > 1 else 0.0
                tensor.copy_((drawn * spread + float(tensor.double().mean())).to(tensor))
        changed = wrap_model(module, device=None, preprocessing=model.preprocessing)
        values = explain(changed, x, [chosen], wanted, cancel=cancel)[chosen.key].values
        result.layers.append(name)
        result.similarity.append(spearman(reference, np.abs(values) if chosen.info.signed else values))
        if progress is not None:
            progress(number + 1, len(stages) + samples)
    span = float(x.max() - x.min())
    shaken = [
        x[0] + (torch.rand(x.shape[1:], generator=generator, dtype=torch.float64) * 2 - 1).to(x) * noise * span
        for _ in range(samples)
    ]
    if shaken:
        maps = [e[chosen.key].values for e in explain_batch(model, shaken, [chosen], wanted, cancel=cancel)]
        size = float(np.linalg.norm(original))
        changes = [float(np.linalg.norm(m - original)) / size if size > 0 else 0.0 for m in maps]
        result.sensitivity_mean, result.sensitivity_max = float(np.mean(changes)), float(np.max(changes))
    if progress is not None:
        progress(len(stages) + samples, len(stages) + samples)
    return result


def _stages(module: torch.nn.Module) -> list[tuple[str, list[torch.Tensor]]]:
    """The weights from the output down: head, final norms, blocks in reverse, and what comes before them."""
    seen: set[int] = set()

    def take(parts: Sequence[Any]) -> list[torch.Tensor]:
        found = []
        for part in parts:
            for parameter in [part] if not hasattr(part, "parameters") else part.parameters():
                if parameter is not None and id(parameter) not in seen:
                    seen.add(id(parameter))
                    found.append(parameter)
        return found

    def present(*names: str) -> list[Any]:
        return [getattr(module, name) for name in names if getattr(module, name, None) is not None]

    blocks = list(module.blocks)  # type: ignore[arg-type]
    stages = [
        ("head", take(present("head", "head_dist"))),
        ("pooling and final norm", take(present("fc_norm", "attn_pool", "norm"))),
    ]
    stages += [(f"block {i}", take([blocks[i]])) for i in reversed(range(len(blocks)))]
    stages.append(("embedding", take([module])))
    return [(name, tensors) for name, tensors in stages if tensors]
