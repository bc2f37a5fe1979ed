"""The main window: puts the parts in their places and answers the actions."""

from __future__ import annotations

import base64
import os
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, QUrl, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDesktopServices, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDockWidget,
    QFileDialog,
    QFrame,
    QMainWindow,
    QPushButton,
    QScrollArea,
    QSlider,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from vitinspect import resources
from vitinspect.app import logs, theme
from vitinspect.app.actions import Actions
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.readout import Readout
from vitinspect.app.compute.worker import Problem
from vitinspect.app.desk import Desk
from vitinspect.app.message import MessageBar
from vitinspect.app.multiplex.dock import NetworkDock
from vitinspect.app.panels.browser import Browser, open_files, open_folder
from vitinspect.app.panels.display import DisplayPanel
from vitinspect.app.panels.fusion import FusionPanel
from vitinspect.app.panels.methods import MethodsPanel
from vitinspect.app.panels.model import ModelPanel
from vitinspect.app.panels.plots import PlotTabs
from vitinspect.app.panels.section import Section, even_heights
from vitinspect.app.panels.threshold import ThresholdPanel
from vitinspect.app.panels.whatif import WhatIfPanel
from vitinspect.app.status import StatusBar
from vitinspect.errors import DataError
from vitinspect.version import __version__

_LAYOUT_VERSION = 1


