"""JSON files of vitinspect: missing ones are empty, damaged ones are reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from vitinspect.errors import DataError
from vitinspect.json_files import read_json


def test_an_object_is_read_and_a_missing_file_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": "\\udce9"}')
    assert read_json(tmp_path / "a.json") == {"a": "\udce9"}
    assert read_json(tmp_path / "missing.json") == {}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b"3", b"[" * 300_000, b'{"a":' * 300_000, b"\0" * 99]
)
def test_a_damaged_file_is_reported_by_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json is damaged"):
        read_json(tmp_path / "a.json")


def test_what_is_not_a_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path)
