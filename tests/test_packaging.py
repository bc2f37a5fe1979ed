"""The wheel: its content, and that it works outside of the checkout."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import vitinspect

ROOT = Path(__file__).resolve().parent.parent

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def build(source: Path, kind: str, out: Path) -> Path:
    """Build without isolation and without network."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)],
        cwd=source,
        check=True,
        capture_output=True,
        text=True,
    )
    (built,) = out.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an empty environment with the wheel in it, and the packages of this one by a path file."""
    environment = tmp_path_factory.mktemp("environment")
    # Debian's Python may lack what puts a pip into a new environment; the one of this environment serves for both.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True, capture_output=True)
    folder = "Scripts" if os.name == "nt" else "bin"
    python = environment / folder / ("python.exe" if os.name == "nt" else "python")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", "--no-index", str(wheel)],
        check=True,
        capture_output=True,
    )
    packages = subprocess.run(
        [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # A path in a path file is searched last, and path files in it (an editable install's) are not read.
    Path(packages, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Run:
    """Run something of the installed program in an empty folder, away from the checkout."""

    def program(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        variables = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
        command = installed.with_name(name + installed.suffix)
        return subprocess.run(
            [str(command), *map(str, arguments)], cwd=tmp_path, env=variables, capture_output=True, text=True
        )

    return program


def test_the_wheel_holds_the_package_its_resources_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"vitinspect", f"vitinspect-{vitinspect.__version__}.dist-info"}
    for name in names:
        code = name.endswith((".py", ".typed", ".css", ".js"))
        assert code or "/resources_data/" in name or ".dist-info/" in name, name
    assert "vitinspect/resources_data/models/demo/model.safetensors" in names
    assert "vitinspect/resources_data/gallery/labels.csv" in names
    assert "vitinspect/py.typed" in names  # type checkers read our annotations
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if "__pycache__" in name]


def test_every_resource_of_the_checkout_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if "/resources_data/" in name}
    tracked = subprocess.run(["git", "ls-files", "resources"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode != 0:
        pytest.skip("this is no git checkout, so that nothing tells which files belong to it")
    for name in tracked.stdout.splitlines():
        assert f"vitinspect/resources_data/{name.removeprefix('resources/')}" in packed


def test_a_wheel_that_is_built_from_the_sdist_is_the_same(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):  # Python 3.11.4
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(tmp_path)
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    again = build(source, "wheel", tmp_path / "again")

    def contents(path: Path) -> dict[str, int]:
        with zipfile.ZipFile(path) as archive:
            return {entry.filename: entry.CRC for entry in archive.infolist()}

    assert contents(again) == contents(wheel)


def test_the_sdist_has_what_is_needed_to_test_it(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {"Makefile", "LICENSE", "README.md", "scripts/bootstrap.py", "tests/conftest.py"} <= names
    assert {"CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", ".pre-commit-config.yaml", "SECURITY.md"} <= names
    assert {"requirements-tested.txt", "examples/plugin-package/pyproject.toml", "docs/tutorial.md"} <= names
    assert {"examples/notebooks/first-steps.ipynb", "containers/headless.Containerfile"} <= names
    assert {"conda-recipe/recipe.yaml", "conda-recipe/environment.yml"} <= names


def test_the_installed_program_prints_its_version(run: Run) -> None:
    done = run("vitinspect", "--version")
    assert (done.returncode, done.stdout.strip()) == (0, f"vitinspect {vitinspect.__version__}"), done.stderr


def test_the_installed_program_shows_its_help_and_its_completion(run: Run) -> None:
    done = run("vitinspect", "--help")
    assert done.returncode == 0, done.stderr
    assert "Maps of pictures:" in done.stdout
    assert "complete -o default" in run("vitinspect", "completion", "bash").stdout


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the menu entry is for Linux")
def test_the_menu_entry_starts_the_installed_program(
    run: Run, installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    done = run("vitinspect", "desktop", "install")
    assert done.returncode == 0, done.stderr
    entry = (tmp_path / "data" / "applications" / "vitinspect.desktop").read_text("utf-8")
    assert f"Exec={installed.with_name('vitinspect')} %f" in entry
    assert (tmp_path / "data" / "icons" / "hicolor" / "scalable" / "apps" / "vitinspect.svg").is_file()
    assert run("vitinspect", "desktop", "remove").returncode == 0


def test_the_exact_versions_are_within_what_is_declared() -> None:
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lines = (ROOT / "requirements-tested.txt").read_text("utf-8").splitlines()
    exact = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    for line in (*project["dependencies"], *project["optional-dependencies"]["test"]):
        wanted = Requirement(line)
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        assert name in exact, f"{line} has no exact version in requirements-tested.txt"
        assert exact[name] in wanted.specifier, line


CALLED_BY_CONDA = {"torch": "pytorch", "PySide6-Essentials": "pyside6"}


def requirements_for_conda() -> set[str]:
    """What pyproject.toml asks for, as conda writes and names it."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {f"python {project['requires-python']}"}
    for line in project["dependencies"]:
        one = Requirement(line)
        bounds = sorted(map(str, one.specifier), key=lambda bound: (bound.startswith("!"), bound))
        wanted.add(f"{CALLED_BY_CONDA.get(one.name, one.name)} {','.join(bounds)}")
    return wanted


