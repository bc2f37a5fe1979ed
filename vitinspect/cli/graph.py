"""``vitinspect graph``: write the attention network of a picture."""

from __future__ import annotations

import argparse
from pathlib import Path

from vitinspect.cli.common import add_mode_option, add_model_options, fraction, load_chosen_model, table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("image", metavar="IMAGE", type=Path)
    parser.add_argument(
        "--out",
        "-o",
        type=Path,
        required=True,
        metavar="FILE",
        help="graph.graphml, .gexf, .json, .csv or .edges; a file that vitinspect did not write is not replaced",
    )
    parser.add_argument(
        "--min-cut",
        type=fraction,
        default=0.01,
        metavar="X",
        help="leave out arcs below this share of their layer's maximum (default: 0.01)",
    )
    parser.add_argument(
        "--operator", default="max", help="how heads are fused: min, max or sum, or 'head 3' (default: max)"
    )
    parser.add_argument("--layer", type=int, metavar="N", help="only this block; negative numbers count from the last")
    parser.add_argument("--starting-layer", type=int, default=0, metavar="N", help="the first block (default: 0)")
    parser.add_argument("--prefix", action="store_true", help="include class token and registers as nodes")
    parser.add_argument("--measures", action="store_true", help="print the measures of each layer")
    add_mode_option(parser)
    add_model_options(parser)


def run(arguments: argparse.Namespace) -> int:
    from vitinspect.errors import ParameterError
    from vitinspect.explainers.attention_layers import attention_layers
    from vitinspect.graphs import FORMATS, graph_bytes, layer_graph, measure_layers, multilayer_graph
    from vitinspect.images import open_image
    from vitinspect.names import shown
    from vitinspect.output import check_result, write_result
    from vitinspect.progress import ProgressLine

    if arguments.out.suffix.lower() not in FORMATS:
        raise ParameterError(f"--out must end in one of {', '.join(FORMATS)}.")
    check_result(arguments.out)
    picture = open_image(arguments.image)
    model = load_chosen_model(arguments)
    layers = attention_layers(model, picture, operator=arguments.operator, prefix=arguments.prefix, mode=arguments.mode)
    depth = len(layers.weights)
    for name, value in (("--layer", arguments.layer), ("--starting-layer", arguments.starting_layer)):
        if value is not None and not -depth <= value < depth:
            raise ParameterError(f"{name} {value} is not a block of {model.name}, which has blocks 0 to {depth - 1}.")
    if arguments.layer is not None:
        graph = layer_graph(layers, arguments.layer % depth, arguments.min_cut)
    else:
        graph = multilayer_graph(layers, arguments.min_cut, arguments.starting_layer % depth)
    path = write_result(arguments.out, graph_bytes(graph, arguments.out.suffix.lower()))
    print(f"{shown(path)}: {graph.number_of_nodes()} nodes, {graph.number_of_edges()} arcs")
    if arguments.measures:
        with ProgressLine("measuring", unit="layers") as progress:
            measured = measure_layers(
                layers, arguments.min_cut, starting_layer=arguments.starting_layer % depth, progress=progress
            )
        rows = [list(measured[0].as_dict())] if measured else []
        rows += [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in m.as_dict().values()] for m in measured]
        for line in table(rows, right=range(len(rows[0])) if rows else ()):
            print(line)
    return 0
