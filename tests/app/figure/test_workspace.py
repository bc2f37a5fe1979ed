"""The Figure workspace as a person uses it: compose, drag, frame an inset, undo, save the layout, export."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QScrollArea

from tests.app.figure.conftest import METHODS
from vitinspect.app.figure.scene_painting import image_of
from vitinspect.app.figure.sources import MIME, packed
from vitinspect.figures import metadata
from vitinspect.figures.scene import Picture


def view_of(window: Any) -> Any:
    return window.view_in("figure")


def panel_of(window: Any) -> Any:
    return window.properties.part("figure")


def library_of(window: Any) -> Any:
    return window.lefts.part("figure")


def centre(window: Any, where: str) -> QPoint:
    return view_of(window).cell_box(where).center().toPoint()


def drag(window: Any, title: str, where: str) -> None:
    """What a drag from the list at the left onto a cell does."""
    library, view = library_of(window), view_of(window)
    items = [library.sources.item(row) for row in range(library.sources.count())]
    source = next(item.data(Qt.ItemDataRole.UserRole) for item in items if item.text() == title)
    data = QMimeData()
    data.setData(MIME, packed(source))
    at, none = QPointF(centre(window, where)), Qt.KeyboardModifier.NoModifier
    action, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(at.toPoint(), action, data, left, none)
    view.dragEnterEvent(enter)
    assert enter.isAccepted()
    view.dropEvent(QDropEvent(at, action, data, left, none))


def test_the_figure_begins_with_the_picture_and_the_layers(opened: Any, backend: Any) -> None:
    spec, made = backend.figures.spec, backend.figures.page
    assert [row["image"] for row in spec.rows] == [backend.state.image]
    assert [column.get("method", "") for column in spec.columns] == ["", *METHODS]
    assert next(label.text for label in made.page.labels if label.axis == "column") == "Picture"
    assert made.problems == {}
    assert opened.context.isHidden()


def test_cells_show_the_maps_that_the_window_has(opened: Any, backend: Any) -> None:
    by_method = {shown.method: shown for shown in backend.results.maps.values()}
    for place, method in zip(("a2", "a3", "a4"), METHODS, strict=True):
        cell = backend.figures.page.cells[place]
        assert np.array_equal(cell.values, np.asarray(by_method[method].values, np.float32))
        assert tuple(cell.placement.box) == by_method[method].placed.box


def test_no_map_is_computed_twice(opened: Any, backend: Any, composed: Any) -> None:
    asked = []
    backend.worker.started.connect(lambda number, doing: asked.append(doing))
    backend.figures.make_of("layers", "pictures")
    composed()
    assert asked == []


def test_a_person_composes_a_figure(opened: Any, backend: Any, composed: Any, pictures: Path, tmp_path: Path) -> None:
    window, figures, view = opened, backend.figures, view_of(opened)
    # Two pictures, chosen in the list above the page.
    context = window.contexts["figure"]
    context._open_pictures()
    popup = context.popup
    for row in range(2):
        popup.list.item(row).setCheckState(Qt.CheckState.Checked)
    popup.take.click()
    composed()
    assert len(figures.spec.rows) == 2
    assert len(figures.page.cells) == 8

    # A layer is dragged into another cell; the picture of the cell stays.
    drag(window, "LeGrad", "b2")
    composed()
    assert figures.spec.cell(1, 1).method == "legrad"
    assert figures.spec.cell(1, 1).image == figures.spec.rows[1]["image"]
    assert figures.selected == "b2"

    # An inset is framed with the mouse.
    window.select_tool("figure-inset")
    box = view.cell_box("a3")
    start = QPoint(round(box.left() + box.width() * 0.25), round(box.top() + box.height() * 0.25))
    end = QPoint(round(box.left() + box.width() * 0.75), round(box.top() + box.height() * 0.5))
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(view, end)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=end)
    composed()
    inset = figures.spec.cell(0, 2).inset
    assert inset == pytest.approx((0.25, 0.25, 0.5, 0.25), abs=0.02)
    pictures_on_page = [e for e in figures.page.scene.elements if isinstance(e, Picture)]
    assert figures.page.problems == {}
    assert len(pictures_on_page) == 9

    # Undo and redo by the window's history.
    window.actions_["undo"].trigger()
    composed()
    assert not figures.spec.cell(0, 2).inset
    window.actions_["undo"].trigger()
    assert figures.spec.cell(1, 1).method == "rollout"
    window.actions_["redo"].trigger()
    window.actions_["redo"].trigger()
    composed()
    assert figures.spec.cell(0, 2).inset == inset

    # The layout is saved, changed, and opened again.
    library_of(window).layouts.save_as("Two by three")
    saved = figures.spec
    panel_of(window).page.boxes["panel_letters"].click()
    composed()
    assert figures.spec.panel_letters
    library_of(window).layouts.open("Two by three")
    composed()
    assert figures.spec == saved
    assert [one.text().splitlines()[0] for one in _items(library_of(window).layouts.list)] == ["Two by three"]

    # The width of a venue, and the files.
    page = panel_of(window).page
    page.venue.chosen.emit("cvpr:1")
    composed()
    assert page.wide.value() == pytest.approx(82.55)
    for kind in ("pdf", "svg", "png"):
        export(window, backend, tmp_path, kind, composed)
    check_pdf(tmp_path / "figure.pdf")
    check_svg(tmp_path / "figure.svg")
    check_png(tmp_path / "figure.png", figures)


def _items(widget: Any) -> list[Any]:
    return [widget.item(row) for row in range(widget.count())]


def export(window: Any, backend: Any, folder: Path, kind: str, composed: Any) -> None:
    row = panel_of(window).export
    row.format.chosen.emit(kind)
    assert row.button.isEnabled()
    written: list[str] = []
    backend.figures.saved.connect(written.append)
    row.write_to(str(folder / "figure"))
    from tests.app.figure.waiting import until

    until(lambda: bool(written))
    backend.figures.saved.disconnect(written.append)
    assert Path(written[0]) == folder / f"figure.{kind}"


def check_pdf(path: Path) -> None:
    data = path.read_bytes()
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data)
    assert box is not None
    assert float(box[1]) == pytest.approx(3.25 * 72, abs=0.01)
    assert b"/DCTDecode" not in data
    recipe = metadata.find(path)
    assert recipe is not None
    assert recipe["figure"]["columns"][1]["method"] == "rollout"
    if shutil.which("pdffonts"):
        lines = subprocess.run(["pdffonts", str(path)], capture_output=True, text=True, check=True).stdout.splitlines()
        assert lines[2:]
        assert all(" yes " in line for line in lines[2:])


def check_svg(path: Path) -> None:
    text = path.read_text("utf-8")
    assert 'width="82.55mm"' in text
    assert "<text" in text
    assert "data:image/jpeg" not in text


def check_png(path: Path, figures: Any) -> None:
    """Each colour in the middle of each cell is that of the screen."""
    with Image.open(path) as image:
        dpi = image.info["dpi"][0]
        file = np.asarray(image.convert("RGB")).astype(int)
    assert dpi == pytest.approx(300, abs=0.01)
    assert abs(file.shape[1] - 3.25 * 300) <= 1
    screen = image_of(figures.page.scene, 300)
    pixels = np.frombuffer(screen.constBits(), np.uint8).reshape(screen.height(), screen.width(), 4)[..., 2::-1]
    assert pixels.shape == file.shape
    for cell in figures.page.page.cells:
        left, top, wide, high = (value / 72 * 300 for value in cell.box)
        inner = np.s_[round(top + 2) : round(top + high - 2), round(left + 2) : round(left + wide - 2)]
        distance = np.abs(pixels[inner].astype(int) - file[inner]).max(-1)
        # Only the line around what the model saw, whose edges are smoothed in two ways, differs by more.
        assert np.percentile(distance, 90) <= 1, cell.where
        at = np.s_[round(top + high * 0.12), round(left + wide * 0.12)]
        assert np.abs(pixels[at].astype(int) - file[at]).max() <= 2, cell.where


def test_the_check_list_is_fully_visible_in_a_small_window(opened: Any, backend: Any, composed: Any) -> None:
    opened.resize(1280, 800)
    for kind in ("pdf", "png"):
        panel_of(opened).export.format.chosen.emit(kind)
        composed()
        bar = panel_of(opened).findChild(QScrollArea).verticalScrollBar()
        assert bar.maximum() == 0, kind
    words = [what for _, what, _ in panel_of(opened).checks.lines]
    assert words[-1] == "File size"


def test_fonts_are_checked_in_the_bytes_of_the_pdf(opened: Any, backend: Any, monkeypatch: Any) -> None:
    from tests.app.figure.waiting import until
    from vitinspect.figures import write_pdf

    def line() -> tuple[str, str, str]:
        return next(one for one in panel_of(opened).checks.lines if one[1] == "Fonts embedded")

    until(lambda: backend.figures.measured is not None)
    assert line() == ("check", "Fonts embedded", "1")
    monkeypatch.setattr(
        write_pdf._Writer,
        "stream",
        lambda self, entries, data, compress=True, kept=write_pdf._Writer.stream: kept(
            self, entries, b"" if "/Length1" in entries else data, compress
        ),
    )
    backend.figures.set_export(format="svg")
    backend.figures.set_export(format="pdf")
    until(lambda: backend.figures.measured is not None and line()[0] == "warning")
    assert "DejaVuSans" in line()[2]
