"""What is said of files that no loader reads: a line for each thing, and one that counts the rest."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from wganalyze.contracts.foreign import Foreign, Naming
from wganalyze.files import unread
from wganalyze.files.opening import OpenedFile, files_of, open_path


class Namer(Foreign):
    """Names what its content says, and folders that hold ``mark``."""

    name = "namer"
    folders: ClassVar[bool] = True

    def identify(self, path: Path) -> Naming | None:
        if path.is_dir():
            return Naming("a folder of theirs") if (path / "mark").exists() else None
        text = path.read_text()
        if text == "broken":
            raise RuntimeError("no")
        others = (path.with_name("data"),) if text == "theirs" else ()
        return Naming(text, "pictures" if text == "picture" else "", others) if text else None


def opened(folder: Path, **files: str) -> list[OpenedFile]:
    """The files, opened by nobody and named by one."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return open_path(folder, {}, None, {"namer": Namer()})


def test_a_file_is_named_where_no_loader_reads_it(tmp_path: Path) -> None:
    files = opened(tmp_path, a="theirs", data="more", b="broken")
    assert [(file.path.name, file.problems) for file in files] == [
        ("a", ("theirs",)),
        ("b", ("no loader knows this kind of file",)),
    ]
    assert [unread.is_named(file) for file in files] == [True, False]


def test_a_folder_that_is_named_is_not_looked_into(tmp_path: Path) -> None:
    files = opened(tmp_path, **{"x/mark": "1", "x/y": "2"})
    assert [(file.path.name, file.problems) for file in files] == [("x", ("a folder of theirs",))]
    assert [path.name for path in files_of(tmp_path, {})] == ["mark", "y"]


@pytest.mark.parametrize(
    ("count", "line"),
    [
        (1, "a0: theirs"),
        (3, "a0, a1, a2: theirs"),
        (4, "a0, a1, a2 and 1 more: theirs"),
    ],
)
def test_the_same_is_said_once(tmp_path: Path, count: int, line: str) -> None:
    files = opened(tmp_path, **{f"a{i}": "theirs" for i in range(count)})
    assert unread.lines(files, tmp_path) == [line]


def test_each_folder_has_its_line_unless_there_are_many(tmp_path: Path) -> None:
    files = opened(tmp_path, **{f"x{i}/mark": "" for i in range(2)})
    assert unread.lines(files, tmp_path) == [f"x{i}: a folder of theirs" for i in range(2)]
    files = opened(tmp_path, **{f"x{i}/mark": "" for i in range(9)})
    assert unread.lines(files, tmp_path) == ["x0, x1, x2 and 6 more: a folder of theirs"]


def test_what_holds_no_network_is_counted(tmp_path: Path) -> None:
    files = opened(tmp_path, a="picture", b="picture", c="theirs")
    assert unread.lines(files, tmp_path) == ["c: theirs", "2 files are no checkpoints: 2 pictures"]
    assert unread.counted(files[:1]) == "1 file is no checkpoint: 1 picture"
    assert unread.counted(files[2:]) == ""
    assert [unread.is_counted(file) for file in files] == [True, True, False]


def test_a_name_is_shown_on_one_line(tmp_path: Path) -> None:
    (file,) = opened(tmp_path, a="two\nlines\x1b[31m")
    assert file.problems == ("two lines?[31m",)
