"""Every method works on every family of timm's Vision Transformers, or says why it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

import vitinspect as vi
from tests.support_matrix import families

DOCS = Path(__file__).parents[1] / "docs" / "support.md"


@pytest.mark.timeout(900)
def test_every_method_works_or_says_why_on_every_family_of_timm():
    found, unbuilt = families()
    assert sum(len(family.names) for family in found) >= 230
    assert not unbuilt
    broken = {
        f"{family.names[0]}: {method}": said
        for family in found
        for method, said in family.outcome.items()
        if said.startswith("FAILED")
    }
    assert broken == {}
    plain = next(family for family in found if "deit_base_patch16_224" in family.names)
    assert set(plain.outcome.values()) == {"works"}


def test_the_table_in_the_docs_has_every_method():
    text = DOCS.read_text(encoding="utf-8")
    assert [name for name in vi.methods().ids if f"`{name}`" not in text] == []
