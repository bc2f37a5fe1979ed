"""One function loads models from every kind of source; what cannot be loaded is refused quickly with a reason."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from timm.models import save_for_hf

from vitinspect.errors import ModelError, UnsupportedModelError
from vitinspect.models import hub
from vitinspect.models.sources import choose_device, list_models, load_model
from vitinspect.resources import demo_model_folder

TINY = "vit_tiny_patch16_224"


def make(seed: int = 0, name: str = TINY, **arguments) -> torch.nn.Module:
    torch.manual_seed(seed)
    return timm.create_model(name, **{"depth": 1, "num_classes": 5, **arguments}).eval()


def same(a: torch.nn.Module, b: torch.nn.Module, size: tuple[int, int] = (224, 224)) -> bool:
    inputs = torch.randn(1, 3, *size, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return torch.allclose(a(inputs), b(inputs), rtol=1e-4, atol=1e-4)


def refusal(source, kind: type[ModelError] = ModelError, **options) -> str:
    with pytest.raises(kind) as caught:
        load_model(source, device="cpu", **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """The hub is out of reach and its cache is empty."""

    def refuse(address, *_, **__):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


# --- the bundled model -----------------------------------------------------------------------------------------


def test_the_bundled_model_is_the_default():
    model = load_model(device="cpu")
    config = json.loads((demo_model_folder() / "config.json").read_text())
    assert model.name == model.source == "demo"
    assert model.labels == config["pretrained_cfg"]["label_names"]
    assert model.grid == (14, 14)
    assert model.prefix_names == ("class",)
    assert model.dtype == torch.float32
    assert list(model.preprocessing.mean) == config["pretrained_cfg"]["mean"]
    assert not model.module.training


def test_the_bundled_model_can_be_had_untrained_and_at_another_size():
    trained, untrained = load_model(device="cpu"), load_model("demo", device="cpu", random=True)
    assert not same(trained.module, untrained.module)
    assert load_model(device="cpu", img_size=160).grid == (10, 10)
    assert load_model(device="cpu", img_size=(96, 192)).grid == (6, 12)


# --- timm by name ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prefix", ["", "timm:"])
def test_an_untrained_model_of_timm_needs_no_network(prefix, no_network):
    model = load_model(f"{prefix}{TINY}", device="cpu", random=True)
    assert model.num_classes == 1000
    assert model.labels[0].startswith("tench")
    assert "untrained" in model.source


def test_an_untrained_model_may_be_changed():
    model = load_model(f"{TINY}(depth=2, num_heads=6)", random=True, num_classes=3, img_size=(32, 64), device="cpu")
    assert (model.depth, model.heads, model.num_classes, model.grid) == (2, 6, 3, (2, 4))
    assert not model.has_labels


def test_without_network_a_trained_model_is_refused_soon_and_in_one_sentence(no_network):
    start = time.monotonic()
    for source in (TINY, f"timm:{TINY}.augreg_in21k_ft_in1k", "hf-hub:google/vit-base-patch16-224", "some/model"):
        message = refusal(source)
        assert source.removeprefix("timm:") in message
        assert "cannot be reached" in message
        assert "--random" in message
    assert time.monotonic() - start < 60


def test_a_connection_that_never_answers_is_given_up(monkeypatch):
    def never(*_, **__):
        time.sleep(5)
        raise OSError("at last")

    monkeypatch.setattr(hub, "TIMEOUT", 0.2)
    monkeypatch.setattr(socket, "create_connection", never)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert "no answer" in refusal("hf-hub:a/b")


def test_a_proxy_is_tried_instead_of_the_hub_itself(monkeypatch):
    tried = []

    def connect(address, *_, **__):
        tried.append(address)
        raise OSError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(ModelError, match=r"proxy\.example"):
        hub.require_connection("x")
    assert tried == [("proxy.example", 3128)]


def test_an_unknown_name_is_refused_with_the_nearest_that_exist():
    message = refusal("vit_tiny_patch16_225")
    assert TINY in message
    assert "timm" in message


def test_unknown_weights_are_refused_with_those_that_exist():
    assert "augreg_in21k" in refusal(f"{TINY}.nosuch")


def test_changed_architectures_have_no_trained_weights():
    assert "--random" in refusal(f"{TINY}(depth=2)")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("resnet50", "ResNet"), ("swin_tiny_patch4_window7_224", "SwinTransformer"), ("convnext_tiny", "ConvNeXt")],
)
@pytest.mark.parametrize("random", [False, True])
def test_a_model_that_is_not_a_vision_transformer_is_refused_by_its_kind(name, kind, random):
    message = refusal(name, UnsupportedModelError, random=random)
    assert message.startswith(f"{name} is a {kind}, not a Vision Transformer")
    assert "Supported are" in message


@pytest.mark.parametrize("name", ["cait_xxs24_224", "beit_base_patch16_224", "xcit_nano_12_p16_224"])
def test_a_related_model_with_another_attention_is_refused_rather_than_explained_wrongly(name):
    assert "a related design" in refusal(name, UnsupportedModelError, random=True)


# --- folders of timm ---------------------------------------------------------------------------------------------


def saved(folder: Path, module: torch.nn.Module, **config) -> Path:
    save_for_hf(module, folder, model_config=config, safe_serialization=True)
    return folder


@pytest.mark.parametrize("safe", [True, False])
def test_a_folder_saved_by_timm_is_loaded(safe, tmp_path):
    module = make()
    save_for_hf(module, tmp_path, safe_serialization=safe)
    for source in (tmp_path, str(tmp_path), f"local-dir:{tmp_path}"):
        model = load_model(source, device="cpu")
        assert same(model.module, module)
    assert model.num_classes == 5
    assert model.preprocessing.crop_pct == 0.9
    assert model.name == tmp_path.name


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "deit_tiny_distilled_patch16_224"},
        {"name": "vit_small_patch14_reg4_dinov2", "img_size": 56},
        {"name": "eva02_tiny_patch14_224"},
        {"name": "vit_base_patch32_clip_224", "num_classes": 7},
        {"name": "vit_base_patch16_siglip_224", "num_classes": 0},
        {"img_size": (64, 160)},
        {"global_pool": "avg", "class_token": False},
        {"num_classes": 0},
    ],
    ids=str,
)
def test_every_supported_family_is_loaded_from_a_folder(arguments, tmp_path):
    module = make(**arguments)
    model = load_model(saved(tmp_path, module), device="cpu")
    assert same(model.module, module, model.input_size)
    if "img_size" in arguments and isinstance(arguments["img_size"], tuple):
        assert model.input_size == arguments["img_size"]


def test_names_in_a_folder_are_the_labels(tmp_path):
    module = make()
    model = load_model(saved(tmp_path, module, label_names=list("abcde")), device="cpu")
    assert model.labels == list("abcde")
    described = {"label_names": ["n1", "n2", "n3", "n4", "n5"], "label_descriptions": {"n2": "cat"}}
    assert load_model(saved(tmp_path, module, **described), device="cpu").labels[1] == "cat"


def test_the_older_flat_configuration_is_read(tmp_path):
    module = make(depth=12, num_classes=5)
    saved(tmp_path, module)
    flat = {"architecture": TINY, "num_classes": 5, "mean": [0.1, 0.2, 0.3], "labels": list("vwxyz"), "crop_pct": 1.0}
    (tmp_path / "config.json").write_text(json.dumps(flat))
    model = load_model(tmp_path, device="cpu")
    assert model.labels == list("vwxyz")
    assert model.preprocessing.mean == (0.1, 0.2, 0.3)
    assert same(model.module, module)


def test_unknown_entries_of_a_newer_configuration_are_ignored(tmp_path):
    module = make()
    saved(tmp_path, module)
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"]["invented_in_2031"] = True
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert same(load_model(tmp_path, device="cpu").module, module)


def test_a_folder_that_timm_wrapped_for_transformers_is_loaded(tmp_path):
    module = make()
    saved(tmp_path, module)
    config = json.loads((tmp_path / "config.json").read_text())
    config.update(model_type="timm_wrapper", architectures=["TimmWrapperForImageClassification"])
    (tmp_path / "config.json").write_text(json.dumps(config))
    from safetensors.torch import save_file

    save_file({f"timm_model.{k}": v for k, v in module.state_dict().items()}, tmp_path / "model.safetensors")
    assert same(load_model(tmp_path, device="cpu").module, module)


def test_broken_folders_are_refused_in_words(tmp_path):
    assert "no config.json" in refusal(tmp_path)
    (tmp_path / "weights.pth").touch()
    assert "weights.pth" in refusal(tmp_path)
    (tmp_path / "weights.pth").unlink()
    saved(tmp_path, make())
    good = json.loads((tmp_path / "config.json").read_text())

    def with_config(text: str) -> str:
        (tmp_path / "config.json").write_text(text)
        return refusal(tmp_path)

    assert "not JSON" in with_config("{")
    assert "holds a list" in with_config("[]")
    assert "no architecture" in with_config("{}")
    assert "no model named" in with_config(json.dumps({**good, "architecture": "vit_huge_patch99"}))
    assert "resnet18 is a ResNet" in with_config(json.dumps({**good, "architecture": "resnet18"}))
    assert "not a setting of a Vision Transformer" in with_config(json.dumps({**good, "model_args": {"magic": 1}}))
    assert "not a list of settings" in with_config(json.dumps({**good, "model_args": [1]}))
    assert "do not fit" in with_config(json.dumps({**good, "model_args": {"depth": 2}}))
    nine = json.dumps({**good, "model_args": {**good.get("model_args", {}), "depth": 1, "num_classes": 9}})
    assert "head.weight is 5x192 instead of 9x192" in with_config(nine)
    (tmp_path / "config.json").write_text(json.dumps(good))
    assert load_model(tmp_path, device="cpu").num_classes == 5
    assert "config.json" in refusal(tmp_path, arch=TINY)
    shutil.copy(tmp_path / "model.safetensors", tmp_path / "other.safetensors")
    os.rename(tmp_path / "model.safetensors", tmp_path / "one.safetensors")
    assert "several weight files" in refusal(tmp_path)
    (tmp_path / "one.safetensors").unlink()
    (tmp_path / "other.safetensors").unlink()
    assert "no weights" in refusal(tmp_path)


def test_sources_that_name_nothing_are_refused(tmp_path, no_network):
    for source, words in (
        ("", "names no model"),
        ("  ", "names no model"),
        ("timm:", "must follow"),
        ("hf-hub:", "must follow"),
        ("./missing", "no such file or folder"),
        ("missing.pth", "no such file or folder"),
        (str(tmp_path / "missing"), "no such file or folder"),
        ("a/b/c", "no such file or folder"),
        (tmp_path / "missing.pth", "no such file"),
        ("hello world", "not an architecture"),
    ):
        assert words in refusal(source)


# --- the hub, played by a folder ---------------------------------------------------------------------------------


@pytest.fixture
def played_hub(monkeypatch, tmp_path):
    """A hub whose repositories are folders below ``tmp_path/hub``; gives that folder and the list of downloads."""
    root, downloads = tmp_path / "hub", []

    def download(repo, filename, revision=None, **_):
        downloads.append((repo, filename, revision))
        if not (root / repo).is_dir():
            raise _http(huggingface_hub.errors.RepositoryNotFoundError)
        if not (root / repo / filename).is_file():
            raise _http(huggingface_hub.errors.EntryNotFoundError)
        return str(root / repo / filename)

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(hub, "require_connection", lambda _asked: None)
    return root, downloads


def _http(kind: type[Exception]) -> Exception:
    error = kind.__new__(kind)
    Exception.__init__(error, "404 Client Error")
    return error


def test_a_repository_of_timm_is_loaded(played_hub):
    root, downloads = played_hub
    module = make()
    saved(root / "me" / "net", module)
    for source in ("hf-hub:me/net", "me/net", "https://huggingface.co/me/net", "hf-hub:me/net@v2"):
        model = load_model(source, device="cpu")
        assert same(model.module, module)
        assert model.name == "net"
    assert downloads[-1] == ("me/net", "model.safetensors", "v2")


def test_a_repository_of_transformers_is_loaded(played_hub):
    import transformers

    root, _ = played_hub
    config = transformers.ViTConfig(
        hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, image_size=32, patch_size=8
    )
    theirs = transformers.ViTForImageClassification(config).eval()
    theirs.save_pretrained(root / "me" / "theirs")
    (root / "me" / "theirs" / "preprocessor_config.json").write_text('{"image_mean": [0.1, 0.2, 0.3]}')
    model = load_model("me/theirs", device="cpu")
    inputs = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(model.logits(inputs), theirs(inputs).logits, atol=1e-4)
    assert model.preprocessing.mean == (0.1, 0.2, 0.3)


def test_the_trained_weights_of_a_timm_name_come_from_its_repository(played_hub):
    root, downloads = played_hub
    module = make(depth=12, num_classes=1000)
    saved(root / "timm" / f"{TINY}.augreg_in21k_ft_in1k", module)
    model = load_model(TINY, device="cpu")
    assert same(model.module, module)
    assert model.labels[0].startswith("tench")
    assert downloads[0][0] == f"timm/{TINY}.augreg_in21k_ft_in1k"
    small = load_model(TINY, device="cpu", img_size=64)
    assert small.grid == (4, 4)
    assert "1000 classes, not 3" in refusal(TINY, num_classes=3)


def test_a_file_in_the_cache_is_used_without_network(no_network, monkeypatch, tmp_path):
    module = make()
    saved(tmp_path, module)

    def cached(_repo, filename, **_):
        return str(tmp_path / filename) if (tmp_path / filename).exists() else None

    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", cached)
    assert same(load_model("hf-hub:me/net", device="cpu").module, module)


def test_repositories_that_are_missing_gated_or_incomplete_are_refused(played_hub, monkeypatch):
    root, _ = played_hub
    assert "no public model" in refusal("hf-hub:me/missing")
    (root / "me" / "empty").mkdir(parents=True)
    assert "no config.json" in refusal("me/empty")
    saved(root / "me" / "half", make())
    (root / "me" / "half" / "model.safetensors").unlink()
    assert "no weights" in refusal("me/half")

    def gated(*_, **__):
        raise _http(huggingface_hub.errors.GatedRepoError)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", gated)
    assert "accepted its conditions" in refusal("me/half")

    def broken(*_, **__):
        raise OSError("the line went dead")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", broken)
    assert "the line went dead" in refusal("me/half")


def test_the_hubs_offline_switch_is_obeyed(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    assert "HF_HUB_OFFLINE" in refusal("hf-hub:me/net")


# --- devices, lists ------------------------------------------------------------------------------------------------


def test_the_device_is_chosen_or_refused_in_words(monkeypatch):
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda", "mps")
    for wrong in ("gpu", "cuda:x", ""):
        with pytest.raises(ModelError, match="is not a device"):
            choose_device(wrong)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device("auto") == torch.device("cpu")
    for missing in ("cuda", "cuda:1", "mps", "xla"):
        with pytest.raises(ModelError, match="requested"):
            choose_device(missing)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ModelError, match="2 GPUs"):
        choose_device("cuda:2")


def test_the_list_of_models_names_what_can_be_loaded():
    names = list_models()
    assert names[0] == "demo"
    assert "deit_tiny_distilled_patch16_224.fb_in1k" in names
    assert any(name.startswith("eva02_") for name in names)
    assert not any(name.startswith(("resnet", "swin", "convnext", "beit_")) for name in names)
    assert len(names) == len(set(names)) > 200
    found = list_models("dinov2 REG")
    assert found
    assert all("dinov2" in name and "reg" in name for name in found)
    assert list_models("no such thing") == []


def test_loading_changes_no_random_numbers_of_the_caller_beyond_torchs_own(tmp_path):
    saved(tmp_path, make())
    first, second = load_model(tmp_path, device="cpu"), load_model(tmp_path, device="cpu")
    assert same(first.module, second.module)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, vitinspect; sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'PIL')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
