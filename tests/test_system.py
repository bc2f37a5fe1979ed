"""Checks of display, libraries and fonts, and their messages."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from vitinspect import system

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="about Linux")


@linux_only
def test_without_any_display_one_sentence_says_so() -> None:
    problem = system.display_problem({})
    assert problem is not None
    assert "no display" in problem
    assert "\n" not in problem


@linux_only
def test_a_platform_that_needs_no_display_has_no_problem() -> None:
    assert system.display_problem({"QT_QPA_PLATFORM": "offscreen"}) is None
    assert system.display_problem({"QT_QPA_PLATFORM": "minimal:fontengine=freetype"}) is None


@linux_only
def test_a_platform_that_needs_a_display_has_one() -> None:
    assert system.display_problem({"QT_QPA_PLATFORM": "xcb"}) is not None


@linux_only
def test_a_display_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "missing_libraries", lambda _: {})
    monkeypatch.setattr(system, "_x_server_answers", lambda _: False)
    problem = system.display_problem({"DISPLAY": ":93"})
    assert problem is not None
    assert "':93'" in problem


@linux_only
def test_an_x_server_that_is_not_there_does_not_answer() -> None:
    if system.missing_libraries({"libxcb.so.1": "libxcb1"}):
        pytest.skip("libxcb is not installed, so that nothing can be asked")
    assert not system._x_server_answers(":8123")


@linux_only
def test_a_wayland_socket_is_tried_by_connecting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "missing_libraries", lambda _: {})
    environment = {"WAYLAND_DISPLAY": "wayland-7", "XDG_RUNTIME_DIR": str(tmp_path)}
    problem = system.display_problem(environment)
    assert problem is not None
    assert "wayland-7" in problem
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "wayland-7"))
        listening.listen()
        assert system.display_problem(environment) is None


@linux_only
def test_missing_libraries_are_found_by_trying_and_named_with_their_packages() -> None:
    libraries = {"libc.so.6": "libc6", "libdoes-not-exist.so.7": "libdoes-not-exist7"}
    assert system.missing_libraries(libraries) == {"libdoes-not-exist.so.7": "libdoes-not-exist7"}


def test_what_to_install_is_one_sentence_with_the_packages() -> None:
    sentence = system.packages_sentence({"libEGL.so.1": "libegl1", "libGL.so.1": "libgl1"})
    assert "sudo apt-get install libegl1 libgl1" in sentence
    assert "libEGL.so.1" in sentence
    assert "\n" not in sentence


def test_a_failed_import_of_qt_names_the_package_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "missing_libraries", lambda _: {"libEGL.so.1": "libegl1"})
    failure = "ImportError: libEGL.so.1: cannot open shared object file: No such file or directory"
    assert "libegl1" in system.explain_qt_failure(failure)


def test_a_missing_pyside_is_distinguished_from_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "missing_libraries", lambda _: {})
    assert "pip install PySide6-Essentials" in system.explain_qt_failure("No module named 'PySide6'")
    assert "liblost.so" in system.explain_qt_failure("liblost.so: cannot open shared object file")


@linux_only
def test_fonts_are_looked_for_in_every_folder_below(tmp_path: Path) -> None:
    assert not system.has_fonts([tmp_path, tmp_path / "absent"])
    (tmp_path / "truetype" / "deep").mkdir(parents=True)
    (tmp_path / "truetype" / "deep" / "Sans.TTF").write_bytes(b"")
    assert system.has_fonts([tmp_path])
    assert system.font_file("Sans.TTF", [tmp_path]) == tmp_path / "truetype" / "deep" / "Sans.TTF"
    assert system.font_file("Other.ttf", [tmp_path]) is None


@linux_only
def test_the_list_of_libraries_covers_what_qt_is_linked_to() -> None:
    """A library that is missing from the list would give Qt's own message instead of a package's name."""
    pyside = pytest.importorskip("PySide6", reason="Qt is not installed")
    qt = Path(pyside.__file__).parent / "Qt"
    known = {**system.QT_LIBRARIES, **system.X11_LIBRARIES, **system.WAYLAND_LIBRARIES}
    always_there = ("libc.", "libm.", "libgcc_s.", "libstdc++.", "ld-linux", "libpthread", "libdl", "librt")
    for file in [
        *(qt / "lib" / f"libQt6{name}.so.6" for name in ("Core", "Gui", "Widgets", "XcbQpa")),
        *(qt / "plugins" / "platforms" / f"libq{name}.so" for name in ("xcb", "offscreen", "wayland")),
    ]:
        if not file.exists():
            continue
        needed = linked_libraries(file.read_bytes())
        own = {name for name in needed if name.startswith(("libQt6", "libicu", *always_there))}
        assert needed - own <= set(known), file.name


def linked_libraries(elf: bytes) -> set[str]:
    """The DT_NEEDED entries of a 64-bit little-endian ELF file."""
    import struct

    assert elf[:6] == b"\x7fELF\x02\x01"
    table, size, count = *struct.unpack_from("<Q", elf, 0x28), *struct.unpack_from("<HH", elf, 0x3A)
    sections = [struct.unpack_from("<IIQQQQIIQQ", elf, table + i * size) for i in range(count)]
    dynamic = next(section for section in sections if section[1] == 6)
    strings = sections[dynamic[6]]
    names = set()
    for at in range(dynamic[4], dynamic[4] + dynamic[5], 16):
        tag, value = struct.unpack_from("<qQ", elf, at)
        if tag == 1:
            start = strings[4] + value
            names.add(elf[start : elf.index(b"\0", start)].decode())
    return names
