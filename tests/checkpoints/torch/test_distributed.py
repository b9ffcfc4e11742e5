"""Folders of torch.distributed.checkpoint are one checkpoint each, put together of their shards, or refused."""

from __future__ import annotations

import io
import os
import pickle
import random
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from tests.checkpoints.conftest import assert_holds, complaint
from torch import Tensor, nn
from torch.distributed.checkpoint.filesystem import _StorageInfo
from torch.distributed.checkpoint.metadata import (
    BytesStorageMetadata,
    ChunkStorageMetadata,
    Metadata,
    MetadataIndex,
    TensorProperties,
    TensorStorageMetadata,
)

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze.files.opening import open_path
from wganalyze_checkpoints.samples.loader import StoredSamples
from wganalyze_checkpoints.torch.distributed import DistributedCheckpoint
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = DistributedCheckpoint()


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))


def save(value: dict[str, Any], folder: Path) -> Path:
    """What torch writes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dcp.save(value, checkpoint_id=str(folder), no_dist=True)
    return folder


def opened(folder: Path) -> dict[str, Part]:
    assert (LOADER.sniff(folder), StoredSamples().sniff(folder), TorchStateDict().sniff(folder)) == (0.95, 0, 0)
    return {part.name: part for part in LOADER.open(folder)}


def blob(value: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


class Sharding:
    """Writes shards by hand, as several processes would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.metadata = Metadata({}, {}, {})

    def tensor(
        self, name: str, tensor: Tensor, *blocks: tuple[tuple[int, ...], tuple[int, ...], int], **told: Any
    ) -> None:
        """Blocks of it: where they begin, their sizes, and the process that wrote each."""
        chunks = []
        for offsets, sizes, rank in blocks:
            part = tensor[tuple(slice(o, o + k) for o, k in zip(offsets, sizes, strict=True))].clone()
            info = self._append(blob(part), rank)
            chunks.append(ChunkStorageMetadata(torch.Size(offsets), torch.Size(sizes)))
            self.metadata.storage_data[MetadataIndex(name, offsets)] = info
        properties = TensorProperties(dtype=told.get("dtype", tensor.dtype))
        size = torch.Size(told.get("size", tensor.shape))
        self.metadata.state_dict_metadata[name] = TensorStorageMetadata(properties, size, chunks)

    def value(self, name: str, value: object) -> None:
        self.metadata.state_dict_metadata[name] = BytesStorageMetadata()
        self.metadata.storage_data[MetadataIndex(name)] = self._append(blob(value), 0)

    def _append(self, content: bytes, rank: int) -> _StorageInfo:
        path = self.folder / f"__{rank}_0.distcp"
        start = path.stat().st_size if path.exists() else 0
        with path.open("ab") as file:
            file.write(content)
        return _StorageInfo(path.name, start, len(content))

    def done(self) -> Path:
        (self.folder / ".metadata").write_bytes(pickle.dumps(self.metadata))
        return self.folder


W = torch.arange(24.0).reshape(6, 4)
ROWS = [((0, 0), (2, 4), 0), ((2, 0), (3, 4), 1), ((5, 0), (1, 4), 2)]
TILES = [((0, 0), (6, 1), 0), ((0, 1), (2, 3), 1), ((2, 1), (4, 2), 0), ((2, 3), (4, 1), 1)]


def test_what_torch_saves(tmp_path: Path) -> None:
    g, d = network(1), network(2)
    optimizer = torch.optim.Adam(g.parameters())
    g(torch.randn(3, 4)).sum().backward()
    optimizer.step()
    value = {
        "generator": g.state_dict(),
        "critic": d.state_dict(),
        "optim": optimizer.state_dict(),
        "epoch": 12,
        "name": "wgan",
    }
    parts = opened(save(value, tmp_path / "step-700"))
    assert list(parts) == ["generator", "critic"]
    assert parts["generator"].facts == {"epoch": 12, "name": "wgan"}
    assert_holds(parts["generator"], g.state_dict())
    assert_holds(parts["critic"], d.state_dict())
    assert {path.name for path in parts["critic"].others} == {".metadata", "__0_0.distcp"}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.complex64])
