"""``vitinspect probe``: train a linear head on a backbone with your pictures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.cli.common import add_mode_option, add_model_options, at_least, load_chosen_model, table
from vitinspect.names import shown

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.models.recipes import Recipe
    from vitinspect.models.vit import ViT
    from vitinspect.probing.linear import LinearProbe
    from vitinspect.probing.pictures import Labelled

EPILOG = """\
DATA is a folder with a folder of pictures for each class (names or WordNet ids), any other data set with labels, or a
CSV with the columns path and label. Features are computed once and cached; a stopped command can be resumed. Without
--val a fifth of the training pictures is held out to choose C.

Three more files are written: HEAD.json (accuracies, confusions, calibration), HEAD.confusion.png and .svg.
--loss both trains two heads, HEAD.ce.safetensors and HEAD.bce.safetensors, and compares them and their maps.

examples:
  vitinspect probe --model vit_small_patch14_dinov2.lvd142m --train birds --out birds.safetensors
  vitinspect probe --model mae.pth --train birds/train --val birds/val --test birds/test --features mean --loss bce \\
      --out birds.safetensors
  vitinspect explain bird.jpg --model vit_small_patch14_dinov2.lvd142m --head birds.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    data = parser.add_argument_group("data")
    data.add_argument("--train", type=Path, required=True, metavar="DATA", help="pictures for training")
    data.add_argument("--val", type=Path, metavar="DATA", help="pictures for choosing C (default: a fifth of --train)")
    data.add_argument("--test", type=Path, metavar="DATA", help="pictures for testing the chosen head")
    parser.add_argument(
        "--out", "-o", type=Path, required=True, metavar="FILE", help="the head, a .safetensors file for --head"
    )
    what = parser.add_argument_group("what is trained")
    what.add_argument(
        "--features",
        metavar="RECIPE",
        help="what the head reads: class, mean, class+mean, class:4+mean, class+registers "
        "(default: class; mean if there is no class token)",
    )
    what.add_argument(
        "--loss",
        choices=("ce", "bce", "both"),
        default="ce",
        help="ce: softmax over all classes; bce: a binary loss for each class; both, to compare them (default: ce)",
    )
    what.add_argument(
        "--C", type=numbers, metavar="C,C", help="weights of the data relative to the penalty (default: 1e-4 to 1e3)"
    )
    what.add_argument(
        "--solver",
        choices=("auto", "lbfgs", "sgd"),
        default="auto",
        help="solver (default: auto, by the available memory)",
    )
    what.add_argument(
        "--seed", type=at_least(0), default=0, metavar="N", help="seed of the held-out pictures (default: 0)"
    )
    what.add_argument("--knn", action="store_true", help="also classify by 10, 20, 100 and 200 nearest neighbours")
    beside = parser.add_argument_group("comparison with other heads")
    beside.add_argument(
        "--compare",
        action="append",
        default=[],
        metavar="FILE[=NAME]",
        help="a head of the same backbone to compare with; NAME as for --head-name; may be given several times",
    )
    beside.add_argument("--maps", metavar="METHODS", help="methods whose maps are scored for each head (default: lrp)")
    beside.add_argument(
        "--map-pictures",
        type=at_least(1),
        default=20,
        metavar="N",
        help="number of pictures on which maps are scored (default: 20)",
    )
    parser.add_argument("--cache", type=Path, metavar="DIR", help="the folder of features (default: with the caches)")
    parser.add_argument(
        "--batch", type=at_least(1), default=32, metavar="N", help="number of pictures per batch (default: 32)"
    )
    add_mode_option(parser)
    add_model_options(parser)


