"""Icons: SVG files on a grid of 24, drawn in the colours of the theme at the size and pixel ratio that is asked for."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from vitinspect.app import theme
from vitinspect.resources import resources_folder

SIZES = (16, 18, 24)


def icons_folder() -> Path:
    return resources_folder() / "icons"


def icon_names() -> tuple[str, ...]:
    """All icons that there are, without the window's own."""
    return tuple(sorted(p.stem for p in icons_folder().glob("*.svg") if p.stem != "vitinspect"))


@lru_cache(maxsize=256)
def _drawing(name: str) -> str:
    return (icons_folder() / f"{name}.svg").read_text("utf-8")


@lru_cache(maxsize=1024)
def pixmap(name: str, colour: str, size: int = 16, ratio: float = 1.0) -> QPixmap:
    """An icon in one colour. ``size`` counts the screen's logical pixels, ``ratio`` the real ones in one of them."""
    text = re.sub(r"currentColor", colour, _drawing(name))
    real = max(1, round(size * ratio))
    image = QImage(QSize(real, real), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    QSvgRenderer(QByteArray(text.encode())).render(painter, QRectF(0, 0, real, real))
    painter.end()
    made = QPixmap.fromImage(image)
    made.setDevicePixelRatio(ratio)
    return made


class _Engine(QIconEngine):
    """Draws with the theme of the moment, so that an icon need not be made again when the theme changes."""

    def __init__(self, name: str, token: str, chosen: str) -> None:
        super().__init__()
        self._name, self._token, self._chosen = name, token, chosen

    def _colour(self, mode: QIcon.Mode, state: QIcon.State) -> str:
        t = theme.current()
        if mode == QIcon.Mode.Disabled:
            return t.border
        if state == QIcon.State.On or mode == QIcon.Mode.Selected:
            return str(getattr(t, self._chosen))
        if mode == QIcon.Mode.Active and self._token == "quiet":
            return t.text
        return str(getattr(t, self._token))

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        side = min(rect.width(), rect.height())
        ratio = painter.device().devicePixelRatioF() if painter.device() is not None else 1.0
        spot = QRect(QPoint(0, 0), QSize(side, side))
        spot.moveCenter(rect.center())
        painter.drawPixmap(spot.topLeft(), pixmap(self._name, self._colour(mode, state), side, ratio))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:  # noqa: N802
        # Qt gives the size in real pixels here.
        side = max(1, min(size.width(), size.height()))
        made = QPixmap(pixmap(self._name, self._colour(mode, state), side))
        made.setDevicePixelRatio(scale)
        return made

    def clone(self) -> QIconEngine:
        return _Engine(self._name, self._token, self._chosen)


_kept: dict[tuple[str, str, str], QIcon] = {}


def icon(name: str, token: str = "quiet", chosen: str = "on_chosen") -> QIcon:
    """An icon that follows the theme: ``token`` is its colour at rest, ``chosen`` the one while it is checked."""
    key = (name, token, chosen)
    if key not in _kept:
        _drawing(name)  # a name that does not exist fails here and not at the first painting
        _kept[key] = QIcon(_Engine(name, token, chosen))
    return _kept[key]


def paint(painter: QPainter, name: str, colour: str, centre: QPoint, size: int = 16) -> None:
    """Draw an icon around a point."""
    ratio = painter.device().devicePixelRatioF()
    painter.drawPixmap(QPoint(centre.x() - size // 2, centre.y() - size // 2), pixmap(name, colour, size, ratio))


def window_icon() -> QIcon:
    """The icon of the window and of the desktop entry, at the usual sizes."""
    made = QIcon()
    renderer = QSvgRenderer(QByteArray(_drawing("vitinspect").encode()))
    for side in (16, 24, 32, 48, 64, 128, 256):
        image = QImage(QSize(side, side), QImage.Format.Format_ARGB32_Premultiplied)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        renderer.render(painter, QRectF(0, 0, side, side))
        painter.end()
        made.addPixmap(QPixmap.fromImage(image))
    return made
