"""The colour table: text can be read on its background, in both themes."""

from __future__ import annotations

import dataclasses

import pytest
from PySide6.QtGui import QPalette

from vitinspect.app import theme
from vitinspect.app.theme import tokens
from vitinspect.app.theme.sheet import style_sheet
from vitinspect.app.theme.tokens import DARK, LIGHT, contrast

BOTH = pytest.mark.parametrize("t", [LIGHT, DARK], ids=lambda t: t.name)


@BOTH
def test_text_can_be_read_on_every_background(t) -> None:
    for ground in (t.window, t.panel, t.field, t.chosen):
        assert contrast(t.text, ground) >= 7
        assert contrast(t.quiet, ground) >= 4.5
    assert contrast(t.on_chosen, t.chosen) >= 4.5
    assert contrast(t.on_accent, t.accent) >= 4.5
    assert contrast(t.on_warning, t.warning_ground) >= 4.5
    assert contrast(t.on_error, t.error_ground) >= 4.5
    assert contrast(t.canvas_quiet, t.canvas) >= 4.5


@BOTH
def test_the_edge_of_a_control_can_be_seen(t) -> None:
    for ground in (t.window, t.panel, t.field, t.chosen):
        assert contrast(t.border, ground) >= 3
        assert contrast(t.accent, ground) >= 3


@BOTH
def test_lines_and_marks_stand_out_from_the_plot(t) -> None:
    for colour in (*t.lines, t.a_line, t.b_line):
        assert contrast(colour, t.plot) >= 3, colour
    for fill in (tokens.A_FILL, tokens.B_FILL):
        assert contrast(tokens.MARK_LETTER, fill) >= 7


def test_the_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#123456", "#123456") == pytest.approx(1)


@BOTH
def test_every_colour_is_written_in_full(t) -> None:
    for field in dataclasses.fields(t):
        for colour in (value,) if isinstance(value := getattr(t, field.name), str) else value:
            assert field.name == "name" or (len(colour) == 7 and colour.startswith("#")), field.name


def test_applying_a_theme_sets_palette_and_font_size(qapp) -> None:
    for t in (DARK, LIGHT):
        assert theme.apply(qapp, t.name) is t
        assert theme.current() is t
        assert qapp.palette().color(QPalette.ColorRole.Base).name() == t.field
        assert qapp.palette().color(QPalette.ColorRole.Highlight).name() == t.chosen
    assert qapp.font().pixelSize() == 12


def test_the_style_sheet_holds_only_colours_of_its_theme() -> None:
    import re

    known = {getattr(DARK, f.name) for f in dataclasses.fields(DARK) if f.name != "lines"}
    assert set(re.findall(r"#[0-9a-f]{6}\b", style_sheet(DARK))) <= known
