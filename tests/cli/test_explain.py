"""``vitinspect explain`` and ``predict``: from pictures to files and lines."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitinspect.cli import main
from vitinspect.files import made_from, read_metadata
from vitinspect.resources import gallery_folder

Say = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def scenes() -> list[Path]:
    """Bundled pictures with two objects, which a target can be chosen between."""
    return sorted((gallery_folder() / "images").glob("2[0-4]-*"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_an_overlay_and_the_raw_values_are_written_for_each_method(here: Path, scenes: list[Path], capsys: Say) -> None:
    assert main(["explain", str(scenes[0]), "--methods", "rollout,rollout(discard_ratio=0.9)"]) == 0
    stem = scenes[0].stem
    plain, with_parameter = f"{stem}.rollout", f"{stem}.rollout-discard_ratio=0.9"
    found = names(here / "vitinspect-output")
    assert found == sorted(f"{name}.{kind}" for name in (plain, with_parameter) for kind in ("npz", "png"))
    assert f"{plain}.png" in capsys.readouterr().out
    with Image.open(scenes[0]) as original, Image.open(here / "vitinspect-output" / f"{plain}.png") as painted:
        assert painted.size == original.size


def test_the_raw_values_are_the_engines_and_say_how_they_were_made(here: Path, scenes: list[Path]) -> None:
    import vitinspect as vi

    assert main(["explain", str(scenes[0]), "--methods", "gradient_rollout", "--target", "3", "--out", "maps"]) == 0
    (path,) = (here / "maps").glob("*.npz")
    expected = vi.explain(vi.load_model("demo"), scenes[0], ["gradient_rollout"], target=3)
    with np.load(path, allow_pickle=False) as archive:
        np.testing.assert_allclose(archive["values"], expected["gradient_rollout"].values, rtol=1e-5, atol=1e-8)
    about = read_metadata(path)
    assert about["method"] == "gradient_rollout"
    assert about["target"]["index"] == 3
    assert about["image"] == str(scenes[0])
    assert about["input_size"] == [224, 224]
    assert about["fingerprint"]


def test_a_contrast_and_a_label_are_targets_too(here: Path, scenes: list[Path]) -> None:
    import vitinspect as vi

    labels = vi.load_model("demo").labels
    for target in (labels[2], f"{labels[2]} - {labels[5]}"):
        assert main(["explain", str(scenes[0]), "--methods", "gradient_rollout", "--target", target]) == 0
    (path,) = (here / "vitinspect-output").glob("*.npz")
    assert [side["index"] for side in read_metadata(path)["target"]["contrast"]] == [2, 5]


def test_the_options_of_the_look_change_the_overlay_and_not_the_values(here: Path, scenes: list[Path]) -> None:
    looks = (
        [],
        ["--opacity", "0"],
        ["--colormap", "viridis"],
        ["--growing"],
        ["--patches"],
    )
    pictures, values = [], []
    for look in looks:
        assert main(["explain", str(scenes[0]), "--out", "o", *look]) == 0
        with Image.open(here / "o" / f"{scenes[0].stem}.rollout.png") as picture:
            pictures.append(np.asarray(picture.convert("RGB")))
        with np.load(here / "o" / f"{scenes[0].stem}.rollout.npz") as archive:
            values.append(archive["values"])
    for i, one in enumerate(pictures):
        for other in pictures[i + 1 :]:
            assert (one != other).any()
    for other in values[1:]:
        np.testing.assert_array_equal(values[0], other)


@pytest.mark.parametrize("mode", ["crop", "squash", "pad"])
def test_each_mode_says_where_the_model_looked(here: Path, mode: str) -> None:
    Image.linear_gradient("L").resize((300, 200)).save("wide.png")
    assert main(["explain", "wide.png", "--mode", mode]) == 0
    (path,) = (here / "vitinspect-output").glob("*.npz")
    left, top, right, bottom = read_metadata(path)["box"]
    assert read_metadata(path)["mode"] == mode
    if mode == "crop":
        assert left > 0
        assert right < 300
    elif mode == "squash":
        assert (left, top, right, bottom) == (0, 0, 300, 200)
    else:
        assert top < 0
        assert bottom > 200


def test_folders_are_read_and_their_order_kept_below_them(here: Path, scenes: list[Path], capsys: Say) -> None:
    (here / "in" / "deep").mkdir(parents=True)
    for folder in ("in", "in/deep"):
        shutil.copy(scenes[0], here / folder / "same.jpg")
    assert main(["explain", "in", "--out", "flat"]) == 0
    assert names(here / "flat") == ["same.rollout.npz", "same.rollout.png"]
    assert main(["explain", "in", "--recursive", "--out", "tree"]) == 0
    assert [name for name in names(here / "tree") if name.endswith("png")] == [
        "deep/same.rollout.png",
        "same.rollout.png",
    ]


def test_pictures_of_one_name_from_two_folders_are_both_there(here: Path, scenes: list[Path]) -> None:
    for folder in ("a", "b"):
        (here / folder).mkdir()
        shutil.copy(scenes[0], here / folder / "x.jpg")
    assert main(["explain", "a/x.jpg", "--out", "o"]) == 0
    assert main(["explain", "b/x.jpg", "--out", "o"]) == 0
    overlays = sorted((here / "o").glob("*.png"))
    assert len(overlays) == 2
    assert {made_from(path) for path in overlays} == {str(here / "a" / "x.jpg"), str(here / "b" / "x.jpg")}


def test_a_broken_picture_is_named_and_the_others_are_explained(here: Path, scenes: list[Path], capsys: Say) -> None:
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    assert main(["explain", "broken.png", str(scenes[0])]) == 2
    err = [line for line in capsys.readouterr().err.splitlines() if line.startswith("vitinspect:")]
    assert "broken.png" in err[0]
    assert err[-1] == "vitinspect: 1 of 2 pictures could not be used."
    assert len(names(here / "vitinspect-output")) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.png"], "nowhere.png"),
        (["PICTURE", "--methods", "rolout"], "Did you mean rollout"),
        (["PICTURE", "--methods", "rollout(start=1)"], "start"),
        (["PICTURE", "--target", "zebra"], "zebra"),
        (["PICTURE", "--target", "4000"], "4000"),
        (["PICTURE", "--model", "no-such-model-anywhere"], "no-such-model-anywhere"),
        (["PICTURE", "--device", "abacus"], "abacus"),
        (["PICTURE", "--opacity", "7"], "--opacity"),
        (["PICTURE", "--image-size", "2x2x2"], "--image-size"),
        (["EMPTY"], "no pictures"),
    ],
)
def test_an_error_is_reported_in_one_line_and_nothing_is_written(
    arguments: list[str], words: str, here: Path, scenes: list[Path], capsys: Say
) -> None:
    (here / "empty").mkdir()
    places = {"PICTURE": str(scenes[0]), "EMPTY": "empty"}
    methods = [] if "--methods" in arguments else ["--methods", "gradient_rollout"]
    assert main(["explain", *(places.get(word, word) for word in arguments), *methods]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert words in err
    assert not (here / "vitinspect-output").exists()


def test_all_methods_are_those_that_the_model_allows(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say) -> None:
    from vitinspect.cli import explain
    from vitinspect.explainers.registry import methods

    class Model:
        def why_not(self, method: str) -> str | None:
            return None if method == "rollout" else "it has no blocks."

    chosen = explain.applicable_methods(Model())  # type: ignore[arg-type]
    assert [method.id for method in chosen] == ["rollout"]
    assert len(capsys.readouterr().err.splitlines()) == len(methods()) - 1


def test_the_input_size_can_be_another_one_also_not_square(here: Path, scenes: list[Path]) -> None:
    assert main(["explain", str(scenes[0]), "--image-size", "96x160"]) == 0
    (path,) = (here / "vitinspect-output").glob("*.npz")
    assert read_metadata(path)["input_size"] == [96, 160]
    with np.load(path) as archive:
        assert archive["values"].shape == (6, 10)


def test_the_bound_on_a_pictures_pixels_can_be_set(here: Path, scenes: list[Path], capsys: Say) -> None:
    from vitinspect.images import max_pixels, set_max_pixels

    before = max_pixels()
    try:
        assert main(["predict", str(scenes[0]), "--max-pixels", "100"]) == 2
        assert scenes[0].name in capsys.readouterr().err
        assert main(["predict", str(scenes[0]), "--max-pixels", "100000000"]) == 0
    finally:
        set_max_pixels(before)


def test_predictions_are_printed_best_first(scenes: list[Path], capsys: Say) -> None:
    import vitinspect as vi

    assert main(["predict", str(scenes[0]), "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(scenes[0])
    expected = vi.load_model("demo").predict(scenes[0], top=3)
    assert len(lines) == 4
    for line, prediction in zip(lines[1:], expected, strict=True):
        assert prediction.label in line
        assert f"{100 * prediction.probability:.1f} %" in line


def test_predictions_as_json_are_one_document_per_line(scenes: list[Path], capsys: Say) -> None:
    assert main(["predict", "--json", *map(str, scenes[:2])]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["image"] for document in documents] == [str(path) for path in scenes[:2]]
    shares = [p["probability"] for p in documents[0]["predictions"]]
    assert shares == sorted(shares, reverse=True)
    assert len(shares) == 5


def test_the_number_of_classes_is_a_number(capsys: Say) -> None:
    assert main(["predict", "x.png", "--top", "0"]) == 2
    assert "must be 1 or more" in capsys.readouterr().err


# --- fusions, thresholds and several targets ---------------------------------------------------------------------


def values_of(path: Path) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        return archive["values"]


def test_fusions_are_methods_of_the_list(here: Path, scenes: list[Path]) -> None:
    import vitinspect as vi

    methods = "lrp + rollout(start_layer=3) [product], lrp"
    assert main(["explain", str(scenes[0]), "--methods", methods, "--normalise", "none", "--out", "o"]) == 0
    stem = scenes[0].stem
    assert names(here / "o") == sorted(
        f"{stem}.{name}.{kind}" for name in ("lrp+rollout-start_layer=3-product", "lrp") for kind in ("npz", "png")
    )
    maps = vi.explain(vi.load_model("demo"), scenes[0], ["lrp", "rollout(start_layer=3)"])
    fused = vi.fuse(list(maps.values()), "product")
    path = here / "o" / f"{stem}.lrp+rollout-start_layer=3-product.npz"
    np.testing.assert_allclose(values_of(path), fused.values, rtol=1e-5, atol=1e-9)
    assert read_metadata(path)["key"] == "lrp + rollout(start_layer=3) [product]"


def test_all_methods_are_fused_into_one_more_map(here: Path, scenes: list[Path]) -> None:
    assert main(["explain", str(scenes[0]), "--methods", "legrad,rollout", "--fuse", "geometric", "--out", "o"]) == 0
    endings = [name.removeprefix(scenes[0].stem) for name in names(here / "o") if name.endswith("npz")]
    assert endings == [".legrad+rollout-geometric.npz", ".legrad.npz", ".rollout.npz"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--methods", "lrp + rollout [sum]"], "geometric, product"),
        (["--methods", "lrp [product]"], "needs two"),
        (["--methods", "lrp + rollout [product"], "is written as"),
        (["--methods", "lrp", "--fuse", "product"], "needs at least two methods"),
        (["--methods", "lrp + nothing"], "nothing"),
        (["--threshold", "otzu"], "otsu, fixed"),
        (["--threshold", "otsu=2"], "takes no number"),
        (["--top", "2", "--target", "1"], "one of them"),
    ],
)
def test_what_cannot_be_fused_cut_or_explained_is_reported(
    scenes: list[Path], capsys: Say, arguments: list[str], words: str
) -> None:
    assert main(["explain", str(scenes[0]), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_masks_are_cut_as_evaluate_cuts_them_and_lie_on_the_picture(here: Path, scenes: list[Path]) -> None:
    import vitinspect as vi

    assert main(["explain", str(scenes[0]), "--mode", "squash", "--out", "plain"]) == 0
    assert main(["explain", str(scenes[0]), "--mode", "squash", "--threshold", "fixed=0.4", "--out", "o"]) == 0
    stem = scenes[0].stem
    with Image.open(here / "o" / f"{stem}.rollout.mask.png") as saved, Image.open(scenes[0]) as picture:
        assert saved.size == picture.size
        mask = np.asarray(saved)
    assert set(np.unique(mask)) == {0, 255}
    cut = vi.threshold(values_of(here / "o" / f"{stem}.rollout.npz"), "fixed", level=0.4, size=(224, 224))
    assert (mask > 0).mean() == pytest.approx(cut.share, abs=0.01)
    assert read_metadata(here / "o" / f"{stem}.rollout.npz")["threshold"]["mode"] == "fixed"
    # The overlay shows where the mask ends, and the values are the same.
    plain, outlined = (here / folder / f"{stem}.rollout.png" for folder in ("plain", "o"))
    with Image.open(plain) as one, Image.open(outlined) as other:
        assert (np.asarray(one) != np.asarray(other)).any()
    np.testing.assert_array_equal(values_of(plain.with_suffix(".npz")), values_of(outlined.with_suffix(".npz")))


@pytest.mark.parametrize("spelling", ["--apply-threshold", "--apply_threshold"])
def test_apply_threshold_shows_the_map_after_otsus_threshold(here: Path, scenes: list[Path], spelling: str) -> None:
    assert main(["explain", str(scenes[0]), spelling, "--mode", "squash", "--out", "o", "--opacity", "1"]) == 0
    with Image.open(here / "o" / f"{scenes[0].stem}.rollout.png") as painted:
        colours = np.unique(np.asarray(painted).reshape(-1, 3), axis=0)
    # At full opacity nothing but the two ends of the colour map is left.
    assert len(colours) == 2
    assert (here / "o" / f"{scenes[0].stem}.rollout.mask.png").is_file()


def test_several_targets_have_files_of_their_own(here: Path, scenes: list[Path], capsys: Say) -> None:
    import vitinspect as vi

    model = vi.load_model("demo")
    best = [p.index for p in model.predict(scenes[0], top=3)]
    command = ["explain", str(scenes[0]), "--methods", "gradient_rollout,rollout"]
    assert main([*command, "--top", "3", "--out", "o"]) == 0
    maps = [name for name in names(here / "o") if name.endswith("npz")]
    # Rollout is the same for every target and stands there once.
    assert len(maps) == 3 + 1
    for index in best:
        (path,) = (here / "o").glob(f"*.gradient_rollout.{index}-*.npz")
        assert read_metadata(path)["target"]["index"] == index
    assert main([*command, "--target", str(best[1]), "--target", model.labels[best[2]], "--out", "named"]) == 0
    assert len([name for name in names(here / "named") if name.endswith("npz")]) == 2 + 1


def test_a_large_picture_is_explained_in_tiles(tmp_path, capsys):
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (300, 460, 3), dtype=np.uint8)).save(tmp_path / "wide.png")
    command = ["explain", tmp_path / "wide.png", "--methods", "gradcam", "--tiles", "--out", tmp_path / "out"]
    assert main([str(word) for word in command]) == 0
    said = capsys.readouterr().err
    assert "6 tiles of 224 x 224 pixels" in said
    with np.load(tmp_path / "out" / "wide.gradcam.npz") as found:
        assert found["values"].shape == (300 // 16, 460 // 16)
    with Image.open(tmp_path / "out" / "wide.gradcam.png") as painted:
        assert painted.size == (460, 300)
