"""The main window: makes the parts, puts them together, and connects what concerns all of them."""

from __future__ import annotations

import base64
import os
from functools import partial
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QMainWindow,
    QMenu,
    QPushButton,
    QSlider,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.backend import Backend
from vitinspect.app.canvas.canvas import Canvas
from vitinspect.app.canvas.readout import Readout
from vitinspect.app.canvas.tools import Tool, make_tools
from vitinspect.app.canvas.tools.what_if import WhatIf
from vitinspect.app.compute.worker import Problem
from vitinspect.app.panels.browser import Browser
from vitinspect.app.panels.layers import LayersPanel
from vitinspect.app.panels.picture_facts import PictureFacts
from vitinspect.app.session.history import History, Step
from vitinspect.app.shell import opening_files, opening_maps
from vitinspect.app.shell.actions import Actions
from vitinspect.app.shell.bottom import BottomTabs
from vitinspect.app.shell.context_bar import ContextBar
from vitinspect.app.shell.empty_canvas import EmptyCanvas
from vitinspect.app.shell.examples import EXAMPLES, Example, open_example
from vitinspect.app.shell.film_strip import FilmStrip
from vitinspect.app.shell.frame import Frame
from vitinspect.app.shell.guide import Guide
from vitinspect.app.shell.menus.file import export_picture, sort_by_run
from vitinspect.app.shell.message import MessageBar
from vitinspect.app.shell.opening_figures import FigureOpener
from vitinspect.app.shell.sessions import Sessions
from vitinspect.app.shell.sides import Side, column
from vitinspect.app.shell.status import StatusBar
from vitinspect.app.shell.tool_selection import ToolSelection
from vitinspect.app.shell.top_row import TopRow
from vitinspect.app.shell.workspace import Workspace
from vitinspect.app.shell.workspaces import WORKSPACES, workspace
from vitinspect.app.widgets import icons
from vitinspect.app.widgets.focus import FocusRing
from vitinspect.app.widgets.messages import Message
from vitinspect.errors import VitInspectError

_LAYOUT_VERSION = 2


