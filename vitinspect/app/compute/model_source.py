"""A model's source with its options, in one line: as it is written after ``--model`` on the command line.

``weights.pth --arch vit_tiny_patch16_224 --head head.pth``: state, recent models and caches know a model by that line.
"""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass, fields, replace
from typing import Any

from vitinspect.errors import ModelError

UNTRAINED = "random:"
_OPTION = re.compile(r"\s--(?:arch|head|head-name|image-size|text|template|text-embeddings|token-ids)(?=[\s=]|$)")
_SEVERAL = ("text", "template")


@dataclass(frozen=True)
class ModelSource:
    """Where a model comes from."""

    source: str
    random: bool = False
    """Its weights are left untrained."""
    arch: str = ""
    head: str = ""
    head_name: str = ""
    image_size: str = ""
    """As ``384`` or ``384x512``; empty for the model's own."""
    text: tuple[str, ...] = ()
    """Texts that are the classes of an image-text model."""
    template: tuple[str, ...] = ()
    """The sentence around each of them, with ``{}`` in its place."""
    text_embeddings: str = ""
    """A file of saved embeddings, instead of texts."""
    token_ids: str = ""
    """A JSON file from prompts to token ids, instead of a tokenizer."""

    @classmethod
    def parse(cls, line: str) -> ModelSource:
        """Read a line; a source may have spaces in it, as folders do."""
        found = _OPTION.search(line)
        source, options = (line[: found.start()], line[found.start() :]) if found else (line, "")
        values: dict[str, Any] = {}
        try:
            words = [part for word in shlex.split(options) for part in _halves(word)]
        except ValueError as error:
            raise ModelError(f"{line!r} cannot be read: {error}.") from None
        known = {"--" + f.name.replace("_", "-"): f.name for f in fields(cls) if f.name not in ("source", "random")}
        for name, value in zip(words[::2], [*words[1::2], ""], strict=False):
            if name not in known or not value or value.startswith("--"):
                raise ModelError(
                    f"{name} is not an option of a model, or has no value; the options are {', '.join(known)}."
                )
            if known[name] in _SEVERAL:
                values[known[name]] = (*values.get(known[name], ()), value)
            else:
                values[known[name]] = value
        source = source.strip()
        return cls(source.removeprefix(UNTRAINED), source.startswith(UNTRAINED), **values)

    @property
    def line(self) -> str:
        """The line again: the same for the same model."""
        parts = [(UNTRAINED if self.random else "") + self.source]
        for name in ("arch", "head", "head_name", "image_size", "text", "template", "text_embeddings", "token_ids"):
            value = getattr(self, name)
            for one in value if name in _SEVERAL else filter(None, [value]):
                parts += ["--" + name.replace("_", "-"), shlex.quote(one)]
        return " ".join(parts)

    @property
    def arguments(self) -> list[str]:
        """What the command line takes for the model itself, word by word; its texts are left out."""
        words = ["--model", self.source]
        for name in ("arch", "head", "head_name", "image_size"):
            value = getattr(self, name)
            words += ["--" + name.replace("_", "-"), value] if value else []
        return [*words, *(["--random"] if self.random else [])]

    @property
    def without_texts(self) -> ModelSource:
        """The model itself."""
        return replace(self, text=(), template=(), text_embeddings="", token_ids="")

    @property
    def backbone(self) -> ModelSource:
        """The model without a head from a file."""
        return replace(self, head="", head_name="")

    @property
    def has_texts(self) -> bool:
        return bool(self.text or self.text_embeddings)

    @property
    def short(self) -> str:
        """A short name: the last part of a path, and the options."""
        name = _last_part(self.source)
        if self.random:
            name = f"{name}, untrained"
        return f"{name} + {_last_part(self.head)}" if self.head else name

    @property
    def load_options(self) -> dict[str, Any]:
        """The arguments of ``load_model`` besides the source."""
        asked: dict[str, Any] = {"arch": self.arch, "head": self.head, "head_name": self.head_name}
        if self.image_size:
            sides = self.image_size.casefold().split("x")
            if len(sides) > 2 or not all(side.isdecimal() and int(side) for side in sides):
                raise ModelError(f"An input size is like 384 or 384x512, not {self.image_size}.")
            asked["img_size"] = (int(sides[0]), int(sides[-1]))
        return {name: value for name, value in asked.items() if value} | ({"random": True} if self.random else {})


def _halves(word: str) -> list[str]:
    """``--arch=NAME`` as two words."""
    name, equals, value = word.partition("=")
    return [name, value] if equals and name.startswith("--") else [word]


def _last_part(source: str) -> str:
    return os.path.basename(source.rstrip(os.sep)) if os.sep in source else source
