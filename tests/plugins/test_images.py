"""A folder of images: modes, sizes, classes, and what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError
from wganalyze_plugins.images import Folder

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

RNG = np.random.default_rng(0)


def pixels(*shape: int) -> np.ndarray:
    """Random bytes."""
    return RNG.integers(0, 256, shape).astype(np.uint8)


def save(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    """An image file, its folder made; ``mode`` converts it first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path)
    return path


def images(source: Folder) -> np.ndarray:
    """(n, C, H, W)."""
    return source.everything.values.reshape(-1, *source.shape)


# Modes


def test_grey_images(tmp_path: Path) -> None:
    stored = pixels(5, 7, 6)
    for i, image in enumerate(stored):
        save(tmp_path / f"{i}.png", image)
    source = Folder(str(tmp_path))
    assert (source.shape, source.size, source.value_range, source.classes) == ((1, 7, 6), 5, (0, 255), None)
    np.testing.assert_array_equal(images(source)[:, 0], stored)
    assert source.everything.labels is None
    assert source.everything.values.dtype == np.uint8


def test_colour_images_become_channels_first(tmp_path: Path) -> None:
    stored = pixels(4, 7, 6, 3)
    for i, (image, ending) in enumerate(zip(stored, ("png", "bmp", "tif", "ppm"), strict=True)):
        save(tmp_path / f"{i}.{ending}", image)
    source = Folder(str(tmp_path))
    assert source.shape == (3, 7, 6)
    np.testing.assert_array_equal(images(source), stored.transpose(0, 3, 1, 2))


def test_black_and_white_is_0_and_255(tmp_path: Path) -> None:
    stored = pixels(6, 6) > 127
    save(tmp_path / "a.png", stored)
    np.testing.assert_array_equal(images(Folder(str(tmp_path)))[0, 0], 255 * stored)


def test_transparency_is_dropped_and_the_colours_stay(tmp_path: Path) -> None:
    colours = pixels(5, 4, 4)
    save(tmp_path / "colour" / "a.png", colours)
    np.testing.assert_array_equal(images(Folder(str(tmp_path / "colour")))[0], colours[..., :3].transpose(2, 0, 1))
    save(tmp_path / "grey" / "a.png", colours[..., :2])
    np.testing.assert_array_equal(images(Folder(str(tmp_path / "grey"))), colours[None, None, ..., 0])


@pytest.mark.parametrize("transparent", [False, True])
def test_a_palette_is_looked_up(tmp_path: Path, transparent: bool) -> None:
    index, palette = RNG.integers(0, 8, (5, 4)).astype(np.uint8), pixels(8, 3)
    image = Image.fromarray(index, "P")
    image.putpalette(palette.tobytes())
    if transparent:
        image.info["transparency"] = bytes(range(0, 200, 25))
    image.save(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "P"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(images(Folder(str(tmp_path)))[0], palette[index].transpose(2, 0, 1))


def test_one_colour_image_makes_all_of_them_colour(tmp_path: Path) -> None:
    grey, colour = pixels(5, 4), pixels(5, 4, 3)
    save(tmp_path / "a.png", grey)
    save(tmp_path / "b.png", colour)
    source = Folder(str(tmp_path))
    assert source.shape == (3, 5, 4)
    np.testing.assert_array_equal(images(source), [[grey] * 3, colour.transpose(2, 0, 1)])


def test_lossy_colour_of_another_space(tmp_path: Path) -> None:
    flat = np.full((8, 8, 3), (200, 30, 90), np.uint8)
    save(tmp_path / "a.jpg", flat)
    save(tmp_path / "b.jpeg", flat, "CMYK")
    found = images(Folder(str(tmp_path))).astype(int)
    assert np.abs(found - flat.transpose(2, 0, 1)).max() <= 4


@pytest.mark.parametrize(("kind", "ending", "mode"), [("u2", "png", "I;16"), ("i4", "tif", "I"), ("f4", "tif", "F")])
@pytest.mark.parametrize("first", [True, False])
def test_deep_images_would_be_clipped_and_are_refused(
    tmp_path: Path, kind: str, ending: str, mode: str, first: bool
) -> None:
    deep = save(tmp_path / f"b.{ending}", np.linspace(0, 60000, 20).reshape(5, 4).astype(kind))
    save(tmp_path / f"{'c' if first else 'a'}.png", pixels(5, 4))
    with pytest.raises(DataError) as caught:
        _ = Folder(str(tmp_path)).everything
    assert str(caught.value) == f"{deep}: has more than 8 bits a pixel ({mode}); save it with 8, or use npy:FILE"


# Sizes


def test_images_of_two_sizes(tmp_path: Path) -> None:
    save(tmp_path / "a.png", pixels(7, 6))
    other = save(tmp_path / "b.png", pixels(7, 8))
    with pytest.raises(DataError) as caught:
        _ = Folder(str(tmp_path)).everything
    assert str(caught.value) == (
        f"{other}: is 8x7, a.png is 6x7; say --data folder:{tmp_path}#6 to bring all to one size"
    )
    source = Folder(f"{tmp_path}#6")
    assert source.shape == (1, 6, 6)
    assert images(source).shape == (2, 1, 6, 6)


@pytest.mark.parametrize("channels", [(), (3,)])
def test_a_size_cuts_the_middle_square(tmp_path: Path, channels: tuple[int, ...]) -> None:
    wide = pixels(6, 10, *channels)
    save(tmp_path / "a.png", wide)
    found = images(Folder(f"{tmp_path}#6"))[0]
    middle = wide[:, 2:8]
    np.testing.assert_array_equal(found, middle[None] if not channels else middle.transpose(2, 0, 1))


def test_a_size_scales(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 64), (64, 1)).astype(np.uint8)
    save(tmp_path / "a.png", ramp)
    found = images(Folder(f"{tmp_path}#16"))[0, 0].astype(int)
    assert found.shape == (16, 16)
    means = ramp.reshape(64, 16, 4).mean(axis=2)[::4]
    assert np.abs(found - means).max() <= 4
    np.testing.assert_array_equal(images(Folder(f"{tmp_path}#64"))[0, 0], ramp)


