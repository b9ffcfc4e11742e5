"""Files are offered to loaders: the most confident one opens them, and none of them can break the others."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.loader import Loader, Part, TensorSpec
from wganalyze.errors import CheckpointError, UsageError
from wganalyze.files.opening import OpenedFile, open_path


@dataclass
class Reader:
    """A loader for files that start with ``mark``; it can be told to fail."""

    name: str
    mark: bytes
    confidence: float = 0.8
    sniffing: BaseException | None = None
    opening: BaseException | None = None
    problems: tuple[str, ...] = ()
    folders: bool = False
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


def named(*loaders: Loader) -> dict[str, Loader]:
    """These loaders by name."""
    return {loader.name: loader for loader in loaders}


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
    kinds = {file.path.name: file.kind for file in open_path(path, named(a, b))}
    assert kinds == {"one.pt": "a", "two.pt": "b", "three.jpg": "a", "four": None}
    assert sorted(a.opened) == ["one.pt", "three.jpg"]


def test_the_most_confident_loader_wins(folder: Folder) -> None:
    broad, narrow = Reader("broad", b"A", 0.3), Reader("narrow", b"AB", 0.9)
    for loaders in ((broad, narrow), (narrow, broad)):
        files = open_path(folder(one=b"ABC", two=b"AC"), named(*loaders))
        assert [file.kind for file in files] == ["narrow", "broad"]


def test_a_tie_names_both_and_the_option(folder: Folder) -> None:
    a, b = Reader("a", b"A"), Reader("b", b"A")
    path = folder(one=b"A", two=b"AC")
    b.sniff = lambda path: 0.8 if path.name == "one" else 0.0  # type: ignore[method-assign]
    tied, other = open_path(path, named(a, b))
    assert (tied.kind, other.kind) == (None, "a")
    assert tied.problems == ("the loaders b and a both claim it; choose one by --loader NAME",)
    assert [file.kind for file in open_path(path, named(a))] == ["a", "a"]


def test_a_missing_path(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such file or folder"):
        open_path(tmp_path / "nowhere", named(Reader("a", b"A")))


def test_what_is_offered(folder: Folder) -> None:
    """Files in the order of their names, text and code too; not hidden ones, our own file, or earlier reports."""
    path = folder(
        **{
            "b/two": b"A", "a/one": b"A", "c": b"A", ".hidden": b"A", ".git/object": b"A", "train.py": b"A",
            "notes.md": b"A", "wganalyze.toml": b"A", "a/wganalyze.toml": b"A", "other.toml": b"A", "empty.pt": b"",
            "report/_run.json": b"{}", "report/_cells/k/measurements.parquet": b"A", "report/_plan.json": b"A",
            "former/run.json": b"{}", "former/cells/k/measurements.parquet": b"A", "former/plan.json": b"A",
            "plain/run.json": b"{}", "plain/weights": b"A",
        }
    )  # fmt: skip
    reader = Reader("a", b"A")
    files = open_path(path, named(reader))
    assert [str(file.path.relative_to(path)) for file in files] == [
        "a/one", "b/two", "c", "empty.pt", "notes.md", "other.toml", "plain/run.json", "plain/weights", "train.py",
    ]  # fmt: skip
    assert reader.opened == ["one", "two", "c", "notes.md", "other.toml", "weights", "train.py"]
    assert [file.path.name for file in files if file.kind is None] == ["empty.pt", "run.json"]
    assert next(file for file in files if file.path.name == "empty.pt").problems == ("the file is empty",)


def test_a_single_file_is_offered_whatever_its_name(folder: Folder) -> None:
    path = folder(**{"weights.json": b"A"}) / "weights.json"
    assert [file.kind for file in open_path(path, named(Reader("a", b"A")))] == ["a"]


def test_an_empty_folder(folder: Folder) -> None:
    path = folder(**{".hidden": b"A", "wganalyze.toml": b"A"})
    assert open_path(path, named(Reader("a", b"A"))) == []


@pytest.mark.parametrize("name", ["README.md", "train.py", "log.csv", "events.json"])
def test_a_file_that_no_loader_knows_is_listed_whatever_its_name(folder: Folder, name: str) -> None:
    (file,) = open_path(folder(**{name: b"nothing here"}), named(Reader("a", b"A")))
    assert (file.path.name, file.kind, file.problems) == (name, None, ("no loader knows this kind of file",))


def test_without_loaders_every_file_is_unknown(folder: Folder) -> None:
    (file,) = open_path(folder(one=b"A"), named())
    assert file == OpenedFile(file.path, None, (), ("no loader knows this kind of file",))


def test_problems_of_the_parts_are_problems_of_the_file(folder: Folder) -> None:
    (file,) = open_path(folder(one=b"A"), named(Reader("a", b"A", problems=("half of it is missing",))))
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
        (
            SystemExit("no licence"),
            "{path}: the loader a failed (SystemExit: no licence); --no-plugin keeps its plugin out",
        ),
    ],
)
def test_a_file_that_cannot_be_opened_keeps_its_problem(folder: Folder, error: BaseException, problem: str) -> None:
    path = folder(one=b"A", two=b"B")
    one, two = open_path(path, named(Reader("a", b"A", opening=error), Reader("b", b"B")))
    assert (one.kind, one.parts, one.problems) == ("a", (), (problem.format(path=path / "one"),))
    assert (two.kind, len(two.parts), two.problems) == ("b", 1, ())


def test_a_loader_that_opens_no_parts_spoils_nothing(folder: Folder) -> None:
    class Strange(Reader):
        """Gives what is no part."""

        def open(self, path: Path) -> list[Part]:
            return [{"path": path}]  # type: ignore[list-item]

    one, two = open_path(folder(one=b"A", two=b"B"), named(Strange("a", b"A"), Reader("b", b"B")))
    assert (one.kind, one.parts, two.kind) == ("a", (), "b")
    assert "the loader a failed (TypeError: open gave a dict, which is no Part)" in one.problems[0]


@pytest.mark.parametrize("confidence", [None, "high"])
def test_a_confidence_that_is_no_number_spoils_nothing(folder: Folder, confidence: Any) -> None:
    one, two = open_path(folder(one=b"A", two=b"B"), named(Reader("a", b"A", confidence), Reader("b", b"B")))
    assert (one.kind, two.kind) == (None, "b")
    assert "the loader a failed (" in one.problems[0]


@pytest.mark.parametrize("confidence", [0.0, -1.0, float("nan")])
def test_what_is_no_confidence_claims_nothing(folder: Folder, confidence: float) -> None:
    for loaders in (
        (Reader("a", b"A", confidence), Reader("b", b"A")),
        (Reader("b", b"A"), Reader("c", b"A", confidence)),
    ):
        assert [file.kind for file in open_path(folder(one=b"A"), named(*loaders))] == ["b"]


@pytest.mark.parametrize("error", [RuntimeError("no licence"), SystemExit("no licence")])
def test_a_loader_that_fails_to_sniff_spoils_nothing(folder: Folder, error: BaseException) -> None:
    path = folder(one=b"A", two=b"B")
    broken, sound = Reader("broken", b"A", sniffing=error), Reader("sound", b"B")
    one, two = open_path(path, named(broken, sound))
    fault = f"the loader broken failed ({type(error).__name__}: no licence)"
    assert (one.kind, two.kind) == (None, "sound")
    assert fault in one.problems[0]
    assert fault in two.problems[0]
    assert len(two.parts) == 1


def test_links_in_a_circle_are_walked_once(folder: Folder) -> None:
    path = folder(**{"a/one": b"A", "b/two": b"A"})
    (path / "a" / "up").symlink_to(path)
    (path / "again").symlink_to(path / "b")
    (path / "dangling").symlink_to(path / "nowhere")
    walked = [str(file.path.relative_to(path)) for file in open_path(path, named(Reader("a", b"A")))]
    assert walked == ["a/one", "again/two", "b/two"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_not_waited_for(folder: Folder) -> None:
    path = folder(one=b"A")
    os.mkfifo(path / "pipe")
    assert [file.path.name for file in open_path(path, named(Reader("a", b"A")))] == ["one"]


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
    files = open_path(path, named(Reader("alpha", b"AA"), images))
    assert [(str(file.path.relative_to(path)), file.kind) for file in files] == [("a", "images"), ("b/x", "alpha")]
    assert images.opened == ["a"]
    assert [file.kind for file in open_path(path / "a", named(images))] == ["images"]


def test_a_loader_of_files_is_never_offered_a_folder(folder: Folder) -> None:
    path = folder(**{"a/index": b"AA"})
    plain = FolderReader("plain", b"index", folders=False)
    assert [file.kind for file in open_path(path, named(plain))] == [None]
    assert plain.opened == []


@pytest.mark.parametrize("error", [RuntimeError("no"), SystemExit("no")])
def test_a_loader_that_fails_on_a_folder_leaves_its_files_to_others(folder: Folder, error: BaseException) -> None:
    path = folder(**{"a/x": b"AA"})
    broken = FolderReader("broken", b"index", sniffing=error)
    (file,) = open_path(path, named(Reader("alpha", b"AA"), broken))
    assert file.kind == "alpha"


def test_a_file_that_belongs_to_another_is_no_file_of_its_own(folder: Folder) -> None:
    class WithWeights(Reader):
        """Keeps its weights beside it."""

        def open(self, path: Path) -> list[Part]:
            return [Part(path, self.name, others=(path.with_name("b.data"),))]

    path = folder(**{"a.onnx": b"AA", "b.data": b"..", "c.data": b".."})
    files = open_path(path, named(WithWeights("onnx", b"AA")))
    assert [(file.path.name, file.kind) for file in files] == [("a.onnx", "onnx"), ("c.data", None)]
