"""What a plugin has to keep: where it does not, it is listed with its reason, and the good one beside it works."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.host.loading import load_host
from wganalyze.host.registry import Plugin

WritePlugin = Callable[..., Path]
Module = Callable[..., str]
Seen = Callable[..., Plugin]


def given(hook: str, source: str) -> str:
    """The source of a module that gives the class ``Mine``, by a hook."""
    return f"from wganalyze import *\n\n\n{source}\n\n\n@hookimpl\ndef {hook}():\n    return [Mine]\n"


def loader(line: str) -> str:
    """A module that gives a loader with this line in it."""
    body = f"    name = 'l'\n    {line}\n    def sniff(self, path): return 0.0\n    def open(self, path): return []"
    return given("wganalyze_loaders", f"class Mine(Loader):\n{body}")


def architecture(line: str, base: str = "Architecture") -> str:
    """A module that gives an architecture with this line in it."""
    body = "    name = 'a'\n    def build(self, **_): ...\n    def recognise(self, keys): ..."
    return given("wganalyze_architectures", f"class Mine({base}):\n{body}\n    {line}")


BROKEN: dict[str, tuple[str | dict[str, str], str]] = {
    "misspelt": (
        {"def wganalyze_analyzers": "def wganalyze_analyser"},
        r"implements 'wganalyze_analyser', which is no hook; there are: .*wganalyze_analyzers",
    ),
    "unmarked": ({"@hookimpl\n": ""}, r"'wganalyze_analyzers' lacks the marker @hookimpl of wganalyze"),
    "an instance": ({"[Mine]": "[Mine()]"}, r"'beta' is not a subclass"),
    "a class of another kind": ({"class Mine(Analyzer)": "class Mine"}, r"'beta' is not a subclass of Analyzer"),
    "nameless": ({'    name = "beta"\n': ""}, r"has no name"),
    "abstract": ({"def measure": "def measures"}, r"analyzer Mine does not define measure"),
    "thawed": ({"frozen=True": "frozen=False"}, r"'beta': Options is not a frozen dataclass"),
    "twice": ({"[Mine]": "[Mine, Mine]"}, r"gives two objects of kind analyzer"),
    "metric twice": (
        {"@hookimpl": "Mine.metrics = Mine.metrics * 2\n\n\n@hookimpl"},
        r"'beta' declares a metric twice: beta_count",
    ),
    "a metric that is text": (
        {"@hookimpl": "Mine.metrics = ('beta_count',)\n\n\n@hookimpl"},
        r"analyzer 'beta': metrics holds 'beta_count', which is no Metric",
    ),
    "a table that is text": (
        {"@hookimpl": "Mine.tables = ('rows',)\n\n\n@hookimpl"},
        r"analyzer 'beta': tables holds 'rows', which is no Table",
    ),
    "a table whose name is a path": (
        {"@hookimpl": "from wganalyze import Table\nMine.tables = (Table('a/b', 'rows', {}),)\n\n\n@hookimpl"},
        r"analyzer 'beta': a table is called 'a/b'; write letters, digits, - and _",
    ),
    "a name that is two": (
        {'name = "beta"': 'name = "be\\tta"'},
        r"analyzer: the name 'be\\tta' is none; write letters, digits, - and _",
    ),
    "a need that is text": (
        {"@hookimpl": "Mine.needs = frozenset(['real'])\n\n\n@hookimpl"},
        r"analyzer 'beta': needs holds 'real', which is no Need",
    ),
    "an option without a default": (
        {"field(default=1.5,": "field("},
        r"analyzer 'beta': no Options from the defaults \(.*factor",
    ),
    "an option of an unknown type": (
        {"factor: float": "factor: Flaot"},
        r"analyzer 'beta': no Options from the defaults \(NameError: .*Flaot",
    ),
    "a loader without open": (
        given("wganalyze_loaders", "class Mine(Loader):\n    name = 'l'\n    def sniff(self, path): return 0"),
        r"loader Mine does not define open",
    ),
    "a loader of folders, perhaps": (loader("folders = 'yes'"), r"loader 'l': folders is 'yes'; say True or False"),
    "a loader whose member is no method": (loader("def folders(self): return True"), r"loader 'l': folders is "),
    "an architecture without build": (
        given("wganalyze_architectures", "class Mine(Architecture):\n    name = 'a'"),
        r"architecture Mine does not define build, recognise",
    ),
    "a role of old": (
        architecture("role = 'discriminator'"),
        r"architecture 'a': role is 'discriminator'; say 'generator', 'critic' or None",
    ),
    "assumptions that are no method": (
        architecture("assumed = ('a slope of .2',)"),
        r"architecture 'a': assumed is \('a slope of .2',\), which is no method",
    ),
    "a proposer that proposes nothing": (
        architecture("factory = 'a:b'", "Proposer"),
        r"architecture Mine does not define propose",
    ),
    "a proposer without a factory": (
        architecture("def propose(self, keys, role, sample_shape, near=None): return []", "Proposer"),
        r"architecture 'a' proposes readings and names no factory, as 'module:name'",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_plugin_that_breaks_a_contract_is_listed_with_its_reason(
    what: str, assert_left_out: Callable[..., None]
) -> None:
    assert_left_out(*BROKEN[what])


@pytest.mark.parametrize(
    "source",
    [
        loader("folders = True"),
        loader(""),
        architecture("role = 'critic'"),
        architecture("role = None"),
        architecture(
            "factory = 'a:b'\n    def propose(self, keys, role, sample_shape, near=None): return []", "Proposer"
        ),
    ],
)
def test_optional_members_that_are_as_declared(source: str, write_plugin: WritePlugin, seen: Seen) -> None:
    write_plugin("alpha_plugin", source)
    plugin = seen(load_host(), "alpha-plugin")
    assert (plugin.status, plugin.reason, plugin.warning) == ("ok", "", "")


def test_options_that_inherit_a_frozen_dataclass_are_accepted(
    write_plugin: WritePlugin, analyzer_module: Module, seen: Seen
) -> None:
    shared = "class Shared(Mine.Options):\n    pass\n\n\nMine.Options = Shared\n"
    write_plugin("delta_plugin", analyzer_module("delta", edits={"@hookimpl": f"{shared}@hookimpl"}))
    assert seen(load_host(), "delta-plugin").reason == ""


def test_a_duplicate_analyzer_names_both_distributions(
    write_plugin: WritePlugin, analyzer_module: Module, seen: Seen
) -> None:
    write_plugin("first_plugin", analyzer_module("same"))
    write_plugin("second_plugin", analyzer_module("same"))
    host = load_host()
    assert seen(host, "first-plugin").status == "ok"
    second = seen(host, "second-plugin")
    assert second.status == "failed"
    assert second.reason == "the analyzer name 'same' is taken by first-plugin; second-plugin needs another"
    assert host.origin("analyzer", "same").distribution == "first-plugin"


def test_a_duplicate_entry_point_names_both_distributions(
    write_plugin: WritePlugin, analyzer_module: Module, seen: Seen
) -> None:
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
def test_a_plugin_for_another_release_is_not_imported(
    line: str, write_plugin: WritePlugin, analyzer_module: Module, seen: Seen
) -> None:
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
def test_a_requirement_that_is_met_or_does_not_apply(
    line: str, write_plugin: WritePlugin, analyzer_module: Module, seen: Seen
) -> None:
    write_plugin("present_plugin", analyzer_module("present"), requires=[line])
    assert seen(load_host(), "present-plugin").reason == ""
