"""The tabs below the view."""

from __future__ import annotations

from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QWidget

from vitinspect.app import theme
from vitinspect.app.shell.bottom import BottomTabs
from vitinspect.app.shell.workspace import BottomTab


def test_a_tab_that_is_opened_has_room_for_its_bold_title(qapp, sized):
    theme.apply(qapp, "light")
    titles = {"training": "Over training", "folder": "Over the folder"}
    bottom = sized(
        BottomTabs(tuple(BottomTab(*one, QWidget) for one in titles.items()), lambda tab: QWidget()), 900, 200
    )
    qapp.processEvents()
    bottom.show_open(True, "folder")
    qapp.processEvents()
    bold = QFontMetrics(theme.font(bold=True))
    assert bottom.bar.tabRect(1).width() >= bold.horizontalAdvance(titles["folder"]) + 24
