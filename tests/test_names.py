"""Any name a file can have: seen by people in one line, kept by files without loss, harmless in tables."""

from __future__ import annotations

import random

import pytest

from vitinspect.errors import DataError
from vitinspect.names import csv_cell, csv_value, markdown, readable, restored, shown, stored

NO_UTF8 = b"b\xe9.png".decode("utf-8", "surrogateescape")


def test_bytes_that_are_not_text_are_shown_with_a_replacement_character() -> None:
    assert shown(NO_UTF8) == "b�.png"


@pytest.mark.parametrize("name", ["a\nb.png", "a\x1b[31mb.png", "a\u202egnp.b", "a\rb", "a\u2028b", "a\x9bb"])
def test_a_name_is_shown_in_one_line_and_does_not_control_a_terminal(name: str) -> None:
    assert len(shown(name).splitlines()) == 1
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in shown(name))


def test_ordinary_names_are_shown_and_stored_as_they_are() -> None:
    for name in ("cat.png", "Käfer 7.jpg", "猫/犬.png", r"C:\photos\cat.png", "-x.png", "a'b\"c.png"):
        assert shown(name) == stored(name) == restored(name) == name


def test_every_name_is_stored_as_text_without_loss() -> None:
    rng = random.Random(0)
    pieces = [b"\xe9", b"\\", b"x", b"u", b"e9", b"00e9", b"\xff\xfe", "é".encode(), b"\n", b"=", b"5c", b"\\xe9"]
    for _ in range(3000):
        name = b"".join(rng.choices(pieces, k=rng.randint(1, 8))).decode("utf-8", "surrogateescape")
        text = stored(name)
        text.encode("utf-8")
        assert restored(text) == name
        assert text.isprintable()


def test_different_names_are_stored_differently() -> None:
    assert len({stored(n) for n in (NO_UTF8, r"b\xe9.png", "bé.png", r"b\x5cxe9.png")}) == 4


@pytest.mark.parametrize("text", ["=1+1", "-x.png", "+1", "@SUM(A1)", "\tx", "\r=x", "'=x", "''-x", "'quoted'", "cat"])
def test_a_cell_is_not_a_formula_and_gives_its_text_back(text: str) -> None:
    assert csv_cell(text)[0] not in "=+-@\t\r"
    assert csv_value(csv_cell(text)) == text


def test_text_in_a_report_is_not_markup() -> None:
    assert markdown("<img src=x>|a`b`*c*[d](e)") == r"\<img src=x\>\|a\`b\`\*c\*\[d\](e)"
    assert markdown("attention_gradcam") == "attention_gradcam"
    assert markdown("_all_") == r"\_all\_"
    assert "\n" not in markdown("a\n# b")


def test_messages_of_errors_can_always_be_written() -> None:
    assert str(DataError(f"{NO_UTF8} is damaged.")) == "b�.png is damaged."
    assert readable("two\nlines\tand \x1b[31m") == "two\nlines\tand �[31m"
