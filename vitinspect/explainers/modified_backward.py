"""Backward passes by rules other than the gradient's, over the one forward pass that all methods share.

Some methods are a gradient in which certain layers are differentiated differently: a normalisation as if its divisor
were a constant, an activation by its value instead of its slope, attention without its softmax. Here each such layer
gets a *switch* at its output. In the forward pass a switch returns the output unchanged. In the backward pass it asks
the ``Switchboard`` which ``Rule`` is active: without one, the gradient goes through the layer as usual; with one, the
gradient by that rule goes directly to the layer's input. So one forward pass serves any number of rules, and the plain
gradient.

Switches are inserted by forward hooks and by wrapping torch's attention and linear functions (``function_hooks``); no
module is replaced, and all hooks are removed afterwards.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from vitinspect.explainers.attention_calls import wide
from vitinspect.explainers.function_hooks import for_this_thread, wrap_attention_calls, wrap_linear_calls
from vitinspect.explainers.gamma_rule import conv_gamma, linear_gamma
from vitinspect.explainers.targets import Targets, TextEmbedding
from vitinspect.progress import CancelToken, check

if TYPE_CHECKING:
    from vitinspect.explainers.base import Explainer
    from vitinspect.explainers.trace import Live
    from vitinspect.models.vit import ViT

KEPT_BYTES = 4 << 20
"""Up to this size the output of an activation is kept for the backward pass. A larger one is recomputed: those of all
blocks would take more memory than everything else."""

RULES, BIASES, GAMMA = "rules", "biases", "gamma"
"""Kinds of switches: for nonlinear layers; for the contributions of biases; for linear maps by the gamma rule."""


@dataclass(frozen=True)
class Rule:
    """How a backward pass treats nonlinear layers. All norms and activations follow the identity rule:

    norms         the divisor is a constant, the mean is not;
    activations   the gradient is multiplied by y / x (a gate that is a constant), where y(0) = 0;
    products      of two branches (gated MLPs): each branch gets half, if neither is a constant.
    """

    query_key: float
    """The factor on the gradient of queries and keys. 0: attention is a constant."""
    value: float
    """The factor on the gradient of values."""
    gates_flow: bool
    """Whether the gate of a gated MLP gets its half. Gates by a sigmoid are constants under every rule."""
    conv_gamma: float | None = None
    """None: the ordinary gradient."""
    linear_gamma: float | None = None
    gamma_in_attention: bool = True
    """Whether the linear maps of attention follow the gamma rule too."""
    stabiliser: float = 0.0
    """Added to x in the y / x of activations, without taking x's sign."""


@dataclass
class BiasSums:
    """Contributions of the biases: bias times its gradient, at the token where it is added. ``tokens[i]``: those of
    block i, the last entry those after the blocks; (B, T). ``elsewhere``: those that belong to no token; (B,)."""

    tokens: list[torch.Tensor]
    elsewhere: torch.Tensor

    def add(self, place: int, gradient: torch.Tensor, bias: torch.Tensor) -> None:
        share = (gradient.to(self.elsewhere.dtype) * bias.to(self.elsewhere.dtype)).sum(-1)
        total = self.tokens[place].shape[1]
        if share.dim() == 2 and share.shape[1] == total:
            self.tokens[place] += share
        elif share.dim() == 2 and place == len(self.tokens) - 1 and 1 < share.shape[1] < total:
            # A pooling head that reads the patches only.
            self.tokens[place][:, total - share.shape[1] :] += share
        elif share.dim() == 2 and place == len(self.tokens) - 1 and share.shape[1] % total == 0 and total > 1:
            # The final norm of several blocks' tokens, one block after the other.
            self.tokens[place] += share.reshape(share.shape[0], -1, total).sum(1)
        else:
            self.elsewhere += share.reshape(share.shape[0], -1).sum(1)


