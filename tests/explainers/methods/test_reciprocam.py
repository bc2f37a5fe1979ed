"""ViT-ReciproCAM equals its authors' numbers, and a plain masked batch for every kind of model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vitinspect as vi
from benchmarks.plain import plain_reciprocam, plain_reciprocam_masks
from tests.families import FAMILIES, family_input, family_model
from tests.goldens import arrays, assert_close, golden_model, inputs_p, inputs_q, targets_p, targets_q
from vitinspect.errors import Cancelled, MethodNotApplicable, ParameterError
from vitinspect.explainers.passes import masked_block
from vitinspect.explainers.passes.masked_block import Masks
from vitinspect.progress import CancelToken

SWITCHES = [(gaussian, cls_token) for gaussian in (True, False) for cls_token in (True, False)]
# The parallel blocks have no norm1.
KINDS = [name for name in FAMILIES if not name.startswith("parallel")]


def explain(model, x, target, precision="float64", details=False, **params):
    return vi.explain(model, x, [("reciprocam", params)], target, precision, details=details)["reciprocam"]


@pytest.mark.parametrize(("precision", "bound"), [("float64", 1e-5), ("float32", 1e-4)])
@pytest.mark.parametrize(("gaussian", "cls_token"), SWITCHES)
@pytest.mark.parametrize("block", [-2, -3])
def test_probabilities_and_logits_equal_the_goldens(block, gaussian, cls_token, precision, bound):
    golden = arrays("q1_reciprocam")
    # b2 and b3 are the blocks -2 and -3.
    key = f"b{-block}_gauss{int(gaussian)}_cls{int(cls_token)}"
    for index in (0, 1):
        for place, target in enumerate(targets_q("q1")):
            params = {"block": block, "gaussian": gaussian, "cls_token": cls_token}
            found = explain(golden_model("q1"), inputs_q("q1", index), target, precision, True, **params)
            assert_close(found.values, golden[f"prob_{key}"][index, place], bound, key)
            assert_close(found.details["masked_scores"], golden[f"logit_{key}"][index, place], bound, key)
            assert np.array_equal(found.details["masked_probabilities"], found.values)


@pytest.mark.parametrize(("gaussian", "cls_token"), SWITCHES)
@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_model_gives_what_its_masked_batch_gives(name, gaussian, cls_token):
    model, target = family_model(name), 2
    x = family_input(model)
    for block in range(model.depth):
        found = explain(model, x, target, block=block, gaussian=gaussian, cls_token=cls_token)
        plain = plain_reciprocam(model.module, x, target, model.grid, block, gaussian, cls_token)
        assert_close(found.values, plain.numpy(), 1e-9, f"block {block}")


def test_minus_one_is_read_as_minus_two():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    last, second = (explain(model, x, 3, block=block) for block in (-1, -2))
    assert np.array_equal(last.values, second.values)
    assert not np.array_equal(second.values, explain(model, x, 3, block=3).values)


def test_the_defaults_are_the_authors():
    model, x = golden_model("q1"), inputs_q("q1", 0)
    written_out = explain(model, x, 3, block=-2, gaussian=True, cls_token=True)
    assert np.array_equal(explain(model, x, 3).values, written_out.values)
    assert vi.methods()["reciprocam"].parameters[0].default == -2


@pytest.mark.parametrize("cls_token", [True, False])
def test_registers_are_kept_or_masked_with_the_class_token(cls_token):
    dense = Masks.around_each_patch((7, 7), 5, True, cls_token, torch.device("cpu")).dense(slice(None))
    assert (dense[:, :5] == float(cls_token)).all()


@pytest.mark.parametrize(("gaussian", "cls_token"), SWITCHES)
@pytest.mark.parametrize("grid", [(4, 4), (2, 5), (1, 3), (1, 1)])
def test_masks_are_the_kernel_cut_at_the_borders(grid, gaussian, cls_token):
    masks = Masks.around_each_patch(grid, 2, gaussian, cls_token, torch.device("cpu"))
    assert torch.equal(masks.dense(slice(None)), plain_reciprocam_masks(grid, 2, gaussian, cls_token))


def test_a_grid_so_small_that_nothing_is_masked_still_works():
    """In the middle of three by three patches the kernel covers all of them."""
    model = family_model("plain")
    import timm

    module = timm.create_model(
        "vit_tiny_patch16_224", img_size=48, embed_dim=24, num_heads=3, depth=2, num_classes=4
    ).double()
    small = vi.wrap_model(module)
    x = torch.randn(1, 3, 48, 48, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = explain(small, x, 1)
    assert_close(found.values, plain_reciprocam(module.eval(), x, 1, (3, 3)).numpy(), 1e-9)
    assert model.grid != small.grid


def test_queries_keys_and_values_come_from_one_small_table_and_not_from_every_copy(monkeypatch):
    made = watch_masked_blocks(monkeypatch)
    explain(golden_model("q1"), inputs_q("q1", 0), 3)
    # Four factors (1, 1/4, 1/8, 1/16) times 65 tokens and the zero row, against 64 copies of 65 tokens.
    assert made[0].table.rows.shape[0] == 4 * 65 + 1


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("plain", True),
        ("registers", True),
        ("gated", True),
        ("norms_and_gates", True),
        ("eva_absolute", True),
        ("eva_rope", False),
        ("rms_norm", False),
    ],
)
def test_the_first_half_of_the_mlp_is_split_wherever_the_norm_and_the_positions_allow(name, split, monkeypatch):
    made = watch_masked_blocks(monkeypatch)
    model = family_model(name)
    explain(model, family_input(model), 3)
    assert (made[0].mlp is not None) == split


def watch_masked_blocks(monkeypatch):
    made = []
    original = masked_block.MaskedBlock.__init__

    def watching(self, *args):
        original(self, *args)
        made.append(self)

    monkeypatch.setattr(masked_block.MaskedBlock, "__init__", watching)
    return made


@pytest.mark.parametrize("name", ["q1", "q3", "q4"])
def test_a_batch_gives_what_single_images_give(name):
    model, targets = golden_model(name), targets_q(name)
    images = [inputs_q(name, 0), inputs_q(name, 1)]
    together = vi.explain_batch(model, images, ["reciprocam"], targets, precision="float64")
    for image, target, both in zip(images, targets, together, strict=True):
        assert_close(both["reciprocam"].values, explain(model, image, target).values, 1e-10)


def test_label_zero_a_contrast_and_a_text_are_explained():
    model, x = golden_model("p1"), inputs_p("p1", 0)
    zero, other = explain(model, x, 0), explain(model, x, targets_p("p1", 0)[0])
    assert zero.target == 0
    assert not np.allclose(zero.values, other.values)
    contrast = explain(model, x, "0 - 3").values
    assert ((contrast > 0) & (contrast < 1)).all()
    text = explain(model, x, vi.TextEmbedding(np.arange(10.0)), details=True)
    assert np.allclose(text.values, text.details["masked_scores"])


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_near_float32(native, monkeypatch):
    """With the CPU's own bfloat16 instructions, and without, where the sums are taken in float32."""
    from vitinspect.explainers.passes import bfloat16

    monkeypatch.setattr(bfloat16, "cpu_has_bfloat16", lambda: native)
    model, x = golden_model("q1"), inputs_q("q1", 0)
    half, single = (explain(model, x, 3, precision) for precision in ("bfloat16", "float32"))
    assert np.abs(half.values - single.values).max() < 0.05


