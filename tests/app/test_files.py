"""What is kept of pictures and maps: listing, thumbnails, decoded pictures, caches."""

from __future__ import annotations

import dataclasses
import os
import time

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from vitinspect.app import pictures, thumbnails
from vitinspect.app.compute import map_cache
from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.explaining import Mapped, Predicted
from vitinspect.app.compute.thread_pool import DECODE, THUMBNAIL, Background, Job
from vitinspect.app.geometry import Placed
from vitinspect.app.listing import ImageList, Order, scan
from vitinspect.app.services.mask_files import MaskFinder
from vitinspect.app.session.results import Prediction
from vitinspect.app.thumbnails import Broken, Thumbnails
from vitinspect.app.widgets.picture_list import PictureList
from vitinspect.errors import ImageError
from vitinspect.progress import CancelToken


@pytest.fixture
def background(qapp):
    made = Background(2)
    yield made
    assert made.close(5)


@pytest.fixture
def listing(background):
    made = ImageList(background)
    yield made
    made.close()


def names(listing):
    return [os.path.basename(listing.path_at(i)) for i in range(listing.rowCount())]


def open_and_wait(listing, folder, qtbot):
    listing.open(str(folder))
    qtbot.waitUntil(lambda: listing.complete, timeout=10_000)


# --- listing -----------------------------------------------------------------------------------------------------


def test_names_come_in_the_order_a_person_expects(listing, tmp_path, qtbot):
    for name in ("b 10.png", "b 2.png", "A 1.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(b"")
    open_and_wait(listing, tmp_path, qtbot)
    assert names(listing) == ["A 1.jpg", "b 2.png", "b 10.png"]


def test_the_order_can_be_by_size_and_reversed(listing, tmp_path, qtbot):
    for i, size in enumerate((30, 10, 20)):
        (tmp_path / f"{i}.png").write_bytes(b"x" * size)
    open_and_wait(listing, tmp_path, qtbot)
    listing.order_by("size", True)
    qtbot.waitUntil(lambda: names(listing) == ["0.png", "2.png", "1.png"], timeout=5000)


def test_the_order_can_be_by_a_score_and_what_has_none_comes_last(listing, tmp_path, qtbot):
    for name in "abcde":
        (tmp_path / f"{name}.png").write_bytes(b"")
    found = {"a": 0.5, "b": 0.125, "d": 0.75}
    scores = lambda path: found.get(os.path.basename(path)[:1])  # noqa: E731
    open_and_wait(listing, tmp_path, qtbot)
    listing.order_by("score", True, scores)
    qtbot.waitUntil(lambda: names(listing) == ["d.png", "a.png", "b.png", "c.png", "e.png"], timeout=5000)
    assert [listing.data(listing.index(i, 0)) for i in (0, 3)] == ["0.750  d.png", "c.png"]
    listing.order_by("score", False, scores)
    qtbot.waitUntil(lambda: names(listing) == ["b.png", "a.png", "d.png", "c.png", "e.png"], timeout=5000)
    listing.order_by("name", False)
    qtbot.waitUntil(lambda: names(listing) == ["a.png", "b.png", "c.png", "d.png", "e.png"], timeout=5000)
    assert listing.data(listing.index(0, 0)) == "a.png"


def test_a_new_file_appears_by_itself(listing, pictures, qtbot):
    open_and_wait(listing, pictures, qtbot)
    (pictures / "picture 7.png").write_bytes((pictures / "picture 1.png").read_bytes())
    qtbot.waitUntil(lambda: listing.rowCount() == 7, timeout=5000)


def test_listing_opens_no_file(tmp_path, monkeypatch):
    for i in range(50):
        (tmp_path / f"{i}.png").write_bytes(b"")

    def refuse(*arguments, **keywords):
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    assert len(scan(str(tmp_path), False, Order(), CancelToken()).paths) == 50


def test_the_first_names_show_before_the_rest_is_read(tmp_path, monkeypatch):
    from vitinspect.app import listing

    for i in range(1500):
        (tmp_path / f"{i}.png").write_bytes(b"")
    monkeypatch.setattr(listing, "_FIRST_AFTER", 0.0)
    shown = []
    found = scan(str(tmp_path), False, Order(), CancelToken(), shown.append)
    assert not shown[0].complete
    assert 0 < len(shown[0].paths) < 1500
    assert found.complete
    assert found.paths == sorted(found.paths, key=lambda p: int(os.path.basename(p)[:-4]))
    assert found.rows[found.paths[77]] == 77


def test_a_mask_is_found_by_its_name_beside_the_pictures(tmp_path):
    images, masks = tmp_path / "images", tmp_path / "masks"
    images.mkdir()
    masks.mkdir()
    (masks / "a.png").write_bytes(b"")
    finder = MaskFinder()
    assert finder.find(str(images / "a.jpg")) == str(masks / "a.png")
    assert finder.find(str(images / "b.jpg")) == ""


# --- the pool ----------------------------------------------------------------------------------------------------


def test_the_newest_job_runs_first_and_the_oldest_waiting_ones_are_dropped(qapp, qtbot):
    pool = Background(1)
    done, dropped = [], []
    try:
        pool.submit(DECODE, Job(lambda cancel: time.sleep(0.2)))
        time.sleep(0.05)
        for i in range(THUMBNAIL.most + 3):
            pool.submit(
                THUMBNAIL,
                Job(
                    lambda cancel, i=i: i,
                    done=lambda result, error: done.append(result),
                    dropped=lambda i=i: dropped.append(i),
                ),
            )
        qtbot.waitUntil(lambda: len(done) == THUMBNAIL.most, timeout=10_000)
        assert done[0] == THUMBNAIL.most + 2
        assert dropped == [0, 1, 2]
    finally:
        assert pool.close(5)


def test_an_error_in_a_job_comes_back_and_the_pool_continues(background, qtbot):
    got = []

    def broken(cancel):
        raise ImageError("no picture")

    background.submit(DECODE, Job(broken, done=lambda result, error: got.append(error)))
    background.submit(DECODE, Job(lambda cancel: 1, done=lambda result, error: got.append(result)))
    qtbot.waitUntil(lambda: len(got) == 2)
    assert {type(g) for g in got} == {ImageError, int}


# --- thumbnails --------------------------------------------------------------------------------------------------


def test_a_thumbnail_is_made_once_and_found_on_disk_the_next_time(home, pictures, monkeypatch):
    path = str(pictures / "picture 1.png")
    first = thumbnails.make(path)
    monkeypatch.setattr("vitinspect.images.thumbnail", lambda *a: pytest.fail("made again"))
    again = thumbnails.make(path)
    assert again.size() == first.size()


def test_a_picture_that_changed_gets_a_new_thumbnail(home, tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (40, 40), "red").save(path)
    assert thumbnails.make(str(path)).pixelColor(5, 5).red() > 200
    Image.new("RGB", (50, 40), "blue").save(path)
    os.utime(path, ns=(1, 1))
    assert thumbnails.make(str(path)).pixelColor(5, 5).blue() > 200


def test_a_broken_picture_has_a_reason_for_a_thumbnail(home, background, tmp_path, qtbot):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"not a picture")
    store = Thumbnails(background)
    assert store.get(str(bad)) is None
    qtbot.waitUntil(lambda: isinstance(store.get(str(bad)), Broken))
    assert "bad.png" in store.get(str(bad)).reason


