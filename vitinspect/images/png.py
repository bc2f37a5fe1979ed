"""PNGs whose data ends early. Pillow leaves the missing rows black without an error."""

from __future__ import annotations

import os
import zlib
from typing import IO, Any

import numpy as np
from PIL import Image

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row of each pass, and the steps between them."""
_PIECE = 1 << 20


def ends_early(image: Image.Image, file: IO[bytes]) -> bool:
    """Whether rows are missing in this loaded PNG. Reads the data only if the last pixel is black or transparent."""
    file.seek(8)
    header = file.read(21)
    if header[4:8] != b"IHDR":
        return False
    width, height = (int.from_bytes(header[i : i + 4], "big") for i in (8, 12))
    depth, colour, interlaced = header[16], header[17], bool(header[20])
    # Of an interlaced picture the odd rows come last.
    last = height - 2 if interlaced and height % 2 and height > 1 else height - 1
    pixel: Any = np.asarray(image.crop((width - 1, last, width, last + 1)))
    if pixel.any() and not (interlaced and height == 1):
        return False
    wanted = data_length(width, height, depth * _CHANNELS.get(colour, 1), interlaced)
    return not _has(file, wanted)


def data_length(width: int, height: int, bits: int, interlaced: bool) -> int:
    """How many bytes the rows of a picture have, with the filter byte before each."""
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    total = 0
    for column, row, across, down in passes:
        columns, rows = -(-(width - column) // across), -(-(height - row) // down)
        if columns > 0 and rows > 0:
            total += rows * (1 + (columns * bits + 7) // 8)
    return total


def _has(file: IO[bytes], wanted: int) -> bool:
    """Whether the compressed data unpacks to so many bytes."""
    inflate = zlib.decompressobj()
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[:4], "big")
        if head[4:] != b"IDAT":
            file.seek(length + 4, os.SEEK_CUR)
            continue
        data = file.read(length)
        file.seek(4, os.SEEK_CUR)
        while data and not inflate.eof:
            wanted -= len(inflate.decompress(data, _PIECE))
            if wanted <= 0:
                return True
            data = inflate.unconsumed_tail
    return False
