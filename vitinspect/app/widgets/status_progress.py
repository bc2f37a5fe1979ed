"""Running work in the status bar: layer, name, progress, time left, Cancel. Its space is kept while nothing runs."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, rows
from vitinspect.app.widgets.layer_delegate import paint_progress


class ProgressLine(QWidget):
    """A bar of four pixels; without a total it says only that something runs."""

    def __init__(self, width: int = 92, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self.setFixedSize(width, 12)
        self.setAccessibleName("Progress")

    def set_share(self, share: float) -> None:
        self._share = share
        self.setAccessibleDescription(numbers.percent(share, 0))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        paint_progress(painter, QRect(0, self.height() // 2 - 2, self.width(), 4), self._share)
        painter.end()


class RunningWork(QWidget):
    """``set_work`` names the work in progress, ``set_idle`` says that there is none."""

    cancel_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        small = theme.font(tokens.SMALL_SIZE)
        self.name, self.figures = rows.words(), rows.words(kind="quiet")
        for label in (self.name, self.figures):
            label.setFont(small)
        self.bar = ProgressLine()
        self.cancel = rows.button("Cancel", self.cancel_wanted.emit, tip="Stop the computation (Ctrl+.)")
        self.cancel.setProperty("kind", "small")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addStretch(1)
        for part in (self.name, self.bar, self.figures, self.cancel):
            layout.addWidget(part)
            policy = part.sizePolicy()
            policy.setRetainSizeWhenHidden(True)
            part.setSizePolicy(policy)
        self.figures.setMinimumWidth(self.figures.fontMetrics().horizontalAdvance("888 of 888, 88 s left"))
        self.set_idle()

    @property
    def parts(self) -> tuple[QLabel, ProgressLine, QLabel, QWidget]:
        return self.name, self.bar, self.figures, self.cancel

    def set_work(
        self, name: str, *, number: int = 0, done: int = 0, total: int = 0, seconds_left: float | None = None
    ) -> None:
        self.name.setText(f"{number} {name}" if number else name)
        self.bar.set_share(done / total if total else 0.0)
        parts = [f"{numbers.whole(done)} of {numbers.whole(total)}"] if total else []
        if seconds_left is not None:
            parts.append(f"{numbers.seconds(max(1, round(seconds_left)))} left".replace(".0 s", " s"))
        self.figures.setText(", ".join(parts))
        for part in self.parts:
            part.setVisible(True)
        self.bar.setVisible(bool(total))

    def set_idle(self) -> None:
        for part in self.parts:
            part.setVisible(False)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().sizeHint().width(), 24)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(super().minimumSizeHint().width(), 20)
