"""Weights in the safetensors format: single files, shards, and those that accelerate and the Hugging Face hub write.

Layout: https://github.com/huggingface/safetensors#format. The header is read here, and every claim in it is checked
against the file; the tensors are read by the safetensors library. The format holds no code.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from wganalyze import CheckpointError, Loader, Part, TensorSpec, hookimpl
from wganalyze_checkpoints import bounded
from wganalyze_checkpoints.torch.state_dict import find_facts, numbers_networks
from wganalyze_checkpoints.wording import what_it_says

if TYPE_CHECKING:
    from torch import Tensor

_LONGEST_HEADER = 100_000_000
"""Of the format."""

MAX_HEADER = 32 * 2**20
"""Bytes of structure; that of a network with ten thousand tensors takes one million."""

_CONFIGURATION = "config.json"
_MAX_CONFIGURATION = 2**20
_MAX_AXES = 64
_LONGEST_KEY = 1000
_MAX_SHARDS = 1000

# The name of each dtype in torch (where it has none, that of the format), and its bits.
_DTYPES: Mapping[str, tuple[str, int]] = {
    "F64": ("float64", 64),
    "F32": ("float32", 32),
    "F16": ("float16", 16),
    "BF16": ("bfloat16", 16),
    "F8_E4M3": ("float8_e4m3fn", 8),
    "F8_E5M2": ("float8_e5m2", 8),
    "F8_E4M3FNUZ": ("float8_e4m3fnuz", 8),
    "F8_E5M2FNUZ": ("float8_e5m2fnuz", 8),
    "F8_E8M0": ("float8_e8m0fnu", 8),
    "F6_E2M3": ("f6_e2m3", 6),
    "F6_E3M2": ("f6_e3m2", 6),
    "F4": ("f4", 4),
    "C64": ("complex64", 64),
    "I64": ("int64", 64),
    "I32": ("int32", 32),
    "I16": ("int16", 16),
    "I8": ("int8", 8),
    "U64": ("uint64", 64),
    "U32": ("uint32", 32),
    "U16": ("uint16", 16),
    "U8": ("uint8", 8),
    "BOOL": ("bool", 8),
}


@dataclass(frozen=True)
class Header:
    """What a file states: its tensors, and ``__metadata__``, which has texts only."""

    keys: Mapping[str, TensorSpec]
    metadata: Mapping[str, str]


def damaged(path: Path, reason: object) -> CheckpointError:
    """The error for a file that cannot be what it says it is."""
    return CheckpointError(f"{path}: damaged safetensors file ({what_it_says(reason)}); copy or save it again")


@bounded.once
def read_header(path: Path, size: int) -> Header | None:
    """The header of ``path``; None where this is another format; CheckpointError where it is damaged."""
    with path.open("rb") as file:
        start = file.read(64)
        length = struct.unpack("<Q", start[:8])[0] if len(start) > 8 else 0
        if not 2 <= length <= _LONGEST_HEADER or not re.match(rb'\{\s*["}]', start[8:]):
            return None
        try:
            if 8 + length > size:
                raise ValueError("it ends within its header: it was cut off")
            if length > MAX_HEADER:
                raise ValueError(f"a header of {length:,} bytes")
            file.seek(8)
            return _parse(file.read(length), size - 8 - length)
        except (ValueError, RecursionError) as error:
            raise damaged(path, error) from error


def _parse(content: bytes, room: int) -> Header:
    document = bounded.parse_json(content, _unique)
    if not isinstance(document, dict):
        raise ValueError("a header that is no table")
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("__metadata__ that is no table of texts")
    spans: list[tuple[int, int]] = []
    keys = {key: _tensor(key, entry, spans) for key, entry in document.items()}
    end = 0
    for first, last in sorted(spans):
        if first != end:
            raise ValueError("tensors that overlap, or leave a gap")
        end = last
    if end != room:
        raise ValueError(f"tensors of {end:,} bytes, where the file holds {room:,}")
    # The library writes keys in the order of their letters; that of their numbers is closer to a network's own.
    return Header({key: keys[key] for key in sorted(keys, key=_natural)}, metadata)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("a key that is there twice")
    return table


def _tensor(key: str, entry: Any, spans: list[tuple[int, int]]) -> TensorSpec:
    if not key.isprintable() or len(key) > _LONGEST_KEY:
        raise ValueError("a key with characters that cannot be shown, or without end")
    fields = entry if isinstance(entry, dict) else {}
    dtype, shape, span = fields.get("dtype"), _naturals(fields.get("shape")), _naturals(fields.get("data_offsets"))
    if not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"{key} is of an unknown dtype: {dtype}")
    if shape is None or span is None or len(shape) > _MAX_AXES or len(span) != 2:
        raise ValueError(f"{key} has no shape and place")
    name, bits = _DTYPES[dtype]
    first, last = span
    if math.prod(shape) * bits != (last - first) * 8:
        raise ValueError(f"{key} {shape} does not take {last - first:,} bytes")
    spans.append((first, last))
    return TensorSpec(shape, name)


def _naturals(value: object) -> tuple[int, ...] | None:
    is_list = isinstance(value, list) and all(type(item) is int and 0 <= item < 2**48 for item in value)
    return tuple(cast("list[int]", value)) if is_list else None


def _natural(key: str) -> list[tuple[int, str]]:
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.findall(r"\d+|\D+", key)]


class Safetensors(Loader):
    """The loader of kind "safetensors"."""

    name = "safetensors"

    def sniff(self, path: Path) -> float:
        """High where the header holds; low where it is damaged, so that it says so."""
        try:
            return 0.0 if read_header(path) is None else 0.9
        except CheckpointError:
            return 0.3

    def open(self, path: Path) -> list[Part]:
        """One Part; that of a network in several files is opened with the first of them, the others give none."""
        paths = _shards(path)
        present = [shard for shard in paths if shard.is_file()]
        if present and path != present[0]:
            return []
        if len(present) < len(paths) > 1:
            lacking = next(shard.name for shard in paths if shard not in present)
            raise CheckpointError(f"{path}: {lacking} is missing beside it; copy all {len(paths)} files")
        headers = [_header(shard) for shard in paths]
        keys: dict[str, TensorSpec] = {}
        for shard, header in zip(paths, headers, strict=True):
            if keys.keys() & header.keys.keys():
                raise damaged(shard, "a key that another of its files has, too")
            keys |= header.keys
        if not keys:
            raise CheckpointError(f"{path}: holds no tensors; save some with safetensors.torch.save_file")
        stated = {key: _number(text) for header in headers for key, text in header.metadata.items()}
        configuration, problems = _configuration(path)
        return [
            Part(
                path,
                self.name,
                keys=keys,
                facts=find_facts({**stated, **configuration}, [()]),
                read_tensors=partial(_read_tensors, paths, tuple(keys)),
                read_some=partial(_read_tensors, paths),
                problems=problems,
                numbered=len(paths) == 1 and not numbers_networks(path),
                others=(*paths[1:], *([path.with_name(_CONFIGURATION)] if configuration else [])),
            )
        ]


def _header(path: Path) -> Header:
    header = read_header(path)
    if header is None:
        raise CheckpointError(f"{path}: is not in the safetensors format; write it with safetensors.torch.save_file")
    return header


def _shards(path: Path) -> list[Path]:
    """All files of a network whose files are called NAME-00001-of-00003, as the hub's libraries call them."""
    named = re.fullmatch(r"(.+)-(\d{5})-of-(\d{5})(\.\w+)?", path.name)
    if named is None or not 1 <= int(named[2]) <= int(named[3]) <= _MAX_SHARDS:
        return [path]
    return [path.with_name(f"{named[1]}-{i + 1:05}-of-{named[3]}{named[4] or ''}") for i in range(int(named[3]))]


