"""A folder that ``torch.distributed.checkpoint`` wrote: which tensors it holds, and where their chunks lie.

``.metadata`` is a pickle, read by the inert reader; each chunk lies in a ``.distcp`` file as a file of ``torch.save``.
Layout: PyTorch's ``torch/distributed/checkpoint/metadata.py`` and ``filesystem.py``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from wganalyze import CheckpointError, TensorSpec, one_line
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Global, Inert, InertUnpickler, Steps, Window
from wganalyze_checkpoints.pickles.tensors import ITEM_SIZE, KNOWN, natural
from wganalyze_checkpoints.torch.file import ERRORS, MAX_PICKLE, check_archive
from wganalyze_checkpoints.wording import LONGEST, few, what_it_says

if TYPE_CHECKING:
    from torch import Tensor

METADATA = ".metadata"
_MAX_CHUNKS = 1_000_000
"""Of all tensors; each has one for each process."""

_MAX_COMPARED = 5_000_000
"""Pairs of chunks that lie in the same rows."""

_MAX_SCALAR = 2**14
_MAX_SCALARS = 1000
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True)
class Region:
    """Bytes of a file in the folder."""

    file: str
    offset: int
    length: int


@dataclass(frozen=True)
class Chunk:
    """A block of a tensor: where in it the block begins, its shape, and where it is stored."""

    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    region: Region | None


@dataclass(frozen=True)
class Sharded:
    """A tensor in chunks."""

    spec: TensorSpec
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True)
class Shards:
    """What a folder holds, by name: tensors, the regions of other values; and the path of each name in its nest."""

    folder: Path
    tensors: Mapping[str, Sharded]
    values: Mapping[str, Region]
    places: Mapping[str, tuple[str | int, ...]]


def damaged(folder: Path, reason: object) -> CheckpointError:
    """The error for a folder that cannot be read."""
    return CheckpointError(f"{folder}: damaged distributed checkpoint ({what_it_says(reason)}); copy or save it again")


def read(folder: Path) -> Shards:
    """What ``.metadata`` says; CheckpointError where it is missing or damaged."""
    path = folder / METADATA
    if not path.is_file():
        raise damaged(folder, f"its {METADATA} is missing, which is written last and says what lies where")
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            window = Window(file, min(size, MAX_PICKLE), size)
            root = InertUnpickler(window, KNOWN, steps=Steps()).load()
        return _shards(folder, _attributes(root))
    except ERRORS as error:
        raise damaged(folder, error) from error


def _attributes(value: object) -> Mapping[Any, Any]:
    return value.attributes if isinstance(value, Inert) else {}


def _table(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _shards(folder: Path, metadata: Mapping[Any, Any]) -> Shards:
    if not metadata:
        raise DamagedPickle(f"{METADATA} is of another kind")
    left = Steps(_MAX_CHUNKS)
    regions = dict(_regions(_table(metadata.get("storage_data"))))
    tensors: dict[str, Sharded] = {}
    values: dict[str, Region] = {}
    for name, entry in _table(metadata.get("state_dict_metadata")).items():
        if not isinstance(name, str) or not name.isprintable():
            raise DamagedPickle("a key with characters that cannot be shown")
        kind = entry.name.rpartition(".")[2] if isinstance(entry, Inert) else ""
        if kind == "TensorStorageMetadata":
            tensors[name] = _sharded(name, _attributes(entry), regions, left)
        elif kind == "BytesStorageMetadata" and (name, None) in regions:
            values[name] = regions[name, None]
    places = {
        name: place
        for name, place in _table(metadata.get("planner_data")).items()
        if isinstance(place, tuple) and place and all(isinstance(part, str | int) for part in place)
    }
    return Shards(folder, tensors, values, places)


def _regions(storage: Mapping[Any, Any]) -> Iterator[tuple[tuple[str, tuple[int, ...] | None], Region]]:
    """Where each chunk lies: its index is an object, which the inert reader keeps as a key that stands for itself."""
    for key, stored in storage.items():
        index = key.arguments[0] if isinstance(key, Inert) and isinstance(key.arguments, tuple) else None
        told, info = _attributes(index), _attributes(stored)
        name, offset = told.get("fqn"), told.get("offset")
        file, start, length = (info.get(k) for k in ("relative_path", "offset", "length"))
        if not isinstance(name, str) or not isinstance(file, str) or not natural(start) or not natural(length):
            raise DamagedPickle("a chunk without a place")
        path = PurePosixPath(file)
        if path.is_absolute() or ".." in path.parts or "\\" in file or not file.isprintable():
            raise DamagedPickle("a file that would lie outside")
        if info.get("transform_descriptors"):
            raise DamagedPickle("its chunks are packed by an extension, which is not read")
        yield (name, _naturals(offset) if offset is not None else None), Region(file, start, length)


def _sharded(name: str, told: Mapping[Any, Any], regions: Mapping[Any, Region], left: Steps) -> Sharded:
    properties = told.get("properties")
    state = properties.state if isinstance(properties, Inert) and isinstance(properties.state, tuple) else ()
    dtype = state[0].name.removeprefix("torch.") if state and isinstance(state[0], Global) else ""
    chunks = told.get("chunks")
    if not isinstance(chunks, list):
        raise DamagedPickle(f"{one_line(name, LONGEST)} is in no chunks")
    left.spend(len(chunks))
    read = []
    for chunk in map(_attributes, chunks):
        offsets, sizes = _naturals(chunk.get("offsets")), _naturals(chunk.get("sizes"))
        read.append(Chunk(offsets, sizes, regions.get((name, offsets))))
    return Sharded(TensorSpec(_naturals(told.get("size")), dtype), tuple(read))


def _naturals(value: object) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > 64 or not all(map(natural, value)):
        raise DamagedPickle("a shape that cannot be")
    return value


# Are they whole?


def check(shards: Shards, names: Iterable[str]) -> None:
    """CheckpointError where these tensors are not whole: a file is missing or short, chunks leave gaps or overlap."""
    lengths: dict[str, int] = {}
    for region in (c.region for name in names for c in shards.tensors[name].chunks if c.region is not None):
        if region.file not in lengths:
            file = shards.folder / region.file
            lengths[region.file] = file.stat().st_size if file.is_file() else -1
    missing = sorted(file for file, length in lengths.items() if length < 0)
    left = Steps(_MAX_COMPARED)
    try:
        broken = [name for name in names if not _is_whole(shards.tensors[name], lengths, left)]
    except DamagedPickle as error:
        raise damaged(shards.folder, error) from error
    if broken:
        reason = f"{few(missing, 4)} is missing" if missing else "chunks are missing, overlap or lie outside their file"
        raise damaged(shards.folder, f"{len(broken)} tensors are incomplete, {few(broken, 3)}: {reason}")


def _is_whole(tensor: Sharded, lengths: Mapping[str, int], left: Steps) -> bool:
    shape, width = tensor.spec.shape, ITEM_SIZE.get(tensor.spec.dtype, 0)
    if not width or sum(prod(chunk.sizes) for chunk in tensor.chunks) != tensor.spec.size:
        return False
    for chunk in tensor.chunks:
        region = chunk.region
        if region is None or len(chunk.offsets) != len(shape) or len(chunk.sizes) != len(shape):
            return False
        if any(o + k > n for o, k, n in zip(chunk.offsets, chunk.sizes, shape, strict=True)):
            return False
        if region.offset + region.length > lengths[region.file] or region.length < prod(chunk.sizes) * width:
            return False
    return not _some_overlap(tensor.chunks, left)


def _some_overlap(chunks: Iterable[Chunk], left: Steps) -> bool:
    """Do two of them share an element? Only those are compared that share rows."""
    ordered = sorted((chunk for chunk in chunks if prod(chunk.sizes)), key=lambda chunk: chunk.offsets[:1])
    for i, chunk in enumerate(ordered):
        for other in islice(ordered, i + 1, None):
            left.spend(1)
            if chunk.offsets and other.offsets[0] >= chunk.offsets[0] + chunk.sizes[0]:
                break
            if _overlap(chunk, other):
                return True
    return False


def _overlap(a: Chunk, b: Chunk) -> bool:
    axes = zip(a.offsets, a.sizes, b.offsets, b.sizes, strict=True)
    return all(max(o, p) < min(o + k, p + n) for o, k, p, n in axes)


# What they hold


def assembled(shards: Shards, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors by key, of the names that the keys have here; each is put together of its chunks."""
    import torch

    result: dict[str, Tensor] = {}
    for key, name in names.items():
        sharded = shards.tensors[name]
        whole = torch.empty(sharded.spec.shape, dtype=getattr(torch, sharded.spec.dtype))
        for chunk in sharded.chunks:
            block = whole[tuple(slice(o, o + k) for o, k in zip(chunk.offsets, chunk.sizes, strict=True))]
            block.copy_(_read_chunk(shards.folder, chunk, whole.dtype))
        result[key] = whole
    return result


