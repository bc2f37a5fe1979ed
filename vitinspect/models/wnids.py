"""WordNet ids (n02123045), the folder names of ImageNet's classes: from an id to a model's class.

timm knows the ids of each selection of ImageNet's classes in the order of the outputs, and the names of each id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

_WNID = re.compile(r"n\d{8}")


def is_wnid(text: str) -> bool:
    """Whether the text looks like a WordNet id."""
    return _WNID.fullmatch(text) is not None


def class_of_wnid(wnid: str, labels: Sequence[str], find: Callable[[str], int | None]) -> int | None:
    """The class that the id means in a model with these labels; ``find`` looks a name up among them.

    It is found by the order of ImageNet's classes if the model has as many and gives this one the same name; otherwise
    by the id's names, if all of them that the model knows mean one class.
    """
    names = _names(wnid)
    index = _order(len(labels)).get(wnid)
    if index is not None and (_known_by(labels[index], names) or re.fullmatch(r"class \d+", labels[index])):
        return index
    found = {place for name in names if name != wnid and (place := find(name)) is not None}
    return found.pop() if len(found) == 1 else None


def _known_by(label: str, names: Sequence[str]) -> bool:
    own = {part.strip().casefold() for part in label.split(",")} | {label.strip().casefold()}
    return bool(own & {name.casefold() for name in names})


@lru_cache(maxsize=4)
def _order(count: int) -> dict[str, int]:
    from timm.data import ImageNetInfo, infer_imagenet_subset

    subset = infer_imagenet_subset({"num_classes": count})
    if subset is None:
        return {}
    info = ImageNetInfo(subset)
    return {info.index_to_label_name(index): index for index in range(info.num_classes())}


@lru_cache(maxsize=1)
def _info() -> Any:
    from timm.data import ImageNetInfo

    return ImageNetInfo("imagenet-22k")


def _names(wnid: str) -> list[str]:
    """The whole text of names ("tabby, tabby cat") and each of them."""
    try:
        text = str(_info().label_name_to_description(wnid))
    except KeyError:
        text = ""
    parts = [part.strip() for part in text.split(",")]
    return list(dict.fromkeys(name for name in (wnid, text, *parts) if name))
