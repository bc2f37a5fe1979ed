"""Names of many files after a pattern: ``{stem}_{method}_{target}.{ext}``. Safe on every system, each once."""

from __future__ import annotations

import re
import string
from collections.abc import Mapping
from pathlib import PurePosixPath

from vitinspect.errors import ParameterError
from vitinspect.files import short_hash, slug

PATTERN = "{stem}_{method}_{target}.{ext}"
FIELDS: dict[str, str] = {
    "stem": "the picture's name without its ending",
    "method": "the method with its parameters",
    "layer": "the layer's own name, else the method's",
    "target": "the class; left out if the method does not depend on a target",
    "model": "the model",
    "kind": "overlay, heat, mask or raw",
    "number": "the picture's number",
    "folder": "the folder that the picture lies in",
    "ext": "the ending that belongs to the format",
}
"""The fields that are allowed in brackets, and their meaning."""
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
"""Names that Windows reads as devices, whatever their ending."""
_LONGEST = 180
"""The maximum length of one part of a path in bytes; file systems allow 255, and a number may be appended."""


def check_pattern(pattern: str) -> str:
    """The pattern, or a ``ParameterError`` that says what is wrong with it."""
    try:
        parts = list(string.Formatter().parse(pattern))
    except ValueError:
        raise ParameterError(f"The brackets of the names do not match: {pattern!r}.") from None
    for _, name, form, conversion in parts:
        if name is not None and (name not in FIELDS or form or conversion):
            known = ", ".join(f"{{{field}}}" for field in FIELDS)
            raise ParameterError(f"There is no field {{{name}}} in file names; the fields are {known}.")
    if not pattern.endswith(".{ext}"):
        raise ParameterError("The names must end with .{ext}, so that each file has the ending of its format.")
    literal = PurePosixPath("".join(text + "x" * (name is not None) for text, name, *_ in parts).replace("\\", "/"))
    if literal.is_absolute() or re.match(r"[A-Za-z]:", pattern) or ".." in literal.parts:
        raise ParameterError(f"Files must be inside the folder of results, but {pattern!r} leads out of it.")
    return pattern


def file_name(pattern: str, values: Mapping[str, str]) -> str:
    """The name for one file, with ``/`` between folders: each part is safe on every system and none leads out."""
    parts = []
    for part in pattern.replace("\\", "/").split("/"):
        made = ""
        for text, name, _, _ in string.Formatter().parse(part):
            made += _plain(text)
            if name is not None:
                value = slug(values.get(name, "")) if values.get(name) else ""
                made += value if name != "ext" else values["ext"].lstrip(".")
        made = _tidy(made)
        if made:
            parts.append(made)
    return "/".join(parts)


def _plain(text: str) -> str:
    return re.sub(r"[^\w .=+,()\[\]-]+", "-", text)


def _tidy(part: str) -> str:
    """Remove separators left by empty values, such as two underscores in a row."""
    stem, dot, ending = part.rpartition(".")
    if not dot:
        stem, ending = part, ""
    stem = re.sub(r"([_ -])[_ -]*(?=[_ -])", "", stem).strip(" ._-")
    ending = ending.strip(" .")
    if not stem and not ending:
        return ""
    stem = stem or "unnamed"
    if _RESERVED.fullmatch(stem):
        stem += "_"
    if len(stem.encode()) > _LONGEST:
        kept = stem.encode()[: _LONGEST - 9].decode("utf-8", "ignore")
        stem = f"{kept}-{short_hash(stem)}"
    return f"{stem}.{ending}" if ending else stem


class Names:
    """Makes names unique: a second one gets a number, also if only upper and lower case differ."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def free(self, name: str) -> str:
        candidate, count = name, 1
        while candidate.casefold() in self._taken:
            count += 1
            candidate = numbered(name, count)
        self._taken.add(candidate.casefold())
        return candidate


def numbered(name: str, count: int) -> str:
    """``a.png`` and 2 make ``a_2.png``."""
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}_{count}{path.suffix}"))
