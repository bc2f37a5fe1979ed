"""Two plug-in methods: one reads attention and its gradient, one runs the model again and reports its progress.

vitinspect explain cat.jpg --plugin examples/plugins/attention_and_squares.py \\
    --methods "class_attention,hidden_squares(side=7)"
"""

import vitinspect as vi
from vitinspect.explainers.base import Needs


class ClassAttention(vi.Explainer):
    """What the class token attends to, weighted by the gradient of the score."""

    def needs(self, model):
        return Needs(attention=True, attention_gradient=self.param("gradient"))

    def check(self, model):
        if not model.prefix_tokens:
            raise self.refuse("it has no class token")

    def maps(self, run, sweep=None, early=None):
        total = 0
        for block in range(max(0, run.model.depth - self.param("blocks")), run.model.depth):
            attention = run.trace.attention(block)  # (pictures, heads, tokens, tokens)
            if self.param("gradient"):
                attention = (attention * run.trace.attention_gradient(block)).clamp(min=0)
            total = total + attention.mean(1)[:, 0]
        return run.to_grid(total)


class HiddenSquares(vi.Explainer):
    """How much the score falls when a square of patches is grey."""

    def maps(self, run, sweep=None, early=None):
        import torch

        rows, columns = run.grid
        height, width = run.inputs.shape[-2] // rows, run.inputs.shape[-1] // columns
        whole = run.targets.score(run.trace.logits)
        fall = run.inputs.new_zeros(run.batch, rows, columns)
        side = self.param("side")
        steps = [(y, x) for y in range(0, rows, side) for x in range(0, columns, side)]
        for done, (y, x) in enumerate(steps):
            hidden = run.inputs.clone()
            hidden[..., y * height : (y + side) * height, x * width : (x + side) * width] = 0
            with torch.no_grad():
                score = run.targets.score(run.model.logits(hidden))
            fall[:, y : y + side, x : x + side] = (whole - score)[:, None, None]
            run.report(done + 1, len(steps))
        return fall


METHODS = (
    vi.MethodInfo(
        id="class_attention",
        title="Attention of the class token",
        summary="What the class token attends to in the last blocks.",
        citation="An example of a plug-in.",
        implementation=":ClassAttention",
        cost="one forward and backward",
        parameters=(
            vi.Parameter("blocks", "int", 1, "how many of the last blocks", minimum=1),
            vi.Parameter("gradient", "bool", True, "weigh by the gradient of the score"),
        ),
    ),
    vi.MethodInfo(
        id="hidden_squares",
        title="Hidden squares",
        summary="How much the score falls when a square of patches is grey.",
        citation="An example of a plug-in.",
        implementation=":HiddenSquares",
        cost="many passes",
        parameters=(vi.Parameter("side", "int", 2, "patches on a side", minimum=1),),
        signed=True,
    ),
)
