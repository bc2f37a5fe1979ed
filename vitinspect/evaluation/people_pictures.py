"""Single pictures of a run compared with people, and its ranking, as the window requests them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vitinspect.annotation.agreement import disagreement
from vitinspect.annotation.consensus import combined
from vitinspect.errors import DataError
from vitinspect.evaluation.among_people import Masks, SavedMaps, cut, fused_map
from vitinspect.evaluation.ranking import Candidate, Cutting, Ranking, candidates, rank
from vitinspect.evaluation.runner import open_plan_dataset
from vitinspect.evaluation.store import FILE, Store
from vitinspect.explainers.registry import make_method
from vitinspect.figures.differences import Differences, differences
from vitinspect.files import read_metadata
from vitinspect.models.placement import Placement
from vitinspect.progress import CancelToken


def differences_of(
    folder: Path, masks: Masks, image: str, candidate: Candidate, annotator: str = "", how: str = "majority"
) -> Differences:
    """Where a candidate's mask hits, misses and gives false alarms on a picture of the run, as the model saw it;
    against the consensus if no annotator is named."""
    saved = SavedMaps(folder, masks)
    item = next((one for one in saved.items if one.key == image), None)
    if item is None:
        raise DataError(f"{folder} has no picture {image} with a mask.")
    files, truths, size = saved.inputs(item)
    values = fused_map(candidate, files, size, saved.plan.fingerprint)
    truth = truths[annotator] if annotator else np.asarray(combined(truths, how))
    picture = np.asarray(saved.dataset.open_picture(item).convert("RGB"))
    about = read_metadata(next(iter(files.values())))
    placement = Placement(size, picture.shape[:2], tuple(about["box"]))
    return Differences(
        placement.mask_to_input(picture),
        differences(cut(candidate, values), truth),
        disagreement(list(truths.values())),
    )


def ranking_of(
    folder: Path,
    keys: Sequence[str],
    *,
    score: str = "iou",
    cuttings: Sequence[Cutting] = (("otsu", ()),),
    modes: Sequence[str] = ("geometric",),
    weighted: bool = False,
    normalisation: str = "minmax",
    everything: bool = False,
    cancel: CancelToken | None = None,
) -> Ranking:
    """All combinations of up to three of these methods on the pictures of a run with masks."""
    with Store(folder / FILE) as store:
        dataset = open_plan_dataset(store.plan)
    chosen = candidates([make_method(key) for key in keys], modes=modes, cuttings=cuttings, weighted=weighted)
    return rank(folder, dataset, chosen, score=score, normalisation=normalisation, everything=everything, cancel=cancel)
