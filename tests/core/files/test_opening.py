"""Files are offered to loaders: the most confident one opens them, and none of them can break the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from wganalyze.contracts.loader import Loader, Part, TensorSpec
from wganalyze.errors import CheckpointError, UsageError
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.host.registry import Host


@dataclass
class Reader:
    """A loader for files that start with ``mark``; it can be told to fail."""

    name: str
    mark: bytes
    confidence: float = 0.8
    sniffing: Exception | None = None
    opening: Exception | None = None
    problems: tuple[str, ...] = ()
    opened: list[str] = field(default_factory=list)

    def sniff(self, path: Path) -> float:
        if self.sniffing is not None:
            raise self.sniffing
        return self.confidence if path.read_bytes().startswith(self.mark) else 0.0

    def open(self, path: Path) -> list[Part]:
        self.opened.append(path.name)
        if self.opening is not None:
            raise self.opening
        return [Part(path, self.name, keys={"w": TensorSpec((2, 3), "float32")}, problems=self.problems)]


def host(*loaders: Loader) -> Host:
    """A host of these loaders."""
    return Host(loaders={loader.name: loader for loader in loaders})


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes files by relative path."""

    def write(**files: bytes) -> Path:
        for name, content in files.items():
            path = tmp_path / "ckpt" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return tmp_path / "ckpt"

    return write


Folder = Callable[..., Path]


def test_the_content_decides_and_not_the_name(folder: Folder) -> None:
    a, b = Reader("a", b"AAAA"), Reader("b", b"BBBB")
    path = folder(**{"one.pt": b"AAAA", "two.pt": b"BBBB", "three.jpg": b"AAAA", "four": b"CCCC"})
    kinds = {file.path.name: file.kind for file in open_path(path, host(a, b))}
    assert kinds == {"one.pt": "a", "two.pt": "b", "three.jpg": "a", "four": "unknown"}
    assert sorted(a.opened) == ["one.pt", "three.jpg"]


def test_the_most_confident_loader_wins(folder: Folder) -> None:
    broad, narrow = Reader("broad", b"A", 0.3), Reader("narrow", b"AB", 0.9)
    for loaders in ((broad, narrow), (narrow, broad)):
        files = open_path(folder(one=b"ABC", two=b"AC"), host(*loaders))
        assert [file.kind for file in files] == ["narrow", "broad"]


def test_a_tie_names_both_and_the_option(folder: Folder) -> None:
    a, b = Reader("a", b"A"), Reader("b", b"A")
    path = folder(one=b"A", two=b"AC")
    b.sniff = lambda path: 0.8 if path.name == "one" else 0.0  # type: ignore[method-assign]
    tied, other = open_path(path, host(a, b))
    assert (tied.kind, other.kind) == ("unknown", "a")
    assert tied.problems == ("the loaders b and a both claim it; choose one by --loader NAME",)
    assert [file.kind for file in open_path(path, host(a, b), loader="a")] == ["a", "a"]


def test_an_unknown_loader_is_answered_with_those_there_are(folder: Folder) -> None:
    with pytest.raises(UsageError, match=r"--loader c: no such loader; there are: a, b"):
        open_path(folder(one=b"A"), host(Reader("b", b"B"), Reader("a", b"A")), loader="c")


def test_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such file or folder"):
        open_path(tmp_path / "nowhere", host(Reader("a", b"A")))


def test_what_is_offered(folder: Folder) -> None:
    """Files in the order of their names; not hidden ones, text and code, empty ones, or reports of earlier runs."""
    path = folder(
        **{
            "b/two": b"A", "a/one": b"A", "c": b"A", ".hidden": b"A", ".git/object": b"A", "train.py": b"A",
            "notes.md": b"A", "wganalyze.toml": b"A", "log.csv": b"A", "empty.pt": b"",
            "report/run.json": b"{}", "report/cells/k/measurements.parquet": b"A", "report/plan.json": b"A",
            "plain/run.json": b"{}", "plain/weights": b"A",
        }
    )  # fmt: skip
    reader = Reader("a", b"A")
    files = open_path(path, host(reader))
    assert [str(file.path.relative_to(path)) for file in files] == ["a/one", "b/two", "c", "empty.pt", "plain/weights"]
    assert reader.opened == ["one", "two", "c", "weights"]
    assert next(file for file in files if file.path.name == "empty.pt").problems == ("the file is empty",)


def test_a_single_file_is_offered_whatever_its_name(folder: Folder) -> None:
    path = folder(**{"weights.json": b"A"}) / "weights.json"
    assert [file.kind for file in open_path(path, host(Reader("a", b"A")))] == ["a"]


def test_an_empty_folder(folder: Folder) -> None:
    path = folder(**{"README.md": b"nothing here"})
    assert open_path(path, host(Reader("a", b"A"))) == []


