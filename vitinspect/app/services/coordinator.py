"""What concerns all services at once: start, cancel, retry, clear the caches."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject

from vitinspect.app.compute import map_cache
from vitinspect.app.compute.thread_pool import CHORES, Background, Job
from vitinspect.app.compute.worker import Worker
from vitinspect.app.pictures import PictureCache
from vitinspect.app.services.attention import AttentionService
from vitinspect.app.services.curves import CurveService
from vitinspect.app.services.evaluation_run import EvaluationRunService
from vitinspect.app.services.features import FeatureService
from vitinspect.app.services.figures import FigureService
from vitinspect.app.services.folders import FolderService
from vitinspect.app.services.map_files import MapFileService
from vitinspect.app.services.maps import MapService
from vitinspect.app.services.models import ModelService
from vitinspect.app.services.overlaps import OverlapService
from vitinspect.app.services.pictures import PictureService
from vitinspect.app.services.second_slot import SecondSlot
from vitinspect.app.services.what_if import WhatIfService
from vitinspect.app.session.state import State
from vitinspect.app.thumbnails import folder as thumbnail_folder
from vitinspect.app.thumbnails import prune


@dataclass(frozen=True)
class Services:
    """One for each kind of thing that is computed."""

    folders: FolderService
    pictures: PictureService
    models: ModelService
    maps: MapService
    second: SecondSlot
    map_files: MapFileService
    overlaps: OverlapService
    curves: CurveService
    what_if: WhatIfService
    attention: AttentionService
    features: FeatureService
    run: EvaluationRunService
    figures: FigureService


class Coordinator(QObject):
    """Calls all services."""

    def __init__(
        self, state: State, services: Services, pool: Background, worker: Worker, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.state, self.services, self.pool, self.worker = state, services, pool, worker

    def start(self) -> None:
        """Begin: read the folder, decode the picture, load the model. After the first paint."""
        services = self.services
        for service in (
            services.run,
            services.folders,
            services.pictures,
            services.models,
            services.maps,
            services.second,
        ):
            service.start()
        self.pool.submit(CHORES, Job(_load_arithmetic))

    def close(self) -> None:
        self.services.maps.close()
        self.services.second.close()
        self.services.folders.close()

    @property
    def is_due(self) -> bool:
        """Whether a service has work to do as soon as the window is idle."""
        return self.services.maps.is_due or self.services.second.maps.is_due or self.services.figures.is_due

    @property
    def pictures(self) -> PictureCache:
        """The decoded pictures."""
        return self.services.pictures.cache

    @property
    def memory(self) -> map_cache.MemoryCache:
        """Predictions and maps."""
        return self.services.maps.memory

    @property
    def use_disk(self) -> bool:
        """Whether maps are kept on disk."""
        return self.services.maps.uses_disk

    # --- the person asks -----------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Stop what is computed. Loading goes on: without a model there is nothing to show."""
        self.services.curves.cancel()
        self.services.maps.cancel()
        self.services.second.maps.cancel()
        self.services.figures.cancel()
        kinds = (
            "attention",
            "features",
            "probe",
            "network",
            "aggregate",
            "tiles",
            "folder",
            "training",
            "batch",
            "report",
        )
        for kind in kinds:
            self.worker.cancel(kind)

    def retry(self) -> None:
        """Do again what failed or was cancelled."""
        services = self.services
        services.models.retry()
        if services.pictures.failed:
            services.pictures.reload()
        services.maps.retry()
        services.second.models.retry()
        services.second.maps.retry()
        services.map_files.reload()
        services.attention.retry()
        services.features.retry()
        services.what_if.retry()
        services.figures.retry()

    def reload_picture(self) -> None:
        """The files may have changed on disk."""
        self.services.pictures.reload()
        self.services.map_files.reload()
        self.services.overlaps.reload()

    def clear_caches(self) -> None:
        """In memory and on disk."""
        self.services.maps.clear()
        self.services.second.maps.clear()
        self.services.pictures.cache.clear()

        def work(cancel: Any) -> None:
            prune(thumbnail_folder(), 0, cancel)
            prune(map_cache.folder(), 0, cancel)

        self.pool.submit(CHORES, Job(work))


def _load_arithmetic(cancel: Any) -> None:
    """Import what the panels compute with, so that no slider waits for an import."""
    for name in ("vitinspect.thresholds", "vitinspect.fusion", "vitinspect.scores.pairs", "vitinspect.files"):
        cancel.check()
        importlib.import_module(name)