class Switchboard:
    """Holds the rule of the present backward pass for all switches of one forward pass."""

    def __init__(self, switches: Sequence[str], cancel: CancelToken | None = None) -> None:
        self.switches = tuple(switches)
        self.cancel = cancel
        self.rule: Rule | None = None
        self.biases: BiasSums | None = None

    @contextlib.contextmanager
    def ruled_by(self, rule: Rule, biases: BiasSums | None = None) -> Iterator[None]:
        self.rule, self.biases = rule, biases
        try:
            yield
        finally:
            self.rule = self.biases = None

    @contextlib.contextmanager
    def installed(self, module: nn.Module) -> Iterator[None]:
        """Insert switches into the forward passes that this thread runs until the block ends."""
        with contextlib.ExitStack() as stack:
            for part, layer in _layers(module, self.switches):
                handle = part.register_forward_hook(for_this_thread(self._hook(layer)))
                stack.callback(handle.remove)
            stack.enter_context(wrap_attention_calls(self._around_attention))
            if BIASES in self.switches or GAMMA in self.switches:
                spots = _linear_spots(module)
                stack.enter_context(wrap_linear_calls(self._around_linear(spots)))
            yield

    def _hook(self, layer: _Layer) -> Callable[..., torch.Tensor | None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor | None:
            if not output.requires_grad:
                return None
            return _Switch.apply(self, layer, args[0], output)

        return hook

    def _around_attention(
        self,
        original: Callable[..., torch.Tensor],
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        *args: Any,
        **kwargs: Any,
    ) -> torch.Tensor:
        if value.requires_grad:
            query, key, value = _AttentionSwitch.apply(self, query, key, value)
        return original(query, key, value, *args, **kwargs)

    def _around_linear(self, spots: dict[int, _Spot]) -> Callable[..., torch.Tensor]:
        def around(
            original: Callable[..., torch.Tensor],
            input: torch.Tensor,  # noqa: A002 - torch's name for it, by which it may be given
            weight: torch.Tensor,
            bias: torch.Tensor | None = None,
        ) -> torch.Tensor:
            output = original(input, weight, bias)
            spot = spots.get(id(weight))
            if spot is None or not output.requires_grad:
                return output
            layer = _Linear(weight, bias, spot, keeps=GAMMA in self.switches)
            switched = _Switch.apply(self, layer, input, output)
            # A switch returns a view, which must not be changed in place.
            return switched.clone() if spot.later_bias is not None else switched

        return around


class _Switch(torch.autograd.Function):
    """The identity forward; backward, the gradient goes into the layer's own graph, or by the rule to its input."""

    @staticmethod
    def forward(ctx: Any, board: Switchboard, layer: _Layer, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        ctx.board, ctx.layer = board, layer
        ctx.save_for_backward(*layer.kept(x, y))
        ctx.set_materialize_grads(False)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor | None) -> tuple[Any, ...]:
        # A backward pass is one call of torch; on large models, cancellation is checked here.
        check(ctx.board.cancel)
        if gradient is None:
            return None, None, None, None
        if ctx.board.rule is None:
            return None, None, None, gradient
        past, into = ctx.layer.back(ctx.board, ctx.board.rule, gradient, *ctx.saved_tensors)
        return None, None, past, into


class _AttentionSwitch(torch.autograd.Function):
    """Applied to the inputs of attention; scales the gradients of queries, keys and values."""

    @staticmethod
    def forward(
        ctx: Any, board: Switchboard, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, ...]:
        ctx.board = board
        ctx.set_materialize_grads(False)
        return query.view_as(query), key.view_as(key), value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor | None) -> tuple[Any, ...]:
        rule = ctx.board.rule
        if rule is None:
            return None, *gradients
        factors = (rule.query_key, rule.query_key, rule.value)
        return None, *(_scaled(g, factor) for g, factor in zip(gradients, factors, strict=True))


