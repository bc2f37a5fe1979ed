"""The planted mistakes of ``make mutants`` still match the code, and there are enough of them."""

from __future__ import annotations

import ast
from collections import Counter

import pytest

from scripts.mutants.__main__ import ALLOWED_TO_SURVIVE
from scripts.mutants.mutant import ROOT, Mutant, mutants

MUTANTS = mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: f"{m.file}: {m.mistake}")
def test_each_mistake_can_be_planted(mutant: Mutant) -> None:
    source = (ROOT / mutant.file).read_text("utf-8")
    assert source.count(mutant.old) == 1, "the replaced text must occur once in the file; update it"
    planted = mutant.planted(source)
    assert ast.dump(ast.parse(planted)) != ast.dump(ast.parse(source))
    assert mutant.tests
    for test in mutant.tests:
        assert (ROOT / test.partition("::")[0]).is_file(), test


def test_there_are_enough_mistakes_and_few_are_accepted_as_equivalent() -> None:
    places = Counter(mutant.file.split("/")[1] for mutant in MUTANTS)
    assert len(MUTANTS) >= 60
    assert {"scores", "evaluation", "models"} <= set(places)
    assert sum(bool(mutant.survives) for mutant in MUTANTS) <= ALLOWED_TO_SURVIVE * len(MUTANTS)
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)
