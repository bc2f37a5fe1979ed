"""A process of its own that measures networks: ``python -m vitinspect.app.multiplex.measuring``.

networkx is plain Python and slow on dense graphs. In a thread it would hold the interpreter's lock and let the window
stutter, and Louvain cannot be interrupted; a process can be ended at any time. It reads one line of JSON and then the
layers as raw numbers, and writes one line of JSON for each layer.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.attention_network import AttentionLayers
    from vitinspect.graphs import LayerMeasures


def question(layers: AttentionLayers, min_cut: float, starting_layer: int, seed: int = 0) -> bytes:
    """What is written to the process."""
    import numpy as np

    weights = np.ascontiguousarray(layers.weights, dtype=np.float32)
    header = {
        "shape": weights.shape,
        "operator": layers.operator,
        "grid": layers.grid,
        "prefix_names": layers.prefix_names,
        "min_cut": min_cut,
        "starting_layer": starting_layer,
        "seed": seed,
    }
    return json.dumps(header).encode() + b"\n" + weights.tobytes()


def answer(line: bytes) -> tuple[LayerMeasures, np.ndarray]:
    """The measures of one layer and the community of each node, from a line that the process wrote."""
    import numpy as np

    from vitinspect.graphs import LayerMeasures

    found: dict[str, Any] = json.loads(line)
    return LayerMeasures(**found["measures"]), np.array(found["communities"], dtype=np.int32)


def work(source: BinaryIO, sink: BinaryIO) -> None:
    import numpy as np

    from vitinspect.attention_network import AttentionLayers
    from vitinspect.graphs import each_layer_measured

    header = json.loads(source.readline())
    weights = np.frombuffer(source.read(), np.float32).reshape(header["shape"])
    layers = AttentionLayers(weights, header["operator"], tuple(header["grid"]), tuple(header["prefix_names"]))
    for measured, groups in each_layer_measured(
        layers, header["min_cut"], starting_layer=header["starting_layer"], seed=header["seed"]
    ):
        of_node = [0] * layers.nodes
        for number, group in enumerate(groups):
            for node in group:
                of_node[node] = number
        line = json.dumps({"measures": measured.as_dict(), "communities": of_node})
        sink.write(line.encode() + b"\n")
        sink.flush()


if __name__ == "__main__":
    work(sys.stdin.buffer, sys.stdout.buffer)
