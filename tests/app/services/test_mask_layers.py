"""Masks beside the picture are layers by themselves, follow the picture, and are read as the library reads them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.app.scripted import ScriptedPool
from tests.app.services.conftest import card
from vitinspect.annotation.consensus import consensus
from vitinspect.app.pictures import decode
from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.services.mask_layers import MaskLayers
from vitinspect.app.session import layers as layering
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State

SIZE = (40, 60)


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros(SIZE, np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three pictures: one with a truth and two annotators, one with one annotator, one without a mask."""
    for name in "abc":
        save(tmp_path / "images" / f"{name}.png", np.zeros((*SIZE, 3), np.uint8))
    save(tmp_path / "masks" / "a.png", box(5, 5, 20, 20))
    save(tmp_path / "masks" / "DR" / "a.png", box(5, 5, 25, 20))
    save(tmp_path / "masks" / "MK" / "a.png", box(5, 5, 20, 30))
    save(tmp_path / "masks" / "MK" / "b.png", box(1, 1, 9, 9))
    (tmp_path / "labels.csv").write_text("image,label\na.png,bee\n")
    return tmp_path


@pytest.fixture
def desk(qapp, data: Path):
    made = SimpleNamespace(state=State(), results=Results(), pool=ScriptedPool(), blind=False, data=data)
    made.finder = MaskFinder()
    made.service = MaskLayers(made.state, made.results, made.pool, made.finder, lambda: made.blind)

    def rest() -> None:
        while made.pool.advance():
            pass

    def show(name: str) -> None:
        path = str(data / "images" / f"{name}.png")
        made.state.set(image=path)
        made.results.update(picture=decode(path), card=card())
        rest()

    made.show, made.rest = show, rest
    yield made
    made.pool.close(1)


def masks(desk) -> list[str]:
    return [layer.id for layer in desk.state.layers if not layer.is_map]


def test_each_mask_is_a_layer_below_the_maps_with_its_kind_and_name(desk) -> None:
    desk.show("a")
    assert [(layer.kind, layer.title) for layer in desk.state.layers] == [
        ("map", "Attention rollout"),
        ("truth", "Truth: bee"),
        ("annotator", "DR: bee"),
        ("annotator", "MK: bee"),
    ]
    assert np.array_equal(desk.results.masks["truth"].values, box(5, 5, 20, 20) > 0)
    assert desk.results.masks["truth"].share == pytest.approx(15 * 15 / (40 * 60))


def test_the_next_picture_has_its_own_masks_and_the_eyes_stay(desk) -> None:
    desk.show("a")
    colour = desk.state.layer("annotator MK").colour
    assert [layer.visible for layer in desk.state.layers[1:]] == [True, False, False]
    desk.state.edit_layer("annotator DR", visible=True)
    desk.show("b")
    assert masks(desk) == ["annotator MK"]
    assert not desk.state.layer("annotator MK").visible
    assert np.array_equal(desk.results.masks["annotator MK"].values, box(1, 1, 9, 9) > 0)
    desk.show("c")
    assert masks(desk) == []
    assert desk.results.masks == {}
    desk.show("a")
    assert not desk.state.layer("annotator MK").visible
    assert desk.state.layer("annotator MK").colour == colour
    assert desk.state.layer("annotator DR").visible


def test_masks_of_people_alone_are_seen_at_once(desk) -> None:
    desk.show("b")
    assert desk.state.layer("annotator MK").visible


def test_until_the_next_pictures_masks_are_read_those_of_the_last_are_not_shown(desk) -> None:
    desk.show("a")
    path = str(desk.data / "images" / "b.png")
    desk.results.update(picture=decode(path))
    assert desk.results.masks == {}


def test_undo_brings_back_no_mask_of_another_picture(desk) -> None:
    desk.show("a")
    desk.state.add_map("lrp")
    desk.show("c")
    desk.state.undo()
    assert masks(desk) == []


def test_the_order_that_a_person_gives_stays(desk) -> None:
    desk.show("a")
    desk.state.edit("Move", layering.move(desk.state.layers, "annotator MK", 0))
    desk.service.follow()
    assert desk.state.layers[0].id == "annotator MK"


def test_a_consensus_is_that_of_the_library_and_follows_the_picture(desk) -> None:
    desk.show("a")
    layer = layering.consensus_layer(desk.state.layers, "union")
    desk.state.edit("Add", layering.add(desk.state.layers, layer))
    desk.rest()
    people = {"DR": box(5, 5, 25, 20) > 0, "MK": box(5, 5, 20, 30) > 0}
    for how in ("union", "majority", "intersection", "staple"):
        desk.state.edit_layer(layer.id, group=how)
        desk.rest()
        assert np.array_equal(desk.results.masks[layer.id].values, consensus(people, how).mask), how
    desk.show("b")
    assert layer.id not in desk.results.masks
    assert "two annotators" in desk.results.mask_problems[layer.id]


def test_a_mask_of_another_size_says_so_in_its_row(desk) -> None:
    save(desk.data / "masks" / "c.png", np.zeros((7, 9), np.uint8))
    desk.show("c")
    assert masks(desk) == ["truth"]
    assert "9 × 7" in desk.results.mask_problems["truth"]


def test_of_a_file_with_a_class_per_value_the_classes_that_it_shows_are_layers(desk) -> None:
    values = np.zeros(SIZE, np.uint8)
    values[:10], values[10:20], values[20:22] = 3, 12, 255
    save(desk.data / "SegmentationClass" / "c.png", values)
    desk.show("c")
    assert [layer.title for layer in desk.state.layers[1:]] == ["Truth: bird", "Truth: dog"]
    assert set(np.unique(desk.results.masks["truth dog"].values)) == {0, 1, 255}


def test_masks_drawn_meanwhile_are_there_when_the_workspace_is_left(desk) -> None:
    desk.show("c")
    save(desk.data / "masks" / "DR" / "c.png", box(2, 2, 9, 9))
    desk.state.set(workspace="network")
    desk.rest()
    assert masks(desk) == ["annotator DR"]
    save(desk.data / "masks" / "DR" / "c.png", box(2, 2, 19, 9))
    desk.state.set(workspace="inspect")
    desk.rest()
    assert np.array_equal(desk.results.masks["annotator DR"].values, box(2, 2, 19, 9) > 0)


def test_while_somebody_draws_blind_no_other_persons_mask_is_a_layer(desk) -> None:
    desk.show("a")
    desk.blind = True
    desk.service.follow()
    desk.rest()
    assert masks(desk) == ["truth"]
    assert set(desk.results.masks) == {"truth"}


def test_found_masks_are_not_saved_and_a_consensus_is(desk) -> None:
    desk.show("a")
    layer = layering.consensus_layer(desk.state.layers, "staple")
    desk.state.edit("Add", layering.add(desk.state.layers, layer))
    again = State()
    assert again.restore(desk.state.to_json()) == []
    assert [(one.kind, one.group) for one in again.layers[1:]] == [("consensus", "staple")]


def test_a_slider_of_a_map_looks_for_no_masks(desk, monkeypatch) -> None:
    desk.show("a")
    looked = []
    monkeypatch.setattr(desk.finder, "masks", lambda image: looked.append(image) or ())
    for opacity in (0.2, 0.3, 0.4):
        desk.state.edit_layer("rollout", opacity=opacity, merge="opacity")
    assert looked == []
    assert masks(desk) == ["truth", "annotator DR", "annotator MK"]
