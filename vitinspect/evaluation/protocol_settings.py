"""Published protocols as settings: what each fixes, which options may change it, and which are refused.

A protocol fixes everything that affects its numbers: how a picture is fitted, what is explained, how the map is cut,
what replaces masked pixels, how masks are read, which pictures are skipped. An option that it would ignore is refused
by name; one that it supports replaces its choice, and the report then says that the result is no longer that of the
protocol. The measurements are in ``authors.py`` and ``vitinspect.scores.protocols``; the source of each setting is in
``docs/protocols.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vitinspect.errors import ParameterError
from vitinspect.scores.fills import FILLS

OPTIONS = {
    "mode": "--mode",
    "target": "--target",
    "fuse": "--fuse",
    "normalisation": "--normalise",
    "threshold": "--threshold",
    "scores": "--scores",
    "steps": "--steps",
    "fill": "--fill",
    "unit": "--unit",
    "use": "--use",
    "min_confidence": "--min-confidence",
    "mask_coding": "--mask-coding",
    "voc_void_is_foreground": "--void-is-foreground",
    "precision": "--precision",
    "score_precision": "--score-precision",
}
"""The settings that affect the numbers, and their options. Options that only select rows (methods, sets of methods) or
pictures (split, indices, limit) change no number and are always allowed."""

SQUASH_CROP = "squash-crop"
"""Resize to 8/7 of the input whatever the shape (256 for 224), then crop the centre."""


@dataclass(frozen=True)
class Protocol:
    """One protocol."""

    name: str
    whose: str
    settings: Mapping[str, Any]
    honours: frozenset[str]
    """The ``OPTIONS`` that may replace a choice of the protocol."""
    scores: tuple[str, ...] = ()
    """Names that ``--scores`` may choose from; empty if all scores are computed together."""
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Named variants with the settings in which they differ; the first is the default."""
    notes: tuple[str, ...] = ()
    """Notes for the reader of the table."""


VITMIX_METHODS = ("lrp", "saliency(resolution=grid)", "rollout(start_layer=3)", "attention_gradcam")
_ALWAYS = frozenset({"mode", "target", "min_confidence", "precision", "score_precision"})

PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            "vitmix",
            "the ViTmiX script (vitmix.py)",
            {
                "methods": VITMIX_METHODS,
                "ways": (1, 2, 3),
                "fuse": "sqrt",
                "fuse_also": ("product",),
                "normalisation": "none",
                "threshold": "otsu",
                "scores": ("overlap", "curves"),
                "steps": 100,
                "fill": "black",
                "mode": "squash",
                "resample": "bilinear",
                "target": "predicted",
            },
            _ALWAYS | {"fuse", "normalisation", "threshold", "steps", "fill", "scores", "voc_void_is_foreground"},
            scores=("overlap", "curves", "deletion"),
            variants={
                "imagenet": {},
                "voc": {"min_confidence": 0.8, "voc_void_is_foreground": True},
                "medical": {},
            },
            notes=(
                "Rows without a suffix are the root of the product of the raw maps, also for three maps (the script's "
                "`sqrt`; the paper's geometric mean); rows with (multiply) are the product itself.",
                "Its pixel accuracy is recall.",
            ),
        ),
        Protocol(
            "multiplex",
            "the multiplex notebook (Usage_example.ipynb)",
            {
                "methods": ("multiplex",),
                "scores": ("curves",),
                "mode": "squash",
                "resample": "bilinear",
                "fill": "black+mean+blur+noise",
                "percentages": (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100),
                "target": "predicted",
            },
            _ALWAYS | {"fill"},
            notes=(
                "Areas run over percentages, 0 to 100; insertion begins at 1 %, and deletion at the point (0 %, 0) "
                "instead of the whole picture's score. Pixels of a patch tie; they are taken in reverse reading order. "
                "The random fill is seeded; the notebook's is not.",
            ),
        ),
        Protocol(
            "reciprocam",
            "ViT-ReciproCAM (vit_recipro_cam_metric.py)",
            {
                "methods": ("reciprocam",),
                "scores": ("curves", "grid_curves", "adcc"),
                "mode": SQUASH_CROP,
                "resample": "bilinear",
                "fill": "black",
                "target": "label",
            },
            _ALWAYS | {"scores"},
            scores=("curves", "grid_curves", "adcc"),
            notes=(
                "The authors visit int(S/32) squared cells, whatever the map's own width is, and read the map's flat "
                "indices in a grid of that width, so most cells of a 14 x 14 map lie outside of the picture. The "
                "columns named 'all cells' visit every cell of the model's grid once instead.",
                "All in percent; areas are divided by the number of points, not of intervals.",
            ),
        ),
        Protocol(
            "gmar",
            "GMAR-Plus (managers.py), or the comparison project of LeGrad, GMAR and rollout (main.py)",
            {
                "methods": ("legrad_seed", "gmar(norm=l1)", "gmar", "rollout(variant=comparison)"),
                "threshold": "fixed",
                "threshold_options": (("level", 0.5),),
                "scores": ("overlap", "curves"),
                "steps": 100,
                "fill": "blur",
                "use": "logit",
                "mode": "squash",
                "resample": "bilinear",
                "target": "predicted",
            },
            _ALWAYS | {"steps"},
            variants={
                "gmar-plus": {},
                "comparison": {
                    "scores": ("overlap",),
                    "steps": None,
                    "fill": "none",
                    "use": "probability",
                    "methods": (
                        "legrad_seed(variant=comparison)",
                        "gmar(norm=l1,variant=comparison)",
                        "gmar(variant=comparison)",
                        "rollout(variant=comparison)",
                    ),
                },
            },
            notes=("The map is compared with the mask on the model's own grid of patches.",),
        ),
        Protocol(
            "segmentation",
            "Chefer, Gur & Wolf (imagenet_seg_eval.py, pertubation_eval_from_hdf5.py)",
            {
                "methods": ("lrp(start_layer=1)", "rollout(start_layer=1)", "attention_gradcam", "raw_attention"),
                "threshold": "mean",
                "scores": ("overlap", "perturbation"),
                "fill": "true_black",
                "mode": "squash",
                "resample": "bilinear",
                "target": "predicted",
            },
            _ALWAYS | {"threshold", "scores", "mask_coding", "voc_void_is_foreground"},
            scores=("overlap", "perturbation"),
            notes=(
                "Pixel accuracy and mIoU divide sums over the data set. mF1 is the mean over the *rows* of all "
                "pictures of each row's F1: their function treats a picture's rows as a batch. The F1 column is the "
                "ordinary one.",
                "Perturbation: the share of pictures that keep their class when 0 to 90 % of the pixels are black, the "
                "most relevant first (positive: lower is better) or the least (negative: higher is better).",
            ),
        ),
    )
}


