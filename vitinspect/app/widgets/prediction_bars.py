"""The top predictions as bars that take clicks, with what a what-if edit does to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import numbers, tips
from vitinspect.app.widgets.focus import draw_ring

GAP = 4
RING = 4
"""Space around the bars for the focus ring."""
RESERVED = "→ 88.8 %"
"""The shortest text that a bar must have space for beside its name."""
_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)


@dataclass(frozen=True)
class PredictionBar:
    """One class: its number, its name, its probability, and the one after a what-if edit."""

    index: int
    label: str
    probability: float
    after: float | None = None

    @property
    def figure(self) -> str:
        return self.figures[0]

    @property
    def figures(self) -> tuple[str, ...]:
        """What the bar says about its class, the longest first: where space is short, a change has fewer digits, and
        then only the value after it, since a mark in the bar shows the one before."""
        if self.after is None:
            return (numbers.percent(self.probability),)
        return (
            numbers.percent_change(self.probability, self.after),
            numbers.percent_change(self.probability, self.after, most_characters=3),
            f"→ {numbers.percent(self.after, most_characters=3)}",
        )

    @property
    def tip(self) -> str:
        change = "" if self.after is None else f"\nWith the painted region removed: {numbers.percent(self.after, 2)}"
        return (
            f"{self.label}: {numbers.percent(self.probability, 2)}{change}\n"
            "Click to explain it; Ctrl+click to explain against it"
        )


class PredictionBars(QWidget):
    """As many bars as fit with their names. Left and Right go from bar to bar, Enter explains, Ctrl+Enter sets
    it against."""

    explain_wanted = Signal(int)
    against_wanted = Signal(int)

    def __init__(self, most: int = 5, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bars: tuple[PredictionBar, ...] = ()
        self._awaited: list[QRect] = []
        """Where bars were that are replaced when the awaited prediction arrives."""
        self.most = most
        self._explained: int | None = None
        self._against: int | None = None
        self._current = 0
        self._ring = False
        self._hovered = -1
        self.setProperty("ownFocusRing", True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setFixedHeight(tokens.FIELD_HEIGHT + 2 * RING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Predictions")

    def set_bars(
        self,
        bars: Sequence[PredictionBar],
        explained: int | None = None,
        against: int | None = None,
        *,
        awaited: bool = False,
    ) -> None:
        """``explained`` and ``against`` are numbers of classes. While there are no bars and a prediction is
        ``awaited``, the places of the earlier ones are kept, with nothing in them."""
        if not awaited or bars:
            self._awaited = []
        elif self.bars:
            self._awaited = [self.bar_rect(at) for at in range(self.count())]
        self.bars = tuple(bars)
        self._explained, self._against = explained, against
        self._current = min(self._current, max(0, len(self.bars) - 1))
        spoken = "; ".join(f"{bar.label} {bar.figure}" for bar in self.bars[: self.most])
        self.setAccessibleDescription(spoken)
        self.update()

    # --- geometry ------------------------------------------------------------------------------------------------

    def count(self) -> int:
        """How many bars are shown: as many as fit with their words, and one at least."""
        return next((n for n in range(min(self.most, len(self.bars)), 1, -1) if self._fits(n)), min(1, len(self.bars)))

    def _fits(self, count: int) -> bool:
        # As wide as if it had changed, so that a what-if edit does not remove a bar.
        return all(self._room_for_figure(bar, count, RESERVED) >= 0 for bar in self.bars[:count])

    def _room_for_figure(self, bar: PredictionBar, count: int, figure: str) -> int:
        """What a bar's width leaves beside its name and this figure."""
        metrics = QFontMetrics(theme.font(tokens.SMALL_SIZE, bold=bar.index == self._explained))
        words = metrics.horizontalAdvance(self._label_of(bar)) + 6 + metrics.horizontalAdvance(figure)
        return self._bar_width(count) - 14 - words

    def _label_of(self, bar: PredictionBar) -> str:
        return ("− " if bar.index == self._against else "") + bar.label

    def figures(self) -> list[str]:
        """What the bars that are shown say, all of them in the longest form that fits in each."""
        count = self.count()
        ways = list(zip(*(bar.figures for bar in self.bars[:count]), strict=False)) or [()]
        for way in ways[:-1]:
            if all(self._room_for_figure(b, count, f) >= 0 for b, f in zip(self.bars, way, strict=False)):
                return list(way)
        return list(ways[-1])

    def _bar_width(self, count: int) -> int:
        return (self.width() - 2 * RING - GAP * (count - 1)) // count

    def bar_rect(self, at: int) -> QRect:
        width = self._bar_width(max(1, self.count()))
        return QRect(RING + at * (width + GAP), RING, width, tokens.FIELD_HEIGHT)

    def bar_at(self, x: float, y: float) -> int:
        """-1 for none."""
        point = QRectF(x, y, 0, 0).topLeft().toPoint()
        return next((i for i in range(self.count()) if self.bar_rect(i).contains(point)), -1)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(self.most * 142, self.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(150, tokens.FIELD_HEIGHT + 2 * RING)

    # --- painting ------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for place in self._awaited:
            painter.setPen(QPen(QColor(theme.current().line), 1))
            painter.setBrush(QColor(theme.current().field))
            painter.drawRoundedRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        for i, figure in enumerate(self.figures()):
            self._paint_bar(painter, self.bar_rect(i), self.bars[i], figure, hovered=i == self._hovered)
        if self._ring and self.hasFocus() and self.bars:
            draw_ring(painter, self.bar_rect(min(self._current, self.count() - 1)))
        painter.end()

    def _paint_bar(self, painter: QPainter, rect: QRect, bar: PredictionBar, figure: str, *, hovered: bool) -> None:
        t = theme.current()
        explained = bar.index == self._explained
        frame = QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(QColor(t.accent if explained else t.border if hovered else t.line), 1))
        painter.setBrush(QColor(t.chosen if explained else t.field))
        painter.drawRoundedRect(frame, 3, 3)
        inner = rect.adjusted(1, 1, -1, -1)
        value = bar.probability if bar.after is None else bar.after
        filled = QRectF(inner)
        filled.setWidth(inner.width() * min(1.0, max(0.0, value)))
        painter.fillRect(filled, QColor(t.bar_explained if explained else t.bar))
        if bar.after is not None:
            x = inner.left() + inner.width() * min(1.0, max(0.0, bar.probability))
            painter.fillRect(QRectF(x - 1, inner.bottom() - 7, 2, 8), QColor(t.text))
        painter.setFont(theme.font(tokens.SMALL_SIZE, bold=explained))
        painter.setPen(QColor(t.on_chosen if explained else t.text))
        words = rect.adjusted(7, 0, -7, 0)
        metrics = painter.fontMetrics()
        middle = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.drawText(words, int(Qt.AlignmentFlag.AlignRight | middle), figure)
        room = words.width() - metrics.horizontalAdvance(figure) - 6
        label = metrics.elidedText(self._label_of(bar), Qt.TextElideMode.ElideRight, room)
        painter.drawText(words, int(Qt.AlignmentFlag.AlignLeft | middle), label)

    # --- mouse and keyboard --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at = self.bar_at(event.position().x(), event.position().y())
        if at < 0 or event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        self._current = at
        self._choose(at, against=bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        at = self.bar_at(event.position().x(), event.position().y())
        if at != self._hovered:
            self._hovered = at
            self.setCursor(Qt.CursorShape.PointingHandCursor if at >= 0 else Qt.CursorShape.ArrowCursor)
            self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._hovered = -1
        self.update()

    def _choose(self, at: int, *, against: bool) -> None:
        if 0 <= at < len(self.bars):
            (self.against_wanted if against else self.explain_wanted).emit(self.bars[at].index)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step is not None:
            self._current = min(max(0, self._current + step), max(0, self.count() - 1))
            self._ring = True
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space):
            self._choose(self._current, against=bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self._ring = event.reason() in _KEYBOARD
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        self._ring = False
        super().focusOutEvent(event)
        self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            at = self.bar_at(event.pos().x(), event.pos().y())
            if at >= 0:
                tips.show(event.globalPos(), self.bars[at].tip, self, self.bar_rect(at))
                return True
        return super().event(event)
