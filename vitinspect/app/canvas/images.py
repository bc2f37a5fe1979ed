"""What the canvas shows as an image for a file. It imports numpy, through the painting of maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QImage, QPainter

from vitinspect.app import theme
from vitinspect.app.canvas import painting
from vitinspect.app.geometry import View
from vitinspect.app.session.results import ShownMap

if TYPE_CHECKING:
    from vitinspect.app.canvas.canvas import Canvas


def overlay_image(canvas: Canvas, shown: ShownMap, scale: int = 1, ground: str = "") -> QImage:
    """A map over the picture at the picture's own size or larger, as the canvas paints it."""
    picture = canvas.results.picture
    assert picture is not None
    height, width = picture.size[0] * scale, picture.size[1] * scale
    view = View(float(scale))
    with theme.on_ground(ground):
        look = canvas.look(shown)
    composer = painting.Composer()
    image = composer.base(picture, view, (width, height), 1.0, look)
    painter = QPainter(image)
    if look.show != "image":
        composer.paint_map(painter, shown, view, (width, height), look, canvas.threshold_of(shown))
        canvas.paint_masks(painter, view, (width, height))
    painter.end()
    image.setText("Software", "vitinspect")
    image.setText("vitinspect:shows", shown.owner)
    return image
