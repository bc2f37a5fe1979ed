"""What is shown: one object that holds it, and one signal that says what changed.

No widget is needed to use it. Panels read its values and call ``set``; whoever wants to know listens to
``changed``. A value that can be seen in two places is kept here once.
"""

from __future__ import annotations

import dataclasses
import json
import math
import reprlib
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QObject, Signal

from vitinspect.errors import ParameterError
from vitinspect.explainers.registry import Method, make_method, methods

LAYOUTS = ("single", "grid", "swipe")
SHOWS = ("overlay", "heat", "image")
GROWS = ("uniform", "growing")
SORTS = ("name", "date", "size", "score")
FITS = ("crop", "squash", "pad")
PRECISIONS = ("float32", "bfloat16", "float64")
BRUSHES = ("mean", "blur", "black")
NETWORK_VIEWS = ("layer", "stack", "multiples", "aggregate", "measures")
# As vitinspect.thresholds, vitinspect.fusion and vitinspect.maps have them, which would bring numpy along.
THRESHOLDS = ("otsu", "fixed", "percentile", "top_fraction", "mean", "mean_std")
FUSIONS = ("geometric", "product", "sqrt", "arithmetic", "harmonic", "min", "max", "rank")
NORMALISATIONS = ("none", "minmax", "percentile", "rank")
FUSED = "fused"
"""The key of the fused map among the maps of the methods."""

Target = tuple[int, ...]
"""() is the predicted class, (a,) a class, (a, b) what speaks for a rather than b."""


@dataclass(frozen=True)
class Values:
    """Everything that the window shows and remembers. Only what JSON can hold."""

    # what is looked at
    folder: str = ""
    image: str = ""
    recursive: bool = False
    sort: str = "name"
    descending: bool = False
    filter: str = ""
    only_masked: bool = False
    only_class: str = ""
    """Only images that were predicted as this class; empty for all."""
    recent_folders: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Single pictures that are shown instead of a folder."""
    run: str = ""
    """The folder of the evaluation run whose scores the pictures can be sorted by."""
    run_column: tuple[str, ...] = ()
    """Method, annotator and score that they are sorted by."""

    # with what
    model: str = "demo"
    device: str = "auto"
    precision: str = "float32"
    fit: str = "crop"
    recent_models: tuple[str, ...] = ()
    target: Target = ()
    methods: tuple[str, ...] = ("rollout",)
    """Ids of the chosen methods, in the order in which they were chosen."""
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Method id -> what differs from the declared defaults."""

    # how
    active: str = ""
    """Key of the map that single layout and the plots show; empty for the first."""
    second: str = ""
    """Key of the map on the right of the swipe; empty for the next after the active one."""
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
    score_fill: str = "mean"
    score_steps: int = 50

    # network; min_cut, token_ratio and starting_layer are the parameters of the method "multiplex"
    network_view: str = "layer"
    network_layer: int = 0
    network_operator: str = "max"
    """min, max, sum, or a head: "head 3"."""
    network_prefix: bool = False
    """Whether the tokens before the patches are nodes too."""
    network_arcs: int = 1000
    """How many of the strongest arcs are drawn."""
    network_brightness: float = 0.45
    """Of the picture below the network."""
    network_direction: str = "in"
    network_colour: str = "centrality"

    # window
    workspace: str = "inspect"
    """Id of the workspace that is shown."""
    tool: str = "pan"
    """Id of the tool that the mouse has on the canvas."""
    folded: tuple[str, ...] = ("Fusion",)
    plots: bool = False
    """Whether the tabs below the picture are open."""
    plot: str = "scores"


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
    "network_view": NETWORK_VIEWS,
    "network_direction": ("in", "out"),
    "network_colour": ("centrality", "communities"),
    "threshold_mode": THRESHOLDS,
    "fusion_mode": FUSIONS,
    "fusion_normalise": NORMALISATIONS,
}
_RANGES: dict[str, tuple[float, float]] = {
    "opacity": (0.0, 1.0),
    "swipe": (0.0, 1.0),
    "threshold_value": (min(low for low, _ in LEVELS.values()), max(high for _, high in LEVELS.values())),
    "brush_size": (1, 60),
    "score_steps": (2, 1000),
    "network_layer": (0, 1000),
    "network_brightness": (0.0, 1.0),
    "network_arcs": (10, 20000),
}
_LARGEST = 2**31 - 1
_SESSION_ONLY = frozenset({"tool", "pinned", "filter", "only_masked", "only_class", "files"})
"""Not brought back at the next start: they belong to the moment."""
NAMES = tuple(f.name for f in dataclasses.fields(Values))


class State(QObject):
    """The values, and who may know that they changed."""

    changed = Signal(object)
    """A frozenset of the names of the values that differ from before."""

    def __init__(self, values: Values | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._values = values or Values()

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
        new = {name: check(name, value) for name, value in changes.items()}
        differing = {name: value for name, value in new.items() if value != getattr(self._values, name)}
        if not differing:
            return
        self._values = dataclasses.replace(self._values, **differing)
        self.changed.emit(frozenset(differing))

    def toggle(self, name: str) -> None:
        self.set(**{name: not getattr(self._values, name)})

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
        values = {name: getattr(self._values, name) for name in NAMES if name not in _SESSION_ONLY}
        return json.dumps(values, indent=1)

    def restore(self, text: str) -> list[str]:
        """Take over what ``to_json`` wrote; returns a sentence for each value that could not be used.

        A file of another version, or one that a person has edited, costs the values that do not fit and no more.
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            return [f"The saved state is not JSON ({error}); starting with the defaults."]
        return self.take_over(found)

    def take_over(self, found: Any) -> list[str]:
        """As ``restore``, from what was JSON."""
        if not isinstance(found, dict):
            return ["The saved state is not a JSON object; starting with the defaults."]
        good: dict[str, Any] = {}
        problems = []
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
    """A number from a file that lies outside of its range is no wish of anybody's."""
    if name in _RANGES and not _RANGES[name][0] <= value <= _RANGES[name][1]:
        low, high = _RANGES[name]
        raise ParameterError(f"{_short(value)} cannot be the window's {name}: it lies between {low:g} and {high:g}")


def _plain(name: str) -> Callable[[Any], Any]:
    kind = _TYPES[name]

    def convert(value: Any) -> Any:
        if kind is str:
            if not isinstance(value, str):
                raise TypeError("it must be a text")
            if "\0" in value:
                raise ValueError("no text that is used here holds a null character")
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
            raise ValueError(f"its numbers go up to {_LARGEST}")
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


def _weights(value: Any) -> dict[str, float]:
    result = {str(key): float(weight) for key, weight in dict(value).items()}
    if any(not 0.0 <= weight <= 1.0 for weight in result.values()):
        raise ValueError("weights lie between 0 and 1")
    return result


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "methods": _method_ids,
    "parameters": _parameters,
    "weights": _weights,
    "target": _indices(2),
    "pinned": _indices(2),
    "recent_folders": _texts,
    "recent_models": _texts,
    "folded": _texts,
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
