"""Everything behind the window, built once: state, results, threads, caches. And the one way to shut it down."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect import paths
from vitinspect.app.compute.thread_pool import CHORES, Background, Job
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.listing import ImageList
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.services.activity import Activity
from vitinspect.app.services.attention import AttentionService
from vitinspect.app.services.batches import BatchService, ReportService
from vitinspect.app.services.coordinator import Coordinator, Services
from vitinspect.app.services.curves import CurveService
from vitinspect.app.services.derived_maps import DerivedMaps
from vitinspect.app.services.evaluation_run import EvaluationRunService
from vitinspect.app.services.features import FeatureService
from vitinspect.app.services.figure_layouts import FigureLayouts
from vitinspect.app.services.figures import FigureService
from vitinspect.app.services.folders import FolderService
from vitinspect.app.services.map_files import MapFileService
from vitinspect.app.services.maps import MapService
from vitinspect.app.services.mask_layers import MaskLayers
from vitinspect.app.services.masks import MaskService
from vitinspect.app.services.models import LoadedCards, ModelService
from vitinspect.app.services.over_folder import FolderComparison
from vitinspect.app.services.overlaps import OverlapService
from vitinspect.app.services.people import PeopleService
from vitinspect.app.services.picture_notes import PictureNotes
from vitinspect.app.services.pictures import PictureService
from vitinspect.app.services.probes import ProbeService
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.services.shared_ranges import SharedRanges
from vitinspect.app.services.tiled_maps import TiledMaps
from vitinspect.app.services.training import TrainingRun
from vitinspect.app.services.two_maps import TwoMaps
from vitinspect.app.services.what_if import WhatIfService
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.saving import SavedSession
from vitinspect.app.session.state import State
from vitinspect.app.settings import Settings
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.json_files import read_json

_log = logging.getLogger(__name__)
_MB = 1 << 20


class Backend(QObject):
    """What a window works with."""

    listing: ImageList

    def __init__(self, *, loader: Any = None, use_disk: bool = True, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = Settings(parent=self)
        self.state = State(parent=self)
        self.results = Results(parent=self)
        self.background = Background(2, parent=self)
        self.worker = Worker(parent=self)
        self.listing = ImageList(self.background, parent=self)
        self.thumbnails = Thumbnails(self.background, self.settings["thumbnail_disk"] * _MB, parent=self)
        self.problems = Problems(parent=self)
        state, results, pool, worker, problems = (
            self.state,
            self.results,
            self.background,
            self.worker,
            self.problems,
        )
        self.activity = Activity(results, worker, parent=self)
        self.folders = FolderService(state, results, self.listing, problems, parent=self)
        self.notes = PictureNotes(parent=self)
        self.notes.trouble.connect(lambda text: problems.report("notes", Problem(text, "", True)))
        self.folders.notes = self.notes
        self.notes.changed.connect(lambda picture: self.folders.filter_again() if state.only_flagged else None)
        self.pictures = PictureService(
            state, results, self.listing, pool, self.settings["picture_memory"] * _MB, parent=self
        )
        cards = LoadedCards()
        self.models = ModelService(
            state,
            results,
            pool,
            worker,
            problems,
            loader=loader,
            remember=use_disk,
            beside=lambda: self.second.holds,
            cards=cards,
            parent=self,
        )
        self.maps = MapService(
            state,
            results,
            pool,
            worker,
            problems,
            memory_bytes=self.settings["map_memory"] * _MB,
            disk_bytes=self.settings["map_disk"] * _MB,
            use_disk=use_disk,
            parent=self,
        )
        self.second = SecondSlot(
            state, results, pool, worker, problems, self.maps, cards, loader=loader, use_disk=use_disk, parent=self
        )
        """Slot B."""
        self.map_files = MapFileService(state, results, pool, parent=self)
        self.derived = DerivedMaps(state, results, parent=self)
        self.shared_ranges = SharedRanges(state, results, parent=self)
        self.overlaps = OverlapService(state, results, pool, parent=self)
        self.two_maps = TwoMaps(state, results, self.second, pool, parent=self)
        self.training = TrainingRun(
            state,
            results,
            self.second,
            pool,
            worker,
            problems,
            cards,
            loader=loader,
            on_disk=lambda: self.maps.uses_disk,
            parent=self,
        )
        self.over_folder = FolderComparison(
            state, results, self.second, pool, worker, problems, self._listed, parent=self
        )
        self.curves = CurveService(state, results, worker, problems, parent=self)
        self.what_if = WhatIfService(state, results, worker, problems, parent=self)
        self.attention = AttentionService(state, results, worker, problems, parent=self)
        self.tiled_maps = TiledMaps(state, results, worker, problems, parent=self)
        self.features = FeatureService(state, results, worker, problems, parent=self)
        self.run = EvaluationRunService(state, results, self.listing, pool, problems, parent=self)
        self.masks = MaskService(state, results, pool, problems, parent=self)
        self.folders.drawn_status = lambda path: self.masks.sidecar(path).status
        self.people = PeopleService(state, results, pool, problems, parent=self)
        self.mask_layers = MaskLayers(state, results, pool, self.overlaps.masks, lambda: self.masks.blind, parent=self)
        self.masks.opened.connect(self.mask_layers.follow)
        self.masks.written.connect(self.mask_layers.drawn)
        self.mask_layers.files_read.connect(self._filter_by_masks)
        self.probes = ProbeService(state, parent=self)
        self.batches = BatchService(results, worker, parent=self)
        self.reports = ReportService(results, worker, parent=self)
        self.reports.failed.connect(lambda problem: problems.report("report", problem))
        self.reports.finished.connect(lambda path: problems.solved("report"))
        self.figure_layouts = FigureLayouts(self)
        self.figures = FigureService(state, results, pool, worker, problems, self.maps, loader=loader, parent=self)
        self.networks = Networks(state, results, worker, problems, parent=self)
        services = Services(
            self.folders,
            self.pictures,
            self.models,
            self.maps,
            self.second,
            self.map_files,
            self.overlaps,
            self.curves,
            self.what_if,
            self.attention,
            self.features,
            self.run,
            self.figures,
        )
        self.coordinator = Coordinator(state, services, pool, worker, parent=self)
        self.settings.changed.connect(self._apply_limit)
        self.saved = SavedSession(
            state, self.state_file, lambda work: pool.submit(CHORES, Job(lambda cancel: work())), parent=self
        )
        self.file_to_open = ""
        """A file that the window opens after it is shown: a figure that was named on the command line."""
        self.remembers = True
        """Whether what is shown is kept for the next start; false where the window is only made for a screenshot."""
        self._closed = False

    @Slot()
    def _filter_by_masks(self) -> None:
        if self.state.only_masked:
            self.folders.filter_again()

    @Slot(str)
    def _apply_limit(self, setting: str) -> None:
        """Apply a limit that was changed in the settings at once."""
        if setting not in ("map_memory", "picture_memory", "map_disk", "thumbnail_disk"):
            return
        most = self.settings[setting] * _MB
        if setting == "map_memory":
            self.maps.memory.bound(most)
        elif setting == "picture_memory":
            self.pictures.cache.bound(most)
        elif setting == "map_disk":
            self.maps.bound_disk(most)
            self.second.maps.disk_bytes = most
        else:
            self.thumbnails.most_bytes = most
            self.thumbnails.prune()

    def _listed(self) -> list[str]:
        """The pictures of the list, as it is filtered and sorted."""
        return [self.listing.path_at(row) for row in range(self.listing.rowCount())]

    def state_file(self) -> Path:
        return paths.config_folder() / "window.json"

    @property
    def window_layout(self) -> dict[str, Any]:
        """Where the parts of the window were, as it described it when it was saved."""
        return self.saved.layout

    @window_layout.setter
    def window_layout(self, layout: dict[str, Any]) -> None:
        self.saved.layout = layout

    def restore(self) -> list[str]:
        """Restore what was shown last. Returns sentences about what could not be restored."""
        return self.saved.restore(read_json)

    def save_while_working(self) -> None:
        """From now on, changes are kept for the next start every few seconds."""
        self.saved.enabled = self.remembers

    def save(self, layout: dict[str, Any] | None = None) -> None:
        """Keep what is shown for the next start."""
        if self.remembers:
            self.saved.layout = layout or self.saved.layout
            self.saved.save()

    def close(self, timeout: float = 1.6) -> bool:
        """End everything: cancel, stop the threads, wait. False if a thread is in a call that cannot be interrupted."""
        if self._closed:
            return True
        self._closed = True
        self.masks.close()
        self.people.close()
        self.probes.close()
        self.figures.close()
        end = time.monotonic() + timeout
        self.saved.close()
        self.coordinator.close()
        self.derived.close()
        self.over_folder.close()
        self.networks.close()
        # Both are told to stop before either is waited for.
        self.worker.cancel()
        pool = self.background.close(max(0.1, timeout / 2))
        return self.worker.close(max(0.1, end - time.monotonic())) and pool
