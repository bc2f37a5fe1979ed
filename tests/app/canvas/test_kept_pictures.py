"""The canvas looks as it did when somebody looked at it: painted scenes against kept pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtWidgets import QApplication

from tests.app.canvas import kept, scenes
from vitinspect.app import theme


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    if not scenes.use_font(qapp):
        pytest.skip(f"{scenes.FONT} is not installed: the kept pictures were painted with it")
    yield qapp
    theme.use_family("")


@pytest.mark.parametrize("name", scenes.SCENES)
def test_the_canvas_looks_as_in_the_kept_picture(app: QApplication, name: str, tmp_path: Path) -> None:
    painted = scenes.paint(app, name, tmp_path)
    path = kept.FOLDER / f"{name}.png"
    before = Image.open(path) if path.exists() else None
    share = 1.0 if before is None else kept.differing_share(before, painted)
    if share > kept.FAR_SHARE:
        sheet = kept.write_difference(name, before, painted)
        pytest.fail(
            f"{name}: {100 * share:.1f} % of the pixels differ from the kept picture; see {sheet} "
            "(kept, painted, where). If it should look like that: python -m tests.app.canvas.kept"
        )


def test_every_kept_picture_has_a_scene() -> None:
    assert {path.stem for path in kept.FOLDER.glob("*.png")} == set(scenes.SCENES)


def test_a_shifted_outline_and_another_size_are_noticed_and_soft_edges_are_not() -> None:
    ground = np.full((40, 40, 3), 120, np.uint8)
    lined, shifted, softer = ground.copy(), ground.copy(), ground.copy()
    lined[10], shifted[11], softer[10] = 255, 255, 240
    picture = Image.fromarray(lined)
    assert kept.differing_share(picture, Image.fromarray(shifted)) > kept.FAR_SHARE
    assert kept.differing_share(picture, Image.fromarray(softer)) == 0
    assert kept.differing_share(picture, picture.resize((41, 40))) == 1
