"""The caches in memory and on disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from tests.app.on_screen.base import Base, same
from vitinspect.app.compute import map_cache
from vitinspect.app.compute.explaining import Mapped, Predicted
from vitinspect.explainers.registry import parse_methods


class Caches(Base):
    """Each entry holds what its address says."""

    def memory(self) -> Iterator[str]:
        for key, value in self.backend.maps.memory.items():
            yield from self.entry("memory", key, value)

    def disk(self) -> Iterator[str]:
        for path in map_cache.folder().rglob("*.map"):
            key = map_cache.key_of(path.read_bytes())
            yield from self.entry("disk", key, map_cache.unpack(key, path.read_bytes()))

    def entry(self, where: str, key: str, value: Any) -> Iterator[str]:
        checked = self.fresh.__dict__.setdefault("checked", {})
        if (where, key) in checked and checked[where, key] is value:
            return
        content, fingerprint, method, target, precision, fit = key.split("\n")
        model = next(s for s, m in self.fresh.models.items() if m.fingerprint == fingerprint)
        folder = os.path.dirname(self.path) or self.state.folder
        path = next(
            os.path.join(folder, name)
            for name in sorted(os.listdir(folder))
            if self.fresh.content(os.path.join(folder, name)) == content
        )
        if isinstance(value, Predicted):
            good = same(value.probabilities, self.fresh.probabilities(model, path, fit, precision), precision)
        else:
            assert isinstance(value, Mapped)
            wanted = tuple(int(n) for n in target.split(",") if n)
            asked = wanted or self.fresh.target(model, path, fit, precision, ())
            expected = self.fresh.method_map(model, path, parse_methods(method)[0], asked, fit, precision)
            good = expected is not None and same(value.values, expected.values, precision)
        if good:
            checked[where, key] = value
        else:
            yield f"the cache ({where}) holds something else at {key.split(chr(10))[2:]}"
