"""The command for screenshots lists its states, and refuses unknown ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import screenshots


def test_the_states_and_sizes_that_are_named_are_taken():
    asked = screenshots._arguments(["out", "--only=grid,swipe", "--sizes=800x600", "--themes=dark"])
    assert (asked.folder, asked.only) == (Path("out"), ("grid", "swipe"))
    assert (asked.sizes, asked.themes) == (((800, 600),), ("dark",))


@pytest.mark.parametrize("given", ["--hepl", "--only=gird", "--sizes=800", "--themes=blue"])
def test_what_it_does_not_know_is_refused(given, capsys):
    with pytest.raises(SystemExit) as left:
        screenshots._arguments([given])
    assert left.value.code == 2
    assert given.partition("=")[2] in capsys.readouterr().err


def test_help_names_the_states(capsys):
    with pytest.raises(SystemExit) as left:
        screenshots._arguments(["--help"])
    assert left.value.code == 0
    assert "model-picker" in " ".join(capsys.readouterr().out.split()).replace("- ", "-")
