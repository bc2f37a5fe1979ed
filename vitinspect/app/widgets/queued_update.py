"""One update after many changes: it is done before the window is painted next."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget


class QueuedUpdate(QObject):
    """``ask`` as often as there are reasons; ``call`` is called once, after the event that is being handled.

    A queued call comes before a painting that is due, where a timer would come after it.
    """

    _asked = Signal()

    def __init__(self, call: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._call = call
        self._due = False
        self._asked.connect(self._run, Qt.ConnectionType.QueuedConnection)

    def ask(self) -> None:
        if not self._due:
            self._due = True
            self._asked.emit()

    def done(self) -> None:
        """The update was done meanwhile, for another reason."""
        self._due = False

    @Slot()
    def _run(self) -> None:
        if self._due:
            self._due = False
            self._call()


class QueuedUpdateWhenShown(QueuedUpdate):
    """The same for a widget, which is not updated while it is hidden by another workspace or tab: what was asked for
    meanwhile is done once, before it is shown."""

    def __init__(self, call: Callable[[], object], widget: QWidget) -> None:
        super().__init__(call, widget)
        self._widget = widget
        widget.installEventFilter(self)

    @property
    def waits(self) -> bool:
        """Whether the window is shown and the widget is not. Before the window is shown, everything is updated."""
        return not self._widget.isVisible() and self._widget.window().isVisible()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Show and watched is self._widget:
            self._run()
        return False

    @Slot()
    def _run(self) -> None:
        if not self.waits:
            super()._run()
