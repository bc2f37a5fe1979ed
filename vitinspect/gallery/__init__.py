"""The bundled world: seeded scenes with exact masks, and the small model that is trained on them.

Painting needs numpy and pillow only. Code that needs torch is in separate modules: `model`, `train`, `accuracy`.
"""

from __future__ import annotations

from .annotators import ANNOTATORS
from .scene import BADGE_CLASS, BADGE_SHARE, TWIN_CLASS, Scene, SceneObject, make_scene, scenes
from .shapes import CLASSES
from .writer import write_gallery

__all__ = [
    "ANNOTATORS",
    "BADGE_CLASS",
    "BADGE_SHARE",
    "CLASSES",
    "TWIN_CLASS",
    "Scene",
    "SceneObject",
    "make_scene",
    "scenes",
    "write_gallery",
]
