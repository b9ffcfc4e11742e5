"""The host: real distributions in a folder, good ones and broken ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.cells.measuring import Outcome
from wganalyze.cli import call
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.errors import UsageError
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host, Plugin

WritePlugin = Callable[..., Path]
Module = Callable[..., str]
Seen = Callable[..., Plugin]
OutcomeOf = Callable[[Host, str], Outcome]


# Good plugins


def test_a_good_plugin_is_loaded_with_its_origin(
    write_plugin: WritePlugin, analyzer_module: Module, seen: Seen, outcome_of: OutcomeOf
) -> None:
    write_plugin("alpha_plugin", analyzer_module("alpha"), entry="alpha-entry", release="4.5")
    host = load_host()
    plugin = seen(host, "alpha-entry")
    assert (plugin.status, plugin.reason, plugin.distribution, plugin.version) == ("ok", "", "alpha-plugin", "4.5")
    assert plugin.provides == (("analyzer", "alpha"),)
    assert plugin.seconds > 0
    assert issubclass(host.analyzer("alpha"), Analyzer)
    assert host.origin("analyzer", "alpha") is plugin
    assert host.fault("alpha-entry") is None
    outcome = outcome_of(host, "alpha")
    assert outcome.status == "ok"
    assert [m.value for m in outcome.measurements] == [75.0]


def test_own_plugins_come_before_strangers(
    write_plugin: WritePlugin, own_plugins: tuple[str, ...], analyzer_module: Module
) -> None:
    write_plugin("aaa", analyzer_module("aaa"))
    names = [p.name for p in load_host().plugins]
    assert names[: len(own_plugins)] == sorted(own_plugins)
    assert names.index("aaa") >= len(own_plugins)


# Broken plugins: each is listed with its reason, and the good one beside it still works

BROKEN = {
    "import": ("import a_module_that_nobody_has\n", r"ModuleNotFoundError: .*a_module_that_nobody_has"),
    "exits": ("import sys\nsys.exit('no licence')\n", r"SystemExit: no licence"),
    "syntax": ("def (:\n", r"SyntaxError: .+"),
    "nothing": ("x = 1\n", r"gives nothing; a plugin implements one of: .*wganalyze_loaders"),
    "raises": ({"[Mine]": "[Mine][3]"}, r"IndexError: .+"),
    "arguments": ({"analyzers()": "analyzers(everything)"}, r"everything"),
    "a loader that cannot be made": (
        "from wganalyze import Loader, hookimpl\n\n\nclass Mine(Loader):\n    name = 'mine'\n"
        "    def __init__(self, folder): ...\n    def sniff(self, path): ...\n    def open(self, path): ...\n\n\n"
        "@hookimpl\ndef wganalyze_loaders():\n    return [Mine]\n",
        r"TypeError: .*folder",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason(what: str, assert_left_out: Callable[..., None]) -> None:
    assert_left_out(*BROKEN[what])


# Blocking and strictness


def test_a_blocked_plugin_is_not_imported(
    write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch, analyzer_module: Module, seen: Seen
) -> None:
    write_plugin("one_plugin", analyzer_module("one"))
    write_plugin("two_plugin", analyzer_module("two"))
    write_plugin("three_plugin", analyzer_module("three"))
    write_plugin("four_plugin", analyzer_module("four"))
    monkeypatch.setenv("WGANALYZE_NO_PLUGINS", "two-plugin, four-plugin ,nobody")
    host = load_host(["one-plugin"])
    for name in ("one", "two", "four"):
        plugin = seen(host, f"{name}-plugin")
        assert (plugin.status, plugin.provides) == ("blocked", ())
        assert "not imported" in plugin.reason
        assert f"{name}_plugin" not in sys.modules
        assert name not in host.analyzers
    assert "blocked by the user" in (host.fault("one-plugin") or "")
    assert "three_plugin" in sys.modules
    assert "three" in host.analyzers


def test_blocking_the_owner_of_a_name_frees_the_name(write_plugin: WritePlugin, analyzer_module: Module) -> None:
    write_plugin("first_plugin", analyzer_module("same"))
    write_plugin("second_plugin", analyzer_module("same"))
    host = load_host(["first-plugin"])
    assert host.origin("analyzer", "same").distribution == "second-plugin"


def test_strict_makes_the_first_fault_fatal(
    write_plugin: WritePlugin, own_plugins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, seen: Seen
) -> None:
    write_plugin("broken_plugin", "1 / 0\n")
    monkeypatch.setenv("WGANALYZE_NO_PLUGINS", ",".join(own_plugins))
    monkeypatch.setenv("WGANALYZE_STRICT", "1")
    with pytest.raises(UsageError, match=r"'broken-plugin' of broken-plugin: ZeroDivisionError.*WGANALYZE_STRICT"):
        load_host()
    assert seen(load_host(strict=False), "broken-plugin").status == "failed"
    assert seen(load_host(["broken-plugin"]), "broken-plugin").status == "blocked"
    monkeypatch.setenv("WGANALYZE_STRICT", "0")
    assert seen(load_host(), "broken-plugin").status == "failed"


# Analyzers that fail at work


def test_an_analyzer_that_raises_fails_its_cell_alone(
    write_plugin: WritePlugin, analyzer_module: Module, outcome_of: OutcomeOf
) -> None:
    write_plugin("epsilon_plugin", analyzer_module("epsilon", 'raise RuntimeError("the\\nroof fell in")'))
    outcome = outcome_of(load_host(), "epsilon")
    assert outcome.status == "failed"
    assert outcome.message == "RuntimeError: the roof fell in"
    assert "epsilon_plugin.py" in outcome.trace
    assert (outcome.measurements, outcome.findings, outcome.rows) == ([], [], {})


def test_an_undeclared_metric_fails_its_cell(
    write_plugin: WritePlugin, analyzer_module: Module, outcome_of: OutcomeOf
) -> None:
    write_plugin("zeta_plugin", analyzer_module("zeta", 'yield Measurement("zeta_cuont", 1.0)'))
    outcome = outcome_of(load_host(), "zeta")
    assert outcome.status == "failed"
    assert "zeta yielded the metric 'zeta_cuont', which it does not declare" in outcome.message
    assert outcome.measurements == []


# The command


def test_plugins_json_shows_the_broken_one(
    write_plugin: WritePlugin, own_plugins: tuple[str, ...], capsys: pytest.CaptureFixture[str], analyzer_module: Module
) -> None:
    write_plugin("broken_plugin", "import a_module_that_nobody_has\n", release="0.3")
    write_plugin("alpha_plugin", analyzer_module("alpha"))
    assert call(["plugins", "--json"]) == 0
    listed = {plugin["name"]: plugin for plugin in json.loads(capsys.readouterr().out)}
    assert set(own_plugins) < set(listed)
    broken = listed["broken-plugin"]
    assert (broken["status"], broken["distribution"], broken["version"]) == ("failed", "broken-plugin", "0.3")
    assert "a_module_that_nobody_has" in broken["reason"]
    alpha = listed["alpha-plugin"]["provides"][0]
    assert (alpha["kind"], alpha["name"], alpha["help"]) == ("analyzer", "alpha", "Counts the real samples.")
    assert alpha["needs"] == ["real samples"]
    assert alpha["metrics"][0]["direction"] == "higher"
    assert alpha["options"] == [{"name": "factor", "type": "float", "default": 1.5, "help": "Multiplies the count."}]


def test_plugins_lists_reasons_in_the_table(write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str]) -> None:
    write_plugin("broken_plugin", "1 / 0\n")
    assert call(["plugins"]) == 0
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert call(["plugins", "--no-plugin", "broken-plugin"]) == 0
    assert "ZeroDivisionError" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["alpha-plugin", "alpha"])
def test_plugins_name_explains_metrics_and_options(
    name: str, write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str], analyzer_module: Module
) -> None:
    write_plugin("alpha_plugin", analyzer_module("alpha"))
    assert call(["plugins", name]) == 0
    out = capsys.readouterr().out
    for text in (
        "alpha-plugin 1.2.3, ok",
        "How many real samples a split holds, higher is better",
        "[samples]",
        "higher is better",
        "Doe 2020, eq. 4",
        "alpha.factor=1.5",
        "Multiplies the count.",
    ):
        assert text in out, text


def test_an_option_that_is_no_json_does_not_break_the_list(
    write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str], analyzer_module: Module
) -> None:
    edits = {
        "from collections.abc": "from pathlib import Path\nfrom collections.abc",
        "factor: float = field(default=1.5": "folder: Path = field(default=Path('a')",
    }
    write_plugin("alpha_plugin", analyzer_module("alpha", edits=edits))
    assert call(["plugins", "alpha", "--json"]) == 0
    (plugin,) = json.loads(capsys.readouterr().out)
    (option,) = plugin["provides"][0]["options"]
    assert (option["name"], option["type"], option["default"]) == ("folder", "Path", "a")


def test_a_default_that_is_made_is_shown(
    write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str], analyzer_module: Module
) -> None:
    made = "factor: tuple[int, ...] = field(default_factory=lambda: (1, 2)"
    write_plugin("alpha_plugin", analyzer_module("alpha", edits={"factor: float = field(default=1.5": made}))
    assert call(["plugins", "alpha", "--json"]) == 0
    (plugin,) = json.loads(capsys.readouterr().out)
    assert plugin["provides"][0]["options"][0]["default"] == [1, 2]


def test_plugins_of_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["plugins", "no-such-plugin"]) == 2
    error = capsys.readouterr().err
    assert "no plugin is called 'no-such-plugin'; there are: " in error
    assert "Traceback" not in error
