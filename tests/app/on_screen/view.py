"""What is painted and said: the canvas, the readout, the zoom."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage, QRegion
from PySide6.QtWidgets import QWidget

from tests.app.on_screen.base import Base
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.labels import format_value, value_at
from vitinspect.app.compare.canvas import CompareCanvas


class View(Base):
    """As a canvas that was made just now paints it, and as the state has it."""

    def readout(self) -> Iterator[str]:
        if self.state.workspace == "compare":
            return  # see slot_readout
        readout, canvas = self.window.readout, self.window.canvas
        expected_place = readout_place(self)
        if readout.place_text() != expected_place:
            yield f"the readout says {readout.place_text()!r}, not {expected_place!r}"
        at = canvas.cursor_at
        places = {layer.id: i for i, layer in enumerate(self.state.layers, 1)}
        numbers = {shown: str(places[shown.id]) for shown in self.results.all_maps.values()}
        wanted = []
        for shown in canvas.shown_maps() if at is not None else ():
            value = value_at(shown, *at)
            if value is not None:
                name = numbers.get(shown) or shown.short
                wanted.append((name, format_value(value, signed=shown.signed)))
        if readout.isVisible() and readout.drawn != (readout.place_text(), readout.values()):
            yield f"the readout was last drawn as {readout.drawn}"
        said = [(title, text.split(" (")[0]) for title, text in readout.values()]
        if said != wanted:
            yield f"the readout says {said}, not {wanted}"
        zoom = f"{100 * canvas.scale:.0f} %"
        if canvas.isVisible() and self.window.status.zoom.text() != zoom:
            yield f"the status bar says {self.window.status.zoom.text()}, not {zoom}"

    def painted(self) -> Iterator[str]:
        """A canvas that was made just now paints the same."""
        canvas = self.window.canvas
        compares = self.state.workspace == "compare"
        if compares:
            canvas = self.window.view_in("compare")
        if not canvas.isVisible() or canvas.width() < 50:
            return
        waits = [missing.title for missing in canvas.missing.values() if not missing.reason]
        if waits:
            yield f"panes wait for what is not on its way: {waits}"
        if compares:
            other: Canvas = CompareCanvas(self.state, self.results, self.backend.second)
        else:
            other = Canvas(self.state, self.results)
        try:
            other.resize(canvas.size())
            other.setFont(canvas.font())
            other.view, other.hidden, other.cursor_at = canvas.view, canvas.hidden, canvas.cursor_at
            other.tool = canvas.tool
            if picture_of(canvas) != picture_of(other):
                yield "the canvas shows what was painted for something else"
        finally:
            other.deleteLater()


def picture_of(canvas: Canvas) -> QImage:
    """What it paints itself, without the sentence over it where there is nothing to show."""
    image = QImage(canvas.size(), QImage.Format.Format_RGB32)
    canvas.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawWindowBackground)
    return image


def readout_place(comparison: Base) -> str:
    """The left half of the readout, from the state alone."""
    canvas, results = comparison.window.canvas, comparison.results
    picture = results.picture
    if picture is None:
        return ""
    at = canvas.cursor_at
    if at is None:
        return ""
    text = f"x {int(at[0])}, y {int(at[1])}"
    model = comparison.fresh.models[comparison.model]
    if results.placed is None:
        return text
    cell = results.placed.cell_at(*at, model.grid)
    if cell is None:
        return f"{text}, outside the model's input"
    rows, columns = model.grid
    token = model.prefix_tokens + cell[0] * columns + cell[1]
    return f"{text}, patch row {cell[0] + 1} of {rows}, column {cell[1] + 1} of {columns}, token {token}"
