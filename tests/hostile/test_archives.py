"""Zips that unpack to much, lie about their records, or would write outside: refused by what their directory says."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from tests.hostile.conftest import npy

DEFLATED = zipfile.ZIP_DEFLATED
OUTSIDE = ("../../executed", "/executed", "archive/../../executed", "archive\\..\\..\\executed", "C:\\executed", "~/x")


def archive(records: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as made:
        for name, content in records.items():
            made.writestr(name, content)
    return buffer.getvalue()


def directory(entries: Sequence[bytes], records: bytes = b"", count: int | None = None) -> bytes:
    """Records, the directory's entries, and its end in the form for 64 bits."""
    body = b"".join(entries)
    number = len(entries) if count is None else count
    end64 = struct.pack("<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, number, number, len(body), len(records))
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(records) + len(body), 1)
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return records + body + end64 + locator + end


def lying(records: Mapping[str, bytes], sizes: Mapping[str, int]) -> bytes:
    """A deflated zip whose headers state other sizes than the records have."""
    content = bytearray(archive(records, DEFLATED))
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        for info in made.infolist():
            if info.filename in sizes:
                size = struct.pack("<I", sizes[info.filename])
                content[info.header_offset + 22 : info.header_offset + 26] = size
                entry = content.index(b"PK\x01\x02", content.rindex(info.filename.encode()) - 46)
                content[entry + 24 : entry + 28] = size
    return bytes(content)


