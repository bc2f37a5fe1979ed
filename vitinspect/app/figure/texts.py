"""Below the page: the drafted caption, the references as BibTeX, the recipe; each to copy."""

from __future__ import annotations

import json
from collections.abc import Callable

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from vitinspect.app.services.figures import WITHOUT, FigureService
from vitinspect.app.widgets.rows import button


class TextTab(QWidget):
    """A text that follows the figure, and a button that copies it."""

    def __init__(self, figures: FigureService, name: str, text: Callable[[FigureService], str]) -> None:
        super().__init__()
        self._figures, self._text = figures, text
        self.field = QPlainTextEdit()
        self.field.setReadOnly(True)
        self.field.setAccessibleName(name)
        self.field.setFrameShape(QPlainTextEdit.Shape.NoFrame)
        self.copy = button(f"Copy {name}", self._copy, icon="copy")
        side = QVBoxLayout()
        side.addWidget(self.copy)
        side.addStretch(1)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self.field, 1)
        layout.addLayout(side)
        figures.page_made.connect(self.follow)
        figures.status_changed.connect(self.follow)
        self.follow()

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.field.toPlainText())

    @Slot()
    def follow(self) -> None:
        text = self._text(self._figures)
        if text != self.field.toPlainText():
            self.field.setPlainText(text)
        self.copy.setEnabled(bool(text))


def caption_text(figures: FigureService) -> str:
    """The caption, and the references by their numbers."""
    made = figures.page
    if made is None:
        return ""
    numbered = [f"[{number}] {reference}" for number, reference in enumerate(made.references, 1)]
    return "\n".join([made.caption, "", *numbered]) if numbered else made.caption


def bibtex_text(figures: FigureService) -> str:
    return figures.page.bibtex if figures.page is not None else ""


def specification_text(figures: FigureService) -> str:
    """The specification as ``vitinspect figure`` takes it."""
    return json.dumps(figures.spec.to_dict(), indent=1) if not figures.is_empty else ""


def recipe_text(figures: FigureService) -> str:
    """How the figure is made, as its file will say it."""
    if figures.is_empty:
        return ""
    if figures.recipe == WITHOUT:
        return "The file will not say how it was made: choose “Recipe inside” above “Export figure”."
    if figures.measured is None or figures.measured.recipe is None:
        return ""  # until the page is complete
    return json.dumps(dict(figures.measured.recipe), indent=1, sort_keys=True)
