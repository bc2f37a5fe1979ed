"""Image and text embeddings, and their similarity: the output of models without a classifier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from vitinspect.errors import ParameterError

if TYPE_CHECKING:
    from vitinspect.models.vit import ViT


def image_embedding(model: ViT, inputs: torch.Tensor) -> torch.Tensor:
    """(B, D): the model's output before any classifier, not normalised.

    For an image-text model the projected embedding, which is its output; for a classifier the input of its last layer;
    for a backbone its output.
    """
    module: Any = model.module
    if not model.has_classifier:
        return module(inputs)
    return module.forward_head(module.forward_features(inputs), pre_logits=True)


def text_embedding(model: ViT, token_ids: Any) -> torch.Tensor:
    """(K, D): the text tower's embeddings of token ids (K, length), not normalised."""
    if model.text is None or model.text.tower is None:
        raise ParameterError(f"{model.name} has no text tower.")
    tower = model.text.tower
    return tower(tower.check_ids(token_ids))


def similarity(model: ViT, inputs: torch.Tensor, embeddings: Any) -> torch.Tensor:
    """(B, K): the model's logits for texts given by their embeddings (K, D): cosine, times its scale, plus its bias."""
    if model.text is None:
        raise ParameterError(f"{model.name} is not an image-text model: it has no scale for similarities.")
    images = image_embedding(model, inputs)
    texts = torch.as_tensor(embeddings)
    if not texts.is_floating_point() or texts.dim() not in (1, 2) or texts.shape[-1] != images.shape[-1]:
        raise ParameterError(
            f"Embeddings of texts must be rows of {images.shape[-1]} numbers, not of shape {tuple(texts.shape)}."
        )
    texts = (texts[None] if texts.dim() == 1 else texts).to(images.device, images.dtype)
    cosines = torch.nn.functional.normalize(images, dim=-1) @ torch.nn.functional.normalize(texts, dim=-1).T
    return cosines * model.text.scale + model.text.bias
