"""The set-up: what it installs, what it makes again, and when it has nothing to do."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

PROJECT: dict[str, Any] = {
    "build-system": {"requires": ["hatchling"]},
    "project": {
        "dependencies": ["torch>=2"],
        "optional-dependencies": {"test": ["pytest"], "bench": ["captum"]},
        "scripts": {"vitinspect": "vitinspect.cli:main"},
    },
}


@pytest.fixture
def set_up(checkout: Path) -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("set_up_under_test", checkout / "scripts" / "set_up.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path_before = list(sys.path)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path_before


def stamp_for(set_up: ModuleType, extras: set[str], where: Path = Path("/checkout")) -> dict[str, Any]:
    key = set_up.requirements_key(PROJECT, extras, where)
    return {"state": "done", "ours": True, "extras": sorted(extras), "key": key}


# --- when pip has something to do ----------------------------------------------------------------------------


def test_a_finished_set_up_is_not_repeated(set_up: ModuleType) -> None:
    assert set_up.is_current(stamp_for(set_up, {"test"}), PROJECT, {"test"}, Path("/checkout"))


def test_what_was_set_up_for_the_tests_serves_for_running_too(set_up: ModuleType) -> None:
    stamp = stamp_for(set_up, {"test"})
    assert set_up.is_current(stamp, PROJECT, set(), Path("/checkout"))
    assert not set_up.is_current(stamp_for(set_up, set()), PROJECT, {"test"}, Path("/checkout"))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: p["project"]["dependencies"].append("numpy"),
        lambda p: p["project"]["optional-dependencies"]["test"].append("pytest-qt"),
        lambda p: p["project"]["scripts"].update(other="x:y"),
        lambda p: p["build-system"]["requires"].append("x"),
    ],
)
def test_a_changed_requirement_is_noticed(set_up: ModuleType, change: Any) -> None:
    changed = json.loads(json.dumps(PROJECT))
    change(changed)
    assert not set_up.is_current(stamp_for(set_up, {"test"}), changed, {"test"}, Path("/checkout"))


def test_a_changed_requirement_of_another_extra_or_a_new_version_is_none(set_up: ModuleType) -> None:
    changed = json.loads(json.dumps(PROJECT))
    changed["project"]["optional-dependencies"]["bench"].append("zennit")
    changed["project"]["version"] = "9"
    assert set_up.is_current(stamp_for(set_up, {"test"}), changed, {"test"}, Path("/checkout"))


def test_a_checkout_that_was_moved_is_installed_again(set_up: ModuleType) -> None:
    assert not set_up.is_current(stamp_for(set_up, set()), PROJECT, set(), Path("/elsewhere"))


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"state": "installing", "extras": []}'])
def test_a_broken_or_unfinished_stamp_is_ignored(set_up: ModuleType, tmp_path: Path, content: str) -> None:
    (tmp_path / set_up.STAMP).write_text(content)
    assert not set_up.is_current(set_up.read_stamp(tmp_path), PROJECT, set(), tmp_path)


# --- the virtual environment ---------------------------------------------------------------------------------


def test_a_missing_a_partial_and_a_complete_environment_are_distinguished(set_up: ModuleType, tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    assert set_up.environment_state(environment) == "missing"
    # Interrupted before pip came in.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    assert set_up.environment_state(environment) == "broken"
    (set_up.python_of(environment).parent.parent / "lib").mkdir(exist_ok=True)
    fake_pip(environment)
    assert set_up.environment_state(environment) == "good"


def fake_pip(environment: Path) -> None:
    """Enough of a pip to be imported, without the seconds that the real one takes to install."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    (packages / "pip.py").write_text("")


