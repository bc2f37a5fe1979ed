"""What is computed besides maps: curves, what-if, attention, the network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.app.on_screen.base import Base, same


class Answers(Base):
    """Each as a fresh call answers it."""

    def curves(self) -> Iterator[str]:
        for key, found in self.results.curves.items():
            shown = self.results.all_maps.get(key)
            if shown is None:
                yield f"there are curves of {key}, which is not shown"
                continue
            expected = self.fresh.curves(
                *self.place, self.target, np.array(shown.values), self.state.score_fill, self.state.score_steps
            )
            good = same(found.deletion, expected.deletion_curve, self.state.precision) and same(
                found.insertion, expected.insertion_curve, self.state.precision
            )
            if not good:
                yield f"the curves of {key} are those of something else"

    def what_if(self) -> Iterator[str]:
        probed = self.results.probed
        if probed is None:
            return
        if self.results.painted is None or not np.array_equal(probed.mask, self.results.painted):
            if not self._stopped():
                yield "what-if shows another region than the one that is painted out"
            return
        expected = self.fresh.what_if(*self.place, probed.mask, self.state.brush_fill)
        if not same(probed.probabilities, expected, self.state.precision):
            yield "the what-if numbers are those of something else"

    def attention(self) -> Iterator[str]:
        found = self.results.attention
        if not self.state.plots or self.state.plot != "layers" or found is None:
            return
        model = self.fresh.models[self.model]
        token = 0
        if len(self.state.pinned) == 2:
            row, column = self.state.pinned
            if row >= model.grid[0] or column >= model.grid[1]:
                return
            token = model.prefix_tokens + row * model.grid[1] + column
        if found.token != token:
            if not self._stopped():
                yield f"the attention shown is that of token {found.token}, not {token}"
            return
        expected = self.fresh.attention(*self.place, token)[..., model.prefix_tokens :]
        if not same(found.values.reshape(expected.shape), expected, self.state.precision):
            yield "the attention shown is that of something else"

    def network(self) -> Iterator[str]:
        networks = self.backend.networks
        found = networks.network
        if self.state.workspace != "network" or found is None or not networks.is_current:
            return
        operator = self.state.network_operator
        expected = self.fresh.layers(*self.place, operator, self.state.network_prefix)
        if not same(found.layers.weights, expected.weights, "float32"):
            yield "the network is that of something else"
