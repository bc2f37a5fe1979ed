"""The exact versions of all that vitinspect and its tests need, as they are in this environment: a file for pip.

``python scripts/lock.py > requirements-tested.txt``. Packages with NVIDIA's libraries are
left out, since they follow from torch and differ from machine to machine.
"""

from __future__ import annotations

import platform
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return [Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["test"])]


def closure(first: list[Requirement]) -> tuple[dict[str, str], list[str]]:
    """Name to version of everything that is needed and installed; and what is needed and missing."""
    found: dict[str, str] = {}
    missing: list[str] = []
    waiting = list(first)
    while waiting:
        one = waiting.pop()
        name = re.sub(r"[-_.]+", "-", one.name).lower()
        extras = one.extras or {""}
        if one.marker is not None and not any(one.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        if name in found or name.startswith(("nvidia-", "cuda-", "triton")):
            continue
        try:
            installed = metadata.distribution(one.name)
        except metadata.PackageNotFoundError:
            missing.append(one.name)
            continue
        found[name] = installed.version.partition("+")[0]
        for line in installed.requires or []:
            further = Requirement(line)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return found, missing


def main() -> int:
    found, missing = closure(wanted())
    print(f"# What the tests ran with: Python {platform.python_version()}, {platform.system()} {platform.machine()}.")
    for name in sorted(found):
        print(f"{name}=={found[name]}")
    for name in missing:
        print(f"missing here: {name}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
