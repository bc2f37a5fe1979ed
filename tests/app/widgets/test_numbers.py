"""Numbers as they are written and as they are typed."""

from __future__ import annotations

import math

import pytest

from vitinspect.app.widgets import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0130, "0.0130"),
        (6.8e-7, "6.8e−7"),
        (-0.86, "−0.860"),
        (0.9996, "1.00"),
        (14255, "14\u2009255"),
        (12.34, "12.3"),
        (0, "0"),
        (float("nan"), "–"),
        (-math.inf, "−∞"),
        (3.2e12, "3.2e12"),
    ],
)
def test_three_digits_and_a_true_minus(value, text) -> None:
    assert numbers.number(value) == text


def test_signed_values_carry_their_sign() -> None:
    assert numbers.number(0.731, sign=True) == "+0.731"
    assert numbers.number(-0.731, sign=True) == "−0.731"
    assert numbers.number(0, sign=True) == "0"


def test_the_ticks_of_one_axis_have_the_same_decimals() -> None:
    assert numbers.ticks([0, 0.0065, 0.013]) == ["0.0000", "0.0065", "0.0130"]
    assert numbers.ticks([-0.86, 0, 0.86], sign=True) == ["−0.860", "0", "+0.860"]
    assert numbers.ticks([6.8e-7, 3e-6]) == ["6.8e−7", "3.0e−6"]
    assert numbers.ticks([-1e-9, 1.0]) == ["0.00", "1.00"]


def test_shares_and_changes() -> None:
    assert numbers.percent(0.855) == "85.5 %"
    assert numbers.percent_change(0.097, 0.041) == "9.7 → 4.1 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.014, "0.01 s"), (0.999, "1.00 s"), (2.62, "2.6 s"), (9.97, "10 s"), (102, "1 min 42 s"), (7260, "2 h 1 min")],
)
def test_times(value, text) -> None:
    assert numbers.seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.032, "about 0.03 s"), (0.81, "about 0.8 s"), (2.61, "about 2.6 s")])
def test_an_expected_time_has_few_digits(value, text) -> None:
    assert numbers.seconds(value, about=True) == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("−0,5", -0.5),
        ("14\u2009255", 14255),
        ("90 %", 0.9),
        ("6.8e−7", 6.8e-7),
        (" 3 ", 3),
        ("", None),
        ("abc", None),
        ("1e999", None),
    ],
)
def test_what_is_typed_is_understood(text, value) -> None:
    assert numbers.parse(text) == value


@pytest.mark.parametrize("value", [0.0130, -0.86, 6.8e-7, 14255, 0.5])
def test_what_is_written_can_be_typed(value) -> None:
    assert numbers.parse(numbers.number(value)) == pytest.approx(value)


def test_a_hyphen_between_words_is_not_a_minus() -> None:
    assert numbers.true_minus("24-gem-leaf 1e-7 -0.5") == "24-gem-leaf 1e−7 −0.5"


def test_an_expectation_of_minutes_is_in_whole_minutes():
    assert numbers.seconds(293, about=True) == "about 5 min"
    assert numbers.seconds(99, about=True) == "about 2 min"
    assert numbers.seconds(60, about=True) == "about 1 min"
    assert numbers.seconds(293) == "4 min 53 s"


def test_no_time_is_shown_as_none():
    assert numbers.seconds(0.002) == "<\u20090.01 s"
    assert numbers.seconds(0.0051) == "0.01 s"
