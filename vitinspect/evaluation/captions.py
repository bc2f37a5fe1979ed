"""Captions of tables: the models, weights and settings of the numbers, and how many images and annotators."""

from __future__ import annotations

from collections.abc import Sequence

from vitinspect.evaluation.mask_codings import parse_coding
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.protocol_settings import SQUASH_CROP
from vitinspect.evaluation.tables import POOLED, Results, Table

_FIT = {"crop": "centre crop", "squash": "squashed", "pad": "padded", SQUASH_CROP: "resized to 8/7, centre crop"}


def settings_of(plan: Plan) -> dict[str, str]:
    """The settings that affect a run's numbers, in words."""
    numbers = "".join(f" {value:g}" for _, value in plan.threshold_options)
    found = {
        "protocol": _protocol(plan),
        "fit": _FIT.get(plan.mode, plan.mode),
        "target": {"predicted": "predicted class", "label": "the picture's label"}.get(plan.target, plan.target),
        "threshold": plan.threshold.replace("_", " ") + numbers,
        "fill": plan.fill.replace("_", " "),
    }
    if max(plan.ways) > 1:
        found["fusion"] = f"{plan.fuse} of {plan.normalisation} maps" if plan.normalisation != "none" else plan.fuse
    if words := parse_coding(plan.mask_coding).words:
        found["masks"] = words.removeprefix("masks: ")
    return found


def _protocol(plan: Plan) -> str:
    name = plan.protocol or "vitinspect's own"
    name = f"{name} ({plan.variant})" if plan.variant else name
    return f"{name}, changed by {', '.join(plan.changed)} and no longer that of the protocol" if plan.changed else name


def caption_of(parts: Sequence[tuple[str, str, Results, Table]], intervals: bool = False) -> str:
    """Models with their fingerprints, what was scored, settings; what all runs share is said once."""
    sentences = [_models(parts), _counts(parts)]
    runs = list({id(r): (data, model, r) for data, model, r, _ in parts}.values())
    settings = [settings_of(run.plan) for *_, run in runs]
    shared = {k: v for k, v in settings[0].items() if all(s.get(k) == v for s in settings)}
    if shared:
        sentences.append(_worded(shared))
    for (data, model, _), own in zip(runs, settings, strict=True):
        rest = {k: v for k, v in own.items() if k not in shared}
        if rest:
            several = len({m for _, m, _ in runs}) > 1
            sentences.append(f"{data}{f' with {model}' if several else ''}: {_lower(_worded(rest))}")
    sentences.append("The best of each column is bold")
    if intervals:
        sentences.append("In brackets: bootstrap 95 % intervals over images")
    return ". ".join(sentences) + "."


def _models(parts: Sequence[tuple[str, str, Results, Table]]) -> str:
    prints = dict.fromkeys((model, run.plan.fingerprint) for _, model, run, _ in parts)
    words = [f"{model} (weights {fingerprint})" if fingerprint else model for model, fingerprint in prints]
    return f"Model{'s' if len(words) > 1 else ''}: {', '.join(words)}"


def _counts(parts: Sequence[tuple[str, str, Results, Table]]) -> str:
    """ "students: masks by ann, 3 of 10 images; masks by bob, 10 images (2 annotators)"."""
    by_data: dict[str, dict[str, None]] = {}
    people: dict[str, set[str]] = {}
    for data, _, run, table in parts:
        named = [who for who in run.annotators if who]
        people.setdefault(data, set()).update(named)
        if table.annotator != POOLED or not any(r is run and t.annotator != POOLED for _, _, r, t in parts):
            by_data.setdefault(data, {})[table.counted] = None
    texts = []
    for data, counts in by_data.items():
        who = f" ({len(people[data])} annotators)" if len(people[data]) > 1 else ""
        texts.append(f"{data}: {'; '.join(counts)}{who}")
    return "Scored: " + "; ".join(texts)


def _worded(settings: dict[str, str]) -> str:
    text = "; ".join(f"{name}: {value}" for name, value in settings.items())
    return text[0].upper() + text[1:]


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]
