"""A label of a row or a column is edited in its place on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit

from vitinspect.app.figure.page_marks import RULER

if TYPE_CHECKING:
    from vitinspect.app.figure.page_view import PageView
    from vitinspect.figures.layout import LabelBox


class LabelEditor(QLineEdit):
    """Over a label, until Enter or a click elsewhere; Escape leaves it as it was."""

    def __init__(self, view: PageView, label: LabelBox, box: QRectF) -> None:
        super().__init__(view)
        self._view, self._label, self._closed = view, label, False
        self.setText(label.text)
        self.selectAll()
        width = max(120, round(box.width()) if label.axis == "column" else 140)
        left = round(box.center().x() - width / 2) if label.axis == "column" else round(box.left())
        top = round(box.center().y() - 12)
        self.setGeometry(max(2, min(left, view.width() - width - 2)), max(RULER, top), width, 24)
        self.setAccessibleName(f"Label of {label.axis} {label.index + 1}")
        self.returnPressed.connect(self.done)
        self.editingFinished.connect(self.done)
        self.show()
        self.setFocus()

    def done(self) -> None:
        """Accept what is typed."""
        if self._close():
            text = self.text().strip()
            if text != self._label.text:
                self._view.figures.label(self._label.axis, self._label.index, text)

    def _close(self) -> bool:
        if self._closed:
            return False
        self._closed = True
        self._view.editor = None
        self.hide()
        self.deleteLater()
        self._view.setFocus()
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self._close()
        else:
            super().keyPressEvent(event)
