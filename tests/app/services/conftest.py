"""A state, results and a fake worker: what a service needs, and no window."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from tests.app.scripted import FakeWorker, ScriptedPool
from vitinspect.app.compute.explaining import Mapped, Predicted
from vitinspect.app.geometry import Placed
from vitinspect.app.pictures import Picture
from vitinspect.app.session.problems import Problems
from vitinspect.app.session.results import READY, ModelCard, Prediction, Results
from vitinspect.app.session.state import State

PLACED = Placed((64, 64), (48, 48), (0.0, 0.0, 48.0, 48.0))


@pytest.fixture
def bench(qapp):
    """Everything around a service, with a picture and a model loaded already."""
    made = SimpleNamespace(
        state=State(), results=Results(), worker=FakeWorker(), pool=ScriptedPool(), problems=Problems()
    )
    made.state.set(image="/pictures/a.png")
    made.results.update(picture=picture(), card=card(), model_state=READY)
    yield made
    made.pool.close(1)


def picture(path="/pictures/a.png", content="content of a"):
    return Picture(path, content, np.zeros((48, 48, 3), np.uint8))


def card(fingerprint="f1", name="demo", labels=("ant", "bee", "cat"), **changes):
    values = {
        "source": name,
        "name": name,
        "fingerprint": fingerprint,
        "labels": labels,
        "grid": (4, 4),
        "patch_size": (16, 16),
        "input_size": (64, 64),
        "prefix_names": ("class",),
        "depth": 2,
        "heads": 2,
        "parameters": 1000,
        "device": "cpu",
        "precision": "float32",
        "has_classifier": True,
        **changes,
    }
    return ModelCard(**values)


def predicted(address, best=1):
    probabilities = np.full(3, 0.1)
    probabilities[best] = 0.8
    rows = [Prediction(i, card().labels[i], float(probabilities[i]), 0.0) for i in np.argsort(-probabilities)]
    return Predicted(address, tuple(rows), probabilities, PLACED)


def mapped(address, value=1.0, *, signed=False):
    values = np.full((4, 4), value, np.float32)
    values[0, 0] = 0
    return Mapped(address, address.method.split("(")[0], values, signed, "patch")
