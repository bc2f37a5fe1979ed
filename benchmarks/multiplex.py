"""How quickly the network panel reacts: ``python -m benchmarks.multiplex``.

From a slider's move to the new drawing on the panel, in the real window, with 10,000 arcs drawn: 12 layers of 196
nodes, and of 1,369. Milliseconds; the attention is synthetic (near patches and one dominating token receive most).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

DEPTH = 12
ARCS = 10_000
ROUNDS = 60


def made_up(side: int, seed: int = 0) -> Any:
    """Layers of side x side patches whose attention prefers near patches and one token."""
    import numpy as np

    from vitinspect.attention_network import AttentionLayers

    random = np.random.default_rng(seed)
    down, across = np.divmod(np.arange(side * side), side)
    distance = np.hypot(down[:, None] - down, across[:, None] - across).astype(np.float32)
    layers = []
    for layer in range(DEPTH):
        scores = random.normal(size=distance.shape).astype(np.float32) - distance / (2 + layer)
        scores[:, side + 3] += 3
        weights = np.exp(scores)
        layers.append(weights / weights.sum(1, keepdims=True))
    return AttentionLayers(np.stack(layers), "max", (side, side), ())


def measure(window: Any, side: int) -> None:
    from dataclasses import replace

    from benchmarks.app import rss, spread, until
    from vitinspect.app.multiplex.model import prepare

    backend = window.backend
    networks, panel = backend.networks, window.network_panel
    layers = made_up(side)
    before = rss()
    begun = time.perf_counter()
    network = prepare(layers, networks._asked["network"])
    prepared = time.perf_counter() - begun
    # As for a model with this grid.
    backend.results.card = replace(backend.results.card, grid=(side, side), depth=DEPTH)
    networks._update(network=network)
    view = panel.layer_view

    def times(move: Callable[[int], None]) -> list[float]:
        found = []
        for i in range(ROUNDS):
            painted: list[float] = []
            link = view.painted.connect(lambda painted=painted: painted.append(time.perf_counter()))
            begun = time.perf_counter()
            move(i)
            until(lambda painted=painted: bool(painted))
            view.painted.disconnect(link)
            found.append(1000 * (painted[0] - begun))
        return found[10:]

    backend.state.set(network_view="layer", network_arcs=ARCS, network_layer=0)
    cut, layer = panel.controls.cut.slider, panel.controls.layer.slider
    name = f"{side * side:,} nodes, {ARCS:,} arcs"
    print(f"| {name}: min_cut to the drawing | {spread(times(lambda i: cut.setValue(30 + i % 40)))} |")
    print(f"| {name}: next layer | {spread(times(lambda i: layer.setValue((layer.value() + 1) % DEPTH)))} |")
    backend.state.set(network_arcs=1000)
    print(f"| {side * side:,} nodes, 1,000 arcs: min_cut | {spread(times(lambda i: cut.setValue(30 + i % 40)))} |")
    until(lambda: view.resting)
    begun = time.perf_counter()
    view._refine()
    view.grab()
    print(f"| the fine drawing when the slider rests | {1000 * (time.perf_counter() - begun):.0f} |")
    print(f"| sorting and counting {DEPTH} layers, in the worker | {1000 * prepared:.0f} |")
    print(f"| memory of the network | {network.nbytes / 1e6:.0f} MB, process + {rss() - before:.0f} MB |")


def main() -> None:
    from benchmarks.app import opened, settled, until
    from vitinspect import resources

    with opened(str(resources.gallery_folder() / "images"), methods=("rollout",)) as window:
        until(lambda: settled(window.backend))
        window.backend.state.set(workspace="network")
        until(lambda: window.backend.networks.network is not None)
        view = window.network_panel.layer_view
        print("| in the window of 1280 × 800 | ms |\n|---|---|")
        for side in (14, 37):
            measure(window, side)
        print(f"| size of the view | {view.width()} × {view.height()} |", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["VITINSPECT_HOME"] = home
        main()
    # Unloading torch and Qt takes time that is not part of the measurement.
    sys.stdout.flush()
    os._exit(0)
