"""Pictures: open one, find those in a folder, read a mask.

``opening``  opens every format as 8-bit RGB, with errors that name the file and the reason;
``colour``   converts 16 bits, palettes, CMYK, alpha and colour profiles;
``listing``  the pictures in a folder, streamed and in natural order;
``masks``    label images, whose numbers must not be treated as colours.

Nothing here imports torch or Qt, and all of it may be called from several threads.
"""

from __future__ import annotations

from vitinspect.images.listing import (
    SUFFIXES,
    is_image_name,
    list_images,
    natural_key,
    scan_images,
)
from vitinspect.images.masks import MaskPixels, mask_palette, open_mask, open_mask_picture, read_mask_pixels
from vitinspect.images.opening import (
    DEFAULT_MAX_PIXELS,
    max_pixels,
    open_image,
    read_size,
    set_max_pixels,
    thumbnail,
)

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "SUFFIXES",
    "MaskPixels",
    "is_image_name",
    "list_images",
    "mask_palette",
    "max_pixels",
    "natural_key",
    "open_image",
    "open_mask",
    "open_mask_picture",
    "read_mask_pixels",
    "read_size",
    "scan_images",
    "set_max_pixels",
    "thumbnail",
]
