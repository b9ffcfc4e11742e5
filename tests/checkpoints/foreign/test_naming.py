"""Files that no loader reads are called by what they are, with the way to something that is read; nothing is run."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import random
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.files import unread
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.host.loading import load_host
from wganalyze_checkpoints.foreign.naming import ForeignFiles

HOST = load_host()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 2087123\n"
PAGE = b"<!DOCTYPE html><html><head><title>Quota exceeded</title></head></html>"
INDEX = bytes(40) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"
GRAPH = b"\x0a\x14\x0a\x01z\x12\x0bPlaceholder" + bytes(10)


@pytest.fixture
def opened(tmp_path: Path) -> Callable[[Mapping[str, bytes]], list[OpenedFile]]:
    """Writes files by relative path, and opens the folder as a run does."""

    def opened(files: Mapping[str, bytes]) -> list[OpenedFile]:
        for name, content in files.items():
            path = tmp_path / "ckpt" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return open_path(tmp_path / "ckpt", HOST.loaders, None, HOST.foreign)

    return opened


Opened = Callable[[Mapping[str, bytes]], list[OpenedFile]]


def texts(files: list[OpenedFile]) -> dict[str, str]:
    """What is said of each, by name."""
    return {file.path.name: "; ".join(file.problems) for file in files}


def zipped(*names: str) -> bytes:
    """A zip of small files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as made:
        for name in names:
            made.writestr(name, b"content")
    return buffer.getvalue()


def tarred(*names: str, mode: str = "w", size: int = 10) -> bytes:
    """A tar of small files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as made:  # type: ignore[call-overload]
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = size
            made.addfile(info, io.BytesIO(bytes(size)))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("G.pth", POINTER, "a Git LFS pointer to 2,087,123 bytes: git lfs pull"),
        ("G.pth", b"../.git/annex/objects/x/y/SHA256E-s12.pth\n", "a git-annex pointer: git annex get FILE"),
        ("G.pth", PAGE, "a web page, not a checkpoint: download it again (its title: Quota exceeded)"),
        ("G.pth", b"\xef\xbb\xbf\n <HTML><body>no</body>", "a web page, not a checkpoint: download it again"),
        ("G.pth", b"<!-- a --><!-- b -->\n<html>", "a web page, not a checkpoint: download it again"),
        (
            "G.pth",
            b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning</title>",
            "a web page, not a checkpoint: download it again, by gdown, which answers the page (its title: Google "
            "Drive - Virus scan warning)",
        ),
        ("G.pth", b"Entry not found", "a server's answer, not a checkpoint: download it again (it says: Entry not "),
        ("G.pth.crdownload", b"\0" * 50, "an unfinished download (.crdownload): let it finish, or download it again"),
        ("G.tflite", b"\x1c\0\0\0TFL3", "a TFLite graph: python -m tf2onnx.convert --tflite FILE --output x.onnx"),
        ("model", b"\x12\x01" + bytes(30), "MXNet parameters; in that MXNet: np.savez("),
        ("G.pdparams", b"not a pickle", "PaddlePaddle parameters; in that Paddle: np.savez("),
        ("G.t7", b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1\x0d\0\0\0nn.Sequential", "a file of Lua Torch: torchfile.load("),
        ("net", b"4\n1\n3\nV 1\n13\nnn.Sequential\n", "a file of Lua Torch: torchfile.load("),
        ("G.pb", GRAPH, "a frozen graph of TensorFlow 1: python -m tf2onnx.convert --graphdef FILE"),
        ("G.mat", b"MATLAB 5.0 MAT-file, Platform: GLNXA64", "a MATLAB file: np.savez("),
        ("G.mlmodel", b"\x08\x04", "a Core ML model: give the network that it was converted from"),
        ("w.zip", zipped("a/generator.pth"), "an archive that holds generator.pth: unpack it"),
        ("G.pth", zipped("g.pth", "c.pth", "x.txt"), "an archive that holds g.pth and c.pth: unpack it"),
        ("G.pth.tar", tarred("generator.pth", "critic.pth"), "an archive that holds generator.pth and critic.pth: un"),
        ("w.tgz", tarred("G.pt", mode="w:gz"), "an archive that holds G.pt: unpack it"),
        ("w.tar.bz2", tarred("G.pt", mode="w:bz2"), "an archive that holds G.pt: unpack it"),
        ("D.pth.gz", gzip.compress(b"PK\x03\x04" + bytes(99)), "an archive that holds D.pth: unpack it"),
        ("D.h5.bz2", bz2.compress(b"\x89HDF" + bytes(99)), "an archive that holds D.h5: unpack it"),
        ("w.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "a 7z archive: unpack it"),
        ("many.zip", zipped(*(f"{i}.pt" for i in range(9))), "an archive that holds 0.pt, 1.pt, 2.pt and 6 more: "),
        ("old.pth", tarred("sys_info", "pickle", "storages", "tensors"), "a checkpoint of torch before 0.2, a tar: "),
    ],
    ids=lambda value: "content" if isinstance(value, bytes) else None,  # archives hold the time at which they are made
)  # fmt: skip
def test_a_file_is_called_what_it_is(opened: Opened, name: str, content: bytes, text: str) -> None:
    (file,) = opened({name: content})
    assert file.kind is None
    assert file.naming is not None
    assert not file.naming.group
    assert file.problems[0].startswith(text)


@pytest.mark.parametrize("content", [b"hello\n" * 20, zipped("notes.txt"), bytes(300), b"\x0a\x05abcde"])
def test_what_nobody_knows_is_not_given_a_name(opened: Opened, content: bytes) -> None:
    (file,) = opened({"G.pth": content})
    assert (file.naming, file.problems) == (None, ("no loader knows this kind of file",))


def test_what_is_read_has_no_name(opened: Opened, tmp_path: Path) -> None:
    """By their content: a page's ending does not make a page of them."""
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 3).state_dict(), buffer)
    files = opened({name: buffer.getvalue() for name in ("G.html", "G.part", "G.zip", "G.json", "LICENSE")})
    assert [(file.kind, file.naming) for file in files] == 5 * [("torch-state-dict", None)]


