"""Checkpoint files in every common layout; and none of them runs code."""

from __future__ import annotations

import argparse
import logging
import os
import pathlib
import pickle
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models.sources import load_model

ARCH = "vit_tiny_patch16_224"
SMALL = f"{ARCH}(embed_dim=48, depth=2, num_heads=4)"


def make(name: str = ARCH, seed: int = 0, **arguments: Any) -> torch.nn.Module:
    torch.manual_seed(seed)
    arguments = {"num_classes": 5, "depth": 2, **arguments}
    if name == ARCH and arguments["depth"] == 2:
        arguments = {"num_heads": 4, "embed_dim": 48, **arguments}
    return timm.create_model(name, **arguments).eval()


@pytest.fixture(scope="module")
def module() -> torch.nn.Module:
    return make()


def same(a: torch.nn.Module, b: torch.nn.Module, size: tuple[int, int] = (224, 224)) -> bool:
    inputs = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return torch.allclose(a(inputs), b(inputs), rtol=1e-4, atol=1e-4)


def load(path: Path, arch: str | None = SMALL, **options: Any):
    return load_model(path, arch=arch, device="cpu", **options)


def refusal(path: Path, kind: type[ModelError] = ModelError, arch: str | None = SMALL, **options: Any) -> str:
    with pytest.raises(kind) as caught:
        load(path, arch, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


LAYOUTS = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3, "optimizer": {"state": {}, "lr": 0.1}},
    "model": lambda state: {"model": state},
    "model_state_dict": lambda state: {"model_state_dict": state, "loss": 0.1},
    "module.": lambda state: {f"module.{k}": v for k, v in state.items()},
    "state_dict with module.": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    "_orig_mod.": lambda state: {f"_orig_mod.{k}": v for k, v in state.items()},
    "module._orig_mod.": lambda state: {f"module._orig_mod.{k}": v for k, v in state.items()},
    "lightning": lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}, "callbacks": {}},
    "backbone and head": lambda state: {(k if k.startswith("head") else f"backbone.{k}"): v for k, v in state.items()},
    "ordered": lambda state: OrderedDict(state),
    "parameters": lambda state: {k: torch.nn.Parameter(v) for k, v in state.items()},
    "half": lambda state: {"model": {k: v.half() for k, v in state.items()}},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_every_layout_of_a_pickle_is_recognised(layout, suffix, module, tmp_path):
    path = tmp_path / f"weights{suffix}"
    torch.save(LAYOUTS[layout](module.state_dict()), path)
    loaded = load(path)
    assert loaded.num_classes == 5
    assert loaded.dtype == torch.float32
    if layout == "half":
        weight = loaded.module.state_dict()["head.weight"]
        assert torch.equal(weight, module.state_dict()["head.weight"].half().float())
    else:
        assert same(loaded.module, module)


@pytest.mark.parametrize("layout", ["bare", "module.", "_orig_mod.", "lightning", "backbone and head", "half"])
def test_every_layout_of_safetensors_is_recognised(layout, module, tmp_path):
    content = LAYOUTS[layout](module.state_dict())
    tensors = next((v for v in content.values() if isinstance(v, dict) and len(v) > 3), content)
    save_file({k: v.clone() for k, v in tensors.items()}, tmp_path / "w.safetensors")
    loaded = load(tmp_path / "w.safetensors")
    assert same(loaded.module, module) or layout == "half"


def test_the_oldest_kind_of_pickle_is_read(module, tmp_path):
    torch.save(module.state_dict(), tmp_path / "w.pth", _use_new_zipfile_serialization=False)
    assert same(load(tmp_path / "w.pth").module, module)


