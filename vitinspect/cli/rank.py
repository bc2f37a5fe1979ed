"""``vitinspect rank``: which fusion agrees best with people's masks, and how much of its lead is due to the choice."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.cli.common import add_model_options, at_least, wishes
from vitinspect.cli.evaluate import DEFAULT_METHODS, default_folder, ways_of
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.evaluation.items import Dataset
    from vitinspect.evaluation.plan import Plan
    from vitinspect.evaluation.ranking import Ranking

EPILOG = """\
The maps of each method are computed once and kept in the run folder; all combinations are scored from them. The number
to quote is not the winner's own mean but that of the procedure: each picture scored with the candidate that is best on
all others. If several people drew masks, the candidate is also chosen by the other people.

examples:
  vitinspect rank demo --methods lrp,rollout,attention_gradcam --out ranking
  vitinspect rank ranking --weights --thresholds "otsu,mean,top_fraction=0.2"
"""
NAMES = ("rank.md", "rank.tex", "rank.html", "rank.csv", "rank.json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from vitinspect.evaluation.datasets import LAYOUTS
    from vitinspect.evaluation.mask_codings import CODING_HELP
    from vitinspect.evaluation.ranking import SCORES
    from vitinspect.maps import NORMALISATIONS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument(
        "data", metavar="DATA", help="a folder of pictures with masks, demo, or the run folder of an earlier ranking"
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--layout", choices=LAYOUTS, default="auto", help="the layout of the folder (default: recognised)"
    )
    data.add_argument("--split", default="val", help="the split, if the layout has splits (default: val)")
    data.add_argument("--mask-coding", metavar="C", help=f"how masks are read: {CODING_HELP}")
    data.add_argument("--limit", type=at_least(1), metavar="N", help="only the first N pictures")
    what = parser.add_argument_group("what is ranked")
    what.add_argument("--methods", metavar="A,B(X=1)", help=f"the methods (default: {DEFAULT_METHODS})")
    what.add_argument(
        "--ways", metavar="N,N", default="1,2,3", help="the numbers of methods to combine (default: 1,2,3)"
    )
    what.add_argument("--fuse", metavar="A,B", default="geometric", help="how maps are fused (default: geometric)")
    what.add_argument("--weights", action="store_true", help="also try double weight for one of the methods")
    what.add_argument(
        "--thresholds",
        metavar="A,B=X",
        default="otsu",
        help="how maps are cut, such as otsu,mean,fixed=0.5 (default: otsu)",
    )
    what.add_argument(
        "--normalise",
        choices=NORMALISATIONS,
        default="minmax",
        help="normalisation of maps before fusion (default: minmax)",
    )
    what.add_argument("--score", choices=tuple(SCORES), default="iou", help="the score to rank by (default: iou)")
    what.add_argument(
        "--all",
        action="store_true",
        help="also use masks that are unfinished, that started from a map, or that were not drawn blind",
    )
    what.add_argument(
        "--target", metavar="T", help="what is explained: predicted, label, or a class (default: predicted)"
    )
    what.add_argument("--mode", choices=("crop", "squash", "pad"), help="how pictures are fitted (default: crop)")
    what.add_argument(
        "--precision", choices=("float32", "float64", "bfloat16"), help="precision of the maps (default: float32)"
    )
    parser.add_argument("--decimals", type=at_least(0), metavar="N", help="decimals in the table (default: 2)")
    parser.add_argument("--out", "-o", type=Path, metavar="DIR", help="the run folder (default: runs/DATA-MODEL-rank)")
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.evaluation.ranking import as_json, candidates, cuttings_of, rank, sentences, table_of
    from vitinspect.evaluation.table_formats import written
    from vitinspect.explainers.registry import make_method
    from vitinspect.output import OutputFolder
    from vitinspect.progress import ProgressLine

    cuttings, modes, ways = cuttings_of(arguments.thresholds), modes_of(arguments.fuse), ways_of(arguments.ways)
    folder, plan, dataset = maps_of(arguments)
    methods = [make_method(method) for method in plan.methods]
    chosen = candidates(methods, ways=ways or (1,), modes=modes, cuttings=cuttings, weighted=arguments.weights)
    out = OutputFolder(folder)
    out.check(NAMES)
    with ProgressLine("ranking", unit="pictures") as line:
        ranking: Ranking = rank(
            folder,
            dataset,
            chosen,
            score=arguments.score,
            normalisation=arguments.normalise,
            everything=arguments.all,
            processes=None,
            progress=line,
        )
    table = table_of(ranking, decimals=arguments.decimals)
    texts = {name: written(table, Path(name).suffix) for name in NAMES if not name.endswith("json")}
    texts["rank.json"] = as_json(ranking)
    out.write_all({name: text.encode() for name, text in texts.items()})
    print("\n".join(sentences(ranking)))
    print(f"{shown(folder / NAMES[0])} and {len(NAMES) - 1} more files")
    return 0


def maps_of(arguments: argparse.Namespace) -> tuple[Path, Plan, Dataset]:
    """The run folder with the methods' raw maps: an earlier one, or one that is computed or resumed now."""
    from vitinspect.evaluation.runner import open_plan_dataset
    from vitinspect.evaluation.store import FILE, Store

    given = Path(arguments.data)
    if (given / FILE).is_file():
        with Store(given / FILE) as store:
            plan = store.plan
        if arguments.methods or arguments.out or arguments.model:
            from vitinspect.errors import ParameterError

            raise ParameterError(
                f"{given} is a run folder: its methods and model are fixed, and results are written into it."
            )
        return given, plan, open_plan_dataset(plan)
    return _computed(arguments)


