"""Names of files, folders, models and classes are text wherever the window shows them, never markup."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, Qt
from PySide6.QtWidgets import QAbstractItemView, QApplication, QComboBox, QLabel, QWidget

from tests.faults.hostile import write_picture
from vitinspect.app.compute.worker import Problem

MARKUP = "<img src=x onerror=alert(1)>"
LABELS = [f"{MARKUP} {i}" for i in range(6)]
IN_NAMES = MARKUP.replace("/", "_")


@pytest.fixture
def loader(tiny: Any) -> Any:
    """A model whose name and classes are markup."""
    import vitinspect as vi

    model = vi.wrap_model(tiny.module, labels=LABELS, name=f"{MARKUP} model")
    return lambda source, device="cpu": model


@pytest.fixture
def hostile(window: Any, backend: Any, tmp_path: Path, qtbot: Any) -> Any:
    folder = tmp_path / f"folder {IN_NAMES}"
    folder.mkdir()
    for i in range(3):
        write_picture(folder / f"{IN_NAMES} {i}.png", i, size=(64, 64))
    (folder / f"{IN_NAMES} damaged.png").write_bytes(b"damaged")
    backend.state.set(
        folder=str(folder), recent_folders=(str(folder),), methods=("rollout", "raw_attention"), plots=True
    )
    backend.coordinator.start()
    qtbot.waitUntil(lambda: len(backend.results.maps) == 2 and not backend.results.pending, timeout=30_000)
    window.message.show_problem(Problem(f"{MARKUP} cannot be read.", MARKUP, False))
    backend.state.set(target=(1, 2))
    qtbot.waitUntil(lambda: len(backend.results.maps) == 2 and not backend.results.pending, timeout=30_000)
    return window


def as_markup(text: str) -> bool:
    """Whether the tag is in a text as markup: Qt decides by the look of a text whether it is markup."""
    return "<img" in text


def cells(view: QAbstractItemView) -> Iterator[QModelIndex]:
    model: QAbstractItemModel | None = view.model()
    for row in range(model.rowCount(QModelIndex()) if model else 0):
        assert model is not None
        for column in range(1 if isinstance(model, QAbstractListModel) else model.columnCount(QModelIndex())):
            yield model.index(row, column)


def everything(window: QWidget) -> list[QWidget]:
    return [widget for top in {window, *QApplication.topLevelWidgets()} for widget in (top, *top.findChildren(QWidget))]


def test_no_label_takes_a_name_for_markup(hostile: QWidget) -> None:
    seen, wrong = 0, []
    for label in everything(hostile):
        if isinstance(label, QLabel):
            seen += MARKUP in label.text() or "&lt;img" in label.text()
            rich = label.textFormat() == Qt.TextFormat.RichText
            automatic = label.textFormat() == Qt.TextFormat.AutoText
            if (rich or automatic) and as_markup(label.text()):
                wrong.append(f"{label.parent()}: {label.text()}")
    assert wrong == []
    assert seen


def test_no_tool_tip_takes_a_name_for_markup(hostile: QWidget) -> None:
    wrong = []
    for widget in everything(hostile):
        texts = [widget.toolTip(), widget.statusTip(), widget.whatsThis(), *(a.toolTip() for a in widget.actions())]
        wrong += [f"{widget}: {text}" for text in texts if as_markup(text)]
    assert wrong == []


def test_no_tool_tip_of_a_list_takes_a_name_for_markup(hostile: QWidget) -> None:
    views = [w for w in everything(hostile) if isinstance(w, QAbstractItemView)]
    views += [w.view() for w in everything(hostile) if isinstance(w, QComboBox)]
    seen, wrong = 0, []
    for view in views:
        for index in cells(view):
            text = index.data(Qt.ItemDataRole.ToolTipRole)
            seen += "img" in str(index.data(Qt.ItemDataRole.DisplayRole))
            if text is not None and as_markup(str(text)):
                wrong.append(f"{view}: {text}")
    assert wrong == []
    assert seen


def test_tool_tips_that_are_shown_by_hand_go_through_the_module_that_escapes_them() -> None:
    folder = Path(__file__).resolve().parents[2] / "vitinspect" / "app"
    lines = [line.strip() for p in folder.rglob("*.py") for line in p.read_text("utf-8").splitlines()]
    direct = [line for line in lines if "QToolTip.showText(" in line and "plain(" not in line]
    assert direct == []
