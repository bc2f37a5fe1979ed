"""The list of what can be dragged into a cell."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QMimeData, QSize, Qt
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem

from vitinspect.app.figure.sources import MIME, PICTURE, Source, packed
from vitinspect.app.theme.tokens import ROW_HEIGHT
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.app.widgets import icons, swatches, tips
from vitinspect.app.widgets.layer_rows import Swatch

SOURCE = Qt.ItemDataRole.UserRole


class SourceList(QListWidget):
    """Lines to drag; Enter or a double-click puts one into the selected cell."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Layers and pictures to drag into a cell")
        self.setDragEnabled(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragOnly)
        self.setIconSize(QSize(22, 22))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_sources(self, found: Sequence[Source], thumbnails: Thumbnails) -> None:
        self.clear()
        for one in found:
            item = QListWidgetItem(_icon(one), one.title)
            item.setData(SOURCE, one)
            tip = f"{one.tip or one.title}\nDrag it into a cell; Enter puts it into the selected one"
            item.setToolTip(tips.plain(tip))
            item.setSizeHint(QSize(0, ROW_HEIGHT))
            self.addItem(item)
            if one.kind == PICTURE:
                self._give_thumbnail(item, one, thumbnails)

    def follow_thumbnail(self, path: str, thumbnails: Thumbnails) -> None:
        for row in range(self.count()):
            one = self.item(row).data(SOURCE)
            if one.kind == PICTURE and one.values["image"] == path:
                self._give_thumbnail(self.item(row), one, thumbnails)

    @staticmethod
    def _give_thumbnail(item: QListWidgetItem, one: Source, thumbnails: Thumbnails) -> None:
        found = thumbnails.get(one.values["image"])
        if isinstance(found, QImage):
            item.setIcon(QIcon(QPixmap.fromImage(found)))

    def filter_by(self, text: str) -> None:
        """Only lines with this in their name."""
        wanted = text.casefold().strip()
        for row in range(self.count()):
            self.item(row).setHidden(wanted not in self.item(row).text().casefold())

    def mimeTypes(self) -> list[str]:  # noqa: N802
        return [MIME]

    def mimeData(self, items: Sequence[QListWidgetItem]) -> QMimeData:  # noqa: N802
        data = QMimeData()
        if items:
            data.setData(MIME, packed(items[0].data(SOURCE)))
        return data


def _icon(one: Source) -> QIcon:
    if one.swatch:
        return swatches.icon(Swatch("colormap", one.swatch))
    return icons.icon({"picture": "single"}.get(one.kind, "rectangle"))