def test_the_oldest_files_are_deleted_when_the_cache_exceeds_its_limit(tmp_path):
    for i in range(10):
        path = tmp_path / f"{i}.jpg"
        path.write_bytes(b"x" * 100)
        os.utime(path, (1000 + i, 1000 + i))
    assert thumbnails.prune(tmp_path, 350) == 300
    assert sorted(p.name for p in tmp_path.iterdir()) == ["7.jpg", "8.jpg", "9.jpg"]


def test_the_grid_asks_only_for_what_is_in_sight(home, qapp, background, listing, tmp_path, qtbot):
    listing.open_files([str(tmp_path / f"{i}.png") for i in range(100_000)])
    qtbot.waitUntil(lambda: listing.complete, timeout=10_000)
    asked = []

    class Store(Thumbnails):
        def get(self, path):
            asked.append(path)
            return QImage(10, 10, QImage.Format.Format_RGB32)

    grid = PictureList(Store(background).get)
    qtbot.addWidget(grid)
    grid.setModel(listing)
    grid.resize(260, 500)
    grid.show()
    grid.grab()
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    grid.grab()
    assert len(set(asked)) < 60
    assert str(tmp_path / "99999.png") in asked
    qtbot.keyClick(grid, Qt.Key.Key_Home)
    assert grid.currentIndex().row() == 0
    assert grid.verticalScrollBar().value() == 0


# --- pictures ----------------------------------------------------------------------------------------------------


