"""What a fresh call of the engine computes: the reference that the window is compared with."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np

import vitinspect as vi
from vitinspect.app.compute.explaining import as_engine_target
from vitinspect.explainers.registry import Method
from vitinspect.maps import AttributionMap

Target = tuple[int, ...]


class Fresh:
    """Computes from files and models alone, without the window."""

    def __init__(self, models: dict[str, Any]) -> None:
        self.models = models
        self.map = functools.cache(self._map)
        self.probabilities = functools.cache(self._probabilities)
        self.prepared = functools.cache(self._prepared)
        self.pixels = functools.cache(self._pixels)
        self.layers = functools.cache(self._layers)
        self.attention = functools.cache(self._attention)

    @staticmethod
    def content(path: str) -> str:
        return hashlib.blake2b(Path(path).read_bytes(), digest_size=16).hexdigest()

    def _pixels(self, path: str) -> np.ndarray:
        from vitinspect.images import open_image

        return np.asarray(open_image(path))

    def _prepared(self, model: str, path: str, fit: str) -> Any:
        return self.models[model].preprocess(self.pixels(path), fit)

    def _probabilities(self, model: str, path: str, fit: str, precision: str) -> np.ndarray:
        tensor = self.prepared(model, path, fit).tensor[None]
        return self.models[model].at_precision(precision).logits(tensor)[0].double().softmax(-1).numpy()

    def predicted(self, model: str, path: str, fit: str, precision: str) -> int:
        return int(np.argsort(-self.probabilities(model, path, fit, precision), kind="stable")[0])

    def target(self, model: str, path: str, fit: str, precision: str, asked: Target) -> Target:
        """The target in force: the predicted class where none is asked for."""
        return asked or (self.predicted(model, path, fit, precision),)

    def words(self, model: str, target: Target) -> str:
        return " − ".join(self.models[model].labels[index] for index in target)

    def method_map(
        self, model: str, path: str, method: Method, target: Target, fit: str, precision: str
    ) -> AttributionMap | None:
        """The map of a method, or None where the engine refuses."""
        return self.map(model, path, _Keyed(method), target, fit, precision)

    def _map(self, model: str, path: str, keyed: _Keyed, target: Target, fit: str, precision: str) -> Any:
        tensor = self.prepared(model, path, fit).tensor
        try:
            found = vi.explain(
                self.models[model], tensor, [keyed.method], target=as_engine_target(target), precision=precision
            )
        except Exception:
            return None
        return next(iter(found.values()))

    def what_if(self, model: str, path: str, fit: str, precision: str, mask: np.ndarray, fill: str) -> np.ndarray:
        """The probabilities of the picture without what the mask covers."""
        import torch

        from vitinspect.scores.fills import fill_image

        known = self.models[model]
        tensor = self.prepared(model, path, fit).tensor[None]
        instead = fill_image(tensor, {"black": "true_black"}.get(fill, fill), known.preprocessing)
        painted = torch.where(torch.from_numpy(mask)[None, None], instead, tensor)
        return known.at_precision(precision).logits(painted)[0].double().softmax(-1).numpy()

    def curves(
        self, model: str, path: str, fit: str, precision: str, target: Target, values: np.ndarray, fill: str, steps: int
    ) -> Any:
        from vitinspect.scores.perturbation import faithfulness

        return faithfulness(
            self.models[model].at_precision(precision),
            self.prepared(model, path, fit).tensor,
            values,
            as_engine_target(target),
            metrics=("deletion", "insertion"),
            steps=steps,
            fill={"black": "true_black"}.get(fill, fill),
        )

    def _attention(self, model: str, path: str, fit: str, precision: str, token: int) -> np.ndarray:
        """(blocks, heads, tokens): the attention row of one token, from the blocks' own layers."""
        import torch

        from vitinspect.explainers.base import Needs
        from vitinspect.explainers.trace import record

        known = self.models[model].at_precision(precision)
        tensor = self.prepared(model, path, fit).tensor[None].to(known.device, known.dtype)
        with torch.no_grad():
            trace, _ = record(known, tensor, lambda logits: None, Needs(attention=True))
            rows = []
            for block in range(trace.depth):
                whole = torch.cat([chunk.attention[0] for chunk in trace.attention_rows(block)], 1)
                rows.append(whole[:, token].float())
        return torch.stack(rows).numpy()

    def _layers(self, model: str, path: str, fit: str, precision: str, operator: str, prefix: bool) -> Any:
        from vitinspect.explainers.attention_layers import attention_layers

        exact = "float32" if precision == "bfloat16" else precision
        tensor = self.prepared(model, path, fit).tensor
        return attention_layers(self.models[model], tensor, operator=operator, prefix=prefix, precision=exact)


class _Keyed:
    """A method that is found again in a cache by what it computes."""

    def __init__(self, method: Method) -> None:
        self.method = method

    def __hash__(self) -> int:
        return hash(self.method.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and other.method.key == self.method.key
