"""The model field and its picker: what the command line can load, the window can."""

from __future__ import annotations

import timm
import torch
from PySide6.QtCore import QRect, Qt
from PySide6.QtWidgets import QFileDialog

from vitinspect.app.backend import Backend
from vitinspect.app.session.results import READY
from vitinspect.app.shell.window import MainWindow
from vitinspect.app.widgets.rows import PropertyRow
from vitinspect.errors import HeadChoiceNeeded
from vitinspect.resources import demo_model_folder


def open_picker(shown):
    field = shown.context.model
    field.button.showPopup()
    return field.picker


def test_the_field_says_what_the_model_is(shown):
    assert "2 blocks, 2 heads, 8 × 8 patches, 64 × 64 px" in shown.context.model.about
    assert shown.context.model.button.currentText().startswith("demo")


def test_a_checkpoint_is_loaded_with_its_architecture_and_a_head(shown, backend, settle, qtbot):
    picker = open_picker(shown)
    picker.source.setText("/my models/bare.pth")
    picker.arch.setText("vit_tiny_patch16_224(depth=6)")
    picker.head.setText("/heads/linear.pth")
    picker.head_name.setText("class+mean")
    qtbot.keyClick(picker.head_name, Qt.Key.Key_Return)
    assert backend.state.model == (
        "/my models/bare.pth --arch 'vit_tiny_patch16_224(depth=6)' --head /heads/linear.pth --head-name class+mean"
    )
    assert picker.isHidden()
    settle()
    assert "bare.pth + linear.pth" in shown.context.model.button.currentText()


def test_a_name_of_timm_is_typed_and_its_weights_may_stay_untrained(shown, backend, settle):
    picker = open_picker(shown)
    picker.source.setText("vit_tiny_patch16_224")
    picker.random.setChecked(True)
    picker.load.click()
    assert backend.state.model == "random:vit_tiny_patch16_224"
    settle()
    assert "untrained" in shown.context.model.button.currentText()


def test_recent_models_are_one_click_away_and_show_their_options(shown, backend, settle):
    backend.state.set(model="a.pth --arch vit_tiny_patch16_224")
    settle()
    picker = open_picker(shown)
    assert picker.arch.text() == "vit_tiny_patch16_224"
    names = [picker.recent.item(i).text() for i in range(picker.recent.count())]
    assert names[:2] == ["a.pth", "demo"]
    picker.recent.itemClicked.emit(picker.recent.item(1))
    assert backend.state.model == "demo"
    settle()


def test_invalid_options_are_reported_in_the_picker(shown, backend):
    picker = open_picker(shown)
    picker.source.setText("a.pth --colour red --arch")
    picker.image_size.setText("wide")
    picker.load.click()
    assert picker.isVisible()
    assert picker.wrong.text()
    assert backend.state.model == "demo"
    picker.hide()


def test_the_head_is_chosen_from_a_dialog(shown, monkeypatch):
    picker = open_picker(shown)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: ("/heads/linear.pth", ""))
    picker._choose_head()
    assert picker.head.text() == "/heads/linear.pth"
    picker.hide()


def test_a_file_of_many_heads_is_asked_about_and_the_answer_loads_it(shown, backend, settle, qtbot):
    good, names = backend.models.loader, ("classifier_1_blocks", "classifier_4_blocks")

    def loader(source, *, device):
        if "--head-name" in source or "--head" not in source:
            return good(source, device=device)
        raise HeadChoiceNeeded("many.pth holds 2 heads; name one with --head-name.", names)

    backend.models.loader = loader
    before = backend.state.model
    backend.state.set(model="b.pth --head many.pth")
    picker = shown.context.model.picker
    qtbot.waitUntil(picker.isVisible, timeout=20_000)
    assert backend.state.model == before, "the model that works is still there"
    assert picker.head.text() == "many.pth"
    assert [picker.heads.itemData(i) for i in range(1, picker.heads.count())] == list(names)
    picker.heads.setCurrentIndex(2)
    picker.heads.activated.emit(2)
    assert picker.head_name.text() == names[1]
    picker.load.click()
    assert backend.state.model == f"b.pth --head many.pth --head-name {names[1]}"
    settle()
    assert backend.results.head_choices == ()
    assert picker.isHidden()


