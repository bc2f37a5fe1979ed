"""At the right of the Figure workspace: the page, the selected cell, what is checked before export, the export."""

from __future__ import annotations

import os
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.figure.cell_section import CellSection
from vitinspect.app.figure.page_section import PageSection
from vitinspect.app.services.figures import ANONYMOUS, WITH, WITHOUT, FigureService
from vitinspect.app.session.results import Results
from vitinspect.app.widgets import icons
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.rows import button, heading, line, words

FORMATS = (("pdf", "PDF"), ("svg", "SVG"), ("png", "PNG"), ("tiff", "TIFF"), ("jpeg", "JPEG"))
ENDINGS = {"pdf": ".pdf", "svg": ".svg", "png": ".png", "tiff": ".tiff", "jpeg": ".jpg"}
LARGEST = 10_000_000
"""Bytes that submission systems commonly take for a figure."""


class FigurePanel(QFrame):
    """Reads the service, and asks it to change."""

    exported = Signal(str)

    def __init__(self, figures: FigureService, results: Results) -> None:
        super().__init__()
        self.setProperty("kind", "panel")
        self._figures = figures
        self.page = PageSection(figures)
        self.cell = CellSection(figures, results)
        self.checks = CheckList(figures)
        inside = QVBoxLayout()
        inside.setContentsMargins(0, 0, 0, 4)
        inside.setSpacing(0)
        for part in (self.page, line(), self.cell, line(), self.checks):
            inside.addWidget(part)
        inside.addStretch(1)
        holder = QWidget()
        holder.setProperty("kind", "panel")
        holder.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        holder.setLayout(inside)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(holder)
        self.export = ExportRow(figures)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(area, 1)
        layout.addWidget(line())
        layout.addWidget(self.export)


class CheckList(QWidget):
    """What publishers check, each line with its value."""

    def __init__(self, figures: FigureService) -> None:
        super().__init__()
        self._figures = figures
        self._lines: list[tuple[str, str, str]] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(heading("Before export"))
        self._table = _Lines()
        column.addWidget(self._table)
        figures.page_made.connect(self.follow)
        figures.status_changed.connect(self.follow)
        self.follow()

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """``check`` or ``warning``, what, its value."""
        return self._lines

    @Slot()
    def follow(self) -> None:
        made, figures = self._figures.page, self._figures
        lines: list[tuple[str, str, str]] = []
        if made is not None:
            vector = figures.format in ("pdf", "svg")
            for one in made.findings:
                if one.what in ("Size", "Pictures stored without loss"):
                    continue  # the size is in the status bar; the loss depends on the format
                lines.append(("check" if one.good else "warning", one.what, one.value))
            if figures.format == "pdf":
                fonts = figures.measured.fonts if figures.measured is not None else None
                sign = "check" if fonts is None or fonts.good else "warning"
                lines.append((sign, "Fonts embedded", "…" if fonts is None else fonts.value))
            elif figures.format == "svg":
                lines.append(("check", "Text stays text", "DejaVu Sans is named"))
            lossy = figures.format == "jpeg"
            lines.append(("warning" if lossy else "check", "Pictures stored without loss", "no" if lossy else "yes"))
            if not vector:
                lines.append(("check", "Resolution of the file", f"{figures.spec.dpi} dpi"))
            if made.waiting:
                # The size is not known before: the line is that of the cells, and nothing moves when they are there.
                lines.append(("warning", "Cells being computed", f"{made.waiting} of {len(made.cells)}"))
            else:
                size = figures.measured.size if figures.measured is not None else None
                good = size is None or size < LARGEST
                lines.append(("check" if good else "warning", "File size", "…" if size is None else in_bytes(size)))
        if lines != self._lines:
            self._lines = lines
            self._table.show_lines(lines)


def in_bytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{max(1, round(size / 1000))} kB"


