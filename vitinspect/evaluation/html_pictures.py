"""The content of a report on a folder, whose maps are computed for it, or on an evaluation run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vitinspect.errors import Cancelled, DataError, StorageFull
from vitinspect.evaluation.datasets import open_dataset
from vitinspect.evaluation.html_page import OUTLINES, Drawing, Entry, ShownScore, Summary, write_page
from vitinspect.evaluation.items import Dataset, Item, split_key
from vitinspect.evaluation.runner import open_plan_dataset
from vitinspect.evaluation.saving import Saver
from vitinspect.evaluation.store import FILE, ImageResult, Store
from vitinspect.evaluation.tables import Column, Results
from vitinspect.figures.colormaps import default_colormap
from vitinspect.figures.overlay import draw_outline, overlay
from vitinspect.fusion import AskedMap, fuse, parse_maps, short_names
from vitinspect.images import open_image
from vitinspect.maps import AttributionMap, resize
from vitinspect.names import restored, shown
from vitinspect.picture_notes import Note, notes_file, read_notes
from vitinspect.progress import CancelToken, Progress, check
from vitinspect.scores.masks import overlap
from vitinspect.thresholds import parse_threshold, threshold

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

_IOU, _F1 = Column("iou", "IoU (%)", percent=True), Column("f1", "F1 (%)", percent=True)
_CLASSES = 3
MOST_SCORES = 4
"""Scores of a run that are shown under each map; the table above has all."""


def is_run(path: Path) -> bool:
    """Whether a folder is that of an evaluation run."""
    return (path / FILE).is_file()


@dataclass(frozen=True)
class Asked:
    """How the maps of a report are computed and cut."""

    methods: str = "rollout"
    target: str = ""
    threshold: str = "otsu"
    mode: str = "crop"
    precision: str = "float32"
    normalisation: str = "minmax"


def folder_report(
    folder: Path,
    model: ViT,
    asked: Asked,
    *,
    recursive: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> bytes:
    """A report on the pictures of a folder, with maps that are computed for it. Masks in the layouts of ``evaluate``
    are shown and scored."""
    dataset = _dataset(folder, recursive, limit)
    maps = parse_maps(asked.methods)
    titles = _titles(maps)
    sums: dict[str, dict[str, list[float]]] = {title: defaultdict(list) for title in titles}

    def entries() -> Iterator[Entry]:
        for number, item in enumerate(dataset.items, 1):
            check(cancel)
            yield _guarded(item, partial(_made, item, dataset, model, maps, titles, asked, sums, cancel))
            if progress is not None:
                progress(number, len(dataset.items))

    masked = sum(bool(item.masks) for item in dataset.items)
    facts = [
        f"{len(dataset.items)} pictures, {masked} with masks. Model: {model.name}. "
        f"Explained: {asked.target or 'the predicted class'}.",
        f"Maps: {', '.join(titles)}. Outlines on maps: {asked.threshold}.",
    ]
    return write_page(
        f"Report on {shown(folder.resolve().name)}",
        facts,
        entries(),
        len(dataset.items),
        1 + len(maps) + bool(masked),
        lambda: _means(titles, sums, (_IOU, _F1)),
    )


def _dataset(folder: Path, recursive: bool, limit: int | None) -> Dataset:
    if recursive:
        from vitinspect.images import list_images
        from vitinspect.names import stored

        paths = list_images(folder, recursive=True)[:limit]
        items = tuple(Item(stored(path.relative_to(folder)), path) for path in paths)
        if not items:
            raise DataError(f"There are no pictures in {folder}.")
        return Dataset(folder, "plain", items)
    if folder.name == "images" and (folder.parent / "masks").is_dir():
        folder = folder.parent  # if masks are beside the folder of the pictures
    found = open_dataset(folder, limit=limit)
    from vitinspect.files import made_from

    kept = tuple(item for item in found.items if item.masks or made_from(item.path) is None)
    return Dataset(found.root, found.layout, kept, found.coding, found.notes)


def _titles(maps: Sequence[AskedMap]) -> list[str]:
    names = short_names([method for one in maps for method in one.methods])
    found = []
    for one in maps:
        title = " + ".join(names[method.key] for method in one.methods)
        found.append(title if one.mode in ("", "geometric") else f"{title} [{one.mode}]")
    return [title if found.count(title) == 1 else maps[i].key for i, title in enumerate(found)]


def _guarded(item: Item, make: Callable[[], Entry]) -> Entry:
    """A picture that cannot be used is named in the report with the reason."""
    try:
        if item.problem:
            raise DataError(item.problem)
        return make()
    except (Cancelled, StorageFull):
        raise
    except Exception as error:
        return Entry(_name(item), problem=f"It could not be used: {error}")


def _name(item: Item) -> str:
    picture, part = split_key(item.key)
    return restored(picture) + (f" ({part})" if part else "")


def _note(path: Path) -> Note:
    try:
        return read_notes(notes_file(str(path.parent))).get(path.name, Note())
    except (OSError, ValueError):
        return Note()  # the window reports damaged notes


def _made(
    item: Item,
    dataset: Dataset,
    model: ViT,
    maps: Sequence[AskedMap],
    titles: Sequence[str],
    asked: Asked,
    sums: Mapping[str, dict[str, list[float]]],
    cancel: CancelToken | None,
) -> Entry:
    picture = dataset.open_picture(item)
    drawings, target = _draw_maps(picture, model, maps, titles, asked, _truth(item, dataset, picture), sums, cancel)
    predictions: tuple[tuple[str, float], ...] = ()
    if model.has_classifier:
        found = model.predict(picture, top=_CLASSES, mode=asked.mode)
        predictions = tuple((one.label, one.probability) for one in found)
    note = _note(item.path)
    people = _people(item, dataset, picture)
    return Entry(
        _name(item),
        (Drawing("Picture", picture), *((people,) if people is not None else ()), *drawings),
        predictions,
        target,
        restored(item.label or ""),
        note.text,
        note.flagged,
        note.starred,
    )


def _draw_maps(
    picture: Image.Image,
    model: ViT,
    maps: Sequence[AskedMap],
    titles: Sequence[str],
    asked: Asked,
    truth: np.ndarray | None,
    sums: Mapping[str, dict[str, list[float]]] | None,
    cancel: CancelToken | None,
) -> tuple[list[Drawing], str]:
    from vitinspect.explainers.engine import explain

    methods = list({method.key: method for one in maps for method in one.methods}.values())
    explanation = explain(
        model, picture, methods, asked.target or None, asked.precision, mode=asked.mode, cancel=cancel
    )
    placement = explanation.placement
    assert placement is not None
    mode, options = parse_threshold(asked.threshold)
    drawings, target = [], ""
    for one, title in zip(maps, titles, strict=True):
        members = [explanation.maps[method.key] for method in one.methods]
        found: AttributionMap = fuse(members, one.mode, normalisation=asked.normalisation) if one.mode else members[0]
        target = target or _words(found.target, model)
        signed = bool(found.signed)
        painted = overlay(
            picture,
            found.values,
            placement,
            name=default_colormap(signed=signed),
            opacity=0.9,
            grows="growing",
        )
        cut = threshold(found.values, mode, size=placement.input_size, **options)
        mask = placement.map_to_original(cut.mask.astype(np.float32), "nearest", 0.0) > 0.5
        scores: tuple[ShownScore, ...] = ()
        if truth is not None:
            on_input = np.asarray(resize(found.values, placement.input_size), np.float64)
            seen = placement.mask_to_input(truth)
            result = overlap(cut.mask, seen, on_input, ignore=255, boundaries=False)
            scores = tuple(
                ShownScore(column.title.removesuffix(" (%)"), column.shown(value), value)
                for column, value in ((_IOU, result.iou), (_F1, result.f1))
            )
            if sums is not None:
                sums[title]["iou"].append(result.iou)
                sums[title]["f1"].append(result.f1)
        drawings.append(Drawing(title, Image.fromarray(draw_outline(np.asarray(painted), mask)), scores))
    return drawings, target


def _words(target: Any, model: ViT) -> str:
    if isinstance(target, tuple):
        return " − ".join(_words(side, model) for side in target)
    if isinstance(target, int):
        return model.labels[target] if target < len(model.labels) else f"class {target}"
    return str(getattr(target, "text", "") or "")


def _truth(item: Item, dataset: Dataset, picture: Image.Image) -> np.ndarray | None:
    """The first mask that has the picture's size."""
    for annotator in sorted(item.masks):
        mask = dataset.read_mask(item, annotator)
        if mask.shape == (picture.height, picture.width):
            return mask
    return None


