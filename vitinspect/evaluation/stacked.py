"""One table of several runs, as papers print them: data sets and annotators as rows under each method, models as groups
of columns.

``stack`` reads the runs and arranges the table; ``table_formats`` writes it as LaTeX, Markdown, HTML and CSV.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.evaluation.captions import caption_of
from vitinspect.evaluation.store import FILE, Store
from vitinspect.evaluation.tables import POOLED, Column, Results, Table
from vitinspect.fusion import Combination, short_names
from vitinspect.scores.statistics import Mean

LAYOUTS = ("paper", "long")
ANNOTATORS = ("both", "each", "pooled")


@dataclass(frozen=True)
class Cell:
    """A number of the table, as text."""

    text: str = "–"
    interval: str = ""
    best: bool = False
    second: bool = False
    mean: Mean | None = None


@dataclass(frozen=True)
class Line:
    """A row of the table: its heads (method, data set, ...) and its numbers."""

    heads: tuple[str, ...]
    cells: tuple[Cell, ...]
    first: bool = True
    """Whether it is the first line of its method."""


@dataclass(frozen=True)
class PaperTable:
    """Everything that a writer needs."""

    heads: tuple[str, ...]
    """Titles of the columns of heads."""
    groups: tuple[tuple[str, int], ...]
    """Titles over the columns of numbers and how many each covers; empty if there is one model."""
    columns: tuple[Column, ...]
    """One for each column of numbers."""
    blocks: tuple[tuple[str, tuple[Line, ...]], ...]
    """Lines under a heading, which is empty if there is one block."""
    caption: str

    @property
    def lines(self) -> list[Line]:
        return [line for _, lines in self.blocks for line in lines]


@dataclass
class Part:
    """The scores of one run by one annotator."""

    results: Results
    table: Table
    data: str
    model: str
    names: Mapping[str, str]
    """The method's name in the run, to its name in the whole table."""
    means: dict[str, dict[str, Mean]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.means = {self.names[row.method]: row.means for row in self.table.rows}

    @property
    def annotator(self) -> str:
        return self.table.annotator


def read_runs(folders: Sequence[Path]) -> list[Results]:
    """The scores of these run folders."""
    found = []
    for folder in folders:
        if not (folder / FILE).is_file():
            raise DataError(f"{folder} is not a run folder: there is no {FILE} in it.")
        with Store(folder / FILE) as store:
            found.append(Results(store))
    return found


def stack(
    runs: Sequence[Results],
    *,
    columns: Sequence[str] = (),
    rows: Sequence[str] = (),
    layout: str = "paper",
    annotators: str = "both",
    decimals: int | None = None,
    intervals: bool = False,
    second: bool = False,
    rename: Mapping[str, str] | None = None,
) -> PaperTable:
    """One table of the runs.

    ``columns``: names of scores, in order; ``rows``: names of methods, also with * and ?, or numbers of ways.
    ``annotators``: a row for ``each``, the mean over all their masks (``pooled``), or ``both``. ``rename``: other names
    for data sets, models, annotators and methods.
    """
    parts = _parts(runs, annotators)
    shown = _columns(parts, columns)
    methods = _methods(runs, parts, rows)
    words = dict(rename or {})
    _check_rename(words, parts, methods)
    arrange = _paper if layout == "paper" else _long
    heads, groups, numbers, lines = arrange(parts, shown, list(methods), words)
    marked = _marked(lines, numbers, decimals, intervals, second)
    if not marked or all(cell.mean is None for line in marked for cell in line.line.cells):
        raise DataError(_nothing(runs, columns, rows))
    ways = sorted({methods[line.method] for line in marked})
    blocks = tuple(
        (f"{n}-way methods" if len(ways) > 1 else "", tuple(m.line for m in marked if methods[m.method] == n))
        for n in ways
    )
    return PaperTable(heads, groups, tuple(numbers), blocks, caption_of(_listed(parts, words), intervals))


# --- names, columns and methods ------------------------------------------------------------------------------------


def _parts(runs: Sequence[Results], annotators: str) -> list[Part]:
    names = _names(runs)
    data, models = _distinct([_data_name(r) for r in runs], runs), _model_names(runs)
    parts = []
    for run, where, model in zip(runs, data, models, strict=True):
        people = run.annotators
        if len(people) > 1:
            chosen = {"each": people, "pooled": [POOLED], "both": [*people, POOLED]}[annotators]
        else:
            chosen = people
        parts += [Part(run, run.table(who), where, model, names[id(run)]) for who in chosen]
    return parts


def _names(runs: Sequence[Results]) -> dict[int, dict[str, str]]:
    """For each run: its methods' names to names that are distinct among all runs."""
    singles = {method.key: method for run in runs for c in run.combinations.values() for method in c.methods}
    short = short_names(list(singles.values()))

    def name(combination: Combination) -> str:
        return " + ".join(short[key] for key in combination.keys)

    return {id(run): {own: name(c) + run.suffixes[own] for own, c in run.combinations.items()} for run in runs}


def _data_name(run: Results) -> str:
    return Path(run.plan.data).name


def _model_names(runs: Sequence[Results]) -> list[str]:
    """Names of models; the fingerprint is added for the same name with different weights."""
    seen: dict[str, set[str]] = {}
    for run in runs:
        seen.setdefault(run.plan.model, set()).add(run.plan.fingerprint)
    return [
        f"{Path(run.plan.model).name} ({run.plan.fingerprint[:8]})"
        if len(seen[run.plan.model]) > 1
        else Path(run.plan.model).name
        for run in runs
    ]


_NOT_TOLD = frozenset(
    {"changed", "limit", "methods", "ways", "scores", "model", "fingerprint", "data", "indices", "seed"}
)


def _distinct(names: list[str], runs: Sequence[Results]) -> list[str]:
    """The data sets' names; if two runs would share a row, with their differences."""
    result = []
    for i, run in enumerate(runs):
        name = names[i]
        same = [r for j, r in enumerate(runs) if j != i and names[j] == name]
        if any(other.plan.data != run.plan.data for other in same):
            name = "/".join(Path(run.plan.data).parts[-2:])
        rivals = [
            other
            for other in same
            if (other.plan.data, other.plan.model, other.plan.fingerprint)
            == (run.plan.data, run.plan.model, run.plan.fingerprint)
        ]
        fields = [f for r in rivals for f in run.plan.differing_fields(r.plan) if f not in _NOT_TOLD]
        own = [f"{f.replace('_', ' ')} {run.plan.worded(f)}" for f in dict.fromkeys(fields)]
        if rivals and not own and _same_methods(run, rivals):
            raise DataError(f"Two of the runs are the same evaluation of {name}; name each run once.")
        result.append(f"{name} ({', '.join(own)})" if own else name)
    return result


def _same_methods(run: Results, others: Iterable[Results]) -> bool:
    """Whether a run has the same methods as another; runs of other methods or scores complement each other."""
    mine = {(m, s) for _, m, s in run.values}
    return any(mine & {(m, s) for _, m, s in other.values} for other in others)


def _columns(parts: Sequence[Part], wanted: Sequence[str]) -> list[Column]:
    known: dict[str, Column] = {}
    for part in parts:
        for column in part.table.columns:
            known.setdefault(column.score, column)
    if not wanted:
        return list(known.values())
    missing = [name for name in wanted if name not in known]
    if missing:
        raise DataError(f"No run has the column {', '.join(missing)}; the columns are {', '.join(known) or 'none'}.")
    return [known[name] for name in dict.fromkeys(wanted)]


def _methods(runs: Sequence[Results], parts: Sequence[Part], wanted: Sequence[str]) -> dict[str, int]:
    """The methods with scores, each with the number of methods that it combines, in the order of the runs."""
    names = _names(runs)
    known = {names[id(run)][own]: c.ways for run in runs for own, c in run.combinations.items()}
    known = {name: ways for name, ways in known.items() if any(name in part.means for part in parts)}
    if not wanted:
        # Sets that a protocol fuses in a further mode are left out, since papers have a table for one mode.
        further = {names[id(run)][own] for run in runs for own, suffix in run.suffixes.items() if suffix}
        return {name: ways for name, ways in known.items() if name not in further}
    chosen: dict[str, int] = {}
    for pattern in wanted:
        found = [
            name
            for name, ways in known.items()
            if (pattern.isdigit() and int(pattern) == ways)
            or name.casefold() == pattern.casefold()
            or fnmatch.fnmatchcase(name.casefold(), pattern.casefold())
        ]
        if not found:
            raise DataError(f"No run has the row {pattern!r}; the rows are {', '.join(known) or 'none'}.")
        chosen.update({name: known[name] for name in found})
    return chosen


def _check_rename(words: Mapping[str, str], parts: Sequence[Part], methods: Iterable[str]) -> None:
    known = {text for part in parts for text in (part.data, part.model, part.annotator, *part.results.annotators)}
    known |= set(methods)
    unknown = [name for name in words if name not in known]
    if unknown:
        raise DataError(
            f"There is nothing named {', '.join(unknown)} to rename; the names are {', '.join(sorted(known - {''}))}."
        )


def _listed(parts: Sequence[Part], words: Mapping[str, str]) -> list[tuple[str, str, Results, Table]]:
    """The parts for the caption, with their new names."""
    return [
        (
            words.get(p.data, p.data),
            words.get(p.model, p.model),
            p.results,
            replace(p.table, annotator=words.get(who, who)),
        )
        if (who := p.annotator) != POOLED
        else (words.get(p.data, p.data), words.get(p.model, p.model), p.results, p.table)
        for p in parts
    ]


def _nothing(runs: Sequence[Results], columns: Sequence[str], rows: Sequence[str]) -> str:
    failed = [image for run in runs for image in run.images if image.state != "done"]
    why = f" The first picture that was not scored is {failed[0].image}: {failed[0].reason}." if failed else ""
    asked = " with these rows and columns" if columns or rows else ""
    return f"There are no scores to make a table of{asked}.{why}"


# --- arranging -------------------------------------------------------------------------------------------------------


@dataclass
class _Placed:
    """A line before its numbers are compared."""

    method: str
    peers: tuple[str, ...]
    """The group within which lines are compared: the same data set and annotator."""
    heads: tuple[str, ...]
    means: list[Mean | None]
    first: bool
    line: Line = Line((), ())


_Arranged = tuple[tuple[str, ...], tuple[tuple[str, int], ...], list[Column], list[_Placed]]


def _paper(parts: Sequence[Part], columns: list[Column], methods: list[str], words: Mapping[str, str]) -> _Arranged:
    places = list(dict.fromkeys((part.data, part.annotator) for part in parts))
    models = list(dict.fromkeys(part.model for part in parts))
    with_data = len({data for data, _ in places}) > 1
    with_people = len({who for _, who in places}) > 1
    heads = ("Method", *(["Data set"] if with_data else []), *(["Masks"] if with_people else []))
    lines = []
    for method in methods:
        first = True
        for data, who in places:
            means = [
                _mean([p for p in parts if (p.data, p.annotator, p.model) == (data, who, model)], method, column)
                for model in models
                for column in columns
            ]
            if all(mean is None for mean in means):
                continue
            about = [words.get(method, method)]
            about += [words.get(data, data)] if with_data else []
            about += [words.get(who, who)] if with_people else []
            lines.append(_Placed(method, (data, who), tuple(about), means, first))
            first = False
    groups = tuple((words.get(m, m), len(columns)) for m in models) if len(models) > 1 else ()
    return heads, groups, columns * len(models), lines


def _long(parts: Sequence[Part], columns: list[Column], methods: list[str], words: Mapping[str, str]) -> _Arranged:
    heads = ("Method", "Data set", "Model", "Masks", "Images")
    lines = []
    for method in methods:
        for part in parts:
            means = [_mean([part], method, column) for column in columns]
            if any(mean is not None for mean in means):
                about = [words.get(t, t) for t in (method, part.data, part.model, part.annotator)]
                peers = (part.data, part.model, part.annotator)
                lines.append(_Placed(method, peers, (*about, str(part.table.images)), means, True))
    return heads, (), columns, lines


def _mean(parts: Sequence[Part], method: str, column: Column) -> Mean | None:
    for part in parts:
        if (mean := part.means.get(method, {}).get(column.score)) is not None:
            return mean
    return None


def _marked(
    lines: list[_Placed], columns: Sequence[Column], decimals: int | None, intervals: bool, second: bool
) -> list[_Placed]:
    """The numbers as text, with the best and the second best of each column in a group marked. Numbers that are printed
    alike are marked alike."""
    for peers in dict.fromkeys(line.peers for line in lines):
        rivals = [line for line in lines if line.peers == peers]
        ranked = [_ranking([line.means[i] for line in rivals], c, decimals) for i, c in enumerate(columns)]
        for line in rivals:
            cells = [
                _cell(mean, column, ranked[i], decimals, intervals, second)
                for i, (mean, column) in enumerate(zip(line.means, columns, strict=True))
            ]
            line.line = Line(line.heads, tuple(cells), line.first)
    return lines


def _ranking(means: Sequence[Mean | None], column: Column, decimals: int | None) -> list[str]:
    """The printed numbers, the best first; empty if there is only one."""
    known = [mean.value for mean in means if mean is not None]
    if len(known) < 2:
        return []
    return list(dict.fromkeys(column.shown(v, decimals) for v in sorted(known, reverse=column.higher_is_better)))


def _cell(
    mean: Mean | None, column: Column, ranking: list[str], decimals: int | None, intervals: bool, second: bool
) -> Cell:
    if mean is None:
        return Cell()
    text = column.shown(mean.value, decimals)
    interval = ""
    if intervals and mean.low < mean.high:
        interval = f"[{column.shown(mean.low, decimals)}, {column.shown(mean.high, decimals)}]"
    return Cell(text, interval, text in ranking[:1], second and text in ranking[1:2], mean)
