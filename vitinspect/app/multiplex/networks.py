"""Gets what the network panel shows: layers and aggregate from the worker, measures from a process of their own.

Nothing is requested while the panel is closed. A newer request replaces an older one for the same thing.
"""

from __future__ import annotations

import os
import sys
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, QTimer, Signal, Slot

from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.multiplex import computing
from vitinspect.app.services.inputs import current_input
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.app.multiplex.model import Aggregate, Network
    from vitinspect.graphs import LayerMeasures

METHOD = "multiplex"
CAUSE = "network"
MOST_BYTES = 256 << 20
"""Limit for networks that were shown before, so that going back to an operator takes no time."""
_CANCELLED = "Cancelled: Ctrl+R computes it."
_OWN = frozenset(
    {
        "workspace",
        "network_view",
        "network_operator",
        "network_prefix",
        "network_colour",
        "parameters",
        "fit",
        "precision",
        "target",
        "image",
    }
)


class Networks(QObject):
    """What there is to show in the panel; ``changed`` carries the names of what differs from before."""

    changed = Signal(object)

    def __init__(
        self, state: State, results: Results, worker: Worker, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.problems = problems
        self.state, self.results, self.worker = state, results, worker
        self.network: Network | None = None
        self.aggregate: Aggregate | None = None
        self.measures: tuple[LayerMeasures, ...] = ()
        self.communities: dict[int, np.ndarray] = {}
        """Layer -> the community of each node, the largest being 0."""
        self.measuring: tuple[int, int] | None = None
        """(layers measured, layers) while the process runs."""
        self.error = ""
        """Why there is no network."""
        self.aggregate_error = ""
        self.selected_prefix: int | None = None
        """A token before the patches that is selected; a selected patch is the state's pinned one."""
        self.drawing_until = 0.0
        """The time by which a view will have redrawn finely what it drew quickly."""
        self._kept: OrderedDict[Any, Network] = OrderedDict()
        self._ids = {"network": 0, "aggregate": 0}
        self._asked: dict[str, Any] = {"network": None, "aggregate": None, "measures": None}
        self._process: QProcess | None = None
        # Each aggregate is 54 passes, and each measuring a process: they wait for the slider to rest.
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(250)
        self._rest.timeout.connect(self._rested)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)

    def close(self) -> None:
        self._rest.stop()
        self._stop_measuring()

    # --- values that are the method's parameters ---------------------------------------------------------------------

    def parameter(self, name: str) -> Any:
        return self.state.method(METHOD).params[name]

    def set_parameter(self, name: str, value: Any) -> None:
        self.state.set_parameter(METHOD, name, value)

    @property
    def min_cut(self) -> float:
        return float(self.parameter("min_cut"))

    @property
    def first_layer(self) -> int:
        """The starting layer, limited to the blocks of the model."""
        depth = self.network.depth if self.network is not None else 1
        return min(int(self.parameter("starting_layer")), depth - 1)

    @property
    def layer(self) -> int:
        depth = self.network.depth if self.network is not None else 1
        return min(self.state.network_layer, depth - 1)

    # --- selection ---------------------------------------------------------------------------------------------------

    @property
    def selected(self) -> int | None:
        """The node that is pinned here and on the main canvas."""
        if self.network is None:
            return None
        if len(self.state.pinned) == 2:
            return self.network.node_of(*self.state.pinned)
        if self.selected_prefix is not None and self.selected_prefix < self.network.prefix:
            return self.selected_prefix
        return None

    def select(self, node: int | None) -> None:
        """Pin a node; choosing the pinned one again unpins it."""
        if self.network is None or node is None or node == self.selected:
            self.selected_prefix = None
            self.state.set(pinned=())
            self.changed.emit(frozenset({"selected"}))
            return
        place = self.network.layers.position(node)
        self.selected_prefix = node if place is None else None
        self.state.set(pinned=place or ())
        self.changed.emit(frozenset({"selected"}))

    # --- following ---------------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "pinned" in names and self.state.pinned:
            self.selected_prefix = None
        if names & _OWN:
            self.want()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card"}:
            self._update(network=None, aggregate=None, measures=(), communities={}, error="", aggregate_error="")
            self._asked = dict.fromkeys(self._asked)
            self.worker.cancel("network")
            self.worker.cancel("aggregate")
            self._stop_measuring()
            # Answers to the earlier requests are ignored.
            self._ids = dict.fromkeys(self._ids, 0)
        if "card" in names:
            self._kept.clear()
        if names & {"picture", "card", "model_state", "target", "predicted_for"}:
            self.want()

    def _update(self, **changes: Any) -> None:
        differing = [name for name, value in changes.items() if getattr(self, name) is not value]
        for name in differing:
            setattr(self, name, changes[name])
        if differing:
            self.changed.emit(frozenset(differing))

    # --- asking ------------------------------------------------------------------------------------------------------

    def _common(self) -> dict[str, Any] | None:
        picture, where = self.results.picture, current_input(self.state, self.results)
        if picture is None or where is None or self.state.workspace != "network":
            return None
        return {"pixels": picture.pixels, "address": where}

    def _network_key(self) -> Any:
        """What the network that the state asks for depends on."""
        where = current_input(self.state, self.results)
        return None if where is None else (where, self.state.network_operator, self.state.network_prefix)

    def want(self) -> None:
        """Request what is shown and missing."""
        common = self._common()
        if common is None:
            return
        state, key = self.state, self._network_key()
        if key != self._asked["network"]:
            self._asked["network"] = key
            kept = self._kept.get(key)
            if kept is not None:
                self._kept.move_to_end(key)
                self.worker.cancel("network")
                self._update(network=kept, error="", measures=(), communities={})
            else:
                self._ids["network"] = self.worker.submit(
                    "network",
                    partial(
                        computing.network,
                        **common,
                        operator=state.network_operator,
                        prefix=state.network_prefix,
                        key=key,
                    ),
                    "Reading the attention network",
                )
        # Outdated results are dropped at once; new ones are requested when the slider rests.
        if self.measures and self._asked["measures"] != self._measures_key():
            self._update(measures=(), communities={})
        self._rest.start()

    @Slot()
    def _rested(self) -> None:
        self._want_aggregate()
        self._want_measures()

    def _aggregate_key(self) -> Any:
        where = current_input(self.state, self.results)
        if where is None or self.results.predicted_for != where:
            return None
        parameters = tuple(sorted(self.state.parameters.get(METHOD, {}).items()))
        return (where, self.results.target, parameters)

    def _want_aggregate(self) -> None:
        common = self._common()
        if common is None or self.state.network_view != "aggregate" or not self.results.target:
            return
        key = self._aggregate_key()
        if key is None or key == self._asked["aggregate"]:
            return
        self._asked["aggregate"] = key
        self._update(aggregate_error="")
        self._ids["aggregate"] = self.worker.submit(
            "aggregate",
            partial(
                computing.aggregate,
                **common,
                target=self.results.target,
                parameters=dict(self.state.parameters.get(METHOD, {})),
                key=key,
            ),
            "Scoring the 54 masks",
        )

    @property
    def is_current(self) -> bool:
        """Whether the network is the one that the state asks for."""
        return self.network is not None and self.network.key == self._network_key()

    @property
    def aggregate_is_current(self) -> bool:
        return self.aggregate is not None and self.aggregate.key == self._aggregate_key()

    # --- measures ----------------------------------------------------------------------------------------------------

    def _measures_key(self) -> Any:
        return None if self.network is None else (self.network.key, self.min_cut, self.first_layer)

    def _want_measures(self) -> None:
        wanted = self.state.network_view == "measures" or self.state.network_colour == "communities"
        if self._common() is None or self.network is None or not wanted:
            return
        if self._asked["network"] != self.network.key:
            return  # the layers of another operator are being computed
        key = self._measures_key()
        if key == self._asked["measures"]:
            return
        self.measure()

    def measure(self) -> None:
        """Measure the network in a process of its own."""
        self._stop_measuring()
        if self.network is None:
            return
        from vitinspect.app.multiplex import measuring

        self._asked["measures"] = self._measures_key()
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("OMP_NUM_THREADS", "1")
        # The process finds this package wherever the window found it.
        environment.insert("PYTHONPATH", os.pathsep.join(p for p in sys.path if p))
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(partial(self._read_measures, process))
        process.finished.connect(partial(self._measured, process))
        process.errorOccurred.connect(partial(self._measuring_failed, process))
        self._process = process
        total = self.network.depth - self.first_layer
        self._update(measures=(), communities={}, measuring=(0, total))
        process.start(sys.executable, ["-m", "vitinspect.app.multiplex.measuring"])
        process.write(measuring.question(self.network.layers, self.min_cut, self.first_layer))
        process.closeWriteChannel()

    def cancel_measuring(self) -> None:
        """Stop; what was measured stays. Measuring again starts from the beginning."""
        self._stop_measuring()

    def _stop_measuring(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.blockSignals(True)
            process.kill()
            process.waitForFinished(1000)
            process.deleteLater()
        self._update(measuring=None)

    def _read_measures(self, process: QProcess) -> None:
        from vitinspect.app.multiplex.measuring import answer

        if process is not self._process or self.measuring is None:
            return
        measures, communities = list(self.measures), dict(self.communities)
        while process.canReadLine():
            measured, of_node = answer(bytes(process.readLine().data()))
            measures.append(measured)
            communities[measured.layer] = of_node
        self._update(measures=tuple(measures), communities=communities, measuring=(len(measures), self.measuring[1]))

    def _measured(self, process: QProcess, code: int, status: Any) -> None:
        if process is not self._process:
            return
        self._read_measures(process)
        self._process = None
        if code:
            details = bytes(process.readAllStandardError().data()).decode("utf-8", "replace")
            self.problems.report(CAUSE, Problem("The network could not be measured.", details))
        process.deleteLater()
        self._update(measuring=None)

    def _measuring_failed(self, process: QProcess, error: QProcess.ProcessError) -> None:
        if process is self._process and error == QProcess.ProcessError.FailedToStart:
            self._process = None
            process.deleteLater()
            self._update(measuring=None)
            self.problems.report(
                CAUSE, Problem(f"The network could not be measured: {process.errorString()}.", "", True)
            )

    # --- the worker answers ------------------------------------------------------------------------------------------

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if request_id == self._ids["network"] and getattr(result, "key", None) == self._asked["network"]:
            self._keep(result)
            self.problems.solved(CAUSE)
            self._update(network=result, error="", measures=(), communities={})
            self._rest.start()
        elif request_id == self._ids["aggregate"] and getattr(result, "key", None) == self._asked["aggregate"]:
            self._update(aggregate=result, aggregate_error="")

    def _keep(self, network: Network) -> None:
        self._kept[network.key] = network
        while len(self._kept) > 1 and sum(n.nbytes for n in self._kept.values()) > MOST_BYTES:
            self._kept.popitem(last=False)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._ids["network"]:
            self._update(network=None, error=problem.message)
        elif request_id == self._ids["aggregate"]:
            self._update(aggregate=None, aggregate_error=problem.message)
        else:
            return
        if not problem.expected:
            self.problems.report(CAUSE, problem)

    # --- the person asks ---------------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop the running work and say so; existing results stay."""
        self._rest.stop()
        for kind in self._ids:
            self.worker.cancel(kind)
        self._ids = dict.fromkeys(self._ids, 0)
        self._stop_measuring()
        if self.network is None and self._asked["network"] is not None:
            self._update(error=_CANCELLED)
        if self._asked["aggregate"] is not None and not self.aggregate_is_current:
            self._update(aggregate_error=_CANCELLED)
        if self.network is not None:
            # The choice that was stopped can be made again.
            self._asked["network"] = self.network.key

    def retry(self) -> None:
        """Ask again for what failed or was stopped."""
        self._update(error="", aggregate_error="")
        if self.network is None:
            self._asked["network"] = None
        if not self.aggregate_is_current:
            self._asked["aggregate"] = None
        self.want()

    @property
    def busy(self) -> bool:
        """Whether something other than the worker is still to come: a slider that is to rest, the measuring process."""
        return self._rest.isActive() or self.measuring is not None or time.monotonic() < self.drawing_until
