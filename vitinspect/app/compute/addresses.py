"""What was asked for, in full: by these records answers are stored, found and shown. No Qt, no torch, no numpy.

A request carries the address of what it asks for, and the answer brings it back. Nothing is looked up again in the
state that the window has when the answer arrives.
"""

from __future__ import annotations

from dataclasses import dataclass

Target = tuple[int, ...]
"""() is the predicted class, (a,) a class, (a, b) what speaks for a rather than b."""


@dataclass(frozen=True)
class InputAddress:
    """A picture as one model gets it: what a prediction belongs to."""

    content: str
    """The hash of the picture's file."""
    model: str
    """The fingerprint of the model."""
    precision: str
    fit: str

    @property
    def text(self) -> str:
        """The key of the prediction in the caches."""
        return self.of("prediction").text

    def of(self, method: str, target: Target = ()) -> Address:
        """The address of a method's map of this input."""
        return Address(self.content, self.model, method, target, self.precision, self.fit)


@dataclass(frozen=True)
class Address:
    """All that a map depends on."""

    content: str
    model: str
    method: str
    """The method with its parameters, as ``Method.key`` writes it."""
    target: Target
    """() where the method follows no target."""
    precision: str
    fit: str

    @property
    def input(self) -> InputAddress:
        return InputAddress(self.content, self.model, self.precision, self.fit)

    @property
    def text(self) -> str:
        target = ",".join(map(str, self.target))
        return "\n".join((self.content, self.model, self.method, target, self.precision, self.fit))

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that ``text`` was made of."""
        content, model, method, target, precision, fit = text.split("\n")
        return cls(content, model, method, tuple(int(n) for n in target.split(",") if n), precision, fit)


@dataclass(frozen=True)
class FusedAddress:
    """What a fused map is made of. Each member's own address holds its parameters and its target."""

    members: tuple[Address, ...]
    weights: tuple[float, ...]
    mode: str
    normalisation: str

    @property
    def input(self) -> InputAddress:
        return self.members[0].input

    @property
    def content(self) -> str:
        return self.members[0].content

    @property
    def model(self) -> str:
        return self.members[0].model

    @property
    def precision(self) -> str:
        return self.members[0].precision

    @property
    def fit(self) -> str:
        return self.members[0].fit

    @property
    def target(self) -> Target:
        """That of the members that follow a target."""
        return next((member.target for member in self.members if member.target), ())

    @property
    def method(self) -> str:
        """All of it in one line, for captions and files: ``rollout × 0.5 + legrad × 1 [geometric, minmax]``."""
        parts = [f"{m.method} × {w:g}" for m, w in zip(self.members, self.weights, strict=True)]
        return f"{' + '.join(parts)} [{self.mode}, {self.normalisation}]"

    @property
    def text(self) -> str:
        parts = [f"{w!r}\n{m.text}" for m, w in zip(self.members, self.weights, strict=True)]
        return "\n\n".join(("fused", self.mode, self.normalisation, *parts))


@dataclass(frozen=True)
class DifferenceAddress:
    """The difference of two maps: that of slot B minus that of slot A."""

    first: MapAddress
    second: MapAddress

    @property
    def input(self) -> InputAddress:
        return self.first.input

    @property
    def content(self) -> str:
        return self.first.content

    @property
    def model(self) -> str:
        return self.first.model

    @property
    def precision(self) -> str:
        return self.first.precision

    @property
    def fit(self) -> str:
        return self.first.fit

    @property
    def target(self) -> Target:
        return ()

    @property
    def method(self) -> str:
        """Both in one line, for captions and files."""
        return f"{self.second.method} minus {self.first.method}"

    @property
    def text(self) -> str:
        return "\n\n".join(("difference", self.first.text, self.second.text))


MapAddress = Address | FusedAddress | DifferenceAddress


@dataclass(frozen=True)
class CurvesAddress:
    """What the deletion and insertion curves of one map belong to."""

    map: MapAddress
    target: Target
    fill: str
    steps: int


@dataclass(frozen=True)
class WhatIfAddress:
    """A picture with a region removed."""

    input: InputAddress
    region: str
    """A hash of the mask over the model's input."""
    fill: str


@dataclass(frozen=True)
class FeaturesAddress:
    """A view of what the tokens of all blocks hold."""

    input: InputAddress
    view: str
    """colours, similarity, norms or distance"""
    pictures: tuple[str, ...] = ()
    """Paths of the other pictures whose tokens share the components, with their modification times."""
    patch: tuple[int, ...] = ()
    """Row and column of the patch that the others are compared with."""
    patch_of: str = ""
    """The path of the picture that it lies in, with its modification time; empty for the same picture."""
    foreground: str = ""
    """A hash of the patches that the components are made of; empty for all."""


@dataclass(frozen=True)
class AttentionAddress:
    """The attention of one token in all blocks and heads."""

    input: InputAddress
    token: int
