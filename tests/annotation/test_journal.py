"""The journal: every finished step is recovered after the process died, even if the last bytes are damaged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vitinspect.annotation import journal
from vitinspect.annotation.document import MaskDocument, labels_from_names
from vitinspect.errors import DataError

KEY = journal.JournalKey("images/a\udce9.jpg", "masks/ben/a.png", "ben")


def drawn(folder: Path, steps: int, seed: int = 0) -> tuple[MaskDocument, list[np.ndarray], journal.Journal]:
    rng = np.random.default_rng(seed)
    document = MaskDocument((300, 280), labels_from_names(["cat", "dog"]))
    book = journal.Journal(KEY, folder)
    book.attach(document)
    states = []
    for _ in range(steps):
        document.begin(tuple(rng.uniform(0, 280, 2)), rng.uniform(3, 60), 1 + int(rng.integers(0, 2)))
        document.move_to(tuple(rng.uniform(0, 280, 2)))
        document.end()
        states.append(document.values.copy())
    return document, states, book


def test_what_was_drawn_is_recovered_with_its_labels_and_status(tmp_path: Path) -> None:
    document, _, book = drawn(tmp_path, 7)
    document.undo()
    document.set_status("done")
    book.close()
    (path,) = journal.journals(tmp_path)
    found = journal.read(path)
    assert np.array_equal(found.document.values, document.values)
    assert found.document.labels == document.labels
    assert found.document.status == "done"
    assert found.key == KEY
    assert found.steps == 9


def test_the_steps_before_a_damaged_end_are_recovered(tmp_path: Path) -> None:
    _, states, book = drawn(tmp_path, 5)
    book.close()
    path = book.path
    data = path.read_bytes()
    rng = np.random.default_rng(1)
    for cut in rng.integers(len(data) // 2, len(data), 25):
        path.write_bytes(data[:cut])
        found = journal.read(path)
        assert np.array_equal(found.document.values, states[found.steps - 1])
    path.write_bytes(data[:-9] + bytes([data[-9] ^ 255]) + data[-8:])
    assert np.array_equal(journal.read(path).document.values, states[3])
    path.write_bytes(data[:40])
    with pytest.raises(DataError, match="damaged"):
        journal.read(path)


def test_a_mask_that_was_written_leaves_no_journal(tmp_path: Path) -> None:
    document, _, book = drawn(tmp_path, 2)
    book.discard()
    assert list(journal.journals(tmp_path)) == []
    document.undo()
    assert len(list(journal.journals(tmp_path))) == 1
    book.close()


_DRAW_FOR_EVER = """
import sys
from pathlib import Path
import numpy as np
from vitinspect.annotation import journal
from vitinspect.annotation.document import MaskDocument
rng = np.random.default_rng(0)
document = MaskDocument((400, 400))
book = journal.Journal(journal.JournalKey("a", "b", "c"), Path(sys.argv[1]))
book.attach(document)
while True:
    document.begin(tuple(rng.uniform(0, 400, 2)), 20, 1 + int(rng.integers(0, 3)))
    document.move_to(tuple(rng.uniform(0, 400, 2)))
    document.end()
    print(int(document.values.astype(int).sum()), flush=True)
"""


@pytest.mark.parametrize("after", [1, 9, 40])
def test_after_a_kill_at_most_the_unfinished_stroke_is_lost(tmp_path: Path, after: int) -> None:
    command = [sys.executable, "-c", _DRAW_FOR_EVER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(after)]
        os.kill(process.pid, signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().split("\n")[:-1]]
    (path,) = journal.journals(tmp_path)
    found = journal.read(path)
    # Every stroke that was announced is there; one more may be, which was written but not announced any more.
    assert found.steps in (len(said), len(said) + 1)
    if found.steps == len(said):
        assert int(found.document.values.astype(int).sum()) == said[-1]


def test_a_journal_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    document = MaskDocument((50, 50))
    journal.Journal(KEY, tmp_path / "file").attach(document)
    document.begin((20, 20), 9, 1)
    with pytest.raises(DataError, match="cannot be written"):
        document.end()
    assert document.values.any()
