"""The row above work over many items: a button that starts and cancels it, its progress, and a sentence."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QWidget

from vitinspect.app.widgets import rows


class Computed(Protocol):
    """The work that the button starts and cancels."""

    @property
    def running(self) -> bool: ...
    def compute(self) -> None: ...
    def cancel(self) -> None: ...


class RunRow(QWidget):
    """``words`` are the text of the button while nothing is done; ``before`` and ``after`` are fields at both ends."""

    def __init__(
        self,
        computed: Computed,
        words: str,
        tip: str,
        *,
        before: tuple[QWidget, ...] = (),
        after: tuple[QWidget, ...] = (),
    ) -> None:
        super().__init__()
        self._computed, self._words = computed, words
        self.button = rows.button(words, self._press, tip=tip)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedSize(120, 6)
        self.notice = rows.words("", "note")
        line = QHBoxLayout(self)
        line.setContentsMargins(8, 4, 8, 4)
        line.setSpacing(8)
        for part in (*before, self.button, self.bar):
            line.addWidget(part)
        line.addWidget(self.notice, 1)
        for part in after:
            line.addWidget(part)

    def follow(self, done: int, total: int, *, possible: bool) -> None:
        """``possible``: whether the rest can be computed now."""
        running = self._computed.running
        self.button.setText("Cancel" if running else "Continue" if 0 < done < total else self._words)
        self.button.setEnabled(running or (possible and done < total))
        self.bar.setVisible(running)
        self.bar.setRange(0, max(1, total))
        self.bar.setValue(done)

    def _press(self) -> None:
        (self._computed.cancel if self._computed.running else self._computed.compute)()
