"""Which analyzers run, with which options, and on which device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.host.loading import load_host
from wganalyze.running.choosing import choose_analyzers, choose_device
from wganalyze.settings.facts import Said
from wganalyze.settings.values import Text

WritePlugin = Callable[..., Path]


def test_analyzers_are_chosen_by_name() -> None:
    host = load_host()

    def chosen(**said: Any) -> list[str]:
        questions, lost = choose_analyzers(Said(**said), host)
        assert lost == []
        assert all(question.analyzer is host.analyzers[question.analyzer.name] for question in questions)
        return [question.analyzer.name for question in questions]

    assert sorted(chosen()) == sorted(name for name, analyzer in host.analyzers.items() if not analyzer.on_request)
    assert chosen() == [
        "exact-w",
        "critic-gap",
        "lipschitz",
        "coverage",
        "kmeans",
        "minibatch",
        "pictures",
        "quality",
        "sharpness",
        "snapshot",
    ]  # as a reader meets them
    assert chosen(only=("snapshot", "snapshot")) == ["snapshot"]
    assert chosen(skip=("snapshot",)) == chosen()[:-1]
    for names in ({"only": ("x",)}, {"skip": ("x",)}, {"options": {"x.y": 1}}):
        with pytest.raises(UsageError, match=r"no analyzer is called 'x'; there are: .*snapshot"):
            chosen(**names)
    with pytest.raises(UsageError, match="--only and --skip leave no analyzer"):
        chosen(only=("snapshot",), skip=("snapshot",))


OPTIONAL = """
from dataclasses import dataclass, field
from wganalyze import Analyzer, hookimpl


class Optional(Analyzer):
    name = "optional"

    @dataclass(frozen=True)
    class Options:
        names: tuple[str, ...] = field(default=(), metadata={"help": "Names."})
        widths: list[int] = field(default_factory=list, metadata={"help": "Widths."})
        limit: int | None = field(default=5, metadata={"help": "A limit."})

    def measure(self, study):
        yield from ()


@hookimpl
def wganalyze_analyzers():
    return [Optional]
"""


@pytest.mark.parametrize(
    ("options", "made"),
    [
        ({}, ((), [], 5)),
        ({"optional.names": ["p,q", "r"], "optional.limit": None}, (("p,q", "r"), [], None)),
        ({"optional.widths": [1, 2], "optional.limit": 7}, ((), [1, 2], 7)),
        ({"optional.names": Text("p,q"), "optional.limit": Text("none")}, (("p", "q"), [], None)),
    ],
)
def test_a_question_has_its_options_with_their_types_and_where_it_comes_from(
    write_plugin: WritePlugin, options: dict[str, Any], made: tuple[Any, ...]
) -> None:
    write_plugin("optional_plugin", OPTIONAL, release="4.5")
    (question,), _ = choose_analyzers(Said(only=("optional",), options=options), load_host())
    assert (question.options.names, question.options.widths, question.options.limit) == made
    assert (question.distribution, question.release) == ("optional-plugin", "4.5")


def test_a_plugin_that_failed_is_lost_where_it_was_asked_for(write_plugin: WritePlugin) -> None:
    write_plugin("broken_plugin", "import a_module_that_nobody_has\n", entry="broken")
    host = load_host()
    reason = "plugin 'broken' of broken-plugin failed: ModuleNotFoundError"
    for said in (Said(only=("snapshot", "broken")), Said(only=("snapshot",), options={"broken.depth": 3})):
        questions, (lost,) = choose_analyzers(said, host)
        assert [question.analyzer.name for question in questions] == ["snapshot"]
        assert lost.startswith(reason)
    with pytest.raises(WganalyzeError, match=reason):
        choose_analyzers(Said(only=("broken",)), host)


@pytest.mark.parametrize("options", [{}, {"broken.depth": 3}])
def test_one_that_was_to_be_left_out_anyway_is_not_lost(write_plugin: WritePlugin, options: dict[str, Any]) -> None:
    write_plugin("broken_plugin", "import a_module_that_nobody_has\n", entry="broken")
    said = Said(only=("snapshot",), skip=("broken",), options=options)
    questions, lost = choose_analyzers(said, load_host())
    assert ([question.analyzer.name for question in questions], lost) == (["snapshot"], [])


@pytest.mark.parametrize("text", ["gpu", "cuda:", "cuda:x", "cpu:0", "", "CPU"])
def test_a_device_that_is_none(text: str) -> None:
    with pytest.raises(UsageError, match=r"choose auto, cpu, cuda or cuda:N"):
        choose_device(text)


def test_devices() -> None:
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda:0" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match=r"torch sees \d+ GPUs; use --device cpu"):
        choose_device("cuda:99")
