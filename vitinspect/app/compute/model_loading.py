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
) -> ModelCard:
    """Load a model, keep it in the thread, and tell what it is. One that cannot be loaded leaves the one before."""
    from vitinspect.app import torchload

    torchload.import_torch(progress, cancel)
    if context.source != (source, device):
        cancel.check()
        model = _loaded(context, loader or load_from_sources, source, device)
        # The card first: a model that does not answer for itself does not take the place of one that does.
        card = card_of(model, source, precision)
        context.model, context.source, context.prepared = model, (source, device), None
    else:
        card = card_of(context.model, source, precision)
    if not context.named:
        from vitinspect.models.sources import list_devices, list_models

        context.named = True
        hand_over(Names(tuple(list_models("")), tuple(list_devices())))
    return card


def _loaded(context: Context, loader: Loader, source: str, device: str) -> Any:
    try:
        return loader(source, device=device)
    except Exception as error:
        if context.model is None or not _lacks_memory(error):
            raise
    # Two large models do not fit: the one before makes room, and comes back if that does not help.
    before = context.source
    context.model = context.source = context.prepared = None
    gc.collect()
    try:
        return loader(source, device=device)
    except Exception:
        context.model = loader(before[0], device=before[1])
        context.source = before
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
