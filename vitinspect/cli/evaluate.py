"""``vitinspect evaluate``: score methods on a folder of pictures, resumable."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.cli.common import add_model_options, at_least, fraction, threshold_of, wishes
from vitinspect.names import shown

if TYPE_CHECKING:
    from vitinspect.evaluation.plan import Plan
    from vitinspect.evaluation.runner import RunSummary
    from vitinspect.models.vit import ViT

DEFAULT_METHODS = "lrp,saliency(resolution=grid),rollout,attention_gradcam"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from vitinspect.evaluation.datasets import LAYOUTS
    from vitinspect.evaluation.mask_codings import CODING_HELP
    from vitinspect.evaluation.plan import OUR_SCORES
    from vitinspect.evaluation.protocol_settings import PROTOCOLS
    from vitinspect.evaluation.runner import ON_CHANGE
    from vitinspect.fusion import MODES as FUSION
    from vitinspect.maps import NORMALISATIONS
    from vitinspect.thresholds import MODES as THRESHOLDS

    scores = ",".join(OUR_SCORES)
    parser.add_argument("data", metavar="DATA", nargs="?", help="a folder of pictures, or demo for the bundled gallery")
    data = parser.add_argument_group("data")
    data.add_argument(
        "--layout", choices=LAYOUTS, default="auto", help="the layout of the folder (default: recognised)"
    )
    data.add_argument("--split", default="val", help="the split, if the layout has splits (default: val)")
    data.add_argument(
        "--indices", metavar="FILE", help="the pictures to evaluate: an index or a name per line, or a YAML list"
    )
    data.add_argument(
        "--index-base",
        type=int,
        choices=(0, 1),
        help="what the numbers in --indices count from (default: 1, the number in the name, if the pictures have "
        "ILSVRC's names; otherwise 0)",
    )
    data.add_argument(
        "--labels",
        metavar="FILE",
        help="the pictures' classes, for --target label: a CSV file with the columns image and label, a name and a "
        "label per line, or an ILSVRC devkit's truth (default: labels.csv in the folder)",
    )
    data.add_argument("--mask-coding", metavar="C", help=f"how masks are read: {CODING_HELP}")
    data.add_argument(
        "--on-change",
        choices=ON_CHANGE,
        default="stop",
        help="what a resumed run does if pictures, masks or labels were changed or deleted since they were scored: "
        "stop and list them (the default), rescore them and try failed pictures again, or keep their scores",
    )
    data.add_argument("--limit", type=at_least(1), metavar="N", help="only the first N pictures")
    data.add_argument(
        "--min-confidence",
        type=fraction,
        metavar="P",
        help="skip pictures whose most probable class is below this probability",
    )
    data.add_argument(
        "--void-is-foreground", action="store_true", help="Pascal VOC: count the void label as ViTmiX does"
    )
    what = parser.add_argument_group("what is scored")
    what.add_argument(
        "--protocol",
        choices=tuple(PROTOCOLS),
        help="use a published protocol, which fixes every setting that affects its numbers. Options that it supports "
        "replace its choices, which the report states; others are refused",
    )
    variants = "; ".join(f"{name}: {', '.join(p.variants)}" for name, p in PROTOCOLS.items() if p.variants)
    what.add_argument("--variant", metavar="V", help=f"the variant of the protocol ({variants})")
    what.add_argument("--methods", metavar="A,B(X=1)", help=f"the methods (default: {DEFAULT_METHODS})")
    what.add_argument("--ways", metavar="N,N", help="the numbers of methods to combine, such as 1,2,3 (default: 1)")
    what.add_argument("--fuse", choices=FUSION, help="how maps are fused (default: geometric)")
    what.add_argument(
        "--normalise", choices=NORMALISATIONS, help="normalisation of maps before fusion (default: minmax)"
    )
    what.add_argument(
        "--threshold",
        metavar="MODE[=X]",
        help=f"threshold of maps: {', '.join(THRESHOLDS)}; with a number if it takes one, as in fixed=0.5",
    )
    what.add_argument("--scores", metavar="A,B", help=f"some of {scores} (default: overlap,deletion,insertion)")
    what.add_argument("--steps", type=at_least(1), metavar="N", help="steps of the curves (default: 100)")
    what.add_argument(
        "--fill",
        metavar="FILL",
        help="what replaces removed pixels: black, true_black, mean, blur, noise or road (default: black)",
    )
    what.add_argument("--unit", choices=("pixel", "patch"), help="what the curves remove (default: pixel)")
    what.add_argument(
        "--use", choices=("probability", "logit", "score"), help="what the curves measure (default: probability)"
    )
    what.add_argument(
        "--target",
        metavar="T",
        help="what is explained: predicted, label, or a class by name, index or WordNet id (default: predicted)",
    )
    what.add_argument("--mode", choices=("crop", "squash", "pad"), help="how pictures are fitted (default: crop)")
    what.add_argument(
        "--precision",
        choices=("float32", "float64", "bfloat16"),
        help="precision of the maps; bfloat16 has three digits, too few for the maps of reciprocam and occlusion "
        "(default: float32)",
    )
    what.add_argument(
        "--score-precision",
        choices=("float32", "float64", "bfloat16"),
        help="precision of the masked pictures' scores; bfloat16 is much faster if the processor supports it "
        "(default: float32)",
    )
    what.add_argument("--seed", type=int, metavar="N", help="seed of all random numbers (default: 0)")
    parser.add_argument(
        "--save",
        metavar="A,B",
        help="also write maps (raw values), masks (after the threshold), overlays, sheets (one per picture, with its "
        "scores), and for the protocol multiplex figures (picture, map and curves) into the run folder",
    )
    parts = parser.add_argument_group("several processes")
    parts.add_argument(
        "--shard",
        metavar="I/N",
        help="evaluate the I-th of N parts only, as a job of an array; the tasks of an srun step do so automatically",
    )
    parts.add_argument(
        "--threads",
        type=at_least(1),
        metavar="N",
        help="processor threads of each process; the same for all of a run, since the last digits depend on it "
        "(default: one per core, up to 8)",
    )
    parts.add_argument(
        "--merge", type=Path, metavar="RUN", help="merge the shards in this run folder and write the report"
    )
    parser.add_argument("--out", "-o", type=Path, metavar="DIR", help="the run folder (default: runs/DATA-MODEL)")
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    if arguments.merge is not None:
        return merge(arguments)
    from vitinspect.cli.frame import complain
    from vitinspect.errors import ParameterError
    from vitinspect.evaluation.report import check_report
    from vitinspect.evaluation.runner import Ranks, open_plan_dataset, stopping_on_interrupt
    from vitinspect.evaluation.runner import run as evaluate
    from vitinspect.evaluation.saving import parse_kinds
    from vitinspect.evaluation.shards import Shard, run_shard
    from vitinspect.models.sources import load_model
    from vitinspect.output import refuse_inside
    from vitinspect.progress import CancelToken, ProgressLine

    if arguments.data is None:
        raise ParameterError("DATA is missing: a folder of pictures, or demo (`--merge RUN` alone needs none).")
    save = parse_kinds(arguments.save) if arguments.save is not None else ()
    ranks = Ranks.from_environment()
    shard = Shard.parse(arguments.shard) if arguments.shard else Shard.of_srun()
    if shard is not None and ranks.world > 1:
        raise ParameterError("--shard is for independent processes; torchrun distributes the pictures itself.")
    local = ranks.local if shard is None else shard.local
    model = load_model(arguments.model or "demo", device=_device(arguments, local), **wishes(arguments))
    plan = make_plan(arguments, model)
    folder = arguments.out or default_folder(plan)
    dataset = open_plan_dataset(plan)
    for data in {dataset.root, Path(plan.data)} if Path(plan.data).is_dir() else {dataset.root}:
        refuse_inside(folder, data)
    check_report(folder)
    if ranks.first and (shard is None or shard.index == 0):
        for note in dataset.notes:
            complain(note)
    cancel = CancelToken()
    with stopping_on_interrupt(cancel), ProgressLine("evaluating", unit="images") as line:
        how: dict[str, Any] = {"dataset": dataset, "progress": line, "cancel": cancel}
        how |= {"on_change": arguments.on_change, "tell": complain}
        how["save"] = save
        if shard is not None:
            summary = run_shard(plan, model, folder, shard, **how)
        else:
            summary = evaluate(plan, model, folder, ranks=ranks, **how)
    if shard is not None:
        print(f"{shard}: {_counts(summary)} `vitinspect evaluate --merge {shown(folder)}` merges the shards.")
        return _left_out(summary)
    return finish(folder, summary) if ranks.first else 0


def merge(arguments: argparse.Namespace) -> int:
    """``--merge RUN``: merge the shards' present results and write the report."""
    from vitinspect.cli.frame import complain
    from vitinspect.evaluation.report import check_report
    from vitinspect.evaluation.shards import merge_run

    check_report(arguments.merge)
    merged = merge_run(arguments.merge)
    code = finish(arguments.merge, merged.summary)
    missing = merged.summary.total - merged.summary.done - merged.summary.skipped - merged.summary.failed
    if missing:
        who = f": {', '.join(merged.unfinished)} did not finish" if merged.unfinished else ""
        complain(f"{missing} of {merged.summary.total} pictures are not evaluated yet{who}; run them again and merge.")
        return 1
    return code


