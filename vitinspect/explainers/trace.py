"""The trace: one forward and one backward pass, recorded once for all methods that need them.

Attention stays fused. While the model runs, calls of ``scaled_dot_product_attention`` are intercepted and their
inputs (q, k, v) and output (O, with its gradient dO) are kept. Afterwards, exactly,

    A  = softmax(q k^T scale)        the attention probabilities, (B, H, T, T), row = query
    dA = dO v^T                      the gradient of the score with respect to them

are rebuilt in chunks of query rows, only where a method needs them. The T x T matrices of all blocks are never
in memory together.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from vitinspect.errors import UnsupportedModelError
from vitinspect.explainers.attention_calls import (
    AttentionCall,
    as_call,
    chunk_bytes,
    rebuilt_attention,
    rebuilt_gradient,
)
from vitinspect.explainers.base import Needs, Sweep
from vitinspect.explainers.function_hooks import for_this_thread, record_attention_calls
from vitinspect.explainers.modified_backward import Switchboard
from vitinspect.explainers.passes.block_parts import rotary_table
from vitinspect.explainers.passes.forward import may_be_shortened, tokens_of
from vitinspect.explainers.passes.truncated import call_block, head, last_block
from vitinspect.explainers.targets import TargetLike, Targets
from vitinspect.models.evaluation_state import in_evaluation_state
from vitinspect.models.recipes import registers_of
from vitinspect.models.vit import ViT
from vitinspect.progress import CancelToken, check

CACHE_BYTES = 128 << 20
"""Up to this size the rebuilt attention of all blocks is kept for the walk in the other direction."""


# --- rebuilt attention ---------------------------------------------------------------------------------------


@dataclass
class Chunk:
    """Some query rows of one block's attention, for all images and heads, and quantities often computed from it."""

    block: int
    rows: slice
    attention: torch.Tensor
    """(B, H, R, T)"""
    gradient: torch.Tensor | None = None
    """(B, H, R, T), the gradient of the score with respect to ``attention``; None if it was not requested."""

    @cached_property
    def mean(self) -> torch.Tensor:
        """(B, R, T): attention averaged over heads."""
        return self.attention.mean(1)

    @property
    def product(self) -> torch.Tensor:
        """(B, H, R, T): gradient times attention. Computed for each call, so that it may be changed in place: keeping
        it would cost more than computing it again."""
        assert self.gradient is not None
        return self.gradient * self.attention

    @cached_property
    def product_mean(self) -> torch.Tensor:
        """(B, R, T): gradient times attention, averaged over heads."""
        return self.product.mean(1)

    @cached_property
    def positive_product_mean(self) -> torch.Tensor:
        """(B, R, T): the positive part of that product, averaged over heads."""
        return self.product.relu_().mean(1)


