"""Computing the cells of a specification: each picture is opened and each map computed once.

Cells that ask for the same picture, model, target and precision share one call of the engine, whatever the number of
their methods. torch is needed only if a cell has a map.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError, ParameterError
from vitinspect.figures.cell_methods import members, title
from vitinspect.figures.map_cells import CellMap, map_name, on_input
from vitinspect.figures.specification import Cell, FigureSpec, place
from vitinspect.fusion import fuse, parse_maps
from vitinspect.images import open_image, open_mask
from vitinspect.maps import AttributionMap
from vitinspect.progress import CancelToken, Progress, check

if TYPE_CHECKING:
    from vitinspect.explainers.registry import Method
    from vitinspect.figures.drawings import Drawing
    from vitinspect.figures.plot_cells import PlotKind
    from vitinspect.models.placement import Placement
    from vitinspect.models.vit import ViT


@dataclass(frozen=True, eq=False)
class FinishedCell:
    """A cell with everything that is needed to draw it."""

    cell: Cell
    pixels: NDArray[np.uint8]
    """The whole picture, height x width x 3."""
    content: str
    """The digest of its pixels."""
    values: NDArray[np.floating[Any]] | None = None
    """The raw map, on patches or pixels of the model's input; None for the picture alone."""
    placement: Placement | None = None
    signed: bool = False
    method_title: str = ""
    target_words: str = ""
    """The class that the map explains; empty if the method does not depend on a target."""
    model_name: str = ""
    fingerprint: str = ""
    references: tuple[str, ...] = ()
    """The citations of its methods."""
    map_content: str = ""
    """Of a map from a file, the digest of its bytes."""
    truth: NDArray[np.bool_] | None = None
    overlap: tuple[float, float] | None = None
    """IoU and F1 with the truth, if they were computed on a larger picture than this one."""
    finer: float = 1.0
    """The picture's width relative to that of ``pixels``."""
    drawing: Drawing | None = None
    """Its drawing, if it is not a picture."""
    waiting: bool = False
    """Whether its map is still being computed, on screen."""
    problem: str = ""
    """Why there is nothing to show, on screen."""


@dataclass
class Sources:
    """The pictures and models of a figure: by path, or already open."""

    folder: Path = field(default_factory=Path)
    """The folder of relative paths."""
    load_model: Callable[[str, str], ViT] | None = None
    """Source and architecture to a model; None for ``models.load_model`` on the best device."""
    device: str = "auto"
    pictures: Mapping[str, Path] = field(default_factory=dict)
    """Files for names in the specification, such as those found by a recipe's digests."""

    plots: Mapping[str, PlotKind] = field(default_factory=dict)
    """Further kinds of cells, from higher layers, by their names."""

    def __post_init__(self) -> None:
        self._models: dict[tuple[str, str], ViT] = {}

    def path(self, name: str) -> Path:
        if name in self.pictures:
            return self.pictures[name]
        return self.folder / name

    def model(self, source: str, arch: str) -> ViT:
        if (source, arch) not in self._models:
            if self.load_model is not None:
                self._models[source, arch] = self.load_model(source, arch)
            else:
                from vitinspect.models.sources import load_model

                self._models[source, arch] = load_model(source, arch=arch or None, device=self.device)
        return self._models[source, arch]


def finish_cells(
    spec: FigureSpec, sources: Sources, progress: Progress | None = None, cancel: CancelToken | None = None
) -> dict[str, FinishedCell]:
    """All finished cells, by place."""
    cells = {
        place(row, column): spec.cell(row, column)
        for row in range(len(spec.rows))
        for column in range(len(spec.columns))
    }
    opened: dict[str, NDArray[np.uint8]] = {}
    finished: dict[str, FinishedCell] = {}
    groups: dict[tuple[str, str, str, str, str, str], list[str]] = {}
    for where, cell in cells.items():
        check(cancel)
        if cell.show == "empty":
            finished[where] = FinishedCell(cell, nothing(), "")
            continue
        if cell.is_plot:
            finished[where] = _plot(where, cell, sources, opened, cancel)
            continue
        if not cell.image:
            raise ParameterError(f"Cell {where} names no picture.")
        if cell.image not in opened:
            opened[cell.image] = np.asarray(open_image(sources.path(cell.image)))
        pixels = opened[cell.image]
        truth = truth_of(cell, cell.image, (pixels.shape[0], pixels.shape[1]), path=sources.path)
        finished[where] = FinishedCell(cell, pixels, digest(pixels), truth=truth)
        if cell.has_map:
            key = (cell.model, cell.arch, cell.image, cell.target, cell.fit, cell.precision)
            groups.setdefault(key, []).append(where)
    done, total = len(cells) - sum(map(len, groups.values())), len(cells)
    for key, places in groups.items():
        check(cancel)
        model = sources.model(key[0], key[1])
        explained = [cells[where] for where in places if not cells[where].map_file]
        found = _explain(model, opened[key[2]], explained, cancel) if explained else None
        for where in places:
            if found is None or cells[where].map_file:
                finished[where] = _with_map_file(finished[where], model, sources)
            else:
                finished[where] = _with_map(finished[where], model, found)
            done += 1
            if progress is not None:
                progress(done, total)
    return finished


