"""The optional files of a run: raw maps, cut masks, overlays, and a sheet per image with its numbers.

``maps/METHOD/NAME.npz``      the raw values, as they were fused and scored;
``masks/METHOD/NAME.png``     the mask that was scored, on the pixels of the original picture;
``overlays/METHOD/NAME.png``  the heat map over the picture; for the protocol gmar ``results/METHOD/NAME_METHOD.png``,
as
                              the comparison project writes them;
``figures/METHOD/NAME.png``   of the protocol multiplex: the notebook's figure (picture, map, insertion, deletion);
``sheets/NAME.png``           picture, people's masks, every map with its mask's outline, and the numbers.

An image is stored as done after its files are written. Images with missing files are done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

from vitinspect.errors import DataError, ParameterError
from vitinspect.evaluation.authors import enlarged
from vitinspect.evaluation.items import Dataset, Item, split_key
from vitinspect.evaluation.plan import Plan, ScoredRow
from vitinspect.evaluation.protocol_figures import multiplex_figure
from vitinspect.evaluation.reading import Picture
from vitinspect.evaluation.store import ImageResult
from vitinspect.evaluation.tables import COLUMNS, Column
from vitinspect.figures.colormaps import default_colormap
from vitinspect.figures.overlay import draw_outline, overlay
from vitinspect.figures.sheet import Tile, contact_sheet
from vitinspect.files import made_from, npz_bytes, png_bytes, refuse_links, short_hash, slug, write_atomic
from vitinspect.maps import AttributionMap, resize
from vitinspect.names import shown, stored
from vitinspect.scores.masks import Overlap
from vitinspect.thresholds import threshold

KINDS = ("maps", "masks", "overlays", "sheets")
PROTOCOL_KINDS = ("figures",)
"""For the protocol multiplex only."""
_TRUTH = ((64, 200, 255), (255, 120, 220), (120, 255, 120), (255, 160, 60), (200, 160, 255))
"""Colours of the outlines of people's masks; that of the map is yellow."""
_MOST_LINES = 6
_OF_MASKS = frozenset(field.name for field in fields(Overlap))


def parse_kinds(text: str) -> tuple[str, ...]:
    """``maps,masks`` as given to ``--save``."""
    found = [part.strip() for part in text.split(",") if part.strip()]
    known = (*KINDS, *PROTOCOL_KINDS)
    unknown = [part for part in found if part not in known]
    if unknown or not found:
        raise ParameterError(f"What is saved must be one of {', '.join(known)}, not {text!r}.")
    return tuple(kind for kind in known if kind in found)


