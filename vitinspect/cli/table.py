"""``vitinspect table``: one table of several runs, for a paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import at_least
from vitinspect.names import shown

EPILOG = """\
Data sets and annotators are rows under each method, models are groups of columns. The best of each column is bold. The
caption names models and weights, protocol, settings, and how many images and annotators were scored.

examples:
  vitinspect table runs/students runs/voc --columns iou,f1,pixel_accuracy_vitmix,deletion_auc_vitmix --out table.tex
  vitinspect table runs/* --rows 1,"LRP + *" --intervals --second --out table.md --out table.csv
  vitinspect table runs/students runs/voc --rename "students=ImageNet" --rename "VOC2012=Pascal VOC" --decimals 2
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from vitinspect.evaluation.stacked import ANNOTATORS, LAYOUTS

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders of `vitinspect evaluate`")
    parser.add_argument(
        "--columns", metavar="A,B", help="the scores to show, in order (default: all that were computed)"
    )
    parser.add_argument(
        "--rows",
        metavar="A,B",
        help='the methods to show: names, also with * as in "LRP + *", or numbers of combined methods',
    )
    parser.add_argument(
        "--decimals", type=at_least(0), metavar="N", help="decimals of numbers (default: 2 for percent, 3 for others)"
    )
    parser.add_argument("--intervals", action="store_true", help="add bootstrap 95 %% intervals over images")
    parser.add_argument("--second", action="store_true", help="underline the second best of each column")
    parser.add_argument(
        "--layout",
        choices=LAYOUTS,
        default="paper",
        help="paper: data sets and annotators under each method, models side by side; long: a line for each (default: "
        "paper)",
    )
    parser.add_argument(
        "--annotators",
        choices=ANNOTATORS,
        default="both",
        help="if several people drew masks: a row for each, one over all their masks (pooled), or both (default: both)",
    )
    parser.add_argument(
        "--rename",
        action="append",
        default=[],
        metavar="OLD=NEW",
        help="another name for a data set, a model, an annotator or a method",
    )
    parser.add_argument(
        "--out",
        "-o",
        action="append",
        type=Path,
        metavar="FILE",
        help="a file to write: .tex, .md, .html or .csv; may be given several times (default: print Markdown)",
    )


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.evaluation.stacked import read_runs, stack
    from vitinspect.evaluation.table_formats import written
    from vitinspect.output import check_result, write_result

    table = stack(
        read_runs(arguments.runs),
        columns=_listed(arguments.columns),
        rows=_listed(arguments.rows),
        layout=arguments.layout,
        annotators=arguments.annotators,
        decimals=arguments.decimals,
        intervals=arguments.intervals,
        second=arguments.second,
        rename=_renamed(arguments.rename),
    )
    if not arguments.out:
        print(written(table, ".md"), end="")
        return 0
    texts = {path: written(table, path.suffix.lower()) for path in arguments.out}
    for path in texts:
        check_result(path)
    for path, text in texts.items():
        write_result(path, text.encode())
        print(shown(path))
    return 0


def _listed(text: str | None) -> list[str]:
    """Parts between commas; commas in brackets belong to a name, as in "Rollout (head max, start layer 3)"."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(text or ""):
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append((text or "")[start:place])
            start = place + 1
    return [part.strip() for part in [*parts, (text or "")[start:]] if part.strip()]


def _renamed(pairs: list[str]) -> dict[str, str]:
    from vitinspect.errors import ParameterError

    found = {}
    for pair in pairs:
        old, equals, new = pair.rpartition("=") if "(" in pair else pair.partition("=")
        if not equals or not old.strip():
            raise ParameterError(f"--rename takes OLD=NEW, not {pair!r}.")
        found[old.strip()] = new.strip()
    return found
