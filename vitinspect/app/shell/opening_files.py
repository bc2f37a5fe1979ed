"""Files and folders that are dropped on the window, or named when it is started."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect.app.compute.worker import Problem
from vitinspect.app.session.session_file import ENDING
from vitinspect.app.shell import opening_maps

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def open_paths(window: MainWindow, paths: list[str]) -> None:
    """A folder is shown; a session or a figure restores its view; a map becomes a layer; a picture is shown in its
    folder; several pictures are shown alone."""
    from vitinspect.figures.metadata import is_figure
    from vitinspect.images import is_image_name
    from vitinspect.map_files import is_map_name

    folders = window.backend.folders
    for path in paths:
        if os.path.isdir(path):
            folders.open(path)
            return
    if len(paths) == 1 and paths[0].casefold().endswith(ENDING):
        window.sessions.open(paths[0])
        return
    if len(paths) == 1 and is_figure(Path(paths[0])):
        window.figures.open(paths[0])
        return
    maps = [p for p in paths if is_map_name(p, window.backend.state.image)]
    opening_maps.open_maps(window, maps)
    if maps and len(maps) == len(paths):
        return
    pictures = [p for p in paths if p not in maps and is_image_name(os.path.basename(p))]
    if len(pictures) > 1:
        folders.open_files(pictures)
    elif pictures:
        folders.open(os.path.dirname(pictures[0]), os.path.abspath(pictures[0]))
    elif paths:
        window.message.show_problem(Problem(f"{paths[0]} is not a folder, picture or map.", "", True))
