"""The dialog, made from the declarations. It is not modal, and each change applies at once."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from vitinspect.app.panels.section import form, quiet
from vitinspect.app.settings import SETTINGS, Setting, Settings
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import NumberField
from vitinspect.app.widgets.rows import button, words

WORDS = {"system": "like the system", "auto": "automatic"}
"""What a choice is called, where its value is another word."""


class SettingsDialog(QDialog):
    """One row per setting, in groups; and a button that clears the caches."""

    def __init__(self, settings: Settings, clear_caches: Any, cache_text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setProperty("kind", "panel")
        self._settings = settings
        self.fields: dict[str, QWidget] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        rows = form()
        rows.setVerticalSpacing(8)
        for group in dict.fromkeys(setting.group for setting in SETTINGS):
            rows.addRow(words(group, "section"))
            for setting in SETTINGS:
                if setting.group == group:
                    field = self._field(setting)
                    field.setToolTip(setting.help)
                    field.setAccessibleName(setting.title)
                    self.fields[setting.name] = field
                    rows.addRow(words(setting.title, "quiet"), field)
        layout.addLayout(rows)
        layout.addWidget(words("Caches", "section"))
        row = QHBoxLayout()
        row.addWidget(quiet(cache_text), 1)
        # A dialog's Return key would press a default button from any field; these are none.
        row.addWidget(
            button(
                "Clear caches",
                clear_caches,
                tip="Delete kept thumbnails and maps; they are made again when they are needed",
            )
        )
        layout.addLayout(row)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(button("Close", self.close))
        layout.addLayout(foot)
        next(iter(self.fields.values())).setFocus()
        self.resize(520, self.sizeHint().height())

    def _field(self, setting: Setting) -> QWidget:
        value = self._settings[setting.name]
        if setting.choices:
            box = Choice([(choice, WORDS.get(choice, choice)) for choice in setting.choices], name=setting.title)
            box.set_value(value)
            box.chosen.connect(lambda chosen: self._settings.set(setting.name, chosen))
            return box
        if isinstance(setting.default, int):
            field = NumberField(setting.low, setting.high, value, whole=True, unit=setting.unit, name=setting.title)
            field.changed.connect(lambda number: self._settings.set(setting.name, round(number)))
            return field
        line = QLineEdit(value)
        line.editingFinished.connect(lambda: self._settings.set(setting.name, line.text().strip() or setting.default))
        return line