def finish(folder: Path, summary: RunSummary) -> int:
    """Write the report, and print how the run ended."""
    from vitinspect.errors import DataError
    from vitinspect.evaluation.report import has_scores, nothing_scored, write_report

    files = write_report(folder)
    if not has_scores(folder):
        raise DataError(nothing_scored(folder))
    print(_counts(summary))
    print(f"{shown(folder / 'report.md')} and {len(files) - 1} more files")
    return _left_out(summary)


def _counts(summary: RunSummary) -> str:
    return f"{summary.done} images evaluated, {summary.skipped} skipped, {summary.failed} failed."


def _left_out(summary: RunSummary) -> int:
    from vitinspect.cli.frame import complain

    if summary.failed:
        complain(f"{summary.failed} of {summary.total} pictures could not be used; report.md says why.")
        return 1
    return 0


def _device(arguments: argparse.Namespace, local_rank: int) -> str:
    """The device: each rank of a machine uses its own GPU if there are several."""
    if arguments.device not in (None, "auto"):
        return str(arguments.device)
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"cuda:{local_rank % count}" if count > 1 else "auto"


def default_folder(plan: Plan) -> Path:
    """A folder named after the data and the model."""
    from vitinspect.files import slug

    parts = [Path(plan.data).resolve().name if plan.data != "demo" else "demo", plan.model, plan.protocol or ""]
    return Path("runs") / "-".join(slug(part) for part in parts if part)


