"""Every kind of picture is opened as the upright 8-bit RGB that a person would see."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

from vitinspect import images
from vitinspect.errors import ImageError

# The package silences Pillow for good, but pytest puts its own filters in front for each test.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")


def picture(width: int = 40, height: int = 30) -> Image.Image:
    """Smooth, with a different colour in each corner, so that any rotation is detected."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [x * 255 / (width - 1), y * 255 / (height - 1), 255 - x * 200 / (width - 1)]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def difference(a: Image.Image, b: Image.Image) -> float:
    assert a.size == b.size
    return float(np.abs(np.asarray(a, dtype=float) - np.asarray(b, dtype=float)).mean())


LOSSLESS = ["png", "tiff", "bmp", "ppm", "webp"]


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_a_lossless_format_keeps_every_pixel(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    picture().save(path, **({"lossless": True} if suffix == "webp" else {}))
    opened = images.open_image(path)
    assert opened.mode == "RGB"
    assert type(opened) is Image.Image
    assert opened.info == {}
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(picture()))


@pytest.mark.parametrize(("suffix", "tolerance"), [("jpg", 4), ("gif", 14), ("jp2", 4), ("avif", 6)])
def test_a_lossy_format_comes_close(tmp_path, suffix, tolerance):
    if suffix == "avif" and not features.check("avif"):
        assert "AVIF" not in Image.OPEN
        return
    path = tmp_path / f"a.{suffix}"
    picture().save(path)
    assert difference(images.open_image(path), picture()) < tolerance


@pytest.mark.parametrize("as_type", [str, Path, "file", "bytesio"])
def test_paths_and_open_files_are_both_welcome(tmp_path, as_type):
    path = tmp_path / "a.png"
    picture().save(path)
    if as_type == "file":
        with path.open("rb") as file:
            opened = images.open_image(file)
            assert not file.closed
    elif as_type == "bytesio":
        opened = images.open_image(io.BytesIO(path.read_bytes()))
    else:
        opened = images.open_image(as_type(path))
    assert difference(opened, picture()) == 0


def test_the_content_decides_and_not_the_ending(tmp_path):
    path = tmp_path / "a.jpg"
    picture().save(path, format="PNG")
    assert difference(images.open_image(path), picture()) == 0


# --- depth ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_16_bits_are_scaled_and_not_clipped(tmp_path, suffix):
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    path = tmp_path / f"ramp.{suffix}"
    Image.fromarray(ramp).save(path)
    opened = np.asarray(images.open_image(path))
    np.testing.assert_array_equal(opened[..., 0].ravel(), np.arange(256))
    np.testing.assert_array_equal(opened[..., 0], opened[..., 2])


def test_16_bits_with_the_other_byte_order_are_the_same(tmp_path):
    ramp = np.linspace(0, 65535, 256).round().astype(">u2").reshape(16, 16)
    path = tmp_path / "big.tif"
    Image.frombytes("I;16B", (16, 16), ramp.tobytes()).save(path)
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[..., 1].ravel(), np.arange(256))


def test_a_16_bit_grey_map_of_another_range_is_scaled_by_its_own_maximum(tmp_path):
    path = tmp_path / "a.pgm"
    path.write_bytes(b"P5 3 1 1023\n" + np.array([0, 512, 1023], ">u2").tobytes())
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[0, :, 0], [0, 128, 255])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 100.0, 255.0], [0, 100, 255]),
        ([0.0, 32767.5, 65535.0], [0, 128, 255]),
        ([-4.0, 0.0, 4.0], [0, 128, 255]),
        ([np.nan, 0.5, np.inf], [0, 128, 255]),
        ([7.0, 7.0, 7.0], [7, 7, 7]),
    ],
)
def test_floating_point_is_read_in_the_range_that_it_has(tmp_path, values, expected):
    path = tmp_path / "a.tiff"
    Image.fromarray(np.array([values], np.float32)).save(path)
    got = np.asarray(images.open_image(path))[0, :, 0].astype(int)
    assert np.abs(got - expected).max() <= 1


def test_32_bit_integers_are_read_in_the_range_that_they_have(tmp_path):
    path = tmp_path / "a.tiff"
    Image.fromarray(np.array([[0, 1_000_000, 2_000_000]], np.int32)).save(path)
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[0, :, 0], [0, 128, 255])


def test_one_bit_is_black_and_white(tmp_path):
    path = tmp_path / "a.tif"
    Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1").save(path)
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[..., 0], [[0, 255], [255, 0]])


