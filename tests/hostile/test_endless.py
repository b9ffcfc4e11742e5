"""Pickles that never end, refer to themselves, nest without end or fill the memory: bounded, whatever they say."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import pytest

MILLION = 1_000_000


def memoised(opcodes: bytes, count: int) -> bytes:
    """Opcodes that leave a value, each time remembered in another place."""
    return b"".join(opcodes + b"r" + struct.pack("<I", place) for place in range(count))


def endless(forge: Any) -> Mapping[str, bytes]:
    """Programs by what they do."""
    text, name, call = forge.text, forge.name, forge.call
    long = text("x" * 20 * MILLION)
    keys = b"".join(text(f"{i:0900}") + b"N" for i in range(30_000))
    return {
        "a list in itself": b"]q\0h\0a",
        "a dict in itself": b"}q\0" + text("critic") + b"h\0s",
        "a tuple in its list": b"]q\0(h\0h\0tah\0a",
        "state dicts in themselves": b"}q\0(" + text("critic") + b"h\0" + text("w") + forge.tensor((2, 2)) + b"u",
        "an object in its state": call(name("a.B")) + b"q\0}" + text("self") + b"h\0sb",
        "a network in itself": call(name("a.Net"))
        + b"q\0"
        + forge.mapping({t: forge.mapping({"m": b"h\0"}) for t in ("_parameters", "_buffers", "_modules")})
        + b"b",
        "lists of lists of lists": b"]" * MILLION + b"a" * (MILLION - 1),
        "tuples of tuples as a key": b"})" + b"\x85" * MILLION + b"Ns",
        "dicts of dicts": (b"}" + text("g")) * 100_000 + b"N" + b"s" * 100_000,
        "laughs": b"]" + b"".join(b"q" + bytes([i]) + b"0](" + (b"h" + bytes([i])) * 10 + b"e" for i in range(30)),
        "laughs of dicts": b"}"
        + b"".join(
            b"q" + bytes([i]) + b"0}(" + (text("a") + b"h" + bytes([i]) + text("b") + b"h" + bytes([i])) + b"u"
            for i in range(60)
        ),
        "marks": b"(" * 4 * MILLION,
        "empty lists": b"]" * 4 * MILLION,
        "empty sets": b"\x8f" * 4 * MILLION,
        "a list of sets": b"](" + b"\x8f" * 4 * MILLION + b"e",
        "objects": name("a.B") + b"q\0" + b"h\0)R" * 1_300_000,
        "names": b"".join(b"ca\n%d\n0" % i for i in range(300_000)) + b"N",
        "long names": b"".join(b"c%0900d\na\n0" % i for i in range(30_000)) + b"N",
        "numbers": b"".join(b"J" + struct.pack("<i", i + 1000) for i in range(MILLION)),
        "fractions": b"G?\xf0\0\0\0\0\0\0" * MILLION,
        "places to remember": memoised(b"N", 2 * MILLION),
        "lists to remember": b"](" + memoised(b"]", MILLION) + b"e",
        "a far place": b"Nr\xff\xff\xff\xff.",
        "a place of many digits": b"Np" + b"9" * 10_000 + b"\n",
        "a number of many digits": b"I" + b"9" * 30 * MILLION + b"\n",
        "a long of many digits": b"L" + b"9" * 100_000 + b"L\n",
        "a long of many bytes": b"\x8b" + struct.pack("<I", 20 * MILLION) + b"\x7f" * 20 * MILLION,
        "a long text, again and again": long + b"q\x000" + b"](" + b"h\0" * MILLION + b"e",
        "a long text as keys": b"}(" + long + b"q\0N" + b"h\0N" * 100_000 + b"u",
        "many keys": b"}(" + keys + b"u",
        "the same dict, told again and again": b"}("
        + keys[: 10**6]
        + b"uq\0"
        + (name("a.B") + b")R" + b"h\0b0") * 10_000,
        "the same list, called again and again": b"]("
        + b"N" * MILLION
        + b"eq\x000"
        + (name("collections.OrderedDict") + b"h\0\x85R0") * 10_000
        + b"N",
        "the same tuple, taken again and again": b"(" + b"N" * MILLION + b"tq\x000](" + b"h\0" * MILLION + b"e",
        "a list that is added to itself": b"]q\0(" + b"N" * 10 + b"e" + b"(h\0e" * MILLION,
        "text that claims much": b"X\xff\xff\xff\xff",
        "text that claims more": b"\x8d" + struct.pack("<Q", 2**63),
        "bytes that claim much": b"\x8e" + struct.pack("<Q", 2**40),
        "a byte array that claims much": b"\x96" + struct.pack("<Q", 2**62),
        "a frame that claims much": b"\x95" + struct.pack("<Q", 2**63) + b"N",
        "a long that claims much": b"\x8b\xff\xff\xff\x7f",
        "a negative text": b"T\xff\xff\xff\xff",
        "nothing": b"",
        "pops of nothing": b"0" * 100,
        "extensions": b"\x82\x01\x83\x01\x01\x84\x01\x01\x01\x01",
        "buffers out of band": b"\x97\x98",
        "an unknown opcode": b"\xff",
    }


HEAVY = 100_000
"""Bytes of a program that is tried in one form only."""


@pytest.fixture(scope="module")
def verdicts(judge: Any, forge: Any) -> Any:
    """What the command line does with each of them: in a zip; small ones in the other forms, too."""
    files = {}
    for name, program in endless(forge).items():
        files[name, "zip"] = forge.zipped(program, {"0": bytes(16)})
        if len(program) < HEAVY:
            files[name, "legacy"] = forge.legacy(program, {"0": bytes(16)})
            files[name, "plain"] = forge.plain(program)
    return judge(files)


def test_each_is_bounded_and_refused_or_described(verdicts: Any) -> None:
    assert verdicts.faults == {}


def test_what_is_damaged_says_so(verdicts: Any) -> None:
    for name in ("empty lists", "text that claims much", "bytes that claim much", "nothing", "an unknown opcode"):
        (problem,) = verdicts[name, "zip"].problems
        assert "damaged torch file (" in problem


def test_a_state_dict_that_holds_itself_is_read(verdicts: Any) -> None:
    assert any("w (2, 2)" in key for key in verdicts["state dicts in themselves", "zip"].file["keys"])
