"""Plug-ins: from a named file, from an installed package, and broken ones."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.resources import gallery_folder

ROOT = Path(__file__).resolve().parent.parent
PICTURE = gallery_folder() / "images" / "24-gem-leaf.png"
EXAMPLES = ROOT / "examples"

HEAD = "import vitinspect as vi\n"
INFO = (
    "METHODS = (vi.MethodInfo("
    'id={id!r}, title="t", summary="s", citation="c", implementation=":Mine", cost={cost!r}),)\n'
)


@pytest.fixture
def told(plugins_of_this_test: list[str]) -> list[str]:
    """The reports of broken plug-ins."""
    return plugins_of_this_test


@pytest.fixture
def plugin(tmp_path: Path) -> Callable[..., Path]:
    def write(body: str, *, id: str = "mine", cost: str = "one forward", name: str = "own.py") -> Path:  # noqa: A002
        path = tmp_path / name
        path.write_text(HEAD + body + INFO.format(id=id, cost=cost), "utf-8")
        return path

    return write


GOOD = """
class Mine(vi.Explainer):
    def maps(self, run, sweep=None, early=None):
        import numpy as np
        rows, columns = run.grid
        return np.arange(run.batch * rows * columns, dtype="f4").reshape(run.batch, rows, columns)
"""


@pytest.fixture(scope="module")
def model() -> Any:
    return vi.load_model("demo", device="cpu")


def test_a_method_of_a_named_file_is_a_method_like_any_other(
    told: list[str], plugin: Callable[..., Path], model: Any
) -> None:
    assert "mine" not in vi.methods()
    vi.load_plugin(plugin(GOOD))
    assert "mine" in vi.methods()
    result = vi.explain(model, PICTURE, ["mine", "rollout"])
    assert np.array_equal(result["mine"].values, np.arange(196, dtype=np.float32).reshape(14, 14))
    assert vi.fuse([result["mine"], result["rollout"]], normalisation="minmax").values.shape == (14, 14)
    assert "own.py" in vi.methods()["mine"].help()
    assert told == []


def test_every_verb_takes_a_plug_in(
    told: list[str], plugin: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(plugin(GOOD))
    assert main(["methods", "--plugin", file]) == 0
    assert "mine" in capsys.readouterr().out
    out = tmp_path / "maps"
    assert main([f"--plugin={file}", "explain", str(PICTURE), "--methods", "mine", "--out", str(out)]) == 0
    assert (out / "24-gem-leaf.mine.npz").exists()


def test_a_file_that_is_not_there_is_an_error(told: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--plugin", "nowhere.py"]) == 2
    assert "There is no plug-in" in capsys.readouterr().err
    assert main(["methods", "--plugin"]) == 2


BROKEN = {
    "syntax": ("class Mine(\n", {}, "SyntaxError"),
    "import": ("import no_such_package\n" + GOOD, {}, "no_such_package"),
    "raises": ("raise RuntimeError('bad day')\n", {}, "RuntimeError: bad day"),
    "taken": (GOOD, {"id": "rollout"}, "a method 'rollout' exists already"),
    "cost": (GOOD, {"cost": "cheap"}, "the cost of mine must be one of"),
    "id": (GOOD, {"id": "not an id"}, "is not a valid id of a method"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plug_in_is_named_and_left_out(
    case: str, told: list[str], plugin: Callable[..., Path], model: Any
) -> None:
    body, given, reason = BROKEN[case]
    vi.load_plugin(plugin(body, **given))
    assert [info.id for info in vi.methods() if info.plugin] == []
    assert "rollout" in vi.methods()
    assert len(told) == 1, told
    assert "own.py" in told[0]
    assert reason in told[0]
    assert vi.explain(model, PICTURE, "rollout")["rollout"].values.shape == (14, 14)


def test_a_file_without_methods_and_models_is_named(told: list[str], tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("x = 1\n")
    vi.load_plugin(tmp_path / "empty.py")
    assert "neither METHODS nor MODELS" in told[0]


RUNS_BADLY = {
    "raises": ("        raise KeyError('lost')\n", "the plug-in own.py ended with KeyError: 'lost'"),
    "shape": ("        import torch; return torch.zeros(3)\n", "the plug-in own.py returned values of shape (3,)"),
    "size": ("        import torch; return torch.zeros(run.batch, 5, 5)\n", "its map has the shape (5, 5)"),
    "nan": ("        import torch; return torch.full((run.batch, *run.grid), float('nan'))\n", "NaN"),
    "words": ("        return 'no map'\n", "the plug-in own.py ended with"),
}


@pytest.mark.parametrize("case", RUNS_BADLY)
def test_an_error_of_a_plug_in_names_it_and_the_model_is_restored(
    case: str, told: list[str], plugin: Callable[..., Path], model: Any
) -> None:
    body, said = RUNS_BADLY[case]
    hook = "        run.model.module.train(); run.model.module.blocks[0].register_forward_hook(lambda *a: None)\n"
    vi.load_plugin(
        plugin("class Mine(vi.Explainer):\n    def maps(self, run, sweep=None, early=None):\n" + hook + body)
    )
    with pytest.raises(vi.MethodFailed) as failed:
        vi.explain(model, PICTURE, "mine")
    assert said in str(failed.value)
    assert not model.module.training
    assert not model.module.blocks[0]._forward_hooks
    assert vi.explain(model, PICTURE, "rollout")["rollout"].values.shape == (14, 14)


def test_a_missing_package_refuses_the_method_and_no_other(
    told: list[str], plugin: Callable[..., Path], model: Any
) -> None:
    vi.load_plugin(plugin(GOOD + "    def check(self, model):\n        import no_such_package\n"))
    reason = model.why_not("mine")
    assert "needs the package no_such_package" in reason
    assert "rollout" in model.supported_methods()


def test_models_of_a_named_file(told: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "zoo.py"
    file.write_text(
        "import timm\n"
        "def load(name):\n"
        "    if name == 'no': return 3\n"
        "    return timm.create_model('vit_tiny_patch16_224', img_size=32, depth=1, num_classes=2)\n"
        "load.names = lambda: ['one']\n"
        "MODELS = {'zoo': load, 'timm': load}\n"
    )
    vi.load_plugin(file)
    assert "'timm' cannot be used as a prefix" in told[0]
    assert vi.load_model("zoo:one", device="cpu").source == "zoo:one"
    with pytest.raises(vi.ModelError, match="returned int"):
        vi.load_model("zoo:no")
    with pytest.raises(vi.ModelError, match="loads its models as they are"):
        vi.load_model("zoo:one", random=True)
    assert main(["models", "zoo", "--plugin", str(file)]) == 0
    assert "zoo:one" in capsys.readouterr().out


def test_the_smallest_example(told: list[str], model: Any) -> None:
    vi.load_plugin(EXAMPLES / "plugins" / "norm_of_tokens.py")
    found = vi.explain(model, PICTURE, ["norm_of_tokens", "norm_of_tokens(block=0)"])
    assert not np.array_equal(found["norm_of_tokens"].values, found["norm_of_tokens(block=0)"].values)
    assert (found["norm_of_tokens"].values > 0).all()


def test_the_example_that_reads_attention_and_the_one_that_runs_the_model_again(told: list[str], model: Any) -> None:
    vi.load_plugin(EXAMPLES / "plugins" / "attention_and_squares.py")
    wanted = ["class_attention", "class_attention(gradient=false)", "hidden_squares(side=14)", "raw_attention"]
    found = vi.explain(model, PICTURE, wanted, target="leaf")
    plain = found["class_attention(gradient=false)"].values
    np.testing.assert_allclose(plain, found["raw_attention"].values, rtol=1e-5)
    assert not np.allclose(found["class_attention"].values, plain)
    # One square as large as the picture: the fall from the whole picture to a grey one, everywhere.
    with Image.open(PICTURE) as picture:
        inputs = model.preprocess(picture.convert("RGB")).tensor[None]
    leaf = model.labels.index("leaf")
    fall = float(model.logits(inputs)[0, leaf] - model.logits(inputs * 0)[0, leaf])
    np.testing.assert_allclose(found["hidden_squares(side=14)"].values, fall, rtol=1e-4)


@pytest.fixture
def others(told: list[str]) -> None:
    vi.load_plugin(EXAMPLES / "plugins" / "other_libraries.py")
    assert {"captum_ig", "gradcam_layercam", "lxt_attnlrp"} <= set(vi.methods().ids), told


def needs(package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")


def test_captum_as_a_plug_in_gives_what_the_own_method_gives(others: None, model: Any) -> None:
    needs("captum")
    theirs = vi.explain(model, PICTURE, "captum_ig(steps=8)", target="leaf")["captum_ig(steps=8)"]
    ours = vi.explain(model, PICTURE, "integrated_gradients(steps=8)", target="leaf")
    own = next(iter(ours.values())).values
    assert theirs.values.shape == tuple(model.input_size)
    # Another rule places the steps on the path, so that the two agree in what they show, and not in each digit.
    grid = theirs.values.reshape(14, 16, 14, 16).sum((1, 3))
    own = own if own.shape == (14, 14) else own.reshape(14, 16, 14, 16).sum((1, 3))
    assert np.corrcoef(grid.ravel(), own.ravel())[0, 1] > 0.8


def test_pytorch_grad_cam_as_a_plug_in(others: None, model: Any) -> None:
    needs("pytorch_grad_cam")
    found = [vi.explain(model, PICTURE, "gradcam_layercam", target=target) for target in ("gem", "leaf")]
    gem, leaf = (one["gradcam_layercam"].values for one in found)
    assert gem.shape == tuple(model.input_size)
    assert not np.allclose(gem, leaf)


def test_lxt_as_a_plug_in_is_our_attnlrp(others: None, model: Any) -> None:
    needs("lxt")
    theirs = vi.explain(model, PICTURE, "lxt_attnlrp", target="leaf")["lxt_attnlrp"].values
    ours = vi.explain(model, PICTURE, "attnlrp(attention=attnlrp,resolution=pixel)", target="leaf")
    own = next(iter(ours.values())).values
    assert np.abs(theirs - own).max() < 1e-3 * np.abs(own).max()


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed into a folder of its own."""
    target = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "package"
    import shutil

    shutil.copytree(EXAMPLES / "plugin-package", source)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"),
            *("--target", str(target), str(source)),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return target


