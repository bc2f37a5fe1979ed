"""Studies: every annotator has an own order, some pictures come twice, and both are the same on every machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from vitinspect.annotation import study
from vitinspect.annotation.document import MaskDocument
from vitinspect.annotation.store import AnnotatorFolder
from vitinspect.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(12):
        Image.new("RGB", (8, 8)).save(tmp_path / "images" / f"p{number:02}.png")
    return tmp_path


def test_every_annotator_has_an_own_order_of_all_pictures(folder: Path) -> None:
    made = study.init_study(folder, ["ben", "anna"], seed=7, repeat=3, instruction="Mark the flower.")
    ben, anna = made.order("ben"), made.order("anna")
    assert ben != anna
    for turns in (ben, anna):
        assert len(turns) == 15
        assert sorted(t.image for t in turns if not t.repeated) == [f"p{n:02}.png" for n in range(12)]
        for turn in (t for t in turns if t.repeated):
            first = turns.index(study.Turn(turn.image))
            assert turns.index(turn) - first > 3
    assert study.read_study(folder) == made
    assert made.order("ben") == ben


def test_another_seed_is_another_order(folder: Path) -> None:
    made = study.init_study(folder, ["ben"], seed=1)
    assert made.order("ben") != study.Study(made.name, made.images, ("ben",), 2, 0, True).order("ben")
    # Must never change: a study may be continued with a newer version.
    assert [t.image for t in made.order("ben")][:4] == FIRST_OF_SEED_1


FIRST_OF_SEED_1 = ["p01.png", "p04.png", "p06.png", "p02.png"]


def test_a_study_that_has_begun_is_not_replaced(folder: Path) -> None:
    study.init_study(folder, ["ben"])
    with pytest.raises(DataError, match="not replaced"):
        study.init_study(folder, ["anna"])


@pytest.mark.parametrize(("annotators", "repeat"), [([], 0), (["a", "a"], 0), (["a/b"], 0), (["a"], 13), (["a"], -1)])
def test_settings_without_a_study_are_refused(folder: Path, annotators: list[str], repeat: int) -> None:
    with pytest.raises(DataError):
        study.init_study(folder, annotators, repeat=repeat)
    assert not (folder / "study.json").exists()


def test_progress_counts_first_and_second_drawings(folder: Path) -> None:
    made = study.init_study(folder, ["ben"], repeat=2)
    again = next(t for t in made.order("ben") if t.repeated)
    for repeated in (False, True):
        document = MaskDocument((8, 8))
        document.resume_clock(0.0)
        document.pause_clock(30.0)
        document.set_status("nothing")
        AnnotatorFolder(folder, "ben", repeated).write(folder / "images" / again.image, document, "")
    state = study.progress(folder, made, "ben")
    assert (state.done, state.total, state.seconds, state.seconds_left) == (2, 14, 60.0, 360.0)


def test_a_damaged_study_is_refused_with_a_reason(folder: Path) -> None:
    assert study.read_study(folder) is None
    (folder / "study.json").write_text('{"vitinspect": "study"}')
    with pytest.raises(DataError, match="study"):
        study.read_study(folder)
