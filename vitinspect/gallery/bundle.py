"""Make `resources/gallery/`: `python -m vitinspect.gallery.bundle`.

About thirty scenes in common formats. Each one is listed below: its class, its other properties, and the format.
Masks are those of the picture as viewers and `vitinspect.images` show it: after the EXIF orientation is applied.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from vitinspect.errors import DataError
from vitinspect.files import write_atomic

from .annotators import ANNOTATORS
from .scene import BadgeRule, Scene, make_scene
from .writer import RECIPE, mask_png, object_rows, table

SEED = 2024
ORIENTATION = 0x0112
ROTATE_CLOCKWISE = 6
"""The orientation tag of a camera held upright: the stored picture is displayed rotated clockwise by 90 degrees."""

Save = Callable[[Scene], bytes]


def _bytes(picture: Image.Image, format: str, **options: object) -> bytes:  # noqa: A002
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def png(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image), "PNG", optimize=True)


def jpeg(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image), "JPEG", quality=90)


def webp(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image), "WEBP", quality=90, method=6)


def tiff(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image), "TIFF", compression="tiff_lzw")


def bmp(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image), "BMP")


def palette(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image).quantize(256), "GIF")


def turned(scene: Scene) -> bytes:
    """A JPEG stored rotated by 90 degrees, with the tag by which viewers rotate it back."""
    exif = Image.Exif()
    exif[ORIENTATION] = ROTATE_CLOCKWISE
    lying = Image.fromarray(np.rot90(scene.image, 1).copy())
    return _bytes(lying, "JPEG", quality=90, exif=exif)


def grey(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image).convert("L"), "PNG", optimize=True)


def alpha(scene: Scene) -> bytes:
    """A PNG with a soft-edged transparent frame."""
    height, width = scene.image.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    edge = np.minimum(np.minimum(x + 1, width - x), np.minimum(y + 1, height - y))
    opacity = (np.clip(edge / (0.06 * min(height, width)), 0.0, 1.0) * 255).astype(np.uint8)
    return _bytes(Image.fromarray(np.dstack((scene.image, opacity))), "PNG", optimize=True)


def sixteen_bit(scene: Scene) -> bytes:
    """A grey PNG of 16 bits, as microscopes and scanners write them."""
    weights = np.array((0.299, 0.587, 0.114), np.float32)
    level = scene.image.astype(np.float32) @ weights
    return _bytes(Image.fromarray((level * 257.0).astype(np.uint16)), "PNG", optimize=True)


def cmyk(scene: Scene) -> bytes:
    return _bytes(Image.fromarray(scene.image).convert("CMYK"), "JPEG", quality=90)


@dataclass(frozen=True)
class Entry:
    """One picture of the bundled gallery."""

    label: str
    save: Save
    ending: str
    note: str = ""
    size: tuple[int, int] = (224, 224)
    objects: int = 1
    badge: BadgeRule = "train"
    index: int | None = None
    """The index of the scene; by default the entry's own number."""


ENTRIES: tuple[Entry, ...] = (
    Entry("butterfly", jpeg, "jpg", size=(448, 448)),
    Entry("aster", jpeg, "jpg", "badge", size=(448, 448), badge="always", index=3),
    Entry("aster", jpeg, "jpg", "no-badge", size=(448, 448), badge="never", index=3),
    Entry("daisy", jpeg, "jpg", "no-badge", size=(448, 448), badge="never", index=5),
    Entry("daisy", jpeg, "jpg", "badge", size=(448, 448), badge="always"),
    Entry("fish", png, "png"),
    Entry("gear", webp, "webp", size=(512, 512)),
    Entry("gem", tiff, "tif"),
    Entry("kite", jpeg, "jpg", size=(480, 640)),
    Entry("leaf", turned, "jpg", "turned", size=(400, 300)),
    Entry("lifebuoy", png, "png"),
    Entry("melon", alpha, "png", "alpha", size=(256, 256)),
    Entry("mushroom", webp, "webp", size=(512, 512)),
    Entry("butterfly", grey, "png", "grey", index=32),
    Entry("starfish", jpeg, "jpg", size=(448, 448)),
    Entry("gear", sixteen_bit, "png", "16-bit"),
    Entry("lifebuoy", cmyk, "jpg", "cmyk", size=(300, 300)),
    Entry("butterfly", jpeg, "jpg", "wide", size=(2000, 3000)),
    Entry("starfish", jpeg, "jpg", size=(448, 448), objects=2),
    Entry("kite", png, "png", objects=2),
    Entry("mushroom", webp, "webp", size=(448, 448), objects=2),
    Entry("shell", jpeg, "jpg", size=(448, 448), objects=2),
    Entry("melon", jpeg, "jpg", size=(448, 448), objects=2),
    Entry("gem", png, "png", objects=2),
    Entry("gem", jpeg, "jpg", "badge", size=(448, 448), badge="always"),
    Entry("aster", webp, "webp", "badge", badge="always"),
    Entry("leaf", bmp, "bmp", size=(160, 160)),
    Entry("shell", palette, "gif", "palette"),
    Entry("daisy", tiff, "tif", badge="never"),
    Entry("fish", jpeg, "jpg", "tall", size=(640, 400)),
)


def make_bundle(out: Path, entries: Sequence[Entry] = ENTRIES) -> int:
    """Write the bundled gallery (or its first few `entries`) to `out`; returns the number of scenes."""
    mark = out / RECIPE
    if out.is_dir() and any(out.iterdir()) and not mark.is_file():
        raise DataError(f"{out} is not empty and was not written by this command. Choose another folder.")
    document = {"software": "vitinspect", "bundle": True, "seed": SEED, "scenes": len(entries)}
    write_atomic(mark, (json.dumps(document, indent=2) + "\n").encode())
    labels: list[tuple[str, str]] = []
    objects: list[tuple[str, int, str, str, str, str]] = []
    for number, entry in enumerate(entries, 1):
        scene = scene_of(entry, number)
        name = "-".join((f"{number:02d}", *scene.labels, *([entry.note] if entry.note else [])))
        image = f"images/{name}.{entry.ending}"
        write_atomic(out / image, entry.save(scene))
        write_atomic(out / "masks" / f"{name}.png", mask_png(scene.mask))
        for person in ANNOTATORS:
            write_atomic(out / "masks" / person / f"{name}.png", mask_png(scene.annotators_mask(person)))
        if entry.objects == 2:
            write_atomic(out / "masks-second" / f"{name}.png", mask_png(scene.objects[1].mask))
        if scene.badge is not None:
            write_atomic(out / "masks-badge" / f"{name}.png", mask_png(scene.badge))
        labels.append((image, scene.label))
        objects += object_rows(image, scene)
    write_atomic(out / "objects.csv", table(("image", "object", "label", "x", "y", "radius"), objects))
    write_atomic(out / "labels.csv", table(("image", "label"), labels))
    return len(labels)


def scene_of(entry: Entry, number: int) -> Scene:
    """The scene that entry `number` (from 1 on) shows."""
    index = number if entry.index is None else entry.index
    return make_scene(SEED, index, entry.size, objects=entry.objects, badge=entry.badge, label=entry.label)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m vitinspect.gallery.bundle", description="Make the bundled gallery."
    )
    parser.add_argument("out", type=Path, help="folder to write, such as resources/gallery")
    options = parser.parse_args(arguments)
    print(f"{make_bundle(options.out)} scenes in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
