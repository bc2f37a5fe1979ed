"""Opening pictures of every format."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from PIL import Image, UnidentifiedImageError

from vitinspect.errors import ImageError
from vitinspect.images.colour import to_rgb
from vitinspect.images.png import ends_early

DEFAULT_MAX_PIXELS = 150_000_000
"""A small file can claim to be a picture that fills the memory. 150 million pixels are 450 MB as RGB, and
more than cameras take."""

_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "AVIF", "ICO")
_ORIENTATION, _WIDTH, _HEIGHT = 274, 256, 257  # EXIF and TIFF tags
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow's decoders raise for damaged data.
_DAMAGE: tuple[type[Exception], ...] = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError)
_DAMAGE += (AttributeError, ArithmeticError, RuntimeError, struct.error, zlib.error)

# Pillow warns about odd metadata on stderr, which does not help a user: what matters is raised as ImageError.
# ``catch_warnings`` around each call would not do, because it is not safe among threads.
warnings.filterwarnings("ignore", module=r"PIL\.")

_max_pixels = DEFAULT_MAX_PIXELS

Source = str | os.PathLike[str] | IO[bytes]


def max_pixels() -> int:
    """The bound for calls that give none."""
    return _max_pixels


def set_max_pixels(pixels: int) -> None:
    """Set the bound on a picture's pixels (width times height) for this process."""
    if pixels < 1:
        raise ImageError(f"The bound on a picture's pixels must be above zero, not {pixels}.")
    global _max_pixels
    _max_pixels = int(pixels)


def open_image(source: Source, *, max_pixels: int | None = None) -> Image.Image:
    """A picture as 8-bit RGB, upright, in sRGB, transparent parts over grey, the first frame where it moves.

    ``source`` is a path or a binary file. Whatever goes wrong is an ``ImageError`` that names the file and
    the reason.
    """
    with _opened(source, max_pixels) as image:
        load(image)
        return _upright(to_rgb(image), _orientation(image))


def thumbnail(source: Source, size: int, *, max_pixels: int | None = None) -> Image.Image:
    """The picture within ``size`` x ``size``, as ``open_image`` shows it; never larger than it is.

    A JPEG is decoded at a fraction of its size, which makes this several times cheaper than opening it.
    """
    with _opened(source, max_pixels) as image:
        image.draft(None, (2 * size, 2 * size))
        load(image)
        orientation = _orientation(image)
        if image.mode in ("L", "RGB", "CMYK") and "transparency" not in image.info:
            # Colours are converted after the picture was reduced.
            image.thumbnail((2 * size, 2 * size), Image.Resampling.BOX)
        small = to_rgb(image)
        small.thumbnail((size, size), Image.Resampling.LANCZOS, reducing_gap=2.0)
        return _upright(small, orientation)


def read_size(source: Source) -> tuple[int, int]:
    """(width, height) of the picture as ``open_image`` would show it, without decoding it."""
    with _opened(source, None) as image:
        size = image.size
        tags: Any = getattr(image, "tag_v2", {})
        if _WIDTH in tags and _HEIGHT in tags:
            # Whether Pillow has already swapped a TIFF's width and height depends on its version; the tags keep them.
            size = int(tags[_WIDTH]), int(tags[_HEIGHT])
        if image.format == "PNG" and "exif" not in image.info:
            # Pillow would decode the picture to look for metadata behind it.
            _find_late_exif(image)
            orientation = _orientation(image, Image.Image.getexif)
        else:
            orientation = _orientation(image)
        return size[::-1] if orientation >= 5 else size


def load(image: Image.Image) -> None:
    """Decode the picture, or raise an exception that ``_opened`` turns into an ``ImageError``."""
    file: Any = getattr(image, "fp", None)
    image.load()
    if image.format == "PNG" and ends_early(image, file):
        raise EOFError


def _find_late_exif(image: Any) -> None:
    """Look for EXIF behind the pixels of a PNG, by jumping from chunk to chunk."""
    file = image.fp
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"eXIf":
            image.info["exif"] = b"Exif\x00\x00" + file.read(length)
            return
        file.seek(length + 4, os.SEEK_CUR)


def _orientation(
    image: Image.Image, getexif: Callable[[Image.Image], Image.Exif] = lambda image: image.getexif()
) -> int:
    try:
        value = getexif(image).get(_ORIENTATION, 1)
    except _DAMAGE:  # damaged metadata: the picture itself may be fine
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


