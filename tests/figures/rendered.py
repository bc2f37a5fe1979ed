"""Files of figures as other programs show them: poppler, a browser, Qt's reader of SVG."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no browser here")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} (poppler-utils) is not installed")
    return found


def pdf_pixels(data: bytes, folder: Path, dpi: int) -> np.ndarray:
    """The page as poppler paints it."""
    (folder / "page.pdf").write_bytes(data)
    subprocess.run([program("pdftoppm"), "-r", str(dpi), "-png", "page.pdf", "page"], cwd=folder, check=True)
    return np.asarray(Image.open(folder / "page-1.png").convert("RGB")).astype(int)


def browser_pixels(data: bytes, folder: Path, dpi: int, size: tuple[int, int]) -> np.ndarray:
    """An SVG in a browser without a screen, in a window that holds ``size`` (width, height) pixels of ``dpi``."""
    (folder / "page.svg").write_bytes(data)
    window = ",".join(str(math.ceil(side * 96 / dpi) + 200) for side in size)  # with room for the browser's own
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={folder / 'profile'}", "--force-color-profile=srgb", "--hide-scrollbars"]
    command += [f"--force-device-scale-factor={dpi / 96}", f"--window-size={window}"]
    command += [f"--screenshot={folder / 'seen.png'}", (folder / "page.svg").as_uri()]
    subprocess.run(command, capture_output=True, timeout=240, check=True)
    return np.asarray(Image.open(folder / "seen.png").convert("RGB")).astype(int)


def qt_pixels(data: bytes, dpi: float, page: tuple[float, float]) -> np.ndarray:
    """An SVG as Qt's reader paints it; ``page`` is its width and height in points. Needs an application of Qt."""
    from PySide6.QtCore import QByteArray, QRectF
    from PySide6.QtGui import QImage, QPainter
    from PySide6.QtSvg import QSvgRenderer

    width, height = (side * dpi / 72 for side in page)
    image = QImage(math.ceil(width), math.ceil(height), QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    renderer = QSvgRenderer(QByteArray(data))
    assert renderer.isValid()
    renderer.render(painter, QRectF(0, 0, width, height))
    painter.end()
    return image_pixels(image)


def image_pixels(image) -> np.ndarray:  # type: ignore[no-untyped-def]
    """The colours of an image of Qt, height x width x 3."""
    image = image.convertToFormat(image.Format.Format_RGB32)
    lines = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return lines[:, : image.width(), 2::-1].astype(int)
