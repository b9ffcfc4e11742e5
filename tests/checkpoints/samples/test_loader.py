"""Stored samples: arrays and images as NumPy and Pillow write them, opened by their headers, read as float32."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.contracts.samples import Samples
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.samples.images import FEWEST
from wganalyze_checkpoints.samples.loader import StoredSamples

LOADER = StoredSamples()
RNG = np.random.default_rng(0)


def npy(array: npt.NDArray[Any], version: tuple[int, int] | None = None) -> bytes:
    """What ``np.save`` writes."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, version)
    return buffer.getvalue()


def npz(compressed: bool = False, **arrays: Any) -> bytes:
    """What ``np.savez`` writes."""
    buffer = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def header(text: str, values: bytes = b"") -> bytes:
    """An npy file with a header of one's own."""
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + values


def opened(path: Path) -> Part:
    """The only part, of a path that is claimed."""
    assert LOADER.sniff(path) == 0.9
    (part,) = LOADER.open(path)
    assert (part.path, part.kind, part.name, part.role) == (path, "samples", "", None)
    assert (part.read_tensors, part.read_module, part.fill) == (None, None, None)
    return part


def read(path: Path) -> Samples:
    """Its samples."""
    reader = opened(path).read_samples
    assert reader is not None
    return reader()


def refusal(path: Path) -> str:
    """The one line that refuses a file, whether it is opened or read."""

    def read_all() -> None:
        for part in LOADER.open(path):
            assert part.read_samples is not None
            part.read_samples()

    with pytest.raises(CheckpointError) as caught:
        read_all()
    line = str(caught.value)
    assert line.isprintable()
    assert str(path) in line
    return line


# Arrays


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "i8", "u2"])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_numbers_are_read_as_stored(
    write: Callable[..., Path], dtype: str, order: Any, version: tuple[int, int]
) -> None:
    array = np.asarray(RNG.normal(0, 30, (7, 3, 2, 5)).astype(dtype), order=order)
    for content, key in ((npy(array, version), "samples"), (npz(samples=array), "samples"), (npz(x=array), "x")):
        path = write(content, "anything")
        part = opened(path)
        assert part.keys == {key: TensorSpec((7, 3, 2, 5), array.dtype.name)}
        assert part.facts == {}
        found = read(path)
        assert found.points.dtype == np.float32
        assert found.shape == (3, 2, 5)
        assert found.labels is None
        np.testing.assert_array_equal(found.points, array.reshape(7, -1).astype(np.float32))


@given(
    hnp.arrays(
        st.sampled_from(["f4", "u1", "i4"]),
        hnp.array_shapes(min_dims=2, max_dims=5, max_side=5),
        elements=st.integers(0, 9),
    )
)
def test_any_array_of_rows_is_read_and_no_other(write: Callable[..., Path], array: npt.NDArray[Any]) -> None:
    path = write(npy(array))
    if array.ndim == 4 and array.shape[2:] == (1, 1) and array.shape[1] > 4:
        assert LOADER.sniff(path) == 0
        assert "fixed noise" in refusal(path)
        return
    assert LOADER.sniff(path) == (0.9 if len(array) > 1 else 0)
    if len(array) < 2:
        assert "n of 2 or more" in refusal(path)
        return
    found = read(path)
    assert len(found) == len(array)
    assert found.dim == array[0].size == np.prod(found.shape)
    np.testing.assert_array_equal(np.sort(found.points, axis=1), np.sort(array.reshape(len(array), -1), axis=1))


