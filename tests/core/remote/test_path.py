"""Paths in a store behave as paths do; what is written is there as a whole or not at all."""

from __future__ import annotations

import os
import pickle
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec import AbstractFileSystem, register_implementation
from fsspec.spec import AbstractBufferedFile

from wganalyze import UsageError
from wganalyze.remote.path import RemotePath, fresh, location, scan


@pytest.mark.parametrize("text", ["a/b", "/a/b", "a b/c:d", ".", ""])
def test_paths_of_this_machine_stay_what_they_are(text: str) -> None:
    assert location(text) == Path(text)
    assert type(location(text)) is type(Path())
    assert type(location(Path(text))) is type(Path())


def test_a_file_by_its_address_is_of_this_machine(tmp_path: Path) -> None:
    assert location(f"file://{tmp_path}/a") == tmp_path / "a"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense://a/b", "no such kind of store"),
        ("s3://", "names no place"),
        ("s3://key:secret@bucket/a", "give names and passwords in the environment"),
    ],
)
def test_an_address_that_is_none(text: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem) as caught:
        location(text)
    assert "secret" not in str(caught.value)


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from wganalyze.remote import path

    path._filesystem.cache_clear()
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    with pytest.raises(UsageError, match=r"pip install 'wganalyze\[gcs\]'"):
        location("gs://bucket/a")


def test_parts(bucket: RemotePath) -> None:
    path = bucket / "run" / "G_1.pt"
    assert str(path) == f"{bucket}/run/G_1.pt"
    assert f"{path}".startswith("s3://")
    assert path.parent == bucket / "run"
    assert path.with_name("D_1.pt").name == "D_1.pt"
    assert path.is_absolute()
    assert path.resolve() == path
    assert str(path.relative_to(bucket)) == "run/G_1.pt"
    assert bucket in path.parents
    assert pickle.loads(pickle.dumps(path)) == path
    assert b"secret" not in pickle.dumps(path)
    assert location(str(path)) == path
    assert {path: 1}[location(str(path))] == 1


def test_files_and_folders(bucket: RemotePath, tmp_path: Path) -> None:
    """As the same files on this machine."""
    here = tmp_path / "here"
    for name in ("a.pt", "b/c.pt", "b/d/e.txt"):
        for root in (here, bucket):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(name.encode())
    for name in ("a.pt", "b", "b/d", "b/d/e.txt", "none", "b/none"):
        mine, theirs = bucket / name, here / name
        assert (mine.exists(), mine.is_file(), mine.is_dir()) == (theirs.exists(), theirs.is_file(), theirs.is_dir())
    assert sorted(path.name for path in bucket.iterdir()) == sorted(path.name for path in here.iterdir())
    assert sorted(str(path.relative_to(bucket)) for path in bucket.rglob("*.pt")) == ["a.pt", "b/c.pt"]
    assert [path.name for path in bucket.glob("b/*.pt")] == ["c.pt"]
    assert [*(bucket / "none").glob("*")] == []
    with scan(bucket) as entries:
        assert {entry.name: entry.is_dir() for entry in entries} == {"a.pt": False, "b": True}
    assert (bucket / "a.pt").stat().st_size == 4
    assert (bucket / "a.pt").read_text() == "a.pt"
    with (bucket / "b/c.pt").open("rb") as file:
        file.seek(2)
        assert file.read() == b"c.pt"
    with pytest.raises(FileNotFoundError):
        (bucket / "none").read_bytes()
    with pytest.raises(FileNotFoundError):
        (bucket / "none").open("rb")
    with pytest.raises(IsADirectoryError):
        (bucket / "b").open("rb")
    (bucket / "a.pt").unlink()
    (bucket / "a.pt").unlink(missing_ok=True)
    assert not (bucket / "a.pt").exists()


def test_the_system_gets_a_copy(bucket: RemotePath) -> None:
    """So that libraries which open files by their names take it."""
    path = bucket / "x.zip"
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", "b")
    with zipfile.ZipFile(os.fspath(path)) as archive:
        assert archive.read("a") == b"b"
    path.write_bytes(b"another")
    assert Path(os.fspath(fresh(path))).read_bytes() == b"another"
    (bucket / "folder/in/it.txt").write_bytes(b"1")
    (bucket / "folder/beside.txt").write_bytes(b"22")
    copy = (bucket / "folder").here()
    assert (copy / "in/it.txt").read_bytes() == b"1"
    assert (copy / "beside.txt").read_bytes() == b"22"


