"""Pictures of the main states of the window, light and dark, small and large: ``python -m tests.screenshots [FOLDER]``.

They are to be inspected by eye. Without a folder they are written to ``vitinspect-output/screenshots``; ``--help``
lists the states and says how to take some of them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SIZES = ((1280, 800), (1440, 900), (2560, 1440))
THEMES = ("light", "dark")
TWO_OBJECTS = "24-gem-leaf.png"
COPY = "a copy of the gallery"
"""A placeholder for the folder of pictures in which masks are drawn, so that the bundled ones are not changed."""
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
            },
            lambda window: [
                window.select_tool("what_if_brush"),
                window.select_tool("brush"),
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
        "compare": (
            {
                "methods": FOUR,
                "selected": "lrp",
                "workspace": "compare",
                "slot_b": {"model": "demo --image-size 336"},
            },
            lambda window: _open_picture(window, "22-shell-butterfly.jpg"),
        ),
        "people-before": ({"methods": FOUR[:3], "fusion": True}, _open_people),
        "people": ({"methods": FOUR[:3], "fusion": True}, _evaluate_people),
        "people-ranking": ({"methods": FOUR[:3], "fusion": True}, _rank_fusions),
        "compare-folder": (
            {
                "methods": ("legrad",),
                "workspace": "compare",
                "plots": True,
                "slot_b": {"model": "demo --image-size 336"},
            },
            lambda window: [window.backend.over_folder.compute(), _open_picture(window, "22-shell-butterfly.jpg")],
        ),
        **{
            f"example-{one.replace('_', '-')}": (
                {},
                lambda window, one=one: window.actions_[f"example_{one}"].trigger(),
            )
            for one in ("two_objects", "badge", "annotators")
        },
        "welcome": ({"methods": ("rollout",)}, lambda window: window.guide.show_welcome()),
        "figure": (
            {"methods": FOUR[:3], "workspace": "figure", "plots": True},
            lambda window: _make_figure(window, "layers", 3),
        ),
        "figure-blocks": (
            {"methods": ("rollout",), "workspace": "figure"},
            lambda window: _make_figure(window, "blocks", 2),
        ),
        "compare-training": (
            {
                "methods": ("legrad",),
                "workspace": "compare",
                "plots": True,
                "compare_tab": "compare-training",
            },
            _compare_training,
        ),
        "error": (
            {"methods": ("rollout",), "model": "no/such/model"},
            None,
        ),
        "target": (
            {"methods": ("lrp", "attnlrp"), "layout": "grid", "outline": True},
            lambda window: [_open_picture(window, TWO_OBJECTS), _explain(window, "leaf")],
        ),
        "marks": (
            {"methods": FOUR[:3], "layout": "grid"},
            lambda window: [_mark(window, 0, "A"), _mark(window, 1, "B")],
        ),
        "refused": ({"methods": ("rollout",), "layout": "grid"}, _open_a_map_of_no_size),
        "running": (
            {"methods": ("rollout",), "layout": "grid"},
            lambda window: [window.backend.state.add_map(m) for m in ("occlusion", "rise", "integrated_gradients")],
        ),
        "model-picker": ({"methods": ("rollout",)}, lambda window: window.context.model.open()),
        "layer-menu": (
            {"methods": FOUR[:2], "fusion": True},
            lambda window: _popup(
                window, window.layers_panel.menu(window.backend.state.layers[1].id), window.layers_panel, 60, 70
            ),
        ),
        "picture-menu": (
            {"methods": ("rollout",)},
            lambda window: _popup(window, window.picture_menu(), window.canvas, 200, 200),
        ),
        "masks-nobody": ({"methods": ("rollout",), "workspace": "masks", "folder": COPY}, None),
        "masks": ({"methods": ("rollout",), "workspace": "masks", "folder": COPY}, _draw),
        "masks-blind": (
            {"methods": ("rollout",), "workspace": "masks", "folder": COPY},
            lambda window: [window.backend.masks.set_blind(True), _draw(window)],
        ),
        "empty": ({"folder": "", "image": "", "methods": ()}, None),
        "probe": ({"methods": ("rollout",)}, _train_a_head),
        "probe-form": ({"methods": ("rollout",)}, lambda window: window.actions_["train_head"].trigger()),
        "texts": ({"methods": ("legrad",)}, _use_texts),
        "settings": ({"methods": ("rollout",)}, lambda window: window.actions_["settings"].trigger()),
        "export-picture": (
            {"methods": FOUR[:2], "outline": True},
            lambda window: [
                window.actions_["export_picture"].trigger(),
                window.export_dialog.page.bar.click(),
                window.export_dialog.above["method"].click(),
                window.export_dialog.above["target"].click(),
            ],
        ),
        "export-batch": ({"methods": FOUR}, lambda window: window.actions_["export_batch"].trigger()),
        "shortcuts": ({"methods": ("rollout",)}, lambda window: window.actions_["shortcuts"].trigger()),
        "save": ({"methods": FOUR[:2], "layout": "grid"}, lambda window: window.actions_["save"].trigger()),
        "palette": ({"methods": ("rollout",)}, lambda window: window.actions_["palette"].trigger()),
    }


_BEFORE_IT_ENDS = ("running",)
"""States that are taken while something is still computed."""


def _open_people(window: Any) -> None:
    """Pictures of the gallery with masks of five people, who draw the objects' masks each a little differently."""
    import numpy as np
    from PIL import Image

    from vitinspect.annotation.regions import grow
    from vitinspect.resources import resources_folder

    gallery, data = resources_folder() / "gallery", Path(os.environ["VITINSPECT_HOME"]) / "study"
    rng = np.random.default_rng(3)
    for path in sorted((gallery / "images").iterdir()):
        own = gallery / "masks" / f"{path.stem}.png"
        if not own.is_file() or (data / "images" / path.name).exists():
            continue
        (data / "images").mkdir(parents=True, exist_ok=True)
        shutil.copy(path, data / "images" / path.name)
        with Image.open(own) as drawn:
            mask = np.asarray(drawn.convert("L")) > 0
        for number, who in enumerate(("AK", "BL", "CM", "DR", "EV")):
            if rng.random() < 0.05:
                continue
            (data / "masks" / who).mkdir(parents=True, exist_ok=True)
            shifted = np.roll(grow(mask, int(rng.integers(-3, 4)) + number - 1), tuple(rng.integers(-4, 5, 2)), (0, 1))
            Image.fromarray(shifted).save(data / "masks" / who / own.name)
    window.backend.state.set(folder=str(data / "images"), workspace="people", selected="fused")
    _wait(lambda: window.backend.people.found is not None)


