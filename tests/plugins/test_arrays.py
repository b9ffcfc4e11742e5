"""Arrays in files: what is read, and in which words everything else is refused."""

from __future__ import annotations

import gzip
import math
import re
import struct
import zipfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError
from wganalyze_plugins.arrays import ArraySource, Idx, Npy, Npz, channels_first

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

IDX_CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def numbers(*shape: int, kind: str = "f8", seed: int = 0) -> np.ndarray:
    """Whole numbers below 200, of any type."""
    return np.random.default_rng(seed).integers(0, 100, shape).astype(kind)


def idx(array: np.ndarray, code: int | None = None) -> bytes:
    """An array in the idx format, from its definition."""
    kind = array.dtype.str[1:]
    head = struct.pack(f">4B{array.ndim}I", 0, 0, code or IDX_CODES[kind], array.ndim, *array.shape)
    return head + array.astype(f">{kind}").tobytes()


def npy(folder: Path, array: np.ndarray) -> Npy:
    """The array as a source."""
    np.save(folder / "a.npy", array)
    return Npy(str(folder / "a.npy"))


def refusal(make: Callable[[], object]) -> str:
    """The one line that a source is refused with."""
    with pytest.raises(DataError) as caught:
        make()
    text = str(caught.value)
    assert "\n" not in text
    return text


# Shapes and ranges


@pytest.mark.parametrize(
    ("stored", "shape"),
    [
        ((6, 5), (5,)),
        ((6, 28, 20), (1, 28, 20)),
        ((6, 1, 28, 20), (1, 28, 20)),
        ((6, 3, 28, 20), (3, 28, 20)),
        ((6, 28, 20, 1), (1, 28, 20)),
        ((6, 28, 20, 3), (3, 28, 20)),
        ((6, 28, 20, 4), (4, 28, 20)),
        ((6, 3, 20, 3), (3, 20, 3)),
        ((6, 4, 4, 1), (1, 4, 4)),
        ((6, 1, 4, 4), (1, 4, 4)),
        ((6, 4, 4, 3), (3, 4, 4)),
        ((6, 3, 3, 3), (3, 3, 3)),
        ((6, 28, 20, 2), (28, 20, 2)),
        ((6, 2, 3, 4, 5), (2, 3, 4, 5)),
        ((1, 5), (5,)),
    ],
)
def test_shapes(tmp_path: Path, stored: tuple[int, ...], shape: tuple[int, ...]) -> None:
    source = npy(tmp_path, numbers(*stored))
    assert source.shape == shape
    assert source.size == stored[0]
    assert source.everything.values.shape == (stored[0], math.prod(shape))


def test_channels_come_first_and_pixels_stay_together(tmp_path: Path) -> None:
    images = numbers(4, 6, 5, 3, kind="u1")
    source = npy(tmp_path, images)
    found = source.everything.values.reshape(4, *source.shape)
    for channel in range(3):
        np.testing.assert_array_equal(found[:, channel], images[..., channel])
    np.testing.assert_array_equal(channels_first(channels_first(images)), channels_first(images))
    grey = npy(tmp_path, images[..., 0])
    np.testing.assert_array_equal(grey.everything.values.reshape(4, 6, 5), images[..., 0])


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "i8", "f2", "f4", "f8", ">f4", ">i2"])
def test_bytes_span_0_to_255_and_other_numbers_are_used_as_stored(study_of: Call, tmp_path: Path, kind: str) -> None:
    source = npy(tmp_path, numbers(9, 3, kind=kind))
    assert source.value_range == ((0, 255) if kind == "u1" else None)
    np.testing.assert_array_equal(source.everything.values, numbers(9, 3, kind=kind))
    points = study_of(source, n=2, replicates=1).real().points
    assert points.dtype == np.float32
    assert (np.abs(points).max() <= 1) == (kind == "u1")


