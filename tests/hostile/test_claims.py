"""Headers that claim terabytes, endless lists or themselves: nothing is believed that the file cannot hold."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.hostile.conftest import npy

HUGE = (2**40, 2**62, 2**64 - 1)
MODEL = b"\x08\x08\x12\x01a"  # the version and the producer, as every ONNX file begins


def safetensors(header: object, data: bytes = bytes(16), length: int | None = None) -> bytes:
    """A safetensors file with this header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape: object, span: object, dtype: object = "F32") -> dict[str, object]:
    """One tensor of its header."""
    return {"w": {"dtype": dtype, "shape": shape, "data_offsets": span}}


def varint(value: int) -> bytes:
    """As protobuf writes it."""
    found = b""
    while value > 127:
        found, value = found + bytes([value & 127 | 128]), value >> 7
    return found + bytes([value])


def field(number: int, content: bytes | int, length: int | None = None) -> bytes:
    """A field of protobuf; it may lie about its length."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content) if length is None else length) + content


def onnx(graph: bytes, length: int | None = None) -> bytes:
    """An ONNX file of this graph."""
    return MODEL + field(7, graph, length)


def message(kind: int, body: bytes) -> bytes:
    """Of an object header of HDF5."""
    return struct.pack("<2HB3x", kind, len(body), 0) + body


def attribute(name: str, texts: Sequence[bytes], width: int) -> bytes:
    """A message: an attribute of texts of one width."""
    title = name.encode() + b"\0" * (8 - len(name) % 8)
    space = struct.pack("<2B6xQ", 1, 1, len(texts))
    data = b"".join(text.ljust(width, b"\0") for text in texts)
    return message(
        0xC,
        struct.pack("<2B3H", 1, 0, len(name) + 1, 8, 16)
        + title
        + struct.pack("<4BI", 0x13, 0, 0, 0, width)
        + space
        + data,
    )


def header(messages: Sequence[bytes], count: int | None = None) -> bytes:
    """An object header of HDF5."""
    body = b"".join(messages)
    return struct.pack("<2BHII4x", 1, 0, len(messages) if count is None else count, 1, len(body)) + body


def hdf5(objects: bytes, root: int = 96, end: int | None = None) -> bytes:
    """An HDF5 file: the superblock, and objects behind it."""
    size = 96 + len(objects) if end is None else end
    addresses = struct.pack("<6Q", 0, 2**64 - 1, size, 2**64 - 1, 0, root)
    return (
        b"\x89HDF\r\n\x1a\n" + struct.pack("<8B2HI", 0, 0, 0, 0, 0, 8, 8, 0, 4, 16, 0) + addresses + bytes(24) + objects
    )


def claims(forge: Any) -> Mapping[str, bytes]:
    """Files by what they claim."""
    found: dict[str, bytes] = {}
    for size in HUGE:
        state = forge.mapping({"critic": forge.mapping({"w": forge.tensor((2, size // 2))})})
        found |= {
            f"a zip's storage of {size}": forge.zipped(state, {"0": bytes(16)}),
            f"a legacy storage of {size}": forge.legacy(state) + struct.pack("<Q", size),
            f"a zip's tensor of {size}": forge.zipped(
                forge.mapping({"w": forge.tensor((size, 1), numel=4)}), {"0": bytes(16)}
            ),
            f"a safetensors header of {size}": safetensors(entry([2, 2], [0, 16]), length=size),
            f"a safetensors tensor of {size}": safetensors(entry([size], [0, 4 * size])),
            f"a safetensors shape of {size}": safetensors(entry([0, size, size], [0, 0]), b""),
            f"safetensors places of {size}": safetensors(entry([2, 2], [size, size + 16])),
            f"an npy of {size}": npy((size, 3)) + bytes(24),
            f"an empty npy times {size}": npy((2, 0, size, size)),
            f"an ONNX graph of {size}": onnx(b"", size),
            f"an ONNX name of {size}": onnx(field(2, b"", size)),
            f"an ONNX tensor of {size}": onnx(
                field(5, field(1, size) + field(1, size) + field(2, 1) + field(8, b"w") + field(9, b"", size))
            ),
            f"an ONNX tensor of {size} elsewhere": onnx(
                field(
                    5,
                    field(1, size)
                    + field(2, 1)
                    + field(8, b"w")
                    + field(14, 1)
                    + field(13, field(1, b"location") + field(2, b"../../etc/passwd")),
                )
            ),
            f"an HDF5 file of {size}": hdf5(header([]), end=size),
            f"an HDF5 root at {size}": hdf5(header([]), root=size),
            f"an HDF5 group at {size}": hdf5(header([message(0x11, struct.pack("<2Q", size, size))])),
            f"an HDF5 header of {size}": hdf5(header([message(0x10, struct.pack("<2Q", 96, size))])),
        }
    quick = [attribute(f"layer_names{i}", [b"a"], 8) for i in range(9_999)]
    many = header(quick)
    blocks = header([message(0x10, struct.pack("<2Q", 96, 2**16))], 65535)
    deep = b""
    for _ in range(2_000):
        deep = field(1, field(4, b"If") + field(5, field(1, b"a") + field(6, deep)))
    output = field(12, field(1, b"b") + field(2, field(1, field(1, 1))))
    found |= {
        "a safetensors header of emoji": safetensors(
            b'{"__metadata__":{"a":"' + "\U0001f600".encode() + b"x" * 31_000_000 + b'"}}', b""
        ),
        "a safetensors header of lists": safetensors(b'{"a":' + b"[" * 30_000_000, b""),
        "a safetensors header of values": safetensors(b'{"a":[' + b"0," * 990_000 + b"0]}", b""),
        "a safetensors header of digits": safetensors(
            b'{"a":{"dtype":"F32","shape":[' + b"9" * 30_000_000 + b'],"data_offsets":[0,16]}}'
        ),
        "a safetensors header of keys": safetensors(
            b"{"
            + b",".join(b'"%d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' % i for i in range(240_000))
            + b"}",
            b"",
        ),
        "an infinite safetensors shape": safetensors(
            b'{"w":{"dtype":"F32","shape":[Infinity,NaN,1e999],"data_offsets":[0,16]}}'
        ),
        "a negative safetensors shape": safetensors(entry([-2, -2], [0, 16])),
        "a true safetensors shape": safetensors(entry([True, 4], [0, 16])),
        "an npy shape of many digits": npy(f"(2, 0, {'9' * 4000})"),
        "an npy shape of many axes": npy("(" + "1," * 4000 + ")") + bytes(4),
        "an npy header that is deep": npy("(" * 4500 + ")" * 4500),
        "an npy header that is a program": npy("__import__('os').system('touch executed')"),
        "an npy of objects": npy((2, 3), "|O")
        + forge.plain(forge.call(forge.name("os.system"), forge.text(f"touch '{forge.marker}'"))),
        "an npy header of many bytes": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{",
        "ONNX nodes without end": onnx(field(1, b"") * 900_000),
        "ONNX operators without end": onnx(
            field(1, field(1, b"a") + field(2, b"b") + field(4, b"Relu")) * 240_000 + output
        ),
        "ONNX values without end": onnx(field(1, field(1, b"a") * 450_000) * 2),
        "ONNX tensors without end": onnx(
            b"".join(
                field(5, field(1, 2) + field(2, 1) + field(8, b"%d" % i) + field(9, bytes(8))) for i in range(150_000)
            )
        ),
        "ONNX axes without end": onnx(field(5, field(1, 1) * 500_000 + field(8, b"w"))),
        "ONNX graphs in graphs": onnx(deep),
        "ONNX number without end": MODEL + b"\x3a" + b"\xff" * 1000,
        "ONNX metadata without end": MODEL + field(14, field(1, b"a") + field(2, b"b" * 900)) * 9000 + field(7, b""),
        "HDF5 names without end": hdf5(many),
        "HDF5 headers in one another": hdf5(blocks + bytes(2**16)),
        "HDF5 names that a terminal obeys": hdf5(named("\x1b[2J")),
        "HDF5 names in names": hdf5(group([("a" * 100_000, 96)])),
        "HDF5 names of a million": hdf5(group([("vars" + "a" * 10**6, 96), *((f"{i}", 96) for i in range(1000))])),
        "an HDF5 group in itself": hdf5(group([("a", 96)])),
        "HDF5 objects in one place": shared(500),
        "an HDF5 tree in itself": hdf5(
            header([message(0x11, struct.pack("<2Q", 136, 200))])
            + b"TREE\0\0\1\0"
            + bytes(24)
            + struct.pack("<Q", 136)
            + bytes(24)
            + b"HEAP"
            + bytes(4)
            + struct.pack("<3Q", 8, 0, 96)
            + bytes(64)
        ),
        "an HDF5 array of everything": hdf5(
            header(
                [
                    message(1, struct.pack("<2B6x3Q", 1, 3, 2**62, 2**62, 2**62)),
                    message(3, struct.pack("<4BI", 0x10, 8, 0, 0, 4)),
                    message(8, struct.pack("<2B2Q", 3, 1, 96, 2**63)),
                ]
            )
        ),
    }
    return found


def group(members: Sequence[tuple[str, int]], start: int = 96) -> bytes:
    """A group at ``start`` with these names and addresses: its header, a node of symbols, a heap of names."""
    names = b"\0" * 8 + b"".join(name.encode() + b"\0" for name, _ in members)
    tree = start + 16 + 24
    node = tree + 24 + 8 * (2 * 1 + 1)
    symbols, place = b"", 8
    for name, address in members:
        symbols += struct.pack("<2QI20x", place, address, 0)
        place += len(name) + 1
    snod = b"SNOD" + struct.pack("<2BH", 1, 0, len(members)) + symbols
    heap = node + len(snod)
    return (
        header([message(0x11, struct.pack("<2Q", tree, heap))])
        + b"TREE" + struct.pack("<2BH2Q", 0, 0, 1, 2**64 - 1, 2**64 - 1) + struct.pack("<3Q", 0, node, 8)
        + snod
        + b"HEAP" + struct.pack("<4x3Q", len(names), 2**64 - 1, heap + 32) + names
    )  # fmt: skip


def named(name: str) -> bytes:
    """A group "vars", and in it an array of this name."""
    place = 96 + len(group([("vars", 0)]))
    inner = place + len(group([(name, 0)], place))
    array = header(
        [
            message(1, struct.pack("<2B6xQ", 1, 1, 2)),
            message(3, struct.pack("<4BI2HBBBBI", 0x11, 0x20, 31, 0, 4, 0, 32, 23, 8, 0, 23, 127)),
            message(8, struct.pack("<2B2Q", 3, 1, 0, 8)),
        ]
    )
    return group([("vars", place)]) + group([(name, inner)], place) + array


def shared(count: int) -> bytes:
    """A group of objects whose headers go on in one place, which holds 65,535 empty messages."""
    empty = message(0, b"") * 65_534
    top = group([("vars" + str(i), 0) for i in range(count)])
    first = 96 + len(top)
    place = first + 40 * count
    objects = b"".join(header([message(0x10, struct.pack("<2Q", place, len(empty)))], 65535) for _ in range(count))
    return hdf5(group([("vars" + str(i), first + 40 * i) for i in range(count)]) + objects + empty)


@pytest.fixture(scope="module")
def verdicts(judge: Any, forge: Any) -> Any:
    """What the command line does with each of them."""
    return judge(claims(forge))


def test_each_is_bounded_and_refused_or_described(verdicts: Any, forge: Any) -> None:
    assert verdicts.faults == {}
    assert not forge.marker.exists()


def test_the_files_are_what_they_seem_but_for_their_claims(verdicts: Any) -> None:
    """Else they would be refused for another reason."""
    kinds = {case: verdict.file["kind"] for case, verdict in verdicts.items()}
    for start, kind in (
        ("a zip's", "torch-state-dict"),
        ("a legacy", "torch-state-dict"),
        ("an ONNX", "onnx"),
        ("an npy of", "samples"),
    ):
        assert {k for case, k in kinds.items() if case.startswith(start)} == {kind}, start
