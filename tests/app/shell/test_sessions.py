"""Sessions in the window: saved, opened by menu, drop and command line, and restored after a crash."""

from __future__ import annotations

import json
import shutil

from vitinspect.app.geometry import View
from vitinspect.app.main import make_backend
from vitinspect.app.shell import sessions
from vitinspect.app.shell.sessions import BEFORE, FILE, FOLDER, MODEL
from vitinspect.figures.specification import from_dict


def message_of(window, cause):
    return next((m.text for m in window.message.messages if m.cause == cause), "")


def test_a_session_is_saved_and_opened_again(shown, backend, settle, pictures, tmp_path, monkeypatch):
    state, path = backend.state, tmp_path / "mine"
    state.set(image=str(pictures / "picture 3.png"), target=(2,), fit="pad")
    state.add_map("attention_gradient")
    state.edit_layer(state.selected, opacity=0.3)
    backend.notes.set(str(pictures / "picture 2.png"), flagged=True, text="look")
    shown.canvas.show_view(View(3.0, 0.4, 0.6))
    monkeypatch.setattr(sessions.QFileDialog, "getSaveFileName", lambda *a, **k: (str(path), ""))
    shown.actions_["save_session"].trigger()
    layers, saved = state.layers, tmp_path / "mine.vitinspect"
    assert saved.is_file()
    state.set(image=str(pictures / "picture 1.png"), target=(), fit="crop", layers=(layers[0],))
    backend.notes.set(str(pictures / "picture 2.png"), flagged=False, text="")
    settle()
    shown.open_paths([str(saved)])
    settle()
    assert state.image == str(pictures / "picture 3.png")
    assert (state.target, state.fit, state.layers) == ((2,), "pad", layers)
    assert backend.notes.of(str(pictures / "picture 2.png")).text == "look"
    assert not shown.message.messages
    state.undo()
    assert len(state.layers) == 1, "the layers come in one step"


def test_a_session_keeps_the_named_layouts_of_its_pictures(shown, backend, settle, pictures, tmp_path):
    layouts = backend.figure_layouts
    mine = from_dict({"rows": [{"image": str(pictures / "picture 1.png")}], "columns": [{"method": "rollout"}]})
    other = from_dict({"rows": [{"image": "/elsewhere/a.png"}], "columns": [{"method": "rollout"}]})
    layouts.save("Teaser", mine)
    layouts.save("Of another project", other)
    saved = tmp_path / "mine.vitinspect"
    shown.sessions.save(str(saved))
    assert "elsewhere" not in saved.read_text()
    layouts.delete("Teaser")
    moved = tmp_path / "moved"
    shutil.copytree(pictures, moved / "images")
    document = json.loads(saved.read_text())
    shutil.move(pictures, tmp_path / "away")
    (moved / "mine.vitinspect").write_text(json.dumps({**document, "beside": "images"}))
    shown.open_paths([str(moved / "mine.vitinspect")])
    settle()
    assert layouts.open("Teaser").cell(0, 0).image == str(moved / "images" / "picture 1.png")
    assert not shown.message.messages
    # Opened again, it is there already; another figure of that name is not replaced.
    shown.sessions.open(str(moved / "mine.vitinspect"))
    assert len(layouts.all()) == 2
    layouts.save("Teaser", other)
    shown.sessions.open(str(moved / "mine.vitinspect"))
    assert layouts.open("Teaser") == other
    assert [one.name for one in layouts.all()] == ["Of another project", "Teaser", "Teaser 2"]


def test_layouts_of_a_strangers_session_name_no_model_and_no_other_computer(shown, backend, pictures, tmp_path):
    saved = tmp_path / "mine.vitinspect"
    shown.sessions.save(str(saved))
    document = json.loads(saved.read_text())
    row = {"rows": [{"image": str(pictures / "picture 1.png")}]}
    document["layouts"] = {
        "hub": {**row, "columns": [{"method": "rollout", "model": "hf-hub:somebody/something"}]},
        "share": {**row, "columns": [{"map_file": "\\\\elsewhere\\share\\m.npy"}]},
        "table": {**row, "columns": [{"show": "table", "file": "/etc/passwd"}]},
        "broken": [1, 2],
        "good": {**row, "columns": [{"method": "rollout"}]},
    }
    saved.write_text(json.dumps(document))
    shown.sessions.open(str(saved))
    assert [one.name for one in backend.figure_layouts.all()] == ["good"]
    said = message_of(shown, "session: parts")
    for name in ("hub", "share", "table", "broken"):
        assert f"'{name}'" in said


