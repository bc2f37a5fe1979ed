"""The ring around the control that has the focus: two pixels of accent after a gap of one, never after a click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget

from vitinspect.app import theme

_KEYBOARD = (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason)
_OUTSIDE = 4


def draw_ring(painter: QPainter, rect: QRect | QRectF) -> None:
    """Around ``rect``, which is what has the focus."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(theme.current().accent), 2))
    painter.drawRoundedRect(QRectF(rect).adjusted(-2, -2, 2, 2), 4, 4)
    painter.restore()


class FocusRing(QWidget):
    """Lies over a window and follows its focused control; widgets that draw their own set ``ownFocusRing``."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._window = window
        self._target: QWidget | None = None
        self.hide()
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        app.focusChanged.connect(self._focus_changed)

    @property
    def target(self) -> QWidget | None:
        """The control that it is drawn around; None while it is not shown."""
        return self._target if self.isVisibleTo(self._window) else None

    @Slot(QWidget, QWidget)
    def _focus_changed(self, old: QWidget | None, new: QWidget | None) -> None:
        if self._target is not None:
            self._target.removeEventFilter(self)
            self._target = None
        self.hide()
        if new is None or new is self or new.window() is not self._window or not self._wanted(new):
            return
        self._target = new
        new.installEventFilter(self)
        self._follow()

    @staticmethod
    def _wanted(widget: QWidget) -> bool:
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return False
        if widget.property("ownFocusRing") or isinstance(widget, QAbstractItemView):
            return False
        return widget.window().testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self._target:
            kind = event.type()
            if kind == QEvent.Type.FocusIn and event.reason() not in _KEYBOARD:  # type: ignore[attr-defined]
                self.hide()
            elif kind in (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show):
                self._follow()
            elif kind in (QEvent.Type.Hide, QEvent.Type.MouseButtonPress):
                self.hide()
        return False

    def _follow(self) -> None:
        if self._target is None or not self._target.isVisible():
            return
        corner = self._target.mapTo(self._window, QPoint(0, 0))
        self.setGeometry(QRect(corner, self._target.size()).adjusted(-_OUTSIDE, -_OUTSIDE, _OUTSIDE, _OUTSIDE))
        self.show()
        self.raise_()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        draw_ring(painter, self.rect().adjusted(_OUTSIDE, _OUTSIDE, -_OUTSIDE, -_OUTSIDE))
        painter.end()
