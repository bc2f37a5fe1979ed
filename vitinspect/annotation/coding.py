"""The meaning of the pixels of a mask file: 1 for foreground, 0 for background, 255 for "ignore" (not scored).

Tools interpret the same picture differently, and a wrong guess is a wrong number in a paper. So ``auto`` reads files
with one possible meaning, and asks the user to name a coding if there are several.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import DataError
from vitinspect.images.masks import MaskPixels

IGNORE = 255
CODINGS = "auto, binary, palette, threshold=N, index=A,B, colours=#RRGGBB,#RRGGBB, background=N or background=#RRGGBB"
VOC_CLASSES = (
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)


def voc_palette() -> NDArray[np.uint8]:
    """The 256 colours of Pascal VOC: the bits of the index, assigned to red, green and blue in turn."""
    index = np.arange(256)
    colours = np.zeros((256, 3), np.uint8)
    for place in range(8):
        for channel in range(3):
            colours[:, channel] |= (((index >> (3 * place + channel)) & 1) << (7 - place)).astype(np.uint8)
    return colours


def decode(pixels: MaskPixels, coding: str = "auto", label: int | str | None = None) -> NDArray[np.uint8]:
    """0, 1 and 255 for each pixel. ``label`` is a class: an index, a name of Pascal VOC, or a colour ``#RRGGBB``."""
    kind, _, argument = coding.partition("=")
    if kind == "auto" and not argument:
        return _auto(pixels, label)
    if kind == "binary" and not argument:
        return _ones(pixels.values.any(2) if pixels.kind == "colour" else _grey(pixels, coding) != 0)
    if kind == "palette" and not argument:
        return _classes(_indices(pixels, coding), label, pixels.name, ignore=True)
    if kind == "threshold":
        level = _number(argument, coding)
        return _ones(_grey(pixels, coding) > level)
    if kind == "index":
        return _ones(np.isin(_indices(pixels, coding), _whole_numbers(argument, coding)))
    if kind in ("colours", "colors"):
        return _ones(_has_colour(pixels, [_colour(text, coding) for text in argument.split(",")]))
    if kind == "background":
        return _other_than(pixels, argument, coding)
    raise DataError(f"There is no mask coding {coding!r}; the codings are {CODINGS}.")


def is_white_alone(pixels: MaskPixels) -> bool:
    """Whether ``auto`` takes 255 as foreground where it can be what is ignored too: in numbers, and without a 1."""
    values = pixels.values
    if pixels.kind != "grey" or pixels.lossy or values.dtype.kind not in "biu" or not values.size:
        return False
    return int(values.max()) == IGNORE and not (values == 1).any()


def labels_in(pixels: MaskPixels) -> list[str]:
    """The labels that can be passed to ``decode``, if the pixels are classes or colours; else none."""
    if pixels.kind == "palette":
        indices = [v for v in values_in(pixels.values) if v not in (0, IGNORE)]
        named = _is_voc(pixels) and all(index < len(VOC_CLASSES) for index in indices)
        return [VOC_CLASSES[index] if named else str(index) for index in indices]
    if pixels.kind == "colour":
        return [_hex(colour) for colour in _colours(pixels.values) if colour != (0, 0, 0)]
    if pixels.kind == "grey" and not pixels.lossy:
        values = [v for v in values_in(pixels.values) if v not in (0, IGNORE)]
        return [str(value) for value in values] if len(values) > 1 else []
    return []


# --- without a coding -------------------------------------------------------------------------------------------


def _auto(pixels: MaskPixels, label: int | str | None) -> NDArray[np.uint8]:
    if pixels.lossy:
        warnings.warn(
            f"{pixels.name} is a JPEG, which blurs the edges of a mask: its values are cut at the middle.",
            stacklevel=4,
        )
        return _ones(_grey(pixels, "auto") > 127)
    if pixels.kind == "bits":
        return _ones(pixels.values != 0)
    if pixels.kind == "grey":
        return _auto_grey(pixels, label)
    if pixels.kind == "palette":
        return _auto_palette(pixels, label)
    return _auto_colour(pixels, label)


def values_in(values: NDArray) -> list[int]:
    """The distinct whole numbers in an array, in order. For bytes, only the first of each run of equal ones is counted,
    which is much faster than sorting."""
    if values.dtype == np.uint8 and values.size:
        flat = values.reshape(-1)
        begun = np.append(flat[1:][flat[1:] != flat[:-1]], flat[0])
        return np.flatnonzero(np.bincount(begun, minlength=256)).tolist()
    return [int(v) for v in np.unique(values)]


