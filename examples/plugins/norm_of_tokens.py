"""The smallest plug-in: one method in one file.

vitinspect --plugin examples/plugins/norm_of_tokens.py
vitinspect explain cat.jpg --plugin examples/plugins/norm_of_tokens.py --methods norm_of_tokens
"""

import vitinspect as vi
from vitinspect.explainers.base import Needs


class TokenNorm(vi.Explainer):
    """The length of each patch's token after a block: large where a model stores what it found."""

    def needs(self, model):
        return Needs(tokens=True)

    def maps(self, run, sweep=None, early=None):
        block = self.param("block") % run.model.depth
        tokens = run.trace.tokens[block + 1]  # [0] enters the first block, [l + 1] leaves block l
        return run.to_grid(tokens.norm(dim=-1))  # (pictures, rows, columns)


METHODS = (
    vi.MethodInfo(
        id="norm_of_tokens",
        title="Norm of tokens",
        summary="The Euclidean norm of each patch's token after one block.",
        citation="An example of a plug-in; no paper.",
        implementation=":TokenNorm",
        cost="one forward",
        parameters=(vi.Parameter("block", "int", -1, "which block; negative ones count from the end"),),
        class_specific=False,
        group="examples",
    ),
)