@pytest.mark.parametrize(
    "array",
    [
        numbers(5, 3) > 50,
        numbers(5, 3, kind="c16"),
        np.array([["a", "b"]]),
        np.zeros((5, 3), "M8[s]"),
        np.zeros(5, [("a", "f8")]),
        numbers(5),
        np.array(1.0),
        np.zeros((0, 3)),
        np.zeros((5, 0)),
    ],
    ids=["bool", "complex", "text", "dates", "records", "one axis", "no axis", "no samples", "no values"],
)
def test_what_is_no_array_of_samples(tmp_path: Path, array: np.ndarray) -> None:
    reason = f"samples are numbers of shape (n, ...), not {array.dtype} {array.shape}"
    assert refusal(lambda: npy(tmp_path, array)) == f"--data npy:{tmp_path}/a.npy: {reason}"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_values_that_are_no_numbers(tmp_path: Path, value: float, kind: str) -> None:
    array = numbers(5, 3, kind=kind)
    array[4, 1] = value
    assert refusal(lambda: npy(tmp_path, array)).endswith("a.npy: NaN or infinity among the values")


# npy


@pytest.mark.parametrize("source", [Npy, Npz, Idx])
def test_a_file_must_be_named_and_be_there(tmp_path: Path, source: type[ArraySource]) -> None:
    assert refusal(source) == f"--data {source.name}: name a file: {source.help}"
    missing = tmp_path / "missing"
    reason = "cannot be read (No such file or directory)"
    assert refusal(lambda: source(str(missing))) == f"--data {source.name}:{missing}: {reason}"
    assert "cannot be read (Is a directory)" in refusal(lambda: source(str(tmp_path)))


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_pickled_objects_are_refused_and_not_run(tmp_path: Path) -> None:
    array = np.array([[Harm(tmp_path / "mark")]], dtype=object)
    np.save(tmp_path / "o.npy", array, allow_pickle=True)
    np.savez(tmp_path / "o.npz", array)
    (tmp_path / "pickle.npy").write_bytes(array.dumps())
    for make in (
        lambda: Npy(str(tmp_path / "o.npy")),
        lambda: Npz(str(tmp_path / "o.npz")),
        lambda: Npy(str(tmp_path / "pickle.npy")),
    ):
        assert re.search(
            "cannot be read .*(Python objects, which are not unpickled|neither npy nor npz)", refusal(make)
        )
    assert not (tmp_path / "mark").exists()
    np.load(tmp_path / "o.npy", allow_pickle=True)
    assert (tmp_path / "mark").exists(), "the array does no harm, so that this test shows nothing"


@pytest.mark.parametrize("source", [Npy, Npz])
@pytest.mark.parametrize("content", [b"", b"hello, I am text", b"\x80\x04N."])
def test_a_file_of_another_kind_is_not_taken_for_a_pickle(
    tmp_path: Path, source: type[ArraySource], content: bytes
) -> None:
    (tmp_path / "f").write_bytes(content)
    text = refusal(lambda: source(str(tmp_path / "f")))
    assert text.endswith("cannot be read (neither npy nor npz, the formats of np.save and np.savez)")


def test_a_reason_of_many_lines_becomes_one(tmp_path: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1)}".ljust(20_000)
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x02\x00" + struct.pack("<I", len(header)) + header + bytes(8))
    assert "Header info length (20000) is large" in refusal(lambda: Npy(str(tmp_path / "a.npy")))


def test_each_source_names_the_other(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbers(5, 3))
    np.savez(tmp_path / "a.npz", a=numbers(5, 3))
    assert "an archive: use npz:FILE#KEY" in refusal(lambda: Npy(str(tmp_path / "a.npz")))
    assert "a single array: use npy:FILE" in refusal(lambda: Npz(str(tmp_path / "a.npy")))


def test_fortran_order_is_the_same_data(tmp_path: Path) -> None:
    one, other = npy(tmp_path, numbers(5, 4, 3)), npy(tmp_path, np.asfortranarray(numbers(5, 4, 3)))
    np.testing.assert_array_equal(one.everything.values, other.everything.values)
    assert one.digest == other.digest
    assert one.digest != npy(tmp_path, numbers(5, 3, 4)).digest
    assert one.digest != npy(tmp_path, numbers(5, 4, 3, seed=1)).digest


# npz


def test_the_only_array_needs_no_key(tmp_path: Path) -> None:
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", images=numbers(5, 3))
        for argument in ("a.npz", "a.npz#images"):
            np.testing.assert_array_equal(Npz(str(tmp_path / argument)).everything.values, numbers(5, 3))