def test_a_picture_is_kept_in_halves_of_halves(tmp_path):
    path = tmp_path / "large.png"
    Image.effect_noise((2048, 1024), 60).convert("RGB").save(path)
    picture = pictures.decode(str(path))
    assert picture.size == (1024, 2048)
    assert [level.width() for level in picture.levels] == [2048, 1024, 512]
    assert picture.level_for(1.0)[0].width() == 2048
    assert picture.level_for(0.5)[0].width() == 1024
    assert picture.level_for(0.01)[0].width() == 512


def test_the_same_bytes_have_the_same_name_in_the_caches_whatever_their_path(tmp_path):
    a, b = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (9, 9), "green").save(a)
    b.write_bytes(a.read_bytes())
    assert pictures.decode(str(a)).content == pictures.decode(str(b)).content


def test_a_broken_picture_names_itself(tmp_path):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff\xe0 and then nothing")
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        pictures.decode(str(bad))


def test_pictures_are_dropped_from_memory_when_there_are_too_many(tmp_path):
    cache = pictures.PictureCache(3 * 100 * 100 * 3)
    for i in range(6):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (100, 100), (i, i, i)).save(path)
        cache.put(pictures.decode(str(path)))
    assert cache.nbytes <= cache.most_bytes
    assert cache.get(str(tmp_path / "0.png")) is None
    assert cache.get(str(tmp_path / "5.png")) is not None


def test_the_number_of_small_pictures_in_memory_is_limited(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PICTURES", 4)
    cache = pictures.PictureCache(1 << 30)
    for i in range(6):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (8, 8), (i, i, i)).save(path)
        cache.put(pictures.decode(str(path)))
    assert len(cache) == 4
    assert cache.get(str(tmp_path / "1.png")) is None


# --- maps --------------------------------------------------------------------------------------------------------

INPUT = InputAddress("a picture", "a model", "float32", "crop")
MAP = Mapped(
    INPUT.of("rollout(start_layer=1)"), "rollout", np.arange(12, dtype=np.float32).reshape(3, 4), False, "patch"
)


def test_a_map_is_read_from_disk_as_it_was(home):
    map_cache.write(MAP)
    found = map_cache.read(MAP.address.text)
    assert (found.method, found.key, found.signed, found.resolution) == ("rollout", MAP.key, False, "patch")
    assert found.values.dtype == np.float32
    assert np.array_equal(found.values, MAP.values)
    assert map_cache.read("another address") is None


def test_a_map_from_disk_has_its_computing_time(home):
    map_cache.write(dataclasses.replace(MAP, seconds=0.25))
    assert map_cache.read(MAP.address.text).seconds == 0.25
    map_cache.write(MAP)
    assert map_cache.read(MAP.address.text).seconds is None


def test_a_prediction_is_read_with_the_place_of_its_input(home):
    placed = Placed((224, 224), (300, 400), (50.0, 0.0, 350.0, 300.0))
    value = Predicted(INPUT, (Prediction(1, "bee", 0.9, 3.5),), np.array([0.1, 0.9]), placed)
    map_cache.write(value)
    found = map_cache.read(INPUT.text)
    assert found.predictions == value.predictions
    assert found.placed == placed
    assert found.target(()) == (1,)
    assert found.address == INPUT


DAMAGES = [
    lambda d: d[:20],
    lambda d: b"",
    lambda d: d[:-3],
    lambda d: b"x" * len(d),
    lambda d: d[:-30] + bytes(30),
    lambda d: d[:-20] + bytes([d[-20] ^ 1]) + d[-19:],
    lambda d: d[: len(d) // 2] + bytes([d[len(d) // 2] ^ 1]) + d[len(d) // 2 + 1 :],
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_thumbnail_is_made_again(home, pictures, damage):
    path = str(pictures / "picture 1.png")
    first = thumbnails.make(path)
    (kept,) = [p for p in thumbnails.folder().rglob("*") if p.is_file()]
    whole = kept.read_bytes()
    kept.write_bytes(damage(whole))
    assert thumbnails.make(path) == first
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_map_is_left_out(home, damage):
    map_cache.write(MAP)
    (path,) = map_cache.folder().rglob("*.map")
    path.write_bytes(damage(path.read_bytes()))
    assert map_cache.read(MAP.address.text) is None


def test_maps_are_dropped_from_memory_when_they_take_too_much():
    cache = map_cache.MemoryCache(10_000)
    for i in range(20):
        cache.put(Mapped(INPUT.of(f"m{i}"), "m", np.zeros((8, 8)), False, "patch"))
    assert cache.nbytes <= 10_000
    assert cache.get(INPUT.of("m0").text) is None
    assert cache.get(INPUT.of("m19").text) is not None
