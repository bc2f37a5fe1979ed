"""The base classes of methods: what they need of the trace, and how they compute maps from it.

No torch is imported here at run time, so that the modules which declare methods stay light.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from vitinspect.errors import MethodNotApplicable
from vitinspect.progress import CancelToken, Progress

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.declaration import Method
    from vitinspect.explainers.engine import EarlyRun
    from vitinspect.explainers.targets import Targets
    from vitinspect.explainers.trace import Chunk, Trace
    from vitinspect.models.vit import ViT


@dataclass(frozen=True)
class Needs:
    """What a method needs recorded. The engine records the union of all needs in one forward and one backward pass."""

    attention: bool = False
    """q, k and v of every block, from which attention is rebuilt."""
    attention_gradient: bool = False
    """Also the gradient of the attention outputs, from which the gradient of attention is rebuilt."""
    input_gradient: bool = False
    tokens: bool = False
    """The tokens that enter each block, and those that leave the last."""
    token_gradients: bool = False
    outputs: tuple[str, ...] = ()
    """Dotted names of modules whose output to keep."""
    inputs: tuple[str, ...] = ()
    """Dotted names of modules whose (first) input to keep."""
    output_gradients: tuple[str, ...] = ()
    """Dotted names of modules whose output and its gradient to keep."""
    graph: bool = False
    """``before_backward`` is called while the autograd graph of the forward pass is alive."""
    switches: tuple[str, ...] = ()
    """Layers that get a switch for backward passes by other rules; see ``modified_backward``. Implies ``graph``."""

    def __or__(self, other: Needs) -> Needs:
        merged: dict[str, Any] = {}
        for item in fields(self):
            a, b = getattr(self, item.name), getattr(other, item.name)
            merged[item.name] = tuple(dict.fromkeys((*a, *b))) if isinstance(a, tuple) else a or b
        return Needs(**merged)

    def whole_last_block(self, depth: int) -> bool:
        """Whether more of the last block is needed than what the head reads: its attention, its tokens, or a part of
        it other than its first norm."""
        last = f"blocks.{depth - 1}"
        names = (*self.outputs, *self.inputs, *self.output_gradients)
        parts = any(n == last or (n.startswith(f"{last}.") and n != f"{last}.norm1") for n in names)
        read = self.attention or self.attention_gradient or self.tokens or self.token_gradients
        # Other switches are at linear maps, which are not called as modules where the block is computed in parts.
        return read or parts or not set(self.switches) <= {"rules"}

    @property
    def backward(self) -> bool:
        """Whether the backward pass from the score is needed."""
        return bool(self.attention_gradient or self.input_gradient or self.token_gradients or self.output_gradients)


@dataclass
class Run:
    """One call of the engine, as it is passed to the methods."""

    model: ViT
    """At the precision of the run, in evaluation mode, without parameter gradients, fused attention."""
    inputs: torch.Tensor
    """(B, 3, H, W), in the model's precision and on its device."""
    targets: Targets
    trace: Trace
    grid: tuple[int, int]
    details: bool = False
    progress: Progress | None = None
    """Set for each method."""
    cancel: CancelToken | None = None

    @property
    def prefix(self) -> int:
        return self.model.prefix_tokens

    @property
    def batch(self) -> int:
        return int(self.inputs.shape[0])

    def to_grid(self, tokens: torch.Tensor) -> torch.Tensor:
        """(..., T) over all tokens, or (..., N) over patches, to (..., rows, columns)."""
        rows, columns = self.grid
        if tokens.shape[-1] != rows * columns:
            tokens = tokens[..., self.prefix :]
        return tokens.reshape(*tokens.shape[:-1], rows, columns)

    def report(self, done: int, total: int) -> None:
        """Report the progress of this method, and raise ``Cancelled`` if the user cancelled."""
        if self.progress is not None:
            self.progress(done, total)
        if self.cancel is not None:
            self.cancel.check()


@dataclass
class MapBatch:
    """The maps of one method for a batch."""

    values: torch.Tensor
    """(B, rows, columns) or (B, H, W)."""
    details: Sequence[dict[str, Any]] | None = None
    """One dict per image; its tensors are returned to the user as numpy arrays."""


class Sweep:
    """A method's part in the walk over all blocks, in which attention is rebuilt once for all methods.

    ``rows`` is called with one chunk of query rows after the other; ``block_done`` when a block is complete.
    """

    last_to_first: bool = True
    gradient: bool = False

    def rows(self, chunk: Chunk) -> None:
        raise TypeError(f"{type(self).__name__} must define rows()")

    def block_done(self, block: int) -> None:
        """Called after the last chunk of a block."""


@dataclass(frozen=True)
class Explainer:
    """Computes one method. Stateless: the data of a run are kept in the run or in the sweep."""

    method: Method

    @property
    def params(self) -> Any:
        return self.method.params

    @property
    def signed(self) -> bool:
        """Whether this map, with these parameters, has values below zero that mean evidence against the target."""
        return self.method.info.signed

    def param(self, name: str) -> Any:
        return self.method.params[name]

    def check(self, model: ViT) -> None:
        """Raise ``MethodNotApplicable`` if this model lacks what the method needs."""

    def needs(self, model: ViT) -> Needs:
        return Needs()

    def sweep(self, run: Run) -> Sweep | None:
        """The method's part in the walk over the blocks, if it has one."""
        return None

    def before_backward(self, run: EarlyRun, logits: torch.Tensor) -> Any:
        """Called while the graph is alive if ``needs(...).graph``; the result is passed to ``maps``."""
        return None

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        """The maps for all images of the run. ``sweep`` and ``early`` are the results of the two methods above."""
        raise TypeError(f"{type(self).__name__} must define maps()")

    def refuse(self, reason: str) -> MethodNotApplicable:
        return MethodNotApplicable(self.method.id, reason)


def need_recordable_attention(explainer: Explainer, model: ViT) -> None:
    """Refuse models whose attention is not one softmax per head over the tokens."""
    if model.differential_attention:
        raise explainer.refuse(
            f"{model.differential_attention} subtracts one attention from another, so a head has no attention "
            "probabilities"
        )


def need_block_index(explainer: Explainer, model: ViT, name: str, *, optional: bool = True) -> None:
    """Refuse a block index that the model does not have. Negative indices count from the end."""
    value = explainer.param(name)
    if value is None and optional:
        return
    if not -model.depth <= value < model.depth:
        from vitinspect.errors import ParameterError

        raise ParameterError(
            f"{explainer.method.id}: {name}={value} is not a block of {model.name}, "
            f"which has blocks 0 to {model.depth - 1}."
        )
