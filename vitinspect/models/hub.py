"""Files of the Hugging Face hub: from its cache without using the network, else downloaded, or a quick refusal.

Without a network, the hub's client would retry for most of a minute for each file. So a file that is in the cache is
taken as it is, and the connection is tried before the first download.
"""

from __future__ import annotations

import os
import socket
import threading
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from vitinspect.errors import ModelError
from vitinspect.models.checkpoints import read_json

TIMEOUT = 5.0
"""Seconds in which the hub must answer."""

WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


def split_revision(name: str) -> tuple[str, str | None]:
    """``OWNER/NAME@REVISION`` as the name and the revision."""
    repo, _, revision = name.partition("@")
    return repo, revision or None


def fetch(repo: str, filename: str, revision: str | None = None, *, asked: str) -> Path | None:
    """The local path of a file of ``repo``; None if the repository has no such file.

    ``asked`` is the name that the user gave, for errors.
    """
    import huggingface_hub as hub

    cached = hub.try_to_load_from_cache(repo, filename, revision=revision)
    if isinstance(cached, str):
        return Path(cached)
    if cached is not None:  # the hub's mark for a file that is known not to exist
        return None
    require_connection(asked)
    try:
        return Path(hub.hf_hub_download(repo, filename, revision=revision, etag_timeout=TIMEOUT))
    except Exception as error:
        kinds = {cls.__name__ for cls in type(error).__mro__}
        if "EntryNotFoundError" in kinds and "LocalEntryNotFoundError" not in kinds:
            return None
        raise ModelError(_sentence(kinds, error, repo, asked)) from error


def fetch_weights(repo: str, revision: str | None = None, *, asked: str) -> Path:
    """The weight file of ``repo`` (or the index of several files, after all of these were fetched)."""
    for filename in WEIGHT_FILES:
        path = fetch(repo, filename, revision, asked=asked)
        if path is None:
            continue
        if filename.endswith(".index.json"):
            listed = read_json(path).get("weight_map")
            if not isinstance(listed, dict) or not all(isinstance(piece, str) for piece in listed.values()):
                raise ModelError(f"{asked}: its {filename} is damaged: it has no 'weight_map' of names.")
            for piece in sorted(set(listed.values())):
                if fetch(repo, piece, revision, asked=asked) is None:
                    raise ModelError(f"{asked}: {piece}, a part of its weights, is missing on the hub.")
        return path
    raise ModelError(f"{asked}: the hub has no weights for it that can be read ({', '.join(WEIGHT_FILES[::2])}).")


def _sentence(kinds: set[str], error: Exception, repo: str, asked: str) -> str:
    if "GatedRepoError" in kinds:
        return (
            f"{asked}: {repo} is only for people who accepted its conditions. Accept them on"
            f" https://huggingface.co/{repo}, then log in with 'hf auth login'."
        )
    if "RevisionNotFoundError" in kinds:
        return f"{asked}: the hub has no such revision of {repo}."
    if "RepositoryNotFoundError" in kinds or "HFValidationError" in kinds:
        return f"{asked}: the hub has no public model {repo}. Check its name; for a private one, 'hf auth login'."
    if "OfflineModeIsEnabled" in kinds:
        return f"{asked}: it is not in the cache, and HF_HUB_OFFLINE forbids downloading it."
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"{asked}: the download from the hub failed ({reason}). {WITHOUT_NETWORK}"


WITHOUT_NETWORK = (
    "Without network, use demo, a local folder or checkpoint, or timm:NAME with --random for an untrained model."
)


def require_connection(asked: str) -> None:
    """Raise a ModelError, within seconds, if the hub cannot be reached."""
    if os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise ModelError(f"{asked}: it is not in the cache, and HF_HUB_OFFLINE forbids downloading it.")
    endpoint = urllib.parse.urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    host = endpoint.hostname or "huggingface.co"
    port = endpoint.port or (80 if endpoint.scheme == "http" else 443)
    proxy = urllib.request.getproxies().get(endpoint.scheme)
    if proxy and not urllib.request.proxy_bypass(host):
        through = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        host, port = through.hostname or host, through.port or 80
    problem = _try_connection(host, port)
    if problem is not None:
        raise ModelError(
            f"{asked}: its weights are not on this computer, and {host} cannot be reached to download them"
            f" ({problem}). {WITHOUT_NETWORK}"
        )


def _try_connection(host: str, port: int) -> str | None:
    """None if a connection opens, else why not."""
    result: list[Any] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=TIMEOUT).close()
            result.append(None)
        except OSError as error:
            result.append(error.strerror or str(error))

    # Looking up a name has no time limit, so it is done in another thread and abandoned if it takes too long.
    thread = threading.Thread(target=connect, daemon=True, name="vitinspect-hub-connection")
    thread.start()
    thread.join(TIMEOUT + 1)
    return str(result[0]) if result and result[0] is not None else (None if result else "no answer")
