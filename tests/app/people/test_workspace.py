"""The People workspace as a person uses it: evaluate the folder, read the figures, open pictures, rank the fusions."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from vitinspect.annotation.ceiling_figure import Point
from vitinspect.annotation.gather import gather
from vitinspect.app.session import layers as layering
from vitinspect.evaluation.among_people import SavedMaps, among_people
from vitinspect.figures.differences import FALSE_ALARM, HIT

WHO = ("ann", "ben", "cem")
WAITING = """
import sys, time
try:
    print("going", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def annotated(pictures: Path) -> Path:
    """Six pictures; three people drew boxes on five of them."""
    root = pictures.parent / "set"
    root.mkdir()
    pictures.rename(root / "images")
    for number, path in enumerate(sorted((root / "images").iterdir())[:5]):
        with Image.open(path) as image:
            width, height = image.size
        for shift, who in enumerate(WHO):
            values = np.zeros((height, width), np.uint8)
            values[8 + shift : 40, 10 + number : 44 + shift] = 255
            target = root / "masks" / who / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(target)
    return root


@pytest.fixture
def opened(window, backend, annotated, qtbot):
    """The window in the workspace, with two methods and their fusion, and nothing evaluated."""
    backend.state.set(folder=str(annotated / "images"), methods=("rollout", "legrad"), fusion=True)
    backend.coordinator.start()
    qtbot.waitUntil(lambda: len(backend.results.all_maps) == 3 and not backend.results.pending, timeout=30_000)
    backend.state.set(workspace="people")
    qtbot.waitUntil(lambda: backend.people.found is not None)
    return window


def evaluate(backend, tiny) -> None:
    """What the command of the window does, with the model of the tests."""
    from vitinspect.cli.evaluate import add_arguments, make_plan
    from vitinspect.evaluation.runner import run

    settings = backend.people.settings()
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    arguments = parser.parse_args(shlex.split(settings.command)[2:])
    run(make_plan(arguments, tiny), tiny, settings.folder, save=("maps",))


@pytest.fixture
def evaluated(opened, backend, tiny, qtbot):
    evaluate(backend, tiny)
    backend.people.follow()
    qtbot.waitUntil(lambda: backend.people.found is not None and backend.people.found.among is not None, timeout=20_000)
    return opened


def view_of(window):
    return window.view_in("people")


def panel_of(window):
    return window.properties.part("people")


def test_before_an_evaluation_the_window_says_what_it_needs(opened, backend):
    view, panel = view_of(opened), panel_of(opened)
    assert "3 people drew masks here" in view.empty.sentence.text()
    assert [b.text() for b in view.empty.buttons] == ["Evaluate this folder"]
    assert panel.done.text() == "not started"
    assert not panel.rank.isEnabled()
    panel.copy.click()
    command = QGuiApplication.clipboard().text()
    assert command.startswith("vitinspect evaluate ")
    assert "--methods rollout,legrad" in command
    assert f"--out {backend.people.settings().folder}" in command


def test_a_model_with_options_is_evaluated_with_them(opened, backend):
    from vitinspect.cli.evaluate import add_arguments

    line = "weights.pth --arch vit_tiny_patch16_224 --head 'my head.pth' --head-name one --image-size 64x96"
    backend.state.set(model=line)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    found = parser.parse_args(shlex.split(backend.people.settings().command)[2:])
    assert (found.model, found.arch, str(found.head), found.head_name) == (
        "weights.pth",
        "vit_tiny_patch16_224",
        "my head.pth",
        "one",
    )
    assert (found.image_size, found.random) == (parser.parse_args(["x", "--image-size", "64x96"]).image_size, False)
    backend.state.set(model="random:vit_tiny_patch16_224")
    found = parser.parse_args(shlex.split(backend.people.settings().command)[2:])
    assert (found.model, found.random) == ("vit_tiny_patch16_224", True)


def test_what_cannot_be_evaluated_is_said_with_its_reason(opened, backend):
    view = view_of(opened)
    backend.state.set(model="clip --text 'a leaf'")
    assert backend.people.settings() is None
    assert "whose classes are texts cannot be evaluated" in view.sentence.text()
    backend.state.set(model="demo", target=(0, 1))
    assert "a contrast of two cannot be evaluated" in view.sentence.text()
    assert not view.evaluate.isVisibleTo(view)


def test_an_agreement_without_text_asks_for_no_negative_height(opened, qtlog):
    view = view_of(opened)
    view.reliability.clear()
    view._arrange()
    assert not [record for record in qtlog.records if "Negative" in record.message]


def test_before_an_evaluation_the_people_are_compared_with_each_other(opened, backend, annotated):
    import vitinspect as vi

    view = view_of(opened)
    plain = vi.agreement(gather([annotated]).masks)
    assert view.split.isVisibleTo(view)
    assert view.evaluate.isVisibleTo(view)
    assert not view.pictures.isVisibleTo(view)
    np.testing.assert_allclose(view.matrix._values, plain.matrix("dice"))
    assert [point.name for point in view.ceiling.points] == list(WHO)
    rows = {row.name: row for row in view.table.pictures.rows}
    assert len(rows) == 5
    for image, picture in plain.pictures.items():
        row = rows[Path(image).stem]
        assert row.values["people"] == pytest.approx(1 - picture.disagreement)
        assert Path(row.id).is_file()
    view.table.chosen.emit(rows["picture 2"].id if "picture 2" in rows else view.table.pictures.rows[1].id)
    assert Path(backend.state.image).is_file()


def test_another_folder_is_read_again(evaluated, backend, tmp_path, qtbot):
    bare = tmp_path / "bare"
    bare.mkdir()
    Image.new("RGB", (40, 40)).save(bare / "p.png")
    backend.state.set(folder=str(bare))
    assert backend.people.found is None
    qtbot.waitUntil(lambda: backend.people.found is not None)
    assert "no masks of people" in view_of(evaluated).empty.sentence.text()
    assert view_of(evaluated).empty.isVisibleTo(view_of(evaluated))
    assert not panel_of(evaluated).picture.isVisible()


def test_masks_that_started_from_a_map_are_included_only_on_request(evaluated, backend, annotated, qtbot):
    facts = {"vitinspect": "mask", "status": "done", "origin": {"blind": True, "started_from": "map rollout"}}
    for path in (annotated / "masks").rglob("*.png"):
        path.with_name(path.stem + ".mask.json").write_text(json.dumps(facts))
    backend.people.follow()
    view = view_of(evaluated)
    qtbot.waitUntil(lambda: "There are no masks" in view.empty.sentence.text())
    (include,) = view.empty.buttons
    assert panel_of(evaluated).left_out.text() == "15 left out: they started from a map."
    include.click()
    qtbot.waitUntil(lambda: len(view.table.pictures.rows) == 5, timeout=20_000)
    assert panel_of(evaluated).include.text() == "Leave them out"


def test_table_and_sentence_are_those_of_the_command_line(evaluated, backend):
    view = view_of(evaluated)
    settings = backend.people.settings()
    plain = among_people(SavedMaps(settings.folder, gather([settings.data]).masks), backend.people.candidates())
    ceiling = plain.ceiling()
    assert view.sentence.text() == ceiling.sentence("Rollout")
    rows = {row.name: row for row in view.table.pictures.rows}
    assert len(rows) == 5
    for number, one in enumerate(plain.pictures):
        row = rows[one.path.stem]
        assert row.values["people"] == pytest.approx(ceiling.people_by_picture[number])
        for name in plain.maps:
            expected = np.mean([one.maps[name][who]["dice"] for who in WHO])
            assert row.values[f"map {name}"] == pytest.approx(expected)
        assert row.values["who ben"] == one.maps["Rollout"]["ben"]["dice"]
    assert [p.name for p in view.ceiling.points] == [*WHO, "Rollout", "LeGrad", "Rollout × LeGrad"]
    assert len(view.scatter.dots) == 5
    assert panel_of(evaluated).done.text() == "6 of 6"


def test_the_picture_is_painted_with_hits_and_misses_of_the_selected_layer(evaluated, backend, qtbot):
    one = backend.people.found.among.pictures[2]
    view_of(evaluated).scatter.chosen.emit(str(one.path))
    assert backend.state.image == str(one.path)
    qtbot.waitUntil(lambda: backend.people.detail is not None)
    first = backend.people.detail
    hits, alarms = int((first.kinds == HIT).sum()), int((first.kinds == FALSE_ALARM).sum())
    assert hits / (hits + alarms) == pytest.approx(one.maps["Rollout"]["majority"]["precision"])
    assert panel_of(evaluated).picture.image is not None
    backend.people.set_against("cem")
    qtbot.waitUntil(lambda: backend.people.detail is not None and backend.people.detail is not first)
    kinds = backend.people.detail.kinds
    hits, alarms = int((kinds == HIT).sum()), int((kinds == FALSE_ALARM).sum())
    assert hits / (hits + alarms) == pytest.approx(one.maps["Rollout"]["cem"]["precision"])
    assert "against cem" in panel_of(evaluated).why.text()


def test_a_click_on_a_map_selects_its_layer_and_the_sentence_follows(evaluated, backend, qtbot):
    view = view_of(evaluated)
    view.ceiling.chosen.emit("LeGrad")
    assert backend.state.selected == "legrad"
    assert view.sentence.text().startswith(("LeGrad", "Whether LeGrad"))
    view.scope.chosen.emit(True)
    assert "On this picture LeGrad" in view.sentence.text()
    backend.state.set(image=str(Path(backend.state.folder) / "picture 6.png"))
    assert "no masks" in view.sentence.text()


def test_another_threshold_is_compared_again(evaluated, backend, qtbot):
    before = backend.people.found.among.means("Rollout")["ann"]["recall"]
    backend.state.edit_layer("rollout", threshold_mode="top_fraction", threshold_value=0.9)
    qtbot.waitUntil(lambda: backend.people.found.among.means("Rollout")["ann"]["recall"] > before, timeout=20_000)
    assert evaluated.contexts["people"].cutting.value == "top_fraction"


def ranked(backend, qtbot):
    """The ranking, when it is there."""
    qtbot.waitUntil(
        lambda: backend.people.ranking.found is not None and not backend.people.ranking.running, timeout=20_000
    )
    return backend.people.ranking.found


def test_fusions_are_ranked_and_the_winner_becomes_the_selected_layer(evaluated, backend, qtbot):
    panel = panel_of(evaluated)
    assert panel.rank.isEnabled()
    panel.rank.click()
    found = ranked(backend, qtbot)
    tab = evaluated.bottom_of("people").stack.currentWidget()
    assert backend.state.plots
    assert "The best of many is partly best by chance" in tab.notice.text()
    assert "Chosen by the other people on the other pictures (nested)" in tab.notice.text()
    winner = found.candidates[found.winner]
    backend.state.edit("remove", layering.remove(backend.state.layers, "fused"))
    tab.apply.click()
    assert set(dict(backend.people._keys(backend.state.selected_layer))) == set(winner.keys)
    written = Path(backend.state.folder).parent / "ranking.csv"
    backend.people.ranking.export(str(written))
    assert winner.name in written.read_text()


def test_a_ranking_is_shown_for_its_own_run_alone(evaluated, backend, qtbot):
    panel_of(evaluated).rank.click()
    found = ranked(backend, qtbot)
    tab = evaluated.bottom_of("people").stack.currentWidget()
    backend.state.set(fit="squash")
    assert backend.people.ranking.found is None
    assert "Nothing is ranked yet" in tab.notice.text()
    assert not tab.apply.isEnabled()
    backend.state.set(fit="crop")
    assert backend.people.ranking.found is found
    assert "The best of many" in tab.notice.text()


def test_a_ranking_by_another_score_with_thresholds_and_weights_is_that_of_the_command(
    evaluated, backend, qtbot, capsys
):
    from vitinspect.cli import main

    panel_of(evaluated).rank.click()
    ranked(backend, qtbot)
    tab = evaluated.bottom_of("people").stack.currentWidget()
    tab.score.chosen.emit("f1")
    tab.thresholds.setText("mean, top_fraction=0.3")
    tab.thresholds.editingFinished.emit()
    tab.fuse.chosen.emit("harmonic")
    tab.normalise.chosen.emit("rank")
    tab.weights.chosen.emit(True)
    before = backend.people.ranking.found
    tab.rank.click()
    qtbot.waitUntil(lambda: backend.people.ranking.found is not before, timeout=20_000)
    found = backend.people.ranking.found
    tab.copy.click()
    command = shlex.split(QGuiApplication.clipboard().text())
    assert command[:2] == ["vitinspect", "rank"]
    assert main(command[1:]) == 0
    said = json.loads((backend.people.settings().folder / "rank.json").read_text())
    assert said["score"] == "f1"
    assert [one["name"] for one in said["candidates"]] == [one.name for one in found.candidates]
    assert [one["mean"] for one in said["candidates"]] == pytest.approx([mean.value for mean in found.means])
    assert "\n".join(said["sentences"]) == tab.notice.text()
    tab.apply.click()
    layer, winner = backend.state.selected_layer, found.candidates[found.winner]
    assert (layer.threshold_mode, dict(winner.cutting[1]).get("fraction", 0.5)) == (
        winner.cutting[0],
        layer.threshold_value if winner.cutting[1] else 0.5,
    )
    if winner.ways > 1:
        assert (layer.fusion_mode, layer.normalisation) == ("harmonic", "rank")
        weights = [member.weight for member in layer.members]
        assert weights == [weight / max(winner.weights) for weight in winner.weights]
    count = len(backend.state.layers)
    tab.apply.click()
    assert len(backend.state.layers) == count


def test_an_unknown_threshold_is_refused_with_a_sentence(evaluated, backend, qtbot):
    panel_of(evaluated).rank.click()
    ranked(backend, qtbot)
    tab = evaluated.bottom_of("people").stack.currentWidget()
    tab.thresholds.setText("otsu, much")
    tab.thresholds.editingFinished.emit()
    tab.rank.click()
    assert "A threshold is one of" in backend.problems.current["ranking of fusions"].message
    tab.thresholds.setText("otsu")
    tab.thresholds.editingFinished.emit()
    tab.rank.click()
    qtbot.waitUntil(lambda: "ranking of fusions" not in backend.problems.current, timeout=20_000)


def test_the_matrix_shows_any_measure_in_frame_and_box_as_agree_gives_it(evaluated, backend, annotated):
    import vitinspect as vi

    view = view_of(evaluated)
    plain = vi.agreement(gather([annotated]).masks)
    for measure, region in (("dice", "frame"), ("kappa", "box"), ("recall", "frame"), ("hd95_max", "frame")):
        view.region.set_value(region)
        view.measure.set_value(measure)
        view.measure.chosen.emit(measure)
        np.testing.assert_allclose(view.matrix._values, plain.matrix(measure, region))
        assert view.region.isVisibleTo(view) == (measure == "kappa"), "no control that the matrix ignores"
    assert f"Fleiss' kappa {plain.fleiss['frame']:.2f} (box {plain.fleiss['box']:.2f})" in view.reliability.text()


def test_selected_pictures_have_their_means_and_are_exported(evaluated, backend, qtbot, tmp_path, monkeypatch):
    view = view_of(evaluated)
    rows = view.table.pictures.rows
    view.table._select([rows[0].id, rows[2].id])
    view.table.selection_changed.emit()
    mean = np.mean([row.values["people"] for row in (rows[0], rows[2])])
    assert view.counted.text().startswith(f"2 selected: people {mean:.2f}, Rollout ")
    assert view.scatter.selected == {rows[0].id, rows[2].id}
    target = tmp_path / "chosen.csv"
    monkeypatch.setattr("PySide6.QtWidgets.QFileDialog.getSaveFileName", lambda *a, **k: (str(target), ""))
    view.export.click()
    lines = target.read_text().splitlines()
    assert lines[0].startswith("Picture,People,Gap,Rollout")
    assert [line.split(",")[0] for line in lines[1:]] == [rows[0].name, rows[2].name]
    assert float(lines[1].split(",")[1]) == rows[0].values["people"]


def click(view, row, modifier=Qt.KeyboardModifier.NoModifier):
    place = view.table.visualRect(view.table.pictures.index(row, 0)).center()
    QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, modifier, place)


