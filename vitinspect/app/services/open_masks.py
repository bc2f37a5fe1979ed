"""A mask that is drawn on, with its picture, its file and its journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vitinspect.app.services import own_gallery

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.annotation.document import MaskDocument
    from vitinspect.annotation.journal import Journal
    from vitinspect.annotation.store import AnnotatorFolder


@dataclass
class OpenMask:
    """A document with its picture, its file and its journal."""

    image: Path
    folder: AnnotatorFolder
    document: MaskDocument
    journal: Journal
    known: str
    """The digest of its file when it was read or written last; empty where there is none."""
    written: int = 0
    """The document's count of changes that is in the file."""
    written_at: float = 0.0
    writing: bool = False
    others: dict[str, np.ndarray] = field(default_factory=dict)
    """Masks of other annotators, as they were read."""

    @property
    def dirty(self) -> bool:
        return self.document.changes != self.written


def data_of(image: Path) -> Path:
    """The folder that has ``masks/`` for a picture: the one above ``images/``, else the picture's own. For a bundled
    picture it is the person's own copy of the gallery, if there is one."""
    return own_gallery.masks_beside(_beside(image))


def data_to_write(image: Path) -> Path:
    """The folder whose ``masks/`` is written to; of the bundled gallery, which stays as it is, a copy is made. A
    ``DataError`` where that is not possible."""
    return own_gallery.to_write(_beside(image))


def _beside(image: Path) -> Path:
    for parent in image.parents:
        if parent.name == "images":
            return parent.parent
    return image.parent


def copied(document: MaskDocument) -> MaskDocument:
    """A copy that another thread may write while the document is drawn on."""
    from vitinspect.annotation.document import MaskDocument

    return MaskDocument(document.size, document.labels, document.values.copy(), document.status, document.origin)
