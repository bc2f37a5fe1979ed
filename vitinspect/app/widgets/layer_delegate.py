"""One row of the layer list: where its parts are, and how they are painted."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.widgets import icons, numbers, swatches
from vitinspect.app.widgets.layer_model import ROW, Index
from vitinspect.app.widgets.layer_rows import CACHED, HIDDEN, REFUSED, RUNNING, WAITING, LayerRow
from vitinspect.app.widgets.wrapping import wrapped

LINE = 16
SMALL_LINE = 14
NAME = 80
"""Where names begin."""
STATE = 52
"""Reserved for the state of a map, so that nothing moves when it changes."""
NOTE = 46
"""The least that is reserved for the share of a mask."""
MARK = 16
EDGE = 8


@dataclass(frozen=True)
class Parts:
    """Where the parts of a row are in its rectangle."""

    eye: QRect
    number: QRect
    swatch: QRect
    name: QRect
    state: QRect
    mark_a: QRect
    mark_b: QRect

    def at(self, point: QPoint, *, can_mark: bool) -> str:
        """Which part a click hits: eye, A, B, or the empty string for the row itself."""
        if self.eye.contains(point):
            return "eye"
        if not can_mark:
            return ""
        grown = [rect.adjusted(-2, -6, 2, 6) for rect in (self.mark_a, self.mark_b)]
        if grown[0].contains(point):
            return "A"
        return "B" if grown[1].contains(point) else ""


def parts(rect: QRect, row: LayerRow, *, hovered: bool) -> Parts:
    """The faint A and B of a hovered row are side by side; the one that is set is at the edge."""
    top = rect.top() + (rect.height() - MARK) // 2
    right = rect.right() + 1 - EDGE
    edge = QRect(right - MARK, top, MARK, MARK)
    inner = edge.translated(-MARK - 4, 0)
    both = hovered and row.can_mark
    width = STATE
    if row.note:
        width = max(NOTE, QFontMetrics(theme.font(tokens.SMALL_SIZE)).horizontalAdvance(row.note) + 2)
    state = QRect((inner if both else edge).left() - 6 - width, rect.top(), width, rect.height())
    name_right = right if row.state == REFUSED else edge.left() - 6 - width - 6
    return Parts(
        eye=QRect(rect.left() + 4, rect.top() + (rect.height() - 22) // 2, 22, 22),
        number=QRect(rect.left() + 32, top, 16, 16),
        swatch=QRect(QPoint(rect.left() + 54, rect.top() + (rect.height() - 12) // 2), swatches.SIZE),
        name=QRect(rect.left() + NAME, rect.top(), name_right - rect.left() - NAME, rect.height()),
        state=state,
        mark_a=inner if both or row.mark == "B" else edge,
        mark_b=edge,
    )


@dataclass(frozen=True)
class Line:
    """One block of text in the middle of a row, wrapped to the available width."""

    text: str
    kind: str
    lines: int
    flags: int = int(Qt.TextFlag.TextSingleLine)

    @property
    def height(self) -> int:
        return self.lines * (LINE if self.kind in ("inline", "name") else SMALL_LINE)


def text_of(row: LayerRow, room: int, font: QFont, small: QFont) -> list[Line]:
    """Name and detail in one line where they fit, below each other where they do not. Nothing is cut."""
    metrics, fine = QFontMetrics(font), QFontMetrics(small)
    if row.detail and metrics.horizontalAdvance(row.label) <= room:
        made = [Line(row.name, "inline", 1)]
    else:
        made = [_wrapped(row.name, "name", metrics, room)]
        if row.detail:
            made.append(_wrapped(row.detail, "detail", fine, room))
    if row.state == REFUSED:
        made.append(_wrapped(row.reason, "reason", fine, room))
    return made


def _wrapped(text: str, kind: str, metrics: QFontMetrics, room: int) -> Line:
    shown, flags, lines = wrapped(text, metrics, room)
    return Line(shown, kind, lines, flags)


def state_text(row: LayerRow) -> str:
    if row.state in (WAITING, HIDDEN):
        return row.note or row.state
    if row.state == RUNNING:
        return numbers.percent(row.progress, 0)
    if row.state == REFUSED:
        return ""
    if row.note:
        return row.note
    if row.state == CACHED:
        return "cached"
    return numbers.seconds(row.seconds) if row.seconds is not None else ""


class LayerDelegate(QStyledItemDelegate):
    """Eye, number, swatch, name with what differs, state, A and B."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.part_below = ""
        """The part of the hovered row that the mouse is over."""

    def whole_row(self, rect: QRect) -> QRect:
        """A row as wide as the view: whether there is a scroll bar, which fits into the margin, moves nothing."""
        view = self.parent()
        assert isinstance(view, QWidget)
        return QRect(rect.left(), rect.top(), view.width(), rect.height())

    def _fonts(self) -> tuple[QFont, QFont]:
        return theme.font(tokens.TEXT_SIZE), theme.font(tokens.SMALL_SIZE)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        row = index.data(ROW)
        room = parts(self.whole_row(QRect(0, 0, 0, tokens.ROW_HEIGHT)), row, hovered=False).name.width()
        lines = text_of(row, room, *self._fonts())
        return QSize(0, 12 + sum(line.height for line in lines) + 2 * (len(lines) - 1))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row: LayerRow = index.data(ROW)
        t = theme.current()
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        places = parts(self.whole_row(option.rect), row, hovered=hovered)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if chosen or hovered:
            painter.fillRect(option.rect, QColor(t.chosen if chosen else t.hover))
        if chosen:
            painter.fillRect(QRect(option.rect.topLeft(), QSize(3, option.rect.height())), QColor(t.accent))
        self._paint_eye(painter, places, row, hovered)
        self._paint_number(painter, places, row)
        swatches.paint(painter, places.swatch, row.swatch)
        self._paint_name(painter, places, row, chosen)
        self._paint_state(painter, places, row, chosen)
        self._paint_marks(painter, places, row, hovered)
        painter.restore()

    def _paint_eye(self, painter: QPainter, places: Parts, row: LayerRow, hovered: bool) -> None:
        t = theme.current()
        if hovered and self.part_below == "eye":
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(t.line))
            painter.drawRoundedRect(QRectF(places.eye), 3, 3)
        if row.state == REFUSED:
            name, colour = "warning", t.on_error
        elif row.state == HIDDEN:
            name, colour = "lock", t.quiet
        else:
            name, colour = ("eye" if row.shown else "eye-off"), t.quiet
        icons.paint(painter, name, colour, places.eye.center() + QPoint(1, 1))

    def _paint_number(self, painter: QPainter, places: Parts, row: LayerRow) -> None:
        t = theme.current()
        if row.icon:
            icons.paint(painter, row.icon, t.text, places.number.center() + QPoint(1, 1))
        elif row.number:
            number_badge(painter, places.number, row.number)

    def _paint_name(self, painter: QPainter, places: Parts, row: LayerRow, chosen: bool) -> None:
        t = theme.current()
        font, small = self._fonts()
        lines = text_of(row, places.name.width(), font, small)
        height = sum(line.height for line in lines) + 2 * (len(lines) - 1)
        top = places.name.top() + (places.name.height() - height) // 2
        faded = not row.shown or row.state == HIDDEN
        quiet = t.on_chosen if chosen else t.quiet
        for line in lines:
            box = QRect(places.name.left(), top, places.name.width(), line.height)
            top += box.height() + 2
            flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
            if line.kind in ("reason", "detail"):
                painter.setFont(small)
                painter.setPen(QColor(t.on_error if line.kind == "reason" else quiet))
                painter.drawText(box, flags | line.flags, line.text)
                continue
            detail = row.detail if line.kind == "inline" else ""
            bold = theme.font(tokens.TEXT_SIZE, bold=True)
            after = QFontMetrics(font).horizontalAdvance(f" {detail}") if detail else 0
            use = bold if chosen and QFontMetrics(bold).horizontalAdvance(line.text) + after <= box.width() else font
            painter.setFont(use)
            painter.setPen(QColor(quiet if faded and not chosen else t.text))
            painter.drawText(box, flags | line.flags, line.text)
            if detail:
                used = QFontMetrics(use).horizontalAdvance(line.text + " ")
                painter.setFont(font)
                painter.setPen(QColor(quiet))
                painter.drawText(box.adjusted(used, 0, 0, 0), flags | Qt.TextFlag.TextSingleLine, detail)

    def _paint_state(self, painter: QPainter, places: Parts, row: LayerRow, chosen: bool) -> None:
        t = theme.current()
        painter.setFont(theme.font(tokens.SMALL_SIZE))
        painter.setPen(QColor(t.on_chosen if chosen else t.quiet))
        right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        text = state_text(row)
        if row.state == RUNNING:
            middle = places.state.center().y() + 1
            bar = QRect(places.state.left(), middle - 2, 20, 4)
            paint_progress(painter, bar, row.progress)
        painter.drawText(places.state.adjusted(-8, 0, 0, 0), right, text)

    def _paint_marks(self, painter: QPainter, places: Parts, row: LayerRow, hovered: bool) -> None:
        if not row.can_mark:
            return
        for letter, place in (("A", places.mark_a), ("B", places.mark_b)):
            if row.mark == letter:
                mark_badge(painter, place, letter)
            elif hovered:
                faint_mark(painter, place, letter, hot=self.part_below == letter)

    # --- renaming ------------------------------------------------------------------------------------------------

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: N802
        editor = QLineEdit(parent)
        editor.setAccessibleName("Name of the layer")
        return editor

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802
        places = parts(self.whole_row(option.rect), index.data(ROW), hovered=False)
        top = option.rect.top() + (option.rect.height() - tokens.FIELD_HEIGHT) // 2
        width = option.rect.right() - places.name.left() - EDGE
        editor.setGeometry(places.name.left() - 6, top, width, tokens.FIELD_HEIGHT)


