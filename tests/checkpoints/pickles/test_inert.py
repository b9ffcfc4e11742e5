"""A pickle is read, never done: plain values as they are, everything else inert, harm and bombs refused."""

from __future__ import annotations

import argparse
import collections
import enum
import io
import pathlib
import pickle
import struct
import sys
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze_checkpoints.pickles.constructors import PLAIN
from wganalyze_checkpoints.pickles.inert import (
    MAX_OPCODES,
    DamagedPickle,
    Global,
    Inert,
    InertUnpickler,
    Skipped,
    Steps,
    Window,
)

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
keys = st.none() | st.booleans() | st.integers(-(2**59), 2**59) | st.text()
plain = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(keys, inner), max_leaves=20
)


def load(
    data: bytes,
    known: Mapping[str, Callable[..., object]] | None = None,
    persistent: Callable[[object], object] | None = None,
    steps: Steps | None = None,
) -> Any:
    """What the pickle says."""
    return InertUnpickler(io.BytesIO(data), known, persistent, steps=steps).load()


@given(plain, st.sampled_from(PROTOCOLS))
def test_plain_values_are_themselves(value: object, protocol: int) -> None:
    assert load(pickle.dumps(value, protocol)) == value


@given(st.binary())
def test_bytes_are_themselves(value: bytes) -> None:
    assert load(pickle.dumps([value, {value: 1}], 3)) == [value, {value: 1}]
    assert load(pickle.dumps(bytearray(value), 5)) == value


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_shared_stays_shared(protocol: int) -> None:
    shared: list[object] = [1]
    shared.append(shared)
    a, b = load(pickle.dumps((shared, {"b": shared}), protocol))
    assert a is b["b"]
    assert a[1] is a


class Plain:
    """An object with attributes."""

    def __init__(self) -> None:
        self.x, self.child = 1, {"y": 2}


class Slotted:
    """An object with slots and attributes."""

    __slots__ = ("__dict__", "slot")

    def __init__(self) -> None:
        self.slot, self.other = 3, 4


@dataclass(frozen=True)
class Settings:
    """A frozen dataclass."""

    rate: float = 0.5


class Easy(dict[str, int]):
    """A dict with attributes, as many trainers have one."""


class Items(list[int]):
    """A list of its own class."""


class Loss(enum.Enum):
    """An enumeration."""

    GP = "gp"


class Picky:
    """Made with keyword arguments only."""

    def __new__(cls, *, size: int) -> Picky:
        return super().__new__(cls)

    def __getnewargs_ex__(self) -> tuple[tuple[()], dict[str, int]]:
        return (), {"size": 3}


def complaint(
    data: bytes,
    known: Mapping[str, Callable[..., object]] | None = None,
    persistent: Callable[[object], object] | None = None,
) -> str | None:
    """The words of a DamagedPickle; None where there is a value."""
    try:
        load(data, known, persistent)
    except DamagedPickle as error:
        return str(error)
    return None


def named(kind: type) -> str:
    """As a pickle names it."""
    return f"{kind.__module__}.{kind.__qualname__}"


@pytest.mark.parametrize("protocol", PROTOCOLS[2:])
@pytest.mark.parametrize(
    ("value", "attributes"),
    [
        (Plain(), {"x": 1, "child": {"y": 2}}),
        (Slotted(), {"slot": 3, "other": 4}),
        (Settings(), {"rate": 0.5}),
        (argparse.Namespace(lr=1e-4, name="wgan"), {"lr": 1e-4, "name": "wgan"}),
    ],
    ids=lambda v: type(v).__name__,
)
def test_objects_are_inert_and_show_their_attributes(value: object, attributes: object, protocol: int) -> None:
    found = load(pickle.dumps(value, protocol))
    assert isinstance(found, Inert)
    assert (found.name, found.attributes) == (named(type(value)), attributes)


def test_attributes_and_slots_come_as_a_pair_and_any_other_tuple_is_a_state_of_its_own(forge: Any) -> None:
    assert load(forge.pickle(forge.call(Plain, state=({"a": 1}, {"b": 2})))).attributes == {"a": 1, "b": 2}
    assert load(forge.pickle(forge.call(Plain, state=({"a": 1}, None)))).attributes == {"a": 1}
    found = load(forge.pickle(forge.call(Plain, state=({"a": 1}, {"b": 2}, {"c": 3}))))
    assert (found.attributes, found.state) == ({}, ({"a": 1}, {"b": 2}, {"c": 3}))


