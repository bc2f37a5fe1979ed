"""Makes the virtual environment of a checkout, once, and then starts a program in it.

Standard library only; Python 3.11 or newer (bootstrap.py ensures that). The steps, each of which is skipped when
it is not needed:

1. system packages that are missing: installed with apt-get if this runs as root, named otherwise;
2. ``.venv`` in the checkout; an existing one is used as it is, a broken one is made again;
3. the dependencies, with pip. A stamp in ``.venv`` records for which dependencies this was done, so that the next
start does not run pip and needs no network.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from vitinspect import system  # noqa: E402 - standard library only; the checkout is not installed yet

STAMP = "vitinspect-set-up.json"
DISK_NEEDED = 8e9
TEMPORARY_NEEDED = 4e9
TEST_PROGRAMS = {"Xvfb": "xvfb", "xdotool": "xdotool"}


class SetUpError(Exception):
    """The set-up cannot continue; the message is the sentence to show."""


def say(text: str) -> None:
    print(text, flush=True)


# --- what is wanted -----------------------------------------------------------------------------------------


def requirements_key(project: dict[str, Any], extras: Iterable[str], checkout: Path) -> str:
    """A text that changes when, and only when, pip has something to do."""
    table = project.get("project", {})
    optional = table.get("optional-dependencies", {})
    wanted = {
        "build": project.get("build-system", {}),
        "dependencies": table.get("dependencies", []),
        "extras": {name: optional.get(name, []) for name in sorted(extras)},
        "scripts": table.get("scripts", {}),
        "checkout": str(checkout),
    }
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def read_stamp(environment: Path) -> dict[str, Any]:
    try:
        stamp = json.loads((environment / STAMP).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) else {}


def write_stamp(environment: Path, stamp: dict[str, Any]) -> None:
    beside = environment / (STAMP + ".new")
    beside.write_text(json.dumps(stamp, indent=1), "utf-8")
    os.replace(beside, environment / STAMP)


def is_current(stamp: dict[str, Any], project: dict[str, Any], extras: set[str], checkout: Path) -> bool:
    """Whether the stamp was made for at least ``extras`` and for exactly these requirements of the project."""
    had = set(stamp.get("extras", []))
    return (
        stamp.get("state") == "done" and extras <= had and stamp.get("key") == requirements_key(project, had, checkout)
    )


# --- the virtual environment --------------------------------------------------------------------------------


def python_of(environment: Path, windows: bool = os.name == "nt") -> Path:
    return environment / "Scripts" / "python.exe" if windows else environment / "bin" / "python"


def environment_state(environment: Path) -> str:
    """``missing``, ``broken`` (incomplete, or its Python was removed or replaced), or ``good``."""
    if not environment.exists() and not environment.is_symlink():
        return "missing"
    stamp = read_stamp(environment)
    if stamp.get("state") == "installing" and stamp.get("ours"):
        # pip does not notice a package of which only a part was unpacked. Its cache has what was downloaded.
        return "broken"
    code = "import sys, pip; print(sys.prefix != sys.base_prefix)"
    try:
        probe = subprocess.run(
            [str(python_of(environment)), "-c", code], capture_output=True, text=True, env=clean_environment()
        )
    except OSError:
        return "broken"
    return "good" if probe.returncode == 0 and probe.stdout.strip() == "True" else "broken"


def clean_environment() -> dict[str, str]:
    """Our environment variables without those that would lead pip or Python out of the virtual environment."""
    lead_out = {"PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"}
    kept = {name: value for name, value in os.environ.items() if name not in lead_out}
    kept["PIP_USER"] = "0"
    kept["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    return kept


def can_make_environments() -> bool:
    """Whether this Python has both venv and ensurepip, which Debian has in a separate package."""
    return succeeds([sys.executable, "-c", "import venv, ensurepip"])


def outer_pip_works() -> bool:
    """Whether there is a pip (22.3 or newer) that can install into another environment."""
    return succeeds([sys.executable, "-c", "import venv"]) and succeeds(
        [sys.executable, "-m", "pip", "--python", sys.executable, "--version"]
    )


def succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, env=clean_environment()).returncode == 0
    except OSError:
        return False


def make_environment(environment: Path) -> None:
    state = environment_state(environment)
    if state == "good":
        return
    if state == "broken":
        if environment.is_symlink() or not environment.is_dir():
            raise SetUpError(f"{environment} exists and is not a virtual environment. Move it elsewhere.")
        say(f"{environment.name} is incomplete (an earlier set-up was interrupted?); it is made again.")
        shutil.rmtree(environment)
    making = f"Making the virtual environment {environment.name} with Python {sys.version.split()[0]}."
    if can_make_environments():
        say(making)
        run_quietly([sys.executable, "-m", "venv", str(environment)], "The virtual environment was not made")
    elif outer_pip_works():
        say(making)
        run_quietly(
            [sys.executable, "-m", "venv", "--without-pip", str(environment)],
            "The virtual environment was not made",
        )
        run_quietly(
            [sys.executable, "-m", "pip", "--python", str(python_of(environment)), "install", "-q", "pip"],
            "pip could not be put into the virtual environment",
        )
    else:
        raise SetUpError(
            "This Python cannot make virtual environments: install what is missing with "
            f"`sudo apt-get install {venv_package()}` and start again."
        )


def venv_package() -> str:
    """Debian's name of the package with ensurepip for the Python that runs this."""
    return f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"


