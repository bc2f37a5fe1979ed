"""Fusing maps: several methods, one picture. Pure numpy.

The idea of ViTmiX: methods err in different places, so what they agree on is more reliable than any one of them.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vitinspect.errors import ParameterError
from vitinspect.maps import AttributionMap, minmax, normalise, ranks, resize, values_of

MODES = ("geometric", "product", "sqrt", "arithmetic", "harmonic", "min", "max", "rank")
SIGNED = ("positive", "absolute", "negative", "as_is")


def fuse(
    maps: Sequence[AttributionMap | np.ndarray],
    mode: str = "geometric",
    weights: Sequence[float] | None = None,
    *,
    normalisation: str = "none",
    signed: str = "positive",
    resample: str = "bilinear",
) -> Any:
    """Fuse any number of maps into one.

    Modes, with weights w (all 1 by default; a weight of 0 removes its map exactly):

    ``geometric``   the w-weighted geometric mean;
    ``product``     the product of m^w;
    ``sqrt``        the square root of that product, also for three maps: what the ViTmiX script computes and calls
                    a geometric mean (for two maps of weight 1 it is one);
    ``arithmetic``, ``harmonic``   the weighted means;
    ``min``, ``max``   after scaling each map with its weight over the largest weight;
    ``rank``        the weighted mean of ranks, from 0 (lowest) to 1.

    ``normalisation`` is done before fusing: ``none`` (the ViTmiX script), ``minmax``, ``percentile``, ``rank``.
    ``signed`` says how maps with evidence against the target enter: their ``positive`` part, their ``absolute``
    value, their ``negative`` part, or ``as_is`` (only for modes that need no powers: arithmetic, min, max, rank).
    Maps that a method declares unsigned enter as they are; of plain arrays those that go below zero count as signed.
    Maps of different resolutions are brought to the finest.

    Returns an ``AttributionMap`` if one was given, otherwise an array.
    """
    if mode not in MODES:
        raise ParameterError(f"A fusion mode is one of {', '.join(MODES)}, not {mode!r}.")
    if not maps:
        raise ParameterError("There is no map to fuse.")
    shares = _weights(weights, len(maps))
    used = [i for i in range(len(maps)) if shares[i] > 0]
    arrays = _same_size([entering(maps[i], signed, mode) for i in used], resample)
    arrays = [normalise(a, normalisation) for a in arrays]
    fused = _combine(arrays, [float(shares[i]) for i in used], mode)
    given = [maps[i] for i in used]
    if not any(isinstance(m, AttributionMap) for m in given):
        return fused
    return _as_map(fused, given, mode, [float(shares[i]) for i in used], normalisation)


def _weights(weights: Sequence[float] | None, count: int) -> np.ndarray:
    shares = np.ones(count) if weights is None else np.asarray(weights, dtype=np.float64)
    if shares.shape != (count,):
        raise ParameterError(f"{shares.size} weights were given for {count} maps.")
    if not np.isfinite(shares).all() or (shares < 0).any():
        raise ParameterError("Weights must be numbers of at least zero.")
    if not (shares > 0).any():
        raise ParameterError("All weights are zero: nothing is left to fuse.")
    return shares


def entering(attribution: AttributionMap | np.ndarray, signed: str, mode: str) -> np.ndarray:
    if signed not in SIGNED:
        raise ParameterError(f"Signed maps enter as one of {', '.join(SIGNED)}, not {signed!r}.")
    values = values_of(attribution)
    is_signed = attribution.signed if isinstance(attribution, AttributionMap) else bool((values < 0).any())
    if not is_signed and (values < 0).any() and mode in ("geometric", "product", "sqrt", "harmonic"):
        # Raw values below zero without a meaning of sign (an EigenCAM, say): powers need a floor.
        return values - values.min()
    if not is_signed or signed == "as_is":
        if signed == "as_is" and is_signed and mode in ("geometric", "product", "sqrt", "harmonic"):
            raise ParameterError(f"Signed maps cannot enter a {mode} fusion as they are; choose their positive part.")
        return values
    if signed == "positive":
        return np.clip(values, 0, None)
    return np.abs(values) if signed == "absolute" else np.clip(-values, 0, None)


def _same_size(arrays: list[np.ndarray], resample: str) -> list[np.ndarray]:
    size = (max(a.shape[0] for a in arrays), max(a.shape[1] for a in arrays))
    return [a if a.shape == size else resize(a, size, resample) for a in arrays]


def _weighted_sum(weights: list[float], arrays: list[np.ndarray]) -> np.ndarray:
    return np.sum([w * a for w, a in zip(weights, arrays, strict=True)], axis=0)


def _combine(arrays: list[np.ndarray], weights: list[float], mode: str) -> np.ndarray:
    total = sum(weights)
    if mode == "arithmetic":
        return _weighted_sum(weights, arrays) / total
    if mode in ("min", "max"):
        scaled = [a * (w / max(weights)) for w, a in zip(weights, arrays, strict=True)]
        return np.minimum.reduce(scaled) if mode == "min" else np.maximum.reduce(scaled)
    if mode == "rank":
        return _weighted_sum(weights, [minmax(ranks(a)) for a in arrays]) / total
    if mode == "harmonic":
        with np.errstate(divide="ignore"):
            return total / _weighted_sum(weights, [1 / a for a in arrays])
    product = np.ones_like(arrays[0])
    if mode == "geometric":
        # Powers first: a product of many small raw values would leave the range of the numbers.
        for w, a in zip(weights, arrays, strict=True):
            product = product * a ** (w / total)
        return product
    for w, a in zip(weights, arrays, strict=True):
        product = product * (a if w == 1 else a**w)
    return np.sqrt(product) if mode == "sqrt" else product


def _as_map(
    fused: np.ndarray, given: Sequence[Any], mode: str, weights: list[float], normalisation: str
) -> AttributionMap:
    known = [m for m in given if isinstance(m, AttributionMap)]
    params = {"mode": mode, "weights": tuple(weights), "normalisation": normalisation}
    targets = [m.target for m in known if m.target is not None]
    return AttributionMap(
        values=fused,
        method="fused",
        params=params,
        key=combination_key([(m.key or m.method) if isinstance(m, AttributionMap) else "array" for m in given], mode),
        target=targets[0] if targets else None,
        resolution="pixel" if any(m.resolution == "pixel" for m in known) else "patch",
        origin=next((m.origin for m in known if m.origin is not None), None),
    )


def combination_key(keys: Sequence[str], mode: str) -> str:
    """The name under which a fusion is found: ``"lrp + rollout [geometric]"``."""
    return f"{' + '.join(keys)} [{mode}]"


@dataclass(frozen=True)
class Combination:
    """Some methods to be fused, and the name that the ViTmiX paper gives such a set ("LRP + Rollout")."""

    methods: tuple[Any, ...]
    """``Method`` objects, in the requested order."""
    names: tuple[str, ...]
    """The short name of each among those that were requested."""

    @property
    def ways(self) -> int:
        return len(self.methods)

    @property
    def name(self) -> str:
        """The methods' short names; parameters are added where the same method was asked for twice."""
        return " + ".join(self.names)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(method.key for method in self.methods)

    def __str__(self) -> str:
        return self.name


