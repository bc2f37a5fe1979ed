"""Deletion and insertion curves, in the worker's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import CurvesAddress, InputAddress
from vitinspect.app.compute.explaining import HandOver, Report, as_engine_target
from vitinspect.app.compute.model_input import FILLS, model_for, prepared
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

METRICS = ("deletion", "insertion")


@dataclass(frozen=True, eq=False)
class Curves:
    """Deletion and insertion of one map."""

    address: CurvesAddress
    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    deletion_auc: float
    insertion_auc: float


class CurvesWork:
    """The curves of some maps, one after the other.

    It keeps what it has done: when something more urgent interrupts it and it is started again, it continues with
    the curve that it had reached.
    """

    def __init__(self, address: InputAddress, pixels: np.ndarray, maps: Mapping[CurvesAddress, np.ndarray]) -> None:
        self._input, self._pixels, self._maps = address, pixels, dict(maps)
        self._done: dict[tuple[CurvesAddress, str], Any] = {}
        self._handed: set[CurvesAddress] = set()

    def __call__(self, context: Context, hand_over: HandOver, cancel: CancelToken, progress: Report) -> None:
        from vitinspect.scores.perturbation import faithfulness

        model = model_for(context, self._input).at_precision(self._input.precision)
        tensor = prepared(context, self._pixels, self._input).tensor
        parts = [(address, metric) for address in self._maps for metric in METRICS]
        for number, (address, metric) in enumerate(parts):

            def within(part: int, whole: int, number: int = number) -> None:
                progress(number * 1000 + round(1000 * part / max(1, whole)), len(parts) * 1000)

            cancel.check()
            if (address, metric) not in self._done:
                self._done[address, metric] = faithfulness(
                    model,
                    tensor,
                    self._maps[address],
                    as_engine_target(address.target),
                    metrics=(metric,),
                    steps=address.steps,
                    fill=FILLS[address.fill],
                    progress=within,
                    cancel=cancel,
                )
            if metric == METRICS[-1] and address not in self._handed:
                hand_over(self._curves(address))
                self._handed.add(address)

    def _curves(self, address: CurvesAddress) -> Curves:
        deletion, insertion = (self._done[address, metric] for metric in METRICS)
        return Curves(
            address,
            deletion.shares,
            deletion.deletion_curve,
            insertion.insertion_curve,
            deletion.deletion_auc,
            insertion.insertion_auc,
        )
