"""What has been computed for what the state shows. Each value has one service that writes it; all may read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QPointF, Signal
from PySide6.QtGui import QPolygonF

from vitinspect.app.compute.addresses import InputAddress, MapAddress
from vitinspect.app.geometry import Placed

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.app.heat import Heat
    from vitinspect.app.pictures import Picture
    from vitinspect.app.services.mask_files import MaskFile

KEPT = "kept"
"""The key of the map that was kept for comparison."""
LOADING, READY, FAILED, NONE = "loading", "ready", "failed", "none"


@dataclass(frozen=True)
class ModelCard:
    """What the window knows of the model that lives in the worker."""

    source: str
    name: str
    fingerprint: str
    labels: tuple[str, ...]
    grid: tuple[int, int]
    patch_size: tuple[int, int]
    input_size: tuple[int, int]
    prefix_names: tuple[str, ...]
    depth: int
    heads: int
    parameters: int
    device: str
    precision: str
    has_classifier: bool
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Method id -> why it does not apply to this model."""
    notes: tuple[str, ...] = ()
    """What was recognised while it was loaded."""
    warnings: tuple[str, ...] = ()
    """Reasons to doubt its answers."""
    takes_texts: bool = False
    """Whether texts can be its classes."""

    def label(self, index: int) -> str:
        return self.labels[index] if 0 <= index < len(self.labels) else f"class {index}"

    def target_text(self, target: tuple[int, ...]) -> str:
        return " − ".join(self.label(index) for index in target)


@dataclass(frozen=True)
class Prediction:
    index: int
    label: str
    probability: float
    logit: float


@dataclass(frozen=True, eq=False)
class ShownMap:
    """A map with what it belongs to."""

    id: str
    """The id of its layer."""
    title: str
    address: MapAddress
    values: np.ndarray
    signed: bool
    resolution: str
    placed: Placed
    grid: tuple[int, int]
    prefix: int
    image: str
    model: str
    target_text: str
    """The class in words; empty where the method follows none."""
    method: str = ""
    """The method's id; empty where it is no method's map."""

    @cached_property
    def heat(self) -> Heat:
        from vitinspect.app.heat import heat_of
        from vitinspect.app.identity import Same

        return heat_of(Same(self.values), self.signed, self.placed.input_size)

    @property
    def key(self) -> str:
        return self.address.method

    @property
    def short(self) -> str:
        """The method's short name where it has one."""
        from vitinspect.explainers.registry import methods

        known = methods()
        if self.method in known and self.title == known[self.method].title:
            return known[self.method].short or self.title
        return self.title

    @property
    def owner(self) -> str:
        """Everything that a value of this map belongs to, for tooltips and files."""
        parts = [self.image, self.model, self.key, self.target_text, self.address.precision, self.address.fit]
        return " · ".join(part for part in parts if part)


@dataclass(frozen=True)
class Progress:
    """What the worker is busy with."""

    text: str
    done: int = 0
    total: int = 0


@dataclass(frozen=True, eq=False)
class ShownMask:
    """A mask of the present picture, read from its file or made of several."""

    id: str
    """The id of its layer."""
    mask: MaskFile
    values: np.ndarray
    """On the picture's pixels: 1 where something is marked, 255 where it is not scored."""

    @cached_property
    def share(self) -> float:
        """Of the picture, what is marked."""
        return float((self.values == 1).mean())

    @cached_property
    def lines(self) -> list[np.ndarray]:
        """Its outline in the picture's coordinates: lines of x and y, along the edges of pixels."""
        from vitinspect.figures.contours import chains, patch_outline

        return [_corners(line) for line in chains(patch_outline(self.values == 1, 0.5))]

    @cached_property
    def polygons(self) -> list[QPolygonF]:
        """The same, as Qt paints them."""
        return [QPolygonF([QPointF(x, y) for x, y in line.tolist()]) for line in self.lines]


def _corners(line: np.ndarray) -> np.ndarray:
    """Without the points inside straight parts."""
    import numpy as np

    steps = np.diff(line, axis=0)
    turns = np.ones(len(line), bool)
    turns[1:-1] = (steps[1:] != steps[:-1]).any(1)
    return line[turns]


