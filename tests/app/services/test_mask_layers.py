"""Masks beside the picture become layers automatically, follow the picture, and are read as the library reads them."""

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
def backend(qapp, data: Path):
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


def masks(backend) -> list[str]:
    return [layer.id for layer in backend.state.layers if not layer.is_map]


def test_each_mask_is_a_layer_below_the_maps_with_its_kind_and_name(backend) -> None:
    backend.show("a")
    assert [(layer.kind, layer.title) for layer in backend.state.layers] == [
        ("map", "Attention rollout"),
        ("truth", "Truth: bee"),
        ("annotator", "DR: bee"),
        ("annotator", "MK: bee"),
    ]
    assert np.array_equal(backend.results.masks["truth"].values, box(5, 5, 20, 20) > 0)
    assert backend.results.masks["truth"].share == pytest.approx(15 * 15 / (40 * 60))


def test_the_next_picture_has_its_own_masks_and_the_eyes_stay(backend) -> None:
    backend.show("a")
    colour = backend.state.layer("annotator MK").colour
    assert [layer.visible for layer in backend.state.layers[1:]] == [True, False, False]
    backend.state.edit_layer("annotator DR", visible=True)
    backend.show("b")
    assert masks(backend) == ["annotator MK"]
    assert not backend.state.layer("annotator MK").visible
    assert np.array_equal(backend.results.masks["annotator MK"].values, box(1, 1, 9, 9) > 0)
    backend.show("c")
    assert masks(backend) == []
    assert backend.results.masks == {}
    backend.show("a")
    assert not backend.state.layer("annotator MK").visible
    assert backend.state.layer("annotator MK").colour == colour
    assert backend.state.layer("annotator DR").visible


def test_masks_of_people_are_shown_at_once_where_there_is_no_truth(backend) -> None:
    backend.show("b")
    assert backend.state.layer("annotator MK").visible


def test_until_the_next_pictures_masks_are_read_those_of_the_last_are_not_shown(backend) -> None:
    backend.show("a")
    path = str(backend.data / "images" / "b.png")
    backend.results.update(picture=decode(path))
    assert backend.results.masks == {}


def test_undo_restores_no_mask_of_another_picture(backend) -> None:
    backend.show("a")
    backend.state.add_map("lrp")
    backend.show("c")
    backend.state.undo()
    assert masks(backend) == []


def test_the_order_that_a_person_gives_stays(backend) -> None:
    backend.show("a")
    backend.state.edit("Move", layering.move(backend.state.layers, "annotator MK", 0))
    backend.service.follow()
    assert backend.state.layers[0].id == "annotator MK"


def test_a_consensus_is_that_of_the_library_and_follows_the_picture(backend) -> None:
    backend.show("a")
    layer = layering.consensus_layer(backend.state.layers, "union")
    backend.state.edit("Add", layering.add(backend.state.layers, layer))
    backend.rest()
    people = {"DR": box(5, 5, 25, 20) > 0, "MK": box(5, 5, 20, 30) > 0}
    for how in ("union", "majority", "intersection", "staple"):
        backend.state.edit_layer(layer.id, group=how)
        backend.rest()
        assert np.array_equal(backend.results.masks[layer.id].values, consensus(people, how).mask), how
    backend.show("b")
    assert layer.id not in backend.results.masks
    assert "two annotators" in backend.results.mask_problems[layer.id]


def test_a_mask_of_another_size_says_so_in_its_row(backend) -> None:
    save(backend.data / "masks" / "c.png", np.zeros((7, 9), np.uint8))
    backend.show("c")
    assert masks(backend) == ["truth"]
    assert "9 × 7" in backend.results.mask_problems["truth"]


def test_of_a_file_with_a_class_per_value_the_classes_that_it_shows_are_layers(backend) -> None:
    values = np.zeros(SIZE, np.uint8)
    values[:10], values[10:20], values[20:22] = 3, 12, 255
    save(backend.data / "SegmentationClass" / "c.png", values)
    backend.show("c")
    assert [layer.title for layer in backend.state.layers[1:]] == ["Truth: bird", "Truth: dog"]
    assert set(np.unique(backend.results.masks["truth dog"].values)) == {0, 1, 255}


def test_masks_drawn_meanwhile_are_shown_when_the_workspace_is_left(backend) -> None:
    backend.show("c")
    save(backend.data / "masks" / "DR" / "c.png", box(2, 2, 9, 9))
    backend.state.set(workspace="network")
    backend.rest()
    assert masks(backend) == ["annotator DR"]
    save(backend.data / "masks" / "DR" / "c.png", box(2, 2, 19, 9))
    backend.state.set(workspace="inspect")
    backend.rest()
    assert np.array_equal(backend.results.masks["annotator DR"].values, box(2, 2, 19, 9) > 0)


def test_while_somebody_draws_blind_no_other_persons_mask_is_a_layer(backend) -> None:
    backend.show("a")
    backend.blind = True
    backend.service.follow()
    backend.rest()
    assert masks(backend) == ["truth"]
    assert set(backend.results.masks) == {"truth"}


def test_found_masks_are_not_saved_and_a_consensus_is(backend) -> None:
    backend.show("a")
    layer = layering.consensus_layer(backend.state.layers, "staple")
    backend.state.edit("Add", layering.add(backend.state.layers, layer))
    again = State()
    assert again.restore(backend.state.to_json()) == []
    assert [(one.kind, one.group) for one in again.layers[1:]] == [("consensus", "staple")]


def test_a_slider_of_a_map_looks_for_no_masks(backend, monkeypatch) -> None:
    backend.show("a")
    looked = []
    monkeypatch.setattr(backend.finder, "masks", lambda image: looked.append(image) or ())
    for opacity in (0.2, 0.3, 0.4):
        backend.state.edit_layer("rollout", opacity=opacity, merge="opacity")
    assert looked == []
    assert masks(backend) == ["truth", "annotator DR", "annotator MK"]


def test_what_a_mask_is_shown_with_is_computed_in_the_pool(backend):
    backend.show("a")
    for mask in backend.results.masks.values():
        assert {"lines", "share"} <= set(vars(mask))
        assert [line.size() for line in mask.polygons] == [len(line) for line in mask.lines]
        assert mask.polygons is mask.polygons
