"""What is shown is saved while the person works, whole, and an older state never replaces a newer one."""

from __future__ import annotations

import json

import pytest

from vitinspect.app.session.saving import VERSION, SavedSession
from vitinspect.app.session.state import State
from vitinspect.json_files import read_json


@pytest.fixture
def saved(qapp, tmp_path):
    jobs = []
    made = SavedSession(State(), lambda: tmp_path / "window.json", jobs.append)
    made.jobs, made.path = jobs, tmp_path / "window.json"
    made.enabled = True
    made._soon.setInterval(10)
    yield made
    made.close()


def written(saved):
    return json.loads(saved.path.read_text())["state"]


def test_changes_are_saved_by_themselves_and_many_of_them_at_once(saved, qtbot):
    for swipe in (0.1, 0.2, 0.3):
        saved._state.set(swipe=swipe)
    qtbot.waitUntil(lambda: bool(saved.jobs), timeout=2000)
    qtbot.wait(30)
    assert len(saved.jobs) == 1
    saved.jobs[0]()
    assert written(saved)["swipe"] == 0.3


def test_a_layout_is_saved_while_the_person_works(saved, qtbot):
    saved.keep_layout({"frame": {"left": True}})
    qtbot.waitUntil(lambda: bool(saved.jobs), timeout=2000)
    saved.jobs[0]()
    assert json.loads(saved.path.read_text())["layout"] == {"frame": {"left": True}}


def test_a_late_writer_does_not_restore_an_older_state(saved, qtbot):
    saved._state.set(swipe=0.1)
    qtbot.waitUntil(lambda: bool(saved.jobs), timeout=2000)
    saved._state.set(swipe=0.9)
    saved.save()
    saved.jobs[0]()
    assert written(saved)["swipe"] == 0.9


def test_nothing_is_written_before_the_first_paint_or_after_the_end(saved, qtbot):
    saved.close()
    saved._state.set(swipe=0.1)
    qtbot.wait(40)
    assert saved.jobs == []


def test_layers_are_restored(saved):
    saved._state.add_map("rollout", {"start_layer": 1})
    saved.layout = {"geometry": "here"}
    saved.save()
    other = SavedSession(State(), lambda: saved.path, list)
    assert other.restore(read_json) == []
    assert other._state.layers == saved._state.layers
    assert other.layout == {"geometry": "here"}


def test_a_file_of_the_earlier_version_is_read(saved):
    saved.path.write_text(json.dumps({"state": {"methods": ["legrad"], "opacity": 0.2}, "layout": {}}))
    assert saved.restore(read_json) == []
    assert [layer.id for layer in saved._state.layers] == ["legrad"]
    assert saved._state.layers[0].opacity == 0.2


def test_a_file_of_a_newer_version_is_ignored_with_a_sentence(saved):
    saved.path.write_text(json.dumps({"version": VERSION + 1, "state": {"layout": "grid"}}))
    (problem,) = saved.restore(read_json)
    assert "newer version" in problem
    assert saved._state.layout == "single"
