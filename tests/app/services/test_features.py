"""Views of features belong to a picture, a model and a view; each can become a layer."""

from __future__ import annotations

import numpy as np
import pytest

from tests.app.services.conftest import picture
from vitinspect.app.compute.feature_views import FeatureView
from vitinspect.app.services.features import FeatureService
from vitinspect.app.session.layers import FILE, MAP


@pytest.fixture
def service(bench, home):
    made = FeatureService(bench.state, bench.results, bench.worker, bench.problems)
    bench.state.set(plots=True, plot="features")
    return made


def asked(bench):
    number, work = bench.worker.last("features")
    return number, work["address"]


def answer(bench, colours=False):
    number, address = asked(bench)
    shape = (2, 4, 4, 3) if colours else (2, 4, 4)
    view = FeatureView(address, np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / 100)
    bench.worker.finished.emit(number, view)
    return view


def test_a_view_is_asked_for_with_its_whole_address_while_its_tab_is_open(bench, service):
    _, address = asked(bench)
    assert (address.view, address.input.content, address.input.model) == ("colours", "content of a", "f1")
    view = answer(bench, colours=True)
    assert bench.results.features is view
    bench.state.set(feature_view="similarity", pinned=(1, 2))
    _, address = asked(bench)
    assert (address.view, address.patch, address.patch_of) == ("similarity", (1, 2), "")
    assert bench.results.features is view, "the view before stays until the next is there"
    bench.state.set(plots=False)
    assert bench.results.features is None


def test_a_late_view_of_another_picture_is_not_shown(bench, service):
    number, address = asked(bench)
    bench.state.set(image="/pictures/b.png")
    bench.results.update(picture=picture("/pictures/b.png", "content of b"))
    bench.worker.finished.emit(number, FeatureView(address, np.zeros((2, 4, 4, 3), np.float32)))
    assert bench.results.features is None
    assert asked(bench)[1].input.content == "content of b"


def test_a_view_of_one_picture_becomes_a_map_that_follows_to_the_next(bench, service):
    answer(bench, colours=True)
    bench.state.set(feature_component=2, feature_block=0)
    layer = bench.state.layer(service.add_layer())
    assert (layer.kind, layer.method, layer.parameters) == (MAP, "feature_component", {"block": 0, "component": 2})
    bench.state.set(feature_view="similarity", pinned=(1, 2), feature_block=-1)
    answer(bench)
    layer = bench.state.layer(service.add_layer())
    assert (layer.method, layer.parameters) == ("patch_similarity", {"row": 1, "column": 2})
    for view, method in (("norms", "token_norm"), ("distance", "attention_distance")):
        bench.state.set(feature_view=view)
        answer(bench)
        assert bench.state.layer(service.add_layer()).method == method


def test_a_view_that_depends_on_other_pictures_becomes_a_file_of_this_one(bench, service):
    bench.state.set(feature_pictures=("/pictures/other.png", "/pictures/a.png"))
    _, address = asked(bench)
    assert address.pictures == ("/pictures/other.png",), "the picture itself is not counted twice"
    view = answer(bench, colours=True)
    layer = bench.state.layer(service.add_layer())
    assert (layer.kind, layer.image) == (FILE, "/pictures/a.png")
    assert np.array_equal(np.load(layer.path), view.values[1, ..., 0])


def test_a_kept_patch_is_compared_with_the_next_pictures(bench, service):
    bench.state.set(feature_view="similarity", feature_patch=(3, 0), feature_patch_of="/pictures/a.png")
    assert asked(bench)[1].patch_of == ""
    bench.state.set(image="/pictures/b.png")
    bench.results.update(picture=picture("/pictures/b.png", "content of b"))
    _, address = asked(bench)
    assert (address.patch, address.patch_of) == ((3, 0), "/pictures/a.png")
