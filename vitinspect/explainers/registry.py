"""The registry of methods: each is declared once, in its own module, and found here by its id."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, overload

from vitinspect.errors import ParameterError, VitInspectError
from vitinspect.explainers.declaration import Method, MethodInfo, checked_declaration
from vitinspect.explainers.parameters import parse_call, split_calls, validate_all
from vitinspect.plugins import plugins

__all__ = ["Method", "MethodInfo", "MethodTable", "make_method", "methods", "parse_methods", "unknown_method"]


class MethodTable(Sequence[MethodInfo]):
    """All methods: iterate for their infos, index by id or position, ask ``"rollout" in vi.methods()``.

    ``views`` are feature views, which explain no prediction: found by their ids, and in no list of methods.
    """

    def __init__(self, infos: Iterable[MethodInfo], views: Iterable[MethodInfo] = ()) -> None:
        self._infos = tuple(infos)
        self.views = tuple(views)
        self._by_id = {info.id: info for info in (*self._infos, *self.views)}

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
        return tuple(info.id for info in self._infos)


def unknown_method(name: str, known: Iterable[str]) -> str:
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"There is no method {name!r}.{hint} `vitinspect methods` lists them all."


_table: MethodTable | None = None


def methods() -> MethodTable:
    """All methods of vitinspect and of its plug-ins."""
    global _table
    if _table is None:
        from vitinspect.explainers.methods import feature_views

        own = [info for module in _declaring_modules() for info in module.METHODS]
        _table = MethodTable(
            [*own, *_of_plugins({info.id for info in (*own, *feature_views.VIEWS)})], feature_views.VIEWS
        )
    return _table


def _of_plugins(taken: set[str]) -> Iterator[MethodInfo]:
    """The methods of plug-ins; a plug-in with one that cannot be used is left out and reported."""
    if _forget not in plugins.listeners:
        plugins.listeners.append(_forget)
    for declared in plugins.methods():
        try:
            checked = [checked_declaration(info, declared.plugin, declared.module) for info in declared.infos]
            ids = [info.id for info in checked]
            twice = [one for one in ids if one in taken or ids.count(one) > 1]
            if twice:
                raise ParameterError(f"a method {twice[0]!r} exists already.")
        except VitInspectError as error:
            plugins.leave_out(declared.plugin, error)
            continue
        taken.update(ids)
        yield from checked


def _forget() -> None:
    """After a plug-in was added: the table is built again when it is next needed."""
    global _table
    _table = None


def _declaring_modules() -> tuple[Any, ...]:
    """The modules whose ``METHODS`` are collected, in the order in which lists show them.

    A method is declared with its code, so these modules import torch only inside functions.
    """
    from vitinspect.explainers.methods import (
        attention,
        attnlrp,
        baselines,
        cams,
        gmar,
        gradients,
        legrad,
        libragrad,
        lrp,
        multiplex,
        perturbation,
        reciprocam,
        token_tm,
    )

    return (
        attention,
        lrp,
        attnlrp,
        legrad,
        libragrad,
        gmar,
        token_tm,
        gradients,
        cams,
        multiplex,
        reciprocam,
        perturbation,
        baselines,
    )


def make_method(spec: Any, params: Mapping[str, Any] | None = None) -> Method:
    """A ``Method`` from an id, a string with parameters, an ``(id, dict)`` pair, or a ``Method``."""
    if isinstance(spec, Method):
        return spec
    if isinstance(spec, MethodInfo):
        return make_method(spec.id, params)
    if isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[0], str) and isinstance(spec[1], Mapping):
        return make_method(spec[0], {**(params or {}), **spec[1]})
    if not isinstance(spec, str):
        raise ParameterError(
            f"{reprlib.repr(spec)} is not a method: give an id, a string with parameters or (id, dict)."
        )
    name, given = parse_call(spec)
    info = methods()[name]
    return Method(info, validate_all(name, info.parameters, {**given, **(params or {})}))


def parse_methods(text: str) -> list[Method]:
    """The command line's ``a,b(param=1)``."""
    result = [make_method(part) for part in split_calls(text)]
    if not result:
        raise ParameterError("No method was named; `vitinspect methods` lists them all.")
    return result
