"""Progress and cancellation: the arguments of every long computation, and what a terminal shows of it."""

from __future__ import annotations

import contextlib
import html
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TextIO

from vitinspect.errors import Cancelled

Progress = Callable[[int, int], None]
"""Called with (done, total) after each step."""


class CancelToken:
    """A flag that one thread sets and that a computation in another thread checks between its chunks."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def cancelled(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        """Raise ``Cancelled`` if ``cancel`` was called."""
        if self._event.is_set():
            raise Cancelled


def check(cancel: CancelToken | None) -> None:
    """``cancel.check()`` for a token that may be absent."""
    if cancel is not None:
        cancel.check()


def format_duration(seconds: float) -> str:
    """``75`` becomes ``1:15``, ``3700`` becomes ``1:01:40``."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"


class ProgressLine:
    """A progress bar with an ETA on a terminal or in a notebook; occasional plain lines in a pipe.

    Use as a context manager and call it as a ``Progress``. Writes to stderr, so that stdout
    has nothing but the results of a command.
    """

    BAR_WIDTH = 24
    TERMINAL_INTERVAL = 0.1
    PIPE_INTERVAL = 10.0

    def __init__(self, title: str, *, unit: str = "", stream: TextIO | None = None) -> None:
        self.title = title
        self.unit = unit
        self.stream = stream if stream is not None else sys.stderr
        self._notebook = type(self.stream).__module__.partition(".")[0] == "ipykernel"
        self._terminal = self._notebook or self.stream.isatty()
        self._start = time.monotonic()
        self._last_shown = -float("inf")
        self._first: tuple[int, float] | None = None
        self._shown_total = False
        self._display = f"vitinspect-progress-{id(self)}-{self._start}"
        self._interval: float | None = None

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal and not self._notebook and self._last_shown > 0:
            self.stream.write("\n")
            self.stream.flush()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._interval is None:
            self._interval = self.TERMINAL_INTERVAL if self._terminal else _pipe_interval(self.PIPE_INTERVAL)
        if self._first is None:
            # A resumed run starts above zero: the rate is that of this run alone.
            self._first = (done if done < total else 0, self._start)
        finished = total > 0 and done >= total
        if now - self._last_shown < self._interval and not (finished and not self._shown_total):
            return
        shown_before = self._last_shown > 0
        self._last_shown = now
        self._shown_total = finished
        text = self._text(done, total, now)
        if self._notebook:
            self._show_in_notebook(done, total, text, update=shown_before)
            return
        self.stream.write(f"\r\x1b[2K{text}" if self._terminal else text + "\n")
        self.stream.flush()

    def _show_in_notebook(self, done: int, total: int, text: str, *, update: bool) -> None:
        """One output that changes: written to stderr, each step would stay as a red line in the notebook."""
        from IPython.display import display

        words = html.escape("  ".join(part for part in text.split("  ") if not part.startswith(("█", "░"))))
        page = (
            f'<div style="white-space: pre"><progress value="{done}" max="{max(total, 1)}" '
            f'style="vertical-align: middle"></progress>  {words}</div>'
        )
        display({"text/plain": text, "text/html": page}, raw=True, display_id=self._display, update=update)

    def _text(self, done: int, total: int, now: float) -> str:
        assert self._first is not None
        elapsed = now - self._first[1]
        rate = (done - self._first[0]) / elapsed if elapsed > 0 else 0.0
        parts = [self.title]
        if self._terminal and total > 0:
            filled = round(self.BAR_WIDTH * min(1.0, done / total))
            parts.append("█" * filled + "░" * (self.BAR_WIDTH - filled))
        shares = self.unit == "%"
        parts.append(f"{done} %" if shares else f"{done}/{total}" + (f" {self.unit}" if self.unit else ""))
        if rate > 0:
            if not shares:
                parts.append(f"{rate:.1f}/s" if rate >= 1 else f"{1 / rate:.1f} s each")
            if done < total:
                parts.append(f"ETA {format_duration((total - done) / rate)}")
            else:
                parts.append(f"took {format_duration(elapsed)}")
        return "  ".join(parts)


@contextlib.contextmanager
def shown_progress(progress: Progress | bool | None, title: str = "explaining") -> Iterator[Progress | None]:
    """A callable for what a caller gave: True is a progress bar, in per cent."""
    if not isinstance(progress, bool):
        yield progress
    elif not progress:
        yield None
    else:
        with ProgressLine(title, unit="%") as line:
            yield lambda done, total: line(round(100 * done / max(1, total)), 100)


INTERVAL_VARIABLE = "VITINSPECT_PROGRESS_SECONDS"
"""Set by programs that read the lines from a pipe, as the window does, to get them more often."""


def _pipe_interval(default: float) -> float:
    try:
        return max(0.1, float(os.environ.get(INTERVAL_VARIABLE, default)))
    except ValueError:
        return default
