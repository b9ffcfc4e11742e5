"""Shared by the tests of hostile files: a judge that offers files to the command line in forks, and measures."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

JUDGING = Path(__file__).with_name("judging.py")
MOST_SECONDS = 10.0
MOST_MEMORY = 300e6


def npy(shape: object, dtype: str = "<f4", version: int = 1) -> bytes:
    """The header of an npy file."""
    text = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


@dataclass(frozen=True)
class Act:
    """What one command line did, and its cost."""

    code: int
    out: str
    err: str
    deeds: Sequence[str]
    imported: Sequence[str]
    died: str
    seconds: float
    wall: float
    memory: float

    @property
    def faults(self) -> list[str]:
        """What is wrong with it: it takes too much, does harm, or does not answer in words."""
        said = self.out + self.err
        found = {
            f"died ({self.died})": self.died,
            f"did {[*self.deeds]}": self.deeds,
            f"took {self.seconds:.1f} s": self.seconds > MOST_SECONDS,
            f"took {self.memory / 1e6:.0f} MB": self.memory > MOST_MEMORY,
            f"did not foresee: {self.err}": "Traceback" in said or "unforeseen" in said,
            f"a loader raised: {said}": "failed (" in said,  # something else than CheckpointError
        }
        return [text for text, wrong in found.items() if wrong]


@dataclass(frozen=True)
class Verdict:
    """What ``inspect --json`` and ``run`` did with one file."""

    inspected: Act
    run: Act | None = None

    @property
    def faults(self) -> list[str]:
        """What is wrong with either.

        ``inspect`` takes no heavy library; it refuses the file, or describes it with at most one problem. ``run`` has
        nothing to run, and says so in one line, unless there are samples.
        """
        found = self.inspected.faults
        if not found:
            found += [f"imports {name}" for name in self.inspected.imported]
            found += [] if self.code == (2 if self.file["kind"] == "unknown" else 0) else [f"exits {self.code}"]
            found += self.problems[1:]
            said = [*self.problems, *self.file["keys"], *self.file["facts"], *self.file["asks_for"]]
            found += [f"not on one line: {line!r}" for line in said if not line.isprintable()]
        if self.run is not None and (found or self.file["kind"] != "samples" or not self.file["keys"]):
            errors = [line for line in self.run.err.splitlines() if line.startswith("Error: ")]
            found += self.run.faults
            found += [] if self.run.code == 2 else [f"run exits {self.run.code}"]
            if len(errors) != 1 or not self.run.err.endswith(f"{errors[0]}\n"):
                found.append(f"run says {self.run.err!r}")
        return found

    @property
    def code(self) -> int:
        """The exit code of ``inspect``."""
        return self.inspected.code

    @property
    def file(self) -> Mapping[str, Any]:
        """What ``inspect`` says of the file."""
        (file,) = json.loads(self.inspected.out)["files"]
        assert isinstance(file, dict)
        return file

    @property
    def problems(self) -> list[str]:
        """Its problems."""
        return [str(problem) for problem in self.file["problems"]]


class Verdicts(dict[Any, Verdict]):
    """Verdicts by what was tried."""

    @property
    def faults(self) -> dict[Any, list[str]]:
        """What is wrong, by case."""
        return {case: faults for case, verdict in self.items() if (faults := verdict.faults)}


class Judge:
    """Offers files to the command line, in forks of one process."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._written = 0
        self.harmless = self._write(b"nothing")

    def _write(self, content: bytes) -> Path:
        path = self._root / str(self._written) / "file"
        path.parent.mkdir()
        path.write_bytes(content)
        self._written += 1
        return path

    def __call__(self, files: Mapping[Any, bytes], most: int = 1_000_000) -> Verdicts:
        """The verdict on each of the files, each in a folder of its own.

        ``run``, which opens files as ``inspect`` does, is tried on those of at most ``most`` bytes, to save time.
        """
        paths = {case: self._write(content) for case, content in files.items()}
        inspected = self.acts(["inspect", "--json", str(path)] for path in paths.values())
        small = {case: path for case, path in paths.items() if path.stat().st_size <= most}
        runs = self.acts(["run", str(path), "--only", "snapshot", "--device", "cpu"] for path in small.values())
        run = dict(zip(small, runs, strict=True))
        return Verdicts((case, Verdict(act, run.get(case))) for case, act in zip(files, inspected, strict=True))

    def acts(self, commands: Iterable[Sequence[str]]) -> list[Act]:
        """What command lines of one verb do."""
        lines = [*commands]
        if not lines:
            return []
        process = subprocess.run(
            [sys.executable, str(JUDGING), str(self.harmless)],
            input=json.dumps(lines), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert process.returncode == 0, process.stderr
        return [Act(**json.loads(line)) for line in process.stdout.splitlines()]


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    """Offers files to the command line, and measures."""
    return Judge(tmp_path_factory.mktemp("hostile"))


class Forge:
    """Puts pickles together from their opcodes, and files from pickles. ``marker``: the file that harm would write."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    @staticmethod
    def text(value: str) -> bytes:
        """BINUNICODE."""
        return b"X" + struct.pack("<I", len(value.encode())) + value.encode()

    @staticmethod
    def data(value: bytes) -> bytes:
        """BINBYTES."""
        return b"B" + struct.pack("<I", len(value)) + value

    @staticmethod
    def name(path: str) -> bytes:
        """GLOBAL, of "module.name"."""
        module, _, name = path.rpartition(".")
        return f"c{module}\n{name}\n".encode()

    @staticmethod
    def call(function: bytes, *arguments: bytes) -> bytes:
        """REDUCE."""
        return function + b"(" + b"".join(arguments) + b"tR"

    def tensor(self, shape: tuple[int, ...], key: str = "0", numel: int | None = None) -> bytes:
        """A float32 tensor over all of the storage ``key``."""
        strides = [1]
        for length in shape[:0:-1]:
            strides.insert(0, strides[0] * length)
        size = strides[0] * shape[0] if numel is None else numel
        integers = [b"(" + b"".join(map(self.integer, numbers)) + b"t" for numbers in (shape, strides)]
        words = (self.text("storage"), self.name("torch.FloatStorage"), self.text(key), self.text("cpu"))
        storage = b"(" + b"".join(words) + self.integer(size) + b"tQ"
        hooks = self.call(self.name("collections.OrderedDict"))
        return self.call(self.name("torch._utils._rebuild_tensor_v2"), storage, b"K\0", *integers, b"\x89", hooks)

    @staticmethod
    def integer(value: int) -> bytes:
        """LONG1."""
        content = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return b"\x8a" + bytes([len(content)]) + content

    def mapping(self, items: Mapping[str, bytes]) -> bytes:
        """A dict."""
        return b"}(" + b"".join(self.text(key) + value for key, value in items.items()) + b"u"

    @staticmethod
    def zipped(
        program: bytes,
        storages: Mapping[str, bytes] | None = None,
        records: Mapping[str, bytes] | None = None,
        packing: int = zipfile.ZIP_STORED,
    ) -> bytes:
        """As ``torch.save`` lays out a zip, around opcodes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", packing) as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + program + b".")
            archive.writestr("archive/byteorder", "little")
            for key, content in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", content)
            archive.writestr("archive/version", "3\n")
            for name, content in (records or {}).items():
                archive.writestr(name, content)
        return buffer.getvalue()

    @staticmethod
    def legacy(program: bytes, storages: Mapping[str, bytes] | None = None) -> bytes:
        """As ``torch.save`` laid out files before zips, around opcodes."""
        head = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})
        pickles = [*(pickle.dumps(value, 2) for value in head), b"\x80\x02" + program + b"."]
        numbers = [struct.pack("<q", len(content) // 4) + content for content in (storages or {}).values()]
        return b"".join([*pickles, pickle.dumps([*(storages or {})], 2), *numbers])

    @staticmethod
    def plain(program: bytes) -> bytes:
        """As ``pickle.dump`` writes it."""
        return b"\x80\x02" + program + b"."


@pytest.fixture(scope="session")
def forge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forge]:
    """Makes pickles and files by hand; at the end, none of their harm was done."""
    made = Forge(tmp_path_factory.mktemp("harm") / "executed")
    yield made
    assert not made.marker.exists(), "code of a file was executed"