# Folders


SAVED = {
    "saved_model.pb": b"\x08\x01\x12\x10",
    "variables/variables.index": INDEX,
    "variables/variables.data-00000-of-00001": b"",
}


def test_a_saved_model_is_one_line(opened: Opened) -> None:
    files = opened({f"{role}/{name}": content for role in ("critic", "generator") for name, content in SAVED.items()})
    said = unread.lines(files, files[0].path.parent)
    assert len(said) == 2
    for role, line in zip(("critic", "generator"), said, strict=True):
        assert line.startswith(f"{role}: a TensorFlow SavedModel; in that TensorFlow: tf.keras.models.load_model(")
        assert "or tf2onnx" in line


def test_a_saved_model_hides_no_other_checkpoint(opened: Opened) -> None:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 3).state_dict(), buffer)
    files = opened({**SAVED, "G.pt": buffer.getvalue()})
    assert [(file.path.name, file.kind) for file in files] == [("G.pt", "torch-state-dict"), ("saved_model.pb", None)]
    assert files[1].problems[0].startswith("a TensorFlow SavedModel")


def test_checkpoints_of_tensorflow_are_one_thing_each(opened: Opened) -> None:
    data = {"checkpoint": b'model_checkpoint_path: "ckpt-2"\n'}
    for step in (1, 2):
        data |= {f"ckpt-{step}.{end}": b"1" for end in ("data-00000-of-00002", "data-00001-of-00002", "meta")}
        data[f"ckpt-{step}.index"] = INDEX
    files = opened({**data, "new-1.index": b"_CHECKPOINTABLE_OBJECT_GRAPH" + INDEX, "new-1.data-00000-of-00001": b"1"})
    assert [file.path.name for file in files] == ["ckpt-1.index", "ckpt-2.index", "new-1.index"]
    said = unread.lines(files, files[0].path.parent)
    assert len(said) == 2
    assert said[0].startswith("ckpt-1.index, ckpt-2.index: a checkpoint of TensorFlow 1; in any TensorFlow: ")
    assert said[1].startswith("new-1.index: a checkpoint of TensorFlow 2")


def test_data_without_their_index(opened: Opened) -> None:
    (file,) = opened({"m.data-00000-of-00001": b"12"})
    assert file.problems == ("data of a TensorFlow checkpoint, whose m.index is missing: copy it, too",)


def test_a_model_of_tensorflow_js(opened: Opened) -> None:
    described = json.dumps({"modelTopology": {}, "weightsManifest": [{"paths": ["group1-shard1of1.bin"]}]}).encode()
    (file,) = opened({"model.json": described, "group1-shard1of1.bin": bytes(9)})
    assert file.problems[0].startswith("a model of TensorFlow.js: tensorflowjs_converter")


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"_METADATA": b"{}", "d/x": b"1", "manifest.ocdbt": b"1"}, "an Orbax checkpoint"),
        ({"_CHECKPOINT_METADATA": b"{}", "default/d/x": b"1"}, "an Orbax checkpoint"),
        ({"data.pkl": b"1", "data/0": b"1", "version": b"3"}, "a torch file that was unzipped; zip it again: "),
    ],
)  # fmt: skip
def test_a_folder_is_called_what_it_is(opened: Opened, files: Mapping[str, bytes], text: str) -> None:
    (file,) = opened({f"x/{name}": content for name, content in files.items()})
    assert file.path.name == "x"
    assert file.problems[0].startswith(text)


def test_an_unzipped_torch_file_is_read_once_it_is_zipped_again(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 3).state_dict(), tmp_path / "g.pth")
    with zipfile.ZipFile(tmp_path / "g.pth") as archive:
        archive.extractall(tmp_path / "out")
    (file,) = open_path(tmp_path / "out", HOST.loaders, None, HOST.foreign)
    assert file.problems[0].startswith("a torch file that was unzipped")
    with zipfile.ZipFile(tmp_path / "x.pth", "w", zipfile.ZIP_STORED) as archive:
        for path in sorted((tmp_path / "out").rglob("*")):
            archive.write(path, path.relative_to(tmp_path / "out"))
    (again,) = open_path(tmp_path / "x.pth", HOST.loaders)
    assert (again.kind, again.problems) == ("torch-state-dict", ())


