"""No command replaces what it did not write, follows a link out of its folder, or writes among the data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vitinspect import output
from vitinspect.errors import DataError
from vitinspect.output import RECORD, OutputFolder, check_result, refuse_inside, write_result


def test_what_was_written_here_is_replaced(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "new")
    folder.write("report.md", b"one")
    folder.write("report.md", b"two")
    assert (tmp_path / "new" / "report.md").read_bytes() == b"two"


def test_foreign_files_are_not_replaced_and_nothing_else_is_written(tmp_path: Path) -> None:
    (tmp_path / "results.csv").write_bytes(b"mine")
    folder = OutputFolder(tmp_path)
    with pytest.raises(DataError, match=r"results\.csv was not written by vitinspect"):
        folder.write_all({"report.md": b"new", "results.csv": b"new"})
    with pytest.raises(DataError, match="was not written"):
        folder.check(["results.csv"])
    assert (tmp_path / "results.csv").read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["results.csv"]


def test_files_that_a_user_changed_since_are_not_replaced(tmp_path: Path) -> None:
    write_result(tmp_path / "report.md", b"ours")
    (tmp_path / "report.md").write_bytes(b"ours, with notes")
    with pytest.raises(DataError, match="was changed since"):
        write_result(tmp_path / "report.md", b"again")
    assert (tmp_path / "report.md").read_bytes() == b"ours, with notes"


@pytest.mark.parametrize("dies_after", ["record", "file"])
def test_a_process_that_ends_at_any_moment_leaves_files_that_are_still_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_after: str
) -> None:
    folder = OutputFolder(tmp_path)
    folder.write("report.md", b"one")
    real = output.write_atomic

    def dying(path: Path, data: bytes) -> None:
        real(path, data)
        if (path.name == RECORD) == (dies_after == "record"):
            raise KeyboardInterrupt

    monkeypatch.setattr(output, "write_atomic", dying)
    with pytest.raises(KeyboardInterrupt):
        folder.write("report.md", b"two")
    monkeypatch.setattr(output, "write_atomic", real)
    folder.write("report.md", b"three")
    assert (tmp_path / "report.md").read_bytes() == b"three"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "out" / "report.md").symlink_to(tmp_path / "elsewhere" / "report.md")
    with pytest.raises(DataError, match="outside of"):
        OutputFolder(tmp_path / "out").write("sub/a.csv", b"")
    with pytest.raises(DataError, match="is a link"):
        OutputFolder(tmp_path / "out").write("report.md", b"")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_folder_of_results_may_itself_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "large disk")
    OutputFolder(tmp_path / "out").write("sub/a.csv", b"1")
    assert (tmp_path / "large disk" / "sub" / "a.csv").read_bytes() == b"1"


def test_results_do_not_go_among_the_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "images").mkdir(parents=True)
    (tmp_path / "link").symlink_to(data)
    for folder in (data, data / "out", data / "images", tmp_path / "link" / "out", data / "x" / ".." / "y"):
        with pytest.raises(DataError, match="data"):
            refuse_inside(folder, data)
    refuse_inside(tmp_path / "out", data)
    refuse_inside(tmp_path, data)
    refuse_inside(tmp_path / "data2", data)


def test_a_name_that_is_not_text_is_recorded(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"g\xe9.csv")
    write_result(path, b"1")
    check_result(path)
    json.loads((tmp_path / RECORD).read_text("utf-8"))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"files": 3}', b'{"files": {"a": 1}}', b"\xff", b"[" * 100_000]
)
def test_a_damaged_record_is_reported_and_nothing_is_replaced(tmp_path: Path, content: bytes) -> None:
    write_result(tmp_path / "a", b"1")
    (tmp_path / RECORD).write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        write_result(tmp_path / "a", b"2")
    assert (tmp_path / "a").read_bytes() == b"1"


@pytest.mark.skipif(output.fcntl is None, reason="this system has no such locks")
def test_commands_that_write_into_one_folder_at_the_same_time_record_all_files(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\nfrom vitinspect.output import write_result\n"
        "for i in range(10): write_result(Path(sys.argv[1]) / f'{sys.argv[2]}-{i}', b'x')"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in "abc"]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert len(json.loads((tmp_path / RECORD).read_bytes())["files"]) == 30
