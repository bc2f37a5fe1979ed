"""The colour maps are the known ones of these names."""

from __future__ import annotations

import numpy as np
import pytest

from vitinspect.errors import ParameterError
from vitinspect.figures.colormaps import colormap, colormap_names, default_colormap
from vitinspect.figures.names import nine_colours


@pytest.mark.parametrize("name", colormap_names())
def test_every_colour_map_has_256_colours_and_cannot_be_written_to(name: str) -> None:
    table = colormap(name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 0


# Colours of the published tables, at places that are not among the kept anchors.
@pytest.mark.parametrize(
    ("name", "index", "colour"),
    [
        ("viridis", 0, (68, 1, 84)),
        ("viridis", 128, (33, 145, 140)),
        ("viridis", 255, (253, 231, 37)),
        ("inferno", 128, (188, 55, 84)),
        ("magma", 128, (183, 55, 121)),
        ("turbo", 128, (164, 252, 60)),
        ("jet", 0, (0, 0, 128)),
        ("jet", 128, (125, 255, 122)),
        ("grey", 77, (77, 77, 77)),
    ],
)
def test_known_colours_are_hit_to_within_two_steps(name: str, index: int, colour: tuple[int, int, int]) -> None:
    assert np.abs(colormap(name)[index].astype(int) - colour).max() <= 2


@pytest.mark.parametrize(("ours", "theirs"), [(n, "gray" if n == "grey" else n) for n in colormap_names()[:-1]])
def test_the_tables_agree_with_matplotlib(ours: str, theirs: str) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is needed to compare with it")
    expected = np.rint(matplotlib.colormaps[theirs](np.arange(256))[:, :3] * 255)
    assert np.abs(colormap(ours) - expected).max() <= 1


@pytest.mark.parametrize("name", ["viridis", "inferno", "magma", "grey"])
def test_sequential_maps_grow_lighter_all_the_way(name: str) -> None:
    lightness = colormap(name).astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -1).all()
    assert lightness[-1] - lightness[0] > 150


def test_the_diverging_map_is_white_at_zero_and_equally_dark_at_both_ends() -> None:
    table = colormap("diverging").astype(float)
    assert table[127:129].min() > 240
    lightness = table @ [0.2126, 0.7152, 0.0722]
    assert abs(lightness[0] - lightness[-1]) < 25
    assert (np.diff(lightness[:128]) >= 0).all()
    assert (np.diff(lightness[128:]) <= 0).all()
    assert default_colormap(signed=True) == "diverging"


def test_an_unknown_colour_map_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(ParameterError, match=r"'rainbow'.*viridis"):
        colormap("rainbow")


def test_the_nine_colours_of_a_map_are_its_own() -> None:
    for name in colormap_names():
        table = colormap(name)
        few = [[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in nine_colours(name)]
        assert few == table[np.round(np.linspace(0, 255, 9)).astype(int)].tolist(), name