def test_several_pictures_are_selected_with_ctrl_and_shift(evaluated, backend):
    view = view_of(evaluated)
    rows = view.table.pictures.rows
    click(view, 0)
    assert backend.state.image == rows[0].id
    click(view, 2, Qt.KeyboardModifier.ControlModifier)
    assert [row.id for row in view.table.chosen_rows()] == [rows[0].id, rows[2].id]
    assert backend.state.image == rows[2].id, "the last one that was clicked is shown"
    assert view.scatter.selected == {rows[0].id, rows[2].id}
    click(view, 4, Qt.KeyboardModifier.ShiftModifier)
    assert [row.id for row in view.table.chosen_rows()] == [rows[0].id, *(row.id for row in rows[2:5])]
    click(view, 3, Qt.KeyboardModifier.ControlModifier)
    assert [row.id for row in view.table.chosen_rows()] == [rows[0].id, rows[2].id, rows[4].id]
    click(view, 1)
    assert [row.id for row in view.table.chosen_rows()] == [rows[1].id]


def test_hovering_over_the_scatter_shows_the_picture(evaluated, backend, qtbot):
    view = view_of(evaluated)
    dot = view.scatter.dots[0]
    view.scatter.tip(dot)
    qtbot.waitUntil(lambda: "<img src=" in view.scatter.tip(dot))
    assert f"{dot.name}<br>People {dot.x:.2f}<br>" in view.scatter.tip(dot)


