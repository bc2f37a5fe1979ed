"""Methods of plug-ins, wrapped so that an error names the plug-in and does not stop other methods."""

from __future__ import annotations

import contextlib
import functools
import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vitinspect.errors import MethodFailed, MethodNotApplicable, VitInspectError, is_out_of_memory
from vitinspect.explainers.base import Explainer, MapBatch, Needs, Run, Sweep

if TYPE_CHECKING:
    import torch

    from vitinspect.explainers.engine import EarlyRun
    from vitinspect.models.vit import ViT


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


@contextlib.contextmanager
def as_it_came(module: torch.nn.Module) -> Iterator[None]:
    """Restore modes, hooks, gradients and their flags afterwards, whatever the plug-in did to them."""
    parts = [(part, part.training, [list(getattr(part, name).items()) for name in _HOOKS]) for part in module.modules()]
    parameters = [(one, one.requires_grad, one.grad) for one in module.parameters()]
    try:
        yield
    finally:
        for part, training, hooks in parts:
            part.training = training
            for name, before in zip(_HOOKS, hooks, strict=True):
                if list(getattr(part, name).items()) != before:
                    getattr(part, name).clear()
                    getattr(part, name).update(before)
        for parameter, wanted, gradient in parameters:
            parameter.requires_grad_(wanted)
            parameter.grad = gradient


class PluginExplainer(Explainer):
    """Wraps the plug-in's own explainer, which is created when it is first used."""

    @functools.cached_property
    def own(self) -> Explainer:
        module, _, attribute = self.method.info.plugin_class.partition(":")
        with self._guarded():
            made = getattr(importlib.import_module(module), attribute)(self.method)
        if not isinstance(made, Explainer):
            raise MethodFailed(self.method.id, f"{attribute} of the plug-in {self._plugin} is not an Explainer.")
        return made

    @property
    def _plugin(self) -> str:
        return self.method.info.plugin

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except VitInspectError:
            raise
        except ImportError as error:
            reason = f"its plug-in {self._plugin} needs the package {error.name or error}, which is not installed"
            raise MethodNotApplicable(self.method.id, reason) from error
        except Exception as error:
            if is_out_of_memory(error):
                raise
            said = f"the plug-in {self._plugin} ended with {type(error).__name__}: {error}"
            raise MethodFailed(self.method.key, said) from error

    @property
    def signed(self) -> bool:
        with self._guarded():
            return bool(self.own.signed)

    def check(self, model: ViT) -> None:
        with self._guarded():
            self.own.check(model)

    def needs(self, model: ViT) -> Needs:
        with self._guarded():
            found = self.own.needs(model)
        if not isinstance(found, Needs):
            raise MethodFailed(
                self.method.key, f"needs() of the plug-in {self._plugin} returned {type(found).__name__}, not Needs."
            )
        return found

    def sweep(self, run: Run) -> Sweep | None:
        with self._guarded():
            return self.own.sweep(run)

    def before_backward(self, run: EarlyRun, logits: torch.Tensor) -> Any:
        with self._guarded(), as_it_came(run.model.module):
            return self.own.before_backward(run, logits)

    def maps(self, run: Run, sweep: Any = None, early: Any = None) -> MapBatch:
        """A ``MapBatch``, or only the values: a tensor or an array (B, rows, columns) or (B, H, W)."""
        import torch

        with self._guarded(), as_it_came(run.model.module):
            made = self.own.maps(run, sweep, early)
            batch = made if isinstance(made, MapBatch) else MapBatch(torch.as_tensor(made))
            values = batch.values.detach()
        if values.ndim != 3 or len(values) != run.batch:
            raise MethodFailed(
                self.method.key,
                f"the plug-in {self._plugin} returned values of shape {tuple(values.shape)} for {run.batch} pictures; "
                "expected are (pictures, rows, columns).",
            )
        return MapBatch(values, batch.details)