# Damage, and what is no checkpoint at all


def test_why_a_file_is_damaged(opened: Opened) -> None:
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(200, 30).state_dict(), buffer)
    half = buffer.getvalue()[:9000]
    said = texts(opened({"a.pth.part": half, "b.pth": half, "c.pth": half, "c.pth.aria2": b"\0\x01"}))
    assert said["a.pth.part"].endswith(
        "a.pth.part: an unfinished download (.part): let it finish, or download it again"
    )
    assert "unfinished" not in said["b.pth"]
    assert "an unfinished download (c.pth.aria2 lies beside it)" in said["c.pth"]
    assert said["c.pth.aria2"].startswith("aria2's record of an unfinished download: let c.pth finish")


def test_what_is_no_checkpoint_is_counted_in_one_line(opened: Opened) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(20)
    optimizer = io.BytesIO()
    torch.save({"state": {}, "param_groups": []}, optimizer)
    files = opened(
        {
            "a.png": png, "grid": png, "b.jpg": b"\xff\xd8\xff\xe0", "LICENSE": b"MIT", "x.ipynb": b'{"cells": []}',
            "train.py": b"import torch", "log.txt": b"1", "events.out.tfevents.1.host": b"1",
            "args.json": b"{}", "data.zip": zipped("a.txt"),
            "G.pt": b"hello", "opt.pt": optimizer.getvalue(),
        }
    )  # fmt: skip
    said = unread.lines(files, files[0].path.parent)
    assert said[0] == "G.pt: no loader knows this kind of file"
    assert said[1].startswith("11 files are no checkpoints: 3 images, ")
    for group in ("licence", "notebook", "script", "document", "event file", "archive", "other torch file"):
        assert f"1 {group}" in said[1]
    assert len(said) == 2


# Hostile files


HEADS = (
    POINTER, PAGE, GRAPH, INDEX, b"\x12\x01\0\0\0\0\0\0", b"\x1c\0\0\0TFL3", b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1",
    b"<!--" * 900, b"<!--a-->" * 500, b"<?xml " * 500, b"{" * 4000, zipped("a.pth", "b.pth"), tarred("a.pth", "b.pth"),
    tarred("a.pth", mode="w:gz"), tarred("a.pth", mode="w:bz2"), gzip.compress(b"PK\x03\x04" + bytes(100)),
    b"\x1f\x8b\x08\xff" + b"\xff" * 300, b'{"modelTopology": ', b"PK\x03\x04" + b"\xff" * 300,
)  # fmt: skip
NAMES = (
    "a.pth",
    "checkpoint",
    "model.json",
    "m.index",
    "saved_model.pb",
    "a.pth.part",
    "x.zip",
    "x.tar.gz",
    "x",
    "a.t7",
)


@settings(max_examples=150)
@given(
    st.sampled_from(HEADS),
    st.integers(0, 4200),
    st.binary(max_size=40),
    st.binary(max_size=300),
    st.sampled_from(NAMES),
)
def test_no_file_breaks_it(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, keep: int, middle: bytes, end: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("hostile") / name
    path.write_bytes(head[:keep] + middle + head[keep + len(middle) :] + end)
    started = time.process_time()
    naming = ForeignFiles().identify(path)
    assert time.process_time() - started < 5
    assert naming is None or (naming.text and naming.text.isprintable())


def test_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A gigabyte of zeros before the second name; the first is given."""
    path = tmp_path / "bomb.tar.gz"
    member = tarfile.TarInfo("G.pth")
    member.size = 2**30
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(member.tobuf() + bytes(2**25))
    assert path.stat().st_size < 100_000
    naming = ForeignFiles().identify(path)
    assert naming is not None
    assert naming.text == "an archive that holds G.pth: unpack it"


def test_a_tar_whose_header_states_a_long_name_without_end(tmp_path: Path) -> None:
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 2**34
    path = tmp_path / "x.tar"
    path.write_bytes(member.tobuf() + bytes(10_000))
    naming = ForeignFiles().identify(path)
    assert naming is not None
    assert naming.text == "an archive that is damaged, or cut off: copy or download it again"


def test_names_inside_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(zipped("\x1b[31mred\n.pth", "a" * 3000 + ".pth"))
    naming = ForeignFiles().identify(path)
    assert naming is not None
    assert naming.text.isprintable()
    assert len(naming.text) < 600


def test_chance_is_rarely_called_anything(tmp_path: Path) -> None:
    """Of random bytes under no known name, next to none begins as something else does."""
    chance = random.Random(0)
    probes = ForeignFiles()
    named = 0
    for _ in range(500):
        (tmp_path / "x").write_bytes(chance.randbytes(600))
        named += probes.identify(tmp_path / "x") is not None
    assert named <= 5