def test_one_of_many_arrays_needs_its_key(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", train=numbers(5, 3), test=numbers(6, 3), labels=numbers(5))
    for key, size in (("train", 5), ("test", 6)):
        assert Npz(str(tmp_path / f"a.npz#{key}")).size == size
    for argument in ("a.npz", "a.npz#valid"):
        text = refusal(partial(Npz, str(tmp_path / argument)))
        assert text.endswith(f"{argument}: cannot be read (name one of its arrays by #KEY: train, test, labels)")
    assert "not float64 (5,)" in refusal(lambda: Npz(str(tmp_path / "a.npz#labels")))


def test_an_archive_of_other_things(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("notes.txt", "hello")
    assert "notes.txt is no array" in refusal(lambda: Npz(str(tmp_path / "a.npz")))
    with zipfile.ZipFile(tmp_path / "a.npz", "w"):
        pass
    assert "name one of its arrays by #KEY: it holds none" in refusal(lambda: Npz(str(tmp_path / "a.npz")))


# idx


@pytest.mark.parametrize("kind", IDX_CODES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_idx_of_every_type(tmp_path: Path, kind: str, pack: Callable[[bytes], bytes]) -> None:
    array = numbers(4, 3, 5, kind=kind)
    array[0, 0, 0] = np.iinfo(kind).max if array.dtype.kind in "iu" else 1.5
    (tmp_path / "a.idx").write_bytes(pack(idx(array)))
    source = Idx(str(tmp_path / "a.idx"))
    assert source.shape == (1, 3, 5)
    assert source.value_range == ((0, 255) if kind == "u1" else None)
    found = source.everything
    np.testing.assert_array_equal(found.values.reshape(4, 3, 5), array)
    assert found.values.dtype == np.dtype(kind)
    assert found.labels is None


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
    ],
)
def test_labels_are_found_beside_the_images(tmp_path: Path, images: str, labels: str) -> None:
    pack = gzip.compress if images.endswith(".gz") else bytes
    (tmp_path / images).write_bytes(pack(idx(numbers(7, 2, 2, kind="u1"))))
    assert Idx(str(tmp_path / images)).everything.labels is None
    (tmp_path / labels).write_bytes(pack(idx(np.arange(7, dtype="u1"))))
    source = Idx(str(tmp_path / images))
    assert source.everything.labels is not None
    assert source.everything.labels.dtype == np.int64
    drawn = source.draw(7, Split("x"), offset=0, seed=1)
    assert drawn.labels is not None
    assert drawn.labels.tolist() != list(range(7)), "shuffled"
    np.testing.assert_array_equal(drawn.values, source.everything.values[drawn.labels])


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    images, labels = tmp_path / "a-images-idx3-ubyte", tmp_path / "a-labels-idx1-ubyte"
    images.write_bytes(idx(numbers(7, 2, 2, kind="u1")))
    for content, reason in (
        (idx(np.arange(6, dtype="u1")), "(6,) labels for 7 images"),
        (idx(numbers(7, 2, kind="u1")), "(7, 2) labels for 7 images"),
        (idx(np.arange(7, dtype="u1"))[:-1], "the labels cannot be read (6 bytes of values, its header says 7)"),
        (b"no labels", "the labels cannot be read (not an idx file)"),
    ):
        labels.write_bytes(content)
        assert refusal(lambda: Idx(str(images)).everything) == f"{labels}: {reason}"


GOOD = idx(numbers(5, 4, 3, kind="u1"))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an idx file"),
        (b"\0\0", "not an idx file"),
        (b"\x01" + GOOD[1:], "not an idx file"),
        (b"hello, I am text", "not an idx file"),
        (GOOD[:2] + b"\x0a" + GOOD[3:], "not an idx file"),
        (GOOD[:-1], "59 bytes of values, its header says 60"),
        (GOOD + b"\0", "61 bytes of values, its header says 60"),
        (GOOD[:10], "unpack requires a buffer of 12 bytes"),
        (gzip.compress(GOOD)[:-9], "end-of-stream marker"),
        (gzip.compress(GOOD)[:20] + b"\xff" * 20, "cannot be read"),
        (idx(numbers(3, kind="u1")), r"not uint8 (3,)"),
        (struct.pack(">4B", 0, 0, 8, 0) + b"\x05", "not uint8 ()"),
        (struct.pack(">4B3I", 0, 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"\0" * 9, "9 bytes of values"),
    ],
    ids=range(13),
)
def test_a_damaged_idx_file(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.idx").write_bytes(content)
    text = refusal(lambda: Idx(str(tmp_path / "a.idx")))
    assert text.startswith(f"--data idx:{tmp_path}/a.idx: ")
    assert reason in text


# Damage


@pytest.mark.parametrize("kind", ["npy", "npz", "compressed npz", "idx", "idx.gz"])
def test_damage_is_told_in_one_line(tmp_path: Path, kind: str) -> None:
    """Bytes changed or cut off anywhere: an array, or a DataError, and nothing else."""
    path, rng = tmp_path / "f", np.random.default_rng(0)
    array = numbers(5, 4, 3, kind="u1")
    source: type[ArraySource] = Npy if kind == "npy" else Npz if "npz" in kind else Idx
    with path.open("wb") as file:
        if source is Idx:
            file.write(gzip.compress(idx(array)) if "gz" in kind else idx(array))
        else:
            {"npy": np.save, "npz": np.savez, "compressed npz": np.savez_compressed}[kind](file, array)
    whole = path.read_bytes()
    assert source(str(path)).size == 5
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole[: rng.integers(len(whole))] if rng.random() < 0.3 else whole)
        for _ in range(rng.integers(1, 4)):
            if damaged:
                damaged[rng.integers(min(len(damaged), 120))] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            source(str(path))
        except DataError as error:
            refused += "\n" not in str(error)
    assert refused > 100