def test_many_rows_are_read_piece_by_piece(write: Callable[..., Path]) -> None:
    array = RNG.integers(0, 255, (3000, 64, 64, 3), np.uint8)
    part = opened(write(npz(arr_0=array)))
    assert part.read_samples is not None
    wanted = array.transpose(0, 3, 1, 2).reshape(3000, -1)
    tracemalloc.start()
    found = part.read_samples()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.shape == (3, 64, 64)
    assert peak < 4 * array.nbytes + 2**26  # the result, and a piece of 4 MiB in a few forms
    np.testing.assert_array_equal(found.points, wanted)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((4, 8, 6, 3), (3, 8, 6)),
        ((4, 8, 6, 1), (1, 8, 6)),
        ((4, 8, 6, 4), (4, 8, 6)),
        ((4, 3, 8, 6), (3, 8, 6)),
        ((4, 1, 28, 28), (1, 28, 28)),
        ((4, 8, 6), (1, 8, 6)),
        ((4, 5), (5,)),
        ((4, 8, 6, 5), (8, 6, 5)),
    ],
)
def test_images_come_channels_first(
    write: Callable[..., Path], shape: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    array = RNG.integers(0, 255, shape, np.uint8)
    path = write(npy(array))
    assert (opened(path).value_range, opened(path).facts) == ((0.0, 255.0), {})
    found = read(path)
    assert found.shape == wanted
    moved = np.moveaxis(array, -1, 1) if len(shape) == 4 and wanted[1:] == shape[1:3] else array
    np.testing.assert_array_equal(found.points, moved.reshape(4, -1))


def test_samples_of_adm_with_classes(write: Callable[..., Path]) -> None:
    images, classes = RNG.integers(0, 255, (6, 8, 8, 3), np.uint8), np.arange(6)
    path = write(npz(arr_0=images, arr_1=classes))
    assert opened(path).keys.keys() == {"arr_0", "arr_1"}
    found = read(path)
    assert found.shape == (3, 8, 8)
    np.testing.assert_array_equal(found.labels, classes)


@pytest.mark.parametrize("name", ["samples", "images", "fake", "fakes", "x", "arr_0", "whatever"])
@pytest.mark.parametrize("compressed", [True, False])
def test_the_samples_of_an_archive_are_found(write: Callable[..., Path], name: str, compressed: bool) -> None:
    array = RNG.normal(size=(5, 2))
    content = npz(compressed, losses=RNG.normal(size=9), **{name: array})
    np.testing.assert_array_equal(read(write(content)).points, array.astype(np.float32))


@pytest.mark.parametrize("name", ["labels", "y"])
def test_labels_beside_samples(write: Callable[..., Path], name: str) -> None:
    array = RNG.normal(size=(5, 2))
    for dtype in (np.int64, np.uint8):
        named: dict[str, Any] = {name: np.arange(5, dtype=dtype)}
        found = read(write(npz(samples=array, **named))).labels
        assert found is not None
        assert found.dtype == np.int64
        assert list(found) == [0, 1, 2, 3, 4]
    for wrong in (np.arange(4), np.eye(5), np.zeros(5)):
        named = {name: wrong}
        path = write(npz(samples=array, **named))
        assert f"its {name} are not used" in opened(path).problems[0]
        assert read(path).labels is None


@pytest.mark.parametrize("shape", [(5,), (5, 1)])
def test_scores_beside_samples_are_facts_and_no_critic(write: Callable[..., Path], shape: tuple[int, ...]) -> None:
    scores = RNG.normal(size=5).astype(np.float32)
    part = opened(write(npz(True, samples=RNG.normal(size=(5, 2)), scores=scores.reshape(shape))))
    assert part.facts["scores"] == 5
    assert part.facts["score_mean"] == pytest.approx(scores.mean(dtype=np.float64))
    assert part.facts["score_std"] == pytest.approx(scores.std(dtype=np.float64))
    assert "do not make a critic" in part.problems[0]
    for wrong in (np.zeros(4), np.full(5, np.nan), np.array(["a"] * 5)):
        part = opened(write(npz(samples=np.ones((5, 2)), scores=wrong)))
        assert not part.facts


@pytest.mark.parametrize(
    "content",
    [
        npy(np.arange(100.0)),
        npy(np.zeros((0, 3))),
        npy(np.zeros((1, 3))),
        npy(np.zeros((5, 0))),
        npy(np.float64(3)),  # type: ignore[arg-type]
        npy(np.array([["a", "b"], ["c", "d"]])),
        npy(np.ones((3, 2), complex)),
        npy(np.ones((3, 2), bool)),
        npz(mu=np.zeros(8), sigma=np.eye(8)),
        npz(x_train=np.ones((3, 4, 4), np.uint8), y_train=np.ones(3)),
        npz(a=np.ones((3, 4)), b=np.ones((3, 4))),
        npz(losses=np.ones(3)),
        b"",
        b"\x93NUM",
        b"PK\x03\x04",
        b"text",
    ],
)
def test_what_is_no_sample_is_left_to_others(write: Callable[..., Path], content: bytes) -> None:
    path = write(content)
    assert LOADER.sniff(path) == 0
    refusal(path)


def test_files_of_torch_are_not_claimed(save: Callable[..., Path]) -> None:
    for form in ("zip", "legacy"):
        assert LOADER.sniff(save({"samples": torch.ones(4, 2)}, form)) == 0


# Damage


class Harmful:
    """Unpickled, it writes a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> Any:
        return exec, (f"open({self.marker!r}, 'w').close()",)


def test_objects_are_refused_and_not_unpickled(write: Callable[..., Path], marker: Path) -> None:
    array = np.array([[Harmful(marker)] * 2] * 3, dtype=object)
    for content in (npy(array), npz(samples=array)):
        path = write(content)
        assert 0 < LOADER.sniff(path) < 0.9
        assert "Python objects, which are not unpickled" in refusal(path)
    path = write(npz(samples=np.ones((3, 2)), notes=array))
    assert read(path).shape == (2,)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_nan_and_infinity_are_refused(write: Callable[..., Path], bad: float) -> None:
    array = np.ones((5, 2))
    array[3, 1] = bad
    for content in (npy(array), npy(np.asfortranarray(array)), npz(samples=array)):
        assert "NaN or infinity" in refusal(write(content))


@pytest.mark.parametrize("compressed", [True, False, None])
def test_a_file_that_was_cut_off_is_told_in_one_line(write: Callable[..., Path], compressed: bool | None) -> None:
    array = RNG.normal(size=(50, 7))
    content = npy(array) if compressed is None else npz(compressed, samples=array, labels=np.arange(50))
    for i in range(20):
        path = write(content[: i * len(content) // 20])
        assert LOADER.sniff(path) == (0.3 if i else 0)
        refusal(path)
    read(write(content))


def test_headers_that_lie_are_damage_in_one_line(write: Callable[..., Path]) -> None:
    plain = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }\n"
    hostile = {
        "terabytes": header(plain % "(1000000000000, 4)", b"1234"),
        "overflow": header(plain % f"({2**62}, {2**62})"),
        "negative": header(plain % "(-4, -4)", bytes(64)),
        "nested": header("(" * 5000),
        "signs": header("-" * 9000 + "1"),
        "long": header(" " * 60000),
        "no dict": header("[]"),
        "no dtype": header("{'descr': 'q', 'fortran_order': 1, 'shape': (2, 2)}"),
        "no tuple": header(plain % "4"),
        "bad text": header("{'descr': '\x00"),
        "unclosed": header("{'descr': '<f4', 'fortran_order': False, 'shape': (1L, "),
        "code": header("__import__('os').system('true')"),
        "structured": npy(np.zeros(3, [("a", "f4"), ("b", "f4")])),
        "subarray": header("{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (3, 2), }", bytes(48)),
        "version": b"\x93NUMPY\x09\x00" + bytes(100),
        "no length": b"\x93NUMPY\x02\x00",
        "a header of 4 GB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(10**5),
    }
    for name, content in hostile.items():
        path = write(content)
        assert LOADER.sniff(path) <= 0.3, name
        refusal(path)


def test_a_bomb_is_refused_before_it_is_unpacked(write: Callable[..., Path]) -> None:
    size = 2**31
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("samples.npy", "w", force_zip64=True) as record,
    ):
        record.write(header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': (2, {size}), }}"))
        for _ in range(2 * size // 2**24 // 8):  # an eighth is enough to be one
            record.write(bytes(2**24))
    path = write(buffer.getvalue())
    tracemalloc.start()
    line = refusal(path)
    assert LOADER.sniff(path) == 0.3
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()
    assert "would unpack to" in line


def test_equal_samples_pack_well_and_are_no_bomb(write: Callable[..., Path]) -> None:
    array = np.zeros((2000, 32, 32, 3), np.uint8)
    content = npz(True, arr_0=array)
    assert array.nbytes > 500 * len(content)
    assert read(write(content)).points.max() == 0


def test_records_of_one_name_are_refused(write: Callable[..., Path]) -> None:
    buffer = io.BytesIO(npz(samples=np.ones((3, 2))))
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("samples.npy", npy(np.zeros((3, 2))))
    assert "one name" in refusal(write(buffer.getvalue()))


def test_values_that_changed_in_the_zip_are_found(write: Callable[..., Path]) -> None:
    content = bytearray(npz(samples=np.ones((30, 20))))
    content[1000] ^= 1
    assert "CRC" in refusal(write(bytes(content)))


def test_a_large_file_is_opened_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f4", "fortran_order": False, "shape": (50_000, 3, 131, 131)}
        )
        file.truncate(file.tell() + 4 * 50_000 * 3 * 131 * 131)
    assert path.stat().st_size > 10 * 10**9
    tracemalloc.start()
    part = opened(path)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    assert part.keys["samples"].shape == (50_000, 3, 131, 131)


def test_a_file_that_is_gone(write: Callable[..., Path]) -> None:
    path = write(npy(np.ones((3, 2))))
    part = opened(path)
    assert part.read_samples is not None
    path.unlink()
    assert LOADER.sniff(path) == 0
    assert "cannot be read" in refusal(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        part.read_samples()


# Folders


def pixels(n: int, channels: int, size: int = 5) -> npt.NDArray[np.uint8]:
    """Random images, channels last."""
    shape = (n, size, size + 1) if channels == 1 else (n, size, size + 1, channels)
    return RNG.integers(0, 255, shape, np.uint8)


def write_images(folder: Path, images: npt.NDArray[np.uint8], suffix: str = ".png") -> Path:
    """A folder of images, numbered with five digits as StyleGAN's ``generate.py`` does."""
    folder.mkdir(exist_ok=True)
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:05d}{suffix}")
    return folder


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_a_folder_of_images_is_one_part(tmp_path: Path, channels: int, suffix: str) -> None:
    images = pixels(9, channels)
    folder = tmp_path / "samples"
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:05d}{suffix}", lossless=True)
    part = opened(folder)
    kept = images[..., None] if channels == 1 else images[..., :3]
    assert part.others == tuple(sorted(folder.iterdir()))
    assert (part.value_range, part.facts) == ((0.0, 255.0), {})
    found = read(folder)
    if channels == 1 and suffix == ".webp":  # which knows colours only
        kept = np.repeat(kept, 3, axis=-1)
    assert part.keys == {"images": TensorSpec((9, kept.shape[-1], 5, 6), "uint8")}
    assert found.shape == (kept.shape[-1], 5, 6)
    if not (suffix == ".webp" and channels == 4):  # whose transparent pixels lose their colour
        np.testing.assert_array_equal(found.points, kept.transpose(0, 3, 1, 2).reshape(9, -1))