@dataclass
class Trace:
    """The records of one forward and, if requested, one backward pass. All tensors are detached."""

    logits: torch.Tensor
    calls: list[list[AttentionCall]] = field(default_factory=list)
    """Per block its attention calls: one, but two in blocks with parallel attentions."""
    pool_calls: list[AttentionCall] = field(default_factory=list)
    """Attention calls outside of the blocks: those of the pooling head."""
    input_gradient: torch.Tensor | None = None
    tokens: list[torch.Tensor] = field(default_factory=list)
    """[l] enters block l, [L] leaves the last block; (B, T, D)."""
    token_gradients: list[torch.Tensor] = field(default_factory=list)
    outputs: dict[str, torch.Tensor] = field(default_factory=dict)
    inputs: dict[str, torch.Tensor] = field(default_factory=dict)
    output_gradients: dict[str, torch.Tensor] = field(default_factory=dict)
    readout: torch.Tensor = field(default_factory=lambda: torch.empty(0))
    """(B, T): the share with which the head reads each token of the last block; see ``read_out``."""
    earlier_readouts: dict[int, torch.Tensor] = field(default_factory=dict)
    """(B, T) by block: the same for tokens of earlier blocks that the head reads. All shares together sum to one."""
    _cache: dict[tuple[int, bool], list[Chunk]] = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return len(self.calls)

    @property
    def heads(self) -> int:
        return sum(call.q.shape[1] for call in self.calls[0])

    @property
    def token_count(self) -> int:
        return int(self.calls[0][0].q.shape[-2])

    def attention_rows(self, block: int, gradient: bool = False) -> Iterator[Chunk]:
        """The attention of one block, rebuilt chunk by chunk of query rows."""
        cached = self._cache.get((block, gradient))
        if cached is not None:
            yield from cached
            return
        call = self.calls[block][0]
        batch, _, tokens, _ = call.q.shape
        row_bytes = batch * self.heads * call.k.shape[-2] * max(4, call.q.element_size())
        step = max(1, min(tokens, chunk_bytes(call.q.device) // row_bytes))
        keep = row_bytes * tokens * self.depth * (2 if gradient else 1) <= CACHE_BYTES
        kept: list[Chunk] = []
        for start in range(0, tokens, step):
            rows = slice(start, min(start + step, tokens))
            chunk = Chunk(
                block,
                rows,
                _join([rebuilt_attention(c, rows) for c in self.calls[block]]),
                _join([rebuilt_gradient(c, rows) for c in self.calls[block]]) if gradient else None,
            )
            if keep:
                kept.append(chunk)
            yield chunk
        if keep:
            self._cache[(block, gradient)] = kept

    def attention(self, block: int) -> torch.Tensor:
        """(B, H, T, T): the whole attention of one block, which needs much memory on large inputs."""
        return torch.cat([chunk.attention for chunk in self.attention_rows(block)], dim=2)

    def attention_gradient(self, block: int) -> torch.Tensor:
        """(B, H, T, T): its gradient."""
        rows = [chunk.gradient for chunk in self.attention_rows(block, gradient=True)]
        return torch.cat([r for r in rows if r is not None], dim=2)

    def walk(self, sweeps: Sequence[Sweep], cancel: CancelToken | None = None) -> None:
        """Pass all blocks to all sweeps; each chunk of attention is rebuilt once per direction."""
        for last_to_first in (True, False):
            group = [sweep for sweep in sweeps if sweep.last_to_first == last_to_first]
            if not group:
                continue
            # One key for the cache in both directions, if any sweep needs the gradient.
            gradient = any(sweep.gradient for sweep in sweeps)
            order = range(self.depth - 1, -1, -1) if last_to_first else range(self.depth)
            for block in order:
                check(cancel)
                for chunk in self.attention_rows(block, gradient):
                    for sweep in group:
                        sweep.rows(chunk)
                for sweep in group:
                    sweep.block_done(block)

    def add_readout(self, row: torch.Tensor, block: int) -> torch.Tensor:
        """``row`` over the tokens that enter ``block``, plus the share with which the head reads them directly."""
        earlier = self.earlier_readouts.get(block - 1)
        return row if earlier is None else row + earlier.to(row.dtype)

    def forget_attention(self) -> None:
        """Free the rebuilt attention that was kept."""
        self._cache.clear()


def _join(parts: list[torch.Tensor]) -> torch.Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


# --- recording -----------------------------------------------------------------------------------------------


class _Recording:
    """The hooks of one pass, and what they recorded. They are always removed again."""

    def __init__(self, model: ViT, needs: Needs, cancel: CancelToken | None) -> None:
        self.model, self.needs, self.cancel = model, needs, cancel
        self.calls: list[list[AttentionCall]] = [[] for _ in model.blocks]
        self.pool_calls: list[AttentionCall] = []
        self.tokens: list[torch.Tensor] = []
        self.outputs: dict[str, torch.Tensor] = {}
        self.inputs: dict[str, torch.Tensor] = {}
        self.features: torch.Tensor | None = None
        self.board = Switchboard(needs.switches, cancel)
        self._block: int | None = None
        self._after_blocks = False

    def attention_called(self, output: torch.Tensor, *args: Any, **kwargs: Any) -> None:
        if self._block is not None:
            needs = self.needs
            if needs.attention or needs.attention_gradient or needs.graph:
                self.calls[self._block].append(as_call(output, *args, **kwargs))
        elif self._after_blocks:
            self.pool_calls.append(as_call(output, *args, **kwargs))

    @contextlib.contextmanager
    def hooks(self) -> Iterator[None]:
        handles = []
        try:
            for index, block in enumerate(self.model.blocks):
                handles.append(block.register_forward_pre_hook(for_this_thread(self._enter(index)), with_kwargs=True))
                handles.append(block.register_forward_hook(for_this_thread(self._leave(index))))
            part = self.model.module.get_submodule
            for name in (*self.needs.outputs, *self.needs.output_gradients):
                handles.append(part(name).register_forward_hook(for_this_thread(self._keep_output(name))))
            for name in self.needs.inputs:
                handles.append(part(name).register_forward_pre_hook(for_this_thread(self._keep_input(name))))
            if self.model.pooling in ("max", "avgmax"):
                handles.append(part("norm").register_forward_hook(for_this_thread(self._keep_features)))
            with contextlib.ExitStack() as stack:
                stack.enter_context(record_attention_calls(self.attention_called))
                if self.needs.switches:
                    stack.enter_context(self.board.installed(self.model.module))
                yield
        finally:
            for handle in handles:
                handle.remove()

    def run_shortened(self, images: torch.Tensor) -> torch.Tensor:
        """The logits, computing no more of the last block than the head reads."""
        model, last = self.model, self.model.depth - 1
        with torch.no_grad():
            rope = rotary_table(model, model.grid_for(*images.shape[-2:]))
        x = tokens_of(model, images)
        for block in range(last):
            x = call_block(model, block, x, rope)
        check(self.cancel)
        self._block = last
        read, rows = last_block(model, x, rope, fold=not self.needs.switches)
        self._block, self._after_blocks = None, True
        return head(model, read, rows, x.shape[1])

    def _enter(self, index: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            check(self.cancel)
            self._block = index
            if self.needs.tokens or self.needs.token_gradients:
                self.tokens.append(args[0] if args else kwargs["x"])

        return hook

    def _leave(self, index: int) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: torch.Tensor) -> None:
            self._block = None
            if index == len(self.model.blocks) - 1:
                self._after_blocks = True
                if self.needs.tokens or self.needs.token_gradients:
                    self.tokens.append(output)

        return hook

    def _keep_output(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: torch.Tensor) -> None:
            self.outputs[name] = output

        return hook

    def _keep_input(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            self.inputs[name] = args[0]

        return hook

    def _keep_features(self, module: nn.Module, args: Any, output: torch.Tensor) -> None:
        self.features = output


EarlyWork = Callable[[torch.Tensor, Targets, "Live"], None]


@dataclass
class Live:
    """The tensors of the forward pass while their autograd graph is alive."""

    inputs: torch.Tensor
    calls: list[list[AttentionCall]]
    tokens: list[torch.Tensor]
    outputs: dict[str, torch.Tensor]
    board: Switchboard
    """Runs backward passes by other rules, if ``Needs.switches`` asks for them."""


def record(
    model: ViT,
    inputs: torch.Tensor,
    choose_targets: Callable[[torch.Tensor], Sequence[TargetLike] | None],
    needs: Needs,
    *,
    cancel: CancelToken | None = None,
    early: EarlyWork | None = None,
    check_calls: Callable[[list[list[AttentionCall]]], None] | None = None,
) -> tuple[Trace, Targets]:
    """Run the model once forward and, if a method needs it, once backward from the score of the targets.

    ``choose_targets`` gets the logits and returns one target per image (a prediction is known only now), or None
    if nothing depends on it. ``check_calls`` gets the attention calls of each block before they are used, and may
    raise.
    """
    recording = _Recording(model, needs, cancel)
    with in_evaluation_state(model.module):
        with_graph = needs.backward or needs.graph
        x = inputs.detach()
        if with_graph:
            x = x.clone().requires_grad_(True)
        shortened = not needs.whole_last_block(model.depth) and may_be_shortened(model)
        with recording.hooks(), torch.set_grad_enabled(with_graph):
            logits = recording.run_shortened(x) if shortened else model.module(x)
        if logits.dim() != 2:
            raise UnsupportedModelError(
                f"{model.name} returns an output of shape {tuple(logits.shape)}: it has no pooling, and so no single "
                "score to explain."
            )
        if check_calls is not None:
            check_calls(recording.calls)
        targets = Targets(choose_targets(logits.detach()) or [])
        if early is not None and with_graph:
            with torch.enable_grad():
                live = Live(x, recording.calls, recording.tokens, recording.outputs, recording.board)
                early(logits, targets, live)
        trace = Trace(logits=logits.detach(), calls=recording.calls, pool_calls=recording.pool_calls)
        if needs.backward:
            check(cancel)
            with torch.enable_grad():
                _run_backward(trace, targets.score(logits).sum(), x, recording, needs)
        trace.tokens = [t.detach() for t in recording.tokens] if needs.tokens or needs.token_gradients else []
        trace.outputs = {name: t.detach() for name, t in recording.outputs.items()}
        trace.inputs = {name: t.detach() for name, t in recording.inputs.items()}
        _release_the_graph(trace, keep=needs.attention or needs.attention_gradient)
        trace.readout, trace.earlier_readouts = read_outs(model, trace, recording.features, inputs)
    return trace, targets


def _run_backward(trace: Trace, score: torch.Tensor, x: torch.Tensor, recording: _Recording, needs: Needs) -> None:
    wanted: list[torch.Tensor] = []
    places: list[Callable[[torch.Tensor], None]] = []

    def want(tensor: torch.Tensor, place: Callable[[torch.Tensor], None]) -> None:
        wanted.append(tensor)
        places.append(place)

    if needs.attention_gradient:
        for call in (c for block in trace.calls for c in block):
            assert call.output is not None
            want(call.output, functools.partial(setattr, call, "output_gradient"))
    if needs.token_gradients:
        trace.token_gradients = [torch.empty(0)] * len(recording.tokens)
        for i, tokens in enumerate(recording.tokens):
            want(tokens, functools.partial(trace.token_gradients.__setitem__, i))
    for name in needs.output_gradients:
        want(recording.outputs[name], functools.partial(trace.output_gradients.__setitem__, name))
    if needs.input_gradient:
        want(x, functools.partial(setattr, trace, "input_gradient"))
    gradients = torch.autograd.grad(score, wanted, allow_unused=True)
    for tensor, gradient, place in zip(wanted, gradients, places, strict=True):
        place(torch.zeros_like(tensor) if gradient is None else gradient.detach())


def _release_the_graph(trace: Trace, keep: bool) -> None:
    for call in (*(c for block in trace.calls for c in block), *trace.pool_calls):
        call.q, call.k, call.v = call.q.detach(), call.k.detach(), call.v.detach()
        call.output = None
    if not keep:
        for block in trace.calls:
            block.clear()


def read_outs(
    model: ViT, trace: Trace, features: torch.Tensor | None, inputs: torch.Tensor
) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
    """The shares with which the head reads the tokens of the last block, and by block those of earlier ones.

    A head that reads several concatenated vectors reads each of them with the same share: with four class tokens and
    the mean of the patches, each has a fifth.
    """
    recipe = getattr(model.module, "vitinspect_recipe", None)
    if recipe is None or model.pooling != "recipe":
        return read_out(model, trace, features, inputs), {}
    rows, columns = model.grid_for(*inputs.shape[-2:])
    prefix = model.prefix_tokens
    like = trace.logits if trace.logits.dtype in (torch.float32, torch.float64) else trace.logits.float()
    last = like.new_zeros(inputs.shape[0], prefix + rows * columns)
    one = 1 / recipe.vectors
    earlier: dict[int, torch.Tensor] = {}
    if recipe.class_token:
        last[:, 0] += one
        for block in range(model.depth - recipe.blocks, model.depth - 1):
            earlier[block] = torch.zeros_like(last)
            earlier[block][:, 0] = one
    if recipe.registers:
        where = registers_of(model.module)
        last[:, where] += one / (where.stop - where.start)
    if recipe.mean:
        last[:, prefix:] += one / (rows * columns)
    return last, earlier


def read_out(model: ViT, trace: Trace, features: torch.Tensor | None, inputs: torch.Tensor) -> torch.Tensor:
    """The share with which the head reads each token of the last block, (B, T); every row sums to one.

    A map that starts from "row 0" is right only if the head reads the class token. So the row from which a rollout
    starts depends on the pooling:

    token       the class token alone;
    distilled   half the class token, half the distillation token (the two heads are averaged);
    cls+mean    half the class token, half all patches evenly (heads on the concatenation of both);
    avg         all patches evenly (all tokens where the model's average includes the prefix);
    max         for each token the share of channels of which it has the maximum; avgmax: the mean of avg and max;
    map         the attention of the pooling head, averaged over its heads and latent queries;
    prr         the attention of the refining head, averaged over heads, at its class token or over its rows.
    """
    rows, columns = model.grid_for(*inputs.shape[-2:])
    prefix, patches = model.prefix_tokens, rows * columns
    batch, total = inputs.shape[0], prefix + patches
    like = trace.logits if trace.logits.dtype in (torch.float32, torch.float64) else trace.logits.float()
    share = like.new_zeros(batch, total)
    first = 0 if model.pools_prefix else prefix
    pooling = model.pooling
    if pooling == "token":
        share[:, 0] = 1
    elif pooling == "distilled":
        share[:, :2] = 0.5
    elif pooling == "cls+mean":
        share[:, 0] = 0.5
        share[:, prefix:] += 0.5 / patches
    elif pooling == "avg":
        share[:, first:] = 1 / (total - first)
    elif pooling in ("max", "avgmax") and features is not None:
        winners = features.detach()[:, first:].argmax(1)
        counts = F.one_hot(winners, total - first).to(like.dtype).mean(1)
        share[:, first:] = counts
        if pooling == "avgmax":
            share[:, first:] = (counts + 1 / (total - first)) / 2
    elif pooling in ("map", "prr") and trace.pool_calls:
        attention = rebuilt_attention(trace.pool_calls[0], slice(None)).to(like.dtype).mean(1)
        if pooling == "prr" and getattr(model.module.attn_pool, "pool", "token") == "token":
            attention = attention[:, :1]
        share[:, total - attention.shape[-1] :] = attention.mean(1)
    else:
        raise UnsupportedModelError(f"{model.name} pools its tokens by {pooling!r}, which vitinspect does not support.")
    return share
