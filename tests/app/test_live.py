"""``vi.view``: the window on what a script or a notebook has in memory."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QTimer

import vitinspect as vi
from vitinspect.app import live
from vitinspect.app.screenshot import wait_until_settled
from vitinspect.app.session.layers import ANNOTATOR, FILE, MAP

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (60, 80, 3), dtype=np.uint8)


def settled(view: live.View) -> live.View:
    wait_until_settled(view.backend, 60)
    return view


@pytest.fixture
def opened(home: Path, qtbot: Any) -> Any:
    views: list[live.View] = []

    def open_(*given: Any, **more: Any) -> live.View:
        views.append(vi.view(*given, **{"block": False, **more}))
        return settled(views[-1])

    yield open_
    for view in views:
        view.close()


def test_a_timm_module_with_own_pictures_maps_and_masks(opened: Any, tiny: Any, picture: np.ndarray) -> None:
    mask = np.zeros((60, 80), bool)
    mask[10:40, 20:60] = True
    own = np.arange(64, dtype=np.float32).reshape(8, 8)
    view = opened(
        tiny.module,
        [picture, Image.fromarray(picture[::-1].copy())],
        {"mine": [own, own[::-1]]},
        {"ann": [mask, mask], "bo": [mask, ~mask]},
        methods=["rollout", "gradient_rollout"],
        labels=tiny.labels,
    )
    results, state = view.backend.results, view.backend.state
    kinds = [(layer.title, layer.kind) for layer in state.layers]
    assert [kind for _, kind in kinds] == [MAP, MAP, FILE, ANNOTATOR, ANNOTATOR]
    assert [title for title, _ in kinds][2:] == ["mine", "ann", "bo"]
    assert results.card.labels == tuple(tiny.labels)
    expected = vi.explain(vi.wrap_model(tiny.module), picture, "rollout")["rollout"].values
    assert results.maps[state.layers[0].id].values == pytest.approx(expected, abs=1e-6)
    mine = state.layers[2].id
    assert np.array_equal(results.file_maps[mine].values, own)
    assert results.masks[state.layers[3].id].share == pytest.approx(mask.mean(), abs=1e-3)
    state.set(image=view.backend.state.files[1])
    settled(view)
    assert np.array_equal(results.file_maps[mine].values, own[::-1])


def test_the_given_model_has_a_name_of_its_own(opened: Any, tiny: Any, picture: np.ndarray) -> None:
    view = opened(tiny, picture)
    assert view.backend.state.model == "tiny (from Python)"
    assert view.backend.results.card.fingerprint == tiny.fingerprint


def test_a_target_is_explained(opened: Any, tiny: Any, picture: np.ndarray) -> None:
    assert opened(tiny, picture, target="dog").backend.state.target == (tiny.labels.index("dog"),)
    with pytest.raises(vi.TargetError):
        vi.view(tiny, picture, target="unicorn", block=False)


def test_a_preprocessed_tensor_is_shown_as_the_picture_that_it_was(opened: Any, tiny: Any, picture: np.ndarray) -> None:
    tensor = tiny.preprocess(picture).tensor
    view = opened(tiny, tensor)
    shown = np.asarray(Image.open(view.backend.state.image)).astype(float)
    back = (tensor.numpy().transpose(1, 2, 0) * tiny.preprocessing.std + tiny.preprocessing.mean) * 255
    assert np.abs(shown - back).max() < 0.51


def test_nothing_is_remembered_and_no_file_is_left(opened: Any, tiny: Any, picture: np.ndarray, home: Path) -> None:
    view = opened(tiny, picture)
    folder = Path(view.backend.state.image).parents[1]
    view.close()
    assert not view.is_open
    assert not folder.exists()
    assert not (home / "config" / "window.json").exists()


def test_a_mask_that_was_drawn_is_kept(
    opened: Any, tiny: Any, picture: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    view = opened(tiny, picture)
    folder = Path(view.backend.state.image).parents[1]
    drawn = folder / "masks" / "me" / "picture-1.png"
    drawn.parent.mkdir(parents=True)
    drawn.write_bytes(b"drawn")
    view.close()
    assert drawn.exists()
    assert str(folder) in capsys.readouterr().err


def test_a_given_folder_is_used_and_its_files_are_not_changed(
    opened: Any, tiny: Any, picture: np.ndarray, tmp_path: Path
) -> None:
    opened(tiny, picture, folder=tmp_path / "kept").close()
    kept = tmp_path / "kept" / "pictures" / "picture-1.png"
    assert np.array_equal(np.asarray(Image.open(kept)), picture)
    kept.write_bytes(b"another")
    with pytest.raises(vi.DataError, match="choose another folder"):
        vi.view(tiny, picture, folder=tmp_path / "kept", block=False)
    assert kept.read_bytes() == b"another"


def test_paths_keep_their_places_unless_masks_lie_beside_them(
    opened: Any, tiny: Any, pictures: Path, picture: np.ndarray
) -> None:
    path = pictures / "picture 1.png"
    assert opened(tiny, path).backend.state.image == str(path)
    size = vi.open_image(path).size
    view = opened(tiny, path, masks=np.ones((size[1], size[0]), bool))
    assert Path(view.backend.state.image).resolve() == path
    assert path.exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"maps": {"mine": [np.zeros((8, 8))] * 2}}, "2 were given for 1 pictures"),
        ({"maps": [np.zeros((8, 8))]}, "maps has a name for each"),
        ({"masks": np.zeros((5, 5), bool)}, "must be 60 × 80"),
        ({"maps": {"mine": np.full((8, 8), np.nan)}}, "finite"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_a_window_opens(
    tiny: Any, picture: np.ndarray, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(vi.VitInspectError, match=said):
        vi.view(tiny, picture, block=False, **more)


def test_a_script_waits_until_the_window_is_closed(tiny: Any, picture: np.ndarray, qtbot: Any, home: Path) -> None:
    seen: list[bool] = []

    def close() -> None:
        view = live._open[-1]
        seen.append(view.is_open)
        view.close()

    QTimer.singleShot(200, close)
    view = vi.view(tiny, picture, block=True)
    assert seen == [True]
    assert not view.is_open


def test_where_a_loop_runs_the_call_returns(tiny: Any, picture: np.ndarray, qtbot: Any, home: Path) -> None:
    views: list[live.View] = []
    QTimer.singleShot(0, lambda: views.append(vi.view(tiny, picture)))
    qtbot.waitUntil(lambda: bool(views), timeout=20_000)
    assert views[0].is_open
    settled(views[0]).close()


def test_without_a_display_a_sentence_says_what_works(tmp_path: Path) -> None:
    code = "import vitinspect as vi\ntry:\n    vi.view()\nexcept vi.VitInspectError as error:\n    print(error)"
    variables = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**variables, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    if sys.platform.startswith("linux"):
        assert "show() and save() of a map work" in done.stdout, done.stderr


def test_python_ends_properly_while_a_window_is_open(home: Path, tmp_path: Path) -> None:
    code = "import vitinspect as vi; v = vi.view('demo', block=False); print(v)"
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=variables, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "<vitinspect window, open>\n"), done.stderr
    assert "QThread" not in done.stderr


@pytest.mark.parametrize("first", ["", "%gui qt"])
def test_ipython_keeps_its_prompt(first: str, home: Path, tmp_path: Path) -> None:
    pytest.importorskip("IPython", reason="IPython is not installed")
    pexpect = pytest.importorskip("pexpect", reason="pexpect, which comes with IPython, is not installed")
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path), "PROMPT_TOOLKIT_NO_CPR": "1"}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--no-banner", "--colors=NoColor"],
        env={**variables, "TERM": "xterm"},
        encoding="utf-8",
        timeout=120,
        dimensions=(40, 240),
    )

    def ask(line: str, answer: str) -> None:
        child.sendline(line)
        child.expect(answer)

    if first:
        ask(first, r"In \[2\]")
    ask(
        "import vitinspect as vi, time; v = vi.view('demo', methods=['rollout'])", r"In \[3\]" if first else r"In \[2\]"
    )
    ask("print('o' + 'pen', v.is_open)", "open True")
    # The window works while the prompt waits: IPython runs the loop in between.
    for _ in range(60):
        child.sendline("print('m' + 'aps', len(v.backend.results.maps), 'end')")
        if child.expect([r"maps 1 end", r"maps 0 end"]) == 0:
            break
        with contextlib.suppress(pexpect.TIMEOUT):
            child.expect(pexpect.EOF, timeout=1)
    else:
        pytest.fail("the window computed nothing")
    ask("v.close(); print('o' + 'pen', v.is_open)", "open False")
    ask("w = vi.view('demo', methods=['rollout']); print('a' + 'gain', w.is_open)", "again True")
    child.sendline("exit()")  # with a window open
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
