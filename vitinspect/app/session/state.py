"""What is shown: one object that holds it, and one signal that says what changed.

No widget is needed to use it. Panels read its values, call ``set``, and listen to ``changed``. A value that can be
seen in two places is kept here once.
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect.app.session import layers as layering
from vitinspect.app.session.compared import exchanged
from vitinspect.app.session.edits import Edit, Edits
from vitinspect.app.session.in_step import NAMED, in_step, look_of, tabs_in_step
from vitinspect.app.session.layer_files import restore as restore_layers
from vitinspect.app.session.layer_files import to_plain
from vitinspect.app.session.layers import FUSIONS, NORMALISATIONS, THRESHOLDS, Layer, Layers
from vitinspect.app.session.slots import FITS, PRECISIONS, Slot, slot_of
from vitinspect.errors import ParameterError
from vitinspect.explainers.registry import Method, make_method, methods

LAYOUTS = ("single", "grid", "swipe")
SHOWS = ("overlay", "heat", "image")
GROWS = ("uniform", "growing")
SORTS = ("name", "date", "size", "score")
GROUNDS = ("", "white", "black", "transparent")
BRUSHES = ("mean", "blur", "black")
FEATURE_VIEWS = ("colours", "similarity", "norms", "distance")
NETWORK_VIEWS = ("layer", "stack", "multiples", "aggregate", "measures")

Target = tuple[int, ...]
"""() is the predicted class, (a,) a class, (a, b) what speaks for a rather than b."""


@dataclass(frozen=True)
class Values:
    """Everything that the window shows and remembers. Only what JSON can hold."""

    # what is shown
    folder: str = ""
    image: str = ""
    recursive: bool = False
    sort: str = "name"
    descending: bool = False
    filter: str = ""
    only_masked: bool = False
    only_flagged: bool = False
    only_status: str = ""
    """Only pictures whose drawn mask is none, begun, done or nothing; empty for all."""
    score_range: tuple[float, ...] = ()
    """Only images whose score in the run lies between these two; empty for all."""
    only_class: str = ""
    """Only images that were predicted as this class; empty for all."""
    recent_folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Single pictures that are shown instead of a folder."""
    run: str = ""
    """The folder of the evaluation run whose scores the pictures can be sorted by."""
    run_column: tuple[str, ...] = ()
    """Method, annotator and score that they are sorted by."""

    # with what: slot A; slot B is empty as long as nothing is compared
    model: str = "demo"
    device: str = "auto"
    precision: str = "float32"
    fit: str = "crop"
    recent_models: tuple[str, ...] = ()
    target: Target = ()
    slot_b: Slot | None = None

    # layers
    layers: Layers = (Layer("rollout", method="rollout"),)
    """What lies over the picture, in order."""
    selected: str = ""
    """Id of the selected layer; empty for the first."""
    # What follows is kept in step with the layers, see in_step.py.
    methods: tuple[str, ...] = ("rollout",)
    """Ids of the methods that have a layer."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method id -> what differs from the declared defaults, in its first layer or in the last that it had."""
    active: str = ""
    """The selected layer, as far as it is one."""
    second: str = ""
    """The layer with the mark B: on the right of the swipe; empty for the next after the selected one."""

    # how
    layout: str = "single"
    show: str = "overlay"
    colormap: str = "auto"
    opacity: float = 0.9
    grows: str = "growing"
    smooth: bool = True
    outline: bool = False
    frame: bool = True
    swipe: float = 0.5
    pinned: tuple[int, ...] = ()
    """Row and column of the pinned patch, or nothing."""

    # fusion
    fusion: bool = False
    fusion_mode: str = "geometric"
    fusion_normalise: str = "minmax"
    weights: Mapping[str, float] = field(default_factory=dict)

    # threshold
    threshold_mode: str = "otsu"
    threshold_value: float = 0.5

    # what if
    brush_fill: str = "mean"
    brush_size: int = 12
    """In hundredths of the picture's shorter side."""

    # scores
    annotator: str = ""
    """Whose masks maps are scored against; empty for the first."""
    scored_mask: str = ""
    """Id of the mask layer that maps are scored against; empty for the one that fits the target."""
    score_fill: str = "mean"
    score_steps: int = 50

    # features
    feature_view: str = "colours"
    feature_block: int = -1
    """Which block is enlarged; -1 is the last."""
    feature_component: int = 1
    """Which component becomes a layer."""
    feature_pictures: tuple[str, ...] = ()
    """Paths of pictures whose tokens share the components with those of the picture that is shown."""
    feature_patch: tuple[int, ...] = ()
    """Row and column of the patch that is kept for comparison; empty for the pinned one."""
    feature_patch_of: str = ""
    """The picture that it lies in."""
    feature_foreground: bool = False
    """Whether the components are those of the selected layer's mask alone."""

    # network; min_cut, token_ratio and starting_layer are the parameters of the method "multiplex"
    network_view: str = "layer"
    network_layer: int = 0
    network_operator: str = "max"
    """min, max, sum, or a head: "head 3"."""
    network_prefix: bool = False
    """Whether the tokens before the patches are nodes too."""
    network_arcs: int = 300
    """How many of the strongest arcs are drawn."""
    network_brightness: float = 0.45
    """Of the picture below the network."""
    network_direction: str = "in"
    network_colour: str = "centrality"

    # compare
    compare_view: str = "difference"
    """A, B and their difference, A and B, or swiped over each other."""
    compare_range: str = "own"
    """Whether the colour bars of A and B have ranges of their own or a shared one."""
    compare_tab: str = "compare-folder"
    """Which tab below is open."""
    checkpoints: str = ""
    """The folder of the checkpoints of a training run, one of which is slot B."""

    # figure
    figure: Mapping[str, Any] = field(default_factory=dict)
    """The specification of the figure that is composed; empty for none."""

    # window
    workspace: str = "inspect"
    """Id of the workspace that is shown."""
    tool: str = "pan"
    """Id of the tool that is selected on the canvas."""
    plots: bool = False
    """Whether the tabs below the picture are open, in the workspace that is shown."""
    open_tabs: tuple[str, ...] = ()
    """Ids of the workspaces whose tabs are open, see in_step.py."""
    plot: str = "scores"

    # what was saved last, and how
    save_what: str = "view"
    save_scale: int = 1
    save_ground: str = ""
    """white, black or transparent; empty for that of the screen."""


