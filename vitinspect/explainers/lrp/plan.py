"""How relevance is propagated through a model: which modules a block has, and what to record of them.

Everything is read from the structure of timm's modules, by their parts and not by their names, so that subclasses
with the same parts are supported too. If a part is unknown, ``NoRule`` names it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

from vitinspect.explainers.base import Needs
from vitinspect.models.vit import ViT


class NoRule(Exception):  # noqa: N818 - a statement; only raised within this family of methods
    """No rule is known for a part of this model; the message is the reason."""


@dataclass(frozen=True)
class Attention:
    """Multi-head self-attention with its projections, named ``path``."""

    path: str
    call: int
    """The index of its call among the block's attention calls."""
    separate: bool
    """q, k and v come from three layers instead of one."""
    q_norm: bool
    k_norm: bool
    gated: bool
    inner_norm: bool
    """There is a norm (perhaps an identity) between the heads and the projection."""
    groups: int
    """How many heads share one k and v."""
    rotary: bool

    @property
    def joined(self) -> str:
        """The module whose input is the concatenated output of all heads."""
        return f"{self.path}.norm" if self.inner_norm else f"{self.path}.proj"

    def needs(self) -> Needs:
        p = self.path
        inputs = [p, self.joined, f"{p}.proj"]
        outputs = [f"{p}.proj"]
        if self.rotary or self.q_norm:
            inputs.append(f"{p}.q_norm")
        if self.rotary or self.k_norm:
            inputs.append(f"{p}.k_norm")
        if self.rotary:
            # The angles are computed once more, for which the model needs the patches.
            outputs += [f"{p}.q_norm", f"{p}.k_norm", "patch_embed"]
        if self.gated:
            outputs.append(f"{p}.gate")
        return Needs(inputs=tuple(inputs), outputs=tuple(outputs))


@dataclass(frozen=True)
class Mlp:
    """One hidden layer between linear layers; its activation, inner norm and dropouts pass relevance on."""

    path: str
    first: tuple[str, ...]
    """The layers into the hidden width: one, or two whose outputs are multiplied."""
    packed: bool = False
    """One first layer holds both factors of a product, concatenated."""
    last: str = "fc2"

    def needs(self) -> Needs:
        layers = [f"{self.path}.{name}" for name in (*self.first, self.last)]
        return Needs(inputs=(layers[0], layers[-1]), outputs=tuple(layers))


@dataclass(frozen=True)
class Parallel:
    """Attention and MLP in parallel, from one input projection (``ParallelScalingBlock``)."""

    path: str
    hidden: int
    fused: bool
    """One output projection for both."""
    q_norm: bool
    k_norm: bool

    def needs(self) -> Needs:
        p = self.path
        inputs, outputs = [f"{p}.in_proj"], [f"{p}.in_proj"]
        for name in ("out_proj",) if self.fused else ("attn_out_proj", "mlp_out_proj"):
            inputs.append(f"{p}.{name}")
            outputs.append(f"{p}.{name}")
        return Needs(inputs=tuple(inputs), outputs=tuple(outputs))


@dataclass(frozen=True)
class Branch:
    """A summand of the residual stream: an optional norm, the core, then optionally LayerScale or a norm."""

    core: Attention | Mlp | Parallel
    leaves: str
    """The module whose output is the summand."""


@dataclass(frozen=True)
class Stage:
    """``stream + sum of the branches``, all of which read the same stream."""

    branches: tuple[Branch, ...]
    enters: int | str
    """Where the stream before this stage is recorded: the index of the tokens, or the module with this input."""
    leaves: int | str


@dataclass(frozen=True)
class Plan:
    """The whole propagation: the stages of each block, and what to record for them."""

    blocks: tuple[tuple[Stage, ...], ...]

    def needs(self) -> Needs:
        """What must be recorded for the walk through all blocks."""
        stages = [stage for stages in self.blocks for stage in stages]
        branches = [branch for stage in stages for branch in stage.branches]
        cores = [branch.core.needs() for branch in branches]
        inputs = [place for stage in stages for place in (stage.enters, stage.leaves) if isinstance(place, str)]
        inputs += [name for core in cores for name in core.inputs]
        outputs = [branch.leaves for branch in branches] + [name for core in cores for name in core.outputs]
        return Needs(
            tokens=True, attention=True, inputs=tuple(dict.fromkeys(inputs)), outputs=tuple(dict.fromkeys(outputs))
        )


def plan_of(model: ViT) -> Plan:
    """The plan for this model, or ``NoRule``."""
    rotary = getattr(model.module, "rope", None) is not None
    return Plan(tuple(_stages(block, f"blocks.{i}", i, rotary) for i, block in enumerate(model.blocks)))


# --- blocks --------------------------------------------------------------------------------------------------


