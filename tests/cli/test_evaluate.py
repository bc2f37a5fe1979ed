"""``vitinspect evaluate`` from the command line: what is refused, reported and written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.evaluation.small import mask, masked_set, picture
from vitinspect.cli import main

QUICK = ["--methods", "rollout", "--scores", "overlap"]
Say = pytest.CaptureFixture[str]


def evaluate(root: Path, *more: str, out: str = "run") -> int:
    return main(["evaluate", str(root), *QUICK, *more, "--out", str(root.parent / out)])


def test_a_run_without_scores_ends_with_an_error_that_says_why(tmp_path: Path, capsys: Say) -> None:
    picture(tmp_path / "set" / "images" / "a.png", 1)
    assert evaluate(tmp_path / "set") == 2
    assert "none of the 1 pictures has a mask" in capsys.readouterr().err
    (tmp_path / "set" / "images" / "a.png").write_bytes(b"broken")
    assert evaluate(tmp_path / "set", out="other") == 2
    assert "images/a.png" in capsys.readouterr().err
    assert "| Method |" not in (tmp_path / "other" / "report.md").read_text()


def test_masks_without_a_picture_are_named_while_running_and_in_the_report(tmp_path: Path, capsys: Say) -> None:
    root = masked_set(tmp_path / "set", 1)
    mask(root / "masks" / "q_student_3.png", 1)
    assert evaluate(root) == 0
    assert "q_student_3.png" in capsys.readouterr().err
    assert "q_student_3.png" in (tmp_path / "run" / "report.md").read_text()


def test_ambiguous_masks_are_refused_until_their_coding_is_given(tmp_path: Path, capsys: Say) -> None:
    from PIL import Image

    root = masked_set(tmp_path / "set", 1)
    labels = Image.new("P", (60, 48), 0)
    labels.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] * 80)
    labels.paste(8, (5, 5, 30, 30))
    labels.paste(255, (30, 5, 32, 30))
    labels.save(root / "masks" / "p0.png")
    assert evaluate(root) == 2
    assert "--mask-coding" in capsys.readouterr().err
    assert evaluate(root, "--mask-coding", "index=8") == 0
    report = (tmp_path / "run" / "report.tex").read_text()
    assert "index 8; 255 is left out" in report


def test_counts_are_those_of_scored_images(tmp_path: Path) -> None:
    root = masked_set(tmp_path / "set", 3)
    shutil.rmtree(root / "masks")
    for name in ("p0_ann", "p1_ann", "p2_ann", "p1_ben"):
        mask(root / "masks" / f"{name}.png", 1)
    assert evaluate(root) == 0
    report = (tmp_path / "run" / "report.md").read_text()
    assert "## Masks by ann, 3 images" in report
    assert "## Masks by ben, 1 of 3 images" in report


@pytest.mark.parametrize(
    ("protocol", "option"),
    [
        ("vitmix", ["--scores", "insertion"]),
        ("segmentation", ["--scores", "deletion"]),
        ("gmar", ["--threshold", "fixed=0.9"]),
        ("gmar", ["--scores", "overlap"]),
        ("reciprocam", ["--void-is-foreground"]),
    ],
)
def test_options_that_a_protocol_would_ignore_end_the_program(tmp_path: Path, capsys: Say, protocol, option) -> None:
    root = masked_set(tmp_path / "set", 1)
    assert main(["evaluate", str(root), "--protocol", protocol, *option, "--out", str(tmp_path / "run")]) == 2
    assert " ".join(option) in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_variant_needs_its_protocol(tmp_path: Path, capsys: Say) -> None:
    assert evaluate(masked_set(tmp_path / "set", 1), "--variant", "voc") == 2
    assert "--variant" in capsys.readouterr().err