def _people(item: Item, dataset: Dataset, picture: Image.Image) -> Drawing | None:
    """The picture with the outlines of people's masks."""
    drawn, who = np.asarray(picture.convert("RGB")), list[str]()
    for annotator in sorted(item.masks):
        mask = dataset.read_mask(item, annotator)
        if mask.shape == drawn.shape[:2]:
            drawn = draw_outline(drawn, mask == 1, OUTLINES[len(who) % len(OUTLINES)])
            who.append(restored(annotator) or "truth")
    return Drawing("Masks", Image.fromarray(drawn), legend=tuple(who)) if who else None


def _means(
    titles: Sequence[str], sums: Mapping[str, Mapping[str, Sequence[float]]], columns: Sequence[Column]
) -> Summary:
    used = [column for column in columns if any(sums[title].get(column.score) for title in titles)]
    if not used:
        return Summary()
    means = [[float(np.mean(sums[t][c.score])) if sums[t].get(c.score) else None for c in used] for t in titles]
    rows = tuple(
        (title, tuple("" if value is None else column.shown(value) for column, value in zip(used, row, strict=True)))
        for title, row in zip(titles, means, strict=True)
    )
    return Summary(tuple(column.title for column in used), rows, _best(means, used))


def _best(means: Sequence[Sequence[float | None]], columns: Sequence[Column]) -> dict[int, int]:
    best = {}
    for place, column in enumerate(columns):
        known = [(row[place], number) for number, row in enumerate(means) if row[place] is not None]
        if len(known) > 1:
            best[place] = (max if column.higher_is_better else min)(known, key=lambda pair: pair[0] or 0.0)[1]
    return best


