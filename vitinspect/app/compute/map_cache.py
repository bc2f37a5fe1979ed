"""Maps that were computed before: in memory with a limit in bytes, and on disk for later sessions.

On disk one small file holds one map, named by the hash of its address (content of the image, fingerprint of the
model, method with parameters, target, precision, fit), so nothing in there is ever out of date; it is only deleted
when the folder exceeds its limit. A digest at the end of each shows damage; a damaged map is computed again.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any

from vitinspect import paths
from vitinspect.app.compute.addresses import Address
from vitinspect.app.compute.explaining import Mapped, Predicted
from vitinspect.app.geometry import Placed
from vitinspect.app.session.results import Prediction
from vitinspect.regular_files import read_regular
from vitinspect.version import __version__

_log = logging.getLogger(__name__)
_MAGIC = b"vitinspect map "
_VERSION = f"{_MAGIC.decode()}4 of {__version__}\n".encode()
"""Another version may compute a method differently, so its maps are not read. The number is that of the file format."""


class MemoryCache:
    """Drops the least recently used entries when the arrays take more than ``most_bytes``."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._kept: OrderedDict[str, Mapped | Predicted] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> Any:
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
        return found

    def put(self, value: Mapped | Predicted) -> None:
        """Keep it under its own address."""
        key = value.address.text
        if key in self._kept:
            self._bytes -= _size(self._kept.pop(key))
        self._kept[key] = value
        self._bytes += _size(value)
        self._shrink()

    def bound(self, most_bytes: int) -> None:
        """Change the limit."""
        self.most_bytes = most_bytes
        self._shrink()

    def _shrink(self) -> None:
        while self._bytes > self.most_bytes and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= _size(old)

    @property
    def nbytes(self) -> int:
        return self._bytes

    def __len__(self) -> int:
        return len(self._kept)

    def items(self) -> list[tuple[str, Mapped | Predicted]]:
        """All entries with their keys, the one used last at the end."""
        return list(self._kept.items())

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0


def _size(value: Mapped | Predicted) -> int:
    array = value.values if isinstance(value, Mapped) else value.probabilities
    return int(array.nbytes) + 1024  # the objects around it


def folder() -> Path:
    return paths.cache_folder() / "maps"


def _file_for(key: str) -> Path:
    digest = hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return folder() / digest[:2] / f"{digest[2:]}.map"


def write(value: Mapped | Predicted) -> None:
    """Put one entry on disk. If the disk cannot be written to, only this entry is lost."""
    from vitinspect.files import write_atomic

    try:
        write_atomic(_file_for(value.address.text), pack(value))
    except Exception as error:
        _log.info("The map cache cannot be written: %s", error)


def read(key: str) -> Mapped | Predicted | None:
    try:
        path = _file_for(key)
        data = read_regular(path)
    except OSError:
        return None
    try:
        return unpack(key, data)
    except (ValueError, KeyError, TypeError) as error:
        _log.info("%s is ignored and computed again: %s", path, error)
        return None


def pack(value: Mapped | Predicted) -> bytes:
    import numpy as np

    from vitinspect.files import sealed

    array = value.values if isinstance(value, Mapped) else value.probabilities
    header: dict[str, Any] = {"key": value.address.text, "dtype": array.dtype.str, "shape": array.shape}
    if isinstance(value, Mapped):
        header |= {
            "kind": "map",
            "method": value.method,
            "signed": value.signed,
            "resolution": value.resolution,
            "seconds": value.seconds,
        }
    else:
        placed = value.placed
        header |= {
            "kind": "prediction",
            "predictions": [(p.index, p.label, p.probability, p.logit) for p in value.predictions],
            "placed": (placed.input_size, placed.original_size, placed.box),
        }
    text = json.dumps(header).encode()
    return sealed(_VERSION + len(text).to_bytes(4, "little") + text + np.ascontiguousarray(array).tobytes())


def key_of(data: bytes) -> str:
    """The key that a file was written under."""
    return str(_header(data)[0]["key"])


def _header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header of a file, and where the numbers after it begin."""
    start = len(_VERSION)
    if data[:start] != _VERSION:
        other = data.startswith(_MAGIC)
        raise ValueError("it is of another version of vitinspect" if other else "it does not begin like a map")
    length = int.from_bytes(data[start : start + 4], "little")
    return json.loads(data[start + 4 : start + 4 + length]), start + 4 + length


def unpack(key: str, data: bytes) -> Mapped | Predicted | None:
    import numpy as np

    from vitinspect.files import unsealed

    body = unsealed(data)
    if body is None:
        raise ValueError("it is damaged")
    header, start = _header(body)
    if header["key"] != key:
        return None  # another entry of the same hash
    array = np.frombuffer(body, np.dtype(header["dtype"]), offset=start)
    array = array.reshape(header["shape"]).copy()
    if header["kind"] == "map":
        seconds = header.get("seconds")
        took = float(seconds) if isinstance(seconds, int | float) and seconds >= 0 else None
        return Mapped(Address.parse(key), header["method"], array, header["signed"], header["resolution"], took)
    input_size, original_size, box = header["placed"]
    return Predicted(
        Address.parse(key).input,
        tuple(Prediction(*row) for row in header["predictions"]),
        array,
        Placed(tuple(input_size), tuple(original_size), tuple(box)),
    )
