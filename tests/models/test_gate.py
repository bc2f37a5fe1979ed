"""Untrusted models: what could hang, fill the memory or open other files is refused, with a sentence on one line."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from timm.models import save_for_hf

from vitinspect.errors import ModelError
from vitinspect.models import limits
from vitinspect.models.labels import plain_text
from vitinspect.models.sources import load_model

ARCH = "vit_tiny_patch16_224"
SMALL = f"{ARCH}(embed_dim=48, depth=2, num_heads=4)"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return timm.create_model(ARCH, embed_dim=48, depth=2, num_heads=4, num_classes=5).state_dict()


def refusal(path: Path, arch: str | None = SMALL, named: Path | None = None, **options: Any) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path, arch=arch, device="cpu", **options)
    message = str(caught.value)
    assert str(named or path) in message
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.fixture
def allocations(monkeypatch) -> list[int]:
    """The sizes of the modules that timm is asked to make off the meta device."""
    made: list[int] = []
    create = timm.create_model

    def watched(*args: Any, **kwargs: Any) -> torch.nn.Module:
        module = create(*args, **kwargs)
        made.extend(p.numel() for p in module.parameters() if p.device.type != "meta")
        return module

    monkeypatch.setattr(timm, "create_model", watched)
    return made


# --- only regular files ----------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_pipe_as_a_checkpoint_is_refused_at_once(suffix, tmp_path):
    os.mkfifo(tmp_path / f"w{suffix}")
    assert "is a pipe" in refusal(tmp_path / f"w{suffix}")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such devices")
def test_a_device_as_a_checkpoint_is_refused(tmp_path):
    (tmp_path / "w.pth").symlink_to("/dev/zero")
    assert "is a device" in refusal(tmp_path / "w.pth")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "pytorch_model.bin"])
def test_a_pipe_in_a_folder_is_refused_at_once(name, state, tmp_path):
    if name != "config.json":
        (tmp_path / "config.json").write_text(json.dumps({"architecture": ARCH}))
    os.mkfifo(tmp_path / name)
    assert "config.json" in refusal(tmp_path, None) or "pipe" in refusal(tmp_path, None)


# --- archives ----------------------------------------------------------------------------------------------------


def rewritten(path: Path, change: Any, compression: int = zipfile.ZIP_STORED) -> None:
    """The archive at ``path`` again, each part as ``change(name, content)`` gives it."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(name, content))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_compressed_checkpoint_is_refused_before_it_is_read(compression, state, tmp_path, monkeypatch):
    path = tmp_path / "w.pth"
    torch.save({"state_dict": {**state, "head.weight": torch.zeros(3_000_000)}}, path)
    rewritten(path, lambda _name, content: content, compression)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was read"))
    assert "compressed" in refusal(path)


def test_an_archive_that_was_only_copied_is_read(state, tmp_path):
    path = tmp_path / "w.pth"
    torch.save(state, path)
    rewritten(path, lambda _name, content: content)
    assert load_model(path, arch=SMALL, device="cpu").num_classes == 5


def test_parts_that_are_shorter_than_the_pickle_claims_are_refused_before_they_are_read(state, tmp_path):
    path = tmp_path / "w.pth"
    torch.save(state, path)
    rewritten(path, lambda name, content: content[:8] if name.endswith("/data/0") else content)
    assert "claims" in refusal(path)