def _evaluate_people(window: Any) -> None:
    _open_people(window)
    people = window.backend.people
    _wait(lambda: people.settings() is not None)
    people.start()
    _wait(lambda: not people.process.running)
    _wait(lambda: people.found is not None and people.found.among is not None and people._asked is None)
    window.backend.state.set(image=str(people.found.among.pictures[5].path))
    _wait(lambda: people.detail is not None)


def _rank_fusions(window: Any) -> None:
    _evaluate_people(window)
    window.backend.people.rank()
    _wait(lambda: window.backend.people.ranking.found is not None)


def _make_figure(window: Any, columns: str, count: int) -> None:
    """A figure of the first pictures, with all of its maps and what is said of it before export."""
    figures = window.backend.figures
    figures.make_of("pictures", columns, window.backend.listing.paths[:count])
    _wait(
        lambda: (
            figures.page is not None
            and figures.page.spec == figures.spec
            and figures.waiting == 0
            and figures.measured is not None
        )
    )


def _wait(condition: Callable[[], bool]) -> None:
    from PySide6.QtWidgets import QApplication

    while not condition():
        QApplication.processEvents()
        time.sleep(0.05)


def _train_a_head(window: Any) -> None:
    """Two heads on fresh scenes, in the dialog."""
    from PIL import Image
    from PySide6.QtWidgets import QApplication

    from vitinspect.app.shell.probe_dialog import ProbeDialog
    from vitinspect.gallery.fresh import Wanted, paint_batch
    from vitinspect.gallery.shapes import CLASSES

    home = Path(os.environ["VITINSPECT_HOME"])
    data = home / "scenes"
    wanted = [Wanted(5_000_000 + i, label=CLASSES[i % len(CLASSES)]) for i in range(3 * len(CLASSES))]
    pictures, labels = paint_batch((11, wanted))
    for i, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        place = data / CLASSES[label[0]]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{i}.png")
    window.actions_["train_head"].trigger()
    dialog = window.findChild(ProbeDialog)
    # Paths within the folder that the picture is made in, whose own name is drawn by chance.
    before = Path.cwd()
    os.chdir(home)
    dialog.train.setText(data.name)
    dialog.C.setText("0.01, 0.1, 1")
    dialog.out.setText("scenes.safetensors")
    dialog.loss.set_value("both")
    dialog.start.click()
    while window.backend.probes.running:
        QApplication.processEvents()
        time.sleep(0.05)
    os.chdir(before)


