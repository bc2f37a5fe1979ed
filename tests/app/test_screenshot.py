"""The picture of the window that is written where there is no display: the bundled model on the bundled gallery."""

from __future__ import annotations

import numpy as np
from PIL import Image

from vitinspect.app.screenshot import write_screenshot
from vitinspect.paths import config_folder


def test_the_window_is_drawn_off_screen_with_the_bundled_model(qapp, home, tmp_path):
    path = write_screenshot(tmp_path / "window.png", size=(1280, 800), timeout=250)
    with Image.open(path) as picture:
        assert picture.size == (1280, 800)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    # The middle holds a picture under viridis: many colours, not the canvas' grey.
    middle = pixels[200:600, 350:850].reshape(-1, 3)
    assert len(np.unique(middle, axis=0)) > 1000
    # A picture of the window leaves no state behind for the next one.
    assert not (config_folder() / "window.json").exists()
