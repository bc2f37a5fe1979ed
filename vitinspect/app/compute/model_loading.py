"""Loading a model into the worker's thread."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.worker import Context
from vitinspect.app.session.results import ModelCard
from vitinspect.errors import VitInspectError
from vitinspect.explainers.registry import methods
from vitinspect.progress import CancelToken

Loader = Callable[..., Any]
HandOver = Callable[[Any], None]
Report = Callable[[int, int], None]
Asked = tuple[str, str]
"""Source and device of a model."""


@dataclass(frozen=True)
class Names:
    """What there is to choose from, for the model picker."""

    models: tuple[str, ...]
    """What timm knows."""
    devices: tuple[str, ...]
    """Where a model can run on this machine."""


def load_from_sources(source: str, device: str) -> Any:
    """A model by its name, folder or file, with what is asked besides."""
    from vitinspect.models.sources import load_model

    asked = ModelSource.parse(source)
    return load_model(asked.source, device=device, **asked.wishes)


def load(
    context: Context,
    hand_over: HandOver,
    cancel: CancelToken,
    progress: Report,
    *,
    source: str,
    device: str,
    precision: str,
    loader: Loader | None = None,
    beside: Asked | None = None,
) -> ModelCard:
    """Load a model, keep it in the thread, and tell what it is. One that cannot be loaded leaves the one before.

    ``beside``: what the other slot holds, which stays. All others go, so that there are never more than two.
    """
    from vitinspect.app import torchload

    torchload.import_torch(progress, cancel)
    asked = (source, device)
    if asked not in context.models:
        cancel.check()
        model = _loaded(context, loader or load_from_sources, asked, beside)
        # The card first: a model that does not answer for itself does not take the place of one that does.
        card = card_of(model, source, precision)
        context.models[asked] = model
        context.prepared.clear()
    else:
        card = card_of(context.models[asked], source, precision)
    for other in [key for key in context.models if key not in (asked, beside)]:
        del context.models[other]
    if not context.named:
        from vitinspect.models.sources import list_devices, list_models

        context.named = True
        hand_over(Names(tuple(list_models("")), tuple(list_devices())))
    return card


def _loaded(context: Context, loader: Loader, asked: Asked, beside: Asked | None) -> Any:
    source, device = asked
    try:
        return loader(source, device=device)
    except Exception as error:
        replaced = [key for key in context.models if key != beside]
        if not replaced or not _lacks_memory(error):
            raise
    # Two large models do not fit: the one before makes room, and comes back if that does not help.
    for key in replaced:
        del context.models[key]
    context.prepared.clear()
    gc.collect()
    try:
        return loader(source, device=device)
    except Exception:
        for key in replaced:
            context.models[key] = loader(key[0], device=key[1])
        raise


def _lacks_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"


def card_of(model: Any, source: str, precision: str) -> ModelCard:
    """What the window needs to know of a model."""
    refusals: dict[str, str] = {}
    for info in (*methods(), *methods().views):
        try:
            reason = model.why_not(info.id)
        except VitInspectError as error:
            reason = str(error)
        if reason:
            refusals[info.id] = reason
    return ModelCard(
        source=source,
        name=model.name,
        fingerprint=model.fingerprint,
        labels=tuple(model.labels),
        grid=model.grid,
        patch_size=model.patch_size,
        input_size=model.input_size,
        prefix_names=model.prefix_names,
        depth=model.depth,
        heads=model.heads,
        parameters=sum(p.numel() for p in model.module.parameters()),
        device=str(model.device),
        precision=precision,
        has_classifier=model.has_classifier,
        refusals=refusals,
        notes=tuple(getattr(model, "notes", ())),
        warnings=tuple(getattr(model, "warnings", ())),
    )
