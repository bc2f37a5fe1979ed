"""Predictions and maps, in the worker's thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import Address, InputAddress, Target
from vitinspect.app.compute.worker import Context, problem_of
from vitinspect.app.geometry import Placed
from vitinspect.app.session.results import Prediction
from vitinspect.errors import Cancelled, VitInspectError
from vitinspect.explainers.registry import Method
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

HandOver = Callable[[Any], None]
Report = Callable[[int, int], None]
TOP = 10


@dataclass(frozen=True)
class MapsRequest:
    """Which maps of which input are wanted. The address of each answer is made from it."""

    input: InputAddress
    methods: tuple[Method, ...]
    asked: Target
    """() for the class that is predicted."""

    @property
    def key(self) -> tuple[InputAddress, tuple[str, ...], Target]:
        """Equal for requests that ask for the same."""
        return self.input, tuple(method.key for method in self.methods), self.asked

    def address(self, method: Method, target: Target) -> Address:
        """The address of one of its maps, once the target is known."""
        return self.input.of(method.key, target if method.info.class_specific else ())


@dataclass(frozen=True, eq=False)
class Predicted:
    """What the model predicts for a picture; known before any map."""

    address: InputAddress
    predictions: tuple[Prediction, ...]
    probabilities: np.ndarray
    placed: Placed

    def target(self, asked: Target) -> Target:
        """The target in force: what is asked for, else the class that is predicted."""
        return asked or ((self.predictions[0].index,) if self.predictions else ())


@dataclass(frozen=True, eq=False)
class Mapped:
    """One map of one method."""

    address: Address
    method: str
    """The method's id."""
    values: np.ndarray
    signed: bool
    resolution: str
    seconds: float | None = None
    """What it took when it was computed, where that is known."""

    @property
    def key(self) -> str:
        return self.address.method


@dataclass(frozen=True)
class Refused:
    """A method gave no map."""

    address: Address
    method: str
    message: str
    details: str


def explain(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    request: MapsRequest,
    pixels: np.ndarray,
) -> None:
    """Predictions first, then each map as it is ready."""
    import vitinspect as vi
    from vitinspect.app.compute.model_input import model_for, prepared

    model, where = model_for(context, request.input), request.input
    model_input = prepared(context, pixels, where)
    cancel.check()
    predicted = predict(model.at_precision(where.precision), model_input, where)
    hand_over(predicted)
    cancel.check()
    if not request.methods:
        return
    target = predicted.target(request.asked)
    by_key = {method.key: method for method in request.methods}
    arrived: set[str] = set()
    begun = [time.perf_counter()]

    def on_map(attribution: Any) -> None:
        # Methods share their passes: each is given the time since the map before it.
        now = time.perf_counter()
        seconds, begun[0] = now - begun[0], now
        arrived.add(attribution.key)
        address = request.address(by_key[attribution.key], target)
        found = attribution
        hand_over(Mapped(address, found.method, found.values, found.signed, found.resolution, seconds))

    def refuse(method: Method, error: BaseException) -> None:
        problem = problem_of(error, f"computing {method.info.title}")
        hand_over(Refused(request.address(method, target), method.id, problem.message, problem.details))

    def run(some: Sequence[Method], report: Report | None) -> None:
        vi.explain(
            model,
            model_input.tensor,
            list(some),
            target=as_engine_target(target),
            precision=where.precision,
            progress=report,
            cancel=cancel,
            on_map=on_map,
        )

    good = []
    for method in request.methods:
        try:
            method.explainer().check(model)
            good.append(method)
        except VitInspectError as error:
            refuse(method, error)
    if not good:
        return
    try:
        run(good, progress)
        return
    except Cancelled:
        raise
    except Exception as error:
        if len(good) == 1:
            refuse(good[0], error)
            return
    # One of them failed, and the whole call with it: the rest are computed one by one.
    rest = [method for method in good if method.key not in arrived]
    for done, method in enumerate(rest):
        cancel.check()
        progress(done, len(rest))
        try:
            run([method], None)
        except Cancelled:
            raise
        except Exception as error:
            refuse(method, error)


def predict(model: Any, prepared: Any, address: InputAddress) -> Predicted:
    """What the model says about the picture, and where its input lies on it."""
    import numpy as np

    scores, probabilities = (found[0].cpu().numpy().copy() for found in model.answers(prepared.tensor[None]))
    best = np.argsort(-scores, kind="stable")[: TOP if model.has_classifier else 0]
    rows = tuple(Prediction(int(i), model.labels[i], float(probabilities[i]), float(scores[i])) for i in best)
    return Predicted(address, rows, probabilities, Placed.of(prepared.placement))


def as_engine_target(target: Target) -> Any:
    from vitinspect.explainers.targets import Contrast

    if len(target) == 2:
        return Contrast(*target)
    return target[0] if target else None
