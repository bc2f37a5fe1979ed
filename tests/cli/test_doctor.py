"""``vitinspect doctor``: each problem has its sentence, and nothing else has one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from vitinspect.cli import doctor, main

Run = Callable[..., "subprocess.CompletedProcess[str]"]
GOOD = dict.fromkeys(doctor.PACKAGES, "99.0")


def test_the_real_program_reports_what_is_installed(run: Run, tmp_path: Path) -> None:
    done = run("doctor", VITINSPECT_HOME=str(tmp_path / "home"))
    assert done.returncode in (0, 1)
    assert done.stderr == ""
    for word in ("Python", "torch", "timm", "PySide6", "device", "Qt platform", "display", "cache"):
        assert word in done.stdout
    assert str(tmp_path / "home" / "cache") in done.stdout


def test_a_folder_that_cannot_be_written_to_is_found(run: Run, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file in the way")
    done = run("doctor", VITINSPECT_HOME=str(tmp_path / "home"))
    assert done.returncode == 1
    assert "! Nothing can be written to" in done.stdout


def test_good_packages_are_not_reported() -> None:
    assert doctor.package_problems(GOOD, {"torch": "2.6"}, (3, 11)) == []


def test_a_missing_and_an_old_package_are_named() -> None:
    versions = {**GOOD, "timm": None, "torch": "2.5.1+cpu"}
    missing, old = sorted(doctor.package_problems(versions, {"torch": "2.6"}, (3, 11)), key=lambda text: "2.6" in text)
    assert "timm is not installed" in missing
    assert "torch is 2.5.1+cpu, but 2.6 or newer is needed" in old


def test_the_pyside_of_conda_which_has_another_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def version(name: str) -> str:
        if name == "PySide6-Essentials":
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return {"PySide6": "6.11.3"}.get(name, "1.0")

    monkeypatch.setattr(doctor.importlib.metadata, "version", version)
    assert doctor.installed_versions()["PySide6-Essentials"] == "6.11.3"


@pytest.mark.parametrize(("version", "python", "wrong"), [("6.11.0", (3, 11), True), ("6.11.0", (3, 12), False)])
def test_a_pyside_that_is_known_to_crash_is_named(version: str, python: tuple[int, int], wrong: bool) -> None:
    problems = doctor.package_problems({**GOOD, "PySide6-Essentials": version}, {}, python)
    assert bool(problems) == wrong
    if wrong:
        assert "crashes on Python 3.11" in problems[0]


def test_the_pysides_that_crash_are_the_ones_that_the_package_refuses(checkout: Path) -> None:
    text = (checkout / "pyproject.toml").read_text("utf-8")
    for version in doctor.BROKEN_PYSIDE:
        assert f"!={version}" in text


def test_the_bounds_come_from_the_packages_own_metadata(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor.importlib.metadata,
        "requires",
        lambda _: ["torch>=2.6", "PySide6-Essentials!=6.11.0,>=6.10.3", 'captum>=0.7; extra == "bench"'],
    )
    assert doctor.lower_bounds() == {"torch": "2.6", "pyside6-essentials": "6.10.3"}


@pytest.mark.parametrize(
    ("older", "newer"), [("2.9", "2.10"), ("2.6.0", "2.6.1"), ("1.0.20", "1.1"), ("2.6.0a0+x", "2.7")]
)
def test_versions_are_compared_as_numbers(older: str, newer: str) -> None:
    assert doctor.numbers(older) < doctor.numbers(newer)
    assert doctor.numbers("2.6") == doctor.numbers("2.6.0+cpu")


def test_a_torchvision_that_does_not_fit_torch_is_explained() -> None:
    def load(_: str) -> object:
        raise RuntimeError("operator torchvision::nms does not exist\nmore lines")

    problem = doctor.torchvision_problem("2.13.0+cpu", load)
    assert problem is not None
    assert "does not match torch 2.13.0+cpu (operator torchvision::nms does not exist)" in problem
    assert "pip install" in problem
    assert "\n" not in problem


def test_a_torchvision_that_fits_is_not_mentioned() -> None:
    assert doctor.torchvision_problem("2.13.0", lambda _: None) is None


def test_an_nvidia_gpu_that_torch_cannot_use_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert doctor.unused_gpu([], "2.9", None) is None
    without = doctor.unused_gpu(["NVIDIA H100"], "2.9+cpu", None)
    assert without is not None
    assert "NVIDIA H100 was found" in without
    assert "without CUDA" in without
    old_driver = doctor.unused_gpu(["NVIDIA H100"], "2.9", "13.0")
    assert old_driver is not None
    assert "driver" in old_driver
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    hidden = doctor.unused_gpu(["NVIDIA H100"], "2.9", "13.0")
    assert hidden is not None
    assert "CUDA_VISIBLE_DEVICES hides it" in hidden


def test_the_report_is_text_to_be_copied_without_the_home_folder(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VITINSPECT_HOME", str(tmp_path / "own"))
    assert main(["doctor", "--report"]) in (0, 1)
    text = capsys.readouterr().out
    assert text.startswith("```\n")
    assert text.rstrip().endswith("```")
    assert str(tmp_path) not in text
    assert "~/own" in text
    assert "plug-ins" in text
