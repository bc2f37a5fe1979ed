"""Export from the panel: the picture of a view as PNG, SVG or PDF, and the network as a graph file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QRect, QSize, QSizeF
from PySide6.QtGui import QImage, QImageWriter, QPageSize, QPainter, QPdfWriter

from vitinspect.errors import DataError, ParameterError

PICTURES = {".png": "PNG", ".svg": "SVG", ".pdf": "PDF"}


def picture_bytes(view: Any, ending: str, size: QSize, title: str = "", scale: float = 2.0) -> bytes:
    """A view painted into a file: lines stay lines in SVG and PDF."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if ending == ".png":
        image = QImage(size * scale, QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(scale)
        image.setText("Software", "vitinspect")
        image.setText("Title", title)
        _paint(view, image, size)
        QImageWriter(buffer, b"png").write(image)
    elif ending == ".svg":
        from PySide6.QtSvg import QSvgGenerator

        generator = QSvgGenerator()
        generator.setOutputDevice(buffer)
        generator.setSize(size)
        generator.setViewBox(QRect(0, 0, size.width(), size.height()))
        generator.setTitle(title or "vitinspect")
        generator.setDescription("Attention network, by vitinspect")
        _paint(view, generator, size)
    elif ending == ".pdf":
        writer = QPdfWriter(buffer)
        # One point of the page for one pixel of the view, painted at ten times its resolution.
        writer.setPageSize(QPageSize(QSizeF(size.width(), size.height()), QPageSize.Unit.Point))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0))
        writer.setResolution(720)
        writer.setTitle(title)
        writer.setCreator("vitinspect")
        _paint(view, writer, size, 10.0)
    else:
        raise ParameterError(f"A picture is written as {', '.join(PICTURES)}, not {ending or 'without an ending'!r}.")
    buffer.close()
    return bytes(data.data())


def _paint(view: Any, device: Any, size: QSize, scale: float = 1.0) -> None:
    painter = QPainter()
    if not painter.begin(device):
        raise DataError("The picture cannot be painted.")
    # Otherwise Qt stores photographs in PDF as JPEG.
    painter.setRenderHint(QPainter.RenderHint.LosslessImageRendering, True)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
    painter.scale(scale, scale)
    view.render_to(painter, size.width(), size.height())
    painter.end()


def save_picture(view: Any, path: str | os.PathLike[str], title: str = "") -> Path:
    """Write the view as it is on the screen, in the format of the file's ending."""
    from vitinspect.files import write_atomic

    path = Path(path)
    write_atomic(path, picture_bytes(view, path.suffix.lower(), view.size(), title))
    return path


def save_graph(network: Any, path: str | os.PathLike[str], min_cut: float, first: int, layer: int | None) -> Path:
    """Write one layer, or all from ``first`` on. Slow for many arcs: not for the window's own thread."""
    from vitinspect.graphs import layer_graph, multilayer_graph, write_graph

    if layer is not None:
        graph: Any = layer_graph(network.layers, layer, min_cut)
    else:
        graph = multilayer_graph(network.layers, min_cut, first)
    return write_graph(graph, Path(path))
