"""The engine: computes all requested methods in as few passes as possible.

The needs of all methods are combined, one forward and at most one backward pass record them, one walk over the
blocks rebuilds attention for all methods, and each method computes its map from that. Methods that must run the
model again do so afterwards, in chunks.
"""

from __future__ import annotations

import os
import reprlib
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeVar

import numpy as np
import torch

from vitinspect.displayed import DisplayedMaps, Origin
from vitinspect.errors import ImageError, MethodFailed, ModelError, NotEnoughMemory, ParameterError, is_out_of_memory
from vitinspect.explainers.attention_calls import AttentionCall
from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, Sweep
from vitinspect.explainers.costs import COST_ORDER
from vitinspect.explainers.passes.chunks import release_memory
from vitinspect.explainers.registry import Method, make_method, parse_methods
from vitinspect.explainers.targets import Contrast, TargetLike, Targets, resolve
from vitinspect.explainers.trace import Live, record
from vitinspect.maps import AttributionMap
from vitinspect.models.evaluation_state import in_evaluation_state, own_modes
from vitinspect.models.inputs import as_batch
from vitinspect.models.preprocess import MODES, Placement
from vitinspect.models.vit import PRECISIONS, ViT
from vitinspect.progress import CancelToken, Progress, check, shown_progress

_STEPS = 1000
"""The unit of progress: one thousandth of a method."""


@dataclass
class Explanation(DisplayedMaps):
    """The result of ``explain``: the maps by method, and what they explain. In a notebook it shows itself."""

    maps: dict[str, AttributionMap]
    target: TargetLike | None
    logits: np.ndarray
    model: str = ""
    labels: Sequence[str] = field(default=(), repr=False)
    placement: Placement | None = None
    """Where the model's input lies in the original picture; None for preprocessed tensors."""

    def __getitem__(self, key: Any) -> AttributionMap:
        """The map of a canonical string, in any spelling of it, or of a bare id that only one map has."""
        if isinstance(key, str) and key in self.maps:
            return self.maps[key]
        method = make_method(key)
        if method.key in self.maps:
            return self.maps[method.key]
        same = [m for m in self.maps.values() if m.method == key]
        if len(same) == 1:
            return same[0]
        raise KeyError(f"{key}: this explanation holds {', '.join(self.maps)}")

    def __repr__(self) -> str:
        target = "" if self.target is None else f", target {self.target}"
        return f"<explanation by {self.model or 'a model'}{target}: {', '.join(self.maps)}>"

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)

    def __contains__(self, key: object) -> bool:
        try:
            self[key]
        except (KeyError, ParameterError):
            return False
        return True

    def items(self) -> Iterator[tuple[str, AttributionMap]]:
        return iter(self.maps.items())

    def values(self) -> Iterator[AttributionMap]:
        return iter(self.maps.values())

    def keys(self) -> Iterator[str]:
        return iter(self.maps)


OnMap = Callable[[int, AttributionMap], None]
_Result = TypeVar("_Result")


def explain(
    model: ViT,
    image: Any,
    methods: Any,
    target: Any = None,
    precision: str = "float32",
    *,
    details: bool = False,
    mode: str = "crop",
    progress: Progress | bool | None = None,
    cancel: CancelToken | None = None,
    on_map: Callable[[AttributionMap], None] | None = None,
) -> Explanation:
    """Explain one image by one or more methods, in as few passes through the model as they allow.

    ``image``: a path, a PIL image, an HxWx3 uint8 array, or a preprocessed (3, H, W) or (1, 3, H, W) float tensor.
    ``methods``: ids, strings with parameters, ``(id, dict)`` pairs; or one string as on the command line.
    ``target``: None for the predicted class, an index, a label, ``"a - b"``, or a ``TextEmbedding``.
    ``precision``: "float32", "float64" or "bfloat16".
    ``details``: keep the intermediates that the methods document.
    ``mode``: how a picture is fitted into the model's input: "crop", "squash" or "pad".
    ``progress``: called with (done, total); or True for a progress bar in a terminal or a notebook.
    ``on_map``: called with each map as soon as it is computed, the cheap ones first.
    """
    each = None if on_map is None else (lambda _, attribution: on_map(attribution))
    return explain_batch(
        model,
        [image],
        methods,
        [target],
        precision,
        details=details,
        mode=mode,
        progress=progress,
        cancel=cancel,
        on_map=each,
    )[0]