LEVELS: dict[str, tuple[float, float]] = {
    "otsu": (0.0, 1.0),
    "fixed": (0.0, 1.0),
    "percentile": (0.0, 100.0),
    "top_fraction": (0.0, 1.0),
    "mean": (0.0, 1.0),
    "mean_std": (-3.0, 5.0),
}
"""The lowest and the highest level of each way to find the threshold."""

_CHOICES: dict[str, tuple[str, ...]] = {
    "layout": LAYOUTS,
    "show": SHOWS,
    "grows": GROWS,
    "sort": SORTS,
    "fit": FITS,
    "precision": PRECISIONS,
    "brush_fill": BRUSHES,
    "score_fill": BRUSHES,
    "feature_view": FEATURE_VIEWS,
    "network_view": NETWORK_VIEWS,
    "compare_view": ("difference", "side", "swipe"),
    "compare_range": ("own", "shared"),
    "network_direction": ("in", "out"),
    "network_colour": ("centrality", "communities"),
    "threshold_mode": THRESHOLDS,
    "fusion_mode": FUSIONS,
    "save_ground": GROUNDS,
    "fusion_normalise": NORMALISATIONS,
}
_RANGES: dict[str, tuple[float, float]] = {
    "opacity": (0.0, 1.0),
    "swipe": (0.0, 1.0),
    "threshold_value": (min(low for low, _ in LEVELS.values()), max(high for _, high in LEVELS.values())),
    "brush_size": (1, 60),
    "score_steps": (2, 1000),
    "feature_block": (-1, 1000),
    "feature_component": (1, 3),
    "network_layer": (0, 1000),
    "network_brightness": (0.0, 1.0),
    "network_arcs": (10, 20000),
    "save_scale": (1, 4),
}
_LARGEST = 2**31 - 1
_SESSION_ONLY = frozenset(
    {
        *("tool", "pinned", "filter", "only_masked", "only_flagged", "only_status", "only_class", "score_range"),
        *("files", "feature_pictures", "feature_patch", "feature_patch_of", "feature_foreground"),
    }
)
"""Not restored at the next start."""
NAMES = tuple(f.name for f in dataclasses.fields(Values))