def test_a_sequence_of_pickles_that_claims_more_than_the_file_has_is_refused(state, tmp_path):
    path = tmp_path / "w.pth"
    torch.save({**state, "norm.weight": torch.zeros(77_777)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(struct.pack("<i", 77_777)) >= 1
    path.write_bytes(content.replace(struct.pack("<i", 77_777), struct.pack("<i", 2**31 - 1)))
    assert "claims" in refusal(path)


def test_an_array_that_repeats_one_number_is_refused(state, tmp_path):
    torch.save({**state, "norm.weight": torch.zeros(1).expand(10**9)}, tmp_path / "w.pth")
    assert "repeats one number" in refusal(tmp_path / "w.pth")


def test_many_names_for_one_array_are_refused(state, tmp_path):
    one = torch.zeros(1_000_000)
    torch.save({**state, **{f"blocks.{i}.x": one for i in range(40)}}, tmp_path / "w.pth")
    assert "damaged" in refusal(tmp_path / "w.pth")


class EmptyArray:
    """Pickled as a numpy array of a shape and without numbers."""

    def __reduce__(self) -> Any:
        return np.zeros(1).__reduce__()[0], (np.ndarray, (10**11,), b"b")


def test_a_shape_without_numbers_takes_no_memory(state, tmp_path):
    torch.save({"model": state, "history": EmptyArray()}, tmp_path / "w.pth")
    refusal(tmp_path / "w.pth")


def test_a_key_that_cannot_be_hashed_in_time_is_refused(tmp_path):
    twice = b"\x86q\x01h\x01"  # a pair of the same, kept, and taken again
    key = b")q\x00h\x00" + 60 * twice
    content = b"\x80\x02}" + key + b"\x86K\x01s."
    (tmp_path / "w.pth").write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + content
    )
    assert "by lists" in refusal(tmp_path / "w.pth")


# --- what weights may be -----------------------------------------------------------------------------------------

ODD = {
    "complex": (lambda t: t.to(torch.complex64), "complex"),
    "integer": (lambda t: t.to(torch.int64), "whole numbers"),
    "bytes": (lambda t: t.to(torch.uint8), "whole numbers"),
    "boolean": (lambda t: t.bool(), "whole numbers"),
    "meta": (lambda t: t.to("meta"), "meta"),
    "sparse": (lambda t: t.to_sparse(), "sparse"),
    "eight bits": (lambda t: t.to(torch.float8_e4m3fn), "float8_e4m3fn"),
    "quantised": (lambda t: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8), "quantised"),
    "not a number": (lambda t: t * float("nan"), "not finite"),
    "infinite": (lambda t: t / 0 + 1 / torch.zeros_like(t), "not finite"),
    "too large": (lambda t: torch.full_like(t, 1e200, dtype=torch.float64), "not finite"),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("name", ["blocks.0.attn.proj.weight", "pos_embed", "head.weight"])
def test_weights_that_are_not_real_numbers_are_refused(kind, name, state, tmp_path):
    change, words = ODD[kind]
    torch.save({**state, name: change(state[name])}, tmp_path / "w.pth")
    assert words in refusal(tmp_path / "w.pth")


@pytest.mark.parametrize("kind", ["complex", "integer", "eight bits", "not a number"])
def test_odd_weights_are_refused_in_every_kind_of_source(kind, state, tmp_path):
    import transformers

    change, words = ODD[kind]
    save_file({**state, "norm.weight": change(state["norm.weight"])}, tmp_path / "w.safetensors")
    assert words in refusal(tmp_path / "w.safetensors")

    module = timm.create_model(ARCH, embed_dim=48, depth=2, num_heads=4, num_classes=5)
    save_for_hf(
        module, tmp_path / "a", model_args={"embed_dim": 48, "depth": 2, "num_heads": 4}, safe_serialization=True
    )
    weights = tmp_path / "a" / "model.safetensors"
    save_file({**state, "norm.weight": change(state["norm.weight"])}, weights)
    assert words in refusal(tmp_path / "a", None, named=weights)

    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    theirs = transformers.ViTForImageClassification(config)
    theirs.save_pretrained(tmp_path / "b")
    weights = tmp_path / "b" / "model.safetensors"
    tensors = dict(theirs.state_dict())
    tensors["classifier.weight"] = change(tensors["classifier.weight"])
    save_file(tensors, weights)
    assert words in refusal(tmp_path / "b", None, named=weights)


def test_a_list_where_a_mapping_should_be_is_named(state, tmp_path):
    torch.save({"state_dict": list(state.values())}, tmp_path / "w.pth")
    assert "'state_dict' (a list, not a dict)" in refusal(tmp_path / "w.pth")
    torch.save({"model": {"weights": list(state.items())}}, tmp_path / "w.pth")
    assert "no weights" in refusal(tmp_path / "w.pth")
    torch.save(list(state.items()), tmp_path / "w.pth")
    assert "holds a list" in refusal(tmp_path / "w.pth")


def test_names_in_a_file_stay_in_one_line_of_the_error(tmp_path):
    torch.save({f"a\nb\x1b[31m{i}": torch.ones(1) for i in range(5)}, tmp_path / "w.pth")
    assert "\x1b" not in refusal(tmp_path / "w.pth")
    torch.save({"x" * 10_000: 1, ("a", "b"): 2}, tmp_path / "w.pth")
    refusal(tmp_path / "w.pth")


# --- bounds before memory is taken -----------------------------------------------------------------------------


def folder_of_transformers(folder: Path, **changes: Any) -> Path:
    import transformers

    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    transformers.ViTForImageClassification(config).save_pretrained(folder)
    content = json.loads((folder / "config.json").read_text())
    content.update(changes)
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("random", [False, True])
@pytest.mark.parametrize(
    "changes",
    [
        {"num_hidden_layers": 1e9},
        {"num_hidden_layers": 10**9},
        {"num_hidden_layers": float("inf")},
        {"num_hidden_layers": float("nan")},
        {"num_hidden_layers": -1},
        {"num_hidden_layers": "12"},
        {"num_hidden_layers": [12]},
        {"hidden_size": 10**9},
        {"hidden_size": 0},
        {"intermediate_size": 10**12},
        {"num_attention_heads": 10**9},
        {"image_size": 10**7},
        {"image_size": [10**7, 8]},
        {"image_size": 16_000, "patch_size": 1},
        {"image_size": {"height": 32}},
        {"patch_size": 0},
        {"patch_size": "8"},
        {"num_channels": 10**9},
        {"layer_norm_eps": float("nan")},
        {"layer_norm_eps": "small"},
    ],
    ids=str,
)
def test_impossible_sizes_in_a_configuration_of_transformers_are_refused(changes, random, tmp_path):
    message = refusal(folder_of_transformers(tmp_path, **changes), None, random=random)
    assert any(name in message for name in (*changes, "patches"))


def test_a_configuration_much_larger_than_its_weights_is_refused(tmp_path):
    folder = folder_of_transformers(tmp_path, num_hidden_layers=100, hidden_size=1024)
    assert "do not belong together" in refusal(folder, None)


def folder_of_timm(folder: Path, state: dict[str, torch.Tensor], **changes: Any) -> Path:
    module = timm.create_model(ARCH, embed_dim=48, depth=2, num_heads=4, num_classes=5)
    module.load_state_dict(state)
    save_for_hf(module, folder, model_args={"embed_dim": 48, "depth": 2, "num_heads": 4}, safe_serialization=True)
    content = json.loads((folder / "config.json").read_text())
    for key, value in changes.items():
        content[key] = {**content.get(key, {}), **value} if isinstance(value, dict) else value
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        {"depth": 10**9},
        {"depth": 1e400},
        {"embed_dim": 10**9},
        {"num_heads": 10**9},
        {"mlp_ratio": 1e9},
        {"reg_tokens": 10**9},
        {"img_size": 10**7},
        {"img_size": [16_000, 16_000], "patch_size": 1},
        {"img_size": [1, 2, 3]},
        {"num_classes": 10**10},
        {"qkv_bias": "yes"},
        {"global_pool": ["avg"]},
        {"depth": 100, "embed_dim": 1024, "num_heads": 4},
    ],
    ids=str,
)
def test_impossible_arguments_in_a_configuration_of_timm_are_refused(arguments, state, tmp_path, allocations):
    folder = folder_of_timm(tmp_path, state, model_args=arguments)
    allocations.clear()
    refusal(folder, None)
    assert not allocations


