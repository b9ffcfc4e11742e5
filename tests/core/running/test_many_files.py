"""A folder of a thousand checkpoints is described from headers alone: in the time of torch.load, without torch."""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

FILES = 1000
MOST_MEMORY = 500e6
INSPECT = """\
import json, re, sys
from pathlib import Path
from wganalyze.cli import call
code = call(["inspect", "--json", sys.argv[1]])
# The peak of this program alone: that of getrusage includes what the test took before it started this one.
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps([int(peak[1]), sorted({name.partition(".")[0] for name in sys.modules})]), file=sys.stderr)
sys.exit(code)
"""


def networks(width: int = 2) -> tuple[nn.Module, nn.Module]:
    """A generator and a critic with the layers of DCGAN."""
    up: list[nn.Module] = [nn.ConvTranspose2d(10, width * 8, 4)]
    for k in (4, 2, 1):
        up += [nn.BatchNorm2d(width * k * 2), nn.ReLU(), nn.ConvTranspose2d(width * k * 2, width * k, 4)]
    down: list[nn.Module] = [nn.Conv2d(3, width, 4)]
    for k in (1, 2, 4):
        down += [nn.LeakyReLU(), nn.Conv2d(width * k, width * k * 2, 4), nn.BatchNorm2d(width * k * 2)]
    up += [nn.BatchNorm2d(width), nn.ReLU(), nn.ConvTranspose2d(width, 3, 4)]
    return nn.Sequential(*up), nn.Sequential(*down, nn.Conv2d(width * 8, 1, 4))


def trained(net: nn.Module) -> dict[str, Any]:
    """The state of its optimizer after a step."""
    optimizer = torch.optim.RMSprop(net.parameters())
    torch.stack([parameter.sum() for parameter in net.parameters()]).sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return optimizer.state_dict()


def saved(value: object, *, legacy: bool = False) -> bytes:
    """What ``torch.save`` writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


class Copies:
    """Files like a given one, with other weights, written without what is zero: cheap, and none equals another."""

    def __init__(self, content: bytes) -> None:
        self._content = bytearray(content)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            records = [info for info in archive.infolist() if "/data/" in info.filename]
            first = min(records, key=lambda info: info.file_size)
            name, extra = struct.unpack_from("<2H", content, first.header_offset + 26)
            self._data = slice(start := first.header_offset + 30 + name + extra, start + first.file_size)
            self._crc = content.index(first.filename.encode(), archive.start_dir) - 46 + 16
            largest = max(records, key=lambda info: info.file_size)
        self._hole = slice(largest.header_offset + 4096, largest.header_offset + largest.file_size)
        if any(content[self._hole]):
            self._hole = slice(0, 0)

    def write(self, path: Path, number: int) -> None:
        """The file of this number."""
        content = self._content
        content[self._data] = number.to_bytes(self._data.stop - self._data.start, "little")
        struct.pack_into("<I", content, self._crc, zlib.crc32(content[self._data]))
        with path.open("wb") as file:
            file.write(content[: self._hole.start])
            file.seek(self._hole.stop)
            file.write(memoryview(content)[self._hole.stop :])


PEER = """\
import sys
from pathlib import Path
import torch
for path in sorted(Path(sys.argv[1]).iterdir()):
    with torch.serialization.skip_data():
        torch.load(path, weights_only=True)
"""
"""What one does without us, as cheaply as torch can: it reads no tensor's bytes."""


@dataclass(frozen=True)
class Inspection:
    """What ``wganalyze inspect --json`` said in a process of its own, and its cost."""

    description: dict[str, Any]
    modules: set[str]
    seconds: float
    memory: float