@dataclass
class Saver:
    """Writes the files of one image after the other into a run folder."""

    folder: Path
    kinds: tuple[str, ...]
    plan: Plan
    dataset: Dataset
    names: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = _names(self.dataset)
        self.rows = self.plan.rows()

    def files(self, item: Item) -> dict[tuple[str, str], Path]:
        """(kind, row) to the file's path; a sheet has no row."""
        name = self.names[item.key]
        found = {}
        for kind in self.kinds:
            if kind == "sheets":
                found[kind, ""] = self.folder / kind / f"{name}.png"
                continue
            for row in self.rows:
                if kind == "overlays" and self.plan.protocol == "gmar":
                    folder, behind = _comparison_names(row)
                    found[kind, row.name] = self.folder / "results" / folder / f"{name}_{behind}.png"
                else:
                    ending = "npz" if kind == "maps" else "png"
                    found[kind, row.name] = self.folder / kind / row_folder(row.name) / f"{name}.{ending}"
        return found

    def complete(self, item: Item) -> bool:
        """Whether all of the item's files exist."""
        return all(path.is_file() for path in self.files(item).values())

    def save(self, picture: Picture, maps: Mapping[str, AttributionMap], result: ImageResult) -> None:
        """Write all requested files of one image."""
        assert picture.placement is not None
        image = self.dataset.open_picture(picture.item)
        source = stored(picture.item.path.absolute())
        cuts = {name: self._cut(attribution, picture) for name, attribution in maps.items()}
        painted: dict[str, Image.Image] = {}
        if "overlays" in self.kinds or "sheets" in self.kinds:
            painted = {
                name: overlay(image, m.values, picture.placement, name=default_colormap(signed=m.signed))
                for name, m in maps.items()
            }
        for (kind, row), path in self.files(picture.item).items():
            about = {"image": source, "method": row, "model": self.plan.model, "target": result.target}
            if kind == "maps":
                data = npz_bytes({"values": maps[row].values}, {**about, **self._facts(picture, maps[row])})
            elif kind == "masks":
                data = png_bytes(Image.fromarray(cuts[row].astype(np.uint8) * 255), about)
            elif kind == "overlays":
                data = png_bytes(painted[row], about)
            elif kind == "figures":
                data = png_bytes(self._figure(row, maps[row], picture, image, result), about)
            else:
                data = png_bytes(self._sheet(picture, image, painted, cuts, result), about)
            self._write(path, data)

    def _cut(self, attribution: AttributionMap, picture: Picture) -> np.ndarray:
        """The mask on the original's pixels; parts that the model did not see are background."""
        assert picture.placement is not None
        values = attribution.values.astype(np.float64)
        if self.plan.protocol in ("vitmix", "segmentation"):
            values = enlarged(attribution.values, picture.placement.input_size)
        elif self.plan.protocol != "gmar":
            values = resize(values, picture.placement.input_size)
        options: dict[str, Any] = dict(self.plan.threshold_options)
        mask = threshold(values, self.plan.threshold, **options).mask
        return picture.placement.map_to_original(mask.astype(np.float32), "nearest", 0.0) > 0.5

    def _figure(
        self, row: str, attribution: AttributionMap, picture: Picture, image: Image.Image, result: ImageResult
    ) -> Image.Image:
        """Picture, map, insertion and deletion as the multiplex notebook draws them."""
        assert picture.placement is not None
        rows, columns = picture.placement.input_size
        seen = image.convert("RGB").resize(
            (columns, rows), Image.Resampling.BILINEAR, box=picture.placement.visible_box
        )
        curves: dict[tuple[str, str], Sequence[float]] = {}
        for curve in result.curves or ():
            kind, _, fill = curve.kind.partition("_")
            if curve.method == row:
                curves[kind, fill] = curve.points.tolist()
        return multiplex_figure(np.asarray(seen), attribution.values, shown(result.target), curves)

    def _facts(self, picture: Picture, attribution: AttributionMap) -> dict[str, Any]:
        assert picture.placement is not None
        return {
            "key": attribution.key,
            "signed": attribution.signed,
            "resolution": attribution.resolution,
            "fingerprint": self.plan.fingerprint,
            "mode": self.plan.mode,
            "precision": self.plan.precision,
            "input_size": list(picture.placement.input_size),
            "box": list(picture.placement.box),
        }

    def _write(self, path: Path, data: bytes) -> None:
        refuse_links(self.folder, path.parent)
        if path.is_symlink() or (path.exists() and made_from(path) is None):
            raise DataError(f"{path} was not written by vitinspect and is not replaced. Move it, or save elsewhere.")
        write_atomic(path, data)

    # --- the sheet -------------------------------------------------------------------------------------------------

    def _sheet(
        self,
        picture: Picture,
        image: Image.Image,
        painted: Mapping[str, Image.Image],
        cuts: Mapping[str, np.ndarray],
        result: ImageResult,
    ) -> Image.Image:
        pixels = np.asarray(image.convert("RGB"))
        truths = self._truths(picture.item, pixels.shape[:2])
        tiles = [Tile(image, "Picture", (f"target: {shown(result.target)}",))]
        if truths:
            drawn = pixels
            for (_, mask), colour in zip(truths.items(), _colours(len(truths)), strict=True):
                drawn = draw_outline(drawn, mask, colour)
            tiles.append(
                Tile(
                    Image.fromarray(drawn),
                    "Masks of people",
                    tuple(shown(w or "one set") for w in truths),
                    _colours(len(truths)),
                )
            )
        for row in self.rows:
            outlined = draw_outline(np.asarray(painted[row.name]), cuts[row.name])
            tiles.append(Tile(Image.fromarray(outlined), row.name, _numbers(row.name, result)))
        return contact_sheet(shown(picture.item.key), tiles)

    def _truths(self, item: Item, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """People's masks as they were drawn, without those of another size than the picture."""
        found = {}
        for annotator in item.masks:
            mask = self.dataset.read_mask(item, annotator)
            if mask.shape == size:
                found[annotator] = mask == 1
        return found


def _colours(count: int) -> tuple[tuple[int, int, int], ...]:
    return tuple(_TRUTH[i % len(_TRUTH)] for i in range(count))


def _numbers(row: str, result: ImageResult) -> tuple[str, ...]:
    """A map's scores as lines: IoU and F1 for each annotator, then those that need no mask, two on a line."""
    values = {(s.annotator, s.score): s.value for s in result.scores or () if s.method == row}
    lines = []
    for annotator in sorted({who for who, _ in values}):
        words = [_worded(c, values[annotator, c.score]) for c in COLUMNS[:2] if (annotator, c.score) in values]
        if words:
            lines.append((f"{shown(annotator)}: " if annotator else "") + ", ".join(words))
    others = [_worded(c, values["", c.score]) for c in COLUMNS if ("", c.score) in values and c.score not in _OF_MASKS]
    lines = lines[: _MOST_LINES - 2]
    return (*lines, *(", ".join(others[i : i + 2]) for i in range(0, min(len(others), 4), 2)))


def _worded(column: Column, value: float) -> str:
    return f"{column.title.removesuffix(' (%)')} {column.shown(value)}"


# --- names -----------------------------------------------------------------------------------------------------------


def row_folder(row: str) -> str:
    """The folder of a row's files: ``LRP + Rollout`` is in ``LRP+Rollout``."""
    return slug(row.replace(" + ", "+"))


def _names(dataset: Dataset) -> dict[str, str]:
    """Each item's file name: its path below the pictures' folder. A hash is added to names that would collide."""
    names = {}
    for item in dataset.items:
        inside, part = split_key(item.key)
        path = PurePosixPath(inside)
        parts = path.parts[1:] if path.parts[0] in ("images", "JPEGImages") and len(path.parts) > 1 else path.parts
        stem = PurePosixPath(parts[-1]).stem if item.path.suffix.lower() == path.suffix.lower() else parts[-1]
        names[item.key] = "/".join([*map(slug, parts[:-1]), slug(f"{stem}-{part}" if part else stem)])
    seen: dict[str, int] = {}
    for name in names.values():
        seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
    return {k: f"{n}-{short_hash(k)}" if seen[n.casefold()] > 1 else n for k, n in names.items()}


def _comparison_names(row: ScoredRow) -> tuple[str, str]:
    """Folder and ending as the comparison of LeGrad, GMAR and rollout has them: gmar_l1/NAME_gmar.png."""
    if row.combination.ways > 1:
        return row_folder(row.name), row_folder(row.name)
    method = row.combination.methods[0]
    short = method.id.removesuffix("_seed")
    norm = method.params.get("norm")
    return slug(f"{short}_{norm}" if norm else short), slug(short)


def saver_for(folder: Path, kinds: Sequence[str], plan: Plan, dataset: Dataset) -> Saver | None:
    """The writer of these kinds of files; None if none is requested."""
    if "figures" in kinds and plan.protocol != "multiplex":
        raise ParameterError("--save figures draws the figure of the protocol multiplex, which this run does not use.")
    return Saver(folder, tuple(kinds), plan, dataset) if kinds else None
