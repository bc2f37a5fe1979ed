"""A log that cannot be written neither stops the start nor prints a traceback."""

from __future__ import annotations

import errno
import logging
from pathlib import Path

import pytest

from vitinspect.app import logs

LOG = logging.getLogger("vitinspect.test")


@pytest.fixture
def started(home: Path):
    handler = logs.start()
    yield handler
    logs.stop(handler)


def test_a_log_folder_that_cannot_be_made_is_not_an_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home.write_text("a file where the folder should be")
    assert logs.start() is None
    LOG.warning("hello")
    assert "Traceback" not in capsys.readouterr().err


def test_a_log_file_that_cannot_be_opened_is_not_an_error(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs.log_file().mkdir(parents=True)
    assert logs.start() is None
    assert capsys.readouterr().err == ""


def test_a_disk_that_fills_up_is_not_an_error(started, capsys: pytest.CaptureFixture[str]) -> None:
    def full(_: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    started.stream.close()

    class Full:
        write = staticmethod(full)
        flush = staticmethod(lambda: None)
        seek = staticmethod(lambda *_: None)
        tell = staticmethod(lambda: 0)
        close = staticmethod(lambda: None)

    started.stream = Full()
    LOG.warning("hello")
    assert capsys.readouterr().err == ""


def test_a_name_that_is_not_text_is_logged(started) -> None:
    LOG.warning("%s", "b\udce9.png")
    assert "b\\udce9.png" in logs.log_file().read_text("utf-8")
