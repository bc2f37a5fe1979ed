"""One method: by how much the score falls when one patch is grey.

torch is imported when it runs, so that lists of methods stay fast.
"""

from __future__ import annotations

import vitinspect as vi


class GreyPatches(vi.Explainer):
    def maps(self, run, sweep=None, early=None):
        import torch

        rows, columns = run.grid
        height, width = (run.inputs.shape[2] // rows, run.inputs.shape[3] // columns)
        made = []
        for index in range(run.batch):
            one = run.inputs[index : index + 1]
            values = torch.empty(rows * columns)
            with torch.no_grad():
                whole = run.targets.one(index, 1).score(run.model.module(one))[0]
                for first in range(0, rows * columns, self.param("at_once")):
                    places = range(first, min(first + self.param("at_once"), rows * columns))
                    copies = one.repeat(len(places), 1, 1, 1)
                    for copy, place in zip(copies, places, strict=True):
                        row, column = divmod(place, columns)
                        copy[:, row * height : (row + 1) * height, column * width : (column + 1) * width] = 0
                    scores = run.targets.one(index, len(places)).score(run.model.module(copies))
                    values[first : first + len(places)] = whole - scores
                    run.report(index * rows * columns + places[-1] + 1, run.batch * rows * columns)
            made.append(values.reshape(rows, columns))
        return torch.stack(made)


METHODS = (
    vi.MethodInfo(
        id="grey_patches",
        title="Grey patches",
        summary="The fall of the target's score when one patch has the mean colour.",
        citation="An example of a plug-in, after Zeiler and Fergus 2014.",
        implementation=":GreyPatches",
        cost="many passes",
        parameters=(vi.Parameter("at_once", "int", 32, "copies in one pass", minimum=1, maximum=1024),),
        signed=True,
        group="examples",
    ),
)
