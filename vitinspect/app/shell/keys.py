"""Shortcuts as a person reads them."""

from __future__ import annotations

from PySide6.QtGui import QKeySequence

from vitinspect.app.shell.menus.record import Action


def show_keys(record: Action) -> list[str]:
    native = QKeySequence.SequenceFormat.NativeText
    return [QKeySequence(key).toString(native) for key in (*record.keys, *record.soft)]
