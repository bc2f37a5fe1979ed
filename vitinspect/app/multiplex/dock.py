"""The panel's place in the window. It is built when it is first shown: the window starts without it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QAbstractSlider, QCheckBox, QComboBox, QDockWidget, QMainWindow, QPushButton, QWidget


class NetworkDock(QDockWidget):
    """Between the picture and the controls; its button floats it, for a second screen."""

    said = Signal(str)
    """Something that was done, for the status bar."""

    def __init__(self, window: QMainWindow, desk: Any, canvas: Any, beside: QDockWidget) -> None:
        super().__init__("Attention network", window)
        self.setObjectName("network")
        self.desk, self.canvas = desk, canvas
        self.panel: Any = None
        self.setWidget(QWidget())
        window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, self)
        window.splitDockWidget(self, beside, Qt.Orientation.Horizontal)
        self._window, self._beside = window, beside
        self.setVisible(desk.state.network)
        if desk.state.network:
            self.build()
        desk.state.changed.connect(self._state_changed)
        self.visibilityChanged.connect(self._shown)
        canvas.hovered.connect(self._canvas_hovered)

    def build(self) -> None:
        if self.panel is not None:
            return
        from vitinspect.app.multiplex.panel import NetworkPanel
        from vitinspect.app.panels.section import even_heights

        self.panel = NetworkPanel(self.desk.networks, self.desk.background)
        for kind in (QCheckBox, QComboBox, QAbstractSlider, QPushButton):
            for widget in self.panel.findChildren(kind):
                # As everywhere in the window: a click leaves the keys with the picture.
                widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        even_heights(self.panel)
        self.panel.hovered.connect(self._panel_hovered)
        self.panel.said.connect(self.said)
        self.setWidget(self.panel)

    def refresh_theme(self) -> None:
        if self.panel is not None:
            self.panel.refresh_theme()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if "network" not in names:
            return
        wanted = self.desk.state.network
        if wanted:
            first = self.panel is None and not self.isFloating()
            self.build()
            self.desk.networks.want()
            self.panel.refresh_theme()
        if self.isHidden() == wanted:
            self.setVisible(wanted)
        if wanted and first:
            wide = max(420, round(0.36 * self._window.width()))
            docks, sizes = [self, self._beside], [wide, self._beside.width()]
            self._window.resizeDocks(docks, sizes, Qt.Orientation.Horizontal)

    def _shown(self, visible: bool) -> None:
        # Not while the window itself is hidden or minimised.
        if self._window.isVisible() and not self._window.isMinimized():
            self.desk.state.set(network=not self.isHidden())

    # --- the patch under the cursor, here and there ------------------------------------------------------------------

    def _panel_hovered(self, place: tuple[int, int] | None) -> None:
        placed, card = self.desk.results.placed, self.desk.results.card
        at = None
        if place is not None and placed is not None and card is not None:
            left, top, right, bottom = placed.cell_box(*place, card.grid)
            at = ((left + right) / 2, (top + bottom) / 2)
        self.canvas.point_at(at)

    def _canvas_hovered(self, at: tuple[float, float] | None) -> None:
        placed, card = self.desk.results.placed, self.desk.results.card
        if self.panel is None or not self.desk.state.network or placed is None or card is None:
            return
        self.panel.hover_patch(None if at is None else placed.cell_at(*at, card.grid))
