"""Flags and notes: kept away from the person's own files, and never lost."""

from __future__ import annotations

import json
import os

import pytest

from vitinspect.app.services.picture_notes import Note, PictureNotes


@pytest.fixture
def notes(qapp, tmp_path):
    return PictureNotes(tmp_path / "notes")


def test_a_note_is_there_again_at_the_next_start(notes, tmp_path) -> None:
    picture = str(tmp_path / "data" / "a.png")
    notes.set(picture, flagged=True)
    notes.set(picture, text="the badge gives it away\nlook again")
    again = PictureNotes(tmp_path / "notes")
    assert again.of(picture) == Note(flagged=True, text="the badge gives it away\nlook again")
    assert again.of(str(tmp_path / "data" / "b.png")) == Note()


def test_nothing_is_written_among_the_pictures(notes, tmp_path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    notes.set(str(folder / "a.png"), starred=True)
    assert os.listdir(folder) == []
    assert len(os.listdir(tmp_path / "notes")) == 1


def test_folders_have_files_of_their_own(notes, tmp_path) -> None:
    notes.set(str(tmp_path / "x" / "a.png"), flagged=True)
    notes.set(str(tmp_path / "y" / "a.png"), starred=True)
    assert len(os.listdir(tmp_path / "notes")) == 2
    assert notes.of(str(tmp_path / "x" / "a.png")) == Note(flagged=True)


def test_a_change_is_reported_once(notes, tmp_path) -> None:
    reported: list[str] = []
    notes.changed.connect(reported.append)
    picture = str(tmp_path / "a.png")
    for _ in range(2):
        notes.set(picture, flagged=True)
    notes.set(picture, flagged=False)
    assert reported == [picture, picture]
    assert json.loads(notes.file_for(str(tmp_path)).read_text())["pictures"] == {}


@pytest.mark.skipif(os.name == "nt", reason="names on Windows are text")
def test_a_name_that_is_not_text_keeps_its_note(notes, tmp_path) -> None:
    picture = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")
    notes.set(picture, text="x")
    assert PictureNotes(tmp_path / "notes").of(picture).text == "x"


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"format": 99, "pictures": {}}', '{"format": 1, "pictures": {"a": 3}}']
)
def test_a_file_that_cannot_be_read_is_not_overwritten(notes, tmp_path, content) -> None:
    path = notes.file_for(str(tmp_path))
    path.parent.mkdir()
    path.write_text(content)
    said: list[str] = []
    notes.trouble.connect(said.append)
    notes.set(str(tmp_path / "a.png"), flagged=True)
    assert notes.of(str(tmp_path / "a.png")).flagged
    assert path.read_text() == content
    assert len(said) == 1


def test_a_disk_that_cannot_be_written_is_reported(notes, tmp_path) -> None:
    (tmp_path / "notes").write_text("a file where the folder should be")
    said: list[str] = []
    notes.trouble.connect(said.append)
    notes.set(str(tmp_path / "a.png"), flagged=True)
    assert notes.of(str(tmp_path / "a.png")).flagged
    assert "in memory only" in said[-1]
