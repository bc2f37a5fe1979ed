"""Tool tips of painted parts. Qt reads text that looks like markup as markup, so what comes from files is escaped."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QToolTip, QWidget


def plain(text: str) -> str:
    """Markup that shows ``text`` as it is written, wrapped where it is long."""
    return "<span>" + escape(text).replace("\n", "<br>") + "</span>" if text else ""


def show(place: QPoint, text: str, widget: QWidget, rect: QRect) -> None:
    """Show ``text`` as plain text until the mouse leaves ``rect``."""
    QToolTip.showText(place, plain(text), widget, rect)
