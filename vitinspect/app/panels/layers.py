"""The right panel: the list of layers, adding to it, and the properties of the selected one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from vitinspect import presets
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.panels import layer_facts as facts
from vitinspect.app.panels.properties import PropertiesPanel
from vitinspect.app.session import layers as layering
from vitinspect.app.session.in_step import look_of
from vitinspect.app.session.layers import ANNOTATOR, CONSENSUS, FILE, FUSED, MAP, Layer
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.theme.tokens import ROW_HEIGHT
from vitinspect.app.widgets import icons, rows
from vitinspect.app.widgets.lateness import Lateness
from vitinspect.app.widgets.layer_list import LayerList
from vitinspect.app.widgets.method_picker import MethodPicker, OtherLayer
from vitinspect.app.widgets.method_rows import MethodRow, method_rows
from vitinspect.app.widgets.method_rows import rows_of as preset_rows
from vitinspect.app.widgets.properties.choices import CONSENSUS_WAYS
from vitinspect.app.widgets.queued_update import QueuedUpdateWhenShown
from vitinspect.errors import DataError
from vitinspect.explainers.costs import ModelSize
from vitinspect.explainers.registry import make_method
from vitinspect.presets import LayerSpec, Preset

FEWEST_ROWS = 3
_DEMO = ModelSize((14, 14), 12)
"""The model size for which numbers of passes are given while no model is loaded."""


class LayersPanel(QFrame):
    """Reads the layers, and asks the state to change them."""

    trouble = Signal(str)
    map_file_wanted = Signal()
    export_wanted = Signal(str)
    """The id of the layer whose map is to be written to a file."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("kind", "panel")
        self._state, self._results = state, results
        self._own: tuple[Preset, ...] | None = None
        self._picker: MethodPicker | None = None
        self._lateness = Lateness(self)
        self._update = QueuedUpdateWhenShown(self.follow, self)
        self.list = LayerList()
        self.list.setMinimumHeight(FEWEST_ROWS * ROW_HEIGHT)
        self.properties = PropertiesPanel(state, results)
        self.add = rows.button("Add", self.open_picker, icon="add", tip="Add layers (A)")
        self.duplicate = rows.icon_button("duplicate", "Duplicate", self._duplicate, tip="Duplicate (Ctrl+D)")
        self.delete = rows.icon_button("delete", "Delete", self._delete, tip="Delete the layer (Del)")
        self.more = rows.icon_button("more", "More", self._open_menu)
        head = QHBoxLayout()
        head.setContentsMargins(8, 2, 4, 2)
        head.setSpacing(2)
        head.addWidget(rows.words("Layers", "heading"), 1)
        head.addWidget(self.add)
        head.addSpacing(6)
        for button in (self.duplicate, self.delete, self.more):
            head.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.list, 1)
        column.addWidget(rows.line())
        column.addWidget(self.properties)
        self._connect()
        self.follow()

    def _connect(self) -> None:
        state, shown = self._state, self.list
        shown.selected.connect(lambda layer: state.set(selected=layer))
        shown.eye_toggled.connect(self._toggle)
        shown.solo_wanted.connect(lambda layer: state.edit("Solo", layering.solo(state.layers, layer)))
        shown.mark_wanted.connect(self.mark)
        shown.delete_wanted.connect(self.remove)
        shown.duplicate_wanted.connect(self.duplicate_layer)
        shown.renamed.connect(lambda layer, name: state.edit("Rename", layering.rename(state.layers, layer, name)))
        shown.ordered.connect(lambda ids: state.edit("Order of the layers", layering.reorder(state.layers, ids)))
        shown.menu_wanted.connect(lambda layer, place: self._popup(self.menu(layer), place))
        state.changed.connect(self._state_changed)
        self._results.changed.connect(self._results_changed)
        self._lateness.became_late.connect(self.follow)

    # --- following -----------------------------------------------------------------------------------------------

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"layers", "selected"}:
            if self._update.waits:
                self._update.ask()
            else:
                self.follow()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & _ROWS:
            self._update.ask()

    def follow(self) -> None:
        self._update.done()
        chosen = self._state.selected_layer
        self._lateness.follow(self._results.pending)
        rows = facts.rows_of(self._state, self._results, self._lateness.__contains__)
        self.list.set_layers(rows, chosen.id if chosen is not None else "")
        for button in (self.duplicate, self.delete):
            button.setEnabled(chosen is not None and not chosen.found)

    # --- what a person does --------------------------------------------------------------------------------------

    def _selected(self) -> Layer | None:
        return self._state.selected_layer

    def _toggle(self, layer_id: str) -> None:
        layer = self._state.layer(layer_id)
        if layer is not None:
            self._state.edit_layer(layer_id, "Hide" if layer.visible else "Show", visible=not layer.visible)

    def mark(self, layer_id: str, letter: str) -> None:
        self._state.edit_layer(layer_id, f"Mark as {letter}" if letter else "Remove the mark", mark=letter)

    def remove(self, layer_id: str) -> None:
        """Remove this layer and select the next one."""
        state = self._state
        if self._hidden_instead(layer_id):
            return
        ids = [layer.id for layer in state.layers]
        at = ids.index(layer_id)
        left = layering.remove(state.layers, layer_id)
        after = [i for i in (*ids[at + 1 :], *reversed(ids[:at])) if any(layer.id == i for layer in left)]
        chosen = self._selected()
        selected = chosen.id if chosen is not None and chosen.id != layer_id else (after[0] if after else "")
        state.edit("Delete a layer", left, selected=selected)

    def _hidden_instead(self, layer_id: str) -> bool:
        """A mask that was found beside the picture cannot leave the list, so it is hidden instead."""
        layer = self._state.layer(layer_id)
        if layer is None or not layer.found:
            return False
        if layer.visible:
            self._toggle(layer_id)
        return True

    def score_against(self, layer_id: str) -> None:
        """Score maps against this mask; called again, against the one that fits the target."""
        self._state.set(scored_mask="" if self._state.scored_mask == layer_id else layer_id)

    def add_consensus(self, how: str) -> None:
        """Add a layer with a consensus of the annotators' masks."""
        state = self._state
        layer = layering.consensus_layer(state.layers, how)
        state.edit("Add a consensus", layering.add(state.layers, layer), selected=layer.id)

    def duplicate_layer(self, layer_id: str) -> None:
        layer = self._state.layer(layer_id)
        if layer is None or layer.found:
            return
        changed, copy = layering.duplicate(self._state.layers, layer_id)
        self._state.edit("Duplicate a layer", changed, selected=copy)

    def _duplicate(self) -> None:
        layer = self._selected()
        if layer is not None:
            self.duplicate_layer(layer.id)

    def _delete(self) -> None:
        layer = self._selected()
        if layer is not None:
            self.remove(layer.id)

    def fuse(self, layer_ids: Sequence[str]) -> None:
        """Add a layer that fuses these maps."""
        maps = [i for i in layer_ids if (one := self._state.layer(i)) is not None and one.kind in (MAP, FILE)]
        if len(maps) > 1:
            self._state.add_fused(maps)

    def fuse_shown(self) -> None:
        """Add a layer that fuses all shown maps."""
        self.fuse([layer.id for layer in self._state.layers if layer.visible])

    def rename(self, layer_id: str) -> None:
        """Edit the name in the list."""
        self._state.set(selected=layer_id)
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.list.edit(self.list.currentIndex())

    # --- menus ---------------------------------------------------------------------------------------------------

    def menu(self, layer_id: str) -> QMenu:
        """What can be done with one layer; below the last one, what can be added."""
        menu = QMenu(self)
        layer = self._state.layer(layer_id)
        if layer is None:
            menu.addAction(icons.icon("add"), "Add layers\tA", self.open_picker)
            return menu
        menu.addAction(icons.icon("eye"), "Solo\tAlt+click", lambda: self.list.solo_wanted.emit(layer_id))
        if layer.id in self._results.masks:
            self._add_mask_actions(menu, layer)
        if not layer.found:
            menu.addAction("Rename\tF2", lambda: self.rename(layer_id))
            menu.addAction(icons.icon("duplicate"), "Duplicate\tCtrl+D", lambda: self.duplicate_layer(layer_id))
        if layer.is_map:
            for letter in ("A", "B"):
                action = menu.addAction(f"Mark as {letter}\tShift+{letter}")
                action.setCheckable(True)
                action.setChecked(layer.mark == letter)
                wanted = "" if layer.mark == letter else letter
                action.triggered.connect(lambda _=False, letter=wanted: self.mark(layer_id, letter))
            menu.addSeparator()
            chosen = self._selected()
            fusing = menu.addAction(icons.icon("link"), "Fuse with selected")
            fusing.setEnabled(chosen is not None and chosen.id != layer_id and chosen.kind in (MAP, FILE))
            if chosen is not None:
                fusing.triggered.connect(lambda: self.fuse((chosen.id, layer_id)))
            if layer.kind == MAP:
                menu.addAction(icons.icon("copy"), "Copy as Python", lambda: self.copy_as_python(layer_id))
            export = menu.addAction(icons.icon("export"), "Export…", lambda: self.export_wanted.emit(layer_id))
            found = self._results
            export.setEnabled(any(layer_id in maps for maps in (found.maps, found.fused_maps, found.file_maps)))
        if not layer.found:
            menu.addSeparator()
            menu.addAction(icons.icon("delete"), "Delete\tDel", lambda: self.remove(layer_id))
        return menu

    def _add_mask_actions(self, menu: QMenu, layer: Layer) -> None:
        scoring = menu.addAction("Score against this mask", lambda: self.score_against(layer.id))
        scoring.setCheckable(True)
        scoring.setChecked(self._state.scored_mask == layer.id)
        if sum(one.kind == ANNOTATOR for one in self._state.layers) > 1:
            ways = menu.addMenu("Add consensus of annotators")
            for how, title in CONSENSUS_WAYS:
                ways.addAction(title, partial(self.add_consensus, how))

    def _open_menu(self) -> None:
        layer = self._selected()
        self._popup(self.menu(layer.id if layer is not None else ""), None)

    def _popup(self, menu: QMenu, place: QPoint | None) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(place or self.more.mapToGlobal(QPoint(0, self.more.height())))

    def copy_as_python(self, layer_id: str) -> None:
        """The call that computes this map."""
        layer, state, results = self._state.layer(layer_id), self._state, self._results
        if layer is None or layer.kind != MAP:
            return
        target = ""
        if len(results.target) == 1:
            target = f", target={results.target[0]}"
        elif results.target and results.card is not None:
            labels = " - ".join(results.card.label(index) for index in results.target)
            target = f", target={labels!r}"
        asked = ModelSource.parse(state.model)
        options = "".join(f", {name}={value!r}" for name, value in asked.load_options.items())
        text = (
            "import vitinspect as vi\n\n"
            f"model = vi.load_model({asked.source!r}{options})\n"
            f"explanation = vi.explain(model, {state.image!r}, {layer.as_method().key!r}{target}, "
            f"precision={state.precision!r}, mode={state.fit!r})\n"
            f"values = explanation[{layer.as_method().key!r}].values\n"
        )
        QGuiApplication.clipboard().setText(text)

    # --- adding --------------------------------------------------------------------------------------------------

    @property
    def picker(self) -> MethodPicker:
        """Made when it is first opened; it is shown over the window."""
        if self._picker is None:
            made = MethodPicker(self.window())
            made.hide()
            made.added.connect(self.add_layers)
            made.other_chosen.connect(self._add_other)
            made.preset_saved.connect(self._save_preset)
            made.preset_deleted.connect(self._delete_preset)
            made.closed.connect(self.list.setFocus)
            self._picker = made
        return self._picker

    def open_picker(self) -> None:
        """ "Add layers" beside the panel, over the picture."""
        picker = self.picker
        self._fill_picker()
        top = self.mapTo(self.window(), QPoint(0, 0))
        room = QRect(4, top.y() + 4, max(320, top.x() - 8), max(240, self.window().height() - top.y() - 40))
        size = picker.sizeHint().expandedTo(QSize(880, 552)).boundedTo(room.size())
        picker.open_at(QRect(QPoint(max(4, top.x() - size.width() - 4), room.top()), size))

    def _fill_picker(self) -> None:
        results, card = self._results, self._results.card
        size = ModelSize(card.grid, card.depth, getattr(card, "width", 0)) if card is not None else _DEMO
        refusals = dict(card.refusals) if card is not None else {}
        here = card.fingerprint if card is not None else ""
        measured = {key: seconds for (model, key), seconds in results.measured.items() if model == here}
        present = [layer.as_method().key for layer in self._state.layers if layer.kind == MAP]

        def of(layers: Sequence[LayerSpec]) -> list[MethodRow]:
            return preset_rows(layers, size, measured=measured, refusals=refusals, shown=present)

        if self._own is None:
            self._own, problems = presets.read_own()
            for problem in problems:
                self.trouble.emit(problem)
        self.picker.set_methods(
            method_rows(size, measured=measured, refusals=refusals, shown=present),
            (*presets.built_in(), *self._own),
            of,
            others=self._others(),
            model_name=card.name if card is not None else "",
        )

    def _others(self) -> list[OtherLayer]:
        """Layers that no method of the model makes."""
        found = [
            OtherLayer(FUSED, "Fused map", "A new layer that fuses all shown maps"),
            OtherLayer(FILE, "Map from a file…", "A map that another tool wrote: .npy, .npz, float TIFF, grey PNG"),
        ]
        if sum(layer.kind == ANNOTATOR for layer in self._state.layers) > 1:
            found.append(OtherLayer(CONSENSUS, "Consensus of masks", "What the annotators' masks have in common"))
        return found

    def _add_other(self, other: str) -> None:
        if other == FILE:
            self.map_file_wanted.emit()
        elif other == CONSENSUS:
            self.add_consensus(CONSENSUS_WAYS[0][0])
        else:
            self.fuse_shown()

    def add_layers(self, specs: Sequence[LayerSpec]) -> None:
        """Add, in one step, each map, and each fused map with its missing members, which are hidden."""
        state = self._state
        layers, last = state.layers, ""
        look = look_of(state.values)
        for spec in specs:
            members = []
            for key in spec:
                method = make_method(key)
                present = next((one for one in layers if one.kind == MAP and one.as_method().key == method.key), None)
                if present is None or len(spec) == 1:
                    new = layering.map_layer(layers, method.id, method.params, visible=len(spec) == 1, **look)
                    layers = layering.add(layers, new, at=_after_maps(layers))
                    present = new
                members.append(present.id)
            last = members[-1]
            if len(spec) > 1:
                fused = layering.fused_layer(layers, members, **look)
                layers = layering.add(layers, fused, at=_after_maps(layers))
                last = fused.id
        words = "Add a layer" if len(specs) == 1 else f"Add {len(specs)} layers"
        state.edit(words, layers, selected=last)

    def add_quick_look(self) -> None:
        """The few maps that a person sees first."""
        self.add_layers(next(preset for preset in presets.built_in() if preset.id == "quick").layers)

    def _save_preset(self, name: str, layers: Sequence[LayerSpec]) -> None:
        made = presets.own(name, [list(layer) for layer in layers])
        self._write_presets((*(p for p in self._own or () if p.title != made.title), made))

    def _delete_preset(self, name: str) -> None:
        self._write_presets(tuple(p for p in self._own or () if p.title != name))

    def _write_presets(self, own: tuple[Preset, ...]) -> None:
        try:
            presets.write_own(own)
        except DataError as error:
            self.trouble.emit(str(error))
        self._own = own
        self._fill_picker()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, 696)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(300, 400)


_ROWS = frozenset(
    {
        "maps",
        "masks",
        "mask_problems",
        "truth",
        "fused",
        "fused_maps",
        "file_maps",
        "pending",
        "progress",
        "refusals",
        "file_refusals",
        "stopped",
        "seconds",
        "card",
    }
)


def _after_maps(layers: Sequence[Layer]) -> int:
    """Where a new map is put: after the last one, before the masks."""
    return max((i for i, one in enumerate(layers, 1) if one.is_map), default=0)
