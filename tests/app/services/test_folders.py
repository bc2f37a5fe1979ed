"""A folder that does not exist replaces nothing and is not remembered; its error is cleared by the next good one."""

from __future__ import annotations

import os

import pytest
from PIL import Image

from vitinspect.app.listing import ImageList
from vitinspect.app.services.folders import FolderService


@pytest.fixture
def service(bench, pictures):
    bench.state.set(image="", folder=str(pictures))
    made = FolderService(bench.state, bench.results, ImageList(bench.pool), bench.problems)
    made.start()
    bench.pool.run()
    yield made
    made.close()


def test_the_first_picture_of_a_folder_is_shown(bench, service, pictures):
    assert bench.state.image == str(pictures / "picture 1.png")
    assert bench.results.folder_size == 6
    assert bench.state.recent_folders == (str(pictures),)


@pytest.mark.parametrize("how", ["open", "set"])
def test_a_folder_that_does_not_exist_replaces_nothing(bench, service, pictures, tmp_path, how):
    bench.state.set(image=str(pictures / "picture 3.png"))
    gone = str(tmp_path / "gone")
    if how == "open":
        assert not service.open(gone)
    else:
        bench.state.set(folder=gone, image="")
    bench.pool.run()
    assert bench.state.folder == str(pictures)
    assert bench.state.image == str(pictures / "picture 3.png")
    assert gone not in bench.state.recent_folders
    assert gone in bench.problems.current["folder"].message


def test_a_file_is_not_opened_as_a_folder(bench, service, pictures):
    assert not service.open(str(pictures / "picture 1.png"))
    assert "a file, not a folder" in bench.problems.current["folder"].message


def test_the_error_is_cleared_by_the_next_good_folder(bench, service, pictures, tmp_path):
    service.open(str(tmp_path / "gone"))
    assert service.open(str(pictures.parent))
    bench.pool.run()
    assert bench.problems.current == {}
    assert bench.state.recent_folders[0] == str(pictures.parent)


# --- pictures with masks ----------------------------------------------------------------------------------------------


def add_mask(pictures, number):
    masks = pictures.parent / "masks"
    masks.mkdir(exist_ok=True)
    Image.new("L", (4, 4)).save(masks / f"picture {number}.png")


def names(service):
    return [os.path.basename(path) for path in service._listing.paths]


def test_masks_are_looked_for_in_the_pool_and_the_list_stays_until_then(bench, service, pictures):
    add_mask(pictures, 2)
    bench.state.set(only_masked=True)
    assert len(names(service)) == 6
    bench.pool.run()
    assert names(service) == ["picture 2.png"]
    bench.state.set(only_masked=False)
    assert len(names(service)) == 6


def test_a_filter_that_was_removed_meanwhile_changes_nothing(bench, service, pictures):
    add_mask(pictures, 2)
    bench.state.set(only_masked=True)
    bench.state.set(only_masked=False)
    bench.pool.run()
    assert len(names(service)) == 6


def test_a_name_that_is_typed_narrows_the_pictures_with_masks_at_once(bench, service, pictures):
    add_mask(pictures, 2)
    add_mask(pictures, 4)
    bench.state.set(only_masked=True)
    bench.pool.run()
    bench.state.set(filter="4")
    assert names(service) == ["picture 4.png"]
    bench.pool.run()
    assert names(service) == ["picture 4.png"]


def test_a_new_mask_is_found_when_the_folder_is_read_again(bench, service, pictures):
    add_mask(pictures, 2)
    bench.state.set(only_masked=True)
    bench.pool.run()
    add_mask(pictures, 3)
    service.filter_again()
    service._listing.refresh()
    bench.pool.run()
    assert names(service) == ["picture 2.png", "picture 3.png"]
