"""Caches of another version, or of another program, are computed again and never shown."""

from __future__ import annotations

import json

import numpy as np
import pytest

from vitinspect.app import thumbnails
from vitinspect.app.backend import Backend
from vitinspect.app.compute import map_cache, model_cards
from vitinspect.app.session.results import ModelCard
from vitinspect.app.shell.window import MainWindow
from vitinspect.files import sealed, unsealed

FORM = map_cache._VERSION


@pytest.fixture
def opened(qapp, home, loader, pictures, qtbot):
    """Opens the window on the pictures and gives the first map and the probabilities."""

    def once():
        backend = Backend(loader=loader)
        window = MainWindow(backend)
        try:
            window.show()
            backend.state.set(folder=str(pictures))
            backend.coordinator.start()
            qtbot.waitUntil(
                lambda: (
                    bool(backend.results.maps and backend.results.predictions)
                    and not backend.results.pending
                    and not backend.worker.busy
                    and backend.background.idle
                ),
                timeout=30_000,
            )
            shown = backend.results.maps["rollout"]
            return shown.values.copy(), [p.probability for p in backend.results.predictions]
        finally:
            window.close()
            assert backend.close(5)
            window.deleteLater()
            backend.deleteLater()

    return once


def other_numbers(begin: bytes):
    """The same file with other numbers, as another version would have written it."""

    def change(data: bytes) -> bytes:
        body = unsealed(data)
        text = body[len(FORM) : len(FORM) + 4 + int.from_bytes(body[len(FORM) : len(FORM) + 4], "little")]
        return sealed(begin + text + bytes(len(body) - len(FORM) - len(text)))

    return change


WRITTEN = {
    "an older form": other_numbers(b"vitinspect map 3\n"),
    "another version": other_numbers(FORM.replace(b" of ", b" of 99.")),
    "something else, sealed": lambda data: sealed(b"garbage" * 50),
    "something else": lambda data: b"garbage" * 50,
    "a model's weights": lambda data: b"PK\x03\x04" + bytes(500),
}


@pytest.mark.parametrize("how", WRITTEN)
def test_caches_that_this_version_did_not_write_are_made_again(opened, how, caplog) -> None:
    values, chances = opened()
    maps = [p for p in map_cache.folder().rglob("*.map") if p.is_file()]
    small = [p for p in thumbnails.folder().rglob("*.thumbnail") if p.is_file()]
    assert len(maps) >= 2
    assert small
    for path in maps:
        path.write_bytes(WRITTEN[how](path.read_bytes()))
    for path in small:
        path.write_bytes(sealed(b"garbage" * 50))
    with caplog.at_level("INFO", "vitinspect"):
        again, same_chances = opened()
    assert np.array_equal(again, values)
    assert same_chances == chances
    assert "is ignored and computed again" in caplog.text


def test_a_change_of_numbers_would_be_seen_in_a_file_of_this_version(opened) -> None:
    opened()
    for path in map_cache.folder().rglob("*.map"):
        path.write_bytes(other_numbers(FORM)(path.read_bytes()))
    values, _ = opened()
    assert not values.any()


def test_facts_about_a_model_from_another_version_are_not_used(home) -> None:
    card = ModelCard(
        *("demo", "demo", "f" * 16, ("ant", "bee"), (2, 2), (16, 16), (32, 32), ("class",)),
        *(1, 1, 100, "cpu", "float32", True, {"rise": "no"}),
    )
    model_cards.remember_card(card)
    assert model_cards.recall_card("demo", "float32") == card
    path = model_cards._cards_file()
    known = json.loads(unsealed(path.read_bytes()))
    for change in (lambda entry: entry.update(version="0.0.1"), lambda entry: entry.pop("version")):
        change(known["demo"])
        path.write_bytes(sealed(json.dumps(known).encode()))
        assert model_cards.recall_card("demo", "float32") is None
