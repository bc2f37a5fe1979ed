"""A person at random: after each pause, everything on screen is what a fresh engine call computes for the state.

The worker and the pool answer late and in any order, and the walk is the same at each run of a seed. Run
``pytest tests/app/test_walk.py --long-walk`` for many more steps.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest

from tests.app.fresh import Fresh
from tests.app.on_screen import differences
from tests.app.scripted import ScriptedPool, ScriptedWorker
from vitinspect.app import backend as backend_module
from vitinspect.app import theme
from vitinspect.app.canvas.readout import Readout
from vitinspect.app.session import layers as layering
from vitinspect.app.shell.window import MainWindow
from vitinspect.errors import ModelError, VitInspectError
from vitinspect.explainers.methods import attention

STEPS = 250
A_FRAME = 20
"""Milliseconds. A window paints some milliseconds after it was asked to, and a canvas asks its readout to follow."""
LONG = 4000
METHODS = ("rollout", "raw_attention", "attention_gradcam", "input_x_gradient", "legrad")
MODELS = ("first", "second", "missing")


@pytest.fixture(scope="session")
def two_models(tiny: Any) -> dict[str, Any]:
    """Two models with different grids, labels and tokens before the patches."""
    import timm
    import torch

    import vitinspect as vi

    torch.manual_seed(1)
    module = timm.create_model(
        "vit_tiny_patch16_224",
        img_size=64,
        patch_size=16,
        embed_dim=24,
        depth=3,
        num_heads=2,
        num_classes=5,
        reg_tokens=2,
    )
    second = vi.wrap_model(module.eval(), labels=["fox", "bee", "owl", "dog", "yak"], name="second")
    return {"first": tiny, "second": second}


@pytest.fixture
def picture_set(tmp_path: Path) -> Path:
    """Pictures of different shapes, two files of the same content, one that is broken; masks for most of them."""
    images, masks = tmp_path / "set" / "images", tmp_path / "set" / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    chance = np.random.default_rng(5)
    shapes = {"a": (96, 64), "b": (64, 96), "c": (80, 80), "d": (120, 60), "f": (64, 64)}
    for name, (width, height) in shapes.items():
        small = chance.integers(0, 255, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).save(images / f"{name}.png")
    (images / "e.png").write_bytes(b"\x89PNG and nothing more")
    (images / "g.png").write_bytes((images / "c.png").read_bytes())
    for i, name in enumerate("abcg"):
        width, height = shapes.get(name, shapes["c"])
        mask = np.zeros((height, width), np.uint8)
        mask[10 + 4 * i : height - 8, 6 : width - 12 - 6 * i] = 255
        Image.fromarray(mask).save(masks / f"{name}.png")
    for i, who in enumerate(("DR", "MK")):
        (masks / who).mkdir()
        for name in "ab"[: 2 - i]:
            pixels = np.array(Image.open(masks / f"{name}.png"))
            Image.fromarray(np.roll(pixels, 4 * i + 2, axis=i)).save(masks / who / f"{name}.png")
    (tmp_path / "set" / "labels.csv").write_text("image,label\na.png,bee\nb.png,dog\ng.png,fox\n")
    return images


class Walker:
    """Does one thing at random."""

    def __init__(self, window: MainWindow, backend: Any, chance: random.Random) -> None:
        self.window, self.backend, self.chance = window, backend, chance
        self.said: list[str] = []
        doings = {
            self.next_picture: 14,
            self.previous_picture: 6,
            self.jump: 3,
            self.model: 3,
            self.fit: 5,
            self.precision: 3,
            self.device: 1,
            self.target: 5,
            self.contrast: 2,
            self.method: 8,
            self.parameter: 6,
            self.fusion: 4,
            self.weight: 4,
            self.fusion_mode: 2,
            self.threshold: 4,
            self.layout: 5,
            self.next_map: 3,
            self.keep: 2,
            self.pin: 4,
            self.brush: 4,
            self.fill: 1,
            self.reset_brush: 1,
            self.plots: 5,
            self.curves: 3,
            self.network: 3,
            self.network_slider: 4,
            self.cancel: 3,
            self.retry: 3,
            self.look: 4,
            self.point: 6,
            self.zoom: 4,
            self.empty_caches: 1,
            self.add_layer: 3,
            self.fuse_layers: 2,
            self.change_layer: 5,
            self.arrange_layers: 4,
            self.delete_layer: 3,
            self.undo: 3,
            self.score_against: 3,
            self.consensus: 2,
            self.compare: 6,
            self.slot_b: 6,
            self.exchange: 3,
            self.compare_look: 2,
        }
        self.doings, self.weights = list(doings), list(doings.values())

    def step(self) -> str:
        doing = self.chance.choices(self.doings, self.weights)[0]
        said = doing() or ""
        self.said.append(f"{doing.__name__} {said}".strip())
        return self.said[-1]

    @property
    def state(self) -> Any:
        return self.backend.state

    def act(self, name: str) -> None:
        """As by its key; one that is greyed out does nothing."""
        self.window.actions_[name].trigger()

    def set(self, **changes: Any) -> str:
        self.state.set(**changes)
        return ", ".join(f"{k}={v!r}" for k, v in changes.items())

    def next_picture(self) -> str:
        for _ in range(self.chance.choice((1, 1, 1, 4))):
            self.act("next")
        return self.state.image[-5:]

    def previous_picture(self) -> str:
        for _ in range(self.chance.choice((1, 1, 3))):
            self.act("previous")
        return self.state.image[-5:]

    def jump(self) -> str:
        return self.set(image=self.backend.listing.path_at(self.chance.randrange(7)))

    def model(self) -> str:
        return self.set(model=self.chance.choice(MODELS), target=())

    def fit(self) -> str:
        return self.set(fit=self.chance.choice(("crop", "squash", "pad")))

    def precision(self) -> str:
        return self.set(precision=self.chance.choice(("float32", "float64", "bfloat16")))

    def device(self) -> str:
        return self.set(device=self.chance.choice(("auto", "cpu")))

    def target(self) -> str:
        return self.set(target=self.chance.choice(((), (0,), (1,), (3,), (4,))))

    def contrast(self) -> str:
        return self.set(target=tuple(self.chance.sample(range(5), 2)))

    def method(self) -> str:
        method = self.chance.choice(METHODS)
        on = method not in self.state.methods
        self.state.choose(method, on)
        return f"{method} {'on' if on else 'off'}"

    def parameter(self) -> str:
        method, name, values = self.chance.choice(
            (
                ("rollout", "start_layer", (0, 1)),
                ("rollout", "head_fusion", ("mean", "max", "min")),
                ("raw_attention", "head_fusion", ("mean", "max")),
            )
        )
        value = self.chance.choice(values)
        self.state.set_parameter(method, name, value)
        return f"{method} {name}={value}"

    def fusion(self) -> None:
        self.state.toggle("fusion")

    def weight(self) -> str:
        weights = {**self.state.weights, self.chance.choice(METHODS): self.chance.choice((0.0, 0.3, 0.7, 1.0))}
        return self.set(weights=weights)

    def fusion_mode(self) -> str:
        return self.set(
            fusion_mode=self.chance.choice(("geometric", "arithmetic", "max", "rank")),
            fusion_normalise=self.chance.choice(("minmax", "none", "percentile")),
        )

    def threshold(self) -> str:
        mode = self.chance.choice(("otsu", "fixed", "percentile", "mean"))
        value = self.chance.choice((30.0, 75.0) if mode == "percentile" else (0.3, 0.8))
        return self.set(threshold_mode=mode, threshold_value=value, outline=self.chance.random() < 0.5)

    def layout(self) -> str:
        return self.set(
            layout=self.chance.choice(("single", "grid", "swipe")),
            show=self.chance.choice(("overlay", "overlay", "heat", "image")),
        )

    def next_map(self) -> None:
        self.act("next_map")

    def keep(self) -> None:
        self.act("keep_map")

    def pin(self) -> str:
        return self.set(pinned=self.chance.choice(((), (0, 0), (2, 3), (7, 1))))

    def brush(self) -> None:
        x, y = self.chance.uniform(10, 60), self.chance.uniform(10, 50)
        self.window.what_if.begin()
        self.window.what_if.stroke((x, y), (x + 8, y + 5), erase=self.chance.random() < 0.2)
        self.window.what_if.end()

    def fill(self) -> str:
        return self.set(brush_fill=self.chance.choice(("mean", "blur", "black")))

    def reset_brush(self) -> None:
        self.act(self.chance.choice(("reset_brush", "undo")))

    def plots(self) -> str:
        return self.set(plots=self.chance.random() < 0.8, plot=self.chance.choice(("scores", "layers")))

    def curves(self) -> str:
        self.act("compute_scores")
        if self.chance.random() < 0.3:
            return self.set(score_fill=self.chance.choice(("mean", "black")))
        return ""

    def network(self) -> None:
        self.set(workspace="inspect" if self.state.workspace == "network" else "network")

    def compare(self) -> None:
        self.set(workspace="inspect" if self.state.workspace == "compare" else "compare")

    def slot_b(self) -> str:
        """Another model, input, precision or class for slot B, as its row of the context bar asks for them."""
        state = self.backend.second.state
        if self.state.slot_b is None or self.state.workspace != "compare":
            return ""
        changes: dict[str, Any] = self.chance.choice(
            (
                {"model": self.chance.choice(MODELS), "target": ()},
                {"fit": self.chance.choice(("crop", "squash", "pad"))},
                {"precision": self.chance.choice(("float32", "float64", "bfloat16"))},
                {"target": self.chance.choice(((), (1,), (3,), (4, 2)))},
            )
        )
        state.set(**changes)
        return str(changes)

    def exchange(self) -> None:
        self.act("exchange_marks")

    def compare_look(self) -> str:
        return self.set(
            compare_view=self.chance.choice(("difference", "side", "swipe")),
            compare_range=self.chance.choice(("own", "shared")),
        )

    def network_slider(self) -> str:
        if self.chance.random() < 0.5:
            self.state.set_parameter("multiplex", "min_cut", self.chance.choice((0.0, 0.05)))
        return self.set(
            network_operator=self.chance.choice(("max", "min", "sum", "head 1")),
            network_layer=self.chance.randrange(3),
            network_view=self.chance.choice(("layer", "stack", "aggregate")),
        )

    def cancel(self) -> None:
        self.act("cancel")

    def retry(self) -> None:
        self.act("retry")

    def look(self) -> str:
        return self.set(
            opacity=self.chance.choice((0.3, 0.7)),
            colormap=self.chance.choice(("auto", "inferno")),
            smooth=self.chance.random() < 0.5,
        )

    def point(self) -> None:
        picture = self.backend.results.picture
        at = None
        if picture is not None and self.chance.random() < 0.9:
            at = (self.chance.uniform(1, picture.size[1] - 1), self.chance.uniform(1, picture.size[0] - 1))
        shown = self.window.view_in("compare") if self.state.workspace == "compare" else self.window.canvas
        shown._set_cursor(at)

    def zoom(self) -> None:
        self.act(self.chance.choice(("zoom_in", "zoom_out", "fit", "actual")))

    def empty_caches(self) -> None:
        self.backend.coordinator.clear_caches()

    # --- layers --------------------------------------------------------------------------------------------------

    def a_layer(self) -> Any:
        return self.chance.choice(self.state.layers) if self.state.layers else None

    def add_layer(self) -> str:
        if sum(one.is_map for one in self.state.layers) > 7:
            return ""
        return self.state.add_map(self.chance.choice(METHODS[:3]), {})

    def fuse_layers(self) -> str:
        maps = [layer.id for layer in self.state.layers if layer.kind == layering.MAP]
        if len(maps) < 2 or sum(one.is_map for one in self.state.layers) > 7:
            return ""
        return self.state.add_fused(self.chance.sample(maps, 2))

    def change_layer(self) -> str:
        layer = self.a_layer()
        if layer is None:
            return ""
        changes: dict[str, Any] = self.chance.choice(
            (
                {"visible": not layer.visible},
                {"visible": True},
                {"name": self.chance.choice(("", "mine"))},
                {"mark": self.chance.choice(("", "A", "B"))},
                {"threshold_mode": "mean", "shown_as": "outline"},
                {"opacity": 0.4, "opacity_mode": "uniform", "colormap": "viridis"},
                {"smooth": not layer.smooth},
                {"shown_as": self.chance.choice(("", "shade", "mask"))},
                {"range_mode": self.chance.choice(("layers", "automatic"))},
                {"range_mode": "typed", "low": 0.0, "high": self.chance.choice((0.01, 1.0))},
                {"range_mode": "pictures", "low": 0.01, "high": 0.01},
            )
        )
        if layer.kind == layering.FUSED and self.chance.random() < 0.5:
            changes = {"fusion_mode": self.chance.choice(("max", "geometric", "rank"))}
        elif layer.method == "rollout" and self.chance.random() < 0.5:
            changes = {"parameters": self.chance.choice(({}, {"start_layer": 1}))}
        self.state.edit_layer(layer.id, **changes)
        return f"{layer.id} {changes}"

    def arrange_layers(self) -> str:
        layer, layers = self.a_layer(), self.state.layers
        if layer is None:
            return ""
        doing = self.chance.choice(("move", "solo", "select", "duplicate"))
        if doing == "move":
            self.state.edit("Move", layering.move(layers, layer.id, self.chance.randrange(len(layers))))
        elif doing == "solo":
            self.state.edit("Solo", layering.solo(layers, layer.id))
        elif doing == "select":
            self.state.set(selected=layer.id)
        elif len(layers) < 8 and layer.is_map:
            self.state.edit("Duplicate", layering.duplicate(layers, layer.id)[0])
        return f"{doing} {layer.id}"

    def delete_layer(self) -> str:
        layer = self.a_layer()
        if layer is None:
            return ""
        self.state.edit("Delete", layering.remove(self.state.layers, layer.id))
        return layer.id

    def score_against(self) -> str:
        masks = [layer.id for layer in self.state.layers if not layer.is_map]
        return self.set(scored_mask=self.chance.choice(["", *masks]))

    def consensus(self) -> str:
        there = [layer for layer in self.state.layers if layer.kind == layering.CONSENSUS]
        how = self.chance.choice(("majority", "union", "intersection", "staple"))
        if there:
            self.state.edit_layer(there[0].id, group=how)
        else:
            self.window.layers_panel.add_consensus(how)
        return how

    def undo(self) -> str:
        name = self.chance.choice(("undo", "redo"))
        self.act(name)
        return name


@pytest.fixture
def walk(qapp, home, two_models, picture_set, monkeypatch, qtbot):
    """Runs a walk: seed and steps in, the sentences about what was wrong out."""
    opened = []

    def loader(source, device="cpu"):
        if source not in two_models:
            raise ModelError(f"{source} is no model.")
        return two_models[source]

    explain = attention.RawAttention.maps

    def failing(self, run, sweep=None, early=None):
        if run.model.name == "second":
            raise VitInspectError("This method fails for the second model.")
        return explain(self, run, sweep, early)

    monkeypatch.setattr(attention.RawAttention, "maps", failing)
    paint = Readout.paintEvent

    def recorded(self, event):
        self.drawn = (self.place_text(), self.values())
        paint(self, event)

    monkeypatch.setattr(Readout, "paintEvent", recorded)

    def walk(seed: int, steps: int, go_on: bool = False) -> list[str]:
        chance = random.Random(seed)
        worker, pool = ScriptedWorker(random.Random(seed + 1)), ScriptedPool(random.Random(seed + 2))
        monkeypatch.setattr(backend_module, "Worker", lambda parent=None: worker)
        monkeypatch.setattr(backend_module, "Background", lambda threads, parent=None: pool)
        backend = backend_module.Backend(loader=loader)
        theme.apply(qapp, "light")
        window = MainWindow(backend)
        opened.append((window, backend))
        window.show()
        for timer in (*backend.findChildren(QTimer), *window.findChildren(QTimer)):
            timer.setInterval(0)
        backend.state.set(folder=str(picture_set), model="first", score_steps=3)
        backend.coordinator.start()
        walker = Walker(window, backend, chance)
        fresh = Fresh(two_models)

        def rest() -> None:
            quiet = False
            for _ in range(1000):
                qapp.processEvents()
                busy = worker.advance() or pool.advance()
                timers = [t for t in (*backend.findChildren(QTimer), *window.findChildren(QTimer)) if t.isActive()]
                waited_for = [t for t in timers if t.isSingleShot()]
                if not busy and not waited_for:
                    if quiet:
                        return
                    quiet = True
                    QTest.qWait(A_FRAME)
                    continue
                quiet = False
                for timer in waited_for:
                    if timer.interval():  # of a part that was made on the way
                        timer.setInterval(0)
            raise AssertionError("the window does not come to rest")

        rest()
        found: list[str] = []
        for step in range(steps):
            walker.step()
            for _ in range(chance.choice((0, 0, 1, 3, 8))):
                chance.choice((worker.advance, pool.advance, qapp.processEvents))()
            if chance.random() < 0.2:
                rest()
                wrong = differences(window, backend, fresh)
                if wrong:
                    found += [f"seed {seed}, step {step} ({walker.said[-1]}): {sentence}" for sentence in wrong]
                    if not go_on:
                        break
        if found and not go_on:
            found.append("last steps: " + "; ".join(walker.said[-30:]))
        window.close()
        assert backend.close(5)
        return found

    yield walk
    for window, backend in opened:
        window.close()
        backend.close(5)
        window.deleteLater()
        backend.deleteLater()


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_what_is_on_screen_is_what_was_asked_for(walk, seed):
    found = walk(seed, STEPS)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_it_holds_for_thousands_of_steps(walk, seed, request):
    if not request.config.getoption("--long-walk"):
        pytest.skip("runs with --long-walk")
    found = walk(seed, LONG)
    assert not found, "\n".join(found)
