"""From text to frozen Options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.measurement import Yielded
from wganalyze.errors import UsageError
from wganalyze.settings.options import convert, make_options, split_options
from wganalyze.study.study import SnapshotStudy


class Able(Analyzer):
    """Has an option of every kind."""

    name = "able"

    @dataclass(frozen=True)
    class Options:
        count: int = field(default=3, metadata={"help": "A whole number, positive."})
        rate: float = field(default=0.5, metadata={"help": "A number."})
        metric: Literal["l1", "l2"] = field(default="l2", metadata={"help": "A choice."})
        limit: float | None = field(default=None, metadata={"help": "A number or none."})
        sizes: tuple[int, ...] = field(default=(1, 2), metadata={"help": "Whole numbers."})
        deep: bool = field(default=False, metadata={"help": "Yes or no."})
        long_name: str = field(default="", metadata={"help": "Text."})

        def __post_init__(self) -> None:
            if self.count < 1:
                raise ValueError(f"count is {self.count}; at least 1")

    def measure(self, study: SnapshotStudy) -> Iterator[Yielded]:
        yield from ()


class Plain(Analyzer):
    """Has no options."""

    name = "plain"

    def measure(self, study: SnapshotStudy) -> Iterator[Yielded]:
        yield from ()


def test_texts_are_sorted_by_analyzer() -> None:
    found = split_options(["able.count=4", "exact-w.metric=l1", "able.long-name=a=b.c", "able.count=5"])
    assert found == {"able": {"count": "5", "long_name": "a=b.c"}, "exact-w": {"metric": "l1"}}


@pytest.mark.parametrize("text", ["count=4", "able.count", "able", ".count=4", "able.=4", "=", ""])
def test_a_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"write ANALYZER\.KEY=VALUE"):
        split_options([text])


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
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
        ("1, 2,3", tuple[int, ...], (1, 2, 3)),
        ("", tuple[int, ...], ()),
        ("a,b", tuple[str, ...], ("a", "b")),
        ("1,2", tuple[int, ...] | None, (1, 2)),
        ("YES", bool, True),
        ("off", bool, False),
    ],
)
def test_conversions(text: str, kind: Any, value: object) -> None:
    found = convert(text, kind)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("1.5", int, "not a whole number"),
        ("much", float, "not a number"),
        ("maybe", bool, "write true or false"),
        ("l3", Literal["l1", "l2"], "choose one of: l1, l2"),
        ("1,x", tuple[int, ...], "not a whole number"),
        ("none", float, "not a number"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(text: str, kind: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        convert(text, kind)


def test_options_are_made_with_their_types_and_defaults() -> None:
    options = make_options(Able, {"count": "4", "limit": "2", "sizes": "8,9", "deep": "true", "metric": "l1"})
    assert options == Able.Options(4, 0.5, "l1", 2.0, (8, 9), True, "")
    assert make_options(Able, {}) == Able.Options()
    assert make_options(Plain, {}) == Plain.Options()


def test_an_unknown_option_is_answered_with_what_there_is() -> None:
    with pytest.raises(
        UsageError, match=r"--option able\.cuont: able has no such option; there are: count, rate, metric"
    ):
        make_options(Able, {"cuont": "4"})
    with pytest.raises(UsageError, match="there are: none"):
        make_options(Plain, {"count": "4"})


def test_errors_name_the_option_and_the_value() -> None:
    with pytest.raises(UsageError, match=r"--option able\.count=many: not a whole number"):
        make_options(Able, {"count": "many"})
    with pytest.raises(UsageError, match=r"--option of able: count is 0; at least 1"):
        make_options(Able, {"count": "0"})