def _open_picture(window: Any, name: str) -> None:
    from vitinspect.app.screenshot import wait_until_settled

    state = window.backend.state
    state.set(image=str(Path(state.image).with_name(name)))
    wait_until_settled(window.backend, 600)


def _compare_training(window: Any) -> None:
    """Steps from noise to the bundled model's weights, as if it had been trained at an even pace."""
    import torch
    from safetensors.torch import load_file, save_file

    from vitinspect import resources
    from vitinspect.app.screenshot import wait_until_settled

    source = resources.demo_model_folder()
    weights = load_file(source / "model.safetensors")
    folder = Path(os.environ["VITINSPECT_HOME"]) / "run-demo"
    for step in (0, 2000, 4000, 6000, 8000, 10000, 15000, 20000):
        torch.manual_seed(0)
        share, place, blended = step / 20000, folder / f"step-{step}", {}
        place.mkdir(parents=True, exist_ok=True)
        for name, own in weights.items():
            noise = torch.randn(own.shape) * own.float().std(correction=0)
            blended[name] = (share * own.float() + (1 - share) * noise).to(own.dtype).contiguous()
        save_file(blended, place / "model.safetensors")
        (place / "config.json").write_text((source / "config.json").read_text())
    _open_picture(window, "22-shell-butterfly.jpg")
    window.backend.state.set(checkpoints=str(folder))
    window.backend.training.compute()
    wait_until_settled(window.backend, 600)
    run = window.backend.training
    run.choose(run.checkpoints[-2])


def _explain(window: Any, label: str) -> None:
    window.backend.state.set(target=(window.backend.results.card.labels.index(label),))


def _mark(window: Any, at: int, letter: str) -> None:
    state = window.backend.state
    state.edit_layer(state.layers[at].id, f"Mark as {letter}", mark=letter)


def _open_a_map_of_no_size(window: Any) -> None:
    import numpy as np

    path = Path(tempfile.mkdtemp()) / "heat_leaf.npy"
    np.save(path, np.random.default_rng(0).random((16, 16)))
    window.open_paths([str(path)])


def _popup(window: Any, menu: Any, part: Any, x: int, y: int) -> None:
    from PySide6.QtCore import QPoint

    menu.popup(part.mapToGlobal(QPoint(x, y)))


def _draw(window: Any) -> None:
    """A mask that is being drawn, with the strokes of the brush."""
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    from vitinspect.app.screenshot import wait_until_settled

    window.backend.masks.set_annotator("ben")
    wait_until_settled(window.backend, 600)
    view = window.workspace_view
    left = Qt.MouseButton.LeftButton
    for x in (150, 190, 230, 270):
        spot = view.to_screen((x, 210)).toPoint()
        QTest.mousePress(view, left, pos=spot)
        QTest.mouseRelease(view, left, pos=spot)


def _use_texts(window: Any) -> None:
    """A small random CLIP with three texts."""
    import json

    from tests.models.test_image_text import clip
    from vitinspect.app.screenshot import wait_until_settled

    home = Path(os.environ["VITINSPECT_HOME"])
    clip().save_pretrained(home / "clip")
    texts = ("a butterfly", "a flower on grass", "a fish under water")
    ids = {f"a photo of {text}": [5 + i, 7, 49, 0] for i, text in enumerate(texts)}
    (home / "ids.json").write_text(json.dumps(ids))
    window.backend.state.set(model=str(home / "clip"))
    wait_until_settled(window.backend, 600)
    field = window.context.texts
    field.open()
    field.texts.setPlainText("\n".join(texts))
    field.templates.setPlainText("a photo of {}")
    field.token_ids.setText(str(home / "ids.json"))
    field.use.click()
    wait_until_settled(window.backend, 600)


