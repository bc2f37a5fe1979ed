"""Where names may be broken: they have no spaces, and they are not cut."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

_SOFT = "\u200b"


def soft(text: str) -> str:
    """``text`` with places where a line may end: after underscores, dots, slashes and hyphens."""
    return re.sub(r"(?<=[_./\\-])", _SOFT, text)


def wrapped(text: str, metrics: QFontMetrics, room: int) -> tuple[str, int, int]:
    """The text to draw, Qt's flags for it, and how many lines it takes in ``room``."""
    if not text or metrics.horizontalAdvance(text) <= room:
        return text, int(Qt.TextFlag.TextSingleLine), 1
    breakable = soft(text)
    longest = max(metrics.horizontalAdvance(part) for part in re.split(rf"[\s{_SOFT}]", breakable))
    flags = int(Qt.TextFlag.TextWordWrap if longest <= room else Qt.TextFlag.TextWrapAnywhere)
    box = metrics.boundingRect(0, 0, max(20, room), 10_000, flags, breakable)
    return breakable, flags, max(1, round(box.height() / metrics.lineSpacing()))
