"""A scene as PDF: text as text in an embedded font, lines and colour bars as vectors, pictures without loss.

Qt's writer stores pictures as JPEG by default, rounds the page to whole points, and gives different bytes each time;
the parts of PDF that a figure needs fit into this file. The page box is exact, nothing depends on the time, and a
recipe is stored as XMP metadata and as an attachment.
"""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vitinspect.figures.fonts import Font, font
from vitinspect.figures.resampling import as_stored
from vitinspect.figures.scene import Colour, ColourBar, Path, Picture, Scene, Text

_INSET = 0.002
"""Points by which a picture is smaller than its box at each side. Poppler paints every pixel that a picture touches: of
one that ends exactly between two pixels it would touch one more, and stretch it by that."""


def write_pdf(
    scene: Scene,
    *,
    dpi: float | None = None,
    xmp: bytes | None = None,
    attachments: Mapping[str, bytes] | None = None,
) -> bytes:
    """One page. Pictures are stored for ``dpi`` (see ``resampling``), or as they are. ``xmp`` is a whole XMP packet."""
    return _Writer(scene, dpi).write(xmp, attachments or {})


class _Writer:
    def __init__(self, scene: Scene, dpi: float | None = None) -> None:
        self.scene, self.dpi = scene, dpi
        self.objects: list[bytes] = []
        self.fonts: dict[str, tuple[Font, int, dict[int, str]]] = {}
        """Font name in the page to the font, its object number, and the glyphs that are used."""
        self.named: dict[str, dict[str, int]] = {"XObject": {}, "Shading": {}}

    def reserve(self) -> int:
        self.objects.append(b"")
        return len(self.objects)

    def put(self, number: int, body: bytes) -> int:
        self.objects[number - 1] = body
        return number

    def add(self, body: bytes) -> int:
        return self.put(self.reserve(), body)

    def stream(self, entries: str, data: bytes, compress: bool = True) -> int:
        if compress:
            data, entries = zlib.compress(data, 9), entries + " /Filter /FlateDecode"
        return self.add(f"<< {entries} /Length {len(data)} >>\nstream\n".encode() + data + b"\nendstream")

    def write(self, xmp: bytes | None, attachments: Mapping[str, bytes]) -> bytes:
        catalogue, pages, page = self.reserve(), self.reserve(), self.reserve()
        content = self.stream("", self.content())
        for name, (face, number, glyphs) in self.fonts.items():
            self.put(number, self.font_object(name, face, glyphs))
        resources = ["/ProcSet [/PDF /Text /ImageC]"]
        if self.fonts:
            entries = " ".join(f"/{name} {number} 0 R" for name, (_, number, _) in self.fonts.items())
            resources.append(f"/Font << {entries} >>")
        for kind, named in self.named.items():
            if named:
                resources.append(f"/{kind} << {' '.join(f'/{n} {number} 0 R' for n, number in named.items())} >>")
        box = f"[0 0 {_number(self.scene.width)} {_number(self.scene.height)}]"
        self.put(
            page,
            f"<< /Type /Page /Parent {pages} 0 R /MediaBox {box} /Contents {content} 0 R"
            f" /Resources << {' '.join(resources)} >>"
            " /Group << /S /Transparency /CS /DeviceRGB >> >>".encode(),
        )
        self.put(pages, f"<< /Type /Pages /Kids [{page} 0 R] /Count 1 >>".encode())
        root = f"/Type /Catalog /Pages {pages} 0 R"
        if xmp is not None:
            # Not compressed, so that programs that cannot read PDF find it.
            root += f" /Metadata {self.stream('/Type /Metadata /Subtype /XML', xmp, compress=False)} 0 R"
        if attachments:
            root += " " + self.attach(attachments)
        self.put(catalogue, f"<< {root} >>".encode())
        info = self.add(f"<< /Producer (vitinspect) /Title {_string(self.scene.title)} >>".encode())
        return self.file(catalogue, info)

    def file(self, root: int, info: int) -> bytes:
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, body in enumerate(self.objects, 1):
            places.append(len(out))
            out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
        identity = hashlib.sha256(out).hexdigest()[:32]
        start = len(out)
        out += f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n".encode()
        out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
        out += (
            f"trailer\n<< /Size {len(places) + 1} /Root {root} 0 R /Info {info} 0 R"
            f" /ID [<{identity}> <{identity}>] >>\nstartxref\n{start}\n%%EOF\n"
        ).encode()
        return bytes(out)

    def attach(self, attachments: Mapping[str, bytes]) -> str:
        names, files = [], []
        for name, data in attachments.items():
            size = f"/Params << /Size {len(data)} >>"
            body = self.stream(f"/Type /EmbeddedFile /Subtype /application#2Fjson {size}", data)
            file = self.add(
                f"<< /Type /Filespec /F {_string(name)} /UF {_string(name)} /AFRelationship /Source"
                f" /EF << /F {body} 0 R >> >>".encode()
            )
            names.append(f"{_string(name)} {file} 0 R")
            files.append(f"{file} 0 R")
        return f"/Names << /EmbeddedFiles << /Names [{' '.join(names)}] >> >> /AF [{' '.join(files)}]"

    # --- the page ------------------------------------------------------------------------------------------------

    def content(self) -> bytes:
        # In PDF y points upwards; one matrix flips the page, and texts and pictures are flipped back.
        parts = [f"1 0 0 -1 0 {_number(self.scene.height)} cm"]
        if self.scene.background is not None:
            size = f"{_number(self.scene.width)} {_number(self.scene.height)}"
            parts.append(f"{_rgb(self.scene.background)} rg 0 0 {size} re f")
        for element in self.scene.elements:
            if isinstance(element, Picture):
                parts.append(self.picture(element))
            elif isinstance(element, Text):
                parts.append(self.text(element))
            elif isinstance(element, Path):
                parts.append(self.path(element))
            else:
                parts.append(self.bar(element))
        return "\n".join(parts).encode("latin-1")

    def picture(self, element: Picture) -> str:
        pixels = np.ascontiguousarray(as_stored(element, self.dpi))
        height, width = pixels.shape[:2]
        mask = ""
        shape = f"/Type /XObject /Subtype /Image /Width {width} /Height {height} /BitsPerComponent 8"
        if pixels.shape[2] == 4:
            alpha = self.stream(f"{shape} /ColorSpace /DeviceGray", pixels[..., 3].tobytes())
            mask = f" /SMask {alpha} 0 R"
        name = f"I{len(self.named['XObject'])}"
        rows = _predicted(pixels[..., :3])
        predictor = f"/DecodeParms << /Predictor 15 /Colors 3 /Columns {width} >>"
        self.named["XObject"][name] = self.stream(
            f"{shape} /ColorSpace /DeviceRGB /Interpolate false{mask} {predictor}", rows
        )
        x, y, wide, high = element.box
        x, y, wide, high = x + _INSET, y + _INSET, max(wide - 2 * _INSET, 0.01), max(high - 2 * _INSET, 0.01)
        return f"q {_number(wide)} 0 0 {_number(-high)} {_number(x)} {_number(y + high)} cm /{name} Do Q"

    def text(self, element: Text) -> str:
        face = font(element.bold)
        name = "F1" if element.bold else "F0"
        if name not in self.fonts:
            self.fonts[name] = (face, self.reserve(), {})
        glyphs = self.fonts[name][2]
        codes = []
        for character in element.text:
            glyph = face.glyph(character)
            glyphs.setdefault(glyph, character)
            codes.append(f"{glyph:04X}")
        width = face.width(element.text, element.size)
        back = {"start": 0.0, "middle": width / 2, "end": width}[element.anchor]
        angle = math.radians(element.turn)
        cos, sin = math.cos(angle), math.sin(angle)
        x, y = element.at[0] - back * cos, element.at[1] + back * sin
        matrix = " ".join(_number(v) for v in (cos, -sin, -sin, -cos, x, y))
        size = _number(element.size)
        return f"BT {_rgb(element.colour)} rg /{name} {size} Tf {matrix} Tm <{''.join(codes)}> Tj ET"

    def path(self, element: Path) -> str:
        steps = []
        for line in element.lines:
            for index, (x, y) in enumerate(line):
                steps.append(f"{_number(x)} {_number(y)} {'l' if index else 'm'}")
            if element.closed and len(line):
                steps.append("h")
        stroked = element.stroke is not None and element.width > 0
        filled = element.fill is not None and element.closed
        if not steps or not (stroked or filled):
            return ""
        setting = ["q", "1 j"]
        if stroked:
            assert element.stroke is not None
            setting += [f"{_rgb(element.stroke)} RG", f"{_number(element.width)} w"]
            if element.dash:
                setting.append(f"[{' '.join(_number(d) for d in element.dash)}] 0 d")
        if filled:
            assert element.fill is not None
            setting.append(f"{_rgb(element.fill)} rg")
        return "\n".join([*setting, *steps, "B" if stroked and filled else "S" if stroked else "f", "Q"])

    def bar(self, element: ColourBar) -> str:
        x, y, width, height = element.box
        table = np.ascontiguousarray(element.colours[:, :3]).tobytes()
        function = self.stream("/FunctionType 0 /Domain [0 1] /Range [0 1 0 1 0 1] /Size [256] /BitsPerSample 8", table)
        ends = (x, y + height, x, y) if element.upright else (x, y, x + width, y)
        name = f"S{len(self.named['Shading'])}"
        coordinates = " ".join(_number(v) for v in ends)
        self.named["Shading"][name] = self.add(
            f"<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [{coordinates}] /Function {function} 0 R"
            " /Extend [true true] >>".encode()
        )
        return f"q {_number(x)} {_number(y)} {_number(width)} {_number(height)} re W n /{name} sh Q"

    # --- fonts ---------------------------------------------------------------------------------------------------

    def font_object(self, name: str, face: Font, glyphs: Mapping[int, str]) -> bytes:
        scale = 1000 / face.units
        tag = _tag(face, glyphs)
        file = face.subset(set(glyphs))
        stored = self.stream(f"/Length1 {len(file)}", file)
        box = " ".join(str(round(v * scale)) for v in face.box)
        descriptor = self.add(
            f"<< /Type /FontDescriptor /FontName /{tag} /Flags 4 /FontBBox [{box}] /ItalicAngle 0"
            f" /Ascent {round(face.ascent * scale)} /Descent {round(face.descent * scale)} /CapHeight 729"
            f" /StemV {140 if name == 'F1' else 80} /FontFile2 {stored} 0 R >>".encode()
        )
        widths = " ".join(f"{g} [{_number(face.advances[g] * scale)}]" for g in sorted(glyphs))
        descendant = self.add(
            f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{tag} /FontDescriptor {descriptor} 0 R"
            " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
            f" /CIDToGIDMap /Identity /DW 600 /W [{widths}] >>".encode()
        )
        unicode = self.stream("", _to_unicode(glyphs))
        return (
            f"<< /Type /Font /Subtype /Type0 /BaseFont /{tag} /Encoding /Identity-H"
            f" /DescendantFonts [{descendant} 0 R] /ToUnicode {unicode} 0 R >>"
        ).encode()


