"""Copy as command and as Python, from the menus."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication


def test_the_view_and_a_layer_are_copied_as_text(shown, backend, pictures):
    clipboard = QApplication.clipboard()
    backend.state.add_map("attention_gradient")
    for action, start in (
        ("copy_command", "vitinspect export"),
        ("copy_python", "import vitinspect as vi"),
        ("copy_layer_command", "vitinspect export"),
        ("copy_layer_python", "import vitinspect as vi"),
    ):
        clipboard.clear()
        shown.actions_[action].trigger()
        text = clipboard.text()
        assert text.startswith(start)
        assert "picture 1.png" in text
        assert ("rollout" in text) == ("layer" not in action)
        assert "attention_gradient" in text
