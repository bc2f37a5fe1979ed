"""What the layer list shows of one layer. Plain data, no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

WAITING, RUNNING, READY, CACHED, REFUSED, HIDDEN = "waiting", "running", "ready", "cached", "refused", "hidden"


@dataclass(frozen=True)
class Swatch:
    """``kind`` is colormap, mask, truth, ignored or missing; ``value`` names the colour map or is the mask's colour."""

    kind: str = "colormap"
    value: str = "inferno"


@dataclass(frozen=True)
class LayerRow:
    """One row. What it says about the state is made of ``state``, ``seconds``, ``progress`` and ``note``."""

    id: str
    name: str
    detail: str = ""
    """What differs from the defaults, "fused", the folder of a mask."""
    number: int = 0
    """Its place in the list, by which it is named elsewhere; 0 for none."""
    icon: str = ""
    """An icon in place of the number."""
    swatch: Swatch = Swatch()
    shown: bool = True
    state: str = READY
    seconds: float | None = None
    progress: float = 0.0
    """A share of 1, while it runs."""
    note: str = ""
    """In place of the time: the share of a mask, "drawing", "empty"."""
    reason: str = ""
    """Why there is no map; it is never cut."""
    mark: str = ""
    """A, B or nothing."""
    can_rename: bool = True
    can_mark: bool = True
    paper: str = ""
    about: str = ""
    """For the tool tip: parameters, target, passes."""

    @property
    def label(self) -> str:
        return f"{self.name} {self.detail}".strip()

    @property
    def tool_tip(self) -> str:
        """As markup, in which names are plain text whatever they contain."""
        head = f"<b>{escape(self.name)}</b>"
        if self.paper:
            head += f"&nbsp; {escape(self.paper)}"
        lines = [head, *(escape(part) for part in (self.detail if not self.about else "", self.about) if part)]
        if self.reason:
            lines.append(escape(self.reason))
        return "<br>".join(lines)

    @property
    def spoken(self) -> str:
        """For a screen reader."""
        parts = [f"Layer {self.number}" if self.number else "Layer", self.label]
        parts.append("shown" if self.shown else "hidden")
        if self.state == REFUSED:
            parts.append(f"refused: {self.reason}")
        elif self.state in (WAITING, RUNNING):
            parts.append(self.state)
        if self.mark:
            parts.append(f"marked {self.mark}")
        return ", ".join(parts)