def run(code: str, *places: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [ROOT, *places]))}
    return subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, cwd=cwd)


def test_the_example_package_is_found_when_it_is_installed(installed: Path, tmp_path: Path) -> None:
    code = (
        "import vitinspect as vi\n"
        "assert 'grey_patches' in vi.methods()\n"
        "m = vi.load_model('example:tiny', device='cpu')\n"
        f"r = vi.explain(m, {str(PICTURE)!r}, ['grey_patches', 'rollout'])\n"
        "print(m.labels, r['grey_patches'].values.shape)\n"
        "from vitinspect.cli import main; main(['models', 'example'])\n"
    )
    done = run(code, installed, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "['circle', 'square', 'star'] (4, 4)"
    assert "example:tiny" in done.stdout


def test_a_broken_package_is_named_and_the_rest_works(installed: Path, tmp_path: Path) -> None:
    broken = tmp_path / "site"
    (broken / "bad_plugin-1.0.dist-info").mkdir(parents=True)
    (broken / "bad_plugin-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: bad-plugin\nVersion: 1.0\n"
    )
    (broken / "bad_plugin-1.0.dist-info" / "entry_points.txt").write_text("[vitinspect.methods]\nbad = bad_plugin\n")
    (broken / "bad_plugin.py").write_text("import no_such_package\n")
    code = "from vitinspect.cli import main; raise SystemExit(main(['methods']))"
    done = run(code, installed, broken, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The plug-in bad-plugin (bad) is left out" in done.stderr
    assert "no_such_package" in done.stderr
    assert "grey_patches" in done.stdout
    assert "rollout" in done.stdout


def test_no_file_is_loaded_unless_it_is_named(plugin: Callable[..., Path], tmp_path: Path) -> None:
    plugin(GOOD)
    done = run("import vitinspect as vi; print('mine' in vi.methods())", cwd=tmp_path)
    assert done.stdout.strip() == "False", done.stderr
