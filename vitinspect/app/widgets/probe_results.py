"""How good trained heads are: accuracies, each class, confusions, calibration, and heads side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app.widgets import rows
from vitinspect.app.widgets.curve_chart import Curve, CurveChart
from vitinspect.app.widgets.segments import Segment, Segments

ROW = 22
LOSS_WORDS = {"ce": "cross-entropy (ce)", "bce": "binary cross-entropy (bce)"}


class ProbeResults(QTabWidget):
    """Plain data in: what ``HEAD.json`` holds, the path of the picture of confusions, the rows of the comparison."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.accuracy = table("Accuracy of each split")
        self.grid = table("The grid of C")
        self.classes = table("Accuracy of each class")
        self.confusions = Picture()
        self.calibration = CurveChart("Calibration", x_label="confidence, %", y_label="right, share")
        self.compared = table("Heads side by side")
        self.about_compared = rows.note(
            "Maps explain each head's own answer. Deletion: lower is better; insertion: higher. Between classes: the "
            "mean rank correlation of the map of the answer with that of the second class; lower is more specific."
        )
        self.which = Segments([Segment("ce", "ce"), Segment("bce", "bce")], name="Head that is shown")
        self.which.chosen.connect(self._show)
        self._heads: dict[str, tuple[Mapping[str, Any], str]] = {}
        for title, parts in (
            ("Accuracy", (self.accuracy, self.grid)),
            ("Classes", (self.classes,)),
            ("Confusions", (self.confusions,)),
            ("Calibration", (self.calibration,)),
            ("Compared", (self.compared, self.about_compared)),
        ):
            page = QWidget()
            column = QVBoxLayout(page)
            column.setContentsMargins(8, 8, 8, 8)
            column.setSpacing(8)
            for part in parts:
                column.addWidget(part)
            self.addTab(page, title)
        corner = QWidget()
        line = QHBoxLayout(corner)
        line.setContentsMargins(0, 0, 8, 2)
        line.addWidget(self.which)
        self.setCornerWidget(corner)
        self.set_heads({}, ())

    def set_heads(
        self, heads: Mapping[str, tuple[Mapping[str, Any], str]], compared: Sequence[Mapping[str, Any]]
    ) -> None:
        """``heads``: loss -> what its JSON holds, and the path of its confusions."""
        self._heads = dict(heads)
        self.which.setVisible(len(heads) > 1)
        self.setTabVisible(4, bool(compared))
        _fill(self.compared, *compared_rows(compared))
        if heads:
            if self.which.value not in heads:
                self.which.set_value(next(iter(heads)))
            self._show(self.which.value)
        if compared:
            self.setCurrentIndex(4)
        elif heads:
            self.setCurrentIndex(0)

    def _show(self, loss: str) -> None:
        found = self._heads.get(loss)
        if found is None:
            return
        about, picture = found
        _fill(self.accuracy, *accuracy_rows(about))
        _fill(self.grid, *grid_rows(about))
        _fill(self.classes, *class_rows(about))
        self.confusions.show_file(picture)
        measured = last_measured(about)[1]
        places = [row for row in measured.get("reliability", ()) if len(row) == 3]
        sure, right = [100 * float(row[0]) for row in places], [float(row[1]) for row in places]
        self.calibration.set_curves(
            [
                Curve(1, "this head", sure, right, place=2, chosen=True),
                Curve(2, "perfect", [0.0, 100.0], [0.0, 1.0], place=0),
            ]
        )

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(520, 420)


# --- the contents of the tables --------------------------------------------------------------------------------------

Rows = tuple[tuple[str, ...], list[tuple[str, ...]]]


