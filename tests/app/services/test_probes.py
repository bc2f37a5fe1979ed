"""A head is trained by the command itself; what it prints and writes is shown, and the head is offered."""

from __future__ import annotations

import argparse
import json
import sys

import pytest

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.services.probes import ProbeService, ProbeTask
from vitinspect.app.session.state import State
from vitinspect.cli import probe as command

WRITES = """
import json, sys, time
out = sys.argv[1]
print("features of train  8/32 pictures  4.0/s  ETA 0:06", flush=True)
time.sleep(0.2)
measured = {"count": 4, "top1": 0.75, "top5": 1.0, "balanced": 0.7, "calibration_error": 0.1, "loss": 0.5}
for loss in ("ce", "bce"):
    json.dump({"loss": loss, "C": 1, "grid": [], "measured": {"test": measured}}, open(f"{out}.{loss}.json", "w"))
json.dump([{"name": "a"}, {"name": "b"}], open(f"{out}.compared.json", "w"))
"""


@pytest.fixture
def service(qapp, home):
    made = ProbeService(State())
    yield made
    made.close()


def task(tmp_path, **changes):
    values = {"model": "demo", "train": "train", "out": str(tmp_path / "head.safetensors"), "loss": "both", **changes}
    return ProbeTask(**values)


def test_the_command_line_understands_what_the_window_asks(tmp_path):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    asked = task(
        tmp_path,
        model="b.pth --arch vit_tiny_patch16_224 --head old.pth --image-size 384",
        val="val",
        test="test",
        features="class:4+mean",
        C="0.1, 1",
        knn=True,
        compare=("x_linear_head.pth", "many.pth=NAME"),
        maps="lrp",
        fit="pad",
        device="cpu",
    )
    found = parser.parse_args(asked.arguments[1:])
    assert (found.model, found.arch, found.head, found.image_size) == (
        "b.pth",
        "vit_tiny_patch16_224",
        None,
        (384, 384),
    )
    assert (found.features, found.loss, found.C, found.knn) == ("class:4+mean", "both", [0.1, 1.0], True)
    assert (found.compare, found.maps, found.mode) == (["x_linear_head.pth", "many.pth=NAME"], "lrp", "pad")
    assert asked.command.startswith("vitinspect probe --train train")


def test_progress_results_and_the_recent_models_follow_the_process(service, tmp_path, qtbot):
    service.process.program = (sys.executable, "-c", WRITES, str(tmp_path / "head"))
    seen = []
    service.changed.connect(lambda: seen.append((service.doing, service.done, service.total)))
    service.start(task(tmp_path))
    qtbot.waitUntil(lambda: not service.running, timeout=20_000)
    assert ("features of train", 8, 32) in seen
    assert service.trouble == ""
    assert [head.loss for head in service.heads] == ["ce", "bce"]
    assert len(service.compared) == 2
    line = service._state.recent_models[0]
    assert ModelSource.parse(line) == ModelSource("demo", head=str(tmp_path / "head.ce.safetensors"))
    service.use(service.heads[1])
    assert ModelSource.parse(service._state.model).head == str(tmp_path / "head.bce.safetensors")


def test_a_failure_is_reported_with_the_last_line_of_the_process(service, tmp_path, qtbot):
    service.process.program = (sys.executable, "-c", "import sys; print('There is no folder train.'); sys.exit(2)")
    service.start(task(tmp_path))
    qtbot.waitUntil(lambda: not service.running, timeout=20_000)
    assert service.trouble == "There is no folder train."
    assert service.heads == ()


def test_a_cancelled_training_is_not_an_error_and_offers_nothing(service, tmp_path, qtbot):
    (tmp_path / "head.json").write_text(json.dumps({"loss": "ce"}))
    service.process.program = (sys.executable, "-c", "import time; print('on', flush=True); time.sleep(30)")
    service.start(task(tmp_path, loss="ce"))
    qtbot.waitUntil(lambda: "on" in service.process.output, timeout=20_000)
    service.cancel()
    qtbot.waitUntil(lambda: not service.running, timeout=20_000)
    assert (service.trouble, service.stopped, service.heads) == ("", True, ())
