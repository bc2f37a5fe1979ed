"""Which model, what it predicts, and what is explained."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QCompleter,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from vitinspect.app import theme
from vitinspect.app.panels.section import Choice, form, quiet
from vitinspect.app.services.coordinator import short_source
from vitinspect.app.session.results import FAILED, LOADING, READY, Results
from vitinspect.app.session.state import State

ROW = 22


class ModelPanel(QWidget):
    """Model, device, precision, load state, predictions, target."""

    def __init__(self, state: State, results: Results, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state, self._results = state, results
        self.source = QComboBox()
        self.source.setEditable(True)
        self.source.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.source.setMinimumContentsLength(8)
        self.source.setToolTip(
            "demo, a name of timm's, hf-hub:OWNER/NAME, random:NAME, a folder or a checkpoint; Enter loads it"
        )
        self.source.setAccessibleName("Model")
        more = QToolButton()
        more.setText("Open")
        more.setToolTip("Load a model from a file or a folder")
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(more)
        menu.addAction("Checkpoint file…", self._open_file)
        menu.addAction("Folder of timm or transformers…", self._open_folder)
        more.setMenu(menu)
        first = QHBoxLayout()
        first.setSpacing(4)
        first.addWidget(self.source, 1)
        first.addWidget(more)
        self.status = quiet()
        self.device = Choice(state, "device", [("auto", "Automatic"), ("cpu", "CPU")], "Where the model runs")
        self.precision = Choice(
            state,
            "precision",
            [("float32", "float32"), ("bfloat16", "bfloat16"), ("float64", "float64")],
            "Number format of the computations",
        )
        self.fit = Choice(
            state,
            "fit",
            [("crop", "Crop, as evaluated"), ("squash", "Squash the whole"), ("pad", "Pad the whole")],
            "How a picture is fitted into the model's input",
        )
        rows = form()
        rows.addRow("Runs on", self.device)
        rows.addRow("Precision", self.precision)
        rows.addRow("Input", self.fit)
        self.predictions = Predictions(state, results)
        self.target = TargetField("Predicted class")
        self.against = TargetField("Nothing (no contrast)")
        self.target.setToolTip("The class that is explained: type a part of its name or its index")
        self.against.setToolTip("Explain what speaks for the target rather than for this class")
        targets = form()
        targets.addRow("Explain", self.target)
        targets.addRow("Against", self.against)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addWidget(self.status)
        layout.addLayout(rows)
        layout.addSpacing(4)
        layout.addWidget(self.predictions)
        layout.addLayout(targets)
        typed = self.source.lineEdit()
        assert typed is not None
        typed.returnPressed.connect(self._typed)
        self.source.activated.connect(
            lambda index: self._load(self.source.itemData(index) or self.source.itemText(index))
        )
        self.target.picked.connect(self._retarget)
        self.against.picked.connect(self._retarget)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self._follow_source()
        self._follow_model()
        self._follow_target()

    # --- the model -----------------------------------------------------------------------------------------------

    def _typed(self) -> None:
        text = self.source.currentText().strip()
        index = self.source.findText(text)
        self._load(self.source.itemData(index) if index >= 0 else text)

    def _load(self, source: str) -> None:
        if source:
            self._state.set(model=source, target=())

    def _open_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Load a checkpoint", "", "Checkpoints (*.safetensors *.pth *.pt *.bin);;All files (*)"
        )
        self._load(path)

    def _open_folder(self) -> None:
        self._load(QFileDialog.getExistingDirectory(self, "Load a model's folder"))

    def _follow_source(self) -> None:
        self.source.blockSignals(True)
        self.source.clear()
        for source in dict.fromkeys(("demo", *self._state.recent_models, self._state.model)):
            self.source.addItem("demo (bundled)" if source == "demo" else short_source(source), source)
            self.source.setItemData(self.source.count() - 1, source, Qt.ItemDataRole.ToolTipRole)
        self.source.setCurrentIndex(self.source.findData(self._state.model))
        self.source.blockSignals(False)

    def _follow_names(self) -> None:
        """timm's names, completed by any part of them."""
        completer = QCompleter(list(self._results.model_names), self.source)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.source.setCompleter(completer)

    def _follow_devices(self) -> None:
        """The accelerators of this machine, which are known when torch is there; and one that was wished for before."""
        wished = self._state.device
        for device in (*self._results.devices, wished):
            if self.device.findData(device) < 0:
                known = device in self._results.devices
                self.device.addItem(device.upper() if known else f"{device.upper()} (not here)", device)
        self.device.setCurrentIndex(self.device.findData(wished))

    def _follow_model(self) -> None:
        results, card = self._results, self._results.card
        if results.model_state == FAILED:
            text = f"Not loaded. {results.model_error}"
        elif results.model_state == LOADING:
            text = "Loading …"
        elif results.model_state == READY and card is not None:
            rows, columns = card.grid
            text = (
                f"{card.name}\n{card.parameters / 1e6:.1f} M parameters, {card.depth} blocks, {card.heads} heads, "
                f"{rows} × {columns} patches, {card.input_size[1]} × {card.input_size[0]} px, on {card.device}"
            )
        else:
            text = ""
        self.status.setText(text)
        labels = card.labels if card is not None else ()
        self.target.set_labels(labels)
        self.against.set_labels(labels)

    # --- the target ----------------------------------------------------------------------------------------------

    def _retarget(self) -> None:
        a, b = self.target.index, self.against.index
        if a is None and b is not None and self._results.predictions:
            # "Against" alone means: what speaks for the predicted class rather than for that one.
            a = self._results.predictions[0].index
        target = () if a is None else (a,) if b is None or b == a else (a, b)
        self._state.set(target=target)
        self._follow_target()

    def _follow_target(self) -> None:
        target = self._state.target
        self.target.show_index(target[0] if target else None)
        self.against.show_index(target[1] if len(target) > 1 else None)

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"model", "recent_models"}:
            self._follow_source()
        if "target" in names:
            self._follow_target()

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"card", "model_state", "model_error"}:
            self._follow_model()
            self._follow_target()
        if "model_names" in names:
            self._follow_names()
        if "devices" in names:
            self._follow_devices()


