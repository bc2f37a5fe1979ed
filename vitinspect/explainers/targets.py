"""What is explained: a class, the contrast of two classes, or the similarity to a text.

``None`` means the predicted class.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from vitinspect.errors import TargetError

if TYPE_CHECKING:
    import torch

    from vitinspect.models.vit import ViT


class Contrast(NamedTuple):
    """The difference of two logits: evidence for ``a`` rather than ``b``."""

    a: int
    b: int


@dataclass(frozen=True, eq=False)
class TextEmbedding:
    """A text as a vector in the embedding space of an image-text model.

    The score is the cosine of the image's embedding with it (Bousselham et al. 2024 use no logit scale).
    """

    vector: Any
    text: str = ""

    def unit(self) -> np.ndarray:
        """The vector with length one, float64."""
        try:
            given = self.vector.detach().cpu().double() if hasattr(self.vector, "detach") else self.vector
            vector = np.asarray(given, dtype=np.float64).reshape(-1)
        except (TypeError, ValueError, RuntimeError):
            raise TargetError(
                f"The text embedding must be a vector of numbers, not {reprlib.repr(self.vector)}."
            ) from None
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise TargetError("The text embedding has no direction: its length is zero or not finite.")
        return vector / length

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextEmbedding) and np.array_equal(self.unit(), other.unit())

    def __hash__(self) -> int:
        return hash(self.unit().tobytes())


TargetLike = int | Contrast | TextEmbedding


def resolve(target: Any, model: ViT, predicted: int | None = None) -> TargetLike | None:
    """The target that the user's input means; None stays None unless ``predicted`` is known."""
    if target is None:
        if predicted is not None and not model.has_classifier:
            raise TargetError(
                f"{model.name} has no classifier, so there is no predicted class to explain. Give a target: "
                "a text embedding, or the index of an output unit; or choose methods that do not depend on a target."
            )
        if predicted is None or getattr(model, "text_vectors", None) is None:
            return predicted
        target = predicted
    vectors = getattr(model, "text_vectors", None)
    if vectors is not None and not isinstance(target, TextEmbedding):
        return _as_text(_definite(target, model), model, vectors)
    return _definite(target, model)


def _as_text(target: TargetLike, model: ViT, vectors: np.ndarray) -> TextEmbedding:
    """The embedding of a text that is a class; for a contrast, the difference of two embeddings."""
    if isinstance(target, TextEmbedding):
        return target
    if isinstance(target, Contrast):
        words = f"{model.labels[target.a]} - {model.labels[target.b]}"
        return TextEmbedding(vectors[target.a] - vectors[target.b], words)
    return TextEmbedding(vectors[target], model.labels[target])


def _definite(target: Any, model: ViT) -> TargetLike:
    if isinstance(target, TextEmbedding | Contrast):
        if isinstance(target, Contrast):
            return Contrast(_index(target.a, model), _index(target.b, model))
        if target.unit().size != model.outputs:
            raise TargetError(
                f"The text embedding has {target.unit().size} numbers, the model's output has {model.outputs}."
            )
        return target
    if isinstance(target, str):
        return _from_text(target, model)
    return _index(target, model)


def _index(value: Any, model: ViT) -> int:
    index = _whole_number(value)
    if index is None:
        raise TargetError(
            "The target must be a class index (a whole number), a class name, a Contrast of two classes or a "
            f"TextEmbedding, not {reprlib.repr(value)}."
        )
    count = model.outputs if getattr(model, "text_vectors", None) is None else model.num_classes
    if not 0 <= index < count:
        raise TargetError(
            f"The target {reprlib.repr(index)} is not a class: {model.name} has classes 0 to {count - 1}."
        )
    return index


def _whole_number(value: Any) -> int | None:
    """A whole number of any type: Python's, numpy's, an array or a tensor of one element. None for a boolean."""
    if hasattr(value, "item"):
        try:
            value = value.item()
        except (ValueError, RuntimeError, TypeError):  # several elements, or not a number
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if isinstance(value, int) or value.is_integer() else None


def _from_text(text: str, model: ViT) -> TargetLike:
    stripped = text.strip()
    single = _label_or_index(stripped, model)
    if single is not None:
        return single
    # A label may itself hold " - ", so every way of splitting is tried.
    parts = stripped.split(" - ")
    for cut in range(1, len(parts)):
        a = _label_or_index(" - ".join(parts[:cut]).strip(), model)
        b = _label_or_index(" - ".join(parts[cut:]).strip(), model)
        if a is not None and b is not None:
            return Contrast(a, b)
    missing = [p for p in parts if _label_or_index(p.strip(), model) is None]
    raise TargetError(model.unknown_label(missing[0].strip() if missing else stripped))


def _label_or_index(text: str, model: ViT) -> int | None:
    index = model.find_label(text)
    if index is not None:
        return index
    if text.lstrip("+-").isdigit():
        return _index(int(text), model)
    return None


class Targets:
    """The targets of a batch: their differentiable scores and the weights with which they read the output."""

    def __init__(self, targets: Sequence[TargetLike]) -> None:
        self.items = list(targets)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> TargetLike:
        return self.items[index]

    def weights(self, logits: torch.Tensor) -> torch.Tensor:
        """(B, C): 1 at the class; 1 and -1 for a contrast; the unit text vector. For LRP's start."""
        weights = logits.new_zeros(logits.shape)
        for row, target in enumerate(self.items):
            if isinstance(target, Contrast):
                weights[row, target.a] += 1
                weights[row, target.b] -= 1
            elif isinstance(target, TextEmbedding):
                weights[row] = weights.new_tensor(target.unit())
            else:
                weights[row, target] = 1
        return weights

    def score(self, logits: torch.Tensor) -> torch.Tensor:
        """(B,): the logit, the difference of two logits, or the cosine with the text."""
        import torch

        scores = (logits * self.weights(logits)).sum(-1)
        is_text = [isinstance(target, TextEmbedding) for target in self.items]
        if any(is_text):
            lengths = logits.norm(dim=-1)
            divisors = [lengths[i] if text else lengths.new_ones(()) for i, text in enumerate(is_text)]
            scores = scores / torch.stack(divisors)
        return scores

    def probability(self, logits: torch.Tensor) -> torch.Tensor:
        """(B,): softmax probability of the class; for a contrast the probability of a among the two; for a
        text the cosine, for which no probability is defined."""
        import torch

        first = self.items[0] if self.items else None
        if isinstance(first, int) and all(isinstance(target, int) for target in self.items):
            # The common case, in one step: thousands of masked copies of one image.
            index = torch.tensor(self.items, device=logits.device)
            return logits.softmax(-1).gather(1, index[:, None])[:, 0]
        rows = []
        for row, target in enumerate(self.items):
            if isinstance(target, Contrast):
                rows.append((logits[row, target.a] - logits[row, target.b]).sigmoid())
            elif isinstance(target, TextEmbedding):
                unit = logits.new_tensor(target.unit())
                rows.append((logits[row] @ unit) / logits[row].norm())
            else:
                rows.append(logits[row].softmax(-1)[target])
        return torch.stack(rows)

    def one(self, row: int, copies: int) -> Targets:
        """The target of one image, repeated for its perturbed copies."""
        return Targets([self.items[row]] * copies)
