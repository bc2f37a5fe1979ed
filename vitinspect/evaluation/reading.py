"""Reading one item: the picture as the model's input, and its masks on that input."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from vitinspect.errors import DataError, VitInspectError, is_out_of_memory
from vitinspect.evaluation.items import Dataset, Item
from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.protocol_settings import SQUASH_CROP
from vitinspect.evaluation.protocol_truth import READINGS, grey, read_truth, truth_of
from vitinspect.evaluation.sources import stamp
from vitinspect.names import readable

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from vitinspect.models.preprocess import Placement, Prepared, Preprocessing
    from vitinspect.models.vit import ViT

_log = logging.getLogger(__name__)


@dataclass
class Picture:
    """An item that was read and prepared before the model needs it."""

    item: Item
    position: int
    tensor: torch.Tensor | None = None
    placement: Placement | None = None
    masks: dict[str, np.ndarray] = field(default_factory=dict)
    """Annotator to mask at the model's input size (or on its grid, if a protocol compares there); 255 is ignored."""
    problem: str = ""
    sources: str = ""
    """Size, time and digest of its files, to be stored with its scores."""


def fitted(plan: Plan, preprocessing: Preprocessing) -> tuple[Preprocessing, str]:
    """The preprocessing of pictures: the model's own, with the plan's changes."""
    if plan.resample:
        preprocessing = replace(preprocessing, interpolation=plan.resample)
    if plan.mode == SQUASH_CROP:
        return replace(preprocessing, crop_mode="squash", crop_pct=7 / 8), "crop"
    return preprocessing, plan.mode


def prepare_picture(image: Image.Image, model: ViT, plan: Plan) -> Prepared:
    """The picture, preprocessed by this plan."""
    from vitinspect.models.preprocess import prepare

    return prepare(image, *fitted(plan, model.preprocessing))


def read_picture(dataset: Dataset, item: Item, position: int, model: ViT, plan: Plan) -> Picture:
    """Decode and prepare one item; for one that cannot be used, the reason is recorded instead of raised."""
    result = Picture(item, position, problem=item.problem)
    try:
        result.sources = stamp(item, plan)
        if result.problem:
            return result
        image = dataset.open_picture(item)
        prepared = prepare_picture(image, model, plan)
        result.tensor, result.placement = prepared.tensor, prepared.placement
        if "overlap" in plan.scores:
            for annotator in item.masks:
                result.masks[annotator] = _mask(dataset, item, annotator, image, prepared.placement, model, plan)
    except Exception as error:
        result.problem = reason_of(error, item.key)
    return result


def reason_of(error: Exception, key: str) -> str:
    """Why a picture failed, as storable text. Unexpected exceptions are logged with their traceback."""
    if isinstance(error, VitInspectError):
        return str(error)
    if is_out_of_memory(error):
        return "There was not enough memory for it."
    _log.warning("Evaluating %r failed unexpectedly", key, exc_info=error)
    return readable(f"unexpected {type(error).__name__}: {error}")


def _mask(
    dataset: Dataset, item: Item, annotator: str, image: Image.Image, placement: Placement, model: ViT, plan: Plan
) -> np.ndarray:
    if (plan.protocol, plan.variant) in READINGS:
        return _authors_mask(dataset, item, annotator, image, placement, model, plan)
    mask = dataset.read_mask(item, annotator)
    _same_size(mask, image, item, annotator)
    shown = placement.mask_to_input(np.ones((image.height, image.width), dtype=np.uint8))
    # Padding is not background but ignored.
    return np.where(shown, placement.mask_to_input(mask), 255)


def _authors_mask(
    dataset: Dataset, item: Item, annotator: str, image: Image.Image, placement: Placement, model: ViT, plan: Plan
) -> np.ndarray:
    """The mask as the protocol's script reads the file: it checks no size, and squashes mask and picture alike."""
    from PIL import Image as PilImage

    assert plan.protocol is not None
    size = placement.input_size
    wanted = model.grid_for(*size) if plan.protocol == "gmar" else size
    path = item.masks[annotator]
    if plan.mode == "squash":
        return read_truth(path, plan.protocol, plan.variant, wanted, item.only)
    # Another fit was requested: the mask is cropped like the picture first.
    from vitinspect.images import open_mask_picture

    picture = open_mask_picture(path)
    values = np.asarray(picture) if picture.mode == "P" else grey(picture)
    values = values if item.only is None else (values == item.only).astype(np.uint8) * 255
    _same_size(values, image, item, annotator)
    truth = truth_of(PilImage.fromarray(placement.mask_to_input(values)), plan.protocol, plan.variant, wanted)
    # Padding is ignored here too.
    return np.where(placement.valid_mask(wanted), truth, 255).astype(np.uint8)


def _same_size(mask: np.ndarray, image: Image.Image, item: Item, annotator: str) -> None:
    if mask.shape != (image.height, image.width):
        raise DataError(
            f"{item.masks[annotator].name} is {mask.shape[1]}x{mask.shape[0]} pixels, its picture "
            f"{image.width}x{image.height}."
        )