class TargetField(QLineEdit):
    """A class, by any part of its name or by its index; empty for none."""

    picked = Signal()

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setClearButtonEnabled(True)
        self.setAccessibleName(placeholder)
        self.labels: tuple[str, ...] = ()
        self.index: int | None = None
        self.returnPressed.connect(self._entered)
        self.textEdited.connect(lambda text: None if text else self._entered())

    def set_labels(self, labels: tuple[str, ...]) -> None:
        if labels == self.labels:
            return
        self.labels = labels
        completer = QCompleter(list(labels), self)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.activated.connect(lambda text: self._entered())
        self.setCompleter(completer)

    def show_index(self, index: int | None) -> None:
        self.index = index
        text = "" if index is None else self.labels[index] if index < len(self.labels) else f"{index}"
        if text != self.text():
            self.setText(text)
            self.setCursorPosition(0)

    def _entered(self) -> None:
        found = self._find(self.text().strip())
        if found == -1:
            self.setToolTip(f"There is no class with {self.text()!r} in its name")
            self.selectAll()
            return
        self.index = found
        self.picked.emit()

    def _find(self, text: str) -> int | None:
        """None for nothing, -1 for no such class."""
        if not text:
            return None
        folded = [label.casefold() for label in self.labels]
        wanted = text.casefold()
        if wanted in folded:
            return folded.index(wanted)
        if text.isdigit() and int(text) < len(self.labels):
            return int(text)
        return next((i for i, label in enumerate(folded) if wanted in label), -1)


class Predictions(QWidget):
    """The top classes as bars. A click explains that class; the explained one has the accent's colour."""

    def __init__(self, state: State, results: Results) -> None:
        super().__init__()
        self._state, self._results = state, results
        self._hover = -1
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Predicted classes")
        self.setToolTip("Click a class to explain it; click it again for the predicted one")
        self.setFont(theme.tabular(self.font()))
        results.changed.connect(lambda names: self.update() if names & {"predictions", "target"} else None)
        state.changed.connect(lambda names: self.update() if "target" in names else None)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(200, 5 * ROW)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(120, 5 * ROW)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        t = theme.current()
        painter = QPainter(self)
        metrics = QFontMetrics(self.font())
        rows = self._results.predictions[:5]
        if not rows:
            painter.setPen(QColor(t.quiet))
            card = self._results.card
            text = "This model has no classifier" if card and not card.has_classifier else "No prediction yet"
            painter.drawText(QRect(0, 0, self.width(), ROW), Qt.AlignmentFlag.AlignVCenter, text)
            return
        figure = metrics.horizontalAdvance("100.0 %") + 4
        for i, row in enumerate(rows):
            area = QRect(0, i * ROW, self.width(), ROW)
            if i == self._hover:
                painter.fillRect(area, QColor(t.hover))
            chosen = row.index in self._results.target
            width = max(1, round((self.width() - figure) * row.probability))
            colour = QColor(t.accent)
            colour.setAlpha(120 if chosen else 45)
            painter.fillRect(QRect(0, area.top() + 2, width, ROW - 4), colour)
            painter.setPen(QColor(t.text))
            name = area.adjusted(6, 0, -figure, 0)
            painter.drawText(
                name,
                int(Qt.AlignmentFlag.AlignVCenter),
                metrics.elidedText(row.label, Qt.TextElideMode.ElideRight, name.width()),
            )
            painter.drawText(
                area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), f"{100 * row.probability:.1f} %"
            )
        if self.hasFocus():
            painter.setPen(QColor(t.accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._set_hover(int(event.position().y() // ROW))

    def leaveEvent(self, event: object) -> None:  # noqa: N802
        self._set_hover(-1)

    def _set_hover(self, row: int) -> None:
        if row != self._hover:
            self._hover = row
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.pick(int(event.position().y() // ROW))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        steps: dict[int, int] = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        step = steps.get(event.key())
        if step is not None:
            self._set_hover(min(max(0, self._hover + step), len(self._results.predictions[:5]) - 1))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.pick(self._hover)
        else:
            super().keyPressEvent(event)

    def pick(self, row: int) -> None:
        """Explain the class of this row, or the predicted one where it is explained already."""
        rows = self._results.predictions[:5]
        if 0 <= row < len(rows):
            target = (rows[row].index,)
            self._state.set(target=() if self._state.target == target or row == 0 else target)
