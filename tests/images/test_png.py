"""A PNG with missing rows is damaged, not black; a complete black one is opened."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from vitinspect.errors import ImageError
from vitinspect.images import open_image, open_mask, thumbnail
from vitinspect.images.png import data_length


def png(
    width: int, height: int, data: bytes, *, depth: int = 8, colour: int = 2, interlaced: bool = False, pieces: int = 1
) -> io.BytesIO:
    """A PNG around ``data``, the rows with their filter bytes."""
    packed = zlib.compress(data)
    step = -(-len(packed) // pieces)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced))]
    chunks += [(b"PLTE", bytes(range(6)))] if colour == 3 else []
    chunks += [(b"IDAT", packed[i : i + step]) for i in range(0, len(packed), step)]
    file = io.BytesIO()
    file.write(b"\x89PNG\r\n\x1a\n")
    for kind, body in [*chunks, (b"IEND", b"")]:
        file.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    file.seek(0)
    return file


def rows(count: int, width: int = 40, value: int = 200) -> bytes:
    return (b"\0" + bytes([value]) * (3 * width)) * count


@pytest.mark.parametrize("count", [1, 20, 39])
@pytest.mark.parametrize("pieces", [1, 3])
def test_missing_rows_are_damage(count: int, pieces: int) -> None:
    for opening in (open_image, open_mask, lambda source: thumbnail(source, 16)):
        with pytest.raises(ImageError, match="its end is missing"):
            opening(png(40, 40, rows(count), pieces=pieces))


@pytest.mark.parametrize("value", [0, 200])
@pytest.mark.parametrize("pieces", [1, 4])
def test_whole_pictures_open_also_black_ones(value: int, pieces: int) -> None:
    opened = open_image(png(40, 40, rows(40, value=value), pieces=pieces))
    assert (np.asarray(opened) == value).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 5), (9, 6), (17, 7)])
def test_black_pictures_of_every_kind_open(mode: str, size: tuple[int, int]) -> None:
    file = io.BytesIO()
    Image.new(mode, size).save(file, "PNG")
    file.seek(0)
    assert open_image(file).size == size


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 1), (8, 8), (9, 7), (5, 2), (33, 12)])
@pytest.mark.parametrize("value", [0, 7])
def test_interlaced_pictures_are_counted_by_their_passes(width: int, height: int, value: int) -> None:
    length = data_length(width, height, 24, True)
    assert open_image(png(width, height, bytes(length), interlaced=True)).size == (width, height)
    if height > 2:
        last = 1 + 3 * width  # the last row of the last pass
        with pytest.raises(ImageError, match="its end is missing"):
            open_image(png(width, height, bytes(length - last), interlaced=True))


def test_the_length_of_rows_that_end_within_a_byte() -> None:
    assert data_length(9, 2, 1, False) == 2 * 3
    assert data_length(3, 1, 4, False) == 3
    assert data_length(1, 1, 64, True) == 9


@pytest.mark.parametrize("value", [0.5, 3e4, 1e10, -1e10, 1e20, 3.4e38, -3.4e38, 1e-40])
def test_a_floating_point_picture_of_one_value_is_no_damage(value: float) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((20, 30), value, np.float32)).save(file, "TIFF")
    file.seek(0)
    opened = np.asarray(open_image(file))
    assert opened.shape == (20, 30, 3)
    assert (opened == opened[0, 0]).all()


def test_a_floating_point_picture_of_the_widest_range_keeps_its_order() -> None:
    values = np.linspace(-3.4e38, 3.4e38, 256, dtype=np.float64).astype(np.float32)[None].repeat(2, 0)
    file = io.BytesIO()
    Image.fromarray(values).save(file, "TIFF")
    file.seek(0)
    assert (np.asarray(open_image(file))[0, :, 0] == np.arange(256)).all()
