"""Tool tips of painted parts. Qt reads text that looks like markup as markup, so what comes from files is escaped."""

from __future__ import annotations

from base64 import b64encode
from html import escape

from PySide6.QtCore import QPoint, QRect
from PySide6.QtWidgets import QToolTip, QWidget


def plain(text: str) -> str:
    """Markup that shows ``text`` as it is written, wrapped where it is long."""
    return "<span>" + escape(text).replace("\n", "<br>") + "</span>" if text else ""


def below_picture(png: bytes, text: str) -> str:
    """Markup that shows ``text`` as it is written below a picture."""
    return f'<img src="data:image/png;base64,{b64encode(png).decode()}"><br>{plain(text)}'


def show_markup(place: QPoint, markup: str, widget: QWidget, rect: QRect) -> None:
    """Show what ``plain`` or ``below_picture`` made until the mouse leaves ``rect``."""
    QToolTip.showText(place, markup, widget, rect)  # its texts have been through plain()


def show(place: QPoint, text: str, widget: QWidget, rect: QRect) -> None:
    """Show ``text`` as plain text until the mouse leaves ``rect``."""
    QToolTip.showText(place, plain(text), widget, rect)