# --- colour --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff"])
def test_transparent_parts_lie_over_a_neutral_grey(tmp_path, suffix):
    pixels = np.zeros((2, 3, 4), np.uint8)
    pixels[:, 0] = (255, 0, 0, 255)
    pixels[:, 1] = (255, 255, 255, 0)
    pixels[:, 2] = (255, 255, 255, 128)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True, "exact": True} if suffix == "webp" else {}))
    row = np.asarray(images.open_image(path))[0].astype(int)
    np.testing.assert_array_equal(row[0], (255, 0, 0))
    np.testing.assert_array_equal(row[1], (128, 128, 128))
    assert np.abs(row[2] - 192).max() <= 1


def test_grey_with_alpha_lies_over_grey(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[[255, 255], [255, 0]]], np.uint8), "LA").save(path)
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[0, :, 0], [255, 128])


@pytest.mark.parametrize("transparency", [1, bytes([255, 0])])
def test_a_palette_keeps_its_colours_and_its_transparency(tmp_path, transparency):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), "P")
    image.putpalette([10, 20, 30, 200, 100, 50])
    path = tmp_path / "a.png"
    image.save(path)
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[0], [(10, 20, 30), (200, 100, 50)])
    image.save(path, transparency=transparency)
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[0], [(10, 20, 30), (128, 128, 128)])


def test_a_transparent_colour_without_alpha_channel_is_transparent(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)).save(path, transparency=(4, 5, 6))
    np.testing.assert_array_equal(np.asarray(images.open_image(path))[0], [(1, 2, 3), (128, 128, 128)])


