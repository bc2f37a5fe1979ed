"""The filters over the pictures of a folder, as small buttons: beside their list and beside the film strip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QWidget

from vitinspect.app.listing import ImageList
from vitinspect.app.panels.picture_facts import PictureFacts
from vitinspect.app.session.results import Results
from vitinspect.app.session.state import State
from vitinspect.app.widgets.chips import Chip, Chips, Choices

COUNTED = 2000
"""Pictures whose status is counted at most."""
_NAMES = (
    ("mask", "only_masked"),
    ("status", "only_status"),
    ("class", "only_class"),
    ("flagged", "only_flagged"),
    ("score", "score_range"),
)
"""Each chip with the value of the state that it sets."""


class PictureFilters(Chips):
    """Reads what is known about the pictures, and asks the state to narrow them. ``last`` follows the filters."""

    def __init__(
        self,
        state: State,
        results: Results,
        listing: ImageList,
        facts: PictureFacts,
        *,
        last: QWidget | None = None,
    ) -> None:
        super().__init__(last=last)
        self._state, self._results, self._listing, self._facts = state, results, listing, facts
        self.changed.connect(self._set)
        state.changed.connect(self._state_changed)
        results.changed.connect(self._results_changed)
        self.refill()

    def refill(self) -> None:
        """Other filters, or other values to choose from."""
        self.set_chips(self._chips())
        for chip, name in _NAMES:
            if chip in self.buttons:
                self.set_value(chip, getattr(self._state, name) or None)

    def _chips(self) -> list[Chip]:
        if self._facts.draws:
            return [Chip("status", "all", "Only pictures whose mask has this status", self._statuses)]
        scored = self._results.run is not None and self._state.sort == "score"
        counts = Counter(self._results.known_classes.values())
        classes = tuple((label, f"{label} ({count} so far)") for label, count in sorted(counts.items()))
        return [
            Chip("mask", "has mask", "Only pictures with a mask beside them"),
            Chip("class", "predicted", "Only pictures predicted as this class, among those opened so far", classes),
            Chip("flagged", "flagged", "Only pictures that you flagged"),
            *([Chip("score", "score", "Only pictures whose score lies in a range", self._ranges)] if scored else []),
        ]

    def _statuses(self) -> Choices:
        """How far the masks of the pictures are, with how many of them."""
        counts = Counter(self._facts.statuses(self._shown()))
        return tuple((status, f"{text} {counts[status]}") for status, text in self._facts.STATUSES)

    def _shown(self) -> Iterator[str]:
        return (self._listing.path_at(row) for row in range(min(self._listing.rowCount(), COUNTED)))

    def _ranges(self) -> Choices:
        """Quarters of the scores that the pictures have."""
        listing = self._listing
        found = sorted(s for s in (listing.score_of(path) for path in listing.everything) if s is not None)
        if len(found) < 4:
            return ()
        edges = [found[0], *(found[len(found) * i // 4] for i in (1, 2, 3)), found[-1]]
        names = ("lowest quarter", "second quarter", "third quarter", "highest quarter")
        return tuple(
            ((low, high), f"{name}: {low:.3f} to {high:.3f}")
            for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
        )

    def _set(self, chip: str, value: Any) -> None:
        if chip in ("mask", "flagged"):
            value = bool(value)
        elif chip == "score":
            value = tuple(value or ())
        else:
            value = value or ""
        self._state.set(**{dict(_NAMES)[chip]: value})

    @Slot(object)
    def _results_changed(self, names: frozenset[str]) -> None:
        if names & {"known_classes", "run"}:
            self.refill()

    @Slot(object)
    def _state_changed(self, names: frozenset[str]) -> None:
        if names & {"sort", "run", "run_column"}:
            self.refill()
        for chip, name in _NAMES:
            if name in names and chip in self.buttons:
                self.set_value(chip, getattr(self._state, name) or None)
