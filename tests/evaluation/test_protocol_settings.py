"""A protocol fixes what affects its numbers: options are refused by name, or replace its choice and are reported."""

from __future__ import annotations

import numpy as np
import pytest

import vitinspect as vi
from tests.evaluation.small import masked_set, small_model
from vitinspect.evaluation.plan import Plan, preset
from vitinspect.evaluation.protocol_report import protocol_lines
from vitinspect.evaluation.protocol_settings import PROTOCOLS
from vitinspect.evaluation.report import write_report
from vitinspect.evaluation.runner import run

IGNORED = [
    ("vitmix", {"scores": ("insertion",)}, "--scores insertion"),
    ("vitmix", {"unit": "patch"}, "--unit patch"),
    ("vitmix", {"use": "logit"}, "--use logit"),
    ("vitmix", {"mask_coding": "threshold=3"}, "--mask-coding"),
    ("vitmix", {"voc_void_is_foreground": True}, "--void-is-foreground"),
    ("multiplex", {"scores": ("overlap",)}, "--scores overlap"),
    ("multiplex", {"threshold": "otsu"}, "--threshold otsu"),
    ("multiplex", {"steps": 10}, "--steps 10"),
    ("multiplex", {"fuse": "product"}, "--fuse product"),
    ("reciprocam", {"fill": "blur"}, "--fill blur"),
    ("reciprocam", {"scores": ("curves", "deletion")}, "--scores deletion"),
    ("reciprocam", {"threshold": "mean"}, "--threshold mean"),
    ("gmar", {"threshold": "fixed", "threshold_options": (("level", 0.9),)}, "--threshold fixed=0.9"),
    ("gmar", {"scores": ("overlap",)}, "--scores overlap"),
    ("gmar", {"fill": "black"}, "--fill black"),
    ("gmar", {"normalisation": "rank"}, "--normalise rank"),
    ("segmentation", {"scores": ("deletion",)}, "--scores deletion"),
    ("segmentation", {"steps": 5}, "--steps 5"),
]


@pytest.mark.parametrize(("protocol", "given", "option"), IGNORED)
def test_what_a_protocol_would_ignore_is_refused_by_the_options_name(protocol, given, option):
    with pytest.raises(vi.ParameterError, match=f"{protocol} would ignore {option}"):
        preset(protocol, data="somewhere", **given)


HONOURED = [
    ("vitmix", {"mode": "crop"}, "--mode crop"),
    ("vitmix", {"threshold": "mean"}, "--threshold mean"),
    ("vitmix", {"fuse": "geometric"}, "--fuse geometric"),
    ("vitmix", {"steps": 20}, "--steps 20"),
    ("vitmix", {"min_confidence": 0.5}, "--min-confidence 0.5"),
    ("multiplex", {"fill": "black"}, "--fill black"),
    ("multiplex", {"ways": (1, 2), "fuse": "product"}, "--fuse product"),
    ("reciprocam", {"target": "predicted"}, "--target predicted"),
    ("gmar", {"steps": 10}, "--steps 10"),
    ("segmentation", {"threshold": "otsu"}, "--threshold otsu"),
    ("segmentation", {"score_precision": "bfloat16"}, "--score-precision bfloat16"),
]


@pytest.mark.parametrize(("protocol", "given", "option"), HONOURED)
def test_a_supported_option_replaces_its_choice_and_is_named(protocol, given, option):
    plan = preset(protocol, data="somewhere", **given)
    for key, value in given.items():
        assert getattr(plan, key) == value
    assert plan.changed == (option,)
    assert "no longer that of the protocol" in "\n".join(protocol_lines(plan))
    assert option in "\n".join(protocol_lines(plan))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_options_that_equal_its_choice_change_nothing(protocol):
    plain = preset(protocol, data="somewhere")
    same = {"mode": plain.mode, "target": plain.target, "scores": plain.scores, "unit": "pixel", "precision": "float32"}
    if plain.threshold_options or "overlap" in plain.scores:
        same |= {"threshold": plain.threshold, "threshold_options": plain.threshold_options or None}
    assert preset(protocol, data="somewhere", **same) == plain
    assert plain.changed == ()


def test_methods_and_pictures_can_be_chosen():
    given = {"methods": ("rollout",), "ways": (1,), "limit": 3, "seed": 4, "split": "train"}
    for protocol in PROTOCOLS:
        assert preset(protocol, data="somewhere", **given).changed == ()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_report_prints_every_setting(protocol):
    for variant in PROTOCOLS[protocol].variants or [None]:
        text = "\n".join(protocol_lines(preset(protocol, variant, data="somewhere")))
        for setting in ("Fit", "Resampling", "Explained", "Fill", "Data set"):
            assert f"| {setting} | " in text
        assert ("| Threshold | " in text) == ("overlap" in PROTOCOLS[protocol].settings["scores"])
        assert "no longer that of the protocol" not in text


def test_an_unknown_variant_is_refused():
    with pytest.raises(vi.ParameterError, match="gmar-plus, comparison.*--variant third"):
        preset("gmar", "third", data="x")
    with pytest.raises(vi.ParameterError, match="no variants"):
        preset("multiplex", "voc", data="x")


