"""The page while cells are being computed: nothing moves, it can be cancelled, and each cell is what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
from PySide6.QtCore import Qt

from tests.app.figure.test_workspace import drag, panel_of, view_of
from tests.app.figure.waiting import until
from vitinspect.figures.cells import Sources, finish_cells
from vitinspect.figures.drawings import Curves, Matrix, Network, Words


def test_nothing_on_the_page_moves_while_cells_arrive(opened: Any, backend: Any, composed: Any, pictures: Any) -> None:
    figures = backend.figures
    seen: list[Any] = []

    def look() -> None:
        page = figures.page
        if len(page.cells) == 16:
            seen.append((page.waiting, [(c.where, c.box) for c in page.page.cells], page.scene.height))

    figures.page_made.connect(look)
    paths = sorted(str(path) for path in pictures.iterdir())[:4]
    figures.make_of("pictures", "layers", paths)
    composed()
    figures.page_made.disconnect(look)
    waiting = [one[0] for one in seen]
    assert waiting[-1] == 0
    assert max(waiting) > 0
    assert len({str(one[1:]) for one in seen}) == 1


def test_the_page_of_the_window_is_that_of_the_command_line(
    opened: Any, backend: Any, composed: Any, tiny: Any, pictures: Any
) -> None:
    figures = backend.figures
    paths = sorted(str(path) for path in pictures.iterdir())[:2]
    figures.make_of("pictures", "layers", paths)
    composed()
    fresh = finish_cells(figures.spec, Sources(load_model=lambda source, arch: tiny))
    for where, cell in figures.page.cells.items():
        other = fresh[where]
        assert np.array_equal(cell.pixels, other.pixels)
        assert cell.content == other.content
        assert (cell.method_title, cell.target_words) == (other.method_title, other.target_words)
        assert (cell.values is None) == (other.values is None)
        if cell.values is not None:
            assert np.allclose(cell.values, other.values, rtol=1e-4, atol=1e-7)
            assert cell.placement == other.placement


def test_computing_can_be_cancelled_and_continued(opened: Any, backend: Any, composed: Any, pictures: Any) -> None:
    figures, panel = backend.figures, panel_of(opened)
    paths = sorted(str(path) for path in pictures.iterdir())
    backend.worker.part.connect(lambda number, part: backend.coordinator.cancel())
    figures.make_of("pictures", "layers", paths)
    until(lambda: figures.stopped and not backend.worker.busy and not figures.is_due)
    backend.worker.part.disconnect()
    _connect_again(backend)
    assert figures.waiting > 0
    assert not panel.export.button.isEnabled()
    assert "cancelled" in panel.export.why.text()
    assert panel.export.retry.isVisible()
    panel.export.retry.click()
    composed()
    assert figures.waiting == 0
    assert panel.export.button.isEnabled()


def _connect_again(backend: Any) -> None:
    """``disconnect`` removed all connections."""
    for service in (backend.maps, backend.models, backend.curves, backend.figures):
        if hasattr(service, "_on_part"):
            backend.worker.part.connect(service._on_part)


def test_cells_that_are_no_pictures_are_dragged_and_edited(opened: Any, backend: Any, composed: Any) -> None:
    figures, section = backend.figures, panel_of(opened).cell
    figures.make_of("free", "free")
    composed()
    for title, where in (
        ("Network of a block", "a1"),
        ("Agreement of the layers", "a2"),
        ("Insertion curves", "a3"),
        ("Text", "b1"),
    ):
        drag(opened, title, where)
    composed()
    cells = figures.page.cells
    assert figures.page.problems == {}
    kinds = [type(cells[where].drawing) for where in ("a1", "a2", "a3", "b1")]
    assert kinds == [Network, Matrix, Curves, Words]
    figures.select("b1")
    assert section.text.isVisible()
    assert not section.colours.isVisible()
    section.text.setText("Words of a person")
    section.text.editingFinished.emit()
    figures.select("a1")
    section.block.setValue(2)
    composed()
    assert cells["a1"].drawing is not figures.page.cells["a1"].drawing
    assert figures.spec.cell(0, 0).block == 2
    assert figures.page.cells["b1"].drawing == Words("Words of a person")


def test_a_cell_that_cannot_be_made_says_why_and_the_others_are_shown(opened: Any, backend: Any, composed: Any) -> None:
    figures = backend.figures
    figures.change_cells("Class", "cell", {"target": "no such class"}, "a2")
    composed()
    assert "no such class" in figures.page.problems["a2"]
    assert set(figures.page.problems) == {"a2"}
    assert "Cell a2" in panel_of(opened).export.why.text()
    opened.actions_["undo"].trigger()
    composed()
    assert figures.page.problems == {}


def test_several_hundred_cells_are_laid_out_and_labels_repaint_nothing(
    opened: Any, backend: Any, composed: Any, pictures: Any
) -> None:
    figures = backend.figures
    paths = sorted(str(path) for path in pictures.iterdir())
    spec = figures.from_window("pictures", "layers", paths).to_dict()
    figures.edit("Many", type(figures.spec)(tuple(spec["rows"] * 16), tuple(spec["columns"]), width="180mm"))
    composed()
    assert len(figures.page.cells) == 6 * 16 * 4
    before = [e.pixels for e in figures.page.page.scene.pictures]
    figures.label("column", 0, "Another label")
    composed()
    after = [e.pixels for e in figures.page.page.scene.pictures]
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_a_label_is_edited_in_its_place(opened: Any, backend: Any, composed: Any, qtbot: Any) -> None:
    view, figures = view_of(opened), backend.figures
    label = next(one for one in figures.page.page.labels if one.axis == "column" and one.index == 1)
    at = view.on_screen(label.box).center().toPoint()
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at)
    assert view.editor is not None
    assert view.editor.text() == label.text
    view.editor.setText("Mine")
    qtbot.keyClick(view.editor, Qt.Key.Key_Return)
    composed()
    assert view.editor is None
    assert figures.spec.columns[1]["label"] == "Mine"
    assert any(text.text == "Mine" for text in figures.page.scene.texts)


def test_a_preview_for_the_colour_blind_changes_the_screen_and_no_file(
    opened: Any, backend: Any, composed: Any
) -> None:
    figures = backend.figures
    plain = [e.pixels for e in figures.page.scene.pictures]
    figures.show_as("deutan")
    until(lambda: figures.page.scene is not figures.page.page.scene)
    assert not all(np.array_equal(a, e.pixels) for a, e in zip(plain, figures.page.scene.pictures, strict=True))
    assert all(np.array_equal(a, e.pixels) for a, e in zip(plain, figures.page.page.scene.pictures, strict=True))
    figures.show_as("")
    until(lambda: figures.page.scene is figures.page.page.scene)
