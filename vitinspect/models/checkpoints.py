"""Reading weight files: as data, never as code.

A pickle can run any program while it is read. Checkpoints are read with torch's restricted reader, which knows
tensors and plain containers only; in addition, a few harmless things that training scripts save with the
weights are allowed (their arguments, numbers and arrays of numpy, paths). A file that names anything else is
refused, and the error says what it names.
"""

from __future__ import annotations

import argparse
import codecs
import errno
import json
import os
import pathlib
import pickletools
import stat
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vitinspect.errors import ModelError
from vitinspect.models import limits
from vitinspect.models.archives import check_archive

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
"""Endings of weight files. All but the first are pickles."""

_lock = threading.Lock()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """The content of a weight file: a mapping of names to tensors, or to more mappings, settings and numbers.

    For a ``.safetensors`` file its metadata is added as ``__metadata__``.
    """
    start = _first_bytes(path)
    if _looks_like_safetensors(path, start):
        return _read_safetensors(path)
    if path.suffix.lower() == ".safetensors":
        raise ModelError(f"{path} is not a safetensors file, or its beginning is damaged. Get it again.")
    content = _read_pickle(path)
    if isinstance(content, torch.Tensor):
        raise ModelError(f"{path} holds a single tensor, not the weights of a model.")
    if not isinstance(content, dict):
        raise ModelError(f"{path} holds a {type(content).__name__}, not the weights of a model.")
    return {key: value for key, value in content.items() if isinstance(key, str)}


def require_regular(path: Path, what: str = "a weight file") -> None:
    """Refuse a folder, a device, a pipe: reading one may wait forever, or never end."""
    mode = path.stat().st_mode
    if stat.S_ISREG(mode):
        return
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    kind = next((name for is_kind, name in kinds if is_kind(mode)), "a device")
    raise ModelError(f"{path} is {kind}; {what} was expected.")


def _open_without_waiting(path: str, flags: int) -> int:
    # What was a file a moment ago may be a pipe now, which would wait for its other end.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_json(path: Path) -> dict[str, Any]:
    """The settings in a JSON file: a regular file, not too long, with a mapping at the top level."""
    try:
        require_regular(path, "a configuration")
        if path.stat().st_size > limits.MAX_JSON:
            raise ModelError(f"{path} is not a model's configuration: it has {path.stat().st_size:,} bytes.")
        content = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else f"it is not JSON ({error})"
        raise ModelError(f"{path} is damaged: {reason}.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a model's configuration: it holds a {type(content).__name__}.")
    return content


def _first_bytes(path: Path) -> bytes:
    try:
        require_regular(path)
        with open(path, "rb", opener=_open_without_waiting) as file:
            start = file.read(64)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: there is no such file.") from error
    except PermissionError as error:
        raise ModelError(f"{path} cannot be read: permission denied.") from error
    except OSError as error:
        reason = "it is a link that leads in a circle" if error.errno == errno.ELOOP else error.strerror or error
        raise ModelError(f"{path} cannot be read: {reason}.") from error
    if not start:
        raise ModelError(f"{path} is empty: it has no bytes. Get it again.")
    if start.startswith(b"version https://git-lfs"):
        raise ModelError(f"{path} is not the weights but a Git LFS pointer to them. Fetch them with 'git lfs pull'.")
    if start.lstrip()[:5].lower() in (b"<html", b"<!doc"):
        raise ModelError(f"{path} is not a weight file but a web page: the download went wrong. Get it again.")
    if start.startswith(b"\x89HDF"):
        raise ModelError(f"{path} holds weights of Keras (HDF5); only PyTorch's can be read.")
    return start


def _looks_like_safetensors(path: Path, start: bytes) -> bool:
    # Eight bytes of length, then JSON; the length of the header limits what a damaged number can claim.
    return len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 100_000_000


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            content: dict[str, Any] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata()
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{path} is truncated or damaged: {_first_line(error)}. Get it again.") from error
    if not content:
        raise ModelError(f"{path} holds no tensors.")
    if metadata:
        content["__metadata__"] = dict(metadata)
    return content


def _read_pickle(path: Path) -> Any:
    if _is_torchscript(path):
        raise ModelError(
            f"{path} is a TorchScript program, which is code; it was not executed. vitinspect needs the"
            " weights alone: save model.state_dict() instead."
        )
    check_archive(path)
    try:
        # The list of allowed types belongs to the process: two readers would change it for each other.
        with _lock, torch.serialization.safe_globals(_HARMLESS):
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Damage can surface as nearly any exception. What the file *names* distinguishes code from damage.
        named = sorted(set(_foreign_names(path)))
        if named:
            raise ModelError(_code_sentence(path, named)) from error
        if isinstance(error, MemoryError):
            raise ModelError(f"{path} does not fit into the memory.") from error
        raise ModelError(
            f"{path} is not a PyTorch checkpoint, or it is truncated or damaged ({_first_line(error)}). Get it again."
        ) from error


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(member.endswith("/constants.pkl") for member in archive.namelist())
    except (OSError, zipfile.BadZipFile, ValueError):
        return False


