"""Numbers as the window writes them: a true minus, thin spaces between thousands, three digits. No Qt."""

from __future__ import annotations

import math
import re

MINUS = "−"
THIN = "\u2009"
NONE = "–"
"""Shown where there is no number."""


def true_minus(text: str) -> str:
    """Each hyphen that begins a number or an exponent as a minus sign."""
    return re.sub(r"(?<![\w.])-(?=[\d.])|(?<=e)-(?=\d)", MINUS, text)


def number(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """A value in so many significant digits: 0.0130, 14 255, 6.8e−7."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return ("+" if sign and value > 0 else MINUS if value < 0 else "") + "∞"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e9 or size < 1e-4:
        mantissa, _, exponent = f"{value:.{max(0, digits - 2)}e}".partition("e")
        text = f"{mantissa}e{int(exponent)}"
    else:
        decimals = digits - 1 - math.floor(math.log10(size))
        # 0.9996 in three digits is 1.00 and not 1.000.
        decimals = max(0, digits - 1 - math.floor(math.log10(float(f"{size:.{max(0, decimals)}f}") or size)))
        text = f"{value:,.{decimals}f}".replace(",", THIN)
    return ("+" if sign and value > 0 else "") + true_minus(text)


def whole(value: int) -> str:
    """14 255"""
    return true_minus(f"{value:,}".replace(",", THIN))


def ticks(values: list[float], *, sign: bool = False) -> list[str]:
    """Numbers of one axis with as many decimals as the largest of them needs: 0.0000, 0.0065, 0.0130."""
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    if largest == 0 or largest >= 1e6 or largest < 1e-3:
        return [number(v, sign=sign) for v in values]
    decimals = max(0, 2 - math.floor(math.log10(largest)))
    texts = []
    for value in values:
        text = "0" if value == 0 and sign else f"{value:,.{decimals}f}".replace(",", THIN)
        if text.lstrip("-").strip("0.") == "":
            text = text.lstrip("-")
        texts.append(("+" if sign and value > 0 else "") + true_minus(text))
    return texts


def percent(share: float, decimals: int = 1, *, most_characters: int = 0) -> str:
    """A share of 1 as 85.5 %; as 86 % where the number with its decimals is longer than ``most_characters``."""
    if math.isnan(share):
        return NONE
    text = f"{100 * share:.{decimals}f}"
    if most_characters and len(text) > most_characters:
        text = f"{100 * share:.0f}"
    return true_minus(f"{text} %")


def percent_change(before: float, after: float, *, most_characters: int = 0) -> str:
    """9.7 → 4.1 %"""
    first, second = (percent(share, most_characters=most_characters) for share in (before, after))
    return f"{first.removesuffix(' %')} → {second}"


def seconds(value: float, *, about: bool = False) -> str:
    """0.14 s, 2.6 s, 1 min 42 s; with ``about`` rounded as an estimate."""
    if about:
        return f"about {_rounded(value)}"
    if value < 1:
        return f"{value:.2f} s" if value >= 0.005 else "<\u20090.01 s"
    return _long(value)


def _rounded(value: float) -> str:
    if value < 0.01:
        return "0.01 s"
    if value < 0.995:
        return f"{float(f'{value:.1g}'):g} s"
    if 59.5 <= value < 3570:
        return f"{round(value / 60)} min"
    return _long(value).replace(".0 s", " s")


def _long(value: float) -> str:
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 59.5:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def parse(text: str) -> float | None:
    """What a person typed as a number, or None: with a true minus, a comma, spaces, a per cent sign."""
    clean = text.strip().replace(MINUS, "-").replace("–", "-")
    clean = re.sub(r"[\s\u2009\u00a0\u202f]", "", clean)
    scale = 1.0
    if clean.endswith("%"):
        clean, scale = clean[:-1], 0.01
    if clean.count(",") == 1 and "." not in clean:
        clean = clean.replace(",", ".")
    try:
        value = float(clean) * scale
    except ValueError:
        return None
    return value if math.isfinite(value) else None
