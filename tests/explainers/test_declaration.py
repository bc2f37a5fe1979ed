"""The declarations of methods."""

from __future__ import annotations

from vitinspect.explainers.registry import methods


def test_no_two_methods_have_the_same_title_or_short_name() -> None:
    titles = [info.title for info in methods()]
    names = [info.short or info.title for info in methods()]
    assert len(set(titles)) == len(titles)
    assert len(set(names)) == len(names)


def test_the_two_grad_cams_say_what_they_weigh() -> None:
    assert methods()["gradcam"].title == "Grad-CAM (features)"
    assert methods()["attention_gradcam"].title == "Attention Grad-CAM"