def _auto_grey(pixels: MaskPixels, label: int | str | None) -> NDArray[np.uint8]:
    values = pixels.values
    found = values_in(values) if values.dtype.kind in "biu" else _whole_floats(pixels)
    foreground = [v for v in found if v]
    if label is not None:
        return _classes(values, label, pixels.name, ignore=True)
    if len(foreground) <= 1:
        return _ones(values != 0)
    if foreground == [1, IGNORE]:
        return _classes(values, None, pixels.name, ignore=True)
    several = f"{len(found)} grey values" if len(found) > 8 else f"the grey values {_listed(found)}"
    raise DataError(
        f"{pixels.name} has {several}, which can be classes or soft edges. Choose a coding: threshold=127"
        " selects lighter pixels, index=A,B these values, palette every class (255 is ignored), and a label"
        " one class."
    )


def _auto_palette(pixels: MaskPixels, label: int | str | None) -> NDArray[np.uint8]:
    indices, palette = pixels.values, pixels.palette
    assert palette is not None
    used = values_in(indices)
    colour = {v: tuple(int(c) for c in palette[v]) if v < len(palette) else None for v in used}
    if label is None and set(colour.values()) <= {(0, 0, 0), (255, 255, 255)}:
        white = [v for v in used if colour[v] == (255, 255, 255)]
        return _ones(np.isin(indices, white))
    if _is_voc(pixels):
        return _classes(indices, label, pixels.name, ignore=True)
    grey_ramp = all(c in ((v, v, v), None) for v, c in colour.items())
    first = tuple(int(c) for c in palette[0]) if len(palette) else (0, 0, 0)
    if not grey_ramp and first != (0, 0, 0):
        raise DataError(
            f"{pixels.name}: index 0 of its palette is {_hex(first)}, not black, so it may or may not be the"
            f" background; it has the indices {_listed(used)}. Choose coding background=N or index=A,B."
        )
    if 0 not in used:
        raise DataError(
            f"{pixels.name} has no pixel of index 0, so its background is not known; it has the indices"
            f" {_listed(used)}. Choose coding background=N, index=A,B or palette."
        )
    if IGNORE in used and len(used) > 2:
        raise DataError(
            f"{pixels.name} has the indices {_listed(used)}, and 255 can be a class or mean ignored pixels. Choose"
            " coding palette (255 is ignored) or index=A,B."
        )
    return _classes(indices, label, pixels.name, ignore=False)


def _auto_colour(pixels: MaskPixels, label: int | str | None) -> NDArray[np.uint8]:
    colours = _colours(pixels.values)
    if len(colours) > 256:
        raise DataError(
            f"{pixels.name} is not a mask: it has {len(colours)} colours, but a mask has one for each label."
        )
    if label is not None:
        wanted = _colour(str(label), f"label {label}")
        if wanted not in colours:
            raise DataError(f"{pixels.name} has no colour {label}; it has {_listed([_hex(c) for c in colours])}.")
        return _ones(_has_colour(pixels, [wanted]))
    if (0, 0, 0) not in colours and colours != [(255, 255, 255)]:
        raise DataError(
            f"{pixels.name} has no black pixel, so its background is not known; its colours are"
            f" {_listed([_hex(c) for c in colours])}. Choose coding background=#RRGGBB or colours=#RRGGBB."
        )
    return _ones(pixels.values.any(2))


# --- the parts --------------------------------------------------------------------------------------------------


def _ones(mask: Any) -> NDArray[np.uint8]:
    return np.ascontiguousarray(mask).astype(np.uint8)


def _classes(values: NDArray, label: int | str | None, name: str, *, ignore: bool) -> NDArray[np.uint8]:
    """Every class, or the named one, as 1."""
    if label is None:
        result = _ones(values != 0)
    else:
        wanted = _class_index(label, name)
        if wanted == IGNORE and ignore:
            raise DataError(f"{name}: 255 marks ignored pixels and is not a class.")
        result = _ones(values == wanted)
    if ignore:
        result[values == IGNORE] = IGNORE
    return result


