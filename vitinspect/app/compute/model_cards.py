"""What is known about models that were loaded before: enough to find their maps while they are being loaded."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vitinspect import paths
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.session.results import ModelCard
from vitinspect.regular_files import read_regular
from vitinspect.version import __version__

_log = logging.getLogger(__name__)
MOST = 12
"""Models that are remembered in one file."""


def _cards_file() -> Path:
    return paths.cache_folder() / "models.cards"


def model_stamp(source: str) -> str:
    """A text that changes when the files behind a model's name change; empty where that cannot be found out."""
    from vitinspect import resources

    if source == "demo":
        places = [resources.demo_model_folder()]
    else:
        asked = ModelSource.parse(source)
        files_ = (asked.source, asked.head, asked.text_embeddings, asked.token_ids)
        places = [Path(part) for part in files_ if part]
    files: list[Path] = []
    for place in places:
        if place.is_dir():
            files += sorted(p for p in place.iterdir() if p.is_file())
        elif place.is_file():
            files.append(place)
    parts = []
    for path in files:
        status = os.stat(path)
        parts.append(f"{path}:{status.st_size}:{status.st_mtime_ns}")
    return "|".join(parts)


def remember_card(card: ModelCard, file: Path | None = None, most: int = MOST) -> None:
    """Keep the card in ``file``, so that at the next start the model's maps are found before it is loaded."""
    from vitinspect.files import sealed, write_atomic

    try:
        stamp = model_stamp(card.source)
        if not stamp:
            return
        file = file or _cards_file()
        known = _read_cards(file)
        known.pop(card.source, None)
        known[card.source] = {"version": __version__, "stamp": stamp, "card": card.__dict__}
        while len(known) > most:
            known.pop(next(iter(known)))
        write_atomic(file, sealed(json.dumps(known).encode()))
    except Exception as error:
        _log.info("The model could not be remembered: %s", error)


def recall_card(source: str, precision: str) -> ModelCard | None:
    """What is known about ``source`` from earlier, if its files are still the same."""
    return _card_in(_read_cards(_cards_file()), source, precision)


def recall_cards(sources: Sequence[str], precision: str, file: Path) -> dict[str, ModelCard]:
    """What ``file`` holds about those of ``sources`` whose files are still the same."""
    known = _read_cards(file)
    found = {source: _card_in(known, source, precision) for source in sources}
    return {source: card for source, card in found.items() if card is not None}


def _card_in(known: Mapping[str, Any], source: str, precision: str) -> ModelCard | None:
    try:
        found = known.get(source)
        if found is None or found.get("version") != __version__ or found["stamp"] != model_stamp(source):
            return None  # another version may keep other facts about the same model
        values = dict(found["card"])
        for name in ("labels", "grid", "patch_size", "input_size", "prefix_names", "notes", "warnings"):
            values[name] = tuple(values[name])
        values["precision"] = precision
        return ModelCard(**values)
    except Exception as error:
        _log.info("The remembered model %s cannot be used: %s", source, error)
        return None


def _read_cards(file: Path) -> dict[str, Any]:
    from vitinspect.files import unsealed

    try:
        text = unsealed(read_regular(file))
        found = {} if text is None else json.loads(text)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
