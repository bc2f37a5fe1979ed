"""Short names of paths and models in a list: whole where two of them would read the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence


def distinct_names(wholes: Sequence[str], short: Callable[[str], str]) -> list[str]:
    """The short name of each, or the whole of those whose short name another one has too."""
    names = [short(whole) for whole in wholes]
    counts = Counter(names)
    return [name if counts[name] == 1 else whole for name, whole in zip(names, wholes, strict=True)]
