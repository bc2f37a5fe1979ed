"""Two models over the folder: computed after all else, kept by address, cancelled and continued."""

from __future__ import annotations

import pytest

from tests.app.services.test_second_slot import compare, second  # noqa: F401
from vitinspect.app.compute.worker import RANKS, Problem
from vitinspect.app.services.over_folder import FolderComparison, FolderPart
from vitinspect.app.session import layers as layering
from vitinspect.evaluation.two_models import Fusion, Journal, Row

PICTURES = [f"/pictures/{name}.png" for name in "abc"]


@pytest.fixture
def service(bench, home, second):  # noqa: F811
    made = FolderComparison(
        bench.state, bench.results, second, bench.pool, bench.worker, bench.problems, lambda: list(PICTURES)
    )
    compare(bench, second)
    made.want()
    bench.pool.run()
    yield made
    made.close()


def answer(bench, service, *rows):
    number, work = bench.worker.last("folder")
    for row in rows:
        bench.worker.part.emit(number, FolderPart(work._address, row))
    return number


def test_it_is_less_urgent_than_all_that_is_on_screen():
    assert all(RANKS["folder"] > RANKS[kind] for kind in ("explain", "explain_b", "attention", "scores", "network"))


def test_nothing_is_computed_before_somebody_asks(bench, service):
    assert "folder" not in bench.worker.alive.values()
    assert service.why_not == ""
    assert service.rows == []


def test_each_picture_is_asked_about_with_both_models_and_their_settings(bench, second, service):  # noqa: F811
    second.state.set(fit="pad", target=(2,))
    service.compute()
    _, work = bench.worker.last("folder")
    assert list(work._pictures) == PICTURES
    settings = work._address.settings
    assert (settings["a"]["model"], settings["b"]["model"]) == ("f1", "f2")
    assert (settings["a"]["fit"], settings["b"]["fit"]) == ("crop", "pad")
    assert settings["a"]["method"] == "rollout"
    assert (settings["a"]["target"], settings["b"]["target"]) == ("None", "2")


def test_rows_come_one_by_one_and_stay_after_a_cancel(bench, service):
    service.compute()
    assert service.running
    answer(bench, service, Row(PICTURES[0], "ant", "ant"))
    service.cancel()
    assert not service.running
    assert [row.picture for row in service.rows] == PICTURES[:1]
    service.compute()
    _, work = bench.worker.last("folder")
    assert list(work._pictures) == PICTURES[1:], "it continues where it was"


def test_rows_of_other_settings_are_not_shown(bench, service):
    service.compute()
    _, work = bench.worker.last("folder")
    bench.state.set(target=(1,))
    bench.worker.part.emit(99, FolderPart(work._address, Row(PICTURES[0])))
    assert service.rows == []
    assert not service.running, "what is no longer wanted is stopped"


def test_what_an_earlier_session_computed_is_shown_at_once(bench, service, tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"picture")
    address = service._address
    journal = Journal(address.journal, address.settings)
    journal.add(Row(str(path), "ant", "bee"))
    journal.close()
    service._pictures = lambda: [str(path)]
    bench.state.set(target=(1,))
    bench.state.set(target=())
    bench.pool.run()
    assert [row.label_b for row in service.rows] == ["bee"]


def test_a_fused_layer_is_compared_as_it_is_fused(bench, service):
    bench.state.set(methods=("rollout", "legrad"), fusion=True, selected="fused")
    bench.state.edit("Weight", layering.set_weight(bench.state.layers, "fused", "legrad", 0.5))
    bench.state.edit_layer("fused", "mode", fusion_mode="harmonic", normalisation="rank")
    assert service.why_not == ""
    service.compute()
    side = bench.worker.last("folder")[1]._address.sides[0]
    assert [method.id for method in side.methods] == ["rollout", "legrad"]
    assert side.fusion == Fusion((1.0, 0.5), "harmonic", "rank")
    before = service._address.settings
    bench.state.edit_layer("fused", "mode", fusion_mode="max")
    assert service._address.settings != before, "rows of another fusion are other rows"


def test_a_table_that_cannot_be_written_is_said(bench, service, tmp_path):
    (tmp_path / "file").write_text("in the way")
    service.save(str(tmp_path / "file" / "table.csv"), "spearman")
    assert "folder comparison" in bench.problems.current
    service.save(str(tmp_path / "table.csv"), "spearman")
    assert (tmp_path / "table.csv").read_text().startswith("picture,")


def test_it_says_why_nothing_can_be_compared(bench, service):
    file = bench.state.add_file("/maps/a.npy", "/pictures/a.png")
    assert bench.state.selected == file
    assert "only methods and fusions of them are compared; the layer of A is neither" in service.why_not
    bench.state.edit("None", layering.remove(bench.state.layers, "rollout", file))
    assert "no layer" in service.why_not
    service._pictures = list
    assert "no pictures" in service.why_not


def test_a_failure_is_reported_and_cleared_by_the_next_try(bench, service):
    service.compute()
    bench.worker.fail(bench.worker.last("folder")[0], Problem("The disk is full.", "", True))
    assert bench.problems.current["folder comparison"].message == "The disk is full."
    assert not service.running
    service.compute()
    assert "folder comparison" not in bench.problems.current