def take(folder: Path, names: Sequence[str], sizes: Sequence[tuple[int, int]], themes: Sequence[str]) -> None:
    from PySide6.QtWidgets import QDialog

    from vitinspect.app import main as app_main
    from vitinspect.app import theme
    from vitinspect.app.screenshot import wait_until_settled
    from vitinspect.app.shell.window import MainWindow

    folder.mkdir(parents=True, exist_ok=True)
    app = app_main.application()
    for name, (values, act) in states().items():
        if name not in names:
            continue
        backend, _ = app_main.make_backend(None, None, True)
        backend.remembers = False
        theme.apply(app, "light")
        window = MainWindow(backend)
        if values.get("folder") == COPY:
            values = {**values, "folder": _copied_gallery()}
        backend.state.set(**values)
        window.resize(*sizes[0])
        window.show()
        backend.coordinator.start()
        wait_until_settled(backend, 600)
        for size in sizes:
            window.resize(*size)
            _let_events_run(app)
            if act is not None and (size == sizes[0] or _popups(window)):
                for popup in _popups(window):
                    popup.close()
                act(window)
                if name not in _BEFORE_IT_ENDS:
                    wait_until_settled(backend, 600)
            dialogs = window.findChildren(QDialog)
            for choice in themes:
                theme.apply(app, choice)
                window.refresh_theme()
                _let_events_run(app)
                path = folder / f"{name}-{choice}-{size[0]}x{size[1]}.png"
                (dialogs[0].grab() if dialogs else _with_popups(window)).toImage().save(str(path))
                print(path, flush=True)
            if dialogs:
                break
        for part in (*window.findChildren(QDialog), *_popups(window)):
            part.close()
        window.close()
        backend.close(20)
        window.deleteLater()
        backend.deleteLater()
        app.processEvents()


def _copied_gallery() -> str:
    from vitinspect.resources import gallery_folder

    copy = Path(os.environ["VITINSPECT_HOME"]) / "gallery"
    if not copy.is_dir():
        shutil.copytree(gallery_folder(), copy)
    return str(copy / "images")


def _let_events_run(app: Any) -> None:
    for _ in range(10):
        app.processEvents()
        time.sleep(0.02)


def _popups(window: Any) -> list[Any]:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    return [
        one
        for one in QApplication.topLevelWidgets()
        if one is not window and one.isVisible() and one.windowType() == Qt.WindowType.Popup
    ]


def _with_popups(window: Any) -> Any:
    """The window with the menus that are open over it, which are windows of their own."""
    from PySide6.QtGui import QPainter

    picture = window.grab()
    painter = QPainter(picture)
    for popup in _popups(window):
        painter.drawPixmap(window.mapFromGlobal(popup.pos()), popup.grab())
    painter.end()
    return picture


def _arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    known = tuple(states())
    parser = argparse.ArgumentParser(
        prog="python -m tests.screenshots",
        description="Writes a PNG of each main state of the window.",
        epilog=f"States: {', '.join(known)}.",
        allow_abbrev=False,
    )
    parser.add_argument("folder", nargs="?", type=Path, default=Path("vitinspect-output/screenshots"))
    parser.add_argument("--only", metavar="STATE,...", type=_list_of(known), default=known, help="these states alone")
    parser.add_argument(
        "--sizes", metavar="WxH,...", type=_sizes, default=SIZES, help="1280x800, 1440x900 and 2560x1440 unless given"
    )
    parser.add_argument("--themes", metavar="THEME,...", type=_list_of(THEMES), default=THEMES, help="light, dark")
    return parser.parse_args(given)


def _list_of(known: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    def parse(text: str) -> tuple[str, ...]:
        names = tuple(text.split(","))
        unknown = [name for name in names if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(known)}")
        return names

    return parse


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    try:
        sizes = [tuple(int(side) for side in size.split("x")) for size in text.split(",")]
        return tuple((width, height) for width, height in sizes)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: expected sizes such as 1280x800,2560x1440") from None


def main() -> None:
    arguments = _arguments()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as home:
        os.environ["VITINSPECT_HOME"] = home
        take(arguments.folder, arguments.only, arguments.sizes, arguments.themes)
    # Qt takes its time to unload beside torch; there is nothing left to do.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
