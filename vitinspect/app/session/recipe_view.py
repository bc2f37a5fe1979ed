"""A view and its recipe: what a recipe keeps of the window, and what it restores in a window. No Qt.

A recipe comes from a file that anybody may have written: each value is checked as the window checks its own, and files
that it names besides its pictures are not opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vitinspect.app.session.layer_files import restore, to_plain
from vitinspect.app.session.layers import FUSED, MAP, Layers, Member, add, find, fused_layer, map_layer, remove
from vitinspect.app.session.state import State, check
from vitinspect.errors import ParameterError, TargetError
from vitinspect.figures.specification import Cell, FigureSpec, from_dict
from vitinspect.names import stored

LOOK = ("fit", "precision", "layout", "show", "frame", "swipe", "selected")
"""Values of the state that a recipe keeps beside the layers and the target."""
MOST_LAYERS = 64


def view_block(state: State) -> dict[str, Any]:
    """The view as a recipe keeps it: what the specification of a figure cannot describe. It names no file."""
    layers = _without_files(state.layers)
    return {
        "layers": [to_plain(replace(layer, name="")) for layer in layers],
        "target": list(state.target),
        **{name: getattr(state, name) for name in LOOK},
    }


def _without_files(layers: Layers) -> Layers:
    return remove(layers, *(layer.id for layer in layers if layer.kind not in (MAP, FUSED)))


@dataclass(frozen=True)
class RecipeView:
    """What a recipe says about a window."""

    images: tuple[str, ...]
    """The names of its pictures, as the recipe has them; the first is shown."""
    model: str = ""
    """The line of the model; empty where the recipe has none."""
    fingerprint: str = ""
    target: tuple[int, ...] = ()
    target_words: str = ""
    """The class in words, where the recipe has no index."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values of the state."""
    layers: Layers = ()
    selected: str = ""
    problems: tuple[str, ...] = ()
    """A sentence for each part that this version cannot show."""
    composed: bool = False
    """Whether it shows more than one picture, model and target, or was composed in the window."""


def view_of(recipe: Mapping[str, Any]) -> RecipeView:
    """What a checked recipe shows: its view where it keeps one, else what its cells have."""
    cells = _cells(recipe)
    first = next((cell for cell in cells if cell.has_map), cells[0])
    known = list(recipe["images"])
    named = [stored(cell.image) for cell in [first, *cells]]
    images = tuple(dict.fromkeys(name for name in [*named, *known] if name in recipe["images"]))
    facts = recipe["models"].get(first.model, {})
    view = recipe.get("view")
    values: dict[str, Any] = {"fit": first.fit, "precision": first.precision}
    problems: list[str] = []
    target: tuple[int, ...] = ()
    selected = ""
    composed = False
    if isinstance(view, Mapping):
        layers, selected, target = _from_view(view, values, problems)
    else:
        values["frame"] = first.frame
        count = len({(cell.image, cell.model, cell.target) for cell in cells if cell.has_map})
        from_files = any(cell.has_map and cell.map_file for cell in cells)  # of which no layer is made
        composed = count > 1 or from_files or bool(recipe["figure"].get("rows_from"))
        layers = _from_cells([cell for cell in cells if cell.has_map and not cell.map_file], problems)
    line = first.model + (f" --arch {first.arch}" if first.arch else "")
    return RecipeView(
        images,
        line if facts else "",
        str(facts.get("fingerprint", "")),
        target,
        "" if target else first.target,
        values,
        layers,
        selected,
        tuple(dict.fromkeys(problems)),
        composed,
    )


def composition(
    recipe: Mapping[str, Any], pictures: Mapping[str, Any], maps: Mapping[str, Any] | None = None
) -> tuple[FigureSpec, tuple[str, ...]]:
    """The specification of a composed figure with its pictures where they are, and the models that it names.

    ``pictures`` has a path for each name of the recipe, ``maps`` one for each map from a file; a ``ParameterError``
    where one is missing. Masks are left out: a recipe opens its pictures, its models, and maps with the bytes that it
    knows, and no other file.
    """
    from vitinspect.figures.map_cells import map_names

    figure = dict(recipe["figure"])
    named = map_names(from_dict(figure))
    if any(name not in (maps or {}) for name in named.values()):
        raise ParameterError(
            "Not all maps from files of the figure were found unchanged, so its layout is not restored."
        )
    if named:
        # Each cell gets the file that was found for it.
        own = {where: dict(entry) for where, entry in figure.get("cells", {}).items()}
        for where, name in named.items():
            own.setdefault(where, {})["map_file"] = str((maps or {})[name])
        figure["cells"] = own

    def placed(entry: Mapping[str, Any]) -> dict[str, Any]:
        if entry.get("file"):
            raise ParameterError("The figure shows a table from a file, so its layout is not restored.")
        made = {name: value for name, value in entry.items() if name != "truth"}
        if "image" in made:
            if stored(made["image"]) not in pictures:
                raise ParameterError("Not all pictures of the figure were found, so its layout is not restored.")
            made["image"] = str(pictures[stored(made["image"])])
        return made

    for name in ("rows", "columns"):
        figure[name] = [placed(entry) for entry in figure[name]]
    figure["cells"] = {where: placed(entry) for where, entry in figure.get("cells", {}).items()}
    figure["defaults"] = placed(figure.get("defaults", {}))
    spec = from_dict(figure)
    cells = [spec.cell(row, column) for row in range(len(spec.rows)) for column in range(len(spec.columns))]
    return spec, tuple(dict.fromkeys(cell.model for cell in cells if cell.has_map))


