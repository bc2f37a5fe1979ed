"""Colour maps as tables of 256 colours, without matplotlib.

viridis, inferno and magma are by Nathaniel Smith, Stéfan van der Walt and Eric Firing, who put them into
the public domain (CC0); turbo is by Anton Mikhailov (2019). Each is kept as every fifth of its 256 colours;
linear interpolation between these gives the rest to within one step of 255.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from vitinspect.errors import ParameterError
from vitinspect.figures.names import DIVERGING, colormap_names, default_colormap

__all__ = ["DIVERGING", "Table", "colormap", "colormap_names", "default_colormap"]

Table = NDArray[np.uint8]

_ANCHORS = {
    "viridis": (
        "440154 46085c 471063 481769 481d6f 482475 472a7a 46307e 453781 433d84 414287 3f4889 3d4e8a "
        "3a538b 38598c 355e8d 33638d 31688e 2e6d8e 2c718e 2a768e 297b8e 27808e 25848e 23898e 218e8d "
        "20928c 1f978b 1e9c89 1fa188 21a585 24aa83 28ae80 2eb37c 35b779 3dbc74 46c06f 50c46a 5ac864 "
        "65cb5e 70cf57 7cd250 89d548 95d840 a2da37 b0dd2f bddf26 cae11f d8e219 e5e419 f1e51d fde725"
    ),
    "inferno": (
        "000004 02020c 050417 0a0722 10092d 160b39 1e0c45 260c51 2f0a5b 380962 400a67 490b6a 510e6c "
        "59106e 61136e 69166e 71196e 781c6d 801f6c 88226a 902568 982766 a02a63 a82e5f b0315b b73557 "
        "bf3952 c63d4d cc4248 d34743 d94d3d df5337 e45a31 e9612b ed6925 f1711f f47918 f78212 f98b0b "
        "fa9407 fb9d07 fca60c fcb014 fbba1f fac42a f8cd37 f6d746 f4e156 f2ea69 f2f27d f5f992 fcffa4"
    ),
    "magma": (
        "000004 02020b 050416 090720 0e0b2b 140e36 1a1042 21114e 29115a 311165 390f6e 420f75 4a1079 "
        "52137c 5a167e 621980 6a1c81 721f81 792282 812581 892881 912b81 992d80 a1307e aa337d b2357b "
        "ba3878 c23b75 ca3e72 d2426f d9466b e04c67 e75263 ec5860 f1605d f4695c f7725c f97b5d fb8560 "
        "fc8e64 fd9869 fea16e feaa74 feb47b febd82 fec68a fecf92 fed89a fde2a3 fdebac fcf4b6 fcfdbf"
    ),
    "turbo": (
        "30123b 36215f 3b2f80 3f3e9c 424bb5 4559cb 4666dd 4773eb 4680f6 458cfd 4099ff 38a5fb 2fb2f4 "
        "27bee9 1fc9dd 1ad4d0 18ddc2 1ae4b6 22ebaa 2ff19b 3ff68a 52fa7a 65fd69 79fe59 8bff4b 9cfe40 "
        "a9fb39 b7f735 c3f134 d0ea34 dbe236 e5d938 eecf3a f5c53a faba39 fdae35 fea130 fe932a fc8423 "
        "f9751d f46617 ef5811 e84b0c e14109 d83706 ce2d04 c32503 b71d02 a91601 9b0f01 8b0902 7a0403"
    ),
    # For signed maps: white is zero, and both ends are equally dark, so that neither sign looks stronger.
    # Blue and red can be distinguished with every common kind of colour blindness.
    "diverging": "08306b 1c5ba6 4f8fcb 9bc4e4 f7f7f7 f5b79b df7558 b82f33 67000d",
}


@cache
def colormap(name: str) -> Table:
    """The (256, 3) table of ``name``; it is shared, so it cannot be written to."""
    if name in _ANCHORS:
        colours = _ANCHORS[name].split()
        anchors = np.array([[int(colour[i : i + 2], 16) for i in (0, 2, 4)] for colour in colours])
        at = np.linspace(0, 255, len(anchors))
        table = np.stack([np.interp(np.arange(256), at, anchors[:, c]) for c in range(3)], axis=1)
    elif name == "grey":
        table = np.repeat(np.arange(256.0)[:, None], 3, axis=1)
    elif name == "jet":
        # Three trapezoids, one per primary: the definition of this colour map since the 1980s.
        level = np.linspace(0, 1, 256)[:, None]
        red, green, blue = (
            np.interp(level[:, 0], *points)
            for points in (
                ([0, 0.35, 0.66, 0.89, 1], [0, 0, 1, 1, 0.5]),
                ([0, 0.125, 0.375, 0.64, 0.91, 1], [0, 0, 1, 1, 0, 0]),
                ([0, 0.11, 0.34, 0.65, 1], [0.5, 1, 1, 0, 0]),
            )
        )
        table = np.stack([red, green, blue], axis=1) * 255
    else:
        raise ParameterError(f"There is no colour map {name!r}; the colour maps are {', '.join(colormap_names())}.")
    result = table.round().astype(np.uint8)
    result.flags.writeable = False
    return result
