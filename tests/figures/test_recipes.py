"""Recipes over time: old ones are read, newer ones refused, and an anonymous one contains no names."""

from __future__ import annotations

import getpass
import json
import re
import shutil
import socket
import zlib
from pathlib import Path

import pytest

from vitinspect.cli import main
from vitinspect.errors import DataError
from vitinspect.figures import metadata
from vitinspect.figures.recipes import SCHEMA, STEPS, check_recipe, locate_pictures, migrate
from vitinspect.resources import gallery_folder

RECORDED = sorted((Path(__file__).parent / "recorded").glob("schema-*.json"))
IMAGE = "24-gem-leaf.png"


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recipe_of_each_schema_is_read_and_made_again(path, tmp_path, capsys) -> None:
    document = json.loads(path.read_text())
    recipe = check_recipe(document, path.name)
    assert recipe["schema"] == SCHEMA
    assert recipe["figure"]["columns"][1]["method"] == "rollout"
    out = tmp_path / "again.svg"
    assert main(["replay", str(path), "--images", str(gallery_folder()), "--out", str(out), "--report"]) == 0
    again = metadata.find(out)
    assert again is not None
    for where, facts in recipe["maps"].items():
        assert again["maps"][where]["range"] == pytest.approx(facts["range"], rel=1e-3)
    assert "raw ranges" in capsys.readouterr().out


def test_every_schema_is_recorded_and_has_its_step() -> None:
    assert [path.stem for path in RECORDED] == [f"schema-{number}" for number in range(1, SCHEMA + 1)]
    assert sorted(STEPS) == list(range(1, SCHEMA))


def test_an_older_recipe_goes_through_every_step_to_the_newest() -> None:
    """Two schemas that are to come: a model is named in each cell, then methods get another name."""
    recorded = json.loads(RECORDED[0].read_text())

    def second(found):
        return {**found, "figure": {**found["figure"], "defaults": {**found["figure"]["defaults"], "model": "other"}}}

    def third(found):
        assert found["schema"] == 2
        return {**found, "renamed": True}

    made = migrate(recorded, "recorded", {1: second, 2: third}, newest=3)
    assert made["schema"] == 3
    assert made["renamed"]
    assert made["figure"]["defaults"]["model"] == "other"
    assert recorded["schema"] == 1, "what was read stays as it was"
    assert recorded["figure"]["defaults"]["model"] == "demo"


@pytest.mark.parametrize("schema", [SCHEMA + 1, 99, 0, -1, True, None, "1", 1.0])
def test_what_is_newer_or_no_schema_at_all_is_refused_by_its_number(schema) -> None:
    document = {**json.loads(RECORDED[0].read_text()), "schema": schema}
    with pytest.raises(DataError, match=re.escape(repr(schema))):
        check_recipe(document, "figure.png")


def test_a_newer_recipe_says_which_version_wrote_it() -> None:
    document = {**json.loads(RECORDED[0].read_text()), "schema": 7, "software": "vitinspect 9.1"}
    with pytest.raises(DataError, match=r"vitinspect 9\.1"):
        check_recipe(document, "figure.png")


@pytest.mark.parametrize("path", ["\\\\server\\share\\a.png", "//server/share/a.png", "/dev/zero", "a\0b.png"])
def test_a_path_in_a_recipe_is_not_followed(path, tmp_path) -> None:
    document = json.loads(RECORDED[0].read_text())
    document["images"] = {path: {"content": "0" * 64, "path": path, "size": [2, 2]}}
    located = locate_pictures(document, tmp_path, [tmp_path])
    assert located.missing == [path]


def test_pictures_of_another_size_are_not_decoded_in_the_search(tmp_path, monkeypatch) -> None:
    from vitinspect.figures import recipes

    document = json.loads(RECORDED[0].read_text())
    shutil.copy(gallery_folder() / "images" / IMAGE, tmp_path / "renamed.png")
    (tmp_path / "small.png").write_bytes((tmp_path / "renamed.png").read_bytes())
    from PIL import Image

    Image.new("RGB", (10, 10)).save(tmp_path / "small.png")
    opened = []
    real = recipes.open_image
    monkeypatch.setattr(recipes, "open_image", lambda path: (opened.append(Path(path).name), real(path))[1])
    located = locate_pictures(document, tmp_path, [tmp_path])
    assert located.pictures == {IMAGE: tmp_path / "renamed.png"}
    assert opened == ["renamed.png"]