def test_jpegs_under_both_names(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "s", pixels(FEWEST, 3), ".jpg")
    (folder / "00003.jpg").rename(folder / "00003.JPEG")
    assert read(folder).shape == (3, 5, 6)


def test_grey_beside_colour_becomes_colour(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "s", pixels(FEWEST, 3))
    grey = pixels(1, 1)[0]
    Image.fromarray(grey).save(folder / "00004.png")
    np.testing.assert_array_equal(read(folder).points[4].reshape(3, 5, 6), np.stack([grey] * 3))


def test_notes_beside_images_do_not_matter(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "s", pixels(FEWEST, 3))
    for name in ("notes.txt", "args.json", ".hidden", "Thumbs.db"):
        (folder / name).write_text("{}")
    assert len(opened(folder).others) == FEWEST


@pytest.mark.parametrize(
    "spoil",
    [
        lambda folder: (folder / "00000.png").unlink(),
        lambda folder: (folder / "netG.pth").write_bytes(b"\x80"),
        lambda folder: (folder / "weights").write_bytes(b"\x80"),
        lambda folder: (folder / "more").mkdir(),
        lambda folder: Image.new("RGB", (5, 5)).save(folder / "a.bmp"),
        lambda folder: (folder / "00000.png").write_bytes(b"no image"),
        lambda folder: [f.rename(folder / f"fake_epoch_{f.name}") for f in folder.iterdir()],
        lambda folder: [f.rename(folder / f"{f.stem}-iter.png") for f in folder.iterdir()],
        lambda folder: [f.unlink() for f in folder.iterdir()],
    ],
)
def test_other_folders_are_looked_into(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    folder = write_images(tmp_path / "s", pixels(FEWEST, 3))
    assert LOADER.sniff(folder) == 0.9
    spoil(folder)
    assert LOADER.sniff(folder) == 0
    assert "is no folder of samples" in refusal(folder)


def test_images_that_do_not_fit_are_named(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "s", pixels(FEWEST, 3))
    odd = folder / "00000.png"
    good = odd.read_bytes()
    Image.new("RGB", (7, 5)).save(odd)
    assert f"{odd}: is 7x5, the other images are 6x5" in refusal(folder)
    Image.fromarray(np.zeros((5, 6), np.uint16)).save(odd)
    assert f"{odd}: has more than 8 bits" in refusal(folder)
    for end in range(8, len(good) - 24, max(1, len(good) // 20)):  # at its end are checks and marks only
        odd.write_bytes(good[:end])
        assert f"{odd}: cannot be read as an image" in refusal(folder)
    odd.unlink()
    with pytest.raises(CheckpointError, match="is no folder of samples"):
        LOADER.open(folder)


def test_an_image_that_claims_to_be_vast_is_refused(tmp_path: Path) -> None:
    folder = write_images(tmp_path / "s", pixels(FEWEST, 3))
    vast = bytearray((folder / "00000.png").read_bytes())
    vast[16:24] = (60_000).to_bytes(4, "big") * 2
    (folder / "00000.png").write_bytes(vast)
    assert "00000.png: cannot be read as an image" in refusal(folder)
