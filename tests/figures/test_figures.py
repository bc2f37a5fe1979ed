"""Composed figures from the command line: what they show, their recipes, and how they are made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.cli import main
from vitinspect.figures import metadata
from vitinspect.figures.cell_drawing import cell_picture
from vitinspect.figures.cell_methods import members
from vitinspect.figures.cells import Sources, finish_cells
from vitinspect.figures.contours import chains, isoline
from vitinspect.figures.layout import compose, lay_out
from vitinspect.figures.names import default_colormap
from vitinspect.figures.overlay import overlay
from vitinspect.figures.preflight import check
from vitinspect.figures.ranges import shared_ranges
from vitinspect.figures.recipes import compare, make_recipe
from vitinspect.figures.scene import ColourBar, Picture, Text
from vitinspect.figures.specification import from_dict
from vitinspect.resources import gallery_folder

IMAGE = "24-gem-leaf.png"
METHODS = "rollout,attention_gradient"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copy(gallery_folder() / "images" / IMAGE, tmp_path / IMAGE)
    return tmp_path


def explain(folder: Path, name: str, *more: str) -> int:
    arguments = ["explain", str(folder / IMAGE), "--methods", METHODS, "--target", "leaf"]
    return main([*arguments, "--figure", str(folder / name), "--width", "88mm", *more])


@pytest.mark.parametrize("kind", ["pdf", "svg", "png", "tiff", "jpg"])
def test_every_format_carries_its_recipe_and_no_path_when_anonymous(folder: Path, kind: str) -> None:
    assert explain(folder, f"f.{kind}", "--dpi", "100") == 0
    recipe = metadata.find(folder / f"f.{kind}")
    assert recipe is not None
    assert recipe["figure"]["columns"][1]["method"] == "rollout"
    assert recipe["maps"]["a3"]["target"] == "leaf"
    assert explain(folder, f"anonymous.{kind}", "--anonymous", "--dpi", "100") == 0
    data = (folder / f"anonymous.{kind}").read_bytes()
    assert metadata.find(folder / f"anonymous.{kind}") is not None
    for word in (str(folder), IMAGE, "24-gem"):
        assert word.encode() not in data
    assert explain(folder, f"none.{kind}", "--no-recipe", "--dpi", "100") == 0
    assert metadata.find(folder / f"none.{kind}") is None


def test_a_figure_is_made_again_to_the_same_pixels_wherever_its_picture_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(folder, "f.png", "--dpi", "100") == 0
    elsewhere = folder / "moved" / "deep"
    elsewhere.mkdir(parents=True)
    (folder / IMAGE).rename(elsewhere / "renamed.png")
    assert main(["replay", str(folder / "f.png"), "--out", str(folder / "again.png")]) == 2
    assert "--images" in capsys.readouterr().err
    arguments = ["replay", str(folder / "f.png"), "--out", str(folder / "again.png"), "--report"]
    assert main([*arguments, "--images", str(folder / "moved")]) == 0
    assert "The pixels are the same." in capsys.readouterr().out
    assert np.array_equal(np.asarray(Image.open(folder / "f.png")), np.asarray(Image.open(folder / "again.png")))


def test_a_picture_with_other_pixels_is_used_only_on_request(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(folder, "f.svg") == 0
    Image.open(folder / IMAGE).convert("RGB").rotate(90).save(folder / IMAGE)
    arguments = ["replay", str(folder / "f.svg"), "--out", str(folder / "again.svg"), "--report"]
    assert main(arguments) == 2
    assert "--changed-pictures" in capsys.readouterr().err
    assert main([*arguments, "--changed-pictures"]) == 0
    said = capsys.readouterr().out
    assert "The pixels differ." in said
    assert f"picture {folder / IMAGE}" in said


def test_other_weights_are_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(folder, "f.svg") == 0
    text = (folder / "f.svg").read_text()
    recipe = metadata.find(folder / "f.svg")
    assert recipe is not None
    text = text.replace(recipe["models"]["demo"]["fingerprint"], "0" * 12)
    (folder / "changed.svg").write_text(text)
    assert main(["replay", str(folder / "changed.svg"), "--out", str(folder / "again.svg")]) == 2
    assert "other weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        "<vitinspect:json>{</vitinspect:json>",
        "<vitinspect:json>[]</vitinspect:json>",
        "<vitinspect:json>" + "[" * 50_000 + "</vitinspect:json>",
        "<vitinspect:json>{",
        "<vitinspect:deflated>!!!</vitinspect:deflated>",
        '<vitinspect:json>{"vitinspect": "recipe", "schema": 99}</vitinspect:json>',
        '<vitinspect:json>{"vitinspect": "recipe", "schema": 1, "kind": "figure"}</vitinspect:json>',
        "nothing at all",
    ],
)
def test_a_hostile_or_damaged_recipe_is_refused(folder: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "f.svg").write_text(text)
    assert main(["replay", str(folder / "f.svg"), "--out", str(folder / "again.svg")]) == 2
    assert "mistake in vitinspect" not in capsys.readouterr().err
    assert not (folder / "again.svg").exists()


def test_a_compressed_recipe_cannot_fill_the_memory(folder: Path) -> None:
    import base64
    import zlib

    bomb = base64.b64encode(zlib.compress(b" " * 300_000_000, 9)).decode()
    (folder / "f.svg").write_text(f"<vitinspect:deflated>{bomb}</vitinspect:deflated>")
    assert main(["recipe", str(folder / "f.svg")]) == 2


def test_the_recipe_command_prints_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(folder, "f.pdf") == 0
    capsys.readouterr()
    assert main(["recipe", str(folder / "f.pdf")]) == 0
    assert json.loads(capsys.readouterr().out)["vitinspect"] == "recipe"


def test_options_that_a_recipe_lacks_need_a_figure_without_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(folder, "f.pdf", "--image-size", "112") == 2
    assert "--no-recipe" in capsys.readouterr().err
    assert explain(folder, "f.pdf", "--image-size", "112", "--no-recipe") == 0


def test_a_figure_does_not_replace_foreign_files(folder: Path) -> None:
    (folder / "f.pdf").write_text("mine")
    assert explain(folder, "f.pdf") == 2
    assert (folder / "f.pdf").read_text() == "mine"


# --- composing --------------------------------------------------------------------------------------------------


def composed(folder: Path, **changes):  # type: ignore[no-untyped-def]
    spec = from_dict(
        {
            "rows": [{"image": IMAGE, "target": "leaf"}, {"image": IMAGE, "target": "gem"}],
            "columns": [{"show": "picture"}, {"method": "rollout"}, {"method": "attention_gradient"}],
            "width": "120mm",
            **changes,
        }
    )
    cells = finish_cells(spec, Sources(folder))
    page = lay_out(spec, cells)
    return spec, cells, page.scene, page.cells


def test_cells_are_in_a_grid_within_the_page(folder: Path) -> None:
    _, _, scene, boxes = composed(folder, panel_letters=True)
    assert [b.where for b in boxes] == ["a1", "a2", "a3", "b1", "b2", "b3"]
    for box in boxes:
        left, top, width, height = box.box
        assert left >= 0
        assert top >= 0
        assert left + width <= scene.width + 1e-6
        assert top + height <= scene.height + 1e-6
    assert {t.text for t in scene.texts} >= {"a", "b", "Picture", "Rollout", "gem", "leaf"}
    assert len([e for e in scene.elements if isinstance(e, ColourBar)]) == 4


def test_ranges_are_shared_as_asked(folder: Path) -> None:
    for how, count in {"cell": 4, "row": 2, "column": 2, "figure": 1}.items():
        spec, cells, scene, _ = composed(folder, ranges=how)
        ranges = shared_ranges(spec, cells)
        # The map of rollout is the same for both targets, so that two of its own ranges are equal.
        expected = {"cell": 3, "row": 2, "column": 2, "figure": 1}[how]
        assert len({(r.low, r.high) for r in ranges.values()}) == expected, (how, count)
        bars = [e for e in scene.elements if isinstance(e, ColourBar)]
        assert len(bars) == {"cell": 4, "row": 2, "column": 2, "figure": 1}[how]


def test_a_cell_has_the_pixels_of_the_overlay(folder: Path) -> None:
    spec, cells, scene, _ = composed(folder)
    one = cells["a3"]
    name = default_colormap(signed=False)
    expected = overlay(Image.fromarray(one.pixels), one.values, one.placement, name=name, opacity=0.9, grows="growing")
    painted = cell_picture(one, shared_ranges(spec, cells)["a3"])
    assert np.array_equal(painted, np.asarray(expected))
    assert any(isinstance(e, Picture) and np.array_equal(e.pixels, painted) for e in scene.elements)


def test_fused_cells_outlines_insets_and_scores(folder: Path) -> None:
    shutil.copy(gallery_folder() / "masks-second" / IMAGE, folder / "truth.png")
    column = {"method": "rollout + attention_gradient [geometric]", "threshold": "otsu", "truth": "truth.png"}
    _, cells, scene, _ = composed(folder, columns=[{**column, "inset": [0.5, 0.5, 0.3, 0.3]}], scores=True)
    assert cells["a1"].method_title.startswith("Rollout + ")
    assert any(isinstance(e, Text) and e.text.startswith("IoU ") for e in scene.elements)
    assert len([e for e in scene.elements if isinstance(e, Picture)]) == 4


def test_what_a_cell_means_by_its_method() -> None:
    methods, mode = members("lrp(start_layer=1) + rollout [arithmetic]")
    assert [m.id for m in methods] == ["lrp", "rollout"]
    assert mode == "arithmetic"
    assert members("lrp + rollout")[1] == "geometric"
    assert members("rollout")[1] == ""


def test_the_check_list_names_what_is_wrong(folder: Path) -> None:
    _, cells, scene, _ = composed(folder, font_size=4.0, columns=[{"method": "rollout", "colours": "jet"}])
    wrong = {finding.what for finding in check(scene, cells, lossy=True) if not finding.good}
    assert wrong >= {"Smallest text", "Colour map safe for the colour-blind", "Pictures stored without loss"}


def test_a_recipe_compared_with_itself_does_not_differ(folder: Path) -> None:
    spec, cells, scene, _ = composed(folder)
    recipe = make_recipe(spec, cells, scene)
    assert compare(recipe, json.loads(json.dumps(recipe))) == []


def test_pieces_of_an_outline_are_joined_into_closed_lines() -> None:
    down, right = np.mgrid[:40, :50]
    two = np.maximum(10 - np.hypot(down - 20, right - 12), 8 - np.hypot(down - 20, right - 38))
    lines = chains(isoline(two, 0.0))
    assert len(lines) == 2
    assert all(np.allclose(line[0], line[-1]) for line in lines)


def test_a_scale_of_opacity_is_below_the_colours_if_it_is_requested(folder: Path) -> None:
    document = {
        "rows": [{"image": IMAGE}],
        "columns": [{"method": "rollout", "opacity": 0.5}, {"method": "rollout", "show": "map"}],
        "width": "88mm",
    }
    plain = from_dict(document)
    cells = finish_cells(plain, Sources(folder))
    without = [one for one in compose(plain, cells).elements if isinstance(one, ColourBar)]
    scene = compose(from_dict({**document, "opacity_scale": True}), cells)
    bars = [one for one in scene.elements if isinstance(one, ColourBar)]
    assert (len(without), len(bars)) == (2, 3), "a map alone is opaque everywhere"
    colours, scale = bars[0], bars[1]
    assert np.array_equal(colours.colours, without[0].colours)
    greys = scale.colours[:, 0].astype(int)
    assert greys[0] == 255, "the lowest value is clear"
    assert greys[-1] == pytest.approx(255 - 0.5 * 255, abs=1)
    assert (np.diff(greys) <= 0).all()
    # Both together are as thick as the bar alone, so that nothing on the page moves.
    assert colours.box[1] + colours.box[3] == pytest.approx(scale.box[1])
    assert scale.box[1] + scale.box[3] == pytest.approx(without[0].box[1] + without[0].box[3])