def inspect(folder: Path) -> Inspection:
    """CPU seconds (on an idle machine, those of the clock) and peak memory in bytes."""
    reading, writing = os.pipe()
    out = folder.with_name("out")
    with out.open("wb") as file:
        process = os.posix_spawn(
            sys.executable,
            [sys.executable, "-c", INSPECT, str(folder)],
            os.environ,
            file_actions=[(os.POSIX_SPAWN_DUP2, file.fileno(), 1), (os.POSIX_SPAWN_DUP2, writing, 2)],
        )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        err = pipe.read()
    _, status, usage = os.wait4(process, 0)
    assert status == 0, err
    memory, modules = json.loads(err.splitlines()[-1])
    seconds = usage.ru_utime + usage.ru_stime
    return Inspection(json.loads(out.read_bytes()), set(modules), seconds, memory * 1024)


def seconds_of_torch(folder: Path) -> float:
    """CPU seconds of the peer."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", PEER, str(folder)], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def pairs(folder: Path) -> None:
    """Generators and critics in files of their own."""
    copies = [Copies(saved(net.state_dict())) for net in networks()]
    for number in range(FILES // 2):
        for name, copy in zip(("netG", "netD"), copies, strict=True):
            copy.write(folder / f"{name}_epoch_{number}.pth", number)


def combined(folder: Path) -> None:
    """Both, their optimizers (RMSprop, as for the first WGANs) and the epoch in one file: more than 120 storages."""
    g, d = networks()
    state = {"netG": g.state_dict(), "netD": d.state_dict(), "optG": trained(g), "optD": trained(d), "epoch": 7}
    copies = Copies(saved(state))
    for number in range(FILES):
        copies.write(folder / f"ckpt_{number}.pt", number)


def large(folder: Path) -> None:
    """Files of eight megabytes each."""
    state = {"netG": {"w": torch.zeros(2_000_000), **networks()[0].state_dict()}, "netD": networks()[1].state_dict()}
    copies = Copies(saved(state))
    for number in range(FILES):
        copies.write(folder / f"ckpt_{number}.pt", number)


def legacy(folder: Path) -> None:
    """Both in one file of the form that torch wrote before 1.6."""
    g, d = networks()
    state = {"netG": g.state_dict(), "netD": d.state_dict()}
    content = bytearray(saved(state, legacy=True))
    for number in range(FILES):
        struct.pack_into("<I", content, len(content) - 4, number)
        (folder / f"ckpt_{number}.pt").write_bytes(content)


@pytest.mark.parametrize(("write", "snapshots"), [(pairs, 500), (combined, 1000), (large, 1000), (legacy, 1000)])
def test_a_thousand_checkpoints_take_no_longer_than_torch_takes(
    tmp_path: Path, write: Callable[[Path], None], snapshots: int
) -> None:
    folder = tmp_path / "ckpt"
    folder.mkdir()
    write(folder)
    inspection, peer = inspect(folder), seconds_of_torch(folder)
    shutil.rmtree(folder)
    files = inspection.description["files"]
    assert [file["kind"] for file in files] == ["torch-state-dict"] * FILES
    assert {file["role"] for file in files} == ({"generator", "critic"} if write is pairs else {"both"})
    assert [file["problems"] for file in files] == [[]] * FILES
    assert len(inspection.description["snapshots"]) == snapshots
    assert inspection.seconds <= 3 * peer  # .6 to .9 of it on a machine without other work
    assert inspection.memory <= MOST_MEMORY
    assert inspection.modules & {"torch", "pandas", "scipy", "sklearn"} == set()
    assert "wganalyze_checkpoints" in inspection.modules


def test_the_copies_are_files_that_torch_reads(tmp_path: Path) -> None:
    """The files above are what a trainer writes: no two hold the same, and torch agrees with their checksums."""
    copies = Copies(saved({"a": torch.zeros(100_000), "b": torch.tensor([3, 4])}))
    for number in range(3):
        copies.write(tmp_path / f"{number}.pt", number)
        with zipfile.ZipFile(tmp_path / f"{number}.pt") as archive:
            assert archive.testzip() is None
        state = torch.load(tmp_path / f"{number}.pt")
        assert (state["b"].tolist(), int(state["a"].count_nonzero())) == ([number, 0], 0)