def test_a_session_without_its_folder_asks_for_it(shown, backend, settle, pictures, tmp_path, monkeypatch):
    backend.state.set(image=str(pictures / "picture 2.png"))
    (tmp_path / "one").mkdir()
    shown.sessions.save(str(tmp_path / "one" / "s.vitinspect"))
    shutil.move(pictures, tmp_path / "gone")
    backend.state.set(folder=str(tmp_path), image="")
    settle()
    shown.sessions.open(str(tmp_path / "one" / "s.vitinspect"))
    assert "no longer exists" in message_of(shown, FOLDER)
    monkeypatch.setattr(sessions.QFileDialog, "getExistingDirectory", lambda *a, **k: str(tmp_path / "gone"))
    shown.message.lines[FOLDER].action.click()
    settle()
    assert backend.state.image == str(tmp_path / "gone" / "picture 2.png")


def test_a_strangers_session_loads_no_model_unasked(shown, backend, settle, pictures, tmp_path):
    path = tmp_path / "s.vitinspect"
    shown.sessions.save(str(path))
    document = json.loads(path.read_text())
    document["state"]["model"] = "hf-hub:somebody/something"
    document["state"]["slot_b"] = {"model": "hf-hub:somebody/other", "target": []}
    path.write_text(json.dumps(document))
    shown.sessions.open(str(path))
    settle()
    assert backend.state.model == "demo"
    assert backend.state.slot_b is None
    assert "hf-hub:somebody/something" in message_of(shown, MODEL)
    shown.message.lines[MODEL].action.click()
    settle()
    assert backend.state.model == "hf-hub:somebody/something"


def test_a_figure_in_a_strangers_session_names_no_model_that_would_be_fetched(shown, backend, pictures, tmp_path):
    path = tmp_path / "s.vitinspect"
    shown.sessions.save(str(path))
    document = json.loads(path.read_text())
    figure = {"rows": [{"image": "a.png"}], "columns": [{"method": "rollout", "model": "hf-hub:somebody/something"}]}
    document["state"]["figure"] = figure
    document["state"]["run"] = "//server/share/run"
    path.write_text(json.dumps(document))
    shown.sessions.open(str(path))
    assert not backend.state.figure
    assert not backend.state.run
    assert "The figure is left out" in message_of(shown, "session: parts")


def test_a_damaged_session_changes_nothing(shown, backend, tmp_path):
    before = backend.state.to_json()
    (tmp_path / "s.vitinspect").write_text("{")
    shown.open_paths([str(tmp_path / "s.vitinspect")])
    assert "damaged" in message_of(shown, FILE)
    assert backend.state.to_json() == before


def test_a_note_of_a_session_is_written_for_no_picture_outside_of_the_folder(shown, backend, pictures, tmp_path):
    path = tmp_path / "s.vitinspect"
    shown.sessions.save(str(path))
    document = json.loads(path.read_text())
    document["notes"] = {"../other/a.png": {"text": "x"}, "/etc/b.png": {"text": "y"}, "picture 1.png": {"text": "z"}}
    path.write_text(json.dumps(document))
    shown.sessions.open(str(path))
    assert backend.notes.of(str(pictures / "picture 1.png")).text == "z"
    assert backend.notes.of(str(pictures.parent / "other" / "a.png")).text == ""
    assert backend.notes.of("/etc/b.png").text == ""


def test_a_session_on_the_command_line_is_opened(home, loader, tmp_path, qapp):
    path = tmp_path / "s.VITINSPECT"
    path.write_text("{}")
    made, _ = make_backend(str(path), None, True, loader=loader)
    try:
        assert made.file_to_open == str(path)
    finally:
        assert made.close(10)
        made.deleteLater()


def test_what_was_shown_before_a_crash_is_restored_when_the_person_agrees(shown, backend, settle, tmp_path):
    kept = tmp_path / "window.before.json"
    before = json.loads(backend.state.to_json())
    kept.write_text(json.dumps({"version": 2, "state": {**before, "fit": "squash", "opacity": 0.2}}))
    shown.sessions.offer(kept)
    assert backend.state.fit == "crop"
    assert "did not end properly" in message_of(shown, BEFORE)
    shown.message.lines[BEFORE].action.click()
    assert backend.state.fit == "squash"
    assert not message_of(shown, BEFORE)
