"""The constructors that pickles of plain values call do what Python's own do, or nothing."""

from __future__ import annotations

import pytest

from wganalyze_checkpoints.pickles.constructors import GETATTR, PLAIN
from wganalyze_checkpoints.pickles.inert import Global, Inert


def test_each_takes_anything_without_harm() -> None:
    for make in PLAIN.values():
        for arguments in ((), (1,), (Global("os.system"), "rm"), ([("a", 1)],), (object(), object(), object())):
            try:
                made = make(*arguments)
            except (TypeError, ValueError):
                continue
            assert isinstance(made, Inert | Global | dict | bytes)


def test_an_ordered_dict_of_pairs() -> None:
    assert PLAIN["collections.OrderedDict"]([("a", 1), ("b", 2)]) == {"a": 1, "b": 2}


def test_bytes_of_old_protocols() -> None:
    assert PLAIN["_codecs.encode"]("\xff\x00", "latin1") == b"\xff\x00"
    with pytest.raises(ValueError, match="an encoding"):
        PLAIN["_codecs.encode"]("x", "utf-7")


def test_a_class_within_a_class_is_a_longer_name() -> None:
    assert PLAIN[GETATTR[0]](Global("a.B"), "C") == Global("a.B.C")
