"""The list of what can be dragged into a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import QMimeData, QRect, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QIcon, QImage, QPainter, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from vitinspect.app import theme
from vitinspect.app.figure.sources import MIME, PICTURE, Group, Source, packed
from vitinspect.app.theme import tokens
from vitinspect.app.theme.tokens import ROW_HEIGHT
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.app.widgets import icons, swatches, tips
from vitinspect.app.widgets.layer_rows import Swatch

SOURCE = Qt.ItemDataRole.UserRole
SIDE = 22


class SourceList(QListWidget):
    """Lines to drag; Enter or a double-click puts one into the selected cell."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Layers and pictures to drag into a cell")
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setIconSize(QSize(SIDE, SIDE))
        self.setViewportMargins(4, 0, 0, 0)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_sources(self, groups: Sequence[Group], thumbnails: Thumbnails) -> None:
        self.clear()
        for group in groups:
            self._add_heading(group.title)
            for one in group.sources:
                item = QListWidgetItem(_icon(one), one.title)
                item.setData(SOURCE, one)
                tip = f"{one.tip or one.title}\nDrag it into a cell; Enter puts it into the selected one"
                item.setToolTip(tips.plain(tip))
                item.setSizeHint(QSize(0, ROW_HEIGHT))
                self.addItem(item)
                if one.kind == PICTURE:
                    self._give_thumbnail(item, one, thumbnails)

    def _add_heading(self, title: str) -> None:
        """A line that can be neither chosen nor dragged."""
        item = QListWidgetItem(title)
        item.setFlags(Qt.ItemFlag.NoItemFlags)
        item.setFont(theme.font(tokens.SMALL_SIZE, bold=True))
        item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        item.setSizeHint(QSize(0, ROW_HEIGHT))
        self.addItem(item)

    def _sources(self) -> Iterator[tuple[QListWidgetItem, Source | None]]:
        for row in range(self.count()):
            item = self.item(row)
            yield item, item.data(SOURCE)

    def follow_thumbnail(self, path: str, thumbnails: Thumbnails) -> None:
        for item, one in self._sources():
            if one is not None and one.kind == PICTURE and one.values["image"] == path:
                self._give_thumbnail(item, one, thumbnails)

    @staticmethod
    def _give_thumbnail(item: QListWidgetItem, one: Source, thumbnails: Thumbnails) -> None:
        found = thumbnails.get(one.values["image"])
        if isinstance(found, QImage):
            item.setIcon(_square(found))

    def filter_by(self, text: str) -> None:
        """Only lines with this in their name, and the headings above them."""
        wanted = text.casefold().strip()
        heading: QListWidgetItem | None = None
        for item, one in self._sources():
            if one is None:
                heading = item
                item.setHidden(True)
                continue
            found = wanted in one.title.casefold()
            item.setHidden(not found)
            if found and heading is not None:
                heading.setHidden(False)

    def mimeTypes(self) -> list[str]:  # noqa: N802
        return [MIME]

    def mimeData(self, items: Sequence[QListWidgetItem]) -> QMimeData:  # noqa: N802
        data = QMimeData()
        if items:
            data.setData(MIME, packed(items[0].data(SOURCE)))
        return data


def _icon(one: Source) -> QIcon:
    if one.swatch:
        return _square(Swatch("colormap", one.swatch))
    return icons.icon(one.icon)


def _square(shown: Swatch | QImage) -> QIcon:
    """In the middle of a square, so that the words beside all icons begin at one place."""
    made = QPixmap(SIDE * 2, SIDE * 2)
    made.setDevicePixelRatio(2)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    if isinstance(shown, Swatch):
        swatches.paint(painter, QRect((SIDE - 20) // 2, (SIDE - 12) // 2, 20, 12), shown)
    else:
        size = QSizeF(shown.size()).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (SIDE - size.width()) / 2, (SIDE - size.height()) / 2
        painter.drawImage(QRectF(left, top, size.width(), size.height()), shown)
    painter.end()
    return QIcon(made)
