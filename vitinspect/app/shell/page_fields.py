"""How large a picture is written, on which background and with what around it: fields of the export dialogs."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFormLayout, QHBoxLayout, QLineEdit, QWidget

from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import CheckBox, NumberField
from vitinspect.app.widgets.rows import words
from vitinspect.figures.layer_files import Page
from vitinspect.figures.lengths import VENUES, points

OWN, OTHER = "", "other"
GROUNDS = (("white", "White"), ("black", "Black"), ("transparent", "Transparent"))


class PageFields(QWidget):
    """Width, resolution, background, colour bar."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        venues = [
            (width, f"{venue.title}, {width}" + (f" ({i + 1} columns)" if i else ""))
            for venue in VENUES
            for i, width in enumerate(venue.widths)
        ]
        self.width_choice = Choice([(OWN, "The picture's own pixels"), *venues, (OTHER, "Another width")], name="Width")
        self.width_text = QLineEdit("88mm")
        self.width_text.setAccessibleName("Another width")
        self.width_text.setToolTip("A length with its unit: 88mm, 3.25in, 250pt")
        self.width_text.setFixedWidth(80)
        self.dpi = NumberField(36, 2400, 96, whole=True, name="Resolution", tip="Dots per inch, written into the file")
        self.dpi.setFixedWidth(80)
        self.ground = Choice(GROUNDS, name="Background")
        self.bar = CheckBox("Colour bar with the raw range")
        self.opacity = CheckBox("Scale of opacity", tip="Below the colours: black is opaque, white is transparent")
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setHorizontalSpacing(8)
        form.setVerticalSpacing(6)
        form.addRow("Width", _beside(self.width_choice, self.width_text, stretch=False))
        form.addRow("Resolution", _beside(self.dpi, words("dpi", "quiet")))
        form.addRow("Background", self.ground)
        form.addRow("", self.bar)
        form.addRow("", self.opacity)
        self.form = form
        self.width_choice.chosen.connect(self._size_chosen)
        for signal in (
            self.width_text.textEdited,
            self.dpi.changed,
            self.ground.chosen,
            self.bar.chosen,
            self.opacity.chosen,
        ):
            signal.connect(lambda *_: self._emit_changed())
        self._follow()

    def _size_chosen(self, value: str) -> None:
        # A width is for print, the picture's own pixels are for the screen.
        self.dpi.set_value(96 if value == OWN else 300)
        self._follow()
        self.changed.emit()

    def _emit_changed(self) -> None:
        self._follow()
        self.changed.emit()

    def _follow(self) -> None:
        self.opacity.setEnabled(self.bar.isChecked())
        self.width_text.setVisible(self.width_choice.value == OTHER)

    @property
    def width_words(self) -> str:
        """88mm; empty for the picture's own pixels. A ``ParameterError`` for what is no length."""
        if self.width_choice.value == OTHER:
            points(self.width_text.text())
            return self.width_text.text().strip()
        return str(self.width_choice.value)

    def page(self, *, title: str = "", label: str = "") -> Page:
        """What the fields say; a ``ParameterError`` for what cannot be."""
        return Page(
            self.width_words,
            round(self.dpi.value()),
            background=str(self.ground.value),
            colour_bar=self.bar.isChecked(),
            opacity_scale=self.bar.isChecked() and self.opacity.isChecked(),
            title=title,
            label=label,
        )


def _beside(*widgets: QWidget, stretch: bool = True) -> QWidget:
    box = QWidget()
    layout = QHBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    for widget in widgets:
        layout.addWidget(widget)
    if stretch:
        layout.addStretch(1)
    return box
