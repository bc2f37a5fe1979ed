"""Opening a figure: the view that made it is restored; what is missing is named, with a button to find it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QFileDialog

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.thread_pool import LIST, Job
from vitinspect.app.compute.worker import problem_of
from vitinspect.app.session.recipe_view import RecipeView, composition, target_of, view_of
from vitinspect.app.session.results import READY
from vitinspect.app.widgets.messages import ERROR, WARNING, Message
from vitinspect.errors import Cancelled, DataError, ParameterError, TargetError, VitInspectError
from vitinspect.names import restored
from vitinspect.progress import CancelToken
from vitinspect.version import __version__

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

FILTER = "Figures (*.pdf *.svg *.png *.tif *.tiff *.jpg *.jpeg);;All files (*)"
FILE, PICTURE, CHANGED, MODEL, WEIGHTS, PARTS = (
    f"figure: {what}" for what in ("file", "picture", "changed", "model", "weights", "parts")
)
CAUSES = (FILE, PICTURE, CHANGED, MODEL, WEIGHTS, PARTS)


@dataclass
class Opening:
    """A figure that is being opened."""

    path: str
    recipe: dict[str, Any]
    view: RecipeView
    pictures: dict[str, Path] = field(default_factory=dict)
    """Where its pictures are, by their names in the recipe."""
    changed: frozenset[str] = frozenset()
    """Names of those that have other pixels now."""
    maps: dict[str, Path] = field(default_factory=dict)
    """Where its maps from files are."""

    @property
    def name(self) -> str:
        return os.path.basename(self.path)


class FigureOpener(QObject):
    """Reads in the background, then sets the state; what remains to be decided is a message with a button."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.opening: Opening | None = None
        self._taken = False
        """Whether the view of it is shown."""
        self._job: Job | None = None
        window.backend.results.changed.connect(self._results_changed)

    def ask(self) -> None:
        """Choose a figure."""
        path, _ = QFileDialog.getOpenFileName(self._window, "Open figure", "", FILTER)
        if path:
            self.open(path)

    def open(self, path: str) -> None:
        """Open a figure, or say why not; what is shown stays until it is found."""
        path = os.path.abspath(path)
        folders = [Path(os.path.dirname(path))]
        if self._window.backend.state.folder:
            folders.append(Path(self._window.backend.state.folder))
        self._look(path, folders)

    def _look(self, path: str, folders: list[Path]) -> None:
        self._forget()
        if self._job is not None:
            self._job.cancel.cancel()
        self._window.status.say(f"Opening {os.path.basename(path)}")
        self._job = Job(
            lambda cancel: _read(path, folders, cancel), lambda found, error: self._read(path, found, error)
        )
        self._window.backend.background.submit(LIST, self._job)

    def _forget(self) -> None:
        self.opening, self._taken = None, False
        for cause in CAUSES:
            self._window.message.clear(cause)

    def _show_message(self, cause: str, text: str, action: str = "", kind: str = WARNING, details: str = "") -> None:
        self._window.message.show_message(Message(cause, text, kind, action, details))

    def _read(self, path: str, found: Opening | None, error: BaseException | None) -> None:
        self._job = None
        if error is not None:
            if not isinstance(error, Cancelled):
                problem = problem_of(error, "opening the figure")
                kind = WARNING if isinstance(error, VitInspectError) else ERROR
                self._show_message(FILE, problem.message, kind=kind, details="" if kind == WARNING else problem.details)
            return
        assert found is not None
        self.opening = found
        self._next()

    # --- pictures ------------------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Show the view if its picture is there, or ask for what is missing."""
        opening = self.opening
        assert opening is not None
        name = opening.view.images[0]
        if name not in opening.pictures:
            facts = opening.recipe["images"][name]
            was = f" in {os.path.dirname(restored(facts['path']))}" if isinstance(facts.get("path"), str) else ""
            called = "The picture" if opening.recipe.get("anonymous") else f"The picture {os.path.basename(name)}"
            self._show_message(
                PICTURE,
                f"{called} of {opening.name} is not where it was{was}, nor beside the figure, nor in the open folder.",
                "Find picture…",
            )
        elif name in opening.changed:
            self._show_message(
                CHANGED,
                f"{opening.pictures[name]} has other pixels than the picture that {opening.name} was made from.",
                "Open it anyway",
            )
        else:
            self._show()

    def find_picture(self) -> None:
        """Ask where the missing picture is."""
        if self.opening is None:
            return
        start = os.path.dirname(self.opening.path)
        path, _ = QFileDialog.getOpenFileName(self._window, "Find the picture of the figure", start)
        if path:
            self.take_picture(path)

    def take_picture(self, path: str) -> None:
        """This is the missing picture; the others are looked for in its folder."""
        opening = self.opening
        if opening is None:
            return
        name = opening.view.images[0]
        self._window.message.clear(PICTURE)

        def look(cancel: CancelToken) -> Opening:
            from vitinspect.figures.recipes import has_content, locate_maps, locate_pictures

            located = locate_pictures(opening.recipe, Path(path).parent, [Path(path).parent], cancel)
            pictures = {**opening.pictures, **located.pictures, name: Path(path)}
            changed = set(located.changed) - {name}
            if not has_content(Path(path), opening.recipe, name):
                changed.add(name)
            maps = {
                **opening.maps,
                **locate_maps(opening.recipe, Path(path).parent, [Path(path).parent], cancel).pictures,
            }
            return Opening(opening.path, opening.recipe, opening.view, pictures, frozenset(changed), maps)

        self._job = Job(look, lambda found, error: self._read(opening.path, found, error))
        self._window.backend.background.submit(LIST, self._job)

    # --- the view ------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        opening, window = self.opening, self._window
        assert opening is not None
        state, view = window.backend.state, opening.view
        state.set(workspace="inspect")
        files = [str(opening.pictures[name]) for name in view.images if name in opening.pictures]
        if len(files) > 1:
            window.backend.folders.open_files(files)
        else:
            window.backend.folders.open(os.path.dirname(files[0]), files[0])
        state.set(**view.values)
        if view.layers:
            selected = view.selected or next(one.id for one in view.layers if one.visible or one is view.layers[-1])
            masks = tuple(layer for layer in state.layers if layer.found)
            state.edit(f"Open {opening.name}", (*view.layers, *masks), selected=selected)
        self._taken = True
        self._name_missing_pictures(opening, self._compose(opening) if view.composed else "")
        self._choose_model(opening)
        self._window.status.say(f"Opened {opening.path}")

    def _compose(self, opening: Opening) -> str:
        """Restore a composed figure in its workspace. Returns why that is not possible, else an empty text."""
        state = self._window.backend.state
        first = "The first of its pictures and targets is shown."
        try:
            spec, models = composition(opening.recipe, opening.pictures, opening.maps)
        except ParameterError as error:
            return f"{error} {first}"
        away = [model for model in models if model != state.model and not is_here(model)]
        if away:
            return f"Its layout is not restored, since {away[0][:80]} may have to be downloaded. {first}"
        state.set(workspace="figure")  # whose history takes the step
        self._window.backend.figures.edit(f"Open {opening.name}", spec)
        return ""

    def _name_missing_pictures(self, opening: Opening, more: str) -> None:
        missing = [name for name in opening.view.images if name not in opening.pictures]
        sentences = [*opening.view.problems, *([more] if more else [])]
        if missing:
            some = ", ".join(os.path.basename(name) for name in missing[:3])
            sentences.append(f"{len(missing)} more of its pictures were not found: {some}.")
        software = opening.recipe.get("software")
        if software != f"vitinspect {__version__}":
            sentences.append(
                f"It was made with {str(software)[:60]}, and this is vitinspect {__version__}: maps may differ."
            )
        if sentences:
            self._show_message(PARTS, f"{opening.name}: " + " ".join(sentences))

    def _choose_model(self, opening: Opening) -> None:
        """Load the figure's model where that needs no download; else say which it is."""
        state, card, view = self._window.backend.state, self._window.backend.results.card, opening.view
        if not view.fingerprint or (card is not None and card.fingerprint == view.fingerprint):
            self._follow_model()
            return
        if opening.recipe.get("anonymous") and view.model.startswith("model-"):
            self._show_message(
                MODEL,
                f"{opening.name} does not name its model; its weights begin with {view.fingerprint[:12]}. "
                "Load that model, and its class is restored.",
                "Open model file…",
            )
        elif view.model == state.model:
            self._follow_model()
        elif is_here(view.model):
            state.set(model=view.model, target=())
        else:
            self._show_message(
                MODEL,
                f"{opening.name} was made with {view.model[:120]}, which may have to be downloaded.",
                "Load it",
            )

    def load_model(self) -> None:
        """Load the figure's model, which the person has allowed."""
        if self.opening is None:
            return
        self._window.message.clear(MODEL)
        if self.opening.recipe.get("anonymous") and self.opening.view.model.startswith("model-"):
            self._window.actions_["open_checkpoint"].trigger()
        else:
            self._window.backend.state.set(model=self.opening.view.model, target=())

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"card", "model_state"} and self._taken:
            self._follow_model()

    def _follow_model(self) -> None:
        """The model is there: take its class, and say whether its weights are those of the figure."""
        results, opening = self._window.backend.results, self.opening
        card = results.card
        if opening is None or card is None or results.model_state != READY:
            return
        view = opening.view
        if view.fingerprint and card.fingerprint != view.fingerprint:
            if card.source == view.model or ModelSource.parse(view.model).source == card.source:
                self._show_message(
                    WEIGHTS,
                    f"{card.name} has other weights ({card.fingerprint[:12]}) than {opening.name} was made with "
                    f"({view.fingerprint[:12]}): the maps differ.",
                    "Open model file…",
                )
                self._take_target(card)
            return
        for cause in (MODEL, WEIGHTS):
            self._window.message.clear(cause)
        self._take_target(card)
        self._taken = False  # the view is restored, and later changes are the person's own

    def _take_target(self, card: Any) -> None:
        opening = self.opening
        assert opening is not None
        view = opening.view
        try:
            target = view.target or (target_of(view.target_words, card.labels, card.name) if view.target_words else ())
            if any(index >= len(card.labels) for index in target):
                raise TargetError(f"{card.name} has no class {max(target)}, which the figure explains.")
        except TargetError as error:
            self._show_message(PARTS, f"{opening.name}: {error}")
            return
        self._window.backend.state.set(target=target)

    def act(self, cause: str) -> None:
        """The button of a message."""
        if cause == PICTURE:
            self.find_picture()
        elif cause == CHANGED and self.opening is not None:
            self._window.message.clear(CHANGED)
            self._show()
        elif cause == MODEL:
            self.load_model()
        elif cause == WEIGHTS:
            self._window.actions_["open_checkpoint"].trigger()


def is_here(model: str) -> bool:
    """Whether a model can be loaded without a download: the bundled one, or a file or folder of this computer."""
    source = ModelSource.parse(model).source.partition(" with the head ")[0]
    if source.startswith(("\\\\", "//")):
        return False  # a path on another computer, which is not contacted because of a figure
    return source == "demo" or ((os.sep in source or "." in source) and os.path.exists(os.path.expanduser(source)))


def _read(path: str, folders: list[Path], cancel: CancelToken) -> Opening:
    from vitinspect.figures.metadata import find
    from vitinspect.figures.recipes import check_recipe, locate_maps, locate_pictures

    name = os.path.basename(path)
    found = find(Path(path))
    if found is None:
        raise DataError(f"{name} contains no recipe of vitinspect: its view cannot be restored.")
    recipe = check_recipe(found, name)
    view = view_of(recipe)
    if not view.images:
        raise DataError(f"{name}: the recipe names no picture.")
    cancel.check()
    located = locate_pictures(recipe, Path(path).parent, folders, cancel)
    maps = locate_maps(recipe, Path(path).parent, folders, cancel).pictures
    return Opening(path, recipe, view, located.pictures, frozenset(located.changed), maps)