def test_the_axis_of_a_fused_map_is_its_layers_number_where_its_name_is_long(evaluated, backend, qtbot):
    view = view_of(evaluated)
    fused = backend.state.layers[-1] if backend.state.layers[-1].kind == "fused" else backend.state.layer("fused")
    backend.state.set(selected=fused.id)
    name = backend.people.chosen
    view.up.set_value(f"map {name}")
    view.up.chosen.emit(view.up.value)
    assert len(name) > 12
    assert view.scatter._labels == ("People", f"Layer {backend.state.number(fused.id)}")
    assert view.up.currentText() == name, "the list has the whole name"


def test_all_rows_of_the_matrix_are_in_sight_in_a_small_window_with_the_ranking_open(evaluated, backend):
    evaluated.resize(1280, 800)
    evaluated.open_tab("people-ranking")
    QApplication.processEvents()
    view = view_of(evaluated)
    view.matrix.set_values("abcde", np.eye(5).tolist(), last=("Others", [0.5] * 5))
    view.matrix_area.setMinimumHeight(view.matrix.minimumSizeHint().height())
    view._set_points([Point(f"row {i}", 0.5, 0.4, 0.6, i < 5) for i in range(9)], "bars")
    text = "Fleiss' kappa 0.95 (box 0.91), Krippendorff's alpha 0.95 (box 0.92). "
    view.reliability.setText(text + "Mean over 30 pictures that two people or more drew.")
    view._arrange()
    for _ in range(4):  # a size that is asked for goes up through the layouts one by one
        QApplication.processEvents()
    last = view.matrix.cell(4, 4)
    assert last.bottom() <= view.matrix_area.viewport().height()
    assert view.matrix.mapTo(view.below, last.bottomLeft()).y() < view.below.height()
    assert last.height() >= 18
    assert evaluated.height() == 800