@pytest.mark.parametrize("size", ["", "0", "-8", "8x8", "big", "²", "8.0"])
def test_a_size_that_is_none(tmp_path: Path, size: str) -> None:
    save(tmp_path / "a.png", pixels(6, 6))
    with pytest.raises(DataError, match=r"the size behind # is a number of pixels, as folder:DIR#64"):
        Folder(f"{tmp_path}#{size}")


# Classes


def test_folders_are_classes_in_the_order_of_their_names(tmp_path: Path) -> None:
    stored = {name: save(tmp_path / name, pixels(4, 4)) for name in ("dog/1.png", "cat/9.png", "cat/deep/2.png")}
    source = Folder(str(tmp_path))
    assert (source.classes, source.size) == (2, 3)
    assert source.everything.labels is not None
    assert source.everything.labels.dtype == np.int64
    assert dict(zip(source.files, source.everything.labels.tolist(), strict=True)) == {
        stored["cat/9.png"]: 0,
        stored["cat/deep/2.png"]: 0,
        stored["dog/1.png"]: 1,
    }
    drawn = source.draw(3, Split("x"), offset=0, seed=0)
    for values, label in zip(drawn.values, drawn.labels if drawn.labels is not None else [], strict=True):
        row = source.everything.values.tolist().index(values.tolist())
        assert source.everything.labels[row] == label


def test_an_image_outside_of_every_class_means_that_there_are_none(tmp_path: Path) -> None:
    for name in ("dog/1.png", "cat/9.png", "loose.png"):
        save(tmp_path / name, pixels(4, 4))
    source = Folder(str(tmp_path))
    assert source.classes is None
    assert source.everything.labels is None
    assert source.size == 3


def test_what_is_no_image_is_left_alone(tmp_path: Path) -> None:
    save(tmp_path / "A.PNG", pixels(4, 4))
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "folder.png").mkdir()
    assert [file.name for file in Folder(str(tmp_path)).files] == ["A.PNG"]


# Refusals


@pytest.mark.parametrize("argument", ["", "#8", "/nowhere", "/nowhere#8"])
def test_no_folder(argument: str) -> None:
    with pytest.raises(DataError) as caught:
        Folder(argument)
    named = argument.partition("#")[0] or "(none named)"
    assert str(caught.value) == f"--data folder:{argument}: there is no folder {named}"


def test_a_folder_without_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=rf"--data folder:{tmp_path}: holds no image \(\.bmp, "):
        Folder(str(tmp_path))


@pytest.mark.parametrize("position", ["a", "z"])
@pytest.mark.parametrize("damage", ["empty", "text", "cut", "header only"])
def test_a_broken_image_is_named(tmp_path: Path, position: str, damage: str) -> None:
    save(tmp_path / "m.png", pixels(32, 32))
    whole = (tmp_path / "m.png").read_bytes()
    broken = tmp_path / f"{position}.png"
    broken.write_bytes({"empty": b"", "text": b"hello", "cut": whole[:-400], "header only": whole[:40]}[damage])
    with pytest.raises(DataError) as caught:
        _ = Folder(str(tmp_path)).everything
    text = str(caught.value)
    assert text.startswith(f"{broken}: cannot be read as an image (")
    assert text.endswith("; remove or repair it")
    assert "\n" not in text


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "gif", "tif", "webp", "ppm"])
def test_damage_is_told_in_one_line(tmp_path: Path, ending: str) -> None:
    """Bytes changed or cut off anywhere: an image, or a DataError, and nothing else."""
    path, rng = save(tmp_path / f"a.{ending}", pixels(16, 16, 3)), np.random.default_rng(2)
    whole = path.read_bytes()
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.integers(1, 4)):
            if damaged:
                damaged[rng.integers(min(len(damaged), 100))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _ = Folder(str(tmp_path)).everything
        except DataError as error:
            refused += "\n" not in str(error)
    assert refused > 10


# As a source


def test_order_and_content_are_those_of_the_files(tmp_path: Path) -> None:
    for name in ("b.png", "a.png", "c.png"):
        save(tmp_path / "one" / name, pixels(4, 4))
        save(tmp_path / "two" / name, pixels(4, 4))
    one, again, two = (Folder(str(tmp_path / name)) for name in ("one", "one", "two"))
    assert [file.name for file in one.files] == ["a.png", "b.png", "c.png"]
    assert one.digest == again.digest != two.digest
    assert Folder(f"{tmp_path / 'one'}#2").digest != one.digest


def test_bytes_are_brought_to_the_critics_range(study_of: Call, tmp_path: Path) -> None:
    for i in range(6):
        save(tmp_path / f"{i}.png", np.array([[0, 255, 51], [i, i, i]], np.uint8))
    points = study_of(Folder(str(tmp_path)), n=2, replicates=1, range=(0, 1)).real().points
    np.testing.assert_allclose(points[:, :3], [[0, 1, 0.2]] * 2, rtol=1e-6)