@pytest.mark.parametrize("protocol", PROTOCOLS[2:])
def test_containers_of_other_classes_show_their_content(protocol: int) -> None:
    easy = Easy(a=1)
    easy.note = "n"  # type: ignore[attr-defined]
    found = load(pickle.dumps(easy, protocol))
    assert (found.name, found.entries, found.attributes) == (named(Easy), {"a": 1}, {"note": "n"})
    assert load(pickle.dumps(Items([1, 2]), protocol)).items == [1, 2]
    assert load(pickle.dumps(collections.defaultdict(list, a=[1]), protocol)).entries == {"a": [1]}
    assert load(pickle.dumps(Loss.GP, protocol)).arguments == ("gp",)
    assert isinstance(load(pickle.dumps(Picky(size=3), protocol)), Inert)
    assert load(pickle.dumps(pathlib.PurePosixPath("/a/b"), protocol)).arguments == ("/", "a", "b")
    for group in ({1, 2}, frozenset({1, 2})):
        found = load(pickle.dumps(group, protocol))
        assert sorted(found.items or found.arguments[0]) == [1, 2]


def test_a_class_that_no_module_has_is_only_a_name() -> None:
    reader = InertUnpickler(io.BytesIO(b"cno.such.module\nThing\n."))
    assert reader.load() == Global("no.such.module.Thing")
    assert reader.globals == {"no.such.module.Thing"}


def test_naming_a_module_does_not_import_it() -> None:
    name = "this"  # it prints when it is imported
    assert name not in sys.modules
    load(b"cthis\ns\n(tR.")
    load(b"\x80\x04\x8c\x04this\x8c\x01s\x93)R.")
    assert name not in sys.modules


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_harm_is_inert(forge: Any, marker: Path, protocol: int) -> None:
    for value in forge.harm(marker).values():
        found = load(forge.pickle(value, protocol))
        assert isinstance(found, Inert | dict)
        assert not marker.exists()


def test_harm_would_be_done_by_a_reader_that_executes(forge: Any, marker: Path) -> None:
    for name, value in forge.harm(marker).items():
        pickle.loads(forge.pickle(value))
        assert marker.exists(), name
        marker.unlink()


@pytest.mark.parametrize(
    "program",
    [
        b"cposix\nsystem\n(Vtouch %s\ntR.",
        b"(Vtouch %s\niposix\nsystem\n.",
        b"(cposix\nsystem\nVtouch %s\no.",
        b"\x80\x02cposix\nsystem\nVtouch %s\n\x85\x81.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93Vtouch %s\n\x85R.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93Vtouch %s\n\x85}\x92.",
        b"cbuiltins\ngetattr\n(cposix\nsystem\nV__call__\ntR(Vtouch %s\ntR.",
    ],
    ids=["REDUCE", "INST", "OBJ", "NEWOBJ", "STACK_GLOBAL", "NEWOBJ_EX", "getattr"],
)
def test_no_opcode_calls_what_it_names(marker: Path, program: bytes) -> None:
    assert isinstance(load(program % str(marker).encode()), Inert)


def test_known_constructors_are_called_with_the_arguments_of_the_pickle() -> None:
    data = pickle.dumps(collections.OrderedDict, 2)[:-1] + b"K\x01K\x02\x86R."
    assert load(data, {"collections.OrderedDict": lambda a, b: a + b}) == 3
    assert isinstance(load(data), Inert)
    with pytest.raises(DamagedPickle, match="argument"):
        load(data, {"collections.OrderedDict": lambda: 0})


def test_persistent_ids_are_asked_for() -> None:
    assert load(b"\x80\x02K\x05Q.", persistent=lambda i: (i, "here")) == (5, "here")
    assert load(b"Pname\n.", persistent=lambda i: i) == "name"
    with pytest.raises(DamagedPickle, match="persistent"):
        load(b"\x80\x02K\x05Q.")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_is_cut_anywhere_is_damaged(protocol: int) -> None:
    data = pickle.dumps({"a": [1, 2.5, (None, True)], "b": Plain(), "c": b"x" * 300}, protocol)
    for end in range(len(data)):
        with pytest.raises(DamagedPickle):
            load(data[:end])


@given(st.binary(max_size=200))
def test_random_bytes_are_damaged_or_a_value(data: bytes) -> None:
    assert complaint(data) != ""


