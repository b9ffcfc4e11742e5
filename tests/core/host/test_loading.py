"""The host: real distributions in a folder, good ones and broken ones."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.cells.measuring import Outcome, measure
from wganalyze.cli import call
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.errors import DataError, UsageError
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host, Plugin
from wganalyze.testing import shifted_gaussians

WritePlugin = Callable[..., Path]

HEAD = """\
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wganalyze import Analyzer, Finding, Measurement, Metric, Need, Study, hookimpl
from wganalyze.contracts.measurement import Yielded
"""

ANALYZER = '''

class Mine(Analyzer):
    """Counts the real samples."""

    name = "NAME"
    needs = frozenset({Need.REAL})
    metrics = (Metric("NAME_count", "How many real samples a split holds.", "samples", "higher", "Doe 2020, eq. 4"),)

    @dataclass(frozen=True)
    class Options:
        factor: float = field(default=1.5, metadata={"help": "Multiplies the count."})

    def measure(self, study: Study) -> Iterator[Yielded]:
        yield Measurement("NAME_count", self.options.factor * len(study.real()))
        BODY
'''

GIVE = """

@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Mine]
"""


def analyzer_module(name: str, body: str = "", give: str = GIVE) -> str:
    """The source of a module that gives one analyzer."""
    return HEAD + ANALYZER.replace("NAME", name).replace("BODY", body) + give


def seen(host: Host, name: str, distribution: str | None = None) -> Plugin:
    """The one plugin of this name (and distribution)."""
    found = [p for p in host.plugins if p.name == name and distribution in (None, p.distribution)]
    assert len(found) == 1, found
    return found[0]


def outcome_of(host: Host, name: str) -> Outcome:
    """What an analyzer of the host gives for a study with known answers."""
    return measure(shifted_gaussians(n=50), host.analyzer(name)())


# Good plugins


def test_a_good_plugin_is_loaded_with_its_origin(write_plugin: WritePlugin) -> None:
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


def test_own_plugins_come_before_strangers(write_plugin: WritePlugin, own_plugins: tuple[str, ...]) -> None:
    write_plugin("aaa", analyzer_module("aaa"))
    names = [p.name for p in load_host().plugins]
    assert names[: len(own_plugins)] == sorted(own_plugins)
    assert names.index("aaa") >= len(own_plugins)


def test_an_unknown_name_is_answered_with_what_there_is(write_plugin: WritePlugin) -> None:
    write_plugin("alpha_plugin", analyzer_module("alpha"))
    host = load_host()
    with pytest.raises(UsageError, match=r"no analyzer is called 'alhpa'; there are: .*alpha"):
        host.analyzer("alhpa")
    with pytest.raises(DataError, match=r"--data nothing:3: no data source is called 'nothing'"):
        host.data_source("nothing:3")


def test_a_data_source_is_made_with_its_argument(write_plugin: WritePlugin) -> None:
    source = """
from __future__ import annotations

import numpy as np
from wganalyze import FiniteSource, Values
from wganalyze.errors import DataError
from wganalyze import hookimpl


class Counted(FiniteSource):
    name = "counted"
    help = "numbers from 0"

    def __init__(self, argument: str = ""):
        if not argument.isdigit():
            raise DataError(f"counted:{argument}: write counted:N")
        self.shape, self.value_range, self.count = (1,), None, int(argument)

    def load(self) -> Values:
        return Values(np.arange(self.count, dtype=np.float32)[:, None])


@hookimpl
def wganalyze_data() -> list[type[FiniteSource]]:
    return [Counted]
