"""Everything behind the window, put together once: state, results, threads, caches. And the one way to end it."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect import paths
from vitinspect.app.compute.thread_pool import Background
from vitinspect.app.compute.worker import Worker
from vitinspect.app.listing import ImageList
from vitinspect.app.multiplex.networks import Networks
from vitinspect.app.services.coordinator import Coordinator
from vitinspect.app.services.derived_maps import Derived
from vitinspect.app.services.extras import Extras
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.settings import Settings
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.errors import DataError
from vitinspect.json_files import read_json

_log = logging.getLogger(__name__)
_MB = 1 << 20


class Desk(QObject):
    """What a window works with."""

    def __init__(self, *, loader: Any = None, use_disk: bool = True, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.settings = Settings(parent=self)
        self.state = State(parent=self)
        self.results = Results(parent=self)
        self.background = Background(2, parent=self)
        self.worker = Worker(parent=self)
        self.listing = ImageList(self.background, parent=self)
        self.thumbnails = Thumbnails(self.background, self.settings["thumbnail_disk"] * _MB, parent=self)
        self.coordinator = Coordinator(
            self.state,
            self.results,
            self.listing,
            self.background,
            self.worker,
            loader=loader,
            map_bytes=self.settings["map_memory"] * _MB,
            picture_bytes=self.settings["picture_memory"] * _MB,
            use_disk=use_disk,
            map_disk_bytes=self.settings["map_disk"] * _MB,
            parent=self,
        )
        self.derived = Derived(self.state, self.results, parent=self)
        self.extras = Extras(self.state, self.results, self.background, self.worker, self.coordinator, parent=self)
        self.networks = Networks(self.state, self.results, self.worker, parent=self)
        self.networks.trouble.connect(self.coordinator.trouble)
        self.settings.changed.connect(self._bound)
        self.window_layout: dict[str, Any] = {}
        self.remembers = True
        """Whether what is shown is kept for the next start; not for a picture of the window."""
        self._closed = False

    @Slot(str)
    def _bound(self, setting: str) -> None:
        """A limit was changed: it counts at once."""
        if setting not in ("map_memory", "picture_memory", "map_disk", "thumbnail_disk"):
            return
        most = self.settings[setting] * _MB
        if setting == "map_memory":
            self.coordinator.memory.bound(most)
        elif setting == "picture_memory":
            self.coordinator.pictures.bound(most)
        elif setting == "map_disk":
            self.coordinator.bound_disk(most)
        else:
            self.thumbnails.most_bytes = most
            self.thumbnails.prune()

    def state_file(self) -> Path:
        return paths.config_folder() / "window.json"

    def restore(self) -> list[str]:
        """Bring back what was shown the last time; sentences about what could not be."""
        try:
            found = read_json(self.state_file())
        except DataError as error:
            return [f"What was shown the last time cannot be brought back. {error}"]
        layout = found.get("layout")
        self.window_layout = layout if isinstance(layout, dict) else {}
        return self.state.take_over(found.get("state", {}))

    def save(self, layout: dict[str, Any] | None = None) -> None:
        """Keep what is shown for the next start."""
        if not self.remembers:
            return
        from vitinspect.files import write_atomic

        document = {"state": json.loads(self.state.to_json()), "layout": layout or self.window_layout}
        try:
            # Names of files may hold bytes that are no text: plain JSON keeps them, as \udce9.
            write_atomic(self.state_file(), json.dumps(document, indent=1).encode())
        except Exception as error:
            _log.warning("What is shown could not be saved: %s", error)

    def close(self, timeout: float = 1.6) -> bool:
        """End everything: cancel, stop the threads, wait. False if a thread sits in what cannot be interrupted."""
        if self._closed:
            return True
        self._closed = True
        end = time.monotonic() + timeout
        self.coordinator.close()
        self.derived.close()
        self.networks.close()
        # Both are told to stop before either is waited for.
        self.worker.cancel()
        pool = self.background.close(max(0.1, timeout / 2))
        return self.worker.close(max(0.1, end - time.monotonic())) and pool
