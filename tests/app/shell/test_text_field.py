"""Texts in the window, end to end on a small random CLIP: predictions, maps, contrasts, saved embeddings."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog

import vitinspect as vi
from tests.models.test_image_text import clip

IDS = {"a cat": [5, 7, 49, 0], "a dog": [1, 2, 49, 0], "grass": [3, 49, 0, 0]}


@pytest.fixture
def texted(shown, backend, settle, tmp_path):
    """The window on an image-text model, and a file of token ids."""
    clip().save_pretrained(tmp_path / "clip")
    (tmp_path / "ids.json").write_text(json.dumps({f"photo of {name}": ids for name, ids in IDS.items()}))
    backend.models.loader = None
    backend.state.set(model=str(tmp_path / "clip"), layers=())
    settle()
    return shown


def use(window, tmp_path, *names):
    field = window.context.texts
    field.button.showPopup()
    field.texts.setPlainText("\n".join(names))
    field.templates.setPlainText("photo of {}")
    field.token_ids.setText(str(tmp_path / "ids.json"))
    field.use.click()
    return field


def test_the_field_is_shown_for_image_text_models_only(texted, backend, settle):
    assert not texted.context.texts.isHidden()
    assert texted.context._texts_part.isVisible()
    assert "No texts yet" in texted.context.notice.text()
    backend.state.set(model="demo")
    settle()
    assert not texted.context._texts_part.isVisible()


def test_texts_are_predicted_explained_and_contrasted(texted, backend, settle, tmp_path):
    use(texted, tmp_path, "a cat", "a dog", "a cat", "grass")
    settle()
    card = backend.results.card
    assert card.labels == ("a cat", "a dog", "grass")
    assert {p.label for p in backend.results.predictions} == set(IDS)
    assert np.isclose(backend.results.probabilities.sum(), 1)
    assert texted.context.texts.button.currentText() == "3 texts"
    backend.state.add_map("legrad")
    backend.state.set(target=(0, 2))
    settle()
    (shown,) = backend.results.maps.values()
    assert shown.target_text == "a cat − grass"
    model = vi.load_model(tmp_path / "clip", device="cpu")
    rows = [model.text_embedding([IDS[name]])[0] for name in ("a cat", "grass")]
    first, second = (row / row.norm() for row in rows)
    wanted = vi.explain(model, backend.state.image, ["legrad"], vi.TextEmbedding(first - second))["legrad"]
    assert np.allclose(shown.values, wanted.values, atol=1e-5 * np.abs(wanted.values).max())


def test_embeddings_are_saved_and_used_without_token_ids(texted, backend, settle, tmp_path, monkeypatch):
    field = use(texted, tmp_path, "a cat", "grass")
    settle()
    before = backend.results.probabilities
    target = tmp_path / "texts"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a: (str(target), ""))
    field.button.showPopup()
    field.save.click()
    settle()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (f"{target}.npz", ""))
    field.load.click()
    settle()
    assert "--text-embeddings" in backend.state.model
    assert backend.results.card.labels == ("a cat", "grass")
    assert np.allclose(backend.results.probabilities, before)


def test_errors_are_reported_and_the_earlier_texts_stay(texted, backend, settle, tmp_path):
    use(texted, tmp_path, "a cat", "grass")
    settle()
    line = backend.state.model
    field = texted.context.texts
    field.button.showPopup()
    field.templates.setPlainText("no place")
    field.use.click()
    assert "contains {} once" in field.note.text()
    assert field.popup.isVisible()
    field.popup.hide()
    use(texted, tmp_path, "a fish")
    settle()
    assert "No token ids are given for 'photo of a fish'" in texted.message.newest
    assert backend.state.model == line
    assert backend.results.card.labels == ("a cat", "grass")
