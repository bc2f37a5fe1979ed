"""Paths that are not regular files are refused at once, without waiting."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vitinspect.regular_files import open_regular, read_regular, read_text


def test_a_file_is_read_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xc3\xa9\r\n")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_regular(tmp_path / "link") == b"\xc3\xa9\r\n"
    assert read_text(tmp_path / "a") == "é\r\n"
    with open_regular(tmp_path / "a") as file:
        assert file.read(1) == b"\xc3"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipes_devices_and_folders_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(OSError, match="it is not a file"):
            read_regular(path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_regular(tmp_path / "a")
