"""What the window shows, compared with what a fresh engine call computes. Each difference is a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.app.fresh import Fresh
from tests.app.on_screen.answers import Answers
from tests.app.on_screen.caches import Caches
from tests.app.on_screen.maps import Maps
from tests.app.on_screen.masks import Masks
from tests.app.on_screen.slots import Slots
from tests.app.on_screen.view import View


def differences(window: Any, backend: Any, fresh: Fresh) -> list[str]:
    """Everything that is wrong once nothing is being computed."""
    return list(Comparison(window, backend, fresh).all())


class Comparison(Maps, Masks, Answers, View, Slots, Caches):
    """Everything, one after the other."""

    def all(self) -> Iterator[str]:
        if not self.readable:
            yield from self.nothing()
        elif self.model:
            yield from self.picture()
            self.target = self.fresh.target(*self.place, self.state.target)
            yield from self.predictions()
            yield from self.maps()
            yield from self.fused()
            yield from self.ranges()
            yield from self.cuts()
            yield from self.masks()
            yield from self.overlaps()
            yield from self.curves()
            yield from self.what_if()
            yield from self.attention()
            yield from self.network()
            yield from self.readout()
            yield from self.compared()
        yield from self.painted()
        yield from self.memory()
        yield from self.disk()

    def nothing(self) -> Iterator[str]:
        if self.results.picture is not None or self.results.all_maps or self.results.predictions:
            yield "something is shown of a picture that cannot be opened"
        if self.path and "e.png" not in self.results.picture_error:
            yield "nothing says why the picture is not there"
