"""Pictures: laid out to the pixel, decoded to what went in, and refused where they are none."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from wganalyze.contracts.picture import LARGEST, SIGNATURE, Picture

Pixels = npt.NDArray[np.uint8]
GREY = st.tuples(st.integers(1, 9), st.integers(1, 9))


def decoded(picture: Picture) -> Pixels:
    """Its pixels, as a browser would read them."""
    return np.asarray(Image.open(BytesIO(picture.png)))


def grid(images: object, **said: object) -> Pixels:
    """The pixels of a grid of these images."""
    return decoded(Picture.of_grid("g", "A grid.", np.asarray(images, np.float64), **said))  # type: ignore[arg-type]


@given(arrays(np.uint8, st.one_of(GREY, GREY.map(lambda size: (*size, 3)))))
def test_decoding_gives_back_the_pixels(pixels: Pixels) -> None:
    picture = Picture.of_pixels("p", "Pixels.", pixels)
    np.testing.assert_array_equal(decoded(picture), pixels)
    assert picture.size == (pixels.shape[1], pixels.shape[0])
    assert Picture.of_pixels("p", "Pixels.", pixels).png == picture.png


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 7), st.sampled_from([1, 3]), st.integers(1, 5), st.integers(1, 5))),
    st.integers(0, 4),
    st.integers(0, 12),
)
def test_each_image_stands_whole_in_its_place(images: Pixels, columns: int, side: int) -> None:
    count, channels, height, width = images.shape
    pixels = grid(images, columns=columns, side=side, value_range=(0, 255))
    pixels = pixels.reshape(*pixels.shape[:2], channels)
    times = max(1, -(-side // width))
    across = columns or next(k for k in range(1, 9) if k * k >= count)
    gap = (pixels.shape[1] - across * width * times) // (across + 1)
    seen = np.zeros(pixels.shape[:2], bool)
    for position, image in enumerate(images):
        top = gap + position // across * (height * times + gap)
        left = gap + position % across * (width * times + gap)
        place = slice(top, top + height * times), slice(left, left + width * times)
        enlarged = image.transpose(1, 2, 0).repeat(times, axis=0).repeat(times, axis=1)
        np.testing.assert_array_equal(pixels[place], enlarged)
        seen[place] = True
    assert (pixels[~seen] == 255).all()


def test_a_grid_to_the_pixel() -> None:
    images = np.array([[[[0.0, 1.0]]], [[[1.0, 0.0]]], [[[0.5, 0.5]]]])
    white = [255] * 7
    expected = [white, [255, 0, 255, 255, 255, 0, 255], white, [255, 128, 128, 255, 255, 255, 255], white]
    assert grid(images, value_range=(0, 1)).tolist() == expected


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "L")])
def test_channels(channels: int, mode: str) -> None:
    images = np.random.default_rng(0).uniform(-1, 1, (4, channels, 5, 6))
    picture = Picture.of_grid("g", "A grid.", images)
    assert Image.open(BytesIO(picture.png)).mode == mode
    if channels not in (1, 3):
        np.testing.assert_array_equal(decoded(picture), grid(images[:, :1]))


def test_what_lies_outside_the_range_is_cut_off_and_no_number_is_black() -> None:
    row = grid([[[[-5.0, -1.0, 0.0, 1.0, 5.0, np.nan]]]])
    assert row[1, 1:-1].tolist() == [0, 0, 128, 255, 255, 0]


def test_small_images_are_enlarged_whole_times() -> None:
    image = np.zeros((1, 1, 3, 3))
    assert grid(image, side=3).shape == (5, 5)
    assert grid(image, side=4).shape == (8, 8)  # twice
    assert grid(image, side=24).shape == (28, 28)  # eight times, with a gap of two


@pytest.mark.parametrize("shape", [(0, 1, 2, 2), (2, 2), (4, 2, 2), (1, 1, 0, 2), (1, 0, 2, 2)])
def test_what_is_no_batch_of_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"picture 'g': images are \(n, channels, height, width\), not"):
        Picture.of_grid("g", "A grid.", np.zeros(shape))


@pytest.mark.parametrize("png", [b"", b"GIF89a", SIGNATURE[:-1]])
def test_bytes_that_are_no_png_are_refused(png: bytes) -> None:
    with pytest.raises(ValueError, match=r"picture 'p': its bytes are no PNG; Picture\.of_pixels and of_grid"):
        Picture("p", "A picture.", png)


def test_a_large_picture_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (700, 700, 3), np.uint8)
    with pytest.raises(ValueError, match=r"picture 'p': 1\.4 MiB are too many; show fewer or smaller images"):
        Picture.of_pixels("p", "Noise.", noise)
    head = SIGNATURE + bytes(LARGEST - len(SIGNATURE))
    assert Picture("p", "Just so.", head).png == head
