"""Safetensors files as the library writes them, and headers that lie: nothing is believed before it is checked."""

from __future__ import annotations

import json
import os
import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save, save_file
from tests.checkpoints.conftest import assert_holds
from torch import Tensor, nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.safetensors_file import MAX_HEADER, Safetensors
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = Safetensors()
DTYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.bool),
    *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz, torch.float8_e8m0fnu),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint64, torch.uint32, torch.uint16, torch.uint8),
]


def opened(path: Path) -> Part:
    """Its one part."""
    assert LOADER.sniff(path) == 0.9
    assert TorchStateDict().sniff(path) == 0
    (part,) = LOADER.open(path)
    assert (part.path, part.kind, part.name, part.role, part.step) == (path, "safetensors", "", None, None)
    assert part.read_module is None
    assert part.asks_for == ()
    return part


def headed(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    """A file of this header and these bytes; ``length``: what it claims of the header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(shape: Any = (2,), offsets: Any = (0, 8), dtype: Any = "F32") -> dict[str, Any]:
    """What the header says of a tensor."""
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def refused(path: Path) -> str:
    """The one line of the error."""
    with pytest.raises(CheckpointError) as caught:
        LOADER.open(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert line.isprintable()
    return line.removeprefix(f"{path}: ")


# Files of the library


@pytest.mark.parametrize("name", ["model.safetensors", "netG", "weights.pth", "a b.txt"])
def test_a_network_under_any_name(write: Callable[..., Path], name: str) -> None:
    weights = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)).state_dict()
    part = opened(write(save(weights), name))
    assert_holds(part, weights, ordered=False)
    assert (part.facts, part.problems, part.others, part.numbered) == ({}, (), (), True)
    assert part.parameters == sum(t.numel() for t in weights.values())


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype(write: Callable[..., Path], dtype: torch.dtype) -> None:
    raw = torch.arange(48, dtype=torch.uint8).reshape(3, 16)
    weights = {"w": raw.view(dtype) if dtype != torch.bool else raw > 7, "empty": torch.empty(0, 3).to(dtype)}
    assert_holds(opened(write(save(weights))), weights, ordered=False)


def test_numbers_smaller_than_a_byte_are_described(write: Callable[..., Path]) -> None:
    path = write(headed({"w": entry((4, 2), (0, 4), "F4"), "v": entry((4,), (4, 7), "F6_E2M3")}, bytes(7)))
    assert opened(path).keys == {"w": TensorSpec((4, 2), "f4"), "v": TensorSpec((4,), "f6_e2m3")}
    assert "does not take 5 bytes" in refused(write(headed({"w": entry((9,), (0, 5), "F4")}, bytes(5))))


def test_keys_are_in_the_order_of_their_numbers(write: Callable[..., Path]) -> None:
    weights = {f"net.{i}.{name}": torch.ones(2) for i in range(12) for name in ("bias", "weight")}
    assert [*opened(write(save(weights))).keys] == [*weights]


@given(st.dictionaries(st.text("abc.é", min_size=1), st.lists(st.integers(0, 3), max_size=3), min_size=1, max_size=5))
def test_agrees_with_the_library(write: Callable[..., Path], shapes: dict[str, list[int]]) -> None:
    weights = {key: torch.randn(shape) for key, shape in shapes.items()}
    assert_holds(opened(write(save(weights))), weights, ordered=False)


# Facts


def test_metadata_are_facts_and_numbers_where_they_spell_numbers(write: Callable[..., Path]) -> None:
    metadata = {"format": "pt", "step": "9000", "lambda_gp": "10.0", "lr": "1e-4", "n": "-3", "note": "3 nets",
                "huge": "9" * 30, "long": "x" * 2000, "bell": "\a"}  # fmt: skip
    assert opened(write(save({"w": torch.ones(2)}, metadata))).facts == {
        "format": "pt",
        "step": 9000,
        "lambda_gp": 10.0,
        "lr": 1e-4,
        "n": -3,
        "note": "3 nets",
        "huge": float("9" * 30),
    }


def test_a_config_json_of_the_hub(write: Callable[..., Path]) -> None:
    path = write(save({"w": torch.ones(2)}, {"format": "pt"}), "model.safetensors")
    config = {"latent_dim": 64, "conditional": False, "name": "wgan", "widths": [1, 2], "critic": {"lambda_gp": 10.0}}
    path.with_name("config.json").write_text(json.dumps({**config, "none": None}))
    part = opened(path)
    assert (part.problems, part.others) == ((), (path.with_name("config.json"),))
    assert part.facts == {
        "format": "pt",
        "config.latent_dim": 64,
        "config.conditional": False,
        "config.name": "wgan",
        "config.critic.lambda_gp": 10.0,
    }


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, '{"a": ' * 100_000, '{"a": "\udcff"}', '{"a": "' + "x" * 2**20 + '"}']
)
def test_a_config_json_that_is_none(write: Callable[..., Path], text: str) -> None:
    path = write(save({"w": torch.ones(2)}))
    path.with_name("config.json").write_text(text, errors="surrogateescape")
    part = opened(path)
    assert_holds(part, {"w": torch.ones(2)}, ordered=False)
    (problem,) = part.problems
    assert problem.startswith("config.json beside it is not read (")
    assert part.facts == {}


def test_a_config_json_of_anything(write: Callable[..., Path]) -> None:
    path = write(save({"w": torch.ones(2)}))
    for text in ("[1, 2]", "3", "null", '{"a": {"b": {"c": {"d": {"e": 1}}}}}'):
        path.with_name("config.json").write_text(text)
        part = opened(path)
        assert (part.facts, part.problems) == ({}, ())


# A network in several files


def shards(folder: Path, count: int = 3) -> dict[str, Tensor]:
    """A network of ``count`` tensors, each in a file of its own, with the index that the hub's libraries write."""
    weights = {f"net.{i}.weight": torch.full((2, i + 1), float(i)) for i in range(count)}
    names = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    for name, (key, tensor) in zip(names, weights.items(), strict=True):
        save_file({key: tensor}, folder / name, {"format": "pt"})
    index = {"metadata": {"total_size": 1}, "weight_map": dict(zip(weights, names, strict=True))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return weights


def test_shards_are_one_network(tmp_path: Path) -> None:
    weights = shards(tmp_path)
    first, *others = sorted(tmp_path.glob("*.safetensors"))
    part = opened(first)
    assert_holds(part, weights, ordered=False)
    assert part.others == (*others,)
    assert not part.numbered
    assert [LOADER.open(other) for other in others] == [[], []]


def test_a_shard_that_is_missing_is_named(tmp_path: Path) -> None:
    shards(tmp_path)
    first, second, third = sorted(tmp_path.glob("*.safetensors"))
    second.unlink()
    assert refused(first) == "model-00002-of-00003.safetensors is missing beside it; copy all 3 files"
    assert LOADER.open(third) == []
    first.unlink()
    assert refused(third) == "model-00001-of-00003.safetensors is missing beside it; copy all 3 files"


def test_shards_that_contradict_each_other(tmp_path: Path) -> None:
    shards(tmp_path)
    first, second, third = sorted(tmp_path.glob("*.safetensors"))
    second.write_bytes(first.read_bytes())
    with pytest.raises(CheckpointError, match=r"00002-of-00003.*a key that another of its files has"):
        LOADER.open(first)
    second.write_bytes(b"text")
    with pytest.raises(CheckpointError, match=r"00002-of-00003.*is not in the safetensors format"):
        LOADER.open(first)
    assert third.is_file()


@pytest.mark.parametrize("name", ["model-00000-of-00002", "model-00003-of-00002", "G-00001-of-99999", "G-1-of-2"])
def test_names_that_are_no_shards(write: Callable[..., Path], name: str) -> None:
    part = opened(write(save({"w": torch.ones(2)}), f"{name}.safetensors"))
    assert (part.others, part.numbered) == ((), True)


# accelerate


@pytest.mark.formats
def test_what_accelerate_saves(tmp_path: Path) -> None:
    from accelerate import Accelerator  # type: ignore[import-untyped]

    nets = nn.Linear(3, 5), nn.Linear(5, 1)
    accelerator = Accelerator(cpu=True)
    for net in nets:
        optimizer = torch.optim.Adam(net.parameters())
        accelerator.prepare(net, optimizer, torch.optim.lr_scheduler.StepLR(optimizer, 10))
    for safe, names in ((True, "model{}.safetensors"), (False, "pytorch_model{}.bin")):
        folder = tmp_path / str(safe)
        accelerator.save_state(str(folder), safe_serialization=safe)
        files = sorted(folder.iterdir())
        loader = LOADER if safe else TorchStateDict()
        claimed = {path.name: max(LOADER.sniff(path), TorchStateDict().sniff(path)) for path in files}
        assert claimed == {path.name: 0.9 * path.name.startswith(names.partition("{")[0]) for path in files}
        for net, number in zip(nets, ("", "_1"), strict=True):
            (part,) = loader.open(folder / names.format(number))
            assert (part.kind, part.role, part.step, part.numbered) == (loader.name, None, None, False)
            assert_holds(part, net.state_dict(), ordered=False)


# Damage and lies


def test_a_file_cut_at_any_byte(write: Callable[..., Path]) -> None:
    content = save({"a": torch.ones(2), "b": torch.ones(3)}, {"step": "3"})
    for end in range(len(content)):
        path = write(content[:end])
        confidence = LOADER.sniff(path)
        assert confidence in (0.0, 0.3)
        assert confidence or end < 10
        assert "; " in refused(path)


def test_a_file_with_changed_bytes_is_read_or_refused(write: Callable[..., Path]) -> None:
    content = save({"a": torch.ones(2), "b": torch.ones(3)}, {"step": "3"})
    chance = random.Random(1)
    for _ in range(500):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path = write(bytes(changed))
        if LOADER.sniff(path) == 0.9:
            (part,) = LOADER.open(path)
            assert part.read_tensors is not None
            assert part.read_tensors().keys() == part.keys.keys()
        else:
            refused(path)


@given(st.binary(max_size=100), st.integers(0, 100))
def test_random_bytes(write: Callable[..., Path], content: bytes, length: int) -> None:
    for text in (content, headed(b'{"' + content, length=length)):
        path = write(text)
        assert LOADER.sniff(path) < 0.9
        refused(path)


@pytest.mark.parametrize(
    ("header", "body", "reason"),
    [
        ({"w": entry((2,), (0, 4))}, 4, "w (2,) does not take 4 bytes"),
        ({"w": entry((2**40,), (0, 8))}, 8, "does not take 8 bytes"),
        ({"w": entry((2**47, 2**47), (0, 8))}, 8, "does not take 8 bytes"),
        ({"w": entry((2**39,), (0, 2**41))}, 8, "tensors of 2,199,023,255,552 bytes, where the file holds 8"),
        ({"w": entry()}, 12, "tensors of 8 bytes, where the file holds 12"),
        ({"w": entry((2,), (4, 12))}, 12, "overlap, or leave a gap"),
        ({"v": entry(), "w": entry((2,), (12, 20))}, 20, "overlap, or leave a gap"),
        ({"v": entry(), "w": entry((2,), (4, 12))}, 12, "overlap, or leave a gap"),
        ({"v": entry(), "w": entry()}, 8, "overlap, or leave a gap"),
        ({"w": entry((2,), (8, 0))}, 8, "does not take -8 bytes"),
        ({"w": entry((-2,), (0, 8))}, 8, "w has no shape and place"),
        ({"w": entry((2.0,), (0, 8))}, 8, "w has no shape and place"),
        ({"w": entry((True, 2), (0, 8))}, 8, "w has no shape and place"),
        ({"w": entry((2**48,), (0, 8))}, 8, "w has no shape and place"),
        ({"w": entry([1] * 65, (0, 4))}, 4, "w has no shape and place"),
        ({"w": entry("2", (0, 8))}, 8, "w has no shape and place"),
        ({"w": entry((2,), (0, 8, 8))}, 8, "w has no shape and place"),
        ({"w": {"dtype": "F32", "shape": [2]}}, 8, "w has no shape and place"),
        ({"w": entry(dtype="F128")}, 8, "w is of an unknown dtype: F128"),
        ({"w": entry(dtype=["F32"])}, 8, "w is of an unknown dtype"),
        ({"w": [1, 2]}, 8, "w is of an unknown dtype"),
        ({"w\x1b[2J": entry()}, 8, "a key with characters that cannot be shown"),
        ({"w" * 1001: entry()}, 8, "a key with characters that cannot be shown, or without end"),
        ({"__metadata__": {"step": 3}, "w": entry()}, 8, "__metadata__ that is no table of texts"),
        ({"__metadata__": "pt", "w": entry()}, 8, "__metadata__ that is no table of texts"),
        (b'{"w": 1, "w": 2}', 0, "a key that is there twice"),
        (b'{"w": {"shape": [2], "shape": [3]}}', 0, "a key that is there twice"),
        (b'{"w": NaN}', 0, "w is of an unknown dtype"),
        (b'{"w": ' + b"9" * 5000 + b"}", 0, "Exceeds the limit"),
        (b'{"w": \xff}', 0, "can't decode byte"),
        (b'{"\\ud800": {}}', 0, "a key with characters that cannot be shown"),
        (b'{"w": {}} {}', 0, "Extra data"),
        (b'{"w": ' + b"[" * 200_000, 0, "recursion"),
        (b'{"w": ' * 200_000, 0, "recursion"),
        (b'{"w": [' + b"[]," * 500_000, 0, "a description of more than 1,000,000 values"),
    ],
)
def test_headers_that_lie(write: Callable[..., Path], header: object, body: int, reason: str) -> None:
    path = write(headed(header, bytes(body)))
    assert LOADER.sniff(path) == 0.3
    line = refused(path)
    assert line.startswith("damaged safetensors file (")
    assert line.endswith("); copy or save it again")
    assert reason in line
    assert len(line) < 300


def test_claims_of_length_are_checked_before_they_are_believed(write: Callable[..., Path]) -> None:
    for length, confidence in ((2**63, 0.0), (100_000_001, 0.0), (99_999_999, 0.3), (100, 0.3), (1, 0.0), (0, 0.0)):
        path = write(headed({"w": entry()}, bytes(8), length))
        tracemalloc.start()
        try:
            assert LOADER.sniff(path) == confidence
            refused(path)
            assert tracemalloc.get_traced_memory()[1] < 2**20
        finally:
            tracemalloc.stop()


def test_a_header_larger_than_any_network_needs(write: Callable[..., Path]) -> None:
    for length, reason in ((MAX_HEADER, "Expecting"), (MAX_HEADER + 1, "a header of 33,554,433 bytes")):
        path = write(headed(b'{"w": ', length=length))
        os.truncate(path, 8 + length)
        assert reason in refused(path)


def test_a_file_without_tensors(write: Callable[..., Path]) -> None:
    path = write(headed({"__metadata__": {"step": "3"}}))
    assert LOADER.sniff(path) == 0.9
    assert refused(path) == "holds no tensors; save some with safetensors.torch.save_file"


def test_a_file_that_changes_before_its_weights_are_read(write: Callable[..., Path]) -> None:
    path = write(save({"w": torch.ones(2)}))
    part = opened(path)
    assert part.read_tensors is not None
    for content in (save({"v": torch.ones(2)}), path.read_bytes()[:-1], b"text"):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match="damaged safetensors file"):
            part.read_tensors()
    path.unlink()
    with pytest.raises(CheckpointError, match="damaged safetensors file"):
        part.read_tensors()


def test_a_folder_and_a_missing_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        assert LOADER.sniff(path) == 0
        assert refused(path) == "is not in the safetensors format; write it with safetensors.torch.save_file"
