"""Plain pickles with tensors in them: their structure, with the bytes of the weights passed over."""

from __future__ import annotations

import io
import os
import pickle
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.conftest import complaint
from torch import Tensor

from wganalyze_checkpoints.pickles.inert import Inert, Steps
from wganalyze_checkpoints.pickles.tensors import StoredTensor
from wganalyze_checkpoints.torch import plain_pickle
from wganalyze_checkpoints.torch.file import MAX_PICKLE
from wganalyze_checkpoints.torch.plain_pickle import first_globals

PROTOCOLS = pytest.mark.parametrize("protocol", [3, 4, 5])


def tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of the dict in the file, from their bytes."""
    file = plain_pickle.read(path)
    assert isinstance(file.root, dict)
    return file.tensors({k: v for k, v in file.root.items() if isinstance(v, StoredTensor)})


@PROTOCOLS
def test_tensors_are_those_that_were_saved(write: Callable[..., Path], protocol: int) -> None:
    values = {
        "weight": torch.nn.Parameter(torch.randn(4, 3)),
        "one": torch.tensor(2.5),
        "turned": torch.arange(6).reshape(2, 3).T,
        "half": torch.ones(300, dtype=torch.float16),
        "flags": torch.tensor([True, False]),
        "empty": torch.empty(0, 2),
    }
    path = write(pickle.dumps(values, protocol))
    found = tensors(path)
    assert found.keys() == values.keys()
    for key, value in values.items():
        assert found[key].dtype == value.dtype
        assert torch.equal(found[key], value)
    assert plain_pickle.read(path).foreign == ()
    assert plain_pickle.read(path).form == "plain"


def test_weights_are_passed_over_whatever_their_size(write: Callable[..., Path]) -> None:
    values = {str(i): torch.zeros(2**22) for i in range(8)}
    path = write(pickle.dumps(values))
    assert path.stat().st_size > 4 * MAX_PICKLE
    tracemalloc.start()
    try:
        root = plain_pickle.read(path).root
        assert tracemalloc.get_traced_memory()[1] < 2e6
    finally:
        tracemalloc.stop()
    assert isinstance(root, dict)
    assert [v.spec.shape for v in root.values() if isinstance(v, StoredTensor)] == [(2**22,)] * 8


def test_a_structure_that_is_too_long_is_refused(write: Callable[..., Path]) -> None:
    weights = torch.zeros(100_000)
    path = write(pickle.dumps({"text": "x" * (MAX_PICKLE - 1000), "weights": weights}))
    assert path.stat().st_size > MAX_PICKLE
    assert complaint(path, plain_pickle.read) is None
    path = write(pickle.dumps({"text": "x" * MAX_PICKLE, "weights": weights}))
    assert "longer than" in str(complaint(path, plain_pickle.read))


@PROTOCOLS
def test_a_pickle_cut_anywhere_is_damaged(write: Callable[..., Path], protocol: int) -> None:
    content = pickle.dumps({"a": torch.ones(3), "b": b"x" * 300}, protocol)
    for end in range(len(content)):
        message = complaint(write(content[:end]), plain_pickle.read)
        assert message is not None
        assert message.isprintable()
        first_globals(write(content[:end]))


def storage(content: bytes) -> bytes:
    """A pickle of a storage of these bytes."""
    length = struct.pack("<I", len(content))
    return b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + length + content + b"\x85R."


def legacy(value: object) -> bytes:
    """A legacy torch file."""
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def test_bytes_that_are_no_storage(write: Callable[..., Path]) -> None:
    good = legacy(torch.ones(9).untyped_storage())
    assert complaint(write(storage(good)), plain_pickle.read) is None
    for content in (bytes(300), b"", b"x" * 100, good[:-1], good[:200], good + b"", b"\x80" * 300):
        message = complaint(write(storage(content)), plain_pickle.read)
        assert (message is None) == (content == good)
    for program in (
        b"\x80\x03ctorch.storage\n_load_from_bytes\n)R.",
        b"\x80\x03ctorch.storage\n_load_from_bytes\nN\x85R.",
    ):
        assert complaint(write(program), plain_pickle.read) is not None


def test_a_storage_of_something_else_is_inert(write: Callable[..., Path]) -> None:
    assert isinstance(plain_pickle.read(write(storage(legacy({"a": torch.ones(2)})))).root, Inert)


def test_a_header_that_claims_terabytes(write: Callable[..., Path]) -> None:
    for code, layout in ((b"B", "<I"), (b"\x8e", "<Q"), (b"\x96", "<Q")):
        claim = struct.pack(layout, 2**32 - 1 if layout == "<I" else 2**62)
        assert "longer than the file" in str(complaint(write(b"\x80\x05" + code + claim + b"abc."), plain_pickle.read))


def test_one_storage_told_a_million_times_is_read_once(write: Callable[..., Path]) -> None:
    content = legacy(torch.ones(9).untyped_storage())
    head = b"\x80\x03ctorch.storage\n_load_from_bytes\nq\x00B" + struct.pack("<I", len(content)) + content + b"q\x010"
    path = write(head + b"h\x00h\x01\x85R0" * 300_000 + b"N.")
    assert complaint(path, plain_pickle.read) is None  # read each time it would take more steps than a file may


def test_the_steps_of_all_storages_count(write: Callable[..., Path]) -> None:
    def read(path: Path) -> None:
        with path.open("rb") as file:
            plain_pickle.parse(path, file, path.stat().st_size, Steps(1500))

    content = pickle.dumps([torch.full((2,), float(i)) for i in range(30)])
    assert complaint(write(content), plain_pickle.read) is None
    assert "1500 steps" in str(complaint(write(content), read))


def test_harm_is_inert(forge: Any, write: Callable[..., Path], marker: Path) -> None:
    for value in forge.harm(marker).values():
        path = write(forge.pickle({"x": value}, 4))
        assert plain_pickle.read(path).foreign
        assert first_globals(path)
        assert not marker.exists()


def test_first_globals_are_read_from_the_beginning_alone(write: Callable[..., Path], tmp_path: Path) -> None:
    assert first_globals(write(pickle.dumps([1.5] * 100_000))) == set()
    assert first_globals(write(pickle.dumps([[1.5] * 1000, OSError]))) == {"builtins.OSError"}
    assert first_globals(write(pickle.dumps([b"x" * 200_000, OSError]))) == {"builtins.OSError"}
    assert first_globals(write(pickle.dumps(["x" * 200_000, OSError]))) == set()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "none", tmp_path / "pipe"):
        assert first_globals(path) == set()
    for content in (b"", b"\x80", b"text", b"\x80\x04.", b"PK\x03\x04"):
        assert first_globals(write(content)) == set()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in str(complaint(tmp_path / "none.pkl", plain_pickle.read))