def _read_chunk(folder: Path, chunk: Chunk, dtype: Any) -> Tensor:
    """A chunk, read by torch's own reader of tensors, which runs no code."""
    import torch

    assert chunk.region is not None
    try:
        content = io.BytesIO(_bytes_of(folder, chunk.region))
        with zipfile.ZipFile(content) as archive:
            check_archive(archive.infolist(), chunk.region.length)
        content.seek(0)
        tensor = torch.load(content, weights_only=True, map_location="cpu")
        if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
            raise ValueError("a chunk that is no tensor")
        if tuple(tensor.shape) != chunk.sizes or tensor.dtype != dtype:
            raise ValueError(f"a chunk of {tuple(tensor.shape)} {tensor.dtype}, where {chunk.sizes} {dtype} is stated")
    except Exception as error:  # of a file that only looks right torch may raise anything
        raise damaged(folder, error) from error
    return tensor.detach()


def _bytes_of(folder: Path, region: Region) -> bytes:
    with (folder / region.file).open("rb") as file:
        file.seek(region.offset)
        content = file.read(region.length)
    if len(content) < region.length:
        raise ValueError(f"{region.file} ends early")
    return content


def scalars(shards: Shards) -> dict[str, float | int | str | bool]:
    """The numbers and texts among the other values, by name."""
    found: dict[str, float | int | str | bool] = {}
    for name, region in list(shards.values.items())[:_MAX_SCALARS]:
        if region.length <= _MAX_SCALAR:
            try:
                value = _value(_bytes_of(shards.folder, region))
            except (OSError, *ERRORS):
                continue
            if isinstance(value, _SCALARS):
                found[name] = value
    return found


def _value(content: bytes) -> object:
    """What one small file of ``torch.save`` holds, by the inert reader."""
    file = io.BytesIO(content)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
    check_archive(infos, len(content))
    record = next((info for info in infos if info.filename.endswith("/data.pkl")), None)
    if record is None or record.file_size > _MAX_SCALAR:
        return None
    return InertUnpickler(io.BytesIO(bounded.read_record(file, record)), KNOWN, lambda _: None, steps=Steps()).load()
