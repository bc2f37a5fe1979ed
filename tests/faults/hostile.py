"""File names that attack whatever reads, shows, stores or lists them; and small files to carry them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from PIL import Image

NAMES: tuple[bytes, ...] = (
    b"b\xe9.png",
    b"\xff\xfe\x80.png",
    b"literal\\xe9.png",
    b"two\nlines.png",
    b"return\rand\ttab.png",
    b"\x1b[31mred\x1b[0m.png",
    "right\u202egnp.to.left.png".encode(),
    b"'single' \"double\".png",
    b"<img src=x onerror=alert(1)>.png",
    b"<b>bold<_b> & &amp; `code` **stars** [link](x) |cell|.png",
    b"=1+1.png",
    b"+1.png",
    b"-n.png",
    b"@SUM(A1).png",
    b"--help.png",
    b"%s %d {0} {name} $HOME $(id).png",
    b"a#b.png",
    b"x" * 251 + b".png",
    ("é" * 125 + ".png").encode(),
    "猫の写真.png".encode(),
    b" leading and trailing .png",
    b"CON.png",
)
"""As bytes: on most systems a name is nothing else."""


def write_picture(path: Path, seed: int = 0, size: tuple[int, int] = (60, 48)) -> Path:
    """A small picture of noise, as PNG."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    with open(path, "wb") as file:
        Image.fromarray(pixels).save(file, "PNG")
    return path


def hostile_folder(folder: Path) -> list[Path]:
    """A folder of pictures with all of ``NAMES`` that the file system takes; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for seed, name in enumerate(NAMES):
        path = folder / os.fsdecode(name)
        try:
            made.append(write_picture(path, seed))
        except OSError:  # this file system does not take it
            continue
    return made