def _stages(block: nn.Module, path: str, index: int, rotary: bool) -> tuple[Stage, ...]:
    if hasattr(block, "in_proj") and hasattr(block, "in_split"):
        return (Stage((Branch(_parallel(block, path), f"{path}.drop_path"),), index, index + 1),)
    if hasattr(block, "attns") and hasattr(block, "ffns"):
        between = f"{path}.ffns.0.norm"
        attentions = tuple(
            Branch(_attention(part.attn, f"{path}.attns.{j}.attn", j, rotary), f"{path}.attns.{j}.drop_path")
            for j, part in enumerate(block.attns)  # type: ignore[arg-type]
        )
        mlps = tuple(
            Branch(mlp_of(part.mlp, f"{path}.ffns.{j}.mlp"), f"{path}.ffns.{j}.drop_path")
            for j, part in enumerate(block.ffns)  # type: ignore[arg-type]
        )
        return Stage(attentions, index, between), Stage(mlps, between, index + 1)
    parts = ("attn", "mlp", "norm1", "norm2", "drop_path1", "drop_path2")
    if not all(isinstance(getattr(block, part, None), nn.Module) for part in parts):
        raise NoRule(f"its blocks are {_name(block)}, for which no rule is known")
    # The order in which the parts are registered is the order in which they are applied, in all of timm's blocks.
    names = [name for name, _ in block.named_children()]
    norm_first = names.index("norm2") < names.index("mlp")
    between = f"{path}.norm2" if norm_first else f"{path}.mlp"
    attention = Branch(_attention(block.attn, f"{path}.attn", 0, rotary), f"{path}.drop_path1")
    mlp = Branch(mlp_of(block.mlp, f"{path}.mlp"), f"{path}.drop_path2")
    return Stage((attention,), index, between), Stage((mlp,), between, index + 1)


def _attention(attn: Any, path: str, call: int, rotary: bool) -> Attention:
    fused = isinstance(getattr(attn, "qkv", None), nn.Linear)
    separate = all(isinstance(getattr(attn, f"{letter}_proj", None), nn.Linear) for letter in "qkv")
    norms = [getattr(attn, name, None) or nn.Identity() for name in ("q_norm", "k_norm", "norm")]
    known = fused != separate and isinstance(getattr(attn, "proj", None), nn.Linear) and all(map(passes, norms))
    # A module with weights other than the known parts computes something for which there is no rule. A table of biases
    # that depend on the position counts as a bias.
    rest = {name for name, _ in attn.named_parameters(recurse=False)} - {"q_bias", "v_bias"}
    rest |= {name for name, child in attn.named_children() if any(True for _ in child.parameters())}
    rest -= {"qkv", "q_proj", "k_proj", "v_proj", "q_norm", "k_norm", "norm", "proj", "gate", "rel_pos"}
    if not known or rest - {"relative_position_bias_table"}:
        raise NoRule(f"its attention is a {_name(attn)}, for which no rule is known")
    gate = getattr(attn, "gate", None)
    if gate is not None and not isinstance(gate, nn.Linear):
        raise NoRule(f"the gate of its attention is a {_name(gate)}, for which no rule is known")
    return Attention(
        path,
        call,
        separate=separate,
        q_norm=not isinstance(norms[0], nn.Identity),
        k_norm=not isinstance(norms[1], nn.Identity),
        gated=gate is not None,
        inner_norm=getattr(attn, "norm", None) is not None,
        groups=int(getattr(attn, "num_kv_groups", 1)),
        rotary=rotary,
    )


def _name(part: nn.Module) -> str:
    return f"{type(part).__module__.rpartition('.')[2]}.{type(part).__name__}"


def mlp_of(mlp: Any, path: str) -> Mlp:
    """``Mlp``, ``GluMlp`` (``SwiGLUPacked``) or ``SwiGLU``."""

    def linear(*names: str) -> bool:
        return all(isinstance(getattr(mlp, name, None), nn.Linear) for name in names)

    extra = [name for name, part in mlp.named_children() if not passes(part) and not isinstance(part, nn.Linear)]
    if not extra and linear("fc1_g", "fc1_x", "fc2"):
        return Mlp(path, ("fc1_g", "fc1_x"))
    if not extra and linear("fc1", "fc2"):
        packed = mlp.fc1.out_features == 2 * mlp.fc2.in_features
        if packed or mlp.fc1.out_features == mlp.fc2.in_features:
            return Mlp(path, ("fc1",), packed=packed)
    raise NoRule(f"its MLP is a {_name(mlp)}, for which no rule is known")


def _parallel(block: Any, path: str) -> Parallel:
    if hasattr(block, "sub_norm"):
        raise NoRule(f"{type(block).__name__} subtracts one attention from another")
    return Parallel(
        path,
        hidden=int(block.in_split[0]),
        fused=block.out_proj is not None,
        q_norm=not isinstance(block.q_norm, nn.Identity),
        k_norm=not isinstance(block.k_norm, nn.Identity),
    )


def passes(part: nn.Module) -> bool:
    """Whether relevance passes the module unchanged: norms, and functions of single channels."""
    if isinstance(part, nn.Identity | nn.Dropout):
        return True
    return not any(True for _ in part.children()) and not any(p.dim() > 1 for p in part.parameters())
