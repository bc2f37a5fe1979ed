"""Maps show themselves: in notebooks, as figures, on axes of matplotlib, as tables."""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vitinspect as vi
from vitinspect.cli import main
from vitinspect.figures import metadata
from vitinspect.figures.overlay import overlay
from vitinspect.figures.recipes import check_recipe
from vitinspect.maps import AttributionMap
from vitinspect.resources import gallery_folder

PICTURE = gallery_folder() / "images" / "24-gem-leaf.png"


@pytest.fixture(scope="module")
def model() -> Any:
    return vi.load_model("demo", device="cpu")


@pytest.fixture(scope="module")
def result(model: Any) -> Any:
    return vi.explain(model, PICTURE, ["rollout", "lrp(start_layer=1)", "input_x_gradient"], target="leaf")


def opened(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def test_the_overlay_is_that_of_the_engine_on_the_pixels_of_the_picture(result: Any) -> None:
    picture = vi.open_image(PICTURE)
    expected = overlay(
        picture, result["rollout"].values, result.placement, name="inferno", opacity=0.9, grows="growing"
    )
    found = result["rollout"].overlay()
    assert found.size == picture.size
    assert np.array_equal(np.asarray(found), np.asarray(expected))


def test_a_signed_map_has_the_diverging_colours_unless_others_are_asked_for(result: Any) -> None:
    own, asked = result["input_x_gradient"].overlay(), result["input_x_gradient"].overlay(colours="viridis")
    assert not np.array_equal(np.asarray(own), np.asarray(asked))


def test_an_unknown_option_is_named(result: Any) -> None:
    with pytest.raises(vi.ParameterError, match="no option 'color'; the options are colours, "):
        result["rollout"].overlay(color="red")


def test_the_mask_is_cut_as_the_command_line_cuts(result: Any, tmp_path: Path) -> None:
    code = main(["explain", str(PICTURE), "--methods", "rollout", "--threshold", "otsu", "--out", str(tmp_path)])
    assert code == 0
    written = np.asarray(Image.open(tmp_path / "24-gem-leaf.rollout.mask.png")) > 0
    assert np.array_equal(result["rollout"].mask("otsu"), written)
    assert result["rollout"].mask("top_fraction=0.1").mean() == pytest.approx(0.1, abs=0.02)


def test_a_notebook_shows_picture_and_map_with_their_description(result: Any) -> None:
    text = result["lrp"]._repr_html_()
    words = re.sub(r"<[^>]+>", "", text)
    for part in ("24-gem-leaf.png", "demo", "leaf", "LRP (start_layer=1)", "raw values"):
        assert part in words
    picture = opened(base64.b64decode(re.search(r"base64,([^\"]+)", text).group(1)))  # type: ignore[union-attr]
    assert picture.size == opened(result["lrp"]._repr_png_()).size
    assert picture.width > 1.8 * 200


def test_names_in_html_are_harmless(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=alert(1)>.png"
    Image.open(PICTURE).save(path)
    text = vi.explain(model, path, "rollout")["rollout"]._repr_html_()
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text


def test_an_explanation_shows_all_its_maps(result: Any) -> None:
    one, all_ = opened(result["rollout"]._repr_png_()), opened(result._repr_png_())
    assert all_.width > 1.8 * one.width
    assert result._repr_html_().count("method: ") >= 3


def test_many_maps_stand_in_rows(model: Any) -> None:
    found = vi.explain(model, PICTURE, [f"rollout(start_layer={n})" for n in range(6)])
    picture = opened(found._repr_png_())
    assert picture.width == pytest.approx(174 / 25.4 * 144, abs=2)
    assert picture.height > 0.4 * picture.width


def test_a_target_that_a_method_ignores_is_not_stated(result: Any) -> None:
    assert "the same for every class" in result["rollout"]._repr_html_()


def test_a_preprocessed_tensor_is_shown_as_a_picture(model: Any, result: Any) -> None:
    tensor = model.preprocess(vi.open_image(PICTURE)).tensor
    found = vi.explain(model, tensor, "rollout")["rollout"]
    shown = np.asarray(found.overlay(opacity=0.0)).astype(int)
    assert shown.shape[:2] == tuple(tensor.shape[-2:])
    assert "from memory" in found._repr_html_()
    restored = (tensor.numpy().transpose(1, 2, 0) * model.preprocessing.std + model.preprocessing.mean) * 255
    assert np.abs(shown - restored).max() < 0.51


def test_an_array_that_is_filled_again_does_not_change_a_map(model: Any) -> None:
    pixels = np.array(vi.open_image(PICTURE))
    found = vi.explain(model, pixels, "rollout")["rollout"]
    before = found._repr_png_()
    pixels[:] = 0
    assert found._repr_png_() == before


def test_a_saved_figure_can_be_made_again_by_its_recipe(
    result: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = result.save(tmp_path / "maps.pdf", threshold="otsu")
    assert path.read_bytes().startswith(b"%PDF")
    recipe = check_recipe(metadata.find(path), "maps.pdf")
    assert next(iter(recipe["images"].values()))["path"] == str(PICTURE)
    assert main(["replay", str(path), "--out", str(tmp_path / "again.pdf")]) == 0
    assert "The pixels are the same." in capsys.readouterr().out


def test_a_fused_map_can_be_made_again_with_its_weights(
    result: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fused = vi.fuse([result["rollout"], result["lrp"]], weights=[1, 0.5], normalisation="minmax")
    path = fused.save(tmp_path / "fused.png")
    assert main(["replay", str(path), "--out", str(tmp_path / "again.png")]) == 0
    assert "The pixels are the same." in capsys.readouterr().out


def test_an_anonymous_figure_names_no_file(result: Any, tmp_path: Path) -> None:
    path = result["rollout"].save(tmp_path / "map.svg", anonymous=True)
    assert "24-gem-leaf" not in path.read_text("utf-8")
    assert metadata.find(path) is not None
    assert metadata.find(result["rollout"].save(tmp_path / "bare.png", recipe=False)) is None


def test_a_foreign_file_is_not_overwritten(result: Any, tmp_path: Path) -> None:
    (tmp_path / "map.png").write_bytes(b"mine")
    with pytest.raises(vi.DataError):
        result["rollout"].save(tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes() == b"mine"


def test_a_map_that_was_made_by_hand_has_no_picture_and_says_so() -> None:
    own = AttributionMap(np.zeros((2, 2)), "mine")
    assert own._repr_html_() is None
    assert own._repr_png_() is None
    with pytest.raises(vi.DataError, match="has no picture, since it was not made by explain"):
        own.overlay()


def test_one_of_several_maps_is_named(result: Any) -> None:
    with pytest.raises(vi.ParameterError, match="choose one with method="):
        result.overlay()
    assert np.array_equal(result.mask("otsu", method="rollout"), result["rollout"].mask())


def test_maps_go_to_other_processes_and_show_themselves_there(result: Any) -> None:
    again = pickle.loads(pickle.dumps(result["rollout"]))
    assert again._repr_png_() == result["rollout"]._repr_png_()


def test_a_map_does_not_keep_its_model_alive(model: Any) -> None:
    import gc
    import weakref

    other = vi.load_model("demo", device="cpu")
    found = vi.explain(other, PICTURE, "rollout")["rollout"]
    gone = weakref.ref(other)
    del other
    gc.collect()
    assert gone() is None
    assert found._repr_png_()


def test_outside_of_a_notebook_without_a_display_it_says_what_works(
    result: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(vi.VitInspectError, match=r"save\('map.png'\)"):
        result["rollout"].show()


def test_a_table_has_a_row_for_each_value(result: Any) -> None:
    pytest.importorskip("pandas", reason="pandas is not installed")
    table = result.to_dataframe()
    assert list(table.columns) == ["method", "target", "row", "column", "value"]
    assert len(table) == sum(one.values.size for one in result.values())
    one = table[table.method == "rollout"]
    assert one.value.to_numpy().reshape(14, 14) == pytest.approx(result["rollout"].values)
    assert set(table[table.method != "rollout"].target) == {"leaf"}


def test_without_pandas_the_error_names_it(result: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(vi.VitInspectError, match="pip install pandas"):
        result.to_dataframe()


def test_axes_of_matplotlib_are_drawn_on(result: Any) -> None:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3)
    assert result.show(axes) is axes
    assert [one.get_title() for one in axes] == ["Rollout", "LRP (start_layer=1)\nleaf", "Input × gradient\nleaf"]
    drawn = axes[0].images[0].get_array()
    assert np.array_equal(drawn, np.asarray(result["rollout"].overlay()))
    bars = [one for one in figure.axes if one not in list(axes)]
    values = result["rollout"].values
    assert bars[0].get_ylim() == pytest.approx((values.min(), values.max()))
    assert bars[2].get_ylim()[0] == pytest.approx(-bars[2].get_ylim()[1])
    with pytest.raises(vi.ParameterError, match="3 maps and 1 axes"):
        result.show(axes[0])
    pyplot.close(figure)


def test_nothing_of_matplotlib_is_loaded_for_figures(result: Any, tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys, json, vitinspect as vi; m = vi.load_model('demo', device='cpu');"
        f"vi.explain(m, {str(PICTURE)!r}, 'rollout')['rollout'].save('map.png');"
        "print(json.dumps([n for n in ('matplotlib', 'pandas', 'IPython', 'PySide6') if n in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=_here())
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []


def _here() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(Path(vi.__file__).parents[1])}