def test_without_loaders_every_file_is_unknown(folder: Folder) -> None:
    (file,) = open_path(folder(one=b"A"), host())
    assert file == OpenedFile(file.path, "unknown", (), ("no loader knows this kind of file",))


def test_problems_of_the_parts_are_problems_of_the_file(folder: Folder) -> None:
    (file,) = open_path(folder(one=b"A"), host(Reader("a", b"A", problems=("half of it is missing",))))
    assert (file.kind, len(file.parts), file.problems) == ("a", 1, ("half of it is missing",))


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (CheckpointError("one: ends early; copy it again"), "one: ends early; copy it again"),
        (PermissionError(13, "Permission denied"), "{path}: cannot be read (Permission denied)"),
        (
            ZeroDivisionError("two\nlines"),
            "{path}: the loader a failed (ZeroDivisionError: two lines); --no-plugin keeps its plugin out",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_keeps_its_problem(folder: Folder, error: Exception, problem: str) -> None:
    path = folder(one=b"A", two=b"B")
    one, two = open_path(path, host(Reader("a", b"A", opening=error), Reader("b", b"B")))
    assert (one.kind, one.parts, one.problems) == ("a", (), (problem.format(path=path / "one"),))
    assert (two.kind, len(two.parts), two.problems) == ("b", 1, ())


def test_a_loader_that_fails_to_sniff_spoils_nothing(folder: Folder) -> None:
    path = folder(one=b"A", two=b"B")
    broken, sound = Reader("broken", b"A", sniffing=RuntimeError("no licence")), Reader("sound", b"B")
    one, two = open_path(path, host(broken, sound))
    fault = "the loader broken failed (RuntimeError: no licence)"
    assert (one.kind, two.kind) == ("unknown", "sound")
    assert fault in one.problems[0]
    assert fault in two.problems[0]
    assert len(two.parts) == 1


def test_links_in_a_circle_are_walked_once(folder: Folder) -> None:
    path = folder(**{"a/one": b"A", "b/two": b"A"})
    (path / "a" / "up").symlink_to(path)
    (path / "again").symlink_to(path / "b")
    (path / "dangling").symlink_to(path / "nowhere")
    found = [str(file.path.relative_to(path)) for file in open_path(path, host(Reader("a", b"A")))]
    assert found == ["a/one", "again/two", "b/two"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_not_waited_for(folder: Folder) -> None:
    path = folder(one=b"A")
    os.mkfifo(path / "pipe")
    assert [file.path.name for file in open_path(path, host(Reader("a", b"A")))] == ["one"]


@dataclass
class FolderReader(Reader):
    """A loader that takes a folder with a file called ``mark`` as one thing."""

    folders: bool = True

    def sniff(self, path: Path) -> float:
        if self.sniffing is not None:
            raise self.sniffing
        return self.confidence if path.is_dir() and (path / self.mark.decode()).exists() else 0.0


def test_a_folder_that_a_loader_claims_counts_as_one_file(folder: Folder) -> None:
    path = folder(**{"a/index": b"AA", "a/deeper/x": b"AA", "b/x": b"AA"})
    images = FolderReader("images", b"index")
    files = open_path(path, host(Reader("alpha", b"AA"), images))
    assert [(str(file.path.relative_to(path)), file.kind) for file in files] == [("a", "images"), ("b/x", "alpha")]
    assert images.opened == ["a"]
    assert [file.kind for file in open_path(path / "a", host(images))] == ["images"]


def test_a_loader_of_files_is_never_offered_a_folder(folder: Folder) -> None:
    path = folder(**{"a/index": b"AA"})
    plain = FolderReader("plain", b"index", folders=False)
    assert [file.kind for file in open_path(path, host(plain))] == ["unknown"]
    assert plain.opened == []


def test_a_loader_that_fails_on_a_folder_leaves_its_files_to_others(folder: Folder) -> None:
    path = folder(**{"a/x": b"AA"})
    broken = FolderReader("broken", b"index", sniffing=RuntimeError("no"))
    (file,) = open_path(path, host(Reader("alpha", b"AA"), broken))
    assert file.kind == "alpha"


def test_a_file_that_belongs_to_another_is_no_file_of_its_own(folder: Folder) -> None:
    class WithWeights(Reader):
        """Keeps its weights beside it."""

        def open(self, path: Path) -> list[Part]:
            return [Part(path, self.name, others=(path.with_name("b.data"),))]

    path = folder(**{"a.onnx": b"AA", "b.data": b"..", "c.data": b".."})
    files = open_path(path, host(WithWeights("onnx", b"AA")))
    assert [(file.path.name, file.kind) for file in files] == [("a.onnx", "onnx"), ("c.data", "unknown")]