def test_an_unknown_fill_is_refused_before_the_run():
    assert preset("multiplex", data="x", fill="blur+noise").fill == "blur+noise"
    for protocol, fill in (("multiplex", "blur+white"), ("vitmix", "road"), ("vitmix", "black+mean")):
        with pytest.raises(vi.ParameterError, match="must be one of"):
            preset(protocol, data="x", fill=fill)


def test_the_sets_of_several_methods_have_a_row_for_root_and_product():
    plan = preset("vitmix", data="x")
    names = [row.name for row in plan.rows()]
    assert len(names) == len(set(names)) == 4 + 2 * 10
    assert sum(name.endswith(" (multiply)") for name in names) == 10
    assert [row.fuse for row in plan.rows() if row.name.startswith("LRP + Rollout")][:2] == ["sqrt", "product"]
    assert len(preset("vitmix", data="x", fuse="geometric").rows()) == 14
    assert Plan.from_json(plan.to_json()) == plan


def test_a_changed_run_says_so_in_its_report_and_its_tex(tmp_path):
    root = masked_set(tmp_path / "set", 2)
    methods = ("rollout", "attention_gradcam")
    for name, given in (("theirs", {}), ("changed", {"mode": "pad", "steps": 4})):
        plan = preset("vitmix", data=str(root), model="small", methods=methods, **given)
        run(plan, small_model(), tmp_path / name)
        write_report(tmp_path / name)
    theirs, changed = ((tmp_path / n / "report.md").read_text() for n in ("theirs", "changed"))
    assert "no longer that of the protocol" not in theirs
    assert "Changed by `--mode pad`, `--steps 4`: the result is no longer that of the protocol." in changed
    assert "no longer that of the protocol" in (tmp_path / "changed" / "report.tex").read_text()


@pytest.mark.parametrize(("protocol", "size"), [("vitmix", (48, 48)), ("gmar", (3, 3)), ("segmentation", (48, 48))])
def test_padding_is_ignored_with_another_fit(tmp_path, protocol, size):
    from vitinspect.evaluation.datasets import open_dataset
    from vitinspect.evaluation.reading import read_picture

    dataset = open_dataset(masked_set(tmp_path / "set", 1))
    plan = preset(protocol, data=str(tmp_path / "set"), model="small", mode="pad")
    found = read_picture(dataset, dataset.items[0], 0, small_model(), plan)
    truth = found.masks[""]
    assert truth.shape == size
    np.testing.assert_array_equal(truth == 255, ~found.placement.valid_mask(size))
    assert (truth == 255).any() == (protocol != "gmar")


def test_every_printed_column_is_compared_and_corrected(tmp_path):
    root = masked_set(tmp_path / "set", 4)
    plan = Plan(str(root), model="small", methods=("rollout", "attention_gradcam", "attention_gradient"), steps=4,
                scores=("overlap", "deletion", "insertion", "srg"))  # fmt: skip
    run(plan, small_model(), tmp_path / "run")
    write_report(tmp_path / "run")
    text = (tmp_path / "run" / "report.md").read_text()
    head = next(line for line in text.splitlines() if line.startswith("| Method |"))
    titles = [cell.strip(" ↑↓") for cell in head.strip("|").split("|")][1:]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.count(" | ") == 5]
    compared = [row for row in rows if row[0] in titles]
    assert {row[0] for row in compared} == set(titles)
    for title in titles:
        mine = sorted((float(row[4]), float(row[5])) for row in compared if row[0] == title)
        assert len(mine) == 2
        assert mine[0][1] == pytest.approx(min(1, 2 * mine[0][0]), abs=2e-4)
        assert mine[1][1] >= mine[0][1]
    assert "Insertion AUC = LeRF AUC" in titles
    assert "LeRF AUC" not in titles


def test_percent_has_two_decimals_however_it_is_stored():
    from vitinspect.evaluation.tables import PROTOCOL_COLUMNS

    columns = {c.score: c for c in PROTOCOL_COLUMNS["reciprocam"] + PROTOCOL_COLUMNS["gmar"]}
    assert columns["average_drop"].shown(12.3456) == "12.35"
    assert columns["iou"].shown(0.123456) == "12.35"
    assert columns["average_drop"].shown(12.3456, 1) == "12.3"
    assert PROTOCOL_COLUMNS["multiplex"][0].shown(12.3456) == "12.346"


def test_the_report_contains_the_pigeonhole_numbers(tmp_path):
    root = masked_set(tmp_path / "set", 3)
    plan = Plan(str(root), model="small", methods=("rollout", "attention_gradcam"), threshold="top_fraction",
                threshold_options=(("fraction", 0.7),))  # fmt: skip
    run(plan, small_model(), tmp_path / "run")
    write_report(tmp_path / "run")
    text = (tmp_path / "run" / "report.md").read_text()
    line = next(line for line in text.splitlines() if line.startswith("| Rollout & GradCAM |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[1] == "3"
    first, second = (float(share) for share in cells[2].split(","))
    bound, chance, observed = (float(cell) for cell in cells[3:6])
    assert bound == pytest.approx(first + second - 100, abs=0.5)
    assert chance == pytest.approx(first * second / 100, abs=0.5)
    assert bound - 0.01 <= observed <= min(first, second) + 0.01
