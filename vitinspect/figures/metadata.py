"""Recipes inside files: put into PNG, JPEG, TIFF, SVG and PDF as XMP, and found again.

XMP is plain text in all five, so that the same search finds the recipe in each; PNG also has it as a text chunk, and
PDF as an attachment.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from html import escape, unescape
from pathlib import Path
from typing import Any

from vitinspect.errors import DataError
from vitinspect.files import SOFTWARE
from vitinspect.regular_files import open_regular, read_regular

NAMESPACE = "urn:vitinspect:recipe/"
LARGEST_RECIPE = 4_000_000
_LARGEST_FILE = 2_000_000_000
_LARGEST_SEGMENT = 65_000
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_TIFF_XMP = 700
PNG_KEY = "vitinspect:recipe"


def packet(recipe: dict[str, Any], *, small: bool = False) -> bytes:
    """An XMP packet with a recipe; ``small`` compresses it, for files with little room (JPEG)."""
    text = json.dumps(recipe, sort_keys=True)
    if small:
        name, body = "deflated", base64.b64encode(zlib.compress(text.encode(), 9)).decode()
    else:
        name, body = "json", escape(text, quote=False)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
        f' xmlns:vitinspect="{NAMESPACE}">\n'
        f"<xmp:CreatorTool>{escape(SOFTWARE)}</xmp:CreatorTool>\n"
        f"<vitinspect:{name}>{body}</vitinspect:{name}>\n"
        "</rdf:Description>\n</rdf:RDF>\n</x:xmpmeta>\n"
        '<?xpacket end="w"?>'
    ).encode()


def embed(data: bytes, kind: str, recipe: dict[str, Any] | None) -> bytes:
    """The bytes of a PNG, JPEG, TIFF or SVG with the recipe; the PDF writer adds its own."""
    if kind == "svg":
        block = b""
        if recipe is not None:
            body = packet(recipe).split(b"?>\n", 1)[1].rsplit(b"\n<?xpacket", 1)[0]
            block = b"<metadata>\n" + body + b"\n</metadata>"
        return data.replace(b"<!--metadata-->", block, 1)
    if recipe is None:
        return data
    if kind == "png":
        return _into_png(data, recipe)
    if kind in ("jpeg", "jpg"):
        return _into_jpeg(data, recipe)
    if kind in ("tiff", "tif"):
        return _into_tiff(data, packet(recipe))
    raise DataError(f"A recipe cannot be put into a {kind} file.")


def _into_png(data: bytes, recipe: dict[str, Any]) -> bytes:
    text = json.dumps(recipe, sort_keys=True).encode()
    chunks = _international("XML:com.adobe.xmp", packet(recipe)) + _international(PNG_KEY, text)
    chunks += _chunk(b"tEXt", b"Software\0" + SOFTWARE.encode())
    place = 8 + 25  # the signature and IHDR
    return data[:place] + chunks + data[place:]


def _international(key: str, text: bytes) -> bytes:
    return _chunk(b"iTXt", key.encode() + b"\0\0\0\0\0" + text)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _into_jpeg(data: bytes, recipe: dict[str, Any]) -> bytes:
    body = _JPEG_XMP + packet(recipe)
    if len(body) > _LARGEST_SEGMENT:
        body = _JPEG_XMP + packet(recipe, small=True)
    if len(body) > _LARGEST_SEGMENT:
        raise DataError("The recipe of this figure is too large for a JPEG; write PNG, TIFF, SVG or PDF.")
    # After the JFIF header, which must come first.
    place = 2
    if data[2:4] == b"\xff\xe0":
        place = 4 + struct.unpack_from(">H", data, 4)[0]
    return data[:place] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[place:]


def _into_tiff(data: bytes, xmp: bytes) -> bytes:
    """Append an entry to the first directory, which is written again at the end of the file."""
    order = "<" if data[:2] == b"II" else ">"
    start = struct.unpack_from(order + "I", data, 4)[0]
    count = struct.unpack_from(order + "H", data, start)[0]
    entries = [data[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
    entries = [e for e in entries if struct.unpack_from(order + "H", e)[0] != _TIFF_XMP]
    following = data[start + 2 + 12 * count : start + 6 + 12 * count]
    body = data + b"\0" * (len(data) % 2)
    at = len(body)
    body += xmp + b"\0" * (len(xmp) % 2)
    entries.append(struct.pack(order + "HHII", _TIFF_XMP, 1, len(xmp), at))
    entries.sort(key=lambda e: struct.unpack_from(order + "H", e)[0])
    directory = struct.pack(order + "H", len(entries)) + b"".join(entries) + following
    whole = bytearray(body + directory)
    struct.pack_into(order + "I", whole, 4, len(body))
    return bytes(whole)


# --- finding it again -------------------------------------------------------------------------------------------

_PAGES = (".pdf", ".svg")
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")
_MARKS = (b"<vitinspect:json>", b"<vitinspect:deflated>")
_LOOKED_AT = 1 << 18


def is_figure(path: Path) -> bool:
    """Whether a file is to be opened as a figure: PDF and SVG always, a picture if it contains a recipe.

    This is fast, so that the window can check each dropped file: PNG and JPEG have the recipe at their beginning, TIFF
    at its end.
    """
    ending = path.suffix.casefold()
    if ending in _PAGES:
        return True
    if ending not in _PICTURES:
        return False
    try:
        with open_regular(path) as file:
            if ending in (".tif", ".tiff"):
                size = file.seek(0, 2)
                file.seek(max(0, size - LARGEST_RECIPE - _LOOKED_AT))
                data = file.read()
            else:
                data = file.read(_LOOKED_AT)
    except OSError:
        return False
    return any(mark in data for mark in _MARKS)


def find(path: Path) -> dict[str, Any] | None:
    """The recipe inside a file, or the recipe as a JSON file; None if there is none."""
    try:
        if not path.is_file():
            raise DataError(f"{path} is not a file.")
        if path.stat().st_size > _LARGEST_FILE:
            raise DataError(f"{path} is too large to search for a recipe.")
        data = read_regular(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    text = _text_of(data)
    if text is None:
        return None
    if len(text) > LARGEST_RECIPE:
        raise DataError(f"{path}: its recipe has {len(text):,} bytes, more than a recipe needs.")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: its recipe is damaged ({error}).") from None
    if not isinstance(found, dict) or found.get("vitinspect") != "recipe":
        raise DataError(f"{path}: its recipe is not a JSON object.")
    return found


def _text_of(data: bytes) -> bytes | None:
    if data.lstrip()[:1] == b"{":
        return data if b'"recipe"' in data[: LARGEST_RECIPE + 1] else None
    for name in (b"json", b"deflated"):
        opening, closing = b"<vitinspect:" + name + b">", b"</vitinspect:" + name + b">"
        start = data.find(opening)
        if start < 0:
            continue
        stop = data.find(closing, start)
        if stop < 0:
            raise DataError("The recipe in this file is cut short.")
        body = data[start + len(opening) : stop]
        if name == b"json":
            return unescape(body.decode("utf-8", "replace")).encode()
        try:
            plain = zlib.decompressobj().decompress(base64.b64decode(body, validate=True), LARGEST_RECIPE + 1)
        except (ValueError, zlib.error) as error:
            raise DataError(f"The recipe in this file is damaged ({error}).") from None
        return plain
    return None
