"""Names after a pattern: safe on every system, inside the folder, each once."""

from __future__ import annotations

import pytest

from vitinspect.errors import ParameterError
from vitinspect.figures.file_names import Names, check_pattern, file_name, numbered

VALUES = {"stem": "cat 1", "method": "rollout(start_layer=1)", "target": "tabby, cat", "kind": "overlay", "ext": ".png"}


def named(pattern: str, **changes: str) -> str:
    return file_name(pattern, {**VALUES, **changes})


def test_a_pattern_is_filled_in() -> None:
    assert named("{stem}_{method}_{target}.{ext}") == "cat-1_rollout-start_layer=1_tabby-cat.png"
    assert named("{kind}/{stem}.{ext}") == "overlay/cat-1.png"


def test_empty_values_leave_no_gap() -> None:
    assert named("{stem}_{target}_{method}.{ext}", target="") == "cat-1_rollout-start_layer=1.png"
    assert named("{target}_{stem}.{ext}", target="") == "cat-1.png"


@pytest.mark.parametrize(
    "hostile", ["../../etc/passwd", "..", "a/b", "a\\b", "C:\\x", "a:b", "x\0y", "a\nb", "<b>", "...", "*?|", "a ."]
)
def test_names_of_pictures_and_classes_cannot_lead_out_of_the_folder(hostile: str) -> None:
    for field in ("stem", "target", "method", "folder"):
        name = named("{folder}/{stem}_{method}_{target}.{ext}", **{field: hostile})
        parts = name.split("/")
        assert len(parts) <= 2
        for part in parts:
            assert part not in ("", ".", "..")
            assert not set(part) & set('<>:"\\|?*\0\n')
            assert part == part.strip(" .")


@pytest.mark.parametrize("device", ["con", "NUL", "Com1", "lpt9", "aux"])
def test_names_of_devices_are_avoided(device: str) -> None:
    assert named("{stem}.{ext}", stem=device).casefold() == f"{device}_.png".casefold()


def test_long_names_are_cut_and_stay_different() -> None:
    one, other = (named("{stem}_{method}.{ext}", stem="ä" * 300 + end, method="m" * 90) for end in "ab")
    assert len(one.encode()) < 200
    assert one != other
    assert one.endswith(".png")


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("{stem}", "{ext}"),
        ("{stem}.png", "{ext}"),
        ("{nothing}.{ext}", "{nothing}"),
        ("{stem!r}.{ext}", "{stem}"),
        ("{stem:>90000000}.{ext}", "{stem}"),
        ("{stem.__class__}.{ext}", "__class__"),
        ("../{stem}.{ext}", "leads out"),
        ("a/../../{stem}.{ext}", "leads out"),
        ("a\\..\\{stem}.{ext}", "leads out"),
        ("/tmp/{stem}.{ext}", "leads out"),
        ("C:\\{stem}.{ext}", "leads out"),
        ("{stem.{ext}", "{"),
        ("{stem}}.{ext}", "brackets"),
    ],
)
def test_a_wrong_pattern_is_refused_with_a_reason(pattern: str, words: str) -> None:
    with pytest.raises(ParameterError) as error:
        check_pattern(pattern)
    assert words in str(error.value)


def test_each_name_is_given_once_also_where_case_does_not_count() -> None:
    names = Names()
    assert [names.free(name) for name in ("a.png", "A.png", "a.png", "b/a.png")] == [
        "a.png",
        "A_2.png",
        "a_3.png",
        "b/a.png",
    ]
    assert numbered("x/y.tar.png", 2) == "x/y.tar_2.png"