pieces = st.sampled_from(
    [bytes([code]) for code in b"(0123lt)]}eaus\x85\x86\x87\x88\x89N2\x8f\x90\x91\x93\x94Rbo\x81\x92Q"]
    + [b"cposix\nsystem\n", b"iposix\nsystem\n", b"I1\n", b"K\x07", b"J\xff\xff\xff\xff", b"\x8c\x01a", b"C\x01a"]
    + [b"q\x00", b"h\x00", b"q\x01", b"h\x01", b"p-1\n", b"g-1\n", b"G\x7f\xf8" + bytes(6), b"\x8a\x01\xff", b"Fnan\n"]
    + [b"ccollections\nOrderedDict\n", b"\x80\x02", b"\x95" + bytes(8), b"\x82\x01", b"\x97", b"\x98", b"P1\n"]
)


@given(st.lists(pieces, max_size=60))
def test_random_programs_are_damaged_or_a_value(program: list[bytes]) -> None:
    known = {"collections.OrderedDict": lambda pairs=(): dict(pairs)}
    assert complaint(b"".join(program) + b".", known, lambda identifier: identifier) != ""


@pytest.mark.parametrize(
    "data",
    [
        b"B" + struct.pack("<I", 2**31) + b"abc.",
        b"\x8e" + struct.pack("<Q", 2**62) + b"abc.",
        b"\x8d" + struct.pack("<Q", 2**64 - 1) + b"abc.",
        b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\x01.",
        b"\x8b" + struct.pack("<i", -5) + b"\x01.",
        b"T" + struct.pack("<i", -1) + b"abc.",
        b"I" + b"9" * 100_000 + b"\n.",
        b"\x85.",
        b"t.",
        b"K\x01e.",
        b"]K\x01s.",
        b"}(K\x01u.",
        b"0.",
        b"h\x05.",
        b"K\x01K\x02\x93.",
        b"\xff.",
        b"",
        b".",
    ],
)
def test_a_pickle_that_lies_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedPickle):
        load(data)


def test_long_bytes_are_passed_over_and_short_ones_are_read(tmp_path: Path) -> None:
    short, long = b"s" * 100, b"l" * 10_000
    for protocol in PROTOCOLS[3:]:
        data = pickle.dumps([short, long, bytearray(long), "end"], protocol)
        (tmp_path / "file").write_bytes(data)
        with (tmp_path / "file").open("rb") as file:
            window = Window(file, 1000 if protocol == 5 else 20_000, len(data))
            found: Any = InertUnpickler(window, PLAIN, skip=window.skip).load()
        assert found[0] == short
        assert isinstance(found[1], Skipped)
        assert data[found[1].offset :][: len(found[1])] == long
        assert found[3] == "end"
        assert isinstance(found[2], Skipped) == (protocol == 5)


def test_a_window_ends_before_the_file_does() -> None:
    window = Window(io.BytesIO(b"0123456789"), 4, 8)
    assert window.read(2) == b"01"
    assert window.skip(3) == Skipped(2, 3)
    assert window.read(2) == b"56"
    assert window.readline() == b""
    with pytest.raises(DamagedPickle, match="longer than"):
        window.read(1)
    with pytest.raises(DamagedPickle, match="longer than the file"):
        window.skip(2)


def test_readers_of_one_file_may_share_their_steps() -> None:
    steps = Steps(1000)
    data = pickle.dumps(list(range(300)))
    for _ in range(3):
        InertUnpickler(io.BytesIO(data), steps=steps).load()
    with pytest.raises(DamagedPickle, match="1000 steps"):
        InertUnpickler(io.BytesIO(data), steps=steps).load()


class Outer:
    """Has a class in it."""

    class Inner:
        """A class within a class."""


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_class_within_a_class_has_a_longer_name(protocol: int) -> None:
    assert load(pickle.dumps(Outer.Inner, protocol), PLAIN) == Global(named(Outer.Inner))
    assert load(pickle.dumps(Outer.Inner(), protocol), PLAIN).name == named(Outer.Inner)


def test_names_do_not_grow_without_end() -> None:
    grow = b"X" + struct.pack("<I", 300) + b"n" * 300 + b"\x86R"
    program = b"".join([b"cbuiltins\ngetattr\n" * 5, b"cm\nC\n", grow * 5, b"."])
    assert complaint(program, PLAIN) == "a global with an endless name"
    assert load(b"cbuiltins\ngetattr\nK\x01X\x01\x00\x00\x00a\x86R.", PLAIN).name == "builtins.getattr"


