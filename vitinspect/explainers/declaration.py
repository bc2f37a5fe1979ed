"""How a method is declared: its names, paper, cost and parameters, without its code.

Neither this module nor those that declare methods import torch before a method runs, so that ``vitinspect
methods`` and the window's list appear at once.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from vitinspect.errors import ParameterError
from vitinspect.explainers.parameters import Parameter, canonical, format_value

if TYPE_CHECKING:
    from vitinspect.explainers.base import Explainer

GUARDED = "vitinspect.explainers.plugin_methods:PluginExplainer"
"""The implementation of all explainers of plug-ins."""

Cost = Literal["none", "one forward", "one forward and backward", "several passes", "many passes"]

LRP_NOTICE = (
    "Layer-wise relevance propagation is covered by patents of its inventors; commercial use may need their "
    "licence. vitinspect is meant for research."
)


@dataclass(frozen=True)
class MethodInfo:
    """The declaration of a method, which is read without loading torch."""

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
    """The heading under which lists show it."""
    notice: str = ""
    short: str = ""
    """The name in tables and combinations ("LRP + Rollout"); empty means the title."""
    named_by: tuple[str, ...] = ()
    """Parameters whose value belongs to that name, as in "GMAR (L1)"."""
    plugin: str = ""
    """The plug-in that declares it; empty for vitinspect's own methods."""
    plugin_class: str = ""
    """``module:class`` of the plug-in's own ``Explainer``."""

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
            lines.append("")
            lines.append("Parameters:")
            lines += [f"  {p.name} = {format_value(p.default)}  ({p.describe()})  {p.help}" for p in self.parameters]
        if self.plugin:
            lines += ["", f"From the plug-in {self.plugin}."]
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
        """The canonical string, under which results are found."""
        return canonical(self.info.id, self.info.parameters, self.params)

    def explainer(self) -> Explainer:
        """The object that computes it."""
        module_name, _, attribute = self.info.implementation.partition(":")
        return getattr(importlib.import_module(module_name), attribute)(self)


def checked_declaration(info: Any, plugin: str, module: str) -> MethodInfo:
    """A plug-in's declaration, with ``":Class"`` completed by its module; ``ParameterError`` if it is not valid."""
    if not isinstance(info, MethodInfo):
        raise ParameterError(f"METHODS holds {type(info).__name__}, not MethodInfo.")
    if not info.id.isidentifier():
        raise ParameterError(f"{info.id!r} is not a valid id of a method: letters, digits and underscores are allowed.")
    for name in ("title", "summary", "citation"):
        if not isinstance(getattr(info, name), str) or not getattr(info, name):
            raise ParameterError(f"{info.id} has no {name}.")
    if info.cost not in get_args(Cost):
        raise ParameterError(f"the cost of {info.id} must be one of {', '.join(get_args(Cost))}, not {info.cost!r}.")
    for parameter in info.parameters:
        if not isinstance(parameter, Parameter):
            raise ParameterError(f"the parameters of {info.id} must be of the class Parameter.")
        if parameter.default is not None or not parameter.optional:
            parameter.validate(parameter.default, info.id)
    where = info.implementation
    where = f"{module}{where}" if where.startswith(":") else where
    if ":" not in where:
        raise ParameterError(f"the implementation of {info.id} must be 'module:Class' or ':Class', not {where!r}.")
    return replace(info, implementation=GUARDED, plugin=plugin, plugin_class=where)