def _code_sentence(path: Path, named: list[str]) -> str:
    shown = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    if any(name.startswith("torch.nn.modules.") for name in named):
        return (
            f"{path} holds a whole pickled model, which is code, not only weights ({shown}). It was not"
            " executed. Save model.state_dict() instead, preferably as .safetensors."
        )
    return (
        f"{path} holds code besides weights: reading it would call {shown}. It was not executed. Ask for the"
        " weights alone (a state_dict, preferably as .safetensors)."
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    line = text[0].split(". ")[0].rstrip(".") if text else ""
    if not line or isinstance(error, KeyError):
        return "its contents are invalid"
    if line.startswith(("Weights only load failed", "[enforce")):
        return "torch.save did not write it"
    return line if len(line) < 120 else line[:117] + "..."


# --- what a pickle names, found without running it -----------------------------------------------------------


def _foreign_names(path: Path) -> Iterator[str]:
    """The functions and classes that the pickles in a file name and that are not allowed."""
    harmless = {*map(_name_of, _HARMLESS), "__builtin__.set", "builtins.set"}
    for name in _named_by(path):
        if name in harmless or name.startswith(("torch._utils._rebuild", "torch._tensor._rebuild")):
            continue
        if name.startswith(("torch.", "collections.")) and not name.startswith(("torch.nn.modules", "torch.hub")):
            continue
        yield name


def _named_by(path: Path) -> Iterator[str]:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    if member.endswith(".pkl"):
                        with archive.open(member) as file:
                            yield from _globals_in(file)
        else:
            with path.open("rb") as file:
                # The old format is a sequence of pickles: two numbers, the system, the object.
                for _ in range(5):
                    yield from _globals_in(file)
    except Exception:  # cannot be parsed any further; the caller knows that the file is bad
        return


def _globals_in(file: Any) -> Iterator[str]:
    # STACK_GLOBAL takes its two names from the stack, where they may have come from the memo.
    pushed: list[Any] = []
    memo: dict[int, Any] = {}
    argument: Any
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name == "GLOBAL":
            yield str(argument).replace(" ", ".", 1)
            pushed.append(None)
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(str(name) for name in pushed[-2:])
            pushed.append(None)
        elif opcode.name == "MEMOIZE":
            memo[len(memo)] = pushed[-1] if pushed else None
        elif opcode.name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[int(argument)] = pushed[-1] if pushed else None
        elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
            pushed.append(memo.get(int(argument)))
        elif opcode.stack_after:
            pushed.append(argument if isinstance(argument, str) else None)


def _harmless() -> list[Any]:
    allowed: list[Any] = [argparse.Namespace, np.dtype, np.ndarray]
    allowed += [value for name, value in vars(np.dtypes).items() if name.endswith("DType")]
    allowed += [np.float64, np.float32, np.int64, np.int32, np.bool_]
    allowed.append(_named(_encode, "_codecs.encode"))
    scalar = np.float64(1).__reduce__()[0]
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # before and since numpy 2
        allowed += [_named(scalar, f"{module}.scalar"), _named(_empty_array, f"{module}._reconstruct")]
    # A path is kept as text, so that one from another system can be read.
    for module in ("pathlib", "pathlib._local"):
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
            allowed.append(_named(pathlib.PurePath, f"{module}.{name}"))
    return allowed


def _encode(text: str, encoding: str = "latin1") -> bytes:
    """Bytes that an old pickle wrote as text. Other encodings, some of which decompress data, are refused."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"a text encoded as {encoding[:20]}")
    return codecs.encode(text, "latin1")


def _empty_array(_kind: Any, shape: Any, _letter: Any) -> Any:
    """numpy's constructor of an array whose shape and numbers follow. A shape given here would have no numbers."""
    if tuple(shape) != (0,):
        raise ValueError("an array without its numbers")
    return np.ndarray((0,), np.int8)


def _named(function: Any, name: str) -> Any:
    """``function`` under the name that a pickle uses: torch compares the object's own module and name."""

    def call(*arguments: Any) -> Any:
        return function(*arguments)

    call.__module__, _, call.__name__ = name.rpartition(".")
    call.__qualname__ = call.__name__
    return call


def _name_of(entry: Any) -> str:
    return f"{entry.__module__}.{entry.__qualname__}"


_HARMLESS = _harmless()
