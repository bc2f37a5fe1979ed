"""The figure in a session file: used only if it opens nothing but its pictures and the session's own model."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from vitinspect.app.session.layer_cells import model_entry
from vitinspect.app.session.state import check
from vitinspect.errors import ParameterError, VitInspectError

_DEMO: dict[str, Any] = {"model": "demo"}


def refusal(figure: Any, model: str, is_elsewhere: Callable[[str], bool]) -> str:
    """Why a figure is left out; empty where it can be taken. ``model`` is the session's own, as the window names it."""
    try:
        if not isinstance(figure, dict):
            raise ParameterError("A figure is a table of names and values.")
        spec = check("figure", figure)
    except ParameterError:
        return "The figure of the session is damaged, and is left out."
    allowed: list[dict[str, Any]] = [_DEMO]
    try:
        own: dict[str, Any] = model_entry(model) if model else {}
    except VitInspectError:
        own = {}
    if os.path.exists(str(own.get("model", ""))):  # nothing is downloaded because of a session
        allowed.append({name: value for name, value in own.items() if value})
    for entry in entries_of(spec):
        named = {name: entry[name] for name in ("model", "arch") if entry.get(name)}
        if named and named not in allowed:
            name = str(named.get("model", named.get("arch")))[:80]
            return (
                f"The figure is left out: it needs the model {name}, which is not the session's own on this computer."
            )
        if entry.get("file") or entry.get("truth"):
            return "The figure of the session reads masks or tables from files, and is left out."
        if is_elsewhere(str(entry.get("image", ""))) or is_elsewhere(str(entry.get("map_file", ""))):
            return "The figure of the session has pictures or maps on another computer, and is left out."
    return ""


def entries_of(figure: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Every entry of a specification that can describe a cell."""
    yield from figure.get("rows", ())
    yield from figure.get("columns", ())
    yield from figure.get("cells", {}).values()
    if figure.get("defaults"):
        yield figure["defaults"]