def short_names(methods: Sequence[Any]) -> dict[str, str]:
    """Key to short name. Where a method occurs several times, each name says in what it differs from the others:
    "Rollout (start layer 0)" and "Rollout (start layer 3)", "GMAR (L1)" and "GMAR (L2)"."""
    versions: dict[str, list[Any]] = defaultdict(list)
    for method in methods:
        if method.key not in {other.key for other in versions[method.id]}:
            versions[method.id].append(method)
    return {method.key: _short_name(method, group) for group in versions.values() for method in group}


def _short_name(method: Any, group: Sequence[Any]) -> str:
    name = method.info.short or method.info.title
    told_by = [
        parameter
        for parameter in method.info.parameters
        if parameter.name in method.info.named_by
        or len({repr(other.params.get(parameter.name)) for other in group}) > 1
    ]
    words = ", ".join(_value_words(parameter, method.params.get(parameter.name)) for parameter in told_by)
    return f"{name} ({words})" if words else str(name)


def _value_words(parameter: Any, value: Any) -> str:
    name = parameter.name.replace("_", " ")
    if parameter.type == "bool":
        return name if value else f"no {name}"
    if parameter.type == "choice":
        text = str(value).replace("_", " ")
        return text.upper() if len(text) == 2 and text[1].isdigit() else text
    return f"{name} {value:g}" if isinstance(value, float) else f"{name} {str(value).lower()}"


def combinations(methods: Iterable[Any], ways: Sequence[int] = (1, 2, 3)) -> list[Combination]:
    """All sets of one, two and three of the methods: 14 for the four of ViTmiX."""
    from vitinspect.explainers.registry import make_method

    chosen = [make_method(method) for method in methods]
    if any(way < 1 for way in ways):
        raise ParameterError("A combination has at least one method.")
    names = short_names(chosen)
    return [
        Combination(group, tuple(names[method.key] for method in group))
        for way in sorted(set(ways))
        for group in itertools.combinations(chosen, way)
    ]


# --- parsing requested maps --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class AskedMap:
    """One requested map of a command line: a method's, or a fusion of several."""

    methods: tuple[Any, ...]
    mode: str = ""
    """How they are fused; empty for a single method."""

    @property
    def key(self) -> str:
        keys = [method.key for method in self.methods]
        return combination_key(keys, self.mode) if self.mode else keys[0]


def parse_maps(text: str, fuse: str | None = None) -> list[AskedMap]:
    """``"legrad, lrp + rollout [geometric]"``: methods with parameters, and fusions of them with their mode.

    ``fuse`` is the mode of fusions that name none. It also adds one fusion, of all methods that are not in one.
    """
    from vitinspect.explainers.registry import parse_methods

    asked: list[AskedMap] = []
    for part in _split(text, ","):
        body, bracket, mode = part.partition("[")
        if bracket and not mode.rstrip().endswith("]"):
            raise ParameterError(f"A fusion is written as `lrp + rollout [geometric]`, not as {part!r}.")
        methods = tuple(method for name in _split(body, "+") for method in parse_methods(name))
        mode = mode.strip().removesuffix("]").strip() or (fuse or "geometric")
        if mode not in MODES:
            raise ParameterError(f"A fusion mode is one of {', '.join(MODES)}, not {mode!r}.")
        if bracket and len(methods) < 2:
            raise ParameterError(f"{part!r} names one method; a fusion needs two, as in `lrp + rollout [{mode}]`.")
        if methods:
            asked.append(AskedMap(methods, mode if len(methods) > 1 else ""))
    alone = tuple(dict.fromkeys(one.methods[0].key for one in asked if not one.mode))
    if fuse is not None and not any(one.mode for one in asked):
        if len(alone) < 2:
            raise ParameterError(f"A fusion ({fuse}) needs at least two methods, as in `lrp,rollout`.")
        asked.append(AskedMap(tuple(one.methods[0] for one in asked), fuse))
    if not asked:
        raise ParameterError("No method was named; `vitinspect methods` lists them all.")
    return list({one.key: one for one in asked}.values())


def _split(text: str, mark: str) -> list[str]:
    """The parts between marks that are outside of brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == mark and depth <= 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part.strip() for part in [*parts, current] if part.strip()]