def protocol_of(name: str) -> Protocol:
    """The protocol of that name."""
    if name not in PROTOCOLS:
        raise ParameterError(f"A protocol must be one of {', '.join(PROTOCOLS)}, not {name!r}.")
    return PROTOCOLS[name]


def settings_of(name: str, variant: str | None, layout: str) -> dict[str, Any]:
    """All settings of a protocol. For ViTmiX the layout selects the variant (Pascal VOC is treated separately)."""
    protocol = protocol_of(name)
    if variant is not None and variant not in protocol.variants:
        there = f"has the variants {', '.join(protocol.variants)}" if protocol.variants else "has no variants"
        raise ParameterError(f"The protocol {name} {there}: --variant {variant} names none of them.")
    if variant is None and protocol.variants:
        variant = "voc" if name == "vitmix" and layout.startswith("voc") else next(iter(protocol.variants))
    return {**protocol.settings, **(protocol.variants[variant] if variant else {}), "variant": variant or ""}


def override(name: str, settings: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings with the user's options, and those options that change the protocol.

    An option that the protocol would ignore is refused by its name, unless it equals the protocol's choice.
    """
    protocol = protocol_of(name)
    values, changed = dict(settings), []
    for key, value in given.items():
        if value is None or (key == "threshold_options" and given.get("threshold") is None):
            continue
        if key in OPTIONS and not _same(key, value, given, settings):
            _refuse_unless_honoured(protocol, key, value, given, settings)
            if key != "scores":
                changed.append(f"{OPTIONS[key]} {_typed(key, value, given)}".strip())
        values[key] = value
    if given.get("fuse") is not None:
        values["fuse_also"] = ()
    if given.get("threshold") is not None:
        values["threshold_options"] = given.get("threshold_options") or ()
    return values, changed


def _same(key: str, value: Any, given: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    if key == "scores":
        return set(value) == set(settings["scores"])
    if key == "threshold":
        mine = tuple(given.get("threshold_options") or ())
        theirs = tuple(settings.get("threshold_options") or ())
        return value == settings.get("threshold") and (mine or theirs) == theirs
    return bool(value == settings.get(key, _DEFAULTS.get(key)))


_DEFAULTS = {
    "precision": "float32",
    "score_precision": "float32",
    "min_confidence": 0.0,
    "voc_void_is_foreground": False,
    "unit": "pixel",
    "use": "probability",
}


def _refuse_unless_honoured(
    protocol: Protocol, key: str, value: Any, given: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    option = f"{OPTIONS[key]} {_typed(key, value, given)}".strip()
    several = max(given.get("ways") or settings.get("ways") or (1,)) > 1
    if key in ("fuse", "normalisation") and several:
        return
    if key not in protocol.honours:
        raise ParameterError(
            f"The protocol {protocol.name} would ignore {option}: {_why_not(protocol, key, settings)}."
        )
    unknown = [score for score in value if score not in protocol.scores] if key == "scores" else []
    if unknown:
        raise ParameterError(
            f"The protocol {protocol.name} would ignore {OPTIONS[key]} {','.join(unknown)}: its scores are "
            f"{', '.join(protocol.scores)}."
        )
    if key == "fill":
        parts = value.split("+") if protocol.name == "multiplex" else [value]
        if any(part not in FILLS for part in parts):
            raise ParameterError(
                f"The fill of the protocol {protocol.name} must be one of {', '.join(FILLS)}, not {value}."
            )
    if key == "voc_void_is_foreground" and protocol.name == "vitmix":
        raise ParameterError(f"The protocol vitmix would ignore {option}: only its variant voc has masks with a void.")


def _why_not(protocol: Protocol, key: str, settings: Mapping[str, Any]) -> str:
    if key == "scores":
        return f"it computes {', '.join(settings['scores'])} together, as its authors do"
    if key in ("fuse", "normalisation"):
        return "nothing is fused without --ways 2"
    if key in ("mask_coding", "voc_void_is_foreground"):
        return "it reads masks as its authors' script does"
    if key == "threshold" and settings.get("threshold") is None:
        return "it uses no threshold"
    return "its authors' choice is fixed"


def _typed(key: str, value: Any, given: Mapping[str, Any]) -> str:
    """A setting as it is typed on the command line."""
    if key == "threshold":
        numbers = [f"{number:g}" for _, number in given.get("threshold_options") or ()]
        return "=".join([str(value), *numbers])
    if isinstance(value, bool):
        return ""
    return ",".join(map(str, value)) if isinstance(value, tuple) else f"{value}"
