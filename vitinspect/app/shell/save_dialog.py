"""One small dialog for all that is saved: what, how large, on which background. It opens as it was left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QVBoxLayout

from vitinspect.app.shell import exports
from vitinspect.app.shell.exports import EXPORTS, SCALES, Export, How
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.rows import PropertyRow, button, line, note
from vitinspect.app.widgets.segments import Segment, Segments
from vitinspect.errors import VitInspectError

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

WIDTH = 400
GROUNDS = (
    Segment("", "As shown", tip="The background of the canvas"),
    Segment("white", "White"),
    Segment("black", "Black"),
    Segment("transparent", "Transparent", tip="With dark text, for a white page"),
)


class SaveDialog(QDialog):
    """Follows what is shown while it is open, and says what will be in the file, or why there can be none."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setWindowTitle("Save")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._window = window
        state = window.backend.state
        known = {export.id for export in EXPORTS}
        self.what = Choice([(e.id, f"{e.title} ({e.words})") for e in EXPORTS], name="What", tip="What is saved")
        self.what.set_value(state.save_what if state.save_what in known else EXPORTS[0].id)
        self.scale = Segments(
            [Segment(scale, f"{scale}×") for scale in SCALES], name="Scale, compared with the screen or the picture"
        )
        self.scale.set_value(state.save_scale)
        self.ground = Segments(GROUNDS, name="Background")
        self.ground.set_value(state.save_ground)
        self.about = note()
        self.about.setMinimumHeight(48)  # a longer sentence moves nothing
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.save = button("Save…", self._save, main=True)
        self.save.setDefault(True)
        buttons = QHBoxLayout()
        buttons.setContentsMargins(8, 8, 8, 8)
        buttons.setSpacing(8)
        buttons.addStretch(1)
        buttons.addWidget(button("Cancel", self.close))
        buttons.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 0)
        layout.setSpacing(0)
        layout.addWidget(PropertyRow("What", self.what))
        layout.addWidget(PropertyRow("Scale", self.scale, stretch=False))
        layout.addWidget(PropertyRow("Background", self.ground, stretch=False))
        layout.addWidget(self.about)
        layout.addWidget(line())
        layout.addLayout(buttons)
        self.setFixedSize(self.sizeHint())
        self.what.chosen.connect(lambda value: state.set(save_what=value))
        self.scale.chosen.connect(lambda value: state.set(save_scale=value))
        self.ground.chosen.connect(lambda value: state.set(save_ground=value))
        state.changed.connect(self._follow)
        window.backend.results.changed.connect(self._follow)
        self._follow()
        self.what.setFocus()

    @property
    def export(self) -> Export:
        return next(export for export in EXPORTS if export.id == self.what.value)

    @property
    def how(self) -> How:
        """Scale and background, where they apply."""
        if not self.export.scales:
            return How()
        return How(self.scale.value, self.ground.value if self._has_ground else "")

    @property
    def _has_ground(self) -> bool:
        """Workspaces without the canvas are saved as they look in the window."""
        return self.export.scales and (self.export.id != "view" or self._window.workspace_view is self._window.canvas)

    def _follow(self) -> None:
        self.scale.setEnabled(self.export.scales)
        self.ground.setEnabled(self._has_ground)
        try:
            text, possible = self.export.about(self._window, self.how), True
        except VitInspectError as error:
            text, possible = str(error), False
        self.about.setText(text)
        self.save.setEnabled(possible)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(WIDTH, super().sizeHint().height())

    def _save(self) -> None:
        export, how, window = self.export, self.how, self._window
        path, _ = QFileDialog.getSaveFileName(
            self,
            f"Save {export.title.lower()}",
            exports.file_name(window, export),
            f"{export.words} (*{export.ending})",
        )
        if not path:
            return
        self.close()
        exports.save(window, export, path if path.lower().endswith(export.ending) else path + export.ending, how)


def ask(window: MainWindow) -> None:
    """Open the dialog."""
    SaveDialog(window).show()
