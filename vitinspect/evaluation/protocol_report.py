"""The report's section on a protocol: its settings in this run, and whether they are the authors'."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vitinspect.evaluation.plan import Plan
from vitinspect.evaluation.protocol_settings import SQUASH_CROP, protocol_of
from vitinspect.evaluation.protocol_truth import READINGS

_FITS = {
    "squash": "the whole picture, squashed to the model's input",
    SQUASH_CROP: "resized to 8/7 of the model's input (256 for 224) whatever the shape, then cropped at the centre",
    "crop": "as the model was evaluated: resized, cropped at the centre",
    "pad": "the whole picture, its aspect ratio kept, the rest padded",
}
_TARGETS = {"predicted": "the predicted class", "label": "the picture's label"}
_FILLS = {
    "black": "0 in normalised space (the mean colour of the training data)",
    "true_black": "black",
    "mean": "the picture's mean, one number",
    "blur": "the blurred picture",
    "noise": "normal noise, seeded",
    "none": "nothing is masked",
}


def protocol_lines(plan: Plan) -> list[str]:
    """The protocol, its settings and its notes as Markdown; nothing for a run without a protocol."""
    if plan.protocol is None:
        return []
    protocol = protocol_of(plan.protocol)
    name = f"{plan.protocol}, {plan.variant}" if plan.variant else plan.protocol
    lines = [f"## Protocol: {name}", "", f"After {protocol.whose}.", ""]
    if plan.changed:
        options = ", ".join(f"`{option}`" for option in plan.changed)
        lines += [f"**Changed by {options}: the result is no longer that of the protocol.**", ""]
    lines += ["| Setting | Value |", "|---|---|"]
    lines += [f"| {setting} | {value} |" for setting, value in settings_table(plan)]
    lines += ["", *(f"- {note}" for note in protocol.notes), ""]
    return lines


def settings_table(plan: Plan) -> list[tuple[str, str]]:
    """Setting and value, as this plan has them."""
    rows = [
        ("Fit", _FITS.get(plan.mode, plan.mode)),
        ("Resampling", f"{plan.resample or 'as the model was evaluated'} (Pillow, with antialiasing)"),
        ("Pixel values", "normalised as the model expects them"),
        ("Explained", _TARGETS.get(plan.target, plan.target)),
        ("Scores", ", ".join(plan.scores)),
    ]
    if "overlap" in plan.scores:
        own = "at the file's size, then resized to the input (nearest), void ignored"
        rows += [
            ("Masks", READINGS.get((plan.protocol or "", plan.variant), own)),
            ("Threshold", _threshold(plan)),
        ]
    if plan.protocol == "vitmix":
        rows.append(("Fusion", _fusion(plan)))
    rows.append(("Fill", _fill(plan)))
    if plan.steps or plan.percentages:
        rows.append(("Steps", ", ".join(f"{p:g} %" for p in plan.percentages or ()) or str(plan.steps)))
    rows.append(("Data set", _data_set(plan)))
    return rows


def _threshold(plan: Plan) -> str:
    numbers = ", ".join(f"{key} {value:g}" for key, value in plan.threshold_options)
    words = {
        "otsu": "Otsu on the 8-bit map at the input's size, strictly above",
        "fixed": "the map scaled to 0..1, strictly above",
        "mean": "above the map's mean at the input's size",
    }.get(plan.threshold, plan.threshold)
    return f"{words} ({numbers})" if numbers else words


def _fusion(plan: Plan) -> str:
    modes = " and ".join((plan.fuse, *plan.fuse_also))
    return f"{modes} of maps normalised by {plan.normalisation}; only the attention Grad-CAM is scaled before"


def _fill(plan: Plan) -> str:
    if plan.protocol == "reciprocam":
        return f"deletion and product: {_FILLS['black']}; insertion: the picture's own mean colour"
    if plan.protocol == "vitmix":
        ranked = {
            "imagenet": "the token grid, whose indices are taken as pixel indices: if the grid has no more cells "
            "than a step has pixels, every map has the same curve"
        }.get(plan.variant, "the cut mask, in reading order inside it")
        return f"{_FILLS.get(plan.fill, plan.fill)}; what is ranked: {ranked}"
    return "; ".join(_FILLS.get(fill, fill) for fill in plan.fill.split("+"))


def _data_set(plan: Plan) -> str:
    parts = []
    if plan.min_confidence > 0:
        parts.append(f"pictures whose best class is below {plan.min_confidence:g} are skipped")
    if plan.voc_void_is_foreground:
        parts.append("Pascal VOC's void counts as foreground")
    return "; ".join(parts) or "every picture"


def empty_truths(plan: Plan, values: Mapping[tuple[str, str, str], Mapping[str, float]]) -> list[str]:
    """A sentence if masks are empty as the protocol reads them: their overlap is 0 for any map."""
    if (plan.protocol, plan.variant) not in READINGS:
        return []
    lines = []
    for annotator, shares in _truth_shares(values).items():
        empty = sum(1 for share in shares.values() if share == 0)
        if empty:
            whose = f" by {annotator}" if annotator else ""
            lines.append(
                f"{empty} of {len(shares)} masks{whose} are empty as this protocol reads them "
                f"({READINGS[plan.protocol or '', plan.variant]}): their overlap is 0 whatever the map."
            )
    return [*lines, ""] if lines else []


def _truth_shares(values: Mapping[tuple[str, str, str], Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    found: dict[str, Mapping[str, float]] = {}
    for (annotator, _, score), shares in values.items():
        if score == "truth_share":
            found.setdefault(annotator, shares)
    return found


def as_printed(
    plan: Plan, methods: Sequence[str], values: Mapping[tuple[str, str, str], Mapping[str, float]]
) -> str | None:
    """The mask metrics of the GMAR comparison in the format that its script prints: per picture, then the mean."""
    if plan.protocol != "gmar":
        return None
    lines = []
    annotators = sorted({annotator for annotator, _, score in values if score == "average_precision"})
    for method in methods:
        for annotator in annotators:
            found = [values.get((annotator, method, s), {}) for s in ("pixel_accuracy", "iou", "average_precision")]
            if not found[0]:
                continue
            lines.append(f"=== {method}{f', masks by {annotator}' if annotator else ''} ===")
            right, iou, precision = found
            lines += [
                f"{image} PixelAcc: {right[image]:.4f} | IoU: {iou[image]:.4f} | AP: {precision[image]:.4f}"
                for image in right
            ]
            means = [sum(column.values()) / len(column) for column in found]
            lines += [
                "=== Final Average Metrics ===",
                f"Mean PixelAcc: {means[0]:.4f}",
                f"Mean IoU: {means[1]:.4f}",
                f"Mean AP: {means[2]:.4f}",
                "",
            ]
    return "\n".join(lines)