@pytest.mark.parametrize("key", ["state_dict_ema", "model_ema", "ema", "ema_state_dict"])
def test_the_moving_average_is_taken_where_there_is_one(key, module, tmp_path):
    average = make(seed=9)
    state = {f"module.{k}": v for k, v in average.state_dict().items()}
    torch.save({"model": module.state_dict(), key: state, "ema_decay": 0.99}, tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth")
    assert same(loaded.module, average)
    assert not same(loaded.module, module)


def test_an_empty_moving_average_is_ignored(module, tmp_path):
    torch.save({"state_dict": module.state_dict(), "state_dict_ema": None, "ema": 0.99}, tmp_path / "w.pth")
    assert same(load(tmp_path / "w.pth").module, module)


def test_a_teacher_comes_before_its_student(module, tmp_path):
    student = make(seed=5)

    def part(of: torch.nn.Module) -> dict[str, Any]:
        body = {f"module.backbone.{k}": v for k, v in of.state_dict().items() if not k.startswith("head")}
        return {**body, "module.head.mlp.0.weight": torch.ones(2, 2), "module.head.last_layer.weight_g": torch.ones(2)}

    torch.save({"student": part(student), "teacher": part(module)}, tmp_path / "dino.pth")
    loaded = load(tmp_path / "dino.pth")
    assert not loaded.has_classifier
    assert torch.equal(loaded.module.state_dict()["cls_token"], module.state_dict()["cls_token"])
    assert any("2 arrays of other parts" in note and "head.mlp.0.weight" in note for note in loaded.notes)


# --- what the file tells ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["arch", "architecture", "model_name"])
def test_a_name_in_the_file_is_the_architecture(key, tmp_path):
    module = make("deit_tiny_patch16_224")
    torch.save({key: "deit_tiny_patch16_224(depth=2)", "state_dict": module.state_dict()}, tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth", arch=None)
    assert same(loaded.module, module)
    assert loaded.preprocessing.mean[0] == 0.485


def test_the_arguments_of_the_training_are_read_without_running_anything(tmp_path, caplog):
    full = make("vit_tiny_patch16_224", depth=12, num_heads=3, img_size=96)
    args = argparse.Namespace(
        model="vit_tiny_patch16_224",
        img_size=96,
        mean=(0.1, 0.2, 0.3),
        std=[0.4, 0.5, 0.6],
        output=pathlib.PurePosixPath("runs"),
        best=np.float64(0.5),
        history=np.arange(3),
    )
    torch.save({"args": args, "model": full.state_dict()}, tmp_path / "w.pth")
    with caplog.at_level(logging.WARNING):
        loaded = load(tmp_path / "w.pth", arch=None)
    assert loaded.input_size == (96, 96)
    assert loaded.preprocessing.mean == (0.1, 0.2, 0.3)
    assert loaded.preprocessing.std == (0.4, 0.5, 0.6)
    assert same(loaded.module, full, (96, 96))
    assert not caplog.records


def test_the_names_that_mae_and_dino_use_are_known(tmp_path):
    full = make("vit_tiny_patch16_224", depth=12, num_heads=3)
    for settings in ({"model": "mae_vit_tiny_patch16"}, {"arch": "vit_tiny", "patch_size": 16}):
        torch.save({"args": argparse.Namespace(**settings), "model": full.state_dict()}, tmp_path / "w.pth")
        assert same(load(tmp_path / "w.pth", arch=None).module, full)


@pytest.mark.parametrize(
    "name",
    ["vit_tiny_patch16_224", "deit_tiny_distilled_patch16_224", "deit3_small_patch16_224"],
)
def test_a_standard_size_is_recognised_by_its_shapes_and_reported(name, tmp_path, caplog):
    full = timm.create_model(name, num_classes=4).eval()
    save_file(full.state_dict(), tmp_path / "w.safetensors")
    with caplog.at_level(logging.WARNING):
        loaded = load(tmp_path / "w.safetensors", arch=None)
    assert same(loaded.module, full)
    assert name in caplog.text


@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2", "vit_small_patch14_reg4_dinov2"])
def test_dinov2_is_recognised_by_its_shapes(name, tmp_path):
    full = timm.create_model(name, img_size=56).eval()
    save_file(full.state_dict(), tmp_path / "w.safetensors")
    loaded = load(tmp_path / "w.safetensors", arch=None)
    assert loaded.input_size == (56, 56)
    assert same(loaded.module, full, (56, 56))


@pytest.mark.parametrize("changes", [{"depth": 3}, {"embed_dim": 96, "depth": 12}, {"pre_norm": True, "depth": 12}])
def test_a_size_that_is_not_standard_needs_an_architecture(changes, tmp_path):
    odd = make("vit_tiny_patch16_224", **{"num_heads": 3, **changes})
    torch.save(odd.state_dict(), tmp_path / "w.pth")
    message = refusal(tmp_path / "w.pth", arch=None)
    assert "--arch" in message
    assert f"{changes['depth']} blocks of width {changes.get('embed_dim', 192)}" in message


def test_the_architecture_may_be_given_with_changes(module, tmp_path):
    torch.save(module.state_dict(), tmp_path / "w.pth")
    assert same(load(tmp_path / "w.pth", arch=f"timm:{ARCH}(depth=2,num_heads=4,embed_dim=48)").module, module)
    for wrong in (f"{ARCH}(depth=)", f"{ARCH}(2)", f"{ARCH}(depth=x)", "vit tiny!"):
        with pytest.raises(ModelError):
            load(tmp_path / "w.pth", arch=wrong)


def test_classes_are_counted_from_the_head(tmp_path):
    for classes in (2, 1000, 0):
        torch.save(make(num_classes=classes).state_dict(), tmp_path / "w.pth")
        loaded = load(tmp_path / "w.pth")
        assert loaded.num_classes == classes
        assert loaded.has_labels == (classes == 1000)


def test_another_number_of_classes_is_not_made_up(module, tmp_path):
    torch.save(module.state_dict(), tmp_path / "w.pth")
    assert load(tmp_path / "w.pth", num_classes=5).num_classes == 5
    assert load(tmp_path / "w.pth", num_classes=0).outputs == 48
    assert "5 classes, not 9" in refusal(tmp_path / "w.pth", num_classes=9)
    assert "4 labels were given" in refusal(tmp_path / "w.pth", labels=list("abcd"))


# --- sizes, official layouts -------------------------------------------------------------------------------------


def test_the_size_of_the_training_is_read_off_the_positions(tmp_path):
    small = make(img_size=96)
    torch.save(small.state_dict(), tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth")
    assert loaded.input_size == (96, 96)
    assert same(loaded.module, small, (96, 96))


@pytest.mark.parametrize("size", [96, (96, 160), (320, 224)])
def test_positions_are_resampled_as_timm_does_for_another_size(size, module, tmp_path):
    torch.save(module.state_dict(), tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth", img_size=size)
    pair = (size, size) if isinstance(size, int) else size
    assert loaded.input_size == pair
    assert loaded.grid == (pair[0] // 16, pair[1] // 16)
    expected = make()
    expected.set_input_size(img_size=pair)
    assert same(loaded.module, expected, pair)
    assert not torch.equal(loaded.module.pos_embed[:, 1:5], module.pos_embed[:, 1:5])


def test_a_size_that_is_no_square_is_taken_from_the_wish(tmp_path):
    wide = make(img_size=(64, 160))
    torch.save(wide.state_dict(), tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth", img_size=(64, 160))
    assert same(loaded.module, wide, (64, 160))


def test_a_fine_tuned_mae_averages_the_patches(tmp_path):
    averaging = make(global_pool="avg")
    state = averaging.state_dict()
    assert "fc_norm.weight" in state
    torch.save({"model": state}, tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth")
    assert loaded.pooling == "avg"
    assert same(loaded.module, averaging)


def test_a_pre_trained_mae_leaves_its_decoder_behind(tmp_path):
    encoder = make(num_classes=0)
    extra = {"mask_token": torch.zeros(1, 1, 8), "decoder_pos_embed": torch.zeros(1, 197, 8)}
    extra["decoder_blocks.0.norm1.weight"] = torch.zeros(8)
    torch.save({"model": {**encoder.state_dict(), **extra}}, tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth")
    assert not loaded.has_classifier
    assert same(loaded.module, encoder)


def test_official_dinov2_with_registers_is_mapped(tmp_path):
    model = timm.create_model("vit_small_patch14_reg4_dinov2", depth=2, img_size=56).eval()
    torch.nn.init.normal_(model.cls_token)
    state = model.state_dict()
    first = torch.randn(1, 1, 384)
    state["register_tokens"] = state.pop("reg_token")
    state["pos_embed"] = torch.cat([first, state["pos_embed"]], dim=1)
    state["cls_token"] = state["cls_token"] - first
    state["mask_token"] = torch.zeros(1, 384)
    torch.save(state, tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth", arch="vit_small_patch14_reg4_dinov2(depth=2)")
    assert loaded.input_size == (56, 56)
    assert same(loaded.module, model, (56, 56))


def test_official_deit3_scales_are_mapped(tmp_path):
    model = make("deit3_small_patch16_224")
    state = {re.sub(r"ls(\d)\.gamma", r"gamma_\1", k): v for k, v in model.state_dict().items()}
    torch.save({"model": state}, tmp_path / "w.pth")
    assert same(load(tmp_path / "w.pth", arch="deit3_small_patch16_224(depth=2)").module, model)


def test_torchvisions_vit_is_mapped(tmp_path):
    from torchvision.models.vision_transformer import VisionTransformer

    torch.manual_seed(0)
    theirs = VisionTransformer(
        image_size=64, patch_size=16, num_layers=2, num_heads=4, hidden_dim=48, mlp_dim=192, num_classes=5
    ).eval()
    with torch.no_grad():
        theirs.heads.head.weight.normal_()
    torch.save(theirs.state_dict(), tmp_path / "w.pth")
    loaded = load(tmp_path / "w.pth")
    assert same(loaded.module, theirs, (64, 64))


@pytest.mark.parametrize("name", ["eva02_tiny_patch14_224", "vit_tiny_patch16_dinov3", "vit_small_patch16_dinov3"])
def test_eva_is_read(name, tmp_path):
    from timm.models import is_model

    if not is_model(name):
        assert name != "eva02_tiny_patch14_224"
        return
    model = timm.create_model(name, depth=2).eval()
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    loaded = load(tmp_path / "w.safetensors", arch=f"{name}(depth=2)")
    assert loaded.family == "Eva"
    assert same(loaded.module, model, loaded.input_size)


# --- refusals ----------------------------------------------------------------------------------------------------


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_holds_code_is_refused_and_not_executed(zipped, module, tmp_path):
    trace = tmp_path / "executed"
    content = {"state_dict": module.state_dict(), "hook": Bomb(trace)}
    torch.save(content, tmp_path / "w.pth", _use_new_zipfile_serialization=zipped)
    message = refusal(tmp_path / "w.pth")
    assert "code" in message
    assert "not executed" in message
    assert "mkdir" in message
    assert not trace.exists()


def test_a_plain_pickle_that_holds_code_is_refused_and_not_executed(tmp_path):
    trace = tmp_path / "executed"
    (tmp_path / "w.pt").write_bytes(pickle.dumps({"state_dict": Bomb(trace)}))
    message = refusal(tmp_path / "w.pt")
    assert "not executed" in message
    assert not trace.exists()


def test_a_whole_pickled_model_is_refused_in_its_own_words(module, tmp_path):
    torch.save(module, tmp_path / "w.pth")
    message = refusal(tmp_path / "w.pth")
    assert "whole pickled model" in message
    assert "state_dict()" in message


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_torchscript_program_is_refused(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(str(tmp_path / "w.pt"))
    assert "TorchScript" in refusal(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", [".pth", ".pt", ".safetensors"])
def test_empty_files_garbage_and_texts_are_refused(suffix, tmp_path):
    path = tmp_path / f"w{suffix}"
    for content, words in (
        (b"", "empty"),
        (os.urandom(5000), "damaged|not a safetensors"),
        (b"hello " * 50, "damaged|not a safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"<!DOCTYPE html><html>404", "web page"),
        (b"\0" * 4000, "damaged|not a safetensors"),
    ):
        path.write_bytes(content)
        message = refusal(path)
        assert any(word in message for word in words.split("|")), message


@pytest.mark.parametrize("keep", [0.01, 0.5, 0.999])
@pytest.mark.parametrize("kind", ["zip", "old", "safetensors"])
def test_a_truncated_file_is_refused(kind, keep, module, tmp_path):
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(module.state_dict(), path)
    else:
        torch.save(module.state_dict(), path, _use_new_zipfile_serialization=kind == "zip")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    assert "damaged" in refusal(path)


def test_bytes_flipped_at_the_beginning_are_never_more_than_a_model_error(module, tmp_path):
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    torch.save(module.state_dict(), tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    rng = np.random.default_rng(0)
    for name in ("w.safetensors", "old.pth"):
        good = (tmp_path / name).read_bytes()
        for _ in range(25):
            data = bytearray(good)
            for position in rng.integers(0, 3000, 4):
                data[position] = int(rng.integers(256))
            (tmp_path / f"bad_{name}").write_bytes(data)
            try:
                load(tmp_path / f"bad_{name}")
            except ModelError as error:
                assert name in str(error)  # noqa: PT017 - some flips do no harm


def test_missing_files_and_folders_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "w.pth")
    (tmp_path / "w.pt").symlink_to(tmp_path / "w.pt")
    assert "circle" in refusal(tmp_path / "w.pt") or "no such file" in refusal(tmp_path / "w.pt")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18", "a ResNet"),
        ("convnext_atto", "ConvNeXt"),
        ("swin_tiny_patch4_window7_224", "Swin"),
        ("mobilenetv3_small_050", "Net"),
    ],
)
def test_the_weights_of_another_kind_of_network_are_refused_by_its_name(name, words, tmp_path):
    with torch.device("meta"):
        shapes = timm.create_model(name).state_dict()
    # The names are sufficient; the numbers are not needed.
    torch.save({"state_dict": {key: torch.zeros(1) for key in shapes}}, tmp_path / "w.pth")
    for arch in (None, ARCH):
        message = refusal(tmp_path / "w.pth", UnsupportedModelError, arch)
        assert words in message
        assert "Supported are" in message


def test_another_kind_of_architecture_is_refused_by_its_name(module, tmp_path):
    torch.save(module.state_dict(), tmp_path / "w.pth")
    with pytest.raises(UnsupportedModelError, match="resnet18 is a ResNet"):
        load(tmp_path / "w.pth", arch="resnet18")


def test_files_without_weights_say_what_they_hold(tmp_path):
    for content, words in (
        (torch.ones(3), "single tensor"),
        ([1, 2], "list"),
        ({"epoch": 3, "lr": 0.1}, "'epoch'"),
        ({"a": torch.ones(1), "b": torch.ones(1), "c": torch.ones(1), "d": torch.ones(1)}, "a, b, c, d"),
    ):
        torch.save(content, tmp_path / "w.pth")
        assert words in refusal(tmp_path / "w.pth")


def test_what_does_not_fit_is_listed(module, tmp_path):
    state = dict(module.state_dict())
    path = tmp_path / "w.pth"
    torch.save({k: v for k, v in state.items() if "blocks.1.mlp" not in k}, path)
    assert "missing blocks.1.mlp.fc1.weight" in refusal(path)
    torch.save({**state, "extra.weight": torch.ones(2)}, path)
    assert "extra.weight" in refusal(path)
    torch.save({**state, "norm.weight": torch.ones(7)}, path)
    assert "norm.weight is 7 instead of 48" in refusal(path)
    torch.save(state, path)
    assert "blocks.2.norm1.weight" in refusal(path, arch=f"{ARCH}(embed_dim=48, depth=3, num_heads=4)")
    assert "16 x 16" in refusal(path, arch="vit_small_patch32_224")


def dinov3_file(path: Path, bias: float, name: str = "vit_small_patch16_dinov3_qkvb") -> torch.nn.Module:
    """The names in which DINOv3's authors publish: q, k and v in one bias, of which the keys' third is masked."""
    model = timm.create_model(name, **DINOV3).eval()
    state = {}
    for key, value in model.state_dict().items():
        key = re.sub(r"gamma_(\d)$", r"ls\1.gamma", key).replace("reg_token", "storage_tokens")
        if not key.endswith(("q_bias", "v_bias")):
            state[key] = value
    with torch.no_grad():
        for index, block in enumerate(model.blocks):
            block.attn.q_bias.normal_(std=bias) if bias else block.attn.q_bias.zero_()
            block.attn.v_bias.normal_(std=bias) if bias else block.attn.v_bias.zero_()
            zeros = torch.zeros_like(block.attn.q_bias)
            state[f"blocks.{index}.attn.qkv.bias"] = torch.cat([block.attn.q_bias, zeros, block.attn.v_bias]).clone()
            state[f"blocks.{index}.attn.qkv.bias_mask"] = torch.ones(72)
    state |= {"mask_token": torch.zeros(1, 24), "rope_embed.periods": torch.ones(2)}
    torch.save(state, path)
    return model


DINOV3 = {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 64, "num_classes": 0}
DINOV3_ARCH = "vit_small_patch16_dinov3{}(embed_dim=24, depth=2, num_heads=3, img_size=64)"


def test_biases_of_dinov3_under_an_architecture_without_them_are_named(tmp_path):
    model = dinov3_file(tmp_path / "w.pth", bias=0.5)
    message = refusal(tmp_path / "w.pth", arch=DINOV3_ARCH.format(""))
    assert "blocks.0.attn.qkv.bias" in message
    assert "no place" in message
    loaded = load(tmp_path / "w.pth", arch=DINOV3_ARCH.format("_qkvb"))
    assert same(loaded.module, model, (64, 64))


def test_biases_of_zeros_are_ignored(tmp_path, capsys):
    model = dinov3_file(tmp_path / "w.pth", bias=0)
    assert same(load(tmp_path / "w.pth", arch=DINOV3_ARCH.format("")).module, model, (64, 64))
    assert capsys.readouterr().out == ""


def test_arrays_that_timm_drops_without_a_warning_are_named(module, tmp_path):
    state = {**module.state_dict(), "pre_logits.fc.weight": torch.ones(48, 48), "pre_logits.fc.bias": torch.ones(48)}
    torch.save(state, tmp_path / "w.pth")
    assert "pre_logits.fc.weight" in refusal(tmp_path / "w.pth")


def test_numbers_that_are_not_finite_are_refused(module, tmp_path):
    state = {k: v.clone() for k, v in module.state_dict().items()}
    state["head.weight"][0, 0] = float("nan")
    torch.save(state, tmp_path / "w.pth")
    assert "not finite head.weight" in refusal(tmp_path / "w.pth")
