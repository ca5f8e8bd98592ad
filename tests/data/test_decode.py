import contextlib
import io

import numpy as np
import PIL.Image
import pytest

from kgan.data.decode import Target, open_image, to_pixels
from kgan.errors import DataError

pytestmark = pytest.mark.once


def encoded(image, kind="PNG", **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode(image, channels=3, kind="PNG", **options):
    target = Target(image.height, image.width, channels)
    return to_pixels(open_image(encoded(image, kind, **options), "it"), target, "it")


def ramp(mode="L"):
    return PIL.Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert(mode)


def test_grey_stays_and_becomes_colour_by_repetition():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    np.testing.assert_array_equal(decode(ramp(), 1), levels)
    np.testing.assert_array_equal(decode(ramp(), 3), levels.repeat(3, axis=2))


def test_colour_becomes_grey_by_luma():
    image = PIL.Image.new("RGB", (2, 2), (200, 100, 50))
    assert decode(image, 1)[0, 0, 0] == round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)


def test_one_bit_becomes_black_and_white():
    image = PIL.Image.new("1", (4, 2))
    image.putpixel((1, 0), 1)
    assert decode(image, 1)[0, :, 0].tolist() == [0, 255, 0, 0]


def test_sixteen_bits_are_divided_by_257_and_rounded():
    values = np.array([[0, 128, 129, 257, 32768, 65535 - 129, 65535 - 128, 65535]], dtype=np.uint16)
    expected = np.round(values / 257).astype(np.uint8)
    assert expected.tolist() == [[0, 0, 1, 1, 128, 254, 255, 255]]
    for kind in ("PNG", "TIFF"):
        image = PIL.Image.fromarray(values)
        assert image.mode == "I;16"
        assert decode(image, 1, kind)[:, :, 0].tolist() == expected.tolist()
        assert decode(image, 3, kind)[:, :, 2].tolist() == expected.tolist()


def test_thirty_two_bit_grey_must_fit_sixteen():
    assert decode(PIL.Image.new("I", (2, 2), 65535), 1, "TIFF").max() == 255
    with pytest.raises(DataError, match=r"it has grey values from 70000 to 70000: 16 bits"):
        decode(PIL.Image.new("I", (2, 2), 70000), 1, "TIFF")


def test_float_pixels_are_refused():
    with pytest.raises(DataError, match="it has float pixels"):
        decode(PIL.Image.new("F", (2, 2), 0.5), 1, "TIFF")


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_becomes_rgb(kind):
    cyan = PIL.Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    np.testing.assert_allclose(decode(cyan, 3, kind)[4, 4], (0, 255, 255), atol=2)
    black = PIL.Image.new("CMYK", (8, 8), (0, 0, 0, 255))
    np.testing.assert_allclose(decode(black, 3, kind)[4, 4], (0, 0, 0), atol=2)


def test_palette_becomes_its_colours():
    image = PIL.Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putpixel((1, 0), 1)
    assert decode(image).tolist() == [[[255, 0, 0], [0, 0, 255]]]


@pytest.mark.parametrize(
    ("mode", "pixel", "expected"),
    [
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),
        ("LA", (0, 0), (255, 255, 255)),
        ("LA", (10, 255), (10, 10, 10)),
    ],
)
def test_transparency_is_laid_on_white(mode, pixel, expected):
    assert decode(PIL.Image.new(mode, (2, 2), pixel))[0, 0].tolist() == list(expected)


def test_transparent_colour_of_palette_and_rgb_is_laid_on_white():
    palette = PIL.Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    assert decode(palette, transparency=0).tolist() == [[[255, 255, 255], [0, 0, 255]]]
    green = PIL.Image.new("RGB", (1, 1), (0, 255, 0))
    assert decode(green, transparency=(0, 255, 0)).tolist() == [[[255, 255, 255]]]
    assert decode(PIL.Image.new("L", (1, 1), 7), 1, transparency=7).tolist() == [[[255]]]


def test_photographs_are_turned_upright():
    image = PIL.Image.new("RGB", (4, 2))
    image.putpixel((0, 0), (255, 255, 255))
    exif = PIL.Image.Exif()
    exif[PIL.ExifTags.Base.Orientation] = 6
    upright = open_image(encoded(image, exif=exif), "it")
    assert upright.size == (2, 4)
    assert upright.getpixel((1, 0)) == (255, 255, 255)


