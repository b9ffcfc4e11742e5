"""Shared by the tests of the loaders: files in new places, and files that are forged to do harm or to lie."""

from __future__ import annotations

import io
import itertools
import os
import pickle
import subprocess
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from torch import Tensor

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.errors import CheckpointError

# No deadline: the first example of a test pays for imports.
settings.register_profile("checkpoints", deadline=None)
settings.load_profile("checkpoints")


FORMS = ["zip", "legacy"]
forms = pytest.mark.parametrize("form", FORMS)
"""Of what ``torch.save`` writes."""


class Stranger:
    """A class that nobody else has."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)


def run(part: Part) -> Any:
    """The program of a part, by running the file."""
    assert part.read_module is not None
    return part.read_module()


def weights_of(part: Part) -> Mapping[str, Tensor]:
    """The weights of a part, which are what its keys say."""
    assert part.read_tensors is not None
    weights = part.read_tensors()
    described = {k: TensorSpec(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for k, t in weights.items()}
    assert described == part.keys
    assert all(t.device.type == "cpu" and not t.requires_grad for t in weights.values())
    return weights


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Are both of one dtype and shape, and equal bit by bit, NaN included?"""
    bits = [t.detach().contiguous().reshape(-1).view(torch.uint8) for t in (one, other)]
    return (one.dtype, one.shape) == (other.dtype, other.shape) and bits[0].equal(bits[1])


def assert_holds(part: Part, expected: Mapping[str, Tensor], *, ordered: bool = True) -> None:
    """The part is this state dict, ``ordered`` as it is, and its header says so."""
    weights = weights_of(part)
    assert [*weights] == [*part.keys]
    assert weights.keys() == expected.keys()
    assert not ordered or [*weights] == [*expected]
    assert [key for key in expected if not same_bits(weights[key], expected[key])] == []


def complaint(path: Path, reads: Callable[[Path], object]) -> str | None:
    """The words of a CheckpointError; None where the file is read, or is of another kind."""
    try:
        reads(path)
    except CheckpointError as error:
        return str(error)
    return None


@pytest.fixture(scope="session")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``write(content, name="file.pt")``, to a new folder: no reading of an older file can be remembered."""
    folder = tmp_path_factory.mktemp("files")
    numbers = itertools.count()

    def write(content: bytes, name: str = "file.pt") -> Path:
        path = folder / str(next(numbers)) / name
        path.parent.mkdir()
        path.write_bytes(content)
        return path

    return write


@pytest.fixture(scope="session")
def save(write: Callable[..., Path]) -> Callable[..., Path]:
    """``save(value, form="zip", name="file.pt", protocol=2)``: what ``torch.save`` writes, "zip" or "legacy"."""

    def save(value: object, form: str = "zip", name: str = "file.pt", protocol: int = 2) -> Path:
        buffer = io.BytesIO()
        torch.save(value, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=form == "zip")
        return write(buffer.getvalue(), name)

    return save


@dataclass(frozen=True, eq=False)
class Call:
    """Pickled as ``function(*arguments)``, with a state if there is one."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()
    state: Any = None

    def __reduce__(self) -> tuple[Any, ...]:
        return (self.function, self.arguments) if self.state is None else (self.function, self.arguments, self.state)

    def __call__(self) -> None:
        """Pickle wants a callable where the result of one call is called."""


@dataclass(frozen=True, eq=False)
class Id:
    """Pickled as a persistent id."""

    value: object


class Pickler(pickle.Pickler):
    """Knows ``Id``."""

    def persistent_id(self, value: object) -> object:
        return value.value if isinstance(value, Id) else None


class SetsState:
    """Its ``__setstate__`` does harm."""

    def __setstate__(self, state: str) -> None:
        Path(state).touch()


class Forge:
    """Makes pickles and torch archives by hand."""

    def __init__(self, write: Callable[..., Path]) -> None:
        self._write = write

    @staticmethod
    def call(function: Callable[..., Any], *arguments: Any, state: Any = None) -> Any:
        """What unpickles as ``function(*arguments)``."""
        return Call(function, arguments, state)

    @staticmethod
    def storage(key: object = "0", numel: object = 4, kind: object = torch.FloatStorage, *more: object) -> Any:
        """What unpickles as a storage."""
        return Id(("storage", kind, key, "cpu", numel, *more))

    @staticmethod
    def identified(value: object) -> Any:
        """What unpickles as whatever the persistent id ``value`` means."""
        return Id(value)

    def tensor(
        self, storage: object, shape: object = (2, 2), stride: object = (2, 1), offset: object = 0, *more: object
    ) -> Any:
        """What unpickles as a tensor."""
        rebuild = torch._utils._rebuild_tensor_v2
        return Call(rebuild, (storage, offset, shape, stride, False, OrderedDict(), *more))

    @staticmethod
    def pickle(value: object, protocol: int = 2) -> bytes:
        """A pickle of it."""
        buffer = io.BytesIO()
        Pickler(buffer, protocol).dump(value)
        return buffer.getvalue()

    def archive(
        self,
        root: object,
        storages: Mapping[str, bytes] | None = None,
        records: Mapping[str, bytes] | None = None,
        byteorder: str = "little",
        compression: int = zipfile.ZIP_STORED,
    ) -> Path:
        """A zip as ``torch.save`` lays it out, of a root (or a pickle of it), its storages and other records."""
        data = root if isinstance(root, bytes) else self.pickle(root)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            archive.writestr("archive/data.pkl", data)
            archive.writestr("archive/byteorder", byteorder)
            for key, content in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", content)
            archive.writestr("archive/version", "3\n")
            for name, content in (records or {}).items():
                archive.writestr(name, content)
        return self._write(buffer.getvalue())

    @staticmethod
    def harm(marker: Path) -> dict[str, Any]:
        """Objects that write ``marker`` as soon as they are really unpickled."""
        touch = f"touch '{marker}'"
        return {
            "os.system": Call(os.system, (touch,)),
            "eval": Call(eval, (f"open({str(marker)!r}, 'w').close()",)),
            "exec": Call(exec, (f"open({str(marker)!r}, 'w').close()",)),
            "subprocess": Call(subprocess.call, (["touch", str(marker)],)),
            "nested": Call(str, (Call(repr, (Call(os.system, (touch,)),)),)),
            "found": Call(Call(getattr, (Call(__import__, ("os",)), "system")), (touch,)),
            "setstate": Call(SetsState, (), str(marker)),
            "key": {"a": {("b", Call(os.system, (touch,))): 1}},
        }


@pytest.fixture(scope="session")
def forge(write: Callable[..., Path]) -> Forge:
    """Makes pickles and torch archives by hand."""
    return Forge(write)


@pytest.fixture
def marker(tmp_path: Path) -> Iterator[Path]:
    """The file that ``forge.harm`` would write: it must not be there when the test ends."""
    path = tmp_path / "executed"
    yield path
    assert not path.exists(), "code of the file was executed"