def test_the_recipe_for_conda_says_what_the_package_says() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML, which comes with mkdocs, is not installed")
    recipe = yaml.safe_load((ROOT / "conda-recipe" / "recipe.yaml").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    context = recipe["context"]
    run = {line.replace("${{ python_min }}", context["python_min"]) for line in recipe["requirements"]["run"]}
    assert context["version"] == vitinspect.__version__
    assert (ROOT / "conda-recipe" / recipe["source"]["path"]).resolve() == ROOT
    assert run == requirements_for_conda()
    assert set(recipe["requirements"]["host"]) >= set(map(spaced, project["build-system"]["requires"]))
    scripts = project["project"]["scripts"]
    assert recipe["build"]["python"]["entry_points"] == [f"{name} = {where}" for name, where in scripts.items()]


def test_the_environment_for_conda_has_what_the_package_needs() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML, which comes with mkdocs, is not installed")
    environment = yaml.safe_load((ROOT / "conda-recipe" / "environment.yml").read_text("utf-8"))
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert set(environment["dependencies"]) == requirements_for_conda() | set(map(spaced, build)) | {"pip"}


def spaced(requirement: str) -> str:
    """``hatchling>=1.27`` as ``hatchling >=1.27``."""
    return re.sub(r"(?<=\w)(?=[<>=!])", " ", requirement, count=1)


def test_rattler_build_reads_and_renders_the_recipe() -> None:
    rattler_build = pytest.importorskip("rattler_build", reason="py-rattler-build is not installed")
    recipe = rattler_build.Stage0Recipe.from_file(ROOT / "conda-recipe" / "recipe.yaml")
    (rendered,) = recipe.render(rattler_build.VariantConfig())
    assert (rendered.recipe.package.name, str(rendered.recipe.package.version)) == (
        "vitinspect",
        vitinspect.__version__,
    )
    assert "python 3.11.*" in rendered.recipe.to_dict()["requirements"]["host"]


def test_the_installed_package_is_not_the_checkout_and_finds_its_own_resources(run: Run, installed: Path) -> None:
    code = (
        "import vitinspect, vitinspect.resources as r, json; "
        "print(json.dumps([vitinspect.__file__, str(r.resources_folder())]))"
    )
    done = run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    environment = installed.parent.parent
    for path in map(Path, json.loads(done.stdout)):
        assert environment in path.parents
        assert ROOT not in path.parents


def test_the_installed_program_explains_a_bundled_image(run: Run, tmp_path: Path) -> None:
    found = run("python", "-c", "import vitinspect.resources as r; print(r.gallery_folder() / 'images')")
    image = sorted(Path(found.stdout.strip()).iterdir())[0]
    done = run("vitinspect", "explain", image, "--methods", "rollout", "--out", "maps")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == [
        f"{image.stem}.rollout.npz",
        f"{image.stem}.rollout.png",
    ]


def test_the_installed_package_loads_the_bundled_model(run: Run) -> None:
    code = "import vitinspect as vi; m = vi.load_model('demo'); print(m.grid, m.num_classes, len(m.labels))"
    done = run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("(14, 14) ")