def plain(data: bytes) -> bytes:
    """A file with every part that can be inflated, inflated."""
    found = [data]
    for start in re.finditer(rb"x[\x01\x5e\x9c\xda]", data):
        try:
            found.append(zlib.decompressobj().decompress(data[start.start() :]))
        except zlib.error:
            continue
    for part in re.findall(rb"<vitinspect:deflated>([^<]+)<", data):
        import base64

        found.append(zlib.decompress(base64.b64decode(part)))
    return b"\n".join(found)


@pytest.mark.parametrize("kind", ["pdf", "svg", "png", "tiff", "jpg"])
def test_an_anonymous_figure_names_no_path_person_computer_or_picture(kind, tmp_path, monkeypatch) -> None:
    folder = tmp_path / "private-folder"
    folder.mkdir()
    shutil.copy(gallery_folder() / "images" / IMAGE, folder / "patient-4711.png")
    shutil.copy(gallery_folder() / "masks" / IMAGE, folder / "truth-by-anna.png")
    monkeypatch.chdir(folder)
    weights = folder / "secret-weights.safetensors"
    shutil.copy(next(gallery_folder().parent.glob("**/*.safetensors")), weights)
    (folder / "spec.json").write_text(
        json.dumps(
            {
                "rows": [{"image": "patient-4711.png", "target": "0"}],
                "columns": [{"show": "picture"}, {"method": "rollout", "truth": "truth-by-anna.png"}],
                "defaults": {"model": str(weights), "arch": "vit_tiny_patch16_224(depth=6)"},
                "width": "60mm",
                "dpi": 72,
            }
        )
    )
    out = tmp_path / f"anonymous.{kind}"
    assert main(["figure", "spec.json", "--out", str(out), "--anonymous"]) == 0
    data = plain(out.read_bytes())
    assert b'"picture-1"' in data or b"picture-1" in data
    hidden = ["private-folder", "patient", "truth-by", "secret-weights", str(tmp_path)]
    # A name of a few letters occurs in any file by chance.
    hidden += [word for word in (getpass.getuser(), socket.gethostname()) if len(word) > 6]
    for word in hidden:
        assert word.encode() not in data, word


@pytest.fixture
def with_mask(tmp_path: Path) -> Path:
    """A figure with the outline of a mask."""
    folder = tmp_path / "work"
    folder.mkdir()
    shutil.copy(gallery_folder() / "images" / IMAGE, folder / IMAGE)
    shutil.copy(gallery_folder() / "masks" / IMAGE, folder / "mask.png")
    spec = {"rows": [{"image": IMAGE, "truth": "mask.png"}], "columns": [{"show": "picture"}], "width": "40mm"}
    (folder / "figure.json").write_text(json.dumps(spec))
    assert main(["figure", str(folder / "figure.json"), "--out", str(folder / "figure.png")]) == 0
    return folder


def test_a_mask_is_taken_for_replay_only_as_it_was(with_mask: Path, capsys) -> None:
    figure, out = with_mask / "figure.png", with_mask / "again.png"
    assert main(["replay", str(figure), "--out", str(out)]) == 0
    assert "The pixels are the same." in capsys.readouterr().out
    shutil.copy(gallery_folder() / "masks" / "27-leaf.png", with_mask / "mask.png")
    assert main(["replay", str(figure), "--out", str(with_mask / "other.png")]) != 0
    assert "is not the mask that the figure was made with" in capsys.readouterr().err
    (with_mask / "mask.png").unlink()
    assert main(["replay", str(figure), "--out", str(with_mask / "other.png")]) != 0
    assert "The mask mask.png cannot be found" in capsys.readouterr().err


def test_a_hostile_recipe_reads_no_file_as_a_mask(with_mask: Path, tmp_path: Path, capsys) -> None:
    recipe = metadata.find(with_mask / "figure.png")
    assert recipe is not None
    for path in ("/etc/passwd", "/dev/zero", str(gallery_folder() / "masks" / "27-leaf.png")):
        recipe["figure"]["rows"][0]["truth"] = path
        (tmp_path / "hostile.json").write_text(json.dumps(recipe))
        arguments = ["replay", str(tmp_path / "hostile.json"), "--images", str(with_mask)]
        assert main([*arguments, "--out", str(tmp_path / "out.png")]) != 0
        said = capsys.readouterr().err
        assert "cannot be found" in said or "is not the mask" in said
        assert not (tmp_path / "out.png").exists()
