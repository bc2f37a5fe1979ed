"""File names, class labels and other text from outside: as it is shown to people, and as files keep it.

On most systems a file name is a sequence of bytes, and Python keeps those that are not UTF-8 as lone surrogates.
Neither a database nor a PNG accepts these, and a terminal or a table may take a name for a command. So there are two
forms:
``shown`` is for people and loses what cannot be shown, ``stored`` is for files and loses nothing.

This module imports nothing of vitinspect.
"""

from __future__ import annotations

import os
import re

UNKNOWN = "�"
"""Replaces bytes that are not text, and characters that would control a terminal or reverse the writing direction."""

_LONE = re.compile(r"[\ud800-\udfff]")
_NOT_STORED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
# C0 and C1 controls, line and paragraph separators, and what changes the direction of writing.
_STEERING = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
_STEERING_IN_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_TAKEN = re.compile(r"\\(?=x[0-9a-f]{2}|u[0-9a-f]{4})")
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4}))")

Name = str | os.PathLike[str]


def shown(name: Name) -> str:
    """A name on one line for people: bytes that are not text, line ends and control characters are replaced."""
    return _STEERING.sub(UNKNOWN, _LONE.sub(UNKNOWN, os.fspath(name)))


def readable(text: str) -> str:
    """A sentence that may hold names: as ``shown``, but its line ends and tabs stay."""
    return _STEERING_IN_TEXT.sub(UNKNOWN, _LONE.sub(UNKNOWN, text))


def stored(name: Name) -> str:
    r"""A name as one line of text that every file format accepts and that ``restored`` turns back into the same name.

    A byte that is not UTF-8 becomes ``\xe9``, a line end ``\x0a``. All other names stay as they are, except
    for a backslash if what follows it could be read as such a byte.
    """
    text = os.fspath(name)
    return _NOT_STORED.sub(_escape, _TAKEN.sub(r"\\x5c", text))


def restored(text: str) -> str:
    """The name that ``stored`` was given."""
    return _ESCAPED.sub(_unescape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _unescape(found: re.Match[str]) -> str:
    if found[2] is not None:
        return chr(int(found[2], 16))
    code = int(found[1], 16)
    return chr(code) if code < 0x80 else chr(0xDC00 + code)


# --- in tables and reports -------------------------------------------------------------------------------------

_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_QUOTED_FORMULA = re.compile(r"''*[=+\-@\t\r]")


def csv_cell(text: str) -> str:
    """Text as a cell of a CSV file that no spreadsheet takes for a formula: ``=1+1`` becomes ``'=1+1``.

    For cells of text only; numbers are written as numbers. ``csv_value`` gives the text back.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def csv_value(cell: str) -> str:
    """The text that ``csv_cell`` was given."""
    return cell[1:] if _QUOTED_FORMULA.match(cell) else cell


def markdown(text: str) -> str:
    """Text that Markdown shows literally: no markup, no HTML, and no end of a line or of a cell."""
    plain = shown(text)
    escaped = re.sub(r"([\\`*<>\[\]|&$])", r"\\\1", plain)
    # Within a word an underscore is just that, and names of methods and files are full of them.
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", escaped)