def numbers(text: str) -> list[float]:
    """A type for argparse: ``0.01,0.1,1``."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers such as 0.01,0.1,1, not {text}") from None
    if not all(0 < value < float("inf") for value in values):
        raise argparse.ArgumentTypeError(f"must be above 0, not {text}")
    return values


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.cli.frame import complain
    from vitinspect.errors import ParameterError
    from vitinspect.models.heads import check_backbone
    from vitinspect.models.recipes import Recipe
    from vitinspect.output import OutputFolder
    from vitinspect.probing.pictures import labelled_pictures

    out: Path = arguments.out
    if out.suffix.lower() != ".safetensors":
        raise ParameterError(f"The head must be a .safetensors file; {out} has another ending.")
    both = arguments.loss == "both"
    heads = {loss: out.with_suffix(f".{loss}.safetensors") if both else out for loss in _losses(arguments.loss)}
    compares = both or bool(arguments.compare)
    table_name = out.with_suffix(".compared.json").name
    folder = OutputFolder(out.parent)
    folder.check([name for head in heads.values() for name in written(head)] + [table_name] * compares)
    splits = {
        name: labelled_pictures(where)
        for name, where in (("train", arguments.train), ("val", arguments.val), ("test", arguments.test))
        if where is not None
    }
    for split in splits.values():
        for note in split.notes:
            complain(note)
    model = load_chosen_model(arguments)
    recipe = Recipe.parse(arguments.features or ("class" if model.has_class_token else "mean"))
    check_backbone(model.module, recipe, str(model.name))
    arrays = {name: features_and_labels(model, split, recipe, name, arguments) for name, split in splits.items()}
    for loss, head in heads.items():
        train_one(model, recipe, arrays, head, loss, folder, arguments)
    if compares:
        rows = compared(list(heads.values()), splits.get("test") or splits.get("val") or splits["train"], arguments)
        folder.write_all({table_name: (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()})
        print(shown(folder.path(table_name)))
    return 0


def _losses(asked: str) -> tuple[str, ...]:
    return ("ce", "bce") if asked == "both" else (asked,)


def written(head: Path) -> list[str]:
    """The names of the files that belong to a head."""
    return [head.name, *(head.with_suffix(ending).name for ending in (".json", ".confusion.png", ".confusion.svg"))]


def train_one(
    model: ViT,
    recipe: Recipe,
    arrays: dict[str, tuple[np.ndarray, np.ndarray]],
    out: Path,
    loss: str,
    folder: Any,
    arguments: argparse.Namespace,
) -> None:
    """Train a head, write it, and print its measures."""
    from vitinspect.cli.frame import complain
    from vitinspect.probing.linear import GRID, fit
    from vitinspect.probing.report import class_rows, confusion_picture, grid_rows, lines
    from vitinspect.progress import ProgressLine

    with ProgressLine(f"training {loss}", unit="fits") as progress:
        probe = fit(
            *arrays["train"],
            validation=arrays.get("val"),
            loss=loss,
            C=arguments.C or GRID,
            seed=arguments.seed,
            solver=arguments.solver,
            progress=progress,
        )
    for note in probe.notes:
        complain(note)
    measured = {}
    if probe.validation is not None:
        measured["val" if "val" in arrays else "held out"] = probe.validation
    if "test" in arrays:
        measured["test"] = probe.measure(*arrays["test"])
    if not measured:
        measured["train"] = probe.measure(*arrays["train"])
    last = list(measured)[-1]
    picture = confusion_picture(measured[last], f"{out.stem}: {last}, top-1 {measured[last].top1:.2%}")
    about = document(probe, model, recipe, arguments, measured)
    if arguments.knn:
        about["knn"] = neighbours(arrays)
    contents = (
        head_file(probe, model, recipe, arguments.mode),
        (json.dumps(about, ensure_ascii=False, indent=1) + "\n").encode(),
        picture.to_png(),
        picture.to_svg().encode(),
    )
    folder.write_all(dict(zip(written(out), contents, strict=True)))
    print("\n".join(table(grid_rows(probe), right=(1, 2, 3))))
    for title, found in measured.items():
        print("\n".join(lines(title, found)))
    print("\n".join(table(class_rows(measured[last]), right=(1, 2))))
    for k, share in about.get("knn", {}).items():
        print(f"{k} nearest neighbours: top-1 {share:.2%}")
    print(shown(out))


def compared(own: list[Path], test: Labelled, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The new heads and those named by ``--compare`` in one table, which is printed."""
    from vitinspect.explainers.registry import parse_methods
    from vitinspect.models.checkpoints import read_checkpoint
    from vitinspect.models.trained_heads import record_of
    from vitinspect.probing.comparison import METHODS, compare, rows_of
    from vitinspect.progress import ProgressLine

    files: dict[str, tuple[Path, str | None]] = {path.name: (path, None) for path in own}
    for asked in arguments.compare:
        path, _, name = asked.partition("=")
        files[f"{Path(path).name} {name}".strip()] = (Path(path), name or None)
    losses = {}
    for title, (path, _) in files.items():
        record = record_of(read_checkpoint(path), path)
        losses[title] = record.loss if record is not None else ""

    def loader(path: Path, name: str | None) -> Any:
        changed = argparse.Namespace(**{**vars(arguments), "head": str(path), "head_name": name})
        return lambda: load_chosen_model(changed)

    methods = [method.key for method in parse_methods(arguments.maps)] if arguments.maps else METHODS
    with ProgressLine("comparing heads", unit="steps") as progress:
        rows = compare(
            [(title, loader(*file)) for title, file in files.items()],
            test,
            methods=methods,
            pictures=arguments.map_pictures,
            mode=arguments.mode,
            seed=arguments.seed,
            loss_of=losses.__getitem__,
            progress=progress,
        )
    print("\n".join(table(list(rows_of(rows)), right=tuple(range(2, 5 + 3 * len(methods))))))
    return [row.as_dict() for row in rows]


