"""The members of a fused map with their weights, how they are fused, and how far they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QMenu, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from vitinspect.app import theme
from vitinspect.app.theme.tokens import ROW_HEIGHT, SMALL_SIZE
from vitinspect.app.widgets import icons, rows, tips
from vitinspect.app.widgets.choice import Choice
from vitinspect.app.widgets.fields import SliderField
from vitinspect.app.widgets.layer_delegate import number_badge
from vitinspect.app.widgets.properties.choices import FUSIONS, NORMALISATIONS

MOST_ROWS = 3
"""More members than these scroll."""


@dataclass(frozen=True)
class Member:
    """A layer that is fused."""

    id: str
    number: int
    name: str
    weight: float = 1.0


class FusionForm(QWidget):
    """``weight_changed`` while a slider moves; ``member_added`` and ``member_removed``; ``changed`` for "mode" and
    "normalisation"."""

    weight_changed = Signal(str, float)
    member_added = Signal(str)
    member_removed = Signal(str)
    changed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.members: dict[str, MemberRow] = {}
        self._others: tuple[Member, ...] = ()
        self.mode = Choice(FUSIONS, name="Mode", tip="How the values of the maps become one")
        self.normalisation = Choice(NORMALISATIONS, name="Normalisation", tip="What is done to each map before fusing")
        self.add = QToolButton()
        self.add.setText("member")
        self.add.setFont(theme.font(SMALL_SIZE))
        self.add.setIcon(icons.icon("add"))
        self.add.setIconSize(QSize(14, 14))
        self.add.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.add.setToolTip("Add a layer to the fusion")
        self.add.clicked.connect(self._open_menu)
        self.agreement = rows.note()
        head = QHBoxLayout()
        head.setContentsMargins(0, 0, 4, 0)
        head.addWidget(rows.heading("Members and weights"), 1)
        head.addWidget(self.add, 0, Qt.AlignmentFlag.AlignBottom)
        self._inside = QWidget()
        self._inside.setProperty("kind", "panel")
        self._column = QVBoxLayout(self._inside)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(self._inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.area)
        column.addWidget(rows.PropertyRow("Mode", self.mode))
        column.addWidget(rows.PropertyRow("Normalisation", self.normalisation))
        column.addWidget(self.agreement)
        self.mode.chosen.connect(lambda value: self.changed.emit("mode", value))
        self.normalisation.chosen.connect(lambda value: self.changed.emit("normalisation", value))

    def set_members(self, members: Sequence[Member], others: Sequence[Member] = ()) -> None:
        """``others`` are the layers that could be fused too."""
        self._others = tuple(others)
        self.add.setEnabled(bool(others))
        if list(self.members) != [member.id for member in members]:
            for row in self.members.values():
                self._column.removeWidget(row)
                row.hide()
                row.deleteLater()
            self.members = {}
            for member in members:
                row = MemberRow(member)
                row.slide.changed.connect(lambda value, name=member.id: self.weight_changed.emit(name, value))
                row.remove.clicked.connect(lambda _=False, name=member.id: self.member_removed.emit(name))
                self.members[member.id] = row
                self._column.addWidget(row)
        for member in members:
            self.members[member.id].set_member(member)
        self.area.setFixedHeight(ROW_HEIGHT * min(MOST_ROWS, max(1, len(self.members))))

    def set_values(self, mode: str, normalisation: str, agreement: str = "") -> None:
        """``agreement`` is a sentence on how far the members agree."""
        self.mode.set_value(mode)
        self.normalisation.set_value(normalisation)
        self.agreement.setText(agreement)
        self.agreement.setVisible(bool(agreement))

    def menu(self) -> QMenu:
        """The layers that can be fused too."""
        menu = QMenu(self)
        for other in self._others:
            action = menu.addAction(f"{other.number}  {other.name}".replace("&", "&&"))
            action.triggered.connect(lambda _=False, name=other.id: self.member_added.emit(name))
        return menu

    def _open_menu(self) -> None:
        menu = self.menu()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.add.mapToGlobal(QPoint(0, self.add.height())))


class MemberRow(QWidget):
    """Number, name, weight, and a cross that removes the member."""

    def __init__(self, member: Member) -> None:
        super().__init__()
        self.setFixedHeight(ROW_HEIGHT)
        self._number = member.number
        self.name = rows.words(member.name)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.slide = SliderField(0.0, 1.0, member.weight, name=f"Weight of {member.name}", width=44)
        self.slide.slider.setFixedWidth(48)
        self.remove = rows.icon_button("cancel", f"Remove {member.name}", tip="Remove this map", size=20)
        line = QHBoxLayout(self)
        line.setContentsMargins(32, 2, 4, 2)
        line.setSpacing(6)
        line.addWidget(self.name, 1)
        line.addWidget(self.slide)
        line.addWidget(self.remove)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._fit_name()

    def _fit_name(self) -> None:
        """A name that is too long for one line has two smaller ones; none is cut."""
        long = QFontMetrics(theme.font()).horizontalAdvance(self.name.text()) > self.name.width()
        self.name.setFont(theme.font(SMALL_SIZE) if long else theme.font())
        self.name.setWordWrap(long)

    def set_member(self, member: Member) -> None:
        self.slide.set_value(member.weight)
        if member.name != self.name.text():
            self.name.setText(member.name)
            self._fit_name()
        self.name.setToolTip(tips.plain(member.name))
        if member.number != self._number:
            self._number = member.number
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        number_badge(painter, QRect(8, (self.height() - 16) // 2, 16, 16), self._number)
        painter.end()
