"""How quickly the window reacts: ``python -m benchmarks.app [start sliders switch ...] [--platform xcb]``.

Each part runs in its own process, with its own home folder. ``--platform xcb`` starts an Xvfb for it. Numbers are
medians and 95th percentiles in milliseconds unless another unit is given. Where there are two, the second is
processor time, of the window's thread or, for gaps, of the process: the longest it would take on a machine that
does nothing else, and the number to compare between runs on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import vitinspect.app  # noqa: F401 - first, as in the program itself: it tells numpy how many threads to use

PARTS = ("start", "sliders", "switch", "switch-slots", "next", "folder", "steps")
BEAT = 2
"""Milliseconds between two readings of the clock."""


class Heart:
    """Measures how long the event loop was blocked: the longest gaps between the ticks of a timer."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self.gaps: list[tuple[float, float, str]] = []
        self.phase = ""
        self._last = time.perf_counter(), time.process_time()
        self.timer = QTimer()
        self.timer.setTimerType(Qt.TimerType.PreciseTimer)
        self.timer.timeout.connect(self._beat)
        self.timer.start(BEAT)

    def _beat(self) -> None:
        now = time.perf_counter(), time.process_time()
        waited, computed = (1000 * (new - old) for new, old in zip(now, self._last, strict=True))
        self.gaps.append((waited - BEAT, computed, self.phase))
        self._last = now

    def begin(self, phase: str) -> None:
        self._beat()
        self.phase = phase

    def worst(self, phase: str) -> float:
        return max((gap for gap, _, p in self.gaps if p == phase), default=0.0)

    def worst_computed(self, phase: str) -> float:
        """The same in processor time, which does not depend on the machine's other work."""
        return max((computed for _, computed, p in self.gaps if p == phase), default=0.0)


def until(condition: Callable[[], bool], timeout: float = 300.0) -> None:
    """Let events run until ``condition`` holds."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the window did not finish in time")
        QApplication.processEvents(
            QEventLoop.ProcessEventsFlag.AllEvents | QEventLoop.ProcessEventsFlag.WaitForMoreEvents, 20
        )


def rss() -> float:
    """Resident memory in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def spread(values: Sequence[float]) -> str:
    ordered = sorted(values)
    return f"{statistics.median(ordered):.1f} median, {ordered[int(0.95 * (len(ordered) - 1))]:.1f} 95 %"


@contextlib.contextmanager
def opened(folder: str | None, *, model: bool = True, **values: Any) -> Iterator[Any]:
    """The window on ``folder``, with or without its model."""
    from vitinspect.app import main, theme
    from vitinspect.app.shell.window import MainWindow

    app = main.application()
    backend, _ = main.make_backend(folder, None, True)
    backend.remembers = False
    theme.apply(app, "light")
    backend.state.set(**values)
    window = MainWindow(backend)
    window.resize(1280, 800)
    window.show()
    if model:
        backend.coordinator.start()
    else:
        backend.maps._started = True
        backend.listing.open(folder or "")
    try:
        yield window
    finally:
        window.close()
        backend.close(20)


def settled(backend: Any) -> bool:
    busy = backend.worker.busy or not backend.background.idle or backend.coordinator.is_due
    return not busy and not backend.results.pending and bool(backend.results.maps)


# --- the parts ---------------------------------------------------------------------------------------------------


def part_start() -> None:
    """One start of the real program; its numbers on one line."""
    begun = float(os.environ["VITINSPECT_BEGUN"])
    from vitinspect.app import main

    app = main.application()
    heart = Heart()
    figures: dict[str, Any] = {}
    phase = 0

    def look() -> None:
        nonlocal phase
        from vitinspect.app.shell.window import MainWindow

        window = next((w for w in app.topLevelWidgets() if isinstance(w, MainWindow)), None)
        if window is None:
            return
        results = window.backend.results
        if phase == 0:
            if not window._painted:
                return
            figures["paint"], figures["paint_computed"] = time.time() - begun, time.process_time()
            figures["torch"] = "torch" in sys.modules
            heart.begin("load")
            phase = 1
        elif phase == 1 and results.maps and results.model_state == "ready":
            figures["map"] = time.time() - begun
            heart.begin("explain")
            window.backend.state.set(
                methods=("rollout", "attention_gradcam", "lrp", "legrad", "integrated_gradients", "smoothgrad"),
                layout="grid",
            )
            phase = 2
        elif phase == 2 and len(results.maps) == 6 and not results.pending:
            heart.begin("end")
            phase = 3
            window.close()

    heart.timer.timeout.connect(look)
    code = main.run(None, None, True, leave=False)
    print(
        f"{figures['paint']:.3f} {figures['map']:.2f} {heart.worst('load'):.0f} {heart.worst('explain'):.0f} "
        f"{int(figures['torch'])} {figures['paint_computed']:.3f} {heart.worst_computed('load'):.0f} "
        f"{heart.worst_computed('explain'):.0f} {code}"
    )


