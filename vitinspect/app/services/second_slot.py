"""Slot B: a state and results of its own, which follow the window's, and the same services that slot A has.

For slot B only what is compared is computed, and only while the workspace Compare is shown. Its model stays loaded
beside that of slot A until another one is chosen: never more than two.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect.app.compute.thread_pool import Background
from vitinspect.app.compute.worker import Worker
from vitinspect.app.services.derived_maps import DerivedMaps
from vitinspect.app.services.maps import MapService
from vitinspect.app.services.models import LoadedCards, ModelService
from vitinspect.app.session.compared import layer_of_b, layers_of_b
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

WORKSPACE = "compare"
_SLOT = frozenset({"model", "device", "precision", "fit", "target"})
_FOLLOWED = frozenset({"image", "layers", "selected", "slot_b", "workspace", "recent_models", "show", "smooth"})
_COPIED = ("picture", "picture_path", "picture_error", "file_maps", "file_refusals", "progress", "folder_size")


class SecondSlot(QObject):
    """Copies the picture and the maps from files to slot B's results; its own services write everything else."""

    def __init__(
        self,
        state: State,
        results: Results,
        pool: Background,
        worker: Worker,
        problems: Problems,
        maps: MapService,
        cards: LoadedCards,
        *,
        loader: Any = None,
        use_disk: bool = True,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._first, self._first_results = state, results
        self.state = State(parent=self)
        self.results = Results(parent=self)
        self._following = False
        self.models = ModelService(
            self.state,
            self.results,
            pool,
            worker,
            problems,
            loader=loader,
            remember=use_disk,
            slot="b",
            beside=lambda: (state.model, state.device),
            cards=cards,
            parent=self,
        )
        self.maps = MapService(
            self.state,
            self.results,
            pool,
            worker,
            problems,
            memory_bytes=maps.memory.most_bytes,
            disk_bytes=maps.disk_bytes,
            use_disk=use_disk,
            slot="b",
            memory=maps.memory,
            parent=self,
        )
        self.derived = DerivedMaps(self.state, self.results, parent=self)
        state.changed.connect(self._first_changed)
        results.changed.connect(self._results_changed)
        self.state.changed.connect(self._own_changed)

    @property
    def is_shown(self) -> bool:
        """Whether anything is computed for slot B."""
        return self._first.workspace == WORKSPACE and self._first.slot_b is not None

    @property
    def holds(self) -> tuple[str, str] | None:
        """Source and device of the model that is to stay loaded for this slot."""
        slot = self._first.slot_b
        return (slot.model, slot.device) if slot is not None and self.models.started else None

    def start(self) -> None:
        """Begin, if Compare is shown."""
        self._follow()

    def close(self) -> None:
        self.maps.close()
        self.derived.close()

    def fill(self) -> None:
        """Fill an empty slot B with a copy of slot A: the same model need not be loaded, and then one thing after the
        other can be changed."""
        if self._first.slot_b is None:
            self._first.set(slot_b=self._first.slot_a)

    @Slot(object)
    def _first_changed(self, names: frozenset[str]) -> None:
        if names & _FOLLOWED and not self._following:
            self._follow()

    def _follow(self) -> None:
        first, slot = self._first, self._first.slot_b
        if not self.is_shown or slot is None:
            self.state.set(image="")
            return
        shown = layer_of_b(first.layers, first.selected)
        self._following = True
        try:
            self.state.set(
                image=first.image,
                layers=layers_of_b(first.layers, first.selected),
                selected=shown.id if shown is not None else "",
                recent_models=first.recent_models,
                show=first.show,
                **slot.__dict__,
            )
        finally:
            self._following = False
        if not self.models.started:
            self._copy_results(frozenset(_COPIED))
            self.models.start()
            self.maps.start()

    @Slot(object)
    def _own_changed(self, names: frozenset[str]) -> None:
        """Write to the window's state what a person or a service changed in slot B."""
        if self._following:
            return
        changes: dict[str, Any] = {}
        if names & _SLOT:
            changes["slot_b"] = self.state.slot_a
        if "recent_models" in names:
            changes["recent_models"] = self.state.recent_models
        if changes:
            self._first.set(**changes)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        self._copy_results(names)

    def _copy_results(self, names: frozenset[str]) -> None:
        given = {name: getattr(self._first_results, name) for name in _COPIED if name in names}
        if given:
            self.results.update(**given)