@given(st.binary(max_size=300), st.sampled_from(PROTOCOLS))
def test_bytes_of_every_protocol_are_themselves(value: bytes, protocol: int) -> None:
    assert load(pickle.dumps([value], protocol), PLAIN) == [value]


def test_texts_that_are_encoded_count_as_steps() -> None:
    length = MAX_OPCODES // 10
    text = b"X" + struct.pack("<I", length) + b"n" * length + b"q\x00Vlatin1\nq\x01c_codecs\nencode\nq\x02"
    once = b"h\x02h\x00h\x01\x86R0"
    assert load(text + once * 5 + b"N.", PLAIN) is None
    assert "more than 4000000 steps" in str(complaint(text + once * 20 + b"N.", PLAIN))
    assert "encoding" in str(complaint(b"c_codecs\nencode\nVa\nVrot13\n\x86R.", PLAIN))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_made_by_a_call_or_without(protocol: int) -> None:
    assert load(pickle.dumps(Loss.GP, protocol), PLAIN).called
    assert not load(pickle.dumps(Plain(), protocol), PLAIN).called


def test_the_number_of_steps_is_bounded() -> None:
    assert load(pickle.dumps(list(range(900))), steps=Steps(1000)) == list(range(900))
    with pytest.raises(DamagedPickle, match="1000 steps"):
        load(pickle.dumps(list(range(1100))), steps=Steps(1000))


def test_the_work_of_known_constructors_counts_as_steps() -> None:
    pairs = b"]q\x00(" + b"K\x01" * 1000 + b"e0cm\nmake\nq\x01"
    once = b"h\x01h\x00\x85R0"
    assert load(pairs + once * 5 + b"N.", {"m.make": len}, steps=Steps(100_000)) is None
    with pytest.raises(DamagedPickle, match="steps"):
        load(pairs + once * 20 + b"N.", {"m.make": len}, steps=Steps(100_000))


def test_the_work_of_states_counts_as_steps() -> None:
    state = pickle.dumps({i: i for i in range(1000)}, 2)[:-1] + b"q\xff0cm\nC\nq\xfe"
    once = b"h\xfe)Rh\xffb0"
    assert load(state + once * 5 + b"N.", steps=Steps(10_000)) is None
    with pytest.raises(DamagedPickle, match="steps"):
        load(state + once * 20 + b"N.", steps=Steps(10_000))


def test_attributes_are_kept_rather_than_gathered_anew() -> None:
    found = load(pickle.dumps(Slotted(), 2))
    assert found.attributes is found.attributes


def test_a_nest_that_doubles_at_each_level_is_only_shared() -> None:
    nest: object = ()
    for _ in range(100):
        nest = (nest, nest)
    found = load(pickle.dumps(nest, 2))
    depth = 0
    while found:
        assert found[0] is found[1]
        found, depth = found[0], depth + 1
    assert depth == 100


@pytest.mark.parametrize("opener", [b"]", b"(", b"\x85"], ids=["lists", "marks", "tuples"])
def test_a_deep_nest_does_not_overflow(opener: bytes) -> None:
    depth = 300_000
    data = {b"]": b"]" * depth + b"a" * (depth - 1), b"(": b"(" * depth + b"t" * depth, b"\x85": b")" + b"\x85" * depth}
    found = load(data[opener] + b".")
    for _ in range(depth - 1):
        (found,) = found
    assert load(b"}" + data[opener] + b"Ns.")  # and as a key, which nobody hashes in depth


@pytest.mark.parametrize("key", [2**61 - 1, -(2**60), "k" * 1001, b"k" * 1001, 1.5, (1, 2), float("nan")])
def test_only_short_scalars_are_hashed_as_keys(key: object) -> None:
    (found,) = load(pickle.dumps({key: 1}, 3))
    assert isinstance(found, Inert)
    assert found.name == type(key).__name__


def test_a_long_name_told_a_thousand_times_takes_no_memory() -> None:
    name = pickle.dumps("n" * 1_000_000, 4)[:-1]
    tracemalloc.start()
    try:
        with pytest.raises(DamagedPickle, match="endless name"):
            load(name + b"h\x00h\x00\x93" * 1000 + b".")
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    with pytest.raises(DamagedPickle, match="endless name"):
        load(b"c" + b"m" * 2000 + b"\nC\n.")