class _Lines(QWidget):
    """Painted rows: a sign, words at the left, a value at the right; the value is below where it does not fit."""

    ROW = 20

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[tuple[str, str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_lines(self, lines: list[tuple[str, str, str]]) -> None:
        self._lines = lines
        self.setAccessibleName("; ".join(f"{what}: {value}" for _, what, value in lines))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, self.ROW * max(6, len(self._lines)))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        painter.setFont(theme.font(11))
        metrics = painter.fontMetrics()
        for number, (sign, what, value) in enumerate(self._lines):
            top = number * self.ROW
            wrong = sign == "warning"
            icons.paint(painter, sign, t.on_warning if wrong else t.quiet, QPoint(16, top + self.ROW // 2), 16)
            flags = int(Qt.AlignmentFlag.AlignVCenter)
            painter.setPen(QColor(t.on_warning if wrong else t.text))
            painter.drawText(30, top, self.width() - 38, self.ROW, flags, what)
            room = self.width() - 46 - metrics.horizontalAdvance(what)
            painter.setPen(QColor(t.text))
            text = metrics.elidedText(value, Qt.TextElideMode.ElideRight, room)
            right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            painter.drawText(30, top, self.width() - 38, self.ROW, right, text)
        painter.end()


class ExportRow(QWidget):
    """What the file contains, its format, and the button; while it is written, its progress."""

    def __init__(self, figures: FigureService) -> None:
        super().__init__()
        self._figures = figures
        self.recipe = Choice(
            [(WITH, "Recipe inside"), (ANONYMOUS, "Recipe, anonymous"), (WITHOUT, "No recipe")],
            name="Recipe",
            tip="How much the file records about how it was made: all; without paths and names, for double-blind"
            " review; nothing",
        )
        self.recipe.chosen.connect(lambda value: figures.set_export(recipe=value))
        self.format = Choice(FORMATS, name="Format")
        self.format.chosen.connect(lambda value: figures.set_export(format=value))
        self.format.setFixedWidth(84)
        self.button = button("Export figure", self._export, icon="export", main=True)
        self.why = words("", "note", wrap=True)
        self.retry = button("Compute", figures.retry, tip="Compute the cells that were cancelled")
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.format)
        row.addWidget(self.button, 1)
        sentence = QHBoxLayout()
        sentence.setSpacing(8)
        sentence.addWidget(self.why, 1)
        sentence.addWidget(self.retry)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        layout.addWidget(self.recipe)
        layout.addLayout(row)
        layout.addLayout(sentence)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        figures.page_made.connect(self.follow)
        figures.status_changed.connect(self.follow)
        self.follow()

    @Slot()
    def follow(self) -> None:
        figures = self._figures
        self.format.set_value(figures.format)
        self.recipe.set_value(figures.recipe)
        working = figures.working
        if working is not None:
            self.button.setText("Cancel")
            self.button.setEnabled(True)
            share = f"{working.done} of {working.total} cells" if working.total else ""
            self.why.show()
            self.why.setText(f"Writing {os.path.basename(working.path)}  {share}")
            self.retry.hide()
            return
        why = figures.why_not
        self.button.setText("Export figure")
        self.button.setEnabled(not why)
        cancelled = figures.stopped and figures.waiting > 0
        self.why.setText(f"{figures.waiting} cells were cancelled." if cancelled else why)
        # The number of cells being computed is in the check list, where it takes no space from the sentence.
        self.why.setVisible(bool(why) and (cancelled or not figures.is_waiting))
        self.button.setToolTip(why)
        self.retry.setVisible(cancelled)

    def _export(self) -> None:
        if self._figures.working is not None:
            self._figures.cancel_export()
            return
        ending = ENDINGS[self._figures.format]
        title = dict(FORMATS)[self._figures.format]
        stem = Path(next(iter(self._figures.pictures), "figure")).stem
        name, _ = QFileDialog.getSaveFileName(self, "Export figure", f"figure_{stem}{ending}", f"{title} (*{ending})")
        if name:
            self.write_to(name)

    def write_to(self, path: str) -> None:
        """Write the figure to a path, with the ending of its format."""
        ending = ENDINGS[self._figures.format]
        self._figures.export(path if path.lower().endswith(ending) else path + ending)
