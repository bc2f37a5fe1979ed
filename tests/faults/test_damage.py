"""Every file that we write is read after its bytes were changed, cut or replaced: it is reported or computed again."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.evaluation.small import masked_set, picture, small_model
from vitinspect.cli import main
from vitinspect.errors import VitInspectError
from vitinspect.evaluation.lookup import open_run, values_of
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.report import write_report
from vitinspect.evaluation.runner import run
from vitinspect.evaluation.store import FILE, Store
from vitinspect.files import made_from, read_metadata
from vitinspect.graphs import FORMATS, read_graph
from vitinspect.output import RECORD, OutputFolder

Say = pytest.CaptureFixture[str]


def damages(whole: bytes, seed: int, count: int) -> Iterator[bytes]:
    """Altered bits, runs of zeros, cuts, other beginnings, nothing at all."""
    rng = random.Random(seed)
    yield b""
    yield whole[: len(whole) // 2]
    yield b"\0" * len(whole)
    for _ in range(count):
        altered = bytearray(whole)
        at = rng.randrange(len(altered))
        kind = rng.randrange(3)
        if kind == 0:
            altered[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            altered[at : at + 16] = bytes(len(altered[at : at + 16]))
        else:
            del altered[at:]
        yield bytes(altered)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Plan]:
    top = tmp_path_factory.mktemp("finished")
    root = masked_set(top / "set", 3)
    plan = Plan(data=str(root), methods=("rollout",), scores=("overlap", "deletion"), steps=2, model="small")
    run(plan, small_model(), top / "run")
    write_report(top / "run")
    return root, top / "run", plan


def scores_of(folder: Path) -> list[tuple[str, str, str, str, float]]:
    with Store(folder / FILE) as store:
        return list(store.scores())


def test_a_damaged_run_file_is_reported_or_its_images_are_scored_again(
    finished: tuple[Path, Path, Plan], tmp_path: Path
) -> None:
    _, good, plan = finished
    right = scores_of(good)
    whole = (good / FILE).read_bytes()
    told = 0
    for number, damaged in enumerate(damages(whole, 1, 40)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / FILE).write_bytes(damaged)
        try:
            run(plan, small_model(), folder)
        except VitInspectError as error:
            told += str(folder) in str(error)
        else:
            found = scores_of(folder)
            assert [row[:4] for row in found] == [row[:4] for row in right]
            np.testing.assert_allclose([row[4] for row in found], [row[4] for row in right], atol=1e-6)
        with suppress(VitInspectError):
            index = open_run(folder)
            values_of(index, index.columns[0])
    assert told > 3


def test_a_damaged_record_of_files_replaces_nothing(finished: tuple[Path, Path, Plan], tmp_path: Path) -> None:
    _, good, _ = finished
    whole = (good / RECORD).read_bytes()
    shutil.copy(good / "report.md", tmp_path / "report.md")
    (tmp_path / "notes.md").write_bytes(b"mine")
    for damaged in damages(whole, 2, 60):
        (tmp_path / RECORD).write_bytes(damaged)
        for name in ("report.md", "notes.md"):
            try:
                OutputFolder(tmp_path).check([name])
            except VitInspectError:
                continue
            assert name == "report.md"


def test_damaged_overlays_and_maps_are_not_replaced(tmp_path: Path) -> None:
    source = picture(tmp_path / "in" / "p.png", 0)
    out = tmp_path / "out"
    command = ["explain", str(source), "--out", str(out)]
    assert main(command) == 0
    for path in sorted(out.iterdir()):
        for damaged in damages(path.read_bytes(), 3, 60):
            path.write_bytes(damaged)
            made_from(path)
            read_metadata(path)
        path.write_bytes(b"damaged")
    before = {path: path.read_bytes() for path in out.iterdir()}
    assert main(command) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert len(list(out.iterdir())) == 4


@pytest.mark.parametrize("ending", sorted(FORMATS))
def test_a_damaged_graph_is_reported(tmp_path: Path, ending: str) -> None:
    source, path = picture(tmp_path / "p.png", 0), tmp_path / f"g{ending}"
    assert main(["graph", str(source), "--layer", "0", "--min-cut", "0.9", "--out", str(path)]) == 0
    for damaged in damages(path.read_bytes()[:4000], 4, 25):
        path.write_bytes(damaged)
        with suppress(VitInspectError):
            read_graph(path)
    path.write_bytes(b"\0")
    with pytest.raises(VitInspectError, match=path.name):
        read_graph(path)


def test_a_gallery_with_a_damaged_mark_or_table_is_reported_and_not_changed(tmp_path: Path, capsys: Say) -> None:
    out = tmp_path / "gallery"
    command = ["gallery", "--count", "1", "--size", "32", "--processes", "1", "--out", str(out)]
    assert main(command) == 0
    for name in ("gallery.json", "labels.csv"):
        whole = (out / name).read_bytes()
        for damaged in damages(whole, 5, 6):
            if damaged == whole:
                continue
            (out / name).write_bytes(damaged)
            code = main(command)
            said = capsys.readouterr().err
            assert "mistake" not in said
            assert code in (0, 2)
            if code:
                assert (out / name).read_bytes() == damaged
        (out / name).write_bytes(whole)


def test_damaged_files_of_masks_are_reported(tmp_path: Path) -> None:
    import vitinspect as vi

    source = picture(tmp_path / "p.png", 0, size=(40, 30))
    mask = np.zeros((30, 40), bool)
    mask[5:20, 5:20] = True
    for path in written_masks(tmp_path, source, mask):
        whole = path.read_bytes()
        for damaged in damages(whole, 6, 40):
            path.write_bytes(damaged)
            with suppress(VitInspectError):
                vi.masks.load(path)
        path.write_bytes(b"\0")
        with pytest.raises(VitInspectError, match=path.name):
            vi.masks.load(path)


def written_masks(folder: Path, source: Path, mask: np.ndarray) -> list[Path]:
    """A mask in every format that can be written."""
    import vitinspect as vi

    endings = {"png": ".png", "npy": ".npy", "labelme": ".labelme.json", "coco": ".coco.json", "cvat": ".xml"}
    paths = {kind: folder / f"mask{ending}" for kind, ending in endings.items()}
    for kind, path in paths.items():
        vi.masks.save(mask, path, image=source, format=kind)
    return list(paths.values())


def test_a_damaged_model_card_is_ignored(home: Path) -> None:
    from vitinspect.app.compute import model_cards
    from vitinspect.app.session.results import ModelCard

    card = ModelCard(
        *("demo", "demo", "f" * 16, ("ant", "bee"), (2, 2), (16, 16), (32, 32), ("class",)),
        *(1, 1, 100, "cpu", "float32", True, {"rise": "no"}),
    )
    model_cards.remember_card(card)
    assert model_cards.recall_card("demo", "float32") == card
    (path,) = (home / "cache").glob("models.*")
    whole = path.read_bytes()
    for damaged in damages(whole, 7, 200):
        path.write_bytes(damaged)
        assert model_cards.recall_card("demo", "float32") in (None, card)
        assert damaged == whole or model_cards.recall_card("demo", "float32") is None
    path.write_bytes(b"damaged")
    model_cards.remember_card(card)
    assert model_cards.recall_card("demo", "float32") == card
