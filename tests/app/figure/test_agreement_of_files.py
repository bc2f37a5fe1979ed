"""Screen, PDF and SVG show the same colours at the same places, as other programs read the files."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from tests.app.figure.test_workspace import export
from vitinspect.app.figure.scene_painting import image_of

DPI = 200


def pixels_of(image: QImage) -> Any:
    image = image.convertToFormat(QImage.Format.Format_RGB888)
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)


def compare(screen: Any, file: Any, figures: Any, scale: float, most: float) -> None:
    """Means over small squares in each cell, which half a pixel of shift does not change much."""
    for cell in figures.page.page.cells:
        left, top, wide, high = (value * scale for value in cell.box)
        for down in (0.3, 0.5, 0.7):
            for right in (0.3, 0.5, 0.7):
                x, y = round(left + wide * right), round(top + high * down)
                square = np.s_[y - 3 : y + 4, x - 3 : x + 4]
                distance = np.abs(screen[square].mean((0, 1)) - file[square].mean((0, 1))).max()
                assert distance <= most, (cell.where, right, down, distance)


@pytest.fixture
def files(opened: Any, backend: Any, composed: Any, tmp_path: Path) -> Path:
    backend.figures.change_cells("No frame", "all", {"frame": False})
    composed()
    for kind in ("pdf", "svg"):
        export(opened, backend, tmp_path, kind, composed)
    return tmp_path


def test_screen_and_pdf_agree(files: Path, backend: Any) -> None:
    if not shutil.which("pdftoppm"):
        pytest.skip("pdftoppm is not installed")
    command = ["pdftoppm", "-r", str(DPI), "-png", "-singlefile", str(files / "figure.pdf"), str(files / "page")]
    subprocess.run(command, check=True)
    with Image.open(files / "page.png") as image:
        file = np.asarray(image.convert("RGB")).astype(int)
    screen = pixels_of(image_of(backend.figures.page.scene, DPI))
    assert abs(file.shape[1] - screen.shape[1]) <= 1
    compare(screen, file, backend.figures, DPI / 72, 12)


def test_screen_and_svg_agree_in_another_renderer(files: Path, backend: Any) -> None:
    renderer = QSvgRenderer(str(files / "figure.svg"))
    assert renderer.isValid()
    screen = image_of(backend.figures.page.scene, DPI)
    painted = QImage(screen.size(), QImage.Format.Format_RGB32)
    painted.fill("#ffffff")
    painter = QPainter(painted)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    renderer.render(painter)
    painter.end()
    compare(pixels_of(screen), pixels_of(painted), backend.figures, DPI / 72, 12)
