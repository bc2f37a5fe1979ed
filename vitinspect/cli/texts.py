"""The options that name texts for image-text models, shared by ``predict`` and ``explain``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT
    from vitinspect.probing.texts import Texts


def add_text_options(parser: argparse.ArgumentParser, *, contrasts: bool = False) -> None:
    group = parser.add_argument_group("texts, for image-text models such as CLIP and SigLIP")
    group.add_argument("--text", action="append", metavar="TEXT", help="a text; may be given several times")
    if contrasts:
        group.add_argument("--against", metavar="TEXT", help="explain each --text in contrast to this one")
    group.add_argument(
        "--template",
        action="append",
        metavar="TEXT",
        help='a prompt for each text, such as "a photo of {}"; embeddings of several templates are averaged',
    )
    group.add_argument(
        "--text-embeddings", type=Path, metavar="FILE", help="saved embeddings (.npz), instead of a text tower"
    )
    group.add_argument(
        "--save-text-embeddings", type=Path, metavar="FILE", help="save the embeddings in this file (.npz)"
    )
    group.add_argument(
        "--token-ids", type=Path, metavar="FILE", help="JSON from prompts to token ids, instead of a tokenizer"
    )


def chosen_texts(model: ViT, arguments: argparse.Namespace) -> Texts | None:
    """The texts that the options name, or None."""
    against = getattr(arguments, "against", None)
    if not arguments.text and arguments.text_embeddings is None:
        if against or arguments.template or arguments.save_text_embeddings or arguments.token_ids:
            raise ParameterError("There is no text; name it with --text.")
        return None
    from vitinspect.output import check_result, write_result
    from vitinspect.probing.texts import PLAIN, embed_texts, read_texts, read_token_ids

    if arguments.text_embeddings is not None:
        if arguments.template or arguments.token_ids or arguments.save_text_embeddings:
            raise ParameterError("--text-embeddings contains computed embeddings; only --text can select some of them.")
        return _among(read_texts(arguments.text_embeddings, model), [*(arguments.text or ()), *filter(None, [against])])
    if arguments.save_text_embeddings is not None:
        if arguments.save_text_embeddings.suffix.lower() != ".npz":
            raise ParameterError(f"Embeddings are saved as .npz; {arguments.save_text_embeddings} has another ending.")
        check_result(arguments.save_text_embeddings)
    ids = None if arguments.token_ids is None else read_token_ids(arguments.token_ids)
    texts = embed_texts(model, [*arguments.text, *filter(None, [against])], arguments.template or PLAIN, token_ids=ids)
    if arguments.save_text_embeddings is not None:
        write_result(arguments.save_text_embeddings, texts.npz())
    return texts


def _among(texts: Texts, wanted: list[str]) -> Texts:
    from dataclasses import replace

    missing = [name for name in wanted if name not in texts.names]
    if missing:
        raise ParameterError(
            f"The saved embeddings have no text {missing[0]!r}; they have {', '.join(texts.names[:5])}."
        )
    if not wanted:
        return texts
    places = [texts.names.index(name) for name in dict.fromkeys(wanted)]
    return replace(texts, names=tuple(texts.names[i] for i in places), vectors=texts.vectors[places])


def text_targets(texts: Texts, against: str | None) -> list[Any]:
    """A target for each text; with ``against`` the difference of the two cosines."""
    from vitinspect.explainers.targets import TextEmbedding

    if against is None:
        return [TextEmbedding(v, name) for name, v in zip(texts.names, texts.vectors, strict=True)]
    other = texts.vectors[texts.names.index(against)]
    found = [
        TextEmbedding(v - other, f"{name} - {against}")
        for name, v in zip(texts.names, texts.vectors, strict=True)
        if name != against
    ]
    if not found:
        raise ParameterError("--against must differ from every --text.")
    return found