def _number(text: str) -> int | float | str:
    """What a text of the metadata spells, where it spells a number."""
    if re.fullmatch(r"[-+]?\d{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"[-+]?(\d+\.\d*|\.?\d+)(e[-+]?\d+)?", text, re.IGNORECASE) else text


def _configuration(path: Path) -> tuple[dict[str, object], tuple[str, ...]]:
    """The ``config.json`` beside a file (of the hub: what the network was made with), or why it is not read."""
    file = path.with_name(_CONFIGURATION)
    try:
        if not file.is_file():
            return {}, ()
        with file.open("rb") as stream:
            content = stream.read(_MAX_CONFIGURATION + 1)
        if len(content) > _MAX_CONFIGURATION:
            raise ValueError("too long")
        configuration = json.loads(content.decode())
        return {"config": configuration} if isinstance(configuration, dict) else {}, ()
    except (OSError, ValueError, RecursionError) as error:
        return {}, (f"{_CONFIGURATION} beside it is not read ({what_it_says(error)})",)


def _read_tensors(paths: list[Path], keys: Collection[str]) -> Mapping[str, Tensor]:
    try:
        loaded = {key: tensor for path in paths for key, tensor in _load(path, keys)}
        return {key: loaded[key] for key in keys}
    except Exception as error:  # its own error, and whatever torch says of a dtype
        raise damaged(paths[0], error) from error


def _load(path: Path, keys: Collection[str]) -> Iterator[tuple[str, Tensor]]:
    from safetensors import safe_open

    with safe_open(path, framework="pt", device="cpu") as file:
        for key in file.keys():  # noqa: SIM118, it is no dict
            if key in keys:
                yield key, file.get_tensor(key)


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of safetensors files."""
    return [Safetensors]
