"""The figure of the workspace as a command and as Python: what the buttons copy is run, and writes that figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QFileDialog

from tests.app.session.test_as_text import run_python, run_shell
from vitinspect.figures import metadata


def made_by(file: Path) -> Any:
    found = metadata.find(file)
    assert found is not None
    return found


def same(recipe: Any, spec: Any) -> None:
    """The file shows what the workspace shows: each cell, with names of pictures in place of paths."""
    again, wanted = recipe["figure"], spec.to_dict()
    for entry in (*again["rows"], *wanted["rows"]):
        entry["image"] = Path(entry["image"]).name
    assert again == json.loads(json.dumps(wanted))


@pytest.fixture
def figures(opened: Any, backend: Any, composed: Any) -> Any:
    """Two pictures by the picture and one method, in a format of its own."""
    backend.state.set(device="cpu")
    for layer in backend.state.layers[1:]:
        backend.state.edit_layer(layer.id, visible=False)
    backend.figures.make_of("pictures", "layers", backend.listing.paths[:2])
    backend.figures.change_page("Width", {"width": "60mm", "dpi": 72})
    backend.figures.set_export(format="svg")
    composed()
    return backend.figures


def test_the_button_copies_a_command_that_writes_the_figure(opened: Any, figures: Any, tmp_path: Path) -> None:
    opened.contexts["figure"].copy.click()
    text = QApplication.clipboard().text()
    assert text.startswith("vitinspect figure /dev/stdin")
    run_shell(text, tmp_path / "run")
    same(made_by(tmp_path / "run" / "figure.svg"), figures.spec)


def test_the_menu_copies_python_that_writes_the_figure(
    opened: Any, figures: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    python, _ = opened.contexts["figure"].more.menu().actions()
    python.trigger()
    monkeypatch.chdir(tmp_path)
    run_python(QApplication.clipboard().text())
    same(made_by(tmp_path / "figure.svg"), figures.spec)


def test_the_specification_is_saved_to_the_chosen_path(
    opened: Any, figures: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    chosen = tmp_path / "my figure"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(chosen), ""))
    figures.set_export(recipe="anonymous")
    opened.contexts["figure"].more.menu().actions()[1].trigger()
    assert json.loads(chosen.with_suffix(".json").read_text()) == json.loads(json.dumps(figures.spec.to_dict()))
    run_shell(QApplication.clipboard().text(), tmp_path / "run")
    recipe = made_by(tmp_path / "run" / "figure.svg")
    assert recipe["anonymous"]
    assert "picture 1" not in json.dumps(recipe)


def test_a_figure_that_no_specification_can_describe_is_not_copied(opened: Any, figures: Any, backend: Any) -> None:
    clipboard = QApplication.clipboard()
    clipboard.setText("before")
    figures.change_cells("Model", "cell", {"model": "demo --image-size 336"}, "a1")
    opened.contexts["figure"].copy.click()
    assert clipboard.text() == "before"
    assert any("input size" in message.text for message in opened.message.messages)