class MainWindow(QMainWindow):
    """One window on one desk."""

    first_paint = Signal()
    closed = Signal()
    _painted = False  # events arrive from within the constructor

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.setWindowTitle("vitinspect")
        self.setAcceptDrops(True)
        self.setDockOptions(QMainWindow.DockOption.AllowNestedDocks | QMainWindow.DockOption.AllowTabbedDocks)
        self.resize(1280, 800)
        state, results = desk.state, desk.results
        self.message = MessageBar()
        self.canvas = Canvas(state, results)
        self.readout = Readout(self.canvas, results)
        self.setCentralWidget(_column(self.message, self.canvas, self.readout, grows=self.canvas))
        self.browser = Browser(state, results, desk.listing, desk.thumbnails)
        self.browser.wants_folder.connect(self.open_folder)
        self.browser.wants_run.connect(self.sort_by_run)
        self.browser.done.connect(self.canvas.setFocus)
        self.model_panel = ModelPanel(state, results)
        self.methods_panel = MethodsPanel(state, results)
        self.display_panel = DisplayPanel(state)
        self.threshold_panel = ThresholdPanel(state, results)
        self.fusion_panel = FusionPanel(state, results)
        self.whatif_panel = WhatIfPanel(state, results, desk.extras)
        self.canvas.brushed.connect(desk.extras.brush)
        self.sections = {
            section.title: section
            for section in (
                Section("Model and target", self.model_panel, state),
                Section("Methods", self.methods_panel, state),
                Section("Display", self.display_panel, state),
                Section("Threshold", self.threshold_panel, state),
                Section("Fusion", self.fusion_panel, state),
                Section("What if", self.whatif_panel, state),
            )
        }
        self.browser_dock = self._dock("Browser", self.browser, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.controls_dock = self._dock(
            "Controls", _scrolled(*self.sections.values()), Qt.DockWidgetArea.RightDockWidgetArea
        )
        self.plots = PlotTabs(state, results, desk.extras)
        self.plots_dock = self._dock("Plots", self.plots, Qt.DockWidgetArea.BottomDockWidgetArea)
        self.plots_dock.setVisible(state.plots)
        self.plots_dock.visibilityChanged.connect(self._plots_shown)
        self.network_dock = NetworkDock(self, desk, self.canvas, self.controls_dock)
        # The controls reach down to the status bar; the plots are below the picture alone.
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        self.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.resizeDocks([self.browser_dock, self.controls_dock], [252, 316], Qt.Orientation.Horizontal)
        self.status = StatusBar(state, results, self.cancel)
        self.setStatusBar(self.status)
        self.network_dock.said.connect(self.status.say)
        self.actions_ = Actions(self, state)
        self.actions_.fill_menus(self.menuBar())
        bar = QToolBar("Tools")
        bar.setObjectName("tools")
        bar.setMovable(False)
        bar.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.actions_.fill_bar(bar)
        self.addToolBar(bar)
        desk.coordinator.trouble.connect(self.message.show_problem)
        desk.listing.vanished.connect(self._folder_vanished)
        desk.settings.changed.connect(self._setting_changed)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        for kind in (QCheckBox, QComboBox, QSlider, QPushButton):
            for widget in self.findChildren(kind):
                # A click leaves the keys with the picture: Space is the next one, not the last check box again.
                if not (isinstance(widget, QComboBox) and widget.isEditable()):
                    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        even_heights(self)
        self.canvas.setFocus()
        self._follow_enabled()
        self._follow_title()
        self._restore_layout()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(1280, 800)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(title.lower())
        dock.setWidget(widget)
        dock.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetMovable
            | QDockWidget.DockWidgetFeature.DockWidgetFloatable
            | QDockWidget.DockWidgetFeature.DockWidgetClosable
        )
        self.addDockWidget(area, dock)
        return dock

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"folder", "image", "model"}:
            self._follow_title()
        if "plots" in names and self.plots_dock.isVisible() != self.desk.state.plots:
            self.plots_dock.setVisible(self.desk.state.plots)

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"maps", "picture", "pending", "card", "progress"}:
            self._follow_enabled()

    def _plots_shown(self, visible: bool) -> None:
        # Not while the window itself is hidden or minimised.
        if self.isVisible() and not self.isMinimized():
            self.desk.state.set(plots=not self.plots_dock.isHidden())

    def _follow_title(self) -> None:
        state = self.desk.state
        name = os.path.basename(state.image) or os.path.basename(state.folder)
        self.setWindowTitle(f"{name} — vitinspect" if name else "vitinspect")

    def _follow_enabled(self) -> None:
        results = self.desk.results
        has_picture, has_map = results.picture is not None, bool(results.maps)
        for name in ("fit", "actual", "zoom_in", "zoom_out", "save_view", "copy_view"):
            self.actions_[name].setEnabled(has_picture)
        for name in ("save_overlay", "keep_map", "next_map"):
            self.actions_[name].setEnabled(has_map)
        self.actions_["cancel"].setEnabled(results.progress is not None)

    @Slot(str)
    def _folder_vanished(self, path: str) -> None:
        self.message.show_problem(
            Problem(f"The folder {path} is not there any more. What was decoded stays; open another folder.", "", True)
        )

    @Slot(str)
    def _setting_changed(self, name: str) -> None:
        if name == "theme":
            self.apply_theme()
        elif name == "max_pixels":
            from vitinspect.images import set_max_pixels

            set_max_pixels(self.desk.settings["max_pixels"] * 1_000_000)

    def apply_theme(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, self.desk.settings["theme"])
        self.canvas.refresh_theme()
        self.plots.refresh_theme()
        self.network_dock.refresh_theme()

    # --- events --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        painted = super().event(event)
        if not self._painted and event.type() == QEvent.Type.Paint:
            self._painted = True
            # After this paint is on the screen.
            QTimer.singleShot(0, self.first_paint.emit)
        return painted

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        # Only keys that no widget wanted come here: an arrow moves a slider that has the focus, else the picture.
        if event.key() == Qt.Key.Key_H and not event.modifiers():
            if not event.isAutoRepeat():
                self.canvas.hide_overlay(True)
        elif event.key() == Qt.Key.Key_Escape and self._leave_field():
            event.accept()
        elif not self.actions_.press(event):
            super().keyPressEvent(event)

    def _leave_field(self) -> bool:
        """Give the keys back to the canvas; False where it has them, or a view that is used like it."""
        focused = QApplication.focusWidget()
        if focused is None or focused in (self, self.canvas) or self.network_dock.isAncestorOf(focused):
            return False
        self.canvas.setFocus()
        return True

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_H and not event.isAutoRepeat():
            self.canvas.hide_overlay(False)
        super().keyReleaseEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow():
            self.canvas.hide_overlay(False)  # the key may be released in another window
        super().changeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.open_paths(paths)

    def open_paths(self, paths: list[str]) -> None:
        """A folder is shown; a picture is shown in its folder; several pictures are shown alone."""
        from vitinspect.images import is_image_name

        for path in paths:
            if os.path.isdir(path):
                open_folder(self.desk.state, path)
                return
        pictures = [p for p in paths if is_image_name(os.path.basename(p))]
        if len(pictures) > 1:
            open_files(self.desk.state, pictures)
        elif pictures:
            open_folder(self.desk.state, os.path.dirname(pictures[0]), os.path.abspath(pictures[0]))
        elif paths:
            self.message.show_problem(Problem(f"{paths[0]} is neither a folder nor a picture.", "", True))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        # It disappears at once; what still runs ends behind it.
        self.desk.save(self._layout())
        for child in self.findChildren(QTimer):
            child.stop()
        event.accept()
        self.closed.emit()

    def _layout(self) -> dict[str, Any]:
        return {
            "geometry": base64.b64encode(self.saveGeometry().data()).decode(),
            "docks": base64.b64encode(self.saveState(_LAYOUT_VERSION).data()).decode(),
        }

    def _restore_layout(self) -> None:
        layout = self.desk.window_layout
        try:
            if "geometry" in layout:
                self.restoreGeometry(QByteArray(base64.b64decode(layout["geometry"])))
            if "docks" in layout:
                self.restoreState(QByteArray(base64.b64decode(layout["docks"])), _LAYOUT_VERSION)
        except (TypeError, ValueError):
            pass  # a damaged layout costs the layout

    # --- actions: file -------------------------------------------------------------------------------------------

    def open_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a folder of pictures", self.desk.state.folder)
        if folder:
            open_folder(self.desk.state, folder)

    def sort_by_run(self) -> None:
        """Ask for the folder of an evaluation run, and sort the pictures by a score of it."""
        state = self.desk.state
        folder = QFileDialog.getExistingDirectory(self, "Open the folder of an evaluation run", state.run)
        if folder:
            state.set(run=folder, sort="score")
        elif not state.run:
            state.set(sort="name")

    def open_gallery(self) -> None:
        folder = resources.gallery_folder() / "images"
        if not folder.is_dir():
            raise DataError(f"The bundled gallery is not in {folder}.")
        open_folder(self.desk.state, str(folder))

    def reload(self) -> None:
        self.desk.thumbnails.forget()
        self.desk.listing.refresh()
        self.desk.coordinator.reload_picture()

    def save_view(self) -> None:
        self._save_image(self.canvas.grab().toImage(), "view")

    def save_overlay(self) -> None:
        image = self.canvas.overlay_image()
        if image is not None:
            self._save_image(image, "overlay")

    def _save_image(self, image: Any, kind: str) -> None:
        stem = os.path.splitext(os.path.basename(self.desk.state.image))[0]
        path, _ = QFileDialog.getSaveFileName(self, f"Save the {kind}", f"{stem}_{kind}.png", "PNG (*.png)")
        if path:
            if not path.lower().endswith(".png"):
                path += ".png"
            if not image.save(path, "PNG"):
                raise DataError(f"{path} cannot be written.")
            self.status.say(f"Saved {path}")

    def copy_view(self) -> None:
        QApplication.clipboard().setPixmap(self.canvas.grab())
        self.status.say("Copied the view")

    def open_settings(self) -> None:
        from vitinspect.app.settings_dialog import SettingsDialog

        coordinator = self.desk.coordinator
        text = (
            f"In memory now: {coordinator.pictures.nbytes / 1e6:.0f} MB of pictures, "
            f"{coordinator.memory.nbytes / 1e6:.1f} MB of maps."
        )
        SettingsDialog(self.desk.settings, self.clear_caches, text, self).show()

    def clear_caches(self) -> None:
        self.desk.coordinator.clear_caches()
        self.desk.thumbnails.forget()
        self.status.say("The caches are empty")

    # --- actions: view -------------------------------------------------------------------------------------------

    def fit(self) -> None:
        self.canvas.fit()

    def actual_size(self) -> None:
        self.canvas.actual_size()

    def zoom_in(self) -> None:
        self.canvas.zoom_by(1.25)

    def zoom_out(self) -> None:
        self.canvas.zoom_by(0.8)

    def toggle_browser(self) -> None:
        self.browser_dock.setVisible(not self.browser_dock.isVisible())

    def toggle_controls(self) -> None:
        self.controls_dock.setVisible(not self.controls_dock.isVisible())

    def theme_system(self) -> None:
        self.desk.settings.set("theme", "system")

    def theme_light(self) -> None:
        self.desk.settings.set("theme", "light")

    def theme_dark(self) -> None:
        self.desk.settings.set("theme", "dark")

    # --- actions: maps -------------------------------------------------------------------------------------------

    def less_opacity(self) -> None:
        self.desk.state.set(opacity=round(self.desk.state.opacity - 0.05, 2))

    def more_opacity(self) -> None:
        self.desk.state.set(opacity=round(self.desk.state.opacity + 0.05, 2))

    def next_map(self) -> None:
        keys = list(self.desk.results.all_maps)
        active = self.canvas.active_map()
        if keys and active is not None:
            self.desk.state.set(active=keys[(keys.index(active.id) + 1) % len(keys)])

    def keep_map(self) -> None:
        active = self.canvas.active_map()
        self.desk.results.update(kept=active)
        if active is not None:
            self.status.say(f"Kept {active.title} of {active.model}; swipe shows it on the right")

    def reset_brush(self) -> None:
        self.desk.extras.reset_brush()

    def show_scores(self) -> None:
        self.desk.state.set(plots=True, plot="scores")

    def compute_scores(self) -> None:
        self.show_scores()
        self.desk.extras.score()

    def show_layers(self) -> None:
        self.desk.state.set(plots=True, plot="layers")

    def next_layer(self) -> None:
        self._step_layer(1)

    def previous_layer(self) -> None:
        self._step_layer(-1)

    def _step_layer(self, by: int) -> None:
        self.desk.state.set(network=True)
        self.network_dock.panel.step(by)

    def unpin(self) -> None:
        self.desk.state.set(pinned=())

    def cancel(self) -> None:
        self.desk.coordinator.cancel()
        self.desk.networks.cancel()

    def retry(self) -> None:
        self.message.clear()
        self.desk.coordinator.retry()
        self.desk.networks.retry()

    # --- actions: go ---------------------------------------------------------------------------------------------

    def _go(self, row: int) -> None:
        listing = self.desk.listing
        if listing.rowCount():
            self.desk.state.set(image=listing.path_at(min(max(0, row), listing.rowCount() - 1)))

    def next_picture(self) -> None:
        self._go(self.desk.listing.row_of(self.desk.state.image) + 1)

    def previous_picture(self) -> None:
        self._go(self.desk.listing.row_of(self.desk.state.image) - 1)

    def first_picture(self) -> None:
        self._go(0)

    def last_picture(self) -> None:
        self._go(self.desk.listing.rowCount() - 1)

    def focus_filter(self) -> None:
        self.browser_dock.show()
        self.browser.filter.setFocus()
        self.browser.filter.selectAll()

    def focus_methods(self) -> None:
        self.controls_dock.show()
        self.sections["Methods"].open()
        self.methods_panel.search.setFocus()

    # --- actions: help -------------------------------------------------------------------------------------------

    def open_palette(self) -> None:
        from vitinspect.app.palette import Palette

        Palette(self.actions_, self).show()

    def open_shortcuts(self) -> None:
        from vitinspect.app.palette import ShortcutSheet

        ShortcutSheet(self).show()

    def show_log(self) -> None:
        path = logs.log_file()
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self.status.say(str(path))

    def show_about(self) -> None:
        self.status.say(f"vitinspect {__version__}: shows where a Vision Transformer looks. MIT licence.")


def _column(*widgets: QWidget, grows: QWidget) -> QWidget:
    """Widgets below each other, one of which takes the room that is left."""
    box = QWidget()
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    for widget in widgets:
        layout.addWidget(widget, 1 if widget is grows else 0)
    return box


def _scrolled(*widgets: QWidget) -> QScrollArea:
    empty = QWidget()
    inside = _column(*widgets, empty, grows=empty)
    inside.setObjectName("controls")
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
    area.setWidget(inside)
    area.setMinimumWidth(308)
    return area
