"""Maps of large pictures in tiles: requested one by one, and added as layers when they are computed."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, Slot

from vitinspect import paths
from vitinspect.app.compute.tiled_map import tiled_map
from vitinspect.app.compute.worker import Problem, Worker
from vitinspect.app.services.inputs import current_input
from vitinspect.app.session.layers import MAP, Layer
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import ParameterError

CAUSE = "tiles"
SCALES = ((1.0, "full size"), (0.5, "half the size"), (0.25, "a quarter of the size"))


class TiledMaps(QObject):
    """Adds file layers, whose maps the service of files reads."""

    def __init__(
        self, state: State, results: Results, worker: Worker, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._worker, self._problems = state, results, worker, problems
        self._request = 0
        self._image = ""
        worker.finished.connect(self._on_finished)
        worker.failed.connect(self._on_failed)

    @property
    def layer(self) -> Layer | None:
        """The selected layer, if its method can be asked about tiles."""
        layer = self._state.selected_layer
        return layer if layer is not None and layer.kind == MAP else None

    def choices(self) -> list[tuple[float, str]]:
        """Scales at which this picture takes more than one tile, each with how many it takes."""
        from vitinspect.explainers.tile_layout import OVERLAP, tiling

        picture, card = self._results.picture, self._results.card
        if picture is None or card is None or self.layer is None:
            return []
        size = (int(picture.pixels.shape[0]), int(picture.pixels.shape[1]))
        found: list[tuple[float, str]] = []
        known = set()
        for scale, words in SCALES:
            try:
                lay = tiling(size, card.input_size, card.patch_size, scale, OVERLAP)
            except ParameterError:
                continue
            # A smaller picture than a tile is enlarged, so that two scales may come to the same.
            if len(lay) > 1 and lay.grid not in known:
                known.add(lay.grid)
                found.append((scale, f"At {words}: {len(lay)} tiles, {lay.grid[0]} × {lay.grid[1]} patches"))
        return found

    def start(self, scale: float) -> None:
        """Compute the map of the selected layer's method, for the target in force."""
        where, layer, results = current_input(self._state, self._results), self.layer, self._results
        if where is None or layer is None or results.picture is None:
            return
        method = layer.as_method()
        target = results.target if method.info.class_specific else ()
        self._image = results.picture.path
        work = partial(
            tiled_map,
            address=where.of(method.key, target),
            pixels=results.picture.pixels,
            image=self._image,
            folder=str(paths.ensure(paths.data_folder() / "tiled-maps")),
            scale=scale,
        )
        self._request = self._worker.submit("tiles", work, f"{method.info.title} in tiles")

    @Slot(int, object)
    def _on_finished(self, request_id: int, path: Any) -> None:
        if request_id == self._request and isinstance(path, str):
            self._problems.solved(CAUSE)
            self._state.add_file(path, self._image)

    @Slot(int, object)
    def _on_failed(self, request_id: int, problem: Problem) -> None:
        if request_id == self._request:
            self._problems.report(CAUSE, problem)