def need_switchable(explainer: Explainer, model: ViT, live: Live | None = None) -> None:
    """Refuse models in which some block's attention does not use torch's function: before a run by the attributes of
    the block's modules, in a run (``live``) by the recorded calls."""
    for index, block in enumerate(model.blocks):
        seen = live.calls[index] if live else any(hasattr(part, "fused_attn") for part in block.modules())
        if not seen:
            raise explainer.refuse(
                f"block {index} ({type(block).__name__}) does not compute attention by torch's function, "
                "so its backward pass cannot be replaced"
            )


def linear_score(targets: Targets, logits: torch.Tensor) -> torch.Tensor:
    """(B,): the score of the targets as a linear function of the output: where it is a cosine with a text, the
    length of the output is a divisor like that of a norm, and so a constant."""
    weights = targets.weights(logits.detach())
    lengths = logits.detach().norm(dim=-1)
    is_text = torch.tensor([isinstance(target, TextEmbedding) for target in targets.items], device=logits.device)
    return (logits * weights).sum(-1) / torch.where(is_text, lengths, torch.ones_like(lengths))


def _scaled(gradient: torch.Tensor | None, factor: float) -> torch.Tensor | None:
    if gradient is None or factor == 1:
        return gradient
    return None if factor == 0 else gradient * factor


# --- layers ------------------------------------------------------------------------------------------------------

Ways = tuple[torch.Tensor | None, torch.Tensor | None]
"""The gradient that goes directly to the layer's input, and the one that goes into the layer's own graph."""


