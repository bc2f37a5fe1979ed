"""The class that is explained: typed with completion, visibly fixed or following the prediction."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPoint, QSize, QStringListModel, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QCompleter, QLineEdit, QSizePolicy, QToolButton, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import FIELD_HEIGHT
from vitinspect.app.widgets import icons, rows, tips


class ClassField(QLineEdit):
    """``chosen`` carries the number of a class, ``cleared`` asks for what the field shows without a fixed class."""

    chosen = Signal(int)
    cleared = Signal()

    def __init__(self, *, name: str = "Explain", empty: str = "predicted", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._labels: tuple[str, ...] = ()
        self._words: list[str] = []
        self._index: int | None = None
        self._empty = empty
        self.setFixedHeight(FIELD_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(name)
        self._model = QStringListModel(self)
        completer = QCompleter(self._model, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        completer.setMaxVisibleItems(12)
        self.setCompleter(completer)
        completer.activated[QModelIndex].connect(self._completed)  # type: ignore[index]
        self.cross: QToolButton = rows.icon_button("cancel", f"{name}: back to {empty}", self.clear_class, size=20)
        self.cross.setParent(self)
        self.cross.setCursor(Qt.CursorShape.ArrowCursor)
        self.returnPressed.connect(self._typed)
        self.textEdited.connect(lambda: self._mark_wrong(False))
        self._follow()

    def set_classes(self, labels: Sequence[str]) -> None:
        """Names by number; those of several classes get their number behind them."""
        self._labels = tuple(labels)
        seen: dict[str, int] = {}
        for label in self._labels:
            seen[label] = seen.get(label, 0) + 1
        self._words = [f"{w} ({i})" if seen[w] > 1 else w for i, w in enumerate(self._labels)]
        self._model.setStringList(self._words)
        self._follow()

    def set_class(self, index: int | None) -> None:
        """None where no class is fixed. Emits nothing."""
        self._index = index
        self._follow()

    def set_empty(self, words: str) -> None:
        """The text while no class is fixed: "predicted: gem"."""
        self._empty = words
        self._follow()

    @property
    def index(self) -> int | None:
        return self._index

    def class_of(self, text: str) -> int | None:
        """The class that is meant: its whole name, its number, or the only name that contains the text."""
        clean = text.strip().casefold()
        if not clean:
            return None
        lowered = [w.casefold() for w in self._words]
        if clean in lowered:
            return lowered.index(clean)
        if clean.isdecimal() and int(clean) < len(self._words):
            return int(clean)
        within = [i for i, word in enumerate(lowered) if clean in word]
        starting = [i for i in within if lowered[i].startswith(clean)]
        for some in (within, starting):
            if len(some) == 1:
                return some[0]
        return None

    def clear_class(self) -> None:
        self._index = None
        self._follow()
        self.cleared.emit()

    @Slot(QModelIndex)
    def _completed(self, index: QModelIndex) -> None:
        self._take(self.class_of(str(index.data())))

    def _typed(self) -> None:
        popup = self.completer().popup()
        if self.list_is_open and popup is not None and popup.currentIndex().isValid():
            return  # the completer reports it
        if not self.text().strip():
            self.clear_class()
            return
        self._take(self.class_of(self.text()))

    def _take(self, index: int | None) -> None:
        if index is None:
            self._mark_wrong(True)
            return
        self._index = index
        # The completer writes its own text after this; the field's comes last.
        QTimer.singleShot(0, self, self._follow)
        self._follow()
        self.chosen.emit(index)

    def _mark_wrong(self, wrong: bool) -> None:
        if bool(self.property("wrong")) != wrong:
            self.setProperty("wrong", wrong)
            self.style().unpolish(self)
            self.style().polish(self)
        self.setToolTip(tips.plain(f"No class is called {self.text()!r}") if wrong else "")

    @Slot()
    def _follow(self) -> None:
        fixed = self._index is not None
        label = ""
        if self._index is not None:
            label = self._words[self._index] if self._index < len(self._words) else f"class {self._index}"
        if self.text() != label:
            self.setText(label)
            self.setCursorPosition(0)
        self.setPlaceholderText(self._empty)
        self.setProperty("fixed", fixed)
        self.cross.setVisible(fixed)
        self.setTextMargins(20 if fixed else 0, 0, 20, 0)
        self._mark_wrong(False)
        font = theme.font()
        font.setBold(fixed)
        self.setFont(font)
        self.style().unpolish(self)
        self.style().polish(self)
        self.setToolTip(tips.plain(label))

    # --- what a person sees and does -----------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        super().mousePressEvent(event)
        if event.button() == Qt.MouseButton.LeftButton:
            self.selectAll()
            self.open_list()

    @property
    def list_is_open(self) -> bool:
        popup = self.completer().popup()
        return popup is not None and popup.isVisible()

    def open_list(self) -> None:
        """All classes, to choose from."""
        completer = self.completer()
        completer.setCompletionPrefix("")
        if self._words:
            completer.complete()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() == Qt.Key.Key_Escape:
            self._follow()
            self.clearFocus()
        elif event.key() == Qt.Key.Key_Down and not self.list_is_open:
            self.open_list()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.selectAll()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._follow()  # what was typed and not accepted is not kept

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        self.cross.move(self.width() - 22, (self.height() - 20) // 2)

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(128, FIELD_HEIGHT)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(96, FIELD_HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        t = theme.current()
        painter = QPainter(self)
        middle = self.height() // 2
        if self._index is not None:
            icons.paint(painter, "lock", t.on_chosen, QPoint(14, middle))
        else:
            icons.paint(painter, "chevron-down", QColor(t.quiet).name(), QPoint(self.width() - 13, middle))
        painter.end()
