"""A composed figure that was exported is dropped on a new window, and opens in the workspace with its layout."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent

from tests.app.figure.waiting import until
from vitinspect.app.backend import Backend
from vitinspect.app.shell.window import MainWindow


@pytest.fixture
def exported(opened: Any, backend: Any, composed: Any, tmp_path: Path) -> Path:
    """Two pictures by the picture and two methods, with a label, an inset, an outline and a width of its own."""
    figures = backend.figures
    backend.state.edit_layer(backend.state.layers[-1].id, visible=False)
    figures.make_of("pictures", "layers", backend.listing.paths[1:3])
    figures.change_page("Page", {"width": "88mm", "panel_letters": True, "spacing": "1mm", "ranges": "row"})
    figures.label("column", 1, "Rollout of all")
    figures.change_cells("Inset", "cell", {"inset": [0.25, 0.25, 0.5, 0.25]}, "b2")
    figures.change_cells("Outline", "column", {"threshold": "otsu", "colours": "viridis"}, "a3")
    composed()
    path = tmp_path / "figure.pdf"
    figures.export(str(path))
    until(lambda: figures.working is None)
    return path


@pytest.fixture
def other(qapp: Any, loader: Any) -> Iterator[MainWindow]:
    """A window that knows nothing about the first one."""
    backend = Backend(loader=loader)
    made = MainWindow(backend)
    made.show()
    backend.coordinator.start()
    yield made
    made.close()
    assert backend.close(10)
    made.deleteLater()
    backend.deleteLater()


def test_the_layout_is_restored_in_a_new_window(exported: Path, backend: Any, other: MainWindow) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(exported))])
    none = Qt.KeyboardModifier.NoModifier
    other.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none))
    figures, first = other.backend.figures, backend.figures
    until(lambda: other.backend.state.workspace == "figure" and not figures.is_empty)
    until(lambda: figures.page is not None and figures.page.spec == figures.spec and not figures.page.waiting)
    assert figures.spec.to_dict() == first.spec.to_dict()
    assert len(figures.page.cells) == 6
    assert not other.message.messages
    for where, cell in first.page.cells.items():
        again = figures.page.cells[where]
        assert again.problem == ""
        if cell.values is not None:
            assert np.allclose(again.values, cell.values, rtol=1e-4, atol=1e-7), where
