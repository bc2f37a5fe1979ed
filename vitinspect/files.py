"""Writing files safely: a temporary file beside the target is synced and renamed, and no foreign file is replaced."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import tempfile
import time
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.errors import DataError, StorageFull
from vitinspect.names import stored
from vitinspect.regular_files import open_regular
from vitinspect.version import __version__

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

SOFTWARE = f"vitinspect {__version__}"
_MARK = "vitinspect "
_SOURCE_KEY = "vitinspect:image"
_LONGEST_NAME = 96
"""In bytes: file systems allow 255, and a name consists of two such parts and an ending."""
_UNFINISHED = ".vitinspect-part"
_swept: set[Path] = set()
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def write_atomic(path: Path, data: bytes) -> None:
    """Put ``data`` at ``path``: all of it, or nothing and the old file stays."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{slug(path.name)[:40]}.", suffix=_UNFINISHED)
        _sweep(path.parent)
    except OSError as error:
        raise _not_written(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that only their owner may read; results are ordinary files.
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)


def _sweep(folder: Path) -> None:
    """Remove what killed processes of vitinspect have left in a folder, once for each process and folder."""
    if folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            ours = entry.name.startswith(".") and entry.name.endswith(_UNFINISHED)
            # Another process may be writing; none takes an hour for one file.
            if ours and time.time() - entry.stat(follow_symlinks=False).st_mtime > 3600:
                os.unlink(entry.path)


def _not_written(path: Path, error: OSError) -> DataError:
    kind = StorageFull if error.errno in _FULL else DataError
    return kind(f"{path} cannot be written: {error.strerror or error}.")


SEAL = 16


def sealed(data: bytes) -> bytes:
    """``data`` with a digest appended, for files of a cache: a damaged file is not used but computed again."""
    return data + hashlib.blake2b(data, digest_size=SEAL).digest()


def unsealed(data: bytes) -> bytes | None:
    """What ``sealed`` was given; None if a single bit was changed."""
    body = data[:-SEAL]
    return body if len(data) > SEAL and sealed(body) == data else None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def slug(text: str) -> str:
    """``text`` as a part of a file name on every system: ``rollout(start_layer=1)`` -> ``rollout-start_layer=1``."""
    plain = re.sub(r"[^\w.=+-]+", "-", text).strip("-.")
    if plain and len(plain.encode()) <= _LONGEST_NAME:
        return plain
    start = plain.encode()[: _LONGEST_NAME - 9].decode("utf-8", "ignore")
    return f"{start}-{short_hash(text)}".lstrip("-")


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def png_bytes(picture: Image.Image, texts: Mapping[str, str]) -> bytes:
    """A PNG that records what made it, and from which image (key ``image`` of ``texts``: its path as ``stored``)."""
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add_text("Software", SOFTWARE)
    for key, text in texts.items():
        info.add_itxt(f"vitinspect:{key}", text.encode("utf-8", "replace").decode())
    buffer = BytesIO()
    picture.save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def npz_bytes(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> bytes:
    """An ``.npz`` of ``arrays`` and a JSON text ``metadata`` that ``numpy.load`` reads without pickles."""
    import numpy as np

    document = {"software": SOFTWARE, **metadata}
    text = json.dumps(document, ensure_ascii=False, default=_plain)
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays, metadata=np.array(text))  # type: ignore[arg-type]
    return buffer.getvalue()


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata that ``npz_bytes`` wrote with the arrays; empty if vitinspect did not write the file."""
    import numpy as np

    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            found = json.loads(str(archive["metadata"]))
    except Exception:  # a foreign or broken file may fail in any way; what matters is that it is not ours
        return {}
    return found if isinstance(found, dict) else {}


def made_from(path: Path) -> str | None:
    """The image that an overlay or a map was made from: "" if it does not say, None if vitinspect did not write it."""
    if path.suffix == ".npz":
        metadata = read_metadata(path)
        ours = str(metadata.get("software", "")).startswith(_MARK)
        return str(metadata.get("image", "")) if ours else None
    if path.suffix == ".png":
        from PIL import Image

        try:
            with open_regular(path) as file, Image.open(file, formats=("PNG",)) as picture:
                texts = dict(picture.info)
        except Exception:  # as above
            return None
        if not str(texts.get("Software", "")).startswith(_MARK):
            return None
        return str(texts.get(_SOURCE_KEY, ""))
    return None


class OutputNames:
    """Chooses the names under which the results of images are written to ``folder``.

    The name is the image's own, without its ending. Where that is taken - by another image of this run, by an
    earlier run on another image, or by a file that we did not write - a piece of a hash of the image's path
    is added, so that the same image gets the same name each time and nothing is overwritten.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._taken: dict[Path, str] = {}

    def stem(self, image: Path, endings: tuple[str, ...], subfolder: Path = Path()) -> Path:
        """The path without its ending, such that each of ``stem + ending`` may be written."""
        source = stored(image.absolute())
        plain = self.folder / subfolder / slug(image.stem)
        hashed = plain.with_name(f"{plain.name}-{short_hash(source)}")
        candidates = [plain, hashed] + [hashed.with_name(f"{hashed.name}-{n}") for n in range(2, 1000)]
        refuse_links(self.folder, plain.parent)
        for candidate in candidates:
            # Many systems do not distinguish upper from lower case in file names.
            key = Path(str(candidate).casefold())
            if self._taken.get(key, source) != source:
                continue
            if all(self._free(with_ending(candidate, ending), source) for ending in endings):
                self._taken[key] = source
                return candidate
        raise DataError(f"There is no free name for the results of {image} in {self.folder}.")

    @staticmethod
    def _free(path: Path, source: str) -> bool:
        return not os.path.lexists(path) or (not path.is_symlink() and made_from(path) == source)


def refuse_links(folder: Path, below: Path) -> None:
    """Refuse a place in ``folder`` that a link leads out of it."""
    top, real = Path(os.path.realpath(folder)), Path(os.path.realpath(below))
    if real != top and top not in real.parents:
        raise DataError(f"{below} is a link to {real}, outside of {folder}; nothing is written there.")


def with_ending(stem: Path, ending: str) -> Path:
    """``stem`` with ``ending`` appended as it is: names may have dots of their own."""
    return stem.with_name(stem.name + ending)
