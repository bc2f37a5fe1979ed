"""Loading a model into the worker's thread."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vitinspect.app.compute.model_input import model_of
from vitinspect.app.compute.model_source import ModelSource
from vitinspect.app.compute.worker import Context
from vitinspect.app.session.results import ModelCard
from vitinspect.app.torchload import Everywhere
from vitinspect.errors import Cancelled, VitInspectError
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
    """A model by its name, folder or file, with the options that are given with it."""
    from vitinspect.models.sources import load_model

    asked = ModelSource.parse(source)
    return with_asked_texts(load_model(asked.source, device=device, **asked.load_options), asked)


def with_asked_texts(model: Any, asked: ModelSource) -> Any:
    """The model with the texts as its classes that are asked for, if any are."""
    from vitinspect.models.with_texts import with_texts, without_texts
    from vitinspect.probing.texts import PLAIN, embed_texts, read_texts, read_token_ids

    model = without_texts(model)
    if asked.text_embeddings:
        return with_texts(model, read_texts(Path(asked.text_embeddings), model))
    if not asked.text:
        return model
    ids = read_token_ids(Path(asked.token_ids)) if asked.token_ids else None
    return with_texts(model, embed_texts(model, asked.text, asked.template or PLAIN, token_ids=ids))


def save_texts(
    context: Context, hand_over: HandOver, cancel: CancelToken, progress: Report, *, model: str, path: str
) -> str:
    """Write the embeddings of the model's texts to a file, with which the text tower is not needed again."""
    from vitinspect.files import write_atomic

    found = model_of(context, model)
    if not hasattr(found, "texts"):
        raise Cancelled
    write_atomic(Path(path), found.texts.npz())
    return path


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
    everywhere: Everywhere | None = None,
) -> ModelCard:
    """Load a model, keep it in the thread, and return its card. If it cannot be loaded, the earlier one stays.

    ``beside`` is the model of the other slot, which stays. All others are dropped, so that there are at most two.
    """
    from vitinspect.app import torchload

    torchload.import_torch(progress, cancel, everywhere)
    asked = (source, device)
    if asked not in context.models:
        cancel.check()
        model = _with_other_texts(context, asked) if loader is None else None
        if model is None:
            model = _loaded(context, loader or load_from_sources, asked, beside)
        # The card first: a model for which that fails must not replace one that works.
        card = card_of(model, source, precision)
        context.models[asked], context.cards[asked] = model, card
        context.prepared.clear()
    elif asked in context.cards:
        card = replace(context.cards[asked], precision=precision)
    else:
        card = card_of(context.models[asked], source, precision)
    for other in [key for key in context.models if key not in (asked, beside)]:
        del context.models[other]
        context.cards.pop(other, None)
    if not context.named:
        from vitinspect.models.sources import list_devices, list_models

        context.named = True
        hand_over(Names(tuple(list_models("")), tuple(list_devices())))
    return card


def _with_other_texts(context: Context, asked: Asked) -> Any:
    """A loaded model that differs only in its texts, with the texts that are asked for; None where there is none."""
    line = ModelSource.parse(asked[0])
    for (source, device), model in context.models.items():
        there = ModelSource.parse(source)
        same = device == asked[1] and line.without_texts == there.without_texts
        if same and (line.has_texts or there.has_texts):
            return with_asked_texts(model, line)
    return None


def _loaded(context: Context, loader: Loader, asked: Asked, beside: Asked | None) -> Any:
    source, device = asked
    try:
        return loader(source, device=device)
    except Exception as error:
        replaced = [key for key in context.models if key != beside]
        if not replaced or not _lacks_memory(error):
            raise
    # Two large models do not fit: the earlier one is dropped, and loaded again if that does not help.
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
    plain = getattr(model, "plain", model)  # a method asks for outputs that it can follow, and texts are such
    refusals: dict[str, str] = {}
    for info in (*methods(), *methods().views):
        try:
            reason = plain.why_not(info.id)
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
        takes_texts=getattr(model, "text", None) is not None,
        notes=tuple(getattr(model, "notes", ())),
        warnings=tuple(getattr(model, "warnings", ())),
    )
