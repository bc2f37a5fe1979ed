"""Messages, running work, and what is shown where there is nothing."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from vitinspect.app.widgets.empty_state import EmptyState
from vitinspect.app.widgets.messages import Message, Messages
from vitinspect.app.widgets.status_progress import RunningWork

DISK = Message("disk", "The disk is full.", "error", "Try again", "line 1\nline 2")
HEAD = Message("head", "This head has no fingerprint.")


@pytest.fixture
def messages(show):
    made = Messages()
    show(made, width=600)
    return made


def test_a_message_stays_until_its_cause_is_gone(messages) -> None:
    messages.show_message(DISK)
    messages.show_message(HEAD)
    assert list(messages.lines) == ["disk", "head"]
    messages.clear("disk")
    assert list(messages.lines) == ["head"]
    assert messages.isVisible()
    messages.clear("head")
    assert not messages.isVisible()


def test_the_same_cause_has_one_line(messages) -> None:
    messages.show_message(DISK)
    first = messages.lines["disk"]
    messages.show_message(DISK)
    assert messages.lines["disk"] is first
    messages.show_message(Message("disk", "The disk is still full."))
    assert [m.text for m in messages.messages] == ["The disk is still full."]


def test_the_button_and_the_cross_name_the_cause(messages, qtbot, heard) -> None:
    wanted, closed = heard(messages.action_wanted), heard(messages.closed)
    messages.show_message(DISK)
    qtbot.mouseClick(messages.lines["disk"].action, Qt.MouseButton.LeftButton)
    assert messages.messages == (DISK,)
    qtbot.mouseClick(messages.lines["disk"].cross, Qt.MouseButton.LeftButton)
    assert (wanted, closed, messages.messages) == (["disk"], ["disk"], ())


def test_details_open_below_and_can_be_copied(messages, qtbot) -> None:
    messages.show_message(DISK)
    line = messages.lines["disk"]
    qtbot.mouseClick(line.expand, Qt.MouseButton.LeftButton)
    assert line.details is not None
    assert line.details.isVisible()
    assert line.details.toPlainText() == "line 1\nline 2"
    line._copy()
    assert QGuiApplication.clipboard().text() == "The disk is full.\nline 1\nline 2"


def test_many_messages_do_not_fill_the_window(messages) -> None:
    for i in range(5):
        messages.show_message(Message(str(i), f"Message {i}"))
    assert list(messages.lines) == ["4", "3", "2"] or set(messages.lines) == {"4", "3", "2"}
    assert messages._more.text() == "and 2 more"


def test_names_of_files_are_not_read_as_markup(messages) -> None:
    messages.show_message(Message("x", "<b>a</b>.png cannot be read"))
    assert messages.lines["x"].text.textFormat() == Qt.TextFormat.PlainText


def test_running_work_keeps_its_place(show, heard, qtbot) -> None:
    work = RunningWork()
    show(work, width=600)
    idle = work.sizeHint().height(), work.cancel.geometry()
    work.set_work("Integrated gradients", number=6, done=31, total=50, seconds_left=4)
    assert (work.sizeHint().height(), work.cancel.geometry()) == idle
    assert work.name.text() == "6 Integrated gradients"
    assert work.figures.text() == "31 of 50, 4 s left"
    emitted = heard(work.cancel_wanted)
    qtbot.mouseClick(work.cancel, Qt.MouseButton.LeftButton)
    assert len(emitted) == 1
    work.set_idle()
    assert not work.cancel.isVisible()


def test_work_without_a_total_shows_no_bar(show) -> None:
    work = RunningWork()
    show(work)
    work.set_work("Loading the model")
    assert (work.figures.text(), work.bar.isVisible(), work.cancel.isVisible()) == ("", False, True)


def test_an_empty_place_has_one_sentence_and_its_buttons(show, qtbot) -> None:
    empty, pressed = EmptyState(), []
    show(empty)
    empty.say("No layer yet.", "", ("Add a layer", lambda: pressed.append("add")), ("Quick look", lambda: None))
    assert empty.sentence.text() == "No layer yet."
    assert [b.text() for b in empty.buttons] == ["Add a layer", "Quick look"]
    qtbot.mouseClick(empty.buttons[0], Qt.MouseButton.LeftButton)
    assert pressed == ["add"]
    empty.say("No picture.")
    assert empty.buttons == []
