"""What the picker shows of methods and presets. Plain data, no Qt, no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vitinspect.app.widgets import numbers
from vitinspect.explainers.costs import ModelSize, Passes, expected_seconds, passes
from vitinspect.explainers.declaration import Method
from vitinspect.explainers.registry import make_method, methods
from vitinspect.presets import LayerSpec

FUSED = "fused"


@dataclass(frozen=True)
class MethodRow:
    """One map that can be added: of a method, or of several fused."""

    layer: LayerSpec
    title: str
    family: str
    paper: str = ""
    summary: str = ""
    needs: str = ""
    follows: bool = True
    signed: bool = False
    seconds: float | None = None
    measured: bool = False
    refusal: str = ""
    shown: bool = False
    """There is such a layer already."""

    @property
    def time(self) -> str:
        if self.seconds is None:
            return numbers.NONE
        return numbers.seconds(self.seconds, about=not self.measured)

    @property
    def target(self) -> str:
        return "follows the class" if self.follows else "same for all"

    def matches(self, text: str) -> bool:
        """Whether each word that was typed is in the name, the paper or the family, begins a word of the summary, or
        is made of the initials of the name."""
        names = f"{self.title} {' '.join(self.layer)} {self.paper} {self.family}".casefold()
        words = re.findall(r"\w+", self.summary.casefold())
        initials = "".join(word[0] for word in re.findall(r"\w+", self.title.casefold()))
        return all(
            word in names or word == initials or any(other.startswith(word) for other in words)
            for word in text.casefold().split()
        )


def method_rows(
    model: ModelSize,
    *,
    measured: Mapping[str, float] | None = None,
    refusals: Mapping[str, str] | None = None,
    shown: Iterable[str] = (),
) -> list[MethodRow]:
    """All methods by family. ``measured`` are seconds by the key of a method, on this model and this machine."""
    known = _known(model, measured or {})
    present = set(shown)
    rows = [_row((info.id,), model, measured or {}, known, refusals or {}, present) for info in methods()]
    order = list(dict.fromkeys(row.family for row in rows))
    return sorted(rows, key=lambda row: order.index(row.family))


def rows_of(
    layers: Sequence[LayerSpec],
    model: ModelSize,
    *,
    measured: Mapping[str, float] | None = None,
    refusals: Mapping[str, str] | None = None,
    shown: Iterable[str] = (),
) -> list[MethodRow]:
    """The maps of a preset."""
    known = _known(model, measured or {})
    present = set(shown)
    return [_row(layer, model, measured or {}, known, refusals or {}, present) for layer in layers]


def title_of(layer: LayerSpec) -> str:
    """ "LRP × Rollout", or a method's title with the parameters that differ."""
    made = [make_method(spec) for spec in layer]
    if len(made) == 1:
        method = made[0]
        return f"{method.info.title}{_differing(method)}"
    return " × ".join(method.info.short or method.info.title for method in made)


def _differing(method: Method) -> str:
    inside = method.key.partition("(")[2].rstrip(")")
    return " " + inside.replace("=", " ") if inside else ""


def _known(model: ModelSize, measured: Mapping[str, float]) -> list[tuple[Passes, float]]:
    return [(passes(make_method(key), model), seconds) for key, seconds in measured.items()]


def _row(
    layer: LayerSpec,
    model: ModelSize,
    measured: Mapping[str, float],
    known: Sequence[tuple[Passes, float]],
    refusals: Mapping[str, str],
    present: set[str],
) -> MethodRow:
    made = [make_method(spec) for spec in layer]
    counted = [passes(method, model) for method in made]
    times = [measured.get(method.key) for method in made]
    seconds = [t if t is not None else expected_seconds(p, known) for t, p in zip(times, counted, strict=True)]
    whole = sum(s for s in seconds if s is not None) if None not in seconds else None
    refusal = next(
        (f"{m.info.title}: {refusals[m.id]}" if len(made) > 1 else refusals[m.id] for m in made if m.id in refusals), ""
    )
    single = made[0].info
    fused = len(made) > 1
    return MethodRow(
        layer=tuple(method.key for method in made),
        title=title_of(layer),
        family=FUSED if fused else single.group,
        paper="fused, geometric mean" if fused else short_paper(single.citation),
        summary="" if fused else single.summary,
        needs=f"{len(made)} maps" if fused else counted[0].words,
        follows=any(method.info.class_specific for method in made),
        signed=not fused and single.signed,
        seconds=whole,
        measured=all(t is not None for t in times),
        refusal=refusal,
        shown=not fused and made[0].key in present,
    )


def short_paper(citation: str) -> str:
    """ "Chefer et al. 2021" of a reference."""
    first = citation.split(";")[0]
    head = first.split(",")[0].strip()
    year = re.search(r"(?<![:\d])(?:19|20)\d\d\b(?![.\d])", first)
    if year is None:
        if "code" in first:
            return "authors’ code"
        return "no paper" if "baseline" in first.casefold() else "the project's own" if "own" in first else head
    rest = first.partition(",")[2]
    if "et al" not in head and "&" not in head and "&" in rest.split(",")[0]:
        head += " et al."
    return f"{head} {year.group()}"


def chosen_words(rows: Sequence[MethodRow]) -> tuple[str, str]:
    """What the picker says about what is checked: "2 chosen", ": Libra FullGrad+, Grad-CAM; about 0.08 s"."""
    if not rows:
        return "Nothing chosen", ""
    names = ", ".join(row.title for row in rows)
    times = [row.seconds for row in rows]
    whole = sum(t for t in times if t is not None)
    known = "" if None in times else f"; {numbers.seconds(whole, about=True)}"
    return f"{len(rows)} chosen", f"{names}{known}"
