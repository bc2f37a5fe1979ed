"""Models, annotators and classes as rows and columns, through the window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def test_each_column_can_be_another_model(opened: Any, backend: Any, composed: Any, qtbot: Any) -> None:
    figures = backend.figures
    backend.state.set(recent_models=("demo", "another"))
    figures.make_of("pictures", "models")
    composed()
    assert [column["model"] for column in figures.spec.columns] == ["demo", "another"]
    cells = figures.page.cells
    assert figures.page.problems == {}
    # Both are the model of the tests, so that they give the same map.
    assert np.allclose(cells["a1"].values, cells["a2"].values, rtol=1e-4)
    assert {label.text for label in figures.page.page.labels if label.axis == "column"} == {"demo", "another"}
    # The model of the window is still its own.
    assert backend.results.card.source == "demo"
    assert {key[0] for key in backend.worker._runner._context.models} == {"demo"}


def test_classes_are_rows_and_each_map_explains_its_own(opened: Any, backend: Any, composed: Any) -> None:
    figures = backend.figures
    figures.make_of("targets", "layers")
    composed()
    rows = [row["target"] for row in figures.spec.rows]
    assert len(rows) == 3
    assert rows[0] == backend.results.card.label(backend.results.target[0])
    words = [figures.page.cells[f"{letter}3"].target_words for letter in "abc"]
    assert words == rows
    values = [figures.page.cells[f"{letter}3"].values for letter in "abc"]
    assert not np.allclose(values[0], values[1])


def test_annotators_masks_follow_the_picture(
    opened: Any, backend: Any, composed: Any, pictures: Path, qtbot: Any
) -> None:
    figures = backend.figures
    paths = sorted(str(path) for path in pictures.iterdir())[:2]
    for path in map(Path, paths):
        with Image.open(path) as image:
            size = image.size
        for who in ("ann", "ben"):
            target = pictures / "masks" / who / f"{path.stem}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            values = np.zeros((size[1], size[0]), np.uint8)
            values[10:40, 10 : (30 if who == "ann" else 50)] = 255
            Image.fromarray(values).save(target)
    from vitinspect.app.figure import entries

    shown = entries.replace(
        figures.shown(), annotators={who: f"{{folder}}/masks/{who}/{{stem}}.png" for who in ("ann", "ben")}
    )
    figures.edit("Annotators", entries.compose(shown, "pictures", "annotators", paths))
    composed()
    assert figures.page.problems == {}
    areas = {where: int(cell.truth.sum()) for where, cell in figures.page.cells.items()}
    assert areas == {"a1": 600, "a2": 1200, "b1": 600, "b2": 1200}