@contextlib.contextmanager
def _opened(source: Source, bound: int | None) -> Iterator[Image.Image]:
    """The picture, not yet decoded; what its decoding raises inside of the ``with`` becomes an ImageError."""
    name = _name(source)
    bound = _max_pixels if bound is None else bound
    if Image.MAX_IMAGE_PIXELS is not None and bound > Image.MAX_IMAGE_PIXELS:
        # Pillow has one bound for the whole process and checks it at several points while decoding. It is raised
        # to ours and never lowered, which is the only change that cannot break another thread.
        Image.MAX_IMAGE_PIXELS = bound
    with contextlib.ExitStack() as stack:
        try:
            file = source if hasattr(source, "read") else stack.enter_context(_open_file(Path(source)))
            image = stack.enter_context(Image.open(file, formats=_formats()))
            width, height = image.size
            if width * height > bound:
                raise ImageError(_too_large(name, width, height, bound))
            if not width or not height:
                raise ImageError(f"{name} is empty: it has no pixels.")
            yield image
        except ImageError:
            raise
        except UnidentifiedImageError as error:
            raise ImageError(f"{name} {_what_it_is(file)}") from error
        except Image.DecompressionBombError as error:
            raise ImageError(_too_large(name, 0, 0, bound)) from error
        except MemoryError as error:
            raise ImageError(f"{name} does not fit into the memory.") from error
        except _DAMAGE as error:
            raise ImageError(f"{name} cannot be read: {_why(error)}.") from error


def _name(source: Source) -> str:
    if not hasattr(source, "read"):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "The picture"


def _formats() -> list[str]:
    # Only the declared formats: Pillow also opens some that run another program (EPS) or that match almost any
    # file (TGA).
    Image.init()
    return [name for name in _FORMATS if name in Image.OPEN]


def _open_file(path: Path) -> IO[bytes]:
    try:
        # Checked before it is opened: opening a pipe would wait forever for a writer.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise ImageError(f"{path} is a folder, not a picture.")
        if not stat.S_ISREG(mode):
            raise ImageError(f"{path} is not a file but a device, a pipe or a socket.")
        return path.open("rb")
    except FileNotFoundError as error:
        raise ImageError(f"{path}: there is no such file.") from error
    except PermissionError as error:
        raise ImageError(f"{path} cannot be read: permission denied.") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ImageError(f"{path} is a link that leads in a circle.") from error
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:  # a null byte in the name
        raise ImageError(f"{path!r} is not the name of a file.") from error


def _too_large(name: str, width: int, height: int, bound: int) -> str:
    size = f"{width} x {height} pixels" if width else "far more pixels"
    return (
        f"{name} claims to have {size}, but only {bound:,} are allowed, because such a file can fill the memory."
        " Raise the bound if you trust it."
    )


_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "a PDF document; export the page as PNG"),
    (b"%!PS", "a PostScript file; export it as PNG"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself with 'git lfs pull'"),
    (b"<svg", "an SVG drawing; export it as PNG"),
    (b"<?xml", "an XML file (perhaps an SVG drawing; export it as PNG)"),
    (b"<!DOCTYPE", "a web page"),
    (b"<!doctype", "a web page"),
    (b"<html", "a web page"),
    (b"8BPS", "a Photoshop document; export it as PNG"),
    (b"\x89HDF", "an HDF5 file"),
)
_KNOWN: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"RIFF", "WebP"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"\x00\x00\x00\x0cjP", "JPEG 2000"),
)


def _what_it_is(file: Any) -> str:
    """The second half of a sentence about a file that no decoder recognised."""
    try:
        file.seek(0)
        start = file.read(64)
    except (OSError, ValueError):
        start = b""
    if not start:
        return "is empty: it has no bytes."
    if start[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return "is a HEIC picture, which is not supported; save it as JPEG or PNG."
    for signature, kind in _SIGNATURES:
        if start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(signature):
            return f"is not a picture but {kind}."
    for signature, kind in _KNOWN:
        if start.startswith(signature):
            return f"begins like a {kind} file but is damaged, cut short, or of a kind that cannot be read."
    if not any(start):
        return "is not a picture: it begins with zeros only."
    kind = "a text" if _is_text(start) else "something else"
    return f"is not a picture but {kind}. PNG, JPEG, WebP, TIFF, BMP, GIF, PPM, JPEG 2000 and AVIF can be opened."


def _is_text(start: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n\f" for byte in start) and 127 not in start


def _why(error: BaseException) -> str:
    text = str(error).strip().rstrip(".")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if "truncated" in text or "Truncated" in text or isinstance(error, EOFError):
        return "it is truncated, its end is missing"
    if not text or text.lstrip("-").isdigit() or isinstance(error, KeyError | IndexError | TypeError):
        return "its data is damaged"
    return f"its data is damaged ({text})"
