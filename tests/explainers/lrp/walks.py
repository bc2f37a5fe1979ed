"""Relevance walks whose every step is recorded, for the tests of layer-wise relevance propagation."""

from __future__ import annotations

import torch

import vitinspect as vi
from vitinspect.explainers.base import Run
from vitinspect.explainers.lrp.walk import Walk
from vitinspect.explainers.registry import make_method
from vitinspect.explainers.trace import record
from vitinspect.models.evaluation_state import in_evaluation_state


class Told:
    """Records what a walk reports: relevance at each place (P, B, R, D), with its rows, and that of attention."""

    def __init__(self) -> None:
        self.places: dict[str, tuple[torch.Tensor, slice]] = {}
        self.attentions: dict[tuple[int, int], torch.Tensor] = {}
        self.pixels = torch.empty(0)

    def attention(self, block: int, call: int, rows: slice, relevance: torch.Tensor) -> None:
        self.attentions[block, call] = relevance.clone()

    def block_done(self, block: int) -> None:
        pass

    def at(self, place: str, tokens: int) -> torch.Tensor:
        """(T, D) of the first image, with zeros where a row has no relevance."""
        relevance, rows = self.places[place]
        full = relevance.new_zeros(tokens, relevance.shape[-1])
        full[rows] = relevance[0, 0]
        return full


def walk_told(model: vi.ViT, inputs: torch.Tensor, targets: list, rules: str = "chefer") -> Told:
    """The walk down to the pixels, in float64."""
    working = model.at_precision("float64")
    inputs = inputs.double()
    plan, needs = make_method("lrp(variant=full)").explainer().way(working)
    told = Told()

    def observe(place: str, relevance: torch.Tensor, rows: slice) -> None:
        told.places[place] = (relevance.clone(), rows)

    with in_evaluation_state(working.module):
        trace, chosen = record(working, inputs, lambda _: targets, needs)
        run = Run(working, inputs, chosen, trace, working.grid_for(*inputs.shape[-2:]))
        with torch.no_grad():
            told.pixels = Walk(run, plan, told, rules, observe).to_pixels()
    return told