# Draws


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Npy:
    """A file of 97 distinct rows: row i is (i, -i)."""
    column = np.arange(97.0)
    return npy(tmp_path_factory.mktemp("rows"), np.stack([column, -column], axis=1))


@settings(max_examples=50)
@given(cuts=st.lists(st.integers(0, 97), max_size=6), seed=st.integers(0, 2**32))
def test_draws_at_offsets_that_do_not_overlap_share_no_row(rows: Npy, cuts: list[int], seed: int) -> None:
    ends = sorted({0, *cuts, 97})
    drawn = [rows.draw(stop - start, Split("x"), offset=start, seed=seed).values for start, stop in pairwise(ends)]
    everything = np.concatenate(drawn)
    np.testing.assert_array_equal(np.sort(everything[:, 0]), np.arange(97))
    np.testing.assert_array_equal(everything[:, 1], -everything[:, 0])
    again = Npy(rows.argument)
    np.testing.assert_array_equal(again.draw(97, Split("fit", 3), offset=0, seed=seed).values, everything)
    assert again.digest == rows.digest


@settings(max_examples=50)
@given(n=st.integers(2, 13), replicates=st.integers(1, 3), seed=st.integers(0, 1000))
def test_a_plan_deals_no_row_of_a_file_twice(study_of: Call, rows: Npy, n: int, replicates: int, seed: int) -> None:
    study = study_of(rows, n=n, replicates=replicates, seed=seed)
    dealt = [study.real(replicate=r, split=name).points[:, 0] for r in range(replicates) for name in ("x", "x2")]
    dealt.append(study.real(study.fit_size, split="fit").points[:, 0])
    everything = np.concatenate(dealt)
    assert len(np.unique(everything)) == len(everything) == 2 * n * replicates + study.fit_size


@pytest.mark.parametrize(("n", "offset"), [(98, 0), (1, 97), (50, 48)])
def test_more_than_there_is(rows: Npy, n: int, offset: int) -> None:
    text = refusal(lambda: rows.draw(n, Split("x"), offset=offset, seed=0))
    assert text == f"npy: {n + offset} samples were asked for, there are 97"


# Real files


@pytest.mark.field
def test_mnist(field: Path) -> None:
    source = Idx(str(field / "mnist-t10k/t10k-images-idx3-ubyte.gz"))
    assert (source.size, source.shape, source.value_range) == (10_000, (1, 28, 28), (0, 255))
    labels = source.everything.labels
    assert labels is not None
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    pixels = source.everything.values / 255
    assert abs(pixels.mean() - 0.1307) < 0.003
    assert abs(pixels.std() - 0.3081) < 0.003
