"""Maps from files in figures: shown where they belong, carried by their bytes' digest, found again, never guessed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from vitinspect.cli import main
from vitinspect.errors import DataError
from vitinspect.figures import metadata
from vitinspect.figures.map_cells import map_name, title
from vitinspect.figures.recipes import check_recipe, locate_maps
from vitinspect.figures.specification import Cell, from_dict
from vitinspect.resources import gallery_folder

IMAGE = "24-gem-leaf.png"


def values() -> np.ndarray:
    return np.random.default_rng(3).random((14, 14)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A figure of a picture and of its map of another tool, beside each other, and moved away afterwards."""
    made = tmp_path / "work"
    (made / "maps").mkdir(parents=True)
    shutil.copy(gallery_folder() / "images" / IMAGE, made / IMAGE)
    np.save(made / "maps" / "24-gem-leaf_cam.npy", values())
    spec = {
        "rows": [{"image": IMAGE}],
        "columns": [{"show": "picture"}, {"map_file": "maps/{stem}_cam.npy"}],
        "width": "80mm",
        "dpi": 150,
    }
    (made / "figure.json").write_text(json.dumps(spec))
    return made


def made(folder: Path, name: str, *more: str) -> dict:  # type: ignore[type-arg]
    assert main(["figure", str(folder / "figure.json"), "--out", str(folder / name), *more]) == 0
    found = metadata.find(folder / name)
    assert found is not None
    return check_recipe(found, name)


def test_the_file_of_a_cell_follows_its_picture() -> None:
    cell = Cell(image="birds/wren.jpg", map_file="{folder}/cams/{stem}_cam.npy")
    assert map_name(cell) == "birds/cams/wren_cam.npy"
    assert title(cell) == "cam"
    assert title(Cell(image="wren.jpg", map_file="maps/wren-scorecam.npz")) == "scorecam"
    assert title(Cell(image="wren.jpg", map_file="wren.npy")) == "wren"


def test_a_figure_shows_a_map_from_a_file_and_its_recipe_carries_name_and_digest(folder: Path, tmp_path: Path) -> None:
    import hashlib

    recipe = made(folder, "figure.png")
    name = "maps/24-gem-leaf_cam.npy"
    assert recipe["map_files"][name]["content"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    assert recipe["maps"]["a2"]["range"] == pytest.approx([values().min(), values().max()])
    # Moved as a whole, with the map under another name: found by its bytes.
    moved = tmp_path / "moved"
    folder.rename(moved)
    (moved / name).rename(moved / "maps" / "other.npy")
    again = moved / "again.png"
    arguments = ["replay", str(moved / "figure.png"), "--out", str(again)]
    assert main([*arguments, "--images", str(moved)]) == 0
    assert again.read_bytes()[:8] == (moved / "figure.png").read_bytes()[:8]
    from PIL import Image

    assert np.array_equal(np.asarray(Image.open(again)), np.asarray(Image.open(moved / "figure.png")))


def test_another_map_under_the_name_is_not_taken(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(folder, "figure.pdf")
    np.save(folder / "maps" / "24-gem-leaf_cam.npy", 1 - values())
    assert main(["replay", str(folder / "figure.pdf"), "--out", str(folder / "again.pdf")]) != 0
    assert "cannot be found with the bytes that it had" in capsys.readouterr().err
    assert not (folder / "again.pdf").exists()


def test_an_anonymous_figure_with_a_map_names_no_file_and_is_made_again(folder: Path) -> None:
    recipe = made(folder, "anonymous.svg", "--anonymous")
    text = json.dumps(recipe)
    assert "gem" not in text
    assert "cam" not in text
    assert list(recipe["map_files"]) == ["map-1-picture-1"]
    arguments = ["replay", str(folder / "anonymous.svg"), "--images", str(folder), "--out", str(folder / "again.svg")]
    assert main(arguments) == 0


def test_a_recipe_reads_no_file_that_is_no_map_or_has_other_bytes(folder: Path, tmp_path: Path) -> None:
    recipe = made(folder, "figure.png")
    secret = tmp_path / "secret.npy"
    np.save(secret, values() * 2)
    for told in (str(secret), "/dev/zero", "\\\\elsewhere\\share\\map.npy", "/etc/passwd"):
        hostile = json.loads(json.dumps(recipe))
        hostile["map_files"]["maps/24-gem-leaf_cam.npy"]["path"] = told
        located = locate_maps(hostile, tmp_path / "nowhere", [])
        assert located.missing == ["maps/24-gem-leaf_cam.npy"]
        assert located.pictures == {}


@pytest.mark.parametrize("damage", [[], {"a": 1}, {"a": {"content": 3}}])
def test_a_damaged_table_of_map_files_is_refused(folder: Path, damage: object) -> None:
    recipe = made(folder, "figure.png")
    recipe["map_files"] = damage
    with pytest.raises(DataError, match="map_files"):
        check_recipe(recipe, "damaged")


def test_a_map_of_no_known_size_is_named_with_its_size(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(folder / "maps" / "24-gem-leaf_cam.npy", np.zeros((5, 9), np.float32))
    assert main(["figure", str(folder / "figure.json"), "--out", str(folder / "x.png")]) != 0
    assert "5 × 9" in capsys.readouterr().err


def test_the_caption_says_that_a_map_is_from_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made(folder, "figure.png", "--caption")
    assert "the map “cam” from a file" in capsys.readouterr().out


def test_a_cell_may_take_its_map_from_a_file_where_the_others_have_a_method() -> None:
    spec = from_dict(
        {
            "defaults": {"image": "a.png", "method": "rollout"},
            "rows": [{}],
            "columns": [{}, {"map_file": "m.npy"}],
        }
    )
    assert spec.cell(0, 1).has_map
    assert spec.cell(0, 1).map_file == "m.npy"
