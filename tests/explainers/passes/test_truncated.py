"""The model run from one of its blocks on equals the model, whatever its kind, and with tokens dropped."""

from __future__ import annotations

import pytest
import torch

from tests.families import FAMILIES, family_input, family_model
from vitinspect.explainers.base import Needs
from vitinspect.explainers.passes import bfloat16
from vitinspect.explainers.passes.block_parts import parts_of, rotary_table
from vitinspect.explainers.passes.truncated import (
    SharedFirstBlock,
    call_block,
    last_block,
    logits_from,
    logits_of_subsets,
    rows_read,
)
from vitinspect.explainers.trace import record
from vitinspect.models.evaluation_state import in_evaluation_state


def traced(name, count=2):
    """The model, its tokens before every block and its logits."""
    model = family_model(name)
    x = family_input(model, count)
    with in_evaluation_state(model.module):
        trace, _ = record(model, x, lambda _: None, Needs(tokens=True))
    return model, x, trace


def plain_subset(model, x, patches):
    """One forward pass in which only these patches (and all prefix tokens) enter the first block."""
    module, prefix = model.module, model.prefix_tokens
    tokens = module.patch_embed(x)
    rope = None
    if model.family == "Eva":
        tokens, rope = module._pos_embed(tokens)
    else:
        tokens = module._pos_embed(tokens)
    tokens = module.norm_pre(tokens)
    index = torch.cat([torch.arange(prefix), prefix + patches])
    tokens = tokens[:, index]
    for i, block in enumerate(module.blocks):
        if model.family == "Eva":
            own = rope[i] if rope is not None and getattr(module, "rope_mixed", False) else rope
            tokens = block(tokens, rope=None if own is None else own[..., patches, :])
        else:
            tokens = block(tokens)
    return module.forward_head(module.norm(tokens))


@pytest.mark.parametrize("name", FAMILIES)
def test_running_on_from_any_block_gives_the_models_own_logits(name):
    model, _, trace = traced(name)
    table = rotary_table(model, model.grid)
    with in_evaluation_state(model.module), torch.no_grad():
        for first in range(model.depth):
            logits = logits_from(model, first, trace.tokens[first], rope=table)
            assert torch.allclose(logits, trace.logits, atol=1e-10, rtol=1e-10), first


@pytest.mark.parametrize("name", FAMILIES)
def test_the_rows_of_the_last_block_that_the_head_reads_are_those_of_the_whole_block(name):
    model, _, trace = traced(name)
    table = rotary_table(model, model.grid)
    tokens = trace.tokens[-2].shape[1]
    with in_evaluation_state(model.module), torch.no_grad():
        found, rows = last_block(model, trace.tokens[-2], table)
        read = rows_read(model, tokens)
        assert rows.start <= read.start
        assert rows.stop >= read.stop
        assert torch.allclose(found, trace.tokens[-1][:, rows], atol=1e-11)


@pytest.mark.parametrize("name", FAMILIES)
def test_dropped_patches_have_no_effect_and_the_others_keep_their_positions(name):
    model, x, trace = traced(name, count=1)
    prefix, patches = model.prefix_tokens, model.grid[0] * model.grid[1]
    generator = torch.Generator().manual_seed(0)
    sets = [torch.randperm(patches, generator=generator)[:k].sort().values for k in (7, 7, 7)]
    chosen = torch.stack([torch.cat([torch.arange(prefix), prefix + s]) for s in sets])
    with in_evaluation_state(model.module), torch.no_grad():
        shared = SharedFirstBlock(model, trace.tokens[0][0], rotary_table(model, model.grid))
        found = logits_of_subsets(model, shared, chosen)
        plain = torch.cat([plain_subset(model, x, s) for s in sets])
    assert torch.allclose(found, plain, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("name", FAMILIES)
def test_sets_padded_to_one_length_give_what_they_give_alone(name):
    model, x, trace = traced(name, count=1)
    prefix, patches = model.prefix_tokens, model.grid[0] * model.grid[1]
    generator = torch.Generator().manual_seed(1)
    sets = [torch.randperm(patches, generator=generator)[:k].sort().values for k in (9, 4, 9, 1)]
    lengths = torch.tensor([prefix + len(s) for s in sets])
    chosen = torch.zeros(len(sets), int(lengths.max()), dtype=torch.long)
    for row, s in zip(chosen, sets, strict=True):
        row[: prefix + len(s)] = torch.cat([torch.arange(prefix), prefix + s])
        row[prefix + len(s) :] = prefix
    with in_evaluation_state(model.module), torch.no_grad():
        shared = SharedFirstBlock(model, trace.tokens[0][0], rotary_table(model, model.grid))
        found = logits_of_subsets(model, shared, chosen, lengths)
        plain = torch.cat([plain_subset(model, x, s) for s in sets])
    assert torch.allclose(found, plain, atol=1e-10, rtol=1e-10)


def test_only_what_the_head_reads_is_computed_in_the_last_block():
    model, _, trace = traced("plain")
    rows = []
    block = model.blocks[-1]
    handle = block.mlp.register_forward_pre_hook(lambda _, args: rows.append(args[0].shape[1]))
    try:
        with in_evaluation_state(model.module), torch.no_grad():
            logits_from(model, 0, trace.tokens[0])
    finally:
        handle.remove()
    assert rows == [1]


def test_blocks_of_an_unknown_kind_are_called_as_they_are():
    model, _, trace = traced("parallel_scaling")
    assert parts_of(model.blocks[0]) is None
    with in_evaluation_state(model.module), torch.no_grad():
        whole, rows = last_block(model, trace.tokens[-2])
    assert whole.shape[1] == trace.tokens[-1].shape[1]
    assert rows == slice(0, whole.shape[1])


def test_a_block_called_alone_is_the_models_block():
    model, _, trace = traced("eva_rope")
    table = rotary_table(model, model.grid)
    with in_evaluation_state(model.module), torch.no_grad():
        found = call_block(model, 0, trace.tokens[0], table)
    assert torch.allclose(found, trace.tokens[1], atol=1e-12)


def test_without_bfloat16_instructions_the_rounded_weights_are_used_in_float32(monkeypatch):
    half = family_model("plain").at_precision("bfloat16")
    monkeypatch.setattr(bfloat16, "cpu_has_bfloat16", lambda: True)
    assert bfloat16.without_emulation(half) is half
    monkeypatch.setattr(bfloat16, "cpu_has_bfloat16", lambda: False)
    single = bfloat16.without_emulation(half)
    assert single.dtype == torch.float32
    pairs = zip(half.module.parameters(), single.module.parameters(), strict=True)
    assert all(torch.equal(a.float(), b) for a, b in pairs)
    assert bfloat16.without_emulation(single) is single