def features_and_labels(
    model: ViT, split: Labelled, recipe: Recipe, name: str, arguments: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    from vitinspect.cli.frame import complain
    from vitinspect.errors import DataError
    from vitinspect.probing.feature_cache import features_of
    from vitinspect.progress import ProgressLine

    with ProgressLine(f"features of {name}", unit="pictures") as progress:
        found = features_of(
            model,
            split.paths,
            recipe,
            mode=arguments.mode,
            folder=arguments.cache,
            batch=arguments.batch,
            progress=progress,
        )
    for problem in found.problems:
        complain(problem)
    if not found.usable.any():
        raise DataError(f"None of the pictures in {split.where} could be read.")
    labels = np.array(split.labels)
    return (found.values, labels) if found.usable.all() else (found.values[found.usable], labels[found.usable])


def neighbours(arrays: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[int, float]:
    """Accuracies of nearest neighbours, on the test pictures, else the validation ones, else the training ones."""
    from vitinspect.probing.neighbours import knn

    return knn(*arrays["train"], validation=arrays.get("test", arrays.get("val"))).accuracy


def head_file(probe: LinearProbe, model: ViT, recipe: Recipe, mode: str) -> bytes:
    from vitinspect.models.trained_heads import (
        HeadRecord,
        backbone_fingerprint,
        head_bytes,
        positions_fingerprint,
    )

    record = HeadRecord(
        classes=tuple(map(str, probe.classes)),
        recipe=str(recipe),
        backbone=backbone_fingerprint(model.module),
        positions=positions_fingerprint(model.module),
        input_size=model.input_size,
        mode=mode,
        model=model.source,
        loss=probe.loss,
        C=probe.C,
    )
    return head_bytes(probe.weight, probe.bias, record)


def document(
    probe: LinearProbe, model: ViT, recipe: Recipe, arguments: argparse.Namespace, measured: dict[str, Any]
) -> dict[str, Any]:
    """The content of ``HEAD.json``."""
    from dataclasses import asdict

    from vitinspect.files import SOFTWARE

    return {
        "software": SOFTWARE,
        "model": model.source,
        "features": str(recipe),
        "mode": arguments.mode,
        "classes": [str(name) for name in probe.classes],
        "loss": probe.loss,
        "C": probe.C,
        "solver": probe.solver,
        "seed": probe.seed,
        "grid": [asdict(one) for one in probe.grid],
        "notes": probe.notes,
        "measured": {name: found.as_dict() for name, found in measured.items()},
    }