class MainWindow(QMainWindow):
    """One window, on one backend."""

    first_paint = Signal()
    closed = Signal()
    _painted = False  # events arrive from within the constructor
    backend: Backend
    history: History
    what_if: WhatIf
    canvas: Canvas
    frame: Frame
    layers_panel: LayersPanel
    figures: FigureOpener
    sessions: Sessions
    batch_dialog: Any = None
    """The dialog that exports many pictures, made when it is first asked for."""
    export_dialog: Any = None
    """The dialog that exports the present picture, likewise."""
    readout: Readout

    def __init__(self, backend: Backend) -> None:
        super().__init__()
        self.backend = backend
        self.setWindowTitle("vitinspect")
        self.setAcceptDrops(True)
        self.resize(1280, 800)
        state, results = backend.state, backend.results
        self.history = History(self)
        state.edited.connect(lambda text: self.history.add(Step(text, state.undo, state.redo, "layers")))
        self.what_if = WhatIf(state, results, backend.what_if, self.history, self)
        self._tools = ToolSelection(self, make_tools(state, results, self.what_if))
        self.tools, self.strip, self.options = self._tools.tools, self._tools.strip, self._tools.options
        self.canvas = Canvas(state, results)
        self.message = MessageBar()
        self.context = ContextBar(state, results)
        self.facts = PictureFacts(results, backend.thumbnails, backend.notes, self)
        backend.mask_layers.files_read.connect(self.facts.masks_found)
        self.browser = Browser(state, results, backend.listing, self.facts, backend.folders)
        self.film = FilmStrip(state, backend.results, backend.listing, self.facts)
        self._network_panel: Any = None
        self.layers_panel = LayersPanel(state, results)
        self.layers_panel.map_file_wanted.connect(lambda: opening_maps.ask(self))
        self.layers_panel.export_wanted.connect(partial(export_picture, self))
        self.layers_panel.trouble.connect(lambda text: backend.problems.report("layers", Problem(text, "", True)))
        self.actions_ = Actions(self)
        self.top = TopRow(self, WORKSPACES)
        self.actions_.fill_menus(self.top.menus)
        self.setMenuWidget(self.top)
        self.properties = Side()
        self.lefts = Side(0)
        self.lefts.put("", self.browser)
        self.frame = Frame(self.lefts, self.strip, self.options, self.properties, self.film)
        self.contexts: dict[str, QWidget] = {}
        """The bars above the workspaces that have one of their own."""
        self._context_place = column(self.context, grows=self.context)
        self.guide = Guide(self.open_example, self.actions_["open_folder"].trigger)
        self.frame.put_above(self.guide)
        self.setCentralWidget(column(self._context_place, self.message, self.frame, grows=self.frame))
        press = {
            call: self.actions_[action].trigger
            for call, action in (
                ("folder", "open_folder"),
                ("gallery", "open_gallery"),
                ("next", "next"),
                ("first", "first"),
            )
        }
        press["subfolders"] = lambda: state.set(recursive=True)
        press["add"], press["quick"] = self.layers_panel.open_picker, self.layers_panel.add_quick_look
        examples = [(one.title, partial(self.open_example, one)) for one in EXAMPLES]
        self.empty = EmptyCanvas(self.canvas, state, results, backend.listing, press, examples)
        self.readout = Readout(self.canvas, results)
        self.status = StatusBar(state, results, self.readout, self._scale, self.actions_["cancel"].trigger)
        self.setStatusBar(self.status)
        self._views: dict[str, QWidget] = {}
        self._bottoms: dict[str, BottomTabs] = {}
        self._ring = FocusRing(self)
        self._connect()
        self._keep_focus_on_the_picture(self)
        self._show_workspace()
        self._follow_title()
        self._restore_layout()
        self.canvas.setFocus()

    def _connect(self) -> None:
        backend, state = self.backend, self.backend.state
        self.browser.wants_folder.connect(self.actions_["open_folder"].trigger)
        self.browser.wants_run.connect(lambda: sort_by_run(self))
        self.browser.wants_strip.connect(lambda: self.frame.show_as_list(False))
        for part in (self.browser.done, self.context.done):
            part.connect(self.canvas.setFocus)
        self.context.wants_model_file.connect(self.actions_["open_checkpoint"].trigger)
        self.context.wants_model_folder.connect(self.actions_["open_model_folder"].trigger)
        self.context.wants_texts_saved.connect(self.backend.models.save_texts)
        self.context.wants_training.connect(self.actions_["train_head"].trigger)
        self.film.chosen.connect(lambda path: state.set(image=path))
        self.film.wants_list.connect(lambda: self.frame.show_as_list(True))
        self.film.folder_chosen.connect(self.browser.open_folder)
        self.film.wants_path.connect(self.frame.show_left)
        self.film.wants_path.connect(self.browser.type_folder)
        self.frame.arranged.connect(self._keep_layout)
        self.frame.squeezed.connect(lambda narrow: self.top.show_words(not narrow))
        self.top.switched.connect(lambda workspace_id: state.set(workspace=workspace_id))
        self.history.changed.connect(self._tools.follow_history)
        self.canvas.space_tapped.connect(self.actions_["next"].trigger)
        self.canvas.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.canvas.customContextMenuRequested.connect(
            lambda point: self.picture_menu().popup(self.canvas.mapToGlobal(point))
        )
        self.canvas.painted.connect(self.status.follow_zoom)
        self.canvas.hovered.connect(self._canvas_hovered)
        backend.problems.raised.connect(self.message.show_problem)
        backend.problems.gone.connect(self.message.forget)
        self.figures = FigureOpener(self)
        self.sessions = Sessions(self)
        backend.reports.finished.connect(lambda path: self.status.say(f"Report: {path}"))
        self.message.action_wanted.connect(lambda cause: opening_maps.act(self, cause))
        self.message.action_wanted.connect(self.figures.act)
        backend.settings.changed.connect(self._setting_changed)
        state.changed.connect(self._state_changed)
        backend.results.changed.connect(self._results_changed)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(1280, 800)

    @staticmethod
    def _keep_focus_on_the_picture(part: QWidget) -> None:
        """A click on a control does not take the keyboard focus, so that Space still shows the next picture."""
        for kind in (QCheckBox, QComboBox, QSlider, QPushButton):
            for widget in part.findChildren(kind):
                if not (isinstance(widget, QComboBox) and widget.isEditable()):
                    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)

    # --- workspaces ----------------------------------------------------------------------------------------------

    @property
    def workspace(self) -> Workspace:
        return workspace(self.backend.state.workspace)

    @property
    def workspace_view(self) -> QWidget:
        """The widget in the middle."""
        return self._views[self.workspace.id]

    @property
    def bottom(self) -> BottomTabs:
        return self._bottoms[self.workspace.id]

    def bottom_of(self, workspace_id: str) -> BottomTabs:
        """The tabs below a workspace, also while another one is shown."""
        return self._bottoms[workspace_id]

    @property
    def network_panel(self) -> Any:
        """Made when it is first needed: the window starts without it."""
        if self._network_panel is None:
            from vitinspect.app.multiplex.panel import NetworkPanel

            panel = NetworkPanel(self.backend.networks, self.backend.background)
            panel.hovered.connect(self._network_hovered)
            panel.reported.connect(self.status.say)
            panel.layer_view.painted.connect(self.status.follow_zoom)
            self._network_panel = panel
        return self._network_panel

    def view_in(self, workspace_id: str) -> Any:
        """The view of a workspace that was shown before."""
        return self._views[workspace_id]

    def _show_context(self, shown: Workspace) -> None:
        if shown.context is not None and shown.id not in self.contexts:
            made = self.contexts[shown.id] = shown.context(self)
            layout = self._context_place.layout()
            assert layout is not None
            layout.addWidget(made)
            self._keep_focus_on_the_picture(made)
        self.context.setVisible(shown.context is None)
        for workspace_id, bar in self.contexts.items():
            bar.setVisible(workspace_id == shown.id)

    _hide_last: Any = None

    def _show_workspace(self) -> None:
        shown = self.workspace
        if self._hide_last is not None:
            self._hide_last(self)
        self._hide_last = shown.hidden
        first = shown.id not in self._views
        if first:
            self._views[shown.id] = shown.view(self)
            self.frame.views.addWidget(self._views[shown.id])
            self.properties.put(shown.id, shown.properties(self))
            if shown.left is not None:
                self.lefts.put(shown.id, shown.left(self))
                self._keep_focus_on_the_picture(self.lefts.part(shown.id))
            bottom = BottomTabs(shown.tabs, lambda tab: self._make_tab(tab.make(self)))
            bottom.opened.connect(self.open_tab)
            bottom.collapsed.connect(lambda: self.backend.state.set(plots=False))
            self._bottoms[shown.id] = bottom
            self.frame.bottoms.addWidget(bottom)
            if self._views[shown.id] is not self.canvas:
                self._keep_focus_on_the_picture(self._views[shown.id])
                self._keep_focus_on_the_picture(self.properties.part(shown.id))
        self._show_context(shown)
        self.lefts.show_part(shown.id if shown.left is not None else "")
        self.frame.take_sizes_of(shown.id)
        self.frame.keep_left(shown.left is not None)
        self.frame.give_width(shown.wide)
        self.readout.instead = None
        self.top.show_workspace(shown)
        self.frame.views.setCurrentWidget(self._views[shown.id])
        self.properties.show_part(shown.id)
        self.frame.bottoms.setCurrentWidget(self._bottoms[shown.id])
        self._follow_bottom()
        self._tools.show(shown)
        self.frame.set_view_lists(shown.lists_pictures)
        self.status.follow_zoom()
        if shown.shown is not None:
            shown.shown(self)
        if not first or self._views[shown.id] is not self.canvas:
            self.focus_view()

    def _make_tab(self, made: QWidget) -> QWidget:
        self._keep_focus_on_the_picture(made)
        return made

    def focus_view(self) -> None:
        """Give the keyboard focus to the widget in the middle."""
        view = self.workspace_view
        (view.focusProxy() or view).setFocus()

    def picture_menu(self) -> QMenu:
        """What can be done with the picture in the middle."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for group in (("fit", "actual"), ("smooth", "outline", "frame"), ("unpin",), ("copy_view", "save")):
            for action_id in group:
                menu.addAction(self.actions_[action_id])
            menu.addSeparator()
        return menu

    def _scale(self) -> float | None:
        """Screen pixels for one of the picture; None where the view does not show the picture itself."""
        view = self._views.get(self.workspace.id)
        return getattr(view, "percent", getattr(view, "scale", None))  # a page has its size on paper

    def view_of(self, what: str, *arguments: Any) -> None:
        """Call a zoom function of the view, where it has one."""
        call = getattr(self.workspace_view, what, None)
        if call is not None:
            call(*arguments)

    # --- tabs below the view -------------------------------------------------------------------------------------

    def open_tab(self, tab: str) -> None:
        """Open a tab below the view that is shown."""
        shown = self.workspace
        if shown.tab_state:
            self.backend.state.set(plots=True, **{shown.tab_state: tab})
        else:
            self._taken_tab = tab
            self.backend.state.set(plots=True)
            self._follow_bottom()

    _taken_tab = ""

    def _follow_bottom(self) -> None:
        shown = self.workspace
        tab = getattr(self.backend.state, shown.tab_state) if shown.tab_state else self._taken_tab
        self.bottom.show_open(self.backend.state.plots, tab)
        self.follow_summary()
        self.frame.arrange_bottom()

    def follow_summary(self) -> None:
        """The text in the row of the tabs while they are collapsed."""
        shown = self.workspace
        if shown.summary is not None and shown.id in self._bottoms:
            self.bottom.summary.setText("" if self.backend.state.plots else shown.summary(self))

    # --- tools ---------------------------------------------------------------------------------------------------

    def current_tools(self) -> list[Tool]:
        """The tools of the present workspace, in the order of the strip."""
        return self._tools.current()

    def select_tool(self, tool_id: str) -> None:
        """Select a tool of the present workspace."""
        self._tools.select(tool_id)

    @property
    def ignored(self) -> frozenset[str]:
        """Tools and actions that the view does not obey at present."""
        return self._tools.ignored

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        self.top.follow(names)
        if names & {"folder", "image"}:
            self._follow_title()
        if "workspace" in names:
            self._show_workspace()
        elif names & {"plots", "plot", "compare_tab"}:
            self._follow_bottom()
        if names & {choice.state for choice in self.workspace.choices}:
            self._tools.follow_ignored()
            self.status.follow_zoom()
        if names & {"layers", "selected"}:
            self.follow_summary()
        if "fit" in names:
            self.history.clear()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"maps", "fused_maps", "file_maps", "shown_layers", "curves", "overlaps", "picture"}:
            self.follow_summary()
        if "head_choices" in names and self.backend.results.head_choices:
            self.context.model.ask_head()
        if "card" in names:
            self._follow_warnings()

    def _follow_warnings(self) -> None:
        """Reasons to doubt the model's answers are shown below the context bar while the model is loaded."""
        card = self.backend.results.card
        warnings = card.warnings if card is not None else ()
        if warnings:
            self.message.show_message(Message("model", " ".join(warnings)))
        else:
            self.message.clear("model")

    def _follow_title(self) -> None:
        state = self.backend.state
        name = os.path.basename(state.image) or os.path.basename(state.folder)
        self.setWindowTitle(f"{name} — vitinspect" if name else "vitinspect")

    @Slot(str)
    def _setting_changed(self, name: str) -> None:
        if name == "theme":
            self.apply_theme()
        elif name == "max_pixels":
            from vitinspect.images import set_max_pixels

            set_max_pixels(self.backend.settings["max_pixels"] * 1_000_000)

    def apply_theme(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        theme.apply(app, self.backend.settings["theme"])
        self.refresh_theme()

    def refresh_theme(self) -> None:
        """Repaint what keeps images in the theme's colours."""
        for view in {self.canvas, *self._views.values()}:
            if isinstance(view, Canvas):
                view.refresh_theme()
        parts: list[Any] = [w for bottom in self._bottoms.values() for w in bottom.made]
        for part in (*parts, self._network_panel):
            if hasattr(part, "refresh_theme"):
                part.refresh_theme()

    # --- the patch under the cursor, on the canvas and in the network ---------------------------------------------

    def _network_hovered(self, place: tuple[int, int] | None) -> None:
        placed, card = self.backend.results.placed, self.backend.results.card
        at = None
        if place is not None and placed is not None and card is not None:
            left, top, right, bottom = placed.cell_box(*place, card.grid)
            at = ((left + right) / 2, (top + bottom) / 2)
        self.canvas.point_at(at)

    def _canvas_hovered(self, at: tuple[float, float] | None) -> None:
        placed, card = self.backend.results.placed, self.backend.results.card
        if self._network_panel is not None and placed is not None and card is not None:
            self._network_panel.hover_patch(None if at is None else placed.cell_at(*at, card.grid))

    # --- events --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        painted = super().event(event)
        if not self._painted and event.type() == QEvent.Type.Paint:
            self._painted = True
            # After this paint is on the screen.
            QTimer.singleShot(0, self.first_paint.emit)
            QTimer.singleShot(0, self, lambda: self.setWindowIcon(icons.window_icon()))
        return painted

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        # Only keys that no widget wanted come here: an arrow moves a slider that has the focus, else the picture.
        if event.key() == Qt.Key.Key_H and not event.modifiers():
            if not event.isAutoRepeat():
                self.canvas.hide_overlay(True)
        elif (
            (event.key() == Qt.Key.Key_Escape and self._leave_field())
            or self._tools.press(event)
            or self.actions_.press(event)
        ):
            event.accept()
        else:
            super().keyPressEvent(event)

    def _leave_field(self) -> bool:
        """Give the keyboard focus back to the view; False where it has it."""
        focused = QApplication.focusWidget()
        view = self.workspace_view
        if focused is None or focused in (self, view, view.focusProxy()):
            return False
        self.focus_view()
        return True

    def next_region(self) -> None:
        """Give the keyboard focus to the next part of the window."""
        regions = [
            part
            for part in (self.context, self.browser, self.workspace_view, self.bottom, self.properties)
            if part.isVisible()
        ]
        focused = QApplication.focusWidget()
        at = next((i for i, r in enumerate(regions) if focused is r or (focused and r.isAncestorOf(focused))), -1)
        for step in range(1, len(regions) + 1):
            region = regions[(at + step) % len(regions)]
            if region is self.workspace_view:
                self.focus_view()
                return
            inside = [w for w in region.findChildren(QWidget) if w.isVisible() and w.isEnabled()]
            first = next((w for w in inside if w.focusPolicy() & Qt.FocusPolicy.TabFocus), None)
            if first is not None:
                first.setFocus(Qt.FocusReason.TabFocusReason)
                return

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

    def open_example(self, example: Example) -> None:
        """A guided example, or why there is none."""
        try:
            open_example(self, example)
        except VitInspectError as error:
            self.message.show_problem(Problem(str(error), "", True))

    def open_paths(self, paths: list[str]) -> None:
        """What was dropped on the window, or named when it was started."""
        opening_files.open_paths(self, paths)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        # The window disappears at once; work that still runs is ended afterwards.
        self.backend.save(self._layout())
        for child in self.findChildren(QTimer):
            child.stop()
        event.accept()
        self.closed.emit()

    @Slot()
    def _keep_layout(self) -> None:
        self.backend.saved.keep_layout(self._layout())

    def _layout(self) -> dict[str, Any]:
        geometry = base64.b64encode(self.saveGeometry().data()).decode()
        return {"version": _LAYOUT_VERSION, "geometry": geometry, "frame": self.frame.to_json()}

    def _restore_layout(self) -> None:
        layout = self.backend.window_layout
        try:
            if "geometry" in layout:
                self.restoreGeometry(QByteArray(base64.b64decode(layout["geometry"])))
        except (TypeError, ValueError):
            pass  # a damaged layout is ignored
        if layout.get("version") == _LAYOUT_VERSION:
            self.frame.restore(layout.get("frame"))
