"""The plan of a run: all its settings, stored with the run, and compared when it is resumed.

A protocol is a plan with its authors' choices. Where the authors' definitions differ from our own, they are
implemented in ``authors.py`` under the protocol's name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from vitinspect.errors import ParameterError
from vitinspect.evaluation.mask_codings import parse_coding
from vitinspect.evaluation.protocol_settings import PROTOCOLS, override, settings_of
from vitinspect.explainers.parameters import split_calls
from vitinspect.explainers.registry import make_method
from vitinspect.fusion import MODES as FUSION_MODES
from vitinspect.fusion import Combination, combinations
from vitinspect.maps import NORMALISATIONS
from vitinspect.thresholds import MODES as THRESHOLD_MODES

SCORES = ("overlap", "deletion", "insertion", "srg", "drop", "adcc", "curves", "grid_curves", "perturbation")
"""The last three are those of protocols; the others are our own."""
OUR_SCORES = SCORES[:6]
MULTIPLIED = {"product": "multiply"}
"""The suffixes of further fusions of the same sets, where they differ from the mode's name."""


@dataclass(frozen=True)
class ScoredRow:
    """One row of a table: a set of methods, fused in one way."""

    name: str
    combination: Combination
    fuse: str
    suffix: str = ""
    """Appended to the methods' names if the same set has several rows."""


@dataclass(frozen=True)
class Plan:
    """All settings that determine the numbers of a run."""

    data: str
    layout: str = "auto"
    split: str = "val"
    indices: str | None = None
    index_base: int | None = None
    """What the list of indices counts from; None: recognised by the pictures' names."""
    mask_coding: str = "auto"
    labels: str | None = None
    """A file of the pictures' classes."""
    limit: int | None = None
    model: str = "demo"
    fingerprint: str = ""
    """The fingerprint of the model's weights and preprocessing."""
    precision: str = "float32"
    """The precision in which maps are computed."""
    threads: int | None = None
    """Threads for one operation; None: as many as the machine has cores, up to eight. All processes of a run use the
    same number, since the last digits of a sum depend on the number of threads."""
    score_precision: str = "float32"
    """The precision in which masked pictures are scored: bfloat16 is several times faster than float32 on a CPU with
    bfloat16 units, and accurate to about three digits."""
    mode: str = "crop"
    target: str = "predicted"
    methods: tuple[str, ...] = ("rollout",)
    """The methods as canonical strings."""
    ways: tuple[int, ...] = (1,)
    fuse: str = "geometric"
    normalisation: str = "minmax"
    threshold: str = "otsu"
    threshold_options: tuple[tuple[str, float], ...] = ()
    scores: tuple[str, ...] = ("overlap",)
    steps: int | None = None
    percentages: tuple[float, ...] | None = None
    fill: str = "black"
    unit: str = "pixel"
    use: str = "probability"
    min_confidence: float = 0.0
    seed: int = 0
    protocol: str | None = None
    variant: str = ""
    """The variant of the protocol, if it has any."""
    changed: tuple[str, ...] = ()
    """The options that change the protocol."""
    voc_void_is_foreground: bool = False
    resample: str = ""
    """How pictures are resized; empty: as the model was evaluated."""
    fuse_also: tuple[str, ...] = ()
    """Further modes in which the sets of several methods are fused, in separate rows."""

    def __post_init__(self) -> None:
        _one_of("fusion mode", self.fuse, FUSION_MODES)
        _one_of("normalisation", self.normalisation, NORMALISATIONS)
        _one_of("threshold", self.threshold, THRESHOLD_MODES)
        for score in self.scores:
            _one_of("score", score, SCORES)
        parse_coding(self.mask_coding)
        if self.protocol is not None:
            _one_of("protocol", self.protocol, tuple(PROTOCOLS))
        for mode in self.fuse_also:
            _one_of("fusion mode", mode, FUSION_MODES)
        if not 0 <= self.min_confidence <= 1:
            raise ParameterError(f"The minimum confidence must be between 0 and 1, not {self.min_confidence}.")

    def combinations(self) -> list[Combination]:
        """The sets of methods that are scored."""
        return combinations(self.methods, self.ways)

    def rows(self) -> list[ScoredRow]:
        """The rows of a table: each set of methods, and again for each further fusion mode."""
        found = []
        for combination in self.combinations():
            found.append(ScoredRow(combination.name, combination, self.fuse))
            if combination.ways > 1:
                found += [
                    ScoredRow(combination.name + suffix, combination, mode, suffix)
                    for mode in self.fuse_also
                    if (suffix := f" ({MULTIPLIED.get(mode, mode)})")
                ]
        return found

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Plan:
        known = {field.name for field in fields(cls)}
        data = {k: _tuples(v) for k, v in json.loads(text).items() if k in known}
        return cls(**data)

    def differences(self, other: Plan) -> list[str]:
        """The differences from another plan, in words. The limit may differ."""
        return [
            f"{name} was {self.worded(name)} and is now {other.worded(name)}"
            for name in self.differing_fields(other)
            if name != "limit"
        ]

    def differing_fields(self, other: Plan) -> list[str]:
        """The names of the settings that are not the same."""
        return [field.name for field in fields(self) if getattr(self, field.name) != getattr(other, field.name)]

    def worded(self, name: str) -> str:
        """A setting as text."""
        return _words(getattr(self, name))


def _one_of(what: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ParameterError(f"The {what} must be one of {', '.join(known)}, not {value!r}.")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def canonical_methods(text: str | Sequence[str]) -> tuple[str, ...]:
    """The methods of a command line in canonical spelling, each once."""
    parts = split_calls(text) if isinstance(text, str) else list(text)
    return tuple(dict.fromkeys(make_method(part).key for part in parts))


def preset(protocol: str, variant: str | None = None, **given: Any) -> Plan:
    """A protocol's plan, with the given options instead of its choices.

    An option that the protocol would ignore is refused by its name; one that replaces a choice that affects the numbers
    is recorded in ``changed``, for the report.
    """
    from vitinspect.evaluation.datasets import layout_of

    layout = layout_of(given["data"], given.get("layout") or "auto")
    values, changed = override(protocol, settings_of(protocol, variant, layout), given)
    values["methods"] = canonical_methods(values["methods"])
    return Plan(protocol=protocol, changed=tuple(changed), **values)


def with_model(plan: Plan, fingerprint: str) -> Plan:
    """The plan with the fingerprint of the model."""
    return replace(plan, fingerprint=fingerprint)
