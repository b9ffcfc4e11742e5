"""Torch files that are damaged or lie: read as what they are, or refused in one line; never done, never unpacked."""

from __future__ import annotations

import io
import pickle
import random
import struct
import tracemalloc
import zipfile
import zlib
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoints.conftest import complaint, forms
from tests.checkpoints.torch.conftest import read
from torch import Tensor

from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.pickles.inert import Inert
from wganalyze_checkpoints.pickles.tensors import StoredTensor
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import MAX_PICKLE


def tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of the dict that a file holds, if torch wrote it, from their bytes."""
    file = torch_file.read(path)
    if file is None or not isinstance(file.root, dict):
        return {}
    return file.tensors({str(k): v for k, v in file.root.items() if isinstance(v, StoredTensor)})


def assert_refused(path: Path, reason: str = "") -> None:
    """The file, or its tensors, are refused in one line that gives the reason."""
    message = complaint(path, tensors)
    assert message is not None
    assert message.startswith(f"{path}: damaged torch file (")
    assert message.endswith("copy or save it again")
    assert message.isprintable()
    assert reason in message


@given(
    st.sampled_from([b"", b"\x80\x02", b"PK\x03\x04", b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."]),
    st.binary(),
)
def test_random_bytes_are_not_of_torch_or_damaged(write: Callable[..., Path], head: bytes, tail: bytes) -> None:
    path = write(head + tail)
    message = complaint(path, torch_file.read)
    assert torch_file.read(path) is None if message is None else message.isprintable()


@forms
def test_a_file_cut_at_any_byte_is_not_of_torch_or_damaged(
    save: Callable[..., Path], write: Callable[..., Path], form: str
) -> None:
    content = save({"a": torch.ones(2), "b": torch.zeros(3)}, form, "n.pt").read_bytes()
    refusals = 0
    for end in range(len(content)):
        path = write(content[:end])
        message = complaint(path, torch_file.read)
        if message is None:
            assert torch_file.read(path) is None
        else:
            refusals += 1
            assert message.isprintable()
            assert message.startswith(f"{path}: ")
    assert refusals > len(content) // 2
    assert len(tensors(write(content))) == 2


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@forms
def test_a_file_with_changed_bytes_is_read_or_refused_in_one_line(
    save: Callable[..., Path], write: Callable[..., Path], form: str
) -> None:
    content = save({"a": torch.ones(2, 2).T, "args": Namespace(n=1)}, form, "n.pt").read_bytes()
    chance = random.Random(0)
    for _ in range(1000):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(changed))
            changed[place : place + chance.choice([1, 1, 1, 0, 4])] = chance.randbytes(chance.choice([1, 1, 1, 0, 4]))
        message = complaint(write(bytes(changed)), tensors)
        assert message is None or message.isprintable()


# Lies of a zip


@pytest.mark.parametrize(
    "name", ["archive/../../etc/passwd", "../up", "/etc/passwd", "archive\\..\\up", "archive/data/../../../x"]
)
def test_records_that_would_lie_outside(forge: Any, name: str) -> None:
    assert_refused(forge.archive({"a": 1}, records={name: b"root"}), "outside")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_records_of_one_name(forge: Any) -> None:
    assert_refused(forge.archive({"a": 1}, records={"archive/data.pkl": b"N."}), "one name")


def test_two_pickles(forge: Any) -> None:
    assert_refused(forge.archive({"a": 1}, records={"other/data.pkl": b"N."}), "not one data.pkl")


def test_a_big_structure(forge: Any) -> None:
    assert_refused(forge.archive({"a": "x" * MAX_PICKLE}), "sensible size")


def test_a_big_endian_machine(forge: Any) -> None:
    assert_refused(forge.archive({"a": 1}, byteorder="big"), "big-endian")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_packing_that_torch_does_not_know(forge: Any, compression: int) -> None:
    assert_refused(forge.archive({"a": 1}, compression=compression), "packed")


def test_a_deflated_archive_is_read(forge: Any) -> None:
    numbers = struct.pack("<4f", 1, 2, 3, 4)
    path = forge.archive({"a": forge.tensor(forge.storage())}, {"0": numbers}, compression=zipfile.ZIP_DEFLATED)
    assert tensors(path)["a"].tolist() == [[1, 2], [3, 4]]


def test_a_bomb_is_refused_by_what_it_states(forge: Any) -> None:
    numel = 2**23
    path = forge.archive(
        {"a": forge.tensor(forge.storage("0", numel), (numel,), (1,))},
        {"0": bytes(4 * numel)},
        compression=zipfile.ZIP_DEFLATED,
    )
    assert path.stat().st_size < 100_000
    assert_refused(path, "would unpack to 33,554,432 bytes")


def test_a_bomb_that_states_a_small_size_is_not_unpacked(write: Callable[..., Path]) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = packer.compress(b"N." + bytes(200_000_000)) + packer.flush()
    name, size = b"a/data.pkl", 1000
    entry = struct.pack("<HHHHHIIIHH", 20, 0, 8, 0, 33, 0, len(bomb), size, len(name), 0)
    local = b"PK\x03\x04" + entry + name + bomb
    central = b"PK\x01\x02\x14\x00" + entry + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    path = write(local + central + end)
    tracemalloc.start()
    try:
        assert_refused(path)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()


def test_records_that_overlap(forge: Any, write: Callable[..., Path]) -> None:
    values = {k: forge.tensor(forge.storage(k, 256), (256,), (1,)) for k in "0123456789"}
    content = forge.archive(values, {k: bytes(1024) for k in values}).read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        offsets = {k: archive.getinfo(f"archive/data/{k}").header_offset for k in values}
        start = archive.start_dir
    # The central entries of all storages point at the bytes of the first; the other bytes are cut out.
    gap = offsets["9"] - offsets["1"]
    directory = bytearray(content[start:])
    for info in archive.infolist():
        place = directory.index(b"PK\x01\x02", directory.index(info.filename.encode()) - 46)
        target = info.header_offset
        if info.filename.startswith("archive/data/"):
            target = offsets["0"]
        elif target > offsets["9"]:
            target -= gap
        struct.pack_into("<I", directory, place + 42, target)
    end = directory.index(b"PK\x05\x06")
    struct.pack_into("<I", directory, end + 16, start - gap)
    path = write(content[: offsets["1"]] + content[offsets["9"] : start] + directory)
    assert_refused(path, "overlap")


def test_storages_that_point_at_the_same_bytes(forge: Any, write: Callable[..., Path]) -> None:
    values = {k: forge.tensor(forge.storage(k)) for k in "01"}
    content = bytearray(forge.archive(values, {"0": bytes(16), "1": b"\x01" * 16}).read_bytes())
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first, start = archive.getinfo("archive/data/0").header_offset, archive.start_dir
    struct.pack_into("<I", content, content.index(b"archive/data/1", start) - 46 + 42, first)
    assert_refused(write(bytes(content)))


def test_an_encrypted_record(forge: Any, write: Callable[..., Path]) -> None:
    content = bytearray(forge.archive({"a": 1}).read_bytes())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    assert_refused(write(bytes(content)), "encrypted")


def test_a_changed_byte_in_a_record_is_noticed_by_its_checksum(forge: Any, write: Callable[..., Path]) -> None:
    numbers = struct.pack("<4f", 1, 2, 3, 4)
    content = forge.archive({"a": forge.tensor(forge.storage())}, {"0": numbers}).read_bytes()
    assert_refused(write(content.replace(numbers, b"\xff" + numbers[1:])), "CRC")


# Lies of a pickle


@pytest.mark.parametrize("storages", [{}, {"1": bytes(16)}, {"0": bytes(15)}, {"0": b""}])
def test_a_storage_that_is_missing_or_short(forge: Any, storages: dict[str, bytes]) -> None:
    assert_refused(forge.archive({"a": forge.tensor(forge.storage())}, storages), "storage 0 is missing or too short")


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [
        ((2, 3), (3, 1), 0),
        ((2, 2), (2, 1), 1),
        ((2, 2), (3, 1), 0),
        ((2, 2), (2, 1), -1),
        ((-2, 2), (2, 1), 0),
        ((2, 2), (-2, 1), 0),
        ((2, 2), (2,), 0),
        ((2.0, 2), (2, 1), 0),
        ((True, 2), (2, 1), 0),
        ([2, 2], (2, 1), 0),
        ((2, 2), None, 0),
        ((2, 2), (2, 1), None),
        ((2**62, 2**62), (0, 0), 0),
        ((2**25,), (0,), 0),
        ((1,) * 65, (1,) * 65, 0),
        ((2, 2), (2, 1), 2**63),
    ],
)
def test_a_tensor_that_does_not_lie_in_its_storage(forge: Any, shape: object, stride: object, offset: object) -> None:
    assert_refused(
        forge.archive({"a": forge.tensor(forge.storage(), shape, stride, offset)}, {"0": bytes(16)}), "tensor"
    )


@pytest.mark.parametrize("numel", [-1, None, 4.0, True, 2**48, "4"])
def test_a_storage_of_an_impossible_length(forge: Any, numel: object) -> None:
    assert_refused(forge.archive({"a": forge.tensor(forge.storage("0", numel))}, {"0": bytes(16)}), "length")


def test_a_storage_that_is_longer_than_the_file(forge: Any) -> None:
    numel = 2**40
    assert_refused(
        forge.archive({"a": forge.tensor(forge.storage("0", numel), (numel,), (1,))}, {"0": bytes(16)}), "short"
    )


def test_a_storage_that_is_described_twice(forge: Any) -> None:
    values = [forge.tensor(forge.storage()), forge.tensor(forge.storage("0", 4, torch.DoubleStorage))]
    assert_refused(forge.archive(values, {"0": bytes(32)}), "described twice")


def test_a_view_of_a_storage(forge: Any) -> None:
    storage = forge.storage("0", 4, torch.FloatStorage, ("1", 0, 2))
    assert_refused(forge.archive({"a": forge.tensor(storage)}, {"0": bytes(16)}), "view")


@pytest.mark.parametrize("identifier", [5, "storage", (), ("storage",), ("else", 1, 2, 3, 4), [1], None])
def test_a_persistent_id_that_is_no_storage(forge: Any, identifier: object) -> None:
    if identifier is None:
        assert_refused(forge.archive(b"\x80\x02NQ."), "persistent")
    else:
        assert_refused(forge.archive({"a": forge.identified(identifier)}), "persistent")


def test_a_storage_key_that_leads_outside(forge: Any) -> None:
    assert_refused(forge.archive({"a": forge.tensor(forge.storage("../../secret"))}, {"0": bytes(16)}), "missing")


def test_a_nest_as_the_key_of_an_unknown_storage_is_not_spelt_out(forge: Any) -> None:
    nest: object = ()
    for _ in range(60):
        nest = (nest, nest)
    file = read(forge.archive({"a": forge.storage(nest, 4, "what")}))
    assert isinstance(file.root, dict)
    assert isinstance(file.root["a"], Inert)


@pytest.mark.parametrize("cls", [5, "object", None, ("a",)])
def test_an_object_of_no_class(forge: Any, cls: object) -> None:
    program = b"\x80\x02ccopyreg\n_reconstructor\n" + pickle.dumps((cls, object, None), 2)[2:-1] + b"R."
    assert_refused(forge.archive(program), "no class")


def test_an_ordered_dict_keeps_only_keys_that_are_safe_to_hash(forge: Any) -> None:
    pairs = [[2**61 - 1, 1], ["k" * 2000, 2], ["b", 3]]
    file = read(forge.archive(forge.call(OrderedDict, pairs)))
    assert isinstance(file.root, dict)
    assert [k for k in file.root if not isinstance(k, Inert)] == ["b"]


def test_only_tensors_are_rebuilt_from_a_type(forge: Any) -> None:
    rebuild = torch._tensor._rebuild_from_type_v2
    inner = (torch._utils._rebuild_tensor_v2, torch.Tensor)
    arguments: tuple[Any, ...] = (forge.storage(), 0, (2, 2), (2, 1), False, OrderedDict())
    file = read(forge.archive(forge.call(rebuild, *inner, arguments, {}), {"0": bytes(16)}))
    assert isinstance(file.root, StoredTensor)
    for function in (OrderedDict, rebuild):
        file = read(forge.archive(forge.call(rebuild, function, torch.Tensor, ([["a", 1]],), {})))
        assert isinstance(file.root, Inert)


def test_harm_is_inert(forge: Any, marker: Path) -> None:
    for name, value in forge.harm(marker).items():
        file = read(forge.archive({"weights": forge.tensor(forge.storage()), "x": value}, {"0": bytes(16)}))
        assert file.foreign, name
        assert isinstance(file.root, dict)
        assert file.tensors({"w": file.root["weights"]})["w"].shape == (2, 2)
        assert not marker.exists()


# Lies of a legacy file


def legacy(
    root: bytes, keys: object = (), storages: bytes = b"", protocol: object = 1001, system: object = None
) -> bytes:
    """A legacy file from its five pickles."""
    system = {"little_endian": True} if system is None else system
    head = (0x1950A86A20F9469CFC6C, protocol, system)
    return b"".join(pickle.dumps(v, 2) for v in head) + root + pickle.dumps(keys, 2) + storages


def test_a_legacy_file_made_by_hand(forge: Any, write: Callable[..., Path]) -> None:
    root = forge.pickle({"a": forge.tensor(forge.storage())})
    good = legacy(root, ["0"], struct.pack("<q4f", 4, 1, 2, 3, 4))
    assert tensors(write(good))["a"].tolist() == [[1, 2], [3, 4]]
    for content, match in {
        legacy(root, ["0"], struct.pack("<q4f", 5, 1, 2, 3, 4)): "storage 0 ends early",
        legacy(root, ["0"], struct.pack("<q3f", 4, 1, 2, 3)): "storage 0 ends early",
        legacy(root, ["0"], struct.pack("<q", -4)): "storage 0 ends early",
        legacy(root, ["0"]): "",
        legacy(root, ["1"], struct.pack("<q4f", 4, 1, 2, 3, 4)): "list of storages",
        legacy(root, [["0"]], b""): "list of storages",
        legacy(root, {"0": 1}, b""): "list of storages",
        legacy(root, ["0"], good, protocol=1000): "1001",
        legacy(root, ["0"], good, system={"little_endian": False}): "big-endian",
        legacy(root, ["0"], good, system=[1]): "big-endian",
    }.items():
        assert_refused(write(content), match)


def test_a_legacy_header_that_claims_more_than_the_file(write: Callable[..., Path]) -> None:
    path = write(legacy(b"\x80\x04\x8e" + struct.pack("<Q", 2**40)))
    assert_refused(path, "longer than the file")


def test_legacy_harm_is_inert(forge: Any, write: Callable[..., Path], marker: Path) -> None:
    for value in forge.harm(marker).values():
        assert read(write(legacy(forge.pickle(value), []))).foreign
        with pytest.raises(CheckpointError):
            torch_file.read(write(legacy(forge.pickle({}), value if isinstance(value, list) else [5])))
    assert torch_file.read(write(forge.pickle(forge.harm(marker)["os.system"]))) is None