@pytest.mark.parametrize("suffix", ["jpg", "tiff"])
def test_cmyk_is_not_inverted(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    picture().convert("CMYK").save(path, **({"quality": 98} if suffix == "jpg" else {}))
    with Image.open(path) as raw:
        assert raw.mode == "CMYK"
    assert difference(images.open_image(path), picture()) < 4


def _swapped_profile() -> bytes:
    """An RGB profile whose red and green primaries are changed places, so that using it shows."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(profile[128:132], "big")
    entries = {bytes(profile[132 + 12 * i : 136 + 12 * i]): 132 + 12 * i for i in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace(b"s\x00R\x00G\x00B", b"m\x00i\x00n\x00e").replace(b"sRGB", b"mine")


@pytest.mark.parametrize("alpha", [False, True])
def test_a_colour_profile_is_applied(tmp_path, alpha):
    path = tmp_path / "a.png"
    image = Image.new("RGBA" if alpha else "RGB", (4, 4), (255, 0, 0, 255) if alpha else (255, 0, 0))
    image.save(path, icc_profile=_swapped_profile())
    red, green, _ = np.asarray(images.open_image(path))[0, 0]
    assert green > 200 > 60 > red


def test_a_grey_profile_is_applied_to_grey(tmp_path):
    path = tmp_path / "a.png"
    Image.new("L", (4, 4), 128).save(path, icc_profile=_grey_profile(gamma=1.0))
    value = np.asarray(images.open_image(path))[0, 0, 0]
    assert 180 < value < 195  # half of linear light is 188 in sRGB


def _grey_profile(gamma: float) -> bytes:
    """A minimal version 2 profile of grey with a gamma curve."""
    white = b"XYZ \0\0\0\0" + b"".join(round(v * 65536).to_bytes(4, "big") for v in (0.9642, 1.0, 0.8249))
    curve = b"curv\0\0\0\0" + (1).to_bytes(4, "big") + round(gamma * 256).to_bytes(2, "big") + b"\0\0"
    name = b"desc\0\0\0\0" + (5).to_bytes(4, "big") + b"grey\0" + b"\0" * (4 + 4 + 2 + 1 + 67)
    name += b"\0" * (-len(name) % 4)
    start = 128 + 4 + 3 * 12
    table, data = (3).to_bytes(4, "big"), b""
    for tag, body in ((b"wtpt", white), (b"kTRC", curve), (b"desc", name)):
        table += tag + (start + len(data)).to_bytes(4, "big") + len(body).to_bytes(4, "big")
        data += body
    body = table + data
    head = (128 + len(body)).to_bytes(4, "big") + b"\0\0\0\0\x02\x40\0\0mntrGRAYXYZ "
    head += b"\0" * 12 + b"acsp" + b"\0" * 28
    head += b"".join(round(v * 65536).to_bytes(4, "big") for v in (0.9642, 1.0, 0.8249))
    return head.ljust(128, b"\0") + body


@pytest.mark.parametrize("profile", [b"nonsense", b"\0" * 200, _grey_profile(2.2)])
def test_a_damaged_or_unfitting_profile_does_not_keep_the_picture_from_opening(tmp_path, profile):
    path = tmp_path / "a.png"
    picture().save(path, icc_profile=profile)
    assert difference(images.open_image(path), picture()) == 0


def test_lab_pictures_open(tmp_path):
    path = tmp_path / "a.tif"
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    ImageCms.profileToProfile(picture(), srgb, lab, outputMode="LAB").save(path)
    assert difference(images.open_image(path), picture()) < 8


# --- turned, moving ------------------------------------------------------------------------------------------

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@pytest.mark.parametrize("suffix", ["png", "webp", "tiff", "jpg"])
@pytest.mark.parametrize("orientation", [1, *TURNS])
def test_the_orientation_tag_turns_the_picture_once(tmp_path, suffix, orientation):
    path = tmp_path / f"a.{suffix}"
    exif = Image.Exif()
    exif[274] = orientation
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100, "subsampling": 0}}.get(suffix, {})
    picture().save(path, exif=exif, **options)
    expected = picture() if orientation == 1 else picture().transpose(TURNS[orientation])
    assert difference(images.open_image(path), expected) < 2
    assert images.read_size(path) == expected.size
    assert images.thumbnail(path, 1000).size == expected.size
    assert difference(images.thumbnail(path, 1000), expected) < 2


def test_an_orientation_behind_the_pixels_of_a_png_is_found(tmp_path):
    path = tmp_path / "a.png"
    exif = Image.Exif()
    exif[274] = 6
    picture().save(path, exif=exif)
    chunks, data, position = [], path.read_bytes(), 8
    while position < len(data):
        length = int.from_bytes(data[position : position + 4], "big") + 12
        chunks.append(data[position : position + length])
        position += length
    late = [c for c in chunks if c[4:8] == b"eXIf"]
    rest = [c for c in chunks if c[4:8] != b"eXIf"]
    path.write_bytes(data[:8] + b"".join(rest[:-1] + late + rest[-1:]))
    assert images.open_image(path).size == (30, 40)
    assert images.read_size(path) == (30, 40)


def test_a_nonsensical_orientation_is_no_orientation(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[274] = 77
    picture().save(path, exif=exif)
    assert images.open_image(path).size == (40, 30)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png", "tiff"])
def test_the_first_frame_of_a_moving_picture_is_shown(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    frames = [Image.new("RGB", (8, 6), colour) for colour in [(255, 0, 0), (0, 255, 0), (0, 0, 255)]]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert difference(images.open_image(path), frames[0]) < 3


# --- refusals ------------------------------------------------------------------------------------------------


def refusal(path, **options) -> str:
    with pytest.raises(ImageError) as caught:
        images.open_image(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


FORMATS = ["png", "jpg", "webp", "tiff", "bmp", "gif", "ppm"]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_truncated_file_is_refused_and_said_to_be_damaged(tmp_path, suffix, keep):
    path = tmp_path / f"a.{suffix}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (90, 120, 3), dtype=np.uint8)).save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])
    message = refusal(path)
    assert "truncated" in message or "damaged" in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_empty_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.touch()
    assert "is empty" in refusal(path)


@pytest.mark.parametrize("suffix", FORMATS)
def test_bytes_flipped_anywhere_never_raise_anything_but_an_image_error(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    picture().save(path)
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(good)
        for position in rng.integers(0, min(len(data), 400), 3):
            data[position] = int(rng.integers(256))
        path.write_bytes(data)
        try:
            images.open_image(path, max_pixels=1_000_000)
        except ImageError as error:
            assert str(path) in str(error)  # noqa: PT017 - opening may succeed as well


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"hello, I am a text\n", "a text"),
        (b"%PDF-1.7\n", "PDF"),
        (b"<svg xmlns=''></svg>", "SVG"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"PK\x03\x04" + b"\0" * 40, "ZIP"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git lfs pull"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 20, "HEIC"),
        (b"\0" * 500, "zeros"),
        (b"\x89PNG\r\n\x1a\n" + b"garbage" * 9, "truncated"),
        (b"\x89PNG but not quite", "PNG"),
        (b"\xff\xd8\xff\xe0", "JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
    ],
)
def test_files_that_are_not_pictures_are_refused_by_their_kind(tmp_path, content, words):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert words in refusal(path)


def test_missing_folders_pipes_and_circles_are_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "vanished.png")
    assert "is a folder" in refusal(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        assert "pipe" in refusal(tmp_path / "pipe.png")
    (tmp_path / "circle.png").symlink_to(tmp_path / "circle.png")
    assert "circle" in refusal(tmp_path / "circle.png")
    with pytest.raises(ImageError, match="not the name of a file"):
        images.open_image("a\0b.png")


def test_a_file_without_permission_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    picture().save(path)
    if os.geteuid() == 0:  # root may read everything, so the refusal is played

        def refuse(*_args, **_options):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)
    else:
        path.chmod(0)
    assert "permission denied" in refusal(path)


@pytest.mark.parametrize("suffix", ["png", "tiff", "webp", "gif", "bmp", "jpg"])
def test_a_decompression_bomb_is_refused_and_the_bound_can_be_raised(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    picture(200, 100).save(path)
    message = refusal(path, max_pixels=19_999)
    assert "200 x 100" in message
    assert "19,999" in message
    assert images.open_image(path, max_pixels=20_000).size == (200, 100)


def test_the_bound_can_be_set_for_all_calls(tmp_path):
    path = tmp_path / "a.png"
    picture(200, 100).save(path)
    before = images.max_pixels()
    try:
        images.set_max_pixels(1000)
        for call in (images.open_image, images.read_size, lambda p: images.thumbnail(p, 10)):
            with pytest.raises(ImageError, match="1,000"):
                call(path)
    finally:
        images.set_max_pixels(before)
    assert images.open_image(path).size == (200, 100)
    with pytest.raises(ImageError, match="above zero"):
        images.set_max_pixels(0)


def test_a_bound_above_pillows_own_is_honoured(tmp_path):
    # 20000 x 10000 white pixels in a few kilobytes: more than Pillow lets through by itself.
    path = tmp_path / "large.png"
    Image.new("1", (20_000, 10_000), 1).save(path, compress_level=1)
    assert "20000 x 10000" in refusal(path)
    assert images.thumbnail(path, 64, max_pixels=200_000_000).size == (64, 32)


# --- thumbnails, threads, silence ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK", "RGBA", "P"])
def test_a_thumbnail_looks_like_the_picture_made_small(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode in ("RGB", "L", "CMYK") else "a.png")
    picture(800, 500).convert(mode).save(path)
    small = images.thumbnail(path, 100)
    assert small.mode == "RGB"
    assert small.size == (100, 62) or small.size == (100, 63)
    assert difference(small, images.open_image(path).resize(small.size, Image.Resampling.LANCZOS)) < 3


def test_a_thumbnail_is_never_larger_than_the_picture(tmp_path):
    path = tmp_path / "a.png"
    picture().save(path)
    assert images.thumbnail(path, 500).size == (40, 30)


def test_many_threads_open_pictures_at_once(tmp_path):
    paths = []
    for i, suffix in enumerate(FORMATS * 4):
        path = tmp_path / f"{i}.{suffix}"
        picture(60 + i, 50).save(path)
        paths.append(path)
    with ThreadPoolExecutor(8) as pool:
        sizes = [image.size for image in pool.map(images.open_image, paths)]
    assert sizes == [(60 + i, 50) for i in range(len(paths))]


def test_odd_metadata_is_ignored_without_a_warning(tmp_path):
    script = (
        "import sys\nfrom vitinspect import images\n"
        "for path in sys.argv[1:]:\n    print(images.open_image(path).size, images.read_size(path))\n"
    )
    broken = tmp_path / "broken.jpg"
    picture().save(broken, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05garbage that is no directory")
    palette = tmp_path / "palette.png"
    image = Image.fromarray(np.zeros((30, 40), np.uint8), "P")
    image.putpalette([10, 20, 30] * 2)
    image.save(palette, transparency=bytes([0, 128]))
    large = tmp_path / "large.png"
    Image.new("1", (10_000, 9_500)).save(large)
    result = subprocess.run(
        [sys.executable, "-W", "always", "-c", script, str(broken), str(palette), str(large)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.splitlines() == ["(40, 30) (40, 30)"] * 2 + ["(10000, 9500) (10000, 9500)"]
    assert "PIL" not in result.stderr


def test_opening_pictures_needs_no_torch():
    code = "import sys, vitinspect.images; sys.exit('torch' in sys.modules or 'PySide6' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_opening_leaves_no_file_open(tmp_path):
    path = tmp_path / "a.png"
    picture().save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        images.open_image(path)
        images.thumbnail(path, 10)
        images.read_size(path)
