"""Mistakes in evaluations: reading, running, storing, tables."""

from __future__ import annotations

from scripts.mutants.mutant import Mutant


def _in(name: str, mistake: str, old: str, new: str, *tests: str) -> Mutant:
    return Mutant(
        mistake, f"vitinspect/evaluation/{name}.py", old, new, tuple(f"tests/evaluation/{t}.py" for t in tests)
    )


MUTANTS = (
    _in(
        "reading",
        "padding counts as background",
        "return np.where(shown, placement.mask_to_input(mask), 255)",
        "return placement.mask_to_input(mask)",
        "test_reading",
    ),
    _in(
        "work",
        "ignored pixels are scored",
        "overlap(cut.mask, mask, values, ignore=255)",
        "overlap(cut.mask, mask, values)",
        "test_reading",
    ),
    _in(
        "work",
        "every set of methods is its first method alone",
        "    if len(maps) == 1:\n            return maps[0]",
        "    if len(maps) >= 1:\n            return maps[0]",
        "test_runner",
    ),
    _in(
        "work",
        "the fusion's normalisation is forgotten",
        "return fuse(maps, row.fuse, normalisation=self.plan.normalisation)",
        "return fuse(maps, row.fuse)",
        "test_runner",
    ),
    _in(
        "work",
        "pictures that are unsure are kept",
        "if confidence < self.plan.min_confidence:",
        "if confidence < 0:",
        "test_runner",
    ),
    _in(
        "work",
        "the predicted class is explained whichever target was chosen",
        'if wanted == "predicted":',
        "if wanted:",
        "test_runner",
    ),
    _in(
        "runner",
        "the first picture of each rank is left out",
        "mine = todo[ranks.rank :: ranks.world]",
        "mine = todo[ranks.rank + 1 :: ranks.world]",
        "test_runner",
    ),
    _in("runner", "a finished picture is scored again", "if item.key not in finished]", "if item.key]", "test_runner"),
    _in(
        "store",
        "an altered number is not found",
        "if _digest(self._complete(image)) != digest]",
        "if _digest(self._complete(image)) is None]",
        "test_store",
    ),
    _in(
        "store",
        "a second result of a picture is added to the first",
        "            for result in results:\n                self._remove(result.image)\n",
        "            for result in results:\n",
        "test_store",
        "test_runner",
    ),
    _in(
        "sources",
        "what is gone is not noticed",
        "return self.changed + self.gone",
        "return self.changed",
        "test_sources",
    ),
    _in(
        "plan",
        "another limit is another run",
        '            if name != "limit"\n',
        "            if name\n",
        "test_runner",
    ),
    _in(
        "mask_codings",
        "the level itself is foreground",
        "return (labels > self.values[0]).astype(np.uint8)",
        "return (labels >= self.values[0]).astype(np.uint8)",
        "test_mask_codings",
    ),
    _in(
        "mask_codings",
        "what is left out is background",
        "found[labels == self.ignore] = IGNORED",
        "found[labels == self.ignore] = 0",
        "test_mask_codings",
        "test_datasets",
    ),
    _in(
        "tables",
        "lower is never better",
        "return max(values) if column.higher_is_better else min(values)",
        "return max(values)",
        "test_tables",
    ),
    _in(
        "tables",
        "methods are compared on different pictures",
        "shared = [image for image in reference if image in other]",
        "shared = list(other)",
        "test_tables",
    ),
    _in(
        "tables",
        "a pooled mean forgets who drew the mask",
        "                for who in self.annotators\n                for image, value",
        "                for who in self.annotators[:1]\n                for image, value",
        "test_stacked",
        "test_runner",
    ),
    _in(
        "lookup",
        "a name that occurs twice belongs to the last picture",
        "by_name[name] = None if name in by_name else mean",
        "by_name[name] = mean",
        "test_lookup",
    ),
    _in(
        "lookup",
        "a picture with several items gets the last score",
        "mean = sum(values) / len(values)",
        "mean = values[-1]",
        "test_lookup",
    ),
)