class State(QObject):
    """The values, and signals that report their changes."""

    changed = Signal(object)
    """A frozenset of the names of the values that differ from before."""
    edited = Signal(str)
    """The layers were edited in a new step, which ``undo`` reverts; carries the name of the step."""

    def __init__(self, values: Values | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values = values or Values()
        self.edits = Edits()
        """What was done to the layers."""

    def __getattr__(self, name: str) -> Any:
        # Called only for what QObject lacks: the values, read as ``state.opacity``.
        values = self.__dict__.get("_values")
        if values is not None and name in NAMES:
            return getattr(values, name)
        raise AttributeError(name)

    @property
    def values(self) -> Values:
        return self._values

    def set(self, **changes: Any) -> None:
        """Change some values at once; those that stay the same are not announced."""
        changes = tabs_in_step(self._values, changes)
        new = {name: check(name, value) for name, value in changes.items()}
        differing = {name: value for name, value in new.items() if value != getattr(self._values, name)}
        if not differing:
            return
        before = self._values
        self._values = in_step(before, dataclasses.replace(before, **differing))
        names = frozenset(name for name in NAMES if getattr(before, name) != getattr(self._values, name))
        if names:
            self.changed.emit(names)

    def toggle(self, name: str) -> None:
        self.set(**{name: not getattr(self._values, name)})

    # --- layers --------------------------------------------------------------------------------------------------

    def layer(self, layer_id: str) -> Layer | None:
        """The layer of this id."""
        return layering.find(self._values.layers, layer_id)

    @property
    def selected_layer(self) -> Layer | None:
        """The selected layer, else the first one."""
        layers = self._values.layers
        return layering.find(layers, self._values.selected) or (layers[0] if layers else None)

    def number(self, layer_id: str) -> int:
        """The number by which a layer is named in titles and tables; 0 for none."""
        return layering.number(self._values.layers, layer_id)

    def edit(self, text: str, layers: Layers, *, selected: str | None = None, merge: str = "") -> None:
        """Replace the layers by an edited list, as one step that can be undone.

        ``merge``: edits with the same word in a row, as a slider makes them, are one step; ``edits.rest`` ends it.
        """
        before = self._values.layers
        self.set(layers=layers, **({} if selected is None else {"selected": selected}))
        if self._values.layers != before and self.edits.add(Edit(text, before, self._values.layers, merge)):
            self.edited.emit(text)

    def edit_layer(self, layer_id: str, text: str = "", *, merge: str = "", **changes: Any) -> None:
        """Change values of one layer: ``state.edit_layer("rollout", "Opacity", opacity=0.5)``."""
        words = text or f"Change {', '.join(changes).replace('_', ' ')}"
        self.edit(words, layering.change(self._values.layers, layer_id, **changes), merge=merge)

    def add_map(self, method_id: str, parameters: Mapping[str, Any] | None = None) -> str:
        """Add a layer for a method and select it; returns its id."""
        layers = self._values.layers
        given = self._values.parameters.get(method_id, {}) if parameters is None else parameters
        layer = layering.map_layer(layers, method_id, given, **look_of(self._values))
        last = max((i for i, one in enumerate(layers, 1) if one.is_map), default=0)
        self.edit(f"Add {layer.title}", layering.add(layers, layer, at=last), selected=layer.id)
        return layer.id

    def add_fused(self, members: Iterable[str]) -> str:
        """Add a layer that fuses others and select it; returns its id."""
        layers = self._values.layers
        layer = layering.fused_layer(layers, members, **look_of(self._values))
        last = max((i for i, one in enumerate(layers, 1) if one.is_map), default=0)
        self.edit("Fuse layers", layering.add(layers, layer, at=last), selected=layer.id)
        return layer.id

    def add_file(self, path: str, image: str = "") -> str:
        """Add a layer for a map from a file and select it; returns its id."""
        layers = self._values.layers
        layer = layering.file_layer(layers, path, image, **look_of(self._values))
        last = max((i for i, one in enumerate(layers, 1) if one.is_map), default=0)
        self.edit("Add a map from a file", layering.add(layers, layer, at=last), selected=layer.id)
        return layer.id

    def undo(self) -> None:
        """The layers as they were before the last edit."""
        self.set(layers=self.edits.undo(self._values.layers))

    def redo(self) -> None:
        self.set(layers=self.edits.redo(self._values.layers))

    # --- slots ---------------------------------------------------------------------------------------------------

    @property
    def slot_a(self) -> Slot:
        """The model with its target that maps are made with."""
        v = self._values
        return Slot(v.model, v.device, v.precision, v.fit, v.target)

    def exchange_slots(self) -> None:
        """A becomes B, and B becomes A where it is not empty; so do the layers that are compared."""
        first, second = self.slot_a, self._values.slot_b
        layers = exchanged(self._values.layers, self._values.selected)
        self.set(slot_b=first, layers=layers, **({} if second is None else second.__dict__))

    # --- methods -------------------------------------------------------------------------------------------------

    def method(self, method_id: str) -> Method:
        """A method with its parameters as they are set here."""
        return make_method(method_id, self._values.parameters.get(method_id, {}))

    def chosen(self) -> list[Method]:
        """The chosen methods with their parameters."""
        return [self.method(method_id) for method_id in self._values.methods]

    def choose(self, method_id: str, on: bool) -> None:
        rest = tuple(m for m in self._values.methods if m != method_id)
        self.set(methods=(*rest, method_id) if on else rest)

    def set_parameter(self, method_id: str, name: str, value: Any) -> None:
        """Set one parameter; one at its default is not kept, so that defaults can change with a new version."""
        info = methods()[method_id]
        declared = next(p for p in info.parameters if p.name == name)
        value = declared.validate(value, method_id)
        own = {k: v for k, v in self._values.parameters.get(method_id, {}).items() if k != name}
        if value != declared.default:
            own[name] = value
        everything = {k: v for k, v in self._values.parameters.items() if k != method_id}
        if own:
            everything[method_id] = own
        self.set(parameters=everything)

    def reset_parameters(self, method_id: str) -> None:
        self.set(parameters={k: v for k, v in self._values.parameters.items() if k != method_id})

    # --- saved and restored -----------------------------------------------------------------------------------

    def to_json(self) -> str:
        saved = [name for name in NAMES if name not in _SESSION_ONLY and name not in NAMED]
        values = {name: getattr(self._values, name) for name in saved}
        values["layers"] = [to_plain(layer) for layer in self._values.layers if not layer.found]
        values["slot_b"] = None if self._values.slot_b is None else self._values.slot_b.to_plain()
        return json.dumps(values, indent=1)

    def restore(self, text: str) -> list[str]:
        """Take over what ``to_json`` wrote; returns a sentence for each value that could not be used.

        Of a file of another version, or one that a person has edited, only the values that do not fit are dropped.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            return [f"The saved state is not JSON ({error}); starting with the defaults."]
        return self.take_over(found)

    def take_over(self, found: Any) -> list[str]:
        """As ``restore``, from parsed JSON."""
        if not isinstance(found, dict):
            return ["The saved state is not a JSON object; starting with the defaults."]
        good: dict[str, Any] = {}
        problems: list[str] = []
        if "layers" in found:
            # What follows from them is not read beside them. A file from before there were layers has methods instead.
            found = {name: value for name, value in found.items() if name not in NAMED}
            try:
                found["layers"], problems = restore_layers(found["layers"])
            except ParameterError as error:
                problems = [f"The saved layers cannot be used: {error}"]
                del found["layers"]
        for name, value in found.items():
            if name not in NAMES or name in _SESSION_ONLY:
                continue
            try:
                good[name] = check(name, value)
                _refuse_out_of_range(name, value)
            except ParameterError as error:
                good.pop(name, None)
                problems.append(str(error))
        mode, level = good.get("threshold_mode", self.threshold_mode), good.get("threshold_value")
        if level is not None and not LEVELS[mode][0] <= level <= LEVELS[mode][1]:
            del good["threshold_value"]
            problems.append(f"The level {level:g} does not fit the threshold {mode!r} and is left out.")
        self.set(**good)
        return problems


def check(name: str, value: Any) -> Any:
    """The value in the type of the field ``name``, or a ``ParameterError``."""
    if name not in NAMES:
        raise ParameterError(f"There is no value {name!r} in the state of the window.")
    try:
        return _CHECKS.get(name, _plain(name))(value)
    except _MISFITS as error:
        raise ParameterError(f"{_short(value)} cannot be the window's {name}: {error}") from None


_MISFITS = (TypeError, ValueError, KeyError, AttributeError, OverflowError, RecursionError, ParameterError)


def _short(value: Any) -> str:
    """A value in a sentence: one from a file may be as long as the file."""
    return reprlib.repr(value)


def _refuse_out_of_range(name: str, value: Any) -> None:
    """Refuse a number from a file that is outside of its range, which the window would never write."""
    if name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
        low, high = _RANGES[name]
        raise ParameterError(f"{_short(value)} cannot be the window's {name}: it must be between {low:g} and {high:g}")


def _plain(name: str) -> Callable[[Any], Any]:
    kind = _TYPES[name]

    def convert(value: Any) -> Any:
        if kind is str:
            if not isinstance(value, str):
                raise TypeError("it must be a text")
            if "\0" in value:
                raise ValueError("it must not contain a null character")
            if name in _CHOICES and value not in _CHOICES[name]:
                raise ValueError(f"it must be one of {', '.join(_CHOICES[name])}")
            return value
        if kind is bool:
            if not isinstance(value, bool):
                raise TypeError("it must be true or false")
            return value
        if kind in (int, float):
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise TypeError("it must be a finite number")
            number = kind(value)
            if name in _RANGES:
                low, high = _RANGES[name]
                number = kind(min(max(number, low), high))
            return number
        if kind is tuple:
            if not isinstance(value, list | tuple):
                raise TypeError("it must be a list")
            return tuple(value)
        return value

    return convert


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(v, str) and "\0" not in v for v in value):
        raise TypeError("it must be a list of texts")
    return tuple(value)


def _indices(most: int) -> Callable[[Any], tuple[int, ...]]:
    def convert(value: Any) -> tuple[int, ...]:
        numbers = tuple(value)
        whole = all(isinstance(n, int) and not isinstance(n, bool) and n >= 0 for n in numbers)
        if not whole or len(numbers) > most:
            raise TypeError(f"it must be a list of at most {most} whole numbers")
        if any(n > _LARGEST for n in numbers):
            raise ValueError(f"its numbers must be at most {_LARGEST}")
        return numbers

    return convert


def _method_ids(value: Any) -> tuple[str, ...]:
    known = methods()
    # A method that a newer or older version knows is left out and costs nothing else.
    return tuple(dict.fromkeys(m for m in _texts(value) if m in known))


def _parameters(value: Any) -> dict[str, dict[str, Any]]:
    known = methods()
    result: dict[str, dict[str, Any]] = {}
    for method_id, given in dict(value).items():
        if method_id not in known:
            continue
        declared = {p.name: p for p in known[method_id].parameters}
        own = {}
        for name, one in dict(given).items():
            if name in declared:
                own[name] = declared[name].validate(one, method_id)
        if own:
            result[method_id] = own
    return result


def _all_plain(value: Any) -> bool:
    return isinstance(value, list) and not any(isinstance(one, Layer) for one in value)


def _figure(value: Any) -> dict[str, Any]:
    from vitinspect.figures.specification import from_dict

    return from_dict(value).to_dict() if value else {}


def _weights(value: Any) -> dict[str, float]:
    result = {str(key): float(weight) for key, weight in dict(value).items()}
    if any(not 0.0 <= weight <= 1.0 for weight in result.values()):
        raise ValueError("weights must be between 0 and 1")
    return result


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "layers": lambda value: restore_layers(value)[0] if _all_plain(value) else layering.check_all(value),
    "slot_b": slot_of,
    "methods": _method_ids,
    "parameters": _parameters,
    "weights": _weights,
    "figure": _figure,
    "target": _indices(2),
    "pinned": _indices(2),
    "feature_patch": _indices(2),
    "feature_pictures": _texts,
    "recent_folders": _texts,
    "open_tabs": _texts,
    "recent_models": _texts,
}


def _field_types() -> dict[str, type]:
    hints = typing.get_type_hints(Values)
    return {name: _origin(hint) for name, hint in hints.items()}


def _origin(hint: Any) -> type:
    origin = typing.get_origin(hint)
    if origin is None or isinstance(origin, types.UnionType):
        return hint
    return origin


_TYPES = _field_types()