def test_an_evaluation_is_started_watched_and_stopped(opened, backend, qtbot):
    people, panel = backend.people, panel_of(opened)
    people.process.program = (sys.executable, "-c", WAITING)
    panel.begin.click()
    qtbot.waitUntil(lambda: "going" in people.process.output, timeout=20_000)
    assert panel.halt.isEnabled()
    assert not panel.begin.isEnabled()
    panel.halt.click()
    assert panel.done.text() == "cancelling"
    qtbot.waitUntil(lambda: not people.process.running, timeout=20_000)
    assert not backend.problems.current
    qtbot.waitUntil(lambda: panel.begin.isEnabled())


def test_an_evaluation_stops_also_where_the_window_ignores_interrupts(opened, backend, qtbot):
    """As a window does that a script started in the background."""
    people, panel = backend.people, panel_of(opened)
    people.process.program = (sys.executable, "-c", WAITING)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        panel.begin.click()
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        qtbot.waitUntil(lambda: "going" in people.process.output, timeout=20_000)
        panel.halt.click()
        qtbot.waitUntil(lambda: not people.process.running, timeout=20_000)
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_error_that_ended_an_evaluation_is_reported(opened, backend, qtbot):
    people = backend.people
    people.process.program = (sys.executable, "-c", "import sys; sys.exit('the disk is full')")
    people.start()
    qtbot.waitUntil(lambda: not people.process.running, timeout=20_000)
    qtbot.waitUntil(lambda: people._asked is None)
    assert backend.problems.current["evaluation of the folder"].message == "the disk is full"


