"""Where the parts are: pictures at the left, the view with its strips and tabs in the middle, layers at the right.

The view always gets the space that others free. Where the window is narrow, the list of pictures becomes a film
strip and the tabs below the view collapse; the right panel keeps its width.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSplitter, QStackedWidget, QVBoxLayout, QWidget

LEFT, RIGHT, BOTTOM = 216, 320, 216
WIDE_RIGHT, WIDE_BOTTOM = 420, 360
NARROW, WIDE = 1360, 2200
"""Narrower windows have a film strip; wider ones, a wider right panel."""
NARROW_FOR_WIDE = 1600
"""The same for a view that makes use of width."""


@dataclass
class Sizes:
    """Widths of the sides and the height of the tabs; at the right and below, 0 leaves it to the window's width."""

    left: int = LEFT
    right: int = 0
    bottom: int = 0

    @classmethod
    def read(cls, found: Any) -> Sizes | None:
        """From a file; None where it does not fit."""
        if not (isinstance(found, list) and len(found) == 3 and all(type(w) is int and 0 <= w < 4000 for w in found)):
            return None
        return cls(found[0] or LEFT, found[1], found[2])


ANY = ""
"""In place of a workspace's id: the sizes with which a workspace is shown for the first time."""


class Frame(QWidget):
    """Owns the sizes, of each workspace on its own. What a person drags or toggles stays until it is changed again."""

    squeezed = Signal(bool)
    """The window became narrow, or is no longer."""
    arranged = Signal()
    """A person dragged a border, or showed or hid a part."""

    def __init__(
        self,
        left: QWidget,
        strip: QWidget,
        options: QWidget,
        right: QWidget,
        film: QWidget,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.left, self.right, self.film = left, right, film
        self.left_wanted = self.right_wanted = True
        self.view_lists = False
        """Whether the view itself is a table of the pictures."""
        self.beside_table = False
        """Whether the list of pictures is wanted beside it nevertheless."""
        self.as_list: bool | None = None
        """Whether the pictures are a list; None where the width of the window decides."""
        self.narrow: bool | None = None
        self._keeps_left = self._gives_width = False
        self._sizes: dict[str, Sizes] = {ANY: Sizes()}
        self._workspace = ANY
        self.views, self.bottoms = QStackedWidget(), QStackedWidget()
        self.views.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.upright = QSplitter(Qt.Orientation.Vertical)
        self.upright.setChildrenCollapsible(False)
        self.upright.addWidget(self.views)
        self.upright.addWidget(self.bottoms)
        self.upright.setStretchFactor(0, 1)
        self.upright.setStretchFactor(1, 0)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._middle_column = column
        column.addWidget(options)
        column.addWidget(self.upright, 1)
        column.addWidget(film)
        middle = QWidget()
        middle.setMinimumWidth(320)
        row = QHBoxLayout(middle)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(strip)
        row.addLayout(column, 1)
        self.level = QSplitter(Qt.Orientation.Horizontal)
        self.level.setChildrenCollapsible(False)
        for part in (left, middle, right):
            self.level.addWidget(part)
        self.level.setStretchFactor(0, 0)
        self.level.setStretchFactor(1, 1)
        self.level.setStretchFactor(2, 0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.level)
        self.level.splitterMoved.connect(self._dragged)
        self.upright.splitterMoved.connect(self._dragged)
        film.hide()

    # --- what is shown -------------------------------------------------------------------------------------------

    def toggle_left(self) -> None:
        if self.view_lists:
            self.beside_table = not self.beside_table
        else:
            self.left_wanted = not self.left_wanted
        self._arrange_as_chosen()

    def set_view_lists(self, on: bool) -> None:
        self.view_lists = on
        self.arrange()

    @property
    def shows_pictures(self) -> bool:
        """Whether the pictures are shown, beside the view or below it."""
        return self.beside_table if self.view_lists else self.left_wanted

    def toggle_right(self) -> None:
        self.right_wanted = not self.right_wanted
        self._arrange_as_chosen()

    def show_left(self) -> None:
        """Show the pictures as a list, whatever the width, since it has fields to type in."""
        self.left_wanted = self.beside_table = self.as_list = True
        self._arrange_as_chosen()

    def show_right(self) -> None:
        self.right_wanted = True
        self._arrange_as_chosen()

    def show_as_list(self, as_list: bool) -> None:
        self.left_wanted, self.beside_table, self.as_list = True, True, as_list
        self._arrange_as_chosen()

    def _arrange_as_chosen(self) -> None:
        self.arrange()
        self.arranged.emit()

    def take_sizes_of(self, workspace_id: str) -> None:
        """From the next ``arrange`` on, the sizes are those of this workspace, and what is dragged is kept for it."""
        self._workspace = workspace_id

    @property
    def sizes(self) -> Sizes:
        """Of the present workspace."""
        return self._sizes.setdefault(self._workspace, replace(self._sizes[ANY]))

    def keep_left(self, on: bool) -> None:
        """Whether the left side must stay, because it is not a list of pictures that a film strip can replace."""
        if on != self._keeps_left:
            self._keeps_left = on
            self.arrange()

    def give_width(self, on: bool) -> None:
        """Whether the view makes use of the width that a list of pictures takes."""
        if on != self._gives_width:
            self._gives_width = on
            self.arrange()

    @property
    def lists_pictures(self) -> bool:
        if self._keeps_left:
            return True
        if self.as_list is not None:
            return self.as_list
        return self.width() >= (NARROW_FOR_WIDE if self._gives_width else NARROW)

    def arrange(self) -> None:
        """Give the sides their widths, and the view all the rest."""
        self.left.setVisible(self.shows_pictures and self.lists_pictures)
        self.film.setVisible(self.shows_pictures and not self.lists_pictures)
        self.right.setVisible(self.right_wanted)
        width = self.width()
        left = self.sizes.left if self.left.isVisibleTo(self) else 0
        right = self._right() if self.right_wanted else 0
        self.level.setSizes([left, max(1, width - left - right), right])
        self.arrange_bottom()

    def arrange_bottom(self) -> None:
        bottom = self.bottoms.currentWidget()
        if bottom is None:
            return
        is_open = bool(getattr(bottom, "is_open", False))
        most = bottom.maximumHeight()
        self.bottoms.setMinimumHeight(bottom.minimumHeight())
        self.bottoms.setMaximumHeight(most)
        height = self.upright.height()
        wanted = (self.sizes.bottom or (WIDE_BOTTOM if self.width() >= WIDE else BOTTOM)) if is_open else most
        self.upright.setSizes([max(1, height - wanted), wanted])

    def _right(self) -> int:
        return self.sizes.right or (WIDE_RIGHT if self.width() >= WIDE else RIGHT)

    def _dragged(self) -> None:
        left, _, right = self.level.sizes()
        if self.left.isVisibleTo(self) and left:
            self.sizes.left = left
        if self.right_wanted and right and right != self._right():
            self.sizes.right = right
        bottom = self.bottoms.currentWidget()
        if bottom is not None and getattr(bottom, "is_open", False):
            self.sizes.bottom = self.upright.sizes()[1]
        self.arranged.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        narrow = self.width() < NARROW
        if narrow != self.narrow:
            self.narrow = narrow
            self.squeezed.emit(narrow)
        self.arrange()

    # --- kept ----------------------------------------------------------------------------------------------------

    def put_above(self, widget: QWidget) -> None:
        """A widget above the view, which takes no space from the panels at both sides."""
        self._middle_column.insertWidget(0, widget)

    def to_json(self) -> dict[str, Any]:
        return {
            "left": self.left_wanted,
            "right": self.right_wanted,
            "list": self.as_list,
            "widths": {workspace_id: list(astuple(sizes)) for workspace_id, sizes in self._sizes.items()},
        }

    def restore(self, found: Any) -> None:
        """Take over what ``to_json`` gave; what does not fit is left as it is."""
        if not isinstance(found, dict):
            return
        self.left_wanted = found.get("left") is not False
        self.right_wanted = found.get("right") is not False
        self.as_list = found["list"] if isinstance(found.get("list"), bool) else None
        widths = found.get("widths")
        if isinstance(widths, list):  # as it was when all workspaces had the same
            widths = {ANY: widths}
        if isinstance(widths, dict):
            read = {str(workspace_id): Sizes.read(three) for workspace_id, three in widths.items()}
            fitting = {workspace_id: sizes for workspace_id, sizes in read.items() if sizes is not None}
            if fitting:
                self._sizes = {ANY: Sizes(), **fitting}
        self.arrange()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(1280, 700)
