"""A run's database is distinguished from others, its errors are readable, and changed numbers are detected."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from vitinspect.errors import DataError, StorageFull
from vitinspect.evaluation import database
from vitinspect.evaluation.database import readable_errors
from vitinspect.evaluation.lookup import open_run
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.store import FILE, ImageResult, Score, Store, StoredCurve

PLAN = Plan(data="set", methods=("rollout",))


def filled(path: Path, count: int = 3) -> Path:
    with Store(path) as store:
        store.claim(PLAN)
        for i in range(count):
            store.add(result(i))
    return path


def result(i: int) -> ImageResult:
    curve = StoredCurve("Rollout", "deletion", [0, 1], [0.5, 0.25])  # type: ignore[arg-type]
    return ImageResult(f"p{i}.png", i, scores=[Score("Rollout", "iou", i / 8)], curves=[curve])


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


def read_all(path: Path) -> None:
    with Store(path) as store:
        store.claim(PLAN)
        store.damaged()
        list(store.scores())


def test_the_database_of_another_program_is_not_changed(tmp_path: Path) -> None:
    change(tmp_path / FILE, "CREATE TABLE photos (name TEXT)")
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(DataError, match="was not written by vitinspect"):
        Store(tmp_path / FILE)
    assert (tmp_path / FILE).read_bytes() == before


def test_an_empty_file_and_one_without_tables_are_taken(tmp_path: Path) -> None:
    """A process that was killed at its very start leaves such files."""
    (tmp_path / "a").touch()
    filled(tmp_path / "a")
    change(tmp_path / "b", "PRAGMA user_version = 1")
    filled(tmp_path / "b")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="is a link"):
        Store(tmp_path / FILE)
    assert not (tmp_path / "elsewhere").exists()


class BusyAtFirst:
    """A database whose change to write-ahead logging meets that of another process, for which SQLite does not wait."""

    def __init__(self, times: int, code: int = sqlite3.SQLITE_BUSY) -> None:
        self.times, self.code, self.asked = times, code, 0

    def execute(self, statement: str) -> None:
        self.asked += 1
        if self.asked <= self.times:
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = self.code
            raise error


def test_the_change_of_another_process_to_write_ahead_logging_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = BusyAtFirst(3)
    database.log_ahead(busy)  # type: ignore[arg-type]
    assert busy.asked == 4
    with pytest.raises(sqlite3.OperationalError):
        database.log_ahead(BusyAtFirst(1, sqlite3.SQLITE_IOERR))  # type: ignore[arg-type]
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        database.log_ahead(BusyAtFirst(10**9))  # type: ignore[arg-type]


def test_two_processes_that_begin_at_once_make_one_database(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from vitinspect.evaluation.store import Store; "
        "[Store(Path(sys.argv[1]) / f'{i}.sqlite').close() for i in range(60)]"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(3)]
    assert [one.wait(60) for one in running] == [0, 0, 0]


def test_a_full_disk_is_reported_and_loses_no_results(tmp_path: Path) -> None:
    with Store(filled(tmp_path / FILE)) as store:
        pages = store._db.execute("PRAGMA page_count").fetchone()[0]
        store._db.execute(f"PRAGMA max_page_count = {pages}")
        large = [Score("Rollout", f"score {i}", 0.5) for i in range(5000)]
        with pytest.raises(StorageFull, match="no space is left"):
            store.add(ImageResult("large.png", 9, scores=large))
        assert len(store.finished()) == 3
        store._db.execute("PRAGMA max_page_count = 100000")
        store.add(ImageResult("large.png", 9, scores=large))


@pytest.mark.parametrize("cut", ["middle", "header", "end"])
def test_a_damaged_file_is_reported_as_damaged(tmp_path: Path, cut: str) -> None:
    path = filled(tmp_path / FILE, 400)
    data = bytearray(path.read_bytes())
    if cut == "middle":
        data[4096:] = os.urandom(len(data) - 4096)
    elif cut == "header":
        data[:100] = b"x" * 100
    else:
        del data[len(data) // 2 :]
    path.write_bytes(data)
    with pytest.raises(DataError, match="damaged|tables of this version"):
        read_all(path)


def test_a_number_that_was_altered_is_found_and_can_be_scored_again(tmp_path: Path) -> None:
    path = filled(tmp_path / FILE)
    change(path, "UPDATE scores SET value = 0.9 WHERE image = 'p1.png'")
    change(path, "UPDATE curves SET points = x'0000803f0000803f' WHERE image = 'p2.png'")
    with Store(path) as store:
        assert store.damaged() == ["p1.png", "p2.png"]
        store.remove(["p1.png", "p2.png"])
        assert store.finished() == {"p0.png"}
        store.add(result(1))
        assert store.damaged() == []


def test_scoring_again_leaves_nothing_of_the_scores_before(tmp_path: Path) -> None:
    with Store(filled(tmp_path / FILE, 1)) as store:
        store.add(ImageResult("p0.png", 0, scores=[Score("Rollout", "f1", 1.0)]))
        assert [(row[3], row[4]) for row in store.scores()] == [("f1", 1.0)]
        assert list(store.curves()) == []


def test_a_missing_column_is_a_file_of_another_version(tmp_path: Path) -> None:
    path = filled(tmp_path / FILE)
    change(path, "ALTER TABLE images DROP COLUMN reason")
    with Store(path) as store, pytest.raises(DataError, match="tables of this version"):
        list(store.images())


@pytest.mark.parametrize("plan", ["{", "[]", "3", '{"methods": 3}', '{"fuse": "no such"}', "[" * 100_000])
def test_a_plan_that_cannot_be_read_is_reported(tmp_path: Path, plan: str) -> None:
    path = filled(tmp_path / FILE)
    change(path, f"UPDATE facts SET value = '{plan}' WHERE name = 'plan'")
    with Store(path) as store:
        for ask in (lambda: store.plan, lambda: store.claim(PLAN)):
            with pytest.raises(DataError, match="plan in .* is damaged"):
                ask()
    with pytest.raises(DataError, match="plan in .* is damaged"):
        open_run(tmp_path)


def test_scores_without_their_plan_are_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / FILE)
    change(path, "DELETE FROM facts WHERE name = 'plan'")
    with Store(path) as store, pytest.raises(DataError, match="but not their plan"):
        store.claim(PLAN)
    change(path, "DELETE FROM facts")
    with pytest.raises(DataError, match="another version"):
        Store(path)


def test_a_run_of_another_version_is_recognised_by_its_format(tmp_path: Path) -> None:
    path = filled(tmp_path / FILE)
    change(path, "UPDATE facts SET value = '1' WHERE name = 'format'")
    with pytest.raises(DataError, match="another version of vitinspect .format 1"):
        Store(path)


def test_a_file_that_may_not_be_opened_is_reported(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(DataError, match="cannot be opened"):
        Store(tmp_path / FILE)
    with pytest.raises(DataError, match="No such device"), readable_errors(tmp_path):
        raise OSError(errno.ENODEV, "No such device")


def test_a_locked_file_is_in_use(tmp_path: Path) -> None:
    path = filled(tmp_path / FILE)
    with closing(sqlite3.connect(path, isolation_level=None)) as other, Store(path) as store:
        other.execute("BEGIN IMMEDIATE")
        store._db.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(DataError, match="in use by another process"):
            store.add(result(7))
        other.execute("ROLLBACK")
        store.add(result(7))
