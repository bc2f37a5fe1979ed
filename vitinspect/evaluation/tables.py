"""Computing tables from single scores: means with intervals per method and annotator, and the best ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.store import Store
from vitinspect.scores.statistics import Comparison, Mean, compare_paired, mean_with_interval


@dataclass(frozen=True)
class Column:
    """How a table shows a score."""

    score: str
    title: str
    higher_is_better: bool = True
    percent: bool = False

    def shown(self, value: float, decimals: int | None = None) -> str:
        """The number as tables print it; by default with two decimals for percent and three for others."""
        if decimals is None:
            decimals = 2 if self.percent or "(%)" in self.title else 3
        return f"{100 * value if self.percent else value:z.{decimals}f}"

    @property
    def arrow(self) -> str:
        return "↑" if self.higher_is_better else "↓"


_PERCENT = {"percent": True}
COLUMNS: tuple[Column, ...] = (
    Column("iou", "IoU (%)", percent=True),
    Column("f1", "F1 (%)", percent=True),
    Column("pixel_accuracy_vitmix", "Pixel accuracy (recall) (%)", percent=True),
    Column("pixel_accuracy", "Pixel accuracy (%)", percent=True),
    Column("precision", "Precision (%)", percent=True),
    Column("mean_iou", "Mean IoU (%)", percent=True),
    Column("average_precision", "AP (%)", percent=True),
    Column("best_iou", "Best IoU (%)", percent=True),
    Column("pointing_game", "Pointing game (%)", percent=True),
    Column("energy_inside", "Energy inside (%)", percent=True),
    Column("boundary_f1", "Boundary F1 (%)", percent=True),
    Column("hausdorff95", "Hausdorff 95 (px)", higher_is_better=False),
    Column("deletion_auc", "Deletion AUC", higher_is_better=False),
    Column("deletion_auc_vitmix", "Deletion AUC (mask)", higher_is_better=False),
    Column("insertion_auc", "Insertion AUC"),
    Column("lerf_auc", "LeRF AUC"),
    Column("srg", "SRG"),
    Column("average_drop", "Average drop", higher_is_better=False),
    Column("average_increase", "Average increase"),
    Column("average_gain", "Average gain"),
    Column("coherency", "Coherency"),
    Column("complexity", "Complexity", higher_is_better=False),
    Column("adcc", "ADCC"),
    Column("insertion_auc_black", "Insertion AUC, black"),
    Column("deletion_auc_black", "Deletion AUC, black", higher_is_better=False),
    Column("insertion_auc_mean", "Insertion AUC, mean"),
    Column("deletion_auc_mean", "Deletion AUC, mean", higher_is_better=False),
)
_BY_SCORE = {column.score: column for column in COLUMNS}


def _percent_already(score: str, title: str, higher_is_better: bool = True) -> Column:
    """A score that is stored in percent."""
    return Column(score, f"{title} (%)", higher_is_better)


PROTOCOL_COLUMNS: dict[str, tuple[Column, ...]] = {
    # The columns of the ViTmiX paper, in its order, and the deletion of the map.
    "vitmix": (
        _BY_SCORE["iou"],
        _BY_SCORE["f1"],
        _BY_SCORE["pixel_accuracy_vitmix"],
        Column("deletion_auc_vitmix", "Deletion AUC", higher_is_better=False),
        Column("deletion_auc", "Deletion AUC (map)", higher_is_better=False),
    ),
    "multiplex": tuple(
        Column(f"{kind}_auc_{fill}", f"{kind.capitalize()} AUC, {words}", higher_is_better=kind == "insertion")
        for fill, words in (("black", "black"), ("mean", "mean"), ("blur", "blur"), ("noise", "random"))
        for kind in ("insertion", "deletion")
    ),
    "reciprocam": (
        _percent_already("average_drop", "Average drop", higher_is_better=False),
        _percent_already("average_increase", "Average increase"),
        _percent_already("deletion_auc", "Deletion AUC", higher_is_better=False),
        _percent_already("insertion_auc", "Insertion AUC"),
        _percent_already("deletion_auc_all_cells", "Deletion AUC, all cells", higher_is_better=False),
        _percent_already("insertion_auc_all_cells", "Insertion AUC, all cells"),
        _percent_already("coherency", "Coherency"),
        _percent_already("complexity", "Complexity", higher_is_better=False),
    ),
    "gmar": (
        Column("pixel_accuracy", "PixelAcc (%)", percent=True),
        Column("iou", "mIoU (%)", percent=True),
        Column("average_precision", "mAP (%)", percent=True),
        _percent_already("average_drop", "Average drop", higher_is_better=False),
        _percent_already("average_increase", "Average increase"),
        _percent_already("average_gain", "Average gain"),
        _BY_SCORE["insertion_auc"],
        _BY_SCORE["deletion_auc"],
    ),
    "segmentation": (
        Column("f1", "F1 (%)", percent=True),
        _percent_already("positive_perturbation_auc", "Positive perturbation AUC", higher_is_better=False),
        _percent_already("negative_perturbation_auc", "Negative perturbation AUC"),
    ),
}
"""The columns of a protocol's table, in its authors' order; sums over the data set follow."""


@dataclass(frozen=True)
class Row:
    """A method, or a combination of methods, and its means."""

    method: str
    ways: int
    means: dict[str, Mean]
    suffix: str = ""
    """The suffix if the set is fused in a further mode; compared only with rows of the same suffix."""


@dataclass(frozen=True)
class Table:
    """The table of one annotator; scores that need no mask are the same in all tables."""

    annotator: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    images: int
    """The images with a score in this table: with a mask by this annotator, if there are masks."""
    of: int = 0
    """All images of the run."""

    def best(self, column: Column, suffix: str = "") -> float | None:
        """The best mean of a column among the rows that are compared with each other."""
        peers = [row for row in self.rows if row.suffix == suffix]
        values = [row.means[column.score].value for row in peers if column.score in row.means]
        if not values:
            return None
        return max(values) if column.higher_is_better else min(values)

    def is_best(self, row: Row, column: Column) -> bool:
        mean = row.means.get(column.score)
        return mean is not None and len(self.rows) > 1 and mean.value == self.best(column, row.suffix)

    @property
    def counted(self) -> str:
        """What was scored, for captions: "masks by ben, 3 of 10 images"."""
        of = f" of {self.of}" if self.of != self.images else ""
        count = f"{self.images}{of} image{'s' if (self.of or self.images) != 1 else ''}"
        if self.annotator == POOLED:
            return f"masks of all annotators, {count}"
        return f"masks by {self.annotator}, {count}" if self.annotator else count

    @property
    def blocks(self) -> list[tuple[str, list[Row]]]:
        """The rows by the number of methods that they combine, under a heading; further fusion modes follow."""
        kinds = sorted({(r.suffix, r.ways) for r in self.rows})
        return [
            (f"{ways}-way methods{suffix}", [r for r in self.rows if (r.suffix, r.ways) == (suffix, ways)])
            for suffix, ways in kinds
        ]


POOLED = "all annotators"
"""Used instead of an annotator's name: each mask of each image counts once."""
_BETWEEN = "\0"