def make_plan(arguments: argparse.Namespace, model: ViT) -> Plan:
    """The options as a plan; a path is made absolute, so that a resumed run finds it from anywhere."""
    from vitinspect.errors import ParameterError
    from vitinspect.evaluation.plan import Plan, canonical_methods, preset

    data = arguments.data if arguments.data == "demo" else str(Path(arguments.data).resolve())
    mode, options = threshold_of(arguments.threshold)
    given: dict[str, Any] = {
        "data": data,
        "layout": arguments.layout,
        "split": arguments.split,
        "indices": None if arguments.indices is None else str(Path(arguments.indices).resolve()),
        "index_base": arguments.index_base,
        "mask_coding": arguments.mask_coding,
        "labels": None if arguments.labels is None else str(Path(arguments.labels).resolve()),
        "limit": arguments.limit,
        "model": model.source,
        "fingerprint": model.fingerprint,
        "precision": arguments.precision,
        "threads": arguments.threads,
        "score_precision": arguments.score_precision,
        "mode": arguments.mode,
        "target": arguments.target,
        "methods": None if arguments.methods is None else canonical_methods(arguments.methods),
        "ways": ways_of(arguments.ways),
        "fuse": arguments.fuse,
        "normalisation": arguments.normalise,
        "threshold": mode,
        "threshold_options": options,
        "scores": None
        if arguments.scores is None
        else tuple(s.strip() for s in arguments.scores.split(",") if s.strip()),
        "steps": arguments.steps,
        "fill": arguments.fill,
        "unit": arguments.unit,
        "use": arguments.use,
        "min_confidence": arguments.min_confidence,
        "seed": arguments.seed,
        "voc_void_is_foreground": arguments.void_is_foreground or None,
    }
    if arguments.protocol:
        return preset(arguments.protocol, arguments.variant, **given)
    if arguments.variant is not None:
        raise ParameterError("--variant names a variant of a protocol, and there is no --protocol.")
    values = {k: v for k, v in given.items() if v is not None}
    values.setdefault("methods", canonical_methods(DEFAULT_METHODS))
    values.setdefault("scores", ("overlap", "deletion", "insertion"))
    return Plan(**values)


def ways_of(text: str | None) -> tuple[int, ...] | None:
    """``1,2,3``."""
    from vitinspect.errors import ParameterError

    if text is None:
        return None
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise ParameterError(f"--ways takes numbers from 1 on, such as 1,2,3, not {text!r}.")
    return tuple(sorted({int(part) for part in parts}))
