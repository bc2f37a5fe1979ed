"""Figures that protocols draw of single pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from vitinspect.evaluation.plots import curve_chart
from vitinspect.figures.colormaps import colormap
from vitinspect.maps import minmax, resize
from vitinspect.scores.protocols import MULTIPLEX_PERCENTAGES, multiplex_auc

FILL_WORDS = {"black": "black", "mean": "mean", "blur": "blur", "noise": "random"}
_ALPHA = 0.7
"""The opacity of the heat map, as in the notebook."""
_SIDE = 640
"""The size of the two pictures, and the height of the charts."""


def multiplex_figure(
    pixels: np.ndarray, values: np.ndarray, label: str, curves: Mapping[tuple[str, str], Sequence[float]]
) -> Image.Image:
    """The notebook's figure of one picture: picture, map, insertion and deletion, a line for each fill.

    ``pixels``: (S, S, 3) as the model sees it; ``curves``: ("insertion" or "deletion", fill) to twelve scores. The line
    of deletion starts with its first score, as the notebook draws it, while its area starts at (0 %, 0).
    """
    places = np.array(MULTIPLEX_PERCENTAGES) / 100
    charts = []
    for kind, across in (("insertion", "patches shown, %"), ("deletion", "patches removed, %")):
        lines = []
        for (of, fill), scores in curves.items():
            if of != kind:
                continue
            points = np.asarray(scores, dtype=np.float64)
            area = multiplex_auc(points, deletion=kind == "deletion")
            name = f"{FILL_WORDS.get(fill, fill)}, AUC {area:.2f}"
            if kind == "deletion":
                lines.append((name, np.append(0.0, places), np.append(points[0], points)))
            else:
                lines.append((name, places, points))
        charts.append(Image.open(io.BytesIO(curve_chart(kind.capitalize(), across, lines).to_png())))
    heat = (minmax(resize(np.asarray(values, dtype=np.float64), pixels.shape[:2])) * 255).round().astype(np.uint8)
    painted = pixels * (1 - _ALPHA) + colormap("jet")[heat] * _ALPHA
    squares = [_titled(pixels, label), _titled(painted.round().astype(np.uint8), "Heat map")]
    height = max(picture.height for picture in (*squares, *charts))
    figure = Image.new("RGB", (sum(p.width + 16 for p in (*squares, *charts)), height), "white")
    left = 8
    for picture in (*squares, *charts):
        figure.paste(picture, (left, (height - picture.height) // 2))
        left += picture.width + 16
    return figure


def _titled(pixels: np.ndarray, title: str) -> Image.Image:
    from PIL import ImageDraw

    from vitinspect.evaluation.plots import font

    picture = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
    framed = Image.new("RGB", (_SIDE, _SIDE + 48), "white")
    framed.paste(picture, (0, 48))
    ImageDraw.Draw(framed).text((_SIDE / 2, 24), title, fill="#222222", font=font(26), anchor="mm")
    return framed