# --- of a run ---------------------------------------------------------------------------------------------------


def run_report(
    folder: Path,
    model: Callable[[], ViT] | None,
    *,
    limit: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> bytes:
    """A report on an evaluation run: its scores, and its overlays if they were saved; otherwise ``model`` computes
    them, or they are left out."""
    with Store(folder / FILE) as store:
        results = Results(store)
        plan = store.plan
        images = list(store.images())
        values: dict[str, dict[str, dict[tuple[str, str], float]]] = defaultdict(lambda: defaultdict(dict))
        for image, method, annotator, score, value in store.scores():
            values[image][method][annotator, score] = value
        tables = results.tables()
    dataset = open_plan_dataset(plan)
    items = {item.key: item for item in dataset.items}
    images = images[:limit]
    saver = Saver(folder, ("overlays",), plan, dataset)
    columns = tuple(dict.fromkeys(column for table in tables for column in table.columns))
    titles = [row.name for row in plan.rows()]
    loaded: list[ViT] = []

    def overlays(item: Item, result: ImageResult) -> dict[str, Image.Image]:
        files = {row: path for (_, row), path in saver.files(item).items()}
        found = {row: open_image(path) for row, path in files.items() if path.is_file()}
        if model is None or len(found) == len(files):
            return found
        if not loaded:
            loaded.append(model())
        keys = [one for row in plan.rows() for one in parse_maps(_asked(row))]
        options = ",".join(f"{value!r}" for _, value in plan.threshold_options)
        asked = Asked(
            target=restored(result.target),
            threshold=plan.threshold + (f"={options}" if options else ""),
            mode=plan.mode,
            precision=plan.precision,
            normalisation=plan.normalisation,
        )
        drawn, _ = _draw_maps(dataset.open_picture(item), loaded[0], keys, titles, asked, None, None, cancel)
        return {**{one.title: one.picture for one in drawn}, **found}

    def entry(result: ImageResult) -> Entry:
        item = items[result.image]
        if result.state != "done":
            return Entry(_name(item), problem=f"{result.state}: {restored(result.reason)}")
        picture = dataset.open_picture(item)
        painted = overlays(item, result)
        people, note = _people(item, dataset, picture), _note(item.path)
        drawings = [Drawing("Picture", picture), *((people,) if people is not None else ())]
        for title in titles:
            scores = _scores(values[result.image].get(title, {}), columns)
            drawings.append(Drawing(title, painted.get(title, _blank(picture)), scores))
        return Entry(
            _name(item),
            tuple(drawings),
            (),
            restored(result.target),
            restored(item.label or ""),
            note.text,
            note.flagged,
            note.starred,
        )

    def entries() -> Iterator[Entry]:
        for number, result in enumerate(images, 1):
            check(cancel)
            if result.image in items:
                yield _guarded(items[result.image], partial(entry, result))
            else:
                yield Entry(restored(result.image), problem="The picture is no longer in the data set.")
            if progress is not None:
                progress(number, len(images))

    done = sum(image.state == "done" for image in images)
    facts = [
        f"{done} pictures scored, {len(images) - done} left out. Model: {plan.model}, weights {plan.fingerprint}.",
        f"Threshold: {plan.threshold}. Explained: {shown(plan.target)}."
        + (f" Protocol: {plan.protocol}{' (changed)' if plan.changed else ''}." if plan.protocol else ""),
    ]
    rows: list[tuple[str, tuple[str, ...]]] = []
    means: list[list[float | None]] = []
    for table in tables:
        for row in table.rows:
            who = f" ({restored(table.annotator)})" if table.annotator else ""
            found = [row.means[c.score].value if c.score in row.means else None for c in columns]
            means.append(found)
            words = ["" if v is None else c.shown(v) for c, v in zip(columns, found, strict=True)]
            rows.append((row.method + who, tuple(words)))
    summary = Summary(tuple(c.title for c in columns), tuple(rows), _best(means, columns) if len(tables) == 1 else {})
    return write_page(
        f"Report on the run {shown(folder.name)}",
        facts,
        entries(),
        len(images),
        2 + len(titles),
        lambda: summary,
    )


def _asked(row: Any) -> str:
    keys = " + ".join(row.combination.keys)
    return keys if row.combination.ways == 1 else f"{keys} [{row.fuse}]"


def _scores(found: Mapping[tuple[str, str], float], columns: Sequence[Column]) -> tuple[ShownScore, ...]:
    scores = []
    for annotator in sorted({who for who, _ in found}):
        for column in columns:
            if (annotator, column.score) in found:
                value = found[annotator, column.score]
                title = column.title.removesuffix(" (%)") + (f" ({restored(annotator)})" if annotator else "")
                scores.append(ShownScore(title, column.shown(value), value))
    return tuple(scores[:MOST_SCORES])


def _blank(picture: Image.Image) -> Image.Image:
    """A placeholder for a map that was not saved."""
    return Image.new("RGB", picture.size, (36, 39, 43))