def number_badge(painter: QPainter, rect: QRect, number: int) -> None:
    """A layer's number as lists and tables show it."""
    t = theme.current()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(t.line), 1))
    painter.setBrush(QColor(t.window))
    painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
    painter.setFont(theme.font(tokens.SMALL_SIZE if number < 100 else 9))
    painter.setPen(QColor(t.text))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), str(number))
    painter.restore()


def mark_badge(painter: QPainter, rect: QRect, letter: str) -> None:
    """A on a square, B on a disc, in colours that everybody can distinguish."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.A_FILL if letter == "A" else tokens.B_FILL))
    radius = 2 if letter == "A" else rect.height() / 2
    painter.drawRoundedRect(QRectF(rect), radius, radius)
    painter.setFont(theme.font(tokens.SMALL_SIZE, bold=True))
    painter.setPen(QColor(tokens.MARK_LETTER))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), letter)
    painter.restore()


def faint_mark(painter: QPainter, rect: QRect, letter: str, *, hot: bool = False) -> None:
    """What a click would set."""
    t = theme.current()
    painter.save()
    painter.setPen(QPen(QColor(t.border if hot else t.line), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    radius = 2 if letter == "A" else rect.height() / 2
    painter.drawRoundedRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
    painter.setFont(theme.font(tokens.SMALL_SIZE))
    painter.setPen(QColor(t.text if hot else t.quiet))
    painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), letter)
    painter.restore()


def paint_progress(painter: QPainter, rect: QRect, share: float) -> None:
    """A thin bar: four pixels high in lists, the same in the status bar."""
    t = theme.current()
    painter.fillRect(rect, QColor(t.line))
    painter.fillRect(
        QRectF(rect.left(), rect.top(), rect.width() * min(1.0, max(0.0, share)), rect.height()), QColor(t.accent)
    )