"""
    write_plugin("counted_plugin", source)
    host = load_host()
    assert host.data_source("counted:12").size == 12
    assert host.origin("data", "counted").distribution == "counted-plugin"
    with pytest.raises(DataError, match="write counted:N"):
        host.data_source("counted")


# Broken plugins: each is listed with its reason, and the good one beside it still works

BROKEN = {
    "import": ("import a_module_that_nobody_has\n", r"ModuleNotFoundError: .*a_module_that_nobody_has"),
    "exits": ("import sys\nsys.exit('no licence')\n", r"SystemExit: no licence"),
    "syntax": ("def (:\n", r"SyntaxError: .+"),
    "misspelt": (
        analyzer_module("beta", give=GIVE.replace("wganalyze_analyzers", "wganalyze_analyser")),
        r"implements 'wganalyze_analyser', which is no hook; there are: .*wganalyze_analyzers",
    ),
    "unmarked": (
        analyzer_module("beta", give=GIVE.replace("@hookimpl\n", "")),
        r"'wganalyze_analyzers' lacks the marker @hookimpl of wganalyze\.hooks",
    ),
    "nothing": ("x = 1\n", r"gives nothing; a plugin implements one of: .*wganalyze_loaders"),
    "raises": (analyzer_module("beta", give=GIVE.replace("[Mine]", "[Mine][3]")), r"IndexError: .+"),
    "arguments": (
        analyzer_module("beta", give=GIVE.replace("analyzers()", "analyzers(everything)")),
        r"everything",
    ),
    "an instance": (analyzer_module("beta", give=GIVE.replace("[Mine]", "[Mine()]")), r"'beta' is not a subclass"),
    "nameless": (analyzer_module("beta").replace('    name = "beta"\n', ""), r"has no name"),
    "abstract": (
        analyzer_module("beta").replace("def measure", "def measures"),
        r"analyzer Mine does not define measure",
    ),
    "thawed": (
        analyzer_module("beta").replace("frozen=True", "frozen=False"),
        r"'beta': Options is not a frozen dataclass",
    ),
    "twice": (
        analyzer_module("beta", give=GIVE.replace("[Mine]", "[Mine, Mine]")),
        r"gives two objects of kind analyzer",
    ),
    "metric twice": (
        analyzer_module("beta", give="\n\nMine.metrics = Mine.metrics * 2\n" + GIVE),
        r"'beta' declares a metric twice: beta_count",
    ),
    "a metric that is text": (
        analyzer_module("beta", give="\n\nMine.metrics = ('beta_count',)\n" + GIVE),
        r"analyzer 'beta': metrics holds 'beta_count', which is no Metric",
    ),
    "a table that is text": (
        analyzer_module("beta", give="\n\nMine.tables = ('rows',)\n" + GIVE),
        r"analyzer 'beta': tables holds 'rows', which is no Table",
    ),
    "a need that is text": (
        analyzer_module("beta", give="\n\nMine.needs = frozenset(['real'])\n" + GIVE),
        r"analyzer 'beta': needs holds 'real', which is no Need",
    ),
    "an option without a default": (
        analyzer_module("beta").replace("field(default=1.5,", "field("),
        r"analyzer 'beta': no Options from the defaults \(.*factor",
    ),
    "an option of an unknown type": (
        analyzer_module("beta").replace("factor: float", "factor: Flaot"),
        r"analyzer 'beta': no Options from the defaults \(NameError: .*Flaot",
    ),
    "a loader without open": (
        HEAD + "\n\nclass L:\n    name = 'l'\n    def sniff(self, path): return 0\n\n"
        "@hookimpl\ndef wganalyze_loaders():\n    return [L()]\n",
        r"loader 'l' has no method open\(\)",
    ),
    "an architecture without build": (
        HEAD + "\n\nclass A:\n    name = 'a'\n\n@hookimpl\ndef wganalyze_architectures():\n    return [A()]\n",
        r"architecture 'a' has no method build\(\)",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_listed_with_its_reason(what: str, write_plugin: WritePlugin) -> None:
    source, reason = BROKEN[what]
    write_plugin("beta_plugin", source, entry="beta-entry")
    write_plugin("gamma_plugin", analyzer_module("gamma"))
    host = load_host()
    plugin = seen(host, "beta-entry")
    assert plugin.status == "failed"
    assert plugin.provides == ()
    assert "\n" not in plugin.reason
    assert re.search(reason, plugin.reason), plugin.reason
    fault = host.fault("beta-entry")
    assert fault is not None
    assert "beta-plugin failed" in fault
    assert plugin.reason in fault
    assert "beta" not in host.analyzers
    assert seen(host, "gamma-plugin").status == "ok"
    assert outcome_of(host, "gamma").status == "ok"


def test_options_that_inherit_a_frozen_dataclass_are_accepted(write_plugin: WritePlugin) -> None:
    shared = "\n\nclass Shared(Mine.Options):\n    pass\n\n\nMine.Options = Shared\n"
    write_plugin("delta_plugin", analyzer_module("delta", give=shared + GIVE))
    assert seen(load_host(), "delta-plugin").reason == ""


def test_a_duplicate_analyzer_names_both_distributions(write_plugin: WritePlugin) -> None:
    write_plugin("first_plugin", analyzer_module("same"))
    write_plugin("second_plugin", analyzer_module("same"))
    host = load_host()
    assert seen(host, "first-plugin").status == "ok"
    second = seen(host, "second-plugin")
    assert second.status == "failed"
    assert second.reason == "the analyzer name 'same' is taken by first-plugin; second-plugin needs another"
    assert host.origin("analyzer", "same").distribution == "first-plugin"


def test_a_duplicate_entry_point_names_both_distributions(write_plugin: WritePlugin) -> None:
    write_plugin("first_plugin", analyzer_module("one"), entry="shared")
    write_plugin("second_plugin", analyzer_module("two"), entry="shared")
    host = load_host()
    assert seen(host, "shared", "first-plugin").status == "ok"
    second = seen(host, "shared", "second-plugin")
    assert second.status == "failed"
    assert "the plugin name 'shared' is taken by first-plugin; second-plugin needs another" in second.reason
    assert "two" not in host.analyzers
    assert "second_plugin" not in sys.modules


@pytest.mark.parametrize(
    "line", ["wganalyze>=99", "wganalyze (>=99)", "WGAnalyze>=99", 'wganalyze>=99; python_version>"3"']
)
def test_a_plugin_for_another_release_is_not_imported(line: str, write_plugin: WritePlugin) -> None:
    write_plugin("future_plugin", analyzer_module("future"), requires=["numpy", line])
    plugin = seen(load_host(), "future-plugin")
    assert plugin.status == "failed"
    assert "requires" in plugin.reason
    assert ">=99" in plugin.reason
    assert "this is wganalyze" in plugin.reason
    assert "future_plugin" not in sys.modules


@pytest.mark.parametrize(
    "line", ["wganalyze>=0.0.1", 'wganalyze>=99; extra == "new"', 'wganalyze>=99; python_version<"3"']
)
def test_a_requirement_that_is_met_or_does_not_apply(line: str, write_plugin: WritePlugin) -> None:
    write_plugin("present_plugin", analyzer_module("present"), requires=[line])
    assert seen(load_host(), "present-plugin").reason == ""


# Blocking and strictness


def test_a_blocked_plugin_is_not_imported(write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_blocking_the_owner_of_a_name_frees_the_name(write_plugin: WritePlugin) -> None:
    write_plugin("first_plugin", analyzer_module("same"))
    write_plugin("second_plugin", analyzer_module("same"))
    host = load_host(["first-plugin"])
    assert host.origin("analyzer", "same").distribution == "second-plugin"


def test_strict_makes_the_first_fault_fatal(
    write_plugin: WritePlugin, own_plugins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
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


def test_an_analyzer_that_raises_fails_its_cell_alone(write_plugin: WritePlugin) -> None:
    write_plugin("epsilon_plugin", analyzer_module("epsilon", 'raise RuntimeError("the\\nroof fell in")'))
    outcome = outcome_of(load_host(), "epsilon")
    assert outcome.status == "failed"
    assert outcome.message == "RuntimeError: the roof fell in"
    assert "epsilon_plugin.py" in outcome.trace
    assert (outcome.measurements, outcome.findings, outcome.rows) == ([], [], {})


def test_an_undeclared_metric_fails_its_cell(write_plugin: WritePlugin) -> None:
    write_plugin("zeta_plugin", analyzer_module("zeta", 'yield Measurement("zeta_cuont", 1.0)'))
    outcome = outcome_of(load_host(), "zeta")
    assert outcome.status == "failed"
    assert "zeta yielded the metric 'zeta_cuont', which it does not declare" in outcome.message
    assert outcome.measurements == []


# The command


def test_plugins_json_shows_the_broken_one(
    write_plugin: WritePlugin, own_plugins: tuple[str, ...], capsys: pytest.CaptureFixture[str]
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
    name: str, write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str]
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
    write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str]
) -> None:
    source = analyzer_module("alpha").replace(
        "factor: float = field(default=1.5", "folder: Path = field(default=Path('a')"
    )
    write_plugin(
        "alpha_plugin", source.replace("from collections.abc", "from pathlib import Path\nfrom collections.abc", 1)
    )
    assert call(["plugins", "alpha", "--json"]) == 0
    (plugin,) = json.loads(capsys.readouterr().out)
    (option,) = plugin["provides"][0]["options"]
    assert (option["name"], option["type"], option["default"]) == ("folder", "Path", "a")


def test_a_default_that_is_made_is_shown(write_plugin: WritePlugin, capsys: pytest.CaptureFixture[str]) -> None:
    made = "factor: tuple[int, ...] = field(default_factory=lambda: (1, 2)"
    write_plugin("alpha_plugin", analyzer_module("alpha").replace("factor: float = field(default=1.5", made))
    assert call(["plugins", "alpha", "--json"]) == 0
    (plugin,) = json.loads(capsys.readouterr().out)
    assert plugin["provides"][0]["options"][0]["default"] == [1, 2]


def test_plugins_of_an_unknown_name_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(["plugins", "no-such-plugin"]) == 2
    error = capsys.readouterr().err
    assert "no plugin is called 'no-such-plugin'; there are: " in error
    assert "Traceback" not in error
