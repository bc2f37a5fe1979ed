"""The recipe of a figure is seen before its file is written, as the file will carry it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.app.figure.waiting import until
from vitinspect.app.figure.texts import TextTab, recipe_text
from vitinspect.app.services.figures import ANONYMOUS, WITHOUT
from vitinspect.figures import metadata


def shown(tab: TextTab, figures: Any) -> str:
    until(lambda: figures.measured is not None)
    return tab.field.toPlainText()


def test_the_recipe_of_the_file_is_shown_and_follows_the_choice(opened: Any, backend: Any, tmp_path: Path) -> None:
    figures = backend.figures
    tab = TextTab(figures, "recipe", recipe_text)
    seen = json.loads(shown(tab, figures))
    path = tmp_path / "figure.png"
    figures.export(str(path))
    until(lambda: figures.working is None)
    written = metadata.find(path)
    assert written is not None
    del written["pixels"]
    assert seen == written
    figures.set_export(recipe=ANONYMOUS)
    anonymous = shown(tab, figures)
    assert json.loads(anonymous)["anonymous"]
    assert "picture 1" not in anonymous
    assert str(Path(backend.state.image).parent) not in anonymous
    figures.set_export(recipe=WITHOUT)
    assert "not say how it was made" in tab.field.toPlainText()
    tab.deleteLater()
