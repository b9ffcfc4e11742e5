"""From a text or a Python value to the value that is meant, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.networks.factories import Net
from wganalyze.settings import values
from wganalyze.settings.values import Reader, Text, from_python, from_text

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)

# Values of one fact


@given(st.lists(st.tuples(NUMBERS, NUMBERS.filter(lambda std: std > 0)), min_size=1))
def test_means_and_deviations_are_read_back(channels: list[tuple[float, float]]) -> None:
    mean, std = zip(*channels, strict=True)
    text = ",".join(map(repr, [*mean, *std]))
    for value in (text, (mean, std), [list(mean), list(std)], {"mean": mean, "std": std}):
        assert values.mean_std(value) == (mean, std)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0.5,0.25", ((0.5,), (0.25,))),
        ("1,2,3,4,5,6", ((1, 2, 3), (4, 5, 6))),
        ("-1, 2", ((-1,), (2,))),
        ((0.5, 0.25), ((0.5,), (0.25,))),
        ({"mean": 0.5, "std": [0.25]}, ((0.5,), (0.25,))),
    ],
)
def test_means_and_deviations(value: Any, expected: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
    assert values.mean_std(value) == expected


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("normal", "normal"),
        ("uniform", "uniform"),
        ("uniform:-1,1", "uniform"),
        ("uniform:0,1", "uniform:0,1"),
        ("uniform: 0.5, 2e3", "uniform:0.5,2000"),
    ],
)
def test_a_law_is_read_back(text: str, law: str) -> None:
    assert values.law(text) == values.law(law) == law


@pytest.mark.parametrize("value", ["gauss", "uniform:", "uniform:1", "uniform:1,0", "normal:0,1", "", 5, None])
def test_what_is_no_law(value: Any) -> None:
    with pytest.raises(ValueError, match=r"choose one of: normal, uniform|LOW < HIGH"):
        values.law(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("npz:a.npz#e", {"": "npz:a.npz#e"}),
        (("npz:a.npz#e", "mass=npz:a=b.npz#m"), {"": "npz:a.npz#e", "mass": "npz:a=b.npz#m"}),
        ("npy:C:/x=1/e.npy", {"": "npy:C:/x=1/e.npy"}),
        ({"mass": "npy:m.npy"}, {"mass": "npy:m.npy"}),
    ],
)
def test_conditions(value: Any, expected: dict[str, str]) -> None:
    assert values.conditions(value) == expected


@pytest.mark.parametrize("value", [("npy:a", "npy:b"), ("m=npy:a", "m=npy:b"), "", {"m": 3}, 5])
def test_what_is_no_condition(value: Any) -> None:
    with pytest.raises(ValueError, match="name"):
        values.conditions(value)


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
def test_a_shape_is_read_back(shape: list[int]) -> None:
    for value in (",".join(map(str, shape)), shape, tuple(shape), np.array(shape)):
        assert values.shape(value) == tuple(shape)
    assert values.shape(shape[0]) == (shape[0],)


@given(NUMBERS, NUMBERS)
def test_a_range_goes_up(low: float, high: float) -> None:
    for value in (f"{low!r},{high!r}", (low, high)):
        if low < high:
            assert values.low_high(value) == (low, high)
        else:
            with pytest.raises(ValueError, match="LOW < HIGH"):
                values.low_high(value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20), ("2m", 120), ("2 min", 120), ("1.5h", 5400), ("7", 7), (7, 7), (1e-9, 1e-9)]
)
def test_a_time(text: Any, seconds: float) -> None:
    assert values.seconds(text) == seconds


def test_names_may_stand_together_or_alone() -> None:
    for value in ("a, b,c", ["a", "b", "c"], ("a, b", "c"), ["a,,b", "c,"]):
        assert values.names(value) == ("a", "b", "c")


def test_texts_that_stay_whole() -> None:
    assert values.whole_texts("m:A,B") == ("m:A,B",)
    assert values.whole_texts(["m:A", "m:B"]) == ("m:A", "m:B")


def test_roles_of_files() -> None:
    expected = {"method_*.pt": "critic", "a=b.pt": "generator", "old/*": "ignore"}
    assert values.assignments(["method_*.pt=critic", "a=b.pt=generator", "old/*=ignore"]) == expected
    assert values.assignments(expected) == expected
    assert values.assignments("a=critic") == {"a": "critic"}


def test_a_factory() -> None:
    assert values.net("t:G(4)") == values.net(Net("t:G(4)")) == Net("t:G(4)")


def test_options_of_analyzers() -> None:
    written = values.options(["able.count=4", "able.name=a=b.c"])
    assert written == {"able.count": "4", "able.name": "a=b.c"}
    assert {type(text) for text in written.values()} == {Text}
    flat = {"able.count": 4, "exact-w.metric": "l1"}
    assert values.options(flat) == values.options({"able": {"count": 4}, "exact-w.metric": "l1"}) == flat
    whole = {"able.weights": {"a": 1}}
    assert values.options(whole) == values.options({"able": {"weights": {"a": 1}}}) == whole


LONG = "write MEAN,STD (all means, then all deviations, which are positive)"


@pytest.mark.parametrize(
    ("read", "value", "message"),
    [
        (values.shape, "64,x", "write whole numbers, as 64 or 64,1,1"),
        (values.shape, "", "write whole numbers"),
        (values.shape, "1.5", "write whole numbers"),
        (values.shape, [1.5], "write whole numbers"),
        (values.shape, "0", "write whole numbers"),
        (values.shape, -3, "write whole numbers"),
        (values.shape, "inf", "write whole numbers"),
        (values.shape, "nan", "write whole numbers"),
        (values.shape, True, "write whole numbers"),
        (values.shape, ["a"], "write whole numbers"),
        (values.low_high, "1", "write LOW,HIGH with LOW < HIGH, as -1,1"),
        (values.low_high, "1,2,3", "write LOW,HIGH"),
        (values.low_high, "nan,1", "write LOW,HIGH"),
        (values.low_high, "0,inf", "write LOW,HIGH"),
        (values.mean_std, "1,2,3", LONG),
        (values.mean_std, "0,0", LONG),
        (values.mean_std, "0,nan", LONG),
        (values.mean_std, "inf,1", LONG),
        (values.mean_std, 0.5, LONG),
        (values.mean_std, {"mean": 0.5}, LONG),
        (values.mean_std, {"mean": [0.5, 0.4, 0.3], "std": 0.5}, LONG),
        (values.mean_std, ([], []), LONG),
        (values.size, "many", "write a whole number from 2 on, or max"),
        (values.size, "2.5", "write a whole number from 2 on"),
        (values.size, 1, "write a whole number from 2 on"),
        (values.size, -5, "write a whole number from 2 on"),
        (values.size, True, "write a whole number from 2 on"),
        (values.at_least(1), 0, "write a whole number from 1 on"),
        (values.at_least(0), "-1", "write a whole number from 0 on"),
        (values.at_least(0), "many", "write a whole number from 0 on"),
        (values.at_least(0), 1.0, "write a whole number from 0 on"),
        (values.seconds, "", "write a time, as 20s, 2m or 1h"),
        (values.seconds, "0", "write a time"),
        (values.seconds, "-3s", "write a time"),
        (values.seconds, "20 parsecs", "write a time"),
        (values.seconds, "s", "write a time"),
        (values.seconds, True, "write a time"),
        (values.weight, "much", "write a number from 0 on"),
        (values.weight, -1, "write a number from 0 on"),
        (values.weight, True, "write a number from 0 on"),
        (values.names, [3], "write names with commas between them"),
        (values.names, 3, "write names with commas between them"),
        (values.whole_texts, 3, "write a text, or several as a list"),
        (values.assignments, 3, "write PATTERN=ROLE"),
        (values.assignments, ["a.pt"], "write PATTERN=ROLE with the role generator, critic or ignore"),
        (values.assignments, ["a.pt="], "write PATTERN=ROLE"),
        (values.assignments, ["a.pt=critics"], "write PATTERN=ROLE"),
        (values.assignments, ["=critic"], "write PATTERN=ROLE"),
        (values.assignments, {"a.pt": "judge"}, "write PATTERN=ROLE"),
        (values.net, "", "name the factory as a text"),
        (values.net, 3, "name the factory as a text"),
        (values.options, 3, "write ANALYZER.KEY=VALUE"),
        (values.options, ["depth=3"], "write ANALYZER.KEY=VALUE"),
        (values.options, ["a.depth"], "write ANALYZER.KEY=VALUE"),
        (values.options, [".depth=3"], "write ANALYZER.KEY=VALUE"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_what_to_write(read: Reader, value: Any, message: str) -> None:
    with pytest.raises(ValueError) as caught:
        read(value)
    assert str(caught.value).startswith(message)


# Values by their type

TAKEN: list[tuple[Any, Any, Any]] = [
    ("7", int, 7),
    ("-7", int, -7),
    ("7", float, 7.0),
    ("1e-3", float, 1e-3),
    ("text", str, "text"),
    ("l1", Literal["l1", "l2"], "l1"),
    ("2", Literal[1, 2], 2),
    ("none", float | None, None),
    ("None", float | None, None),
    ("2.5", float | None, 2.5),
    ("x", int | str, "x"),
    ("1, 2,3", tuple[int, ...], (1, 2, 3)),
    ("", tuple[int, ...], ()),
    ("a,b", tuple[str, ...], ("a", "b")),
    ("1,2", tuple[int, ...] | None, (1, 2)),
    ("1,2", list[int], [1, 2]),
    ("1,x", tuple[int, str], (1, "x")),
    ("YES", bool, True),
    ("off", bool, False),
    ("a/b", Path, Path("a/b")),
    ("x", Any, "x"),
]


@pytest.mark.parametrize(("text", "kind", "value"), TAKEN)
def test_a_text_becomes_a_value_of_its_kind(text: str, kind: Any, value: object) -> None:
    read = from_text(text, kind)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("given", "kind", "value"),
    [
        *(case for case in TAKEN if case[1] != Literal[1, 2]),
        (["p,q", "r"], tuple[str, ...], ("p,q", "r")),
        (["p,q", "r"], list[str], ["p,q", "r"]),
        ((1, 2), list[int], [1, 2]),
        ([3], tuple[int, ...], (3,)),
        (None, int | None, None),
        (7, int, 7),
        (np.int64(7), int, 7),
        (7, float, 7.0),
        (np.float32(0.5), float, 0.5),
        (True, bool, True),
        (np.bool_(False), bool, False),
        (1, Literal[1, -1], 1),
        (3, str | int, 3),
        (Path("a"), Path, Path("a")),
        ({"a": 1}, dict[str, int], {"a": 1}),
        ({"a": 1}, Any, {"a": 1}),
    ],
)
def test_a_python_value_keeps_its_type(given: object, kind: Any, value: object) -> None:
    read = from_python(given, kind)
    assert read == value
    assert type(read) is type(value)


def test_a_text_that_may_be_a_text_stays_one() -> None:
    """From Python "none" is None only where no text is meant, as toml has to write it."""
    assert from_python("none", int | None) is None
    assert from_python("none", str | None) == "none"
    assert from_text("none", str | None) is None


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        ("1.5", int, "not a whole number"),
        ("much", float, "not a number"),
        ("maybe", bool, "write true or false"),
        ("l3", Literal["l1", "l2"], "choose one of: l1, l2"),
        ("1,x", tuple[int, ...], "not a whole number"),
        ("none", float, "not a number"),
        ("1", tuple[int, int], "write 2 values"),
    ],
)
def test_a_text_of_another_kind_is_refused(value: str, kind: Any, reason: str) -> None:
    for read in (from_text, from_python):
        with pytest.raises(ValueError, match=reason):
            read(value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        (1.5, int, "not a whole number"),
        (True, int, "not a whole number"),
        (True, float, "not a number"),
        (1, bool, "not of the type bool"),
        (True, Literal[1, -1], "choose one of: 1, -1"),
        ("1", Literal[1, -1], "choose one of: 1, -1"),
        (3, tuple[int, ...], "write several values, as a list"),
        (["a"], list[int], "not a whole number"),
        (None, int, "not a whole number"),
        (3, str, "not of the type str"),
        ([1], tuple[int, int], "write 2 values"),
    ],
)
def test_a_python_value_of_another_type_is_refused(value: object, kind: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        from_python(value, kind)


def test_a_reader_takes_both() -> None:
    read = values.reader_of(Literal[1, -1])
    assert (read("-1"), read(-1)) == (-1, -1)
