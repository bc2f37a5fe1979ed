"""The list of what can be dragged into a cell: its groups, its headings, its icons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage

from vitinspect.app.figure import sources
from vitinspect.app.figure.entries import Shown
from vitinspect.app.figure.source_list import SOURCE, SourceList
from vitinspect.app.session.layers import add, map_layer


class Thumbnails:
    """Each picture has one, as high as its name says."""

    def get(self, path: str) -> QImage:
        image = QImage(11, 22, QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.red)
        return image


@pytest.fixture
def groups() -> Any:
    layers = add((), map_layer((), "rollout"))
    return sources.groups(Shown(layers, "", "/a/one.png", "demo"), ["/a/one.png"], ["/a/two.png", "/a/three.png"])


@pytest.fixture
def made(qtbot: Any, groups: Any) -> SourceList:
    made = SourceList()
    qtbot.addWidget(made)
    made.show_sources(groups, Thumbnails())  # type: ignore[arg-type]
    return made


def seen(made: SourceList) -> list[str]:
    items = [made.item(row) for row in range(made.count())]
    return [item.text() for item in items if not item.isHidden()]


def test_pictures_of_the_figure_are_listed_after_the_layers(groups: Any) -> None:
    assert [(one.title, len(one.sources)) for one in groups][0::3] == [("Layers", 1), ("Pictures of the folder", 2)]
    assert groups[1].title == "Pictures of the figure"
    assert [one.title for one in groups[1].sources] == ["one"]


def test_a_group_without_lines_has_no_heading() -> None:
    found = sources.groups(Shown((), "", "", "demo"), [], [])
    assert [one.title for one in found] == ["Plots and others"]


def test_headings_can_be_neither_chosen_nor_dragged(made: SourceList) -> None:
    headings = [made.item(row) for row in range(made.count()) if made.item(row).data(SOURCE) is None]
    assert len(headings) == 4
    assert all(item.flags() == Qt.ItemFlag.NoItemFlags for item in headings)


def test_a_search_keeps_the_headings_of_what_it_finds(made: SourceList) -> None:
    made.filter_by("THREE")
    assert seen(made) == ["Pictures of the folder", "three"]
    made.filter_by("")
    assert len(seen(made)) == made.count()


def test_every_icon_has_one_size_and_is_centred(made: SourceList) -> None:
    for row in range(made.count()):
        item = made.item(row)
        if item.data(SOURCE) is None:
            continue
        icon = item.icon().pixmap(QSize(22, 22))
        assert icon.deviceIndependentSize().toSize() == QSize(22, 22), item.text()
        assert item.sizeHint().height() == 28
        if item.text() == "two":
            image = item.icon().pixmap(QSize(22, 22), 2.0).toImage()
            assert image.pixelColor(22, 22).red() > 200
            assert image.pixelColor(2, 22).alpha() == 0
            assert image.pixelColor(41, 22).alpha() == 0


def test_lines_that_are_neither_layers_nor_pictures_have_icons_of_their_own(groups: Any, icons_there: set[str]) -> None:
    found = {one.title: one.icon for one in groups[2].sources}
    assert set(found.values()) <= icons_there
    curves = found.pop("Deletion curves")
    assert curves == found.pop("Insertion curves")
    assert len({*found.values(), curves}) == len(found) + 1


@pytest.fixture
def icons_there() -> set[str]:
    return {path.stem for path in (Path(__file__).parents[3] / "resources" / "icons").glob("*.svg")}