def archives(forge: Any) -> Mapping[str, bytes]:
    """Files by what is wrong with them."""
    good = forge.mapping({"critic": forge.mapping({"w": forge.tensor((2, 2))})})
    big = forge.mapping({"critic": forge.mapping({"w": forge.tensor((5000, 5000))})})
    program = b"\x80\x02" + good + b"."
    zeros = bytes(100_000_000)
    nested = archive({"archive/data.pkl": program, "archive/data/0": bytes(16)}, DEFLATED)
    for _ in range(20):
        nested = archive({"archive/data.pkl": nested, "archive/data/0": nested[:1000]}, DEFLATED)
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0)
    first = archive({"archive/data.pkl": program})
    first = first[: first.index(b"PK\x01\x02")]
    cut = {f"archive/data/{i}": b"" for i in range(60_000)}
    chance = random.Random(0)  # what packs fortyfold
    some = b",".join(b"%d" % chance.randrange(10**9) for _ in range(300))
    numbers = b",".join(some + b",%d" % chance.randrange(10**90) for _ in range(3000))
    exported = b'{"graph_module":{"graph":{"tensor_values":{}},"signature":{"input_specs":[]}},"x":[' + numbers + b"]}"
    found = {
        "a deflated pickle": archive({"archive/data.pkl": program + zeros, "archive/data/0": bytes(16)}, DEFLATED),
        "a deflated storage": forge.zipped(big, {"0": zeros}, packing=DEFLATED),
        "a pickle larger than stated": lying(
            {"archive/data.pkl": b"N" * 10**8, "archive/version": b"3"}, {"archive/data.pkl": 1000}
        ),
        "a byte order larger than stated": lying(
            {"archive/data.pkl": program, "archive/byteorder": zeros}, {"archive/byteorder": 6}
        ),
        "a pickle smaller than stated": lying(
            {"archive/data.pkl": program, "archive/data/0": bytes(16)}, {"archive/data.pkl": 2**31}
        ),
        "zips in zips": nested,
        "a zip as its own pickle": archive({"archive/data.pkl": archive({"archive/data.pkl": program})}),
        "a million records": directory([entry + b"a"] * 1_000_000),
        "a million records of torch": directory([entry + b"a"] * 1_000_000, first),
        "records that are counted wrong": directory([entry + b"a"], first, 2**62),
        "sixty thousand storages": archive({"archive/data.pkl": program, **cut}),
        "names without end": directory(
            [
                struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, 20, 0, 0, 0, 0, 0, 0, 0, 65535, 0, 0, 0, 0, 0, 0)
                + b"a" * 65535
            ]
            * 1000,
            first,
        ),
        "a comment that holds another zip": archive({"archive/data.pkl": program}) + archive({"x": b""}),
        "a deflated config.json": archive(
            {"config.json": b"[" * 10**8, "metadata.json": b'{"keras_version": "3.0"}', "model.weights.h5": b""},
            DEFLATED,
        ),
        "a deflated metadata.json": archive(
            {"config.json": b"{}", "metadata.json": b" " * 10**8, "model.weights.h5": b""}, DEFLATED
        ),
        "a deep config.json": archive(
            {
                "config.json": b'{"class_name": "a", "config": ' + b"[" * 10**6,
                "metadata.json": b'{"keras_version": "3.0"}',
                "model.weights.h5": b"",
            }
        ),
        "a large metadata.json": archive(
            {
                "config.json": b"{}",
                "metadata.json": b'{"keras_version": [' + b"{}," * 10**7 + b"{}]}",
                "model.weights.h5": b"",
            }
        ),
        "a deflated model.json": archive({"p/archive_format": b"pt2", "p/models/model.json": b"[" * 10**8}, DEFLATED),
        "a large model.json": archive(
            {"p/archive_format": b"pt2", "p/models/model.json": b"[" + b"{}," * 5 * 10**6 + b"{}]"}
        ),
        "programs without end": archive(
            {"p/archive_format": b"pt2", **{f"p/models/{i}.json": exported for i in range(40)}}, DEFLATED
        ),
        "a deflated program": archive(
            {"serialized_exported_program.json": b"{" * 10**8, "serialized_state_dict.pt": b"", "version": b"1"},
            DEFLATED,
        ),
        "deflated samples": archive({"samples.npy": npy((10_000_000, 3)) + bytes(120_000_000)}, DEFLATED),
        "samples smaller than stated": lying(
            {"samples.npy": npy((10_000, 3)) + bytes(120_000)}, {"samples.npy": 2**31}
        ),
        "ten thousand arrays": archive({f"{i}.npy": npy((2, 3)) + bytes(24) for i in range(10_000)}),
        "deflated scores": archive(
            {"samples.npy": npy((2, 3)) + bytes(24), "scores.npy": npy((30_000_000,)) + bytes(120_000_000)}, DEFLATED
        ),
        "code without end": archive(
            {
                "archive/data.pkl": program,
                "archive/constants.pkl": b"\x80\x02].",
                "archive/data/0": bytes(16),
                **{f"archive/code/{i}.py": b"" for i in range(20_000)},
            }
        ),
    }
    found |= {
        f"a record called {name}": archive({"archive/data.pkl": program, "archive/data/0": bytes(16), name: b"harm"})
        for name in OUTSIDE
    }
    found |= {f"only a record called {name}": archive({name: b"harm"}) for name in OUTSIDE}
    found |= {
        f"a {kind} record called {name}": archive({**kept, name: b"harm"})
        for name in OUTSIDE[:2]
        for kind, kept in {
            "Keras": {
                "config.json": b'{"class_name": "a"}',
                "metadata.json": b'{"keras_version": "3.0"}',
                "model.weights.h5": b"",
            },
            "pt2": {"p/archive_format": b"pt2", "p/models/model.json": b"{}"},
            "npz": {"samples.npy": npy((2, 3)) + bytes(24)},
        }.items()
    }
    for name, packing in (("bzip2", zipfile.ZIP_BZIP2), ("lzma", zipfile.ZIP_LZMA)):
        found[f"packed by {name}"] = archive({"archive/data.pkl": program, "archive/data/0": bytes(10**6)}, packing)
    overlapping = forge.zipped(
        forge.mapping({str(i): forge.tensor((2,), str(i)) for i in range(1000)}),
        {str(i): bytes(8) for i in range(1000)},
    )
    found["storages over one another"] = overlapping.replace(b"\x01\x02\x14\x03", b"\x01\x02\x14\x03")
    found["a packed stream that is none"] = forge.zipped(good, {"0": bytes(1000)}, packing=DEFLATED).replace(
        zlib.compress(bytes(1000))[2:6], b"\xff\xff\xff\xff"
    )
    return found


@pytest.fixture(scope="module")
def verdicts(judge: Any, forge: Any) -> Any:
    """What the command line does with each of them."""
    return judge(archives(forge))


def test_each_is_bounded_and_refused_or_described(verdicts: Any, forge: Any) -> None:
    assert verdicts.faults == {}
    assert not forge.marker.exists()
