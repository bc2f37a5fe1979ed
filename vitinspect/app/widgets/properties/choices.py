"""The words for what can be chosen in the properties, in one place. No Qt."""

from __future__ import annotations

THRESHOLDS = (
    ("otsu", "Otsu"),
    ("fixed", "Fixed (fraction of range)"),
    ("percentile", "Percentile"),
    ("top_fraction", "Top fraction"),
    ("mean", "Mean"),
    ("mean_std", "Mean + k × std"),
)
OWN_NUMBER = {
    "percentile": (0.0, 100.0, "the percentile below which values are left out"),
    "top_fraction": (0.0, 1.0, "the fraction of the picture that is kept"),
    "mean_std": (-10.0, 10.0, "k: how many standard deviations above the mean"),
}
"""Modes with a number of their own: lowest, highest, meaning. The others have a level among the map's values."""
FUSIONS = (
    ("geometric", "geometric mean"),
    ("product", "product"),
    ("sqrt", "square root of product"),
    ("arithmetic", "arithmetic mean"),
    ("harmonic", "harmonic mean"),
    ("min", "minimum"),
    ("max", "maximum"),
    ("rank", "mean of ranks"),
)
NORMALISATIONS = (
    ("minmax", "min-max"),
    ("percentile", "percentiles"),
    ("rank", "ranks"),
    ("none", "none (raw values)"),
)
RANGES = (
    ("automatic", "automatic"),
    ("typed", "typed"),
    ("layers", "shared by layers"),
    ("pictures", "shared by pictures"),
)
OPACITIES = (("growing", "by value"), ("uniform", "constant"))
CONSENSUS_WAYS = (
    ("majority", "Majority"),
    ("staple", "STAPLE"),
    ("union", "Union"),
    ("intersection", "Intersection"),
)
SHOWN_AS = (
    ("outline", "Outline", "The rim of what lies above the level"),
    ("shade", "Shade outside", "What lies below the level is darkened"),
    ("mask", "Mask", "What lies above the level as a mask"),
)

FROM_BLOCK = ("start_layer", "starting_layer")
OF_BLOCK = ("layer", "block")


def meaning(name: str, value: object, depth: int) -> str:
    """What a number of a block means: "from block 2 of 6". The papers count from 0, or from the end below 0."""
    if name not in FROM_BLOCK + OF_BLOCK or not isinstance(value, int) or not depth:
        return ""
    block = value + depth if value < 0 else value
    if not 0 <= block < depth:
        return f"this model has {depth} blocks"
    return f"{'from ' if name in FROM_BLOCK else ''}block {block + 1} of {depth}"
