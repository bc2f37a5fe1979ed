"""Training scenes, painted once by all cores and stored as plain arrays, so that an epoch only reads memory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vitinspect.parallel import run_jobs
from vitinspect.progress import CancelToken, Progress

from .scene import BADGE_CLASS, Scene, has_two_objects, make_scene
from .shapes import CLASSES

SIDE = 224
CHUNK = 64
VERSION = 1


@dataclass(frozen=True)
class SceneCache:
    """Pictures, the class that each pixel shows, the classes of each scene and whether it carries a badge."""

    images: NDArray[np.uint8]
    """(count, 224, 224, 3)"""
    shown: NDArray[np.uint8]
    """(count, 224, 224): 0 for background and distractors, class index + 1 elsewhere; a badge shows its class."""
    classes: NDArray[np.int8]
    """(count, 2): the class indices; the second one is -1 if there is one object."""
    badge: NDArray[np.bool_]


def shown_classes(scene: Scene) -> NDArray[np.uint8]:
    """The class index + 1 that each pixel shows.

    The badge is labelled as its class: patches are trained on this map, and a badge labelled as background would train
    the model to ignore the shortcut that it is meant to learn.
    """
    shown = np.zeros(scene.image.shape[:2], np.uint8)
    for thing in scene.class_objects:
        assert thing.label is not None
        shown[thing.mask] = CLASSES.index(thing.label) + 1
    if scene.badge is not None:
        shown[scene.badge] = CLASSES.index(BADGE_CLASS) + 1
    return shown


def _fill(job: tuple[str, int, int, int, int, float]) -> int:
    folder, seed, count, start, stop, share = job
    cache = _open(Path(folder), count, "r+")
    for index in range(start, stop):
        scene = make_scene(seed, index, SIDE, objects=2 if has_two_objects(seed, index, share) else 1)
        cache.images[index] = scene.image
        cache.shown[index] = shown_classes(scene)
        labels = [CLASSES.index(label) for label in scene.labels]
        cache.classes[index] = [*labels, -1][:2]
        cache.badge[index] = scene.badge is not None
    return stop - start


def _open(folder: Path, count: int, mode: str) -> SceneCache:
    def array(name: str, kind: type, shape: tuple[int, ...]) -> np.memmap:
        return np.memmap(folder / f"{name}.bin", kind, mode, shape=shape)  # type: ignore[call-overload]

    return SceneCache(
        array("images", np.uint8, (count, SIDE, SIDE, 3)),
        array("shown", np.uint8, (count, SIDE, SIDE)),
        array("classes", np.int8, (count, 2)),
        array("badge", np.bool_, (count,)),
    )


def scene_cache(
    folder: Path,
    count: int,
    seed: int,
    two_objects: float,
    *,
    processes: int | None = None,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
) -> SceneCache:
    """Open the cached training scenes in `folder`, painting them first if they do not exist yet."""
    key = {"version": VERSION, "count": count, "seed": seed, "two_objects": two_objects, "classes": CLASSES}
    done = folder / "done.json"
    if done.is_file() and json.loads(done.read_text()) == json.loads(json.dumps(key)):
        return _open(folder, count, "r")
    folder.mkdir(parents=True, exist_ok=True)
    done.unlink(missing_ok=True)
    _open(folder, count, "w+")
    jobs = [
        (str(folder), seed, count, start, min(start + CHUNK, count), two_objects) for start in range(0, count, CHUNK)
    ]
    sizes = [job[4] - job[3] for job in jobs]
    for _ in run_jobs(_fill, jobs, sizes=sizes, processes=processes, progress=progress, cancel=cancel):
        pass
    done.write_text(json.dumps(key))
    return _open(folder, count, "r")
