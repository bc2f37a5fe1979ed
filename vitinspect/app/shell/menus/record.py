"""What an action is: a record, without Qt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow

    Run = Callable[[MainWindow], object]
    Items = Callable[[MainWindow], Sequence[tuple[str, str, Callable[[], object]]]]


@dataclass(frozen=True)
class Action:
    """One command. It runs a function, or sets a value of the state or of the settings to ``value``."""

    id: str
    text: str
    tip: str
    keys: tuple[str, ...] = ()
    run: Run | None = None
    state: str = ""
    """The value of the state that it sets; a value of yes or no is toggled where ``value`` is None."""
    setting: str = ""
    """Or the setting."""
    value: Any = None
    needs: str = ""
    """It can run only while there is a "picture", a "map", or "work" to cancel; "undo" and "redo" likewise."""
    soft: tuple[str, ...] = ()
    """Keys that apply only where no widget handles them: arrows and the like."""
    where: tuple[str, ...] = ()
    """Workspaces in which the keys apply; all where it is empty."""


@dataclass(frozen=True)
class Submenu:
    """A menu in a menu, filled when it is opened."""

    text: str
    items: Items
    """(words, tip, what it does) of each entry."""


@dataclass(frozen=True)
class Separator:
    """A line between two groups."""


SEPARATOR = Separator()


@dataclass(frozen=True)
class Menu:
    title: str
    entries: tuple[Action | Submenu | Separator, ...]

    @property
    def name(self) -> str:
        """The title without the mark of its key."""
        return self.title.replace("&", "")
