"""``vitinspect models``: the catalogue, and all timm names."""

from __future__ import annotations

from vitinspect.cli import main


def test_the_catalogue_is_a_table_of_models_of_the_field(capsys):
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    for word in ("SOURCE", "HEAD", "LICENCE", "NORMALISATION", "INPUT", "demo", "cc-by-nc-4.0", "518 px", "CLIP"):
        assert word in said
    assert "vitinspect models WORD" in said


def test_words_search_the_catalogue_and_the_names_of_timm(capsys):
    assert main(["models", "dinov2", "reg4"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("vit_base_patch14_reg4_dinov2.lvd142m") and "DINOv2-B/14" in line for line in lines)
    assert "vit_giant_patch14_reg4_dinov2.lvd142m" in lines
    assert main(["models", "--all"]) == 0
    assert "eva02_tiny_patch14_224.mim_in22k" in capsys.readouterr().out.splitlines()