def test_types(tmp_path: Path, dtype: torch.dtype) -> None:
    state = {"w": torch.arange(6).reshape(2, 3).to(dtype), "one": torch.tensor(3).to(dtype)}
    (part,) = opened(save({"net": state}, tmp_path / "x")).values()
    assert_holds(part, state)


def test_a_flat_state_dict(tmp_path: Path) -> None:
    state = {f"module.{key}": t for key, t in network().state_dict().items()}
    (part,) = opened(save(state, tmp_path / "x")).values()
    assert part.name == ""
    assert_holds(part, state)


@pytest.mark.parametrize("blocks", [ROWS, TILES, ROWS[::-1], [((0, 0), (6, 4), 3)]])
def test_shards_are_put_together(tmp_path: Path, blocks: Any) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *blocks)
    sharding.tensor("b", torch.ones(5), ((3,), (2,), 1), ((0,), (3,), 0))
    sharding.tensor("one", torch.tensor(2.0), ((), (), 1))
    (part,) = opened(sharding.done()).values()
    assert_holds(part, {"w": W, "b": torch.ones(5), "one": torch.tensor(2.0)})


def test_the_folder_is_one_file(tmp_path: Path) -> None:
    save({"net": network().state_dict()}, tmp_path / "run" / "step-7")
    save({"net": network().state_dict()}, tmp_path / "run" / "step-10")
    (tmp_path / "run" / "notes.txt").write_text("x")
    loaders = {loader.name: loader for loader in (LOADER, TorchStateDict(), StoredSamples())}
    files = {file.path.name: file.kind for file in open_path(tmp_path / "run", loaders)}
    assert files == {"step-7": "torch-distributed", "step-10": "torch-distributed", "notes.txt": None}
    (alone,) = open_path(tmp_path / "run" / "step-7", loaders)
    assert alone.kind == "torch-distributed"


# What is not whole


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        (ROWS[:2], {}),
        ([*ROWS, ((5, 0), (1, 4), 0)], {}),
        ([*ROWS[:2], ((4, 0), (1, 4), 0)], {}),
        (ROWS, {"size": (6, 5)}),
        (ROWS, {"size": (6,)}),
        (ROWS, {"size": (3, 4)}),
        ([], {}),
    ],
)
def test_gaps_and_overlaps_are_refused(tmp_path: Path, blocks: Any, told: Any) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *blocks, **told)
    sharding.tensor("b", torch.ones(5), ((0,), (5,), 0))
    with pytest.raises(CheckpointError, match="1 tensors are incomplete, w: chunks are missing, overlap"):
        LOADER.open(sharding.done())


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *ROWS)
    sharding.tensor("b", torch.ones(5), ((0,), (5,), 0))
    (sharding.done() / "__1_0.distcp").unlink()
    with pytest.raises(CheckpointError, match=r"1 tensors are incomplete, w: __1_0\.distcp is missing"):
        LOADER.open(tmp_path / "x")


def test_a_shard_of_an_optimizer_may_be_missing(tmp_path: Path) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *ROWS[:2], ((5, 0), (1, 4), 0))
    sharding.tensor("momentum", W, ((0, 0), (6, 4), 9))
    sharding.value("groups", [1])
    sharding.metadata.planner_data = {
        "w": ("net", "w"),
        "momentum": ("adam", "state", "m"),
        "groups": ("adam", "param_groups"),
    }
    (sharding.done() / "__9_0.distcp").unlink()
    (part,) = LOADER.open(tmp_path / "x")
    assert_holds(part, {"w": W})


def test_metadata_that_is_missing(tmp_path: Path) -> None:
    (save({"net": network().state_dict()}, tmp_path / "x") / ".metadata").unlink()
    assert LOADER.sniff(tmp_path / "x") == 0.3
    with pytest.raises(CheckpointError, match=r"its \.metadata is missing"):
        LOADER.open(tmp_path / "x")


