"""What runs in the worker's thread for the network panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vitinspect.app.compute.addresses import InputAddress
from vitinspect.app.compute.explaining import HandOver, Report, as_engine_target
from vitinspect.app.compute.model_input import model_for, prepared
from vitinspect.app.compute.worker import Context
from vitinspect.progress import CancelToken

if TYPE_CHECKING:
    import numpy as np

    from vitinspect.app.multiplex.model import Aggregate, Network


def network(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    pixels: np.ndarray,
    address: InputAddress,
    operator: str,
    prefix: bool,
    key: Any,
) -> Network:
    """The layers of a picture, with their arcs in order."""
    from vitinspect.app.multiplex.model import prepare
    from vitinspect.attention_network import head_of
    from vitinspect.explainers.attention_layers import attention_layers

    model = model_for(context, address)
    head = head_of(operator)
    if head is not None and head >= model.heads:
        operator = f"head {model.heads - 1}"  # a model with fewer heads than the last one
    tensor = prepared(context, pixels, address).tensor
    layers = attention_layers(
        model, tensor, operator=operator, prefix=prefix, precision=_known(address.precision), cancel=cancel
    )
    return prepare(layers, key, progress, cancel)


def aggregate(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    pixels: np.ndarray,
    address: InputAddress,
    target: tuple[int, ...],
    parameters: dict[str, Any],
    key: Any,
) -> Aggregate:
    """The multiplex method with all its intermediate results."""
    import numpy as np

    import vitinspect as vi
    from vitinspect.app.multiplex.model import Aggregate
    from vitinspect.attention_network import DIRECTIONS, OPERATORS, STATISTICS

    tensor = prepared(context, pixels, address).tensor
    explanation = vi.explain(
        model_for(context, address),
        tensor,
        [("multiplex", parameters)],
        target=as_engine_target(target),
        precision=address.precision,
        details=True,
        progress=progress,
        cancel=cancel,
    )
    made = next(iter(explanation.values()))
    shape = (len(OPERATORS), len(DIRECTIONS), len(STATISTICS))

    def array(name: str) -> np.ndarray:
        found = made.details[name]
        return np.array(found.detach().float().cpu() if hasattr(found, "detach") else found)

    return Aggregate(
        key=key,
        target=target,
        grid=made.values.shape,
        statistics=array("statistics").reshape(*shape, -1),
        masks=array("masks").astype(bool).reshape(*shape, -1),
        confidences=array("confidences").reshape(shape),
        method_map=np.array(made.values),
    )


def _known(precision: str) -> str:
    # numpy has no bfloat16: the layers are then those of the exact model.
    return "float32" if precision == "bfloat16" else precision