def test_a_copy_is_of_the_version_that_was_seen(bucket: RemotePath) -> None:
    """As where a training replaces a checkpoint between the listing and the reading."""
    path = bucket / "folder/G.pt"
    path.write_bytes(b"old")
    (listed,) = path.parent.iterdir()
    path.write_bytes(b"new")
    with pytest.raises(OSError, match=r"G\.pt: was replaced while it was read"):
        listed.here()
    assert path.anew().here().read_bytes() == b"new"


def test_what_changed_is_seen(bucket: RemotePath) -> None:
    (bucket / "a").write_bytes(b"1234")
    (listed,) = bucket.iterdir()
    before = listed.stat()
    (bucket / "a").write_bytes(b"4321")
    assert listed.stat().st_ino == before.st_ino
    assert fresh(listed).stat().st_ino != before.st_ino


@pytest.mark.parametrize("mode", ["wb", "w"])
def test_an_exception_publishes_nothing(mode: str, bucket: RemotePath) -> None:
    content: Any = b"half" if mode == "wb" else "half"

    def write() -> None:
        with (bucket / "a").open(mode) as file:
            file.write(content)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert not (bucket / "a").exists()


def test_what_is_replaced_meanwhile_is_read_whole(bucket: RemotePath) -> None:
    """The old or the new, and no part of either: records are rewritten while others read them."""
    record, contents = bucket / "run.json", ("old " * 10, "new " * 1000)
    record.write_text(contents[0])
    over = threading.Event()

    def replace() -> None:
        while not over.is_set():
            for content in reversed(contents):
                record.anew().write_text(content)

    with ThreadPoolExecutor(1) as other:
        replacing = other.submit(replace)
        try:
            seen = {record.anew().read_text() for _ in range(100)}
        finally:
            over.set()
    replacing.result()
    assert seen == {*contents}


class Opening(AbstractFileSystem):
    """A store of one file, like that of the hub for models: parts of it are read by opening it."""

    protocol = "opening"
    content = bytes(range(256)) * 40_000
    sent: ClassVar[list[int]] = []

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        return {"name": path, "size": len(self.content), "type": "file", "ETag": "1"}

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        return _Opened(self, path, mode, size=len(self.content), **options)


class _Opened(AbstractBufferedFile):
    def _fetch_range(self, start: int, end: int) -> bytes:
        Opening.sent.append(end - start)
        return Opening.content[start:end]


def test_a_store_that_opens_files_reads_nothing_ahead() -> None:
    """By default fsspec reads megabytes ahead, which for a header would be all of it."""
    register_implementation("opening", Opening, clobber=True)
    with location("opening://bucket/a.bin").open("rb") as file:
        file.seek(1000)
        assert file.read(300) == Opening.content[1000:1300]
    assert sum(Opening.sent) < len(Opening.content) / 100


def test_only_one_makes_what_must_be_new(bucket: RemotePath) -> None:
    with (bucket / "a").open("x") as file:
        file.write("first")
    with pytest.raises(FileExistsError), (bucket / "a").open("x") as file:
        file.write("second")
    assert (bucket / "a").read_text() == "first"


def test_a_bucket_that_is_not_there(bucket: RemotePath) -> None:
    nowhere = location("s3://no-such-bucket-anywhere/a")
    assert not nowhere.exists()
    with pytest.raises(OSError, match="no-such-bucket-anywhere"):
        nowhere.read_bytes()


@pytest.mark.parametrize("fault", ["500", "cut", "slow"])
def test_a_store_that_stumbles_is_asked_again(fault: str, bucket: RemotePath, proxy: Any) -> None:
    content = os.urandom(200_000)
    (bucket / "a").write_bytes(content)
    for count in (1, 2):
        proxy.faults[:] = [fault] * count
        assert (bucket / "a").read_bytes() == content
        assert len(proxy.faults) < count
    proxy.faults[:] = [fault]
    assert Path(os.fspath(bucket / "a")).read_bytes() == content


def test_a_store_that_stays_broken_is_said_in_one_line(bucket: RemotePath, proxy: Any) -> None:
    (bucket / "a").write_bytes(b"1")
    proxy.faults += ["500"] * 100
    with pytest.raises(OSError, match="the store") as caught:
        (bucket / "a").read_bytes()
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
