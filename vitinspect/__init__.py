"""vitinspect shows where a Vision Transformer looks, and whether that can be trusted.

>>> import vitinspect as vi
>>> model = vi.load_model("demo")
>>> result = vi.explain(model, "scene.jpg", ["rollout", "lrp(start_layer=1)"])
>>> result["rollout"].values.shape
(14, 14)

The names below are loaded when they are first used, so that ``import vitinspect`` costs milliseconds and
loads neither torch nor Qt.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vitinspect import displayed
from vitinspect.models import method_support
from vitinspect.version import __version__

# public name -> (module, attribute in it; None for the module itself)
_PUBLIC: dict[str, tuple[str, str | None]] = {
    # models
    "load_model": ("vitinspect.models.sources", "load_model"),
    "wrap_model": ("vitinspect.models.vit", "wrap_model"),
    "ViT": ("vitinspect.models.vit", "ViT"),
    "Prediction": ("vitinspect.models.vit", "Prediction"),
    # pictures
    "open_image": ("vitinspect.images", "open_image"),
    # explaining
    "explain": ("vitinspect.explainers.engine", "explain"),
    "explain_batch": ("vitinspect.explainers.engine", "explain_batch"),
    "methods": ("vitinspect.explainers.registry", "methods"),
    "AttributionMap": ("vitinspect.maps", "AttributionMap"),
    "Explanation": ("vitinspect.explainers.engine", "Explanation"),
    "TextEmbedding": ("vitinspect.explainers.targets", "TextEmbedding"),
    "Contrast": ("vitinspect.explainers.targets", "Contrast"),
    # own methods and models
    "load_plugin": ("vitinspect.plugins", "load_plugin"),
    "Explainer": ("vitinspect.explainers.base", "Explainer"),
    "MethodInfo": ("vitinspect.explainers.declaration", "MethodInfo"),
    "Parameter": ("vitinspect.explainers.parameters", "Parameter"),
    # what is made of maps
    "fuse": ("vitinspect.fusion", "fuse"),
    "combinations": ("vitinspect.fusion", "combinations"),
    "threshold": ("vitinspect.thresholds", "threshold"),
    "scores": ("vitinspect.scores", None),
    # masks of people
    "masks": ("vitinspect.annotation.masks", None),
    "agreement": ("vitinspect.annotation.agreement", "agreement"),
    "consensus": ("vitinspect.annotation.consensus", "consensus"),
    # probes and views of features
    "probing": ("vitinspect.probing", None),
    "views": ("vitinspect.probing.views", None),
    # the window on what is in memory
    "view": ("vitinspect.viewing", "view"),
    # attention as a network
    "attention_graph": ("vitinspect.graphs", "attention_graph"),
    # errors, progress
    "VitInspectError": ("vitinspect.errors", "VitInspectError"),
    "ImageError": ("vitinspect.errors", "ImageError"),
    "ModelError": ("vitinspect.errors", "ModelError"),
    "UnsupportedModelError": ("vitinspect.errors", "UnsupportedModelError"),
    "TargetError": ("vitinspect.errors", "TargetError"),
    "ParameterError": ("vitinspect.errors", "ParameterError"),
    "MethodNotApplicable": ("vitinspect.errors", "MethodNotApplicable"),
    "MethodFailed": ("vitinspect.errors", "MethodFailed"),
    "NotEnoughMemory": ("vitinspect.errors", "NotEnoughMemory"),
    "DataError": ("vitinspect.errors", "DataError"),
    "Cancelled": ("vitinspect.errors", "Cancelled"),
    "CancelToken": ("vitinspect.progress", "CancelToken"),
}

__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from vitinspect import probing, scores
    from vitinspect.annotation import masks
    from vitinspect.annotation.agreement import agreement
    from vitinspect.annotation.consensus import consensus
    from vitinspect.errors import (
        Cancelled,
        DataError,
        ImageError,
        MethodFailed,
        MethodNotApplicable,
        ModelError,
        NotEnoughMemory,
        ParameterError,
        TargetError,
        UnsupportedModelError,
        VitInspectError,
    )
    from vitinspect.explainers.base import Explainer
    from vitinspect.explainers.declaration import MethodInfo
    from vitinspect.explainers.engine import Explanation, explain, explain_batch
    from vitinspect.explainers.parameters import Parameter
    from vitinspect.explainers.registry import methods
    from vitinspect.explainers.targets import Contrast, TextEmbedding
    from vitinspect.fusion import combinations, fuse
    from vitinspect.graphs import attention_graph
    from vitinspect.images import open_image
    from vitinspect.maps import AttributionMap
    from vitinspect.models.sources import load_model
    from vitinspect.models.vit import Prediction, ViT, wrap_model
    from vitinspect.plugins import load_plugin
    from vitinspect.probing import views
    from vitinspect.progress import CancelToken
    from vitinspect.thresholds import threshold
    from vitinspect.viewing import view


def __getattr__(name: str) -> Any:
    try:
        module_name, attribute = _PUBLIC[name]
    except KeyError:
        raise AttributeError(f"module 'vitinspect' has no attribute {name!r}") from None
    module = importlib.import_module(module_name)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC})


def _method_support() -> method_support.MethodSupport:
    from vitinspect.explainers import applicability

    return applicability


def _map_display() -> Any:
    from vitinspect.figures import map_display

    return map_display


# Models do not import methods, nor maps figures; they are connected here, where both are known.
method_support.answered_by(_method_support)
displayed.drawn_by(_map_display)
