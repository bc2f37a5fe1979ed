"""``vi.view``: open the window on objects of a script or a notebook. Qt is loaded when it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.app.live import View


def view(
    model: Any = "demo",
    images: Any = None,
    maps: Mapping[str, Any] | None = None,
    masks: Any = None,
    *,
    methods: Sequence[str] | str | None = None,
    target: Any = None,
    labels: Sequence[str] | None = None,
    folder: Any = None,
    block: bool | None = None,
) -> View:
    """Open the window on a model, pictures, maps and masks that are in memory.

    ``model``: what ``load_model`` or ``wrap_model`` returns, your own module of timm, or a source such as "demo".
    ``images``: paths, PIL pictures, HxWx3 uint8 arrays or preprocessed tensors, one or several; or a folder. Without
    any, the bundled gallery.
    ``maps``: name -> a map, or a list of one for each picture: arrays over the patches, the model's input or the
    picture, or what ``explain`` made. Each name is a layer. An explanation may be given as it is.
    ``masks``: annotator -> a mask (HxW on the picture), or a list of one for each picture; or masks without a name.
    ``methods``: the layers to begin with; "rollout" where no map is given.
    ``target``: a class (index or label) to explain; None for the predicted one.
    ``labels``: the names of the classes, for a module of timm.
    ``folder``: where pictures from memory and masks that are drawn in the window are kept. Without it they lie in a
    temporary folder, which is deleted with the window unless a mask was drawn; then its place is printed.
    ``block``: wait until the window is closed; by default so in a script, and not in IPython, in Jupyter, or where
    a Qt event loop is already running.

    Returns the open (or closed) window's handle: ``is_open``, ``close()``.
    """
    from vitinspect import system
    from vitinspect.errors import VitInspectError

    problem = system.display_problem()
    if problem is not None:
        raise VitInspectError(f"{problem} Without a window, show() and save() of a map work.")
    from vitinspect.app.live import open_view

    return open_view(
        model, images, maps, masks, methods=methods, target=target, labels=labels, folder=folder, block=block
    )
