"""An image-text model with texts as its classes: its predictions and targets."""

from __future__ import annotations

import copy
import hashlib
from typing import Any, Protocol

import numpy as np
import torch

from vitinspect.errors import ParameterError
from vitinspect.models.vit import ViT


class TextClasses(Protocol):
    """Texts with their embeddings, as ``probing.texts.Texts`` has them."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def vectors(self) -> np.ndarray: ...


class ViTWithTexts(ViT):
    """The same module with texts as its classes; targets, labels and predictions refer to the texts.

    ``logits`` still returns the module's output, the embedding of a picture; ``answers`` returns the zero-shot logits.
    """

    texts: TextClasses
    plain: ViT
    """The model without the texts."""

    @property
    def has_classifier(self) -> bool:
        return True

    @property
    def num_classes(self) -> int:
        return len(self.texts.names)

    @property
    def text_vectors(self) -> np.ndarray:
        """(K, D), each of length one."""
        return self.texts.vectors

    @property
    def fingerprint(self) -> str:
        """The hash of the model and its texts."""
        digest = hashlib.sha256(self.plain.fingerprint.encode())
        digest.update(repr(self.texts.names).encode())
        digest.update(np.ascontiguousarray(self.texts.vectors).tobytes())
        return digest.hexdigest()[:16]

    def at_precision(self, precision: str | torch.dtype) -> ViT:
        other = self.plain.at_precision(precision)
        return self if other is self.plain else with_texts(other, self.texts)

    def image_embedding(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.plain.image_embedding(inputs)

    def similarity(self, inputs: torch.Tensor, texts: Any) -> torch.Tensor:
        return self.plain.similarity(inputs, texts)

    def answers(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        assert self.text is not None
        logits = self.similarity(inputs, self.texts.vectors).double()
        return logits, logits.sigmoid() if self.text.sigmoid else logits.softmax(-1)

    def predicted(self, outputs: torch.Tensor) -> list[int]:
        vectors = torch.as_tensor(self.texts.vectors).to(outputs.device, torch.float32)
        return (outputs.detach().float() @ vectors.T).argmax(-1).tolist()

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, {self.num_classes} texts>"


def with_texts(model: ViT, texts: TextClasses) -> ViTWithTexts:
    """A view of the model with these texts as its classes; the module is shared."""
    if model.text is None:
        raise ParameterError(f"{model.name} is not an image-text model: texts cannot be its classes.")
    if texts.vectors.shape != (len(texts.names), model.outputs) or not len(texts.names):
        raise ParameterError(
            f"Each text has an embedding of {model.outputs} numbers, not arrays of shape {texts.vectors.shape}."
        )
    plain = without_texts(model)
    made: Any = copy.copy(plain)
    for name in ("_label_index", "_label_index_folded", "fingerprint"):
        made.__dict__.pop(name, None)
    made.__class__ = ViTWithTexts
    made.texts, made.plain = texts, plain
    made.labels, made.has_labels = list(texts.names), True
    return made


def without_texts(model: ViT) -> ViT:
    """The model itself, if texts are its classes."""
    return model.plain if isinstance(model, ViTWithTexts) else model
