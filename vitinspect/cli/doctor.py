"""``vitinspect doctor``: check the installation, and print a sentence for each problem."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import vitinspect
from vitinspect import paths, system
from vitinspect.cli.common import table
from vitinspect.errors import VitInspectError

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "PySide6-Essentials",
    "numpy",
    "pillow",
    "networkx",
    "safetensors",
    "huggingface-hub",
)
OTHER_NAMES = {"PySide6-Essentials": ("PySide6",)}
"""What conda's packages call themselves."""
BROKEN_PYSIDE = ("6.11.0", "6.11.1", "6.12.0")
"""Versions that lose a reference at each Signal.emit on Python 3.11 and abort the interpreter after a while."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--report", action="store_true", help="print it as text for a bug report, without the names of your folders"
    )


class Examination:
    """Collects the findings and the problems."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.problems: list[str] = []

    def note(self, what: str, found: str) -> None:
        self.rows.append((what, found))

    def wrong(self, sentence: str | None) -> None:
        if sentence:
            self.problems.append(sentence)


def run(arguments: argparse.Namespace) -> int:
    examination = Examination()
    for look in (program, packages, torch_and_device, qt, folders, resources, plug_ins):
        look(examination)
    if arguments.report:
        print(report(examination))
        return 1 if examination.problems else 0
    print("\n".join(table(examination.rows)))
    print()
    if not examination.problems:
        print("No problems were found.")
        return 0
    for sentence in examination.problems:
        print(f"! {sentence}")
    return 1


def report(examination: Examination) -> str:
    """Markdown to be copied: the home folder is ``~``, and the user's name does not occur."""
    lines = [
        "```",
        *table(examination.rows),
        "",
        *(f"! {one}" for one in examination.problems or ["No problems were found."]),
    ]
    if not examination.problems:
        lines[-1] = "No problems were found."
    text = "\n".join([*lines, "```"])
    home = os.path.expanduser("~")
    if len(home) > 1:
        text = text.replace(home, "~")
    return text


def plug_ins(examination: Examination) -> None:
    """Report plug-ins that were named or are installed, and those that are left out."""
    from vitinspect.explainers.registry import methods
    from vitinspect.plugins import plugins

    brought = sorted({info.plugin for info in methods() if info.plugin})
    plugins.model_names()
    examination.note("plug-ins", ", ".join(brought) or "none")
    for broken in plugins.broken:
        examination.wrong(str(broken))


def program(examination: Examination) -> None:
    examination.note("vitinspect", f"{vitinspect.__version__} in {Path(vitinspect.__file__).parent}")
    examination.note("Python", f"{platform.python_version()} in {sys.prefix}")
    examination.note("system", f"{platform.system()} {platform.release()}, {os.cpu_count()} cores")


def installed_versions() -> dict[str, str | None]:
    versions: dict[str, str | None] = {}
    for name in PACKAGES:
        versions[name] = None
        for called in (name, *OTHER_NAMES.get(name, ())):
            try:
                versions[name] = importlib.metadata.version(called)
                break
            except importlib.metadata.PackageNotFoundError:
                continue
    return versions


def lower_bounds() -> dict[str, str]:
    """The requirements in vitinspect's metadata; empty if it is not installed but runs from its source."""
    try:
        wanted = importlib.metadata.requires("vitinspect") or []
    except importlib.metadata.PackageNotFoundError:
        return {}
    bounds = {}
    for line in wanted:
        match = re.match(r"([\w-]+)[^;]*?>=\s*([\d.]+)", line)
        if match and "extra ==" not in line:
            bounds[match[1].lower()] = match[2]
    return bounds


def packages(examination: Examination) -> None:
    versions = installed_versions()
    bounds = lower_bounds()
    for name, version in versions.items():
        examination.note(name, version or "not installed")
    for sentence in package_problems(versions, bounds, sys.version_info[:2]):
        examination.wrong(sentence)


def package_problems(
    versions: Mapping[str, str | None], bounds: Mapping[str, str], python: tuple[int, int]
) -> list[str]:
    """Problems of the packages that can be seen from their versions."""
    problems = []
    for name, version in versions.items():
        bound = bounds.get(name.lower())
        if version is None:
            problems.append(f"{name} is not installed: `pip install {name}`.")
        elif bound and numbers(version) < numbers(bound):
            problems.append(f"{name} is {version}, but {bound} or newer is needed: `pip install --upgrade {name}`.")
    pyside = versions.get("PySide6-Essentials")
    if pyside in BROKEN_PYSIDE and python == (3, 11):
        problems.append(
            f"PySide6 {pyside} crashes on Python 3.11 after a while (it loses a reference at each signal): "
            '`pip install "PySide6-Essentials!=6.11.0,!=6.11.1,!=6.12.0"`.'
        )
    return problems