@pytest.mark.parametrize(
    "settings",
    [
        {"input_size": [3, 10**7, 10**7], "fixed_input_size": True},
        {"input_size": "large"},
        {"num_classes": 10**10},
        {"mean": "grey"},
        {"mean": [float("nan"), 0, 0]},
        {"std": [0, 0, 0]},
        {"std": [1]},
        {"crop_pct": "all"},
        {"crop_pct": float("inf")},
        {"interpolation": {"a": 1}},
    ],
    ids=str,
)
def test_impossible_settings_of_timm_are_refused_with_the_folders_name(settings, state, tmp_path):
    folder = folder_of_timm(tmp_path, state, pretrained_cfg=settings)
    if "num_classes" in settings:
        content = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**content, "num_classes": settings["num_classes"]}))
    refusal(folder, None)


@pytest.mark.parametrize("size", [0, -5, 10**6, (10**6, 10), (16_000, 16_000)])
def test_an_input_size_beyond_all_bounds_is_refused(size):
    with pytest.raises(ModelError):
        load_model("demo", img_size=size, device="cpu")


def test_an_architecture_in_a_file_cannot_ask_for_much_more_than_the_file_holds(state, tmp_path, allocations):
    save_file(state, tmp_path / "w.safetensors", metadata={"arch": f"{ARCH}(depth=100, embed_dim=1024, num_heads=4)"})
    assert "do not belong together" in refusal(tmp_path / "w.safetensors", None)
    save_file(state, tmp_path / "w.safetensors", metadata={"arch": f"{ARCH}(depth={10**9})"})
    assert "depth" in refusal(tmp_path / "w.safetensors", None)
    assert not allocations


