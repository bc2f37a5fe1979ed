"""Reading back a PDF of ``write_pdf``: its fonts, and whether they are embedded."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass

from vitinspect.errors import DataError


@dataclass(frozen=True)
class PdfFont:
    """A font that the page uses."""

    name: str
    embedded: bool
    """Whether its complete font file is in the PDF."""


def fonts_in(data: bytes) -> list[PdfFont]:
    """The fonts of a PDF with a plain cross-reference table, as ``write_pdf`` writes it; ``DataError`` for others."""
    objects = _objects(data)
    found = []
    for body in objects.values():
        if re.match(rb"\d+ 0 obj\s*<< /Type /Font /Subtype /Type0 ", body):
            descendant = objects.get(_reference(body, b"DescendantFonts"), b"")
            descriptor = objects.get(_reference(descendant, b"FontDescriptor"), b"")
            file = objects.get(_reference(descriptor, b"FontFile2"), b"")
            name = re.search(rb"/BaseFont /([^\s/<>]+)", body)
            found.append(PdfFont(name[1].decode("latin-1") if name else "", _is_font_file(file)))
    return found


def _objects(data: bytes) -> dict[int, bytes]:
    """Number -> the content of the object, by the table at the end of the file."""
    start = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*$", data)
    table = re.match(rb"xref\n0 (\d+)\n", data[int(start[1]) :]) if start else None
    if start is None or table is None:
        raise DataError("The PDF has no readable cross-reference table.")
    first = int(start[1]) + table.end()
    places = {}
    for number in range(1, int(table[1])):
        line = data[first + 20 * number : first + 20 * number + 20]
        if not re.fullmatch(rb"\d{10} \d{5} [nf] ?\r?\n", line):
            raise DataError("The PDF's cross-reference table is damaged.")
        places[number] = int(line[:10])
    ends = sorted([*places.values(), int(start[1])])
    return {number: data[place : ends[ends.index(place) + 1]] for number, place in places.items()}


def _reference(body: bytes, key: bytes) -> int:
    """The number of the object that an entry refers to; 0 if none."""
    found = re.search(rb"/" + key + rb" \[?(\d+) 0 R", body)
    return int(found[1]) if found else 0


def _is_font_file(body: bytes) -> bool:
    """Whether a stream holds a TrueType file of the length that it claims, with shapes in it."""
    head, _, rest = body.partition(b"\nstream\n")
    length = re.search(rb"/Length (\d+)", head)
    whole = re.search(rb"/Length1 (\d+)", head)
    if length is None or whole is None:
        return False
    stored = rest[: int(length[1])]
    try:
        file = zlib.decompress(stored) if b"/FlateDecode" in head else stored
        kind, count = struct.unpack_from(">IH", file)
        tables = {struct.unpack_from(">4s", file, 12 + 16 * index)[0] for index in range(count)}
    except (zlib.error, struct.error):
        return False
    return len(file) == int(whole[1]) and kind == 0x00010000 and {b"glyf", b"loca", b"head"} <= tables
