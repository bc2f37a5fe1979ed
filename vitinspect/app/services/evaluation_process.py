"""``vitinspect evaluate`` in a process of its own, started and stopped from the window."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal, Slot

from vitinspect.plugins import plugins
from vitinspect.progress import INTERVAL_VARIABLE

_KEPT = 4000
"""How many characters of the process's output are kept, for the message when it fails."""


@contextmanager
def _heeding_interrupts() -> Iterator[None]:
    """A process that is started here can be interrupted, also where the window ignores Ctrl-C.

    A window that a script started in the background does so, and what is ignored is inherited.
    """
    ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    if ignored:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        if ignored:
            signal.signal(signal.SIGINT, signal.SIG_IGN)


class EvaluationProcess(QObject):
    """At most one run at a time. A stopped run ends after the current picture, and the next start continues there."""

    what = "The evaluation"
    ended = Signal(str)
    """What went wrong; empty where nothing did."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.program: tuple[str, ...] = (sys.executable, "-m", "vitinspect")
        self.output = ""
        self.stopping = False
        self._process: QProcess | None = None

    @property
    def running(self) -> bool:
        return self._process is not None

    def start(self, arguments: Sequence[str]) -> None:
        if self._process is not None:
            return
        self.output, self.stopping = "", False
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        environment.insert(INTERVAL_VARIABLE, "0.5")
        process.setProcessEnvironment(environment)
        process.setProcessChannelMode(QProcess.ProcessChannelMode.MergedChannels)
        process.readyReadStandardOutput.connect(self._read)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed)
        self._process = process
        named = [word for file in plugins.files for word in ("--plugin", str(file))]
        with _heeding_interrupts():
            process.start(self.program[0], [*self.program[1:], *arguments, *named])

    def stop(self) -> None:
        """As Ctrl-C does."""
        process = self._process
        if process is None or not process.processId():
            return
        self.stopping = True
        if os.name == "posix":
            os.kill(process.processId(), signal.SIGINT)
        else:
            process.kill()

    def close(self) -> None:
        """Stop, and do not wait long: results are on disk after each picture."""
        process = self._process
        if process is None:
            return
        process.finished.disconnect(self._finished)
        process.errorOccurred.disconnect(self._failed)
        self.stop()
        if not process.waitForFinished(1000):
            process.kill()
            process.waitForFinished(1000)
        self._process = None

    @Slot()
    def _read(self) -> None:
        if self._process is not None:
            data = self._process.readAllStandardOutput().data()
            self.output = (self.output + bytes(data).decode("utf-8", "replace"))[-_KEPT:]

    @Slot(QProcess.ProcessError)
    def _failed(self, error: QProcess.ProcessError) -> None:
        if error == QProcess.ProcessError.FailedToStart:
            self._over(f"{self.what} could not be started.")

    @Slot(int, QProcess.ExitStatus)
    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read()
        lines = [line for line in self.output.splitlines() if line.strip()]
        last = lines[-1].strip().removeprefix("vitinspect: ") if lines else f"{self.what} ended with exit code {code}."
        self._over(last if code and not self.stopping else "")

    def _over(self, trouble: str) -> None:
        if self._process is not None:
            self._process.deleteLater()
            self._process = None
        self.stopping = False
        self.ended.emit(trouble)
