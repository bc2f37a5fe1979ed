"""Import of masks from files of other tools and export to them, from the top row of the Masks workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFileDialog, QMenu

from vitinspect.app.compute.thread_pool import CHORES, Job
from vitinspect.app.compute.worker import Problem
from vitinspect.app.services.open_masks import data_of, data_to_write
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.annotation.exchange import Outcome
    from vitinspect.app.shell.window import MainWindow

EXPORTS = (
    ("png", "PNG, black and white"),
    ("labelme", "labelme, a file for each picture"),
    ("coco", "COCO, run lengths"),
    ("cvat", "CVAT for images"),
    ("npy", "NumPy arrays"),
)
CAUSE = "masks of other tools"


def exchange_menu(window: MainWindow) -> QMenu:
    """What can be done depends on the picture, so it is decided when the menu opens."""
    menu = QMenu(window)
    bring = menu.addAction("Import a mask file…")
    bring.setToolTip("labelme, COCO, CVAT, PNG, NumPy")
    bring.triggered.connect(lambda: _import(window, folder=False))
    menu.addAction("Import a folder of masks…").triggered.connect(lambda: _import(window, folder=True))
    menu.addSeparator()
    for kind, title in EXPORTS:
        action = menu.addAction(f"Export as {title}…")
        action.triggered.connect(lambda _=False, kind=kind: _export(window, kind))

    def follow() -> None:
        for action in menu.actions():
            action.setEnabled(bool(window.backend.state.image))

    menu.aboutToShow.connect(follow)
    return menu


def _import(window: MainWindow, *, folder: bool) -> None:
    start = str(Path(window.backend.state.image).parent)
    if folder:
        path = QFileDialog.getExistingDirectory(window, "A folder of masks", start)
    else:
        path, _ = QFileDialog.getOpenFileName(
            window, "A mask file", start, "Masks (*.json *.xml *.png *.npy *.tif *.tiff *.bmp *.gif *.webp *.jpg)"
        )
    if path:
        import_from(window, Path(path))


def import_from(window: MainWindow, source: Path) -> None:
    """The masks of a file or folder become those of their annotators, or of the current one where none is named."""
    from vitinspect.annotation.exchange import import_masks

    masks = window.backend.masks
    image = Path(window.backend.state.image)
    annotator = None if source.is_dir() else masks.annotator or None

    def work(cancel: Any) -> Outcome:
        return import_masks(source, data_to_write(image), annotator=annotator)

    _run(window, work, "imported", masks.forget_read)


def _export(window: MainWindow, kind: str) -> None:
    start = str(data_of(Path(window.backend.state.image)).parent)
    out = QFileDialog.getExistingDirectory(window, "Export masks to", start)
    if out:
        export_to(window, Path(out), kind)


def export_to(window: MainWindow, out: Path, kind: str) -> None:
    """All masks of the folder of pictures, in the format of another tool."""
    from vitinspect.annotation.exchange import export_masks

    window.backend.masks.write_all()
    data = data_of(Path(window.backend.state.image))
    _run(window, lambda cancel: export_masks(data, out, kind), "exported", lambda: None)


def _run(window: MainWindow, work: Any, word: str, after: Any) -> None:
    problems = window.backend.problems

    def done(outcome: Any, error: BaseException | None) -> None:
        found = [str(error)] if error is not None else outcome.problems
        if found:
            more = f" And {len(found) - 1} more like it." if len(found) > 1 else ""
            problems.report(CAUSE, Problem(shown(found[0]) + more, "\n".join(map(shown, found)), True))
        else:
            problems.solved(CAUSE)
        if error is None:
            count = len(outcome.written)
            window.status.say(f"{count} {'mask file' if count == 1 else 'mask files'} {word}")
            after()

    window.backend.background.submit(CHORES, Job(work, done))
