"""What runs in the worker's thread. Only here the window touches torch, models and the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.worker import Context, problem_of
from vitinspect.app.geometry import Placed
from vitinspect.app.session.results import ModelCard, Prediction
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.explainers.registry import Method, methods
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

HandOver = Callable[[Any], None]
Report = Callable[[int, int], None]
TOP = 10


@dataclass(frozen=True)
class Predicted:
    """The first thing that is known of a picture."""

    predictions: tuple[Prediction, ...]
    probabilities: np.ndarray
    target: tuple[int, ...]
    placed: Placed


@dataclass(frozen=True)
class Mapped:
    """One map of one method."""

    method: str
    key: str
    values: np.ndarray
    signed: bool
    resolution: str


@dataclass(frozen=True)
class Refused:
    """A method gave no map."""

    method: str
    message: str
    details: str


@dataclass(frozen=True)
class Names:
    """What there is to choose from, for the model picker."""

    models: tuple[str, ...]
    """What timm knows."""
    devices: tuple[str, ...]
    """Where a model can run on this machine."""


Loader = Callable[..., Any]


def load_from_sources(source: str, device: str) -> Any:
    """A model by its name, folder or file."""
    from vitinspect.models.sources import load_model

    random = source.startswith("random:")
    return load_model(source.removeprefix("random:"), device=device, random=random)


def load(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    source: str,
    device: str,
    precision: str,
    loader: Loader | None = None,
) -> ModelCard:
    """Load a model, keep it in the thread, and tell what it is."""
    from vitinspect.app import torchload

    torchload.import_torch(progress, cancel)
    if context.source != (source, device):
        # The old one goes first: two large models may not fit.
        context.model = context.source = context.prepared = None
        cancel.check()
        context.model = (loader or load_from_sources)(source, device=device)
        context.source = (source, device)
    cancel.check()
    card = card_of(context.model, source, precision)
    if not context.named:
        from vitinspect.models.sources import list_devices, list_models

        context.named = True
        hand_over(Names(tuple(list_models("")), tuple(list_devices())))
    return card


def card_of(model: Any, source: str, precision: str) -> ModelCard:
    refusals: dict[str, str] = {}
    for info in methods():
        try:
            reason = model.why_not(info.id)
        except VitInspectError as error:
            reason = str(error)
        if reason:
            refusals[info.id] = reason
    return ModelCard(
        source=source,
        name=model.name,
        fingerprint=model.fingerprint,
        labels=tuple(model.labels),
        grid=model.grid,
        patch_size=model.patch_size,
        input_size=model.input_size,
        prefix_names=model.prefix_names,
        depth=model.depth,
        heads=model.heads,
        parameters=sum(p.numel() for p in model.module.parameters()),
        device=str(model.device),
        precision=precision,
        has_classifier=model.has_classifier,
        refusals=refusals,
    )


def explain(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    pixels: np.ndarray,
    wanted: Sequence[Method],
    target: tuple[int, ...],
    precision: str,
    fit: str,
) -> None:
    """Predictions first, then each map as it is ready."""
    import vitinspect as vi

    model = context.model
    prepared = model.preprocess(pixels, fit)
    cancel.check()
    predicted = predict(model.at_precision(precision), prepared, target)
    hand_over(predicted)
    cancel.check()
    if not wanted:
        return
    arrived: set[str] = set()

    def on_map(attribution: Any) -> None:
        arrived.add(attribution.method)
        hand_over(_mapped(attribution))

    def run(some: Sequence[Method], report: Report | None) -> None:
        vi.explain(
            model,
            prepared.tensor,
            list(some),
            target=as_engine_target(predicted.target),
            precision=precision,
            progress=report,
            cancel=cancel,
            on_map=on_map,
        )

    good = []
    for method in wanted:
        try:
            method.explainer().check(model)
            good.append(method)
        except VitInspectError as error:
            hand_over(_refused(method, error))
    if not good:
        return
    try:
        run(good, progress)
        return
    except Cancelled:
        raise
    except Exception as error:
        if len(good) == 1:
            hand_over(_refused(good[0], error))
            return
    # One of them failed and took the others with it: the rest are made one by one.
    rest = [method for method in good if method.id not in arrived]
    for done, method in enumerate(rest):
        cancel.check()
        progress(done, len(rest))
        try:
            run([method], None)
        except Cancelled:
            raise
        except Exception as error:
            hand_over(_refused(method, error))


def predict(model: Any, prepared: Any, target: tuple[int, ...]) -> Predicted:
    import numpy as np

    logits = model.logits(prepared.tensor[None])[0].double().cpu()
    probabilities = logits.softmax(-1).numpy().copy()
    scores = logits.numpy().copy()
    best: list[int] = np.argsort(-scores, kind="stable")[:TOP].tolist() if model.has_classifier else []
    rows = tuple(Prediction(i, model.labels[i], float(probabilities[i]), float(scores[i])) for i in best)
    if not target and rows:
        target = (rows[0].index,)
    return Predicted(rows, probabilities, target, Placed.of(prepared.placement))


def as_engine_target(target: tuple[int, ...]) -> Any:
    from vitinspect.explainers.targets import Contrast

    if len(target) == 2:
        return Contrast(*target)
    return target[0] if target else None


def _mapped(attribution: Any) -> Mapped:
    return Mapped(attribution.method, attribution.key, attribution.values, attribution.signed, attribution.resolution)


def _refused(method: Method, error: BaseException) -> Refused:
    problem = problem_of(error, f"computing {method.info.title}")
    return Refused(method.id, problem.message, problem.details)
