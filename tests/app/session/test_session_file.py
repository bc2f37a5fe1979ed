"""Session files: what they keep, what is refused, and what a stranger's file cannot do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vitinspect.app.session.running import RunningMark
from vitinspect.app.session.session_file import (
    LARGEST,
    VERSION,
    is_elsewhere,
    move,
    notes_to_add,
    read_session,
    session_bytes,
)
from vitinspect.app.session.state import State
from vitinspect.errors import DataError
from vitinspect.picture_notes import Note


@pytest.fixture
def state(tmp_path: Path) -> State:
    folder = tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    made = State()
    made.set(folder=str(folder), image=str(folder / "a.png"), target=(3,), filter="cat", pinned=(1, 2))
    made.add_map("rollout", {"start_layer": 1})
    return made


def write(state: State, path: Path, **changes) -> Path:
    document = json.loads(session_bytes(state, {"a.png": Note(True, False, "mine")}, (2.0, 0.25, 0.5), path))
    path.write_text(json.dumps({**document, **changes}))
    return path


def test_a_session_keeps_what_is_shown_also_what_a_restart_does_not(state, tmp_path) -> None:
    session = read_session(write(state, tmp_path / "s.vitinspect"))
    other = State()
    assert other.take_over(session.state) == []
    other.set(**session.momentary)
    for name in ("folder", "image", "target", "layers", "filter", "pinned"):
        assert getattr(other, name) == getattr(state, name)
    assert session.zoom == (2.0, 0.25, 0.5)
    assert session.notes == {"a.png": Note(True, False, "mine")}
    assert session.problems == []


def test_a_session_keeps_nothing_of_the_person(state, tmp_path) -> None:
    state.set(recent_folders=("/home/me/private",), recent_models=("secret.pth",))
    text = session_bytes(state, {}, None, tmp_path / "s.vitinspect").decode()
    assert "private" not in text
    assert "secret" not in text


def test_a_folder_that_moved_with_its_session_is_found(state, tmp_path) -> None:
    state.add_file(str(tmp_path / "data" / "maps" / "{picture}.npy"))
    write(state, tmp_path / "s.vitinspect")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "data").rename(moved / "data")
    (tmp_path / "s.vitinspect").rename(moved / "s.vitinspect")
    session = read_session(moved / "s.vitinspect")
    assert session.folder == str(moved / "data" / "images")
    assert session.state["image"] == str(moved / "data" / "images" / "a.png")
    assert session.state["layers"][-1]["path"] == str(moved / "data" / "maps" / "{picture}.npy")


def test_paths_follow_the_folder_that_the_person_finds(state, tmp_path) -> None:
    session = read_session(write(state, tmp_path / "s.vitinspect"))
    session.momentary["files"] = (str(tmp_path / "data" / "images" / "b.png"), "/other/c.png")
    move(session, "/new/images")
    assert session.folder == "/new/images"
    assert session.state["image"] == "/new/images/a.png"
    assert session.momentary["files"] == ("/new/images/b.png", "/other/c.png")


def test_a_file_that_is_not_a_session_is_refused_with_one_sentence(state, tmp_path) -> None:
    path = tmp_path / "s.vitinspect"
    good = json.loads(session_bytes(state, {}, None, path))
    cases = {
        b"": "not JSON",
        b"\xff\xfe\x00": "not JSON",
        b"[" * 100_000: "not JSON",
        b"[]": "not a session",
        b'{"vitinspect": "recipe"}': "not a session",
        json.dumps({**good, "version": VERSION + 1, "software": "vitinspect 9"}).encode(): "newer",
        json.dumps({**good, "version": "1"}).encode(): "never existed",
        json.dumps({**good, "state": []}).encode(): "no state",
    }
    for data, words in cases.items():
        path.write_bytes(data)
        with pytest.raises(DataError, match=words):
            read_session(path)
    with path.open("wb") as file:
        file.truncate(LARGEST + 10)
    with pytest.raises(DataError, match="too large"):
        read_session(path)
    with pytest.raises(DataError):
        read_session(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"momentary": 3, "notes": [], "view": "x", "beside": 5},
        {"momentary": {"files": [3], "filter": 7, "pinned": "ab", "image": "x"}, "notes": {"a": 3, "b": {"text": []}}},
        {"view": [float("nan"), 0, 0]},
        {"view": [1e9, 0, 0]},
        {"beside": "a\0b"},
    ],
)
def test_only_invalid_parts_are_left_out(state, tmp_path, changes) -> None:
    session = read_session(write(state, tmp_path / "s.vitinspect", **changes))
    assert session.zoom is None or "view" not in changes
    other = State()
    other.take_over(session.state)
    other.set(**session.momentary)
    assert other.image == state.image


def test_what_is_on_other_computers_is_left_out(state, tmp_path) -> None:
    state.add_file("\\\\server\\share\\map.npy")
    session = read_session(
        write(state, tmp_path / "s.vitinspect", momentary={"files": ["//server/share/a.png"], "filter": "x"})
    )
    assert [layer["kind"] for layer in session.state["layers"]] == ["map", "map"]
    assert session.momentary["files"] == ()
    assert len(session.problems) == 2
    assert is_elsewhere("\\\\a\\b")
    assert not is_elsewhere("/a/b")


def test_notes_are_added_only_where_there_are_none(state, tmp_path) -> None:
    session = read_session(write(state, tmp_path / "s.vitinspect"))
    assert notes_to_add(session, [("a.png", Note())]) == {"a.png": Note(True, False, "mine")}
    assert notes_to_add(session, [("a.png", Note(text="older"))]) == {}


# --- the end of the window before ---------------------------------------------------------------------------------


def test_a_window_that_did_not_end_properly_is_noticed_once_and_what_it_showed_is_kept(tmp_path) -> None:
    shown = tmp_path / "window.json"
    first = RunningMark(tmp_path, shown)
    assert not first.begin()
    shown.write_text("what was shown")
    first._stack.close()  # as when its process is killed: its lock is released, and its mark stays
    second = RunningMark(tmp_path, shown)
    assert second.begin()
    assert second.kept.read_text() == "what was shown"
    second.end()
    third = RunningMark(tmp_path, shown)
    assert not third.begin()
    third.end()


def test_a_second_window_at_the_same_time_is_not_taken_for_a_crash(tmp_path) -> None:
    shown = tmp_path / "window.json"
    shown.write_text("{}")
    first, second = RunningMark(tmp_path, shown), RunningMark(tmp_path, shown)
    assert not first.begin()
    assert not second.begin()
    second.end()
    first._stack.close()
    third = RunningMark(tmp_path, shown)
    assert third.begin(), "the second window has not removed the mark of the first"
    third.end()


FIGURE = {"rows": [{"image": "PICTURE"}], "columns": [{"method": "rollout"}, {"show": "picture"}]}


@pytest.mark.parametrize(
    "cell",
    [
        {"model": "hf-hub:somebody/else"},
        {"model": "/home/you/private.pth", "arch": "vit_tiny_patch16_224"},
        {"show": "table", "file": "/home/you/private.csv"},
        {"show": "ceiling", "file": "maps.json"},
        {"truth": "/home/you/mask.png"},
        {"image": "//other/share/p.png"},
        {"image": "\\\\other\\share\\p.png"},
    ],
)
@pytest.mark.parametrize("where", ["defaults", "cells", "rows"])
def test_a_figure_of_a_session_opens_nothing_but_its_pictures(state, tmp_path, cell, where) -> None:
    figure = json.loads(json.dumps(FIGURE).replace("PICTURE", str(tmp_path / "p.png")))
    if where == "rows":
        figure["rows"].append(cell)
    else:
        figure[where] = cell if where == "defaults" else {"a2": cell}
    path = write(state, tmp_path / "s.vitinspect")
    document = json.loads(path.read_text())
    document["state"]["figure"] = figure
    path.write_text(json.dumps(document))
    session = read_session(path)
    assert "figure" not in session.state
    assert any("figure" in problem for problem in session.problems)


@pytest.mark.parametrize("figure", [3, [], {"rows": []}, {"rows": [{"nothing": 1}]}, {"rows": [{"image": 3}]}])
def test_a_damaged_figure_is_left_out(state, tmp_path, figure) -> None:
    path = write(state, tmp_path / "s.vitinspect")
    document = json.loads(path.read_text())
    document["state"]["figure"] = figure
    path.write_text(json.dumps(document))
    assert "figure" not in read_session(path).state


def test_a_harmless_figure_is_restored_and_moves_with_the_folder(state, tmp_path) -> None:
    state.set(figure=json.loads(json.dumps(FIGURE).replace("PICTURE", str(Path(state.folder) / "p.png"))))
    session = read_session(write(state, tmp_path / "s.vitinspect"))
    assert session.state["figure"]["columns"][0]["method"] == "rollout"
    move(session, str(tmp_path / "elsewhere"))
    assert session.state["figure"]["rows"][0]["image"] == str(tmp_path / "elsewhere" / "p.png")
