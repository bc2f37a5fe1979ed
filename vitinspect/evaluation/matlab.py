"""Reading an array of structs from a MATLAB 5 file, as in ILSVRC's devkit. Other parts of the format are not read.

MATLAB's document "MAT-File Format" describes it: elements of a tag (type and size) and data, padded to eight bytes;
a variable is an element with its flags, shape and name, and then its contents.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vitinspect.errors import DataError

_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_TEXTS = {16: "utf-8", 17: "utf-16", 18: "utf-32"}
_MATRIX, _COMPRESSED = 14, 15
_STRUCT, _CHARS = 2, 4


def read_struct(path: Path, name: str, fields: Sequence[str]) -> dict[str, list[Any]]:
    """The named fields of the array of structs ``name``: a number or a text for each of its elements."""
    try:
        data = path.read_bytes()
        order = {b"IM": "<", b"MI": ">"}[data[126:128]]
        for kind, body in _elements(data[128:], order):
            if kind == _COMPRESSED:
                kind, body = next(_elements(zlib.decompress(body), order))
            found = _matrix(body, order) if kind == _MATRIX else None
            if found is not None and found[0] == name:
                rows: list[dict[str, Any]] = found[1]
                return {field: [row[field] for row in rows] for field in fields}
    except (OSError, KeyError, IndexError, ValueError, StopIteration, struct.error, zlib.error) as error:
        raise DataError(f"{path} cannot be read as a MATLAB 5 file: {error!r}.") from error
    raise DataError(f"{path} holds no variable {name}.")


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 8 <= len(data):
        (word,) = struct.unpack_from(order + "I", data, place)
        if word >> 16:
            # A small element: type and size share the first word, and up to four bytes follow directly.
            yield word & 0xFFFF, data[place + 4 : place + 4 + (word >> 16)]
            place += 8
            continue
        (size,) = struct.unpack_from(order + "I", data, place + 4)
        yield word, data[place + 8 : place + 8 + size]
        place += 8 + size + (0 if word == _COMPRESSED else -size % 8)


def _values(kind: int, body: bytes, order: str) -> np.ndarray:
    return np.frombuffer(body, dtype=order + _NUMBERS[kind])


def _matrix(body: bytes, order: str) -> tuple[str, Any]:
    """Name and contents: a struct array as a list of dictionaries, a single number or text directly."""
    parts = _elements(body, order)
    if not body:
        return "", None
    what = int(_values(*next(parts), order)[0]) & 0xFF
    count = int(np.prod(_values(*next(parts), order)))
    name = next(parts)[1].decode("ascii")
    if what == _STRUCT:
        width = int(_values(*next(parts), order)[0])
        text = next(parts)[1]
        names = [text[i : i + width].split(b"\0")[0].decode("ascii") for i in range(0, len(text), width)]
        rows = []
        for _ in range(count):
            rows.append({field: _matrix(next(parts)[1], order)[1] for field in names})
        return name, rows
    kind, data = next(parts, (0, b""))
    if what == _CHARS:
        if kind in _TEXTS:
            return name, data.decode(_TEXTS[kind] + ("" if kind == 16 else "-le" if order == "<" else "-be"))
        return name, "".join(chr(v) for v in _values(kind, data, order))
    if kind not in _NUMBERS:
        return name, None
    numbers = _values(kind, data, order)
    return name, numbers[0].item() if numbers.size == 1 else numbers
