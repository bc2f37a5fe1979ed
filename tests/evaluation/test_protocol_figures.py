"""The figures that protocols draw of single pictures."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from vitinspect.evaluation.protocol_figures import comparison_file, multiplex_figure
from vitinspect.figures.colormaps import colormap


def test_the_multiplex_figure_holds_picture_map_and_a_line_for_each_fill():
    rng = np.random.default_rng(0)
    pixels = np.full((64, 64, 3), 90, np.uint8)
    values = np.zeros((4, 4))
    values[1, 2] = 1
    lines = {(kind, fill): rng.uniform(size=12) for kind in ("insertion", "deletion") for fill in ("black", "blur")}
    whole = np.asarray(Image.open(io.BytesIO(multiplex_figure(pixels, values, "crane", lines))))
    fewer = np.asarray(
        Image.open(
            io.BytesIO(multiplex_figure(pixels, values, "crane", {k: v for k, v in lines.items() if k[1] != "blur"}))
        )
    )
    assert whole.ndim == 3
    assert (whole == 90).all(axis=-1).sum() > 200_000
    hot = (pixels[0, 0] * 0.3 + colormap("jet")[255] * 0.7).round()
    assert (np.abs(whole.astype(int) - hot).max(axis=-1) <= 3).sum() > 20
    blue, orange = (0, 114, 178), (230, 159, 0)
    assert all((whole == colour).all(axis=-1).any() for colour in (blue, orange))
    assert not (fewer == orange).all(axis=-1).any()


def test_a_deletion_line_begins_level_and_its_area_at_zero():
    """Twelve equal scores: the line is level from 0 %, and the area is lost below 1 %."""
    from vitinspect.scores.protocols import multiplex_auc

    assert multiplex_auc(np.ones(12), deletion=True) == 99.5
    assert multiplex_auc(np.ones(12), deletion=False) == 99.0


def test_overlays_lie_where_the_comparison_keeps_them():
    key = "images/2007_000720.jpg"
    assert comparison_file("gmar", {"norm": "l1"}, key) == "results/gmar_l1/2007_000720_gmar.png"
    assert comparison_file("gmar", {"norm": "l2"}, key) == "results/gmar_l2/2007_000720_gmar.png"
    assert comparison_file("legrad_seed", {}, key) == "results/legrad/2007_000720_legrad.png"
    assert comparison_file("rollout", {"variant": "comparison"}, key) == "results/rollout/2007_000720_rollout.png"
    assert comparison_file("lrp", {}, key) == "results/lrp/2007_000720_lrp.png"
