"""Export the present picture: one layer as a picture, a page, a mask or raw values, with a preview."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QMimeData, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QImage, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.ranges import range_of
from vitinspect.app.session.layer_cells import layer_entry, model_entry, target_words, threshold_words
from vitinspect.app.session.layers import Layer, title_in
from vitinspect.app.session.recipe_view import view_block
from vitinspect.app.session.results import ShownMap
from vitinspect.app.shell.page_fields import PageFields
from vitinspect.app.widgets import rows
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox
from vitinspect.errors import DataError, ParameterError, VitInspectError
from vitinspect.figures.cells import FinishedCell, digest
from vitinspect.figures.layer_files import KINDS, Carried, FileKind, heat_alone, mask_of, single, write_layer
from vitinspect.figures.layout import compose
from vitinspect.figures.specification import FigureSpec
from vitinspect.figures.write_raster import pixel_size, render
from vitinspect.models.placement import Placement

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

_WORDS = ("method", "target", "model", "scores")
"""What can be written above the picture."""
_MOST_PIXELS = 250_000_000


class ExportDialog(QDialog):
    """Not modal; it follows the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setWindowTitle("Export picture")
        self._window = window
        self.layer = Choice(name="Layer")
        self.kind = Choice([(kind.id, kind.title) for kind in KINDS], name="What is written")
        self.format = Choice(name="Format")
        self.page = PageFields()
        self.title = QLineEdit()
        self.title.setAccessibleName("Title")
        self.title.setPlaceholderText("none")
        self.above = {name: CheckBox(name.capitalize()) for name in _WORDS}
        self.outline = CheckBox("Outline of the mask")
        self.frame = CheckBox("Frame of the model's input")
        self.recipe = CheckBox(
            "Recipe inside", tip="Record in the file how it was made, so that this view can be opened again"
        )
        self.anonymous = CheckBox("Anonymous", tip="No paths and names of pictures in the file")
        self.preview = Preview()
        self.notice = rows.words("", "quiet", wrap=True)
        self.copy = rows.button("Copy", self._copy, tip="Copy the picture, with its SVG for programs that accept it")
        self.export = rows.button("Export…", self._ask, main=True)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(60)
        self._soon.timeout.connect(self.follow)
        self._build()
        window.backend.state.changed.connect(self._changed)
        window.backend.results.changed.connect(self._changed)
        self.refill()

    def _build(self) -> None:
        self.recipe.set_value(True)
        self.frame.set_value(True)
        above = QGridLayout()
        above.setHorizontalSpacing(16)
        above.setVerticalSpacing(2)
        for number, box in enumerate(self.above.values()):
            above.addWidget(box, number // 2, number % 2)
        above.setColumnStretch(2, 1)
        drawn = QVBoxLayout()
        drawn.setSpacing(2)
        drawn.addWidget(self.outline)
        drawn.addWidget(self.frame)
        marks = QHBoxLayout()
        marks.setSpacing(16)
        for box in (self.recipe, self.anonymous):
            marks.addWidget(box)
        marks.addStretch(1)
        form = QFormLayout()
        form.setHorizontalSpacing(12)
        form.setVerticalSpacing(8)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Layer", self.layer)
        form.addRow("Write", self.kind)
        form.addRow("Format", self.format)
        form.addRow("Page", self.page)
        form.addRow("Title", self.title)
        form.addRow("Above it", above)
        form.addRow("Drawn on it", drawn)
        form.addRow("", marks)
        self.form = form
        side = QWidget()
        side.setFixedWidth(372)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.notice, 1)
        buttons.addWidget(self.copy)
        buttons.addWidget(self.export)
        buttons.addWidget(rows.button("Close", self.close))
        upper = QHBoxLayout()
        upper.setSpacing(16)
        upper.addWidget(side)
        upper.addWidget(self.preview, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(upper, 1)
        layout.addLayout(buttons)
        self.notice.setMinimumHeight(34)
        self.resize(900, 600)
        self.kind.chosen.connect(lambda *_: self._kind_chosen())
        for signal in (self.layer.chosen, self.format.chosen, self.page.changed, self.title.textChanged):
            signal.connect(lambda *_: self._soon.start())
        for box in (*self.above.values(), self.outline, self.frame, self.recipe, self.anonymous):
            box.chosen.connect(lambda *_: self._soon.start())
        self._kind_chosen()

    def _kind_chosen(self) -> None:
        kind = next(one for one in KINDS if one.id == self.kind.value)
        self.format.set_items([(ending, ending[1:].upper()) for ending in kind.endings])
        overlay = kind.id == "overlay"
        for part in (self.page, self.title, *self.above.values(), self.outline, self.frame):
            part.setEnabled(overlay)
        self._soon.start()

    # --- following -----------------------------------------------------------------------------------------------

    def _shown_maps(self) -> dict[str, ShownMap]:
        results = self._window.backend.results
        return {**results.maps, **results.fused_maps, **results.file_maps}

    def refill(self, layer_id: str = "") -> None:
        """List the layers that have maps, and choose one where it is named."""
        state, maps = self._window.backend.state, self._shown_maps()
        layers = [layer for layer in state.layers if layer.is_map and layer.id in maps]
        items = [(layer.id, f"{state.number(layer.id)} {title_in(state.layers, layer)}") for layer in layers]
        before = self.layer.value
        self.layer.set_items(items)
        wanted = state.layer(layer_id) if layer_id else state.selected_layer if before is None else None
        if wanted is not None and wanted.id in maps:
            self.layer.set_value(wanted.id)
            self.outline.set_value(bool(wanted.shown_as))
        self.follow()

    @Slot(object)
    def _changed(self, names: frozenset[str]) -> None:
        if self.isVisible() and names & {"layers", "maps", "fused_maps", "file_maps", "picture", "overlaps", "card"}:
            QTimer.singleShot(0, self, self.refill)

    def chosen(self) -> tuple[Layer, ShownMap]:
        layer = self._window.backend.state.layer(str(self.layer.value))
        found = self._shown_maps().get(str(self.layer.value))
        if layer is None or found is None:
            raise DataError("There is no map to export: add a layer.")
        return layer, found

    def made(self) -> tuple[FigureSpec, FinishedCell, FileKind, Carried]:
        """What is written, as the fields say; an error of ours for what cannot be."""
        backend = self._window.backend
        state, card, picture = backend.state, backend.results.card, backend.results.picture
        layer, found = self.chosen()
        if picture is None or found.address.content != picture.content:
            raise DataError("The map of this picture is still being computed.")
        labels = card.labels if card is not None else ()
        try:
            entry = {**layer_entry(state.layers, layer), **model_entry(state.model)}
            replayable = True
        except ParameterError:
            # A map from a file, for example, is painted, and no recipe can compute it again.
            plain = replace(layer, kind="map", method="rollout", parameters={}, members=())
            entry, replayable = layer_entry(state.layers, plain), False
        entry |= {
            "image": state.image,
            "target": target_words(state.target, labels),
            "fit": state.fit,
            "precision": state.precision,
            "frame": self.frame.isChecked(),
            "threshold": threshold_words(layer) if self.outline.isChecked() or self.kind.value == "mask" else "",
        }
        if "range" not in entry and layer.range_mode != "automatic":
            low, high = range_of(found, layer, state.layers, backend.results.all_maps)
            if low < high:
                entry["range"] = [low, high]
        page = self.page.page(title=self.title.text().strip(), label=self._label(layer, found))
        spec = single(entry, page, picture.size)
        placed = found.placed
        finished = FinishedCell(
            spec.cell(0, 0),
            picture.pixels,
            digest(picture.pixels),
            found.values,
            Placement(placed.input_size, placed.original_size, placed.box),
            found.signed,
            found.title,
            found.target_text,
            found.model,
            found.address.input.model,
        )
        carried = Carried(
            self.recipe.isChecked() and replayable,
            self.anonymous.isChecked(),
            Path("/"),
            view_block(state) if replayable else None,
        )
        return spec, finished, FileKind(str(self.kind.value), str(self.format.value)), carried

    def _label(self, layer: Layer, found: ShownMap) -> str:
        """What is written above the picture."""
        state, results = self._window.backend.state, self._window.backend.results
        parts = {
            "method": title_in(state.layers, layer),
            "target": found.target_text,
            "model": results.card.name if results.card is not None else "",
            "scores": self._scores(layer),
        }
        return " · ".join(parts[name] for name, box in self.above.items() if box.isChecked() and parts[name])

    def _scores(self, layer: Layer) -> str:
        overlap = self._window.backend.results.overlaps.get(layer.id)
        if overlap is None or not hasattr(overlap, "iou"):
            return ""
        return f"IoU {overlap.iou:.3f}, F1 {overlap.f1:.3f}"

    def follow(self) -> None:
        """Paint the preview, and say what is written."""
        overlaps = self._window.backend.results.overlaps
        self.above["scores"].setEnabled(self.kind.value == "overlay" and bool(overlaps))
        self.anonymous.setEnabled(self.recipe.isChecked())
        try:
            spec, finished, kind, carried = self.made()
            text, image = self._painted(spec, finished, kind)
            if not carried.recipe and self.recipe.isChecked():
                text += ". No recipe: a map from a file cannot be computed again"
        except VitInspectError as error:
            self._say(str(error), error=True)
            self.preview.show_image(None)
            self.export.setEnabled(False)
            self.copy.setEnabled(False)
            return
        self.preview.show_image(image)
        self.export.setEnabled(True)
        self.copy.setEnabled(image is not None)
        self._say(text)

    def _painted(self, spec: FigureSpec, finished: FinishedCell, kind: FileKind) -> tuple[str, Any]:
        height, width = finished.pixels.shape[:2]
        if kind.kind == "raw":
            assert finished.values is not None
            down, across = finished.values.shape
            return f"{across} × {down} values", None
        if kind.kind == "mask":
            from PIL import Image

            return f"{width} × {height} pixels", Image.fromarray(mask_of(finished)).convert("RGB")
        if kind.kind == "heat":
            from PIL import Image

            return f"{width} × {height} pixels", Image.fromarray(heat_alone(spec, finished))
        scene = compose(spec, {"a1": finished})
        if not spec.colour_bars:
            scene.height = min(scene.height, max(one.box[1] + one.box[3] for one in scene.pictures))
        across, down = pixel_size(scene, spec.dpi)
        if across * down > _MOST_PIXELS:
            raise ParameterError(f"That would be {across} × {down} pixels; choose a smaller width or resolution.")
        size = f"{scene.width / 72 * 25.4:.1f} × {scene.height / 72 * 25.4:.1f} mm"
        words = size if kind.ending in (".pdf", ".svg") else f"{across} × {down} pixels, {size} at {spec.dpi} dpi"
        texts = [text.size for text in scene.texts]
        if texts and min(texts) < 5:
            words += f"; its smallest text has {min(texts):.1f} points"
        # No larger than it is shown.
        room = self.preview.size() * self.preview.devicePixelRatioF()
        scale = min(room.width() / max(across, 1), room.height() / max(down, 1), 1.0)
        return words, render(scene, max(spec.dpi * scale, 1.0))

    def _say(self, text: str, *, error: bool = False) -> None:
        self.notice.setText(text)
        self.notice.setProperty("kind", "error" if error else "quiet")
        self.notice.style().unpolish(self.notice)
        self.notice.style().polish(self.notice)

    # --- out -----------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        stem = os.path.splitext(os.path.basename(self._window.backend.state.image))[0] or "picture"
        ending = str(self.format.value)
        words = f"{ending[1:].upper()} (*{ending})"
        path, _ = QFileDialog.getSaveFileName(self, "Export picture", f"{stem}_{self.kind.value}{ending}", words)
        if path:
            self.save(path if path.lower().endswith(ending) else path + ending)

    def save(self, path: str) -> None:
        """Write the file, and what belongs beside it."""
        from vitinspect.files import write_atomic

        ending = str(self.format.value)
        try:
            spec, finished, kind, carried = self.made()
            written = write_layer(spec, finished, kind, carried)
            beside = path[: -len(ending)] + ".json"
            if ".json" in written and os.path.lexists(beside) and not _is_ours(Path(beside)):
                raise DataError(
                    f"{beside} belongs beside it, and a file of that name exists that vitinspect did not write."
                )
            for one, data in written.items():
                write_atomic(Path(path if one == ending else beside), data)
        except VitInspectError as error:
            self._say(str(error), error=True)
            return
        self._say(f"Wrote {path}")
        self._window.status.say(f"Exported {path}")

    def _copy(self) -> None:
        """The picture, and for pages the SVG beside it, for programs that take it."""
        try:
            spec, finished, kind, carried = self.made()
            data = QMimeData()
            if kind.kind == "overlay":
                png = write_layer(spec, finished, FileKind("overlay", ".png"), carried)[".png"]
                data.setData("image/svg+xml", write_layer(spec, finished, FileKind("overlay", ".svg"), carried)[".svg"])
            else:
                png = write_layer(spec, finished, FileKind(kind.kind, ".png"), carried)[".png"]
        except VitInspectError as error:
            self._say(str(error), error=True)
            return
        data.setData("image/png", png)
        data.setImageData(QImage.fromData(png))
        QApplication.clipboard().setMimeData(data)
        self._say("Copied the picture")


def _is_ours(path: Path) -> bool:
    from vitinspect.json_files import read_json

    try:
        found = read_json(path)
    except VitInspectError:
        return False
    return {"low", "high", "rows", "columns"} <= set(found)


class Preview(QLabel):
    """The page, as large as fits, on the canvas's background."""

    def __init__(self) -> None:
        super().__init__()
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.setMinimumSize(QSize(320, 320))
        self.setAccessibleName("Preview")
        self._image: QImage | None = None

    def show_image(self, image: Any) -> None:
        """A Pillow picture; None for no preview."""
        if image is None:
            self._image = None
            self.setText("No preview: the file holds raw values.")
        else:
            plain = image.convert("RGBA")
            data = plain.tobytes()
            self._image = QImage(data, plain.width, plain.height, 4 * plain.width, QImage.Format.Format_RGBA8888).copy()
        self._follow()

    def _follow(self) -> None:
        if self._image is None:
            return
        ratio = self.devicePixelRatioF()
        room = self.size() * ratio
        image = self._image
        if image.width() > room.width() or image.height() > room.height():
            image = image.scaled(room, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
        shown = QPixmap.fromImage(image)
        shown.setDevicePixelRatio(ratio)
        self.setPixmap(shown)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._follow()


def open_export(window: MainWindow, layer_id: str = "") -> None:
    """The dialog of the window, as it was left; for one layer, where it is named."""
    if window.export_dialog is None:
        window.export_dialog = ExportDialog(window)
    window.export_dialog.show()
    window.export_dialog.refill(layer_id)
    window.export_dialog.raise_()
    window.export_dialog.activateWindow()
