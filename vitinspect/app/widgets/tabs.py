"""A row of tabs whose places stay when another one is chosen, although the chosen one is bold."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QFont, QFontMetrics
from PySide6.QtWidgets import QTabBar

PADDING = 12
"""At both sides of the words, as in the style sheet."""


class Tabs(QTabBar):
    """Each tab has room for its words in bold."""

    def tabSizeHint(self, index: int) -> QSize:  # noqa: N802
        bold = QFont(self.font())
        bold.setBold(True)
        words = QFontMetrics(bold).horizontalAdvance(self.tabText(index))
        return QSize(words + 2 * PADDING + 1, super().tabSizeHint(index).height())

    def minimumTabSizeHint(self, index: int) -> QSize:  # noqa: N802
        return self.tabSizeHint(index)
