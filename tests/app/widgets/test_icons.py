"""Icons: every file can be drawn, in any colour, at every size."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon

from vitinspect.app import theme
from vitinspect.app.widgets import icons


def _colours(image) -> set[str]:
    return {
        image.pixelColor(x, y).name()
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).alpha() == 255
    }


def test_every_icon_leaves_ink_in_the_colour_asked_for(qapp) -> None:
    assert len(icons.icon_names()) >= 49
    for name in icons.icon_names():
        image = icons.pixmap(name, "#ff0000", 24).toImage()
        assert _colours(image) <= {"#ff0000"}, name
        assert any(image.pixelColor(x, y).alpha() > 100 for x in range(24) for y in range(24)), name


def test_an_icon_has_all_pixels_of_a_fine_screen(qapp) -> None:
    for size in icons.SIZES:
        for ratio in (1.0, 1.5, 2.0):
            pixmap = icons.pixmap("eye", "#123456", size, ratio)
            assert pixmap.width() == round(size * ratio)
            assert pixmap.devicePixelRatio() == ratio


def test_an_icon_follows_the_theme_without_being_made_again(qapp) -> None:
    icon = icons.icon("stop", "text")
    seen = []
    for name in ("light", "dark"):
        t = theme.apply(qapp, name)
        image = icon.pixmap(QSize(24, 24)).toImage()
        seen.append(_colours(image))
        assert seen[-1] == {t.text}
    theme.apply(qapp, "light")
    assert seen[0] != seen[1]


def test_a_checked_icon_takes_the_colour_of_what_is_chosen(qapp) -> None:
    t = theme.apply(qapp, "light")
    image = icons.icon("stop").pixmap(QSize(24, 24), QIcon.Mode.Normal, QIcon.State.On).toImage()
    assert _colours(image) == {t.on_chosen}


def test_a_name_that_does_not_exist_fails_at_once(qapp) -> None:
    with pytest.raises(FileNotFoundError):
        icons.icon("no such icon")


def test_the_window_has_an_icon_at_the_usual_sizes(qapp) -> None:
    sizes = {s.width() for s in icons.window_icon().availableSizes()}
    assert {16, 32, 48, 256} <= sizes


def test_the_program_has_an_icon_for_windows_and_the_desktop(qapp) -> None:
    from vitinspect.app import main

    assert not main.application().windowIcon().isNull()


@pytest.mark.parametrize("size", [16, 18, 24])
def test_the_icon_of_the_actual_size_reads_one_to_one(qapp, size: int) -> None:
    image = icons.pixmap("one-to-one", "#000000", size).toImage()
    ink = np.array([[image.pixelColor(x, y).alpha() for x in range(size)] for y in range(size)])
    dots = ink[:, size // 2] > 120
    starts = np.flatnonzero(np.diff(np.r_[0, dots.astype(int)]) == 1)
    assert len(starts) == 2, "two dots in the middle"
    assert (ink.max(0) < 60).any(), "and room beside them"
    assert (ink.sum(0) > 6 * 255 * size / 16).sum() >= 2, "and two upright strokes"
