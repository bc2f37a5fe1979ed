"""What the canvas shows while there is no picture, or no layer over it: a sentence and two buttons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtWidgets import QWidget

from vitinspect.app.listing import ImageList
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.empty_state import EmptyState

NO_FOLDER, NO_PICTURES, NOT_CHOSEN, UNREADABLE, NO_LAYER = (
    "no folder",
    "no pictures",
    "none chosen",
    "unreadable",
    "no map",
)
LAYER_WIDTH, LAYER_HEIGHT, EDGE = 300, 92, 16


class EmptyCanvas(EmptyState):
    """Shown over the canvas. ``calls`` are what its buttons do: folder, gallery, subfolders, first,
    next, add, quick."""

    def __init__(
        self,
        canvas: QWidget,
        state: State,
        results: Results,
        listing: ImageList,
        calls: Mapping[str, Callable[[], object]],
        examples: Sequence[tuple[str, Callable[[], object]]] = (),
    ) -> None:
        super().__init__(parent=canvas)
        self._canvas, self._state, self._results, self._calls = canvas, state, results, calls
        self._listing, self._examples = listing, tuple(examples)
        self.kind = ""
        """Which case is shown; empty for none."""
        self._shown_case: tuple[str, ...] = ()
        canvas.installEventFilter(self)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        listing.listed.connect(lambda complete: self.follow())
        self.follow()

    def _found(self) -> str:
        state, results = self._state, self._results
        if results.picture is not None:
            return "" if any(layer.is_map for layer in state.layers) or state.show == "image" else NO_LAYER
        if results.picture_error:
            return UNREADABLE
        if state.image:
            return ""  # it is being read
        if not state.folder and not state.files:
            return NO_FOLDER
        if results.folder_size:
            return NOT_CHOSEN
        return NO_PICTURES if self._listing.complete and self._listing.folder == state.folder else ""

    def follow(self) -> None:
        kind, error = self._found(), self._results.picture_error
        case = (kind, error if kind == UNREADABLE else "", str(self._state.recursive))
        if case != self._shown_case:
            self._shown_case, self.kind = case, kind
            self._say(kind, error)
            self._place()
        self.setVisible(bool(kind))

    def _say(self, kind: str, error: str) -> None:
        calls = self._calls
        folder, gallery = ("Open folder", calls["folder"]), ("Gallery", calls["gallery"])
        if kind == NO_FOLDER:
            self.say(
                "Drop a folder, a picture or a figure here", "or choose one of these", folder, gallery, icon="open"
            )
            self.say_more("Short examples on the bundled pictures:", *self._examples)
        elif kind == NO_PICTURES:
            other = gallery if self._state.recursive else ("Include subfolders", calls["subfolders"])
            self.say("There are no pictures in this folder", "", folder, other, icon="open")
        elif kind == NOT_CHOSEN:
            self.say("No picture is chosen", "", ("First picture", calls["first"]), folder)
        elif kind == UNREADABLE:
            self.say("This picture cannot be shown", error, ("Next picture", calls["next"]), folder)
        elif kind == NO_LAYER:
            self.say(
                "No map is shown over this picture", "", ("Add layers", calls["add"]), ("Quick look", calls["quick"])
            )

    def _place(self) -> None:
        """Over the whole canvas; where there is a picture, over its lower edge alone."""
        width, height = self._canvas.width(), self._canvas.height()
        if self.kind == NO_LAYER:
            box_width = min(LAYER_WIDTH, width - 2 * EDGE)
            self.setGeometry((width - box_width) // 2, height - LAYER_HEIGHT - EDGE, box_width, LAYER_HEIGHT)
        else:
            self.setGeometry(0, 0, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Resize:
            self._place()
        return False

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"folder", "files", "image", "layers", "show", "recursive"}:
            self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"picture", "picture_error", "folder_size"}:
            self.follow()
