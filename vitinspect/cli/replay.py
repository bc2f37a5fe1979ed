"""``vitinspect replay``: make a figure again from its recipe, and report differences."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.figures.recipes import Located
    from vitinspect.models.vit import ViT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a figure with a recipe, or a recipe as JSON")
    parser.add_argument("--out", "-o", metavar="NEW", type=Path, required=True, help="the file of the new figure")
    parser.add_argument(
        "--images", metavar="DIR", type=Path, action="append", default=[], help="a folder to search for moved pictures"
    )
    parser.add_argument(
        "--changed-pictures", action="store_true", help="use pictures even if their content has changed"
    )
    parser.add_argument("--changed-weights", action="store_true", help="use models even if their weights have changed")
    parser.add_argument("--download", action="store_true", help="allow downloading a model from the hub")
    parser.add_argument("--report", action="store_true", help="print everything that differs from the recipe")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, ... (default: auto)")


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.cli.figure import make
    from vitinspect.cli.frame import complain
    from vitinspect.errors import DataError
    from vitinspect.figures.cells import Sources
    from vitinspect.figures.metadata import find
    from vitinspect.figures.recipes import (
        check_recipe,
        compare,
        largest_range_change,
        locate_maps,
        locate_masks,
        locate_pictures,
    )
    from vitinspect.figures.specification import from_dict

    found = find(arguments.file)
    if found is None:
        raise DataError(f"{arguments.file} contains no recipe of vitinspect.")
    recipe = check_recipe(found, str(arguments.file))
    spec = from_dict(recipe["figure"])
    files = [
        cell.file for r in range(len(spec.rows)) for c in range(len(spec.columns)) if (cell := spec.cell(r, c)).file
    ]
    if files:  # a recipe is untrusted: it must not make the program read the user's files
        raise DataError(f"The figure shows the file {files[0]}, which is not in the recipe and is not read by replay.")
    located = locate_pictures(recipe, arguments.file.parent, arguments.images)
    _require(located, "picture", "the picture that the figure was made from", arguments.changed_pictures)
    masks = locate_masks(recipe, arguments.file.parent, arguments.images)
    _require(masks, "mask", "the mask that the figure was made with", arguments.changed_pictures)
    maps = locate_maps(recipe, arguments.file.parent, arguments.images)
    if maps.missing:
        raise DataError(
            f"The map {', '.join(maps.missing[:3])} that the figure shows cannot be found with the bytes that it had:"
            " name a folder to search with --images."
        )
    if not arguments.download:
        os.environ["HF_HUB_OFFLINE"] = "1"  # a recipe is untrusted: it must not make the program download anything
    sources = Sources(Path(), device=arguments.device, pictures={**located.pictures, **masks.pictures, **maps.pictures})
    sources.load_model = _checked_models(recipe, arguments.changed_weights, arguments.device)
    again = make(spec, arguments.out, folder=Path(), sources=sources)
    differences = compare(recipe, again)
    same = not any(d.what.startswith(("pixels", "picture", "map ", "weights")) for d in differences)
    print("The pixels are the same." if same else "The pixels differ.")
    if arguments.report:
        for difference in differences:
            print(f"  {difference}")
        print(f"  raw ranges: at most {largest_range_change(recipe, again):.2g} of the range apart")
    elif differences and not same:
        complain("; ".join(str(d) for d in differences[:3]))
    return 0


def _require(located: Located, kind: str, same: str, changed_is_allowed: bool) -> None:
    """A ``DataError`` for files that are missing, or changed where that is not allowed."""
    from vitinspect.errors import DataError

    if located.missing:
        names = ", ".join(located.missing[:3])
        raise DataError(f"The {kind} {names} cannot be found: name a folder to search with --images.")
    if located.changed and not changed_is_allowed:
        names = ", ".join(located.changed[:3])
        raise DataError(f"{names} is not {same}; --changed-pictures uses it anyway.")


def _checked_models(recipe: dict[str, Any], changed_weights: bool, device: str) -> Callable[[str, str], ViT]:
    from vitinspect.errors import DataError
    from vitinspect.models.sources import load_model

    def load(source: str, arch: str) -> ViT:
        model = load_model(source, arch=arch or None, device=device)
        facts = recipe["models"].get(source)
        wanted = facts.get("fingerprint") if isinstance(facts, dict) else None
        if wanted != model.fingerprint and not changed_weights:
            raise DataError(
                f"{source} has other weights than the figure was made with; --changed-weights uses them anyway."
            )
        return model

    return load