def _images(keys: Iterable[str]) -> list[str]:
    """The image of each key of ``Results.get``."""
    return [key.partition(_BETWEEN)[0] for key in keys]


class Results:
    """All scores of a run in memory: a number per image, method, annotator and score."""

    def __init__(self, store: Store) -> None:
        self.plan: Plan = store.plan
        self.images = list(store.images())
        self.data_notes: list[str] = json.loads(store.fact("data_notes") or "[]")
        self.values: dict[tuple[str, str, str], dict[str, float]] = {}
        """(annotator, method, score) to image to value."""
        for image, method, annotator, score, value in store.scores():
            self.values.setdefault((annotator, method, score), {})[image] = value
        self.combinations = {row.name: row.combination for row in self.plan.rows()}
        self.suffixes = {row.name: row.suffix for row in self.plan.rows()}
        """The suffixes of the methods' names if sets are fused in further modes."""
        self.ways = {name: c.ways for name, c in self.combinations.items()}
        self.methods = [name for name in self.ways if any(m == name for _, m, _ in self.values)]

    @property
    def annotators(self) -> list[str]:
        """The annotators who drew masks; the empty name if there is only one set, or none."""
        found = {a for a, _, score in self.values if score == "iou"}
        return sorted(found) or [""]

    def get(self, annotator: str, method: str, score: str) -> dict[str, float]:
        """Image to value; scores that need no mask are stored without an annotator.

        For all annotators together it is (image, annotator), joined as one text, to value: the ViTmiX paper's rows are
        means over these.
        """
        if annotator == POOLED:
            pooled = {
                f"{image}{_BETWEEN}{who}": value
                for who in self.annotators
                for image, value in self.values.get((who, method, score), {}).items()
            }
            return pooled or self._without_masks(self.annotators, method, score, pooled=True)
        return self.values.get((annotator, method, score)) or self._without_masks([annotator], method, score)

    def _without_masks(
        self, people: Sequence[str], method: str, score: str, *, pooled: bool = False
    ) -> dict[str, float]:
        """A score that needs no mask: once for each image. The ViTmiX script uses it once for each mask instead, so
        that images with many masks weigh more."""
        found = self.values.get(("", method, score), {})
        if self.plan.protocol != "vitmix" or self.annotators == [""]:
            return found
        masks = [(image, who) for who in people for image in self.values.get((who, method, "iou"), {})]
        return {f"{image}{_BETWEEN}{who}" if pooled else image: found[image] for image, who in masks if image in found}

    def tables(self) -> list[Table]:
        """One table for each annotator, and one for all of them if there are several."""
        several = [POOLED] if len(self.annotators) > 1 else []
        return [self.table(annotator) for annotator in [*self.annotators, *several]]

    def scored(self, annotator: str) -> set[str]:
        """The images with a score of this annotator's masks; if there are no masks, those with any score."""
        whose = self.annotators if annotator == POOLED else [annotator]
        masked = {
            image
            for (who, _, score), found in self.values.items()
            if score == "iou" and who in whose
            for image in found
        }
        return masked or {image for found in self.values.values() for image in found}

    def table(self, annotator: str) -> Table:
        wanted = PROTOCOL_COLUMNS.get(self.plan.protocol or "", COLUMNS)
        columns = tuple(c for c in wanted if any(self.get(annotator, m, c.score) for m in self.methods))
        columns = self._without_repetition(annotator, columns)
        rows = []
        for method in self.methods:
            means = {
                c.score: mean_with_interval(list(values.values()), groups=_images(values), seed=self.plan.seed)
                for c in columns
                if (values := self.get(annotator, method, c.score))
            }
            means |= self._over_the_data_set(annotator, method)
            rows.append(Row(method, self.ways[method], means, self.suffixes[method]))
        extra = {s for row in rows for s in row.means} - {c.score for c in columns}
        columns += tuple(Column(s, t, percent=s != "adcc_data_set") for s, t in _DATA_SET_TITLES.items() if s in extra)
        return Table(annotator, columns, tuple(rows), len(self.scored(annotator)), len(self.images))

    def _without_repetition(self, annotator: str, columns: tuple[Column, ...]) -> tuple[Column, ...]:
        """One column under both names if LeRF and insertion are the same curve."""
        pairs = [(self.get(annotator, m, "lerf_auc"), self.get(annotator, m, "insertion_auc")) for m in self.methods]
        if not any(lerf for lerf, _ in pairs) or any(lerf != insertion for lerf, insertion in pairs):
            return columns
        return tuple(
            replace(c, title="Insertion AUC = LeRF AUC") if c.score == "insertion_auc" else c
            for c in columns
            if c.score != "lerf_auc"
        )

    def _over_the_data_set(self, annotator: str, method: str) -> dict[str, Mean]:
        """Scores that authors compute from sums over all images instead of averaging per image."""
        if self.plan.protocol == "segmentation":
            counts = [
                np.array(list(self.get(annotator, method, name).values()))
                for name in ("true_positive", "false_positive", "false_negative", "true_negative")
            ]
            if not counts[0].size:
                return {}
            tp, fp, fn, tn = (float(c.sum()) for c in counts)
            ap = np.array(list(self.get(annotator, method, "average_precision_two_classes").values()))
            count = int(counts[0].size)
            tiny = float(np.spacing(1))
            f1 = np.array(list(self.get(annotator, method, "f1_over_rows").values()))
            iou = ((tp / (tp + fp + fn + tiny)) + (tn / (tn + fp + fn + tiny))) / 2
            return {
                "data_set_pixel_accuracy": _plain((tp + tn) / (tp + tn + fp + fn + tiny), count),
                "data_set_mean_iou": _plain(iou, count),
                "data_set_map": _plain(float(ap.mean()) if ap.size else 0.0, count),
                "data_set_mf1": _plain(float(f1.mean()) if f1.size else 0.0, count),
            }
        if self.plan.protocol == "reciprocam":
            parts = [list(self.get("", method, n).values()) for n in ("coherency", "complexity", "average_drop")]
            if not all(parts):
                return {}
            coherency, complexity, drop = (float(np.mean(p)) / 100 for p in parts)
            terms = (coherency, 1 - complexity, 1 - drop)
            return {"adcc_data_set": _plain(300 / sum(1 / t for t in terms) if min(terms) > 0 else 0.0, len(parts[0]))}
        return {}

    def compare_with_best(self, table: Table, column: Column) -> list[tuple[str, str, Comparison]]:
        """The best method of a column compared with each other one, on the images that both have.

        Sets that are fused in a further mode are left out: they repeat the same methods.
        """
        rows = [row for row in table.rows if not row.suffix]
        best = next((row.method for row in rows if table.is_best(row, column)), None)
        if best is None:
            return []
        reference = self.get(table.annotator, best, column.score)
        found = []
        for row in rows:
            other = self.get(table.annotator, row.method, column.score)
            shared = [image for image in reference if image in other]
            if row.method != best and shared:
                a, b = ([values[image] for image in shared] for values in (reference, other))
                found.append((best, row.method, compare_paired(a, b, groups=_images(shared), seed=self.plan.seed)))
        return found


_DATA_SET_TITLES = {
    "data_set_pixel_accuracy": "Pixel accuracy over the data set (%)",
    "data_set_mean_iou": "mIoU over the data set (%)",
    "data_set_map": "mAP (%)",
    "data_set_mf1": "mF1 over rows (%)",
    "adcc_data_set": "ADCC over the data set (%)",
}


def _plain(value: float, count: int) -> Mean:
    """A number over the whole data set, which has no spread over images."""
    return Mean(value, value, value, count)


def main_column(columns: Sequence[Column]) -> Column | None:
    """The score that comparisons and the bar chart show."""
    preferred = ("iou", "srg", "deletion_auc", "insertion_auc", "adcc", "insertion_auc_black")
    by_score = {c.score: c for c in columns}
    return next((by_score[s] for s in preferred if s in by_score), columns[0] if columns else None)
