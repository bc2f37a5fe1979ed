"""The registry of methods: each is declared once, in its own module, and found here by its id.

Neither this module nor those that declare methods import torch before a method runs, so that ``vitinspect
methods`` and the window's list appear at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

from vitinspect.errors import ParameterError
from vitinspect.explainers.parameters import Parameter, canonical, parse_call, split_calls, validate_all

if TYPE_CHECKING:
    from vitinspect.explainers.base import Explainer

Cost = Literal["none", "one forward", "one forward and backward", "several passes", "many passes"]
MethodSpec = "str | tuple[str, Mapping[str, Any]] | Method"

LRP_NOTICE = (
    "Layer-wise relevance propagation is covered by patents of its inventors; commercial use may need their "
    "licence. Research use is what this is meant for."
)


@dataclass(frozen=True)
class MethodInfo:
    """What is known of a method without loading torch."""

    id: str
    title: str
    summary: str
    citation: str
    implementation: str
    """``module:class`` of the ``Explainer``, loaded when the method is first run."""
    cost: Cost
    parameters: tuple[Parameter, ...] = ()
    signed: bool = False
    """Whether values below zero mean evidence against the target."""
    class_specific: bool = True
    """Whether the map depends on the target."""
    group: str = "other"
    """Under which heading lists show it."""
    notice: str = ""
    short: str = ""
    """How tables and combinations call it ("LRP + Rollout"); empty means the title."""

    def help(self) -> str:
        """The help text: what it is, its paper, its parameters, its notice."""
        lines = [f"{self.title} ({self.id})", "", self.summary, "", f"Reference: {self.citation}"]
        traits = [
            f"cost: {self.cost}",
            "signed" if self.signed else "not signed",
            "follows the target" if self.class_specific else "the same for every target",
        ]
        lines.append("; ".join(traits))
        if self.parameters:
            from vitinspect.explainers.parameters import format_value

            lines.append("")
            lines.append("Parameters:")
            lines += [f"  {p.name} = {format_value(p.default)}  ({p.describe()})  {p.help}" for p in self.parameters]
        if self.notice:
            lines += ["", self.notice]
        return "\n".join(lines)


@dataclass(frozen=True)
class Method:
    """A method with its parameters set."""

    info: MethodInfo
    params: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.info.id

    @property
    def key(self) -> str:
        """The canonical string, by which results are addressed."""
        return canonical(self.info.id, self.info.parameters, self.params)

    def explainer(self) -> Explainer:
        """The object that computes it."""
        module_name, _, attribute = self.info.implementation.partition(":")
        return getattr(importlib.import_module(module_name), attribute)(self)


class MethodTable(Sequence[MethodInfo]):
    """All methods: iterate for their infos, index by id or position, ask ``"rollout" in vi.methods()``."""

    def __init__(self, infos: Iterable[MethodInfo]) -> None:
        self._infos = tuple(infos)
        self._by_id = {info.id: info for info in self._infos}

    @overload
    def __getitem__(self, key: int | str) -> MethodInfo: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[MethodInfo]: ...
    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            try:
                return self._by_id[key]
            except KeyError:
                raise ParameterError(unknown_method(key, self._by_id)) from None
        return self._infos[key]

    def __len__(self) -> int:
        return len(self._infos)

    def __iter__(self) -> Iterator[MethodInfo]:
        return iter(self._infos)

    def __contains__(self, item: object) -> bool:
        return item in self._by_id if isinstance(item, str) else item in self._infos

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._by_id)


def unknown_method(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no method {name!r}.{hint} `vitinspect methods` lists them all."


# Modules whose ``METHODS`` are gathered, in the order in which lists show them. A method is declared beside its code,
# so these modules import torch only inside of functions.
_MODULES: tuple[str, ...] = (
    "vitinspect.explainers.methods.attention",
    "vitinspect.explainers.methods.lrp",
    "vitinspect.explainers.methods.attnlrp",
    "vitinspect.explainers.methods.legrad",
    "vitinspect.explainers.methods.libragrad",
    "vitinspect.explainers.methods.gmar",
    "vitinspect.explainers.methods.token_tm",
    "vitinspect.explainers.methods.gradients",
    "vitinspect.explainers.methods.cams",
    "vitinspect.explainers.methods.multiplex",
    "vitinspect.explainers.methods.reciprocam",
    "vitinspect.explainers.methods.perturbation",
    "vitinspect.explainers.methods.baselines",
)
_table: MethodTable | None = None


def methods() -> MethodTable:
    """Every method that vitinspect knows."""
    global _table
    if _table is None:
        _table = MethodTable(info for name in _MODULES for info in importlib.import_module(name).METHODS)
    return _table


def make_method(spec: Any, params: Mapping[str, Any] | None = None) -> Method:
    """A ``Method`` from an id, a string with parameters, an ``(id, dict)`` pair, or what is one already."""
    if isinstance(spec, Method):
        return spec
    if isinstance(spec, MethodInfo):
        return make_method(spec.id, params)
    if isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], str):
        return make_method(spec[0], {**(params or {}), **spec[1]})
    if not isinstance(spec, str):
        raise ParameterError(f"{spec!r} is not a method: give an id, a string with parameters or (id, dict).")
    name, given = parse_call(spec)
    info = methods()[name]
    return Method(info, validate_all(name, info.parameters, {**given, **(params or {})}))


def parse_methods(text: str) -> list[Method]:
    """The command line's ``a,b(param=1)``."""
    result = [make_method(part) for part in split_calls(text)]
    if not result:
        raise ParameterError("No method was named; `vitinspect methods` lists them all.")
    return result
