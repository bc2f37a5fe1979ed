"""Views of the features of all blocks, while their tab is open, and the layers that are made of them."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot

from vitinspect import paths
from vitinspect.app.compute.addresses import FeaturesAddress
from vitinspect.app.compute.feature_views import FeatureView, feature_view
from vitinspect.app.compute.worker import Worker
from vitinspect.app.services.inputs import current_input
from vitinspect.app.services.one_request import OneRequest
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

if TYPE_CHECKING:
    import numpy as np

CAUSE = "features"
TAB = "features"
MOST_PICTURES = 12
"""How many pictures may share their components: the tokens of all their blocks are in memory meanwhile."""
METHODS = {
    "colours": "feature_component",
    "similarity": "patch_similarity",
    "norms": "token_norm",
    "distance": "attention_distance",
}
"""The view of one block, as a map."""
_FOLLOWS = frozenset(
    {
        *("plots", "plot", "precision", "fit", "image", "pinned", "selected", "layers"),
        *("feature_view", "feature_pictures", "feature_patch", "feature_patch_of", "feature_foreground"),
    }
)


class FeatureService(QObject):
    """Writes ``features``."""

    def __init__(
        self, state: State, results: Results, worker: Worker, problems: Problems, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._state, self._results, self._problems = state, results, problems
        self._asked: FeaturesAddress | None = None
        self._request = OneRequest("features", CAUSE, worker, problems, self)
        self._request.ended.connect(self._ended)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        worker.finished.connect(self._on_finished)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & _FOLLOWS:
            self._follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "card", "model_state"} or ("cuts" in names and self._state.feature_foreground):
            self._follow()

    # --- what is asked for ---------------------------------------------------------------------------------------

    @property
    def patch(self) -> tuple[tuple[int, ...], str]:
        """Row and column of the patch that the others are compared with, and the picture where it is another one."""
        state, card = self._state, self._results.card
        if len(state.feature_patch) == 2 and state.feature_patch_of != state.image:
            return state.feature_patch, state.feature_patch_of
        here = state.feature_patch if len(state.feature_patch) == 2 else state.pinned
        rows, columns = card.grid if card is not None else (0, 0)
        if len(here) == 2 and here[0] < rows and here[1] < columns:
            return here, ""
        return (rows // 2, columns // 2), ""

    @property
    def pictures(self) -> tuple[str, ...]:
        """The other pictures that share the components."""
        kept = self._state.feature_pictures
        return tuple(path for path in kept if path != self._state.image)[:MOST_PICTURES]

    def foreground(self) -> np.ndarray | None:
        """The patches whose middle lies in the selected layer's mask; None where there is no mask."""
        import numpy as np

        layer, card = self._state.selected_layer, self._results.card
        cut = self._results.cuts.get(layer.id) if layer is not None else None
        if cut is None or card is None:
            return None
        from vitinspect.maps import resize

        return resize(np.asarray(cut.mask, np.float32), card.grid) > 0.5

    def _wanted(self) -> tuple[FeaturesAddress, np.ndarray | None] | None:
        state, where = self._state, current_input(self._state, self._results)
        if where is None or not state.plots or state.plot != TAB:
            return None
        view = state.feature_view
        if view == "similarity":
            patch, other = self.patch
            return FeaturesAddress(where, view, patch=patch, patch_of=_stamped(other)), None
        if view != "colours":
            return FeaturesAddress(where, view), None
        mask = self.foreground() if state.feature_foreground else None
        marked = "" if mask is None else hashlib.sha256(mask.tobytes()).hexdigest()[:16]
        return FeaturesAddress(where, view, tuple(map(_stamped, self.pictures)), foreground=marked), mask

    def _follow(self) -> None:
        wanted, shown, picture = self._wanted(), self._results.features, self._results.picture
        if shown is not None and (wanted is None or shown.address.input != wanted[0].input):
            self._results.update(features=None)
        if wanted is None or picture is None:
            self._asked = None
            self._request.cancel()
            return
        address, mask = wanted
        if address == self._asked:
            return
        self._asked = address
        if shown is not None and shown.address == address:
            self._request.cancel()
            return
        self._request.submit(
            partial(
                feature_view,
                address=address,
                pixels=picture.pixels,
                pictures=self.pictures if address.pictures else (),
                patch_of=self.patch[1] if address.patch_of else "",
                foreground=mask,
            ),
            "Reading the features of all blocks",
        )

    def retry(self) -> None:
        self._asked = None
        self._follow()

    @Slot(int, object)
    def _on_finished(self, request_id: int, result: Any) -> None:
        if isinstance(result, FeatureView) and result.address == self._asked:
            self._problems.solved(CAUSE)
            self._results.update(features=result)

    @Slot()
    def _ended(self) -> None:
        shown = self._results.features
        if shown is None or shown.address != self._asked:
            self._asked = None  # stopped: it can be asked for again

    # --- as a layer ----------------------------------------------------------------------------------------------

    def add_layer(self) -> str:
        """Add the enlarged block of the view as a layer; returns its id, or an empty text while there is no view.

        A view that depends on one picture alone is computed for the next ones too, as a method is. One that depends on
        other pictures or on a mask is written to a file and stays with this picture.
        """
        shown, state = self._results.features, self._state
        if shown is None:
            return ""
        block = self.block_of(shown)
        address: FeaturesAddress = shown.address
        if address.pictures or address.patch_of or address.foreground:
            return self._add_file(shown, block)
        last = len(shown.values) - 1
        parameters: dict[str, Any] = {"block": -1 if block == last else block}
        if shown.address.view == "colours":
            parameters["component"] = state.feature_component
        elif shown.address.view == "similarity":
            parameters |= dict(zip(("row", "column"), address.patch, strict=True))
        return state.add_map(METHODS[address.view], parameters)

    def block_of(self, shown: FeatureView) -> int:
        """The block that is enlarged."""
        asked, last = self._state.feature_block, len(shown.values) - 1
        return last if asked < 0 else min(asked, last)

    def _add_file(self, shown: FeatureView, block: int) -> str:
        import io

        import numpy as np

        from vitinspect.files import write_atomic
        from vitinspect.names import stored

        values, state = shown.values[block], self._state
        what = shown.address.view
        if values.ndim == 3:
            values = values[..., state.feature_component - 1]
            what = f"component {state.feature_component}"
        data = io.BytesIO()
        np.save(data, np.ascontiguousarray(values, np.float32))
        mark = hashlib.sha256(data.getvalue()).hexdigest()[:8]
        stem = os.path.splitext(os.path.basename(state.image))[0]
        folder = paths.ensure(paths.data_folder() / "feature-maps")
        path = folder / f"{stored(stem)[:80]} {what} block {block + 1} {mark}.npy"
        write_atomic(path, data.getvalue())
        return state.add_file(str(path), state.image)


def _stamped(path: str) -> str:
    """A path with its modification time."""
    if not path:
        return ""
    try:
        return f"{path}|{os.stat(path).st_mtime_ns}"
    except OSError:
        return path
