"""Kept pictures of the canvas: how two are compared, and the command that paints them again.

``python -m tests.app.canvas.kept`` paints every scene and writes it to ``tests/app/canvas/kept/``; look at the
pictures before they are committed.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).resolve().parent / "kept"
DIFFERENCES = Path("vitinspect-output") / "canvas-differences"
NEAR = 24
"""Steps of 255 by which a pixel may differ: edges of letters and lines are rounded differently elsewhere."""
FAR_SHARE = 0.004
"""The share of pixels that may differ by more."""


def differing_share(kept: Image.Image, painted: Image.Image) -> float:
    """The share of pixels that differ visibly; 1 where the sizes differ."""
    if kept.size != painted.size:
        return 1.0
    return float((_distance(kept, painted) > NEAR).mean())


def write_difference(name: str, kept: Image.Image | None, painted: Image.Image) -> Path:
    """Kept, painted and where they differ (white), side by side."""
    DIFFERENCES.mkdir(parents=True, exist_ok=True)
    parts = [painted]
    if kept is not None:
        parts.insert(0, kept)
        if kept.size == painted.size:
            far = _distance(kept, painted) > NEAR
            parts.append(Image.fromarray((far * 255).astype(np.uint8)).convert("RGB"))
    sheet = Image.new("RGB", (sum(p.width + 4 for p in parts), max(p.height for p in parts)), (255, 0, 255))
    left = 0
    for part in parts:
        sheet.paste(part, (left, 0))
        left += part.width + 4
    path = DIFFERENCES / f"{name}.png"
    sheet.save(path)
    return path


def _distance(one: Image.Image, other: Image.Image) -> np.ndarray:
    first, second = (np.asarray(image.convert("RGB"), np.int16) for image in (one, other))
    return np.abs(first - second).max(-1)


def main() -> int:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from tests.app.canvas import scenes

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    if not scenes.use_font(app):
        print(f"{scenes.FONT} is not installed here, and the kept pictures are painted with it.")
        return 1
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.glob("*.png"):
        if old.stem not in scenes.SCENES:
            old.unlink()
    with tempfile.TemporaryDirectory() as folder:
        for name in scenes.SCENES:
            path = FOLDER / f"{name}.png"
            painted = scenes.paint(app, name, Path(folder))
            if path.exists() and differing_share(Image.open(path), painted) == 0:
                continue  # no visible difference: the kept file stays
            painted.save(path, optimize=True)
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