class Results(QObject):
    """What there is to show now. ``changed`` carries the names of what differs from before."""

    changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture: Picture | None = None
        self.picture_path = ""
        self.picture_error = ""
        self.card: ModelCard | None = None
        self.model_state = NONE
        self.model_error = ""
        self.head_choices: tuple[str, ...] = ()
        """Names of heads, or ways to read one, of which the model that was asked for needs one."""
        self.head_choices_of = ""
        """The line of that model."""
        self.predicted_for: InputAddress | None = None
        """What the predictions, the probabilities and the place of the input belong to."""
        self.predictions: tuple[Prediction, ...] = ()
        self.probabilities: Any = None
        self.target: tuple[int, ...] = ()
        """The target in force: the predicted class where the state asks for none."""
        self.placed: Placed | None = None
        self.maps: dict[str, ShownMap] = {}
        """Layer id -> the map of its method; also of hidden layers that a fused map needs."""
        self.fused_maps: dict[str, ShownMap] = {}
        """Layer id -> the fused map."""
        self.file_maps: dict[str, ShownMap] = {}
        """Layer id -> the map from its file."""
        self.file_refusals: dict[str, str] = {}
        """Layer id -> why its file gives no map of this picture."""
        self.shown_layers: tuple[str, ...] | None = None
        """Ids of the visible layers, in their order; None until they are known, which means all."""
        self.cuts: dict[str, Any] = {}
        """Layer id -> where it is cut into a mask."""
        self.agreements: tuple[Any, ...] = ()
        self.curves: dict[str, Any] = {}
        """Layer id -> its deletion and insertion curves."""
        self.scoring = False
        self.truth: Any = None
        """The mask that maps are scored against, or why there is none: a ``TruthChoice``."""
        self.mask_error = ""
        self.masks: dict[str, ShownMask] = {}
        """Layer id -> the mask, of the present picture."""
        self.mask_problems: dict[str, str] = {}
        """Layer id -> why the mask cannot be shown."""
        self.overlaps: dict[str, Any] = {}
        self.difference: ShownMap | None = None
        """Of the maps that are compared: that of slot B less that of slot A, each scaled by itself."""
        self.compared: Any = None
        """How far the two maps agree: a ``Compared``."""
        self.truth_overlaps: dict[str, Any] = {}
        """"A" and "B" -> how well the map of that slot fits the truth."""
        self.painted: Any = None
        """Over the model's input, what was painted out; None for nothing."""
        self.probed: Any = None
        """What the model says about the painted picture."""
        self.attention: Any = None
        self.features: Any = None
        """The view of the features that the open tab shows."""
        self.kept: ShownMap | None = None
        """A map that was kept for comparison; it may be another model's."""
        self.refusals: dict[str, str] = {}
        """Layer id -> why there is no map of it for this picture."""
        self.stopped: frozenset[str] = frozenset()
        """Ids of the layers whose computation the person cancelled; "prediction" stands for the prediction."""
        self.pending: frozenset[str] = frozenset()
        self.seconds: dict[str, float] = {}
        """Address of a map as text -> what it took, of those that were computed since the start."""
        self.measured: dict[tuple[str, str], float] = {}
        """Fingerprint of a model and key of a method -> how long it took when it was last computed."""
        self.progress: Progress | None = None
        self.folder_size = 0
        self.run: Any = None
        """What the evaluation run of the state holds: a ``RunIndex``."""
        self.known_classes: dict[str, str] = {}
        """Path -> the class that the present model predicts, of the pictures that were opened."""
        self.devices: tuple[str, ...] = ()
        """Where a model can run on this machine; empty until that is known."""
        self.model_names: tuple[str, ...] = ()
        """What timm knows, for the model picker."""

    def update(self, **changes: Any) -> None:
        differing = []
        for name, value in changes.items():
            if not hasattr(self, name):
                raise AttributeError(name)
            old = getattr(self, name)
            if old is not value and not _same(old, value):
                setattr(self, name, value)
                differing.append(name)
        if differing:
            self.changed.emit(frozenset(differing))

    @property
    def all_maps(self) -> dict[str, ShownMap]:
        """The maps of the visible layers, by their ids, in the order of the layers."""
        found = {**self.maps, **self.fused_maps, **self.file_maps}
        order = found if self.shown_layers is None else self.shown_layers
        return {key: found[key] for key in order if key in found}

    @property
    def fused(self) -> ShownMap | None:
        """The first fused map."""
        return next(iter(self.fused_maps.values()), None)

    def kept_map(self) -> ShownMap | None:
        """The map that was kept, where it is one of this picture and not one of those that are shown anyway."""
        kept, picture = self.kept, self.picture
        if kept is None or picture is None or kept.address.content != picture.content:
            return None
        return None if any(m.address == kept.address for m in self.maps.values()) else kept

    def active_map(self, wanted: str) -> ShownMap | None:
        """The wanted one if it is there, else the first."""
        maps = self.all_maps
        return maps.get(wanted) or next(iter(maps.values()), None)


def _same(old: Any, new: Any) -> bool:
    # Arrays and pictures are compared by identity alone: == would look at each number.
    if isinstance(old, dict) and isinstance(new, dict):
        return old.keys() == new.keys() and all(old[k] is new[k] for k in old) and list(old) == list(new)
    if isinstance(old, str | int | float | tuple | frozenset | type(None) | Placed | Progress):
        return type(old) is type(new) and old == new
    return False
