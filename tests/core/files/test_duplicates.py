"""Files that hold the same are found as reading all of them would find them, and at less cost."""

from __future__ import annotations

import io
import os
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.files import duplicates
from wganalyze.files.duplicates import Equal, equal_files


def archive(folder: str, records: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of records below a folder."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as made:
        for name, content in records.items():
            made.writestr(zipfile.ZipInfo(f"{folder}/{name}"), content, packing)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[bytes]], list[Path]]:
    """Writes contents to the files 0, 1, 2, ... of a new folder."""

    def write(contents: list[bytes]) -> list[Path]:
        root = tmp_path_factory.mktemp("files")
        for number, content in enumerate(contents):
            (root / str(number)).write_bytes(content)
        return [root / str(number) for number in range(len(contents))]

    return write


def numbers(groups: list[Equal], *, identical: bool) -> list[list[int]]:
    """The groups of one sort, by the numbers that ``folder`` gave the files."""
    return sorted([int(path.name) for path in group.paths] for group in groups if group.identical == identical)


def brute_force(contents: list[object]) -> list[list[int]]:
    """The groups of two or more equal contents; None is left out."""
    groups = [[j for j, other in enumerate(contents) if other == content] for content in contents if content]
    return sorted(group for i, group in enumerate(groups) if len(group) > 1 and group not in groups[:i])


records = st.dictionaries(st.sampled_from(["data.pkl", "data/0"]), st.sampled_from([b"", b"a", b"b"]), min_size=1)
archives = st.tuples(st.sampled_from(["x", "y", "a/b"]), records)


@given(st.lists(archives | st.sampled_from([b"", b"a", b"b", b"PK\x03\x04", b"a" * 9000, b"a" * 8999 + b"b"])))
def test_the_groups_are_those_that_comparing_all_bytes_gives(
    folder: Callable[[list[bytes]], list[Path]], files: list[tuple[str, dict[str, bytes]] | bytes]
) -> None:
    contents = [file if isinstance(file, bytes) else archive(*file) for file in files]
    equal = equal_files(folder(contents))
    assert numbers(equal, identical=True) == brute_force([*contents])
    alike = brute_force([None if isinstance(f, bytes) else (f[0].count("/") * "/", [*f[1].items()]) for f in files])
    assert numbers(equal, identical=False) == [g for g in alike if len({contents[i] for i in g}) > 1]


def test_torch_files_of_the_same_tensors_under_two_names(tmp_path: Path) -> None:
    """torch names the folder inside its zip after the file, and aligns the records by that name's length."""
    paths = [tmp_path / name for name in ("netG.pt", "a_longer_name.pt", "other.pt")]
    for path, value in zip(paths, (1, 1, 2), strict=True):
        torch.save({"w": torch.full((100,), value)}, path)
    (tmp_path / "copy").write_bytes(paths[0].read_bytes())
    equal = equal_files([*paths, tmp_path / "copy"])
    assert Equal((paths[0], tmp_path / "copy"), identical=True) in equal
    assert Equal((paths[0], paths[1], tmp_path / "copy"), identical=False) in equal
    assert len(equal) == 2


def test_what_agrees_in_size_and_samples_is_still_read(folder: Callable[[list[bytes]], list[Path]]) -> None:
    same = bytearray(1_000_000)
    other = bytearray(same)
    other[60_000] = 1
    paths = folder([bytes(same), bytes(other), bytes(same)])
    assert duplicates._sketch(paths[0]) == duplicates._sketch(paths[1])
    assert equal_files(paths) == [Equal((paths[0], paths[2]), identical=True)]


def test_a_zip_that_states_the_checksum_of_another_is_not_taken_for_it(
    folder: Callable[[list[bytes]], list[Path]],
) -> None:
    good = archive("x", {"data/0": b"0123456789"})
    lies = archive("y", {"data/0": b"0123456789"}).replace(b"0123456789", b"9876543210")
    paths = folder([good, lies])
    assert duplicates._sketch(paths[0]) == duplicates._sketch(paths[1])
    assert equal_files(paths) == []


def test_packed_records_are_not_unpacked(folder: Callable[[list[bytes]], list[Path]]) -> None:
    bombs = [archive(name, {"data/0": bytes(50_000_000)}, zipfile.ZIP_DEFLATED) for name in "xyx"]
    paths = folder(bombs)
    with at_most(2_000_000):
        assert equal_files(paths) == [Equal((paths[0], paths[2]), identical=True)]


def test_records_that_overlap_are_not_read_again_and_again(folder: Callable[[list[bytes]], list[Path]]) -> None:
    """Two zips, each of a thousand entries that point at one record of a million bytes."""
    contents = []
    for name in ("x", "y"):
        content = archive(name, {"data/0": bytes(1_000_000)})
        start = content.index(b"PK\x01\x02")
        end = content.index(b"PK\x05\x06")
        entries = content[start:end] * 1000
        size = len(entries).to_bytes(4, "little")
        counts = (1000).to_bytes(2, "little") * 2
        contents.append(content[:start] + entries + content[end : end + 8] + counts + size + content[end + 16 :])
    paths = folder(contents)
    assert duplicates._sketch(paths[0]) == duplicates._sketch(paths[1])
    assert duplicates._records_digest(paths[0]) is None
    assert equal_files(paths) == []


def test_a_directory_of_a_million_records_is_not_read(folder: Callable[[list[bytes]], list[Path]]) -> None:
    content = archive("x", {"data/0": b""})
    start, end = content.index(b"PK\x01\x02"), content.index(b"PK\x05\x06")
    entries = content[start:end] * 1_000_000
    size = len(entries).to_bytes(4, "little")
    (path,) = folder([content[:start] + entries + content[end : end + 12] + size + content[end + 16 :]])
    with at_most(10_000_000):
        assert equal_files([path, path]) == []
        assert duplicates._sketch(path)


@contextmanager
def at_most(most: int) -> Iterator[None]:
    """Within, Python's own memory grows by no more than this."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def test_what_cannot_be_read_is_in_no_group(tmp_path: Path, folder: Callable[[list[bytes]], list[Path]]) -> None:
    first, second = folder([b"content", b"content"])
    link = tmp_path / "link"
    link.symlink_to(first)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    others = [tmp_path, tmp_path / "pipe", tmp_path / "nowhere", tmp_path / "absent"]
    assert equal_files([*others, first, *others, link, second, first]) == [Equal((first, link, second), identical=True)]
    assert equal_files([]) == []


def test_a_zip_cut_short_is_compared_by_its_bytes(folder: Callable[[list[bytes]], list[Path]]) -> None:
    content = archive("x", {"data/0": b"0123456789"})
    cuts = [content[: len(content) * k // 20] for k in range(1, 20)]
    paths = folder([*cuts, *cuts])
    assert numbers(equal_files(paths), identical=True) == [[i, i + 19] for i in range(19)]