def test_animations_count_by_their_first_frame():
    frames = [PIL.Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    assert decode(frames[0], kind="GIF", save_all=True, append_images=frames[1:])[0, 0].tolist() == [
        255,
        0,
        0,
    ]


def test_centre_crop_keeps_the_largest_part():
    # Three bands of 8 columns: a square out of the middle sees the middle one only.
    wide = PIL.Image.new("L", (24, 8))
    wide.paste(200, (8, 0, 16, 8))
    assert np.unique(to_pixels(wide, Target(8, 8, 1), "it")).tolist() == [200]
    # The filter looks a little beyond the border of the part, as if the whole had been resized first.
    small = to_pixels(wide.rotate(90, expand=True), Target(4, 4, 1), "it")
    assert small.min() > 180
    whole = to_pixels(wide, Target(2, 6, 1), "it")
    assert whole.shape == (2, 6, 1)
    assert whole[0, :, 0].argmax() in (2, 3)


def test_trimming_fills_the_frame_but_for_a_margin():
    drawn = PIL.Image.new("RGB", (40, 30), "white")
    drawn.paste((10, 20, 30), (21, 7, 29, 11))  # 8 wide, 4 high, far from the middle
    pixels = to_pixels(drawn, Target(20, 20, 3, trim=2), "it")
    expected = np.full((20, 20, 3), 255, np.uint8)
    expected[6:14, 2:18] = (10, 20, 30)  # 16 between the margins, twice as wide as high
    np.testing.assert_array_equal(pixels, expected)
    # Whatever the borders were, the same is left.
    other = PIL.Image.new("RGBA", (16, 12), (0, 0, 0, 0))
    other.paste((10, 20, 30, 255), (0, 0, 16, 8))
    np.testing.assert_array_equal(
        to_pixels(other, Target(8, 16, 3, upscale=True, trim=0), "it")[0, 0], (10, 20, 30)
    )
    grey = to_pixels(PIL.Image.new("L", (9, 9), 251), Target(8, 8, 1, trim=3), "it")
    assert np.unique(grey).tolist() == [255]


def test_shrinking_averages():
    board = PIL.Image.fromarray((np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8))
    small = to_pixels(board, Target(8, 8, 1), "it")
    np.testing.assert_allclose(small, 127.5, atol=2)


def test_right_size_is_left_alone():
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    np.testing.assert_array_equal(to_pixels(PIL.Image.fromarray(noise), Target(9, 7, 3), "it"), noise)


def test_smaller_image_is_an_error_unless_upscale():
    image = PIL.Image.new("L", (10, 6), 90)
    with pytest.raises(DataError, match=r"^it is 6x10, smaller than the image_size 8x8 .* upscale=True$"):
        to_pixels(image, Target(8, 8, 1), "it")
    assert np.unique(to_pixels(image, Target(8, 8, 1, upscale=True), "it")).tolist() == [90]


def test_unlike_the_first_is_an_error():
    grey, colour = PIL.Image.new("L", (8, 8)), PIL.Image.new("RGB", (8, 8))
    with pytest.raises(
        DataError, match=r"^it is grey \(mode L\) in a data set whose first image is colour: pass "
    ):
        to_pixels(grey, Target(8, 8, 3, same_kind=True), "it")
    with pytest.raises(
        DataError, match=r"^it is colour \(mode RGB\) in a data set whose first image is grey: pass "
    ):
        to_pixels(colour, Target(8, 8, 1, same_kind=True), "it")
    with pytest.raises(
        DataError, match=r"^it is 8x8 in a data set whose first image is 7x8 .*: pass image_size "
    ):
        to_pixels(grey, Target(7, 8, 1, same_size=True), "it")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_cut_files_are_named(kind):
    whole = encoded(
        PIL.Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)), kind
    )
    for length in (len(whole) // 2, len(whole) // 4):
        with pytest.raises(
            DataError, match=r"^it is (damaged or unreadable: .+|no readable image: .+)$"
        ) as caught:
            to_pixels(open_image(whole[:length], "it"), Target(8, 8, 3), "it")
        assert "\n" not in str(caught.value)
        assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    "content", [b"", b"hello, I am text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"]
)
def test_other_files_are_named(content):
    with pytest.raises(DataError, match=r"^it is no readable image: none of PNG, JPEG, .* or cut short$"):
        open_image(content, "it")


def test_damaged_bytes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    whole = encoded(PIL.Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8)))
    survivors = []
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[rng.integers(8, 60)] = rng.integers(0, 256)
        with contextlib.suppress(DataError):
            survivors.append(open_image(bytes(damaged), "it"))
    assert len(survivors) < 300
