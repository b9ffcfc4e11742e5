"""From what was said of an analyzer's options to its frozen Options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from wganalyze.contracts.analyzer import Analyzer, Yielded
from wganalyze.contracts.study import Study
from wganalyze.errors import UsageError
from wganalyze.settings.options import by_analyzer, make_options
from wganalyze.settings.values import Text, options


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
        names: tuple[str, ...] = field(default=(), metadata={"help": "Texts."})
        widths: list[int] = field(default_factory=list, metadata={"help": "Whole numbers, as a list."})

        def __post_init__(self) -> None:
            if self.count < 1:
                raise ValueError(f"count is {self.count}; at least 1")

    def measure(self, study: Study) -> Iterator[Yielded]:
        yield from ()


class Plain(Analyzer):
    """Has no options."""

    name = "plain"

    def measure(self, study: Study) -> Iterator[Yielded]:
        yield from ()


def of_texts(*texts: str) -> dict[str, dict[str, Any]]:
    """As the command line says them."""
    return by_analyzer(options([*texts]))


def test_they_are_sorted_by_analyzer() -> None:
    texts = of_texts("able.count=4", "exact-w.metric=l1", "able.long-name=a=b.c", "able.count=5")
    assert texts == {"able": {"count": "5", "long_name": "a=b.c"}, "exact-w": {"metric": "l1"}}
    values = by_analyzer({"able.sizes": (3,), "able.limit": None, "plain.x": True})
    assert values == {"able": {"sizes": (3,), "limit": None}, "plain": {"x": True}}


@pytest.mark.parametrize("name", ["count", "able", ".count", "able.", "", "."])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"write ANALYZER\.KEY=VALUE"):
        by_analyzer({name: 4})


def test_texts_are_read_by_the_types_of_the_options() -> None:
    texts = ["count=4", "limit=2", "sizes=8,9", "deep=true", "metric=l1", "names=p,q", "widths=1,2"]
    made = make_options(Able, of_texts(*(f"able.{text}" for text in texts))["able"])
    assert made == Able.Options(4, 0.5, "l1", 2.0, (8, 9), True, "", ("p", "q"), [1, 2])
    assert type(made.long_name) is str
    assert make_options(Able, {}) == Able.Options()
    assert make_options(Plain, {}) == Plain.Options()


def test_python_values_keep_their_types() -> None:
    """A comma in a text parts it on the command line alone, and None is no text."""
    given = {"names": ["p,q", "r"], "limit": None, "widths": [1, 2], "sizes": [3], "deep": False, "long_name": "none"}
    made = make_options(Able, given)
    assert made == Able.Options(names=("p,q", "r"), limit=None, widths=[1, 2], sizes=(3,), long_name="none")
    assert (type(made.names), type(made.widths), type(made.sizes)) == (tuple, list, tuple)
    assert make_options(Able, {"limit": Text("none"), "names": Text("p,q,r")}) == Able.Options(names=("p", "q", "r"))


def test_a_default_may_be_none_and_another_value_be_put_in_its_place() -> None:
    assert make_options(Able, {"limit": 3}).limit == 3.0
    assert make_options(Able, {"rate": 1}) == Able.Options(rate=1.0)


def test_an_unknown_option_is_answered_with_what_there_is() -> None:
    with pytest.raises(
        UsageError, match=r"--option able\.cuont: able has no such option; there are: count, rate, metric"
    ):
        make_options(Able, {"cuont": "4"})
    with pytest.raises(UsageError, match="there are: none"):
        make_options(Plain, {"count": "4"})


@pytest.mark.parametrize("value", [Text("many"), "many", 1.5])
def test_errors_name_the_option_and_the_value(value: object) -> None:
    with pytest.raises(UsageError, match=rf"--option able\.count={value}: not a whole number"):
        make_options(Able, {"count": value})
    with pytest.raises(UsageError, match=r"--option of able: count is 0; at least 1"):
        make_options(Able, {"count": 0})
