"""``vitinspect agree``: people's masks from folders, and which are left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from tests.evaluation.small import mask, picture
from vitinspect.annotation.gather import gather
from vitinspect.cli import main

Say = pytest.CaptureFixture[str]


def study(root: Path) -> Path:
    """Two pictures, three annotators of whom one drew only one of them."""
    for name, who in (("p0", "ann"), ("p0", "ben"), ("p0", "cem"), ("p1", "ann"), ("p1", "ben")):
        if not (root / "images" / f"{name}.png").exists():
            picture(root / "images" / f"{name}.png", 1)
        mask(root / "masks" / who / f"{name}.png", len(who) + ord(who[0]) + int(name[1]))
    return root


def sidecar(path: Path, **origin) -> None:
    facts = {"vitinspect": "mask", "status": origin.pop("status", "done"), "origin": {"blind": True, **origin}}
    path.with_name(path.stem + ".mask.json").write_text(json.dumps(facts))


def test_the_report_contains_all_pairs(tmp_path: Path, capsys: Say) -> None:
    root = study(tmp_path / "study")
    assert main(["agree", str(root), "--out", str(tmp_path / "out")]) == 0
    assert "3 annotators, 2 pictures" in capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "agreement.json").read_text())
    assert "a tolerance of 2 pixels" in (tmp_path / "out" / "agreement.md").read_text()
    assert {(p["first"], p["second"]): p["images"] for p in found["pairs"]} == {
        ("ann", "ben"): 2,
        ("ann", "cem"): 1,
        ("ben", "cem"): 1,
    }
    masks = {who: {"p0": vi.masks.load(root / "masks" / who / "p0.png")} for who in ("ann", "ben", "cem")}
    alone = vi.agreement(masks).to_dict()
    assert found["images"]["p0.png"]["alpha"] == alone["images"]["p0"]["alpha"]


@pytest.mark.parametrize("how", ["majority", "staple"])
def test_the_consensus_is_a_mask_like_any_other(tmp_path: Path, how: str) -> None:
    root = study(tmp_path / "study")
    assert main(["agree", str(root), "--out", str(tmp_path / "out"), "--consensus", how]) == 0
    written = vi.masks.load(tmp_path / "out" / "consensus" / "p0.png", root / "images" / "p0.png")
    masks = {who: vi.masks.load(root / "masks" / who / "p0.png") for who in ("ann", "ben", "cem")}
    np.testing.assert_array_equal(written, vi.consensus(masks, how=how))


def test_the_consensus_says_its_ties_and_what_staple_finds_of_people_in_both_regions(tmp_path: Path) -> None:
    root = study(tmp_path / "study")
    out = tmp_path / "out"
    assert main(["agree", str(root), "--out", str(out), "--consensus", "majority"]) == 0
    pair = {who: vi.masks.load(root / "masks" / who / "p1.png") for who in ("ann", "ben")}
    ties = vi.consensus(pair).ties
    assert ties > 0
    assert f"Ties: {ties} pixels in 1 picture" in (out / "consensus.md").read_text()
    assert f"p1.png,{int(vi.consensus(pair).sum())},{ties}" in (out / "consensus.csv").read_text().splitlines()
    assert main(["agree", str(root), "--out", str(out), "--consensus", "staple", "--region", "box"]) == 0
    rows = {tuple(line.split(",")) for line in (out / "consensus.csv").read_text().splitlines()}
    for region in ("frame", "box"):
        found = vi.consensus(pair, how="staple", region=region)
        for who in pair:
            numbers = repr(found.sensitivities[who]), repr(found.specificities[who])
            assert ("p1.png", region, str(int(found.sum())), who, *numbers) in rows
    text = (out / "consensus.md").read_text()
    assert "the estimate in the box around the union" in text
    assert "| ben | 2 |" in text


def test_what_all_ignore_where_nobody_marks_anything_is_no_foreground_of_the_consensus(tmp_path: Path) -> None:
    root = study(tmp_path / "study")
    band = np.zeros((48, 60), dtype=np.uint8)
    band[:5] = 255
    marked = band.copy()
    marked[10:20, 10:20] = 1
    for who in ("ann", "ben"):
        Image.fromarray(marked).save(root / "masks" / who / "p0.png")
        Image.fromarray(band).save(root / "masks" / who / "p1.png")
    assert main(["agree", str(root), "--out", str(tmp_path / "out"), "--consensus", "majority"]) == 0
    np.testing.assert_array_equal(vi.masks.load(tmp_path / "out" / "consensus" / "p1.png"), band)


def test_names_behind_an_underscore_and_single_folders_are_annotators_too(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "p_0.png", 1)
    for who in ("ann", "student_3"):
        mask(tmp_path / "drawn" / f"p_0_{who}.png", 1)
        mask(tmp_path / who / "p_0.png", 1)
    assert set(gather([tmp_path / "drawn"], tmp_path / "images").masks) == {"ann", "student_3"}
    found = gather([tmp_path / "ann", tmp_path / "student_3"])
    assert {who: list(own) for who, own in found.masks.items()} == {"ann": ["p_0"], "student_3": ["p_0"]}


def test_masks_influenced_by_what_was_shown_are_left_out_by_default(tmp_path: Path, capsys: Say) -> None:
    root = study(tmp_path / "study")
    sidecar(root / "masks" / "ann" / "p0.png")
    sidecar(root / "masks" / "ben" / "p0.png", started_from="map lrp")
    sidecar(root / "masks" / "cem" / "p0.png", blind=False)
    sidecar(root / "masks" / "ben" / "p1.png", status="begun")
    found = gather([root])
    assert found.left_out == {
        "they started from a map": 1,
        "maps, predictions or other masks could be seen while they were drawn": 1,
        "they are not finished": 1,
    }
    assert {who: sorted(own) for who, own in found.masks.items()} == {"ann": ["p0.png", "p1.png"]}
    assert main(["agree", str(root), "--out", str(tmp_path / "out")]) == 0
    assert "started from a map" in capsys.readouterr().err
    assert "started from a map" in (tmp_path / "out" / "agreement.md").read_text()
    assert set(gather([root], everything=True).masks) == {"ann", "ben", "cem"}


def test_many_masks_are_read_by_several_processes_in_the_same_order(tmp_path: Path, monkeypatch) -> None:
    root = study(tmp_path / "study")
    mask(root / "repeats" / "ann" / "p0.png", 77)
    alone = gather([root])
    monkeypatch.setattr("vitinspect.annotation.gather.MANY", 1)
    monkeypatch.setattr("vitinspect.annotation.gather.CHUNK", 2)
    several = gather([root], processes=2)
    assert several == alone
    assert [list(own) for own in several.masks.values()] == [list(own) for own in alone.masks.values()]


def test_repeated_pictures_are_the_annotators_own_agreement(tmp_path: Path) -> None:
    root = study(tmp_path / "study")
    mask(root / "repeats" / "ann" / "p0.png", 77)
    found = vi.agreement(gather([root]).masks).to_dict()
    assert found["self_agreement"]["ann"]["repeats"] == 1
    assert 0 <= found["self_agreement"]["ann"]["dice"] < 1


def test_255_without_a_1_is_ignored_where_the_annotators_other_masks_have_both(tmp_path: Path, capsys: Say) -> None:
    """An empty mask with an ignored band holds 0 and 255 alone, as a mask of white on black does."""
    root = study(tmp_path / "study")
    band = np.zeros((48, 60), dtype=np.uint8)
    band[:5] = 255
    marked = band.copy()
    marked[10:20, 10:20] = 1
    for who, one, other in (("ann", marked, band), ("ben", band, band)):
        Image.fromarray(one).save(root / "masks" / who / "p0.png")
        Image.fromarray(other).save(root / "masks" / who / "p1.png")
    found = gather([root])
    np.testing.assert_array_equal(found.masks["ann"]["p0.png"], marked)
    np.testing.assert_array_equal(found.masks["ann"]["p1.png"], band)
    np.testing.assert_array_equal(found.masks["ben"]["p0.png"], band == 255)
    assert main(["agree", str(root), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().err
    assert "In 1 mask of ann 255 is taken as ignored, without a 1 beside it: other masks of theirs have both." in said
    assert "In 2 masks of ben 255 is taken as foreground: none of theirs has a 1; those of ann have both." in said
    assert set(gather([root], coding="palette").notes) == set()


def test_a_folder_without_masks_and_files_without_a_picture_are_reported(tmp_path: Path, capsys: Say) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["agree", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 2
    assert "no masks to compare" in capsys.readouterr().err
    assert main(["agree", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    root = study(tmp_path / "study")
    Image.new("L", (4, 4)).save(root / "masks" / "ann" / "other.png")
    assert main(["agree", str(root), "--out", str(tmp_path / "out")]) == 0
    assert "other.png matches no picture" in capsys.readouterr().err


def test_pictures_are_not_read_as_masks(tmp_path: Path, capsys: Say) -> None:
    """Black pictures would be empty masks of an annotator whose name is the folder's."""
    bare = tmp_path / "bare"
    bare.mkdir()
    Image.new("RGB", (40, 40)).save(bare / "p0.png")
    assert main(["agree", str(bare), "--out", str(tmp_path / "out")]) == 2
    assert "bare has no masks/ and no folder for each annotator: its files may be pictures" in capsys.readouterr().err
    picture(tmp_path / "set" / "images" / "p0.png", 1)
    assert main(["agree", str(tmp_path / "set"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "has pictures in images/, but no masks/" in said
    assert "Expected are masks in masks/ANNOTATOR/NAME.png" in said
    assert not (tmp_path / "out").exists()