def explain_batch(
    model: ViT,
    images: Any,
    methods: Any,
    targets: Any = None,
    precision: str = "float32",
    *,
    details: bool = False,
    mode: str = "crop",
    progress: Progress | bool | None = None,
    cancel: CancelToken | None = None,
    on_map: OnMap | None = None,
) -> list[Explanation]:
    """Explain a batch through one trace; the same numbers as one image at a time.

    ``targets``: None, one target for all, or one per image.
    """
    if not isinstance(model, ViT):
        raise ModelError(
            f"model must be what load_model or wrap_model returns, not {type(model).__name__}; a timm module is "
            "wrapped by wrap_model(module)."
        )
    if not isinstance(precision, str) or precision not in PRECISIONS:
        raise ParameterError(f"The precision must be one of {', '.join(PRECISIONS)}, not {precision!r}.")
    if not isinstance(mode, str) or mode not in MODES:
        raise ParameterError(f"The mode must be one of {', '.join(MODES)}, not {mode!r}.")
    chosen = choose_methods(methods)
    if isinstance(images, str | bytes | os.PathLike) or not isinstance(images, Iterable) or _ndim(images) == 0:
        raise ImageError(
            f"images must be a sequence of pictures, not {reprlib.repr(images)}; explain takes one picture."
        )
    images = list(images)
    wanted = _one_per_image(targets, len(images))
    check(cancel)
    with own_modes(), shown_progress(progress) as report:
        batch, placements = as_batch(model, images, mode=mode)
        origins = [_origin(model, *pair, mode, precision) for pair in zip(images, placements, strict=True)]
        working = model.at_precision(precision)
        batch = batch.to(working.device, working.dtype)
        explainers = [method.explainer() for method in chosen]
        for explainer in explainers:
            explainer.check(working)
        with in_evaluation_state(working.module):
            call = _Call(working, batch, wanted, details, cancel, on_map, origins)
            call.explain(explainers, report)
    made = [method for method in chosen if method.key in call.results]
    explanations = [
        Explanation(
            maps={method.key: call.results[method.key][i] for method in made},
            target=call.targets[i] if call.targets else None,
            logits=_to_numpy(call.logits[i]),
            model=model.name,
            labels=model.labels,
            placement=placements[i],
        )
        for i in range(len(images) if made else 0)
    ]
    if len(made) < len(chosen):
        missing = ", ".join(method.key for method in chosen if method not in made)
        raise NotEnoughMemory(
            f"{missing}: there is not enough memory for {'it' if len(made) == len(chosen) - 1 else 'them'}. A smaller "
            'input size, a smaller model, fewer images at a time or precision="bfloat16" needs less.',
            explanations,
        )
    return explanations


def choose_methods(methods: Any) -> list[Method]:
    """The requested methods, each once, in the requested order."""
    if isinstance(methods, str):
        chosen = parse_methods(methods)
    elif isinstance(methods, Method) or (
        isinstance(methods, tuple) and len(methods) == 2 and isinstance(methods[1], Mapping)
    ):
        chosen = [make_method(methods)]
    elif isinstance(methods, Iterable) and not isinstance(methods, bytes | Mapping):
        chosen = [make_method(spec) for spec in methods]
    else:
        raise ParameterError(
            f'methods must name at least one method, such as "rollout" or ["rollout", "lrp"], not '
            f"{reprlib.repr(methods)}."
        )
    if not chosen:
        raise ParameterError("No method was named; `vitinspect methods` lists them all.")
    return list({method.key: method for method in chosen}.values())


