"""The menu Help: a report for a bug, to be pasted."""

from __future__ import annotations

from typing import Any

from PySide6.QtGui import QGuiApplication


def test_the_report_for_a_bug_is_on_the_clipboard(window: Any, qtbot: Any) -> None:
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("before")
    window.actions_["copy_report"].trigger()
    qtbot.waitUntil(lambda: clipboard.text() != "before", timeout=120_000)
    assert clipboard.text().startswith("```\n")
    assert "PySide6-Essentials" in clipboard.text()