def _cells(recipe: Mapping[str, Any]) -> list[Cell]:
    spec = from_dict(recipe["figure"])
    return [spec.cell(row, column) for row in range(len(spec.rows)) for column in range(len(spec.columns))]


def _from_view(
    view: Mapping[str, Any], values: dict[str, Any], problems: list[str]
) -> tuple[Layers, str, tuple[int, ...]]:
    for name in LOOK:
        if name in view and name != "selected":
            try:
                values[name] = check(name, view[name])
            except ParameterError as error:
                problems.append(str(error))
    layers: Layers = ()
    try:
        found, wrong = restore(view.get("layers", ()))
        problems += wrong
        layers = _without_files(found[:MOST_LAYERS])
    except ParameterError as error:
        problems.append(str(error))
    target: tuple[int, ...] = ()
    try:
        target = check("target", view.get("target", ()))
    except ParameterError as error:
        problems.append(str(error))
    selected = view.get("selected")
    return layers, selected if isinstance(selected, str) and find(layers, selected) else "", target


def _from_cells(cells: Sequence[Cell], problems: list[str]) -> Layers:
    """A layer for each map of the figure, each once."""
    layers: Layers = ()
    seen: set[tuple[Any, ...]] = set()
    for cell in cells:
        key = (cell.method, cell.weights, cell.normalisation, cell.colours, cell.threshold, cell.patches)
        if key in seen or len(layers) >= MOST_LAYERS:
            continue
        seen.add(key)
        try:
            layers = _with_cell(layers, cell)
        except ParameterError as error:
            problems.append(str(error))
    return layers


def _with_cell(layers: Layers, cell: Cell) -> Layers:
    from vitinspect.figures.cell_methods import members

    methods, mode = members(cell.method)
    look = _look(cell)
    if not mode:
        return add(layers, map_layer(layers, methods[0].id, methods[0].params, **look))
    weights = list(cell.weights) or [1.0] * len(methods)
    if len(weights) != len(methods):
        raise ParameterError(f"{len(weights)} weights were given for {len(methods)} maps.")
    most = max([*weights, 1e-12])
    entering: list[Member] = []
    for method, weight in zip(methods, weights, strict=True):
        present = next((one for one in layers if one.kind == MAP and one.as_method().key == method.key), None)
        if present is None:
            present = map_layer(layers, method.id, method.params, visible=False)
            layers = add(layers, present)
        entering.append(Member(present.id, weight / most if most > 1 else weight))
    fused = fused_layer(layers, entering, fusion_mode=mode, normalisation=cell.normalisation, **look)
    return add(layers, fused)


def _look(cell: Cell) -> dict[str, Any]:
    look: dict[str, Any] = {
        "colormap": cell.colours,
        "opacity": cell.opacity,
        "opacity_mode": "growing" if cell.by_value else "uniform",
        "smooth": not cell.patches,
    }
    if cell.range:
        look |= {"range_mode": "typed", "low": cell.range[0], "high": cell.range[1]}
    if cell.threshold:
        from vitinspect.thresholds import OPTION_OF, parse_threshold

        mode, options = parse_threshold(cell.threshold)
        look |= {"threshold_mode": mode, "shown_as": "outline"}
        if mode in OPTION_OF and options:
            look["threshold_value"] = float(options[OPTION_OF[mode]])
    return look


def target_of(words: str, labels: Sequence[str], name: str) -> tuple[int, ...]:
    """A class or a contrast of two in words as indices; a ``TargetError`` where the model has no such class."""
    whole = _class(words, labels)
    if whole is not None:
        return (whole,)
    parts = words.split(" - ")
    for cut in range(1, len(parts)):  # a class may itself hold " - "
        sides = [_class(" - ".join(side), labels) for side in (parts[:cut], parts[cut:])]
        if sides[0] is not None and sides[1] is not None:
            return sides[0], sides[1]
    raise TargetError(f"{name} has no class {words[:80]!r}, which the figure explains.")


def _class(words: str, labels: Sequence[str]) -> int | None:
    words = words.strip()
    if words in labels:
        return labels.index(words)
    for index, label in enumerate(labels):
        if words.casefold() in (label.casefold(), *(part.strip().casefold() for part in label.split(","))):
            return index
    return int(words) if words.isdecimal() and int(words) < len(labels) else None