def _origin(model: ViT, image: Any, placement: Placement | None, mode: str, precision: str) -> Origin:
    return Origin(
        image=image.copy() if isinstance(image, np.ndarray) else image,  # the caller may fill it with the next picture
        placement=placement,
        model_name=model.name,
        model_source=model.source,
        labels=model.labels,
        mode=mode,
        precision=precision,
        mean=model.preprocessing.mean,
        std=model.preprocessing.std,
        model=weakref.ref(model),
    )


def _ndim(value: Any) -> int | None:
    """The number of dimensions of an array or a tensor; None for anything else."""
    return getattr(value, "ndim", None)


def _one_per_image(targets: Any, count: int) -> list[Any]:
    if _ndim(targets) == 1:  # an array or a tensor of indices
        targets = targets.tolist()
    if not isinstance(targets, Sequence) or isinstance(targets, str | Contrast):
        return [targets] * count
    if len(targets) != count:
        raise ParameterError(f"{len(targets)} targets were given for {count} images.")
    return list(targets)


@dataclass
class _Call:
    """One call of the engine: what was requested, and the maps that are computed so far."""

    model: ViT
    inputs: torch.Tensor
    wanted: Sequence[Any]
    details: bool
    cancel: CancelToken | None
    on_map: OnMap | None
    origins: Sequence[Origin] = ()
    results: dict[str, list[AttributionMap]] = field(default_factory=dict)
    """The maps by method; a method that ran out of memory is missing."""
    logits: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    targets: list[TargetLike] = field(default_factory=list)

    def explain(self, explainers: Sequence[Explainer], progress: Progress | None) -> None:
        """All methods from one trace; if memory does not suffice for that, each from a trace of its own."""
        if not self._together(explainers, progress) and len(explainers) > 1:
            order = _cheap_first(explainers)
            for position, explainer in enumerate(order):
                self._together([explainer], _share_of(progress, position, len(order)))

    def _together(self, explainers: Sequence[Explainer], progress: Progress | None) -> bool:
        """Whether there was enough memory for the trace; a method that runs out of memory later is left out."""
        traced = _if_enough_memory(lambda: self._trace(explainers))
        if traced is None:
            return False
        run, sweeps, early_results = traced
        order = _cheap_first(explainers)
        for position, explainer in enumerate(order):
            check(self.cancel)
            key = explainer.method.key
            run.progress = _share_of(progress, position, len(order))
            made = _if_enough_memory(lambda: self._maps(explainer, run, sweeps[key], early_results.get(key)))  # noqa: B023
            if progress is not None:
                progress((position + 1) * _STEPS, len(order) * _STEPS)
            if made is None:
                continue
            self.results[key] = made
            if self.on_map is not None:
                for i, attribution in enumerate(made):
                    self.on_map(i, attribution)
        return True

    def _trace(self, explainers: Sequence[Explainer]) -> tuple[Run, dict[str, Sweep | None], dict[str, Any]]:
        model, inputs, wanted, cancel = self.model, self.inputs, self.wanted, self.cancel
        needs = reduce(lambda a, b: a | b, (explainer.needs(model) for explainer in explainers), Needs())
        specific = any(explainer.method.info.class_specific for explainer in explainers)
        grid = model.grid_for(*inputs.shape[-2:])
        early_results: dict[str, Any] = {}

        def choose(logits: torch.Tensor) -> list[TargetLike] | None:
            if not specific and not model.has_classifier and all(target is None for target in wanted):
                return None
            predicted = model.predicted(logits)
            targets = [resolve(target, model, predicted[i]) for i, target in enumerate(wanted)]
            return [target for target in targets if target is not None]

        def early(logits: torch.Tensor, targets: Targets, live: Live) -> None:
            for explainer in explainers:
                if explainer.needs(model).graph:
                    check(cancel)
                    early_results[explainer.method.key] = explainer.before_backward(
                        EarlyRun(model, inputs, targets, grid, live, self.details, cancel), logits
                    )

        def check_calls(calls: list[list[AttentionCall]]) -> None:
            _need_attention(model, calls, explainers)

        trace, targets = record(model, inputs, choose, needs, cancel=cancel, early=early, check_calls=check_calls)
        self.logits, self.targets = trace.logits, targets.items
        run = Run(model, inputs, targets, trace, grid, self.details, None, cancel)
        with torch.no_grad():
            sweeps = {explainer.method.key: explainer.sweep(run) for explainer in explainers}
            trace.walk([sweep for sweep in sweeps.values() if sweep is not None], cancel)
        return run, sweeps, early_results

    def _maps(self, explainer: Explainer, run: Run, sweep: Sweep | None, early: Any) -> list[AttributionMap]:
        made = explainer.maps(run, sweep, early)
        targets = run.targets
        return [
            _attribution(explainer, made, i, targets[i] if len(targets) else None, run, self.origins[i])
            for i in range(run.batch)
        ]


