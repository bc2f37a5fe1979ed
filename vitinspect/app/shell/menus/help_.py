"""Help: all commands, shortcuts, the log, the version."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QProcess, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from vitinspect import __version__
from vitinspect.app import logs
from vitinspect.app.shell.examples import EXAMPLES, Example
from vitinspect.app.shell.menus.record import SEPARATOR, Action, Menu
from vitinspect.app.shell.menus.view import other_tabs

if TYPE_CHECKING:
    from vitinspect.app.shell.window import MainWindow


def open_palette(window: MainWindow) -> None:
    from vitinspect.app.shell.palette import Extra, Palette

    context, card = window.context, window.backend.results.card
    labels = card.labels if card is not None and card.has_classifier else ()
    extras = [Extra("Explain", label, partial(context.explain_class, index)) for index, label in enumerate(labels)]
    extras += [Extra("Against", label, partial(context.take_against, index)) for index, label in enumerate(labels)]
    extras += [Extra("Tab", name, run) for name, run in other_tabs(window)]
    extras += [Extra("Tool", tool.title, partial(window.select_tool, tool.id)) for tool in window.current_tools()]
    Palette(window.actions_, window, extras).open()


def open_shortcuts(window: MainWindow) -> None:
    from vitinspect.app.shell.shortcuts import ShortcutSheet

    tools = [(tool.key, tool.title) for tool in window.current_tools() if tool.key]
    ShortcutSheet(window.actions_.menus, window, tools).show()


def show_log(window: MainWindow) -> None:
    path = logs.log_file()
    if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        window.status.say(str(path))


def _open_example(example: Example, window: MainWindow) -> None:
    window.open_example(example)


def copy_report(window: MainWindow) -> None:
    """What ``vitinspect doctor --report`` prints, on the clipboard; it runs in a process of its own."""
    process = QProcess(window)

    def done(*_: object) -> None:
        text = bytes(process.readAllStandardOutput().data()).decode("utf-8", "replace").strip()
        process.deleteLater()
        QGuiApplication.clipboard().setText(text)
        window.status.say("The report is on the clipboard." if text else "The report could not be made.")

    process.finished.connect(done)
    window.status.say("Checking this installation…")
    process.start(sys.executable, ["-m", "vitinspect", "doctor", "--report"])


def show_about(window: MainWindow) -> None:
    window.status.say(f"vitinspect {__version__}: shows where a Vision Transformer looks. MIT licence.")


MENU = Menu(
    "&Help",
    (
        Action("palette", "All commands…", "Find and run any command", ("Ctrl+Shift+P",), open_palette),
        Action("shortcuts", "Keyboard shortcuts", "All shortcuts on one sheet", ("F1",), open_shortcuts),
        SEPARATOR,
        *(
            Action(f"example_{one.id}", f"Example: {one.title}", one.sentences[0], (), partial(_open_example, one))
            for one in EXAMPLES
        ),
        SEPARATOR,
        Action(
            "copy_report",
            "Copy report for a bug",
            "Copy the versions and problems of this installation as text",
            (),
            copy_report,
        ),
        Action("open_log", "Show the log file", "Open the file in which errors are recorded", (), show_log),
        Action("about", "About vitinspect", "Show the version and the licence", (), show_about),
    ),
)
