"""Following many changes at once: what they call for is done before the window is painted next."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Qt, Signal, Slot


class Soon(QObject):
    """``ask`` as often as there are reasons; ``call`` is called once, after the event that goes on now.

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
        """It was done meanwhile, for another reason."""
        self._due = False

    @Slot()
    def _run(self) -> None:
        if self._due:
            self._due = False
            self._call()