def test_a_chunk_of_another_tensor_is_refused(tmp_path: Path) -> None:
    for dtype, tensor in ((torch.float32, W.double()), (torch.float32, W.to(torch.int32))):
        sharding = Sharding(tmp_path / str(tensor.dtype))
        sharding.tensor("w", tensor, *ROWS, dtype=dtype)
        (part,) = LOADER.open(sharding.done())
        assert part.read_tensors is not None
        with pytest.raises(CheckpointError, match="damaged distributed checkpoint"):
            part.read_tensors()


def test_chunks_that_an_extension_packed_are_refused(tmp_path: Path) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *ROWS)
    for info in sharding.metadata.storage_data.values():
        info.transform_descriptors = ["zstd"]
    with pytest.raises(CheckpointError, match="packed by an extension"):
        LOADER.open(sharding.done())


# Harm


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../b", "a\\..\\b", "x\n"])
def test_no_file_outside_is_read(tmp_path: Path, path: str) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *ROWS)
    for info in sharding.metadata.storage_data.values():
        info.relative_path = path
    with pytest.raises(CheckpointError, match="a file that would lie outside"):
        LOADER.open(sharding.done())


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.marker}'",)


def test_harm_is_not_done(tmp_path: Path, marker: Path) -> None:
    sharding = Sharding(tmp_path / "x")
    sharding.tensor("w", W, *ROWS)
    sharding.value("epoch", Harm(marker))
    sharding.metadata.storage_meta = Harm(marker)  # type: ignore[assignment]
    (part,) = LOADER.open(sharding.done())
    assert_holds(part, {"w": W})
    chunk = blob(Harm(marker)) + bytes(100)
    (tmp_path / "x" / "__0_0.distcp").write_bytes(chunk)
    message = complaint(tmp_path / "x", lambda path: [p.read_tensors() for p in LOADER.open(path) if p.read_tensors])
    assert message is not None
    assert not marker.exists()


def test_damage_anywhere_is_refused_in_our_words(tmp_path: Path) -> None:
    folder = save({"net": {"w": W, "b": torch.ones(3)}, "epoch": 3}, tmp_path / "x")
    metadata = (folder / ".metadata").read_bytes()
    chance = random.Random(0)
    for i in range(400):
        changed = bytearray(metadata[: chance.randrange(len(metadata))] if i % 4 == 0 else metadata)
        for _ in range(chance.randrange(1, 4)):
            if changed:
                changed[chance.randrange(len(changed))] = chance.randrange(256)
        (folder / ".metadata").write_bytes(bytes(changed))
        LOADER.sniff(folder)
        message = complaint(folder, lambda path: [p.read_tensors() for p in LOADER.open(path) if p.read_tensors])
        assert message is None or message.isprintable()


def test_chunks_without_end_are_refused(tmp_path: Path) -> None:
    sharding = Sharding(tmp_path / "x")
    row = ChunkStorageMetadata(torch.Size((0, 0)), torch.Size((1, 1)))
    chunks = [row] * 20_000
    properties = TensorProperties(dtype=torch.float32)
    for i in range(200):
        entry = TensorStorageMetadata(properties, torch.Size((20_000, 1)), chunks)
        sharding.metadata.state_dict_metadata[f"w{i}"] = entry
    with pytest.raises(CheckpointError, match="more than 1000000 steps"):
        LOADER.open(sharding.done())


@pytest.mark.parametrize("make", [lambda p: p.write_text("x"), lambda p: p.mkdir(), lambda p: None])
def test_other_folders_are_not_claimed(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / ".metadata")
    assert LOADER.sniff(tmp_path) == 0
    assert LOADER.sniff(tmp_path / ".metadata") == 0
    with pytest.raises(CheckpointError):
        LOADER.open(tmp_path)


@pytest.mark.parametrize("value", [{"adam": {"state": {"m": W}, "param_groups": [1]}}, {"optimizer": {"0.weight": W}}])
def test_a_folder_of_optimizers_alone(tmp_path: Path, value: dict[str, Any]) -> None:
    folder = save({**value, "step": 3}, tmp_path / "x")
    with pytest.raises(CheckpointError, match="holds no state dict of a network"):
        LOADER.open(folder)