def numbers(version: str) -> tuple[int, ...]:
    """``2.13.0+cpu`` as (2, 13, 0)."""
    found = re.match(r"\d+(\.\d+)*", version)
    parts = [int(part) for part in found[0].split(".")] if found else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


def torch_and_device(examination: Examination) -> None:
    try:
        import torch
    except Exception as error:  # a torch that does not load fails in many ways
        examination.wrong(f"torch cannot be loaded ({first_line(error)}): install it again.")
        return
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        examination.note("device", f"cuda: {', '.join(names)}")
    elif getattr(torch.backends, "mps", None) is not None and torch.backends.mps.is_available():
        examination.note("device", "mps: this Mac's GPU")
    else:
        examination.note("device", f"cpu, {torch.get_num_threads()} threads")
        examination.wrong(unused_gpu(nvidia_gpus(), torch.__version__, torch.version.cuda))
    examination.wrong(torchvision_problem(torch.__version__))
    try:
        importlib.import_module("timm")
    except Exception as error:
        if not examination.problems:
            examination.wrong(f"timm cannot be loaded ({first_line(error)}): `pip install --upgrade timm`.")


def torchvision_problem(torch_version: str, load: Callable[[str], object] = importlib.import_module) -> str | None:
    """A torchvision that was built for another torch: timm imports it, and nothing works."""
    try:
        load("torchvision")
    except ModuleNotFoundError:
        return None  # already reported with the packages
    except Exception as error:
        try:
            version = importlib.metadata.version("torchvision")
        except importlib.metadata.PackageNotFoundError:
            version = "of unknown version"
        return (
            f"torchvision {version} does not match torch {torch_version} ({first_line(error)}): install both again "
            "from the same source, `pip install --upgrade --force-reinstall torch torchvision`."
        )
    return None


def first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def nvidia_gpus() -> list[str]:
    """The NVIDIA GPUs that the driver lists, independent of torch."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return re.findall(r"GPU \d+: (.*?)(?: \(UUID|$)", listed.stdout) if listed.returncode == 0 else []


def unused_gpu(gpus: list[str], torch_version: str, built_for: str | None) -> str | None:
    if not gpus:
        return None
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return f"{gpus[0]} exists, but CUDA_VISIBLE_DEVICES hides it."
    if built_for is None:
        why = f"torch {torch_version} was built without CUDA: install PyTorch's CUDA build"
    else:
        why = f"torch {torch_version} was built for CUDA {built_for}: the driver may be too old for it, update it"
    return f"{gpus[0]} was found, but torch cannot use it; {why}."


def qt(examination: Examination) -> None:
    version, failure = qt_version()
    examination.note("Qt", version or "cannot be loaded")
    if failure is not None:
        examination.wrong(system.explain_qt_failure(failure))
    chosen = os.environ.get("QT_QPA_PLATFORM")
    examination.note("Qt platform", chosen or f"chosen by Qt ({default_platform()})")
    problem = system.display_problem()
    if problem is None:
        shown = os.environ.get("WAYLAND_DISPLAY") or os.environ.get("DISPLAY") or "the system's own"
        examination.note("display", shown if chosen != "offscreen" else "none needed (offscreen)")
    elif "There is no display" in problem:
        examination.note("display", "none: the window cannot open here, everything else works")
    else:
        examination.note("display", "cannot be used")
        examination.wrong(problem)
    if not system.has_fonts():
        examination.wrong(
            f"There are no fonts, so windows show empty boxes: `sudo apt-get install {system.FONT_PACKAGE}`."
        )


def qt_version() -> tuple[str | None, str | None]:
    """Qt's version, or why it does not load. Found in another process, so that this one does not load Qt."""
    code = "import PySide6.QtCore as core, PySide6.QtWidgets; print(core.qVersion())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode == 0:
        return done.stdout.strip(), None
    return None, (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]


def default_platform() -> str:
    if sys.platform == "darwin":
        return "cocoa"
    if sys.platform == "win32":
        return "windows"
    return "wayland" if os.environ.get("WAYLAND_DISPLAY") else "xcb"


def folders(examination: Examination) -> None:
    for what, folder in (
        ("settings", paths.config_folder()),
        ("cache", paths.cache_folder()),
        ("log", paths.log_folder()),
    ):
        examination.note(what, str(folder))
        reason = paths.write_problem(folder)
        if reason:
            examination.wrong(
                f"Nothing can be written to {folder} ({reason}): set {paths.HOME_VARIABLE} to a folder of your own."
            )


def resources(examination: Examination) -> None:
    from vitinspect.resources import demo_model_folder, gallery_folder

    try:
        model, gallery = demo_model_folder(), gallery_folder()
    except VitInspectError as error:
        examination.wrong(str(error))
        return
    examination.note("bundled files", str(model.parent.parent))
    for what, needed in (("model", model / "model.safetensors"), ("gallery", gallery / "labels.csv")):
        if not needed.is_file():
            examination.wrong(f"The bundled {what} is incomplete ({needed} is missing): install vitinspect again.")
