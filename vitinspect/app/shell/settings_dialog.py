"""The dialog, made from the declarations. It is not modal, and each change counts at once."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.panels.section import even_heights, form, quiet
from vitinspect.app.settings import SETTINGS, Setting, Settings


class SettingsDialog(QDialog):
    """One row per setting, in groups; and buttons that empty the caches."""

    def __init__(self, settings: Settings, clear_caches: Any, cache_text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings = settings
        self.fields: dict[str, QWidget] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        rows = form()
        rows.setVerticalSpacing(8)
        for group in dict.fromkeys(setting.group for setting in SETTINGS):
            heading = QLabel(group)
            heading.setObjectName("heading")
            rows.addRow(heading)
            for setting in SETTINGS:
                if setting.group == group:
                    field = self._field(setting)
                    field.setToolTip(setting.help)
                    field.setAccessibleName(setting.title)
                    self.fields[setting.name] = field
                    rows.addRow(setting.title, field)
        layout.addLayout(rows)
        heading = QLabel("Caches")
        heading.setObjectName("heading")
        layout.addWidget(heading)
        row = QHBoxLayout()
        row.addWidget(quiet(cache_text), 1)
        empty = QPushButton("Empty the caches")
        empty.setToolTip("Delete kept thumbnails and maps; they are made again when they are needed")
        empty.clicked.connect(clear_caches)
        empty.setAutoDefault(False)  # a dialog's Return key would press it from any field
        row.addWidget(empty)
        layout.addLayout(row)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        layout.addWidget(buttons)
        even_heights(self)
        next(iter(self.fields.values())).setFocus()
        self.resize(520, self.sizeHint().height())

    def _field(self, setting: Setting) -> QWidget:
        value = self._settings[setting.name]
        if setting.choices:
            box = QComboBox()
            box.addItems(list(setting.choices))
            box.setCurrentText(value)
            box.textActivated.connect(lambda text: self._settings.set(setting.name, text))
            return box
        if isinstance(setting.default, int):
            spin = QSpinBox()
            spin.setRange(setting.low, setting.high)
            spin.setSuffix(f" {setting.unit}" if setting.unit else "")
            spin.setValue(value)
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(lambda number: self._settings.set(setting.name, number))
            return spin
        line = QLineEdit(value)
        line.editingFinished.connect(lambda: self._settings.set(setting.name, line.text().strip() or setting.default))
        return line
