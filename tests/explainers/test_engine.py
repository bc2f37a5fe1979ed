"""The engine: one trace for all methods, the model left as it was found, targets, errors, cancellation."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer

import vitinspect as vi
from tests.goldens import golden_model, golden_module, inputs_q, targets_q
from vitinspect.explainers.targets import Contrast

SINGLE_TRACE = ["rollout", "raw_attention", "gradient_rollout", "attention_gradcam", "attention_gradient"]


def state_of(module: torch.nn.Module) -> dict:
    """Everything about a module that a run could have changed."""
    return {
        "training": [m.training for m in module.modules()],
        "requires_grad": [p.requires_grad for p in module.parameters()],
        "grads": [p.grad for p in module.parameters()],
        "versions": [p._version for p in module.parameters()],
        "dtype": [p.dtype for p in module.parameters()],
        "device": [str(p.device) for p in module.parameters()],
        "fused": [getattr(m, "fused_attn", None) for m in module.modules()],
        "checkpointing": [getattr(m, "grad_checkpointing", None) for m in module.modules()],
        "hooks": [(len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks)) for m in module.modules()],
        "forwards": [m.__dict__.get("forward") for m in module.modules()],
    }


def unusual_module() -> VisionTransformer:
    """A module in the middle of a training, with unfused attention in one block."""
    module = golden_module("q1")
    module.train()
    module.blocks[1].eval()
    module.blocks[2].attn.fused_attn = False
    module.set_grad_checkpointing(True)
    module.head.weight.requires_grad_(False)
    for parameter in list(module.parameters())[:3]:
        parameter.grad = torch.ones_like(parameter)
    return module


class StoppedError(Exception):
    pass


def test_the_model_is_left_as_it_was_found():
    module = unusual_module()
    sdpa = F.scaled_dot_product_attention
    before = state_of(module)
    x = inputs_q("q1", 0).requires_grad_(True)
    vi.explain(vi.wrap_model(module), x, SINGLE_TRACE, precision="float32")
    assert state_of(module) == before
    assert F.scaled_dot_product_attention is sdpa
    assert x.grad is None


def test_the_model_is_left_as_it_was_found_after_an_exception_in_the_middle():
    module = unusual_module()
    sdpa = F.scaled_dot_product_attention
    before = state_of(module)

    def explode(*_):
        raise StoppedError

    handle = module.blocks[3].mlp.register_forward_hook(explode)
    with pytest.raises(StoppedError):
        vi.explain(vi.wrap_model(module), inputs_q("q1", 0), SINGLE_TRACE)
    handle.remove()
    assert state_of(module) == before
    assert F.scaled_dot_product_attention is sdpa


def test_the_model_is_left_as_it_was_found_after_a_cancel_in_the_middle():
    module = unusual_module()
    before = state_of(module)
    token = vi.CancelToken()
    handle = module.blocks[1].mlp.register_forward_hook(lambda *_: token.cancel())
    with pytest.raises(vi.Cancelled):
        vi.explain(vi.wrap_model(module), inputs_q("q1", 0), SINGLE_TRACE, cancel=token)
    handle.remove()
    assert state_of(module) == before


def test_training_mode_and_unfused_attention_do_not_change_the_maps():
    x = inputs_q("q1", 0)
    unusual = vi.explain(vi.wrap_model(unusual_module()), x, SINGLE_TRACE, precision="float64")
    plain = vi.explain(golden_model("q1"), x, SINGLE_TRACE, precision="float64")
    for key in plain:
        np.testing.assert_allclose(unusual[key].values, plain[key].values, atol=1e-12)


def test_all_methods_share_one_forward_and_one_backward():
    module = golden_module("q1")
    forwards, backwards = [], []
    module.patch_embed.register_forward_hook(lambda *_: forwards.append(1))
    module.head.register_full_backward_hook(lambda *_: backwards.append(1))
    vi.explain(vi.wrap_model(module), inputs_q("q1", 0), SINGLE_TRACE)
    assert (len(forwards), len(backwards)) == (1, 1)


def test_methods_without_gradients_run_no_backward():
    module = golden_module("q1")
    backwards = []
    module.head.register_full_backward_hook(lambda *_: backwards.append(1))
    vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["rollout", "raw_attention"])
    assert backwards == []


def test_the_predicted_class_is_the_default_target_and_class_zero_is_a_class():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    default = vi.explain(model, x, ["attention_gradcam"])
    assert default.target == int(default.logits.argmax()) == targets_q("q1")[0]
    zero = vi.explain(model, x, ["attention_gradcam"], 0)
    assert zero.target == 0
    assert not np.array_equal(zero["attention_gradcam"].values, default["attention_gradcam"].values)


def test_a_label_and_a_contrast_name_a_target():
    labels = ["cat - like", "dog", "Zebra, striped horse", *(f"thing {i}" for i in range(7))]
    model = vi.wrap_model(golden_module("q1"), labels=labels)
    x = inputs_q("q1", 0)
    assert vi.explain(model, x, ["rollout"], "dog").target == 1
    assert vi.explain(model, x, ["rollout"], "striped horse").target == 2
    assert vi.explain(model, x, ["rollout"], "zebra, striped horse - dog").target == Contrast(2, 1)
    assert vi.explain(model, x, ["rollout"], "cat - like - dog").target == Contrast(0, 1)
    assert vi.explain(model, x, ["rollout"], "3 - 0").target == Contrast(3, 0)
    with pytest.raises(vi.TargetError, match="dgo"):
        vi.explain(model, x, ["rollout"], "dgo")
    with pytest.raises(vi.TargetError, match="0 to 9"):
        vi.explain(model, x, ["rollout"], 10)


def test_the_gradient_of_a_contrast_is_the_difference_of_gradients():
    from vitinspect.explainers.base import Needs
    from vitinspect.explainers.trace import record

    model = golden_model("q1").at_precision("float64")
    x, needs = inputs_q("q1", 0).double(), Needs(input_gradient=True)
    gradients = [record(model, x, lambda _, t=t: [t], needs)[0].input_gradient for t in (2, 5, Contrast(2, 5))]
    torch.testing.assert_close(gradients[2], gradients[0] - gradients[1])


def test_the_same_method_may_stand_twice_and_is_addressed_by_its_canonical_string():
    methods = ["rollout", "rollout( head_fusion = max,start_layer=1 )", ("rollout", {"start_layer": 2})]
    result = vi.explain(golden_model("q1"), inputs_q("q1", 0), methods)
    assert list(result) == ["rollout", "rollout(start_layer=1, head_fusion=max)", "rollout(start_layer=2)"]
    assert result[methods[1]].params["head_fusion"] == "max"
    assert result["rollout"].params["start_layer"] == 0
    assert "rollout(start_layer=3)" not in result


def test_a_bare_id_addresses_the_only_map_of_that_method():
    result = vi.explain(golden_model("q1"), inputs_q("q1", 0), ["rollout(start_layer=1)"])
    assert result["rollout"].params["start_layer"] == 1


@pytest.mark.parametrize(
    ("method", "message"),
    [
        ("roll", "no method 'roll'. Did you mean rollout"),
        ("rollout(start=1)", "no parameter 'start'"),
        ("rollout(start_layer=-1)", "at least 0|from 0"),
        ("rollout(start_layer=1.5)", "whole number"),
        ("rollout(head_fusion=sum)", "one of mean, max, min"),
        ("rollout(start_layer=1", "not a method"),
        ("rollout(start_layer=9)", "leaves no block"),
        ("raw_attention(layer=-5)", "not a block"),
    ],
)
def test_wrong_methods_and_parameters_are_refused_with_a_reason(method, message):
    with pytest.raises(vi.ParameterError, match=message):
        vi.explain(golden_model("q1"), inputs_q("q1", 0), [method])


def test_a_nan_in_a_map_is_an_error_that_names_the_method():
    module = golden_module("q1")
    with torch.no_grad():
        module.blocks[2].attn.qkv.weight[0, 0] = float("nan")
    with pytest.raises(vi.MethodFailed, match="rollout"):
        vi.explain(vi.wrap_model(module), inputs_q("q1", 0), ["rollout"])


def test_inputs_that_do_not_fit_are_refused_with_a_reason():
    model = golden_model("q1")
    with pytest.raises(vi.ImageError, match="32x64.*64x64"):
        vi.explain(model, torch.zeros(3, 32, 64), ["rollout"])
    with pytest.raises(vi.ImageError, match="NaN"):
        vi.explain(model, torch.full((3, 64, 64), float("nan")), ["rollout"])
    with pytest.raises(vi.ImageError, match="shape"):
        vi.explain(model, torch.zeros(2, 3, 64, 64), ["rollout"])


def test_precision_runs_on_a_copy_that_follows_the_weights():
    module = golden_module("q1")
    model, x = vi.wrap_model(module), inputs_q("q1", 0)
    first = vi.explain(model, x, ["rollout"], precision="float64")
    assert first["rollout"].values.dtype == np.float64
    assert next(module.parameters()).dtype == torch.float32
    with torch.no_grad():
        module.blocks[0].attn.qkv.weight.mul_(0.5)
    second = vi.explain(model, x, ["rollout"], precision="float64")
    assert not np.allclose(first["rollout"].values, second["rollout"].values)


def test_bfloat16_is_near_float32():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    exact = vi.explain(model, x, ["rollout"])["rollout"].values
    rough = vi.explain(model, x, ["rollout"], precision="bfloat16")["rollout"].values
    assert rough.dtype == np.float32
    assert np.abs(rough - exact).max() < 0.1 * exact.max()


def test_two_threads_on_one_model_do_not_disturb_each_other():
    model = vi.wrap_model(golden_module("q1"))
    images = [inputs_q("q1", 0), inputs_q("q1", 1)]
    expected = [vi.explain(model, x, SINGLE_TRACE) for x in images]
    wrong: list[str] = []

    def work(which: int) -> None:
        for _ in range(5):
            result = vi.explain(model, images[which], SINGLE_TRACE)
            wrong.extend(
                key for key in result if not np.allclose(result[key].values, expected[which][key].values, atol=1e-5)
            )

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_two_threads_on_two_models_keep_their_traces_apart():
    models = [vi.wrap_model(golden_module("q1")), vi.wrap_model(golden_module("q3"))]
    images = [inputs_q("q1", 0), inputs_q("q3", 0)]
    sdpa = F.scaled_dot_product_attention
    expected = [vi.explain(m, x, SINGLE_TRACE) for m, x in zip(models, images, strict=True)]
    wrong: list[str] = []

    def work(which: int) -> None:
        for _ in range(8):
            result = vi.explain(models[which], images[which], SINGLE_TRACE)
            wrong.extend(
                key for key in result if not np.allclose(result[key].values, expected[which][key].values, atol=1e-5)
            )

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert F.scaled_dot_product_attention is sdpa


def test_maps_are_delivered_when_they_are_computed_and_progress_ends_at_its_total():
    arrived, steps = [], []
    vi.explain(
        golden_model("q1"),
        inputs_q("q1", 0),
        ["attention_gradient", "rollout"],
        on_map=lambda m: arrived.append(m.key),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert arrived == ["rollout", "attention_gradient"]
    assert steps[-1][0] == steps[-1][1] > 0
    assert steps == sorted(steps)


def test_a_non_square_input_keeps_its_grid():
    module = VisionTransformer(img_size=(48, 80), patch_size=16, embed_dim=32, depth=2, num_heads=2, num_classes=3)
    result = vi.explain(vi.wrap_model(module), torch.randn(3, 48, 80), SINGLE_TRACE)
    assert all(m.values.shape == (3, 5) for m in result.values())


def test_dynamic_sizes_keep_their_grid():
    module = VisionTransformer(
        img_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=2, num_classes=3, dynamic_img_size=True
    )
    model = vi.wrap_model(module)
    assert vi.explain(model, torch.randn(3, 32, 96), ["rollout"])["rollout"].values.shape == (2, 6)
    with pytest.raises(vi.ImageError, match="whole number"):
        vi.explain(model, torch.randn(3, 30, 96), ["rollout"])


def test_a_model_without_a_classifier_needs_a_target_for_class_specific_methods_only():
    module = VisionTransformer(img_size=64, patch_size=16, embed_dim=32, depth=2, num_heads=2, num_classes=0)
    model = vi.wrap_model(module)
    x = torch.randn(3, 64, 64)
    assert vi.explain(model, x, ["rollout"]).target is None
    with pytest.raises(vi.TargetError, match="no classifier"):
        vi.explain(model, x, ["attention_gradcam"])
    target = vi.TextEmbedding(np.random.default_rng(0).normal(size=32))
    values = vi.explain(model, x, ["attention_gradcam"], target)["attention_gradcam"].values
    assert values.shape == (4, 4)
    with pytest.raises(vi.TargetError, match="31 numbers"):
        vi.explain(model, x, ["attention_gradcam"], vi.TextEmbedding(np.ones(31)))


def test_predictions_come_best_first():
    model = golden_model("q1")
    top = model.predict(inputs_q("q1", 0), top=3)
    assert [p.logit for p in top] == sorted((p.logit for p in top), reverse=True)
    assert top[0].index == targets_q("q1")[0]
    assert sum(p.probability for p in model.predict(inputs_q("q1", 0), top=10)) == pytest.approx(1)


def test_a_model_with_its_own_attention_function_is_refused_by_name_or_gets_a_map():
    import timm

    torch.manual_seed(0)
    cait = timm.create_model("cait_xxs24_224", img_size=32, depth=2, embed_dim=24, num_heads=2, num_classes=5)
    model = vi.wrap_model(cait.eval())
    x = torch.randn(3, 32, 32)
    made = set()
    for info in vi.methods():
        try:
            assert np.isfinite(vi.explain(model, x, [info])[info.id].values).all()
            made.add(info.id)
        except vi.MethodNotApplicable as refusal:
            assert refusal.args[0].startswith(info.id)  # noqa: PT017
    baselines = {"random", "centre", "edges"}
    assert made == baselines | {
        "saliency",
        "input_x_gradient",
        "integrated_gradients",
        "smoothgrad",
        "occlusion",
        "rise",
    }


def test_patches_without_rows_and_columns_are_refused():
    import timm

    model = vi.wrap_model(timm.create_model("xcit_nano_12_p16_224", depth=1).eval())
    with pytest.raises(vi.UnsupportedModelError, match="ConvPatchEmbed"):
        vi.explain(model, torch.randn(3, 224, 224), ["saliency"])