def test_out_of_memory_halves_the_chunk_and_the_numbers_stay(monkeypatch):
    model, x = golden_model("q1"), inputs_q("q1", 0)
    whole = explain(model, x, 3)
    original = masked_block.MaskedBlock.__call__
    sizes = []

    def small_memory(self, chunk):
        sizes.append(chunk.stop - chunk.start)
        if sizes[-1] > 5:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return original(self, chunk)

    monkeypatch.setattr(masked_block.MaskedBlock, "__call__", small_memory)
    pieces = explain(model, x, 3)
    assert max(sizes) > 5
    assert_close(pieces.values, whole.values, 1e-12)


def test_progress_runs_to_its_end_and_cancel_stops_it():
    model, x, told = golden_model("q1"), inputs_q("q1", 0), []
    vi.explain(model, x, ["reciprocam"], 3, progress=lambda done, total: told.append(done / total))
    assert told == sorted(told)
    assert told[-1] == 1
    token = CancelToken()
    with pytest.raises(Cancelled):
        vi.explain(model, x, ["reciprocam"], 3, progress=lambda *_: token.cancel(), cancel=token)


@pytest.mark.parametrize("name", ["plain", "post_norm"])
def test_the_model_is_left_as_it_was(name):
    model = family_model(name)
    explain(model, family_input(model), 0)
    assert not any(module._forward_hooks for module in model.module.modules())
    token = CancelToken()
    with pytest.raises(Cancelled):
        vi.explain(
            model, family_input(model), ["reciprocam"], 0, "float64", progress=lambda *_: token.cancel(), cancel=token
        )
    assert not any(module._forward_hooks for module in model.module.modules())


def test_a_model_of_unknown_structure_is_masked_by_a_hook():
    import timm

    module = timm.create_model(
        "beit_base_patch16_224", img_size=64, depth=3, embed_dim=24, num_heads=2, num_classes=5, init_values=None
    )
    module = module.double().eval()
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = explain(vi.wrap_model(module), x, 1)
    masks = plain_reciprocam_masks((4, 4), 1, True, True).double()
    expected = []
    for mask in masks:
        handle = module.blocks[1].norm1.register_forward_hook(lambda _m, _a, out, mask=mask: out * mask[None, :, None])
        with torch.no_grad():
            expected.append(float(module(x).softmax(-1)[0, 1]))
        handle.remove()
    assert_close(found.values.ravel(), np.array(expected), 1e-9)


@pytest.mark.parametrize("name", ["parallel_scaling", "parallel_things"])
def test_blocks_without_a_norm_of_their_attention_are_refused_by_name(name):
    model = family_model(name)
    with pytest.raises(MethodNotApplicable, match="Parallel"):
        explain(model, family_input(model), 0)


@pytest.mark.parametrize("block", [4, -5])
def test_a_block_that_does_not_exist_is_named(block):
    with pytest.raises(ParameterError, match=f"block={block} is not a block of q1"):
        explain(golden_model("q1"), inputs_q("q1", 0), 0, block=block)
