"""What is known about a figure's cells: pictures, models, classes and maps, each by its address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import Address, InputAddress, Target
from vitinspect.app.compute.explaining import Mapped, Predicted, Refused
from vitinspect.app.compute.figure_maps import Ask, Failed, Group, ModelFacts, Plotted, Resolved
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.services.maps import MapService
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.errors import VitInspectError
from vitinspect.figures.map_cells import map_name
from vitinspect.figures.specification import Cell, FigureSpec, place

if TYPE_CHECKING:
    from vitinspect.app.figure.cells import FigurePicture, Known
    from vitinspect.explainers.registry import Method
    from vitinspect.figures.cell_drawing import Kept
    from vitinspect.map_files import MapFile


class FigureCells:
    """Reads the maps that the window has, keeps those of the figure, and says what is missing."""

    def __init__(self, state: State, results: Results, maps: MapService) -> None:
        self._state, self._results, self._maps = state, results, maps
        self._pictures: dict[str, tuple[int, FigurePicture | str]] = {}
        """Path -> how large it was read at most, and the picture or why there is none."""
        self._map_files: dict[str, MapFile | str] = {}
        """Path -> the map in it, or why there is none."""
        self._sizes: dict[str, tuple[int, int]] = {}
        self._found: dict[str, Mapped | Predicted] = {}
        """Address as text -> the answer; what a figure shows stays however small the memory of the window is."""
        self._models: dict[str, ModelFacts] = {}
        self._asked: dict[tuple[str, str], Target] = {}
        self._refused: dict[str, str] = {}
        """Address as text -> why there is no map."""
        self._failed: dict[tuple[Ask, Cell | None], str] = {}
        self._plots: dict[tuple[Ask, Cell], Plotted] = {}
        self._looked_for: set[str] = set()
        self._kept: Kept | None = None

    @property
    def uses_disk(self) -> bool:
        """Whether maps are kept on disk."""
        return self._maps.uses_disk

    @property
    def kept(self) -> Kept:
        """What was painted for the last page."""
        if self._kept is None:
            from vitinspect.figures.cell_drawing import Kept

            self._kept = Kept()
        return self._kept

    def forget_failures(self) -> None:
        """Try again what went wrong."""
        self._refused.clear()
        self._failed.clear()
        self._pictures = {k: v for k, v in self._pictures.items() if not isinstance(v[1], str)}
        self._map_files = {k: v for k, v in self._map_files.items() if not isinstance(v, str)}

    # --- what arrives --------------------------------------------------------------------------------------------

    def put_size(self, path: str, size: tuple[int, int] | None) -> None:
        """None where it cannot be found out; then the picture cannot be read either."""
        self._sizes[path] = size or (3, 4)

    def knows_sizes(self, spec: FigureSpec) -> bool:
        """Whether a page can be laid out on which nothing will move."""
        images = {cell.image for _, cell in all_cells(spec) if cell.has_picture and cell.image}
        return all(image in self._sizes or image in self._pictures for image in images)

    def put_picture(self, path: str, most: int, found: Any) -> None:
        self._pictures[path] = (most, found)

    def put_map_file(self, path: str, found: MapFile | str) -> None:
        """What was read of a map from a file, or why it cannot be read."""
        self._map_files[path] = found

    def put(self, part: Any) -> bool:
        """Keep an answer; whether it can be one for a cell."""
        if isinstance(part, Mapped | Predicted):
            if not any(getattr(one, "content", "") == part.address.content for _, one in self._pictures.values()):
                return False
            self._found[part.address.text] = part
        elif isinstance(part, Refused):
            self._refused[part.address.text] = part.message
        elif isinstance(part, ModelFacts):
            self._models[part.line] = part
        elif isinstance(part, Resolved):
            self._asked[part.line, part.text] = part.asked
        elif isinstance(part, Failed):
            self._failed[part.ask, part.plot] = part.message
        elif isinstance(part, Plotted):
            self._plots[part.ask, part.plot] = part
        return True

    # --- what is missing -----------------------------------------------------------------------------------------

    def missing_pictures(self, spec: FigureSpec) -> list[tuple[str, int]]:
        """Pictures that are not read yet, or not large enough, each with its most pixels; others are forgotten."""
        from vitinspect.app.figure.cells import most_pixels

        most = most_pixels(spec)
        wanted = [cell.image for _, cell in all_cells(spec) if shows_image(cell) and cell.image]
        self._pictures = {path: one for path, one in self._pictures.items() if path in set(wanted)}
        missing = []
        for path in dict.fromkeys(wanted):
            there = self._pictures.get(path)
            if there is None or (there[0] < most and is_picture(there[1]) and _is_reduced(there[1])):
                missing.append((path, most))
        return missing

    def missing_maps(self, spec: FigureSpec) -> list[str]:
        """Maps from files that are not read yet; others are forgotten."""
        wanted = dict.fromkeys(map_name(cell) for _, cell in all_cells(spec) if cell.has_map and cell.map_file)
        self._map_files = {path: one for path, one in self._map_files.items() if path in wanted}
        return [path for path in wanted if path not in self._map_files]

    def known(self, spec: FigureSpec) -> tuple[dict[str, Known], list[Group], list[str]]:
        """What there is for each cell; the maps to compute; and addresses to be looked for on disk before."""
        found: dict[str, Known] = {}
        wanted: dict[Ask, dict[str, Method]] = {}
        plots: list[Group] = []
        keys: list[str] = []
        for where, cell in all_cells(spec):
            if cell.is_plot:
                found[where] = self._plot(cell, plots)
            else:
                found[where] = self._known(cell, spec.scores, wanted, keys)
        used = {one.address.text for known in found.values() for one in known.maps}
        used |= {key for key, one in self._found.items() if isinstance(one, Predicted)}
        self._found = {key: one for key, one in self._found.items() if key in used or len(self._found) < 4000}
        groups = [Group(ask, tuple(methods.values())) for ask, methods in wanted.items()]
        groups += {group.key: group for group in plots}.values()
        return found, groups, keys

    def _picture_of(self, cell: Cell) -> FigurePicture | Known:
        """The picture of a cell, or what is shown in the cell without it."""
        from vitinspect.app.figure.cells import Known

        if not cell.image:
            return Known(cell, problem="This cell has no picture: drag one into it.")
        size = self._sizes.get(cell.image, (3, 4))
        picture = self._pictures.get(cell.image, (0, None))[1]
        if isinstance(picture, str):
            return Known(cell, size, problem=picture)
        return Known(cell, size, waiting=True) if picture is None else picture

    def _plot(self, cell: Cell, plots: list[Group]) -> Known:
        """What there is for a cell that shows no picture. Those that need no model are made with the page."""
        from vitinspect.app.figure.cells import Known

        if not shows_image(cell):
            return Known(cell)
        picture = self._picture_of(cell)
        if isinstance(picture, Known):
            return picture
        ask = Ask(cell.image, picture.content, line_of(cell), cell.fit, cell.precision, cell.target)
        done = self._plots.get((ask, cell))
        if done is not None:
            facts = done.model
            return Known(
                cell,
                picture.size,
                picture,
                drawing=done.drawing,
                model_name=facts.name,
                fingerprint=facts.fingerprint,
            )
        if (ask, cell) in self._failed:
            return Known(cell, picture.size, picture, problem=self._failed[ask, cell])
        plots.append(Group(ask, (), cell))
        return Known(cell, picture.size, waiting=True)

    def _known(self, cell: Cell, scores: bool, wanted: dict[Ask, dict[str, Method]], keys: list[str]) -> Known:
        from vitinspect.app.figure.cells import Known
        from vitinspect.figures.cells import members

        if not cell.has_picture:
            return Known(cell)
        picture = self._picture_of(cell)
        if isinstance(picture, Known):
            return picture
        if not cell.has_map:
            return Known(cell, picture.size, picture)
        map_file = self._map_files.get(map_name(cell)) if cell.map_file else None
        if isinstance(map_file, str):
            return Known(cell, picture.size, picture, problem=map_file)
        try:
            methods = members(cell.method)[0] if not cell.map_file else []
        except VitInspectError as error:
            return Known(cell, picture.size, picture, problem=str(error))
        ask = Ask(cell.image, picture.content, line_of(cell), cell.fit, cell.precision, cell.target)
        if (ask, None) in self._failed:
            return Known(cell, picture.size, picture, problem=self._failed[ask, None])
        waiting = Known(cell, picture.size, picture, waiting=True)
        facts, asked = self._facts(ask.model), self._target(ask)
        if facts is None or asked is None:
            wanted.setdefault(ask, {}).update({method.key: method for method in methods})
            return waiting
        where = InputAddress(picture.content, facts.fingerprint, cell.precision, cell.fit)
        predicted = self._get(where.text)
        if not isinstance(predicted, Predicted):
            if where.text not in self._looked_for:
                self._looked_for.add(where.text)
                keys.append(where.text)
            wanted.setdefault(ask, {}).update({method.key: method for method in methods})
            return waiting
        if cell.map_file:
            if map_file is None:
                return waiting
            return Known(
                cell,
                picture.size,
                picture,
                placed=predicted.placed,
                model_name=facts.name,
                fingerprint=facts.fingerprint,
                scores=scores,
                map_file=map_file,
                grid=facts.grid,
            )
        target = predicted.target(asked)
        maps = []
        for method in methods:
            address = where.of(method.key, target if method.info.class_specific else ())
            if address.text in self._refused:
                return Known(cell, picture.size, picture, problem=self._refused[address.text])
            one = self._get(address.text)
            if isinstance(one, Mapped):
                maps.append(one)
                continue
            self._want(ask, method, address, wanted, keys)
        if len(maps) < len(methods):
            return waiting
        follows = any(method.info.class_specific for method in methods)
        words = facts.target_words(target) if follows else ""
        return Known(
            cell,
            picture.size,
            picture,
            tuple(maps),
            predicted.placed,
            words,
            facts.name,
            facts.fingerprint,
            scores=scores,
        )

    def _want(
        self, ask: Ask, method: Method, address: Address, wanted: dict[Ask, dict[str, Method]], keys: list[str]
    ) -> None:
        if address.text not in self._looked_for and self._maps.uses_disk:
            self._looked_for.add(address.text)
            keys.append(address.text)
        wanted.setdefault(ask, {})[method.key] = method

    def _get(self, key: str) -> Mapped | Predicted | None:
        """From the figure's own, or from what the window has."""
        one = self._found.get(key)
        if one is None:
            one = self._maps.memory.get(key)
            if one is not None:
                self._found[key] = one
        return one

    def _facts(self, line: str) -> ModelFacts | None:
        card = self._results.card
        if card is not None and card.source == line:
            return ModelFacts(line, card.fingerprint, card.name, card.labels, card.grid)
        return self._models.get(line)

    def _target(self, ask: Ask) -> Target | None:
        """What is asked of the engine; None where only the model can say it."""
        if not ask.target:
            return ()
        known = self._asked.get((ask.model, ask.target))
        if known is not None:
            return known
        facts = self._facts(ask.model)
        if facts is None:
            return None
        if facts.labels.count(ask.target) == 1:
            return (facts.labels.index(ask.target),)
        parts = ask.target.split(" - ")
        if len(parts) == 2 and all(facts.labels.count(part) == 1 for part in parts):
            return facts.labels.index(parts[0]), facts.labels.index(parts[1])
        return None


def all_cells(spec: FigureSpec) -> list[tuple[str, Cell]]:
    rows, columns = range(len(spec.rows)), range(len(spec.columns))
    return [(place(row, column), spec.cell(row, column)) for row in rows for column in columns]


def shows_image(cell: Cell) -> bool:
    """Whether a cell is made from a picture."""
    from vitinspect.figures.plot_cells import KINDS

    return cell.has_picture or (cell.show in KINDS and KINDS[cell.show].needs_model)


def line_of(cell: Cell) -> str:
    """The model of a cell as the window writes it."""
    source, _, head = cell.model.partition(" with the head ")
    name = ""
    if head.endswith(")") and " (" in head:
        head, _, name = head[:-1].rpartition(" (")
    try:
        if cell.arch or head:
            return ModelSource(source, arch=cell.arch, head=head, head_name=name).line
    except VitInspectError:
        pass
    return cell.model


def is_picture(found: object) -> bool:
    """Whether it is a picture and not a sentence that says why there is none."""
    return not isinstance(found, str)


def _is_reduced(picture: Any) -> bool:
    return bool(tuple(picture.pixels.shape[:2]) != tuple(picture.size))