def start(arguments: argparse.Namespace, environment: dict[str, str]) -> None:
    # As an installed program starts: with its modules compiled, also where the shell forbids Python to keep that.
    environment = {**environment, "PYTHONPYCACHEPREFIX": os.path.join(environment["VITINSPECT_HOME"], "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    rows = []
    for _ in range(arguments.rounds + 1):
        child = {**environment, "VITINSPECT_BEGUN": str(time.time())}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.app", "--child", "start"], env=child, capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(done.stderr)
        rows.append([float(word) for word in done.stdout.split()])
    # The first start compiled modules and filled the disk's cache.
    columns = list(zip(*rows[1:], strict=True))
    print(
        f"| process start to first painted window | {statistics.median(columns[0]):.2f} s "
        f"(cold: {rows[0][0]:.2f} s; computed: {statistics.median(columns[5]):.2f} s) |"
    )
    print(f"| torch imported by then | {'yes' if any(columns[4]) else 'no'} |")
    print(f"| process start to first heat map | {statistics.median(columns[1]):.1f} s |")
    for name, waited, computed in (("torch was imported and the model loaded", 2, 6), ("six methods ran", 3, 7)):
        print(f"| longest gap while {name} | {max(columns[waited]):.0f} ms, computed {max(columns[computed]):.0f} ms |")


def _slider_moves(window: Any) -> dict[str, Callable[[int], object]]:
    """The functions that move each slider of the fused layer, by a number."""
    backend, forms = window.backend, window.layers_panel.properties
    backend.state.set(selected="fused")
    fine = backend.results.all_maps["fused"].heat.fine
    low, span = float(fine.min()), float(fine.max() - fine.min())
    return {
        "opacity": lambda i: forms.display.opacity.slider.setValue(10 * (i % 100)),
        "threshold": lambda i: forms.threshold.histogram.moved.emit(low + span * (i % 200) / 200),
        "fusion weight": lambda i: forms.fusion.members["rollout"].slide.slider.setValue(10 + i % 990),
    }


def part_sliders() -> None:
    """Threshold, opacity and fusion weights over a large picture."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        small = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(small).resize((2048, 1536), Image.Resampling.BICUBIC).save(f"{folder}/large.jpg")
        four = ("rollout", "attention_gradcam", "lrp", "input_x_gradient")
        seven = (*four, "legrad", "saliency", "raw_attention")  # eight with the fused one
        for layout, chosen in (("single", four), ("grid", four), ("grid", seven)):
            with opened(folder, methods=chosen, fusion=True, layout=layout, active="fused", outline=True) as window:
                backend, canvas = window.backend, window.canvas
                until(lambda backend=backend: settled(backend) and backend.results.fused is not None)
                moves = _slider_moves(window)
                backend.state.set(threshold_mode="fixed")
                for name, move in moves.items():
                    times, computed = [], []
                    for i in range(120):
                        painted: list[float] = []
                        link = canvas.painted.connect(lambda painted=painted: painted.append(time.perf_counter()))
                        begun, thread = time.perf_counter(), time.thread_time()
                        move(7 * i + 3)
                        until(lambda painted=painted: bool(painted))
                        canvas.painted.disconnect(link)
                        times.append(1000 * (painted[0] - begun))
                        computed.append(1000 * (time.thread_time() - thread))
                    what = f"{name} slider, {len(chosen)} maps fused over 2048 × 1536, {layout}"
                    print(f"| {what} | {spread(times[20:])}; computed {spread(computed[20:])} |")


def part_switch() -> None:
    """A layer whose map is in memory, and another workspace: from the click to the first painting that shows it."""
    with opened(None, methods=("rollout", "lrp", "legrad"), layout="grid") as window:
        backend = window.backend
        until(lambda: settled(backend) and len(backend.results.maps) == 3)
        adding, switching, added, switched = [], [], [], []
        for i in range(24):
            backend.state.edit("Hide", tuple(layer for layer in backend.state.layers if layer.method != "legrad"))
            until(lambda: settled(backend))
            begun, thread = time.perf_counter(), time.thread_time()
            backend.state.add_map("legrad", {})
            until(
                lambda: any(
                    layer.method == "legrad" and layer.id in backend.results.maps for layer in backend.state.layers
                )
            )
            window.canvas.repaint()
            if i > 3:
                adding.append(1000 * (time.perf_counter() - begun))
                added.append(1000 * (time.thread_time() - thread))
        for name in ("network", "masks", "inspect") * 9:
            begun, thread = time.perf_counter(), time.thread_time()
            backend.state.set(workspace=name)
            window.repaint()
            switching.append(1000 * (time.perf_counter() - begun))
            switched.append(1000 * (time.thread_time() - thread))
            until(lambda: settled(backend))
        print(f"| adding a layer whose map is in memory | {spread(adding)}; computed {spread(added)} |")
        print(
            f"| switching workspaces, after the first time | {spread(switching[3:])}; computed {spread(switched[3:])} |"
        )


def part_switch_slots() -> None:
    """Exchanging A and B of Compare until both slots are ready and painted; the models are loaded."""
    with opened(None, methods=("rollout", "lrp"), workspace="compare") as window:
        backend = window.backend
        results, second = backend.results, backend.second.results
        until(lambda: settled(backend))
        backend.second.state.set(model="demo --image-size 336")

        def ready() -> bool:
            there = results.model_state == second.model_state == "ready" and results.compared is not None
            return there and settled(backend) and not second.pending

        def rest() -> None:
            end = time.monotonic() + 0.5
            until(lambda: time.monotonic() > end and ready())

        until(lambda: ready() and results.placed != second.placed)
        rest()
        waited, threads, processes = [], [], []
        for _ in range(21):
            first, other = results.difference.address.first, results.difference.address.second
            begun, thread, process = time.perf_counter(), time.thread_time(), time.process_time()
            window.actions_["exchange_marks"].trigger()
            until(
                lambda first=first, other=other: (
                    results.difference is not None
                    and (results.difference.address.first, results.difference.address.second) == (other, first)
                    and ready()
                )
            )
            window.repaint()
            processes.append(1000 * (time.process_time() - process))
            threads.append(1000 * (time.thread_time() - thread))
            waited.append(1000 * (time.perf_counter() - begun))
            rest()
        print(
            f"| exchanging A and B | {spread(waited[1:])}; computed {spread(threads[1:])}, "
            f"by all threads {spread(processes[1:])}; the first time {processes[0]:.0f} |"
        )


def part_next() -> None:
    """The next picture among 24-megapixel JPEGs."""
    import numpy as np
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        for i in range(10):
            small = random.integers(0, 255, (60, 90, 3), dtype=np.uint8)
            Image.fromarray(small).resize((6000, 4000), Image.Resampling.BICUBIC).save(f"{folder}/{i}.jpg", quality=90)
        with opened(folder, methods=("rollout",)) as window:
            backend, canvas = window.backend, window.canvas
            until(lambda: settled(backend))
            times = []
            for _ in range(8):
                until(lambda: settled(backend))
                time.sleep(0.3)
                wanted = backend.listing.path_at(backend.listing.row_of(backend.state.image) + 1)
                painted: list[float] = []
                link = canvas.painted.connect(
                    lambda painted=painted, wanted=wanted: (
                        painted.append(time.perf_counter())
                        if backend.results.picture is not None and backend.results.picture.path == wanted
                        else None
                    )
                )
                begun = time.perf_counter()
                window.actions_["next"].trigger()
                until(lambda painted=painted: bool(painted))
                canvas.painted.disconnect(link)
                times.append(1000 * (painted[0] - begun))
            print(f"| next 24-megapixel JPEG, read ahead | {spread(times)}, {max(times):.0f} worst |")


def part_folder() -> None:
    """A folder of 100,000 pictures."""
    import shutil

    from PIL import Image

    count = 100_000
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.bin"
        Image.effect_noise((160, 120), 80).convert("RGB").save(template, "JPEG")
        for i in range(count):
            path = Path(folder) / f"picture {i}.jpg"
            try:
                os.link(template, path)
            except OSError:  # a file system that limits the number of links
                template = Path(folder) / f"template {i}.bin"
                shutil.copyfile(path.with_name(f"picture {i - 1}.jpg"), template)
                os.link(template, path)
        with opened(None, model=False) as window:
            until(lambda: window.backend.background.idle)
            empty = rss()
            heart = Heart()
            heart.begin("list")
            first: list[float] = []
            window.backend.thumbnails.arrived.connect(lambda path: first.append(time.perf_counter()))
            begun = time.perf_counter()
            window.backend.state.set(folder=folder)
            until(lambda: len(first) >= 8)
            shown = time.perf_counter() - begun
            until(lambda: window.backend.listing.complete)
            complete = time.perf_counter() - begun
            until(lambda: window.backend.background.idle)
            heart.begin("scroll")
            bar = window.browser.grid.verticalScrollBar()
            for i in range(300):
                bar.setValue(round(bar.maximum() * ((i * 0.61803) % 1)))
                end = time.perf_counter() + 0.016
                until(lambda end=end: time.perf_counter() > end)
            until(lambda: window.backend.background.idle)
            heart.begin("end")
            print(f"| {count:,} pictures: first thumbnails | {shown:.2f} s (all in order: {complete:.2f} s) |")
            gaps = " / ".join(f"{heart.worst(phase):.0f}" for phase in ("list", "scroll"))
            print(f"| longest gap while listing / scrolling | {gaps} ms |")
            print(f"| {count:,} pictures: memory above the empty window | {rss() - empty:.0f} MB |")


def part_steps(images: int = 1000) -> None:
    """Many pictures with four methods each: memory, files and threads that remain."""
    import threading

    import numpy as np
    from PIL import Image

    images = int(os.environ.get("VITINSPECT_STEPS", images))
    with tempfile.TemporaryDirectory() as folder:
        random = np.random.default_rng(0)
        for i in range(images):
            small = random.integers(0, 255, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(f"{folder}/{i}.jpg")
        four = ("rollout", "attention_gradcam", "lrp", "legrad")
        with opened(folder, methods=four) as window:
            backend = window.backend
            until(lambda: settled(backend))
            begun = time.perf_counter()
            seen = {}
            for i in range(images):
                until(lambda: settled(backend) and len(backend.results.maps) == 4)
                if i in (images // 10, images - 1):
                    seen[i] = (
                        rss(),
                        len(os.listdir("/proc/self/fd")),
                        threading.active_count(),
                        len(os.listdir("/proc/self/task")),
                    )
                if i < images - 1:
                    window.actions_["next"].trigger()
            each = (time.perf_counter() - begun) / images
            (first, a), (last, b) = sorted(seen.items())
            print(f"| {images:,} pictures, four methods each: per picture | {1000 * each:.0f} |")
            print(f"| memory after {first:,} and after {last + 1:,} | {a[0]:.0f} and {b[0]:.0f} MB |")
            print(f"| open files, Python threads, all threads | {a[1]}, {a[2]}, {a[3]} and {b[1]}, {b[2]}, {b[3]} |")


# --- running them ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def display(platform: str) -> Iterator[dict[str, str]]:
    """The environment for a part: offscreen, or with its own Xvfb."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "QT_QPA_PLATFORM": platform, "VITINSPECT_HOME": home}
        if platform != "xcb":
            yield environment
            return
        read, write = os.pipe()
        server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x800x24", "-noreset"],
            pass_fds=(write,),
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        try:
            with os.fdopen(read) as pipe:
                number = pipe.readline().strip()
            yield {**environment, "DISPLAY": f":{number}"}
        finally:
            server.terminate()
            server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="How quickly the window reacts.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--platform", choices=("offscreen", "xcb"), default="offscreen")
    parser.add_argument("--rounds", type=int, default=5, help="starts of the program")
    parser.add_argument("--images", type=int, default=1000, help="pictures that are stepped through")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"there is no part {unknown[0]!r}; there are {', '.join(PARTS)}")
    if arguments.child:
        globals()[f"part_{arguments.parts[0].replace('-', '_')}"]()
        # Unloading torch and Qt takes time that is not part of the measurement.
        sys.stdout.flush()
        os._exit(0)
    print(f"| {arguments.platform} | ms |\n|---|---|", flush=True)
    for part in arguments.parts or PARTS:
        with display(arguments.platform) as environment:
            environment["VITINSPECT_STEPS"] = str(arguments.images)
            if part == "start":
                start(arguments, environment)
            else:
                command = [sys.executable, "-m", "benchmarks.app", "--child", part]
                done = subprocess.run(command, env=environment, capture_output=True, text=True)
                print(done.stdout if not done.returncode else f"| {part} | failed: {done.stderr[-800:]} |", end="")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
