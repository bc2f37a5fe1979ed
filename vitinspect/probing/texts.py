"""Texts as classes and targets: prompts from templates, their embeddings, and a file to share them.

The text tower is needed once. A tokenizer comes with the extra ``text`` (CLIP), or from the model's own folder by the
transformers library (SigLIP and others); given token ids need neither.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vitinspect.errors import DataError, ParameterError
from vitinspect.files import npz_bytes, read_metadata
from vitinspect.models.inputs import as_batch
from vitinspect.models.trained_heads import backbone_fingerprint
from vitinspect.models.vit import Prediction
from vitinspect.regular_files import open_regular, read_text

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT

PLAIN = ("{}",)
_CLIP_VOCABULARY = 49408
TokenIds = Mapping[str, Sequence[int]]


@dataclass(frozen=True)
class Texts:
    """Embeddings of some texts for one model."""

    names: tuple[str, ...]
    templates: tuple[str, ...]
    vectors: np.ndarray
    """(K, D) float32 of length one: the mean over the templates of embeddings of length one, as in CLIP's code."""
    backbone: str
    """The fingerprint of their image tower."""

    def __len__(self) -> int:
        return len(self.names)

    def npz(self) -> bytes:
        """The bytes of a file that ``read_texts`` reads."""
        about = {"vitinspect_texts": 1, "names": self.names, "templates": self.templates, "backbone": self.backbone}
        return npz_bytes({"vectors": self.vectors}, about)


def embed_texts(
    model: ViT,
    names: Sequence[str],
    templates: Sequence[str] = PLAIN,
    *,
    token_ids: TokenIds | None = None,
) -> Texts:
    """The embeddings of texts. In each template ``{}`` is replaced by the text; ``token_ids`` gives the ids of the
    resulting prompts, so that no tokenizer is needed."""
    if model.text is None or model.text.tower is None:
        raise ParameterError(f"{model.name} has no text tower; give the embeddings of texts in a file.")
    named = tuple(dict.fromkeys(names))
    if not named or not all(name.strip() for name in named):
        raise ParameterError("A text must have at least one word.")
    wrong = [one for one in templates if one.count("{}") != 1]
    if wrong or not templates:
        raise ParameterError(
            f"A template must contain {{}} once, for the text; {wrong[0] if wrong else 'none'} does not."
        )
    total = np.zeros((len(named), 0), np.float64)
    for template in templates:
        prompts = [template.replace("{}", name) for name in named]
        ids = tokens_of(model, prompts) if token_ids is None else _given(model, prompts, token_ids)
        found = torch.nn.functional.normalize(model.text_embedding(ids).double(), dim=-1).cpu().numpy()
        total = found if not total.size else total + found
    vectors = (total / np.linalg.norm(total, axis=1, keepdims=True)).astype(np.float32)
    return Texts(named, tuple(templates), vectors, backbone_fingerprint(model.module))


def _given(model: ViT, prompts: Sequence[str], token_ids: TokenIds) -> torch.Tensor:
    missing = [prompt for prompt in prompts if prompt not in token_ids]
    if missing:
        raise ParameterError(f"No token ids are given for {missing[0]!r}.")
    rows = [list(token_ids[prompt]) for prompt in prompts]
    if len({len(row) for row in rows}) > 1:
        raise ParameterError("The rows of token ids must have the same length; pad them as the model's tokenizer does.")
    return torch.as_tensor(rows)


def read_token_ids(path: Path) -> dict[str, list[int]]:
    """A JSON object from prompts to their token ids."""
    try:
        found = json.loads(read_text(path))
        return {str(prompt): [int(i) for i in ids] for prompt, ids in found.items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} must be a JSON object from prompts to lists of token ids ({error}).") from error


def tokens_of(model: ViT, prompts: Sequence[str]) -> torch.Tensor:
    """(K, length) token ids by the model's own tokenizer."""
    assert model.text is not None
    assert model.text.tower is not None
    settings = model.text.tower.settings
    folder = Path(model.source)
    own = folder.is_dir() and any(
        (folder / name).is_file() for name in ("tokenizer.json", "spiece.model", "vocab.json", "tokenizer.model")
    )
    if own:
        try:
            from transformers import AutoTokenizer
        except ImportError:
            own = False
        else:
            texts = [canonical(prompt) for prompt in prompts] if model.text.sigmoid else list(prompts)
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            found = tokenizer(texts, padding="max_length", truncation=True, max_length=settings.length)
            return torch.as_tensor(found["input_ids"])
    if settings.vocabulary == _CLIP_VOCABULARY and not model.text.sigmoid:
        try:
            from open_clip.tokenizer import SimpleTokenizer
        except ImportError:
            raise ParameterError(
                "CLIP's tokenizer is not installed: install vitinspect with the extra `text`, or give token ids."
            ) from None
        return SimpleTokenizer()(list(prompts), context_length=settings.length)
    raise ParameterError(
        f"The tokenizer of {model.name} is not available: it is read from the model's folder by the transformers"
        " library. Token ids or saved embeddings can be given instead."
    )


def canonical(text: str) -> str:
    """A text in the canonical form of SigLIP's authors: lower case, no punctuation, single spaces."""
    plain = text.replace("_", " ").translate(str.maketrans("", "", string.punctuation)).lower()
    return " ".join(plain.split())


def read_texts(path: Path, model: ViT) -> Texts:
    """Saved embeddings; refused for another model."""
    about = read_metadata(path)
    try:
        with open_regular(path) as file, np.load(file, allow_pickle=False) as archive:
            vectors = np.asarray(archive["vectors"], np.float32)
        if about["vitinspect_texts"] != 1:
            raise ValueError("another version")
        names = tuple(str(name) for name in about["names"])
        templates = tuple(str(one) for one in about["templates"])
        fits = vectors.ndim == 2 and len(vectors) == len(names) > 0 and np.isfinite(vectors).all()
        if not fits:
            raise ValueError(f"{len(names)} texts and vectors of shape {vectors.shape}")
    except Exception as error:  # a foreign or damaged archive may fail in any way
        raise DataError(f"{path} is not a file of text embeddings saved by vitinspect ({error}).") from error
    if about.get("backbone") != backbone_fingerprint(model.module) or vectors.shape[1] != model.outputs:
        raise DataError(f"The embeddings in {path} were made for another model than {model.name}.")
    return Texts(names, templates, vectors, str(about["backbone"]))


def predict_texts(model: ViT, image: Any, texts: Texts, top: int = 5, mode: str = "crop") -> list[Prediction]:
    """The texts that fit a picture best. Probabilities are a softmax over the texts; independent for SigLIP."""
    inputs, _ = as_batch(model, [image], mode=mode)
    logits = model.similarity(inputs, texts.vectors)[0].double().cpu()
    assert model.text is not None
    probabilities = logits.sigmoid() if model.text.sigmoid else logits.softmax(-1)
    best = logits.topk(min(top, len(texts))).indices.tolist()
    return [Prediction(i, texts.names[i], float(probabilities[i]), float(logits[i])) for i in best]
