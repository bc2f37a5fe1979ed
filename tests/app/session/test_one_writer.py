"""Each result has one service that writes it: read from the sources."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import vitinspect.app
from vitinspect.app.session.results import Results

COPIED = "**"
"""What one slot's results copy from the other's, under the same names."""
APP = Path(vitinspect.app.__file__).parent


def writers():
    found = defaultdict(set)
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "update"):
                continue
            owner = node.func.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if name in ("results", "_results"):
                for keyword in node.keywords:
                    found[keyword.arg or COPIED].add(path.relative_to(APP).as_posix())
    return found


def test_each_result_has_one_writer_and_it_is_a_service():
    found = writers()
    assert {"maps", "picture", "card", "curves", "overlaps", "painted", "attention", "progress"} <= set(found)
    assert {name: places for name, places in found.items() if len(places) > 1} == {}
    assert [place for places in found.values() for place in places if not place.startswith("services/")] == []
    assert found[COPIED] == {"services/second_slot.py"}


def test_every_result_that_is_written_exists(qapp):
    assert [name for name in writers() if name != COPIED and not hasattr(Results(), name)] == []