def test_doubts_about_a_model_are_shown_while_it_is_loaded(shown, backend, settle):
    good = backend.models.loader

    def loader(source, *, device):
        model = good(source, device=device)
        model.notes = ["Head: x.pth. Nothing in it proves that it belongs."] if "--head" in source else []
        model.warnings = [note.removeprefix("Head: ") for note in model.notes]
        return model

    backend.models.loader = loader
    backend.state.set(model="b.pth --head x.pth")
    settle()
    assert "Nothing in it proves" in shown.message.newest
    picker = open_picker(shown)
    assert "Nothing in it proves" in picker.about.text()
    picker.hide()
    backend.state.set(model="demo")
    settle()
    assert shown.message.newest == ""


def test_what_the_command_line_can_load_the_picker_loads(qapp, home, pictures, tmp_path, qtbot):
    """With the real loader: a folder, untrained weights, a bare checkpoint, and a model that cannot be downloaded."""
    bare = tmp_path / "bare.pth"
    torch.save(timm.create_model("vit_tiny_patch16_224", depth=2).state_dict(), bare)
    backend = Backend()
    window = MainWindow(backend)
    window.show()

    def load(source: str, arch: str = "", *, random: bool = False) -> None:
        picker = open_picker(window)
        picker.source.setText(source)
        picker.arch.setText(arch)
        picker.random.setChecked(random)
        picker.load.click()
        rest()

    def rest() -> None:
        results = backend.results
        qtbot.waitUntil(
            lambda: (
                results.card is not None
                and (results.card.source == backend.state.model or bool(results.model_error))
                and results.model_state == READY
                and bool(results.maps)
                and not results.pending
                and not backend.worker.busy
            ),
            timeout=60_000,
        )

    try:
        backend.state.set(folder=str(pictures))
        backend.coordinator.start()
        rest()
        folder = str(demo_model_folder())
        load(folder)
        assert (backend.results.card.source, backend.results.card.depth) == (folder, 6)
        load("vit_tiny_patch16_224", random=True)
        assert (backend.results.card.source, backend.results.card.depth) == ("random:vit_tiny_patch16_224", 12)
        load(str(bare), "vit_tiny_patch16_224(depth=2)")
        assert backend.results.card.depth == 2
        used = backend.state.model
        load("hf-hub:nobody/nothing")
        assert "not in the cache" in backend.results.model_error
        assert "hf-hub:nobody/nothing" in window.message.newest
        assert backend.state.model == used, "the one that works is still in use"
        picker = open_picker(window)
        recent = [picker.recent.item(i).data(Qt.ItemDataRole.UserRole) for i in range(picker.recent.count())]
        assert recent[:1] == [used]
        assert {folder, "random:vit_tiny_patch16_224", "demo"} < set(recent)
        assert "hf-hub:nobody/nothing" not in recent
        picker.hide()
    finally:
        window.close()
        assert backend.close(10)
        window.deleteLater()
        backend.deleteLater()


def first_ink(widget, top, height):
    """The first column in which something stands out of the ground."""
    image = widget.grab(QRect(0, top, widget.width(), height)).toImage()
    ground = image.pixelColor(2, height // 2)
    for x in range(4, image.width()):
        for y in range(2, height - 2):
            colour = image.pixelColor(x, y)
            if abs(colour.lightness() - ground.lightness()) > 60:
                return x
    return None


def test_recent_models_stand_in_line_with_their_heading_and_the_labels(shown, backend):
    backend.state.set(recent_models=("Dd", "De"))
    picker = shown.context.model.picker
    shown.context.model.open()
    top = picker.recent.y()
    rows = [first_ink(picker, top + at * 28, 28) for at in range(picker.recent.count())]
    label = next(row for row in picker.findChildren(PropertyRow) if row.label.text() == "Source")
    expected = first_ink(picker, label.y(), label.height())
    picker.hide()
    assert all(abs(x - expected) <= 1 for x in rows), (rows, expected)