def test_configurations_that_are_deep_long_or_no_settings_are_refused(state, tmp_path, monkeypatch):
    folder = folder_of_timm(tmp_path, state)
    (folder / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    assert "nested too deep" in refusal(folder, None, named=folder / "config.json")
    monkeypatch.setattr(limits, "MAX_JSON", 10)
    assert "bytes" in refusal(folder, None, named=folder / "config.json")


@pytest.mark.parametrize(
    "preprocessor",
    [
        {"size": {"shortest_edge": 1e12}},
        {"size": {"height": 10**9, "width": 1}},
        {"crop_size": [1, 2, 3], "do_center_crop": True},
        {"crop_size": {"height": 3}, "do_center_crop": True},
        {"image_mean": "grey"},
        {"image_std": [0, 0, 0]},
        {"image_processor": [1]},
        {"resample": [1]},
    ],
    ids=str,
)
def test_impossible_preparations_of_pictures_are_refused(preprocessor, tmp_path):
    folder = folder_of_transformers(tmp_path)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor))
    refusal(folder, None)


# --- arguments that open other files -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "checkpoint_path",
        "pretrained",
        "pretrained_cfg",
        "pretrained_cfg_overlay",
        "cache_dir",
        "features_only",
        "dtype",
    ],
)
def test_arguments_that_are_no_settings_of_the_model_are_refused(name, state, tmp_path):
    save_file(state, tmp_path / "other.safetensors")
    value = str(tmp_path / "other.safetensors")
    folder = folder_of_timm(tmp_path / "a", state, model_args={name: value})
    assert f"'{name}'" in refusal(folder, None)
    save_file(state, tmp_path / "w.safetensors", metadata={"arch": f"{ARCH}({name}={value!r})"})
    assert f"'{name}'" in refusal(tmp_path / "w.safetensors", None)
    with pytest.raises(ModelError, match=name):
        load_model(tmp_path / "other.safetensors", arch=f"{ARCH}({name}={value!r})", device="cpu")


def test_the_weights_named_in_a_configuration_are_not_opened(state, tmp_path, monkeypatch):
    (tmp_path / "other.pth").write_bytes(b"not weights")
    settings = {"file": str(tmp_path / "other.pth"), "url": f"file://{tmp_path}/other.pth", "custom_load": True}
    folder = folder_of_timm(tmp_path / "a", state, pretrained_cfg=settings)
    assert load_model(folder, device="cpu").num_classes == 5


def test_every_setting_that_may_be_changed_exists_in_timm():
    import inspect

    from timm.models.beit import Beit
    from timm.models.eva import Eva
    from timm.models.vision_transformer import VisionTransformer
    from timm.models.vision_transformer_relpos import VisionTransformerRelPos

    known = {
        name
        for cls in (VisionTransformer, Eva, Beit, VisionTransformerRelPos)
        for name in inspect.signature(cls).parameters
    }
    assert set(limits.ARGUMENTS) <= known


# --- names of classes --------------------------------------------------------------------------------------------


def test_control_characters_leave_the_names_of_classes(tmp_path):
    names = {"0": "cat\n\x1b[31mred\x00", "1": "<img src=x>\u202egod", "2": "\ud800half", "3": "\n\t", "4": "é " * 900}
    folder = folder_of_transformers(tmp_path, id2label=names)
    config = json.loads((folder / "config.json").read_text())
    import transformers

    settings = {k: config[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")}
    theirs = transformers.ViTForImageClassification(
        transformers.ViTConfig(**settings, image_size=32, patch_size=8, num_labels=5)
    )
    save_file(theirs.state_dict(), folder / "model.safetensors")
    labels = load_model(folder, device="cpu").labels
    assert labels[0] == "cat [31mred"
    assert labels[1] == "<img src=x> god"
    assert labels[2] == "\ufffdhalf"
    assert labels[3] == "class 3"
    assert len(labels[4]) == 200
    assert all("\n" not in label for label in labels)


def test_ordinary_names_stay_as_they_are():
    for name in ("tench, Tinca tinca", "Kätzchen", "猫", "👩\u200d🚀 astronaut", "a  b"):
        assert plain_text(name) == name