@pytest.mark.skipif(os.name == "nt", reason="the layout is that of other systems")
def test_an_environment_whose_python_is_missing_is_broken(set_up: ModuleType, tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(tmp_path / "python-that-was-removed")
    assert set_up.environment_state(environment) == "broken"


def test_an_environment_of_ours_that_pip_was_interrupted_in_is_made_again(set_up: ModuleType, tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    fake_pip(environment)
    set_up.write_stamp(environment, {"state": "installing", "ours": True, "extras": []})
    assert set_up.environment_state(environment) == "broken"


def test_an_environment_that_the_user_made_is_never_deleted(set_up: ModuleType, tmp_path: Path) -> None:
    environment = tmp_path / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    fake_pip(environment)
    set_up.write_stamp(environment, {"state": "installing", "ours": False, "extras": []})
    assert set_up.environment_state(environment) == "good"


def test_a_link_or_a_file_in_the_place_of_the_environment_is_refused_and_kept(
    set_up: ModuleType, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("data")
    (tmp_path / ".venv").symlink_to(elsewhere)
    with pytest.raises(set_up.SetUpError, match="is not a virtual environment"):
        set_up.make_environment(tmp_path / ".venv")
    assert (elsewhere / "precious").read_text() == "data"


def test_without_venv_and_without_pip_one_sentence_names_the_package(
    set_up: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_up, "can_make_environments", lambda: False)
    monkeypatch.setattr(set_up, "outer_pip_works", lambda: False)
    with pytest.raises(set_up.SetUpError) as caught:
        set_up.make_environment(tmp_path / ".venv")
    assert f"python3.{sys.version_info[1]}-venv" in str(caught.value)
    assert not (tmp_path / ".venv").exists()


def test_variables_that_lead_out_of_the_environment_are_dropped(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PIP_TARGET", "/somewhere")
    monkeypatch.setenv("PIP_USER", "1")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    clean = set_up.clean_environment()
    assert "PYTHONPATH" not in clean
    assert "PIP_TARGET" not in clean
    assert clean["PIP_USER"] == "0"
    assert clean["HTTPS_PROXY"] == "http://proxy"


# --- system packages -----------------------------------------------------------------------------------------


@pytest.fixture
def bare_machine(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A Linux machine that lacks everything."""
    monkeypatch.setattr(set_up.sys, "platform", "linux")
    monkeypatch.setattr(set_up.system, "missing_libraries", lambda libraries: dict(libraries))
    monkeypatch.setattr(set_up.system, "has_fonts", lambda: False)
    monkeypatch.setattr(set_up.shutil, "which", lambda name: None)
    monkeypatch.setattr(set_up, "can_make_environments", lambda: False)
    monkeypatch.setattr(set_up, "outer_pip_works", lambda: False)
    return set_up


def test_a_bare_container_needs_qt_a_font_and_venv_to_run(bare_machine: ModuleType) -> None:
    needed = bare_machine.missing_system_packages(testing=False, windowed=False, new_environment=True)
    assert {"libegl1", "libgl1", "libxkbcommon0", "libfontconfig1", "fonts-dejavu-core"} <= set(needed)
    assert bare_machine.venv_package() in needed
    assert not {"xvfb", "libxcb-cursor0"} & set(needed)


def test_the_tests_also_need_a_virtual_screen(bare_machine: ModuleType) -> None:
    needed = bare_machine.missing_system_packages(testing=True, windowed=False, new_environment=False)
    assert {"xvfb", "xdotool", "libxcb-cursor0"} <= set(needed)
    assert bare_machine.venv_package() not in needed


def test_a_machine_that_has_everything_needs_nothing(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(set_up.system, "missing_libraries", lambda libraries: {})
    monkeypatch.setattr(set_up.system, "has_fonts", lambda: True)
    monkeypatch.setattr(set_up.system, "font_file", lambda name: Path(name))
    monkeypatch.setattr(set_up.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(set_up, "can_make_environments", lambda: True)
    assert set_up.missing_system_packages(testing=True, windowed=True, new_environment=True) == []


def test_the_tests_need_the_font_of_the_kept_pictures_whatever_other_fonts_there_are(
    bare_machine: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bare_machine.system, "has_fonts", lambda: True)
    monkeypatch.setattr(bare_machine.system, "font_file", lambda name: None)
    needed = bare_machine.missing_system_packages(testing=True, windowed=False, new_environment=False)
    assert "fonts-dejavu-core" in needed
    needed = bare_machine.missing_system_packages(testing=False, windowed=True, new_environment=False)
    assert "fonts-dejavu-core" not in needed


def test_for_an_ordinary_user_the_packages_are_named_in_one_line_and_nothing_is_installed(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "is_root", lambda: False)
    monkeypatch.setattr(set_up, "apt_install", lambda packages: pytest.fail("must not install"))
    set_up.provide_system_packages(["libegl1", "libgl1"], testing=False)
    assert capsys.readouterr().out.count("\n") == 1
    set_up.provide_system_packages(["libegl1", "libgl1"], testing=False)
    assert "sudo apt-get install libegl1 libgl1" in capsys.readouterr().out


def test_an_ordinary_user_without_venv_gets_one_sentence_with_all_packages(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(set_up, "is_root", lambda: False)
    with pytest.raises(set_up.SetUpError, match="sudo apt-get install libegl1 python3"):
        set_up.provide_system_packages(["libegl1", set_up.venv_package()], testing=False)
    assert capsys.readouterr().out == ""


def test_root_installs_them_and_says_so_in_one_line(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed: list[str] = []
    monkeypatch.setattr(set_up, "is_root", lambda: True)
    monkeypatch.setattr(set_up.shutil, "which", lambda name: "/usr/bin/apt-get")
    monkeypatch.setattr(set_up, "apt_install", installed.extend)
    set_up.provide_system_packages(["libegl1"], testing=False)
    assert installed == ["libegl1"]
    assert capsys.readouterr().out.count("\n") == 1


def test_package_lists_are_fetched_only_when_installing_fails_without(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command[1])
        failed = command[1] == "install" and "update" not in calls
        return subprocess.CompletedProcess(command, 100 if failed else 0, "", "E: Unable to locate package libegl1")

    monkeypatch.setattr(set_up.subprocess, "run", run)
    assert set_up.apt_install(["libegl1"]) is None
    assert calls == ["install", "update", "install"]


def test_the_last_lines_of_apt_are_printed_when_it_fails(set_up: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        set_up.subprocess,
        "run",
        lambda command, **_: subprocess.CompletedProcess(command, 100, "", "W: x\nE: Unable to fetch"),
    )
    assert set_up.apt_install(["libegl1"]) == "E: Unable to fetch"


# --- pip's words ---------------------------------------------------------------------------------------------


def test_of_the_output_of_pip_large_downloads_are_shown_in_a_log(set_up: ModuleType) -> None:
    show = set_up.worth_showing
    assert show("  Downloading torch-2.9.0-cp311-manylinux.whl (899.7 MB)") == "downloading torch-2.9.0 (899.7 MB)"
    assert show("Downloading https://host/a/nvidia_cublas-13.1-py3.whl (1.2 GB)") is not None
    assert show("  Downloading numpy-2.1.0-cp311.whl (16.3 MB)") is None
    assert show("  Downloading idna-3.1.whl (70 kB)") is None
    assert show("Installing collected packages: numpy, torch, timm") == "unpacking 3 packages"
    assert show("Collecting torch") is None


def test_the_output_of_pip_is_shown_when_it_fails(set_up: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    code = "import sys; print('ERROR: No matching distribution'); sys.exit(1)"
    # The option for pip that is added at the end is an argument of the little program.
    assert set_up.run_and_condense([sys.executable, "-c", code], dict(os.environ)) == 1
    assert "No matching distribution" in capfd.readouterr().out


# --- the tests ------------------------------------------------------------------------------------------------


def test_the_tests_use_the_cores_unless_something_else_is_asked_for(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_up.os, "cpu_count", lambda: 64)
    assert set_up.parallel(["-x"]) == ["-n", "8", "--dist", "loadfile"]
    assert set_up.parallel(["--pdb"]) == set_up.parallel(["-n0"]) == []
    monkeypatch.setattr(set_up.os, "cpu_count", lambda: 1)
    assert set_up.parallel([]) == []


# --- the first file, which any Python must be able to read ----------------------------------------------------


def test_an_old_python_gets_one_sentence(checkout: Path, tmp_path: Path) -> None:
    code = (
        "import runpy, sys\n"
        "class Old(tuple):\n"
        "    pass\n"
        "sys.version_info = Old((3, 9, 2, 'final', 0))\n"
        f"sys.argv = ['bootstrap.py', 'run']\n"
        f"runpy.run_path({str(checkout / 'scripts' / 'bootstrap.py')!r}, run_name='__main__')\n"
    )
    # No other Python is on this PATH.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PATH": str(tmp_path)})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Python 3.11 or newer, and this is Python 3.9" in done.stderr


def test_the_first_file_uses_no_syntax_that_an_old_python_lacks(checkout: Path) -> None:
    import ast

    text = (checkout / "scripts" / "bootstrap.py").read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.Match)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    assert text.isascii()


# --- the commands as people type them -------------------------------------------------------------------------


def test_the_readme_opens_with_the_two_commands_and_the_ci_calls_the_second(checkout: Path) -> None:
    readme = (checkout / "README.md").read_text("utf-8")
    first_block = readme.split("```")[1]
    assert first_block.splitlines()[1:] == ["make run", "make test"]
    assert "make test" in (checkout / ".ci" / "run").read_text("utf-8").splitlines()
    assert "make run" in readme[:1500]


@pytest.mark.parametrize("target", ["run", "test", "test-fast", "lint"])
def test_each_command_of_the_makefile_goes_through_the_set_up(checkout: Path, target: str) -> None:
    import shutil

    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    # The suite itself may run under make, which would hand its own variables down.
    plain = {name: value for name, value in os.environ.items() if name not in ("MFLAGS", "ARGS", "PYTHON")}
    plain = {name: value for name, value in plain.items() if not name.startswith("MAKE")}
    done = subprocess.run(["make", "-n", target], cwd=checkout, capture_output=True, text=True, check=True, env=plain)
    assert done.stdout.strip() == f"python3 scripts/bootstrap.py {target}"


@pytest.mark.parametrize(("given", "wanted"), [("1", True), ("", False), ("0", False), ("yes", True)])
def test_without_a_gpu_its_libraries_are_not_downloaded_if_the_user_asks_for_it(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: str, wanted: bool
) -> None:
    monkeypatch.setenv("CPU", given)
    monkeypatch.setattr(set_up, "succeeds", lambda command: False)
    started: list[list[str]] = []

    def run(command: list[str], **more: Any) -> Any:
        started.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(set_up.subprocess, "run", run)
    monkeypatch.setattr(set_up, "run_and_condense", lambda command, variables: started.append(command) or 0)
    monkeypatch.setattr(set_up, "announce", lambda environment: None)
    set_up.install(tmp_path, {"test"})
    last = started[-1]
    assert ("--torch-backend" in last) is wanted
    assert any(word.endswith("[test]") for word in last)


def test_a_network_without_torchs_own_builds_is_reported_in_a_sentence(
    set_up: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(set_up.subprocess, "run", lambda command, **more: failed)
    with pytest.raises(set_up.SetUpError, match="without CPU=1 the standard builds are installed"):
        set_up.install_cpu_only(tmp_path, "here")


def test_the_makefile_passes_the_choice_on(checkout: Path) -> None:
    assert "\nexport CPU\n" in (checkout / "Makefile").read_text("utf-8")