class _Layer:
    """What a switch does at one layer under a rule."""

    def kept(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """What the backward pass needs of input and output."""
        return ()

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        return None, gradient


@dataclass
class _Norm(_Layer):
    """(x - mean) / divisor * weight + bias, or without the mean; the divisor is a constant."""

    module: Any
    kind: str
    dim: int
    place: int

    def kept(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x,)

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        x, eps = wide(kept[0]), self.module.eps
        bias = getattr(self.module, "bias", None)
        if board.biases is not None and bias is not None:
            board.biases.add(self.place, gradient, bias)
        down = wide(gradient)
        if self.module.weight is not None:
            weight = self.module.weight.to(down.dtype)
            down = down * (weight if self.dim == -1 else weight.reshape(-1, 1, 1))
        if self.kind == "layer":
            down = down - down.mean(self.dim, keepdim=True)
            if self.dim == -1:
                # The kernel's own divisor, in a quarter of the time that ``var`` takes.
                *_, shares = torch.native_layer_norm(x, list(x.shape[-1:]), None, None, eps)
                return down.mul_(shares.to(down.dtype)).to(gradient.dtype), None
            variance = x.var(self.dim, correction=0, keepdim=True)
        elif self.kind == "simple":
            variance = x.var(self.dim, keepdim=True)
        else:
            variance = x.square().mean(self.dim, keepdim=True)
            eps = torch.finfo(x.dtype).eps if eps is None else eps
        return (down * (variance + eps).rsqrt()).to(gradient.dtype), None


@dataclass
class _GroupNorm(_Layer):
    """timm's group normalisation, which may include a ReLU: the stems of hybrid models."""

    module: Any
    relu: bool

    def kept(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x, y) if self.relu else (x,)

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        x, down = wide(kept[0]), wide(gradient)
        if self.relu:
            down = down * (kept[1] > 0)
        if self.module.weight is not None:
            down = down * self.module.weight.to(down.dtype).reshape(-1, *[1] * (x.dim() - 2))
        shape = (x.shape[0], self.module.num_groups, -1)
        divisor = (x.reshape(shape).var(-1, correction=0, keepdim=True) + self.module.eps).rsqrt()
        down = down.reshape(shape)
        down = (down - down.mean(-1, keepdim=True)) * divisor
        return down.reshape(x.shape).to(gradient.dtype), None


@dataclass
class _Activation(_Layer):
    """An activation that vanishes at zero: x times a gate, and the gate is a constant."""

    module: Any
    is_gate: bool
    place: int
    earlier_bias: torch.Tensor | None = None
    """A bias that the block itself adds to the input."""

    def kept(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x, y) if y.nbytes <= KEPT_BYTES and y.dtype == wide(x).dtype else (x,)

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        if self.is_gate and not rule.gates_flow:
            return None, None
        x = wide(kept[0])
        divisor = x + rule.stabiliser if rule.stabiliser else x.masked_fill(x == 0, 1)
        y = kept[1] if len(kept) > 1 else self.module.forward(x)
        down = torch.div(y, divisor, out=divisor).mul_(gradient).to(gradient.dtype)
        if board.biases is not None and self.earlier_bias is not None:
            board.biases.add(self.place, down, self.earlier_bias)
        return down, None


class _Stop(_Layer):
    """A gate that is a constant."""

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        return None, None


@dataclass
class _Product(_Layer):
    """The product of the two branches of a gated MLP."""

    halves: bool

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        return None, gradient / 2 if self.halves and rule.gates_flow else gradient


@dataclass
class _Spot:
    """The place of a linear map in the model."""

    place: int
    in_attention: bool
    later_bias: torch.Tensor | None = None
    """A bias that the module adds to the output separately."""


@dataclass
class _Linear(_Layer):
    weight: torch.Tensor
    bias: torch.Tensor | None
    spot: _Spot
    keeps: bool

    def kept(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (x, y) if self.keeps else ()

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        if board.biases is not None:
            for bias in (self.bias, self.spot.later_bias):
                if bias is not None:
                    board.biases.add(self.spot.place, gradient, bias)
        if rule.linear_gamma is None or (self.spot.in_attention and not rule.gamma_in_attention):
            return None, gradient
        return linear_gamma(gradient, kept[0], kept[1], self.weight, self.bias, rule.linear_gamma), None


@dataclass
class _Conv(_Layer):
    module: nn.Conv2d

    def kept(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x, y

    def back(self, board: Switchboard, rule: Rule, gradient: torch.Tensor, *kept: torch.Tensor) -> Ways:
        if rule.conv_gamma is None:
            return None, gradient
        return conv_gamma(gradient, kept[0], kept[1], self.module, rule.conv_gamma), None


# --- finding them ------------------------------------------------------------------------------------------------

_NORMS = {
    # By the names of the classes and of their base classes, the most specific first.
    "LayerNorm2d": ("layer", 1),
    "LayerNorm2dFp32": ("layer", 1),
    "LayerNormExp2d": ("layer", 1),
    "LayerNorm": ("layer", -1),
    "RmsNorm2d": ("rms", 1),
    "RmsNorm2dFp32": ("rms", 1),
    "RmsNorm": ("rms", -1),
    "RmsNormFp32": ("rms", -1),
    "RMSNorm": ("rms", -1),
    "SimpleNorm2d": ("simple", 1),
    "SimpleNorm2dFp32": ("simple", 1),
    "SimpleNorm": ("simple", -1),
    "SimpleNormFp32": ("simple", -1),
}
_LINEAR_PIECES = {"ReLU", "ReLU6", "LeakyReLU", "PReLU", "RReLU", "Hardtanh", "Threshold", "Identity"}
_NO_ACTIVATIONS = {"Softmax", "LogSoftmax", "Softmax2d", "Softmin", "GLU", "MultiheadAttention"}


def _layers(module: nn.Module, switches: Sequence[str]) -> Iterator[tuple[nn.Module, _Layer]]:
    """All modules that get a switch, with the layer's rule."""
    named = _named_parts(module)
    depth = len(module.blocks)  # type: ignore[arg-type]
    known: dict[str, bool] = {}

    def vanishes(activation: nn.Module) -> bool:
        kind = f"{type(activation).__module__}.{activation!r}"
        if kind not in known:
            known[kind] = _vanishes(activation, module)
        return known[kind]

    for name, part in named.items():
        above, _, own = name.rpartition(".")
        parent = named[above]
        norm = _norm_kind(type(part))  # type: ignore[arg-type]
        if norm is not None:
            yield part, _Norm(part, *norm, _place(name, depth))
        elif isinstance(part, nn.GroupNorm):
            yield part, _GroupNorm(part, relu=isinstance(getattr(part, "act", None), nn.ReLU))
        elif _is_activation(own, part):
            gated = _is_gated(parent)
            if vanishes(part):
                bias = getattr(parent, "mlp_bias", None) if own == "mlp_act" else None
                yield part, _Activation(part, gated, _place(name, depth), bias)
            elif gated:
                yield part, _Stop()
        elif own == "drop1" and _is_gated(parent):
            yield part, _Product(halves=vanishes(parent.act))  # type: ignore[arg-type]
        elif own == "gate" and isinstance(part, nn.Linear) and hasattr(parent, "num_heads"):
            yield part, _Stop()
        elif GAMMA in switches and type(part) is nn.Conv2d and _is_plain_conv(part):
            yield part, _Conv(part)


def _named_parts(module: nn.Module) -> dict[str, nn.Module]:
    """The same as ``named_modules`` in a third of its time, which on a small model is more than a block takes."""
    named: dict[str, nn.Module] = {}
    seen: set[int] = set()
    waiting = [("", module)]
    while waiting:
        name, part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        named[name] = part
        prefix = f"{name}." if name else ""
        waiting.extend((prefix + own, child) for own, child in part._modules.items() if child is not None)
    return named


@functools.cache
def _norm_kind(kind: type) -> tuple[str, int] | None:
    """Which normalisation a class is, and over which dimension."""
    return next((_NORMS[cls.__name__] for cls in kind.__mro__ if cls.__name__ in _NORMS), None)


def _linear_spots(module: nn.Module) -> dict[int, _Spot]:
    """Every linear map's place, by the identity of its weight: some modules use the weight without the module."""
    named = _named_parts(module)
    depth = len(module.blocks)  # type: ignore[arg-type]
    spots: dict[int, _Spot] = {}
    for name, part in named.items():
        if not isinstance(part, nn.Linear):
            continue
        above, _, own = name.rpartition(".")
        parent: Any = named[above]
        later_bias = None
        if own == "qkv" and getattr(parent, "qkv_bias_separate", False) and parent.q_bias is not None:
            later_bias = torch.cat((parent.q_bias, parent.k_bias, parent.v_bias))
        in_attention = hasattr(parent, "num_heads") and own not in ("mlp_out_proj", "head", "head_dist")
        spots[id(part.weight)] = _Spot(_place(name, depth), in_attention, later_bias)
    return spots


def _place(name: str, depth: int) -> int:
    """The index of the block that contains a module; ``depth`` for modules after (and before) the blocks."""
    first, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if first == "blocks" and rest else depth


def _is_activation(own: str, part: nn.Module) -> bool:
    kind = type(part).__name__
    if kind in _LINEAR_PIECES or kind in _NO_ACTIVATIONS or next(part.children(), None) is not None:
        return False
    home = type(part).__module__
    known = home.startswith(("torch.nn.modules.activation", "timm.layers.activations"))
    return known or (own in ("act", "mlp_act") and next(part.parameters(), None) is None)


def _is_gated(part: nn.Module) -> bool:
    """timm's ``GluMlp`` and ``SwiGLU``: a product of two branches, then ``drop1``."""
    return hasattr(part, "gate_last") or (hasattr(part, "fc1_g") and hasattr(part, "fc1_x"))


def _vanishes(activation: nn.Module, module: nn.Module) -> bool:
    """Whether an activation is zero at zero, as GELU and SiLU are and a sigmoid is not."""
    like = next(module.parameters())
    with torch.no_grad():
        return float(activation.forward(like.new_zeros(1))) == 0


def _is_plain_conv(part: nn.Conv2d) -> bool:
    return part.padding_mode == "zeros" and not isinstance(part.padding, str)
