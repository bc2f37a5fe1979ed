"""The pictures in one row below the view, where there is no room for their list."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.listing import ImageList
from vitinspect.app.session.state import State
from vitinspect.app.thumbnails import Thumbnails
from vitinspect.app.widgets.rows import icon_button, words

HEIGHT = 72
THUMB = 56
STEP = THUMB + 4


class Strip(QWidget):
    """Knows its geometry by arithmetic: a hundred thousand pictures cost what the visible ones do."""

    chosen = Signal(str)
    moved = Signal()

    def __init__(self, listing: ImageList, thumbnails: Thumbnails) -> None:
        super().__init__()
        self._listing, self._thumbnails = listing, thumbnails
        self.current = -1
        self.first = 0
        """The row at the left edge."""
        self._wheel = 0
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(HEIGHT - 8)
        self.setAccessibleName("Pictures in the folder")
        # Many thumbnails arriving at once are one repaint.
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(30)
        self._soon.timeout.connect(self.update)
        thumbnails.arrived.connect(lambda path: None if self._soon.isActive() else self._soon.start())

    @property
    def count(self) -> int:
        """How many fit."""
        return max(1, self.width() // STEP)

    def show_row(self, row: int) -> None:
        """Mark a picture, and bring it into sight with its neighbours."""
        self.current = row
        if row >= 0 and not self.first < row < self.first + self.count - 1:
            self.scroll_to(row - self.count // 2)
        self.update()

    def scroll_to(self, first: int) -> None:
        most = max(0, self._listing.rowCount() - self.count)
        self.first = min(max(0, first), most)
        self.moved.emit()
        self.update()

    def cell(self, row: int) -> QRect:
        return QRect((row - self.first) * STEP + 2, 4, THUMB, THUMB)

    def row_at(self, x: float) -> int:
        row = self.first + int(x // STEP)
        return row if 0 <= row < self._listing.rowCount() else -1

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for row in range(self.first, min(self.first + self.count, self._listing.rowCount())):
            cell = self.cell(row)
            image = self._thumbnails.get(self._listing.path_at(row))
            if isinstance(image, QImage):
                side = min(image.width(), image.height())
                middle = QRect((image.width() - side) // 2, (image.height() - side) // 2, side, side)
                painter.drawImage(cell, image, middle)
            else:
                painter.fillRect(cell, QColor(t.hover))
            if row == self.current:
                painter.setPen(QPen(QColor(t.accent), 2))
                painter.drawRect(cell.adjusted(-1, -1, 1, 1))

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        row = self.row_at(event.position().x())
        if row >= 0:
            self.chosen.emit(self._listing.path_at(row))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.setToolTip(self._listing.path_at(self.row_at(event.position().x())))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        delta = event.angleDelta()
        self._wheel += delta.y() or delta.x()
        steps = int(self._wheel / 40)
        if steps:
            self._wheel -= 40 * steps
            self.scroll_to(self.first - steps)
        event.accept()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.show_row(self.current)


class FilmStrip(QFrame):
    """Where the folder is, the pictures, and arrows."""

    chosen = Signal(str)
    wants_list = Signal()

    def __init__(self, state: State, listing: ImageList, thumbnails: Thumbnails) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self.setFixedHeight(HEIGHT)
        self._state, self._listing = state, listing
        self.strip = Strip(listing, thumbnails)
        self.folder: QLabel = words("", "quiet")
        self.count: QLabel = words("", "note")
        back = icon_button("chevron-left", "Earlier pictures", lambda: self._page(-1))
        on = icon_button("chevron-right", "Later pictures", lambda: self._page(1))
        as_list = icon_button("chevron-up", "Show the pictures as a list", self.wants_list.emit)
        about = QVBoxLayout()
        about.setContentsMargins(0, 8, 0, 8)
        about.setSpacing(2)
        about.addWidget(self.folder)
        about.addWidget(self.count)
        about.addStretch(1)
        left = QWidget()
        left.setFixedWidth(112)
        left.setLayout(about)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 0, 8, 0)
        row.setSpacing(4)
        for part in (as_list, left, back):
            row.addWidget(part)
        row.addWidget(self.strip, 1)
        row.addWidget(on)
        self.strip.chosen.connect(self.chosen)
        listing.listed.connect(lambda complete: self.follow())
        state.changed.connect(self._state_changed)
        self.follow()

    def _page(self, by: int) -> None:
        self.strip.scroll_to(self.strip.first + by * max(1, self.strip.count - 1))

    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"image", "folder"}:
            self.follow()

    def follow(self) -> None:
        if self.isHidden():
            return
        folder = self._state.folder.rstrip("/\\")
        name = folder.replace("\\", "/").rsplit("/", 1)[-1] or folder
        metrics = self.folder.fontMetrics()
        self.folder.setText(metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, 108))
        self.folder.setToolTip(self._state.folder)
        shown, total = self._listing.rowCount(), self._listing.total
        self.count.setText(f"{shown:,} of {total:,} pictures".replace(",", "\u2009"))
        self.strip.show_row(self._listing.row_of(self._state.image))

    def showEvent(self, event: object) -> None:  # noqa: N802
        self.follow()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(400, HEIGHT)
