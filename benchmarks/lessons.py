"""Two properties of the methods in the bundled world, as tables: does a map follow its target, and does it show the
shortcut?

``python -m benchmarks.lessons`` explains fresh scenes with the bundled model by every method that applies.

Two objects: in a scene with two classes each is explained in turn. The share of maps whose highest point lies in the
mask of the explained class, and in that of the other one. A method that ignores the target can hit the explained
class in at most half of the maps that hit an object.

The badge: in scenes of the badge's class the share of a map's positive mass that lies on the badge, over the badge's
share of the picture. A map without information has 1.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import vitinspect as vi
from vitinspect.gallery import make_scene
from vitinspect.gallery.scene import BADGE_CLASS
from vitinspect.maps import resize
from vitinspect.progress import ProgressLine
from vitinspect.scores.masks import energy_inside, pointing_game

QUICK = {
    "integrated_gradients": "integrated_gradients(steps=20)",
    "smoothgrad": "smoothgrad(samples=10)",
    "rise": "rise(masks=500)",
}
"""Fewer passes than the defaults; the table gives these parameters."""


def chosen_methods(model: vi.ViT, skip: set[str]) -> list[str]:
    return [QUICK.get(name, name) for name in model.supported_methods() if name not in skip]


def two_objects(model: vi.ViT, methods: list[str], count: int, seed: int) -> Iterator[tuple[str, float, float]]:
    """(method, share in the target's mask, share in the other's), the best first."""
    hits: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with ProgressLine("two objects", unit="scenes") as progress:
        for index in range(count):
            scene = make_scene(seed, index, objects=2)
            first, second = scene.class_objects[:2]
            for target, other in ((first, second), (second, first)):
                result = vi.explain(model, scene.image, methods, target.label, mode="squash")
                for key, attribution in result.items():
                    values = resize(attribution.values, scene.image.shape[:2])
                    hits[key].append((pointing_game(values, target.mask > 0), pointing_game(values, other.mask > 0)))
            progress(index + 1, count)
    means = [(key, *np.mean(found, axis=0).tolist()) for key, found in hits.items()]
    yield from sorted(means, key=lambda row: -row[1])


def badge(model: vi.ViT, methods: list[str], count: int, seed: int) -> Iterator[tuple[str, float, float]]:
    """(method, times the badge's share of the picture, share of maps whose peak is on it), the highest first."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with ProgressLine("the badge", unit="scenes") as progress:
        for index in range(count):
            scene = make_scene(seed, index, label=BADGE_CLASS, badge="always")
            assert scene.badge is not None
            mask = scene.badge > 0
            result = vi.explain(model, scene.image, methods, BADGE_CLASS, mode="squash")
            for key, attribution in result.items():
                values = resize(attribution.values, mask.shape)
                found[key].append((energy_inside(values, mask) / float(mask.mean()), pointing_game(values, mask)))
            progress(index + 1, count)
    means = [(key, *np.mean(rows, axis=0).tolist()) for key, rows in found.items()]
    yield from sorted(means, key=lambda row: -row[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60, help="number of scenes for each table")
    parser.add_argument("--seed", type=int, default=4711)
    parser.add_argument("--skip", default="", help="methods to leave out, by comma")
    parser.add_argument("--write", type=Path, help="a Markdown file for the tables")
    arguments = parser.parse_args()
    model = vi.load_model("demo")
    methods = chosen_methods(model, {name.strip() for name in arguments.skip.split(",") if name.strip()})
    infos = vi.methods()

    def follows(key: str) -> str:
        return "yes" if infos[key.split("(")[0]].class_specific else "no"

    lines = [
        "# What the methods show in the bundled world",
        "",
        f"Made by `python -m benchmarks.lessons --count {arguments.count} --seed {arguments.seed}` with the bundled "
        "model on fresh scenes. `random`, `centre` and `edges` are the baselines that every method must beat.",
        "",
        "## Two objects: does the map follow the target?",
        "",
        f"{arguments.count} scenes with two classes, each class explained in turn: the share of maps whose highest "
        "point lies on the explained class, and on the other one.",
        "",
        "| method | class-specific | on the target | on the other |",
        "|---|---|---:|---:|",
    ]
    for key, target, other in two_objects(model, methods, arguments.count, arguments.seed):
        lines.append(f"| `{key}` | {follows(key)} | {target:.0%} | {other:.0%} |")
    lines += [
        "",
        "## The badge: does the map show the shortcut?",
        "",
        f"{arguments.count} scenes with the badge: how much more of a map's positive mass lies on the badge than on an "
        "equally large part of the picture on average, and how often the highest point lies on it.",
        "",
        "| method | mass on the badge, times chance | peak on the badge |",
        "|---|---:|---:|",
    ]
    for key, times, peak in badge(model, methods, arguments.count, arguments.seed + 1):
        lines.append(f"| `{key}` | {times:.1f} | {peak:.0%} |")
    text = "\n".join(lines) + "\n"
    if arguments.write:
        arguments.write.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
