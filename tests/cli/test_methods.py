"""``vitinspect methods``."""

from __future__ import annotations

import pytest

from vitinspect.cli import main
from vitinspect.explainers.registry import methods


def test_the_list_has_every_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first_words = [line.split()[0] for line in lines if line]
    for info in methods():
        assert info.id in first_words


@pytest.mark.parametrize("name", methods().ids)
def test_the_details_have_parameters_defaults_and_paper(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", name]) == 0
    out = capsys.readouterr().out
    squeezed = " ".join(out.split())
    assert " ".join(methods()[name].citation.split()) in squeezed
    for parameter in methods()[name].parameters:
        assert f"  {parameter.name} = " in out


def test_an_unknown_method_is_an_error_with_the_nearest_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "rollout", "rolout"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Did you mean rollout?" in captured.err
