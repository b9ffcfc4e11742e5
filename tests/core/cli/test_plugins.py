"""``wganalyze plugins``: what there is, from where, with metrics and options; what failed, and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

WritePlugin = Callable[..., Path]
Command = Callable[..., Any]

SOURCE = '''\
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wganalyze import Analyzer, DataSource, FiniteSource, Measurement, Metric, Need, Table, Values, hookimpl


class Counter(Analyzer):
    """Counts the real samples.

    At length.
    """

    name = "counter"
    needs = frozenset({Need.REAL})
    metrics = (
        Metric("count", "How many samples.", "samples", "higher", "Doe 2020, eq. 4"),
        Metric("spread", "How far apart.", "", "lower"),
    )
    tables = (Table("each", "One row a sample.", {"index": "int64", "norm": "float64"}),)

    @dataclass(frozen=True)
    class Options:
        factor: float = field(default=1.5, metadata={"help": "Multiplies the count."})
        names: tuple[str, ...] = field(default_factory=lambda: ("a", "b"), metadata={"help": "Some names."})

    def measure(self, study):
        yield Measurement("count", 1.0)


class Ones(FiniteSource):
    name = "ones"
    help = "nothing but ones"
    shape, value_range = (1,), None

    def load(self):
        ...


@hookimpl
def wganalyze_analyzers():
    return [Counter]


@hookimpl
def wganalyze_data():
    return [Ones]
'''


@pytest.fixture
def counter(write_plugin: WritePlugin) -> None:
    """A plugin with an analyzer and a data source."""
    write_plugin("counting", SOURCE, entry="counting-entry", distribution="wganalyze-counting", release="4.5")


@pytest.fixture
def broken(write_plugin: WritePlugin) -> None:
    """A plugin that cannot be imported."""
    write_plugin("broken_plugin", "import a_module_that_nobody_has\n", entry="broken", release="0.7")


def listed(answer: Any) -> dict[str, dict[str, Any]]:
    """The JSON of an answer by plugin name."""
    assert (answer.code, answer.err) == (0, "")
    return {plugin["name"]: plugin for plugin in json.loads(answer.out)}


def test_all_as_json(command: Command, counter: None, broken: None, own_plugins: tuple[str, ...]) -> None:
    plugins = listed(command("plugins", "--json"))
    assert {*own_plugins, "counting-entry", "broken"} <= plugins.keys()
    assert plugins["snapshot"]["distribution"] == "wganalyze"
    good, bad = plugins["counting-entry"], plugins["broken"]
    assert (good["distribution"], good["version"], good["status"]) == ("wganalyze-counting", "4.5", "ok")
    assert (bad["version"], bad["status"], bad["provides"]) == ("0.7", "failed", [])
    assert bad["reason"] == "ModuleNotFoundError: No module named 'a_module_that_nobody_has'"
    assert good["seconds"] > 0


def test_one_as_json_in_full(command: Command, counter: None) -> None:
    (plugin,) = listed(command("plugins", "counting-entry", "--json")).values()
    analyzer, data = plugin["provides"]
    assert (analyzer["kind"], analyzer["name"], analyzer["help"]) == ("analyzer", "counter", "Counts the real samples.")
    assert analyzer["needs"] == ["real samples"]
    assert analyzer["metrics"][0] == {
        "name": "count",
        "help": "How many samples.",
        "unit": "samples",
        "direction": "higher",
        "source": "Doe 2020, eq. 4",
        "headline": None,
        "correction": "none",
    }
    assert [table["columns"] for table in analyzer["tables"]] == [{"index": "int64", "norm": "float64"}]
    assert [(o["name"], o["default"], o["help"]) for o in analyzer["options"]] == [
        ("factor", 1.5, "Multiplies the count."),
        ("names", ["a", "b"], "Some names."),
    ]
    assert (data["kind"], data["name"], data["help"]) == ("data", "ones", "nothing but ones")


def test_the_list(command: Command, counter: None, broken: None) -> None:
    answer = command("plugins")
    assert (answer.code, answer.err) == (0, "")
    text = " ".join(answer.out.replace("│", " ").split())
    assert "counting-entry analyzer counter, data ones wganalyze-counting" in text
    assert "failed: ModuleNotFoundError" in text
    assert "snapshot analyzer snapshot wganalyze" in text


@pytest.mark.parametrize("name", ["counting-entry", "counter"])
def test_one_in_words_by_its_name_or_by_what_it_gives(command: Command, counter: None, name: str) -> None:
    answer = command("plugins", name)
    lines = answer.out.splitlines()
    assert lines[0] == "counting-entry  (wganalyze-counting 4.5, ok)"
    for line in (
        "analyzer counter: Counts the real samples.",
        "  needs real samples",
        "  metric  count [samples]: How many samples, higher is better (Doe 2020, eq. 4)",
        "  metric  spread: How far apart, lower is better",
        "  table   counter.each: One row a sample. Columns: index, norm",
        "  option  counter.factor=1.5: Multiplies the count. (float)",
    ):
        assert line in lines
    assert ("data ones: nothing but ones" in lines) is (name == "counting-entry")


def test_a_failed_one_says_why(command: Command, broken: None) -> None:
    lines = command("plugins", "broken").out.splitlines()
    assert lines == [
        "broken  (broken-plugin 0.7, failed)",
        "  ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
    ]


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_blocked_one_is_not_imported(
    command: Command, write_plugin: WritePlugin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    write_plugin("spy", f"open({str(tmp_path / 'seen')!r}, 'w').close()\n", entry="spy")
    if way == "environment":
        monkeypatch.setenv("WGANALYZE_NO_PLUGINS", "x, spy")
    plugins = listed(command("plugins", "--json", *(["--no-plugin", "spy"] if way == "option" else [])))
    assert plugins["spy"]["status"] == "blocked"
    assert not (tmp_path / "seen").exists()
    assert listed(command("plugins", "snapshot", "--json"))["snapshot"]["status"] == "ok"


def test_an_unknown_name_is_answered_with_those_there_are(command: Command, counter: None) -> None:
    answer = command("plugins", "countre")
    assert answer.code == 2
    assert answer.error.startswith("no plugin is called 'countre'; there are: ")
    assert "counting-entry" in answer.error


def test_strict_mode_makes_a_fault_fatal(
    command: Command, broken: None, monkeypatch: pytest.MonkeyPatch, own_plugins: tuple[str, ...]
) -> None:
    monkeypatch.setenv("WGANALYZE_NO_PLUGINS", ",".join(own_plugins))
    assert command("plugins").code == 0
    monkeypatch.setenv("WGANALYZE_STRICT", "1")
    answer = command("plugins")
    assert answer.code == 2
    assert answer.error.startswith("plugin 'broken' of broken-plugin: ModuleNotFoundError")
    assert answer.error.endswith("(WGANALYZE_STRICT is set)")
    assert command("plugins", "--no-plugin", "broken").code == 0
