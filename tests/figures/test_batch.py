"""Batches of files: their content, existing files, errors, and resuming."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.errors import Cancelled, DataError, ParameterError
from vitinspect.figures import metadata
from vitinspect.figures.batch import RECORD, Batch, finished_before, preview, run_batch
from vitinspect.figures.layer_files import FileKind, Page
from vitinspect.progress import CancelToken
from vitinspect.resources import gallery_folder
from vitinspect.thresholds import threshold

ROLLOUT = {"method": "rollout"}
GRADIENT = {"method": "attention_gradient", "target": "leaf", "threshold": "top_fraction=0.2"}
FUSED = {"method": "rollout + attention_gradient [arithmetic]", "target": "leaf"}


@pytest.fixture(scope="module")
def model():
    return vi.load_model("demo", device="cpu")


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = sorted(path.name for path in (gallery_folder() / "images").iterdir())[:3]
    for name in names:
        shutil.copy(gallery_folder() / "images" / name, folder / name)
    return [folder / name for name in names]


def kinds(*words: str) -> tuple[FileKind, ...]:
    return tuple(FileKind.parse(word) for word in words)


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


def test_every_kind_of_file_holds_what_the_engine_gives(model, pictures, tmp_path) -> None:
    out = tmp_path / "out"
    words = ("overlay.png", "heat.png", "mask.png", "raw.npy", "raw.npz", "raw.tiff", "raw.png", "overlay.pdf")
    batch = Batch((GRADIENT,), kinds(*words), out, pattern="{stem}/{kind}.{ext}")
    outcome = run_batch(batch, pictures[:1], lambda: model)
    assert (outcome.written, outcome.failed) == (len(words), {})
    folder = out / pictures[0].stem
    picture = np.asarray(Image.open(pictures[0]).convert("RGB"))
    values = (
        vi.explain(model, Image.open(pictures[0]), ["attention_gradient"], "leaf").maps["attention_gradient"].values
    )
    assert np.array_equal(np.load(folder / "raw.npy"), np.asarray(values, np.float32))
    assert np.array_equal(np.load(folder / "raw.npz")["values"], np.asarray(values, np.float32))
    assert np.array_equal(np.asarray(Image.open(folder / "raw.tiff")), np.asarray(values, np.float32))
    sixteen = np.asarray(Image.open(folder / "raw.png")).astype(np.float64) / 65535
    beside = json.loads((folder / "raw.json").read_text())
    back = beside["low"] + sixteen * (beside["high"] - beside["low"])
    assert np.abs(back - values).max() <= (values.max() - values.min()) / 65535
    mask = np.asarray(Image.open(folder / "mask.png"))
    assert mask.shape == picture.shape[:2]
    assert (mask == 255).mean() == pytest.approx(0.2, abs=0.03)
    heat = np.asarray(Image.open(folder / "heat.png"))
    over = np.asarray(Image.open(folder / "overlay.png"))
    assert over.shape == picture.shape
    assert heat.shape == (*picture.shape[:2], 4)
    # The heat map laid over the picture is the overlay, but for its outline.
    alpha = heat[..., 3:].astype(np.float64) / 255
    laid = picture * (1 - alpha) + heat[..., :3] * alpha
    assert np.median(np.abs(laid - over)) <= 1
    for name in ("overlay.png", "heat.png", "mask.png", "raw.tiff", "raw.png", "overlay.pdf"):
        recipe = metadata.find(folder / name)
        assert recipe is not None
        assert recipe["figure"]["columns"][0]["method"] == "attention_gradient"
        assert recipe["images"][str(pictures[0])]["size"] == [picture.shape[1], picture.shape[0]]


def texts_of(svg: bytes) -> list[str]:
    root = ElementTree.fromstring(svg)
    return [str(one.text) for one in root.iter("{http://www.w3.org/2000/svg}text")]


def test_the_page_has_what_is_asked_for_above_and_below_the_picture(pictures, tmp_path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    shutil.copy(next((gallery_folder() / "masks").glob(f"{pictures[0].stem}*")), masks / f"{pictures[0].stem}.png")
    out = tmp_path / "out"
    arguments = ["export", str(pictures[0]), "--methods", "attention_gradient", "--target", "leaf", "--out", str(out)]
    arguments += ["--files", "overlay.svg", "--names", "one.{ext}", "--colour-bar", "--opacity-scale"]
    arguments += ["--title", "Map of {stem}", "--above", "scores, model, target, method"]
    arguments += ["--truth", str(masks / "{stem}.png")]
    assert main(arguments) == 0
    words = texts_of((out / "one.svg").read_bytes())
    assert f"Map of {pictures[0].stem}" in words
    label = next(one for one in words if " · " in one)
    method, target, model_name, scores = label.split(" · ")
    assert target == "leaf"
    assert method
    assert model_name
    found = metadata.find(out / "one.svg")
    assert found["figure"]["opacity_scale"] is True
    # The scores are those of the map with the mask on what the model sees.
    made = vi.explain(vi.load_model("demo", device="cpu"), Image.open(pictures[0]), ["attention_gradient"], "leaf")
    truth = made.placement.mask_to_input(np.asarray(Image.open(masks / f"{pictures[0].stem}.png")) > 0)
    mask = threshold(made.maps["attention_gradient"].values, "otsu", size=made.placement.input_size).mask
    iou = (mask & truth).sum() / (mask | truth).sum()
    assert scores.startswith(f"IoU {iou:.3f}, F1 ")
    plain = [*arguments[:-6], "--names", "plain.{ext}"]
    assert main(plain) == 0
    assert not any(" · " in one for one in texts_of((out / "plain.svg").read_bytes()))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--above", "scores"], "--truth"),
        (["--above", "weather"], "weather"),
        (["--opacity-scale"], "--colour-bar"),
        (["--title", "{stem}", "--anonymous"], "not anonymous"),
    ],
)
def test_what_a_page_cannot_have_is_refused_in_words(pictures, tmp_path, capsys, more, words) -> None:
    assert main(["export", str(pictures[0]), "--out", str(tmp_path / "out"), *more]) != 0
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_layers_and_pictures_have_their_names(model, pictures, tmp_path) -> None:
    batch = Batch((ROLLOUT, FUSED), folder=tmp_path / "out")
    said = preview(batch, pictures)
    run_batch(batch, pictures, lambda: model)
    stems = [path.stem for path in pictures]
    wanted = [f"{s}_{m}.png" for s in stems for m in ("rollout", "rollout+attention_gradient-arithmetic_leaf")]
    assert files_in(tmp_path / "out") == sorted(wanted)
    assert said == wanted


def test_existing_files_are_skipped_numbered_or_replaced(model, pictures, tmp_path) -> None:
    out = tmp_path / "out"
    one = pictures[:1]
    name = f"{one[0].stem}_rollout.png"
    run_batch(Batch((ROLLOUT,), folder=out), one, lambda: model)
    first = (out / name).read_bytes()
    again = run_batch(Batch((ROLLOUT,), folder=out, page=Page(dpi=72)), one, lambda: model)
    assert (again.written, again.skipped) == (0, 1)
    run_batch(Batch((ROLLOUT,), folder=out, existing="number"), one, lambda: model)
    assert files_in(out) == sorted([name, name.replace(".png", "_2.png")])
    run_batch(Batch((ROLLOUT,), folder=out, existing="replace", page=Page(dpi=72)), one, lambda: model)
    assert (out / name).read_bytes() != first
    (out / name).write_bytes(b"somebody else's")
    refused = run_batch(Batch((ROLLOUT,), folder=out, existing="replace"), one, lambda: model)
    assert "vitinspect" in refused.failed[str(one[0])]
    assert (out / name).read_bytes() == b"somebody else's"


def test_a_stopped_batch_is_resumed(model, pictures, tmp_path) -> None:
    batch = Batch((ROLLOUT,), folder=tmp_path / "out", existing="number")
    cancel = CancelToken()
    asked = []

    def stop_after_two(done: int, total: int) -> None:
        asked.append((done, total))
        if done == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        run_batch(batch, pictures, lambda: model, stop_after_two, cancel)
    assert asked == [(1, 3), (2, 3)]
    assert len(finished_before(batch)) == 2
    assert len(files_in(batch.folder)) == 2
    outcome = run_batch(batch, pictures, lambda: model)
    assert (outcome.written, outcome.gone_on) == (1, 2)
    assert len(files_in(batch.folder)) == 3, "no file has got a number: nothing was written twice"
    assert not (batch.folder / RECORD).exists()


def test_another_batch_does_not_resume_a_stopped_one(model, pictures, tmp_path) -> None:
    batch = Batch((ROLLOUT,), folder=tmp_path / "out")
    other = Batch((GRADIENT,), folder=tmp_path / "out")
    cancel = CancelToken()
    with pytest.raises(Cancelled):
        run_batch(batch, pictures, lambda: model, lambda done, total: cancel.cancel(), cancel)
    assert finished_before(batch)
    assert not finished_before(other)
    (batch.folder / RECORD).write_bytes(b"[" * 100_000)
    assert not finished_before(batch)


def test_a_picture_that_cannot_be_read_does_not_stop_the_others(model, pictures, tmp_path) -> None:
    pictures[1].write_bytes(b"no picture")
    outcome = run_batch(Batch((ROLLOUT,), folder=tmp_path / "out"), pictures, lambda: model)
    assert list(outcome.failed) == [str(pictures[1])]
    assert outcome.written == 2
    assert pictures[1].name in str(outcome)


def test_nothing_is_written_among_the_pictures_or_through_a_link(model, pictures, tmp_path) -> None:
    with pytest.raises(DataError, match="folder of the data"):
        run_batch(Batch((ROLLOUT,), folder=pictures[0].parent), pictures, lambda: model)
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "rollout").symlink_to(outside)
    outcome = run_batch(Batch((ROLLOUT,), folder=out, pattern="{method}/{stem}.{ext}"), pictures, lambda: model)
    assert len(outcome.failed) == 3
    assert not list(outside.iterdir())


def test_pictures_of_the_same_name_do_not_overwrite_each_other(model, pictures, tmp_path) -> None:
    other = tmp_path / "more"
    other.mkdir()
    shutil.copy(pictures[1], other / pictures[0].name)
    run_batch(Batch((ROLLOUT,), folder=tmp_path / "out"), [pictures[0], other / pictures[0].name], lambda: model)
    stem = pictures[0].stem
    assert files_in(tmp_path / "out") == [f"{stem}_rollout.png", f"{stem}_rollout_2.png"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pattern": "../{stem}.{ext}"}, "leads out"),
        ({"existing": "destroy"}, "destroy"),
        ({"layers": ()}, "at least one"),
        ({"layers": ({"method": "no_such"},)}, "no_such"),
        ({"layers": ({"method": "rollout", "colours": "plaid"},)}, "plaid"),
    ],
)
def test_impossible_batches_are_refused_with_a_reason(change, words) -> None:
    with pytest.raises(ParameterError, match=words):
        Batch(**{"layers": (ROLLOUT,), **change})


@pytest.mark.parametrize("text", ["overlay.bmp", "raw.pdf", "nothing.png", "mask.jpg"])
def test_a_format_that_a_kind_cannot_have_is_refused(text) -> None:
    with pytest.raises(ParameterError):
        FileKind.parse(text)


def test_the_command_previews_writes_and_says_what_it_did(pictures, tmp_path, capsys) -> None:
    arguments = ["export", str(pictures[0].parent), "--methods", "rollout", "--files", "overlay.png, raw.npy"]
    arguments += ["--out", str(tmp_path / "out"), "--no-recipe"]
    assert main([*arguments, "--preview"]) == 0
    assert not (tmp_path / "out").exists()
    names = capsys.readouterr().out.split()
    assert main(arguments) == 0
    assert files_in(tmp_path / "out") == sorted(names)
    assert main(arguments) == 0
    assert "6 existed already" in capsys.readouterr().out
    assert main([*arguments, "--names", "/etc/{stem}.{ext}"]) == 2