def _computed(arguments: argparse.Namespace) -> tuple[Path, Plan, Dataset]:
    from dataclasses import replace

    from vitinspect.cli.frame import complain
    from vitinspect.errors import DataError
    from vitinspect.evaluation.plan import Plan, canonical_methods
    from vitinspect.evaluation.runner import open_plan_dataset, stopping_on_interrupt
    from vitinspect.evaluation.runner import run as evaluate
    from vitinspect.models.sources import load_model
    from vitinspect.output import refuse_inside
    from vitinspect.progress import CancelToken, ProgressLine

    model = load_model(arguments.model or "demo", device=arguments.device or "auto", **wishes(arguments))
    given: dict[str, Any] = {
        "data": arguments.data if arguments.data == "demo" else str(Path(arguments.data).resolve()),
        "layout": arguments.layout,
        "split": arguments.split,
        "mask_coding": arguments.mask_coding,
        "limit": arguments.limit,
        "model": model.source,
        "fingerprint": model.fingerprint,
        "methods": canonical_methods(arguments.methods or DEFAULT_METHODS),
        "target": arguments.target,
        "mode": arguments.mode,
        "precision": arguments.precision,
        "scores": ("overlap",),
    }
    plan = Plan(**{name: value for name, value in given.items() if value is not None})
    folder = arguments.out or default_folder(plan).with_name(default_folder(plan).name + "-rank")
    dataset = open_plan_dataset(plan)
    refuse_inside(folder, dataset.root)
    for note in dataset.notes:
        complain(note)
    annotated = tuple(item for item in dataset.items if item.masks)
    if not annotated:
        raise DataError(f"{arguments.data} has no masks to rank by.")
    cancel = CancelToken()
    with stopping_on_interrupt(cancel), ProgressLine("computing maps", unit="pictures") as line:
        evaluate(
            plan, model, folder, dataset=replace(dataset, items=annotated), progress=line, cancel=cancel, tell=complain,
            save=("maps",),
        )  # fmt: skip
    return folder, plan, dataset


def modes_of(text: str) -> Sequence[str]:
    from vitinspect.errors import ParameterError
    from vitinspect.fusion import MODES

    found = [part.strip() for part in text.split(",") if part.strip()]
    unknown = [mode for mode in found if mode not in MODES]
    if unknown or not found:
        raise ParameterError(f"A fusion mode must be one of {', '.join(MODES)}, not {text!r}.")
    return found
