"""A few small parts that several panels use."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

FIELD = 26


def form() -> QFormLayout:
    """Labels at the left, fields that take the rest."""
    layout = QFormLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(8)
    layout.setVerticalSpacing(4)
    layout.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    layout.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return layout


def quiet(text: str = "", *, wrap: bool = True) -> QLabel:
    """Secondary text."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setObjectName("quiet")
    label.setWordWrap(wrap)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def set_columns(table: QTableWidget, columns: Sequence[tuple[str, str]]) -> None:
    """Headings with their tool tips; the first column is text, and its heading is aligned to the left."""
    for number, (heading, tip) in enumerate(columns):
        item = QTableWidgetItem(heading)
        item.setToolTip(tip)
        side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
        item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        table.setHorizontalHeaderItem(number, item)


def even_heights(parent: QWidget) -> None:
    """Give fields, spin boxes and combo boxes one height, whatever heights the style gives them."""
    for kind in (QLineEdit, QAbstractSpinBox, QComboBox):
        for widget in parent.findChildren(kind):
            if not isinstance(widget.parent(), QAbstractSpinBox | QComboBox):
                widget.setFixedHeight(FIELD)
