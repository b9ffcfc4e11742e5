"""Shared by the tests of the host: sources of plugins, and what became of them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from wganalyze.cells.measuring import Outcome, Question, measure
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host, Plugin
from wganalyze.testing import shifted_gaussians

SOURCE = '''\
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wganalyze import Analyzer, Finding, Measurement, Metric, Need, Study, Yielded, hookimpl


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


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Mine]
'''

Edits = dict[str, str]


@pytest.fixture(scope="session")
def analyzer_module() -> Callable[..., str]:
    """Makes the source of a module that gives one analyzer; ``edits``: each text in it, and what takes its place."""

    def make(name: str, body: str = "", edits: Edits | None = None) -> str:
        source = SOURCE.replace("NAME", name).replace("BODY", body)
        for text, other in (edits or {}).items():
            assert source.count(text) == 1, text
            source = source.replace(text, other)
        return source

    return make


@pytest.fixture(scope="session")
def seen() -> Callable[..., Plugin]:
    """The one plugin of a name (and a distribution)."""

    def of(host: Host, name: str, distribution: str | None = None) -> Plugin:
        (plugin,) = (p for p in host.plugins if p.name == name and distribution in (None, p.distribution))
        return plugin

    return of


@pytest.fixture(scope="session")
def outcome_of() -> Callable[[Host, str], Outcome]:
    """What an analyzer of a host gives for a study with known answers."""

    def of(host: Host, name: str) -> Outcome:
        analyzer = host.analyzer(name)
        return measure(shifted_gaussians(n=50), Question(analyzer, analyzer.Options()))

    return of


@pytest.fixture
def assert_left_out(
    write_plugin: Callable[..., object],
    analyzer_module: Callable[..., str],
    seen: Callable[..., Plugin],
    outcome_of: Callable[[Host, str], Outcome],
) -> Callable[[str | Edits, str], None]:
    """A plugin (a source, or edits of that of an analyzer) is listed with this reason; one beside it still works."""

    def check(what: str | Edits, reason: str) -> None:
        source = what if isinstance(what, str) else analyzer_module("beta", edits=what)
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

    return check
