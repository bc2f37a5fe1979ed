"""A tool, a tab and an export that are declared as CONTRIBUTING.md says appear everywhere.

In a process of its own, since the menus are made from the records when they are imported.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_DECLARE = """
from dataclasses import replace
from PySide6.QtWidgets import QApplication, QLabel
app = QApplication([])

# a tool: its module, the list of tools, the workspace that has it
from vitinspect.app.canvas import tools
class Ruler(tools.Tool):
    id, title, tip, icon, key = "ruler", "Toy ruler", "Measures nothing", "pin", "Y"
tools.TOOLS = (*tools.TOOLS, lambda state, results, what_if: Ruler())

# a tab: its panel, the workspace
from vitinspect.app.shell import workspaces
from vitinspect.app.shell.workspace import BottomTab
own = replace(
    workspaces.WORKSPACES[0],
    tools=(*workspaces.WORKSPACES[0].tools, "ruler"),
    tabs=(*workspaces.WORKSPACES[0].tabs, BottomTab("toy", "Toy tab", lambda window: QLabel("toy"), "Shows a toy")),
)
workspaces.WORKSPACES = (own, *workspaces.WORKSPACES[1:])

# an export: one record
from vitinspect.app.shell import exports
exports.EXPORTS = (
    *exports.EXPORTS,
    exports.Export("toy", "Toy export", "toy", ".txt", "text", lambda w, how: b"toy", lambda w, how: "A toy"),
)
"""

_LOOK = """
import sys
from vitinspect.app import main
from vitinspect.app.shell.window import MainWindow
backend, _ = main.make_backend(sys.argv[1], None, True, loader=lambda *a, **k: (_ for _ in ()).throw(ValueError()))
backend.remembers = False
window = MainWindow(backend)
window.show()
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMenu
from vitinspect.app.shell.palette import Palette
from vitinspect.app.shell.save_dialog import SaveDialog
from vitinspect.app.shell.shortcuts import ShortcutSheet

# the strip and the key
assert "ruler" in window.strip.buttons
QTest.keyClick(window.canvas, Qt.Key.Key_Y)
assert backend.state.tool == "ruler"
assert window.canvas.tool.id == "ruler"

# the menus
menus = {action.text().replace("&", ""): action.menu() for action in window.top.menus.actions()}
edit = {action.text(): action.menu() for action in menus["Edit"].actions()}
edit["Tools"].aboutToShow.emit()
assert any(action.text().startswith("Toy ruler") for action in edit["Tools"].actions())
assert "Toy tab" in [action.text() for action in menus["View"].actions()]

# the palette
window.actions_["palette"].trigger()
palette = window.findChildren(Palette)[-1]
def found(text):
    palette.field.setText(text)
    return [palette.list.item(i).text() for i in range(palette.list.count())]
assert "Toy ruler" in found("toy ruler")
assert "Toy tab" in found("toy tab")
assert "Figure: Caption" in found("caption")
assert "Save" in found("toy export")
palette.leave()

# the sheet of shortcuts
window.actions_["shortcuts"].trigger()
sheet = window.findChildren(ShortcutSheet)[-1]
words = [label.text() for label in sheet.findChildren(QLabel)]
assert words.index("Toy ruler") and "Y" in words
sheet.close()

# the tab opens
window.actions_["show_toy"].trigger()
assert window.bottom.tab("toy").text() == "toy"
assert window.bottom.tab("toy").isVisible()

# the export
dialog = SaveDialog(window)
assert "Toy export (text)" in [dialog.what.itemText(i) for i in range(dialog.what.count())]
dialog.what.set_value("toy")
dialog._follow()
assert dialog.about.text() == "A toy"
exports.save(window, exports.EXPORTS[-1], sys.argv[2])
assert open(sys.argv[2], "rb").read() == b"toy"
print("everywhere", flush=True)
import os
os._exit(0)
"""


def test_a_tool_a_tab_and_an_export_appear_everywhere(tmp_path: Path, home: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    variables = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", _DECLARE + _LOOK, str(pictures), str(tmp_path / "toy.txt")],
        capture_output=True,
        text=True,
        env=variables,
        timeout=300,
    )
    assert done.stdout.strip() == "everywhere", done.stderr[-2000:]
