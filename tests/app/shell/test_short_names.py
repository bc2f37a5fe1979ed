"""Recent folders and models of the same name are distinguished."""

from __future__ import annotations

import os

from vitinspect.app.services.models import short_source
from vitinspect.app.shell.short_names import distinct_names


def test_names_are_short_where_no_other_is_the_same():
    assert distinct_names(["/a/images", "/b/scans"], os.path.basename) == ["images", "scans"]


def test_equal_names_are_distinguished():
    assert distinct_names(["/a/images", "/b/images", "/c"], os.path.basename) == ["/a/images", "/b/images", "c"]
    lines = ["/w/bare.pth", "/w/bare.pth --arch vit_tiny_patch16_224", "demo"]
    assert distinct_names(lines, short_source) == lines


def test_the_menus_and_the_picker_distinguish_them(shown, backend, tmp_path, settle):
    folders = tuple(str(tmp_path / part / "images") for part in "ab")
    models = ("/w/bare.pth", "/w/bare.pth --arch vit_tiny_patch16_224")
    backend.state.set(recent_folders=folders, recent_models=models)
    from vitinspect.app.shell.menus.file import recent_folders, recent_models

    assert [text for text, _, _ in recent_folders(shown)] == list(folders)
    assert [text for text, _, _ in recent_models(shown)] == list(models)
    field = shown.context.model
    field.button.showPopup()
    assert [field.picker.recent.item(i).text() for i in range(field.picker.recent.count())] == ["demo", *models]
    field.picker.hide()