def _cheap_first(explainers: Sequence[Explainer]) -> list[Explainer]:
    return sorted(explainers, key=lambda explainer: COST_ORDER.index(explainer.method.info.cost))


def _if_enough_memory(work: Callable[[], _Result]) -> _Result | None:
    """What ``work`` returns; None if it ran out of memory."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # The exception is released here, and with it the frames that hold what was allocated.
    release_memory()
    return None


def _need_attention(model: ViT, calls: list[list[AttentionCall]], explainers: Sequence[Explainer]) -> None:
    """Refuse methods that read attention where some block's attention was not seen."""
    for index in (i for i, seen in enumerate(calls) if not seen):
        for explainer in explainers:
            needs = explainer.needs(model)
            if needs.attention or needs.attention_gradient:
                kind = type(model.blocks[index]).__name__
                raise explainer.refuse(
                    f"block {index} of {model.name} ({kind}) does not compute attention by torch's function, "
                    "so it cannot be recorded"
                )


@dataclass
class EarlyRun:
    """The argument of ``before_backward``: tensors of the graph instead of a finished trace."""

    model: ViT
    inputs: torch.Tensor
    targets: Targets
    grid: tuple[int, int]
    live: Live
    details: bool
    cancel: CancelToken | None = None


def _share_of(progress: Progress | None, position: int, count: int) -> Progress | None:
    if progress is None:
        return None

    def report(done: int, total: int) -> None:
        progress(position * _STEPS + round(_STEPS * done / max(1, total)), count * _STEPS)

    return report


def _attribution(
    explainer: Explainer, made: MapBatch, index: int, target: TargetLike | None, run: Run, origin: Origin
) -> AttributionMap:
    method = explainer.method
    values = _to_numpy(made.values[index])
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise MethodFailed(
            method.key,
            f"{bad} of {values.size} values of its map are NaN or infinite. A higher precision may help "
            '(precision="float64").',
        )
    is_patch = values.shape == run.grid
    if not is_patch and values.shape != tuple(run.inputs.shape[-2:]):
        raise MethodFailed(method.key, f"its map has the shape {values.shape}.")
    return AttributionMap(
        values=values,
        method=method.id,
        params=dict(method.params),
        key=method.key,
        target=target if method.info.class_specific else None,
        signed=explainer.signed,
        resolution="patch" if is_patch else "pixel",
        details={
            name: _to_numpy(value) if isinstance(value, torch.Tensor) else value
            for name, value in (made.details[index] if made.details and run.details else {}).items()
        },
        origin=origin,
    )


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """float64 stays; all other floating-point types become float32. Always a copy."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype != torch.float64:
        tensor = tensor.float()
    return tensor.numpy().copy()
