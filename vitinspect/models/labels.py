"""Names of classes: ImageNet's from timm, those in a model's configuration, and finding one by a part of it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

_GENERIC = re.compile(r"(label|class)[_ ]?\d+", re.IGNORECASE)


def imagenet_labels(num_classes: int, module: Any = None) -> list[str] | None:
    """The names of ImageNet's classes if ``num_classes`` is the size of one of its selections, else None.

    ``module`` may have names of its own, which take precedence. As in timm, the selection (1k, 12k, 21k, 22k and
    others) is recognised by the number of classes alone.
    """
    own = labels_from_config(getattr(module, "pretrained_cfg", None), num_classes)
    if own is not None:
        return own
    return list(labels) if (labels := _imagenet(num_classes)) is not None else None


LONGEST = 200
"""The number of characters of a class's name that are kept."""

# Marks that reverse the writing direction, also of the text after the name.
_DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain_text(text: str, longest: int = LONGEST) -> str:
    """Text from a file in one line of visible characters, cut at ``longest``.

    Control characters, line ends and marks of direction become blanks, lone surrogates the replacement
    character. Markup is kept; code that shows it must show it as text.
    """
    if not text.isprintable():
        text = " ".join("".join(_plain(letter) for letter in text[: 4 * longest]).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _plain(letter: str) -> str:
    category = unicodedata.category(letter)
    if category == "Cs":
        return "\ufffd"
    return " " if category in ("Cc", "Zl", "Zp") or letter in _DIRECTIONS else letter


@lru_cache(maxsize=4)
def _imagenet(num_classes: int) -> tuple[str, ...] | None:
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": num_classes})
    if subset is None:
        return None
    info = ImageNetInfo(subset)
    if info.num_classes() != num_classes:
        return None
    return tuple(info.index_to_description(index) for index in range(num_classes))


def labels_from_config(config: Mapping[str, Any] | None, num_classes: int) -> list[str] | None:
    """The names in timm's ``label_names`` and ``label_descriptions``, if there is one for each class."""
    if not config:
        return None
    names = _as_list(config.get("label_names") or config.get("labels"), num_classes)
    if names is None:
        return None
    descriptions = config.get("label_descriptions")
    if isinstance(descriptions, Mapping):
        return [str(descriptions.get(name, name)) for name in names]
    if isinstance(descriptions, Sequence) and len(descriptions) == num_classes:
        return [str(text) for text in descriptions]
    return names


def labels_from_id2label(id2label: Any, num_classes: int) -> list[str] | None:
    """The names in the ``id2label`` of the transformers library; None for its placeholders ``LABEL_0`` ..."""
    names = _as_list(id2label, num_classes)
    if names is None or all(_GENERIC.fullmatch(name) for name in names):
        return None
    return names


def _as_list(names: Any, num_classes: int) -> list[str] | None:
    if isinstance(names, Mapping):
        by_index = {str(key): value for key, value in names.items()}
        if not all(str(index) in by_index for index in range(num_classes)):
            return None
        return [str(by_index[str(index)]) for index in range(num_classes)]
    if isinstance(names, list | tuple) and len(names) == num_classes:
        return [str(name) for name in names]
    return None


def find(labels: Sequence[str], query: str, limit: int | None = None) -> list[int]:
    """The classes that ``query`` may mean, best first: the typed part of a name, or an index.

    An index comes first, then whole names, then beginnings of names, of words, and then parts of words. Each word
    of the query must occur. Among equals, shorter names come first.
    """
    words = query.casefold().split()
    if not words:
        return list(range(len(labels)))[:limit]
    phrase = " ".join(words)
    found: list[tuple[int, int, int]] = []
    for index, label in enumerate(labels):
        rank = 0 if phrase == str(index) else _rank(label.casefold(), phrase, words)
        if rank is not None:
            found.append((rank, len(label), index))
    return [index for *_, index in sorted(found)][:limit]


def _rank(label: str, phrase: str, words: list[str]) -> int | None:
    if not all(word in label for word in words):
        return None
    synonyms = [name.strip() for name in label.split(",")]
    if phrase == label or phrase in synonyms:
        return 1
    if label.startswith(phrase):
        return 2
    if any(name.startswith(phrase) for name in synonyms):
        return 3
    parts = re.split(r"[\s,_\-/()']+", label)
    if all(any(part.startswith(word) for part in parts) for word in words):
        return 4
    return 5
