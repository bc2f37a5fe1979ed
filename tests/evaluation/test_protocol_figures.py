"""The figures that protocols draw of single pictures."""

from __future__ import annotations

import numpy as np
import pytest

import vitinspect as vi
from tests.evaluation.small import masked_set, small_model
from vitinspect.evaluation.plan import Plan, preset
from vitinspect.evaluation.protocol_figures import multiplex_figure
from vitinspect.evaluation.runner import run
from vitinspect.figures.colormaps import colormap


def test_the_multiplex_figure_holds_picture_map_and_a_line_for_each_fill():
    rng = np.random.default_rng(0)
    pixels = np.full((64, 64, 3), 90, np.uint8)
    values = np.zeros((4, 4))
    values[1, 2] = 1
    lines = {(kind, fill): rng.uniform(size=12) for kind in ("insertion", "deletion") for fill in ("black", "blur")}
    whole = np.asarray(multiplex_figure(pixels, values, "crane", lines))
    black = {key: scores for key, scores in lines.items() if key[1] == "black"}
    fewer = np.asarray(multiplex_figure(pixels, values, "crane", black))
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


def test_a_run_of_the_protocol_saves_a_figure_of_each_picture(tmp_path):
    root = masked_set(tmp_path / "set", 2)
    plan = preset("multiplex", data=str(root), model="small", methods=("rollout",))
    run(plan, small_model(), tmp_path / "run", save=("figures",))
    files = sorted(p.relative_to(tmp_path / "run").as_posix() for p in (tmp_path / "run" / "figures").rglob("*.png"))
    assert files == ["figures/Rollout/p0.png", "figures/Rollout/p1.png"]
    with pytest.raises(vi.ParameterError, match="multiplex"):
        run(Plan(str(root), model="small"), small_model(), tmp_path / "other", save=("figures",))