def _number(value: float) -> str:
    text = f"{value:.4f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


def _rgb(colour: Colour) -> str:
    return " ".join(_number(v / 255) for v in colour)


def _string(text: str) -> str:
    data = b"\xfe\xff" + text.encode("utf-16-be", "replace")
    return f"<{data.hex().upper()}>"


def _tag(face: Font, glyphs: Mapping[int, str]) -> str:
    """Six letters that identify the subset of a font, then its name."""
    digest = hashlib.sha256(repr(sorted(glyphs)).encode()).digest()
    return "".join(chr(65 + byte % 26) for byte in digest[:6]) + "+" + face.name


def _to_unicode(glyphs: Mapping[int, str]) -> bytes:
    """The characters of the glyphs, so that text can be searched and copied."""
    lines = [
        f"<{g:04X}> <{character.encode('utf-16-be', 'replace').hex().upper()}>"
        for g, character in sorted(glyphs.items())
    ]
    blocks = []
    for start in range(0, len(lines), 100):
        block = lines[start : start + 100]
        blocks.append(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar")
    return (
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def\n"
        "/CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n"
        "1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n"
        + "\n".join(blocks)
        + "\nendcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
    ).encode()


def _predicted(pixels: NDArray[np.uint8]) -> bytes:
    """Rows with the PNG filter "up", which compresses better and is undone exactly by the decoder."""
    height, width = pixels.shape[:2]
    flat = np.ascontiguousarray(pixels).reshape(height, width * 3)
    rows = np.empty((height, width * 3 + 1), np.uint8)
    rows[:, 0] = 2
    rows[0, 1:] = flat[0]
    rows[1:, 1:] = flat[1:] - flat[:-1]
    return rows.tobytes()
