"""Presets: their maps, and the user's own in a file."""

from __future__ import annotations

import json

import pytest

from vitinspect.errors import DataError, ParameterError
from vitinspect.explainers.registry import make_method, methods
from vitinspect.presets import built_in, own, read_own, write_own


def test_every_map_of_every_preset_is_a_method_that_exists() -> None:
    for preset in built_in():
        assert preset.layers
        assert len(set(preset.layers)) == len(preset.layers)
        for layer in preset.layers:
            for spec in layer:
                make_method(spec)


def test_vitmix_has_four_methods_and_14_combinations() -> None:
    by_id = {preset.id: preset for preset in built_in()}
    assert len(by_id["vitmix"].layers) == 4
    ways = [len(layer) for layer in by_id["vitmix_combinations"].layers]
    assert [ways.count(n) for n in (1, 2, 3, 4)] == [4, 6, 4, 0]


def test_one_per_family_has_each_family_once() -> None:
    layers = next(p for p in built_in() if p.id == "families").layers
    families = [make_method(spec).info.group for (spec,) in layers]
    assert sorted(families) == sorted({info.group for info in methods()} - {"baseline"})


def test_cheap_methods_need_at_most_one_forward_and_one_backward_pass() -> None:
    cheap = {layer[0] for layer in next(p for p in built_in() if p.id == "cheap").layers}
    assert "rollout" in cheap
    assert not cheap & {"rise", "multiplex", "random"}


def test_own_presets_survive_the_file(tmp_path) -> None:
    path = tmp_path / "presets.json"
    saved = (own("paper figure 3", [["lrp", "rollout(head_fusion=max)"], ["legrad"]]), own("Ä", ["rollout"]))
    write_own(saved, path)
    assert read_own(path) == (saved, [])
    assert read_own(tmp_path / "none.json") == ((), [])


def test_only_a_preset_of_another_version_is_left_out(tmp_path) -> None:
    path = tmp_path / "presets.json"
    path.write_text(json.dumps({"old": [["no_such_method"]], "good": [["lrp"]], "empty": []}), "utf-8")
    found, problems = read_own(path)
    assert [preset.title for preset in found] == ["good"]
    assert len(problems) == 2
    assert "no_such_method" in problems[0]


@pytest.mark.parametrize("text", ["", "[]", "{", "[1, 2]"])
def test_a_damaged_file_is_reported_in_a_sentence(tmp_path, text) -> None:
    path = tmp_path / "presets.json"
    path.write_text(text, "utf-8")
    found, problems = read_own(path)
    assert found == ()
    assert len(problems) == 1


@pytest.mark.parametrize(("name", "layers"), [(" ", ["lrp"]), ("x", []), ("x", "lrp"), ("x", [[]]), ("x", [[1]])])
def test_a_preset_needs_a_name_and_maps(name, layers) -> None:
    with pytest.raises(DataError):
        own(name, layers)


def test_a_preset_of_a_method_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ParameterError, match="nothing_like_it"):
        own("x", ["nothing_like_it"])
