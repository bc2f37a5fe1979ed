"""Pictures of the main states of the window, light and dark, small and large: ``python -m tests.screenshots [FOLDER]``.

They are for looking at. Without a folder they are written to ``vitinspect-output/screenshots``.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIZES = ((1280, 800), (2560, 1440))
THEMES = ("light", "dark")
FOUR = ("rollout", "attention_gradcam", "lrp", "input_x_gradient")


def states() -> dict[str, tuple[dict[str, Any], Callable[[Any], None] | None]]:
    """Name -> values of the state, and what a person does then."""
    return {
        "single": ({"methods": ("rollout",)}, None),
        "grid": (
            {"methods": FOUR, "layout": "grid", "outline": True, "fusion": True},
            None,
        ),
        "swipe": ({"methods": FOUR, "layout": "swipe"}, None),
        "add-layers": ({"methods": FOUR, "layout": "grid"}, lambda window: window.layers_panel.open_picker()),
        "fused": ({"methods": FOUR[:3], "fusion": True, "selected": "fused", "outline": True}, None),
        "agreement": ({"methods": FOUR, "plots": True, "plot": "agreement", "layout": "grid"}, None),
        "heat": ({"methods": ("rollout",), "show": "heat", "smooth": False}, None),
        "scores": (
            {"methods": FOUR[:2], "plots": True, "fusion": True, "score_steps": 12},
            lambda window: window.actions_["compute_scores"].trigger(),
        ),
        "layers": (
            {"methods": ("rollout",), "plots": True, "plot": "layers", "pinned": (6, 6)},
            None,
        ),
        **{
            f"features-{view}": (
                {
                    "methods": ("rollout",),
                    "plots": True,
                    "plot": "features",
                    "feature_view": view,
                    "pinned": (6, 6) if view == "similarity" else (),
                },
                None,
            )
            for view in ("colours", "similarity", "norms", "distance")
        },
        "what-if": (
            {
                "methods": ("rollout",),
                "tool": "brush",
            },
            lambda window: [
                window.backend.what_if.brush((150, 200), (300, 260)),
                window.backend.what_if.brush((300, 260), (320, 200)),
            ],
        ),
        **{
            f"network-{view}": (
                {
                    "methods": ("rollout",),
                    "workspace": "network",
                    "network_view": view,
                    "network_layer": 3,
                    "pinned": (6, 6),
                },
                None,
            )
            for view in ("layer", "stack", "multiples", "aggregate", "measures")
        },
        "network-communities": (
            {
                "methods": ("rollout",),
                "workspace": "network",
                "network_colour": "communities",
                "parameters": {"multiplex": {"min_cut": 0.1}},
                "network_layer": 4,
            },
            None,
        ),
        "error": (
            {"methods": ("rollout",), "model": "no/such/model"},
            None,
        ),
        "empty": ({"folder": "", "image": "", "methods": ()}, None),
        "probe": ({"methods": ("rollout",)}, _train_a_head),
        "probe-form": ({"methods": ("rollout",)}, lambda window: window.actions_["train_head"].trigger()),
        "model-picker": ({"methods": ("rollout",)}, lambda window: window.context.model.open()),
        "settings": ({"methods": ("rollout",)}, lambda window: window.actions_["settings"].trigger()),
        "export-batch": ({"methods": FOUR}, lambda window: window.actions_["export_batch"].trigger()),
        "shortcuts": ({"methods": ("rollout",)}, lambda window: window.actions_["shortcuts"].trigger()),
        "save": ({"methods": FOUR[:2], "layout": "grid"}, lambda window: window.actions_["save"].trigger()),
        "palette": ({"methods": ("rollout",)}, lambda window: window.actions_["palette"].trigger()),
    }


def _train_a_head(window: Any) -> None:
    """Two heads on fresh scenes, in the dialog."""
    from PIL import Image
    from PySide6.QtWidgets import QApplication

    from vitinspect.app.shell.probe_dialog import ProbeDialog
    from vitinspect.gallery.fresh import Wanted, paint_batch
    from vitinspect.gallery.shapes import CLASSES

    data = Path(os.environ["VITINSPECT_HOME"]) / "scenes"
    wanted = [Wanted(5_000_000 + i, label=CLASSES[i % len(CLASSES)]) for i in range(3 * len(CLASSES))]
    pictures, labels = paint_batch((11, wanted))
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        place = data / CLASSES[label[0]]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{i}.png")
    window.actions_["train_head"].trigger()
    dialog = window.findChild(ProbeDialog)
    dialog.train.setText(str(data))
    dialog.C.setText("0.01, 0.1, 1")
    dialog.out.setText(str(data.parent / "scenes.safetensors"))
    dialog.loss.set_value("both")
    dialog.start.click()
    while window.backend.probes.running:
        QApplication.processEvents()
        time.sleep(0.05)


def main(folder: Path, only: list[str]) -> None:
    from PySide6.QtWidgets import QDialog

    from vitinspect.app import main as app_main
    from vitinspect.app import theme
    from vitinspect.app.screenshot import wait_until_settled
    from vitinspect.app.shell.window import MainWindow

    folder.mkdir(parents=True, exist_ok=True)
    app = app_main.application()
    for name, (values, act) in states().items():
        if only and name not in only:
            continue
        backend, _ = app_main.make_backend(None, None, True)
        backend.remembers = False
        theme.apply(app, "light")
        window = MainWindow(backend)
        backend.state.set(**values)
        window.resize(*SIZES[0])
        window.show()
        backend.coordinator.start()
        wait_until_settled(backend, 600)
        if act is not None:
            act(window)
            wait_until_settled(backend, 600)
        dialogs = window.findChildren(QDialog)
        for choice in THEMES:
            theme.apply(app, choice)
            window.refresh_theme()
            for size in SIZES if not dialogs else SIZES[:1]:
                window.resize(*size)
                for _ in range(10):
                    app.processEvents()
                    time.sleep(0.02)
                wait_until_settled(backend, 600)
                path = folder / f"{name}-{choice}-{size[0]}x{size[1]}.png"
                (dialogs[0] if dialogs else window).grab().toImage().save(str(path))
                print(path, flush=True)
        for dialog in dialogs:
            dialog.close()
        window.close()
        backend.close(20)
        window.deleteLater()
        backend.deleteLater()
        app.processEvents()


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    arguments = [a for a in sys.argv[1:] if not a.startswith("--only=")]
    chosen = [name for a in sys.argv[1:] if a.startswith("--only=") for name in a.removeprefix("--only=").split(",")]
    with tempfile.TemporaryDirectory() as home:
        os.environ["VITINSPECT_HOME"] = home
        main(Path(arguments[0] if arguments else "vitinspect-output/screenshots"), chosen)
    # Qt takes its time to unload beside torch; there is nothing left to do.
    sys.stdout.flush()
    os._exit(0)