def _class_index(label: int | str, name: str) -> int:
    text = str(label).strip()
    if text.lstrip("+").isdigit():
        return int(text)
    if text in VOC_CLASSES:
        return VOC_CLASSES.index(text)
    raise DataError(f"{name} holds numbers, and {label!r} is neither a number nor a class of Pascal VOC.")


def _grey(pixels: MaskPixels, coding: str) -> NDArray:
    """Brightness, if the pixels are grey values."""
    if pixels.kind in ("grey", "bits"):
        return pixels.values
    if pixels.kind == "palette":
        if coding == "binary":
            return pixels.values
        assert pixels.palette is not None
        colours = pixels.palette[np.minimum(pixels.values, len(pixels.palette) - 1)]
    else:
        colours = pixels.values
    if not (colours == colours[..., :1]).all():
        raise DataError(f"{pixels.name} has colours, so coding {coding!r} does not define the foreground.")
    return colours[..., 0]


def _indices(pixels: MaskPixels, coding: str) -> NDArray:
    if pixels.kind == "colour":
        raise DataError(f"{pixels.name} has colours, not indices: instead of coding {coding!r} use colours=#RRGGBB.")
    return pixels.values


def _other_than(pixels: MaskPixels, argument: str, coding: str) -> NDArray[np.uint8]:
    if argument.startswith("#"):
        return _ones(~_has_colour(pixels, [_colour(argument, coding)]))
    return _ones(~np.isin(_indices(pixels, coding), _whole_numbers(argument, coding)))


def _has_colour(pixels: MaskPixels, wanted: list[tuple[int, int, int]]) -> NDArray[np.bool_]:
    if pixels.kind == "palette":
        assert pixels.palette is not None
        colours: NDArray = pixels.palette[np.minimum(pixels.values, len(pixels.palette) - 1)]
    elif pixels.kind == "colour":
        colours = pixels.values
    else:
        grey = pixels.values.astype(np.int64) * (255 if pixels.kind == "bits" else 1)
        colours = np.repeat(grey[..., None], 3, axis=2)
    return np.isin(_codes(colours), [(r << 16) | (g << 8) | b for r, g, b in wanted])


def _codes(colours: NDArray) -> NDArray[np.int64]:
    wide = colours.astype(np.int64)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def _colours(values: NDArray) -> list[tuple[int, int, int]]:
    return [(int(c) >> 16, (int(c) >> 8) & 255, int(c) & 255) for c in np.unique(_codes(values))]


def _is_voc(pixels: MaskPixels) -> bool:
    """Whether the palette is that of Pascal VOC, or its beginning."""
    palette = pixels.palette
    if palette is None or len(palette) < 2:
        return False
    standard = voc_palette()
    used = np.array(values_in(pixels.values))
    within = used[used < len(palette)]
    return len(within) == len(used) and bool(
        (palette[: min(2, len(palette))] == standard[: min(2, len(palette))]).all()
        and (palette[within] == standard[within]).all()
    )


def _whole_floats(pixels: MaskPixels) -> list[int]:
    values = pixels.values
    if not np.isfinite(values).all() or not np.array_equal(values, np.rint(values)):
        raise DataError(f"{pixels.name} is not a mask: its values are not whole numbers. Choose coding threshold=N.")
    return [int(v) for v in np.unique(values)]


def _number(text: str, coding: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise DataError(f"Coding {coding!r}: {text!r} is not a number.") from None


def _whole_numbers(text: str, coding: str) -> list[int]:
    if not re.fullmatch(r"\s*\d+(\s*,\s*\d+)*\s*", text):
        raise DataError(f"Coding {coding!r}: {text!r} is not a list of whole numbers such as 1,2.")
    return [int(part) for part in text.split(",")]


def _colour(text: str, coding: str) -> tuple[int, int, int]:
    found = re.fullmatch(r"#?([0-9a-fA-F]{2})([0-9a-fA-F]{2})([0-9a-fA-F]{2})", text.strip())
    if not found:
        raise DataError(f"Coding {coding!r}: {text!r} is not a colour such as #FF8000.")
    red, green, blue = (int(part, 16) for part in found.groups())
    return red, green, blue


def _hex(colour: tuple[int, ...]) -> str:
    return "#" + "".join(f"{value:02X}" for value in colour[:3])


def _listed(values: list) -> str:
    shown = ", ".join(str(v) for v in values[:8])
    return shown + (f" and {len(values) - 8} more" if len(values) > 8 else "")
