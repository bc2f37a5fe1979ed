"""Methods of captum, pytorch-grad-cam and lxt as methods of vitinspect, each where its library is installed.

    pip install captum grad-cam lxt
    vitinspect explain cat.jpg --plugin examples/plugins/other_libraries.py --methods captum_ig,lxt_attnlrp

A method whose library is missing is refused with the name of the package; the others work.
"""

import contextlib
import sys
import types
import unittest.mock

import vitinspect as vi


class CaptumIntegratedGradients(vi.Explainer):
    """captum.attr.IntegratedGradients on the pixels, from a grey picture."""

    def check(self, model):
        import captum.attr  # noqa: F401 - a missing package is named

    def maps(self, run, sweep=None, early=None):
        import torch
        from captum.attr import IntegratedGradients

        def score(inputs):
            # captum asks for several copies of the batch at once; each copy has the batch's targets.
            logits = run.model.module(inputs)
            parts = logits.split(run.batch)
            return torch.cat([run.targets.score(part) for part in parts])

        method = IntegratedGradients(score)
        values = method.attribute(run.inputs, baselines=0, n_steps=self.param("steps"), internal_batch_size=run.batch)
        return values.sum(1)


class LayerCAM(vi.Explainer):
    """pytorch_grad_cam.LayerCAM on the tokens that enter the last block's attention."""

    def check(self, model):
        import pytorch_grad_cam  # noqa: F401

    def maps(self, run, sweep=None, early=None):
        from pytorch_grad_cam import LayerCAM as Theirs

        rows, columns = run.grid

        def patches(tokens):
            return tokens[:, run.prefix :].reshape(len(tokens), rows, columns, -1).permute(0, 3, 1, 2)

        class Target:
            def __init__(self, index):
                self.index = index

            def __call__(self, logits):
                return run.targets.one(self.index, 1).score(logits[None])[0]

        module = run.model.module
        with Theirs(model=module, target_layers=[module.blocks[-1].norm1], reshape_transform=patches) as cam:
            heat = cam(
                input_tensor=run.inputs.clone().requires_grad_(True), targets=[Target(i) for i in range(run.batch)]
            )
        return heat  # (pictures, height, width), which the library resized to the input's size


class LxtAttnLRP(vi.Explainer):
    """AttnLRP by lxt's own patches, applied to the model's classes for one call and removed afterwards."""

    def check(self, model):
        import lxt  # noqa: F401

        if type(model.module).__name__ != "VisionTransformer":
            raise self.refuse("lxt's patches are made for plain Vision Transformers")

    def maps(self, run, sweep=None, early=None):
        import torch
        import torch.nn.functional as F

        # lxt imports every model of transformers that it knows, of which some are gone from newer versions.
        stand_in = types.ModuleType("lxt.efficient.models")
        stand_in.get_default_map = None
        sys.modules.setdefault("lxt.efficient.models", stand_in)
        from lxt.efficient import patches

        module, attention = run.model.module, F.scaled_dot_product_attention
        patched = patches.wrap_attention_forward(lambda _, *args, **kwargs: attention(*args, **kwargs))
        norm, activation = type(module.norm), type(module.blocks[0].mlp.act)
        exchanged = [
            (norm, "forward", patches.layer_norm_forward),
            (activation, "original_forward", activation.forward),
            (activation, "forward", patches.non_linear_forward),
            (F, "scaled_dot_product_attention", lambda *args, **kwargs: patched(None, *args, **kwargs)),
        ]
        with contextlib.ExitStack() as stack:
            for owner, name, new in exchanged:
                stack.enter_context(unittest.mock.patch.object(owner, name, new, create=True))
            inputs = run.inputs.clone().requires_grad_(True)
            score = run.targets.score(module(inputs)).sum()
            (gradient,) = torch.autograd.grad(score, inputs)
        return (inputs.detach() * gradient).sum(1)


METHODS = (
    vi.MethodInfo(
        id="captum_ig",
        title="Integrated gradients (captum)",
        summary="captum's integrated gradients from a grey picture, summed over the colours.",
        citation="Kokhlikyan et al. 2020, Captum: A unified and generic model interpretability library for PyTorch.",
        implementation=":CaptumIntegratedGradients",
        cost="many passes",
        parameters=(vi.Parameter("steps", "int", 50, "steps of the path", minimum=1, maximum=1000),),
        signed=True,
        group="other libraries",
    ),
    vi.MethodInfo(
        id="gradcam_layercam",
        title="LayerCAM (pytorch-grad-cam)",
        summary="pytorch-grad-cam's LayerCAM on the last block; the library scales each map to 0..1.",
        citation="Jiang et al. 2021, LayerCAM: Exploring Hierarchical Class Activation Maps for Localization.",
        implementation=":LayerCAM",
        cost="one forward and backward",
        group="other libraries",
    ),
    vi.MethodInfo(
        id="lxt_attnlrp",
        title="AttnLRP (lxt)",
        summary="AttnLRP by lxt's patches, on the pixels of the input.",
        citation="Achtibat et al. 2024, AttnLRP: Attention-Aware Layer-Wise Relevance Propagation for Transformers.",
        implementation=":LxtAttnLRP",
        cost="one forward and backward",
        signed=True,
        group="other libraries",
    ),
)