def last_measured(about: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The split that counts: the test pictures where there are some."""
    measured = about.get("measured") or {}
    title = list(measured)[-1] if measured else ""
    return title, measured.get(title, {})


def accuracy_rows(about: Mapping[str, Any]) -> Rows:
    heading = ("Split", "Pictures", "Top-1 ↑", "Top-5 ↑", "Mean of classes ↑", "Calibration error ↓", "−log p ↓")
    found = [
        (
            title,
            str(one["count"]),
            *(f"{one[name]:.2%}" for name in ("top1", "top5", "balanced")),
            f"{one['calibration_error']:.3f}",
            f"{one['loss']:.3f}",
        )
        for title, one in (about.get("measured") or {}).items()
    ]
    for k, share in (about.get("knn") or {}).items():
        found.append((f"{k} nearest neighbours", "", f"{share:.2%}", "", "", "", ""))
    return heading, found


def grid_rows(about: Mapping[str, Any]) -> Rows:
    found: list[tuple[str, ...]] = []
    for one in about.get("grid") or ():
        chosen = one["C"] == about.get("C")
        right = "" if one["validation"] is None else f"{one['validation']:.2%}"
        loss = "" if one["loss"] is None else f"{one['loss']:.4f}"
        steps = f"{one['steps']}" + ("" if one["converged"] else ", not converged")
        found.append((f"{one['C']:g}" + (", chosen" if chosen else ""), right, loss, steps))
    return ("C", "Validation top-1 ↑", "−log p ↓", "Steps"), found


def class_rows(about: Mapping[str, Any]) -> Rows:
    """The worst first."""
    title, one = last_measured(about)
    shares, counts = one.get("per_class") or {}, one.get("per_class_count") or {}
    known: list[tuple[float, str]] = sorted((share, name) for name, share in shares.items() if share is not None)
    found: list[tuple[str, ...]] = [(name, str(counts.get(name, "")), f"{share:.1%}") for share, name in known]
    return (f"Class ({title})", "Pictures", "Right ↑"), found


def compared_rows(compared: Sequence[Mapping[str, Any]]) -> Rows:
    """A column for each head."""
    methods = list(dict.fromkeys(method for row in compared for method in row.get("maps", {})))

    def cells(title: str, of: Callable[[Mapping[str, Any]], str]) -> tuple[str, ...]:
        return (title, *(of(row) for row in compared))

    def share(name: str) -> Callable[[Mapping[str, Any]], str]:
        return lambda row: "not known" if row[name] is None else f"{row[name]:.2%}"

    def score(method: str, name: str) -> Callable[[Mapping[str, Any]], str]:
        return lambda row: f"{row['maps'][method][name]:.3f}" if method in row["maps"] else "does not apply"

    found = [
        cells("Trained as", lambda row: LOSS_WORDS.get(row["loss"], "not known")),
        cells("Reads", lambda row: row["reads"]),
        cells("Classes", lambda row: str(row["classes"])),
        cells("Top-1 ↑", share("top1")),
        cells("Top-5 ↑", share("top5")),
    ]
    for method in methods:
        for title, name in (("deletion ↓", "deletion"), ("insertion ↑", "insertion")):
            found.append(cells(f"{method} {title}", score(method, name)))
        found.append(cells(f"{method} between classes ↓", score(method, "between_classes")))
    return ("", *(row["name"] for row in compared)), found


def table(name: str) -> QTableWidget:
    """A table of texts that cannot be edited."""
    made = QTableWidget(0, 0)
    made.setAccessibleName(name)
    made.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    made.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    made.setShowGrid(False)
    made.setAlternatingRowColors(False)
    made.verticalHeader().setVisible(False)
    made.verticalHeader().setDefaultSectionSize(ROW)
    made.horizontalHeader().setHighlightSections(False)
    return made


def _fill(made: QTableWidget, heading: Sequence[str], found: Sequence[Sequence[str]]) -> None:
    made.setColumnCount(len(heading))
    made.setRowCount(len(found))
    for column, text in enumerate(heading):
        item = QTableWidgetItem(text)
        side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
        item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
        made.setHorizontalHeaderItem(column, item)
    for row, cells in enumerate(found):
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text)
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(text)
            made.setItem(row, column, item)
    made.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)


class Picture(QWidget):
    """A picture from a file, as large as fits."""

    def __init__(self) -> None:
        super().__init__()
        self._picture = QPixmap()
        self.setAccessibleName("Confusions: rows are the true classes, columns the answers")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_file(self, path: str) -> None:
        self._picture = QPixmap(path)
        self.update()

    @property
    def is_there(self) -> bool:
        return not self._picture.isNull()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        if self._picture.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        ratio = self.devicePixelRatioF()
        size = self._picture.size().scaled(self.size() * ratio, Qt.AspectRatioMode.KeepAspectRatio)
        smooth = Qt.TransformationMode.SmoothTransformation
        shown = self._picture.scaled(size, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        shown.setDevicePixelRatio(ratio)
        left = (self.width() - shown.deviceIndependentSize().width()) / 2
        painter.drawPixmap(round(left), 0, shown)
