"""Where the bundled files are: the model, the gallery, the icons.

They are in ``resources/`` at the top of a checkout and inside the package in a wheel, so both places are
searched; the checkout comes first, because its files may be newer than an installed copy.
"""

from __future__ import annotations

from pathlib import Path

from vitinspect.errors import DataError

_PACKAGE = Path(__file__).resolve().parent
_CANDIDATES = (_PACKAGE.parent / "resources", _PACKAGE / "resources_data")


def resources_folder() -> Path:
    """The folder that holds the bundled files."""
    for folder in _CANDIDATES:
        if (folder / "models").is_dir() or (folder / "gallery").is_dir():
            return folder
    raise DataError(
        "The files that belong to vitinspect were not found (looked in "
        + " and ".join(str(folder) for folder in _CANDIDATES)
        + "). Install it again, or run it from a complete checkout."
    )


def demo_model_folder() -> Path:
    """The bundled model: ``model.safetensors`` and ``config.json``."""
    return resources_folder() / "models" / "demo"


def gallery_folder() -> Path:
    """The bundled gallery: ``images/``, ``masks/``, ``labels.csv``."""
    return resources_folder() / "gallery"


def fonts_folder() -> Path:
    """The typefaces that figures are set in: DejaVu Sans, so that a figure is the same on every machine."""
    return resources_folder() / "fonts"