def _plot(
    where: str, cell: Cell, sources: Sources, opened: dict[str, NDArray[np.uint8]], cancel: CancelToken | None
) -> FinishedCell:
    from vitinspect.figures.plot_cells import KINDS, PlotInput

    kind = {**KINDS, **sources.plots}.get(cell.show)
    if kind is None:
        raise ParameterError(f"Cell {where}: {cell.show} cannot be drawn here.")
    file = sources.path(cell.file) if cell.file else None
    if not kind.needs_model:
        made = kind.make(PlotInput(cell, file=file, cancel=cancel))
        return FinishedCell(cell, nothing(), "", drawing=made)
    if not cell.image:
        raise ParameterError(f"Cell {where} names no picture.")
    if cell.image not in opened:
        opened[cell.image] = np.asarray(open_image(sources.path(cell.image)))
    pixels = opened[cell.image]
    model = sources.model(cell.model, cell.arch)
    made = kind.make(PlotInput(cell, pixels, model, file=file, cancel=cancel))
    return plotted(cell, made, pixels, digest(pixels), model.name, model.fingerprint)


def plotted(
    cell: Cell, drawing: Drawing, pixels: NDArray[np.uint8], content: str, model_name: str, fingerprint: str
) -> FinishedCell:
    """A plot cell computed with a model, with the facts for caption and recipe."""
    asked = [method for one in parse_maps(cell.method) for method in one.methods] if cell.method else []
    references = tuple(dict.fromkeys(method.info.citation for method in asked))
    return FinishedCell(
        cell,
        pixels,
        content,
        model_name=model_name,
        fingerprint=fingerprint,
        references=references,
        drawing=drawing,
    )


def nothing(height: int = 1, width: int = 1) -> NDArray[np.uint8]:
    """A placeholder for a picture of this size."""
    return np.broadcast_to(np.uint8(255), (height, width, 3))


def digest(pixels: NDArray[np.uint8]) -> str:
    """The hash of a picture's size and pixels, independent of its file."""
    head = f"{pixels.shape[0]}x{pixels.shape[1]}\n".encode()
    return hashlib.sha256(head + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _explain(
    model: ViT, pixels: NDArray[np.uint8], cells: list[Cell], cancel: CancelToken | None
) -> tuple[Any, dict[str, AttributionMap]]:
    from vitinspect.explainers.engine import explain

    methods: dict[str, Method] = {}
    for cell in cells:
        for method in members(cell.method)[0]:
            methods[method.key] = method
    first = cells[0]
    explanation = explain(
        model,
        pixels,
        list(methods.values()),
        first.target or None,
        first.precision,
        mode=first.fit,
        cancel=cancel,
    )
    return explanation, dict(explanation.items())


def _with_map(finished: FinishedCell, model: ViT, found: tuple[Any, dict[str, AttributionMap]]) -> FinishedCell:
    explanation, maps = found
    cell = finished.cell
    chosen, mode = members(cell.method)
    arrays = [maps[method.key] for method in chosen]
    if mode:
        weights = list(cell.weights) or None
        attribution = fuse(arrays, mode, weights, normalisation=cell.normalisation)
    else:
        attribution = arrays[0]
    return replace(
        finished,
        values=np.asarray(attribution.values, np.float32),
        placement=explanation.placement,
        signed=bool(attribution.signed),
        method_title=title(chosen, mode),
        target_words=_words(attribution.target, model),
        model_name=model.name,
        fingerprint=model.fingerprint,
        references=tuple(dict.fromkeys(method.info.citation for method in chosen)),
    )


def _with_map_file(finished: FinishedCell, model: ViT, sources: Sources) -> FinishedCell:
    from vitinspect.map_files import read_map_file

    cell = finished.cell
    placement = model.preprocess(np.ascontiguousarray(finished.pixels), cell.fit).placement
    made = on_input(cell, read_map_file(sources.path(map_name(cell))), model.grid, placement)
    return with_map_file(finished, made, model.name, model.fingerprint)


def with_map_file(finished: FinishedCell, made: CellMap, model_name: str, fingerprint: str) -> FinishedCell:
    """A cell with a map from a file; the model says where it lies on the picture."""
    return replace(
        finished,
        values=np.asarray(made.values, np.float32),
        placement=made.placement,
        signed=made.signed,
        method_title=made.title,
        model_name=model_name,
        fingerprint=fingerprint,
        map_content=made.digest,
    )


def _words(target: Any, model: ViT) -> str:
    if isinstance(target, tuple):
        return " − ".join(_words(side, model) for side in target)
    if isinstance(target, int):
        return model.labels[target] if target < len(model.labels) else str(target)
    return str(getattr(target, "text", "") or "")


def truth_path(cell: Cell, picture: Path) -> str:
    """The path of a cell's mask; ``{folder}`` and ``{stem}`` in it are replaced by those of its picture."""
    return cell.truth.replace("{folder}", str(picture.parent)).replace("{stem}", picture.stem)


def truth_of(
    cell: Cell,
    picture: str,
    size: tuple[int, int],
    known: Mapping[str, Any] | None = None,
    path: Callable[[str], Path] = Path,
) -> NDArray[np.bool_] | None:
    """The mask of a cell on the pixels of its picture. ``known`` holds masks that were read before, by their paths."""
    if not cell.truth:
        return None
    name = truth_path(cell, Path(picture))
    labels = known[name] if known is not None and name in known else open_mask(path(name))
    if labels.shape != size:
        raise DataError(
            f"The mask {name} is {labels.shape[1]} × {labels.shape[0]} pixels, its picture {size[1]} × {size[0]}."
        )
    return is_marked(labels)


def is_marked(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """What a mask marks: each label but 0, and but 255 where there are labels above it."""
    return (labels != 0) & (labels != 255) if labels.max(initial=0) not in (1, 255) else labels != 0
