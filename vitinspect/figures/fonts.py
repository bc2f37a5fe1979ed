"""The typeface of figures: widths of texts, and the subset of the font file that a PDF embeds.

Only tables of TrueType fonts such as the bundled DejaVu Sans are read: ``cmap`` (formats 4 and 12), ``hmtx``, ``glyf``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from vitinspect.errors import DataError
from vitinspect.resources import fonts_folder

FAMILY = "DejaVu Sans"
_KEPT = ("cvt ", "fpgm", "glyf", "head", "hhea", "hmtx", "loca", "maxp", "prep")
"""The tables that a PDF viewer needs; shapes of unused glyphs are left out."""


@dataclass(frozen=True)
class Font:
    """One font file."""

    name: str
    path: Path
    data: bytes

    @cached_property
    def tables(self) -> dict[str, bytes]:
        count = struct.unpack_from(">H", self.data, 4)[0]
        found = {}
        for index in range(count):
            tag, _, start, length = struct.unpack_from(">4sIII", self.data, 12 + 16 * index)
            found[tag.decode("latin-1")] = self.data[start : start + length]
        return found

    @cached_property
    def units(self) -> int:
        """Font units per em."""
        return int(struct.unpack_from(">H", self.tables["head"], 18)[0])

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        left, bottom, right, top = struct.unpack_from(">4h", self.tables["head"], 36)
        return left, bottom, right, top

    @cached_property
    def ascent(self) -> int:
        return int(struct.unpack_from(">h", self.tables["hhea"], 4)[0])

    @cached_property
    def descent(self) -> int:
        return int(struct.unpack_from(">h", self.tables["hhea"], 6)[0])

    @cached_property
    def characters(self) -> dict[int, int]:
        """Code point to glyph."""
        table = self.tables["cmap"]
        count = struct.unpack_from(">H", table, 2)[0]
        offsets = {}
        for index in range(count):
            platform, encoding, offset = struct.unpack_from(">HHI", table, 4 + 8 * index)
            offsets[platform, encoding] = offset
        for key in ((3, 10), (0, 4), (3, 1), (0, 3)):
            if key in offsets:
                return _character_map(table, offsets[key])
        raise DataError(f"{self.path} has no table of Unicode characters.")

    @cached_property
    def advances(self) -> list[int]:
        """The width of each glyph in font units."""
        wide = struct.unpack_from(">H", self.tables["hhea"], 34)[0]
        table = self.tables["hmtx"]
        widths = [struct.unpack_from(">H", table, 4 * index)[0] for index in range(wide)]
        return widths + [widths[-1]] * (self.glyph_count - wide)

    @cached_property
    def glyph_count(self) -> int:
        return int(struct.unpack_from(">H", self.tables["maxp"], 4)[0])

    def glyph(self, character: str) -> int:
        """The glyph of a character; 0, the empty box, if the font has none."""
        return self.characters.get(ord(character), 0)

    def width(self, text: str, size: float) -> float:
        """The width of a text at a size, without kerning, which no writer applies."""
        return sum(self.advances[self.glyph(c)] for c in text) * size / self.units

    # --- the subset that a file embeds --------------------------------------------------------------------------

    @cached_property
    def _offsets(self) -> list[int]:
        long = struct.unpack_from(">h", self.tables["head"], 50)[0]
        table, count = self.tables["loca"], self.glyph_count + 1
        if long:
            return list(struct.unpack_from(f">{count}I", table))
        return [2 * v for v in struct.unpack_from(f">{count}H", table)]

    def _shape(self, glyph: int) -> bytes:
        return self.tables["glyf"][self._offsets[glyph] : self._offsets[glyph + 1]]

    def _parts(self, glyph: int) -> list[int]:
        """The glyphs of a composed one (é)."""
        shape = self._shape(glyph)
        if len(shape) < 10 or struct.unpack_from(">h", shape)[0] >= 0:
            return []
        parts, place, more = [], 10, True
        while more:
            flags, part = struct.unpack_from(">HH", shape, place)
            parts.append(part)
            place += 4 + (4 if flags & 1 else 2)
            place += 8 if flags & 0x80 else 4 if flags & 0x40 else 2 if flags & 8 else 0
            more = bool(flags & 0x20)
        return parts

    def subset(self, glyphs: set[int]) -> bytes:
        """A font file with the shapes of these glyphs only, under their original numbers."""
        wanted, todo = {0}, [0, *sorted(glyphs)]
        while todo:
            glyph = todo.pop()
            wanted.add(glyph)
            todo += [part for part in self._parts(glyph) if part not in wanted]
        shapes, offsets, place = [], [0], 0
        for glyph in range(self.glyph_count):
            shape = self._shape(glyph) if glyph in wanted else b""
            shape += b"\0" * (-len(shape) % 4)
            shapes.append(shape)
            place += len(shape)
            offsets.append(place)
        tables = {name: self.tables[name] for name in _KEPT if name in self.tables}
        head = bytearray(tables["head"])
        struct.pack_into(">I", head, 8, 0)
        struct.pack_into(">h", head, 50, 1)
        tables |= {"glyf": b"".join(shapes), "loca": struct.pack(f">{len(offsets)}I", *offsets), "head": bytes(head)}
        return _font_file(tables)


def _character_map(table: bytes, offset: int) -> dict[int, int]:
    kind = struct.unpack_from(">H", table, offset)[0]
    found: dict[int, int] = {}
    if kind == 12:
        groups = struct.unpack_from(">I", table, offset + 12)[0]
        for index in range(groups):
            first, last, glyph = struct.unpack_from(">III", table, offset + 16 + 12 * index)
            found.update((code, glyph + code - first) for code in range(first, last + 1))
        return found
    if kind != 4:
        raise DataError(f"The font's table of characters is of format {kind}, which is not supported.")
    count = struct.unpack_from(">H", table, offset + 6)[0] // 2
    lasts = struct.unpack_from(f">{count}H", table, offset + 14)
    firsts = struct.unpack_from(f">{count}H", table, offset + 16 + 2 * count)
    deltas = struct.unpack_from(f">{count}h", table, offset + 16 + 4 * count)
    start = offset + 16 + 6 * count
    ranges = struct.unpack_from(f">{count}H", table, start)
    for index in range(count):
        for code in range(firsts[index], min(lasts[index], 0xFFFE) + 1):
            if ranges[index] == 0:
                glyph = (code + deltas[index]) & 0xFFFF
            else:
                place = start + 2 * index + ranges[index] + 2 * (code - firsts[index])
                glyph = struct.unpack_from(">H", table, place)[0]
                glyph = (glyph + deltas[index]) & 0xFFFF if glyph else 0
            if glyph:
                found[code] = glyph
    return found


def _font_file(tables: dict[str, bytes]) -> bytes:
    count = len(tables)
    power = 1 << (count.bit_length() - 1)
    head = struct.pack(">IHHHH", 0x00010000, count, power * 16, power.bit_length() - 1, (count - power) * 16)
    records, bodies, place = b"", b"", 12 + 16 * count
    for name in sorted(tables):
        body = tables[name]
        padded = body + b"\0" * (-len(body) % 4)
        records += struct.pack(">4sIII", name.encode("latin-1"), _checksum(padded), place, len(body))
        bodies += padded
        place += len(padded)
    whole = bytearray(head + records + bodies)
    names = sorted(tables)
    start = 12 + 16 * count + sum(len(tables[n]) + (-len(tables[n]) % 4) for n in names[: names.index("head")])
    struct.pack_into(">I", whole, start + 8, (0xB1B0AFBA - _checksum(bytes(whole))) & 0xFFFFFFFF)
    return bytes(whole)


def _checksum(data: bytes) -> int:
    return sum(struct.unpack(f">{len(data) // 4}I", data)) & 0xFFFFFFFF


@cache
def font(bold: bool = False) -> Font:
    """The bundled typeface."""
    path = fonts_folder() / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    return Font("DejaVuSans-Bold" if bold else "DejaVuSans", path, path.read_bytes())


def text_width(text: str, size: float, bold: bool = False) -> float:
    return font(bold).width(text, size)


def broken(sentence: str, room: float, size: float) -> list[str]:
    """A text as lines that fit into a width; a word that does not is cut."""
    lines = [""]
    for word in sentence.split():
        longer = f"{lines[-1]} {word}".strip()
        if text_width(longer, size) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
        while text_width(lines[-1], size) > room and len(lines[-1]) > 1:
            cut = max(n for n in range(1, len(lines[-1])) if n == 1 or text_width(lines[-1][:n], size) <= room)
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
    return lines
