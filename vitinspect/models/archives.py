"""Checking what a pickled checkpoint claims to hold against its bytes, before torch reads it.

``torch.save`` writes a zip archive that it never compresses, or (before version 1.6) a sequence of pickles followed by
the numbers. torch trusts the lengths of arrays in the pickle. An untrusted file may claim more than it holds, or be
compressed a thousandfold; both are refused here, from the names and lengths alone.
"""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

from vitinspect.errors import ModelError

_MAX_PICKLE = 512 * 1024 * 1024
_MAX_MEMBERS = 1_000_000

_ITEM_BYTES = {
    **dict.fromkeys(("ComplexDoubleStorage",), 16),
    **dict.fromkeys(("DoubleStorage", "LongStorage", "ComplexFloatStorage"), 8),
    **dict.fromkeys(("FloatStorage", "IntStorage", "QInt32Storage"), 4),
    **dict.fromkeys(("HalfStorage", "BFloat16Storage", "ShortStorage"), 2),
}


def check_archive(path: Path) -> None:
    """Refuse a pickled checkpoint whose lengths cannot be true. Other files pass; torch refuses them."""
    try:
        if zipfile.is_zipfile(path):
            _check_zip(path)
        else:
            _check_sequence_of_pickles(path)
    except ModelError:
        raise
    except Exception:  # cannot be parsed any further; torch's reader reports what is wrong
        return


def _check_zip(path: Path) -> None:
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        lengths = {member.filename: member.file_size for member in members}
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ModelError(
                f"{path} is compressed, which torch.save never does: unpacked, it may fill the memory. Save the weights"
                " again with torch.save, or preferably as .safetensors."
            )
        if len(lengths) != len(members) or len(members) > _MAX_MEMBERS:
            raise ModelError(f"{path} is damaged: its archive lists the same part twice. Get it again.")
        if sum(lengths.values()) > size:
            raise ModelError(f"{path} is damaged: its parts are longer than the file. Get it again.")
        root = members[0].filename.split("/")[0] + "/"  # torch takes the folder of the first part
        if lengths.get(f"{root}data.pkl", _MAX_PICKLE) >= _MAX_PICKLE:
            return
        with archive.open(f"{root}data.pkl") as file:
            claims = _claims(file, path)
    for key, claimed in claims.items():
        held = lengths.get(f"{root}data/{key}")
        if held is not None and claimed > held:
            raise ModelError(
                f"{path} is damaged: it claims {claimed:,} bytes for a part that has {held:,}. Get it again."
            )


def _check_sequence_of_pickles(path: Path) -> None:
    size = path.stat().st_size
    with path.open("rb") as file:
        for _ in range(3):  # a magic number, the version, the system
            for _ in pickletools.genops(file):
                pass
        claims = _claims(file, path)
    if sum(claims.values()) > size:
        raise ModelError(
            f"{path} is truncated or damaged: it claims {sum(claims.values()):,} bytes of weights, but the file has"
            f" {size:,}. Get it again."
        )


class _Symbol:
    """An object that the pickle would construct; here it is only a placeholder on the stack."""

    def __init__(self, name: str = "") -> None:
        self.name = name


_MARK = _Symbol("mark")
_VALUES = ("BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINSTRING")
_SINGLE = ("NONE", "NEWTRUE", "NEWFALSE", "EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET", "BINFLOAT")


def _claims(file: Any, path: Path) -> dict[str, int]:
    """The bytes that a pickle claims for each array, by its key.

    Interprets the few operations that torch's restricted reader allows, without constructing anything, and stops at any
    other, because torch refuses the file there.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    claims: dict[str, int] = {}

    def since_mark() -> list[Any]:
        items: list[Any] = []
        while stack[-1] is not _MARK:
            items.append(stack.pop())
        stack.pop()
        return items[::-1]

    argument: Any
    for opcode, argument, _ in pickletools.genops(file):
        name = opcode.name
        if name in ("PROTO", "FRAME"):
            continue
        if name == "STOP":
            break
        if name in _VALUES:
            stack.append(argument)
        elif name in _SINGLE:
            stack.append(None)
        elif name == "GLOBAL":
            stack.append(_Symbol(str(argument).rpartition(" ")[2]))
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "EMPTY_TUPLE":
            stack.append(())
        elif name == "TUPLE":
            stack.append(tuple(since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[int(argument)])
        elif name in ("REDUCE", "NEWOBJ"):
            stack[-2:] = [_Symbol()]
        elif name in ("BUILD", "APPEND"):
            stack.pop()
        elif name in ("APPENDS", "ADDITEMS"):
            since_mark()
        elif name == "SETITEM":
            _check_keys(stack[-2:-1], path)
            del stack[-2:]
        elif name == "SETITEMS":
            _check_keys(since_mark()[::2], path)
        elif name == "BINPERSID":
            _note_claim(stack.pop(), claims)
            stack.append(_Symbol("storage"))
        else:
            break
    return claims


def _check_keys(keys: list[Any], path: Path) -> None:
    # Hashing deeply nested tuples never ends, and no weights are named by one.
    if any(isinstance(key, tuple) for key in keys):
        raise ModelError(f"{path} is damaged: its entries are named by lists, not by text. Get it again.")


def _note_claim(reference: Any, claims: dict[str, int]) -> None:
    """One reference to an array: ('storage', its kind, its key, where it was, how many numbers)."""
    if not isinstance(reference, tuple) or len(reference) < 5 or reference[0] != "storage":
        return
    kind, key, count = reference[1], str(reference[2])[:200], reference[4]
    if isinstance(count, int) and isinstance(kind, _Symbol):
        claims[key] = max(claims.get(key, 0), count * _ITEM_BYTES.get(kind.name, 1))