def test_closing_the_window_ends_the_evaluation(opened, backend, qtbot):
    people = backend.people
    people.process.program = (sys.executable, "-c", "import time; print('going', flush=True); time.sleep(60)")
    people.start()
    qtbot.waitUntil(lambda: "going" in people.process.output, timeout=20_000)
    assert backend.close(10)
    assert not people.process.running


def test_where_people_differ_is_painted_on_the_picture(evaluated, backend, qtbot):
    one = backend.people.found.among.pictures[1]
    backend.state.set(image=str(one.path))
    qtbot.waitUntil(lambda: backend.people.detail is not None)
    panel, detail = panel_of(evaluated), backend.people.detail
    hits = panel.picture.image
    panel.what.chosen.emit(True)
    assert panel.picture.image != hits
    assert panel.scale.text().startswith("Bright: people differ. 3 people, mean Dice 0.")
    assert not panel.legend.isVisibleTo(panel)
    assert detail.disagreement.max() == pytest.approx(2 / 3)
    painted = detail.disagreement_painted()
    np.testing.assert_array_equal(painted[detail.disagreement == 0], detail.picture[detail.disagreement == 0])
    assert (painted != detail.picture).any(2)[detail.disagreement > 0].mean() > 0.9


def test_every_statistic_of_a_layer_is_in_the_tab(evaluated, backend, qtbot):
    from vitinspect.evaluation.among_people import STATISTICS

    evaluated.open_tab("people-scores")
    tab = evaluated.bottom_of("people").stack.currentWidget()
    one = backend.people.found.among.pictures[0]
    backend.state.set(image=str(one.path))
    qtbot.waitUntil(lambda: backend.people.detail is not None)

    def texts(row: int) -> list[str]:
        return [tab.table.itemAtPosition(row, column).widget().text() for column in range(1 + len(STATISTICS))]

    assert texts(0)[1:] == list(STATISTICS.values())
    expected = [one.maps["Rollout"]["ann"][key] for key in STATISTICS]
    assert [float(text) for text in texts(1)[1:]] == pytest.approx(expected, abs=6e-4, rel=6e-3)
    assert texts(4)[0] == "majority (consensus)"
    tab.scope.chosen.emit(False)
    means = backend.people.found.among.means("Rollout")["ann"]
    assert float(texts(1)[1]) == pytest.approx(means["dice"], abs=6e-4)


def test_the_table_replaces_the_list_of_pictures(evaluated, backend):
    frame = evaluated.frame
    assert not frame.left.isVisibleTo(frame)
    assert not frame.film.isVisibleTo(frame)
    frame.toggle_left()
    assert frame.left.isVisibleTo(frame) or frame.film.isVisibleTo(frame)
    frame.toggle_left()
    backend.state.set(workspace="inspect")
    assert frame.left.isVisibleTo(frame) or frame.film.isVisibleTo(frame)
