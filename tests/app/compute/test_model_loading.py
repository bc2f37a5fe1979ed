"""Models in the worker's thread: one for each slot, shared where both have the same, and never more than two."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.app.services.conftest import card
from vitinspect.app.compute import model_loading
from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.model_input import model_for
from vitinspect.app.compute.worker import Context
from vitinspect.errors import Cancelled, ModelError
from vitinspect.progress import CancelToken

CPU = "cpu"


@pytest.fixture
def context(monkeypatch):
    made = Context()
    made.named = True
    monkeypatch.setattr(model_loading, "card_of", lambda model, source, precision: card(name=source))
    return made


class Loader:
    """Makes a substitute for a model, and records what it was asked for. ``room``: how many fit into memory."""

    def __init__(self, context, room=9):
        self.asked, self.context, self.room = [], context, room

    def __call__(self, source, device):
        self.asked.append(source)
        if source == "missing":
            raise ModelError("missing is no model.")
        if len(self.context.models) >= self.room:
            raise MemoryError
        return SimpleNamespace(fingerprint=f"of {source}")


def load(context, loader, source, beside=None):
    beside = (beside, CPU) if beside else None
    return model_loading.load(
        context,
        lambda part: None,
        CancelToken(),
        lambda done, total: None,
        source=source,
        device=CPU,
        precision="float32",
        loader=loader,
        beside=beside,
    )


def held(context):
    return {source for source, _ in context.models}


def address(source):
    return InputAddress("content", f"of {source}", "float32", "crop")


def test_another_model_replaces_the_earlier_one(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "two")
    assert held(context) == {"two"}
    with pytest.raises(Cancelled):
        model_for(context, address("one"))


def test_the_other_slots_model_stays(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "two", beside="one")
    assert held(context) == {"one", "two"}
    assert model_for(context, address("one")).fingerprint == "of one"
    load(context, loader, "three", beside="one")
    assert held(context) == {"one", "three"}, "never more than two"


def test_exchanging_the_slots_loads_nothing(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "two", beside="one")
    load(context, loader, "two", beside="one")
    load(context, loader, "one", beside="two")
    assert loader.asked == ["one", "two"]


def test_slots_with_the_same_model_share_it(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "one", beside="one")
    assert loader.asked == ["one"]
    assert held(context) == {"one"}


def test_a_model_that_cannot_be_loaded_replaces_none(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "two", beside="one")
    with pytest.raises(ModelError):
        load(context, loader, "missing", beside="one")
    assert held(context) == {"one", "two"}


def test_for_lack_of_memory_the_replaced_model_is_dropped_and_the_other_slots_is_not(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "two", beside="one")
    loader.room = 2
    load(context, loader, "three", beside="one")
    assert held(context) == {"one", "three"}


def test_if_that_does_not_help_the_dropped_model_is_loaded_again(context):
    loader = Loader(context)
    load(context, loader, "one")
    load(context, loader, "two", beside="one")
    loader.room = 1

    def with_room(source, device):
        if source == "two":
            loader.room = 9
        return loader(source, device)

    with pytest.raises(MemoryError):
        load(context, with_room, "three", beside="one")
    assert held(context) == {"one", "two"}