def run_quietly(command: Sequence[str], what_failed: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    if done.returncode != 0:
        lines = (done.stderr.strip() or done.stdout.strip()).splitlines()[-6:]
        raise SetUpError("\n".join([f"{what_failed}:", *("  " + line for line in lines)]))


# --- system packages ----------------------------------------------------------------------------------------


def missing_system_packages(*, testing: bool, windowed: bool, new_environment: bool) -> list[str]:
    """Debian's names of what is missing, found out by trying."""
    if not sys.platform.startswith("linux"):
        return []
    libraries = dict(system.QT_LIBRARIES)
    if testing or windowed:
        libraries.update(system.X11_LIBRARIES)
    packages = set(system.missing_libraries(libraries).values())
    if not system.has_fonts() or (testing and system.font_file(system.TEST_FONT) is None):
        packages.add(system.FONT_PACKAGE)
    if testing:
        packages.update(package for program, package in TEST_PROGRAMS.items() if not shutil.which(program))
    if new_environment and not can_make_environments() and not outer_pip_works():
        packages.add(venv_package())
    return sorted(packages)


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def provide_system_packages(packages: list[str], *, testing: bool) -> None:
    """Install ``packages`` if we may, and otherwise say what to type.

    Only a missing venv stops the set-up; anything else that is missing is reported when it is needed.
    """
    if not packages:
        return
    names = " ".join(packages)
    if is_root() and shutil.which("apt-get"):
        say(f"Installing missing system packages with apt-get: {names}")
        problem = apt_install(packages)
        if problem is None:
            return
        say(f"apt-get could not install them ({problem}).")
    if venv_package() in packages:
        raise SetUpError(
            "This Python cannot make virtual environments: install what is missing with "
            f"`sudo apt-get install {names}` and start again."
        )
    why = "The tests that open real windows" if testing else "The window"
    say(f"{why} may need system packages that are missing here: `sudo apt-get install {names}`")


def apt_install(packages: list[str]) -> str | None:
    """Install with apt-get; returns the last line of its error message, or None if it succeeded."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    complaint = ""
    # A fresh container has no package lists, and an old one has outdated ones: then they are fetched first.
    for commands in ([install], [["apt-get", "update", "-q"], install]):
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True, env=environment, stdin=subprocess.DEVNULL)
        if done.returncode == 0:
            return None
        complaint = ((done.stderr.strip() or done.stdout.strip()).splitlines() or ["no reason given"])[-1]
    return complaint


# --- pip ----------------------------------------------------------------------------------------------------


def wants_cpu_only() -> bool:
    """``make run CPU=1``: torch without NVIDIA's libraries."""
    return os.environ.get("CPU", "").strip() not in ("", "0", "no", "false")


def cpu_commands(python: Path, target: str) -> list[list[str]]:
    """pip takes torch from one index, whose build for Linux brings NVIDIA's libraries along; uv knows where torch's own
    builds for processors are."""
    return [
        [str(python), "-m", "pip", "install", "-q", "uv"],
        [str(python), "-m", "uv", "pip", "install", "--python", str(python), "--torch-backend", "cpu", "-e", target],
    ]


def install_cpu_only(environment: Path, target: str) -> None:
    say("Installing the dependencies for the processor alone (CPU=1): about 400 MB to download.")
    for command in cpu_commands(python_of(environment), target):
        done = subprocess.run(command, env=clean_environment(), stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise SetUpError(
                "The set-up without NVIDIA's libraries failed (the messages above say why). It needs a network that "
                "reaches PyTorch's own builds; without CPU=1 the standard builds are installed."
            )


def install(environment: Path, extras: set[str]) -> None:
    """``pip install -e``, with pip's messages made readable."""
    target = str(ROOT) + (f"[{','.join(sorted(extras))}]" if extras else "")
    if wants_cpu_only() and not succeeds([str(python_of(environment)), "-c", "import torch"]):
        install_cpu_only(environment, target)
        return
    command = [str(python_of(environment)), "-m", "pip", "install", "--editable", target]
    announce(environment)
    variables = clean_environment()
    scratch = roomy_scratch(environment)
    if scratch is not None:
        variables["TMPDIR"] = str(scratch)
    try:
        if sys.stdout.isatty():
            # On a terminal, pip shows its own progress bars.
            code = subprocess.run(command, env=variables, stdin=subprocess.DEVNULL).returncode
        else:
            code = run_and_condense(command, variables)
    finally:
        if scratch is not None:
            shutil.rmtree(scratch, ignore_errors=True)
    if code != 0:
        raise SetUpError(
            "pip could not install the dependencies (its messages are above). This step needs the network; "
            "start again: what was downloaded is kept."
        )


def announce(environment: Path) -> None:
    if succeeds([str(python_of(environment)), "-c", "import torch"]):
        say("Installing the missing dependencies with pip.")
        return
    if sys.platform.startswith("linux"):
        say(
            "Installing the dependencies with pip, this once: about 3 GB to download and 7 GB on disk, since "
            "PyTorch's standard build for Linux brings NVIDIA's libraries along (it works without a GPU too)."
        )
        say("Unpacking them at the end takes a few minutes in which pip prints nothing.")
    else:
        say("Installing the dependencies with pip, this once: several hundred megabytes.")
    free = shutil.disk_usage(environment).free
    if sys.platform.startswith("linux") and free < DISK_NEEDED:
        say(f"There are only {free / 1e9:.1f} GB free on this disk; that may not be enough.")


def roomy_scratch(environment: Path) -> Path | None:
    """A folder on the checkout's disk to unpack in, if the usual one (often a RAM disk) is too small."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(tempfile.gettempdir()).free >= TEMPORARY_NEEDED:
            return None
        return Path(tempfile.mkdtemp(prefix="pip-", dir=environment))
    return None


def run_and_condense(command: list[str], variables: dict[str, str]) -> int:
    """Run pip in a pipe: report large downloads and the time so far, and repeat pip's messages if it fails."""
    started = time.monotonic()
    ended = threading.Event()

    def sign_of_life() -> None:
        while not ended.wait(60):
            say(f"  still running ({time.monotonic() - started:.0f} s)")

    threading.Thread(target=sign_of_life, daemon=True).start()
    lines: list[str] = []
    with subprocess.Popen(
        [*command, "--progress-bar", "off"],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                lines.append(line.rstrip())
                short = worth_showing(line)
                if short:
                    say("  " + short)
            code = process.wait()
        except BaseException:
            process.terminate()
            raise
        finally:
            ended.set()
    if code != 0:
        say("\n".join(lines[-25:]))
    else:
        say(f"  done in {time.monotonic() - started:.0f} s")
    return code


def worth_showing(line: str) -> str | None:
    """The part of a line of pip's that is shown in a log: downloads of 20 MB and more, and the last step."""
    words = line.split()
    if len(words) >= 4 and words[0] == "Downloading" and words[-1] in ("MB)", "GB)"):
        size = float(words[-2].lstrip("("))
        if words[-1] == "GB)" or size >= 20:
            name = "-".join(words[1].rsplit("/", 1)[-1].split("-")[:2])
            return f"downloading {name} ({words[-2].lstrip('(')} {words[-1]}"
        return None
    if line.startswith("Installing collected packages"):
        return f"unpacking {len(words) - 3} packages"
    return None


# --- the commands -------------------------------------------------------------------------------------------


def provide(extras: set[str], *, testing: bool) -> Path:
    """Install everything that is needed; returns the virtual environment's Python."""
    environment = ROOT / ".venv"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    good = environment_state(environment) == "good"
    windowed = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    packages = missing_system_packages(testing=testing, windowed=windowed, new_environment=not good)
    provide_system_packages(packages, testing=testing)
    if not good:
        make_environment(environment)
    stamp = read_stamp(environment)
    if not is_current(stamp, project, extras, ROOT):
        # An environment that was not made here is never made again, whatever its state.
        ours = not good or bool(stamp.get("ours"))
        extras = extras | set(stamp.get("extras", []))
        write_stamp(environment, {"state": "installing", "ours": ours, "extras": sorted(extras)})
        install(environment, extras)
        key = requirements_key(project, extras, ROOT)
        write_stamp(environment, {"state": "done", "ours": ours, "extras": sorted(extras), "key": key})
    return python_of(environment)


def start(command: Sequence[str]) -> NoReturn:
    """Replace this process by ``command``, so that Ctrl-C and the exit code are those of the command."""
    variables = clean_environment()
    os.chdir(ROOT)
    sys.stdout.flush()
    if os.name == "nt":
        sys.exit(subprocess.run(command, env=variables).returncode)
    os.execve(command[0], list(command), variables)


def parallel(arguments: Sequence[str]) -> list[str]:
    """pytest's options for using the cores: whole files are distributed, since their fixtures take time.

    More than eight processes would cost more memory than they save time. A debugger needs a single one.
    """
    workers = min(8, os.cpu_count() or 1)
    alone = any(word in ("--pdb", "--trace") or word.startswith("-n") for word in arguments)
    return [] if alone or workers < 2 else ["-n", str(workers), "--dist", "loadfile"]


def fast_tests() -> list[str]:
    """The parts of the tests that take under two minutes together, from the list beside this file."""
    lines = (ROOT / "scripts" / "fast_tests.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="bootstrap.py", description="Set up vitinspect in .venv and start it.")
    parser.add_argument(
        "command", choices=["run", "test", "test-fast", "lint", "install", "mutants", "docs", "coverage"]
    )
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="passed on to the program that is started")
    chosen = parser.parse_args(arguments)
    developing = chosen.command in ("test", "test-fast", "lint", "mutants", "docs", "coverage")
    testing = chosen.command in ("test", "mutants", "coverage")
    try:
        python = str(provide({"test"} if developing else set(), testing=testing))
    except SetUpError as error:
        print(f"vitinspect: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped; start again to continue the set-up.", file=sys.stderr)
        return 130
    if chosen.command == "run":
        start([python, "-m", "vitinspect", "demo", *chosen.rest])
    if chosen.command == "test":
        start([python, "-m", "pytest", *parallel(chosen.rest), *chosen.rest])
    if chosen.command == "test-fast":
        start([python, "-m", "pytest", *parallel(chosen.rest), *fast_tests(), *chosen.rest])
    if chosen.command == "mutants":
        start([python, "-m", "scripts.mutants", *chosen.rest])
    if chosen.command == "docs":
        start([python, "scripts/docs_site.py", *chosen.rest])
    if chosen.command == "coverage":
        # Slower than the tests alone, since each line is counted: for information, without a required minimum.
        counted = [python, "-m", "coverage", "run", "--source=vitinspect", "-m", "pytest", "-q", *chosen.rest]
        code = subprocess.run(counted, cwd=ROOT, env=clean_environment()).returncode
        start([python, "-m", "coverage", "report", "--skip-covered", "--sort=cover"]) if code == 0 else None
        return code
    if chosen.command == "lint":
        for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
            say(f"$ {' '.join(check)}")
            code = subprocess.run([python, "-m", *check], cwd=ROOT, env=clean_environment()).returncode
            if code != 0:
                return code
    return 0
